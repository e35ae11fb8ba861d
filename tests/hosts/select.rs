//! Formats, selecting, several specs, secrets and diagnostics, on a real machine.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    KAFKA, client,
    rig::{Host, Said, differences, start_with, trueup, wait},
};

/// The addresses of a plan with their actions.
fn actions(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let steps = plan["hosts"][0]["steps"].as_array().expect("steps");
    let pair = |step: &Value| (text(&step["address"]), text(&step["action"]));
    steps.iter().map(pair).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(address, action): &(&str, &str)| ((*address).into(), (*action).into());
    pairs.iter().map(owned).collect()
}

#[test]
fn what_is_selected_is_looked_at_and_nothing_else() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    let plan = |flags: &[&str]| {
        let mut words = vec!["plan", spec, "--detailed-exitcode", "--format", "json"];
        words.extend(flags);
        trueup(&host, &words)
    };

    // A target takes with it what it requires, and says so.
    let said = plan(&["--target", "client/msk_iam_auth"]).code(2);
    assert!(
        said.err.contains("what is required: client/kafka"),
        "{}",
        said.err
    );
    let target = said.json();
    assert_eq!(
        actions(&target),
        pairs(&[
            ("client/kafka", "create"),
            ("client/msk_iam_auth", "create")
        ])
    );
    assert_eq!(target["selection"]["target"][0], "client/msk_iam_auth");
    assert_eq!(target["selection"]["required"][0], "client/kafka");
    assert!(plan(&[]).json()["selection"].is_null());

    // What is left out, required and not there blocks; what does not require it goes on.
    let said = plan(&["--exclude", "client/kafka"]).code(2).json();
    assert_eq!(
        actions(&said),
        pairs(&[
            ("client/java", "create"),
            ("client/msk_iam_auth", "blocked"),
            ("client/classpath", "blocked"),
            ("client/properties", "blocked"),
        ])
    );
    let reason = &said["hosts"][0]["steps"][1]["reason"];
    assert_eq!(
        *reason,
        "needs `client/kafka`, which is not there and is left out"
    );

    // The probe asks what is selected: from here it is smaller.
    let sent = |flags: &[&str]| -> f64 {
        let mut words = vec!["plan", spec, "-v"];
        words.extend(flags);
        let said = trueup(&host, &words).code(0);
        let line = said
            .err
            .lines()
            .find(|line| line.contains("  probe  "))
            .expect("a call");
        let (before, _) = line.split_once(" sent").expect("bytes");
        let number: Vec<&str> = before
            .rsplit(", ")
            .next()
            .expect("a number")
            .split(' ')
            .collect();
        number[0].parse::<f64>().expect("a number")
    };
    assert!(sent(&["--target", "client/java"]) < sent(&[]));

    let unknown = plan(&["--target", "client/kafak"]).code(3);
    assert!(
        unknown.err.contains("did you mean `client/kafka`?"),
        "{}",
        unknown.err
    );
    plan(&["--exclude", "other:client/kafka"])
        .code(3)
        .says("no such address");

    // An apply does what was selected, and verifies that alone.
    trueup(
        &host,
        &[
            "apply",
            spec,
            "--auto-approve",
            "--target",
            "client:client/msk_iam_auth",
        ],
    )
    .code(0)
    .says("2 changes applied and verified")
    .says("selected: only client:client/msk_iam_auth");
    assert!(!host.read(".bashrc").contains("CLASSPATH"));
    trueup(&host, &["drift", spec, "--target", "client/kafka"]).code(0);
    // Now it is there, whoever leaves it out.
    let said = plan(&["--exclude", "client/kafka", "--exclude", "client/java"])
        .code(2)
        .json();
    assert_eq!(
        actions(&said),
        pairs(&[
            ("client/msk_iam_auth", "none"),
            ("client/classpath", "create"),
            ("client/properties", "create"),
        ])
    );
}

