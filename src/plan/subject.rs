//! Whose something is: a host's or a cluster's.

/// Whose a part of a plan, an event, an outcome or a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject<N = String> {
    /// A host, by its name in the spec.
    Host(N),
    /// A cluster, as the spec names it.
    Cluster(N),
}

impl<N: AsRef<str>> Subject<N> {
    /// The host's name, or the cluster's.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Cluster(name) => name.as_ref(),
        }
    }

    /// The host's name; none of a cluster.
    pub fn host(&self) -> Option<&str> {
        self.is_host().then(|| self.name())
    }

    /// Whether it is a host.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host(_))
    }

    /// `host` or `cluster`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Cluster(_) => "cluster",
        }
    }

    /// With a name of another type.
    pub fn map<'s, M>(&'s self, name: impl FnOnce(&'s str) -> M) -> Subject<M> {
        match self {
            Self::Host(own) => Subject::Host(name(own.as_ref())),
            Self::Cluster(own) => Subject::Cluster(name(own.as_ref())),
        }
    }

    /// With a name that is borrowed.
    pub fn borrowed(&self) -> Subject<&str> {
        self.map(|name| name)
    }

    /// With a name of its own.
    pub fn owned(&self) -> Subject {
        self.map(str::to_owned)
    }
}
