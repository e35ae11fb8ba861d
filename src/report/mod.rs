//! What people and machines see of a run: everything is made from one plan value and one stream of
//! events.

pub mod event;
pub mod human;
pub mod json;
pub mod progress;
mod words;
