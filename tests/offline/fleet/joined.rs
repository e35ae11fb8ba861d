//! `merge-reports`.

use std::{fs, path::Path};

use trueup::shard;

use super::{HOSTS, Said, desk, plan, run, write};

/// Runs a command in each of `total` shards; what it wrote into `N.json`.
fn shards(desk: &Path, command: &str, total: u32) -> Vec<String> {
    let part = |index: u32| {
        let (file, share) = (format!("{index}.json"), format!("{index}/{total}"));
        let to = format!("json={file}");
        let mut words = vec![command, "fleet.yaml", "--shard", &share, "--format", &to];
        if command == "apply" {
            words.push("--auto-approve");
        }
        run(desk, &words);
        file
    };
    (1..=total).map(part).collect()
}

pub(super) fn join(desk: &Path, files: &[String], more: &[&str]) -> Said {
    let files = files.iter().map(String::as_str);
    let words: Vec<&str> = std::iter::once("merge-reports").chain(files).collect();
    run(desk, &[&words[..], more].concat())
}

#[test]
fn shards_joined_are_what_one_run_says() {
    let desk = desk();
    for command in ["plan", "drift", "apply", "prove"] {
        let files = shards(desk.path(), command, 3);
        let mut one = vec![command, "fleet.yaml", "--format", "json"];
        if command == "apply" {
            one.push("--auto-approve");
        }
        let whole = run(desk.path(), &one);
        let joined = join(desk.path(), &files, &["--format", "json"]).code(whole.code);
        assert_eq!(joined.err, "");
        let value = joined.json();
        assert_eq!(value["run"]["command"], command);
        assert_eq!(value["run"]["exit_code"], whole.code);
        if command != "prove" {
            assert_eq!(joined.hosts(), HOSTS);
            assert_eq!(joined.clusters(), ["127.0.0.1:2"]);
            assert_eq!(value["summary"], whole.json()["summary"]);
            assert_eq!(value["complete"], whole.json()["complete"]);
        }
        // Every format that the command has, from one join; and a join is joined again.
        let formats = [
            "markdown=all.md",
            "junit=all.xml",
            "jsonl=all.jsonl",
            "json=all.json",
        ];
        let formats: Vec<&str> = formats.iter().flat_map(|to| ["--format", to]).collect();
        let human = join(desk.path(), &files, &formats).code(whole.code);
        assert!(human.out.contains("web-1"), "{}", human.out);
        for name in ["all.md", "all.xml", "all.jsonl", "all.json"] {
            let text = fs::read_to_string(desk.path().join(name)).expect(name);
            assert!(
                text.contains("web-1") && text.contains("single"),
                "{command} {name}: {text}"
            );
        }
        join(desk.path(), &["all.json".into()], &[]).code(whole.code);
    }
}

#[test]
fn a_shard_that_is_not_there_is_said_and_its_hosts_are_unread() {
    let desk = desk();
    let mut files = shards(desk.path(), "drift", 4);
    let gone = shard::of("db-1", 4);
    files.remove(gone as usize - 1);
    let said = join(desk.path(), &files, &["--format", "json"]).code(4);
    let said = said.says(&format!("there is no report of shard {gone} of 4"));
    assert_eq!(said.hosts(), HOSTS);
    let value = said.json();
    assert_eq!(value["complete"], false);
    let host = &value["hosts"][6];
    assert_eq!(host["name"], "db-1");
    assert!(
        host["error"]
            .as_str()
            .expect("why")
            .contains("has no report")
    );
    // A run that was ended before it wrote.
    fs::write(desk.path().join(format!("{gone}.json")), "").expect("written");
    files.push(format!("{gone}.json"));
    join(desk.path(), &files, &[]).code(4).says("is empty");
    files.push("nowhere.json".into());
    join(desk.path(), &files, &[])
        .code(4)
        .says("`nowhere.json` cannot be read");
}

#[test]
fn what_is_no_part_of_one_thing_is_refused() {
    let desk = desk();
    let files = shards(desk.path(), "plan", 2);
    let with = |other: &str| {
        let all = [files[0].clone(), other.to_owned()];
        join(desk.path(), &all, &[]).code(3)
    };
    fs::copy(desk.path().join("1.json"), desk.path().join("twice.json")).expect("copied");
    with("twice.json").says("are both of shard 1");
    let to = |name: &str, words: &[&str]| {
        let said = plan(desk.path(), words);
        fs::write(desk.path().join(name), said.out).expect("written");
    };
    to("whole.json", &[]);
    with("whole.json").says("is no shard, and `1.json` one of 2 shards");
    to("others.json", &["--shard", "2/3"]);
    with("others.json").says("is one of 3 shards");
    to(
        "target.json",
        &["--shard", "2/2", "--target", "client/java"],
    );
    with("target.json").says("differ in `--target` and `--exclude`");
    let drift = run(
        desk.path(),
        &["drift", "fleet.yaml", "--shard", "2/2", "--format", "json"],
    );
    fs::write(desk.path().join("drift.json"), drift.out).expect("written");
    with("drift.json").says("`drift.json` is of `drift`, and `1.json` of `plan`");
    write(desk.path(), "fleet.yaml", &HOSTS[..9]);
    to("spec.json", &["--shard", "2/2"]);
    with("spec.json").says("are of different specs");
    // What people picked by name may overlap.
    to("some.json", &["--host", "web-*"]);
    to("more.json", &["--host", "web-1,db-1"]);
    let all = ["some.json".to_owned(), "more.json".to_owned()];
    join(desk.path(), &all, &[])
        .code(3)
        .says("both have the host `web-1`");
}

#[test]
fn what_is_no_report_is_refused() {
    let desk = desk();
    for (text, said) in [
        ("no JSON", "is no report"),
        ("{}", "does not say which command wrote it"),
        ("{\"format_version\":\"2.0\"}", "is of format 2.0"),
        ("{\"trueup_plan\":\"saved\"}", "is a saved plan"),
        (
            "{\"run\":{\"command\":\"plan\",\"exit_code\":0,\"took_ms\":1}}",
            "does not hold a report",
        ),
        (
            "{\"run\":{\"command\":\"rm\",\"exit_code\":0,\"took_ms\":1}}",
            "does not know",
        ),
        ("[]", "does not say"),
    ] {
        fs::write(desk.path().join("x.json"), text).expect("written");
        join(desk.path(), &["x.json".into()], &[])
            .code(3)
            .says(said);
    }
}
