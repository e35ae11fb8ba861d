//! The small corpora of `fuzz/`, run through the same functions that libFuzzer runs (`tests/fuzz`).

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use targets::TARGETS;

/// All corpora together, in bytes: they are for reading back what was found, not for finding.
const MOST_BYTES: u64 = 160 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Names of what is in a folder, without their endings.
fn names(name: &str) -> BTreeSet<String> {
    let stem = |path: PathBuf| {
        path.file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    files(&folder(name)).into_iter().map(stem).collect()
}

#[test]
fn every_target_has_all_its_parts() {
    let wanted: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for parts in ["fuzz_targets", "corpus", "dictionaries"] {
        assert_eq!(names(parts), wanted, "fuzz/{parts}");
    }
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("a manifest");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let script = fs::read_to_string(script).expect("a script");
    let all = script
        .lines()
        .find_map(|line| line.split_once("|| set -- "));
    let all: BTreeSet<String> = all
        .expect("all targets")
        .1
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert_eq!(all, wanted, "tests/fuzz");
    let mut bytes = 0;
    for name in &wanted {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not built"
        );
        let target = folder("fuzz_targets").join(format!("{name}.rs"));
        let target = fs::read_to_string(target).expect("a target");
        assert!(
            target.contains(&format!("trueup_fuzz::{name}(")),
            "{name} runs another"
        );
        let corpus = files(&folder("corpus").join(name));
        assert!(
            corpus.len() >= 10,
            "{name} has a corpus of {}",
            corpus.len()
        );
        bytes += corpus
            .iter()
            .map(|file| fs::metadata(file).expect("a file").len())
            .sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes of corpora");
}

#[test]
fn what_was_found_once_is_fine() {
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        for file in files(&folder("corpus").join(name)) {
            let bytes = fs::read(&file).expect("a file");
            // What is wrong is printed by the panic.
            if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                wrong.push(file);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
