//! `trueup prove`: the installed client itself is asked for the topics, in a fresh login shell.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use super::{
    Surroundings, Target, Targets, complain_safely, load, output::Outputs, plan::FORMATS, read,
    reading, salt, spec_files, targets,
};
use crate::{
    action::Value,
    apply::{Stop, outcome::Outcome},
    broker::Address,
    cli::{AllowArgs, LookArgs, ProveArgs},
    exit::Code,
    facts::Host,
    kinds::{msk_iam_auth::Role, properties as kind},
    observe::{Facts, Reader, prove::List},
    plan::{HostPlan, Plan, Step, StepAction},
    proof::{Asked, Proof, ProofResult, Secrets, cause},
    properties,
    report::{Report, Told},
    text::escape_control,
};

/// Of the client's words so many lines are shown, and so many characters of each.
const LINES: usize = 6;
const LINE: usize = 400;

/// How long a client may take after an apply, unless `--timeout` is longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// Brokers that one client is asked to list the topics of.
pub(super) struct Question {
    /// The cluster, as the spec names it.
    cluster: Option<String>,
    /// The brokers; or what the spec's references led to instead.
    brokers: Result<String, String>,
}

pub async fn run(args: &ProveArgs, around: &Surroundings) -> Code {
    match tell(args, around).await {
        Ok(code) | Err(code) => code,
    }
}

async fn tell(args: &ProveArgs, around: &Surroundings) -> Result<Code, Code> {
    let started = Instant::now();
    let look = args.look();
    let outputs = Outputs::open(&args.spec.output.formats, &FORMATS, &args.spec.specs, false)?;
    let brokers = given(&args.bootstrap_server)?;
    let mut specs = load(&args.spec, around)?;
    let files = spec_files(&specs);
    // The brokers alone are asked for; tables, and the password of their database, are not.
    for cluster in specs.iter_mut().flat_map(|spec| &mut spec.clusters) {
        cluster.lists.clear();
    }
    let targets = targets(&look, &AllowArgs::default(), specs, around).await?;
    let asked = questions(&targets, brokers.as_deref())?;
    let salt = salt()?;
    let (mut hosts, mut proofs) = (Vec::new(), Vec::new());
    for (target, questions) in &asked {
        let (plan, all) = host(target, questions, &salt, args.timeout, around).await;
        hosts.push(plan);
        proofs.extend(all);
    }
    let plan = Plan::new(salt, files, hosts, vec![]);
    Ok(outputs.put(&Report {
        told: Told::Prove,
        plan: &plan,
        outcomes: &[],
        proofs: &proofs,
        code: Code::worst(proofs.iter().map(Proof::code)),
        style: around.style,
        took: started.elapsed(),
        next: &[],
    }))
}

/// What `--bootstrap-server` names.
fn given(words: &[String]) -> Result<Option<String>, Code> {
    let brokers: Result<Vec<Address>, _> = words.iter().map(|word| word.trim().parse()).collect();
    match brokers {
        Ok(brokers) if brokers.is_empty() => Ok(None),
        Ok(brokers) => {
            let names: Vec<String> = brokers.iter().map(ToString::to_string).collect();
            Ok(Some(names.join(",")))
        }
        Err(error) => {
            complain_safely(&format!("error: `--bootstrap-server`: {error}"));
            Err(Code::Usage)
        }
    }
}

/// What each host's client is asked. Hosts without a client are left out; what is wrong is said.
pub(super) fn questions<'t>(
    targets: &'t Targets,
    brokers: Option<&str>,
) -> Result<Vec<(&'t Target, Vec<Question>)>, Code> {
    let wrong = |what: String, help: &str| {
        complain_safely(&format!("error: {what}\n  help: {help}"));
        Err(Code::Usage)
    };
    let has_client = |target: &&Target| target.host.client.kafka.is_some();
    let (clients, others): (Vec<_>, Vec<_>) = targets.hosts.iter().partition(has_client);
    if clients.is_empty() {
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
            .filter(|cluster| cluster.is_of(name));
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
    pub async fn prove(
        mut self,
        asked: &[(&Target, Vec<Question>)],
        args: &LookArgs,
        around: &Surroundings,
        code: Code,
    ) -> (Vec<Proof>, Code) {
        let deadline = args.timeout.max(DEADLINE);
        let mut proofs: Vec<Proof> = Vec::new();
        for (target, questions) in asked {
            if !self.went_well(&target.host.name) {
                let skipped = |question| Proof {
                    result: ProofResult::Skipped,
                    ..unread(
                        &target.host.name,
                        question,
                        "the host is not as the spec says".into(),
                    )
                };
                proofs.extend(questions.iter().map(skipped));
                continue;
            }
            let asking = host(target, questions, &self.plan.salt, deadline, around);
            tokio::select! {
                (_, all) = asking => proofs.extend(all),
                _ = self.stop.wait_for(|&pressed| pressed > 0) => {
                    let wrote = self.outcomes.iter().any(|one| !one.applied.is_empty());
                    let code = if wrote { Code::Partial } else { Code::Interrupted };
                    return (proofs, code);
                }
            }
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
            .filter(|one| one.of.host() == Some(name));
        read && own.all(|one| {
            let ended = !one.interrupted && !one.is_stale();
            ended && one.failure.is_none() && one.not_converged.is_empty()
        })
    }
}

/// Reads a host, then asks its client.
async fn host(
    target: &Target,
    questions: &[Question],
    salt: &str,
    deadline: Duration,
    around: &Surroundings,
) -> (HostPlan, Vec<Proof>) {
    let name = &target.host.name;
    let asking = reading(target, deadline, around, async |reader| {
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

/// One host's client, with what was read of the host.
struct Client<'c> {
    target: &'c Target,
    facts: &'c Facts,
    plan: &'c HostPlan,
}

impl Client<'_> {
    async fn ask(
        &self,
        reader: Reader<'_>,
        question: &Question,
        brokers: &str,
        deadline: Duration,
    ) -> Proof {
        let started = Instant::now();
        let client = &self.target.host.client;
        let tool = format!("{}/bin/kafka-topics.sh", client.home().unwrap_or_default());
        let properties = client.properties_path();
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
            .section(kind::ADDRESS)
            .bytes("content")
            .unwrap_or_default();
        let entries = properties::entries(&file).unwrap_or_default();
        let protocol = entries
            .iter()
            .rfind(|entry| entry.key == "security.protocol");
        let host: &Host = &self.facts.host;
        let asked = Asked {
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
        let cause = cause(&asked, &run);
        let mut said: Vec<&String> = run.words.iter().rev().take(LINES).collect();
        said.reverse();
        if let Some(line) = &cause.line
            && !said.contains(&line)
        {
            said.truncate(LINES - 1);
            said.insert(0, line);
        }
        let shown = |line: &str| {
            let line: String = secrets.mask(line).chars().take(LINE).collect();
            escape_control(&line)
        };
        proof.result = ProofResult::Failed;
        proof.cause = Some(shown(&cause.what));
        proof.help = Some(shown(&cause.help));
        proof.said = said.into_iter().map(|line| shown(line)).collect();
        proof
    }

    /// The role that the client takes: the spec's, where the machine's file is as the spec says.
    fn role(&self) -> Option<String> {
        let Role::Arn(arn) = self.target.host.client.role()? else {
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
            format!("not as the spec says: {}: {reason}", step.address)
        });
        running.chain(differs).collect()
    }
}
