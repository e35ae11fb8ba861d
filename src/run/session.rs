//! An apply over its hosts: the order of visits and prompts.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use super::{
    Surroundings, Target, Targets, complain, connect,
    consent::{Consent, Shown},
    console::Console,
    fleet::{Failures, Gateways, Slots},
    look_at_all, machines,
    topics::ClusterTarget,
    visit::Visit,
    visitor::Visitor,
};
use crate::{
    apply::{Connected, rollout::Rollout},
    cli::LookArgs,
    plan::{HostPlan, Plan, TopicsPlan},
};

/// One apply.
pub(super) struct Session<'a> {
    pub args: &'a LookArgs,
    pub around: &'a Surroundings,
    pub console: Console,
    pub visitor: Visitor<'a>,
    pub rollout: Rollout,
}

/// A plan that was approved.
#[derive(Clone, Copy)]
pub(super) enum AgreedPlan<'p> {
    /// It was shown; hosts and clusters without work are not visited.
    Shown(&'p Plan),
    /// It was saved: it is carried out as it stands, or not at all.
    Saved(&'p Plan),
}

/// What the visits of a run share.
struct Run<'r> {
    targets: &'r Targets,
    agreed: Option<AgreedPlan<'r>>,
    gateways: Gateways<'r>,
    slots: Slots,
    failures: Failures,
}

impl AgreedPlan<'_> {
    /// The visit to a host without work, on itself and on the clusters that were reached through it.
    fn skip(self, target: &Target) -> Option<Visit> {
        let Self::Shown(plan) = self else { return None };
        let name = &target.host.name;
        let host = plan.hosts.iter().find(|host| host.name == *name)?;
        let mut topics = plan.topics.iter();
        let works = host.has_work()
            || topics.any(|topics_plan| topics_plan.via == *name && topics_plan.has_work());
        (!works).then(|| Visit::nothing(host.clone(), vec![]))
    }
}

