//! What of a spec is looked at: `--target` and `--exclude`.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kinds::{Address, topic},
    spec::{fleet_of, suggestions},
};

/// So many addresses are listed where none is like what was typed.
const MOST_NAMED: usize = 12;

/// What was asked for by `--target` and `--exclude`. Addresses outside of it are not compared,
/// digested or verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// The addresses that `--target` gives; none: all.
    pub target: Vec<String>,
    /// The addresses that `--exclude` gives.
    pub exclude: Vec<String>,
    /// What the targets require, and so comes with them.
    pub required: Vec<Address>,
}

/// An address that a spec has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its host; a topic has none: it is selected on all clusters alike.
    pub host: Option<String>,
    /// The address.
    pub address: Address,
    /// The addresses of the same host without which it cannot be.
    pub requires: Vec<Address>,
}

/// Why nothing can be selected: exit code 3.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A flag names what no spec has.
    #[error("`{flag} {word}`: there is no such address\n  help: {help}")]
    Unknown {
        /// `--target` or `--exclude`.
        flag: &'static str,
        /// As typed.
        word: String,
        /// A suggestion, or what there is.
        help: String,
    },
    /// The flags leave nothing.
    #[error("`--target` and `--exclude` leave nothing to look at\n  help: leave one of them out")]
    Nothing,
}

/// What is looked at, address by address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Chosen {
    /// What was asked for; `None`: everything is looked at.
    pub selection: Option<Selection>,
    picked: BTreeSet<Key>,
    beside: BTreeSet<Key>,
}

/// A host, which topics have none of, and an address.
type Key = (Option<String>, Address);

impl Chosen {
    /// Reads the flags with what the specs have.
    ///
    /// # Errors
    /// When an address is unknown, or nothing is left.
    pub fn new(target: &[String], exclude: &[String], known: &[Known]) -> Result<Self, Refused> {
        if target.is_empty() && exclude.is_empty() {
            return Ok(Self::default());
        }
        // All below are places in `known`.
        let mut targeted = BTreeSet::new();
        for word in target {
            targeted.extend(find("--target", word, known)?);
        }
        let mut excluded = BTreeSet::new();
        for word in exclude {
            excluded.extend(find("--exclude", word, known)?);
        }
        let needs = requirements(known);
        let (mut picked, added) = match target.is_empty() {
            true => ((0..known.len()).collect(), vec![]),
            false => with_required(&targeted, &needs),
        };
        picked.retain(|one| !excluded.contains(one));
        if picked.is_empty() {
            return Err(Refused::Nothing);
        }
        // What is left out by name and yet required has to be there: it is looked at for that.
        let beside = picked.iter().flat_map(|&one| &needs[one]);
        let beside = beside.filter(|one| !picked.contains(one));
        // On some host it was not asked for.
        let mut seen = HashSet::new();
        let required = added.iter().filter(|one| picked.contains(one));
        let required = required.map(|&one| &known[one].address);
        let required = required.filter(|address| seen.insert(*address));
        let key = |&one: &usize| (known[one].host.clone(), known[one].address.clone());
        Ok(Self {
            selection: Some(Selection {
                target: target.to_vec(),
                exclude: exclude.to_vec(),
                required: required.cloned().collect(),
            }),
            beside: beside.map(key).collect(),
            picked: picked.iter().map(key).collect(),
        })
    }

    /// Whether an address of a host is compared.
    pub fn has(&self, host: &str, address: &Address) -> bool {
        self.is_compared(Some(host), address)
    }

    /// Whether a topic is compared, whichever cluster has it.
    pub(crate) fn has_topic(&self, name: &str) -> bool {
        self.is_compared(None, &topic::address(name))
    }

    fn is_compared(&self, host: Option<&str>, address: &Address) -> bool {
        match &self.selection {
            None => true,
            // Of a database's tables it is known later which topics they come to.
            Some(selection) if selection.target.is_empty() => {
                let excluded = |word: &String| names(word, host, address);
                !selection.exclude.iter().any(excluded)
            }
            Some(_) => contains(&self.picked, host, address),
        }
    }

