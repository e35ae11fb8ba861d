//! `client.properties`, what it needs, and the role in it.

use super::{At, Sorted, Text, name};
use crate::{
    at,
    diagnostic::{Problem, Span},
    jaas,
    kinds::{
        declared::Declaration, env::Env, files::Files, msk_iam_auth::Mechanism,
        properties::mode as mode_of, start_file,
    },
    names::HostPath,
    spec::{
        at::tag,
        merge::{HostTree, home},
        tree::{Key, Node, Value},
        types::SecretRef,
    },
};

/// The keys that `msk_iam_auth` decides; the last one is OAUTHBEARER's alone.
const IAM: [&str; 5] = [
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
    "sasl.client.callback.handler.class",
    jaas::LOGIN_HANDLER,
];

/// Nothing hangs in the air.
pub fn parts_are_there(host: &HostTree, problems: &mut Vec<Problem>) {
    if !at!(host, client).all_known() {
        return;
    }
    let kafka = at!(host, client.kafka);
    let jar = at!(host, client.msk_iam_auth);
    let properties = at!(host, client.properties);
    let add_kafka = "add `kafka: { version: …, scala: … }` to `client`";
    if let Some(span) = without(jar, kafka) {
        problems.push(Problem::error(
            span,
            "`msk_iam_auth` has no Kafka to go into",
            format!("its jar goes into Kafka's `libs`: {add_kafka}"),
        ));
    }
    if let Some(span) = without(at!(host, client.classpath), jar) {
        problems.push(Problem::error(
            span,
            "`classpath` has no jar to name",
            "add `msk_iam_auth: { version: … }` to `client`",
        ));
    }
    if let Some(span) = without(properties, kafka)
        && !at!(properties, path).is_there()
    {
        problems.push(Problem::error(
            span,
            "`properties` has no Kafka whose `bin` it could be in",
            format!("{add_kafka}, or give `path`"),
        ));
    }
    if let Some(span) = without(properties, jar)
        && !at!(properties, extra).is_there()
        && !at!(properties, absent).is_there()
    {
        problems.push(Problem::error(
            span,
            "`properties` says nothing",
            "without `msk_iam_auth` it takes its keys from `extra` and `absent`",
        ));
    }
}

/// A part that is there without what it needs.
fn without<T, N>(part: At<'_, T>, needed: At<'_, N>) -> Option<Span> {
    part.key().filter(|_| !needed.is_there())
}

/// Whose the start file is.
pub fn start_file(host: &HostTree, problems: &mut Vec<Problem>) {
    let classpath = at!(host, client.classpath);
    start_file::check(at!(classpath, r#in), at!(classpath, r#become), problems);
}

/// What the client sets is no variable of `env`.
pub fn variables_are_their_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let sets = [
        ("CLASSPATH", "classpath", at!(host, client.classpath).key()),
        ("JAVA_HOME", "java", at!(host, client.java).key()),
    ];
    let variables = host.node.entry(Env::KEY);
    for (name, part, there) in sets {
        if let Some((key, _)) = variables.and_then(|(_, all)| all.entry(name))
            && let Some(there) = there
        {
            problems.push(Problem::error(
                key.span,
                format!("`{name}` is set by `client.{part}`"),
                format!("keep one; `{part}` is in line {}", there.line),
            ));
        }
    }
}

/// Paths on the host say where they start and stay below it.
pub fn paths(host: &HostTree, problems: &mut Vec<Problem>) {
    name(at!(host, client.kafka.home), HostPath::folder, problems);
    name(at!(host, client.properties.path), HostPath::file, problems);
}

/// No other file is at their place.
pub fn path_is_its_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let properties = at!(host, client.properties);
    let of_kafka = || {
        Some(format!(
            "{}/bin/client.properties",
            home(at!(host, client.kafka))?
        ))
    };
    let path = match at!(properties, path).text() {
        Some(path) => Some(path.text.to_owned()),
        None => of_kafka().filter(|_| properties.is_there()),
    };
    let Some(Ok(path)) = path.map(|path| HostPath::file(&path)) else {
        return;
    };
    let files = host.node.entry(Files::KEY).map(|(key, node)| (key, node));
    for file in At::<Files>::new(files).untagged(Files).values() {
        if let Some(Text { text, span }) = at!(file, path).text()
            && HostPath::file(text).is_ok_and(|other| other.is(&path))
        {
            problems.push(Problem::error(
                span,
                format!("`{text}` is the path of `client.properties`, too"),
                "name another one, or leave `properties` out of `client`",
            ));
        }
    }
}

/// Keys are keys, and none is wanted and unwanted at once.
pub fn keys(host: &HostTree, problems: &mut Vec<Problem>) {
    let extra = at!(host, client.properties.extra);
    let absent = at!(host, client.properties.absent);
    let wanted: Sorted<'_, Span> = extra.keys().map(|key| (key.text, key.span)).collect();
    let mut unwanted: Sorted<'_, Span> = Sorted::new();
    for Text { text, span } in extra.keys().chain(absent.texts()) {
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
    for Text { text, span } in absent.texts() {
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
    for (key, node) in extra.entries() {
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
pub fn mode(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(Text { text, span }) = at!(host, client.properties.mode).text() else {
        return;
    };
    let label = match mode_of(text).map(|mode| mode.0) {
        None => "write three or four octal digits, such as `\"0600\"` or `\"0640\"`",
        Some(mode) if mode & 0o600 != 0o600 => {
            "begin with `06`: its owner reads it, and trueup writes it"
        }
        Some(mode) => {
            let mut extra = at!(host, client.properties.extra).entries().iter();
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
pub fn iam_keys(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(iam) = at!(host, client.msk_iam_auth).key() else {
        return;
    };
    let oauth = at!(host, client.msk_iam_auth.mechanism).is(Mechanism::Oauthbearer);
    let decided = &IAM[..if oauth { 5 } else { 4 }];
    let properties = at!(host, client.properties);
    let keys = at!(properties, extra).keys();
    let keys = keys.chain(at!(properties, absent).texts());
    for Text { text, span } in keys.filter(|key| decided.contains(&key.text)) {
        problems.push(Problem::error(
            span,
            format!("`{text}` is set by `msk_iam_auth`"),
            format!(
                "leave it out here, or leave `msk_iam_auth` out (line {})",
                iam.line
            ),
        ));
    }
}

/// Secrets are referred to, never written.
pub fn secrets(host: &HostTree, problems: &mut Vec<Problem>) {
    let extra = at!(host, client.properties.extra).entries();
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
