//! `client.msk_iam_auth` in a spec: AWS's jar, and how the client logs in with it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::types::OwnText;

/// The MSK IAM auth jar, and the role that the client takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MskIamAuth {
    /// The jar's version.
    #[schemars(with = "OwnText", example = &"1.1.5")]
    pub version: String,
    /// Where the jar is fetched from. Default: AWS's release page.
    #[serde(default)]
    #[schemars(example = &"https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar")]
    pub url: Option<String>,
    /// The jar's sha256, in hexadecimal.
    #[serde(default)]
    #[schemars(example = &"ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab")]
    pub sha256: Option<String>,
    /// Name of the role to assume; its ARN is looked up. Default: the instance's own role.
    #[serde(default)]
    #[schemars(example = &"0ab336d6fcf7-ec2-access-role")]
    pub role: Option<String>,
    /// ARN of the role to assume. Default: the instance's own role.
    #[serde(default)]
    #[schemars(example = &"arn:aws:iam::123456789012:role/0ab336d6fcf7-ec2-access-role")]
    pub role_arn: Option<String>,
    /// How the client logs in. Default: `AWS_MSK_IAM`.
    #[serde(default)]
    #[schemars(example = &"AWS_MSK_IAM")]
    pub mechanism: Mechanism,
    /// Further options of the line `sasl.jaas.config`. Default: none; options that stand there and
    /// are not named here are kept.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"awsStsRegion": "eu-west-1"}))]
    pub options: IamOptions,
}

/// The role that a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role<'s> {
    /// The instance's own.
    Own,
    /// One with this ARN.
    Arn(&'s str),
    /// One whose ARN is still to be looked up.
    Name(&'s str),
}

impl MskIamAuth {
    /// The jar's file name in Kafka's `libs`, whatever the URL calls it.
    pub fn file_name(&self) -> String {
        format!("aws-msk-iam-auth-{}-all.jar", self.version)
    }

    /// Where the jar is fetched from; else AWS's release page. The tags of two releases have no `v`.
    pub fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| {
            let (version, file) = (&self.version, self.file_name());
            let v = if matches!(version.as_str(), "1.0.0" | "1.1.0") {
                ""
            } else {
                "v"
            };
            format!("https://github.com/aws/aws-msk-iam-auth/releases/download/{v}{version}/{file}")
        })
    }

    /// The role that the client takes.
    pub fn role(&self) -> Role<'_> {
        match (&self.role, &self.role_arn) {
            (_, Some(arn)) => Role::Arn(arn),
            (Some(name), None) => Role::Name(name),
            (None, None) => Role::Own,
        }
    }

    /// With the defaults put in, and the digest in lower case.
    #[must_use]
    pub fn filled(self) -> Self {
        Self {
            url: Some(self.url()),
            sha256: self.sha256.map(|digest| digest.to_ascii_lowercase()),
            ..self
        }
    }
}

/// How the client logs in with AWS's jar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// The jar's own mechanism.
    #[default]
    #[serde(rename = "AWS_MSK_IAM")]
    AwsMskIam,
    /// A token, which the jar makes; from its version 2.0.0 on.
    #[serde(rename = "OAUTHBEARER")]
    Oauthbearer,
}

/// Options of AWS's jar beside the role, by the jar's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(non_snake_case, reason = "the jar's own names")]
#[schemars(deny_unknown_fields)]
pub struct IamOptions {
    /// Region whose STS is asked for the role. Default: the global one, which roles of GovCloud and
    /// China do not have.
    #[serde(default)]
    #[schemars(example = &"eu-west-1")]
    pub awsStsRegion: Option<String>,
    /// Name of the role's session, as CloudTrail shows it. Default: `aws-msk-iam-auth`.
    #[serde(default)]
    #[schemars(with = "OwnText", example = &"loader")]
    pub awsRoleSessionName: Option<String>,
    /// External id that the role asks for; jar 1.1.7 or newer. Default: none.
    #[serde(default)]
    #[schemars(with = "OwnText", example = &"partner-7")]
    pub awsRoleExternalId: Option<String>,
    /// Profile of the machine's `~/.aws` whose credentials are taken. Default: none.
    #[serde(default)]
    #[schemars(with = "OwnText", example = &"loader")]
    pub awsProfileName: Option<String>,
    /// Whether who is logged in is written to the client's debug log; jar 1.1.2 or newer. Default:
    /// `false`.
    #[serde(default)]
    #[schemars(with = "OwnText", example = true)]
    pub awsDebugCreds: Option<String>,
    /// How often loading credentials is tried again; jar 1.1.3 or newer. Default: 3.
    #[serde(default)]
    #[schemars(with = "OwnText", example = 7)]
    pub awsMaxRetries: Option<String>,
    /// Longest pause between tries, in milliseconds; jar 1.1.3 or newer. Default: 5000.
    #[serde(default)]
    #[schemars(with = "OwnText", example = 500)]
    pub awsMaxBackOffTimeMs: Option<String>,
    /// Whether the default chain of credentials is asked, too; jar 2.3.4 or newer. Default: `true`.
    #[serde(default)]
    #[schemars(with = "OwnText", example = false)]
    pub awsAddDefaultProviders: Option<String>,
}

impl IamOptions {
    /// Those that are given, by the jar's own names.
    pub fn given(&self) -> IndexMap<String, String> {
        let Ok(Value::Object(all)) = serde_json::to_value(self) else {
            unreachable!("options are plain data")
        };
        let given = all.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect()
    }
}
