//! AWS credentials for brokers: from the environment, from the role of the machine that dials, or
//! from a role that is assumed. They are held in memory only.

pub mod clock;
mod http;
pub mod imds;
pub mod region;
pub mod sigv4;
pub mod sts;

use std::{collections::BTreeMap, fmt, time::SystemTime};

use secrecy::{ExposeSecret, SecretString};

use crate::text::escape_control;

/// An access key.
#[derive(Debug, Clone)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: Option<SecretString>,
    expires: Option<SystemTime>,
}

impl Credentials {
    /// Credentials from their parts, which must be safe in HTTP headers and signed text.
    ///
    /// # Errors
    /// Says which part is empty or has invalid characters, without the part itself.
    pub fn new(
        access_key_id: String,
        secret_access_key: SecretString,
        session_token: Option<SecretString>,
        expires: Option<SystemTime>,
    ) -> Result<Self, &'static str> {
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        // AWS's own limit for the id.
        if !(1..=128).contains(&access_key_id.len()) || !access_key_id.bytes().all(is_plain) {
            return Err("the access key's id is not letters and digits");
        }
        if !is_word(secret_access_key.expose_secret()) {
            return Err("the secret access key is empty or has blanks or control characters");
        }
        if let Some(token) = &session_token
            && !is_word(token.expose_secret())
        {
            return Err("the session token is empty or has blanks or control characters");
        }
        Ok(Self {
            access_key_id,
            secret_access_key,
            session_token,
            expires,
        })
    }

    /// The access key's id, which is not secret.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The key that signs.
    pub fn secret_access_key(&self) -> &SecretString {
        &self.secret_access_key
    }

    /// The session token of temporary credentials.
    pub fn session_token(&self) -> Option<&SecretString> {
        self.session_token.as_ref()
    }

    /// When they expire; `None` if they do not, or it is not known.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The caller's name in messages where nothing better is known: `access key AKIA…`.
    pub fn caller(&self) -> String {
        format!("access key {}", self.access_key_id)
    }

    /// The first line of a text from elsewhere, with the session token removed: STS quotes the
    /// headers that it received.
    fn redact(&self, text: &str) -> String {
        let text = match &self.session_token {
            Some(token) => text.replace(token.expose_secret(), "…"),
            None => text.to_owned(),
        };
        first_line(&text)
    }
}

/// The first line of a text from elsewhere, escaped, at most 400 characters long.
fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut start: String = line.chars().take(400).collect();
    if start.len() < line.len() {
        start.push('…');
    }
    escape_control(&start)
}

/// Where credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The environment of this process.
    Environment,
    /// The metadata service of the machine that dials.
    Metadata,
    /// AWS's Security Token Service.
    Sts,
}

/// Why there are no credentials. Exit code 4; 3 for those of the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CredentialsError {
    /// Where they should come from.
    pub stage: Stage,
    /// What is wrong, on one line, without secrets.
    pub problem: String,
    /// The message of the server or of the dial, on one line, escaped; may be empty.
    pub message: String,
    /// What helps.
    pub help: String,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.problem)?;
        if !self.message.is_empty() {
            writeln!(f, "  said  {}", self.message)?;
        }
        write!(f, "  help: {}", self.help)
    }
}

