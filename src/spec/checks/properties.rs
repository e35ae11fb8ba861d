//! `client.properties`, what it needs, and the role in it.

use super::{Host, Sorted, Text};
use crate::{
    diagnostic::{Problem, Span},
    jaas,
    kinds::properties::mode as mode_of,
    names::{HostPath, WrongName},
    spec::tree::{Key, Node, Value},
};

const RESOURCES: [&str; 5] = ["java", "kafka", "msk_iam_auth", "classpath", "properties"];
/// The keys that `msk_iam_auth` decides; the last one is OAUTHBEARER's alone.
const IAM: [&str; 5] = [
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
    "sasl.client.callback.handler.class",
    jaas::LOGIN_HANDLER,
];

/// Nothing hangs in the air.
pub fn parts_are_there(host: &Host<'_>, problems: &mut Vec<Problem>) {
    if !host.all_known("client", &RESOURCES) {
        return;
    }
    let needs = |part: &str, of: &str| {
        host.key(&format!("client.{part}"))
            .filter(|_| !host.has(&format!("client.{of}")))
    };
    let add_kafka = "add `kafka: { version: …, scala: … }` to `client`";
    if let Some(span) = needs("msk_iam_auth", "kafka") {
        problems.push(Problem::error(
            span,
            "`msk_iam_auth` has no Kafka to go into",
            format!("its jar goes into Kafka's `libs`: {add_kafka}"),
        ));
    }
    if let Some(span) = needs("classpath", "msk_iam_auth") {
        problems.push(Problem::error(
            span,
            "`classpath` has no jar to name",
            "add `msk_iam_auth: { version: … }` to `client`",
        ));
    }
    if let Some(span) = needs("properties", "kafka")
        && !host.has("client.properties.path")
    {
        problems.push(Problem::error(
            span,
            "`properties` has no Kafka whose `bin` it could be in",
            format!("{add_kafka}, or give `path`"),
        ));
    }
    if let Some(span) = needs("properties", "msk_iam_auth")
        && ["extra", "absent"]
            .iter()
            .all(|key| !host.has(&format!("client.properties.{key}")))
    {
        problems.push(Problem::error(
            span,
            "`properties` says nothing",
            "without `msk_iam_auth` it takes its keys from `extra` and `absent`",
        ));
    }
}

/// Paths on the host say where they start and stay below it.
pub fn paths(host: &Host<'_>, problems: &mut Vec<Problem>) {
    type Parse = fn(&str) -> Result<HostPath, WrongName>;
    let parts: [(&str, Parse); 2] = [
        ("client.kafka.home", HostPath::folder),
        ("client.properties.path", HostPath::file),
    ];
    for (path, parse) in parts {
        if let Some(Text { text, span }) = host.text(path)
            && let Err(wrong) = parse(text)
        {
            problems.push(Problem::error(span, wrong.sentence(), wrong.help));
        }
    }
}

/// Keys are keys, and none is wanted and unwanted at once.
pub fn keys(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let extra = host
        .node("client.properties.extra")
        .map(Node::entries)
        .unwrap_or_default();
    let absent = host
        .node("client.properties.absent")
        .map(Node::items)
        .unwrap_or_default();
    let wanted: Sorted<'_, Span> = extra
        .iter()
        .map(|(key, _)| (key.text.as_str(), key.span))
        .collect();
    let mut unwanted: Sorted<'_, Span> = Sorted::new();
    let unwanted_texts = absent.iter().filter_map(|item| {
        Some(Text {
            text: item.text()?,
            span: item.span,
        })
    });
    let unwanted_texts: Vec<Text<'_>> = unwanted_texts.collect();
    let texts = extra.iter().map(|(key, _)| Text {
        text: &key.text,
        span: key.span,
    });
    for Text { text, span } in texts.chain(unwanted_texts.iter().copied()) {
        if text.is_empty()
            || text
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || "=:#!\\".contains(c))
        {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no key of a properties file"),
                "keys have no blanks and none of `=`, `:`, `#`, `!` and `\\`",
            ));
        }
    }
    for Text { text, span } in unwanted_texts {
        if let Some(wanted) = wanted.get(text) {
            problems.push(Problem::error(
                span,
                format!("`{text}` is in `extra` and in `absent`"),
                format!("keep one; `extra` has it in line {}", wanted.line),
            ));
        }
        if let Some(first) = unwanted.insert(text, span) {
            problems.push(Problem::warning(
                span,
                format!("`{text}` is in `absent` twice"),
                format!("it is in line {} already", first.line),
            ));
        }
    }
    for (key, node) in extra {
        if node.text().is_some_and(|text| text.contains('\0')) {
            problems.push(Problem::error(
                node.span,
                format!("the value of `{}` holds a NUL", key.text),
                "leave it out",
            ));
        }
    }
}

