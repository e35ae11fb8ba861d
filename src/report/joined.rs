//! Reports of parts of a fleet, joined into one. Each is what `--format json` wrote.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;

use super::{ReportKind, fix};
use crate::{
    apply::outcome::{Outcome, Record},
    exit::Code,
    plan::{FORMAT_VERSION, HostPlan, Plan, Run, Shard, Subject},
    proof::{Proof, ProofResult},
    shard,
    utc::Utc,
};

/// The report of one run.
#[derive(Debug)]
pub struct Part {
    file: String,
    kind: ReportKind,
    code: Code,
    at: Option<Utc>,
    fix: Vec<String>,
    took: Duration,
    plan: Plan,
    outcomes: Vec<Outcome>,
    proofs: Vec<Proof>,
}

/// The reports of all runs.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The command they are of.
    pub kind: ReportKind,
    /// What they found, in the order of the spec. It has no salt: each part has its own.
    pub plan: Plan,
    /// What became of it.
    pub outcomes: Vec<Outcome>,
    /// What the installed clients say.
    pub proofs: Vec<Proof>,
    /// The worst of their codes.
    pub code: Code,
    /// When the first of them began, as far as they say.
    pub at: Option<Utc>,
    /// The command that closes what they found, word by word; none, where there is no one command.
    pub fix: Vec<String>,
    /// How long the longest took: they ran side by side.
    pub took: Duration,
    missing: Vec<u32>,
    total: u32,
}

/// What became of the plan.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Became {
    hosts: Vec<Record>,
    topics: Vec<Record>,
    proofs: Vec<Proof>,
}

impl Part {
    /// Reads what `--format json` wrote into a file.
    ///
    /// # Errors
    /// What is wrong with it, as a text to follow the file's name.
    pub fn read(file: String, text: &str) -> Result<Self, String> {
        const HELP: &str = "\n  help: join what `plan`, `drift`, `apply` or `prove` wrote with `--format json=FILE`";
        if text.trim().is_empty() {
            return Err("is empty: the run that was to write it has not ended well".into());
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("is no report as `--format json` writes it: {error}{HELP}"))?;
        let version = value["format_version"].as_str().unwrap_or_default();
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if !version.is_empty() && major(version) != major(FORMAT_VERSION) {
            return Err(format!(
                "is of format {version}, and this trueup reads {FORMAT_VERSION}"
            ));
        }
        if value.get("trueup_plan").is_some() {
            return Err(format!("is a saved plan, not a report{HELP}"));
        }
        let wrong = |error: serde_json::Error| format!("does not hold a report: {error}{HELP}");
        let Some(run) = value.get("run") else {
            return Err(format!("does not say which command wrote it{HELP}"));
        };
        let run = Run::deserialize(run).map_err(wrong)?;
        let known = ReportKind::by(&run.command).zip(Code::of(run.exit_code));
        let Some((kind, code)) = known else {
            return Err(format!(
                "is of a command or an exit code that this trueup does not know{HELP}"
            ));
        };
        let became = value.get("outcome").map(Became::deserialize).transpose();
        let Became {
            hosts,
            topics,
            proofs,
        } = became.map_err(wrong)?.unwrap_or_default();
        let hosts = hosts.into_iter().map(|one| one.outcome(Subject::Host));
        let topics = topics.into_iter().map(|one| one.outcome(Subject::Cluster));
        Ok(Self {
            file,
            kind,
            code,
            at: run.at,
            fix: run.fix,
            took: Duration::from_millis(run.took_ms),
            outcomes: hosts.chain(topics).collect(),
            proofs,
            plan: Plan::deserialize(&value).map_err(wrong)?,
        })
    }

    fn shard(&self) -> (Option<u32>, Option<u32>) {
        let shard = self.plan.shard.as_ref();
        (shard.map(|it| it.index), shard.map(|it| it.total))
    }
}

