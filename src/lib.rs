//! `trueup` brings a Kafka client machine into true with its spec.
//!
//! The data flows one way; the modules stand in the order in which it passes them.
//! `docs/architecture.md` shows the way on one page.

pub mod action;
pub mod apply;
pub mod broker;
pub mod cli;
pub mod commands;
pub mod diagnostic;
pub mod exit;
pub mod facts;
pub mod first;
pub mod frame;
pub mod history;
pub mod hostkey;
pub mod jaas;
pub mod kinds;
pub mod lookup;
pub mod meter;
pub mod names;
pub mod observe;
pub mod plan;
pub mod proof;
pub mod properties;
pub mod report;
mod run;
pub mod script;
pub mod shard;
pub mod spec;
pub mod text;
pub mod transport;
pub mod utc;
pub mod whole;
