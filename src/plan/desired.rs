//! What an apply of a saved plan needs beside the plan: the desired state, and the ways to where
//! it belongs. Secrets are references here, and what they were is a salted digest.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{digest, selection::Chosen};
use crate::spec::{ResolvedCluster, ResolvedHost};

/// What hosts and clusters must be, without choices left open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Desired {
    /// `--deep` was given: the archive's files are hashed.
    pub deep: bool,
    /// What `--target` and `--exclude` leave.
    #[serde(default)]
    pub chosen: Chosen,
    /// The hosts, as many as the plan has and in its order.
    pub hosts: Vec<DesiredHost>,
    /// The clusters, likewise.
    pub clusters: Vec<DesiredCluster>,
    /// What the secrets were that the specs refer to.
    pub secrets: Vec<SecretDigest>,
}

/// One host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DesiredHost {
    /// The spec's file: relative files that the host names start at its folder.
    pub spec: String,
    /// How it is reached, and what it must be.
    pub host: ResolvedHost,
}

/// One cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DesiredCluster {
    /// The spec's file: relative files that the cluster names start at its folder.
    pub spec: String,
    /// As the spec names it.
    pub name: String,
    /// What must be on it, and how it is spoken to.
    pub cluster: ResolvedCluster,
    /// Through which hosts it may be reached, the first that can be; none: from here.
    pub through: Vec<String>,
    /// The role that its clients take, where it is dialled from here; of a plan from before there
    /// were `roles`, whoever dials.
    pub role_arn: Option<String>,
    /// With which options of AWS's jar each host's client does so, where it has some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, IndexMap<String, String>>,
    /// The role that the client on each of the hosts takes, if any: whoever dials is known to the
    /// brokers as that.
    #[serde(default)]
    pub roles: BTreeMap<String, Option<String>>,
    /// The hosts that were selected: only topics that one of them renders are looked at.
    pub selected: Vec<String>,
    /// Topics that other specs have on it: they are no leftovers.
    #[serde(default)]
    pub elsewhere: Vec<String>,
    /// What `--allow-delete` names, without `topics/`.
    pub deletable: Vec<String>,
}

impl DesiredCluster {
    /// With which options the client of who dials assumes its role; of whoever dials from here, those
    /// of the first host that has some.
    pub(crate) fn options_of(&self, dialler: &str) -> Option<&IndexMap<String, String>> {
        let own = self.options.get(dialler);
        own.or_else(|| {
            self.options
                .values()
                .next()
                .filter(|_| self.through.is_empty())
        })
    }

    /// The role that is taken where this machine dials.
    pub(crate) fn role_of(&self, dialler: &str) -> Option<&str> {
        match self.roles.get(dialler) {
            Some(role) => role.as_deref(),
            None => self.role_arn.as_deref(),
        }
    }
}

/// What a secret was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDigest {
    /// Whose it is: a host, or a cluster.
    pub of: String,
    /// What the spec calls it.
    pub key: String,
    /// Its salted digest.
    pub digest: String,
}

impl SecretDigest {
    /// Of a secret; `salt` is the plan's.
    pub fn new(salt: &str, of: &str, key: &str, secret: &str) -> Self {
        Self {
            of: of.to_owned(),
            key: key.to_owned(),
            digest: digest::of_secret(salt, of, key, secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::DesiredCluster;

    #[test]
    fn whoever_dials_takes_the_role_of_its_own_client() {
        let mut saved = json!({
            "spec": "s", "name": "n", "through": ["one", "two", "three"], "role_arn": "arn:old",
            "cluster": { "cluster": { "bootstrap": "b:1" }, "access": {}, "hosts": [], "topics": [] },
            "selected": [], "deletable": [],
        });
        let read = |value: &serde_json::Value| -> DesiredCluster {
            serde_json::from_value(value.clone()).expect("a cluster")
        };
        // A plan of an older version knows one role.
        assert_eq!(read(&saved).role_of("two"), Some("arn:old"));
        saved["role_arn"] = json!(null);
        saved["roles"] = json!({ "one": "arn:1", "two": "arn:2", "three": null });
        let cluster = read(&saved);
        assert_eq!(cluster.role_of("one"), Some("arn:1"));
        assert_eq!(cluster.role_of("two"), Some("arn:2"));
        // It has the instance's own, whatever the others take.
        assert_eq!(cluster.role_of("three"), None);
        assert_eq!(cluster.role_of("direct"), None);
    }
}
