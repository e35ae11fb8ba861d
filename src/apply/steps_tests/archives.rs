//! Archives: what could lead out of one is refused, and nothing but the stage is written.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{SECRET, SHELLS, Sandbox};

/// Archives that are refused, with the reasons.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("below a link", "has a file below a link"),
    ("below a link that comes later", "has a file below a link"),
    ("below a link in the archive", "has a file below a link"),
    ("the top is a link", "holds no kafka_2.12-2.8.1"),
    ("below a top that is a link", "has a file below a link"),
    ("hard, absolute", "has a link to what is not in it"),
    ("hard, by dots", "has a link to what is not in it"),
    ("hard, to nothing", "has a link to what is not in it"),
    ("hard, to a link", "has a link to what is not in it"),
    (
        "hard, to a link that comes later",
        "has a link to what is not in it",
    ),
    (
        "hard, hidden by its owner",
        "has a link to what is not in it",
    ),
    ("a newline", "cannot be read: its names hold newlines"),
    (
        "a newline after a backslash",
        "cannot be read: its names hold newlines",
    ),
    (
        "a link with a newline",
        "cannot be read: its names hold newlines",
    ),
    (
        "a newline before a path",
        "cannot be read: its names hold newlines",
    ),
    (
        "a newline before dots",
        "cannot be read: its names hold newlines",
    ),
    ("an absolute name", "points outside of itself"),
    ("an absolute name alone", "points outside of itself"),
    ("dots", "points outside of itself"),
    ("dots in between", "points outside of itself"),
    ("dots at the end", "points outside of itself"),
    ("a device", "holds a device or the like"),
    ("a block device", "holds a device or the like"),
    ("a pipe", "holds a device or the like"),
    ("soft, absolute", "holds links that lead out of it"),
    ("soft, to a folder", "holds links that lead out of it"),
    ("soft, by dots", "holds links that lead out of it"),
    ("soft, over another", "holds links that lead out of it"),
    (
        "soft, to nothing outside",
        "holds links that lead out of it",
    ),
    ("soft, out and in again", "holds links that lead out of it"),
    ("soft, into the stage", "holds links that lead out of it"),
    ("two tops", "holds something else than kafka_2.12-2.8.1"),
    (
        "two tops, alike",
        "holds something else than kafka_2.12-2.8.1",
    ),
    (
        "a file beside",
        "holds something else than kafka_2.12-2.8.1",
    ),
    ("our own folder", "holds something of trueup's"),
    ("our own folder as a link", "holds something of trueup's"),
    ("nothing", "is empty"),
];

#[test]
fn what_leads_out_of_an_archive_is_refused_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    for tree in ["is new", "is damaged"] {
        if tree == "is damaged" {
            fs::create_dir_all(sandbox.at("home/kafka/libs")).expect("made");
            fs::write(sandbox.at("home/kafka/libs/old.jar"), "old\n").expect("written");
        }
        let before = sandbox.all();
        for (archive, reason) in REFUSED {
            for shell in SHELLS {
                let about = format!("{archive}, the tree {tree}, {shell:?}");
                let reply = match sandbox.unpack(shell, archive) {
                    Err(reply) => reply,
                    Ok(reply) => panic!("{about}: it was unpacked: {reply}: {:#?}", sandbox.all()),
                };
                // busybox has a tar of its own, which shows names otherwise.
                let own = shell[0] == "busybox" && reply.contains("the archive ");
                assert!(
                    own || reply.contains(&format!("the archive {reason}")),
                    "{about}: {reply}"
                );
                assert_eq!(sandbox.all(), before, "{about}");
            }
        }
    }
}

