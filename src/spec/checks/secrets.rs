//! What is a secret, and how one is referred to.

use crate::{
    diagnostic::Problem,
    spec::{at::tag, tree::Node, types::SecretRef},
};

/// Whether a property's value is a secret by its key.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Public, though the names say otherwise.
    if key.ends_with("token.endpoint.url") || key.ends_with(".secret.id") {
        return false;
    }
    ["password", "secret", "token"]
        .iter()
        .any(|word| key.contains(word))
        || key.ends_with("ssl.keystore.key")
        || key.ends_with("basic.auth.user.info")
}

/// The first option of a jaas line that holds a secret.
pub fn secret_option(jaas: &str) -> Option<&str> {
    let mut rest = jaas;
    while let Some(at) = rest.find('=') {
        let name = rest[..at].trim_end();
        let start = name.rfind(|c: char| c.is_whitespace() || c == '"' || c == '\'' || c == ';');
        let name = start.map_or(name, |start| {
            name[start..].trim_start_matches(|c: char| !c.is_alphanumeric())
        });
        let lower = name.to_ascii_lowercase();
        let secret = ["password", "secret", "token"]
            .iter()
            .any(|word| lower.contains(word));
        if secret && lower != "tokenauth" {
            return Some(name);
        }
        // The value, which may be quoted, is no option.
        let value = rest[at + 1..].trim_start();
        rest = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').map_or("", |(_, rest)| rest),
            None => value
                .split_once([' ', '\t', '\n', ';'])
                .map_or("", |(_, rest)| rest),
        };
    }
    None
}

/// A reference to a secret names something, and is not the secret itself.
pub fn reference(node: &Node, problems: &mut Vec<Problem>) {
    let env = tag(SecretRef::Env);
    for (key, value) in node.entries() {
        let Some(text) = value.text() else { continue };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.text == env && (text.is_empty() || !text.chars().all(plain)) {
            problems.push(Problem::error(
                value.span,
                // Which may be the secret itself.
                "`env` is not the name of an environment variable",
                "use letters, digits and `_`; the secret itself stays out of the spec",
            ));
        } else if text.is_empty() {
            problems.push(Problem::error(
                value.span,
                format!("`{}` is empty", key.text),
                "name it",
            ));
        }
    }
}
