//! The history of runs: what each found of every address, so that a report can say since when something
//! differs. It is only reported from: what is true is read from the machines. What a run did not look at
//! has no entry in it.

mod news;
mod run;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    apply::outcome::Outcome,
    exit::Code,
    plan::{Plan, Subject, salted},
    utc::Utc,
};
pub use news::{Back, News};
pub use run::Run;
use run::{Entry, entry};

/// How many runs of the same specs the file keeps.
const MOST_RUNS: usize = 500;
/// What the file may grow to before the oldest runs go, and what they leave then, in bytes.
pub const MOST_BYTES: usize = 4 << 20;
const KEPT_BYTES: usize = 2 << 20;

/// What a run is of. Runs of the same specs and variables are one history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The spec files, by paths that mean the same wherever the command is given.
    pub specs: Vec<String>,
    /// The variables that the command line sets. Of them only a salted digest is kept.
    pub vars: Vec<(String, String)>,
    /// The flags that leave hosts or addresses out, as words.
    pub only: Vec<String>,
    /// With `--deep`.
    pub deep: bool,
}

/// A run that has just ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'r> {
    /// `drift` or `apply`.
    pub command: &'static str,
    /// When it began.
    pub at: Utc,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub code: Code,
    /// What was found.
    pub plan: &'r Plan,
    /// What became of it; empty unless it was applied.
    pub outcomes: &'r [Outcome],
}

/// Since when something differs, or could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    /// The first run of the unbroken row of runs that found it so.
    pub at: Utc,
    /// The last run before in which it was as the spec says, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_in_sync: Option<Utc>,
}

/// The runs of the same specs; the last is the one that is being reported.
#[derive(Debug, Clone)]
pub struct History {
    runs: Vec<Run>,
    news: News,
    /// What the last run found, by name.
    now: HashMap<Subject, Entry>,
}

impl History {
    /// A run after those that a file holds, as far as they are of the same specs.
    pub fn new(scope: &Scope, kept: &str, ended: &Ended<'_>) -> Self {
        let lines = kept.lines().filter_map(Run::read);
        let mut runs: Vec<Run> = lines.filter(|run| run.is_of(scope)).collect();
        let parts = ended.plan.parts();
        let mut found: Vec<(Subject<&str>, Entry)> = parts
            .map(|part| (part.subject, entry(part, ended)))
            .collect();
        let is_whole = scope.only.is_empty() && ended.plan.selection.is_none();
        let news = news::find(&runs, &mut found, ended, scope.deep, is_whole);
        runs.push(Run::new(scope, ended, &found));
        let now = found.into_iter();
        let now = now.map(|(subject, entry)| (subject.owned(), entry));
        Self {
            runs,
            news,
            now: now.collect(),
        }
    }

    /// All of them, the oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What is new or gone since the last run of `drift`.
    pub fn news(&self) -> &News {
        &self.news
    }

    /// The last run that looked at all that this one looked at and found everything as the spec says.
    pub fn last_in_sync(&self) -> Option<Utc> {
        let now = self.runs.last()?;
        let is_it = |run: &&Run| {
            let fine = run.code == Code::Done && run.drifted + run.unreachable == 0;
            fine && run.covers(now)
        };
        self.runs.iter().rev().find(is_it).map(|run| run.at)
    }

    /// The line that a file keeps of the run that is being reported.
    pub fn line(&self) -> String {
        self.runs.last().map(Run::line).unwrap_or_default()
    }

    /// Writes into a plan since when what differs does.
    pub fn date(&self, plan: &mut Plan) {
        let hosts = plan.hosts.iter_mut();
        let hosts = hosts.map(|host| {
            let subject = Subject::Host(host.name.clone());
            (subject, &mut host.since, &mut host.steps)
        });
        let topics = plan.topics.iter_mut();
        let topics = topics.map(|one| {
            let subject = Subject::Cluster(one.cluster.clone());
            (subject, &mut one.since, &mut one.steps)
        });
        for (subject, since, steps) in hosts.chain(topics) {
            let Some(entry) = self.now.get(&subject) else {
                continue;
            };
            *since = entry.since;
            let differ = entry.differ.iter();
            let differ: HashMap<_, _> = differ.map(|one| (&one.address, one.since)).collect();
            for step in steps {
                step.since = differ.get(&step.address).copied();
            }
        }
    }
}

impl Scope {
    /// Its variables, salted; nothing where there are none.
    fn vars(&self, salt: &str) -> Option<String> {
        (!self.vars.is_empty()).then(|| salted(salt, &json!(self.vars)))
    }
}

/// Whether a text is a history, or nothing yet: that a file is none of ours is not overwritten.
pub(crate) fn is_one(text: &str) -> bool {
    text.trim().is_empty() || text.lines().any(|line| Run::read(line).is_some())
}

/// A file's text without its oldest runs and without what is damaged: of the same specs so many are
/// kept, and of all together so many bytes; always the last of each.
pub fn trimmed(text: &str) -> String {
    let mut of: HashMap<Vec<String>, usize> = HashMap::new();
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for line in text.lines().rev() {
        let Some(run) = Run::read(line) else { continue };
        let runs = of.entry(run.specs().to_vec()).or_default();
        *runs += 1;
        bytes += line.len() + 1;
        if *runs == 1 || *runs <= MOST_RUNS && bytes <= KEPT_BYTES {
            kept.push(line);
        }
    }
    kept.iter().rev().map(|line| format!("{line}\n")).collect()
}
