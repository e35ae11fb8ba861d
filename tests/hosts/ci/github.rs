//! `examples/ci/github-actions.yml`.

use std::{fs, path::PathBuf, process::Command};

use regex::Regex;
use serde_json::{Value, json};

use super::{
    download, example,
    forge::Forge,
    runner::{End, Event, Repository},
    sha256, spec, text,
};
use crate::rig::{Host, trueup};

/// The repository, with what its environments hold.
fn repository(host: &Host) -> Repository {
    let (_, workflow) = example("github-actions.yml");
    let mut repository = Repository::new(workflow);
    let file = download(host.folder.path());
    let key = fs::read_to_string(host.get("key")).expect("the key");
    let vars = [
        ("TRUEUP_URL", format!("file://{}", file.display())),
        ("TRUEUP_SHA256", sha256(&file)),
    ];
    repository
        .vars
        .extend(vars.map(|(name, value)| (name.to_owned(), value)));
    repository
        .secrets
        .insert("TRUEUP_SSH_KEY".into(), key.trim_end().to_owned());
    repository.spec = spec(host, "a");
    repository
}

const OURS: &str = "example/kafka-clients";

/// A run of a pull request's, as GitHub lists it.
fn run(id: u64, head: &str, conclusion: &str, from: &str) -> Value {
    json!({
        "id": id, "event": "pull_request", "head_sha": head, "conclusion": conclusion,
        "head_repository": { "full_name": from },
    })
}