impl Session<'_> {
    /// Visits all hosts and clusters without a prompt before; every host is locked before it is read.
    pub(super) async fn apply_all(
        &self,
        targets: &Targets,
        agreed: Option<AgreedPlan<'_>>,
    ) -> Vec<Visit> {
        let run = Run {
            targets,
            agreed,
            gateways: Gateways::new(targets),
            slots: Slots::new(self.args.limits.parallel),
            failures: Failures::new(self.rollout, targets.hosts.len()),
        };
        let hosts = |indices: Range<usize>| join_all(indices.map(|index| self.host(&run, index)));
        let canaries = run.failures.canaries();
        let mut visits = hosts(0..canaries).await;
        run.failures.canaries_done();
        visits.extend(hosts(canaries..targets.hosts.len()).await);
        let direct = run
            .gateways
            .direct()
            .map(|cluster| self.direct(&run, cluster));
        visits.extend(join_all(direct).await);
        let mut visits: Vec<Visit> = visits.into_iter().flatten().collect();
        if !self.is_stopped() {
            let unrouted = run.gateways.unrouted().into_iter();
            visits.extend(unrouted.map(|cluster| self.no_gateway(&run, cluster)));
        }
        report_not_begun(&visits, run.failures.halted());
        visits
    }

    /// Reads, shows, asks; then as [`Session::apply_all`], asking again where something has changed. No connection
    /// is held during the prompt: it could time out.
    pub(super) async fn interactive(&self, targets: &Targets) -> Vec<Visit> {
        let looking = look_at_all(targets, self.args, &self.visitor.salt, self.around);
        let Some((mut hosts, topics)) = self.visitor.unless_stopped(looking).await else {
            return vec![];
        };
        machines::settle(targets.hosts.iter(), &mut hosts);
        let plan = self.console.plan(hosts, topics);
        self.console.show(&plan, self.console.took().await);
        if plan.has_work() && self.console.ask(&plan).await && !self.is_stopped() {
            return self
                .apply_all(targets, Some(AgreedPlan::Shown(&plan)))
                .await;
        }
        let of_host = |host: HostPlan| match host.has_work() {
            true => Visit::refuse(host, vec![]),
            false => Visit::nothing(host, vec![]),
        };
        let of_cluster = |topics: TopicsPlan| match topics.has_work() {
            true => Visit::refuse(None, vec![topics]),
            false => Visit::nothing(None, vec![topics]),
        };
        let hosts = plan.hosts.into_iter().map(of_host);
        hosts
            .chain(plan.topics.into_iter().map(of_cluster))
            .collect()
    }

    /// The visit to a host; `None` where Ctrl-C came first.
    async fn host(&self, run: &Run<'_>, index: usize) -> Option<Visit> {
        let target = &run.targets.hosts[index];
        let turn = run.gateways.turn(index);
        if let Some(skipped) = run.agreed.and_then(|agreed| agreed.skip(target)) {
            return Some(skipped);
        }
        if target.only_gateway && !self.visitor.unless_stopped(turn.is_needed()).await? {
            return None;
        }
        let mut slot = Some(run.slots.take().await);
        if let Some(why) = run.failures.halted() {
            let plan = target.unreached(format!("not begun: {why}"));
            return Some(Visit::not_begun(plan, vec![]));
        }
        let started = Instant::now();
        let connecting = connect(target, self.args.limits.timeout, self.around);
        let visit = match self.visitor.unless_stopped(connecting).await? {
            Err(error) => Visit::unread(target.unreached(error.to_string()), vec![]),
            Ok(machine) => {
                let connecting = started.elapsed();
                turn.reached();
                let routing = turn.clusters(&mut slot);
                let visit = match self.visitor.unless_stopped(routing).await {
                    Some(clusters) => {
                        let visit = self.visit(run, target, &machine, &clusters, connecting);
                        visit.await
                    }
                    None => Visit::refuse(target.unreached("interrupted".into()), vec![]),
                };
                machine.close().await;
                visit
            }
        };
        if visit.failed() {
            run.failures.add();
        }
        Some(self.shown(visit))
    }

    async fn visit(
        &self,
        run: &Run<'_>,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        connecting: Duration,
    ) -> Visit {
        let agreed = run.shown(Some(target), clusters);
        let (console, consent) = (&self.console, run.consent(&agreed));
        let visiting = self
            .visitor
            .visit(console, target, machine, clusters, consent, connecting);
        match visiting.await {
            Ok(visit) => visit,
            Err(error) => Visit::unread(target.unreached(error.to_string()), vec![]),
        }
    }

    /// The visit to a cluster that is dialled from here; `None` where Ctrl-C came first.
    async fn direct(&self, run: &Run<'_>, cluster: &ClusterTarget) -> Option<Visit> {
        let agreed = run.shown(None, &[cluster]);
        if let (Some(AgreedPlan::Shown(_)), Some(shown)) = (run.agreed, &agreed)
            && !shown.has_work()
        {
            return Some(Visit::nothing(None, shown.topics.clone()));
        }
        let _slot = run.slots.take().await;
        if self.is_stopped() {
            return None;
        }
        if let Some(why) = run.failures.halted() {
            return Some(Visit::not_begun(
                None,
                vec![cluster.unreached(format!("not begun: {why}"))],
            ));
        }
        let consent = run.consent(&agreed);
        Some(
            self.visitor
                .visit_cluster(&self.console, cluster, consent)
                .await,
        )
    }

    /// The visit to a cluster without a gateway.
    fn no_gateway(&self, run: &Run<'_>, cluster: &ClusterTarget) -> Visit {
        match run.shown(None, &[cluster]) {
            // There was no work, so no host was connected to.
            Some(shown)
                if !shown.has_work() && matches!(run.agreed, Some(AgreedPlan::Shown(_))) =>
            {
                Visit::nothing(None, shown.topics)
            }
            _ => match run.failures.halted() {
                Some(why) => {
                    let plan = cluster.unreached(format!("not begun: {why}"));
                    Visit::not_begun(None, vec![plan])
                }
                None => self.shown(Visit::unread(None, vec![cluster.no_gateway()])),
            },
        }
    }

    /// Shows a visit of which nothing has been shown.
    fn shown(&self, visit: Visit) -> Visit {
        if let Some((host, topics)) = visit.to_show() {
            let plan = self.console.plan(host, topics);
            self.console.show(&plan, Duration::ZERO);
        }
        visit
    }

    fn is_stopped(&self) -> bool {
        *self.visitor.stop.borrow() > 0
    }
}

impl Run<'_> {
    /// The part of the approved plan for a host and clusters.
    fn shown(&self, target: Option<&Target>, clusters: &[&ClusterTarget]) -> Option<Shown> {
        let (AgreedPlan::Shown(plan) | AgreedPlan::Saved(plan)) = self.agreed?;
        Some(Shown::of(plan, self.targets, target, clusters))
    }

    fn consent<'s>(&self, shown: &'s Option<Shown>) -> Consent<'s> {
        match (self.agreed, shown) {
            (Some(AgreedPlan::Shown(_)), Some(shown)) => Consent::Shown(shown),
            (Some(AgreedPlan::Saved(_)), Some(shown)) => Consent::Saved(shown),
            _ => Consent::Given,
        }
    }
}

/// Reports the hosts and clusters that were not begun, because too many have failed.
fn report_not_begun(visits: &[Visit], why: Option<String>) {
    let Some(why) = why else { return };
    let names: Vec<&str> = visits.iter().filter_map(Visit::name_not_begun).collect();
    if !names.is_empty() {
        complain(&format!("not begun, because {why}: {}", names.join(", ")));
    }
}
