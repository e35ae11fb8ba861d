//! What breaks other tools, done to this one: each sweep is one line of the table that `tests/soak`
//! prints. `tests/run` tries a sample of each, from a seed that is printed (`TRUEUP_SEED`).

mod full;
mod killed;
mod machine;
mod quoting;
#[path = "../hosts/rig.rs"]
#[allow(dead_code, reason = "the tests of hosts use more of it")]
mod rig;
mod sweep;
mod watch;
