//! Drift, night after night, on this machine: what is remembered of runs, and what cron gets to mail.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{Said, run};

/// A home with a spec of one file in it.
struct Night(tempfile::TempDir);

impl Night {
    fn new() -> Self {
        let night = Self(tempfile::tempdir().expect("a folder"));
        night.spec("note.yaml", "note");
        night
    }

    fn spec(&self, name: &str, file: &str) {
        let path = self.at(file).display().to_string();
        let text = format!(
            "version: 1\nhosts: {{ here: {{ local: {{}} }} }}\nfiles: {{ {file}: {{ path: \"{path}\", content: \"a\\n\" }} }}\n"
        );
        fs::write(self.at(name), text).expect("written");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Said {
        run(self.0.path(), words)
    }

    fn drift(&self, words: &[&str]) -> Said {
        self.run(&[&["drift", "note.yaml"], words].concat())
    }

    /// What a drift says as JSON.
    fn told(&self, words: &[&str]) -> Value {
        self.drift(&[words, &["--format", "json"]].concat()).json()
    }

    /// By hand: this machine's account has one lock, which whoever else applies here may hold.
    fn put_right(&self) {
        fs::write(self.at("note"), "a\n").expect("written");
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(self.at("note"), mode).expect("set");
    }

    fn put_wrong(&self) {
        fs::write(self.at("note"), "b\n").expect("written");
    }

    fn history(&self) -> PathBuf {
        self.at(".local/state/trueup/history.jsonl")
    }
}

#[track_caller]
fn silent(said: &Said) {
    assert_eq!((&*said.out, &*said.err), ("", ""));
}

#[test]
fn since_when_comes_from_the_runs_before() {
    let night = Night::new();
    night.put_right();
    let fine = night.told(&[]);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode(&night.history()), 0o600);
    assert_eq!(mode(&night.at(".local/state/trueup")), 0o700);
    night.put_wrong();
    let first = night.told(&[]);
    let again = night.told(&[]);
    let (at, since) = (&first["run"]["at"], &again["hosts"][0]["since"]);
    assert_eq!(&since["at"], at);
    assert_eq!(since["last_in_sync"], fine["run"]["at"]);
    assert_eq!(again["hosts"][0]["steps"][0]["since"], *since);
    assert!(fine["hosts"][0]["since"].is_null());
    // Neither another spec, nor another variable, nor what kept nothing knows of it.
    fs::copy(night.at("note.yaml"), night.at("other.yaml")).expect("copied");
    let other = night
        .run(&["drift", "other.yaml", "--format", "json"])
        .json();
    assert!(other["hosts"][0]["since"]["last_in_sync"].is_null());
    let text = fs::read_to_string(night.history()).expect("there");
    let kept = night.told(&["--history", "none"]);
    assert!(kept["hosts"][0]["since"].is_null());
    night.run(&["plan", "note.yaml"]).code(0);
    assert_eq!(fs::read_to_string(night.history()).expect("there"), text);
    let text = night.drift(&[]).code(2).out;
    assert!(text.contains("(last in sync "), "{text}");
    assert!(
        text.ends_with("exit 2: something differs from the spec\n"),
        "{text}"
    );
    assert!(text.contains("\nfix: trueup apply note.yaml\n"), "{text}");
    // Where parts are joined it is not lost.
    night.drift(&["--format", "json=1.json"]).code(2);
    let joined = night.run(&["merge-reports", "1.json"]).code(2);
    for line in ["fix: trueup apply note.yaml\n", "(last in sync "] {
        assert!(joined.out.contains(line), "{}", joined.out);
    }
    // By another name of the spec's it is the same.
    let path = night.at("note.yaml").display().to_string();
    let known = night.run(&["drift", &path, "--format", "json"]).json();
    assert!(known["hosts"][0]["since"]["last_in_sync"].is_string());
}

#[test]
fn a_history_that_cannot_be_had_is_a_warning_and_no_file_is_harmed() {
    let night = Night::new();
    night.put_right();
    for place in ["no/folder", "note.yaml", "."] {
        let said = night.drift(&["--history", place]).code(0);
        assert!(said.out.contains("in sync"), "{}", said.out);
        said.says("warning: the history").says("--history none");
    }
    night
        .drift(&["--history", "own.jsonl", "--format", "json=own.jsonl"])
        .code(3)
        .says("names this file already");
    let said = night.drift(&["--history", "own.jsonl"]).code(0);
    assert_eq!(said.err, "");
    assert_eq!(
        fs::read_to_string(night.at("own.jsonl"))
            .expect("there")
            .lines()
            .count(),
        1
    );
    night
        .drift(&["--history", "none", "--only-changes-since-last"])
        .code(3)
        .says("--history FILE");
}

#[test]
fn cron_gets_nothing_to_mail_while_all_is_well() {
    let night = Night::new();
    night.put_right();
    let target = ["--quiet", "--target", "files/note"];
    silent(&night.drift(&["--quiet"]).code(0));
    silent(&night.drift(&target).code(0));
    silent(
        &night
            .drift(&["-q", "--format", "json", "--format", "junit=d.xml"])
            .code(0),
    );
    assert!(
        fs::read_to_string(night.at("d.xml"))
            .expect("written")
            .contains("<testsuite ")
    );
    silent(&night.run(&["plan", "note.yaml", "-q"]).code(0));
    let kept = ["plan", "note.yaml", "--quiet", "--out", "p.json"];
    silent(&night.run(&kept).code(0));
    assert!(night.at("p.json").exists());
    silent(&night.run(&["validate", "note.yaml", "-q"]).code(0));
    night.put_wrong();
    assert!(night.drift(&["-q"]).code(2).out.contains("files/note"));
    assert!(
        night
            .run(&["plan", "note.yaml", "-q"])
            .code(0)
            .out
            .contains("files/note")
    );
    fs::write(night.at("wrong.yaml"), "version: 2\n").expect("written");
    let wrong = night.run(&["drift", "wrong.yaml", "-q"]).code(3);
    assert!(wrong.err.contains("error: "), "{}", wrong.err);
}

