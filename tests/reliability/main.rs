//! What breaks other tools, done to this one: each sweep is one line of the table that `tests/soak`
//! prints. `tests/run` tries a sample of each, from a seed that is printed (`TRUEUP_SEED`).

mod accounts;
mod bench;
#[cfg(feature = "aws")]
#[path = "../support/canary.rs"]
#[allow(dead_code, reason = "the tests of keys use more of it")]
mod canary;
#[cfg(feature = "aws")]
#[path = "../support/cloud.rs"]
#[allow(dead_code, reason = "the tests of look-ups use more of it")]
mod cloud;
mod cut;
#[path = "../support/framed.rs"]
mod framed;
mod full;
mod here;
mod killed;
mod liar;
mod lied;
mod lies;
mod machine;
mod mirror;
mod proxy;
mod quoting;
mod raced;
#[path = "../hosts/rig.rs"]
#[allow(dead_code, reason = "the tests of hosts use more of it")]
mod rig;
#[path = "../support/sealed.rs"]
#[allow(dead_code, reason = "the tests of plan files use more of it")]
mod sealed;
#[cfg(feature = "aws")]
mod secrets;
#[path = "../support/sshd.rs"]
#[allow(dead_code, reason = "the tests of the transport use more of it")]
mod sshd;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "the sweeps of other tests use more of it")]
mod sweep;
mod watch;
mod web;
mod written;
