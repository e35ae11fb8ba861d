//! `examples/ci/gitlab-ci.yml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    end_all, example,
    forge::{Forge, TOKEN},
    plain, spec, text,
};
use crate::rig::{Host, trueup};

/// A job as GitLab runs it: what it extends, with its own keys over that.
fn job(pipeline: &Value, name: &str) -> Value {
    let mut job = pipeline[text(&pipeline[name]["extends"])].clone();
    let own = pipeline[name].as_object().expect("a job");
    job.as_object_mut().expect("a job").extend(own.clone());
    job
}

/// Its script, all of it.
fn script(job: &Value) -> String {
    let lines = ["before_script", "script"].map(|key| job[key].as_array().expect("lines").clone());
    let lines: Vec<String> = lines
        .concat()
        .iter()
        .map(|line| text(line).to_owned())
        .collect();
    lines.join("\n")
}

struct Done {
    code: i32,
    log: String,
    /// What it leaves, by name.
    files: BTreeMap<String, String>,
}

impl Done {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "no `{text}` in {}", self.log);
        self
    }
}

/// Runs a job of the pipeline in a new folder, with these variables and files.
fn run(
    host: &Host,
    forge: &Forge,
    name: &str,
    spec: &str,
    given: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Done {
    let (_, pipeline) = example("gitlab-ci.yml");
    let job = job(&pipeline, name);
    let desk = tempfile::tempdir().expect("a folder");
    let [work, home, bin] = ["work", "home", "bin"].map(|of| {
        let folder = desk.path().join(of);
        fs::create_dir(&folder).expect("made");
        folder
    });
    fs::write(work.join(text(&pipeline["variables"]["SPEC"])), spec).expect("written");
    for (file, text) in files {
        fs::write(work.join(file), text).expect("written");
    }
    let mark = format!("gitlab_{}", desk.path().display());
    let mut variables = plain(&home, &mark);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_trueup"), bin.join("trueup")).expect("a link");
    let path = format!("{}:{}", bin.display(), variables["PATH"]);
    let api = format!("http://127.0.0.1:{}/api/v4", forge.port);
    let of_gitlab = [
        ("PATH", path.as_str()),
        ("TMPDIR", desk.path().to_str().expect("text")),
        ("GITLAB_CI", "true"),
        ("CI_API_V4_URL", &api),
        ("CI_PROJECT_ID", "42"),
        ("CI_PROJECT_DIR", work.to_str().expect("text")),
        ("CI_COMMIT_SHA", "c0ffee"),
        (
            "CI_JOB_URL",
            "https://gitlab.com/example/kafka-clients/-/jobs/1",
        ),
        ("TRUEUP_TOKEN", TOKEN),
        ("TRUEUP_SSH_KEY", host.get("key")),
        ("AWS_TOKEN", "ey.of.gitlab"),
    ];
    variables.extend(
        of_gitlab
            .iter()
            .chain(given)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    for given in [&pipeline["variables"], &job["variables"]] {
        for (key, value) in given.as_object().into_iter().flatten() {
            // Of one that is not there nothing is left.
            let mut value = text(value).to_owned();
            if let Some((name, rest)) = value
                .strip_prefix('$')
                .map(|text| text.split_once('/').unwrap_or((text, "")))
            {
                let of = variables.get(name).cloned().unwrap_or_default();
                value = format!("{of}{}{rest}", if rest.is_empty() { "" } else { "/" });
            }
            variables.insert(key.clone(), value);
        }
    }
    let mut child = Command::new("sh")
        .args(["-e", "-s"])
        .current_dir(&work)
        .env_clear()
        .envs(&variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // Whole before it runs, as the runner has it: what it starts must not read the rest.
    let text = format!("{{\n{}\n}} </dev/null\n", script(&job));
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("it ends");
    end_all(&mark);
    let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        !log.contains(TOKEN) && !log.contains("PRIVATE KEY"),
        "a secret in {log}"
    );
    folds(&log);
    Done {
        code: output.status.code().expect("a code"),
        log,
        files: left(&work),
    }
}

fn left(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().into_string().expect("text");
            (name, fs::read_to_string(entry.path()).expect("text"))
        })
        .collect()
}

