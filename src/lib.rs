//! `trueup` brings a Kafka client machine into true with its spec.
//!
//! The data flows one way; the modules stand in the order in which it passes them. README's page
//! "Architecture" shows the way on one page.

pub mod script;
pub mod spec;
pub mod text;
pub mod transport;
