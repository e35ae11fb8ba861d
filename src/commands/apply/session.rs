//! An apply over its hosts, one after another: who is asked what, and when.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::{Duration, Instant, SystemTime},
};

use super::{
    consent::{Consent, Shown, not_reached},
    teller::Teller,
    verify::{LEFT, judge, unread},
    visit::Visit,
};
use crate::{
    apply::{Connected, Limits, Lock, LockError, SpecPlaces, Stop, apply_host, apply_topics, tidy},
    cli::LookArgs,
    commands::{
        Surroundings, Target, Targets, complain, connect, line_of_stdin, look,
        machines::{self, Machines},
        put, read,
        topics::{ClusterTarget, Pending, Way},
    },
    observe::{Facts, Reader},
    plan::{HostPlan, Plan, Selection, SpecFile, TopicsPlan},
    report::{
        event::{Event, Failure, HostOutcome, Sink},
        human,
    },
};

/// Downloads, unpacking and packages have this long.
const WORK: Duration = Duration::from_secs(15 * 60);
/// The lock's holder has this long to go. One that does not is no reason to be late.
const RELEASE: Duration = Duration::from_secs(2);

/// What the visits to all hosts share.
pub struct Session<'a> {
    pub args: &'a LookArgs,
    pub around: &'a Surroundings,
    pub lock_timeout: Duration,
    pub specs: Vec<SpecFile>,
    pub selection: Option<Selection>,
    pub salt: String,
    pub places: SpecPlaces,
    pub stop: Stop,
    pub machines: Machines,
    pub teller: Teller,
    pub show: Show,
    pub many: bool,
    pub started: Instant,
}

/// Where people see the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Stdout,
    Stderr,
    Nowhere,
}

