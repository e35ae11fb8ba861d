//! One visit of an apply: to a host and the clusters that are reached through it, or to a cluster alone.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Target,
    consent::{Consent, Shown, not_reached},
    console::Console,
    look::check_instance,
    machines::Machines,
    read,
    signals::unless_stopped_by,
    topics::{ClusterRoute, ClusterTarget},
    verify::{INTERRUPTED, record_differences, record_unread},
    visit::Visit,
};
use crate::{
    apply::{
        Connected, Limits, Lock, LockError, LockRequest, SpecPlaces, Stop, Writer, apply_host,
        apply_topics,
        event::{Event, Sink},
        outcome::{Failure, Outcome},
        tidy,
    },
    cli::LookArgs,
    observe::{self, Facts, Reader},
    plan::{HostPlan, Subject, TopicsPlan},
};

/// The limit for downloads, unpacking and packages.
const WORK: Duration = Duration::from_secs(15 * 60);
/// How long the lock's holder may take to exit; it is not waited for any longer.
const RELEASE: Duration = Duration::from_secs(2);

/// What all visits share.
pub(super) struct Visitor<'a> {
    pub args: &'a LookArgs,
    pub lock_timeout: Duration,
    pub salt: String,
    pub places: SpecPlaces,
    pub stop: Stop,
    pub machines: RefCell<Machines>,
}

