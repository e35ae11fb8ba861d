//! The role that a client takes, how it logs in, and the options of AWS's jar.

use super::{Host, Text, at_least};
use crate::{
    diagnostic::Problem,
    names::{Partition, Region, RoleArn, RoleName},
    spec::tree::Node,
};

/// From which version of the jar on an option is looked at (its tags, file
/// `MSKCredentialProvider.java`); before that it is ignored in silence.
const SINCE: [(&str, [u64; 3]); 7] = [
    ("awsStsRegion", [1, 1, 1]),
    ("awsDebugCreds", [1, 1, 2]),
    ("awsMaxRetries", [1, 1, 3]),
    ("awsMaxBackOffTimeMs", [1, 1, 3]),
    ("awsRoleExternalId", [1, 1, 7]),
    ("awsAddDefaultProviders", [2, 3, 4]),
    ("awsRoleSessionName", [1, 1, 0]),
];

/// The jar knows the mechanism.
pub fn mechanism(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let (Some(mechanism), Some(jar)) = (
        host.text("client.msk_iam_auth.mechanism"),
        host.text("client.msk_iam_auth.version"),
    ) else {
        return;
    };
    if mechanism.text == "OAUTHBEARER" && !at_least(jar.text, &[2]) {
        problems.push(Problem::error(
            mechanism.span,
            format!("the auth jar {} does not know OAUTHBEARER", jar.text),
            format!(
                "use `version: 2.0.0` or newer (line {}), or `mechanism: AWS_MSK_IAM`",
                jar.span.line
            ),
        ));
    }
}

/// Options are what the jar reads, and it knows them.
pub fn options(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let all = host.node("client.msk_iam_auth.options").map(Node::entries);
    let jar = host.text("client.msk_iam_auth.version");
    let has_role = ["role", "role_arn"]
        .iter()
        .any(|key| host.has(&format!("client.msk_iam_auth.{key}")));
    for (key, node) in all.unwrap_or_default() {
        let Some(text) = node.text() else { continue };
        let name = key.text.as_str();
        let plain = |also: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
            text.chars().all(good)
        };
        let (right, label) = match name {
            "awsStsRegion" => (Region::parse(text).is_ok(), "it looks like `eu-west-1`"),
            "awsRoleSessionName" => (
                (2..=64).contains(&text.len()) && plain("_+=,.@-"),
                "use 2 to 64 letters, digits and `_+=,.@-`",
            ),
            "awsRoleExternalId" => (
                (2..=1224).contains(&text.len()) && plain("_+=,.@:/-"),
                "use 2 to 1224 letters, digits and `_+=,.@:/-`",
            ),
            "awsDebugCreds" | "awsAddDefaultProviders" => {
                (matches!(text, "true" | "false"), "write `true` or `false`")
            }
            "awsMaxRetries" | "awsMaxBackOffTimeMs" => (
                plain("") && text.parse::<i32>().is_ok(),
                "write a whole number",
            ),
            _ => (
                !text.trim().is_empty() && !text.contains(char::is_control),
                "name it",
            ),
        };
        if !right {
            let message = format!("`{text}` is no value of `{name}`");
            problems.push(Problem::error(node.span, message, label));
        }
        let since = SINCE.iter().find(|(known, _)| *known == name);
        if let (Some((_, since)), Some(jar)) = (since, jar)
            && !at_least(jar.text, since)
        {
            let [major, minor, patch] = since;
            problems.push(Problem::error(
                key.span,
                format!("the auth jar {} does not look at `{name}`", jar.text),
                format!(
                    "use `version: {major}.{minor}.{patch}` or newer (line {}), or leave it out",
                    jar.span.line
                ),
            ));
        }
        if matches!(name, "awsRoleSessionName" | "awsRoleExternalId") && !has_role {
            problems.push(Problem::warning(
                key.span,
                format!("`{name}` has no effect without a role"),
                "add `role:` or `role_arn:`, or leave it out",
            ));
        }
    }
}

/// The role's partition has the STS that is asked for it.
pub fn partition(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let Some(arn) = host.text("client.msk_iam_auth.role_arn") else {
        return;
    };
    let region = host.text("client.msk_iam_auth.options.awsStsRegion");
    let Ok(role) = RoleArn::parse(arn.text) else {
        return;
    };
    let partition = role.partition();
    match region {
        None if partition != "aws" => problems.push(Problem::error(
            arn.span,
            format!(
                "the role is in `{partition}`, and the jar asks the global STS of `aws` for it"
            ),
            format!(
                "add `options: {{ awsStsRegion: {} }}`, or another region of it",
                Partition::named(partition).home
            ),
        )),
        Some(region)
            if Region::parse(region.text).is_ok()
                && Partition::of(region.text).name != partition =>
        {
            problems.push(Problem::error(
                region.span,
                format!(
                    "`{}` is no region of the role's partition `{partition}`",
                    region.text
                ),
                format!(
                    "such as `{}`; the role is in line {}",
                    Partition::named(partition).home,
                    arn.span.line
                ),
            ));
        }
        _ => {}
    }
}

/// The role is said once, and an ARN is one.
pub fn role(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let name = host.text("client.msk_iam_auth.role");
    let arn = host.text("client.msk_iam_auth.role_arn");
    if let (Some(role), Some(arn)) = (
        host.key("client.msk_iam_auth.role"),
        host.key("client.msk_iam_auth.role_arn"),
    ) {
        problems.push(Problem::error(
            arn,
            "`role` and `role_arn` both name the role",
            format!("keep one; `role` is in line {}", role.line),
        ));
        return;
    }
    if let Some(Text { text, span }) = name
        && let Err(wrong) = RoleName::parse(text)
    {
        problems.push(Problem::error(span, wrong.sentence(), wrong.help));
    }
    if let Some(Text { text, span }) = arn
        && let Err(wrong) = RoleArn::parse(text)
    {
        let help = match RoleName::parse(text) {
            Ok(_) => {
                "write `role: …` for a name, or the whole `arn:aws:iam::ACCOUNT:role/NAME`".into()
            }
            Err(_) => wrong.help.clone(),
        };
        problems.push(Problem::error(span, wrong.sentence(), help));
    }
}