/// What is begun is ended, as the log's page folds it.
fn folds(log: &str) {
    let pattern =
        regex::Regex::new("\u{1b}\\[0Ksection_(start|end):\\d+:([a-z]+)\r\u{1b}\\[0K(.*)\n")
            .expect("a pattern");
    let all: Vec<_> = pattern.captures_iter(log).collect();
    assert_eq!(log.matches("section_").count(), all.len(), "{log}");
    for pair in all.chunks(2) {
        assert_eq!((&pair[0][1], &pair[1][1]), ("start", "end"));
        assert_eq!(&pair[0][2], &pair[1][2]);
        assert!(pair[0][3].starts_with("trueup "), "{log}");
    }
}

#[test]
fn what_was_reviewed_is_applied_or_nothing_is() {
    let host = Host::start("amazon", &[]);
    let forge = Forge::start();
    let spec = spec(&host, "a");
    {
        let mut world = forge.world();
        world.comment(
            5,
            "Bot",
            6,
            "<!-- trueup plan of kafka-client.yaml -->\nof another robot's",
        );
        for number in 0..110 {
            world.comment(5, "User", 6, &format!("note {number}"));
        }
    }
    let own = || -> Vec<String> {
        forge
            .world()
            .own(5)
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    let of_request = [
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_IID", "5"),
    ];
    let plan = |spec: &str| run(&host, &forge, "plan", spec, &of_request, &[]);

    let planned = plan(&spec)
        .ends(0)
        .says("1 to add, 0 to change, 0 to delete");
    assert!(
        planned.files["plan.xml"].contains("failures=\"1\""),
        "{:?}",
        planned.files
    );
    let [note] = own().try_into().expect("one");
    let lead = "<!-- trueup plan of kafka-client.yaml -->\n### trueup plan: 1 to add";
    assert!(note.starts_with(lead), "{note}");
    assert!(
        note.contains("Of c0ffee. [The log](https://gitlab.com/"),
        "{note}"
    );
    plan(&spec.replace("client:\n", "clientt:\n")).ends(3);
    let [note] = own().try_into().expect("one");
    assert!(note.contains("there is none (exit 3)"), "{note}");
    let planned = plan(&spec).ends(0);
    let [note] = own().try_into().expect("one");
    assert!(note.starts_with(lead), "{note}");

    {
        let mut world = forge.world();
        let request =
            json!({ "iid": 5, "state": "merged", "merge_commit_sha": "c0ffee", "sha": "beef" });
        let other = json!({ "iid": 4, "state": "opened", "sha": "c0ffee" });
        world.merged.insert("c0ffee".into(), vec![other, request]);
        world.requests.insert(
            5,
            json!({ "iid": 5, "head_pipeline": { "id": 60, "status": "success" } }),
        );
        let jobs = [
            ("lint", "success", 600),
            ("plan", "failed", 601),
            ("plan", "success", 602),
        ];
        let jobs =
            jobs.map(|(name, status, id)| json!({ "name": name, "status": status, "id": id }));
        world.jobs.insert(60, jobs.to_vec());
        world.files.insert(
            "602/plan.json".into(),
            planned.files["plan.json"].clone().into_bytes(),
        );
    }
    let of_push = [("CI_PIPELINE_SOURCE", "push")];
    let apply = || {
        run(
            &host,
            &forge,
            "apply",
            &spec,
            &of_push,
            &[("plan.json", "not what was reviewed")],
        )
    };
    host.user("echo client.id=b >~/c.properties");
    apply().ends(6);
    assert_eq!(host.read("c.properties"), "client.id=b\n");
    let note = own().pop().expect("one");
    assert!(
        note.starts_with("<!-- trueup apply of kafka-client.yaml -->\n### trueup apply"),
        "{note}"
    );
    assert!(
        note.contains("run a pipeline by hand, which plans anew"),
        "{note}"
    );

    host.user("rm ~/c.properties");
    apply().ends(0).says("1 change applied and verified");
    assert!(host.read("c.properties").contains("client.id=a"));
    let notes = own();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(!notes[1].contains("by hand"), "{notes:?}");

    // By hand: the plan is that of the same pipeline.
    host.user("rm ~/c.properties");
    let by_hand = [("CI_PIPELINE_SOURCE", "web")];
    let planned = run(&host, &forge, "plan", &spec, &by_hand, &[]).ends(0);
    let files = [("plan.json", planned.files["plan.json"].as_str())];
    run(&host, &forge, "apply", &spec, &by_hand, &files).ends(0);
    assert!(host.read("c.properties").contains("client.id=a"));
    assert_eq!(own(), notes);

    // What nobody has reviewed.
    forge.world().requests.insert(
        5,
        json!({ "iid": 5, "head_pipeline": { "id": 60, "status": "failed" } }),
    );
    apply()
        .ends(1)
        .says("no plan was made of !5 as it was merged");
    forge.world().merged.clear();
    apply().ends(1).says("came without a merge request");
    // A token that is none leaves no doubt.
    let words = [("CI_PIPELINE_SOURCE", "push"), ("TRUEUP_TOKEN", "another")];
    let failed = run(&host, &forge, "apply", &spec, &words, &[]);
    assert!(
        failed.code != 0 && failed.log.contains("401"),
        "{}",
        failed.log
    );
}

#[test]
fn drift_fails_the_scheduled_pipeline_with_its_code() {
    let host = Host::start("amazon", &[]);
    let forge = Forge::start();
    let good = spec(&host, "a");
    let path = host.spec("properties: { path: ~/c.properties, extra: { client.id: a } }");
    trueup(
        &host,
        &["apply", path.to_str().expect("text"), "--auto-approve"],
    )
    .code(0);
    let drift = |spec: &str| {
        run(
            &host,
            &forge,
            "drift",
            spec,
            &[("CI_PIPELINE_SOURCE", "schedule")],
            &[],
        )
    };
    let done = drift(&good).ends(0).says("in sync");
    assert!(done.files["drift.xml"].contains("tests=\"1\" failures=\"0\" errors=\"0\""));
    host.user("chmod 644 ~/c.properties");
    let done = drift(&good).ends(2);
    assert!(done.files["drift.xml"].contains("tests=\"1\" failures=\"1\" errors=\"0\""));
    assert!(done.files["drift.html"].contains("client/properties"));
    drift(&good.replace("port: 22,", "port: 9,")).ends(4);
    assert_eq!(forge.world().asked, [] as [&str; 0]);
}

#[test]
fn roles_are_assumed_by_gitlabs_word_where_there_are_some() {
    let (_, pipeline) = example("gitlab-ci.yml");
    let begin = text(&job(&pipeline, "plan")["before_script"][0]).to_owned();
    let show = "\nprintf '%s|%s' \"${AWS_ROLE_ARN-none}\" \"$(cat \"${AWS_WEB_IDENTITY_TOKEN_FILE-/dev/null}\")\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let run = |role: &str| {
        let output = Command::new("sh")
            .args(["-e", "-c", &format!("trueup() {{ :; }}\n{begin}{show}")])
            .envs([
                ("AWS_TOKEN", "ey.of.gitlab"),
                ("AWS_ROLE_ARN", role),
                ("TRUEUP_SSH_KEY", ""),
            ])
            .env("TMPDIR", folder.path())
            .output();
        String::from_utf8(output.expect("sh runs").stdout).expect("text")
    };
    assert_eq!(run(""), "none|");
    assert_eq!(
        run("arn:aws:iam::123456789012:role/trueup-plan"),
        "arn:aws:iam::123456789012:role/trueup-plan|ey.of.gitlab"
    );
}

