//! SCRAM (RFC 5802, RFC 7677) as Kafka speaks it: without channel binding, user names escaped but
//! not normalised (Kafka does no SASLprep). The password never travels, and the broker proves that
//! it knows it too.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512};

use super::{Authenticator, Conversation, SaslError, plain::check_login};
use crate::text::escape_control;

/// The fewest iterations that RFC 7677 and Kafka allow: fewer would give the password away.
const FEWEST: u32 = 4096;

/// The most that we calculate: sixteen times what Kafka lets an administrator choose. A hostile broker
/// that asked for more would keep us busy.
const MOST: u32 = 16 * 16_384;

/// Longest answer that is read; a right one has about two hundred bytes.
const LONGEST: usize = 8 * 1024;

/// The hash function of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// A user with a password that the broker knows a salted hash of.
#[derive(Debug, Clone)]
pub struct Scram {
    /// The mechanism's hash function.
    pub hash: Hash,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

impl Authenticator for Scram {
    fn begin(&self, _broker: &str) -> Box<dyn Conversation> {
        Box::new(Exchange {
            who: self.clone(),
            state: State::New,
            nonce: None,
        })
    }

    fn caller(&self) -> String {
        format!("user {}", self.username)
    }
}

struct Exchange {
    who: Scram,
    state: State,
    /// Ours, where a test has chosen it.
    nonce: Option<String>,
}

enum State {
    New,
    /// Our first message without its header, and our nonce.
    First {
        bare: String,
        nonce: String,
    },
    /// The key that the broker's signature is made with, and what it signs.
    Proved {
        server_key: Vec<u8>,
        message: String,
    },
    Over,
}

impl Conversation for Exchange {
    fn mechanism(&self) -> &'static str {
        match self.who.hash {
            Hash::Sha256 => "SCRAM-SHA-256",
            Hash::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        check_login(&self.who.username, self.who.password.expose_secret())?;
        let nonce = match self.nonce.take() {
            Some(chosen) => chosen,
            None => nonce()?,
        };
        // The two characters that have a meaning of their own.
        let user = self.who.username.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        let message = format!("n,,{bare}").into_bytes();
        self.state = State::First { bare, nonce };
        Ok(message)
    }

    fn next(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        // An answer that is not right ends the conversation.
        let state = std::mem::replace(&mut self.state, State::Over);
        let answer = Fields::read(answer)?;
        match state {
            State::First { bare, nonce } => {
                let (message, proved) = self.prove(&bare, &nonce, &answer)?;
                self.state = proved;
                Ok(Some(message))
            }
            State::Proved {
                server_key,
                message,
            } => {
                let signature = answer.decoded('v', 0)?;
                let mut right = self.who.hash.mac(&server_key);
                right.update(message.as_bytes());
                // Compared in constant time.
                if !right.verify(&signature) {
                    return Err(SaslError {
                        said: "the broker did not prove that it knows the password".into(),
                        help:
                            "this may be another machine in the broker's place: nothing was sent \
                               that tells the password; check the broker's name and certificate"
                                .into(),
                    });
                }
                Ok(None)
            }
            State::New | State::Over => Err(unlike("it speaks out of turn")),
        }
    }
}

impl Exchange {
    /// Our second message, and what the broker's last one is checked with.
    fn prove(
        &self,
        bare: &str,
        nonce: &str,
        answer: &Fields,
    ) -> Result<(Vec<u8>, State), SaslError> {
        // `r` comes first; what comes before it would be an extension that must be understood.
        let both = answer.value('r', 0)?;
        let salt = answer.decoded('s', 1)?;
        let count = answer.value('i', 2)?;
        if both.strip_prefix(nonce).is_none_or(str::is_empty) {
            return Err(unlike(
                "its nonce does not go on from ours: an old answer, said again?",
            ));
        }
        if salt.is_empty() {
            return Err(unlike("its salt is empty"));
        }
        let iterations = match count.parse::<u32>() {
            Ok(count) if (FEWEST..=MOST).contains(&count) => count,
            _ => {
                return Err(SaslError {
                    said: format!(
                        "the broker asks for {} iterations; {FEWEST} to {MOST} are sound",
                        escape_control(count)
                    ),
                    help: "set the user's SCRAM credentials anew with `iterations=4096` or more \
                           (`kafka-configs.sh --alter --add-config`)"
                        .into(),
                });
            }
        };
        let hash = self.who.hash;
        let password = self.who.password.expose_secret().as_bytes();
        let salted = hash.salted(password, &salt, iterations);
        let client_key = hash.hmac(&salted, "Client Key");
        // `biws` is the header `n,,` in base64.
        let unproved = format!("c=biws,r={both}");
        let message = format!("{bare},{},{unproved}", answer.text);
        let signature = hash.hmac(&hash.digest(&client_key), &message);
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let ours = format!("{unproved},p={}", STANDARD.encode(proof));
        let server_key = hash.hmac(&salted, "Server Key");
        Ok((
            ours.into_bytes(),
            State::Proved {
                server_key,
                message,
            },
        ))
    }
}

/// 24 random bytes, as 32 characters without a comma.
fn nonce() -> Result<String, SaslError> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| SaslError {
        said: format!("the system gives no random bytes: {error}"),
        help: "check /dev/urandom".into(),
    })?;
    Ok(STANDARD.encode(bytes))
}

