//! The first spec.

use std::{fs, process::Command};

use super::{command, folder, run};

#[path = "../../support/terminal.rs"]
mod terminal;

use terminal::Terminal;

#[test]
fn a_first_spec_is_written_and_validates_but_for_what_it_says_is_missing() {
    for example in ["client", "by-name", "topics", "fleet"] {
        let folder = folder();
        let said = run(folder.path(), &["init", "--example", example]).code(0);
        assert_eq!(said.err, "");
        let text = fs::read_to_string(folder.path().join("trueup.yaml")).expect("written");
        let mut listed = 0;
        for row in said
            .out
            .lines()
            .filter_map(|row| row.strip_prefix("  line "))
        {
            let (number, what) = row.split_once(' ').expect("a number");
            let number: usize = number.parse().expect("a number");
            assert!(
                text.contains(&format!("# yours: {}\n", what.trim())),
                "{row}"
            );
            assert!(text.lines().count() >= number, "{row}");
            listed += 1;
        }
        assert!(listed > 4, "{}", said.out);
        let (_, next) = said.out.split_once("\nnext:\n").expect("what comes next");
        let next: Vec<&str> = next
            .lines()
            .map(|line| line.split('#').next().expect("a command").trim())
            .collect();
        assert_eq!(next, ["trueup trust", "trueup plan", "trueup apply"]);
        let valid = run(folder.path(), &["validate"]).code(0);
        let warnings = valid
            .err
            .lines()
            .filter(|line| line.starts_with("warning: "));
        for warning in warnings {
            assert_eq!(
                warning,
                "warning: no digest for the Kafka archive: the download is not checked"
            );
        }
        // On stdout it is the same, and nothing else.
        let piped = run(folder.path(), &["init", "--example", example, "-"]).code(0);
        assert_eq!(piped.out, text);
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = folder();
    for name in ["trueup.yaml", "mine.yaml"] {
        fs::write(folder.path().join(name), "mine").expect("written");
    }
    std::os::unix::fs::symlink("nowhere", folder.path().join("link")).expect("linked");
    for (words, said) in [
        (
            &["init"][..],
            "trueup.yaml is there already, and is not overwritten",
        ),
        (&["init", "mine.yaml"], "mine.yaml is there already"),
        (&["init", "link"], "link is there already"),
        (
            &["init", "no/where.yaml"],
            "no/where.yaml cannot be written",
        ),
    ] {
        run(folder.path(), words)
            .code(1)
            .says(said)
            .says("help: name ");
    }
    for name in ["trueup.yaml", "mine.yaml"] {
        assert_eq!(
            fs::read_to_string(folder.path().join(name)).expect("there"),
            "mine"
        );
    }
    assert!(!folder.path().join("nowhere").exists());
    let said = run(folder.path(), &["init", "next.yaml"]).code(0);
    said.says("trueup trust next.yaml")
        .says("trueup apply next.yaml");
}

/// The program on a terminal, in a folder.
fn on_a_terminal(folder: &std::path::Path, words: &str) -> Terminal {
    let mut script = Command::new("script");
    script.current_dir(folder).env("HOME", folder);
    Terminal::start(script, words)
}

#[test]
fn a_terminal_is_asked_and_what_cannot_be_is_asked_again() {
    let folder = folder();
    let mut terminal = on_a_terminal(folder.path(), "init");
    terminal.until("the machine, [USER@]ADDRESS[:PORT] [later]: ");
    terminal.type_in("two words\n");
    terminal.until("ADDRESS[:PORT] [later]: ");
    terminal.type_in("10.77.0.9:2222\n");
    terminal.until("who logs in [ec2-user]: ");
    terminal.type_in("admin\n");
    terminal.until("[ssh's agent and ~/.ssh/config]: ");
    terminal.type_in("\n");
    terminal.until("[none yet, and no topics]: ");
    let ended = terminal.answer("b-1.example:9098,b-2.example:9098\n");
    assert_eq!(ended.code, 0, "{}", ended.out);
    assert!(
        !ended.out.contains("the cluster's brokers") && ended.out.contains("the role"),
        "{}",
        ended.out
    );
    let text = fs::read_to_string(folder.path().join("trueup.yaml")).expect("written");
    for part in [
        "ssh: { address: \"10.77.0.9\", port: 2222, user: \"admin\" }",
        "bootstrap: \"b-1.example:9098,b-2.example:9098\"",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    run(folder.path(), &["validate"]).code(0);
}

#[test]
fn who_leaves_in_between_leaves_nothing() {
    for (key, code) in [("\u{3}", 130), ("\u{4}", 1)] {
        let folder = folder();
        let mut terminal = on_a_terminal(folder.path(), "init");
        terminal.until("[later]: ");
        terminal.type_in("10.0.0.1\n");
        terminal.until("who logs in [ec2-user]: ");
        let ended = terminal.answer(key);
        assert_eq!(ended.code, code, "{}", ended.out);
        let left = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "after {key:?}: {}", ended.out);
    }
    // Nobody is asked where nobody is.
    let folder = folder();
    let mut quiet = command(folder.path(), &["init"]);
    let output = quiet.output().expect("trueup runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
