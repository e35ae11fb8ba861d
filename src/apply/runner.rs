//! Carries out one host's plan, step by step.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    error::WriteError,
    event::{Event, Sink},
    holder::{StepProgress, StepReply, StepRequest, Stop, Writer},
    outcome::{Failure, Outcome},
    refusal::{self, SpecPlaces},
};
use crate::{
    action::{self, Action, Fetch},
    facts::{Host, Reply},
    kinds::{Address, client::kafka::Kafka},
    plan::{HostPlan, Step, Subject},
    properties,
    text::hex,
    transport::whole_seconds,
};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A remote call.
    pub call: Duration,
    /// A download, an unpacking or a package.
    pub work: Duration,
    /// Waiting for a package manager's own lock.
    pub package_lock: Duration,
}

/// Takes away what applies that were killed have left ([`Reply::leftovers`]). What cannot be taken away
/// stays for the next one.
pub async fn tidy(
    writer: &mut Writer<'_>,
    leftovers: &BTreeSet<String>,
    limits: Limits,
    stop: &mut Stop,
) {
    if leftovers.is_empty() {
        return;
    }
    let call = leftovers
        .iter()
        .fold(StepRequest::new("tidy"), StepRequest::value);
    if let Err(error) = writer.run(&call, limits.call, stop, |_| {}).await {
        tracing::debug!(%error, "leftovers stay");
    }
}

/// Applies the changes of a plan to its host, in order, and stops at the first that fails.
/// `reply` is what was read under the lock: the contents that edits start from.
pub async fn apply_host(
    writer: &mut Writer<'_>,
    plan: &HostPlan,
    reply: &Reply,
    limits: Limits,
    places: &SpecPlaces,
    stop: &mut Stop,
    sink: &mut dyn Sink,
) -> Outcome {
    let started = Instant::now();
    let subject = Subject::Host(plan.name.clone());
    let mut outcome = Outcome::new(subject.clone());
    let mut run = Run {
        writer,
        subject: &subject,
        host: &plan.name,
        reply,
        facts: plan.facts.as_ref(),
        written: HashMap::new(),
        limits,
        places,
        stop,
        sink,
    };
    let mut steps = plan.steps.iter().filter(|step| step.action.changes());
    for step in steps.by_ref() {
        if *run.stop.borrow() > 0 {
            outcome.interrupted = true;
            outcome.not_reached.push(step.address.clone());
            break;
        }
        match run.step(step).await {
            Ok(done) => {
                outcome.paste.extend(done.paste);
                run.sink.event(Event::Done {
                    subject: &subject,
                    address: &step.address,
                    summary: &done.summary,
                });
                outcome.applied.push(step.address.clone());
            }
            Err(failure) => {
                run.sink.event(Event::Failed {
                    subject: &subject,
                    address: &step.address,
                });
                outcome.interrupted = *run.stop.borrow() > 0;
                outcome.failure = Some(failure);
                break;
            }
        }
    }
    outcome
        .not_reached
        .extend(steps.map(|step| step.address.clone()));
    outcome.took = started.elapsed();
    outcome
}

/// What a step did, for people.
#[derive(Default)]
struct Done {
    summary: String,
    paste: Option<String>,
}

struct Run<'r, 'c> {
    writer: &'r mut Writer<'c>,
    subject: &'r Subject,
    host: &'r str,
    reply: &'r Reply,
    facts: Option<&'r Host>,
    /// Contents that earlier steps wrote, by path.
    written: HashMap<String, Vec<u8>>,
    limits: Limits,
    places: &'r SpecPlaces,
    stop: &'r mut Stop,
    sink: &'r mut dyn Sink,
}

impl Run<'_, '_> {
    async fn step(&mut self, step: &Step) -> Result<Done, Failure> {
        let mut done = Done::default();
        // What stays when a later action fails.
        let mut before = Vec::new();
        for (nth, action) in step.actions.iter().enumerate() {
            if nth > 0 {
                before.push(done.summary);
            }
            self.sink.event(Event::Started {
                subject: self.subject,
                addresses: &[&step.address],
                verb: action.verb(),
            });
            done = match self.action(&step.address, action).await {
                Ok(done) => done,
                Err(failure) => {
                    return Err(Failure {
                        address: Some(step.address.clone()),
                        done: before,
                        ..failure
                    });
                }
            };
        }
        Ok(done)
    }

