//! Many hosts at once: how many, who leads to which cluster, and when no further host is begun.

use std::{cell::Cell, collections::HashMap, num::NonZeroUsize};

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::{Targets, topics::ClusterTarget};
use crate::apply::rollout::Rollout;

/// So many hosts are worked on at once. Who waits longest is next.
pub(super) struct Slots(Semaphore);

impl Slots {
    pub(super) fn new(parallel: NonZeroUsize) -> Self {
        Self(Semaphore::new(parallel.get()))
    }

    /// A place among those that are worked on, until it is dropped.
    pub(super) async fn take(&self) -> SemaphorePermit<'_> {
        let permit = self.0.acquire().await;
        permit.unwrap_or_else(|_| unreachable!("it is never closed"))
    }
}

/// What comes of each, in their order, with so many at work at once.
pub(crate) async fn at_once<I, T>(
    parallel: NonZeroUsize,
    items: impl IntoIterator<Item = I>,
    work: impl AsyncFn(I) -> T,
) -> Vec<T> {
    let (slots, work) = (&Slots::new(parallel), &work);
    let working = items.into_iter().map(|item| async move {
        let _slot = slots.take().await;
        work(item).await
    });
    join_all(working).await
}

/// What is known of a host's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Open,
    Reached,
    Unreached,
}

/// Which host leads to a cluster: of those that may, the first of the spec that is reached, whoever is
/// the quickest.
pub(super) struct Leaders<'t> {
    clusters: &'t [ClusterTarget],
    /// Of each cluster: the places of the hosts that may lead to it, in order.
    candidates: Vec<Vec<usize>>,
    hosts: watch::Sender<Vec<Reach>>,
}

impl<'t> Leaders<'t> {
    pub(super) fn new(targets: &'t Targets) -> Self {
        let hosts = targets.hosts.iter().enumerate();
        let places: HashMap<&str, usize> = hosts
            .map(|(at, target)| (target.host.name.as_str(), at))
            .collect();
        let candidates = targets.clusters.iter().map(|cluster| {
            let through = cluster.desired.through.iter();
            let known = through.filter_map(|host| places.get(host.as_str()).copied());
            let mut candidates: Vec<usize> = known.collect();
            candidates.sort_unstable();
            candidates
        });
        Self {
            clusters: &targets.clusters,
            candidates: candidates.collect(),
            hosts: watch::Sender::new(vec![Reach::Open; targets.hosts.len()]),
        }
    }

    /// The turn of a host, by its place among the targets.
    pub(super) fn turn(&self, at: usize) -> Turn<'_, 't> {
        Turn { leaders: self, at }
    }

    /// The clusters that are dialled from here.
    pub(super) fn direct(&self) -> impl Iterator<Item = &'t ClusterTarget> {
        let clusters = self.clusters.iter();
        clusters.filter(|cluster| cluster.desired.through.is_empty())
    }

    /// The clusters that no host leads to, once it is known of all.
    pub(super) fn rest(&self) -> Vec<&'t ClusterTarget> {
        let hosts = self.hosts.borrow();
        let all = self.clusters.iter().zip(&self.candidates);
        let unled = all.filter(|(cluster, candidates)| {
            !cluster.desired.through.is_empty()
                && candidates.iter().all(|at| hosts[*at] != Reach::Reached)
        });
        unled.map(|(cluster, _)| cluster).collect()
    }
}

/// A host on its way: dropped before it is reached, it is not.
pub(super) struct Turn<'l, 't> {
    leaders: &'l Leaders<'t>,
    at: usize,
}