    /// Whether a topic may be compared whose name is not known yet; `makes` tells whether it
    /// may be a given name.
    pub(crate) fn may_have_topics(&self, makes: impl Fn(&str) -> bool) -> bool {
        let all = self
            .selection
            .as_ref()
            .is_none_or(|it| it.target.is_empty());
        let topics = self.picked.iter().filter(|(host, _)| host.is_none());
        let mut names = topics.filter_map(|(_, address)| address.name());
        all || names.any(makes)
    }

    /// Whether an address is looked at only because something selected requires it.
    pub(crate) fn looks_beside(&self, host: &str, address: &Address) -> bool {
        contains(&self.beside, Some(host), address)
    }
}

fn contains(all: &BTreeSet<Key>, host: Option<&str>, address: &Address) -> bool {
    all.contains(&(host.map(str::to_owned), address.clone()))
}

/// What each requires on its host, in the order of what there is.
fn requirements(known: &[Known]) -> Vec<Vec<usize>> {
    let keys = known.iter().map(|one| (one.host.as_deref(), &one.address));
    let places: HashMap<_, usize> = keys.zip(0..).collect();
    let of = |one: &Known| {
        let requires = one.requires.iter();
        let mut all: Vec<usize> = requires
            .filter_map(|address| places.get(&(one.host.as_deref(), address)))
            .copied()
            .collect();
        all.sort_unstable();
        all
    };
    known.iter().map(of).collect()
}

/// The targets with all that they require, and what of these was added, in the order of what requires it.
fn with_required(
    targeted: &BTreeSet<usize>,
    needs: &[Vec<usize>],
) -> (BTreeSet<usize>, Vec<usize>) {
    let mut all = targeted.clone();
    let mut added = Vec::new();
    let mut next = all.first().copied();
    while let Some(one) = next {
        let missing = needs[one].iter().find(|needed| !all.contains(needed));
        next = match missing {
            // What comes earlier may ask for more.
            Some(&needed) => {
                all.insert(needed);
                added.push(needed);
                Some(one.min(needed))
            }
            None => all.range(one + 1..).next().copied(),
        };
    }
    (all, added)
}

/// Whether a word names an address of a host, or of the fleet that it is of, or a topic.
fn names(word: &str, host: Option<&str>, address: &Address) -> bool {
    let of = |host: &str| word.strip_prefix(host)?.strip_prefix(':');
    let fleet = host.and_then(fleet_of).map(|(fleet, _)| fleet);
    let mut hosts = host.into_iter().chain(fleet);
    *address == word || hosts.any(|host| of(host) == Some(&**address))
}

/// The addresses that a word names: `client/kafka`, `topics/NAME`, `HOST:client/kafka`.
fn find(flag: &'static str, word: &str, known: &[Known]) -> Result<Vec<usize>, Refused> {
    let is_it = |one: &Known| names(word, one.host.as_deref(), &one.address);
    let found: Vec<usize> = (0..known.len()).filter(|&one| is_it(&known[one])).collect();
    if found.is_empty() {
        return Err(Refused::Unknown {
            flag,
            word: word.to_owned(),
            help: help(word, known),
        });
    }
    Ok(found)
}

