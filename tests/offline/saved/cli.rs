//! `show` and `apply PLANFILE` as far as no machine is asked.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use trueup::plan::StepAction;

use super::sample;

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// A folder with the sample as `plan.json`, and its spec.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().expect("a folder");
    fs::write(desk.path().join("plan.json"), sample::text()).expect("written");
    fs::write(desk.path().join("spec.yaml"), sample::spec_text()).expect("written");
    desk
}

fn run(desk: &Path, words: &[&str]) -> Said {
    run_with(desk, words, &[])
}

/// With other secrets than the sample's.
fn run_with(desk: &Path, words: &[&str], environment: &[(&str, &str)]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_trueup"))
        .args(words)
        .current_dir(desk)
        .envs(sample::environment())
        .envs(environment.iter().copied())
        .env("HOME", desk)
        .stdin(Stdio::null())
        .output()
        .expect("trueup runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn says(said: &Said, code: i32, text: &str) {
    let flat = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.code == code && flat.contains(text),
        "{} {}\n{}",
        said.code,
        said.out,
        said.err
    );
}

#[test]
fn show_needs_nothing_but_the_file() {
    let desk = desk();
    fs::remove_file(desk.path().join("spec.yaml")).expect("removed");
    let human = run(desk.path(), &["show", "plan.json"]);
    assert!(
        human.code == 0 && human.out.contains("+ client/java"),
        "{}{}",
        human.out,
        human.err
    );
    let json = run(desk.path(), &["show", "plan.json", "--format", "json"]);
    assert_eq!(json.code, 0);
    let (plan, _) = sample::plan_and_desired();
    assert_eq!(json.out, trueup::report::json::plan(&plan));
    // Every format, several at once, and each from the same plan.
    let files = ["--format", "junit=p.xml", "--format", "markdown=p.md"];
    let words = [&["show", "plan.json", "--format", "jsonl"][..], &files].concat();
    let several = run(desk.path(), &words);
    assert_eq!((several.code, several.err.as_str()), (0, ""));
    let count = |text: &str, what: &str| text.matches(what).count();
    let left = |name| fs::read_to_string(desk.path().join(name)).expect(name);
    let telling = plan.steps().filter(|step| step.action != StepAction::None);
    let (telling, all) = (telling.count(), plan.steps().count());
    assert_eq!(count(&several.out, "\"event\":\"step\""), all);
    assert_eq!(
        count(&left("p.xml"), "<failure"),
        telling,
        "{}",
        left("p.xml")
    );
    assert_eq!(count(&left("p.md"), "\n#### "), telling, "{}", left("p.md"));
    assert!(left("p.md").contains("a saved plan, made by trueup"));
    assert!(!left("p.md").contains("exit code") && !left("p.xml").contains("exit code"));
    says(
        &run(desk.path(), &["show", "nowhere.json"]),
        3,
        "`nowhere.json` cannot be read",
    );
    fs::write(desk.path().join("spec.yaml"), sample::spec_text()).expect("written");
    says(
        &run(desk.path(), &["show", "spec.yaml"]),
        3,
        "`spec.yaml` is no saved plan",
    );
}

#[test]
fn a_plan_is_no_spec() {
    let desk = desk();
    for command in ["validate", "plan", "drift", "facts"] {
        says(
            &run(desk.path(), &[command, "plan.json"]),
            3,
            "`plan.json` is a saved plan, not a spec",
        );
    }
}

#[test]
fn what_shapes_a_plan_comes_too_late() {
    let desk = desk();
    for (flag, words) in [
        ("--var", &["--var", "a=b"][..]),
        ("--host", &["--host", "client"]),
        ("--exclude-host", &["--exclude-host", "x"]),
        ("--shard", &["--shard", "1/2"]),
        ("--target", &["--target", "client/java"]),
        ("--exclude", &["--exclude", "client/java"]),
        ("--deep", &["--deep"]),
        ("--allow-delete", &["--allow-delete", "topics/x"]),
    ] {
        let mut all = vec!["apply", "plan.json"];
        all.extend(words);
        says(
            &run(desk.path(), &all),
            3,
            &format!("`{flag}` shapes a plan"),
        );
    }
}

