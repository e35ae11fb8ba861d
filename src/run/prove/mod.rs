//! The installed clients as the judges: whom they are asked about, and of which hosts.

mod client;

use std::time::Duration;

use super::{
    Surroundings, Target, Targets, at_once, complain_safely, connect::with_reader, read,
    signals::unless_stopped_by,
};
use crate::{
    apply::{Stop, outcome::Outcome},
    cli::LookArgs,
    exit::Code,
    plan::{HostPlan, Plan, Step, StepAction},
    proof::{Proof, ProofResult},
};
use client::Client;

/// How long a client may take after an apply, unless `--timeout` is longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// Brokers that one client is asked to list the topics of.
pub(crate) struct Question {
    /// The cluster, as the spec names it.
    cluster: Option<String>,
    /// The brokers; or what the spec's references led to instead.
    brokers: Result<String, String>,
}

/// The questions for each host's client. Hosts without a client are left out; errors are printed.
pub(crate) fn questions<'t>(
    targets: &'t Targets,
    brokers: Option<&str>,
) -> Result<Vec<(&'t Target, Vec<Question>)>, Code> {
    let wrong = |message: String, help: &str| {
        complain_safely(&format!("error: {message}\n  help: {help}"));
        Err(Code::Usage)
    };
    let has_client = |target: &&Target| {
        let client = target.host.declared.get::<crate::kinds::client::Client>();
        client.is_some_and(|client| client.kafka.is_some())
    };
    let (clients, others): (Vec<_>, Vec<_>) = targets.hosts.iter().partition(has_client);
    // Another shard may have one.
    if clients.is_empty() && targets.shard.is_none() {
        return wrong(
            "no host of the spec has a `kafka` whose tools could be run".into(),
            "say under `client` which Kafka is installed there",
        );
    }
    for target in others {
        complain_safely(&format!(
            "note: the client of `{}` is not asked: the spec has no `kafka` for it",
            target.host.name
        ));
    }
    let mut all = Vec::new();
    for target in clients {
        let name = &target.host.name;
        let of_spec = targets
            .clusters
            .iter()
            .chain(&targets.other_shards)
            .filter(|cluster| cluster.has_topics_of(name));
        let questions: Vec<Question> = match brokers {
            Some(brokers) => vec![Question {
                cluster: None,
                brokers: Ok(brokers.to_owned()),
            }],
            None => of_spec
                .map(|cluster| Question {
                    cluster: Some(cluster.name().to_owned()),
                    brokers: cluster.brokers(),
                })
                .collect(),
        };
        if questions.is_empty() {
            return wrong(
                format!(
                    "host `{name}`: the spec has no `topics.cluster` for it, so no brokers are known"
                ),
                "name them: `trueup prove SPEC --bootstrap-server HOST:PORT`",
            );
        }
        all.push((target, questions));
    }
    Ok(all)
}

/// What an apply came to, and whether Ctrl-C was pressed.
pub(super) struct Applied<'a> {
    pub plan: &'a Plan,
    pub outcomes: &'a [Outcome],
    pub stop: Stop,
}

impl Applied<'_> {
    /// Asks the clients of the hosts that are as the spec says now. Gives the exit code, too, where
    /// that of the apply was another.
    pub(super) async fn prove(
        self,
        asked: &[(&Target, Vec<Question>)],
        args: &LookArgs,
        around: &Surroundings,
        code: Code,
    ) -> (Vec<Proof>, Code) {
        let deadline = args.limits.timeout.max(DEADLINE);
        let asking = at_once(args.limits.parallel, asked, async |(target, questions)| {
            let name = &target.host.name;
            if self.went_well(name) {
                let asking = host(target, questions, &self.plan.salt, deadline, around);
                let asked = unless_stopped_by(&self.stop, 1, asking).await;
                return asked.map(|(_, proofs)| proofs);
            }
            let skipped = |question| Proof {
                result: ProofResult::Skipped,
                ..unread(name, question, "the host is not up to date".into())
            };
            Some(questions.iter().map(skipped).collect())
        });
        let proofs: Vec<Option<Vec<Proof>>> = asking.await;
        let stopped = proofs.iter().any(Option::is_none);
        let proofs: Vec<Proof> = proofs.into_iter().flatten().flatten().collect();
        if stopped {
            let wrote = self.outcomes.iter().any(|one| !one.applied.is_empty());
            let code = if wrote {
                Code::Partial
            } else {
                Code::Interrupted
            };
            return (proofs, code);
        }
        let codes = proofs.iter().map(Proof::code).chain([code]);
        let worst = Code::worst(codes);
        (proofs, worst)
    }

    fn went_well(&self, name: &str) -> bool {
        let stays = |step: &Step| matches!(step.action, StepAction::Blocked | StepAction::Unknown);
        let read = self.plan.hosts.iter().any(|host| {
            let seen = host.error.is_none() && host.lock_holder.is_none();
            host.name == name && seen && !host.steps.iter().any(stays)
        });
        let mut own = self
            .outcomes
            .iter()
            .filter(|one| one.subject.host() == Some(name));
        read && own.all(|one| {
            let ended = !one.interrupted && !one.is_stale();
            ended && one.failure.is_none() && one.not_converged.is_empty()
        })
    }
}

/// Reads a host, then asks its client.
pub(crate) async fn host(
    target: &Target,
    questions: &[Question],
    salt: &str,
    deadline: Duration,
    around: &Surroundings,
) -> (HostPlan, Vec<Proof>) {
    let name = &target.host.name;
    let asking = with_reader(target, deadline, around, async |reader| {
        let facts = match read(target, reader, false).await {
            Ok(facts) => facts,
            Err(error) => return Err(error.to_string()),
        };
        let plan = target.plan(&facts, salt);
        let client = Client {
            target,
            facts: &facts,
            plan: &plan,
        };
        let mut proofs = Vec::new();
        for question in questions {
            proofs.push(match &question.brokers {
                Ok(brokers) => client.ask(reader, question, brokers, deadline).await,
                Err(trouble) => unread(name, question, trouble.clone()),
            });
        }
        Ok((plan, proofs))
    });
    let asked = asking.await.map_err(|error| error.to_string()).flatten();
    asked.unwrap_or_else(|error| {
        let unread = |question: &Question| unread(name, question, error.clone());
        let proofs = questions.iter().map(unread).collect();
        (target.unreached(error), proofs)
    })
}

fn unread(host: &str, question: &Question, why: String) -> Proof {
    Proof {
        host: host.to_owned(),
        cluster: question.cluster.clone(),
        bootstrap: question.brokers.clone().unwrap_or_default(),
        result: ProofResult::Unread,
        cause: Some(why),
        ..Proof::default()
    }
}
