//! Compares what a run found with what earlier runs found: since when it differs, and what of it is new.

use std::collections::{HashMap, HashSet};

use super::{
    Ended, Run, Since,
    run::{Differs, Entry, digest},
};
use crate::{
    kinds::Address,
    plan::{Part, State, Step, Subject},
    utc::Utc,
};

/// The command whose runs people see.
const DRIFT: &str = "drift";

/// What is new or gone since the last run of `drift`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// When that was; absent: there is none, and everything is new.
    pub since: Option<Utc>,
    /// What is no longer so.
    pub back: Vec<Back>,
    new: HashSet<(Subject, Option<Address>)>,
}

/// Of a host or a cluster: what is no longer wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// Whose it is.
    pub subject: Subject,
    /// It could not be checked, and can be.
    pub checked: bool,
    /// The addresses that differed, and do not.
    pub in_sync: Vec<Address>,
    /// The addresses that differed, and are no longer in the spec.
    pub gone: Vec<Address>,
}

impl News {
    /// Whether nothing has changed.
    pub fn is_none(&self) -> bool {
        self.new.is_empty() && self.back.is_empty()
    }

    /// Whether it is new that a host or a cluster could not be checked.
    pub(crate) fn has_part(&self, part: Part<'_>) -> bool {
        self.new.contains(&(part.subject.owned(), None))
    }

    /// Whether it is new that an address differs, or how.
    pub(crate) fn has_step(&self, part: Part<'_>, step: &Step) -> bool {
        let key = (part.subject.owned(), Some(step.address.clone()));
        self.new.contains(&key)
    }
}

/// What earlier runs found last of a host or a cluster.
struct Previous<'r> {
    now: State,
    row: Option<Row>,
    last_in_sync: Option<LastInSync>,
    /// What the last run of `drift` found.
    last_drift: Option<State>,
    addresses: HashMap<&'r Address, OfAddress<'r>>,
}

/// The row of runs that found it so.
#[derive(Clone, Copy)]
enum Row {
    BeginsNow,
    GoesOn(Since),
}

/// When it was last in sync, if it was.
#[derive(Clone, Copy)]
struct LastInSync(Option<Utc>);

/// What earlier runs found last of an address.
struct OfAddress<'r> {
    step: &'r Step,
    last: Option<Finding<'r>>,
    last_drift: Option<Finding<'r>>,
}

#[derive(Clone, Copy)]
enum Finding<'r> {
    InSync(Utc),
    Differed { run: &'r Run, how: &'r Differs },
}

impl<'r> Previous<'r> {
    fn new(part: Part<'r>, now: State) -> Self {
        let of = |step: &'r Step| OfAddress {
            step,
            last: None,
            last_drift: None,
        };
        let steps = part.steps.iter();
        Self {
            now,
            row: None,
            last_in_sync: None,
            last_drift: None,
            addresses: steps.map(|step| (&step.address, of(step))).collect(),
        }
    }

    /// Whether no earlier run can add anything.
    fn is_complete(&self) -> bool {
        let mut all = self.addresses.values();
        let of_part =
            self.now == State::InSync || self.row.is_some() && self.last_in_sync.is_some();
        of_part
            && self.last_drift.is_some()
            && all.all(|one| one.last.is_some() && one.last_drift.is_some())
    }

    /// Adds what a run found; later runs have been added before.
    fn add(&mut self, run: &'r Run, entry: &'r Entry, deep: bool) {
        // A run that sees less does not count for what it does not see.
        let sees = run.deep || !deep;
        let in_sync = entry.state == State::InSync && !run.in_part && sees;
        let unchecked = entry.state.is_unchecked();
        if self.row.is_none() {
            self.row = match self.now.is_unchecked() {
                true if !unchecked => Some(Row::BeginsNow),
                false if in_sync => Some(Row::BeginsNow),
                as_now if as_now == unchecked => entry.since.map(Row::GoesOn),
                _ => None,
            };
        }
        if self.last_in_sync.is_none() {
            self.last_in_sync = match entry.since {
                _ if in_sync => Some(LastInSync(Some(run.at))),
                since => since.map(|since| LastInSync(since.last_in_sync)),
            };
        }
        let drift = run.command == DRIFT;
        if drift {
            self.last_drift.get_or_insert(entry.state);
        }
        let in_sync = entry.in_sync.iter().filter(|_| sees);
        let in_sync = in_sync.map(|address| (address, Finding::InSync(run.at)));
        let differ = entry.differ.iter();
        let differ = differ.map(|how| (&how.address, Finding::Differed { run, how }));
        for (address, finding) in in_sync.chain(differ) {
            if let Some(one) = self.addresses.get_mut(address) {
                one.last.get_or_insert(finding);
                if drift {
                    one.last_drift.get_or_insert(finding);
                }
            }
        }
    }

    /// Fills in since when.
    fn date(&self, at: Utc, entry: &mut Entry) {
        if entry.state != State::InSync {
            entry.since = Some(match self.row {
                Some(Row::GoesOn(since)) => since,
                Some(Row::BeginsNow) | None => Since {
                    at,
                    last_in_sync: self.last_in_sync.and_then(|last| last.0),
                },
            });
        }
        for one in &mut entry.differ {
            let known = self.addresses.get(&one.address);
            match known.and_then(|known| known.last) {
                Some(Finding::Differed { how, .. }) => one.since = how.since,
                Some(Finding::InSync(last)) => one.since.last_in_sync = Some(last),
                None => {}
            }
        }
    }
}

