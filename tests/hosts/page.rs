//! `--format html` in a real browser: pages of all kinds are opened from their files, without a network.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    html::{Element, read},
    pages::samples,
    rig::{Host, trueup},
};

/// All that a page looks like; a page alone is judged in each, of several those after the first in two.
const LOOKS: &str = "light,dark,light-narrow,dark-narrow,zoomed";

/// Opens pages; what is wrong with each.
fn judged(looks: &str, pages: &[(&str, String)]) -> BTreeMap<String, Vec<String>> {
    let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from);
    let cache = cache.expect(
        "a browser's tools: run tests/run, or tests/rig/rig run -- cargo test --test hosts",
    );
    // Pictures stay, for those who want to look.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/page.cjs"));
    command.arg(cache.join("browser")).arg(&folder).arg(looks);
    for (name, text) in pages {
        let file = folder.join(format!("{name}.html"));
        fs::write(&file, text).expect("written");
        command.arg(file);
    }
    let output = command.output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_browser_has_nothing_to_complain_of() {
    let judged = judged(LOOKS, &samples());
    assert_eq!(judged.len(), 7);
    let wrong: Vec<_> = judged
        .iter()
        .filter(|(_, wrong)| !wrong.is_empty())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What would be wrong is found.
#[test]
fn a_browser_complains_of_what_is_wrong() {
    let (_, page) = samples().remove(0);
    let before_heading = |markup: &str| page.replacen("<h2", &format!("{markup}<h2"), 1);
    let spoiled = [
        (
            "asks",
            before_heading("<img alt=\"\" src=\"https://example.com/x.png\">"),
            "asks for https://example.com/x.png",
        ),
        (
            "runs",
            before_heading("<script>alert(1)</script>"),
            "Content Security Policy",
        ),
        (
            "unlabelled",
            page.replacen("<label for=\"search\">", "<label>", 1),
            "axe: label",
        ),
        (
            "wide",
            before_heading("<svg width=\"2000\" height=\"1\"></svg>"),
            "pixels wide in 390",
        ),
    ];
    let pages: Vec<(&str, String)> = spoiled
        .iter()
        .map(|(name, page, _)| (*name, page.clone()))
        .collect();
    let judged = judged("dark-narrow", &pages);
    for (name, _, wanted) in &spoiled {
        let wrong = &judged[*name];
        assert!(
            wrong.iter().any(|wrong| wrong.contains(wanted)),
            "{name}: {wrong:#?}"
        );
    }
}

#[test]
fn a_fault_is_on_the_page_since_when_and_gone_after_an_apply() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("properties: { path: ~/client.properties, extra: { x: y } }");
    let spec = spec.to_str().expect("text");
    let at = |name: &str| host.folder.path().join(name);
    let history = at("runs.jsonl");
    let history = ["--history", history.to_str().expect("text")];
    let apply = || {
        trueup(
            &host,
            &[&["apply", spec, "--auto-approve"], &history[..]].concat(),
        )
        .code(0)
    };
    let drift = |code| -> Element {
        let page = at("drift.html");
        let to = format!("html={}", page.display());
        trueup(
            &host,
            &[&["drift", spec, "--format", &to], &history[..]].concat(),
        )
        .code(code);
        read(&fs::read_to_string(page).expect("a page"))
    };
    apply();
    let states = |page: &Element| -> Vec<String> {
        let parts = page.of_class("part").into_iter();
        parts
            .map(|part| part.attribute("data-state").to_owned())
            .collect()
    };
    assert_eq!(states(&drift(0)), ["in sync"]);
    host.user("chmod 0644 ~/client.properties && echo x=z >>~/client.properties");
    let page = drift(2);
    assert_eq!(states(&page), ["drifted"]);
    let text = page.text();
    for part in [
        "1 drifted",
        "exit code 2: something differs from the spec",
        "changed client/properties",
        "mode 0644 0600",
        "(last in sync ",
        "~/client.properties changed ",
        "3 runs since ",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let fix = page
        .all()
        .into_iter()
        .find(|one| one.attribute("id") == "fix");
    assert_eq!(
        fix.expect("a command").text(),
        format!("trueup apply {spec}")
    );
    apply();
    let page = drift(0);
    assert_eq!(states(&page), ["in sync"]);
    assert!(
        !page.text().contains("client/properties changed"),
        "{}",
        page.text()
    );
}
