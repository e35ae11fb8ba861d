//! Saved plans: what is refused, what never is, and what a file may hold.

mod cli;
mod file;
mod moved;
pub mod sample;