/// Looks through the earlier runs, from the newest on. Fills in since when things differ, and returns
/// what is new; `is_whole`: everything of the specs was looked at.
pub(super) fn find(
    before: &[Run],
    found: &mut [(Subject<&str>, Entry)],
    ended: &Ended<'_>,
    deep: bool,
    is_whole: bool,
) -> News {
    let states: HashMap<Subject<&str>, State> = found
        .iter()
        .map(|(key, entry)| (*key, entry.state))
        .collect();
    let parts = ended
        .plan
        .parts()
        .map(|part| (part.subject, Previous::new(part, states[&part.subject])));
    let mut previous: HashMap<Subject<&str>, Previous<'_>> = parts.collect();
    for run in before.iter().rev() {
        if previous.values().all(Previous::is_complete) {
            break;
        }
        for (key, entry) in run.entries() {
            if let Some(one) = previous.get_mut(&key) {
                one.add(run, entry, deep);
            }
        }
    }
    let last = before.iter().rev().find(|run| run.command == DRIFT);
    let mut news = News {
        since: last.map(|run| run.at),
        ..News::default()
    };
    for (key, entry) in found {
        if let Some(previous) = previous.get(key) {
            previous.date(ended.at, entry);
            news.add(*key, entry, previous);
        }
    }
    if let Some(last) = last.filter(|run| is_whole && run.is_whole()) {
        news.add_gone(last, &previous);
    }
    news
}

impl News {
    /// What is new of a host or a cluster, and what of it is no longer so.
    fn add(&mut self, subject: Subject<&str>, entry: &Entry, previous: &Previous<'_>) {
        let mut new = |address: Option<&Address>| {
            self.new.insert((subject.owned(), address.cloned()));
        };
        if entry.state.is_unchecked() && previous.last_drift != Some(entry.state) {
            new(None);
        }
        for one in &entry.differ {
            let known = previous.addresses.get(&one.address);
            let is_old = known.is_some_and(|known| match known.last_drift {
                // In sync between them, as an apply left it, is new again.
                Some(Finding::Differed { run, how }) => {
                    how.digest == digest(&run.salt, known.step) && one.since.at <= run.at
                }
                Some(Finding::InSync(_)) | None => false,
            });
            if !is_old {
                new(Some(&one.address));
            }
        }
        let was_unchecked = previous.last_drift.is_some_and(State::is_unchecked);
        let differed = |address: &&Address| {
            let known = previous.addresses.get(address);
            matches!(
                known.and_then(|known| known.last_drift),
                Some(Finding::Differed { .. })
            )
        };
        let back = Back {
            subject: subject.owned(),
            checked: was_unchecked && !entry.state.is_unchecked(),
            in_sync: entry.in_sync.iter().filter(differed).cloned().collect(),
            gone: vec![],
        };
        if back.checked || !back.in_sync.is_empty() {
            self.back.push(back);
        }
    }

    /// What differed in the last run, and is no longer in the spec.
    fn add_gone(&mut self, last: &Run, previous: &HashMap<Subject<&str>, Previous<'_>>) {
        for (subject, entry) in last.entries() {
            let now = previous.get(&subject);
            if now.is_some_and(|now| now.now.is_unchecked()) {
                continue;
            }
            let is_gone =
                |how: &&Differs| now.is_none_or(|now| !now.addresses.contains_key(&how.address));
            let gone = entry.differ.iter().filter(is_gone);
            let gone: Vec<Address> = gone.map(|how| how.address.clone()).collect();
            if gone.is_empty() {
                continue;
            }
            let is_it = |back: &&mut Back| back.subject.borrowed() == subject;
            match self.back.iter_mut().find(is_it) {
                Some(back) => back.gone = gone,
                None => self.back.push(Back {
                    subject: subject.owned(),
                    checked: false,
                    in_sync: vec![],
                    gone,
                }),
            }
        }
    }
}
