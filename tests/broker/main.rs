//! The Kafka protocol: our codec against another's, spoiled replies, and a scripted broker. Real ones: `tests/topics`.

mod admin;
mod fake;
mod handshake;
mod oracle;
mod pool;
mod read;
mod samples;
mod settle;
mod spoiled;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "the sweeps of tests/reliability use more of it")]
mod sweep;
