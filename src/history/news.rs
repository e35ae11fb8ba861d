//! What the runs before said last, of everything that a run found: since when it differs, and what of it
//! is new.

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

/// The command whose runs people are told of.
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

/// What the runs before said last of a host or a cluster that is found.
struct Heard<'r> {
    now: State,
    row: Option<Row>,
    last_in_sync: Option<LastInSync>,
    /// What a run of `drift` said.
    told: Option<State>,
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

/// Likewise, of an address.
struct OfAddress<'r> {
    step: &'r Step,
    said: Option<Said<'r>>,
    told: Option<Said<'r>>,
}

#[derive(Clone, Copy)]
enum Said<'r> {
    InSync(Utc),
    Differed { run: &'r Run, how: &'r Differs },
}

impl<'r> Heard<'r> {
    fn new(part: Part<'r>, now: State) -> Self {
        let of = |step: &'r Step| OfAddress {
            step,
            said: None,
            told: None,
        };
        let steps = part.steps.iter();
        Self {
            now,
            row: None,
            last_in_sync: None,
            told: None,
            addresses: steps.map(|step| (&step.address, of(step))).collect(),
        }
    }

    /// Whether nothing can be heard any more that would matter.
    fn is_over(&self) -> bool {
        let mut all = self.addresses.values();
        let of_part =
            self.now == State::InSync || self.row.is_some() && self.last_in_sync.is_some();
        of_part && self.told.is_some() && all.all(|one| one.said.is_some() && one.told.is_some())
    }

    /// Hears what a run found, whatever came after it having been heard.
    fn hear(&mut self, run: &'r Run, entry: &'r Entry, deep: bool) {
        // One that sees less says nothing of what it does not see.
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
            self.told.get_or_insert(entry.state);
        }
        let in_sync = entry.in_sync.iter().filter(|_| sees);
        let in_sync = in_sync.map(|address| (address, Said::InSync(run.at)));
        let differ = entry.differ.iter();
        let differ = differ.map(|how| (&how.address, Said::Differed { run, how }));
        for (address, said) in in_sync.chain(differ) {
            if let Some(one) = self.addresses.get_mut(address) {
                one.said.get_or_insert(said);
                if drift {
                    one.told.get_or_insert(said);
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
            let heard = self.addresses.get(&one.address);
            match heard.and_then(|heard| heard.said) {
                Some(Said::Differed { how, .. }) => one.since = how.since,
                Some(Said::InSync(last)) => one.since.last_in_sync = Some(last),
                None => {}
            }
        }
    }
}

/// Looks through the runs before, from the newest on. Fills in since when what is found is so, and
/// gives what is new of it; `is_whole`: everything of the specs was looked at.
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
        .map(|part| (part.subject, Heard::new(part, states[&part.subject])));
    let mut heard: HashMap<Subject<&str>, Heard<'_>> = parts.collect();
    for run in before.iter().rev() {
        if heard.values().all(Heard::is_over) {
            break;
        }
        for (key, entry) in run.entries() {
            if let Some(one) = heard.get_mut(&key) {
                one.hear(run, entry, deep);
            }
        }
    }
    let last = before.iter().rev().find(|run| run.command == DRIFT);
    let mut news = News {
        since: last.map(|run| run.at),
        ..News::default()
    };
    for (key, entry) in found {
        if let Some(heard) = heard.get(key) {
            heard.date(ended.at, entry);
            news.add(*key, entry, heard);
        }
    }
    if let Some(last) = last.filter(|run| is_whole && run.is_whole()) {
        news.add_gone(last, &heard);
    }
    news
}

impl News {
    /// What is new of a host or a cluster, and what of it is no longer so.
    fn add(&mut self, subject: Subject<&str>, entry: &Entry, heard: &Heard<'_>) {
        let mut new = |address: Option<&Address>| {
            self.new.insert((subject.owned(), address.cloned()));
        };
        if entry.state.is_unchecked() && heard.told != Some(entry.state) {
            new(None);
        }
        for one in &entry.differ {
            let known = heard.addresses.get(&one.address);
            let is_old = known.is_some_and(|known| match known.told {
                // In sync between them, as an apply left it, is new again.
                Some(Said::Differed { run, how }) => {
                    how.digest == digest(&run.salt, known.step) && one.since.at <= run.at
                }
                Some(Said::InSync(_)) | None => false,
            });
            if !is_old {
                new(Some(&one.address));
            }
        }
        let told = heard.told.is_some_and(State::is_unchecked);
        let differed = |address: &&Address| {
            let known = heard.addresses.get(address);
            matches!(
                known.and_then(|known| known.told),
                Some(Said::Differed { .. })
            )
        };
        let back = Back {
            subject: subject.owned(),
            checked: told && !entry.state.is_unchecked(),
            in_sync: entry.in_sync.iter().filter(differed).cloned().collect(),
            gone: vec![],
        };
        if back.checked || !back.in_sync.is_empty() {
            self.back.push(back);
        }
    }

    /// What differed in the last run, and is no longer in the spec.
    fn add_gone(&mut self, last: &Run, heard: &HashMap<Subject<&str>, Heard<'_>>) {
        for (subject, entry) in last.entries() {
            let now = heard.get(&subject);
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
