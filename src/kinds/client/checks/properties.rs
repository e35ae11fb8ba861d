//! `client.properties`, what it needs, and the role in it.

use std::collections::BTreeMap;

use crate::{
    action::Mode,
    at,
    diagnostic::{Problem, Span},
    jaas,
    kinds::{
        client::{Client, fill::home, msk_iam_auth::Mechanism},
        env::Env,
        files::Files,
        start_file,
    },
    names::HostPath,
    spec::{
        at::{At, Text},
        checks::{is_secret, name, parameter, reference, secret_option},
        merge::HostTree,
        tree::{Key, Node, Value},
        types::{PropertyValue, SecretRef},
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
pub(crate) fn parts_are_there(host: &HostTree, problems: &mut Vec<Problem>) {
    if !host.of::<Client>().all_known() {
        return;
    }
    let kafka = at!(host.of::<Client>(), kafka);
    let jar = at!(host.of::<Client>(), msk_iam_auth);
    let properties = at!(host.of::<Client>(), properties);
    let add_kafka = "add `kafka: { version: …, scala: … }` to `client`";
    if let Some(span) = without(jar, kafka) {
        problems.push(Problem::error(
            span,
            "`msk_iam_auth` has no Kafka to go into",
            format!("its jar goes into Kafka's `libs`: {add_kafka}"),
        ));
    }
    if let Some(span) = without(at!(host.of::<Client>(), classpath), jar) {
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
    let classpath = at!(host.of::<Client>(), classpath);
    start_file::check(at!(classpath, r#in), at!(classpath, r#become), problems);
}

/// What the client sets is no variable of `env`.
pub(crate) fn variables_are_their_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let sets = [
        (
            "CLASSPATH",
            "classpath",
            at!(host.of::<Client>(), classpath).key(),
        ),
        ("JAVA_HOME", "java", at!(host.of::<Client>(), java).key()),
    ];
    let variables = host.of::<Env>().untagged(Env);
    for (name, part, there) in sets {
        if let Some(key) = variables.keys().find(|key| key.text == name)
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
    name(
        at!(host.of::<Client>(), kafka.home),
        HostPath::folder,
        problems,
    );
    name(
        at!(host.of::<Client>(), properties.path),
        HostPath::file,
        problems,
    );
}

/// No other file is at their place.
pub(crate) fn path_is_its_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let properties = at!(host.of::<Client>(), properties);
    let of_kafka = || {
        Some(format!(
            "{}/bin/client.properties",
            home(at!(host.of::<Client>(), kafka))?
        ))
    };
    let path = match at!(properties, path).text() {
        Some(path) => Some(path.text.to_owned()),
        None => of_kafka().filter(|_| properties.is_there()),
    };
    let Some(Ok(path)) = path.map(|path| HostPath::file(&path)) else {
        return;
    };
    for file in host.of::<Files>().untagged(Files).values() {
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
    let extra = at!(host.of::<Client>(), properties.extra);
    let absent = at!(host.of::<Client>(), properties.absent);
    let wanted: BTreeMap<&str, Span> = extra.keys().map(|key| (key.text, key.span)).collect();
    let mut unwanted: BTreeMap<&str, Span> = BTreeMap::new();
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
    let Some(Text { text, span }) = at!(host.of::<Client>(), properties.mode).text() else {
        return;
    };
    let label = match Mode::parse(text).map(|mode| mode.0) {
        None => "write three or four octal digits, such as `\"0600\"` or `\"0640\"`",
        Some(mode) if mode & 0o600 != 0o600 => {
            "begin with `06`: its owner reads it, and trueup writes it"
        }
        Some(mode) => {
            let mut extra = at!(host.of::<Client>(), properties.extra).entries().iter();
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
pub(crate) fn iam_keys(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(iam) = at!(host.of::<Client>(), msk_iam_auth).key() else {
        return;
    };
    let oauth = at!(host.of::<Client>(), msk_iam_auth.mechanism).is(Mechanism::Oauthbearer);
    let decided = &IAM[..if oauth { 5 } else { 4 }];
    let properties = at!(host.of::<Client>(), properties);
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
    let extra = at!(host.of::<Client>(), properties.extra).entries();
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

/// Names of parameters are such names.
pub fn parameters(host: &HostTree, problems: &mut Vec<Problem>) {
    let extra = at!(host.of::<Client>(), properties.extra).values();
    for value in extra {
        let name = at!(value, (PropertyValue::Secret)[SecretRef::SsmParameter]);
        parameter(name, problems);
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
