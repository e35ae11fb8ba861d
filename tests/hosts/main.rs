//! The job on real machines: sshd hosts of the rig, real package managers, a real Kafka.

mod adoption;
mod bad_input;
#[cfg(feature = "aws")]
#[path = "../support/canary.rs"]
#[allow(dead_code, reason = "the tests of keys use more of it")]
mod canary;
#[cfg(feature = "aws")]
#[path = "../support/cloud.rs"]
#[allow(dead_code, reason = "the tests of look-ups use more of it")]
mod cloud;
mod drift;
mod endings;
#[cfg(feature = "aws")]
mod from_aws;
mod job;
mod lock;
mod machines;
mod model;
mod packages;
mod pipeline;
#[cfg(feature = "aws")]
#[path = "../support/policy.rs"]
#[allow(dead_code, reason = "the tests of permissions use more of it")]
mod policy;
mod prompt;
mod properties;
mod rig;
mod saved;
mod select;
#[cfg(feature = "aws")]
#[path = "../support/sshd.rs"]
#[allow(dead_code, reason = "what makes keys needs a little of it")]
mod sshd;
mod terminal;
mod topics;
mod tree;
mod walkthrough;

use rig::{JAR_SHA256, ROLE_ARN, SITE, kafka_sha512};

/// The walkthrough's client, from the rig's own download site.
fn client(java: &str) -> String {
    format!(
        "java: {{ version: {java} }}\n\
         kafka:\n  version: 2.8.1\n  scala: 2.12\n  url: {SITE}/files/kafka_2.12-2.8.1.tgz\n  sha512: {}\n\
         msk_iam_auth:\n  version: 1.1.5\n  url: {SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\n  sha256: {JAR_SHA256}\n  role_arn: {ROLE_ARN}\n\
         classpath: {{}}\nproperties: {{}}",
        kafka_sha512()
    )
}

/// Kafka's home on a host, below the account's.
const KAFKA: &str = "kafka_2.12-2.8.1";
