//! SCRAM (RFC 5802, RFC 7677) as Kafka speaks it: without channel binding, user names escaped but
//! not normalised (Kafka does no SASLprep). The password never travels, and the broker proves that
//! it knows it too.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512};

use super::{Authenticator, Conversation, SaslError, plain::check_login};
use crate::text::escape_control;

/// The minimum of RFC 7677 and Kafka: fewer would give the password away.
const MIN_ITERATIONS: u32 = 4096;

/// Sixteen times Kafka's own maximum: a hostile broker must not keep us busy.
const MAX_ITERATIONS: u32 = 16 * 16_384;

/// Longest reply; a valid one has about two hundred bytes.
const LONGEST: usize = 8 * 1024;

/// The hash function of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// A user and a password, of which the broker has a salted hash.
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
        Box::new(ScramConversation {
            scram: self.clone(),
            state: State::New,
            nonce: None,
        })
    }

    fn caller(&self) -> String {
        format!("user {}", self.username)
    }
}

struct ScramConversation {
    scram: Scram,
    state: State,
    /// Set by tests; else random.
    nonce: Option<String>,
}

enum State {
    New,
    /// The first message without its header, and its nonce.
    FirstSent {
        bare: String,
        nonce: String,
    },
    /// The key of the broker's signature, and the signed text.
    ProofSent {
        server_key: Vec<u8>,
        message: String,
    },
    Over,
}

impl Conversation for ScramConversation {
    fn mechanism(&self) -> &'static str {
        match self.scram.hash {
            Hash::Sha256 => "SCRAM-SHA-256",
            Hash::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        check_login(&self.scram.username, self.scram.password.expose_secret())?;
        let nonce = match self.nonce.take() {
            Some(chosen) => chosen,
            None => nonce()?,
        };
        // The two reserved characters.
        let user = self.scram.username.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        let message = format!("n,,{bare}").into_bytes();
        self.state = State::FirstSent { bare, nonce };
        Ok(message)
    }

    fn next(&mut self, reply: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        // An invalid reply ends the conversation.
        let state = std::mem::replace(&mut self.state, State::Over);
        let reply = Fields::read(reply)?;
        match state {
            State::FirstSent { bare, nonce } => {
                let (message, proved) = self.prove(&bare, &nonce, &reply)?;
                self.state = proved;
                Ok(Some(message))
            }
            State::ProofSent {
                server_key,
                message,
            } => {
                let signature = reply.decoded('v', 0)?;
                let mut mac = self.scram.hash.new_hmac(&server_key);
                mac.update(message.as_bytes());
                // Compared in constant time.
                if !mac.verify(&signature) {
                    return Err(SaslError {
                        message: "the broker did not prove that it knows the password".into(),
                        help:
                            "this may be another machine in the broker's place: nothing was sent \
                               that tells the password; check the broker's name and certificate"
                                .into(),
                    });
                }
                Ok(None)
            }
            State::New | State::Over => Err(unexpected("it speaks out of turn")),
        }
    }
}

impl ScramConversation {
    /// The second message, and the state that checks the broker's last one.
    fn prove(
        &self,
        bare: &str,
        nonce: &str,
        reply: &Fields,
    ) -> Result<(Vec<u8>, State), SaslError> {
        // `r` must be first: before it could only be an extension that is mandatory to understand.
        let full_nonce = reply.value('r', 0)?;
        let salt = reply.decoded('s', 1)?;
        let count = reply.value('i', 2)?;
        if full_nonce.strip_prefix(nonce).is_none_or(str::is_empty) {
            return Err(unexpected(
                "its nonce does not go on from ours: an old answer, said again?",
            ));
        }
        if salt.is_empty() {
            return Err(unexpected("its salt is empty"));
        }
        let iterations = match count.parse::<u32>() {
            Ok(count) if (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&count) => count,
            _ => {
                return Err(SaslError {
                    message: format!(
                        "the broker asks for {} iterations; {MIN_ITERATIONS} to {MAX_ITERATIONS} are sound",
                        escape_control(count)
                    ),
                    help: "set the user's SCRAM credentials anew with `iterations=4096` or more \
                           (`kafka-configs.sh --alter --add-config`)"
                        .into(),
                });
            }
        };
        let hash = self.scram.hash;
        let password = self.scram.password.expose_secret().as_bytes();
        let salted = hash.salted(password, &salt, iterations);
        let client_key = hash.hmac(&salted, "Client Key");
        // `biws` is the header `n,,` in base64.
        let without_proof = format!("c=biws,r={full_nonce}");
        let message = format!("{bare},{},{without_proof}", reply.text);
        let signature = hash.hmac(&hash.digest(&client_key), &message);
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let token = format!("{without_proof},p={}", STANDARD.encode(proof));
        let server_key = hash.hmac(&salted, "Server Key");
        Ok((
            token.into_bytes(),
            State::ProofSent {
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
        message: format!("the system gives no random bytes: {error}"),
        help: "check /dev/urandom".into(),
    })?;
    Ok(STANDARD.encode(bytes))
}

/// A message of the broker: `name=value`, separated by commas.
struct Fields {
    text: String,
}

impl Fields {
    fn read(reply: &[u8]) -> Result<Self, SaslError> {
        let text = Some(reply).filter(|reply| reply.len() <= LONGEST);
        let text = text.and_then(|reply| std::str::from_utf8(reply).ok());
        let Some(text) = text else {
            return Err(unexpected("it is no text, or a very long one"));
        };
        if let Some(error) = text.strip_prefix("e=") {
            let error = error.split(',').next().unwrap_or_default();
            let error: String = error.chars().take(200).collect();
            return Err(server_error(&error));
        }
        Ok(Self { text: text.into() })
    }

    /// The value of the field at an index, which must have this name.
    fn value(&self, name: char, index: usize) -> Result<&str, SaslError> {
        let field = self.text.split(',').nth(index).unwrap_or_default();
        let value = field
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='));
        value.ok_or_else(|| unexpected(&format!("`{name}=` is not where it should be")))
    }

    fn decoded(&self, name: char, index: usize) -> Result<Vec<u8>, SaslError> {
        STANDARD
            .decode(self.value(name, index)?)
            .map_err(|_| unexpected(&format!("`{name}=` is not base64")))
    }
}

fn unexpected(problem: &str) -> SaslError {
    SaslError {
        message: format!("the broker's answer is not one of SCRAM: {problem}"),
        help: "check that the port and the mechanism are the ones that the cluster's SCRAM users \
               have"
            .into(),
    }
}

/// The errors of RFC 5802, section 7.
fn server_error(error: &str) -> SaslError {
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
        message: format!("the broker refuses the user: {}", escape_control(error)),
        help: help.into(),
    }
}

/// An unfinished HMAC.
enum HmacState {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl HmacState {
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
    fn new_hmac(self, key: &[u8]) -> HmacState {
        const ANY: &str = "HMAC takes keys of every length";
        match self {
            Self::Sha256 => HmacState::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            Self::Sha512 => HmacState::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }

    fn hmac(self, key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = self.new_hmac(key);
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
