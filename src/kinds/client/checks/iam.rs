//! The role that a client takes, how it logs in, and the options of AWS's jar.

use super::{at_least, numbers};
use crate::{
    at,
    diagnostic::Problem,
    kinds::client::{Client, msk_iam_auth::Mechanism},
    names::{Partition, Region, RoleArn, RoleName},
    spec::{at::Text, checks::name, merge::HostTree},
};

/// The jar knows the mechanism.
pub fn mechanism(host: &HostTree, problems: &mut Vec<Problem>) {
    let mechanism = at!(host.of::<Client>(), msk_iam_auth.mechanism);
    let jar = at!(host.of::<Client>(), msk_iam_auth.version).text();
    if let (Some(node), Some(jar)) = (mechanism.node(), jar)
        && mechanism.is(Mechanism::Oauthbearer)
        && !at_least(jar.text, &[2])
    {
        problems.push(Problem::error(
            node.span,
            format!("the auth jar {} does not know OAUTHBEARER", jar.text),
            format!(
                "use `version: 2.0.0` or newer (line {}), or `mechanism: AWS_MSK_IAM`",
                jar.span.line
            ),
        ));
    }
}

/// Options are what the jar reads, and it knows them.
pub fn options(host: &HostTree, problems: &mut Vec<Problem>) {
    let options = at!(host.of::<Client>(), msk_iam_auth.options);
    let session = at!(options, awsRoleSessionName);
    let external = at!(options, awsRoleExternalId);
    let jar = at!(host.of::<Client>(), msk_iam_auth);
    let has_role = at!(jar, role).is_there() || at!(jar, role_arn).is_there();
    let version = at!(jar, version).text();
    for (key, node) in options.entries() {
        let Some(text) = node.text() else { continue };
        let name = &key.text;
        let plain = |also: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
            text.chars().all(good)
        };
        let word = |most, also| (2..=most).contains(&text.len()) && plain(also);
        let number = plain("") && text.parse::<i32>().is_ok();
        let number = (number, "write a whole number");
        let truth = matches!(text, "true" | "false");
        let truth = (truth, "write `true` or `false`");
        let region = (Region::parse(text).is_ok(), "it looks like `eu-west-1`");
        let of_session = (
            word(64, "_+=,.@-"),
            "use 2 to 64 letters, digits and `_+=,.@-`",
        );
        let of_external = (
            word(1224, "_+=,.@:/-"),
            "use 2 to 1224 letters, digits and `_+=,.@:/-`",
        );
        let any = !text.trim().is_empty() && !text.contains(char::is_control);
        // From which version of the jar on an option is looked at (its tags, file
        // `MSKCredentialProvider.java`); before that it is ignored in silence.
        let known = [
            (at!(options, awsStsRegion), "1.1.1", region),
            (session, "1.1.0", of_session),
            (external, "1.1.7", of_external),
            (at!(options, awsDebugCreds), "1.1.2", truth),
            (at!(options, awsAddDefaultProviders), "2.3.4", truth),
            (at!(options, awsMaxRetries), "1.1.3", number),
            (at!(options, awsMaxBackOffTimeMs), "1.1.3", number),
        ];
        let known = known.iter().find(|(at, ..)| at.key() == Some(key.span));
        let (since, (right, label)) =
            known.map_or(("", (any, "name it")), |(_, since, rule)| (since, *rule));
        if !right {
            let message = format!("`{text}` is no value of `{name}`");
            problems.push(Problem::error(node.span, message, label));
        }
        if let Some(jar) = version
            && !at_least(jar.text, &numbers(since))
        {
            problems.push(Problem::error(
                key.span,
                format!("the auth jar {} does not look at `{name}`", jar.text),
                format!(
                    "use `version: {since}` or newer (line {}), or leave it out",
                    jar.span.line
                ),
            ));
        }
        if [session.key(), external.key()].contains(&Some(key.span)) && !has_role {
            problems.push(Problem::warning(
                key.span,
                format!("`{name}` has no effect without a role"),
                "add `role:` or `role_arn:`, or leave it out",
            ));
        }
    }
}

/// The role's partition has the STS that is asked for it.
pub fn partition(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(arn) = at!(host.of::<Client>(), msk_iam_auth.role_arn).text() else {
        return;
    };
    let region = at!(host.of::<Client>(), msk_iam_auth.options.awsStsRegion).text();
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

/// The role is given once, and its ARN is valid.
pub fn role(host: &HostTree, problems: &mut Vec<Problem>) {
    let jar = at!(host.of::<Client>(), msk_iam_auth);
    let (role, arn) = (at!(jar, role), at!(jar, role_arn));
    if let (Some(role), Some(arn)) = (role.key(), arn.key()) {
        problems.push(Problem::error(
            arn,
            "`role` and `role_arn` both name the role",
            format!("keep one; `role` is in line {}", role.line),
        ));
        return;
    }
    name(role, RoleName::parse, problems);
    if let Some(Text { text, span }) = arn.text()
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
