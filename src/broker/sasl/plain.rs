//! SASL/PLAIN (RFC 4616): user and password in one token. Only TLS hides them.

use secrecy::{ExposeSecret, SecretString};

use super::{Authenticator, Conversation, SaslError};

/// A user and a password.
#[derive(Debug, Clone)]
pub struct Plain {
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

impl Authenticator for Plain {
    fn begin(&self, _broker: &str) -> Box<dyn Conversation> {
        Box::new(PlainConversation {
            plain: self.clone(),
            sent: false,
        })
    }

    fn caller(&self) -> String {
        format!("user {}", self.username)
    }
}

struct PlainConversation {
    plain: Plain,
    sent: bool,
}

impl Conversation for PlainConversation {
    fn mechanism(&self) -> &'static str {
        "PLAIN"
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        let (user, password) = (&self.plain.username, self.plain.password.expose_secret());
        check_login(user, password)?;
        self.sent = true;
        Ok(format!("\0{user}\0{password}").into_bytes())
    }

    /// The broker proves nothing, and its reply is ignored, as in Java's client.
    fn next(&mut self, _reply: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        if self.sent {
            return Ok(None);
        }
        Err(SaslError {
            message: "the broker spoke before the user was named".into(),
            help: "check that the port is one of SASL/PLAIN".into(),
        })
    }
}

/// Neither part may be empty, and NUL separates them in PLAIN.
pub(super) fn check_login(user: &str, password: &str) -> Result<(), SaslError> {
    let part = if user.is_empty() || user.contains('\0') {
        "user name"
    } else if password.is_empty() || password.contains('\0') {
        "password"
    } else {
        return Ok(());
    };
    Err(SaslError {
        message: format!("the {part} is empty, or has a NUL character in it"),
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
        let plain = plain("tim", "tanstaaftanstaaf");
        assert_eq!(plain.caller(), "user tim");
        let mut conversation = plain.begin("b-1");
        assert_eq!(conversation.mechanism(), "PLAIN");
        assert!(conversation.next(b"").is_err());
        assert_eq!(
            conversation.first().expect("a token"),
            b"\0tim\0tanstaaftanstaaf"
        );
        assert_eq!(conversation.next(b""), Ok(None));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_leaking_it() {
        for (user, password) in [
            ("", "CANARY"),
            ("u", ""),
            ("u\0", "CANARY"),
            ("u", "CANARY\0"),
        ] {
            let plain = plain(user, password);
            let error = plain.begin("b-1").first().expect_err("refused");
            let shown = format!("{plain:?} {error} {error:?}");
            assert!(!shown.contains("CANARY"), "{shown}");
        }
    }
}
