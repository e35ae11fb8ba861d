//! Saved plans: what is refused, what never is, and what a file may hold.

#[path = "../support/case.rs"]
mod case;
mod cli;
mod file;
mod moved;
mod sample;
#[path = "../support/sealed.rs"]
mod sealed;
