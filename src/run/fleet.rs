//! Many hosts at once: how many, which is the gateway to which cluster, and when no further host is begun.

use std::{cell::Cell, collections::HashMap, num::NonZeroUsize};

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::{Targets, topics::ClusterTarget};
use crate::apply::rollout::Rollout;

/// How many hosts are worked on at once. The one that has waited longest is next.
pub(super) struct Slots(Semaphore);

impl Slots {
    pub(super) fn new(parallel: NonZeroUsize) -> Self {
        Self(Semaphore::new(parallel.get()))
    }

    /// A slot, until it is dropped.
    pub(super) async fn take(&self) -> SemaphorePermit<'_> {
        let permit = self.0.acquire().await;
        permit.unwrap_or_else(|_| unreachable!("it is never closed"))
    }
}

/// Works on all items, `parallel` at once; results in the order of the items.
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

/// The state of a host's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Pending,
    Reached,
    Unreachable,
}

/// Which host is the gateway to a cluster: of its candidates the first in the spec that is reached, whichever is
/// the quickest.
pub(super) struct Gateways<'t> {
    clusters: &'t [ClusterTarget],
    /// Of each cluster: the indices of the hosts that may be its gateway, in order.
    candidates: Vec<Vec<usize>>,
    hosts: watch::Sender<Vec<ConnectionState>>,
}

impl<'t> Gateways<'t> {
    pub(super) fn new(targets: &'t Targets) -> Self {
        let hosts = targets.hosts.iter().enumerate();
        let by_name: HashMap<&str, usize> = hosts
            .map(|(index, target)| (target.host.name.as_str(), index))
            .collect();
        let candidates = targets.clusters.iter().map(|cluster| {
            let through = cluster.desired.through.iter();
            let indices = through.filter_map(|host| by_name.get(host.as_str()).copied());
            let mut candidates: Vec<usize> = indices.collect();
            candidates.sort_unstable();
            candidates
        });
        Self {
            clusters: &targets.clusters,
            candidates: candidates.collect(),
            hosts: watch::Sender::new(vec![ConnectionState::Pending; targets.hosts.len()]),
        }
    }

    /// The turn of a host, by its index among the targets.
    pub(super) fn turn(&self, index: usize) -> Turn<'_, 't> {
        Turn {
            gateways: self,
            index,
        }
    }

    /// The clusters that are dialled from here.
    pub(super) fn direct(&self) -> impl Iterator<Item = &'t ClusterTarget> {
        let clusters = self.clusters.iter();
        clusters.filter(|cluster| cluster.desired.through.is_empty())
    }

    /// The clusters without a gateway, once the state of all hosts is known.
    pub(super) fn unrouted(&self) -> Vec<&'t ClusterTarget> {
        let hosts = self.hosts.borrow();
        let all = self.clusters.iter().zip(&self.candidates);
        let unreached = all.filter(|(cluster, candidates)| {
            !cluster.desired.through.is_empty()
                && candidates
                    .iter()
                    .all(|index| hosts[*index] != ConnectionState::Reached)
        });
        unreached.map(|(cluster, _)| cluster).collect()
    }
}

/// A host that is being connected to; dropped before it is reached, it counts as unreachable.
pub(super) struct Turn<'l, 't> {
    gateways: &'l Gateways<'t>,
    index: usize,
}

impl<'t> Turn<'_, 't> {
    /// Whether the host is the gateway to a cluster. It is not connected to for that: earlier hosts are waited for.
    pub(super) async fn is_needed(&self) -> bool {
        for candidates in &self.gateways.candidates {
            if self.is_gateway(candidates, &mut None).await {
                return true;
            }
        }
        false
    }

    /// The host is reached.
    pub(super) fn reached(&self) {
        let index = self.index;
        self.gateways
            .hosts
            .send_modify(|hosts| hosts[index] = ConnectionState::Reached);
    }

    /// The clusters that the host is the gateway to, now that it is reached. Waits where an earlier host may still
    /// be; the slot is then given up for good.
    pub(super) async fn clusters(
        &self,
        slot: &mut Option<SemaphorePermit<'_>>,
    ) -> Vec<&'t ClusterTarget> {
        let mut routed = Vec::new();
        for (index, cluster) in self.gateways.clusters.iter().enumerate() {
            if self
                .is_gateway(&self.gateways.candidates[index], slot)
                .await
            {
                routed.push(cluster);
            }
        }
        routed
    }

    async fn is_gateway(
        &self,
        candidates: &[usize],
        slot: &mut Option<SemaphorePermit<'_>>,
    ) -> bool {
        let Ok(index) = candidates.binary_search(&self.index) else {
            return false;
        };
        let earlier = &candidates[..index];
        let mut states = self.gateways.hosts.subscribe();
        if is_gateway(&states.borrow(), earlier).is_none() {
            drop(slot.take());
        }
        let decided = states.wait_for(|hosts| is_gateway(hosts, earlier).is_some());
        let decided = decided.await;
        decided.is_ok_and(|hosts| is_gateway(&hosts, earlier) == Some(true))
    }
}