#[test]
fn a_changed_spec_is_refused_before_anything_is_sent() {
    let desk = desk();
    let changed = sample::spec_text() + "# a remark\n";
    fs::write(desk.path().join("spec.yaml"), changed).expect("written");
    let said = run(desk.path(), &["apply", "plan.json"]);
    says(&said, 6, "`spec.yaml` has changed since the plan was made");
    assert!(
        !said.err.contains("127.0.0.1") && said.out.is_empty(),
        "{}",
        said.err
    );
}

#[test]
fn a_changed_secret_is_refused_by_name_before_anything_is_sent() {
    let desk = desk();
    for (name, said) in [
        (
            "TRUSTSTORE_PASSWORD",
            "the secret `ssl.truststore.password` of client is another",
        ),
        (
            "KEY_PASSWORD",
            "the secret `ssl.key.password` of client is another",
        ),
        (
            "KAFKA_PASSWORD",
            "the secret `topics.security` of b-1:9096 is another",
        ),
    ] {
        let words = ["apply", "plan.json"];
        let ended = run_with(desk.path(), &words, &[(name, "canary-new")]);
        says(&ended, 6, said);
        assert!(
            !ended.err.contains("canary") && !ended.err.contains("127.0.0.1"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn a_damaged_file_is_refused_before_anything_is_sent() {
    let desk = desk();
    let whole = sample::text();
    let plan = desk.path().join("plan.json");
    let mut flipped = whole.clone().into_bytes();
    let at = whole.find("client/java").expect("there");
    flipped[at] ^= 1;
    for bytes in [
        &flipped[..],
        &whole.as_bytes()[..whole.len() / 2],
        b"{\n  \"trueup_pl",
    ] {
        fs::write(&plan, bytes).expect("written");
        for command in ["apply", "show"] {
            let said = run(desk.path(), &[command, "plan.json"]);
            says(&said, 3, "error: plan `plan.json`: it is damaged");
            assert_eq!(said.err.matches("error").count(), 1, "{}", said.err);
        }
    }
}

/// A plan may come from elsewhere: what is said of it moves no cursor and starts no CI command.
#[test]
fn what_a_file_says_is_shown_safely() {
    let desk = desk();
    let hostile = "\u{1b}[2J\n::error::x\u{202e}";
    let text = sample::text();
    let mut plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for version in ["1.0", hostile] {
        plan["format_version"] = version.into();
        plan["tool_version"] = hostile.into();
        plan["specs"][0]["path"] = hostile.into();
        plan["desired"]["secrets"] = serde_json::json!([]);
        let sealed = crate::sealed::sealed(plan.clone());
        fs::write(desk.path().join("plan.json"), sealed).expect("written");
        let all = [&["apply", "plan.json"][..], &["show", "plan.json"]].map(|words| {
            let said = run(desk.path(), words);
            format!("{}{}", said.out, said.err)
        });
        for said in all {
            assert!(said.contains("\\u{1b}"), "{said}");
            assert!(
                !said.contains(['\u{1b}', '\u{202e}']) && !said.contains("\n::"),
                "{said}"
            );
        }
    }
}

/// The way goes on to the machine where nothing is wrong: here nobody listens.
#[test]
fn without_its_spec_a_plan_is_applied_all_the_same() {
    let desk = desk();
    fs::remove_file(desk.path().join("spec.yaml")).expect("removed");
    fs::write(desk.path().join("id"), "no key").expect("written");
    let said = run(desk.path(), &["apply", "plan.json"]);
    says(&said, 4, "note: `spec.yaml` is not here");
    assert!(said.out.contains("127.0.0.1"), "{}", said.out);
}

#[test]
fn a_plan_is_not_kept_where_it_cannot_be() {
    let desk = desk();
    for (place, said) in [
        ("nowhere/plan.json", "its folder is not there"),
        (".", "it is there, and is no plain file"),
        ("spec.yaml", "it is there, and is no saved plan"),
        ("/dev/null", "it is there, and is no plain file"),
    ] {
        says(
            &run(desk.path(), &["plan", "spec.yaml", "--out", place]),
            3,
            said,
        );
    }
    // Nobody listens: the plan is incomplete, and what was there stays.
    let before = fs::read(desk.path().join("plan.json")).expect("there");
    let said = run(desk.path(), &["plan", "spec.yaml", "--out", "plan.json"]);
    says(
        &said,
        4,
        "`plan.json` was not written: the plan is incomplete",
    );
    assert_eq!(
        fs::read(desk.path().join("plan.json")).expect("there"),
        before
    );
}
