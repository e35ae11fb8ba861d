//! `--format html` in a real browser: pages of all kinds are opened from their files, without a network.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::pages::samples;

/// Opens pages; what is wrong with each.
fn judged(pages: &[(&str, String)]) -> BTreeMap<String, Vec<String>> {
    let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from);
    let cache = cache.expect(
        "a browser's tools: run tests/run, or tests/rig/rig run -- cargo test --test hosts",
    );
    // Pictures stay, for those who want to look.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/page.cjs"));
    command.arg(cache.join("browser")).arg(&folder);
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
    let judged = judged(&samples());
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
    let judged = judged(&pages);
    for (name, _, wanted) in &spoiled {
        let wrong = &judged[*name];
        assert!(
            wrong.iter().any(|wrong| wrong.contains(wanted)),
            "{name}: {wrong:#?}"
        );
    }
}
