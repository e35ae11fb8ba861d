//! `trueup apply`: lock → fresh facts → plan → apply → facts once more → exit code.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

use super::{
    Surroundings, Target, address, complain, load, look, put, read, salt, spec_file, targets,
};
use crate::{
    apply::{Limits, Lock, LockError, SpecPlaces, Stop, apply_host},
    cli::{Format, LookArgs},
    exit::Code,
    plan::{HostPlan, Plan, SpecFile, StepAction},
    report::{
        event::{Event, HostOutcome, Sink},
        human, json,
        progress::Progress,
    },
    transport::Connection,
};

/// Downloads, unpacking and packages have this long.
const WORK: Duration = Duration::from_secs(15 * 60);

pub async fn run(
    args: &LookArgs,
    auto_approve: bool,
    lock_timeout: Duration,
    around: &Surroundings,
) -> Code {
    if !auto_approve && !io::stdin().is_terminal() {
        complain(
            "error: there is no terminal to ask on\n  help: look at `plan` first, then say `--auto-approve`",
        );
        return Code::Usage;
    }
    let started = Instant::now();
    let spec = match load(&args.spec, around) {
        Ok(spec) => spec,
        Err(code) => return code,
    };
    let specs = vec![spec_file(&spec)];
    let places = SpecPlaces::new(&spec);
    let (targets, salt) = match (targets(args, spec, around), salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let human = args.spec.format == Format::Human;
    let results: Box<dyn Write + Send> = if human {
        Box::new(io::stdout())
    } else {
        Box::new(io::stderr())
    };
    let terminal = io::stderr().is_terminal();
    let mut apply = Apply {
        args,
        around,
        lock_timeout,
        specs,
        salt,
        places,
        stop: listen_for_ctrl_c(),
        many: targets.len() > 1,
        progress: Progress::new(terminal, around.color_err, around.style.width, results),
        started,
    };
    let visits = if auto_approve {
        apply.all(&targets).await
    } else {
        apply.asked(&targets).await
    };
    let Some(visits) = visits else {
        complain("nothing was changed");
        return if *apply.stop.borrow() > 0 {
            Code::Interrupted
        } else {
            Code::Failed
        };
    };
    let code = Code::worst(visits.iter().map(Visit::code));
    let next = match targets.as_slice() {
        [target] if code == Code::Done => next_lines(target),
        _ => vec![],
    };
    let (plans, outcomes): (Vec<_>, Vec<_>) = visits
        .into_iter()
        .map(|visit| (visit.plan, visit.outcome))
        .unzip();
    let outcomes: Vec<HostOutcome> = outcomes.into_iter().flatten().collect();
    let plan = Plan::new(apply.salt, apply.specs, plans);
    if human {
        put(&human::outcome(
            &outcomes,
            &plan,
            &around.style,
            started.elapsed(),
            &next,
        ));
    } else {
        put(&json::outcome(&plan, &outcomes, code as u8));
    }
    code
}

/// What became of one host.
struct Visit {
    plan: HostPlan,
    outcome: Option<HostOutcome>,
}

impl Visit {
    fn code(&self) -> Code {
        let plan = &self.plan;
        let left = plan
            .steps
            .iter()
            .any(|s| matches!(s.action, StepAction::Blocked | StepAction::Unknown));
        match &self.outcome {
            _ if plan.lock_holder.is_some() => Code::Locked,
            _ if plan.error.is_some() => Code::Unreachable,
            Some(o)
                if o.interrupted
                    && o.applied.is_empty()
                    && !o.failure.as_ref().is_some_and(|f| f.outcome_unknown) =>
            {
                Code::Interrupted
            }
            Some(o) if o.failure.is_some() || o.interrupted || !o.not_converged.is_empty() => {
                Code::Partial
            }
            _ if left => Code::Partial,
            _ => Code::Done,
        }
    }
}

struct Apply<'a> {
    args: &'a LookArgs,
    around: &'a Surroundings,
    lock_timeout: Duration,
    specs: Vec<SpecFile>,
    salt: String,
    places: SpecPlaces,
    stop: Stop,
    progress: Progress,
    many: bool,
    started: Instant,
}

