//! A build without the feature `mysql`. What a spec asks of it is refused with its place, before
//! anything is asked (`spec/later.rs`).

use std::time::Duration;

use super::Server;
use crate::transport::dial::Dial;

/// Nothing here speaks to a database.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "this build of trueup has no MySQL in it\n  help: build it with the feature `mysql`, which is on by \
     default"
)]
pub struct Error;

/// The names of a database's tables: none can be read.
///
/// # Errors
/// Always.
pub async fn tables(
    _: &dyn Dial,
    _: &str,
    _: &Server,
    _: Option<&str>,
    _: Duration,
) -> Result<Vec<String>, Error> {
    Err(Error)
}