#[test]
fn several_specs_are_one_plan_and_give_nothing_twice() {
    let host = Host::start("amazon", &[]);
    let all = client("1.8.0");
    let write = |name: &str, client: &str| {
        let path = host.folder.path().join(name);
        fs::rename(host.spec(client), &path).expect("renamed");
        path.display().to_string()
    };
    let java = all.lines().next().expect("a line");
    let rest: Vec<&str> = all.lines().skip(1).collect();
    let (a, b) = (write("a.yaml", java), write("b.yaml", &rest.join("\n")));
    let both = write("both.yaml", &all);

    trueup(&host, &["validate", &a, &b])
        .code(0)
        .says("a.yaml: 1 host, nothing wrong");
    let before = host.seen_by_sshd().0;
    for command in [
        vec!["validate"],
        vec!["plan"],
        vec!["apply", "--auto-approve"],
        vec!["drift"],
    ] {
        let mut words = command.clone();
        words.extend([&*a, &*both]);
        trueup(&host, &words)
            .code(3)
            .says("is given by two specs")
            .says("a.yaml and")
            .says("`client/java` of ec2-user@");
    }
    assert_eq!(
        host.seen_by_sshd().0,
        before,
        "it was asked before it was refused"
    );

    let plan = trueup(&host, &["plan", &a, &b, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(plan["specs"].as_array().map(Vec::len), Some(2));
    let names: Vec<&Value> = plan["hosts"]
        .as_array()
        .expect("hosts")
        .iter()
        .map(|h| &h["name"])
        .collect();
    assert_eq!(names, ["a/client", "b/client"]);
    trueup(&host, &["plan", &a, &b, "--host", "b/client"])
        .code(0)
        .says("4 to add");
    trueup(&host, &["plan", &a, &b, "--host", "client"])
        .code(0)
        .says("5 to add");
    trueup(&host, &["plan", &a, &b, "--host", "c"])
        .code(3)
        .says("they have a/client, b/client");
    trueup(
        &host,
        &[
            "apply",
            &a,
            &b,
            "--auto-approve",
            "--target",
            "a/client:client/java",
        ],
    )
    .code(0)
    .says("1 change applied and verified");
    trueup(&host, &["drift", &a]).code(0);
}

#[test]
fn each_format_goes_where_it_is_sent() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec("java: { version: 1.8.0 }");
    let spec = spec.to_str().expect("text");
    let at = |name: &str| host.folder.path().join(name);
    let to = |format: &str, name: &str| format!("{format}={}", at(name).display());
    let (json, md) = (to("json", "p.json"), to("markdown", "p.md"));
    let said = trueup(&host, &["plan", spec, "--format", &json, "--format", &md]).code(0);
    assert!(said.out.contains("+ client/java"), "{}", said.out);
    for name in ["p.json", "p.md"] {
        assert!(
            fs::read_to_string(at(name))
                .expect(name)
                .contains("client/java")
        );
    }
    // One format a stdout; and a place that cannot be written is found out before anything is done.
    let before = host.seen_by_sshd().0;
    trueup(
        &host,
        &["plan", spec, "--format", "json", "--format", "junit"],
    )
    .code(3)
    .says("stdout takes one");
    let nowhere = to("json", "none/p.json");
    trueup(
        &host,
        &["apply", spec, "--auto-approve", "--format", &nowhere],
    )
    .code(3)
    .says("none/p.json");
    trueup(&host, &["facts", spec, "--format", "junit"])
        .code(3)
        .says("it has human, json");
    assert_eq!(host.seen_by_sshd().0, before);

    // Events on stdout, and nothing else there.
    let said = trueup(
        &host,
        &["apply", spec, "--auto-approve", "--format", "jsonl"],
    )
    .code(0);
    let events: Vec<String> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| line["event"].as_str().expect("an event").to_owned())
        .collect();
    assert_eq!(events, ["start", "step", "started", "done", "end"]);
    assert!(said.err.contains("client/java"), "{}", said.err);
    let said = trueup(
        &host,
        &["apply", spec, "--auto-approve", "--format", "junit"],
    )
    .code(0);
    assert!(said.out.starts_with("<?xml") && said.out.contains("name=\"client/java\"/>"));
}

#[test]
fn verbose_says_what_was_asked_and_where_the_time_went() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec("java: { version: 1.8.0 }");
    let spec = spec.to_str().expect("text");
    let said = trueup(&host, &["apply", spec, "--auto-approve", "-v"]).code(0);
    let calls: Vec<&str> = said
        .err
        .lines()
        .filter(|line| line.starts_with("call: "))
        .collect();
    let names: Vec<&str> = calls
        .iter()
        .filter_map(|line| line.split("  ").nth(1))
        .collect();
    assert_eq!(
        names,
        ["connect", "lock", "probe", "package", "probe"],
        "{calls:?}"
    );
    for call in [&calls[1..2], &calls[3..]].concat() {
        assert!(
            call.contains(", 1 round trip, ") && call.contains(" sent, "),
            "{call}"
        );
    }
    // The first look rides with the lock: with nothing to do an apply is one exec.
    let first = calls[2];
    assert!(
        first.ends_with(" got: with the lock") && !first.contains("round trip"),
        "{first}"
    );
    let last = said.err.lines().last().expect("a line");
    assert!(last.starts_with("time: connect "), "{last}");
    for part in [
        "probe ",
        "(2 calls)",
        "lock ",
        "steps ",
        "elsewhere ",
        " in all",
    ] {
        assert!(last.contains(part), "no {part} in {last}");
    }
    assert!(!said.out.contains("call: "));
    assert!(
        !trueup(&host, &["plan", spec])
            .code(0)
            .err
            .contains("call: ")
    );
}

