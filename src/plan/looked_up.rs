//! What a reference of the spec became.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reference of the spec that was looked up, with what it became and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookedUp {
    /// The key of the spec, such as `client.msk_iam_auth.role`.
    pub key: String,
    /// What the spec says there.
    pub reference: String,
    /// What it became; absent for a secret.
    pub value: Option<String>,
    /// Who said so, such as `IAM`.
    pub source: String,
}

impl LookedUp {
    /// A value that may be shown.
    pub fn shown(key: &str, reference: &str, value: impl Into<String>, source: &str) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::secret(key, reference, source)
        }
    }

    /// In a sentence: `client.msk_iam_auth.role: NAME is ARN (IAM)`.
    pub(crate) fn in_words(&self) -> String {
        let is = match &self.value {
            Some(value) => format!("is {value}"),
            None => "was read, and is not shown".to_owned(),
        };
        format!("{}: {} {is} ({})", self.key, self.reference, self.source)
    }

    /// A secret.
    pub fn secret(key: &str, reference: &str, source: &str) -> Self {
        Self {
            key: key.to_owned(),
            reference: reference.to_owned(),
            value: None,
            source: source.to_owned(),
        }
    }
}