impl Apply<'_> {
    /// Without asking: every host is locked before it is read.
    async fn all(&mut self, targets: &[Target]) -> Option<Vec<Visit>> {
        let mut visits = Vec::new();
        for target in targets {
            if *self.stop.borrow() > 0 {
                break;
            }
            let deadline = self.args.timeout;
            let connected =
                super::connect(&target.host, &self.args.spec.spec, deadline, self.around).await;
            visits.push(match connected {
                Err(error) => self.unreached(target, error.to_string()),
                Ok(connection) => {
                    let visit = self.visit(target, connection.as_ref(), None).await;
                    connection.close().await;
                    visit?
                }
            });
        }
        (!visits.is_empty()).then_some(visits)
    }

    /// Looks, shows, asks; then as [`Apply::all`], and asks again where something has moved.
    async fn asked(&mut self, targets: &[Target]) -> Option<Vec<Visit>> {
        let mut seen = Vec::new();
        for target in targets {
            let mut stop = self.stop.clone();
            tokio::select! {
                looked = look(target, self.args, &self.salt, self.around) => seen.push(looked),
                _ = stop.wait_for(|&pressed| pressed > 0) => return None,
            }
        }
        let plan = Plan::new(
            self.salt.clone(),
            self.specs.clone(),
            seen.iter().map(|(plan, _)| plan.clone()).collect(),
        );
        self.show(&plan);
        let agreed = !plan.has_work() || self.ask(&plan).await;
        let mut visits = Vec::new();
        for (target, (plan, connection)) in targets.iter().zip(seen) {
            let Some(connection) = connection else {
                visits.push(Visit {
                    plan,
                    outcome: None,
                });
                continue;
            };
            let visit = if agreed && plan.has_work() && *self.stop.borrow() == 0 {
                self.visit(target, connection.as_ref(), Some(plan)).await
            } else {
                Some(Visit {
                    plan,
                    outcome: None,
                })
            };
            connection.close().await;
            visits.extend(visit);
        }
        agreed.then_some(visits)
    }

    /// One host: lock, facts, plan, apply, facts. `None`: declined, or Ctrl-C before anything.
    async fn visit(
        &mut self,
        target: &Target,
        connection: &dyn Connection,
        shown: Option<HostPlan>,
    ) -> Option<Visit> {
        let name = &target.host.name;
        let progress = &mut self.progress;
        let locked = Lock::acquire(
            connection,
            &title(),
            self.lock_timeout,
            self.args.timeout,
            &mut self.stop,
            |holder| {
                progress.event(Event::Waiting { host: name, holder });
            },
        )
        .await;
        let mut writer = match locked {
            Ok(writer) => writer,
            Err(LockError::Interrupted) => return None,
            Err(LockError::Held { holder }) => {
                let mut visit =
                    self.unreached(target, format!("another apply holds the lock: {holder}"));
                visit.plan.lock_holder = Some(holder);
                return Some(visit);
            }
            Err(error) => return Some(self.unreached(target, error.to_string())),
        };
        let visit = 'visit: {
            let mut facts = match read(target, connection, self.args).await {
                Ok(facts) => facts,
                Err(error) => break 'visit Some(self.unreached(target, error.to_string())),
            };
            // It is we who hold it.
            facts.host.lock_holder = None;
            let plan = self.plan(target, &facts);
            let one = Plan::new(self.salt.clone(), self.specs.clone(), vec![plan.clone()]);
            match &shown {
                Some(shown) if same(shown, &plan) => {}
                Some(_) => {
                    complain("the machine has changed since the plan was shown:");
                    self.show(&one);
                    if one.has_work() && !self.ask(&one).await {
                        break 'visit None;
                    }
                }
                None => self.show(&one),
            }
            if !plan.has_work() {
                break 'visit Some(Visit {
                    plan,
                    outcome: None,
                });
            }
            let limits = Limits {
                call: self.args.timeout,
                work: WORK,
                package_lock: self.lock_timeout,
            };
            self.progress.expect(&one, self.many);
            if self.args.spec.format == Format::Human {
                put("\n");
            }
            let mut outcome = apply_host(
                &mut writer,
                &plan,
                &facts.reply,
                limits,
                &self.places,
                &mut self.stop,
                &mut self.progress,
            )
            .await;
            if !outcome.applied.is_empty() {
                outcome.not_converged = self.verify(target, connection, &outcome.applied).await;
            }
            Some(Visit {
                plan,
                outcome: Some(outcome),
            })
        };
        writer.release(Duration::from_secs(5)).await;
        visit
    }

    /// Reads once more, and names what was applied and still is not as the spec says.
    async fn verify(
        &self,
        target: &Target,
        connection: &dyn Connection,
        applied: &[String],
    ) -> Vec<(String, String)> {
        match read(target, connection, self.args).await {
            Ok(facts) => {
                let plan = self.plan(target, &facts);
                let differs = plan
                    .steps
                    .into_iter()
                    .filter(|step| step.action != StepAction::None);
                differs
                    .filter(|step| applied.iter().any(|address| address == step.address))
                    .map(|step| {
                        (
                            step.address.to_owned(),
                            step.help.map_or(step.reason.clone(), |help| {
                                format!("{}\n{help}", step.reason)
                            }),
                        )
                    })
                    .collect()
            }
            Err(error) => applied
                .iter()
                .map(|address| {
                    (
                        address.clone(),
                        format!("it could not be read again: {error}"),
                    )
                })
                .collect(),
        }
    }

    fn plan(&self, target: &Target, facts: &crate::observe::Facts) -> HostPlan {
        let address = address(&target.host);
        HostPlan::new(
            &target.host.name,
            &address,
            &target.resources,
            &facts.host,
            &facts.reply,
            &self.salt,
        )
    }

    fn unreached(&self, target: &Target, error: String) -> Visit {
        let plan = HostPlan::unreached(&target.host.name, &address(&target.host), error);
        self.show(&Plan::new(
            self.salt.clone(),
            self.specs.clone(),
            vec![plan.clone()],
        ));
        Visit {
            plan,
            outcome: None,
        }
    }

    fn show(&self, plan: &Plan) {
        if self.args.spec.format == Format::Human {
            put(&human::plan(
                plan,
                &self.around.style,
                self.started.elapsed(),
            ));
        }
    }

    /// Asks on the terminal; Ctrl-C, end of file and anything but yes mean no.
    async fn ask(&mut self, plan: &Plan) -> bool {
        let summary = plan.summary;
        complain_part(&human::prompt(
            summary.create + summary.update + summary.delete,
        ));
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin()
                .lock()
                .read_line(&mut line)
                .map(|_| line)
                .unwrap_or_default()
        });
        tokio::select! {
            line = answer => matches!(line.unwrap_or_default().trim(), "y" | "Y" | "yes"),
            _ = self.stop.wait_for(|&pressed| pressed > 0) => {
                complain("");
                false
            }
        }
    }
}

