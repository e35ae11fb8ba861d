//! `--host`, `--exclude-host` and `--target`.

use super::{HOSTS, desk, plan, run, write};

#[test]
fn hosts_are_picked_by_name_and_pattern() {
    let desk = desk();
    let picked = |words: &[&str]| plan(desk.path(), words).code(4).hosts();
    for (words, hosts) in [
        (&["--host", "db-1,single"][..], &["db-1", "single"][..]),
        (&["--host", "db-*", "--host", "single"], &HOSTS[6..]),
        (&["--host", "*-?", "--exclude-host", "web-*"], &HOSTS[6..9]),
        (
            &["--exclude-host", "web-*,db-2"],
            &["db-1", "db-3", "single"],
        ),
        (
            &["--host", "web-1,web-2", "--exclude-host", "web-1"],
            &["web-2"],
        ),
    ] {
        assert_eq!(picked(words), hosts, "{words:?}");
    }
}

#[test]
fn a_pattern_that_means_no_host_is_refused_with_what_was_meant() {
    let desk = desk();
    for (words, said) in [
        (
            &["--host", "wbe-1"][..],
            "has no host `wbe-1` help: did you mean `web-1`?",
        ),
        (
            &["--host", "mail-*"],
            "has no host like `mail-*` help: it has web-1, web-2",
        ),
        (&["--host", "web-1,"], "has no host ``"),
        (
            &["--exclude-host", "dc-1"],
            "`--exclude-host`: `fleet.yaml` has no host `dc-1` help: did you mean `db-1`?",
        ),
        (
            &["--exclude-host", "*"],
            "`--exclude-host` leaves no host help: leave it out",
        ),
        (
            &["--host", "web-*", "--exclude-host", "web-?"],
            "leaves no host",
        ),
    ] {
        plan(desk.path(), words).code(3).says(said);
    }
    let hosts: Vec<String> = (0..40).map(|nth| format!("n{nth}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    write(desk.path(), "fleet.yaml", &hosts);
    plan(desk.path(), &["--host", "elsewhere"])
        .code(3)
        .says("n11, and 28 more");
}

#[test]
fn every_command_with_hosts_takes_both() {
    let desk = desk();
    for command in ["facts", "plan", "drift", "prove", "trust", "apply", "key"] {
        let mut words = vec![
            command,
            "fleet.yaml",
            "--host",
            "db-*",
            "--exclude-host",
            "db-9",
        ];
        match command {
            "apply" => words.push("--auto-approve"),
            "key" => words.extend(["--save", "key.pem"]),
            _ => {}
        }
        run(desk.path(), &words).code(3).says("has no host `db-9`");
    }
    let said = run(
        desk.path(),
        &["facts", "fleet.yaml", "--exclude-host", "web-*,db-*"],
    );
    let said = said.code(4).says("host `single`");
    assert_eq!(said.err.matches("host `").count(), 1, "{}", said.err);
}

#[test]
fn of_two_specs_a_bare_name_means_both() {
    let desk = desk();
    write(desk.path(), "other.yaml", &["web-1", "mail"]);
    // Two specs must not give one machine the same, so some of each are picked.
    let both = |pick: &str| {
        let words = [
            "plan",
            "fleet.yaml",
            "other.yaml",
            "--format",
            "json",
            "--host",
            pick,
        ];
        run(desk.path(), &words)
    };
    both("web-1")
        .code(3)
        .says("`client/java` of web-1@127.0.0.1:1 is given by two specs");
    assert_eq!(both("fleet/web-1").code(4).hosts(), ["fleet/web-1"]);
    assert_eq!(both("other/*").code(4).hosts(), ["other/web-1"]);
    assert_eq!(both("mail").code(4).hosts(), ["mail"]);
    both("else/*").code(3).says("have no host like `else/*`");
}

#[test]
fn a_topic_alone_asks_one_host_after_another_until_one_leads_to_it() {
    let desk = desk();
    // None is there, so that all were asked; tests/hosts/topics/roles.rs has those that are.
    let said = plan(desk.path(), &["--target", "topics/pin"]).code(4);
    assert_eq!(said.hosts(), HOSTS);
    assert_eq!(said.clusters(), ["127.0.0.1:2"]);
    let error = said.json()["topics"][0]["error"]
        .as_str()
        .expect("an error")
        .to_owned();
    assert!(
        error.contains("no host that it is reached through could be reached: web-1, web-2"),
        "{error}"
    );
    let words = ["--target", "topics/pin", "--exclude-host", "web-1"];
    assert_eq!(plan(desk.path(), &words).hosts(), HOSTS[1..]);
}
