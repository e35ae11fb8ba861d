//! The Kafka protocol: our codec against another's, spoiled replies, a scripted broker, a real one.

mod admin;
mod fake;
mod handshake;
mod oracle;
mod pool;
mod read;
mod samples;
mod spoiled;
