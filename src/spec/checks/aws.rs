//! The AWS account, and what is looked up in AWS.

use std::collections::BTreeSet;

use super::{At, Text, View, name};
use crate::{
    at,
    diagnostic::Problem,
    names::{Region, RoleArn},
    spec::{
        at::tag,
        merge::HostTree,
        types::{Cluster, Key, SecretRef, Security, TableSource, Tables},
    },
};

/// Profile, region and role are valid.
pub fn account(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        if let Some(Text { text, span }) = at!(host, aws.profile).text()
            && (text.trim().is_empty() || text.chars().any(char::is_control))
        {
            problems.push(Problem::error(
                span,
                "`profile` is no name of a profile",
                "write it as `aws configure list-profiles` has it, or leave it out",
            ));
        }
        name(at!(host, aws.region), Region::parse, problems);
        name(at!(host, ec2.region), Region::parse, problems);
        name(at!(host, aws.assume_role), RoleArn::parse, problems);
    }
}

/// `network` needs a cluster that is looked up, and MSK does not have all listeners.
pub fn listeners(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut reported = BTreeSet::new();
    for host in view.hosts {
        let cluster = at!(host, topics.cluster);
        let looked_up =
            at!(cluster, [Cluster::Name]).is_there() || at!(cluster, [Cluster::Arn]).is_there();
        if let Some(span) = at!(host, topics.network).key()
            && at!(cluster, [Cluster::Bootstrap]).is_there()
            && reported.insert((span.line, span.column))
        {
            problems.push(Problem::error(
                span,
                "`network` chooses among the listeners of a cluster that is looked up, and \
                 `bootstrap` names brokers already",
                "take it out, or give `cluster` a `name` or an `arn`",
            ));
        }
        for mechanism in [Security::Plain, Security::ScramSha256] {
            if let Some(span) = at!(host, topics.security[mechanism]).key()
                && looked_up
                && reported.insert((span.line, span.column))
            {
                problems.push(Problem::error(
                    span,
                    format!("MSK has no listener for `{}`", tag(mechanism)),
                    "say `iam`, or `scram_sha_512`",
                ));
            }
        }
    }
}

/// Names of parameters are valid.
pub fn parameters(host: &HostTree, problems: &mut Vec<Problem>) {
    let names = [
        at!(host, ssh.key[Key::SsmParameter]),
        at!(
            host,
            topics.security[Security::ScramSha512].password[SecretRef::SsmParameter]
        ),
        at!(
            host,
            topics.tables(Tables::Database).from[TableSource::Mysql].password
                [SecretRef::SsmParameter]
        ),
    ];
    for name in names {
        parameter(name, problems);
    }
}

/// A name of a parameter is one.
pub(crate) fn parameter(name: At<'_, String>, problems: &mut Vec<Problem>) {
    if let Some(Text { text, span }) = name.text() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
        let is_valid = !text.is_empty() && text.len() <= 2048 && text.chars().all(plain);
        if !is_valid {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no name of a parameter"),
                "write it as the Parameter Store has it, such as `/ec2/keypair/key-…`",
            ));
        }
    }
}
