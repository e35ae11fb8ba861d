//! `--format html`: one page that holds everything, fetches nothing, and shows what it is told as text.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use trueup::{
    exit::Code,
    report::{Format, ReportKind, render},
};

use super::formats::{self, each};
use crate::{
    html::{Element, read},
    pages,
    values::*,
};

/// A page of a hundred hosts may have so many bytes.
const MOST_BYTES: usize = 300_000;

/// All that a page is made of.
const ELEMENTS: [&str; 48] = [
    "html", "head", "meta", "link", "title", "style", "script", "body", "header", "main", "footer",
    "section", "article", "h1", "h2", "h3", "p", "ul", "li", "a", "b", "i", "code", "pre", "ins",
    "del", "span", "div", "time", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "details", "summary", "form", "fieldset", "legend", "label", "input", "button", "output",
    "svg", "rect", "",
];

/// Nothing on it can run or fetch anything but what it says itself, and that is let by its own policy.
fn assert_contained(page: &str) -> Element {
    super::assert_tame(page);
    let tree = read(page);
    for element in tree.all() {
        assert!(ELEMENTS.contains(&&*element.name), "<{}>", element.name);
        for (name, value) in &element.attributes {
            assert!(
                !name.starts_with("on") && name != "style" && name != "src",
                "{name}={value}"
            );
            let is_here = value.starts_with('#') || value == "data:,";
            assert!(name != "href" || is_here, "{name}={value}");
        }
    }
    let policy = tree.named("meta").into_iter();
    let policy = policy
        .map(|meta| meta.attribute("content"))
        .find(|text| text.starts_with("default-src 'none';"));
    let policy = policy.expect("a policy");
    for name in ["style", "script"] {
        let all = tree.named(name);
        assert_eq!(all.len(), 1, "<{name}>");
        let hash = BASE64_STANDARD.encode(Sha256::digest(all[0].raw()));
        assert!(
            policy.contains(&format!("{name}-src 'sha256-{hash}'")),
            "{policy}"
        );
    }
    tree
}

#[test]
fn a_page_is_whole_whatever_is_told() {
    let mut pages = 0;
    each(|name, report| {
        let page = render(Format::Html, report);
        let tree = assert_contained(&page);
        for element in ["title", "h1", "main", "header", "footer", "form"] {
            assert_eq!(tree.named(element).len(), 1, "{name}: <{element}>");
        }
        // The same again is the same to the byte.
        assert_eq!(render(Format::Html, report), page, "{name}");
        pages += 1;
    });
    assert!(pages > 50, "{pages}");
    for (_, page) in pages::samples() {
        assert_contained(&page);
    }
}

#[test]
fn what_is_from_elsewhere_is_text() {
    for text in [formats::MARKUP, HOSTILE, pages::MARKUP] {
        let (plan, outcomes) = (formats::filled_with(text), [formats::outcome_of(text)]);
        for told in [
            ReportKind::Plan,
            ReportKind::Drift,
            ReportKind::Apply,
            ReportKind::Saved,
        ] {
            let page = render(Format::Html, &report(told, &plan, &outcomes, Code::Partial));
            assert_contained(&page);
        }
    }
    // It is all there, and nothing of it hides.
    let text = assert_contained(&pages::hostile_markup()).text();
    for part in [
        "</td></article><script>alert(1)</script><img src=x onerror=alert(2)> \" ' ` & &lt; <!-- --> ]]>",
        "\\u{202e}gnp.exe \\u{1b}[2J\\u{0} ::error::x",
    ] {
        assert!(text.matches(part).count() > 10, "{text}");
    }
}

#[test]
fn a_hundred_hosts_fit_equal_or_not() {
    let all = [("unequal", pages::unequal()), ("usual", pages::hundred())];
    for (name, plan) in all {
        let page = pages::drift(plan, &pages::before_hundred());
        assert!(page.len() < MOST_BYTES, "{name}: {} bytes", page.len());
        // Nothing was left out for that.
        let tree = read(&page);
        let hosts: usize = tree.of_class("part").iter().map(|part| count(part)).sum();
        assert_eq!(hosts, 100, "{name}");
        assert!(tree.text().contains("role/old-90"), "{name}");
    }
}

/// How many hosts it is of.
fn count(part: &Element) -> usize {
    let names = part.of_class("names").into_iter();
    let names: usize = names.map(|names| names.named("li").len()).sum();
    match part.attribute("data-kind") {
        "hosts" => names.max(1),
        _ => 0,
    }
}

