//! What this machine is set to, as far as it can be wrong before anything is asked: endpoints, the
//! profile, halves of keys, the region.

use std::{collections::BTreeMap, error::Error};

use aws_config::profile::{Profile, ProfileFileLoadError, ProfileParseError, ProfileSet, load};

use super::{cause::line, exchange};
use crate::{
    lookup::cloud::{CloudError, Region},
    names,
    spec::Aws,
    text::escape_control,
};

/// Variables that name an endpoint: for all services, or with a service's name behind it.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// With this they do not count.
const NO_ENDPOINTS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
/// Where the region comes from, in the SDK's order.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Profile and environment.
pub struct Settings {
    profiles: Option<ProfileSet>,
    /// The profile's name.
    pub profile: String,
    /// What names it; nothing where it is `default` because nothing does.
    named_by: Option<&'static str>,
    environment: BTreeMap<String, String>,
    /// The spec names the profile, so that keys of the environment do not count.
    of_spec: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// For what is surely wrong, and would fail later with worse words.
    pub async fn read(
        aws: &Aws,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, CloudError> {
        let named = environment
            .get("AWS_PROFILE")
            .filter(|name| !name.is_empty());
        let (profile, named_by) = match (&aws.profile, named) {
            (Some(name), _) => (name.clone(), Some("which the spec names")),
            (None, Some(name)) => (name.clone(), Some("AWS_PROFILE")),
            (None, None) => ("default".to_owned(), None),
        };
        // The system's own files and environment.
        let (fs, env, files) = Default::default();
        let selected = Some(profile.clone().into());
        let (profiles, unread) = match load(&fs, &env, &files, selected).await {
            Ok(profiles) => (Some(profiles), None),
            Err(error) => (None, Some(error)),
        };
        let settings = Self {
            profiles,
            profile,
            named_by,
            environment: environment.clone(),
            of_spec: aws.profile.is_some(),
        };
        settings.endpoints()?;
        settings.keys()?;
        if let Some(error) = unread.filter(|_| !settings.has_keys()) {
            return Err(unreadable(&error));
        }
        settings.named_profile()?;
        Ok(settings)
    }

    /// A variable that is not empty.
    pub fn set(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name).map(|value| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// A setting of the profile; `None` where there is no such profile.
    pub fn of_profile(&self, key: &str) -> Option<&str> {
        let value = self.selected()?.get(key).map(str::trim);
        value.filter(|value| !value.is_empty())
    }

    fn selected(&self) -> Option<&Profile> {
        self.profiles.as_ref()?.get_profile(&self.profile)
    }

    /// How people call the profile.
    pub fn called(&self) -> String {
        let name = escape_control(&self.profile);
        match self.named_by {
            Some(by) if self.of_spec => format!("the profile `{name}`, {by}"),
            Some(by) => format!("the profile `{name}` ({by})"),
            None => format!("the profile `{name}`"),
        }
    }

    /// Whether the environment's keys are taken.
    pub(crate) fn has_keys(&self) -> bool {
        !self.of_spec && self.set("AWS_ACCESS_KEY_ID").is_some() && self.secret()
    }

    /// Whether the environment has the secret half of a key; the SDK takes both names.
    fn secret(&self) -> bool {
        let names = ["AWS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY"];
        names.iter().any(|name| self.set(name).is_some())
    }

    /// Why there may be no credentials, where no error says it.
    pub fn nothing(&self) -> String {
        match self.set("AWS_WEB_IDENTITY_TOKEN_FILE") {
            Some(file) if std::fs::File::open(file).is_err() => {
                "the file of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read".into()
            }
            _ => "there are none".into(),
        }
    }

    /// What an AWS command line needs to mean the same profile.
    pub(crate) fn profile_flag(&self) -> String {
        match self.named_by {
            Some(_) => format!(" --profile {}", escape_control(&self.profile)),
            None => String::new(),
        }
    }

    /// Whether the profile logs in through IAM Identity Center.
    pub(crate) fn is_sso(&self) -> bool {
        ["sso_session", "sso_start_url"]
            .iter()
            .any(|key| self.of_profile(key).is_some())
    }

    /// The region of requests, and its source.
    pub fn region(&self, aws: &Aws, effective: Option<&str>) -> Option<Region> {
        let name = effective?;
        let is = |value: Option<&str>| value == Some(name);
        let by_variable = REGIONS.iter().find(|variable| self.set(variable).is_some());
        let source = match (&aws.region, by_variable) {
            (Some(_), _) => "the spec".to_owned(),
            (None, Some(variable)) => (*variable).to_owned(),
            (None, None) if is(self.of_profile("region")) => {
                format!("the profile `{}`", escape_control(&self.profile))
            }
            (None, None) => "the metadata service of this machine".to_owned(),
        };
        Some(Region {
            name: name.to_owned(),
            source,
        })
    }

    fn endpoints(&self) -> Result<(), CloudError> {
        if self
            .set(NO_ENDPOINTS)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            return Ok(());
        }
        let of_environment = self.environment.keys();
        let of_environment = of_environment.filter(|name| {
            let of_service = name.strip_prefix(ENDPOINT);
            of_service.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        });
        for name in of_environment {
            if let Some(url) = self.set(name).filter(|url| !is_url(url)) {
                return Err(no_url(&format!("`{name}`"), url));
            }
        }
        match self.of_profile("endpoint_url").filter(|url| !is_url(url)) {
            Some(url) => Err(no_url(&format!("`endpoint_url` of {}", self.called()), url)),
            None => Ok(()),
        }
    }

    /// Half of a key is a mistake, whatever else there is: the next place of the chain would be
    /// another account.
    fn keys(&self) -> Result<(), CloudError> {
        let half = |tried: String, there: &str, missing: &str| {
            Err(CloudError::Credentials {
                tried,
                message: format!("`{there}` is set, and `{missing}` is not"),
                help: format!("set `{missing}`, too, or take `{there}` away"),
                context: Box::default(),
            })
        };
        let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        match (self.set(id).is_some(), self.secret()) {
            _ if self.of_spec => {}
            (true, false) => return half(format!("the environment ({id})"), id, secret),
            (false, true) => return half(format!("the environment ({secret})"), secret, id),
            _ => {}
        }
        let (id, secret) = ("aws_access_key_id", "aws_secret_access_key");
        match (self.of_profile(id), self.of_profile(secret)) {
            _ if self.has_keys() => Ok(()),
            (Some(_), None) => half(self.called(), id, secret),
            (None, Some(_)) => half(self.called(), secret, id),
            _ => Ok(()),
        }
    }

    fn named_profile(&self) -> Result<(), CloudError> {
        let (Some(_), Some(profiles)) = (self.named_by, &self.profiles) else {
            return Ok(());
        };
        if self.has_keys() || self.selected().is_some() {
            return Ok(());
        }
        let mut names: Vec<String> = profiles.profiles().map(escape_control).collect();
        names.sort();
        let there = match names.as_slice() {
            [] => "there is none at all".to_owned(),
            names => format!("there is `{}`", names.join("`, `")),
        };
        Err(CloudError::Credentials {
            tried: self.called(),
            message: format!(
                "no such profile is in ~/.aws/config or ~/.aws/credentials (or where AWS_CONFIG_FILE and \
                 AWS_SHARED_CREDENTIALS_FILE point to): {there}"
            ),
            help: format!(
                "see `aws configure list-profiles`, or make it: `aws configure --profile {}`",
                escape_control(&self.profile)
            ),
            context: Box::default(),
        })
    }
}

/// A region that cannot be part of a host's name would fail without a word of why.
pub fn fit(region: &Region) -> Result<(), CloudError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let zone = region
        .name
        .trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_zone = zone.len() + 1 == region.name.len() && names::Region::parse(zone).is_ok();
    if region.name.chars().all(plain) && !is_zone {
        return Ok(());
    }
    Err(CloudError::Settings {
        message: format!(
            "`{}` is no AWS region ({})",
            line(&region.name),
            region.source
        ),
        help: match is_zone {
            true => format!("this is an availability zone: the region is `{zone}`"),
            false => "it looks like `us-east-1`".into(),
        },
    })
}