#[test]
fn links_inside_of_an_archive_and_odd_names_are_no_harm() {
    let sandbox = Sandbox::new();
    for shell in SHELLS {
        let reply = sandbox.unpack(shell, "good");
        let reply = reply.unwrap_or_else(|reply| panic!("{shell:?}: {reply}"));
        assert!(reply.contains("placed 4:tree"), "{shell:?}: {reply}");
        let whole = sandbox.all();
        for (name, is) in [
            ("LICENSE", "new\n"),
            ("hard", "new\n"),
            ("hard too", "new\n"),
            ("soft link to LICENSE", "new\n"),
            ("a\\b", "new\n"),
            ("grün", "new\n"),
            ("-n", "new\n"),
            ("libs/to-file", "to ../LICENSE"),
            ("libs/to-folder", "to ../config"),
            ("libs/to-link", "to to-file"),
        ] {
            let path = sandbox.at("home/kafka").join(name);
            let found = whole.get(&path).map(String::as_str);
            assert_eq!(found, Some(is), "{shell:?}: {name}");
        }
        assert!(sandbox.at("home/kafka/libs/to-folder/a").is_file());
        assert!(!sandbox.stage().exists(), "{shell:?}");
        let manifest =
            fs::read_to_string(sandbox.at("home/kafka/.trueup/manifest")).expect("a manifest");
        // Each file, and what leads to one.
        assert_eq!(manifest.lines().count(), 1 + 14, "{shell:?}: {manifest}");

        // What is gone comes again, into a tree of another name than the archive's.
        for name in ["libs/to-link", "hard too", "grün", "libs/to-file"] {
            fs::remove_file(sandbox.at("home/kafka").join(name)).expect("removed");
        }
        fs::remove_dir_all(sandbox.at("home/kafka/config")).expect("removed");
        fs::write(
            sandbox.at("home/kafka/libs/kafka-clients-2.8.1.jar"),
            "old\n",
        )
        .expect("written");
        let reply = sandbox.unpack(shell, "good");
        let reply = reply.unwrap_or_else(|reply| panic!("{shell:?}: {reply}"));
        assert!(reply.contains("repaired 1:6"), "{shell:?}: {reply}");
        assert!(!sandbox.stage().exists(), "{shell:?}");
        let again = sandbox.all();
        // A link comes again as the file that it led to.
        let names = |all: &BTreeMap<PathBuf, String>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&again), names(&whole), "{shell:?}");
        let jar = sandbox.at("home/kafka/libs/kafka-clients-2.8.1.jar");
        assert_eq!(again[&jar], "new\n", "{shell:?}");
        fs::remove_dir_all(sandbox.at("home/kafka")).expect("removed");
    }
    let secret = fs::read_to_string(sandbox.at("outside/secret")).expect("there");
    assert_eq!(secret, SECRET);
}

/// As root, and as somebody whom modes bind.
#[test]
fn modes_of_an_archive_open_nothing_and_close_nothing() {
    for shell in SHELLS {
        for user in [None, Some("nobody")] {
            let mut sandbox = Sandbox::new();
            sandbox.user = user;
            let give = |path: &Path| {
                let mut given = Command::new("chown");
                given.args(["-R", user.unwrap_or("root")]).arg(path);
                assert!(given.status().expect("chown runs").success(), "as root");
            };
            give(sandbox.folder.path());
            let unpack = || sandbox.unpack(shell, "modes");
            let reply = match unpack() {
                Ok(reply) => reply,
                // Its tar closes a folder before it has unpacked what is in it; nothing stays of it.
                Err(reply) if shell[0] == "busybox" && user.is_some() => {
                    assert!(reply.contains("cannot unpack in"), "{reply}");
                    assert!(!sandbox.stage().exists() && !sandbox.at("home/kafka").exists());
                    continue;
                }
                Err(reply) => panic!("{shell:?} {user:?}: {reply}"),
            };
            assert!(reply.contains("placed 4:tree"), "{shell:?}: {reply}");
            let mode = |name: &str| {
                let found = fs::metadata(sandbox.at("home/kafka").join(name)).expect("there");
                found.permissions().mode() & 0o7777
            };
            for (name, is) in [
                ("closed", 0o755),
                ("closed/in", 0o755),
                ("closed/in/file", 0o644),
                ("open", 0o755),
                ("suid", 0o755),
                ("sgid", 0o755),
                ("everybody", 0o644),
                ("bin/kafka-topics.sh", 0o755),
            ] {
                assert_eq!(mode(name), is, "{shell:?} {user:?}: {name}");
            }
            // What an earlier version left behind with such folders goes.
            let left = sandbox.stage().join("tree/closed");
            fs::create_dir_all(&left).expect("made");
            fs::write(left.join("file"), "").expect("written");
            give(&sandbox.stage());
            fs::set_permissions(&left, fs::Permissions::from_mode(0o555)).expect("closed");
            fs::remove_file(sandbox.at("home/kafka/LICENSE")).expect("removed");
            let reply = unpack().unwrap_or_else(|reply| panic!("{shell:?} {user:?}: {reply}"));
            assert!(reply.contains("repaired 1:1"), "{shell:?}: {reply}");
            assert!(!sandbox.stage().exists(), "{shell:?}");
        }
    }
}

#[test]
fn what_is_unpacked_is_what_was_checked() {
    let sandbox = Sandbox::new();
    let bytes = fs::read(sandbox.at("archives/good.tgz")).expect("there");
    let digest = crate::text::hex(&<sha2::Sha512 as sha2::Digest>::digest(&bytes));
    for shell in SHELLS {
        let before = sandbox.all();
        let reply = sandbox.unpack_as(shell, "modes", &digest);
        let reply = reply.expect_err("another one");
        let is = "the archive is not the one that was checked";
        assert!(reply.contains(is), "{shell:?}: {reply}");
        assert_eq!(sandbox.all(), before, "{shell:?}");
        let reply = sandbox.unpack_as(shell, "good", &digest);
        assert!(reply.is_ok(), "{shell:?}: {reply:?}");
        fs::remove_dir_all(sandbox.at("home/kafka")).expect("removed");
    }
}
