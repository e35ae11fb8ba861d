//! Who it is that something is of.

/// Who a part of a plan is of, what happens, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Of {
    /// A host, by its name in the spec.
    Host(String),
    /// A cluster, as the spec names it.
    Cluster(String),
}

impl Of {
    /// The host's name, or the cluster's.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Cluster(name) => name,
        }
    }

    /// The host's name; none of a cluster.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(name) => Some(name),
            Self::Cluster(_) => None,
        }
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.host().is_none()
    }
}
