//! Steps as a host runs them, against somebody who means harm. Archives: what could lead out of one is
//! refused, and nothing but the stage is written. Other accounts: they get no secret, and put nothing in.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::holder::STEPS;

/// `sh` on Debian, on Amazon Linux, and where there is little room.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

const TOP: &str = "kafka_2.12-2.8.1";
const SECRET: &str = "nobody else's\n";

/// Writes a whole Kafka for each name, with more entries: `python3 - FOLDER OUTSIDE STAGE`.
const MAKE: &str = r#"import io, sys, tarfile
folder, outside, stage = sys.argv[1:]
TOP = "kafka_2.12-2.8.1"
T = TOP + "/"
FILE, LINK, HARD, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE

def entry(name, kind=FILE, to="", text=b"new\n", owner="root", mode=None):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.uname = kind, to, owner
    made.mode = mode or (0o755 if kind == DIR or name.endswith(".sh") else 0o644)
    made.size = len(text) if kind == FILE else 0
    return made, text

def make(name, entries, own=True):
    with tarfile.open(f"{folder}/{name}.tgz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for made, text in (kafka if own else []) + entries:
            archive.addfile(made, io.BytesIO(text) if made.type == FILE else None)

kafka = [entry(T + name) for name in (
    "bin/kafka-run-class.sh", "bin/kafka-topics.sh", f"libs/{TOP}.jar",
    "libs/kafka-clients-2.8.1.jar", "LICENSE",
)]

make("below a link", [entry(T + "out", LINK, outside), entry(T + "out/evil")])
make("below a link that comes later", [entry(T + "out/evil"), entry(T + "out", LINK, outside)])
make("below a link in the archive", [entry(T + "in", LINK, "libs"), entry(T + "in/evil")])
make("the top is a link", [entry(TOP, LINK, outside)], own=False)
make("below a top that is a link", [entry(TOP, LINK, outside)] + kafka, own=False)
make("hard, absolute", [entry(T + "hard", HARD, outside + "/secret")])
make("hard, by dots", [entry(T + "hard", HARD, T + "../../../outside/secret")])
make("hard, to nothing", [entry(T + "hard", HARD, T + "nothing")])
make("hard, to a link", [entry(T + "soft", LINK, outside + "/secret"), entry(T + "hard", HARD, T + "soft")])
make("hard, to a link that comes later",
     [entry(T + "hard", HARD, T + "soft"), entry(T + "soft", LINK, outside + "/secret")])
# The list has the owner's name before the entry's.
trick = f"{T}LICENSE/0 0 1970-01-01 00:00 {T}hard link to {T}nothing"
make("hard, hidden by its owner",
     [entry(trick), entry(T + "hard", HARD, T + "nothing", owner=f"x {T}hard link to {T}LICENSE")])
make("a newline", [entry(T + "a\nb")])
make("a newline after a backslash", [entry(T + "a\\\nb")])
make("a link with a newline", [entry(T + "a\nLICENSE", LINK, outside + "/secret")])
make("a newline before a path", [entry(T + "a\n" + outside + "/secret")])
make("a newline before dots", [entry(T + f"a\n../{TOP}/LICENSE")])
make("an absolute name", [entry(outside + "/evil")])
make("an absolute name alone", [entry(outside + "/evil")], own=False)
make("dots", [entry(T + "../evil")])
make("dots in between", [entry(T + "libs/../../../outside/evil")])
make("dots at the end", [entry(T + "libs/..", DIR)])
make("a device", [entry(T + "null", tarfile.CHRTYPE)])
make("a block device", [entry(T + "disk", tarfile.BLKTYPE)])
make("a pipe", [entry(T + "pipe", tarfile.FIFOTYPE)])
make("soft, absolute", [entry(T + "soft", LINK, outside + "/secret")])
make("soft, to a folder", [entry(T + "soft", LINK, outside)])
make("soft, by dots", [entry(T + "libs/soft", LINK, "../../../../outside/secret")])
make("soft, over another", [entry(T + "libs/first", LINK, "second"), entry(T + "libs/second", LINK, outside)])
make("soft, to nothing outside", [entry(T + "soft", LINK, outside + "/nothing/there")])
# Right as long as the tree lies where it is unpacked.
make("soft, out and in again", [entry(T + "soft", LINK, f"../{TOP}/LICENSE")])
make("soft, into the stage", [entry(T + "soft", LINK, f"{stage}/tree/{TOP}/LICENSE")])
make("two tops", [entry("other/file")])
make("two tops, alike", [entry(TOP + "x/file")])
make("a file beside", [entry("file")])
make("our own folder", [entry(T + ".trueup/manifest")])
make("our own folder as a link", [entry(T + ".trueup", LINK, "libs")])
make("nothing", [], own=False)
make("modes", [
    entry(T + "closed", DIR, mode=0o555), entry(T + "closed/in", DIR, mode=0o555),
    entry(T + "closed/in/file", mode=0o444), entry(T + "open", DIR, mode=0o2777),
    entry(T + "suid", mode=0o4755), entry(T + "sgid", mode=0o2775), entry(T + "everybody", mode=0o666),
])
make("good", [
    entry(T + "config", DIR), entry(T + "config/a"), entry(T + "libs/to-file", LINK, "../LICENSE"),
    entry(T + "libs/to-folder", LINK, "../config"), entry(T + "libs/to-link", LINK, "to-file"),
    entry(T + "hard", HARD, T + "LICENSE"), entry(T + "hard too", HARD, T + "hard"),
    entry(T + "soft link to LICENSE"), entry(T + "a\\b"), entry(T + "gr\u00fcn", owner="x y"), entry(T + "-n"),
])
"#;

/// Archives that are refused, and what is said of each.
const REFUSED: &[(&str, &str)] = &[
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

/// A machine's folder: `home/kafka` is to be the tree, `outside` is nobody's business.
struct Place {
    folder: tempfile::TempDir,
    /// Whose it is, and who runs the steps, where that is not root.
    user: Option<&'static str>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["archives", "home", "outside", "T"] {
            fs::create_dir(folder.path().join(name)).expect("made");
        }
        fs::write(folder.path().join("outside/secret"), SECRET).expect("written");
        let place = Self { folder, user: None };
        let made = Command::new("python3")
            .args(["-c", MAKE])
            .args([place.at("archives"), place.at("outside"), place.stage()])
            .output()
            .expect("python3 runs");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stage(&self) -> PathBuf {
        self.at(&format!("home/.trueup-{TOP}"))
    }

    /// Runs a step as the holder does; how it ended, and what it told.
    fn step(&self, shell: &[&str], name: &str, values: &[&Path]) -> (Output, String) {
        let told = self.at("T/told");
        let words: Vec<&str> = match self.user {
            Some(user) => ["runuser", "-u", user, "--"]
                .iter()
                .chain(shell)
                .copied()
                .collect(),
            None => shell.to_vec(),
        };
        let done = Command::new(words[0])
            .args(&words[1..])
            .args(["-c", &format!("exec 3>\"$T/told\"; {STEPS}"), name, name])
            .args(values)
            .env("T", self.at("T"))
            .output()
            .expect("the shell runs");
        let told = fs::read_to_string(told).expect("told");
        (done, told)
    }

    /// Stages an archive and unpacks it, and unstages where that failed; what was told.
    fn unpack(&self, shell: &[&str], archive: &str) -> Result<String, String> {
        self.unpack_as(shell, archive, "unpinned")
    }

    /// Likewise, where `digest` is what its download was checked by.
    fn unpack_as(&self, shell: &[&str], archive: &str, digest: &str) -> Result<String, String> {
        let stage = self.stage();
        let (done, told) = self.step(shell, "step_stage", &[&stage]);
        assert!(done.status.success(), "{shell:?}: {told}");
        let from = self.at(&format!("archives/{archive}.tgz"));
        fs::copy(from, stage.join("archive.tgz")).expect("copied");
        let home = self.at("home/kafka");
        let label = format!("x.tgz sha512:{digest}");
        let values: [&Path; 5] = [
            &stage,
            "archive.tgz".as_ref(),
            TOP.as_ref(),
            &home,
            label.as_ref(),
        ];
        let (done, told) = self.step(shell, "step_unpack", &values);
        if done.status.success() {
            let complaints = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(complaints, "", "{shell:?}");
            return Ok(told);
        }
        self.step(shell, "step_unstage", &[&stage]);
        Err(told)
    }

    /// All that lies there, without the test's own: paths, and what they are.
    fn all(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.at("home"), self.at("outside")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let meta = fs::symlink_metadata(&path).expect("there");
                let is = if meta.is_dir() {
                    folders.push(path.clone());
                    "a folder".to_owned()
                } else if meta.is_symlink() {
                    format!("to {}", fs::read_link(&path).expect("a link").display())
                } else {
                    fs::read_to_string(&path).expect("text")
                };
                found.insert(path, is);
            }
        }
        found
    }
}

