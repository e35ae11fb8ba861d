//! IAM roles, by name and by ARN.

use std::fmt;

use super::{WrongName, odd};

/// Longest name of a role in IAM.
const LONGEST: usize = 64;
/// Longest ARN of a role that STS accepts.
const LONGEST_ARN: usize = 2048;
/// Characters of roles' names besides letters and digits.
const BESIDE: &str = "+=,.@_-";

/// The name of an IAM role, without its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// Reads it.
    ///
    /// # Errors
    /// When IAM has no such names.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        if text.starts_with("arn:") {
            let what = "is an ARN, and no name of an IAM role";
            return Err(WrongName::new(text, what, "write `role_arn: …`"));
        }
        match !text.is_empty() && text.len() <= LONGEST && odd(text, BESIDE).is_none() {
            true => Ok(Self(text.to_owned())),
            false => Err(WrongName::new(
                text,
                "is no name of an IAM role",
                "a role's name has up to 64 letters, digits and `+=,.@_-`",
            )),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleArn(String);

impl RoleArn {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not the ARN of a role (but that of a session, or an instance profile).
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        if is_role_arn(text) {
            return Ok(Self(text.to_owned()));
        }
        let help = if text.contains(":instance-profile/") {
            "this is an instance profile: the role in it has an ARN of its own"
        } else if text.contains(":assumed-role/") {
            "this is a session of a role: the role is `arn:aws:iam::ACCOUNT:role/NAME`"
        } else if RoleName::parse(text).is_ok() {
            "write the whole `arn:aws:iam::ACCOUNT:role/NAME`"
        } else {
            "write `arn:aws:iam::ACCOUNT:role/NAME`"
        };
        Err(WrongName::new(text, "is no ARN of an IAM role", help))
    }

    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, …
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The account, 12 digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The role's name, without its path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    fn part(&self, at: usize) -> &str {
        self.0.split(':').nth(at).unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts.as_slice() else {
        return false;
    };
    let Some(path) = role.strip_prefix("role/") else {
        return false;
    };
    // A path may have any graphic character of ASCII (IAM's `CreateRole`), a name may not.
    let (path, name) = path.rsplit_once('/').unwrap_or(("", path));
    text.len() <= LONGEST_ARN
        && partition.starts_with("aws")
        && odd(partition, "-").is_none()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        && RoleName::parse(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_by_name_and_by_arn() {
        for (arn, partition, name) in [
            ("arn:aws:iam::123456789012:role/demo", "aws", "demo"),
            (
                "arn:aws-cn:iam::123456789012:role/a/b/demo",
                "aws-cn",
                "demo",
            ),
            (
                "arn:aws-us-gov:iam::123456789012:role/aws-reserved/x@y",
                "aws-us-gov",
                "x@y",
            ),
        ] {
            let role = RoleArn::parse(arn).expect(arn);
            assert_eq!(
                (role.partition(), role.account(), role.name()),
                (partition, "123456789012", name)
            );
        }
        for (arn, help) in [
            ("demo", "whole"),
            ("arn:aws:iam::12345:role/demo", "ACCOUNT"),
            ("arn:aws:iam::123456789012:role/", "NAME"),
            ("arn:aws:iam::123456789012:role/a/", "NAME"),
            ("arn:aws:iam::123456789012:role/a\"b/demo", "NAME"),
            ("arn:aws:iam::123456789012:role/a b", "NAME"),
            ("arn:gcp:iam::123456789012:role/demo", "NAME"),
            ("arn:aws:iam:us-east-1:123456789012:role/demo", "NAME"),
            ("arn:aws:sts::123456789012:assumed-role/demo/i-1", "session"),
            (
                "arn:aws:iam::123456789012:instance-profile/demo",
                "instance profile",
            ),
            ("", "write"),
        ] {
            let error = RoleArn::parse(arn).expect_err(arn);
            assert!(error.help.contains(help), "{arn}: {error}");
        }
        assert!(RoleName::parse("0ab336d6fcf7-ec2-access-role").is_ok());
        for name in ["", "a/b", "a b", "rolé", &"a".repeat(65)] {
            assert!(RoleName::parse(name).is_err(), "{name}");
        }
    }
}
