//! SASL mechanisms, as conversations of opaque tokens.

pub mod iam;
pub mod plain;
pub mod scram;

/// Why a conversation cannot go on. Exit code 4.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SaslError {
    /// What is wrong, on one line, without secrets.
    pub message: String,
    /// What helps.
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

    /// The next token after the broker's reply, or `None` when the conversation is over and the
    /// broker has proved what the mechanism lets it prove.
    ///
    /// # Errors
    /// When the reply does not follow the mechanism.
    fn next(&mut self, reply: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;
}

/// Starts conversations with given credentials.
pub trait Authenticator: Send + Sync {
    /// A conversation with the broker that is dialled by this name (without the port).
    fn begin(&self, broker: &str) -> Box<dyn Conversation>;

    /// The caller, for messages: an ARN, a user name, an access key's id; never a secret.
    fn caller(&self) -> String;
}