#[test]
fn what_was_reviewed_is_applied_or_nothing_is() {
    let host = Host::start("amazon", &[]);
    let forge = Forge::start();
    let mut repository = repository(&host);
    let pull = |run: u64, head: &str| Event::of_pull(run, 12, head, OURS);
    {
        // The comment is on the second page, and somebody else has written the same first line.
        let mut world = forge.world();
        world.comment(
            12,
            "User",
            5,
            "<!-- trueup plan of kafka-client.yaml -->\nmine",
        );
        for number in 0..110 {
            world.comment(12, "User", 5, &format!("comment {number}"));
        }
    }
    let own = |forge: &Forge| -> Vec<String> {
        forge
            .world()
            .own(12)
            .into_iter()
            .map(str::to_owned)
            .collect()
    };

    let planned = repository.run("plan", &pull(1, "aaa1"), End::Skipped, &forge);
    let planned = planned
        .ends(End::Success)
        .says("1 to add, 0 to change, 0 to delete");
    assert!(
        planned.summary.starts_with("### trueup plan: 1 to add"),
        "{}",
        planned.summary
    );
    let comments = own(&forge);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(
        comments[0]
            .starts_with("<!-- trueup plan of kafka-client.yaml -->\n### trueup plan: 1 to add"),
        "{comments:?}"
    );
    assert!(
        comments[0].ends_with(
            "Of aaa1. [The log](https://github.com/example/kafka-clients/actions/runs/1)\n"
        ),
        "{comments:?}"
    );

    // A mistake: the same comment says that there is no plan any more.
    let good = repository.spec.clone();
    repository.spec = good.replace("client:\n", "clientt:\n");
    let failed = repository.run("plan", &pull(2, "aaa2"), End::Skipped, &forge);
    failed.ends(End::Failure).says("did you mean `client`?");
    let comments = own(&forge);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(
        comments[0].contains("there is none (exit 3)"),
        "{comments:?}"
    );
    repository.spec = good;
    repository
        .run("plan", &pull(3, "aaa3"), End::Skipped, &forge)
        .ends(End::Success);
    let comments = own(&forge);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("Of aaa3."), "{comments:?}");
    // Nothing of a fork's.
    let fork = Event::of_pull(4, 12, "aaa3", "somebody/kafka-clients");
    repository
        .run("plan", &fork, End::Skipped, &forge)
        .ends(End::Skipped);

    forge.world().runs = vec![
        run(9, "aaa3", "success", "somebody/kafka-clients"),
        run(3, "aaa3", "success", OURS),
        run(2, "aaa2", "failure", OURS),
        run(1, "aaa1", "success", OURS),
    ];
    let pulls = |head: &str| {
        vec![
            json!({ "number": 3, "merge_commit_sha": "other", "head": { "sha": "bbb" } }),
            json!({ "number": 12, "merge_commit_sha": "merged", "head": { "sha": head } }),
        ]
    };
    forge.world().merged.insert("merged".into(), pulls("aaa3"));
    let push = |run: u64, sha: &str| Event::new("push", run, sha);
    // A plan of a push is nobody's.
    repository
        .run("plan", &push(20, "merged"), End::Skipped, &forge)
        .ends(End::Skipped);

    // Somebody was there between the review and the merge.
    host.user("echo client.id=b >~/c.properties");
    let stale = repository.run("apply", &push(20, "merged"), End::Skipped, &forge);
    stale
        .ends(End::Failure)
        .says("::error::something has moved since the review")
        .says("apply: exit status: 6");
    assert_eq!(host.read("c.properties"), "client.id=b\n");
    let comments = own(&forge);
    assert!(
        comments[1].contains("run the workflow by hand, which plans anew"),
        "{comments:?}"
    );
    assert!(comments[1].starts_with("### trueup apply"), "{comments:?}");

    // By hand: what main wants now is planned, and then applied.
    let by_hand = Event::new("workflow_dispatch", 30, "merged");
    repository
        .run("plan", &by_hand, End::Skipped, &forge)
        .ends(End::Success);
    assert_eq!(own(&forge).len(), 2);
    repository
        .run("apply", &by_hand, End::Failure, &forge)
        .ends(End::Skipped);
    let applied = repository.run("apply", &by_hand, End::Success, &forge);
    applied
        .ends(End::Success)
        .says("1 change applied and verified");
    assert!(host.read("c.properties").contains("client.id=a"));

    // As it should be: nobody was there.
    host.user("rm ~/c.properties");
    let applied = repository.run("apply", &push(21, "merged"), End::Skipped, &forge);
    let applied = applied
        .ends(End::Success)
        .says("1 change applied and verified");
    assert!(
        applied.summary.starts_with("### trueup apply"),
        "{}",
        applied.summary
    );
    assert!(host.read("c.properties").contains("client.id=a"));
    let comments = own(&forge);
    assert_eq!(comments.len(), 3, "{comments:?}");
    assert!(comments[2].starts_with("### trueup apply"), "{comments:?}");

    // What nobody has reviewed: no pull request, or none whose plan was a success.
    let unseen = repository.run("apply", &push(22, "pushed"), End::Skipped, &forge);
    unseen
        .ends(End::Failure)
        .says("came without a pull request");
    forge.world().merged.insert("merged".into(), pulls("aaa2"));
    let unseen = repository.run("apply", &push(23, "merged"), End::Skipped, &forge);
    unseen
        .ends(End::Failure)
        .says("no plan was made of #12 as it was merged (aaa2)");
    assert_eq!(own(&forge).len(), 4, "that is said there, too");

    // Another download than the one that was looked at is not run.
    repository
        .vars
        .insert("TRUEUP_SHA256".into(), "0".repeat(64));
    let other = repository.run("plan", &pull(40, "aaa4"), End::Skipped, &forge);
    other
        .ends(End::Failure)
        .says("computed checksum did NOT match");
    let ran = repository
        .scripts()
        .into_iter()
        .filter(|name| !name.starts_with("drift/"));
    assert_eq!(
        ran.collect::<Vec<_>>(),
        repository.ran.into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn drift_is_one_issue_that_is_closed_again() {
    let host = Host::start("amazon", &[]);
    let forge = Forge::start();
    let mut repository = repository(&host);
    let path = host.spec("properties: { path: ~/c.properties, extra: { client.id: a } }");
    let apply = ["apply", path.to_str().expect("text"), "--auto-approve"];
    trueup(&host, &apply).code(0);
    let mut nights = 100;
    let mut night = |repository: &mut Repository| {
        nights += 1;
        repository.run(
            "drift",
            &Event::new("schedule", nights, "main"),
            End::Skipped,
            &forge,
        )
    };
    let issues = || -> Vec<Value> { forge.world().issues.values().cloned().collect() };

    night(&mut repository).ends(End::Success).says("in sync");
    assert_eq!(issues(), [] as [Value; 0]);

    host.user("chmod 644 ~/c.properties");
    for _ in 0..2 {
        night(&mut repository).ends(End::Success);
        let [issue] = issues().try_into().expect("one");
        assert_eq!(
            (&issue["state"], &issue["number"]),
            (&json!("open"), &json!(1))
        );
        assert_eq!(issue["title"], "trueup: kafka-client.yaml has drifted");
        let body = text(&issue["body"]);
        assert!(
            body.starts_with("<!-- trueup drift of kafka-client.yaml -->\n### trueup drift"),
            "{body}"
        );
        assert!(
            body.contains("client/properties") && body.contains("0644"),
            "{body}"
        );
    }

    let files = &repository.artifacts[&("103".to_owned(), "trueup-drift".to_owned())];
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["drift.html", "drift.xml"]);
    // It knows since when, by the run before.
    let since = Regex::new(r"since \d{4}-\d\d-\d\d \d\d:\d\d").expect("a pattern");
    let body = text(&issues()[0]["body"]).to_owned();
    assert!(since.is_match(&body), "{body}");

    // Not all could be read: that is no drift, and not in sync either.
    let good = repository.spec.clone();
    repository.spec = good.replace("port: 22,", "port: 9,");
    assert_ne!(repository.spec, good);
    night(&mut repository)
        .ends(End::Failure)
        .says("drift: exit status: 4");
    let [issue] = issues().try_into().expect("one");
    assert!(text(&issue["body"]).contains("not complete"), "{issue}");
    // Nor does a mistake in the spec say anything of the host.
    repository.spec = good.replace("client:\n", "clientt:\n");
    night(&mut repository).ends(End::Failure);
    let [again] = issues().try_into().expect("one");
    assert_eq!(again, issue);

    repository.spec = good;
    trueup(&host, &apply).code(0);
    for _ in 0..2 {
        night(&mut repository).ends(End::Success);
        let [issue] = issues().try_into().expect("one");
        assert_eq!(issue["state"], "closed");
        let said = forge.world().own(1).join("\n");
        assert!(
            said.starts_with("All is in sync again.") && said.lines().count() == 1,
            "{said}"
        );
    }
    host.user("chmod 644 ~/c.properties");
    night(&mut repository).ends(End::Success);
    assert_eq!(issues().len(), 2);
    let ran = repository
        .scripts()
        .into_iter()
        .filter(|name| name.starts_with("drift/"));
    assert_eq!(
        ran.collect::<Vec<_>>(),
        repository.ran.into_iter().collect::<Vec<_>>()
    );
}