/// Credentials of `topics.credentials: env`, from AWS's usual variables. A variable that is empty
/// counts as unset, as in AWS's own tools.
///
/// # Errors
/// When a variable is missing or cannot be what it should be.
pub(crate) fn from_environment(
    environment: &BTreeMap<String, String>,
) -> Result<Credentials, CredentialsError> {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
    const TOKEN: &str = "AWS_SESSION_TOKEN";
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let error = |problem: String, help: String| CredentialsError {
        stage: Stage::Environment,
        problem: format!("no credentials from the environment: {problem}"),
        message: String::new(),
        help,
    };
    let (id, secret) = match (get(ID), get(SECRET)) {
        (Some(id), Some(secret)) => (id.clone(), SecretString::from(secret.as_str())),
        (id, secret) => {
            let mut missing = Vec::new();
            missing.extend(id.is_none().then(|| format!("`{ID}`")));
            missing.extend(secret.is_none().then(|| format!("`{SECRET}`")));
            let (is, them) = if missing.len() == 1 {
                ("is", "it")
            } else {
                ("are", "them")
            };
            return Err(error(
                format!("{} {is} not set", missing.join(" and ")),
                format!(
                    "export {them} (`aws configure export-credentials --format env` prints what \
                     the AWS CLI has), or use the machine's own role: \
                     `topics.credentials: instance_role`"
                ),
            ));
        }
    };
    let token = get(TOKEN).map(|token| SecretString::from(token.as_str()));
    // Temporary keys have this prefix.
    if id.starts_with("ASIA") && token.is_none() {
        return Err(error(
            format!("`{ID}` is the id of a temporary key, and `{TOKEN}` is not set"),
            format!("export {TOKEN} too: it was given together with the key"),
        ));
    }
    Credentials::new(id, secret, token, None).map_err(|part| {
        error(
            part.to_owned(),
            format!("check what {ID}, {SECRET} and {TOKEN} hold: quotes, blanks, a line end?"),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANARY: &str = "CANARY-SECRET";

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        owned.collect()
    }

    #[test]
    fn the_environment_gives_a_key_with_or_without_a_token() {
        let mut pairs = vec![
            ("AWS_ACCESS_KEY_ID", "AKIA123"),
            ("AWS_SECRET_ACCESS_KEY", "a/b+c"),
            ("AWS_SESSION_TOKEN", ""),
        ];
        let found = from_environment(&environment(&pairs)).expect("credentials");
        assert_eq!(found.caller(), "access key AKIA123");
        assert_eq!(found.secret_access_key().expose_secret(), "a/b+c");
        assert!(found.session_token().is_none() && found.expires().is_none());
        pairs[2].1 = "t=";
        let found = from_environment(&environment(&pairs)).expect("credentials");
        assert_eq!(
            found.session_token().expect("a token").expose_secret(),
            "t="
        );
    }

    #[test]
    fn what_the_environment_lacks_is_named() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (
                &[],
                "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not set",
            ),
            (
                &[("AWS_SECRET_ACCESS_KEY", CANARY)],
                "`AWS_ACCESS_KEY_ID` is not set",
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "AKIA1"),
                    ("AWS_SECRET_ACCESS_KEY", ""),
                ],
                "`AWS_SECRET_ACCESS_KEY` is not set",
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "ASIA1"),
                    ("AWS_SECRET_ACCESS_KEY", CANARY),
                ],
                "`AWS_SESSION_TOKEN` is not set",
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "\"AKIA\""),
                    ("AWS_SECRET_ACCESS_KEY", CANARY),
                ],
                "access key's id",
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "AKIA1"),
                    ("AWS_SECRET_ACCESS_KEY", "CANARY-SECRET\r"),
                ],
                "secret access key",
            ),
        ];
        for (pairs, expected) in cases {
            let error = from_environment(&environment(pairs)).expect_err("refused");
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected), "{text}");
            assert!(error.to_string().contains("\n  help: "), "{error}");
            assert!(!text.contains(CANARY), "{text}");
        }
    }

    #[test]
    fn an_error_has_a_line_for_each_part() {
        let error = CredentialsError {
            stage: Stage::Sts,
            problem: "the role is refused".into(),
            message: "AccessDenied".into(),
            help: "ask".into(),
        };
        assert_eq!(
            error.to_string(),
            "the role is refused\n  said  AccessDenied\n  help: ask"
        );
        let error = CredentialsError {
            message: String::new(),
            ..error
        };
        assert_eq!(error.to_string(), "the role is refused\n  help: ask");
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(secret in "[!-~]{12,40}", token in "[!-~]{12,40}") {
            let token_text = SecretString::from(token.as_str());
            let held = Credentials::new("AKIA1".into(), secret.as_str().into(), Some(token_text), None)
                .expect("credentials");
            let shown = format!("{held:?} {}", held.caller());
            prop_assert!(!shown.contains(&secret) && !shown.contains(&token), "{}", shown);
            let quoted = held.redact(&format!("header {token} was wrong"));
            prop_assert!(!quoted.contains(&token), "{}", quoted);
        }

        #[test]
        fn parts_that_would_break_a_header_are_refused(
            part in "[!-~]{0,8}[ \\t\\r\\n\\x00é\\x7f][!-~]{0,8}",
        ) {
            let make = |id: &str, secret: &str, token: &str| {
                Credentials::new(id.into(), secret.into(), Some(token.into()), None)
            };
            prop_assert!(make("AKIA", "s", "t").is_ok());
            prop_assert!(make(&part, "s", "t").is_err());
            prop_assert!(make("AKIA", &part, "t").is_err());
            prop_assert!(make("AKIA", "s", &part).is_err());
        }
    }
}