#[test]
fn what_leads_out_of_an_archive_is_refused_and_nothing_is_written() {
    let place = Place::new();
    for tree in ["is new", "is damaged"] {
        if tree == "is damaged" {
            fs::create_dir_all(place.at("home/kafka/libs")).expect("made");
            fs::write(place.at("home/kafka/libs/old.jar"), "old\n").expect("written");
        }
        let before = place.all();
        for (archive, reason) in REFUSED {
            for shell in SHELLS {
                let about = format!("{archive}, the tree {tree}, {shell:?}");
                let told = match place.unpack(shell, archive) {
                    Err(told) => told,
                    Ok(told) => panic!("{about}: it was unpacked: {told}: {:#?}", place.all()),
                };
                // busybox has a tar of its own, which shows names otherwise.
                let own = shell[0] == "busybox" && told.contains("the archive ");
                assert!(
                    own || told.contains(&format!("the archive {reason}")),
                    "{about}: {told}"
                );
                assert_eq!(place.all(), before, "{about}");
            }
        }
    }
}

#[test]
fn links_inside_of_an_archive_and_odd_names_are_no_harm() {
    let place = Place::new();
    for shell in SHELLS {
        let told = place.unpack(shell, "good");
        let told = told.unwrap_or_else(|told| panic!("{shell:?}: {told}"));
        assert!(told.contains("placed 4:tree"), "{shell:?}: {told}");
        let whole = place.all();
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
            let path = place.at("home/kafka").join(name);
            let found = whole.get(&path).map(String::as_str);
            assert_eq!(found, Some(is), "{shell:?}: {name}");
        }
        assert!(place.at("home/kafka/libs/to-folder/a").is_file());
        assert!(!place.stage().exists(), "{shell:?}");
        let manifest =
            fs::read_to_string(place.at("home/kafka/.trueup/manifest")).expect("a manifest");
        // Each file, and what leads to one.
        assert_eq!(manifest.lines().count(), 1 + 14, "{shell:?}: {manifest}");

        // What is gone comes again, into a tree of another name than the archive's.
        for name in ["libs/to-link", "hard too", "grün", "libs/to-file"] {
            fs::remove_file(place.at("home/kafka").join(name)).expect("removed");
        }
        fs::remove_dir_all(place.at("home/kafka/config")).expect("removed");
        fs::write(place.at("home/kafka/libs/kafka-clients-2.8.1.jar"), "old\n").expect("written");
        let told = place.unpack(shell, "good");
        let told = told.unwrap_or_else(|told| panic!("{shell:?}: {told}"));
        assert!(told.contains("repaired 1:6"), "{shell:?}: {told}");
        assert!(!place.stage().exists(), "{shell:?}");
        let again = place.all();
        // A link comes again as the file that it led to.
        let names = |all: &BTreeMap<PathBuf, String>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&again), names(&whole), "{shell:?}");
        let jar = place.at("home/kafka/libs/kafka-clients-2.8.1.jar");
        assert_eq!(again[&jar], "new\n", "{shell:?}");
        fs::remove_dir_all(place.at("home/kafka")).expect("removed");
    }
    let secret = fs::read_to_string(place.at("outside/secret")).expect("there");
    assert_eq!(secret, SECRET);
}