/// What the linter says of a workflow.
fn lint(text: &str) -> (bool, String) {
    let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from);
    let program = cache
        .expect("inside `rig run`")
        .join("actionlint/actionlint");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("workflow.yml");
    fs::write(&file, text).expect("written");
    let output = Command::new(program)
        .args(["-no-color", "-shellcheck", "shellcheck"])
        .arg(&file)
        .current_dir(folder.path())
        .output()
        .expect("actionlint runs: `tests/rig/rig build` makes it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.success(),
        said + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn the_linter_of_workflows_finds_nothing() {
    for name in ["github-actions.yml", "supply-chain.yaml"] {
        let (path, _) = example(name);
        let text = fs::read_to_string(path).expect("text");
        assert_eq!(lint(&text), (true, String::new()), "{name}");
    }
    // It would see a slip: of the workflow's, of an expression's, of a script's.
    let (path, _) = example("github-actions.yml");
    let text = fs::read_to_string(path).expect("text");
    for (good, bad, wrong) in [
        (
            "cancel-in-progress: true",
            "cancel-in-progres: true",
            "cancel-in-progres",
        ),
        (
            "steps.reviewed.outputs.run",
            "steps.rewiewed.outputs.run",
            "rewiewed",
        ),
        (
            ">>\"$GITHUB_STEP_SUMMARY\"",
            ">>$GITHUB_STEP_SUMMARY",
            "SC2086",
        ),
    ] {
        assert!(text.contains(good), "{good}");
        let (is_fine, said) = lint(&text.replacen(good, bad, 1));
        assert!(!is_fine && said.contains(wrong), "{good}: {said}");
    }
}

#[test]
fn jobs_may_do_what_they_have_to_and_no_more() {
    let (_, workflow) = example("github-actions.yml");
    assert_eq!(workflow["permissions"], json!({}));
    let jobs = workflow["jobs"].as_object().expect("jobs");
    let of = |name: &str| {
        jobs[name]["permissions"]
            .as_object()
            .expect("permissions")
            .clone()
    };
    let writes = |name: &str| -> Vec<String> {
        let permissions = of(name).into_iter();
        permissions
            .filter(|(_, how)| *how == "write")
            .map(|(what, _)| what)
            .collect()
    };
    assert_eq!(writes("plan"), ["id-token", "pull-requests"]);
    assert_eq!(writes("apply"), ["id-token", "pull-requests"]);
    assert_eq!(writes("drift"), ["id-token", "issues"]);
    assert_eq!(
        jobs["apply"]["concurrency"],
        json!({ "group": "trueup-apply", "cancel-in-progress": false })
    );
    let mut first = Vec::new();
    for (name, job) in jobs {
        // Whose role and key it is, the trust policies in examples/iam say by the same name.
        assert_eq!(job["environment"], format!("trueup-{name}"));
        for step in job["steps"].as_array().expect("steps") {
            if let Some(action) = step["uses"].as_str() {
                let is_official =
                    action.starts_with("actions/") || action.starts_with("aws-actions/");
                assert!(is_official, "{action}");
            }
            if step["name"] == "trueup, the ssh key, host keys" {
                first.push(step.clone());
            }
        }
    }
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|step| *step == first[0]), "they differ");
}
