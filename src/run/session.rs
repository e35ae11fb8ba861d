//! An apply over its hosts, one after another: who is asked what, and when.

use super::{
    Surroundings, Target, Targets, connect,
    consent::{Consent, Shown},
    console::Console,
    look, machines,
    topics::{ClusterRoute, ClusterTarget, Pending},
    visit::Visit,
    visitor::Visitor,
};
use crate::{
    apply::Connected,
    cli::LookArgs,
    plan::{HostPlan, Plan},
};

/// One apply.
pub(super) struct Session<'a> {
    pub args: &'a LookArgs,
    pub around: &'a Surroundings,
    pub console: Console,
    pub visitor: Visitor<'a>,
}

impl Session<'_> {
    /// Without asking: every host is locked before it is read. With a saved plan nothing is done
    /// but what it says.
    pub(super) async fn all(&mut self, targets: &Targets, saved: Option<&Plan>) -> Vec<Visit> {
        let mut visits = Vec::new();
        let mut pending = Pending::new(&targets.clusters);
        for target in &targets.hosts {
            let connecting = connect(target, self.args.timeout, self.around);
            let visit = match self.visitor.unless_stopped(connecting).await {
                None => return visits,
                Some(Err(error)) => Visit::unread(target.unreached(error.to_string()), vec![]),
                Some(Ok(machine)) => {
                    let clusters = pending.take(&target.host.name);
                    let planned =
                        saved.map(|plan| Shown::of(plan, targets, Some(target), &clusters));
                    let consent = planned.as_ref().map_or(Consent::Given, Consent::Saved);
                    let visit = self.visit(target, &machine, &clusters, consent).await;
                    machine.close().await;
                    visit
                }
            };
            visits.push(self.shown(visit));
        }
        for cluster in pending.take_direct() {
            if self.is_stopped() {
                return visits;
            }
            let planned = saved.map(|plan| Shown::of(plan, targets, None, &[cluster]));
            let consent = planned.as_ref().map_or(Consent::Given, Consent::Saved);
            visits.push(self.visit_cluster(cluster, consent).await);
        }
        let rest = pending.rest();
        let rest = rest.map(|cluster| Visit::unread(None, vec![cluster.nowhere()]));
        visits.extend(rest.map(|visit| self.shown(visit)));
        visits
    }

    /// Looks, shows, asks; then as [`Session::all`], and asks again where something has moved.
    pub(super) async fn asked(&mut self, targets: &Targets) -> Vec<Visit> {
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
                let (reader, salt) = (self.visitor.reader(&machine), &self.visitor.salt);
                let host = look(target, reader, self.args.deep, salt).await;
                let clusters = pending.take(&host.name);
                let mut topics = Vec::new();
                for cluster in &clusters {
                    let way = ClusterRoute::through(reader, &host.name, host.facts.as_ref());
                    topics.push(cluster.look(way, salt, self.args.timeout).await);
                }
                let host = Some(host);
                (Shown { host, topics }, Some(machine), clusters)
            };
            match self.visitor.unless_stopped(looking).await {
                Some(looked) => seen.push(looked),
                None => return vec![],
            }
        }
        let mut direct = Vec::new();
        for cluster in pending.take_direct() {
            let looking = cluster.look(ClusterRoute::DIRECT, &self.visitor.salt, self.args.timeout);
            match self.visitor.unless_stopped(looking).await {
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
        let plan = self.console.plan(hosts.collect(), topics.collect());
        self.console.show(&plan);
        let agreed = !plan.has_work() || self.console.ask(&plan).await;
        let mut visits = Vec::new();
        for (target, (shown, machine, clusters)) in targets.hosts.iter().zip(seen) {
            let Some(machine) = machine else {
                visits.push(Visit::nothing(shown.host, shown.topics));
                continue;
            };
            if !shown.has_work() || !agreed || self.is_stopped() {
                machine.close().await;
                visits.push(match shown.has_work() {
                    true => Visit::refuse(shown.host, shown.topics),
                    false => Visit::nothing(shown.host, shown.topics),
                });
                continue;
            }
            let consent = Consent::Shown(&shown);
            let visit = self.return_to(target, machine, &clusters, consent).await;
            visits.push(self.shown(visit));
        }
        for (cluster, plan) in direct {
            visits.push(if !plan.has_work() {
                Visit::nothing(None, vec![plan])
            } else if agreed && !self.is_stopped() {
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
            let (visitor, console) = (&mut self.visitor, &mut self.console);
            let visiting = visitor.visit(console, target, &machine, clusters, consent);
            visit = visiting.await.ok();
        }
        machine.close().await;
        if let Some(visit) = visit {
            return visit;
        }
        let connecting = connect(target, self.args.timeout, self.around);
        match self.visitor.unless_stopped(connecting).await {
            None => Visit::refuse(target.unreached("interrupted".into()), vec![]),
            Some(Err(error)) => Visit::unread(target.unreached(error.to_string()), vec![]),
            Some(Ok(machine)) => {
                let visit = self.visit(target, &machine, clusters, consent).await;
                machine.close().await;
                visit
            }
        }
    }

    async fn visit(
        &mut self,
        target: &Target,
        machine: &Connected,
        clusters: &[&ClusterTarget],
        consent: Consent<'_>,
    ) -> Visit {
        let (visitor, console) = (&mut self.visitor, &mut self.console);
        let visiting = visitor.visit(console, target, machine, clusters, consent);
        match visiting.await {
            Ok(visit) => visit,
            Err(error) => Visit::unread(target.unreached(error.to_string()), vec![]),
        }
    }

    async fn visit_cluster(&mut self, cluster: &ClusterTarget, consent: Consent<'_>) -> Visit {
        let (visitor, console) = (&mut self.visitor, &mut self.console);
        visitor.visit_cluster(console, cluster, consent).await
    }

    /// A visit, shown where nothing of it was.
    fn shown(&mut self, visit: Visit) -> Visit {
        if let Some((host, topics)) = visit.to_show() {
            let plan = self.console.plan(host, topics);
            self.console.show(&plan);
        }
        visit
    }

    fn is_stopped(&self) -> bool {
        *self.visitor.stop.borrow() > 0
    }
}