#[test]
fn its_schema_allows_it_and_its_scripts_are_sound() {
    let (_, pipeline) = example("gitlab-ci.yml");
    let schema =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas/gitlab-ci.json");
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(schema).expect("text")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> = validator
        .iter_errors(&pipeline)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut slip = pipeline.clone();
    slip["apply"]["resource_grup"] = "x".into();
    assert!(!validator.is_valid(&slip));

    let jobs: BTreeSet<&str> = pipeline
        .as_object()
        .expect("jobs")
        .iter()
        .filter(|(_, job)| job["extends"].is_string())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(jobs, BTreeSet::from(["plan", "apply", "drift"]));
    let mut scripts = vec![text(&pipeline[".trueup"]["before_script"][0]).to_owned()];
    for name in jobs {
        let job = job(&pipeline, name);
        // Whose role it is.
        assert_eq!(
            job["variables"]["AWS_ROLE_ARN"],
            format!("$TRUEUP_{}_ROLE", name.to_uppercase())
        );
        scripts.push(format!(": \"${{project=}}\"\n{}", text(&job["script"][0])));
    }
    for script in scripts {
        let mut child = Command::new("shellcheck")
            .args(["--norc", "-s", "sh", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("shellcheck runs");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(script.as_bytes()).expect("written");
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
    assert_eq!(pipeline["apply"]["resource_group"], "trueup-apply");
}