/// What the tests plant, and every form in which it could come out.
const SECRETS: [&str; 5] = [
    "canary-of-the-spec-env",
    "canary-of-the-spec-file",
    "canary-of-the-host-password",
    "canary-of-the-start-file",
    "canary-of-the-jaas-line",
];

#[track_caller]
fn assert_no_secret(what: &str, text: &str) {
    for secret in SECRETS {
        // Wherever a base64 text begins, its middle is one of three.
        let encoded = (0..3).map(|skip| {
            let all = STANDARD.encode(&secret.as_bytes()[skip..]);
            all[..all.len() / 4 * 4 - 4].to_owned()
        });
        for form in encoded.chain([
            secret.to_owned(),
            secret.replace('-', "%2D"),
            secret.replace('-', "\\u002d"),
        ]) {
            assert!(
                !text.contains(&form),
                "{what} has {secret} as {form}:\n{text}"
            );
        }
    }
}

#[test]
fn no_format_and_no_file_has_a_secret() {
    let host = Host::start("amazon", &[]);
    fs::write(host.folder.path().join("secret"), SECRETS[1]).expect("written");
    let extra = "properties:\n  extra:\n    ssl.truststore.password: { env: CANARY }\n    \
                 ssl.keystore.password: { file: secret }";
    let spec = host.spec(&client("1.8.0").replace("properties: {}", extra));
    let spec = spec.to_str().expect("text");
    let trueup = |words: &[&str]| -> Said {
        let environment = [("CANARY", SECRETS[0])];
        wait(start_with(host.folder.path(), words, &environment))
    };
    host.user(&format!(
        "echo 'export DB_PASSWORD={}' >>~/.bashrc; echo 'export CLASSPATH=/old.jar' >>~/.bashrc",
        SECRETS[3]
    ));
    // First nothing is there, then what is there holds secrets of its own on the other side.
    let sides = [
        String::from("true"),
        format!(
            "cd ~/{KAFKA}/bin && printf '%s\\n' ssl.truststore.password={0} ssl.key.password={0} \
             'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
             username=\"u\" password=\"{1}\";' >client.properties && echo 'export CLASSPATH=/x.jar' >>~/.bashrc",
            SECRETS[2], SECRETS[4]
        ),
    ];
    let formats = ["human", "json", "jsonl", "markdown", "junit", "html"];
    let mut differing = 0;
    for side in sides {
        host.user(&side);
        let mut files: Vec<(String, String)> = Vec::new();
        let all = |command: &str, files: &mut Vec<(String, String)>| {
            for format in formats {
                let path = host.folder.path().join(format!("{command}.{format}"));
                files.push((
                    format!("--format={format}={}", path.display()),
                    path.display().to_string(),
                ));
            }
        };
        let kept = host.folder.path().join("kept.json");
        let kept = kept.to_str().expect("text");
        for command in ["plan", "drift", "show", "apply"] {
            let mut words = match command {
                "plan" => vec![command, spec, "-vv", "--out", kept],
                "show" => vec![command, kept, "-vv"],
                "apply" => vec![command, kept, "-vv"],
                _ => vec![command, spec, "-vv"],
            };
            files.clear();
            all(command, &mut files);
            words.extend(files.iter().map(|(flag, _)| flag.as_str()));
            let said = trueup(&words);
            assert!([0, 2].contains(&said.code), "{said:?}");
            assert_no_secret(command, &said.out);
            assert_no_secret(command, &said.err);
            for (_, path) in &files {
                let text = fs::read_to_string(path).expect("written");
                assert_no_secret(path, &text);
                // It is told that the secret differs, without telling it.
                assert!(text.contains("client/properties"), "{path}: {text}");
                differing += usize::from(text.contains("ssl.truststore.password"));
            }
        }
        let text = fs::read_to_string(kept).expect("kept");
        assert_no_secret("the saved plan", &text);
        assert!(text.contains("ssl.truststore.password"), "{text}");
        // What is the machine's own holds it, where it belongs.
        assert!(
            host.read(&format!("{KAFKA}/bin/client.properties"))
                .contains(SECRETS[0])
        );
        let journal = host.user("grep -r canary ~/.local /tmp 2>/dev/null || true");
        assert_eq!(journal, "");
    }
    assert!(
        differing > 16,
        "only {differing} texts name the sensitive key"
    );
    assert!(
        host.read(".bashrc").contains(SECRETS[3]),
        "what is the user's stays"
    );
    let before = host.tree();
    trueup(&["plan", spec, "--detailed-exitcode"]).code(0);
    assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);
    assert!(Path::new(spec).exists());
}