/// Whether a host is the gateway, after these candidates; `None` while one of them may be.
fn is_gateway(hosts: &[ConnectionState], earlier: &[usize]) -> Option<bool> {
    let is = |state| move |index: &usize| hosts[*index] == state;
    if earlier.iter().any(is(ConnectionState::Reached)) {
        return Some(false);
    }
    earlier
        .iter()
        .all(is(ConnectionState::Unreachable))
        .then_some(true)
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        let index = self.index;
        self.gateways.hosts.send_if_modified(|hosts| {
            let pending = hosts[index] == ConnectionState::Pending;
            if pending {
                hosts[index] = ConnectionState::Unreachable;
            }
            pending
        });
    }
}

/// The failures of a run, and whether it goes on.
pub(super) struct Failures {
    rollout: Rollout,
    hosts: usize,
    failed: Cell<usize>,
    /// The failures among the canaries, once all of these are done.
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

    /// How many hosts are canaries.
    pub(super) fn canaries(&self) -> usize {
        let canaries = self.rollout.canary.map_or(0, NonZeroUsize::get);
        canaries.min(self.hosts)
    }

    /// All canaries are done.
    pub(super) fn canaries_done(&self) {
        self.of_canaries.set(self.failed.get());
    }

    pub(super) fn add(&self) {
        self.failed.set(self.failed.get() + 1);
    }

    /// Why no further host is begun; `None` while the run goes on.
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

    fn gateways(hosts: usize, candidates: Vec<Vec<usize>>) -> Gateways<'static> {
        Gateways {
            clusters: &[],
            candidates,
            hosts: watch::Sender::new(vec![ConnectionState::Pending; hosts]),
        }
    }

    /// Which hosts become the gateway when connections end in this order, `true`: reached. Each waits until those
    /// before it have ended.
    async fn gateway_of(order: &[(usize, bool)], candidates: &[usize]) -> Vec<usize> {
        let all = gateways(order.len(), vec![candidates.to_vec()]);
        let turns: Vec<Notify> = order.iter().map(|_| Notify::new()).collect();
        let routed = RefCell::new(Vec::new());
        let coming = order
            .iter()
            .enumerate()
            .map(async |(nth, (index, reached))| {
                let turn = all.turn(*index);
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
                if turn.is_gateway(candidates, &mut None).await {
                    routed.borrow_mut().push(*index);
                }
            });
        join_all(coming).await;
        routed.into_inner()
    }

    #[tokio::test]
    async fn the_first_of_the_spec_that_is_reached_is_the_gateway_whichever_is_quickest() {
        // Each of four hosts is reached or not, in any order: 16 × 24.
        for reached in 0..16_usize {
            for order in orders(4) {
                let order: Vec<(usize, bool)> = order
                    .into_iter()
                    .map(|index| (index, reached >> index & 1 == 1))
                    .collect();
                // The host 0 is no candidate.
                let wanted = (1..4).find(|index| reached >> index & 1 == 1);
                let routed = gateway_of(&order, &[1, 2, 3]).await;
                assert_eq!(routed, Vec::from_iter(wanted), "{order:?}");
            }
        }
    }

    fn orders(hosts: usize) -> Vec<Vec<usize>> {
        if hosts == 0 {
            return vec![vec![]];
        }
        let shorter = orders(hosts - 1);
        let by_name = |order: &Vec<usize>| {
            let order = order.clone();
            (0..hosts).map(move |index| {
                let mut longer = order.clone();
                longer.insert(index, hosts - 1);
                longer
            })
        };
        shorter.iter().flat_map(by_name).collect()
    }

    #[tokio::test]
    async fn only_a_host_that_waits_gives_up_its_slot() {
        let slots = Slots::new(NonZeroUsize::MIN);
        let all = gateways(3, vec![vec![0, 1]]);
        let (first, second, third) = (all.turn(0), all.turn(1), all.turn(2));
        third.reached();
        let mut slot = Some(slots.take().await);
        assert!(!third.is_gateway(&[0, 1], &mut slot).await);
        assert!(slot.is_some(), "it is no candidate");
        second.reached();
        let next = async {
            let _place = slots.take().await;
            drop(first);
        };
        let (routed, ()) = join(second.is_gateway(&[0, 1], &mut slot), next).await;
        assert!(routed && slot.is_none());
        let mut slot = Some(slots.take().await);
        assert!(second.is_gateway(&[0, 1], &mut slot).await);
        assert!(slot.is_some(), "there is nothing to wait for");
    }

    #[tokio::test]
    async fn limited_at_once_and_all_in_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let three = NonZeroUsize::new(3).expect("not 0");
        let done = at_once(three, 0..20_usize, async |index| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            for _ in 0..index % 5 {
                tokio::task::yield_now().await;
            }
            running.set(running.get() - 1);
            index
        });
        assert_eq!(done.await, (0..20).collect::<Vec<_>>());
        assert_eq!(most.get(), 3);
    }

    #[test]
    fn after_failed_canaries_and_too_many_failures_no_host_is_begun() {
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
