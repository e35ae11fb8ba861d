//! An apply over its hosts, one after another: who is asked what, and when.

use std::{
    io::{self, BufRead, Write},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

use super::visit::Visit;
use crate::{
    apply::{Limits, Lock, LockError, SpecPlaces, Stop, apply_host},
    cli::{Format, LookArgs},
    commands::{Surroundings, Target, address, complain, connect, look, put, read},
    observe::Facts,
    plan::{HostPlan, Plan, SpecFile, StepAction},
    report::{
        event::{Event, Sink},
        human,
        progress::Progress,
    },
    transport::Connection,
};

/// Downloads, unpacking and packages have this long.
const WORK: Duration = Duration::from_secs(15 * 60);

/// What the visits to all hosts share.
pub struct Session<'a> {
    pub args: &'a LookArgs,
    pub around: &'a Surroundings,
    pub lock_timeout: Duration,
    pub specs: Vec<SpecFile>,
    pub salt: String,
    pub places: SpecPlaces,
    pub stop: Stop,
    pub progress: Progress,
    pub many: bool,
    pub started: Instant,
}

impl Session<'_> {
    /// Without asking: every host is locked before it is read.
    pub async fn all(&mut self, targets: &[Target]) -> Vec<Visit> {
        let mut visits = Vec::new();
        for target in targets {
            let connecting = connect(
                &target.host,
                &self.args.spec.spec,
                self.args.timeout,
                self.around,
            );
            visits.push(match self.unless_stopped(connecting).await {
                None => break,
                Some(Err(error)) => self.unreached(target, error.to_string()),
                Some(Ok(connection)) => {
                    let visit = self.visit(target, connection.as_ref(), None).await;
                    connection.close().await;
                    visit
                }
            });
        }
        visits
    }

    /// Looks, shows, asks; then as [`Session::all`], and asks again where something has moved.
    pub async fn asked(&mut self, targets: &[Target]) -> Vec<Visit> {
        let mut seen = Vec::new();
        for target in targets {
            match self
                .unless_stopped(look(target, self.args, &self.salt, self.around))
                .await
            {
                Some(looked) => seen.push(looked),
                None => return vec![],
            }
        }
        let plan = self.over(seen.iter().map(|(plan, _)| plan.clone()).collect());
        self.show(&plan);
        let agreed = !plan.has_work() || self.ask(&plan).await;
        let mut visits = Vec::new();
        for (target, (plan, connection)) in targets.iter().zip(seen) {
            let Some(connection) = connection else {
                visits.push(Visit::nothing(plan));
                continue;
            };
            visits.push(if !plan.has_work() {
                Visit::nothing(plan)
            } else if agreed && *self.stop.borrow() == 0 {
                self.visit(target, connection.as_ref(), Some(&plan)).await
            } else {
                Visit::refuse(plan)
            });
            connection.close().await;
        }
        visits
    }

    /// One host: lock, facts, plan, apply, facts.
    async fn visit(
        &mut self,
        target: &Target,
        connection: &dyn Connection,
        shown: Option<&HostPlan>,
    ) -> Visit {
        let name = &target.host.name;
        let progress = &mut self.progress;
        let waiting = |holder: &str| progress.event(Event::Waiting { host: name, holder });
        let answer = self.args.timeout;
        let title = title();
        let lock = Lock::acquire(
            connection,
            &title,
            self.lock_timeout,
            answer,
            &mut self.stop,
            waiting,
        );
        match lock.await {
            Ok(mut writer) => {
                let visit = match self.decide(target, connection, shown).await {
                    Err(visit) => *visit,
                    Ok((plan, facts)) => {
                        let limits = Limits {
                            call: self.args.timeout,
                            work: WORK,
                            package_lock: self.lock_timeout,
                        };
                        let (places, stop, progress) =
                            (&self.places, &mut self.stop, &mut self.progress);
                        let reply = &facts.reply;
                        let mut outcome =
                            apply_host(&mut writer, &plan, reply, limits, places, stop, progress)
                                .await;
                        if !outcome.applied.is_empty() {
                            outcome.not_converged =
                                self.verify(target, connection, &outcome.applied).await;
                        }
                        Visit::applied(plan, outcome)
                    }
                };
                writer.release(Duration::from_secs(5)).await;
                visit
            }
            Err(LockError::Interrupted) => Visit::refuse(self.nowhere(target, "interrupted")),
            Err(LockError::Held { holder }) => {
                let mut plan =
                    self.nowhere(target, &format!("another apply holds the lock: {holder}"));
                plan.lock_holder = Some(holder);
                self.show(&self.over(vec![plan.clone()]));
                Visit::nothing(plan)
            }
            Err(error) => self.unreached(target, error.to_string()),
        }
    }

    /// Under the lock: fresh facts, the plan, and whether it is to be carried out. A visit that
    /// ends here is the error.
    async fn decide(
        &mut self,
        target: &Target,
        connection: &dyn Connection,
        shown: Option<&HostPlan>,
    ) -> Result<(HostPlan, Facts), Box<Visit>> {
        let reading = self.unless_stopped(read(target, connection, self.args));
        let mut facts = match reading.await {
            None => return Err(Visit::refuse(self.nowhere(target, "interrupted")).into()),
            Some(Err(error)) => return Err(self.unreached(target, error.to_string()).into()),
            Some(Ok(facts)) => facts,
        };
        // It is we who hold it.
        facts.host.lock_holder = None;
        let plan = self.plan(target, &facts);
        let one = self.over(vec![plan.clone()]);
        match shown {
            Some(shown) if same(shown, &plan) => {}
            Some(_) => {
                complain("the machine has changed since the plan was shown:");
                self.show(&one);
                if one.has_work() && !self.ask(&one).await {
                    return Err(Visit::refuse(plan).into());
                }
            }
            None => self.show(&one),
        }
        if !plan.has_work() {
            return Err(Visit::nothing(plan).into());
        }
        self.progress.expect(&one, self.many);
        if self.args.spec.format == Format::Human {
            put("\n");
        }
        Ok((plan, facts))
    }

    /// Reads once more, and names what was applied and still is not as the spec says.
    async fn verify(
        &self,
        target: &Target,
        connection: &dyn Connection,
        applied: &[String],
    ) -> Vec<(String, String)> {
        let facts = match read(target, connection, self.args).await {
            Ok(facts) => facts,
            Err(error) => {
                let reason = format!("it could not be read again: {error}");
                return applied
                    .iter()
                    .map(|address| (address.clone(), reason.clone()))
                    .collect();
            }
        };
        let steps = self.plan(target, &facts).steps.into_iter();
        steps
            .filter(|step| step.action != StepAction::None)
            .filter(|step| applied.iter().any(|address| *address == step.address))
            .map(|step| {
                let help = step
                    .help
                    .map(|help| format!("\n{help}"))
                    .unwrap_or_default();
                (step.address, format!("{}{help}", step.reason))
            })
            .collect()
    }

    /// The result, or nothing when Ctrl-C came first.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|&pressed| pressed > 0) => None,
            done = work => Some(done),
        }
    }

    fn over(&self, hosts: Vec<HostPlan>) -> Plan {
        Plan::new(self.salt.clone(), self.specs.clone(), hosts, vec![])
    }

    fn plan(&self, target: &Target, facts: &Facts) -> HostPlan {
        let (name, address) = (&target.host.name, address(&target.host));
        HostPlan::new(
            name,
            &address,
            &target.resources,
            &facts.host,
            &facts.reply,
            &self.salt,
        )
    }

    fn nowhere(&self, target: &Target, why: &str) -> HostPlan {
        HostPlan::unreached(&target.host.name, &address(&target.host), why.to_owned())
    }

    fn unreached(&self, target: &Target, error: String) -> Visit {
        let plan = self.nowhere(target, &error);
        self.show(&self.over(vec![plan.clone()]));
        Visit::nothing(plan)
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
        let mut stderr = io::stderr();
        let prompt = human::prompt(summary.create + summary.update + summary.delete);
        // A terminal that cannot show the question gives no answer either.
        let _ = stderr
            .write_all(prompt.as_bytes())
            .and_then(|()| stderr.flush());
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            read.map(|_| line).unwrap_or_default()
        });
        let line = self.unless_stopped(answer).await.and_then(Result::ok);
        if line.as_deref().is_none_or(|line| !line.ends_with('\n')) {
            complain("");
        }
        line.is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
    }
}

/// Whether what is about to be done is what was shown.
fn same(shown: &HostPlan, now: &HostPlan) -> bool {
    let key = |plan: &HostPlan| {
        let steps = plan.steps.iter();
        steps
            .map(|s| {
                (
                    s.address.clone(),
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
pub fn listen_for_ctrl_c() -> Stop {
    let (sender, receiver) = watch::channel(0_u8);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_modify(|pressed| *pressed = pressed.saturating_add(1));
        }
    });
    receiver
}
