//! Jobs of a workflow, as GitHub's runner goes through them: conditions, variables, outputs, artifacts
//! and caches. What actions of others do is nothing here but files that come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    end_all,
    expression::{filled, holds},
    forge::{Forge, TOKEN},
    plain, text,
};

/// Files of a folder, by name.
type Files = Vec<(String, Vec<u8>)>;

/// What the repository has, and what runs leave in it.
pub struct Repository {
    pub workflow: Value,
    /// The spec, as the next job checks it out.
    pub spec: String,
    /// Where each job checks it out: runs of one spec are known by its place.
    checkout: tempfile::TempDir,
    pub secrets: BTreeMap<String, String>,
    pub vars: BTreeMap<String, String>,
    /// By the number of the run and their names.
    pub artifacts: BTreeMap<(String, String), Files>,
    caches: BTreeMap<String, Files>,
    /// Roles of AWS that jobs have assumed, as JOB: ROLE.
    pub assumed: Vec<String>,
    /// Steps with a script that were run, as JOB/NAME.
    pub ran: BTreeSet<String>,
}

/// How a job ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum End {
    Success,
    Failure,
    Skipped,
}

/// A job that was run.
pub struct Job {
    pub end: End,
    pub log: String,
    pub summary: String,
}

impl Job {
    #[track_caller]
    pub fn ends(self, end: End) -> Self {
        assert_eq!(self.end, end, "{}", self.log);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "no `{text}` in {}", self.log);
        self
    }
}

