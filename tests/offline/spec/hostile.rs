//! Specs that mean harm, or are no specs at all.

use std::{fmt::Write as _, time::Duration};

use proptest::prelude::*;

use super::{errors, read, shown};
use crate::{sweep::Sweep, work::work};

/// One error, without much work, and it can be shown.
fn refused(text: &str) -> String {
    let before = work();
    let found = errors(text);
    let spent = work().saturating_sub(before);
    assert!(spent < Duration::from_secs(5), "{spent:?} of work");
    assert_eq!(found.len(), 1, "{}", shown(text, &found));
    let _ = shown(text, &found);
    found[0].message.clone()
}

#[test]
fn billion_laughs() {
    for key in ["l", "x-l"] {
        let mut text = format!(
            "version: 1\nhosts: {{ a: {{ local: {{}} }} }}\n{key}0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n",
        );
        for level in 1..12 {
            let before = level - 1;
            let all = vec![format!("*l{before}"); 9].join(", ");
            let _ = writeln!(text, "{key}{level}: &l{level} [{all}]");
        }
        let message = refused(&text);
        assert!(
            message.contains("limit") || message.contains("budget"),
            "{message}"
        );
    }
}

#[test]
fn variables_that_laugh() {
    let mut text = String::from(
        "version: 1\nhosts: { a: { ssh: { address: \"${v20}\" } } }\nvars:\n  v0: hahahahaha\n",
    );
    for level in 1..=20 {
        let before = level - 1;
        let _ = writeln!(
            text,
            "  v{level}: \"{}\"",
            format!("${{v{before}}}").repeat(10)
        );
    }
    assert_eq!(refused(&text), "the variables make this text too long");
    let mut text = String::from(
        "version: 1\nhosts: { a: { ssh: { address: \"${v9999}\" } } }\nvars:\n  v0: a\n",
    );
    for level in 1..10_000 {
        let _ = writeln!(text, "  v{level}: \"${{v{}}}\"", level - 1);
    }
    assert!(refused(&text).contains("more than 32 variables away"));
}

#[test]
fn too_deep() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!(
            "version: 1\nx: {}{}\n",
            open.repeat(10_000),
            close.repeat(10_000)
        );
        refused(&text);
    }
    let mut text = String::new();
    for depth in 0..2_000 {
        let _ = writeln!(text, "{}a:", " ".repeat(depth % 400));
    }
    refused(&format!(
        "{}\n",
        (0..200)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect::<String>()
    ));
    let _ = read(&text);
}

#[test]
fn too_large() {
    let text = format!(
        "version: 1\nhosts: {{}}\n#{}\n",
        "x".repeat(4 * 1024 * 1024)
    );
    assert_eq!(
        refused(&text),
        "this file has 4096 KiB; a spec has at most 4096 KiB"
    );
    let fits = format!(
        "version: 1\nhosts: {{ a: {{ local: {{}} }} }}\n#{}\n",
        "x".repeat(4090 * 1024)
    );
    assert!(read(&fits).0.is_some());
}

#[test]
fn too_many() {
    let hosts: String = (0..9_000).fold(String::new(), |mut all, host| {
        let _ = writeln!(all, "  h{host}: {{ ssh: {{ address: h{host} }} }}");
        all
    });
    let keys: String = (0..9_000).fold(String::new(), |mut all, key| {
        let _ = writeln!(all, "      k{key}: v");
        all
    });
    let text = format!(
        "version: 1\nhosts:\n{hosts}client:\n  properties:\n    path: /p\n    extra:\n{keys}"
    );
    assert!(refused(&text).contains("are too many for one spec"));
    // A large fleet with a usual client is fine.
    let text = format!("version: 1\nhosts:\n{hosts}client: {{ java: {{ version: 17 }} }}\n");
    assert_eq!(read(&text).0.expect("a large fleet").hosts.len(), 9_000);
    let text = format!(
        "version: 1\nhosts: {{ a: {{ local: {{}} }} }}\n{}",
        keys.replace("      ", "")
    );
    let found = errors(&text);
    assert_eq!(found.len(), 9_000);
    let listing = shown(&text, &found);
    assert!(
        listing.contains("… and 8900 more"),
        "the listing stays short"
    );
    assert!(listing.ends_with("client.yaml: 9000 errors\n"));
}