/// As root, and as somebody whom modes bind.
#[test]
fn modes_of_an_archive_open_nothing_and_close_nothing() {
    for shell in SHELLS {
        for user in [None, Some("nobody")] {
            let mut place = Place::new();
            place.user = user;
            let give = |path: &Path| {
                let mut given = Command::new("chown");
                given.args(["-R", user.unwrap_or("root")]).arg(path);
                assert!(given.status().expect("chown runs").success(), "as root");
            };
            give(place.folder.path());
            let unpack = || place.unpack(shell, "modes");
            let told = match unpack() {
                Ok(told) => told,
                // Its tar closes a folder before it has unpacked what is in it; nothing stays of it.
                Err(told) if shell[0] == "busybox" && user.is_some() => {
                    assert!(told.contains("cannot unpack in"), "{told}");
                    assert!(!place.stage().exists() && !place.at("home/kafka").exists());
                    continue;
                }
                Err(told) => panic!("{shell:?} {user:?}: {told}"),
            };
            assert!(told.contains("placed 4:tree"), "{shell:?}: {told}");
            let mode = |name: &str| {
                let found = fs::metadata(place.at("home/kafka").join(name)).expect("there");
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
            let left = place.stage().join("tree/closed");
            fs::create_dir_all(&left).expect("made");
            fs::write(left.join("file"), "").expect("written");
            give(&place.stage());
            fs::set_permissions(&left, fs::Permissions::from_mode(0o555)).expect("closed");
            fs::remove_file(place.at("home/kafka/LICENSE")).expect("removed");
            let told = unpack().unwrap_or_else(|told| panic!("{shell:?} {user:?}: {told}"));
            assert!(told.contains("repaired 1:1"), "{shell:?}: {told}");
            assert!(!place.stage().exists(), "{shell:?}");
        }
    }
}

/// Ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody else who can write in the folder swaps all that appears there for what is theirs.
fn swapper(folder: &Path, theirs: &Path) -> Ended {
    let text = r#"import os, sys
folder, theirs = sys.argv[1:]
print("ready", flush=True)
while os.path.isdir(folder):
    for name in os.listdir(folder):
        if not name.startswith(".trueup-"):
            continue
        path = f"{folder}/{name}"
        try:
            if os.path.islink(path) or os.lstat(path).st_uid == os.getuid():
                continue
            os.rename(path, f"{theirs}/moved")
            os.symlink(f"{theirs}/taken", path)
        except OSError:
            pass
"#;
    let mut child = Command::new("runuser")
        .args(["-u", "nobody", "--", "python3", "-c", text])
        .args([folder, theirs])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut line = String::new();
    let said = child.stdout.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut line).expect("it says so");
    assert_eq!(line, "ready\n");
    Ended(child)
}

