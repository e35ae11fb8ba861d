//! What commands have in common: reading specs, connecting to their hosts and clusters, reading those,
//! visiting them for an apply, and writing results.
//!
//! | | |
//! |---|---|
//! | [`specs`], [`target`], [`select`], [`saved`] | what a command works on: specs or a saved plan, what they refer to, as far as it is selected |
//! | [`connect`], [`look`], [`reading`], [`topics`], [`machines`], [`plan`] | over which connection a host is read, and through which host a cluster |
//! | [`apply`], [`session`], [`fleet`], [`visitor`], [`verify`], [`visit`], [`consent`], [`console`] | an apply: over all hosts, how many at once, one visit, its outcome, why it may write, what is shown and asked |
//! | [`prove`], [`trust`], [`init`] | what the installed clients say; host keys; a first spec's questions |
//! | [`history`] | the file with earlier runs |
//! | [`surroundings`], [`stdio`], [`output`], [`files`], [`signals`] | where the program runs |

pub(crate) mod apply;
mod connect;
mod consent;
mod console;
mod fleet;
pub(crate) mod history;
pub(crate) mod init;
mod look;
pub(crate) mod machines;
mod next;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod prove;
mod reading;
pub(crate) mod saved;
pub(crate) mod select;
mod session;
pub(crate) mod signals;
pub(crate) mod specs;
pub(crate) mod stdio;
mod surroundings;
pub(crate) mod target;
mod topics;
pub(crate) mod trust;
mod verify;
mod visit;
mod visitor;

pub(crate) use connect::connect;
pub(crate) use fleet::at_once;
pub(crate) use look::{look_at_all, read, salt};
pub(crate) use output::not_written;
pub(crate) use specs::{default_spec, given, load, only_hosts, show, source, spec_files};
pub(crate) use stdio::{complain, complain_safely, is_dash, put, shown, text_of};
pub(crate) use surroundings::{Surroundings, now};
pub(crate) use target::{Target, Targets, address, targets};
