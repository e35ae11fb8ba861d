//! `docs/pipeline.md`, run as written.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    client,
    rig::{Host, Said},
};

/// Its shell text.
fn script() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipeline.md");
    let page = fs::read_to_string(path).expect("the page");
    let (_, text) = page.split_once("\n```sh\n").expect("a shell text");
    text.split_once("\n```\n").expect("its end").0.to_owned() + "\n"
}

/// Runs `ci.sh WORD` in the host's folder.
fn ci(host: &Host, word: &str) -> Said {
    let program = Path::new(env!("CARGO_BIN_EXE_trueup"));
    let folder = program.parent().expect("a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a PATH"));
    let output = Command::new("sh")
        .args(["ci.sh", word])
        .current_dir(host.folder.path())
        .env("PATH", path)
        .env("HOME", host.folder.path())
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .expect("sh runs");
    Said::new(output)
}

/// A file that it left.
fn left(host: &Host, name: &str) -> String {
    fs::read_to_string(host.folder.path().join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_pipeline_of_the_docs_does_what_it_says() {
    let host = Host::start("amazon", &[]);
    let spec = host.folder.path().join("kafka-client.yaml");
    fs::rename(host.spec(&client("1.8.0")), &spec).expect("renamed");
    fs::write(host.folder.path().join("ci.sh"), script()).expect("written");

    ci(&host, "plan")
        .code(0)
        .says("kafka-client.yaml: 1 host, nothing wrong")
        .says("5 to add, 0 to change, 0 to delete")
        .says("post plan.md on the pull request");
    let plan: Value = serde_json::from_str(&left(&host, "plan.json")).expect("JSON");
    assert_eq!(plan["summary"]["create"], 5);
    assert_eq!(plan["complete"], true);
    let comment = left(&host, "plan.md");
    assert!(
        comment.starts_with("### trueup plan: 5 to add"),
        "{comment}"
    );
    assert!(
        comment
            .trim_end()
            .ends_with("exit code 2: there are changes"),
        "{comment}"
    );

    // What moves between the review and the merge is refused, and nothing is done.
    host.user("echo 'export CLASSPATH=/opt/other.jar' >> ~/.bashrc");
    ci(&host, "apply")
        .code(6)
        .says("`client/classpath` has changed since the plan was made")
        .says("plan again");
    assert!(left(&host, "apply.jsonl").contains("\"exit_code\":6"));
    host.user("test ! -e ~/kafka_2.12-2.8.1 && sed -i '$d' ~/.bashrc");

    ci(&host, "apply")
        .code(0)
        .says("5 changes applied and verified");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/events.schema.json");
    let schema = fs::read_to_string(schema).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let lines = left(&host, "apply.jsonl");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    let events = |wanted: &str| lines.iter().filter(|line| line["event"] == wanted).count();
    assert_eq!(
        (events("step"), events("done"), events("failed")),
        (5, 5, 0)
    );
    assert!(events("started") >= 5, "{lines:?}");
    assert_eq!(lines[0]["event"], "start");
    let last = lines.last().expect("a line");
    assert_eq!(
        (&last["event"], &last["exit_code"]),
        (&"end".into(), &0.into())
    );
    assert_eq!(
        last["hosts"][0]["applied"].as_array().map(Vec::len),
        Some(5)
    );

    // It is done: once more is no harm.
    ci(&host, "apply").code(0);
    ci(&host, "drift").code(0).says("in sync");
    assert!(left(&host, "drift.xml").contains("tests=\"5\" failures=\"0\" errors=\"0\""));
    ci(&host, "plan").code(0).says("nothing to change");
    assert!(left(&host, "plan.md").starts_with("### trueup plan: nothing to change"));

    host.user("sed -i '/CLASSPATH/d' ~/.bashrc");
    ci(&host, "drift").code(2).says("client/classpath");
    let cases = left(&host, "drift.xml");
    assert!(
        cases.contains("tests=\"5\" failures=\"1\" errors=\"0\""),
        "{cases}"
    );
    assert!(cases.contains("<failure type=\"create\""), "{cases}");

    // What a pipeline must not go on after.
    let text = fs::read_to_string(&spec).expect("the spec");
    fs::write(&spec, text.replace("java:", "jaav:")).expect("written");
    ci(&host, "plan").code(3).says("did you mean `java`?");
    let port = format!("port: {}", host.record["port"]);
    fs::write(&spec, text.replace(&port, "port: 9")).expect("written");
    ci(&host, "plan").code(4);
    assert!(left(&host, "plan.md").contains("not complete"));
}
