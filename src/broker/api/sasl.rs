//! SaslHandshake and SaslAuthenticate: tokens in the protocol's own frames (KIP-152).

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::Call;
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Chooses a mechanism.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    /// Its name.
    pub mechanism: &'a str,
}

/// The reply: the listener's mechanisms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeReply {
    /// Zero is success.
    pub code: i16,
    /// Names of mechanisms.
    pub mechanisms: Vec<String>,
}

impl Call for Handshake<'_> {
    const KEY: i16 = 17;
    const NAME: &'static str = "SaslHandshake";
    // After version 0, tokens have no frames of the protocol.
    const VERSIONS: RangeInclusive<i16> = 1..=1;
    const FLEXIBLE: i16 = i16::MAX;
    type Reply = HandshakeReply;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.string(self.mechanism);
    }

    fn read(reply: &mut Decoder<'_>, _: i16) -> Result<HandshakeReply, Malformed> {
        Ok(HandshakeReply {
            code: reply.i16()?,
            mechanisms: reply.array(Decoder::string)?,
        })
    }
}

/// Carries a token. It may be a secret.
#[derive(Clone, Copy)]
pub struct Authenticate<'a> {
    /// The mechanism's token.
    pub token: &'a [u8],
}

impl fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticate { token: … }")
    }
}

/// The reply to a token.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticateReply {
    /// Zero is success.
    pub code: i16,
    /// The broker's message.
    pub message: Option<String>,
    /// The mechanism's token.
    pub token: Vec<u8>,
    /// How long the session lasts; zero for no limit (KIP-368).
    pub lifetime: Duration,
}

impl fmt::Debug for AuthenticateReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateReply")
            .field("code", &self.code)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Call for Authenticate<'_> {
    const KEY: i16 = 36;
    const NAME: &'static str = "SaslAuthenticate";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE: i16 = 2;
    type Reply = AuthenticateReply;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.bytes(self.token);
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<AuthenticateReply, Malformed> {
        let authenticated = AuthenticateReply {
            code: reply.i16()?,
            message: reply.nullable_string()?,
            token: reply.bytes()?.to_vec(),
            lifetime: if version >= 1 {
                Duration::from_millis(u64::try_from(reply.i64()?).unwrap_or(0))
            } else {
                Duration::ZERO
            },
        };
        reply.tags()?;
        Ok(authenticated)
    }
}
