//! Steps as a host runs them, against somebody who means harm. Archives: what could lead out of one is
//! refused, and nothing but the stage is written; so of any archive. Other accounts: they get no secret, and put nothing in.

mod archives;
mod extract;
mod others;

use std::{
    collections::BTreeMap,
    fs,
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

/// A machine's folder: `home/kafka` is to be the tree, `outside` is nobody's business.
struct Sandbox {
    folder: tempfile::TempDir,
    /// Whose it is, and who runs the steps, where that is not root.
    user: Option<&'static str>,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["archives", "home", "outside", "T"] {
            fs::create_dir(folder.path().join(name)).expect("made");
        }
        fs::write(folder.path().join("outside/secret"), SECRET).expect("written");
        let sandbox = Self { folder, user: None };
        let made = Command::new("python3")
            .args(["-c", MAKE])
            .args([
                sandbox.at("archives"),
                sandbox.at("outside"),
                sandbox.stage(),
            ])
            .output()
            .expect("python3 runs");
        let stderr = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{stderr}");
        sandbox
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stage(&self) -> PathBuf {
        self.at(&format!("home/.trueup-{TOP}"))
    }

    /// Runs a step as the holder does; its exit and its reply.
    fn step(&self, shell: &[&str], name: &str, values: &[&Path]) -> (Output, String) {
        let reply = self.at("T/reply");
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
            .args([
                "-c",
                &format!("exec 3>\"$T/reply\"; {}", *STEPS),
                name,
                name,
            ])
            .args(values)
            .env("T", self.at("T"))
            .output()
            .expect("the shell runs");
        let reply = fs::read_to_string(reply).expect("a reply");
        (done, reply)
    }

    /// Stages an archive and unpacks it, and unstages where that failed. Gives the step's reply.
    fn unpack(&self, shell: &[&str], archive: &str) -> Result<String, String> {
        self.unpack_as(shell, archive, "unpinned")
    }

    /// Likewise, where `digest` is what its download was checked by.
    fn unpack_as(&self, shell: &[&str], archive: &str, digest: &str) -> Result<String, String> {
        let (home, label) = (self.at("home/kafka"), format!("x.tgz sha512:{digest}"));
        let values: [&Path; 3] = [TOP.as_ref(), &home, label.as_ref()];
        self.staged(shell, "step_unpack", &format!("{archive}.tgz"), &values)
    }

    /// Stages one of the archives and runs a step with it; `values` come after the stage and the archive.
    fn staged(
        &self,
        shell: &[&str],
        step: &str,
        archive: &str,
        values: &[&Path],
    ) -> Result<String, String> {
        let stage = self.stage();
        let (done, reply) = self.step(shell, "step_stage", &[&stage]);
        assert!(done.status.success(), "{shell:?}: {reply}");
        let (_, end) = archive.rsplit_once('.').expect("an end");
        let name = format!("archive.{end}");
        fs::copy(self.at("archives").join(archive), stage.join(&name)).expect("copied");
        let staged: [&Path; 2] = [&stage, name.as_ref()];
        let (done, reply) = self.step(shell, step, &[&staged, values].concat());
        if done.status.success() {
            let complaints = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(complaints, "", "{shell:?}");
            return Ok(reply);
        }
        self.step(shell, "step_unstage", &[&stage]);
        Err(reply)
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
