//! `deny.toml`, judged by the program that reads it: what may not come in is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::rig::Said;

/// What the tool says of a program that needs this one crate, out of a folder or of a repository.
fn judged(check: &str, (name, version): (&str, &str), licence: &str, key: &str) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path);
    let run = |program: &Path, words: &[&str], place: PathBuf| -> Said {
        let mut command = Command::new(program);
        command.args(words).current_dir(place);
        Said::new(
            command
                .env("CARGO_HOME", at("home"))
                .output()
                .expect("it runs"),
        )
    };
    for (crate_folder, text) in [
        (
            "needed",
            format!(
                "[package]\nname = \"{name}\"\nversion = \"{version}\"\nlicense = \"{licence}\"\n"
            ),
        ),
        (
            "program",
            format!(
                "[package]\nname = \"program\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\n\
                 [dependencies]\n{name} = {{ {key} = \"{}\", version = \"{version}\" }}\n",
                match key {
                    "git" => format!("file://{}", at("needed").display()),
                    _ => at("needed").display().to_string(),
                }
            ),
        ),
    ] {
        fs::create_dir_all(at(crate_folder).join("src")).expect("made");
        fs::write(at(crate_folder).join("Cargo.toml"), text).expect("written");
        fs::write(at(crate_folder).join("src/lib.rs"), "").expect("written");
    }
    let commit = "git init -q && git add . && git -c user.name=x -c user.email=x commit -qm x";
    run(Path::new("sh"), &["-c", commit], at("needed")).code(0);
    let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from);
    let tool = cache
        .expect("inside `rig run`")
        .join("cargo-deny/bin/cargo-deny");
    assert!(tool.exists(), "no cargo-deny: `tests/run` installs it");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    let policy = policy.to_str().expect("text");
    let words = ["--log-level", "error", "--config", policy, "check", check];
    run(&tool, &words, at("program"))
}

#[test]
fn what_may_not_come_in_is_refused() {
    let good = ("good", "1.0.0");
    for (check, package, licence, key) in [
        ("bans", good, "MIT", "path"),
        ("bans", ("rustls", "0.23.0"), "MIT", "path"),
        ("licenses", good, "GPL-3.0-only OR ISC", "path"),
        ("sources", good, "MIT", "path"),
    ] {
        judged(check, package, licence, key)
            .code(0)
            .says(&format!("{check} ok"));
    }
    for (check, package, licence, key, wrong) in [
        ("bans", ("openssl-sys", "0.9.0"), "MIT", "path", "banned"),
        ("bans", ("rustls", "0.21.12"), "MIT", "path", "banned"),
        ("licenses", good, "GPL-3.0-only", "path", "rejected"),
        ("sources", good, "MIT", "git", "source-not-allowed"),
    ] {
        let said = judged(check, package, licence, key);
        assert_ne!(said.code, 0, "{check} {package:?} {licence} {key}");
        said.says(&format!("error[{wrong}]"));
    }
}