    async fn action(&mut self, address: &Address, action: &Action) -> Result<Done, Failure> {
        match action {
            Action::InstallPackage { manager, package } => {
                let call = StepRequest::new("package")
                    .value(manager.command())
                    .value(package)
                    .value(whole_seconds(self.limits.package_lock).to_string());
                // Others are waited for first; the work's own time begins then.
                let limit = self.limits.package_lock + self.limits.work;
                let answer = self.run(address, &call, limit).await?;
                checked(&answer, refusal::of_step)?;
                Ok(Done {
                    summary: format!("{package}, with {}", manager.command()),
                    paste: None,
                })
            }
            Action::Fetch(fetch) => {
                let (answer, took) = self.fetch(address, fetch, false).await?;
                Ok(fetched(fetch, &answer, took))
            }
            Action::Unpack { archive, top, home } => {
                let label = Kafka::manifest_label(top, archive.digest.as_deref());
                self.unpack(address, archive, "unpack", false, |call| {
                    call.value(top).value(home).value(label)
                })
                .await
            }
            Action::Extract {
                archive,
                to,
                strip,
                label,
                as_root,
            } => {
                self.unpack(address, archive, "extract", *as_root, |call| {
                    call.value(to).value(strip.to_string()).value(label)
                })
                .await
            }
            Action::EditBlock {
                path,
                marker,
                lines,
                as_root,
            } => {
                let before = self.content(address, path);
                let after = action::edit_block(&before.unwrap_or_default(), marker, lines);
                let call = StepRequest::new("write").by_root(*as_root);
                self.write(address, call, path, ("", None), after).await?;
                Ok(Done {
                    summary: self.shown(path),
                    paste: None,
                })
            }
            Action::EditProperties {
                path,
                set,
                remove,
                mode,
                folder,
            } => {
                let before = self.content(address, path).unwrap_or_default();
                let values = set
                    .iter()
                    .map(|(key, value)| (key.clone(), value.expose()))
                    .collect();
                let after =
                    properties::edit(&before, &values, remove).map_err(|error| Failure {
                        reasons: vec![format!("{path} is {error}")],
                        ..Failure::default()
                    })?;
                let (call, mode_after) = (StepRequest::new("write"), mode.to_string());
                let with = (&*mode_after, folder.as_deref());
                self.write(address, call, path, with, after).await?;
                let keys = match set.len() + remove.len() {
                    0 => "no byte order mark".to_owned(),
                    1 => "1 key".to_owned(),
                    count => format!("{count} keys"),
                };
                Ok(Done {
                    summary: format!("{keys}, mode {mode}"),
                    paste: None,
                })
            }
            Action::SetMode { path, mode } => {
                let call = StepRequest::new("mode").value(path).value(mode.to_string());
                let answer = self.run(address, &call, self.limits.call).await?;
                checked(&answer, refusal::of_step)?;
                Ok(Done {
                    summary: format!("mode {mode}"),
                    paste: None,
                })
            }
            Action::Step(step) => {
                let call = StepRequest::new(step.step).by_root(step.as_root);
                let mut call = step.values.iter().fold(call, StepRequest::value);
                if let Some(content) = &step.content {
                    call = call.payload(content);
                }
                let answer = self.run(address, &call, self.limits.work).await?;
                checked(&answer, refusal::of_step)?;
                Ok(Done {
                    summary: step.done.clone(),
                    paste: None,
                })
            }
            Action::Topic(_) => unreachable!("no resource of a host asks a cluster"),
        }
    }

    async fn fetch(
        &mut self,
        address: &Address,
        fetch: &Fetch,
        as_root: bool,
    ) -> Result<(StepReply, Duration), Failure> {
        let started = Instant::now();
        let call = StepRequest::new("fetch")
            .by_root(as_root)
            .value(&fetch.url)
            .value(&fetch.path)
            .value(fetch.algorithm.name())
            .value(fetch.digest.as_deref().unwrap_or_default())
            .value(fetch.mode.to_string())
            .value(self.limits.work.as_secs().to_string());
        // A little longer than the fetcher's own limit, so that it can say so itself.
        let answer = self
            .run(address, &call, self.limits.work + self.limits.call)
            .await?;
        let keys = ["url", fetch.algorithm.name()];
        let check = self.places.check(self.host, address, &keys);
        checked(&answer, |answer| refusal::of_fetch(fetch, answer, check))?;
        Ok((answer, started.elapsed()))
    }