/// A mode is one that its owner can read with.
pub fn mode(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let Some(Text { text, span }) = host.text("client.properties.mode") else {
        return;
    };
    let label = match mode_of(text).map(|mode| mode.0) {
        None => "write three or four octal digits, such as `\"0600\"` or `\"0640\"`",
        Some(mode) if mode & 0o600 != 0o600 => {
            "begin with `06`: its owner reads it, and trueup writes it"
        }
        Some(mode) => {
            let extra = host.node("client.properties.extra").map(Node::entries);
            let mut extra = extra.unwrap_or_default().iter();
            if mode & 0o007 != 0 && extra.any(|(_, node)| matches!(node.value, Value::Map(_))) {
                problems.push(Problem::warning(
                    span,
                    format!("with `{text}` every account of the machine reads the secrets in it"),
                    "use `\"0600\"`, or `\"0640\"` for a group",
                ));
            }
            return;
        }
    };
    problems.push(Problem::error(
        span,
        format!("`{text}` is no mode of a properties file"),
        label,
    ));
}

/// The four lines of MSK IAM belong to `msk_iam_auth`.
pub fn iam_keys(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let Some(iam) = host.key("client.msk_iam_auth") else {
        return;
    };
    let mechanism = host.text("client.msk_iam_auth.mechanism");
    let oauth = mechanism.is_some_and(|mechanism| mechanism.text == "OAUTHBEARER");
    let decided = &IAM[..if oauth { 5 } else { 4 }];
    let extra = host
        .node("client.properties.extra")
        .map(Node::entries)
        .unwrap_or_default();
    for (key, _) in extra
        .iter()
        .filter(|(key, _)| decided.contains(&key.text.as_str()))
    {
        problems.push(Problem::error(
            key.span,
            format!("`{}` is set by `msk_iam_auth`", key.text),
            format!(
                "leave it out here, or leave `msk_iam_auth` out (line {})",
                iam.line
            ),
        ));
    }
    let absent = host
        .node("client.properties.absent")
        .map(Node::items)
        .unwrap_or_default();
    for item in absent
        .iter()
        .filter(|item| item.text().is_some_and(|key| decided.contains(&key)))
    {
        problems.push(Problem::error(
            item.span,
            format!(
                "`{}` is set by `msk_iam_auth`",
                item.text().unwrap_or_default()
            ),
            format!(
                "leave it out here, or leave `msk_iam_auth` out (line {})",
                iam.line
            ),
        ));
    }
}

/// Secrets are referred to, never written.
pub fn secrets(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let extra = host
        .node("client.properties.extra")
        .map(Node::entries)
        .unwrap_or_default();
    for (key, node) in extra {
        match &node.value {
            Value::Scalar { text, .. } if is_secret(&key.text) && !text.is_empty() => {
                problems.push(literal(key, node, format!("`{}` is a secret", key.text)));
            }
            Value::Scalar { text, .. } if key.text.ends_with("sasl.jaas.config") => {
                if let Some(option) = secret_option(text) {
                    let message = format!("the option `{option}` of `{}` is a secret", key.text);
                    problems.push(literal(key, node, message));
                } else if let Err(refused) = jaas::read(text.trim_matches(|c| c <= ' ')) {
                    problems.push(Problem::error(
                        node.span,
                        format!("Kafka refuses `{}`: {refused}", key.text),
                        "write it as `MODULE required NAME=\"VALUE\";`",
                    ));
                }
            }
            Value::Map(_) => reference(node, problems),
            _ => {}
        }
    }
}

fn literal(key: &Key, node: &Node, message: String) -> Problem {
    let name: String = key
        .text
        .rsplit('.')
        .take(3)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<Vec<_>>()
        .join("_")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    Problem::error(
        node.span,
        message,
        format!("write `{{ env: {name} }}` or `{{ file: PATH }}`: the value stays out of the spec"),
    )
}

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

fn reference(node: &Node, problems: &mut Vec<Problem>) {
    for (key, value) in node.entries() {
        let Some(text) = value.text() else { continue };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.text == "env" && (text.is_empty() || !text.chars().all(plain)) {
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
