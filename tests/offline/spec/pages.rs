//! README and the pages under `docs/`: what they show and where they lead.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::good;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages, by path.
fn pages() -> BTreeMap<PathBuf, String> {
    let docs = fs::read_dir(root().join("docs")).expect("docs");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    let top = ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    let all: BTreeMap<_, _> = docs
        .chain(top)
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("text")))
        .collect();
    assert!(all.len() > 8, "{all:?}");
    all
}

/// What a heading is called in a link, as forges have it.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut seen = 0;
    for (page, text) in &pages {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().expect("an end");
            if link.starts_with("https://") {
                continue;
            }
            seen += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            let to = to.canonicalize();
            let to = to.unwrap_or_else(|error| panic!("{}: {link}: {error}", page.display()));
            if !heading.is_empty() {
                let mut headings = pages[&to].lines().filter(|line| line.starts_with('#'));
                let found =
                    headings.any(|line| anchor(line.trim_start_matches(['#', ' '])) == heading);
                assert!(found, "{}: {link}", page.display());
            }
        }
    }
    assert!(seen > 20, "{seen} links");
    // No page is left where nobody comes.
    let readme = &pages[&root().join("README.md")];
    for page in pages
        .keys()
        .filter(|page| page.starts_with(root().join("docs")))
    {
        let name = page.file_name().expect("a name").to_str().expect("text");
        assert!(
            readme.contains(&format!("](docs/{name})")),
            "README leads not to {name}"
        );
    }
}

#[test]
fn the_readme_is_short_and_its_spec_is_one_that_works() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(readme.lines().count() < 250);
    let (_, spec) = readme.split_once("\n```yaml\n").expect("a spec");
    let (spec, _) = spec.split_once("\n```\n").expect("its end");
    good(&format!("{spec}\n"));
    let whole = fs::read_to_string(root().join("specs/pinterest-client.yaml")).expect("the spec");
    assert!(
        whole.ends_with(&format!("\n{spec}\n")),
        "README shows another one:\n{spec}"
    );
}