impl Visitor<'_> {
    /// A host and the clusters that are reached through it: lock, facts, plan, apply, facts.
    ///
    /// # Errors
    /// When the connection fails before the lock is taken: nothing has been done then.
    pub(super) async fn visit(
        &self,
        mut console: &Console,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
        connecting: Duration,
    ) -> Result<Visit, LockError> {
        let mut stop = self.stop.clone();
        let name = &target.host.name;
        let subject = &Subject::Host(name.clone());
        let waiting = |holder: &str| console.event(Event::Waiting { subject, holder });
        let title = title();
        let request = LockRequest {
            title: &title,
            wait: self.lock_timeout,
            answer: self.args.limits.timeout,
            resources: &target.resources,
            deep: self.args.deep,
        };
        let mut writer = match Lock::acquire(machine, &request, &mut stop, waiting).await {
            Ok(writer) => writer,
            Err(LockError::Interrupted) => return Ok(*interrupted(target)),
            Err(LockError::Held { holder }) => {
                let mut plan = target.unreached(format!("another apply holds the lock: {holder}"));
                plan.lock_holder = Some(holder);
                return Ok(Visit::unread(plan, vec![]));
            }
            Err(error) if error.is_of_connection() => return Err(error),
            Err(error) => return Ok(Visit::unread(target.unreached(error.to_string()), vec![])),
        };
        let locked = Instant::now();
        let stop = &mut stop;
        let limits = Limits {
            call: self.args.limits.timeout,
            work: WORK,
            package_lock: self.lock_timeout,
        };
        let mut leftovers = BTreeSet::new();
        let decided = match self
            .unless_stopped(self.read_locked(&mut writer, target, machine))
            .await
        {
            None => Err(interrupted(target)),
            Some(Err(error)) => {
                let plan = target.unreached(error.to_string());
                Err(Visit::unread(plan, vec![]).into())
            }
            Some(Ok(facts)) => {
                leftovers = facts.reply.leftovers();
                let read_locked = LockedRead {
                    facts,
                    connecting,
                    locked,
                };
                let deciding =
                    self.decide(console, target, machine, clusters, consent, read_locked);
                writer.beside(deciding).await
            }
        };
        // Also without any work; not where it was declined.
        if !matches!(&decided, Err(visit) if visit.refused()) {
            tidy(&mut writer, &leftovers, limits, stop).await;
        }
        let visit = match decided {
            Err(visit) => *visit,
            Ok((plan, topics, facts)) => {
                let mut outcomes = consent.stale_clusters(&topics);
                if plan.has_work() {
                    let places = &self.places;
                    let reply = &facts.reply;
                    let mut outcome = apply_host(
                        &mut writer,
                        &plan,
                        reply,
                        limits,
                        places,
                        stop,
                        &mut console,
                    )
                    .await;
                    let verifying = self.verify(target, machine, &plan, &mut outcome);
                    if let Some((rest, facts)) = writer.beside(verifying).await {
                        let reply = &facts.reply;
                        let more = apply_host(
                            &mut writer,
                            &rest,
                            reply,
                            limits,
                            places,
                            stop,
                            &mut console,
                        );
                        outcome.join(more.await);
                        // Following steps have none of their own.
                        let verifying = self.verify(target, machine, &rest, &mut outcome);
                        writer.beside(verifying).await;
                    }
                    outcomes.push(outcome);
                }
                for (index, (cluster, topics)) in clusters.iter().zip(&topics).enumerate() {
                    if !topics.has_work() || consent.is_stale(index, topics) {
                        continue;
                    }
                    // A cluster waits for its host, and not for another cluster.
                    let goes_on = outcomes.iter().all(|outcome: &Outcome| {
                        !outcome.interrupted
                            && (!outcome.subject.is_host() || outcome.failure.is_none())
                    });
                    let route =
                        ClusterRoute::through(self.reader(machine), name, Some(&facts.host));
                    outcomes.push(if goes_on {
                        writer
                            .beside(self.work(console, cluster, route, topics))
                            .await
                    } else {
                        not_reached(topics)
                    });
                }
                Visit::applied(plan, topics, outcomes)
            }
        };
        writer.release(RELEASE, stop).await;
        Ok(visit)
    }

    /// A cluster that is dialled from here. There is no machine to lock: the brokers take one
    /// change of a topic at a time.
    pub(super) async fn visit_cluster(
        &self,
        console: &Console,
        cluster: &ClusterTarget,
        consent: Consent<'_>,
    ) -> Visit {
        let started = Instant::now();
        let looking = cluster.look(ClusterRoute::DIRECT, &self.salt, self.args.limits.timeout);
        let Some(plan) = self.unless_stopped(looking).await else {
            return Visit::refuse(None, vec![]);
        };
        let current = Shown {
            host: None,
            topics: vec![plan],
        };
        if let Err(visit) = console.agree(&current, consent, started.elapsed()).await {
            return *visit;
        }
        let mut outcomes = Vec::new();
        for topics in &current.topics {
            outcomes.push(
                self.work(console, cluster, ClusterRoute::DIRECT, topics)
                    .await,
            );
        }
        Visit::applied(None, current.topics, outcomes)
    }

    /// The facts under the lock: read with it, or else now.
    async fn read_locked(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        machine: &Connected,
    ) -> Result<Facts, observe::Error> {
        match writer.seen().await? {
            Some(facts) => check_instance(target, facts),
            None => {
                let reading = read(target, self.reader(machine), self.args.deep);
                writer.beside(reading).await
            }
        }
    }

    /// The plan under the lock.
    ///
    /// # Errors
    /// The visit, where it ends here.
    async fn decide(
        &self,
        console: &Console,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
        read_locked: LockedRead,
    ) -> Result<(HostPlan, Vec<TopicsPlan>, Facts), Box<Visit>> {
        let reader = self.reader(machine);
        let LockedRead {
            mut facts,
            connecting,
            locked,
        } = read_locked;
        // The lock is ours.
        facts.host.lock_holder = None;
        let mut current = Shown {
            host: Some(target.plan(&facts, &self.salt)),
            topics: vec![],
        };
        for cluster in clusters {
            let route = ClusterRoute::through(reader, &target.host.name, Some(&facts.host));
            let looking = cluster.look(route, &self.salt, self.args.limits.timeout);
            match self.unless_stopped(looking).await {
                None => return Err(interrupted(target)),
                Some(plan) => current.topics.push(plan),
            }
        }
        current.host = current
            .host
            .map(|host| self.machines.borrow_mut().meet(target, host));
        if current.host.as_ref().is_some_and(|host| host.unfit) {
            return Err(Visit::unread(current.host, current.topics).into());
        }
        let took = connecting + locked.elapsed();
        console.agree(&current, consent, took).await?;
        let Shown { host, topics } = current;
        let host = host.unwrap_or_else(|| unreachable!("it was put in above"));
        Ok((host, topics, facts))
    }

    /// Connects to the cluster anew (the host's own steps may have taken long), applies, and reads it again.
    async fn work(
        &self,
        mut console: &Console,
        cluster: &ClusterTarget,
        route: ClusterRoute<'_>,
        plan: &TopicsPlan,
    ) -> Outcome {
        let deadline = self.args.limits.timeout;
        let started = Instant::now();
        let opening = cluster.open_to_change(route, deadline);
        let mut brokers = match self.unless_stopped(opening).await {
            None => {
                let mut outcome = not_reached(plan);
                outcome.interrupted = true;
                return outcome;
            }
            Some(Ok(brokers)) => brokers,
            Some(Err(error)) => {
                let mut outcome = not_reached(plan);
                outcome.failure = Some(Failure::because(&error));
                return outcome;
            }
        };
        let stop = self.stop.clone();
        let working = apply_topics(&mut brokers, plan, deadline, &stop, &mut console);
        let Some(mut outcome) = unless_stopped_by(&stop, 2, working).await else {
            let mut outcome = not_reached(plan);
            outcome.interrupted = true;
            outcome.failure = Some(Failure {
                reasons: vec!["left behind by Ctrl-C while a broker was asked".into()],
                help: Some("its outcome is not known: run `plan` to see what is now true".into()),
                outcome_unknown: true,
                ..Failure::default()
            });
            return outcome;
        };
        if !outcome.applied.is_empty() {
            let reading = cluster.read(&mut brokers, route, &self.salt);
            match self.unless_stopped_twice(reading).await {
                None => record_unread(&mut outcome, INTERRUPTED),
                Some(TopicsPlan {
                    error: Some(error), ..
                }) => record_unread(&mut outcome, &error),
                Some(current) => record_differences(&mut outcome, current.steps),
            }
        }
        cluster.log_requests("apply", started, &brokers);
        outcome
    }

    /// The result, or `None` where Ctrl-C comes first.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        unless_stopped_by(&self.stop, 1, work).await
    }

    /// The result, or `None` where Ctrl-C comes twice.
    pub(super) async fn unless_stopped_twice<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        unless_stopped_by(&self.stop, 2, work).await
    }

    /// A reader with the timeout of the command line.
    pub(super) fn reader<'m>(&self, machine: &'m Connected) -> Reader<'m> {
        machine.reader(self.args.limits.timeout)
    }
}

/// The facts of a host under its lock, how long connecting took, and when the lock was taken.
struct LockedRead {
    facts: Facts,
    connecting: Duration,
    locked: Instant,
}

/// A visit that Ctrl-C ended before anything was done.
fn interrupted(target: &Target) -> Box<Visit> {
    let plan = target.unreached("interrupted".into());
    Box::new(Visit::refuse(plan, vec![]))
}

/// The name of the lock's holder in the host's process list.
fn title() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "somebody".into());
    let here =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "somewhere".into());
    let current = humantime::format_rfc3339_seconds(SystemTime::now());
    format!("trueup: {user} from {} since {current}", here.trim())
}