#[test]
fn only_what_has_changed_is_told_when_that_is_asked_for() {
    let night = Night::new();
    night.put_right();
    let words = ["--only-changes-since-last"];
    silent(&night.drift(&words).code(0));
    night.put_wrong();
    let new = night.drift(&words).code(2);
    assert!(new.out.contains("changed  files/note"), "{}", new.out);
    silent(&night.drift(&words).code(2));
    // Machines are told everything.
    assert_eq!(
        night.told(&words)["hosts"][0]["steps"][0]["action"],
        "update"
    );
    fs::remove_file(night.at("note")).expect("removed");
    let other = night.drift(&words).code(2);
    assert!(other.out.contains("missing  files/note"), "{}", other.out);
    night.put_right();
    let back = night.drift(&words).code(0);
    assert!(
        back.out.contains("back in sync  here  files/note"),
        "{}",
        back.out
    );
    silent(&night.drift(&words).code(0));
}

/// When a file was changed is told, and is nothing that differs.
#[test]
fn a_file_that_is_touched_has_not_drifted() {
    let night = Night::new();
    night.put_right();
    let touch = |seconds: u64| {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let file = fs::File::options()
            .append(true)
            .open(night.at("note"))
            .expect("there");
        file.set_modified(at).expect("set");
    };
    touch(1_000_000_000);
    night.drift(&[]).code(0);
    assert!(night.told(&[])["hosts"][0]["steps"][0]["file"].is_null());
    night.put_wrong();
    touch(1_000_000_000);
    let said = night.drift(&[]).code(2).out;
    assert!(
        said.contains("note changed 2001-09-09 01:46, owner "),
        "{said}"
    );
    let file = &night.told(&[])["hosts"][0]["steps"][0]["file"];
    assert_eq!(file["changed_at"], "2001-09-09T01:46:40Z");
    touch(1_100_000_000);
    let words = ["--only-changes-since-last"];
    silent(&night.drift(&words).code(2));
}

/// `promtool` judges names, and reads; the rest is what is true.
#[test]
fn metrics_are_as_prometheus_wants_them() {
    let night = Night::new();
    night.put_right();
    let metrics = |words: &[&str], code| {
        night
            .drift(&[words, &["--format", "prom=drift.prom"]].concat())
            .code(code);
        let text = fs::read_to_string(night.at("drift.prom")).expect("written");
        judged(&night.at("drift.prom"));
        text
    };
    let fine = metrics(&[], 0);
    let run = night.told(&[]);
    for line in [
        "trueup_drift_hosts{spec=\"note.yaml\",state=\"in_sync\"} 1\n",
        "trueup_drift_hosts{spec=\"note.yaml\",state=\"drifted\"} 0\n",
        "trueup_drift_addresses{spec=\"note.yaml\",host=\"here\"} 0\n",
        "trueup_drift_exit_code{spec=\"note.yaml\"} 0\n",
        "trueup_build_info{spec=\"note.yaml\",version=\"",
    ] {
        assert!(fine.contains(line), "no {line} in {fine}");
    }
    let value = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        line.rsplit_once(' ').expect("a value").1.to_owned()
    };
    let (last, in_sync) = (
        "trueup_drift_last_run_timestamp_seconds",
        "trueup_drift_last_in_sync_timestamp_seconds",
    );
    assert_eq!(value(&fine, last), value(&fine, in_sync));
    night.put_wrong();
    let wrong = metrics(&["-q"], 2);
    assert!(wrong.contains("state=\"drifted\"} 1\n"), "{wrong}");
    assert!(wrong.contains(
        "trueup_drift_address_differs{spec=\"note.yaml\",host=\"here\",address=\"files/note\"} 1\n"
    ));
    let known = run["run"]["at"].as_str().expect("a time");
    let known: trueup::utc::Utc = known.parse().expect("a time");
    assert_eq!(value(&wrong, in_sync), known.seconds().to_string());
    // Without a history it says nothing of it.
    let none = metrics(&["--history", "none"], 2);
    assert!(
        !none.contains(in_sync) && !none.contains("address_since"),
        "{none}"
    );
    // A part of it that is in sync is not all of it.
    night
        .run(&["plan", "note.yaml", "--format", "prom=p"])
        .code(3)
        .says("no such format");
}

/// Whatever a name holds, what is written can be read.
#[test]
fn metrics_can_be_read_whatever_a_name_is() {
    let night = Night::new();
    let name = "a \"b\" \\ c\td";
    night.spec(&format!("{name}.yaml"), "note");
    night
        .run(&[
            "drift",
            &format!("{name}.yaml"),
            "--format",
            "prom=drift.prom",
        ])
        .code(2);
    judged(&night.at("drift.prom"));
}

fn judged(file: &Path) {
    let judge = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(fs::File::open(file).expect("written")))
        .output()
        .unwrap_or_else(|error| {
            panic!("promtool cannot be run, `tests/rig/rig install` brings it: {error}")
        });
    let said = [judge.stdout, judge.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let text = fs::read_to_string(file).expect("written");
    assert!(judge.status.success() && said.is_empty(), "{said}\n{text}");
}