impl<'t> Turn<'_, 't> {
    /// Whether the host leads to a cluster, unless one before does. It is not connected to for that: hosts of before
    /// are waited for.
    pub(super) async fn is_needed(&self) -> bool {
        for candidates in &self.leaders.candidates {
            if self.leads(candidates, &mut None).await {
                return true;
            }
        }
        false
    }

    /// The host is reached.
    pub(super) fn reached(&self) {
        let at = self.at;
        self.leaders
            .hosts
            .send_modify(|hosts| hosts[at] = Reach::Reached);
    }

    /// The clusters that the host leads to, now that it is reached. Where a host of before may still be, that is
    /// waited for; the place is another's meanwhile, and stays so.
    pub(super) async fn clusters(
        &self,
        place: &mut Option<SemaphorePermit<'_>>,
    ) -> Vec<&'t ClusterTarget> {
        let mut led = Vec::new();
        for (at, cluster) in self.leaders.clusters.iter().enumerate() {
            if self.leads(&self.leaders.candidates[at], place).await {
                led.push(cluster);
            }
        }
        led
    }

    async fn leads(&self, candidates: &[usize], place: &mut Option<SemaphorePermit<'_>>) -> bool {
        let Ok(at) = candidates.binary_search(&self.at) else {
            return false;
        };
        let before = &candidates[..at];
        let mut known = self.leaders.hosts.subscribe();
        if leads(&known.borrow(), before).is_none() {
            drop(place.take());
        }
        let decided = known.wait_for(|hosts| leads(hosts, before).is_some());
        let decided = decided.await;
        decided.is_ok_and(|hosts| leads(&hosts, before) == Some(true))
    }
}

/// Whether a host leads to a cluster, with these before it; nothing while one of them may.
fn leads(hosts: &[Reach], before: &[usize]) -> Option<bool> {
    let of = |reach| move |at: &usize| hosts[*at] == reach;
    if before.iter().any(of(Reach::Reached)) {
        return Some(false);
    }
    before.iter().all(of(Reach::Unreached)).then_some(true)
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        let at = self.at;
        self.leaders.hosts.send_if_modified(|hosts| {
            let open = hosts[at] == Reach::Open;
            if open {
                hosts[at] = Reach::Unreached;
            }
            open
        });
    }
}

/// The failures of a run, and whether it goes on.
pub(super) struct Failures {
    rollout: Rollout,
    hosts: usize,
    failed: Cell<usize>,
    /// Those of the hosts that came first, when all of these are done.
    of_canaries: Cell<usize>,
}

impl Failures {
    pub(super) fn new(rollout: Rollout, hosts: usize) -> Self {
        Self {
            rollout,
            hosts,
            failed: Cell::new(0),
            of_canaries: Cell::new(0),
        }
    }

    /// How many hosts come first.
    pub(super) fn canaries(&self) -> usize {
        let canaries = self.rollout.canary.map_or(0, NonZeroUsize::get);
        canaries.min(self.hosts)
    }

    /// The hosts that come first are done.
    pub(super) fn canaries_done(&self) {
        self.of_canaries.set(self.failed.get());
    }

    pub(super) fn add(&self) {
        self.failed.set(self.failed.get() + 1);
    }