/// Whether what is about to be done is what was shown.
fn same(shown: &HostPlan, now: &HostPlan) -> bool {
    let key = |plan: &HostPlan| {
        let steps = plan.steps.iter();
        steps
            .map(|s| {
                (
                    s.address,
                    s.action,
                    s.observed_digest.clone(),
                    s.actions_digest.clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    key(shown) == key(now) && shown.identity == now.identity
}

/// What the holder of the lock is called in the host's process list.
fn title() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "somebody".into());
    let here =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "somewhere".into());
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    format!("trueup: {user} from {} since {now}", here.trim())
}

/// Counts Ctrl-C; the first one no longer ends the program by itself.
fn listen_for_ctrl_c() -> Stop {
    let (sender, receiver) = watch::channel(0_u8);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_modify(|pressed| *pressed = pressed.saturating_add(1));
        }
    });
    receiver
}

/// What the user does next, on the client.
fn next_lines(target: &Target) -> Vec<String> {
    let Some(kafka) = &target.host.client.kafka else {
        return vec![];
    };
    let mut lines = vec![
        "on the client, in a new shell".to_owned(),
        format!("{}/bin/kafka-topics.sh --list \\", kafka.home),
        "  --bootstrap-server BROKER:9098".to_owned(),
    ];
    if let Some(properties) = &target.host.client.properties {
        lines[2].push_str(" \\");
        lines.push(format!("  --command-config {}", properties.path));
    }
    lines
}

fn complain_part(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}
