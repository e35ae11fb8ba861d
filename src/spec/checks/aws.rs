//! Which AWS account is asked, and what only AWS can answer.

use std::collections::BTreeSet;

use super::{Host, Text, View, properties::is_role_arn};
use crate::diagnostic::Problem;

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
                && !is_region(text)
            {
                problems.push(Problem::error(
                    span,
                    format!("`{text}` is no AWS region"),
                    match is_region(text.trim_end_matches(char::is_alphabetic)) {
                        true => "this is an availability zone: leave out its letter",
                        false => "it looks like `us-east-1`",
                    },
                ));
            }
        }
        if let Some(Text { text, span }) = host.text("aws.assume_role")
            && !is_role_arn(text)
        {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no ARN of an IAM role"),
                "write `arn:aws:iam::ACCOUNT:role/NAME`",
            ));
        }
    }
}

/// `us-east-1`, `us-gov-west-1`: words and a number, with `-` between. It becomes part of a host's
/// name.
fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = words.split_last() else {
        return false;
    };
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 32
        && words.len() >= 2
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
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

#[cfg(test)]
mod tests {
    use super::is_region;

    #[test]
    fn regions() {
        for good in [
            "us-east-1",
            "us-gov-west-1",
            "eu-isoe-west-1",
            "ap-southeast-10",
        ] {
            assert!(is_region(good), "{good}");
        }
        for bad in [
            "",
            "us-east-1a",
            "us-east",
            "US-EAST-1",
            "a.b-c-1",
            "x-1",
            "us-east-1/..",
            "--1",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