#[test]
fn secrets_all_over() {
    for part in [
        "password",
        "password:",
        "password=\"x ",
        "password = 'x \"",
        "token: secret=",
    ] {
        let hidden = part.repeat(1024 * 1024 / part.len());
        refused(&format!("version: 1\nhosts: {{ a: [ # {hidden}"));
    }
}

#[test]
fn every_duplicate_key_is_named() {
    let text = "version: 1\nhosts: { a: { local: {}, local: {} } }\nversion: 1\n";
    let found = errors(text);
    let named: Vec<_> = found
        .iter()
        .map(|one| (one.message.as_str(), one.span.unwrap().line))
        .collect();
    assert_eq!(
        named,
        [("duplicate key `local`", 2), ("duplicate key `version`", 3)]
    );
    assert_eq!(found[1].label, "line 1 has it already: keep one of the two");
}

#[test]
fn what_is_no_yaml_has_a_place() {
    for (text, line) in [
        ("version: 1\nhosts: { a: [\n", 3),
        ("version: 1\nhosts:\n  a: b: c\n", 3),
        ("version: 1\n\thosts: {}\n", 2),
        ("version: 1\nhosts: *nobody\n", 2),
        ("version: 1\n---\nversion: 1\n", 2),
        ("version: 1\n? [a]\n: b\n", 2),
        ("version: 1\nx: \"unended\n", 2),
    ] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text}");
        let span = found[0].span.unwrap();
        assert!(span.line.abs_diff(line) <= 1, "{text:?}: {found:?}");
        assert!(
            found[0]
                .message
                .starts_with("this is not the YAML of a spec: "),
            "{found:?}"
        );
        assert!(!found[0].message.contains('\n'));
    }
}

const WORDS: &[&str] = &[
    "version",
    "hosts",
    "client",
    "vars",
    "topics",
    "kafka",
    "local",
    "ssh",
    "address",
    "ec2",
    "msk_iam_auth",
    "properties",
    "extra",
    "tables",
    "cluster",
    "name",
    "${",
    "${x}",
    "${table}",
    "${kafka.home}",
    "}",
    "$",
    ":",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "{",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!!int ",
    "!x ",
    "<<",
    "~",
    "null",
    "1",
    "2.12",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\r\n",
    "\t",
    "#",
    "---",
    "? ",
    "true",
];

/// A few, and all.
const CASES: (usize, usize) = (400, 10_000);

/// It is read, or there is an error that can be shown.
fn is_judged(text: &str) -> Result<(), TestCaseError> {
    let (resolved, problems) = read(text);
    prop_assert!(resolved.is_some() || problems.iter().any(|one| one.is_error()));
    let _ = shown(text, &problems);
    Ok(())
}

#[test]
fn no_bytes_panic() {
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    Sweep::cases("lied to: a spec of random bytes", CASES, &bytes, |bytes| {
        is_judged(&String::from_utf8_lossy(&bytes))
    });
}

#[test]
fn no_words_panic() {
    let words = prop::collection::vec(prop::sample::select(WORDS), 0..60);
    Sweep::cases(
        "lied to: a spec of a spec's words",
        CASES,
        &words,
        |words| is_judged(&words.concat()),
    );
}

/// A spec with a stretch of it replaced.
#[test]
fn no_damage_panics() {
    let words = prop::collection::vec(prop::sample::select(WORDS), 0..6);
    let damage = (0..700_usize, 0..40_usize, words);
    Sweep::cases(
        "lied to: a damaged spec",
        CASES,
        &damage,
        |(from, length, words)| {
            let whole = include_str!("../../../specs/fleet.yaml");
            let (before, rest) = whole.split_at(whole.floor_char_boundary(from.min(whole.len())));
            let after = &rest[rest.floor_char_boundary(length.min(rest.len()))..];
            is_judged(&format!("{before}{}{after}", words.concat()))
        },
    );
}
