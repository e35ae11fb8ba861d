//! Which AWS account is asked, and what only AWS can answer.

use std::collections::BTreeSet;

use super::{Host, Text, View};
use crate::{
    diagnostic::Problem,
    names::{Region, RoleArn},
};

/// Profile, region and role are what they should be.
pub fn account(view: &View<'_>, problems: &mut Vec<Problem>) {
    for tree in view.hosts {
        let host = Host { tree };
        if let Some(Text { text, span }) = host.text("aws.profile")
            && (text.trim().is_empty() || text.chars().any(char::is_control))
        {
            problems.push(Problem::error(
                span,
                "`profile` is no name of a profile",
                "write it as `aws configure list-profiles` has it, or leave it out",
            ));
        }
        for path in ["aws.region", "ec2.region"] {
            if let Some(Text { text, span }) = host.text(path)
                && let Err(wrong) = Region::parse(text)
            {
                problems.push(Problem::error(span, wrong.sentence(), wrong.help));
            }
        }
        if let Some(Text { text, span }) = host.text("aws.assume_role")
            && let Err(wrong) = RoleArn::parse(text)
        {
            problems.push(Problem::error(span, wrong.sentence(), wrong.help));
        }
    }
}

/// Which listeners are taken matters only where a cluster is looked up, and MSK has not all of
/// them.
pub fn listeners(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut said = BTreeSet::new();
    for tree in view.hosts {
        let host = Host { tree };
        let looked_up = host.has("topics.cluster.name") || host.has("topics.cluster.arn");
        if let Some(span) = host.key("topics.network")
            && host.has("topics.cluster.bootstrap")
            && said.insert((span.line, span.column))
        {
            problems.push(Problem::error(
                span,
                "`network` chooses among the listeners of a cluster that is looked up, and \
                 `bootstrap` names brokers already",
                "take it out, or give `cluster` a `name` or an `arn`",
            ));
        }
        for mechanism in ["plain", "scram_sha_256"] {
            if let Some(span) = host.key(&format!("topics.security.{mechanism}"))
                && looked_up
                && said.insert((span.line, span.column))
            {
                problems.push(Problem::error(
                    span,
                    format!("MSK has no listener for `{mechanism}`"),
                    "say `iam`, or `scram_sha_512`",
                ));
            }
        }
    }
}

/// Names of parameters are such names.
pub fn parameters(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let mut check = |Text { text, span }: Text<'_>| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
        let good = !text.is_empty() && text.len() <= 2048 && text.chars().all(plain);
        if !good {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no name of a parameter"),
                "write it as the Parameter Store has it, such as `/ec2/keypair/key-…`",
            ));
        }
    };
    let paths = [
        "ssh.key.ssm_parameter",
        "topics.security.scram_sha_512.password.ssm_parameter",
        "topics.tables.from.mysql.password.ssm_parameter",
    ];
    for path in paths {
        if let Some(text) = host.text(path) {
            check(text);
        }
    }
    let extra = host.node("client.properties.extra");
    for (_, node) in extra.map(super::Node::entries).unwrap_or_default() {
        if let Some((_, node)) = node.entry("ssm_parameter")
            && let Some(text) = node.text()
        {
            let span = node.span;
            check(Text { text, span });
        }
    }
}