#[test]
fn who_can_write_in_the_folder_gets_no_secret_and_puts_nothing_in() {
    const CANARY: &str = "canary-5d20\n";
    let place = Place::new();
    let (folder, theirs) = (place.at("open"), place.at("theirs"));
    for path in [&folder, &theirs] {
        fs::create_dir(path).expect("made");
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open");
    }
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).expect("open");
    fs::write(theirs.join("taken"), "").expect("written");
    fs::set_permissions(theirs.join("taken"), fs::Permissions::from_mode(0o666)).expect("open");
    let payload = place.at("payload");
    fs::write(&payload, CANARY).expect("written");
    let file = folder.join("client.properties");
    let _swapper = swapper(&folder, &theirs);
    for round in 0..60 {
        let shell = SHELLS[round % SHELLS.len()];
        let _ = fs::remove_file(&file);
        let values: [&Path; 5] = [
            &file,
            "absent".as_ref(),
            "600".as_ref(),
            "".as_ref(),
            &payload,
        ];
        let (done, told) = place.step(shell, "step_write", &values);
        let taken = fs::read_to_string(theirs.join("taken")).expect("there");
        assert_eq!(taken, "", "{shell:?}: the secret is theirs: {told}");
        if done.status.success() {
            let meta = fs::symlink_metadata(&file).expect("there");
            assert!(
                meta.is_file() && meta.permissions().mode() & 0o7777 == 0o600,
                "{shell:?}"
            );
            assert_eq!(
                fs::read_to_string(&file).expect("ours"),
                CANARY,
                "{shell:?}"
            );
        } else {
            assert!(told.contains("failed"), "{shell:?}: {told}");
        }
    }

    // A download: what is checked is what comes into place.
    let source = place.at("source");
    fs::write(&source, "good\n").expect("written");
    fs::write(theirs.join("taken"), "evil\n").expect("written");
    let digest = crate::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(b"good\n"));
    let file = folder.join("a.bin");
    for round in 0..30 {
        let shell = SHELLS[round % SHELLS.len()];
        let _ = fs::remove_file(&file);
        let url = format!("file://{}", source.display());
        let values: [&Path; 6] = [
            url.as_ref(),
            &file,
            "sha256".as_ref(),
            digest.as_ref(),
            "644".as_ref(),
            "20".as_ref(),
        ];
        let (done, told) = place.step(shell, "step_fetch", &values);
        if done.status.success() {
            assert_eq!(
                fs::read_to_string(&file).expect("there"),
                "good\n",
                "{shell:?}: {told}"
            );
        }
        let taken = fs::read_to_string(theirs.join("taken")).expect("there");
        assert_eq!(taken, "evil\n", "{shell:?}: {told}");
    }
}

