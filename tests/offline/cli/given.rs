//! What a command line leaves out or says with `-`, and what the environment says instead.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::{Said, command, folder, run, said};
use crate::saved::sample;

const NOTHING: &str = "version: 1\nhosts: { here: { local: {} } }\n";

/// Runs the program with a text on stdin.
fn fed(folder: &Path, words: &[&str], text: &str) -> Said {
    feed(command(folder, words), text)
}

fn feed(mut command: Command, text: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("trueup runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the program with variables.
fn with(folder: &Path, environment: &[(&str, &str)], words: &[&str]) -> Said {
    let mut command = command(folder, words);
    command.envs(environment.iter().copied());
    said(command)
}

#[test]
fn without_a_spec_it_is_the_one_of_the_folder_and_that_is_said() {
    let folder = folder();
    let all = [
        "validate", "facts", "plan", "apply", "drift", "prove", "trust",
    ];
    let key = &["key", "--save", "it.pem"][..];
    for words in all.map(|one| vec![one]).into_iter().chain([key.to_vec()]) {
        run(folder.path(), &words)
            .code(3)
            .says("no spec is named, and there is no trueup.yaml in this folder")
            .says(&format!("`trueup {} SPEC`", words[0]));
    }
    fs::write(folder.path().join("trueup.yaml"), NOTHING).expect("written");
    let said = run(folder.path(), &["validate"]).code(0);
    assert_eq!(said.out, "trueup.yaml: 1 host, nothing wrong\n");
    assert_eq!(said.err, "note: no spec is named, so it is trueup.yaml\n");
    run(folder.path(), &["trust"])
        .code(0)
        .says("so it is trueup.yaml")
        .says("here is this machine");
    run(folder.path(), key)
        .code(3)
        .says("so it is trueup.yaml")
        .says("its spec refers to no private key");
    // What is named is what is meant.
    fs::write(folder.path().join("other.yaml"), NOTHING).expect("written");
    let said = run(folder.path(), &["validate", "other.yaml"]).code(0);
    assert_eq!(said.err, "");
    run(folder.path(), &["trust", "other.yaml", "trueup.yaml"]).code(3);
}

#[test]
fn a_dash_is_stdin() {
    let folder = folder();
    let said = fed(folder.path(), &["validate", "-"], NOTHING).code(0);
    assert_eq!(said.out, "<stdin>: 1 host, nothing wrong\n");
    fed(
        folder.path(),
        &["plan", "-"],
        "version: 1\nhosts: { here: { locl: {} } }\n",
    )
    .code(3)
    .says("<stdin>:2:18")
    .says("did you mean `local`?");
    fed(folder.path(), &["plan", "-", "-"], NOTHING)
        .code(3)
        .says("stdin can be read once");
    // What it refers to is beside nothing: relative paths start here.
    fs::write(folder.path().join("secret"), "canary").expect("written");
    let spec = format!(
        "{NOTHING}client: {{ kafka: {{ version: 3.9.1, scala: 2.13 }}, properties: {{ extra: {{ a.password: {{ file: secret }} }} }} }}\n"
    );
    let said = fed(folder.path(), &["apply", "-", "--host", "there"], &spec).code(3);
    said.says("`<stdin>` has no host `there`");
    // Who is asked cannot answer there.
    fed(folder.path(), &["apply", "-"], &spec)
        .code(3)
        .says("there is no terminal to ask on");
    fed(folder.path(), &["validate", "-"], "\u{1}\n").code(3);
}

#[test]
fn a_dash_is_a_plan_or_a_report_on_stdin_too() {
    let folder = folder();
    let text = sample::text();
    let said = fed(folder.path(), &["show", "-"], &text).code(0);
    assert!(said.out.contains("+ client/java"), "{}", said.out);
    fed(folder.path(), &["show", "-"], NOTHING)
        .code(3)
        .says("`<stdin>` is no saved plan");
    fed(folder.path(), &["plan", "-"], &text)
        .code(3)
        .says("`<stdin>` is a saved plan, not a spec");
    fed(folder.path(), &["apply", "-", "--host", "client"], &text)
        .code(3)
        .says("`--host` shapes a plan, and `<stdin>` is one");
    let of_nothing = fed(folder.path(), &["plan", "-", "-o", "json"], NOTHING).code(0);
    let merged = fed(folder.path(), &["merge-reports", "-"], &of_nothing.out).code(0);
    merged.says("here: no resource is selected");
}

#[test]
fn a_plan_on_stdout_is_nothing_but_the_plan() {
    let folder = folder();
    // Nothing is there to be done on this machine, and the plan of it is one.
    let said = fed(folder.path(), &["plan", "-", "--out", "-"], NOTHING).code(0);
    assert!(said.err.contains("no resource is selected"), "{}", said.err);
    let plan: serde_json::Value = serde_json::from_str(&said.out).expect("JSON alone");
    assert_eq!(plan["specs"][0]["path"], "<stdin>");
    fed(folder.path(), &["show", "-"], &said.out).code(0);
    fed(
        folder.path(),
        &["plan", "-", "--out", "-", "-o", "json"],
        NOTHING,
    )
    .code(3)
    .says("`--format json` and `--out -`: stdout takes one");
    let words = ["plan", "-", "--out", "-", "-o", "json=it.json"];
    fed(folder.path(), &words, NOTHING).code(0);
    assert!(!folder.path().join("-").exists());
}

#[test]
fn variables_stand_for_flags_and_the_flag_wins() {
    let folder = folder();
    fs::write(folder.path().join("spec.yaml"), NOTHING).expect("written");
    let json = [("TRUEUP_FORMAT", "json")];
    let validate = ["validate", "spec.yaml"];
    assert!(
        with(folder.path(), &json, &validate)
            .code(0)
            .out
            .starts_with('{')
    );
    let words = ["validate", "spec.yaml", "-o", "human"];
    assert!(
        with(folder.path(), &json, &words)
            .code(0)
            .out
            .contains("nothing wrong")
    );
    let color = [("TRUEUP_COLOR", "always")];
    fs::write(folder.path().join("wrong.yaml"), "version: 2\n").expect("written");
    let said = with(folder.path(), &color, &["validate", "wrong.yaml"]).code(3);
    assert!(said.err.contains('\u{1b}'), "{}", said.err);
    // Which variable a wrong value comes from is said.
    for (name, words) in [
        ("TRUEUP_TIMEOUT", &["plan", "spec.yaml"][..]),
        ("TRUEUP_PARALLEL", &["drift", "spec.yaml"]),
        ("TRUEUP_LOCK_TIMEOUT", &["apply", "spec.yaml"]),
        ("TRUEUP_FORMAT", &["apply", "spec.yaml"]),
        ("TRUEUP_COLOR", &["plan", "spec.yaml"]),
    ] {
        with(folder.path(), &[(name, "soon")], words)
            .code(3)
            .says(&format!("it is `{name}` of the environment that says so"));
        let help = run(folder.path(), &[words[0], "--help"]).code(0);
        help.says(&format!("[env: {name}]"));
    }
    let nowhere = [("TRUEUP_HISTORY", "none")];
    let words = ["drift", "spec.yaml", "--only-changes-since-last"];
    with(folder.path(), &nowhere, &words)
        .code(3)
        .says("has no run to compare with: none is kept");
    let flag = [&words[..], &["--history", "runs.jsonl"]].concat();
    with(folder.path(), &nowhere, &flag).code(0);
    assert!(folder.path().join("runs.jsonl").exists());
    for command in ["apply", "drift"] {
        let help = run(folder.path(), &[command, "--help"]).code(0);
        help.says("[env: TRUEUP_HISTORY]");
    }
    let words = ["plan", "spec.yaml", "--timeout", "soon"];
    let said = with(folder.path(), &[("TRUEUP_TIMEOUT", "30")], &words).code(3);
    assert!(!said.err.contains("environment"), "{}", said.err);
}

#[test]
fn what_is_like_a_variable_of_ours_and_is_none_is_said() {
    let folder = folder();
    fs::write(folder.path().join("spec.yaml"), NOTHING).expect("written");
    let validate = ["validate", "spec.yaml"];
    for (name, text) in [
        (
            "TRUEUP_TIMEOT",
            "`TRUEUP_TIMEOT` is not read help: did you mean `TRUEUP_TIMEOUT`?",
        ),
        ("TRUEUP_COLOUR", "did you mean `TRUEUP_COLOR`?"),
        // An apply goes unasked only when the command line says so.
        (
            "TRUEUP_AUTO_APPROVE",
            "say `--auto-approve` on the command line",
        ),
        ("TRUEUP_YES", "say `--yes` on the command line"),
        ("TRUEUP_HOST", "say `--host` on the command line"),
    ] {
        let said = with(folder.path(), &[(name, "1")], &validate).code(0);
        said.says("warning: ").says(text);
    }
    for name in [
        "TRUEUP_VERSION",
        "TRUEUP_IMAGE",
        "TRUEUP",
        "TRUEUP_VAR_X",
        "trueup_timeot",
    ] {
        let said = with(folder.path(), &[(name, "1")], &validate).code(0);
        assert_eq!(said.err, "", "{name}");
    }
    let mut asked = command(folder.path(), &["apply", "spec.yaml"]);
    asked.env("TRUEUP_AUTO_APPROVE", "true");
    said(asked).code(3).says("there is no terminal to ask on");
}

#[test]
fn variables_of_specs_come_from_the_environment_too() {
    let folder = folder();
    let spec = "version: 1\nvars: { user_id: theirs, machine: m }\nhosts: { \"${machine}\": { local: {} } }\n";
    let spec = &spec.replace("\"${machine}\"", "here");
    let spec = format!("{spec}client: {{ kafka: {{ version: \"${{user_id}}\", scala: 2.13 }} }}\n");
    fs::write(folder.path().join("spec.yaml"), spec).expect("written");
    let shown = |environment: &[(&str, &str)], words: &[&str]| {
        let words = [&["validate", "spec.yaml"], words].concat();
        with(folder.path(), environment, &words).err
    };
    let own = [("TRUEUP_VAR_user_id", "ours")];
    assert!(shown(&[], &[]).contains("theirs"));
    assert!(shown(&own, &[]).contains("ours"));
    assert!(shown(&own, &["--var", "user_id=given"]).contains("given"));
    // One that no spec has is another's, unless it is a slip of the pen.
    assert!(!shown(&[("TRUEUP_VAR_other", "x")], &[]).contains("TRUEUP_VAR"));
    let slip = [("TRUEUP_VAR_usr_id", "x")];
    let said = shown(&slip, &[]);
    assert!(
        said.contains("did you mean `TRUEUP_VAR_user_id`?"),
        "{said}"
    );
    fs::write(
        folder.path().join("good.yaml"),
        NOTHING.replace("hosts", "vars: { user_id: a }\nhosts"),
    )
    .expect("written");
    let plan = with(folder.path(), &slip, &["apply", "good.yaml"]).code(3);
    plan.says("did you mean `TRUEUP_VAR_user_id`?");
}