/// An endpoint's URL as the SDK can use it.
fn is_url(url: &str) -> bool {
    exchange::host(url).is_some() && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The value may hold a password, and is not shown.
fn no_url(which: &str, url: &str) -> CloudError {
    let wrong = match url.contains("://") {
        true => "is no `http://` or `https://` URL",
        false => "has no scheme",
    };
    CloudError::Settings {
        message: format!("the AWS endpoint in {which} {wrong}: nothing was asked"),
        help: "write it as `https://HOST`, or `http://HOST:PORT`, or take it away".into(),
    }
}

fn unreadable(error: &ProfileFileLoadError) -> CloudError {
    let parsing = error
        .source()
        .and_then(|cause| cause.downcast_ref::<ProfileParseError>());
    let message = match parsing {
        // The file's path, the line's number, and a sentence without anything of the line.
        Some(error) => line(&error.to_string()),
        None => "a file cannot be read".to_owned(),
    };
    CloudError::Settings {
        message: format!("the configuration of AWS cannot be read: {message}"),
        help: "mend it, or say which file is meant: AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls() {
        for good in [
            "http://127.0.0.1:4566",
            "https://vpce-1.ssm.us-east-1.vpce.amazonaws.com/",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "localhost:4566",
            "127.0.0.1",
            "ftp://x",
            "https://",
            "https:///x",
            "http://a b",
        ] {
            assert!(!is_url(bad), "{bad}");
            let text = no_url("`X`", bad).to_string();
            assert!(bad == "https://" || !text.contains(bad), "{text}");
        }
    }

    #[test]
    fn regions_that_no_host_can_have() {
        let of = |name: &str| {
            fit(&Region {
                name: name.into(),
                source: "AWS_REGION".into(),
            })
            .map_err(|e| e.to_string())
        };
        for good in ["us-east-1", "us-gov-west-1", "local", "aws-global"] {
            assert_eq!(of(good), Ok(()));
        }
        let zone = of("us-east-1a").expect_err("a zone");
        assert!(zone.contains("the region is `us-east-1`"), "{zone}");
        assert!(of("us east").is_err() && of("a.b").is_err());
    }
}
