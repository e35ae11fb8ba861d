//! One host's client is asked for the topics, in a fresh login shell.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use super::{Question, unread};
use crate::{
    action::Value,
    facts::Host,
    kinds::client::{Client as ClientSpec, msk_iam_auth::Role, properties as kind},
    observe::{Facts, Reader, prove::List},
    plan::{HostPlan, StepAction},
    proof::{ClientRun, Proof, ProofResult, Secrets, cause},
    properties,
    run::Target,
    text::escape_control,
};

/// Of the client's words so many lines are shown, and so many characters of each.
const LINES: usize = 6;
const LINE: usize = 400;

/// One host's client, with what was read of the host.
pub(super) struct Client<'c> {
    pub target: &'c Target,
    pub facts: &'c Facts,
    pub plan: &'c HostPlan,
}

impl Client<'_> {
    pub(super) async fn ask(
        &self,
        reader: Reader<'_>,
        question: &Question,
        brokers: &str,
        deadline: Duration,
    ) -> Proof {
        let started = Instant::now();
        let client = self.spec();
        let home = client.and_then(ClientSpec::home).unwrap_or_default();
        let tool = format!("{home}/bin/kafka-topics.sh");
        let properties = client.and_then(ClientSpec::properties_path);
        let list = List {
            tool: &tool,
            brokers,
            properties,
            deadline,
        };
        let run = match reader.prove(list).await {
            Ok(run) => run,
            Err(error) => return unread(&self.target.host.name, question, error.to_string()),
        };
        let mut proof = Proof {
            host: self.target.host.name.clone(),
            cluster: question.cluster.clone(),
            bootstrap: brokers.to_owned(),
            notes: self.notes(),
            took: started.elapsed(),
            ..Proof::default()
        };
        if run.status == Some(0) && run.begun() {
            proof.result = ProofResult::Proven;
            proof.topics = Some(run.topics);
            proof.role = self.role();
            return proof;
        }
        let file = self
            .facts
            .reply
            .section(&kind::ADDRESS)
            .bytes("content")
            .unwrap_or_default();
        let entries = properties::entries(&file).unwrap_or_default();
        let protocol = entries
            .iter()
            .rfind(|entry| entry.key == "security.protocol");
        let host: &Host = &self.facts.host;
        let client_run = ClientRun {
            tool,
            properties: properties.map(str::to_owned),
            protocol: protocol.map(|entry| entry.value.clone()),
            brokers: brokers.to_owned(),
            seconds: deadline.as_secs(),
            role: self.role(),
            memory_kib: host.memory_available_kib,
        };
        let known = self
            .target
            .secrets
            .values()
            .filter_map(|value| match value {
                Value::Secret { value, .. } => Some(value.expose_secret()),
                Value::Plain(_) => None,
            });
        let secrets = Secrets::new(&file, known);
        let cause = cause(&client_run, &run);
        let mut lines: Vec<&String> = run.lines.iter().rev().take(LINES).collect();
        lines.reverse();
        if let Some(line) = &cause.line
            && !lines.contains(&line)
        {
            lines.truncate(LINES - 1);
            lines.insert(0, line);
        }
        let shown = |line: &str| {
            let line: String = secrets.mask(line).chars().take(LINE).collect();
            escape_control(&line)
        };
        proof.result = ProofResult::Failed;
        proof.cause = Some(shown(&cause.cause));
        proof.help = Some(shown(&cause.help));
        proof.output = lines.into_iter().map(|line| shown(line)).collect();
        proof
    }

    fn spec(&self) -> Option<&ClientSpec> {
        self.target.host.declared.get()
    }

    /// The role that the client takes: the spec's, where the machine's file is as the spec says.
    fn role(&self) -> Option<String> {
        let Role::Arn(arn) = self.spec()?.role()? else {
            return None;
        };
        let mut steps = self.plan.steps.iter();
        let file = steps.find(|step| step.address == kind::ADDRESS)?;
        (file.action == StepAction::None).then(|| arn.to_owned())
    }

    /// That an apply is running, and what differs from the spec.
    fn notes(&self) -> Vec<String> {
        let holder = self.plan.lock_holder.iter();
        let running = holder.map(|who| format!("an apply is running, by {who}"));
        let differs = self
            .plan
            .steps
            .iter()
            .filter(|step| step.action != StepAction::None);
        let differs = differs.map(|step| {
            let reason = step.reason.lines().next().unwrap_or_default();
            format!("not up to date: {}: {reason}", step.address)
        });
        running.chain(differs).collect()
    }
}
