//! `examples/scale/`: what GitLab and Kubernetes are given is what their schemas allow, and each
//! script in it does what it says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{HOSTS, desk, joined::join};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example, which the schema of its name allows.
fn example(name: &str, schema: &str) -> Value {
    let read = |path: PathBuf| fs::read_to_string(&path).expect("text");
    let text = read(root().join("examples/scale").join(name));
    let value: Value = serde_yaml::from_str(&text).expect("YAML");
    let schema = read(root().join("tests/fixtures/schemas").join(schema));
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> = validator
        .iter_errors(&value)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    // Strict ones: a slip would have been seen.
    let mut slip = value.clone();
    let part = match name {
        "kubernetes.yaml" => &mut slip["spec"],
        _ => &mut slip["drift"],
    };
    part["paralel"] = 8.into();
    assert!(!validator.is_valid(&slip), "{schema}");
    value
}

/// Runs a script as an engine does that has set these variables; its exit code and all it said.
fn script(desk: &Path, text: &str, environment: &[(&str, String)]) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_trueup"));
    let folder = program.parent().expect("a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a PATH"));
    let output = Command::new("sh")
        .args(["-c", text])
        .current_dir(desk)
        .env("PATH", path)
        .env("HOME", desk)
        .env_remove("SSH_AUTH_SOCK")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// The lines of a job of GitLab, as its runner joins them.
fn of_job(job: &Value) -> String {
    let lines = job["script"].as_array().expect("lines").iter();
    let lines: Vec<&str> = lines.map(|line| line.as_str().expect("text")).collect();
    lines.join("\n")
}

#[test]
fn the_jobs_of_gitlab_do_what_they_say() {
    let pipeline = example("gitlab-ci.yml", "gitlab-ci.json");
    let (drift, report) = (&pipeline["drift"], &pipeline["report"]);
    let total = drift["parallel"].as_u64().expect("a number");
    let desk = desk();
    for index in 1..=total {
        let environment = [
            ("CI_NODE_INDEX", index.to_string()),
            ("CI_NODE_TOTAL", total.to_string()),
        ];
        let (code, said) = script(desk.path(), &of_job(drift), &environment);
        let is_let_pass = drift["allow_failure"]["exit_codes"]
            .as_array()
            .is_some_and(|codes| codes.contains(&code.into()));
        assert!(code == 0 || is_let_pass, "{code} {said}");
    }
    let (code, said) = script(desk.path(), &of_job(report), &[]);
    assert_eq!(code, 4, "{said}");
    let junit = &report["artifacts"]["reports"]["junit"];
    let markdown = &report["artifacts"]["paths"][0];
    for file in [junit, markdown] {
        let file = desk.path().join(file.as_str().expect("a name"));
        let text = fs::read_to_string(&file).expect("written");
        assert!(HOSTS.iter().all(|host| text.contains(host)), "{text}");
    }
}

#[test]
fn the_pods_of_kubernetes_do_what_they_say() {
    let job = example("kubernetes.yaml", "kubernetes-job.json");
    let total = job["spec"]["completions"].as_u64().expect("a number");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["sh", "-c"]));
    let text = container["args"][0].as_str().expect("a script");
    let desk = desk();
    let files = (0..total).map(|index| {
        let environment = [
            ("JOB_COMPLETION_INDEX", index.to_string()),
            ("SPEC", "fleet.yaml".to_owned()),
        ];
        let (code, said) = script(desk.path(), text, &environment);
        assert_eq!(code, 0, "{said}");
        format!("shard-{index}.json")
    });
    let files: Vec<String> = files.collect();
    let joined = join(desk.path(), &files, &["--format", "json"]).code(4);
    assert_eq!(joined.hosts(), HOSTS);
    assert_eq!(joined.err, "");
    // A spec that is wrong is no news of the fleet.
    fs::write(desk.path().join("fleet.yaml"), "version: 1\nhosst: {}\n").expect("written");
    let environment = [
        ("JOB_COMPLETION_INDEX", "0".to_owned()),
        ("SPEC", "fleet.yaml".to_owned()),
    ];
    assert_eq!(script(desk.path(), text, &environment).0, 3);
}