fn help(word: &str, known: &[Known]) -> String {
    let with_host = word.contains(':');
    let names = known.iter().map(|one| match &one.host {
        Some(host) if with_host => format!("{host}:{}", one.address),
        _ => one.address.to_string(),
    });
    let names: IndexSet<String> = names.collect();
    if let Some(suggestion) = suggestions::nearest(word, names.iter().map(String::as_str)) {
        return format!("did you mean `{suggestion}`?");
    }
    let shown = names.iter().take(MOST_NAMED).map(String::as_str);
    match names.len().saturating_sub(MOST_NAMED) {
        _ if names.is_empty() => "nothing of the spec is selected by `--host`".into(),
        0 => format!("there is {}", suggestions::listed(shown, "and")),
        more => format!(
            "there is {}, and {more} more",
            suggestions::listed(shown, "and")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Known> {
        let mut all = Vec::new();
        for host in ["a", "b"] {
            let rows: [(&str, &[&str]); 4] = [
                ("client/java", &[]),
                ("client/kafka", &[]),
                ("client/msk_iam_auth", &["client/kafka"]),
                ("client/classpath", &["client/msk_iam_auth"]),
            ];
            all.extend(rows.map(|(address, requires)| Known {
                host: Some(host.into()),
                address: address.into(),
                requires: requires.iter().map(|&one| one.into()).collect(),
            }));
        }
        all.push(Known {
            host: None,
            address: "topics/pin".into(),
            requires: vec![],
        });
        all
    }

    fn chosen(target: &[&str], exclude: &[&str]) -> Result<Chosen, Refused> {
        let owned = |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).into()).collect() };
        Chosen::new(&owned(target), &owned(exclude), &known())
    }

    fn has(chosen: &Chosen, host: &str, address: &str) -> bool {
        chosen.has(host, &address.into())
    }

    #[test]
    fn a_target_takes_with_it_what_it_requires() {
        let chosen = chosen(&["a:client/classpath"], &[]).expect("it is there");
        for address in ["client/kafka", "client/msk_iam_auth", "client/classpath"] {
            assert!(has(&chosen, "a", address), "{address}");
            assert!(!has(&chosen, "b", address), "{address}");
        }
        assert!(!has(&chosen, "a", "client/java") && !chosen.has_topic("pin"));
        assert_eq!(
            chosen.selection.expect("asked for").required,
            ["client/msk_iam_auth", "client/kafka"]
        );
    }

    #[test]
    fn what_is_asked_for_on_one_host_may_be_required_on_another() {
        let chosen = chosen(&["a:client/msk_iam_auth", "b:client/kafka"], &[]).expect("there");
        assert_eq!(
            chosen.selection.expect("asked for").required,
            ["client/kafka"]
        );
    }

    #[test]
    fn what_is_excluded_and_required_is_looked_at_beside() {
        let chosen = chosen(&[], &["client/kafka", "topics/pin"]).expect("something is left");
        assert!(!has(&chosen, "a", "client/kafka") && has(&chosen, "b", "client/java"));
        assert!(chosen.looks_beside("b", &"client/kafka".into()));
        assert!(!chosen.looks_beside("b", &"client/msk_iam_auth".into()));
        assert!(!chosen.has_topic("pin"));
    }

    #[test]
    fn without_flags_everything_is_looked_at() {
        let all = chosen(&[], &[]).expect("nothing was asked");
        assert!(
            all.selection.is_none() && has(&all, "x", "y") && !all.looks_beside("a", &"y".into())
        );
    }

    #[test]
    fn an_unknown_address_is_refused_with_a_suggestion() {
        let message = |target: &[&str], exclude: &[&str]| match chosen(target, exclude) {
            Err(error) => error.to_string(),
            Ok(chosen) => panic!("{chosen:?}"),
        };
        assert_eq!(
            message(&["client/kafak"], &[]),
            "`--target client/kafak`: there is no such address\n  help: did you mean `client/kafka`?"
        );
        assert!(message(&[], &["b:client/jav"]).contains("did you mean `b:client/java`?"));
        assert!(message(&["c:client/java"], &[]).contains("`a:client/java`"));
        assert!(message(&["a:topics/pin"], &[]).contains("no such address"));
        assert!(message(&["topics/whatever"], &[]).contains("`client/java`, `client/kafka`"));
        assert!(message(&["topics/pin"], &["topics/pin"]).contains("leave nothing"));
    }
}
