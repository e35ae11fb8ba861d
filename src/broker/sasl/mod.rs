//! Who we are to a broker: SASL mechanisms, as conversations of opaque tokens.

pub mod iam;
pub mod plain;
pub mod scram;

/// Why a conversation cannot go on. Exit code 4.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct SaslError {
    /// What is wrong, on one line, without any secret.
    pub said: String,
    /// The way out.
    pub help: String,
}

/// One authentication on one connection. It is a state machine without I/O, so that tests need no
/// broker.
pub trait Conversation: Send {
    /// The mechanism's name in Kafka (`AWS_MSK_IAM`, `SCRAM-SHA-512`, `PLAIN`).
    fn mechanism(&self) -> &'static str;

    /// The first token.
    ///
    /// # Errors
    /// When there is nothing to authenticate with.
    fn first(&mut self) -> Result<Vec<u8>, SaslError>;

    /// Takes the broker's answer; the next token, or nothing when the conversation is over and the
    /// broker has proved what the mechanism lets it prove.
    ///
    /// # Errors
    /// When the answer is not what the mechanism asks for.
    fn next(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;
}

/// What makes conversations: credentials that are there already.
pub trait Authenticator: Send + Sync {
    /// A conversation with a broker of this name (without the port), as it is dialled.
    fn begin(&self, broker: &str) -> Box<dyn Conversation>;

    /// Who we are, for messages: an ARN, a user name, an access key's id; never a secret.
    fn caller(&self) -> String;
}
