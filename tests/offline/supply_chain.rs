//! `deny.toml`, held against Cargo.lock and what cargo tells of each crate: licences, sources, banned
//! crates. `cargo deny check` reads the same file, and advisories besides, for which it needs a network.

use std::{fs, path::Path, process::Command};

use regex::Regex;
use serde_json::Value;

/// A crate of the build.
#[derive(Clone)]
struct Package {
    name: String,
    version: String,
    /// In SPDX; `None` where nobody was asked.
    licence: Option<String>,
    /// Where it comes from; `None` for what is in this repository.
    source: Option<String>,
}

/// What `deny.toml` says.
struct Policy {
    licences: Vec<String>,
    sources: Vec<String>,
    /// Crates, each with the version that is the first one which may be taken, if any may.
    banned: Vec<(String, Option<String>)>,
}

impl Policy {
    fn read(text: &str) -> Self {
        let texts = |pattern: &str| -> Vec<String> {
            let list = Regex::new(pattern).expect("a pattern");
            let list = list.captures(text).expect("deny.toml has the list");
            let quoted = Regex::new("\"([^\"]*)\"").expect("a pattern");
            let quoted = quoted.captures_iter(list.get(1).expect("a list").as_str());
            quoted.map(|found| found[1].to_owned()).collect()
        };
        let banned = texts(r"(?s)\ndeny = \[(.*?)\n\]").into_iter();
        Self {
            licences: texts(r"(?s)\nallow = \[(.*?)\n\]"),
            sources: texts(r"\nallow-registry = \[(.*)\]"),
            banned: banned
                .map(|spec| match spec.split_once(":<") {
                    Some((name, first)) => (name.to_owned(), Some(first.to_owned())),
                    None => (spec, None),
                })
                .collect(),
        }
    }

    /// What is wrong with a crate.
    fn wrong(&self, package: &Package) -> Vec<String> {
        let Package {
            name,
            version,
            licence,
            source,
        } = package;
        let mut wrong = Vec::new();
        let Some(source) = source else {
            return wrong;
        };
        let known = |known: &String| source.strip_prefix("registry+") == Some(known);
        if !self.sources.iter().any(known) {
            wrong.push(format!("{name} comes from {source}"));
        }
        let known = |one: &str| self.licences.iter().any(|known| known == one);
        if let Some(licence) = licence
            .as_deref()
            .filter(|licence| !allowed(licence, &known))
        {
            wrong.push(format!("{name} has the licence `{licence}`"));
        }
        let banned = self.banned.iter().any(|(banned, first)| {
            banned == name
                && first
                    .as_ref()
                    .is_none_or(|first| numbers(version) < numbers(first))
        });
        if banned {
            wrong.push(format!("{name} {version} is banned"));
        }
        wrong
    }
}

/// Whether an SPDX expression can be met by licences that are allowed; AND binds closer than OR. The
/// `/` of before SPDX is an OR.
fn allowed(expression: &str, known: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = either(&mut rest, known);
    met && rest.is_empty()
}

fn either(rest: &mut &[&str], known: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(rest, known);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        met |= all(rest, known);
    }
    met
}

fn all(rest: &mut &[&str], known: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(rest, known);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        met &= one(rest, known);
    }
    met
}

fn one(rest: &mut &[&str], known: &dyn Fn(&str) -> bool) -> bool {
    let (met, after) = match *rest {
        ["(", inner @ ..] => {
            *rest = inner;
            let met = either(rest, known);
            match *rest {
                [")", after @ ..] => (met, after),
                after => (false, after),
            }
        }
        [name, "WITH", exception, after @ ..] => {
            (known(&format!("{name} WITH {exception}")), after)
        }
        [name, after @ ..] => (known(name), after),
        // Something has to come: what is left over is no expression.
        [] => (false, &["?"][..]),
    };
    *rest = after;
    met
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect()
}

/// Every crate of this build, with what it says of itself. Those of other platforms are not there to be
/// asked.
fn built() -> Vec<Package> {
    let cargo = |command: &mut Command| {
        let output = command.current_dir(root()).output().expect("it runs");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}");
        String::from_utf8(output.stdout).expect("text")
    };
    let version = cargo(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    command.args(["--filter-platform", host.expect("a platform")]);
    if !cfg!(feature = "aws") {
        command.arg("--no-default-features");
    }
    let metadata: Value = serde_json::from_str(&cargo(&mut command)).expect("JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packages = metadata["packages"].as_array().expect("a list").iter();
    packages
        .map(|package| Package {
            name: text(&package["name"]).expect("a name"),
            version: text(&package["version"]).expect("a version"),
            licence: Some(text(&package["license"]).unwrap_or_default()),
            source: text(&package["source"]),
        })
        .collect()
}

/// Every crate of a lock file, whatever the platform and the features.
fn locked(file: &str) -> Vec<Package> {
    let text = fs::read_to_string(root().join(file)).expect("a lock file");
    let packages = text.split("[[package]]").skip(1);
    packages
        .map(|package| {
            let field = |name: &str| {
                let fields = package.lines().filter_map(|line| line.split_once(" = "));
                let field = fields.into_iter().find(|(own, _)| *own == name);
                field.map(|(_, value)| value.trim_matches('"').to_owned())
            };
            Package {
                name: field("name").expect("a name"),
                version: field("version").expect("a version"),
                licence: None,
                source: field("source"),
            }
        })
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn policy() -> Policy {
    Policy::read(&fs::read_to_string(root().join("deny.toml")).expect("a policy"))
}

#[test]
fn every_crate_is_as_the_policy_says() {
    let policy = policy();
    let (built, locked, fuzz) = (built(), locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    assert!(built.len() > 200 && locked.len() > built.len() && fuzz.len() > 100);
    let all = built.iter().chain(&locked).chain(&fuzz);
    let wrong: Vec<String> = all.flat_map(|package| policy.wrong(package)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_crate_that_is_not_is_named() {
    let policy = policy();
    let good = Package {
        name: "good".into(),
        version: "1.0.0".into(),
        licence: Some("MIT OR GPL-3.0".into()),
        source: Some("registry+https://github.com/rust-lang/crates.io-index".into()),
    };
    assert_eq!(policy.wrong(&good), Vec::<String>::new());
    let odd = |change: &dyn Fn(&mut Package)| {
        let mut package = good.clone();
        change(&mut package);
        policy.wrong(&package)
    };
    for licence in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT OR",
        "MIT WITH x",
        "",
    ] {
        let wrong = odd(&|package| package.licence = Some(licence.into()));
        assert_eq!(wrong, [format!("good has the licence `{licence}`")]);
    }
    for licence in [
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT AND ISC",
        "(GPL-3.0 OR MIT) AND BSD-3-Clause",
    ] {
        assert!(
            odd(&|package| package.licence = Some(licence.into())).is_empty(),
            "{licence}"
        );
    }
    for (name, version, banned) in [
        ("openssl-sys", "0.9.0", true),
        ("rustls", "0.21.12", true),
        ("rustls", "0.23.0", false),
        ("hyper-rustls", "0.24.2", true),
    ] {
        let wrong = odd(&|package| (package.name, package.version) = (name.into(), version.into()));
        assert_eq!(!wrong.is_empty(), banned, "{name} {version}: {wrong:?}");
    }
    for source in [
        "git+https://github.com/a/b#c",
        "registry+https://example.com/index",
    ] {
        let wrong = odd(&|package| package.source = Some(source.into()));
        assert_eq!(wrong, [format!("good comes from {source}")]);
    }
}
