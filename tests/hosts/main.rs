//! The job on real machines: sshd hosts of the rig, real package managers, a real Kafka.

mod adoption;
mod archives;
mod bad_input;
#[cfg(feature = "aws")]
#[path = "../support/canary.rs"]
#[allow(dead_code, reason = "the tests of keys use more of it")]
mod canary;
mod ci;
#[cfg(feature = "aws")]
#[path = "../support/cloud.rs"]
#[allow(dead_code, reason = "the tests of look-ups use more of it")]
mod cloud;
mod cron;
mod drift;
mod endings;
mod env;
mod files;
mod first;
mod fleet;
#[cfg(feature = "aws")]
mod from_aws;
#[path = "../support/html.rs"]
#[allow(dead_code, reason = "the tests of reports use more of it")]
mod html;
mod job;
mod lock;
mod machines;
mod model;
mod packages;
mod page;
#[path = "../support/pages.rs"]
#[allow(dead_code, reason = "the tests of reports use more of it")]
mod pages;
mod pipeline;
#[cfg(feature = "aws")]
#[path = "../support/policy.rs"]
#[allow(dead_code, reason = "the tests of permissions use more of it")]
mod policy;
mod prompt;
mod properties;
mod rig;
mod root;
mod saved;
mod scale;
#[path = "../support/seed.rs"]
#[allow(dead_code, reason = "proptest and dice have numbers of their own")]
mod seed;
mod select;
#[cfg(feature = "aws")]
#[path = "../support/sshd.rs"]
#[allow(dead_code, reason = "what makes keys needs a little of it")]
mod sshd;
mod terminal;
mod topics;
mod tree;
#[path = "../support/values.rs"]
#[allow(dead_code, reason = "the tests of reports use more of it")]
mod values;
mod walkthrough;

use rig::{KAFKA, client};
