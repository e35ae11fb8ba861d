//! What hosts have in common, so that it is shown once.

use std::collections::HashMap;

use crate::plan::{HostPlan, Plan};

/// What more hosts than these have in common is shown once.
pub(super) const FEW: usize = 3;

/// Why hosts could not be read, where more than a few others could not for the same reason.
pub(super) struct Errors<'p>(HashMap<&'p str, String>);

impl<'p> Errors<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        // What was looked up for a host is shown with it.
        let hosts = plan.hosts.iter().filter(|host| host.looked_up.is_empty());
        let all = hosts.filter_map(|host| Some((&*host.name, general(host)?)));
        let all: HashMap<&str, String> = all.collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for error in all.values() {
            *counts.entry(error).or_default() += 1;
        }
        let is_common = |error: &str| counts[error] > FEW;
        let common = all.iter().filter(|(_, error)| is_common(error));
        Self(common.map(|(name, error)| (*name, error.clone())).collect())
    }

    /// That of a host, without what in it is the host's own.
    pub(super) fn common(&self, host: &str) -> Option<&str> {
        self.0.get(host).map(String::as_str)
    }
}

/// A host's error, with its address, its name and its key left open.
fn general(host: &HostPlan) -> Option<String> {
    let error = host.error.as_deref()?;
    let address = host.address.rsplit('@').next().unwrap_or(&host.address);
    let error = replaced(error, address, "ADDRESS");
    let error = replaced(&error, &host.name, "NAME");
    let error = error.strip_prefix("ADDRESS: ").unwrap_or(&error);
    let mut text = String::new();
    for (at, part) in error.split("SHA256:").enumerate() {
        let fingerprint = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
        match at {
            0 => text.push_str(part),
            _ => text.push_str(&format!("SHA256:…{}", part.trim_start_matches(fingerprint))),
        }
    }
    Some(text)
}

/// A text with another word in the place of this one, where it stands alone.
fn replaced(text: &str, word: &str, by: &str) -> String {
    let is_more = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut all = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, from) = rest.split_at(at);
        let after = &from[word.len()..];
        let previous = before.chars().next_back().or(all.chars().next_back());
        let begins = !previous.is_some_and(|c| is_more(c) || c == '.');
        let dotted = after.strip_prefix('.');
        let ends = !after.starts_with(is_more) && !dotted.is_some_and(|it| it.starts_with(is_more));
        all.push_str(before);
        all.push_str(if begins && ends { by } else { word });
        rest = after;
    }
    all + rest
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_whole_words_are_a_hosts_own() {
        let of = |text| replaced(text, "10.0.0.1", "ADDRESS");
        assert_eq!(
            of("10.0.0.1: [10.0.0.1]:22 and 10.0.0.1. `ssh 10.0.0.1`"),
            "ADDRESS: [ADDRESS]:22 and ADDRESS. `ssh ADDRESS`"
        );
        for other in ["10.0.0.11", "110.0.0.1", "10.0.0.1.example", "x.10.0.0.1"] {
            assert_eq!(of(other), other);
        }
        assert_eq!(replaced("aaa", "a", "b"), "aaa");
        assert_eq!(replaced("a", "", "b"), "a");
    }
}