impl Joined {
    /// Joins parts, at least one. A shard that none of them is of is missing, and its hosts could
    /// not be read.
    ///
    /// # Errors
    /// Where they are not parts of one thing, or one is there twice.
    pub fn new(mut parts: Vec<Part>) -> Result<Self, String> {
        fit_together(&parts)?;
        parts.sort_by_key(Part::shard);
        let first = &parts[0];
        let (kind, specs) = (first.kind, first.plan.specs.clone());
        let (selection, total) = (first.plan.selection.clone(), first.shard().1.unwrap_or(0));
        let order = order(&parts);
        let here: BTreeSet<u32> = parts.iter().filter_map(|part| part.shard().0).collect();
        let missing: Vec<u32> = (1..=total).filter(|index| !here.contains(index)).collect();
        let code = Code::worst(parts.iter().map(|part| part.code));
        let at = parts.iter().filter_map(|part| part.at).min();
        let fixes: Vec<&[String]> = parts.iter().map(|part| &*part.fix).collect();
        let fix = fix::joined(&fixes);
        let took = parts.iter().map(|part| part.took).max();
        let complete = parts.iter().all(|part| part.plan.complete);
        let (mut hosts, mut topics) = (Vec::new(), Vec::new());
        let (mut outcomes, mut proofs) = (Vec::new(), Vec::new());
        for part in parts {
            hosts.extend(part.plan.hosts);
            topics.extend(part.plan.topics);
            outcomes.extend(part.outcomes);
            proofs.extend(part.proofs);
        }
        for (name, index) in order.keys().map(|name| (name, shard::of(name, total))) {
            if missing.contains(&index) {
                let why = format!("shard {index} of {total}, which it is in, has no report");
                if kind == ReportKind::Prove {
                    proofs.push(Proof {
                        host: name.clone(),
                        result: ProofResult::Unread,
                        cause: Some(why.clone()),
                        ..Proof::default()
                    });
                }
                hosts.push(HostPlan::unreached(name, name, why));
            }
        }
        let place = |name: &str| order.get(name).copied().unwrap_or(usize::MAX);
        hosts.sort_by_key(|host| place(&host.name));
        proofs.sort_by_key(|proof| place(&proof.host));
        outcomes.sort_by_key(|one| one.subject.host().map_or(usize::MAX, place));
        let mut plan = Plan::new(String::new(), specs, hosts, topics).of(selection);
        plan.complete = complete && missing.is_empty();
        let of_missing = (!missing.is_empty()).then_some(Code::Unreachable);
        Ok(Self {
            kind,
            plan,
            outcomes,
            proofs,
            code: Code::worst(of_missing.into_iter().chain([code])),
            at,
            fix,
            took: took.unwrap_or_default(),
            missing,
            total,
        })
    }

    /// Of which shards there is no report, in words.
    pub fn missing(&self) -> Option<String> {
        let names: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        let shards = match names.as_slice() {
            [] => return None,
            [one] => format!("shard {one}"),
            [most @ .., last] => format!("shards {} and {last}", most.join(", ")),
        };
        Some(format!("there is no report of {shards} of {}", self.total))
    }
}

/// The hosts of all shards, with their places in the spec.
fn order(parts: &[Part]) -> BTreeMap<String, usize> {
    let mut order = BTreeMap::new();
    for name in parts
        .iter()
        .flat_map(|part| part.plan.shard.iter())
        .flat_map(|it: &Shard| &it.hosts)
    {
        let next = order.len();
        order.entry(name.clone()).or_insert(next);
    }
    order
}

/// Whether the parts are parts of one thing, and none of them is there twice.
fn fit_together(parts: &[Part]) -> Result<(), String> {
    let Some(first) = parts.first() else {
        return Err("there is nothing to join".into());
    };
    let sums = |part: &Part| -> Vec<String> {
        let specs = part.plan.specs.iter();
        specs.map(|spec| spec.sha256.clone()).collect()
    };
    let mut hosts: BTreeMap<&str, &str> = BTreeMap::new();
    let mut clusters: BTreeMap<&str, &str> = BTreeMap::new();
    let mut shards: BTreeMap<u32, &str> = BTreeMap::new();
    for part in parts {
        let (one, other) = (&first.file, &part.file);
        if part.kind != first.kind {
            let (is, of) = (part.kind.command(), first.kind.command());
            return Err(format!(
                "`{other}` is of `{is}`, and `{one}` of `{of}`\n  help: join what one command wrote"
            ));
        }
        if sums(part) != sums(first) {
            return Err(format!(
                "`{other}` and `{one}` are of different specs, or of different versions of one\n  \
                 help: join what was made of the same files"
            ));
        }
        if part.plan.selection != first.plan.selection {
            return Err(format!(
                "`{other}` and `{one}` differ in `--target` and `--exclude`\n  help: join what was \
                 made with the same flags"
            ));
        }
        let (index, total) = part.shard();
        if total != first.shard().1 {
            let words = |total: Option<u32>| match total {
                Some(total) => format!("one of {total} shards"),
                None => "no shard".to_owned(),
            };
            return Err(format!(
                "`{other}` is {}, and `{one}` {}\n  help: join the parts of one fleet",
                words(total),
                words(first.shard().1)
            ));
        }
        if let Some(index) = index
            && let Some(twice) = shards.insert(index, other)
        {
            return Err(format!(
                "`{twice}` and `{other}` are both of shard {index}\n  help: leave one of them out"
            ));
        }
        for host in &part.plan.hosts {
            if let Some(twice) = hosts.insert(&host.name, other) {
                return Err(format!(
                    "`{twice}` and `{other}` both have the host `{}`\n  help: leave one of them out",
                    host.name
                ));
            }
        }
        for topics in &part.plan.topics {
            if let Some(twice) = clusters
                .insert(&topics.cluster, other)
                .filter(|twice| twice != other)
            {
                return Err(format!(
                    "`{twice}` and `{other}` both have the topics of {}\n  help: with `--shard` they belong \
                     to one part",
                    topics.cluster
                ));
            }
        }
    }
    Ok(())
}
