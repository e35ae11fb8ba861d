//! SASL/PLAIN (RFC 4616): user and password in one token. Only TLS hides them.

use secrecy::{ExposeSecret, SecretString};

use super::{Authenticator, Conversation, SaslError};

/// A user with a password, as it is.
#[derive(Debug, Clone)]
pub struct Plain {
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

impl Authenticator for Plain {
    fn begin(&self, _broker: &str) -> Box<dyn Conversation> {
        Box::new(Exchange {
            who: self.clone(),
            sent: false,
        })
    }

    fn caller(&self) -> String {
        format!("user {}", self.username)
    }
}

struct Exchange {
    who: Plain,
    sent: bool,
}

impl Conversation for Exchange {
    fn mechanism(&self) -> &'static str {
        "PLAIN"
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        let (user, password) = (&self.who.username, self.who.password.expose_secret());
        check_login(user, password)?;
        self.sent = true;
        Ok(format!("\0{user}\0{password}").into_bytes())
    }

    /// The broker proves nothing; what it says with its yes means nothing, and Java's client does
    /// not look at it either.
    fn next(&mut self, _answer: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        if self.sent {
            return Ok(None);
        }
        Err(SaslError {
            said: "the broker spoke before the user was named".into(),
            help: "check that the port is one of SASL/PLAIN".into(),
        })
    }
}

/// Neither part may be empty, and NUL stands between them in PLAIN.
pub(super) fn check_login(user: &str, password: &str) -> Result<(), SaslError> {
    let part = if user.is_empty() || user.contains('\0') {
        "user name"
    } else if password.is_empty() || password.contains('\0') {
        "password"
    } else {
        return Ok(());
    };
    Err(SaslError {
        said: format!("the {part} is empty, or has a NUL character in it"),
        help: format!("check where the {part} comes from"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(username: &str, password: &str) -> Plain {
        Plain {
            username: username.into(),
            password: password.into(),
        }
    }

    #[test]
    fn the_token_is_the_one_of_the_rfc() {
        // RFC 4616, section 4.
        let who = plain("tim", "tanstaaftanstaaf");
        assert_eq!(who.caller(), "user tim");
        let mut conversation = who.begin("b-1");
        assert_eq!(conversation.mechanism(), "PLAIN");
        assert!(conversation.next(b"").is_err());
        assert_eq!(
            conversation.first().expect("a token"),
            b"\0tim\0tanstaaftanstaaf"
        );
        assert_eq!(conversation.next(b""), Ok(None));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_told() {
        for (user, password) in [
            ("", "CANARY"),
            ("u", ""),
            ("u\0", "CANARY"),
            ("u", "CANARY\0"),
        ] {
            let who = plain(user, password);
            let error = who.begin("b-1").first().expect_err("refused");
            let shown = format!("{who:?} {error} {error:?}");
            assert!(!shown.contains("CANARY"), "{shown}");
        }
    }
}