#[test]
fn what_is_unpacked_is_what_was_checked() {
    let place = Place::new();
    let bytes = fs::read(place.at("archives/good.tgz")).expect("there");
    let digest = crate::text::hex(&<sha2::Sha512 as sha2::Digest>::digest(&bytes));
    for shell in SHELLS {
        let before = place.all();
        let told = place.unpack_as(shell, "modes", &digest);
        let told = told.expect_err("another one");
        let is = "the archive is not the one that was checked";
        assert!(told.contains(is), "{shell:?}: {told}");
        assert_eq!(place.all(), before, "{shell:?}");
        let told = place.unpack_as(shell, "good", &digest);
        assert!(told.is_ok(), "{shell:?}: {told:?}");
        fs::remove_dir_all(place.at("home/kafka")).expect("removed");
    }
}

#[test]
fn a_secret_is_nobody_elses_while_it_is_written() {
    let place = Place::new();
    let payload = place.at("payload");
    let made = Command::new("mkfifo").arg(&payload).status();
    assert!(made.expect("mkfifo runs").success());
    let file = place.at("home/client.properties");
    let new = place.at("home/.trueup-client.properties");
    for shell in SHELLS {
        let values: [&Path; 5] = [
            &file,
            "absent".as_ref(),
            "640".as_ref(),
            "".as_ref(),
            &payload,
        ];
        let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777);
        std::thread::scope(|scope| {
            let step = scope.spawn(|| place.step(shell, "step_write", &values));
            // It has made its file before it reads.
            let pipe = fs::OpenOptions::new().write(true).open(&payload);
            let meanwhile = mode(&new);
            std::io::Write::write_all(&mut pipe.expect("a reader"), b"secret\n").expect("written");
            let (done, told) = step.join().expect("no panic");
            assert!(done.status.success(), "{shell:?}: {told}");
            assert_eq!(meanwhile, Some(0o600), "{shell:?}");
        });
        assert_eq!(mode(&file), Some(0o640), "{shell:?}");
        fs::remove_file(&file).expect("there");
    }
}

#[test]
fn what_somebody_changed_meanwhile_is_not_written_over() {
    let place = Place::new();
    let (file, payload) = (place.at("home/.bashrc"), place.at("payload"));
    fs::write(&payload, "ours\n").expect("written");
    let sha256 = |text: &str| crate::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(text));
    for shell in SHELLS {
        let write = |expected: &str| {
            let values: [&Path; 5] = [&file, expected.as_ref(), "".as_ref(), "".as_ref(), &payload];
            place.step(shell, "step_write", &values)
        };
        for expected in ["absent", &sha256("before\n")] {
            fs::write(&file, "theirs\n").expect("written");
            let (done, told) = write(expected);
            assert!(!done.status.success(), "{shell:?}: {told}");
            assert!(
                told.contains("has changed in the meantime"),
                "{shell:?}: {told}"
            );
            assert_eq!(fs::read_to_string(&file).expect("there"), "theirs\n");
            let rest = fs::read_dir(place.at("home")).expect("a folder").count();
            assert_eq!(rest, 1, "{shell:?}: something is left beside it");
        }
        // Gone meanwhile.
        fs::remove_file(&file).expect("there");
        let (done, told) = write(&sha256("before\n"));
        assert!(
            !done.status.success() && !file.exists(),
            "{shell:?}: {told}"
        );
        fs::write(&file, "before\n").expect("written");
        let (done, told) = write(&sha256("before\n"));
        assert!(done.status.success(), "{shell:?}: {told}");
        assert_eq!(fs::read_to_string(&file).expect("there"), "ours\n");
    }
}
