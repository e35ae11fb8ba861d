//! The hosts that a topic is of. Thousands of topics of a thousand hosts name them once.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::ResolvedTopic;

/// Names of hosts, in lists that are shared between topics.
#[derive(Debug, Clone, Default, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct HostNames(Vec<Arc<[String]>>);

impl HostNames {
    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flat_map(|list| list.iter())
    }

    /// Hosts that it is of, too.
    pub fn add(&mut self, hosts: &Arc<[String]>) {
        self.0.push(Arc::clone(hosts));
    }
}

/// Puts other names for hosts, one or several for each.
pub fn rename(topics: &mut [ResolvedTopic], of: impl Fn(&String) -> Vec<String>) {
    // With the list itself, which would leave its place to another if it went.
    let mut known: HashMap<*const String, [Arc<[String]>; 2]> = HashMap::new();
    for list in topics.iter_mut().flat_map(|topic| &mut topic.hosts.0) {
        let [_, new] = known.entry(list.as_ptr()).or_insert_with(|| {
            let new = list.iter().flat_map(&of).collect();
            [Arc::clone(list), new]
        });
        *list = Arc::clone(new);
    }
}

impl From<Vec<String>> for HostNames {
    fn from(names: Vec<String>) -> Self {
        Self(vec![names.into()])
    }
}

impl From<HostNames> for Vec<String> {
    fn from(names: HostNames) -> Self {
        names.names().cloned().collect()
    }
}

impl PartialEq for HostNames {
    fn eq(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }
}

impl<const N: usize> PartialEq<[&str; N]> for HostNames {
    fn eq(&self, other: &[&str; N]) -> bool {
        self.names().eq(other.iter())
    }
}
