//! The Kafka protocol over a stream: what the planner reads of a cluster, and what an apply asks of
//! it.

pub mod credentials;
pub mod sasl;