    /// Why no further host is begun, if that is so.
    pub(super) fn halted(&self) -> Option<String> {
        let (failed, of) = (self.failed.get(), self.hosts);
        if self.of_canaries.get() > 0 {
            let (failed, canaries) = (self.of_canaries.get(), self.canaries());
            return Some(format!(
                "{failed} of {canaries} hosts failed that came first (`--canary`)"
            ));
        }
        let most = self.rollout.max_failures?;
        most.is_exceeded(failed, of)
            .then(|| format!("{failed} of {of} hosts failed (`--max-failures {most}`)"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join;
    use tokio::sync::Notify;

    use super::*;

    fn leaders(hosts: usize, candidates: Vec<Vec<usize>>) -> Leaders<'static> {
        Leaders {
            clusters: &[],
            candidates,
            hosts: watch::Sender::new(vec![Reach::Open; hosts]),
        }
    }

    /// Who leads, when hosts come in this order, `true`: reached. Each is at work until all before it
    /// have come or gone.
    async fn led_by(order: &[(usize, bool)], candidates: &[usize]) -> Vec<usize> {
        let all = leaders(order.len(), vec![candidates.to_vec()]);
        let turns: Vec<Notify> = order.iter().map(|_| Notify::new()).collect();
        let led = RefCell::new(Vec::new());
        let coming = order.iter().enumerate().map(async |(nth, (at, reached))| {
            let turn = all.turn(*at);
            if nth > 0 {
                turns[nth].notified().await;
            }
            let next = || {
                if let Some(next) = turns.get(nth + 1) {
                    next.notify_one();
                }
            };
            if !reached {
                drop(turn);
                next();
                return;
            }
            turn.reached();
            next();
            if turn.leads(candidates, &mut None).await {
                led.borrow_mut().push(*at);
            }
        });
        join_all(coming).await;
        led.into_inner()
    }

    #[tokio::test]
    async fn the_first_of_the_spec_that_is_reached_leads_whoever_comes_first() {
        // Each of four hosts is reached or not, and comes at any time: 16 × 24.
        for reached in 0..16_usize {
            for order in orders(4) {
                let order: Vec<(usize, bool)> = order
                    .into_iter()
                    .map(|at| (at, reached >> at & 1 == 1))
                    .collect();
                // The host 0 leads to another cluster.
                let wanted = (1..4).find(|at| reached >> at & 1 == 1);
                let led = led_by(&order, &[1, 2, 3]).await;
                assert_eq!(led, Vec::from_iter(wanted), "{order:?}");
            }
        }
    }

    fn orders(hosts: usize) -> Vec<Vec<usize>> {
        if hosts == 0 {
            return vec![vec![]];
        }
        let shorter = orders(hosts - 1);
        let places = |order: &Vec<usize>| {
            let order = order.clone();
            (0..hosts).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, hosts - 1);
                longer
            })
        };
        shorter.iter().flat_map(places).collect()
    }

    #[tokio::test]
    async fn only_who_waits_gives_its_place_away() {
        let slots = Slots::new(NonZeroUsize::MIN);
        let all = leaders(3, vec![vec![0, 1]]);
        let (first, second, third) = (all.turn(0), all.turn(1), all.turn(2));
        third.reached();
        let mut place = Some(slots.take().await);
        assert!(!third.leads(&[0, 1], &mut place).await);
        assert!(place.is_some(), "it leads to nothing");
        second.reached();
        let next = async {
            let _place = slots.take().await;
            drop(first);
        };
        let (led, ()) = join(second.leads(&[0, 1], &mut place), next).await;
        assert!(led && place.is_none());
        let mut place = Some(slots.take().await);
        assert!(second.leads(&[0, 1], &mut place).await);
        assert!(place.is_some(), "there is nobody to wait for");
    }

    #[tokio::test]
    async fn so_many_at_once_and_all_in_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let three = NonZeroUsize::new(3).expect("not 0");
        let done = at_once(three, 0..20_usize, async |at| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            for _ in 0..at % 5 {
                tokio::task::yield_now().await;
            }
            running.set(running.get() - 1);
            at
        });
        assert_eq!(done.await, (0..20).collect::<Vec<_>>());
        assert_eq!(most.get(), 3);
    }

    #[test]
    fn after_failed_canaries_and_too_many_failures_nobody_is_begun() {
        let failures = |canary, max: Option<&str>, failed| {
            let rollout = Rollout {
                canary: NonZeroUsize::new(canary),
                max_failures: max.map(|text| text.parse().expect("a bound")),
            };
            let failures = Failures::new(rollout, 12);
            (0..failed).for_each(|_| failures.add());
            failures
        };
        let canaries = failures(2, None, 1);
        assert_eq!(canaries.halted(), None);
        canaries.canaries_done();
        let why = canaries.halted().expect("one failed");
        assert_eq!(why, "1 of 2 hosts failed that came first (`--canary`)");
        let well = failures(2, None, 0);
        well.canaries_done();
        well.add();
        assert_eq!(well.halted(), None);
        assert_eq!(failures(0, None, 12).halted(), None);
        assert_eq!(failures(0, Some("25%"), 3).halted(), None);
        let why = failures(0, Some("25%"), 4).halted().expect("too many");
        assert_eq!(why, "4 of 12 hosts failed (`--max-failures 25%`)");
        assert_eq!(failures(99, None, 0).canaries(), 12);
    }
}
