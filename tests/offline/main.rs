//! The tests that need no host, no broker and no AWS. They are one binary: each would link the whole
//! program.

#![allow(
    clippy::duplicate_mod,
    reason = "fuzz/ is a crate of its own, with a module that tests have too"
)]

mod architecture;
#[path = "../support/case.rs"]
mod case;
mod cases;
mod cli;
mod counted;
mod federation;
mod fleet;
#[path = "../support/framed.rs"]
mod framed;
// Its corpora have one of MySQL's.
#[cfg(feature = "mysql")]
mod fuzz;
#[path = "../support/html.rs"]
mod html;
mod model;
#[path = "../support/pages.rs"]
mod pages;
mod probe;
mod report;
mod saved;
#[path = "../support/sealed.rs"]
mod sealed;
#[path = "../support/seed.rs"]
#[allow(dead_code, reason = "other tests shuffle, too")]
mod seed;
#[path = "../support/simulated.rs"]
mod simulated;
mod spec;
mod supply_chain;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "the sweeps of tests/reliability use more of it")]
mod sweep;
mod thousand;
#[path = "../support/told.rs"]
mod told;
#[path = "../support/values.rs"]
mod values;
#[path = "../support/work.rs"]
mod work;