/// A message of the broker: `name=value` between commas.
struct Fields {
    text: String,
}

impl Fields {
    fn read(answer: &[u8]) -> Result<Self, SaslError> {
        let text = Some(answer).filter(|answer| answer.len() <= LONGEST);
        let text = text.and_then(|answer| std::str::from_utf8(answer).ok());
        let Some(text) = text else {
            return Err(unlike("it is no text, or a very long one"));
        };
        if let Some(error) = text.strip_prefix("e=") {
            let error = error.split(',').next().unwrap_or_default();
            let error: String = error.chars().take(200).collect();
            return Err(explained(&error));
        }
        Ok(Self { text: text.into() })
    }

    /// The value of the field at a place, which must have this name.
    fn value(&self, name: char, place: usize) -> Result<&str, SaslError> {
        let field = self.text.split(',').nth(place).unwrap_or_default();
        let value = field
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='));
        value.ok_or_else(|| unlike(&format!("`{name}=` is not where it should be")))
    }

    fn decoded(&self, name: char, place: usize) -> Result<Vec<u8>, SaslError> {
        STANDARD
            .decode(self.value(name, place)?)
            .map_err(|_| unlike(&format!("`{name}=` is not base64")))
    }
}

fn unlike(what: &str) -> SaslError {
    SaslError {
        said: format!("the broker's answer is not one of SCRAM: {what}"),
        help: "check that the port and the mechanism are the ones that the cluster's SCRAM users \
               have"
            .into(),
    }
}

/// The errors of RFC 5802, section 7.
fn explained(error: &str) -> SaslError {
    let help = match error {
        "invalid-proof" => "the password is wrong",
        "unknown-user" | "no-resources" => {
            "the cluster has no such SCRAM user for this mechanism (`kafka-configs.sh --describe \
             --entity-type users`; on MSK: the secret is associated with the cluster)"
        }
        "invalid-username-encoding" | "invalid-encoding" => {
            "use a user name and a password of plain letters and digits"
        }
        _ => "the broker's log says more",
    };
    SaslError {
        said: format!("the broker refuses the user: {}", escape_control(error)),
        help: help.into(),
    }
}

/// An HMAC that has begun.
enum Begun {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Begun {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }

    fn verify(self, expected: &[u8]) -> bool {
        match self {
            Self::Sha256(mac) => mac.verify_slice(expected).is_ok(),
            Self::Sha512(mac) => mac.verify_slice(expected).is_ok(),
        }
    }
}

impl Hash {
    fn mac(self, key: &[u8]) -> Begun {
        const ANY: &str = "HMAC takes keys of every length";
        match self {
            Self::Sha256 => Begun::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            Self::Sha512 => Begun::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }

    fn hmac(self, key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = self.mac(key);
        mac.update(text.as_bytes());
        mac.finish()
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec()
            }
            Self::Sha512 => {
                pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, iterations).to_vec()
            }
        }
    }
}

#[cfg(test)]
mod tests;