#[test]
fn what_is_equal_is_said_once_and_what_is_wrong_first() {
    let tree = read(&pages::drift(pages::hundred(), &[]));
    let parts = tree.of_class("part");
    let groups = parts.iter().filter(|part| count(part) > 1);
    let groups: Vec<(usize, &str)> = groups
        .map(|part| (count(part), part.attribute("data-state")))
        .collect();
    assert_eq!(groups, [(19, "drifted"), (67, "in sync")]);
    // Each of them is named.
    let names = tree.of_class("names")[0].named("li");
    assert_eq!(
        (names.len(), names[0].text()),
        (19, "client-003".to_owned())
    );
    let mut states: Vec<&str> = parts
        .iter()
        .map(|part| part.attribute("data-state"))
        .collect();
    states.dedup();
    assert_eq!(states, ["drifted", "locked", "unreachable", "in sync"]);
    let counts = tree.of_class("counts")[0].text();
    assert_eq!(counts, "31 drifted 1 locked 2 unreachable 67 in sync");
    // What others of them have in common with one is not said again, either.
    let shared = |part: &&&Element| part.text().starts_with("client-010 ");
    let part = parts.iter().find(shared).expect("client-010");
    let links = part.named("a");
    let texts: Vec<String> = links.iter().map(|link| link.text()).collect();
    assert_eq!(
        texts,
        [
            "lines of ~/.bashrc: the same as of client-000",
            "2 notes: the same as of client-000"
        ]
    );
    let id = links[0].attribute("href").trim_start_matches('#');
    let target = tree.all().into_iter().find(|one| one.attribute("id") == id);
    assert!(
        target
            .expect("where it leads")
            .text()
            .contains("@@ line 3 @@")
    );
}

#[test]
fn a_page_says_what_is_wrong_since_when_and_what_to_do() {
    let tree = read(&pages::three());
    let header = tree.named("header")[0].text();
    for part in [
        "trueup drift specs/pinterest-client.yaml",
        "2026-11-27 03:10 UTC, 3 hosts and 1 cluster in 0.3 s",
        "3 drifted 1 unreachable",
        "exit code 4: not every host could be read",
        "fix: trueup apply specs/pinterest-client.yaml --host client-1,client-3",
    ] {
        assert!(header.contains(part), "no `{part}` in {header}");
    }
    let of = |name: &str| {
        let parts = tree.of_class("part").into_iter();
        let mut parts = parts.filter(|part| part.named("h3")[0].text().starts_with(name));
        parts.next().unwrap_or_else(|| panic!("no {name}"))
    };
    let client = of("client-3").text();
    for part in [
        "client-3 drifted",
        "since 2026-11-27 01:10 (last in sync 00:10)",
        "changed client/java a fresh shell runs Java 17.0.2, the spec wants 1.8.0",
        "version 17.0.2 1.8.0",
        "home /usr/lib/jvm/java-17 known after client/java",
    ] {
        assert!(client.contains(part), "no `{part}` in {client}");
    }
    let away = of("client-2").text();
    assert!(
        away.contains("error: connection timed out after 10 s"),
        "{away}"
    );
    assert!(away.contains("help: does the security group"), "{away}");
    let topics = of("topics of b-1.pinterest").text();
    for part in [
        "missing topics/0ab336d6fcf7.user not on the cluster apply would create it, empty",
        "extra topics/0ab336d6fcf7.old",
        "warning: the topic goes with every message in it",
        "in no table of the spec, left alone: 0ab336d6fcf7.test, 0ab336d6fcf7.test2",
        "1 address as the spec says topics/0ab336d6fcf7.pin",
    ] {
        assert!(topics.contains(part), "no `{part}` in {topics}");
    }
    let client = of("client-1").text();
    let file = "aws-msk-iam-auth-1.1.5-all.jar ~/.bashrc changed 02:40, owner ec2-user";
    assert!(client.contains(file), "no `{file}` in {client}");
    // Lines of a file, each with what became of it.
    let added = of("client-1").named("ins");
    assert!(
        added
            .iter()
            .any(|line| line.text() == "+ # trueup: CLASSPATH, managed")
    );
}

#[test]
fn the_runs_before_are_on_a_page_and_none_of_none() {
    let page = pages::drift(pages::hundred(), &pages::before_hundred());
    let tree = read(&page);
    let runs = tree.of_class("runs")[0].named("tbody")[0].named("tr");
    assert_eq!(runs.len(), 31);
    assert_eq!(runs[0].text(), "2026-11-27 03:10 drift 7 67 31 3 2.1 s");
    assert_eq!(runs[30].text(), "2026-11-25 21:10 drift 0 100 0 0 2.1 s");
    assert!(
        tree.text()
            .contains("31 runs since 2026-11-25 21:10, 24 of them with everything in sync")
    );
    // The strip has a bar for each, and of the last one all three.
    let bars = tree.named("rect");
    let last: Vec<&str> = bars
        .iter()
        .filter(|bar| bar.attribute("x") == "300")
        .map(|bar| bar.attribute("class"))
        .collect();
    assert_eq!(last, ["bad", "warn", "good"]);
    for page in [
        pages::drift(pages::hundred(), &[]),
        render(
            Format::Html,
            &report(ReportKind::Drift, &example(), &[], Code::Changes),
        ),
    ] {
        assert!(read(&page).of_class("runs").is_empty());
    }
}

#[test]
fn a_command_is_copied_as_a_shell_reads_it() {
    let plan = blocked_and_unknown();
    let next = ["trueup", "apply", "specs/it's <mine>.yaml", "--host", "a,b"].map(String::from);
    let mut report = report(ReportKind::Drift, &plan, &[], Code::Unreachable);
    report.next = &next;
    let tree = read(&render(Format::Html, &report));
    let fix = tree
        .all()
        .into_iter()
        .find(|one| one.attribute("id") == "fix");
    let fix = fix.expect("a command").raw();
    assert_eq!(fix, "trueup apply 'specs/it'\\''s <mine>.yaml' --host a,b");
    assert!(tree.text().contains("it leaves what is blocked"));
}