impl Session<'_> {
    /// Without asking: every host is locked before it is read. With a saved plan nothing is done
    /// but what it says.
    pub async fn all(&mut self, targets: &Targets, saved: Option<&Plan>) -> Vec<Visit> {
        let mut visits = Vec::new();
        let mut pending = Pending::new(&targets.clusters);
        for target in &targets.hosts {
            let connecting = connect(target, self.args.timeout, self.around);
            visits.push(match self.unless_stopped(connecting).await {
                None => return visits,
                Some(Err(error)) => self.unreached(target, error.to_string()),
                Some(Ok(machine)) => {
                    let clusters = pending.take(&target.host.name);
                    let planned =
                        saved.map(|plan| Shown::of(plan, targets, Some(target), &clusters));
                    let consent = planned.as_ref().map_or(Consent::Given, Consent::Saved);
                    let visit = self.visit(target, &machine, &clusters, consent).await;
                    machine.close().await;
                    visit
                }
            });
        }
        for cluster in pending.take_direct() {
            if *self.stop.borrow() > 0 {
                return visits;
            }
            let planned = saved.map(|plan| Shown::of(plan, targets, None, &[cluster]));
            let consent = planned.as_ref().map_or(Consent::Given, Consent::Saved);
            visits.push(self.visit_cluster(cluster, consent).await);
        }
        visits.extend(pending.rest().map(|cluster| self.nobody_leads_to(cluster)));
        visits
    }

    /// Looks, shows, asks; then as [`Session::all`], and asks again where something has moved.
    pub async fn asked(&mut self, targets: &Targets) -> Vec<Visit> {
        let mut pending = Pending::new(&targets.clusters);
        let mut seen = Vec::new();
        for target in &targets.hosts {
            let looking = async {
                let machine = match connect(target, self.args.timeout, self.around).await {
                    Ok(machine) => machine,
                    Err(error) => {
                        let host = Some(target.unreached(error.to_string()));
                        let topics = vec![];
                        return (Shown { host, topics }, None, vec![]);
                    }
                };
                let reader = self.reader(&machine);
                let host = look(target, reader, self.args.deep, &self.salt).await;
                let clusters = pending.take(&host.name);
                let mut topics = Vec::new();
                for cluster in &clusters {
                    let way = Way::through(reader, &host.name, host.facts.as_ref());
                    topics.push(cluster.look(way, &self.salt, self.args.timeout).await);
                }
                let host = Some(host);
                (Shown { host, topics }, Some(machine), clusters)
            };
            match self.unless_stopped(looking).await {
                Some(looked) => seen.push(looked),
                None => return vec![],
            }
        }
        let mut direct = Vec::new();
        for cluster in pending.take_direct() {
            let looking = cluster.look(Way::DIRECT, &self.salt, self.args.timeout);
            match self.unless_stopped(looking).await {
                Some(plan) => direct.push((cluster, plan)),
                None => return vec![],
            }
        }
        let mut hosts: Vec<HostPlan> = seen
            .iter()
            .filter_map(|(shown, ..)| shown.host.clone())
            .collect();
        machines::settle(targets.hosts.iter(), &mut hosts);
        for ((shown, ..), host) in seen.iter_mut().zip(hosts) {
            shown.host = Some(host);
        }
        let rest: Vec<&ClusterTarget> = pending.rest().collect();
        let hosts = seen.iter().filter_map(|(shown, ..)| shown.host.clone());
        let topics = seen.iter().flat_map(|(shown, ..)| shown.topics.clone());
        let topics = topics
            .chain(direct.iter().map(|(_, plan)| plan.clone()))
            .chain(rest.iter().map(|cluster| cluster.nowhere()));
        let plan = self.over(hosts.collect(), topics.collect());
        self.show(&plan);
        let agreed = !plan.has_work() || self.ask(&plan).await;
        let mut visits = Vec::new();
        for (target, (shown, machine, clusters)) in targets.hosts.iter().zip(seen) {
            let Some(machine) = machine else {
                visits.push(Visit::nothing(shown.host, shown.topics));
                continue;
            };
            if !shown.has_work() || !agreed || *self.stop.borrow() > 0 {
                machine.close().await;
                visits.push(match shown.has_work() {
                    true => Visit::refuse(shown.host, shown.topics),
                    false => Visit::nothing(shown.host, shown.topics),
                });
                continue;
            }
            let consent = Consent::Shown(&shown);
            visits.push(self.return_to(target, machine, &clusters, consent).await);
        }
        for (cluster, plan) in direct {
            visits.push(if !plan.has_work() {
                Visit::nothing(None, vec![plan])
            } else if agreed && *self.stop.borrow() == 0 {
                let shown = Shown {
                    host: None,
                    topics: vec![plan],
                };
                self.visit_cluster(cluster, Consent::Shown(&shown)).await
            } else {
                Visit::refuse(None, vec![plan])
            });
        }
        let rest = rest.into_iter();
        visits.extend(rest.map(|cluster| Visit::nothing(None, vec![cluster.nowhere()])));
        visits
    }

    /// Goes on with a host that was looked at before people were asked. Connections do not last as
    /// long as people think: a lost one is made anew, once, and the facts are read anew in any case.
    async fn return_to(
        &mut self,
        target: &Target,
        machine: Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
    ) -> Visit {
        let mut visit = None;
        if machine.is_alive().await {
            let visiting = self.visit_unless_lost(target, &machine, clusters, consent);
            visit = visiting.await.ok();
        }
        machine.close().await;
        if let Some(visit) = visit {
            return visit;
        }
        let connecting = connect(target, self.args.timeout, self.around);
        match self.unless_stopped(connecting).await {
            None => Visit::refuse(target.unreached("interrupted".into()), vec![]),
            Some(Err(error)) => self.unreached(target, error.to_string()),
            Some(Ok(machine)) => {
                let visit = self.visit(target, &machine, clusters, consent).await;
                machine.close().await;
                visit
            }
        }
    }

    /// One host and the clusters that it leads to: lock, facts, plan, apply, facts.
    async fn visit(
        &mut self,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
    ) -> Visit {
        let visiting = self.visit_unless_lost(target, machine, clusters, consent);
        match visiting.await {
            Ok(visit) => visit,
            Err(error) => self.unreached(target, error.to_string()),
        }
    }

    /// Likewise, but that a connection which does not even lead to the lock is the error: nothing has
    /// been done then.
    async fn visit_unless_lost(
        &mut self,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
    ) -> Result<Visit, LockError> {
        let name = &target.host.name;
        let teller = &mut self.teller;
        let waiting = |holder: &str| teller.event(Event::Waiting { host: name, holder });
        let title = title();
        let lock = Lock::acquire(
            machine,
            &title,
            self.lock_timeout,
            self.args.timeout,
            &mut self.stop,
            waiting,
        );
        let mut writer = match lock.await {
            Ok(writer) => writer,
            Err(LockError::Interrupted) => {
                let plan = target.unreached("interrupted".into());
                return Ok(Visit::refuse(plan, vec![]));
            }
            Err(LockError::Held { holder }) => {
                let mut plan = target.unreached(format!("another apply holds the lock: {holder}"));
                plan.lock_holder = Some(holder);
                self.show(&self.over(vec![plan.clone()], vec![]));
                return Ok(Visit::nothing(plan, vec![]));
            }
            Err(error) if error.is_of_connection() => return Err(error),
            Err(error) => return Ok(self.unreached(target, error.to_string())),
        };
        let limits = Limits {
            call: self.args.timeout,
            work: WORK,
            package_lock: self.lock_timeout,
        };
        let mut leftovers = BTreeSet::new();
        let deciding = self.decide(target, machine, clusters, consent, &mut leftovers);
        let decided = writer.beside(deciding).await;
        // Also where there is nothing else to do; not where somebody said no.
        if !matches!(&decided, Err(visit) if visit.refused()) {
            tidy(&mut writer, &leftovers, limits, &mut self.stop).await;
        }
        let visit = match decided {
            Err(visit) => *visit,
            Ok((plan, topics, facts)) => {
                let mut outcomes = consent.stale_clusters(&topics);
                if plan.has_work() {
                    let (places, stop, teller) = (&self.places, &mut self.stop, &mut self.teller);
                    let reply = &facts.reply;
                    let mut outcome =
                        apply_host(&mut writer, &plan, reply, limits, places, stop, teller).await;
                    let verifying = self.verify(target, machine, &plan, &mut outcome);
                    if let Some((rest, facts)) = writer.beside(verifying).await {
                        let (places, stop, teller) =
                            (&self.places, &mut self.stop, &mut self.teller);
                        let reply = &facts.reply;
                        let more =
                            apply_host(&mut writer, &rest, reply, limits, places, stop, teller);
                        outcome.join(more.await);
                        // What follows has nothing that may follow.
                        let verifying = self.verify(target, machine, &rest, &mut outcome);
                        writer.beside(verifying).await;
                    }
                    outcomes.push(outcome);
                }
                for (at, (cluster, topics)) in clusters.iter().zip(&topics).enumerate() {
                    if !topics.has_work() || consent.is_stale(at, topics) {
                        continue;
                    }
                    // A cluster waits for its host, and not for another cluster.
                    let well = outcomes.iter().all(|done: &HostOutcome| {
                        !done.interrupted && (done.is_cluster || done.failure.is_none())
                    });
                    let way = Way::through(self.reader(machine), name, Some(&facts.host));
                    outcomes.push(if well {
                        writer.beside(self.cluster_work(cluster, way, topics)).await
                    } else {
                        not_reached(topics)
                    });
                }
                Visit::applied(plan, topics, outcomes)
            }
        };
        writer.release(RELEASE, &mut self.stop).await;
        Ok(visit)
    }

    /// A cluster that is dialled from here. There is no machine to lock: the brokers take one
    /// change of a topic at a time.
    async fn visit_cluster(&mut self, cluster: &ClusterTarget, consent: Consent<'_>) -> Visit {
        let looking = cluster.look(Way::DIRECT, &self.salt, self.args.timeout);
        let Some(plan) = self.unless_stopped(looking).await else {
            return Visit::refuse(None, vec![]);
        };
        let now = Shown {
            host: None,
            topics: vec![plan],
        };
        if let Err(visit) = self.agree(&now, consent).await {
            return *visit;
        }
        let mut outcomes = Vec::new();
        for topics in &now.topics {
            outcomes.push(self.cluster_work(cluster, Way::DIRECT, topics).await);
        }
        Visit::applied(None, now.topics, outcomes)
    }

    /// Under the lock: fresh facts, the plan, and whether it is to be carried out. A visit that
    /// ends here is the error. What killed applies have left is told beside it.
    async fn decide(
        &mut self,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
        leftovers: &mut BTreeSet<String>,
    ) -> Result<(HostPlan, Vec<TopicsPlan>, Facts), Box<Visit>> {
        let interrupted = || {
            let plan = target.unreached("interrupted".into());
            Box::new(Visit::refuse(plan, vec![]))
        };
        let reader = self.reader(machine);
        let reading = self.unless_stopped(read(target, reader, self.args.deep));
        let mut facts = match reading.await {
            None => return Err(interrupted()),
            Some(Err(error)) => return Err(self.unreached(target, error.to_string()).into()),
            Some(Ok(facts)) => facts,
        };
        // It is we who hold it.
        facts.host.lock_holder = None;
        *leftovers = facts.reply.leftovers();
        let mut now = Shown {
            host: Some(target.plan(&facts, &self.salt)),
            topics: vec![],
        };
        for cluster in clusters {
            let way = Way::through(reader, &target.host.name, Some(&facts.host));
            let looking = cluster.look(way, &self.salt, self.args.timeout);
            match self.unless_stopped(looking).await {
                None => return Err(interrupted()),
                Some(plan) => now.topics.push(plan),
            }
        }
        now.host = now.host.map(|host| self.machines.meet(target, host));
        if let Some(host) = now.host.as_ref().filter(|host| host.unfit) {
            self.show(&self.over(vec![host.clone()], vec![]));
            return Err(Visit::nothing(now.host, now.topics).into());
        }
        self.agree(&now, consent).await?;
        let Shown { host, topics } = now;
        let host = host.unwrap_or_else(|| unreachable!("it was put in above"));
        Ok((host, topics, facts))
    }

    /// Shows what is about to be done, and asks where that is not what was shown.
    async fn agree(&mut self, now: &Shown, consent: Consent<'_>) -> Result<(), Box<Visit>> {
        let mut one = self.over(now.host.clone().into_iter().collect(), now.topics.clone());
        match consent {
            Consent::Saved(planned) => {
                if let Some(visit) = planned.refusal(now) {
                    return Err(visit.into());
                }
                let fresh = planned.fresh(now);
                one = self.over(fresh.host.into_iter().collect(), fresh.topics);
                self.show(&one);
            }
            Consent::Shown(shown)
                if shown.steps().eq(now.steps()) && shown.identity() == now.identity() => {}
            Consent::Shown(shown) => {
                let host = shown.host_steps().eq(now.host_steps());
                let what = match host && shown.identity() == now.identity() {
                    true => "cluster",
                    false => "machine",
                };
                complain(&format!("the {what} has changed since the plan was shown:"));
                self.show(&one);
                if one.has_work() && !self.ask(&one).await {
                    return Err(Visit::refuse(now.host.clone(), now.topics.clone()).into());
                }
            }
            Consent::Given => self.show(&one),
        }
        if !one.has_work() {
            return Err(Visit::nothing(now.host.clone(), now.topics.clone()).into());
        }
        self.teller.expect(&one, self.many);
        if self.show == Show::Stdout {
            put("\n");
        }
        Ok(())
    }

    /// Goes into the cluster anew (the host's own steps may have taken long), applies, and reads
    /// it again.
    async fn cluster_work(
        &mut self,
        cluster: &ClusterTarget,
        way: Way<'_>,
        plan: &TopicsPlan,
    ) -> HostOutcome {
        let deadline = self.args.timeout;
        let started = Instant::now();
        let opening = cluster.open(way, deadline);
        let mut brokers = match self.unless_stopped(opening).await {
            None => {
                let mut outcome = not_reached(plan);
                outcome.interrupted = true;
                return outcome;
            }
            Some(Ok(brokers)) => brokers,
            Some(Err(error)) => {
                let mut outcome = not_reached(plan);
                let mut reasons = error
                    .to_string()
                    .lines()
                    .map(|l| l.trim().to_owned())
                    .collect();
                outcome.failure = Some(Failure {
                    reasons: std::mem::take(&mut reasons),
                    ..Failure::default()
                });
                return outcome;
            }
        };
        let stop = self.stop.clone();
        let working = apply_topics(&mut brokers, plan, deadline, &stop, &mut self.teller);
        let Some(mut outcome) = unless_asked(&stop, 2, working).await else {
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
            let reading = cluster.read(&mut brokers, way, &self.salt);
            match self.unless_left(reading).await {
                None => unread(&mut outcome, LEFT),
                Some(TopicsPlan {
                    error: Some(error), ..
                }) => unread(&mut outcome, &error),
                Some(now) => judge(&mut outcome, now.steps),
            }
        }
        cluster.tell("apply", started, &brokers);
        outcome
    }

    /// The result, or nothing when Ctrl-C came first.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        unless_asked(&self.stop, 1, work).await
    }

    /// The result, or nothing when Ctrl-C came twice.
    pub(super) async fn unless_left<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        unless_asked(&self.stop, 2, work).await
    }

    fn over(&self, hosts: Vec<HostPlan>, topics: Vec<TopicsPlan>) -> Plan {
        let (salt, specs) = (self.salt.clone(), self.specs.clone());
        Plan::new(salt, specs, hosts, topics).of(self.selection.clone())
    }

    /// What reads a machine, as long as the command line allows for.
    pub(super) fn reader<'m>(&self, machine: &'m Connected) -> Reader<'m> {
        machine.reader(self.args.timeout)
    }

    fn unreached(&mut self, target: &Target, error: String) -> Visit {
        let plan = target.unreached(error);
        self.show(&self.over(vec![plan.clone()], vec![]));
        Visit::nothing(plan, vec![])
    }

    fn nobody_leads_to(&mut self, cluster: &ClusterTarget) -> Visit {
        let plan = cluster.nowhere();
        self.show(&self.over(vec![], vec![plan.clone()]));
        Visit::nothing(None, vec![plan])
    }

    fn show(&mut self, plan: &Plan) {
        self.teller.plan(plan);
        let text = || human::plan(plan, &self.around.style, self.started.elapsed());
        match self.show {
            Show::Stdout => put(&text()),
            Show::Stderr => complain(text().trim_end()),
            Show::Nowhere => {}
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
        let line = self.unless_stopped(line_of_stdin()).await;
        if line.as_deref().is_none_or(|line| !line.ends_with('\n')) {
            complain("");
        }
        line.is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
    }
}

/// The result, or nothing when we were asked so often to stop before it came.
async fn unless_asked<T>(stop: &Stop, times: u8, work: impl Future<Output = T>) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|&pressed| pressed >= times) => None,
        done = work => Some(done),
    }
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
