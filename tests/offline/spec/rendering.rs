//! What people see of problems, letter by letter.

use trueup::diagnostic::{Problem, Span, render};

use super::{errors, read, shown};

#[test]
fn five_mistakes_in_one_run() {
    let text = include_str!("../../fixtures/specs/five-mistakes.yaml");
    let lines: Vec<u32> = errors(text)
        .iter()
        .map(|one| one.span.unwrap().line)
        .collect();
    let mut sorted = lines.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [5, 7, 8, 11, 12]);
    let (resolved, problems) = read(text);
    assert!(resolved.is_none());
    let expected = include_str!("../../fixtures/specs/five-mistakes.txt");
    let found = shown(text, &problems);
    assert!(found == expected, "found:\n{found}\nexpected:\n{expected}");
}

#[test]
fn colour_says_nothing_more() {
    let text = include_str!("../../fixtures/specs/five-mistakes.yaml");
    let (_, problems) = read(text);
    let styled = render("client.yaml", text, &problems, true, 100);
    assert!(styled.contains('\u{1b}'));
    let stripped = anstream::adapter::strip_str(&styled).to_string();
    assert_eq!(stripped, shown(text, &problems));
}

#[test]
fn nothing_of_the_source_moves_a_cursor() {
    let text = "version: 1\nhosts: { \"a\\e[2Jb\u{202e}\": { local: {} }, \"c\u{200b}\": { lo\u{a0}cal: 1 } }\n";
    let (_, problems) = read(text);
    assert!(problems.len() >= 3, "{problems:?}");
    let listing = render("a\u{1b}b.yaml", text, &problems, false, 100);
    let hidden =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}' | '\u{a0}');
    assert!(!listing.contains(hidden), "{listing:?}");
    assert!(listing.contains("`a\\u{1b}[2Jb\\u{202e}`"), "{listing}");
    assert!(listing.contains("a\\u{1b}b.yaml:2:10"), "{listing}");
    // One that the YAML reader itself refuses.
    let text = "version: 1\nhosts: { \"a\u{1b}[2Jb\": { local: {} } }\n";
    let (_, problems) = read(text);
    let listing = shown(text, &problems);
    assert!(!listing.contains(hidden), "{listing:?}");
}

#[test]
fn odd_places_are_shown() {
    let span = |start, end, line, column| Span {
        start,
        end,
        line,
        column,
    };
    let text = "a: 1\nb:\n";
    for problem in [
        Problem::error(span(7, 7, 2, 3), "at the end of a line", "here"),
        Problem::error(span(8, 8, 3, 1), "at the end", "here"),
        Problem::error(span(900, 901, 99, 1), "beyond the end", "here"),
        Problem::error(span(0, 8, 1, 1), "over lines", ""),
        Problem::warning(None, "nowhere", "a way out"),
        Problem::warning(None, "nowhere", ""),
    ] {
        let listing = render("x.yaml", text, std::slice::from_ref(&problem), false, 100);
        assert!(listing.contains(&problem.message), "{listing}");
        assert!(listing.contains(&problem.label), "{listing}");
        assert!(listing.contains("x.yaml: 1 "), "{listing}");
    }
    assert_eq!(render("x.yaml", text, &[], false, 100), "");
    let long = format!("a: {}b\n", "é".repeat(5_000));
    let at = long.len() - 2;
    let problem = Problem::error(span(at, at + 1, 1, 5_004), "far to the right", "here");
    let listing = render("x.yaml", &long, &[problem], false, 100);
    assert!(listing.contains("x.yaml:1:5004"), "{listing}");
    assert!(
        listing.lines().all(|line| line.chars().count() < 160),
        "{listing}"
    );
}
