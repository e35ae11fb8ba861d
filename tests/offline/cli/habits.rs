//! What hands have learned elsewhere is answered with ours.

use std::fs;

use super::{folder, run};

/// A spec with nothing to be done on this machine.
const NOTHING: &str = "version: 1\nhosts: { here: { local: {} } }\n";

#[test]
fn spellings_of_other_tools_are_answered_in_one_line() {
    let folder = folder();
    fs::write(folder.path().join("spec.yaml"), NOTHING).expect("written");
    for (words, text) in [
        (
            &["apply", "spec.yaml", "-auto-approve"][..],
            "there is no `-auto-approve`: here it is `--auto-approve`, or `-y`",
        ),
        (
            &["plan", "spec.yaml", "-out=plan.json"],
            "there is no `-out`: here it is `--out FILE`",
        ),
        (
            &["plan", "-out", "plan.json", "spec.yaml"],
            "there is no `-out`: here it is `--out FILE`",
        ),
        (
            &["plan", "spec.yaml", "-target=client/java"],
            "here it is `--target ADDRESS`",
        ),
        (
            &["plan", "spec.yaml", "-var", "a=canary"],
            "here it is `--var NAME=VALUE`",
        ),
        (
            &["plan", "spec.yaml", "-var=a=canary"],
            "here it is `--var NAME=VALUE`",
        ),
        (
            &["plan", "spec.yaml", "-var-file=a.tfvars"],
            "here it is `--var NAME=VALUE` or TRUEUP_VAR_NAME for each",
        ),
        (
            &["plan", "spec.yaml", "-detailed-exitcode"],
            "here it is `--detailed-exitcode`",
        ),
        (
            &["plan", "spec.yaml", "-parallelism=3"],
            "here it is `--parallel N`",
        ),
        (
            &["plan", "spec.yaml", "-no-color"],
            "here it is `--color never`",
        ),
        (
            &["plan", "spec.yaml", "--no-color"],
            "here it is `--color never`",
        ),
        (
            &["plan", "spec.yaml", "-json"],
            "here it is `--format json`",
        ),
        (
            &["plan", "spec.yaml", "-refresh-only"],
            "here it is `trueup drift`",
        ),
        (
            &["apply", "spec.yaml", "-input=false"],
            "leave it out: without a terminal nothing is asked",
        ),
        (
            &["apply", "spec.yaml", "-destroy"],
            "`apply --allow-delete topics/NAME`",
        ),
        (
            &["apply", "spec.yaml", "--check"],
            "here it is `trueup plan`",
        ),
        (
            &["apply", "spec.yaml", "--limit", "a"],
            "here it is `--host NAME`",
        ),
        (&["-version"], "here it is `trueup version`"),
        (&["-chdir=x", "plan"], "`trueup plan DIR/SPEC`"),
        (&["destroy"], "`apply --allow-delete topics/NAME`"),
        (&["fmt", "spec.yaml"], "`trueup validate` checks one"),
        (&["refresh", "spec.yaml"], "`trueup drift`"),
        (&["state", "list"], "there is no state to care for"),
        (&["preview"], "here it is `trueup plan`"),
        (&["spec.yaml"], "`trueup plan spec.yaml`, say"),
    ] {
        let said = run(folder.path(), words).code(3).says(text);
        let lines = said.err.lines().count();
        assert!(lines == 1 && said.out.is_empty(), "{words:?}: {}", said.err);
        assert!(!said.err.contains("canary"), "{words:?}: {}", said.err);
    }
}

#[test]
fn typos_get_suggestions_and_what_is_right_is_not_blamed() {
    let folder = folder();
    for (words, text) in [
        (&["aply"][..], "a similar subcommand exists: 'apply'"),
        (&["help", "plna"], "'plna'"),
        (&["apply", "--auto-aprove"], "'--auto-approve'"),
        (&["plan", "--detailed-exit-code"], "'--detailed-exitcode'"),
        (&["completions", "bsh"], "a similar value exists: 'bash'"),
        // The flag is ours, and something else is wrong.
        (
            &["plan", "a.yaml", "--out"],
            "a value is required for '--out <FILE>'",
        ),
        (
            &["plan", "a.yaml", "--var", "a"],
            "is not of the form NAME=VALUE",
        ),
        (
            &["plan", "a.yaml", "-o", "plan.json"],
            "`plan.json` is no format",
        ),
    ] {
        let said = run(folder.path(), words).code(3).says(text);
        assert!(!said.err.contains("here it is"), "{}", said.err);
    }
}

#[test]
fn short_forms_mean_what_the_long_ones_do() {
    let folder = folder();
    fs::write(folder.path().join("spec.yaml"), NOTHING).expect("written");
    let json = run(folder.path(), &["validate", "spec.yaml", "-o", "json"]).code(0);
    let long = run(
        folder.path(),
        &["validate", "spec.yaml", "--format", "json"],
    );
    assert!(
        json.out == long.out && json.out.starts_with('{'),
        "{}",
        json.out
    );
    run(folder.path(), &["validate", "spec.yaml", "-ojson=it.json"]).code(0);
    let kept = fs::read_to_string(folder.path().join("it.json")).expect("written");
    assert_eq!(kept, json.out);
    // Without asking: what is asked for is said no more.
    for yes in ["-y", "--yes", "--auto-approve"] {
        for command in ["apply", "trust"] {
            let said = run(folder.path(), &[command, "spec.yaml", yes]).code(0);
            assert!(!said.err.contains("terminal"), "{}", said.err);
        }
    }
}

#[test]
fn a_version_is_a_version() {
    let folder = folder();
    let version = format!("trueup {}\n", env!("CARGO_PKG_VERSION"));
    for words in [["version"], ["--version"], ["-V"]] {
        assert_eq!(run(folder.path(), &words).code(0).out, version);
    }
}