/// What began a run: values of `github.…`.
pub struct Event(BTreeMap<&'static str, String>);

impl Event {
    pub fn new(name: &str, run: u64, sha: &str) -> Self {
        let of = |value: &str| value.to_owned();
        Self(BTreeMap::from([
            ("github.event_name", of(name)),
            ("github.ref", of("refs/heads/main")),
            ("github.repository", of("example/kafka-clients")),
            ("github.run_id", run.to_string()),
            ("github.server_url", of("https://github.com")),
            ("github.sha", of(sha)),
            ("github.token", of(TOKEN)),
        ]))
    }

    /// One of a pull request, from a branch of a repository.
    pub fn of_pull(run: u64, number: u64, head: &str, from: &str) -> Self {
        let mut event = Self::new("pull_request", run, "0123456789abcdef");
        let more = [
            ("github.event.pull_request.number", number.to_string()),
            ("github.event.pull_request.head.sha", head.to_owned()),
            (
                "github.event.pull_request.head.repo.full_name",
                from.to_owned(),
            ),
        ];
        event.0.extend(more);
        event
    }
}

impl Repository {
    pub fn new(workflow: Value) -> Self {
        Self {
            workflow,
            spec: String::new(),
            checkout: tempfile::tempdir().expect("a folder"),
            secrets: BTreeMap::new(),
            vars: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            caches: BTreeMap::new(),
            assumed: vec![],
            ran: BTreeSet::new(),
        }
    }

    /// Runs one job, in a new folder with the spec; `before` says how the job ended that it needs.
    pub fn run(&mut self, name: &str, event: &Event, before: End, forge: &Forge) -> Job {
        let job = self.workflow["jobs"][name].clone();
        let desk = tempfile::tempdir().expect("a folder");
        let work = self.checkout.path().join("kafka-clients");
        if work.exists() {
            fs::remove_dir_all(&work).expect("removed");
        }
        fs::create_dir(&work).expect("made");
        let [home, temp] = ["home", "temp"].map(|of| {
            let folder = desk.path().join(of);
            fs::create_dir(&folder).expect("made");
            folder
        });
        fs::write(work.join(text(&self.workflow["env"]["SPEC"])), &self.spec).expect("written");
        let mark = format!("github_{}", desk.path().display());
        let run = event.0["github.run_id"].clone();
        let mut outputs: BTreeMap<String, String> = BTreeMap::new();
        let (vars, secrets) = (self.vars.clone(), self.secrets.clone());
        let names = |outputs: &BTreeMap<String, String>, name: &str| -> String {
            let given = |map: &BTreeMap<String, String>, key: &str| {
                map.get(key).cloned().unwrap_or_default()
            };
            match name.split_once('.') {
                None => match name {
                    "cancelled()" => "false".to_owned(),
                    other => panic!("{other} is not known here"),
                },
                Some(("vars", key)) => given(&vars, key),
                Some(("secrets", key)) => given(&secrets, key),
                Some(("steps", key)) => given(outputs, key),
                Some(("needs", "plan.result")) => format!("{before:?}").to_lowercase(),
                Some(("github", key)) if key.starts_with("event.") => {
                    event.0.get(name).cloned().unwrap_or_default()
                }
                _ => event.0[name].clone(),
            }
        };
        if !holds(text(&job["if"]), &|name| names(&outputs, name)) {
            return Job {
                end: End::Skipped,
                log: String::new(),
                summary: String::new(),
            };
        }
        let mut variables = plain(&home, &mark);
        let of_runner = [
            ("GH_HOST", "github.localhost".to_owned()),
            ("http_proxy", format!("http://127.0.0.1:{}", forge.port)),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_REPOSITORY", event.0["github.repository"].clone()),
            ("GITHUB_SHA", event.0["github.sha"].clone()),
            ("GITHUB_RUN_ID", run.clone()),
            (
                "GITHUB_WORKFLOW_REF",
                "example/kafka-clients/.github/workflows/trueup.yml@refs/heads/main".to_owned(),
            ),
            ("RUNNER_TEMP", temp.display().to_string()),
            ("TMPDIR", temp.display().to_string()),
        ];
        variables.extend(of_runner.map(|(name, value)| (name.to_owned(), value)));
        let mut save = None;
        let (mut end, mut log, mut summary) = (End::Success, String::new(), String::new());
        for step in job["steps"].as_array().expect("steps") {
            let condition = step["if"].as_str().unwrap_or("${{ !cancelled() }}");
            let is_any = step["if"]
                .as_str()
                .is_some_and(|text| text.contains("cancelled()"));
            if end == End::Failure && !is_any || !holds(condition, &|name| names(&outputs, name)) {
                continue;
            }
            let with = |key: &str| {
                let given = step["with"][key].as_str().unwrap_or_default();
                filled(given, &|name| names(&outputs, name))
            };
            if let Some(action) = step["uses"].as_str() {
                let (action, _) = action.split_once('@').expect("a version");
                let done = match action {
                    "actions/checkout" => true,
                    "aws-actions/configure-aws-credentials" => {
                        assert!(!with("aws-region").is_empty());
                        self.assumed
                            .push(format!("{name}: {}", with("role-to-assume")));
                        true
                    }
                    "actions/upload-artifact" => {
                        let paths = with("path");
                        let all: Files = paths
                            .lines()
                            .filter_map(|path| {
                                Some((path.to_owned(), fs::read(work.join(path)).ok()?))
                            })
                            .collect();
                        let is_fine = !all.is_empty() || with("if-no-files-found") == "ignore";
                        self.artifacts.insert((run.clone(), with("name")), all);
                        is_fine
                    }
                    "actions/download-artifact" => {
                        assert_eq!(with("github-token"), TOKEN);
                        let files = self.artifacts.get(&(with("run-id"), with("name")));
                        write(&work, files.into_iter().flatten());
                        files.is_some()
                    }
                    "actions/cache" => {
                        let folder = home.join(with("path").trim_start_matches("~/"));
                        let restored = self
                            .caches
                            .iter()
                            .rev()
                            .find(|(key, _)| key.starts_with(&with("restore-keys")));
                        if let Some((_, files)) = restored {
                            fs::create_dir_all(&folder).expect("made");
                            write(&folder, files);
                        }
                        save = Some((with("key"), folder));
                        true
                    }
                    other => panic!("{other} is not known here"),
                };
                log.push_str(&format!("{action}: {done}\n"));
                if !done {
                    end = End::Failure;
                }
                continue;
            }
            let script = text(&step["run"]);
            // What an expression brought would be read as a command.
            assert!(!script.contains("${{"), "{script}");
            self.ran.insert(format!("{name}/{}", text(&step["name"])));
            let files = ["ENV", "OUTPUT", "PATH", "STEP_SUMMARY"]
                .map(|of| temp.join(format!("github_{of}")));
            for file in &files {
                fs::write(file, "").expect("written");
            }
            let file = temp.join("script.sh");
            fs::write(&file, script).expect("written");
            let mut command = Command::new("bash");
            command
                .args(["--noprofile", "--norc", "-eo", "pipefail"])
                .arg(&file)
                .current_dir(&work)
                .env_clear()
                .envs(&variables)
                .stdin(Stdio::null());
            for (of, file) in ["ENV", "OUTPUT", "PATH", "STEP_SUMMARY"].iter().zip(&files) {
                command.env(format!("GITHUB_{of}"), file);
            }
            for given in [&self.workflow["env"], &step["env"]] {
                for (key, value) in given.as_object().into_iter().flatten() {
                    command.env(key, filled(text(value), &|name| names(&outputs, name)));
                }
            }
            // The log has both in the order in which they came.
            let said = fs::File::create(temp.join("said")).expect("made");
            let both = said.try_clone().expect("a copy");
            let status = command.stdout(said).stderr(both).status();
            let status = status.expect("bash runs");
            let said = fs::read(temp.join("said")).expect("read");
            log.push_str(&String::from_utf8_lossy(&said));
            if !status.success() {
                log.push_str(&format!("{}: {status}\n", text(&step["name"])));
                end = End::Failure;
            }
            let [environment, output, path, shown] =
                files.map(|file| fs::read_to_string(file).expect("text"));
            let pairs = |text: &str| -> Vec<(String, String)> {
                let lines = text
                    .lines()
                    .map(|line| line.split_once('=').expect("a value"));
                lines
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect()
            };
            variables.extend(pairs(&environment));
            for folder in path.lines() {
                let path = format!("{folder}:{}", variables["PATH"]);
                variables.insert("PATH".into(), path);
            }
            for (key, value) in pairs(&output) {
                outputs.insert(format!("{}.outputs.{key}", text(&step["id"])), value);
            }
            summary.push_str(&shown);
        }
        end_all(&mark);
        if let Some((key, folder)) = save {
            self.caches.insert(key, files(&folder));
        }
        for secret in self
            .secrets
            .values()
            .flat_map(|secret| secret.lines())
            .chain([TOKEN])
        {
            assert!(
                secret.len() < 8 || !log.contains(secret),
                "a secret in {log}"
            );
        }
        folds(&log);
        Job { end, log, summary }
    }

    /// All steps with a script, as JOB/NAME.
    pub fn scripts(&self) -> BTreeSet<String> {
        let jobs = self.workflow["jobs"].as_object().expect("jobs");
        let steps = jobs.iter().flat_map(|(name, job)| {
            let steps = job["steps"].as_array().expect("steps").iter();
            steps
                .filter(|step| step["run"].is_string())
                .map(move |step| format!("{name}/{}", text(&step["name"])))
        });
        steps.collect()
    }
}

/// Groups are closed, and what is in them is no command to the runner.
fn folds(log: &str) {
    let mut rest = log;
    while let Some((_, after)) = rest.split_once("::group::") {
        let (title, after) = after.split_once('\n').expect("a title");
        assert!(title.starts_with("trueup "), "{title}");
        let after = after
            .strip_prefix("::stop-commands::")
            .expect("commands are stopped");
        let (token, inner) = after.split_once('\n').expect("a token");
        assert_eq!(token.len(), 32);
        let (inner, behind) = inner
            .split_once(&format!("::{token}::\n"))
            .expect("they go on");
        assert!(!inner.is_empty());
        rest = behind
            .strip_prefix("::endgroup::\n")
            .expect("the group ends");
    }
}

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().expect("text");
            (name, fs::read(entry.path()).expect("read"))
        })
        .collect()
}

fn write<'f>(folder: &Path, files: impl IntoIterator<Item = &'f (String, Vec<u8>)>) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("written");
    }
}