    /// Stages beside where the tree belongs, fetches, unpacks; the stage goes away whatever happens.
    /// `with` appends to the step's call what comes after the stage and the archive.
    async fn unpack(
        &mut self,
        address: &Address,
        archive: &Fetch,
        step: &'static str,
        as_root: bool,
        with: impl FnOnce(StepRequest) -> StepRequest,
    ) -> Result<Done, Failure> {
        let Some((stage, file)) = archive.path.rsplit_once('/') else {
            unreachable!("an archive's path is absolute")
        };
        let call = |name| StepRequest::new(name).by_root(as_root).value(stage);
        let answer = self.run(address, &call("stage"), self.limits.call).await?;
        checked(&answer, refusal::of_step)?;
        let unpacked: Result<Done, Failure> = async {
            let (fetched_as, took) = self.fetch(address, archive, as_root).await?;
            self.sink.event(Event::Started {
                subject: self.subject,
                addresses: &[address],
                verb: "unpack",
            });
            let call = with(call(step).value(file));
            let answer = self.run(address, &call, self.limits.work).await?;
            let keys = ["url", archive.algorithm.name()];
            let check = self.places.check(self.host, address, &keys);
            checked(&answer, |answer| refusal::of_unpack(answer, check))?;
            let mut done = fetched(archive, &fetched_as, took);
            if let Some(files) = answer.records.get("repaired") {
                done.summary.push_str(&format!(", {files} files repaired"));
            }
            Ok(done)
        }
        .await;
        if let Err(failure) = unpacked {
            if !failure.outcome_unknown {
                // What cannot be removed now is removed by the next apply; the failure says more.
                let _ = self.run(address, &call("unstage"), self.limits.call).await;
            }
            return Err(failure);
        }
        unpacked
    }

    /// A path as people write it.
    fn shown(&self, path: &str) -> String {
        self.facts
            .map_or_else(|| path.to_owned(), |facts| facts.shorten(path))
    }

    /// The bytes of a file as they are now; `None`: there is none.
    fn content(&self, address: &Address, path: &str) -> Option<Vec<u8>> {
        self.written
            .get(path)
            .cloned()
            .or_else(|| self.reply.section(address).bytes("content"))
    }

    async fn write(
        &mut self,
        address: &Address,
        call: StepRequest,
        path: &str,
        (mode, folder): (&str, Option<&str>),
        after: Vec<u8>,
    ) -> Result<(), Failure> {
        let expected = match self.content(address, path) {
            Some(before) => hex(&Sha256::digest(&before)),
            None => "absent".to_owned(),
        };
        let call = call
            .value(path)
            .value(expected)
            .value(mode)
            .value(folder.unwrap_or_default())
            .payload(&after);
        let answer = self.run(address, &call, self.limits.call).await?;
        checked(&answer, refusal::of_step)?;
        self.written.insert(path.to_owned(), after);
        Ok(())
    }

    async fn run(
        &mut self,
        address: &Address,
        call: &StepRequest,
        deadline: Duration,
    ) -> Result<StepReply, Failure> {
        let (sink, subject) = (&mut *self.sink, self.subject);
        let answer = self
            .writer
            .run(call, deadline, self.stop, |meanwhile| {
                sink.event(match meanwhile {
                    StepProgress::Bytes(have, total) => Event::Bytes {
                        subject,
                        address,
                        have,
                        total,
                    },
                    StepProgress::Line(line) => Event::Line {
                        subject,
                        address,
                        line,
                    },
                    StepProgress::Interrupted(true) => Event::Interrupted {
                        subject,
                        address,
                        what: "stopping the running step; nothing further is begun",
                    },
                    StepProgress::Interrupted(false) => Event::Interrupted {
                        subject,
                        address,
                        what: "waiting for the running step; nothing further is begun; \
                               Ctrl-C again leaves it to the host",
                    },
                });
            })
            .await;
        answer.map_err(|error| lost(&error))
    }
}

/// The failure of a step whose end is not known.
fn lost(error: &WriteError) -> Failure {
    Failure {
        help: Some("its outcome is not known: run `plan` to see what is now true".into()),
        outcome_unknown: true,
        ..Failure::because(error)
    }
}

/// The answer, unless the step failed or was stopped.
fn checked(answer: &StepReply, refuse: impl FnOnce(&StepReply) -> Failure) -> Result<(), Failure> {
    match &answer.failed {
        None => Ok(()),
        Some(_) if answer.stopped => Err(Failure {
            reasons: vec!["stopped before it was done".into()],
            help: Some("run the command again: it goes on from what is there".into()),
            ..Failure::default()
        }),
        Some(_) => Err(refuse(answer)),
    }
}

/// `12.8 MiB in 3.1 s, sha256 as in the spec`.
fn fetched(fetch: &Fetch, answer: &StepReply, took: Duration) -> Done {
    let bytes: f64 = answer
        .records
        .get("bytes")
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(0.0);
    let key = fetch.algorithm.name();
    let size = format!(
        "{:.1} MiB in {:.1} s",
        bytes / 1024.0 / 1024.0,
        took.as_secs_f64()
    );
    match (&fetch.digest, answer.records.get("digest")) {
        (None, Some(digest)) => Done {
            summary: format!("{size}, not checked"),
            paste: Some(format!("{key}: {digest}")),
        },
        _ => Done {
            summary: format!("{size}, {key} as in the spec"),
            paste: None,
        },
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
