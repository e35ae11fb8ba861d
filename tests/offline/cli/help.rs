//! What `--help` says.

use std::fs;

use trueup::exit;

use super::{folder, run};

/// All commands, as the help lists them.
fn commands() -> Vec<String> {
    let help = run(folder().path(), &["--help"]).code(0).out;
    let (_, list) = help.split_once("\nCommands:\n").expect("a list");
    let (list, _) = list.split_once("\n\n").expect("its end");
    let names = list.lines().filter_map(|line| {
        // What goes on from the line before begins further in.
        let name = line.strip_prefix("  ")?;
        (!name.starts_with(' ')).then(|| name.split(' ').next().expect("a word").to_owned())
    });
    // `help` is clap's own, and has no help.
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The rows of a help's last part.
fn rows(help: &str) -> Vec<(u8, String)> {
    let (_, table) = help.split_once("\nExit codes:\n").expect("a table");
    let row = |line: &str| {
        let (code, meaning) = line.trim().split_once("  ").expect("a code");
        (code.parse().expect("a number"), meaning.trim().to_owned())
    };
    table.lines().map(row).collect()
}

#[test]
fn each_command_says_its_exit_codes_and_all_are_in_the_docs() {
    let folder = folder();
    let wanted = |codes: &mut dyn Iterator<Item = (exit::Code, &'static str)>| -> Vec<_> {
        codes
            .map(|(code, meaning)| (code as u8, meaning.to_owned()))
            .collect()
    };
    let all = wanted(&mut exit::all());
    assert_eq!(rows(&run(folder.path(), &["--help"]).code(0).out), all);
    for name in commands() {
        let codes = wanted(&mut exit::of_command(&name).iter().copied());
        assert!(codes.len() > 1, "{name}");
        for flag in ["--help", "-h"] {
            let said = run(folder.path(), &[&name, flag]).code(0);
            assert_eq!(rows(&said.out), codes, "{name} {flag}");
        }
    }
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
    let docs = fs::read_to_string(docs).expect("docs/commands.md");
    for (code, _) in all {
        assert!(docs.contains(&format!("\n| {code} | ")), "{code}");
    }
}
