//! What there is of Java on a host.

use serde::Serialize;

/// A package that is on the disk, but not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unfinished {
    /// Its name.
    pub package: String,
    /// dpkg's word for its state: `unpacked`, `half-configured` (dpkg-query(1)).
    pub state: String,
}

/// One JVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Jvm {
    /// Its home.
    pub home: String,
    /// Its version as it says itself (`1.8.0_504`, `17.0.15`); `None`: nobody could say.
    pub version: Option<String>,
}
