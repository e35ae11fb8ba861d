//! `client/properties`: `client.properties` for Kafka's tools.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::{
    Change, Effect, Kind, Probe, Verdict, Work,
    kafka::enumerate,
    managed::{Managed, PathKind},
};
use crate::{
    action::{Action, Mode, Value},
    facts::{Host, Observation, Section},
    properties,
};

/// Its address in plans.
pub const ADDRESS: &str = "client/properties";

/// The file's mode: it may hold secrets.
const MODE: Mode = Mode(0o600);

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Properties {
    /// The file, symbolic.
    pub path: String,
    /// Keys and their values.
    pub set: IndexMap<String, Value>,
    /// Keys that must not be there.
    pub absent: Vec<String>,
    /// The file lies in Kafka's home.
    pub in_kafka_home: bool,
}

/// What is at the file's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// Permission bits; `None`: there is no file.
    pub mode: Option<Mode>,
    /// The keys that the spec names, as far as they are there, in their normal form. Values of
    /// secret keys are in the digest alone, which is salted.
    pub named: BTreeMap<String, String>,
    #[serde(skip)]
    unnamed: Vec<String>,
    #[serde(skip)]
    lines: BTreeMap<String, usize>,
    #[serde(skip)]
    raw: BTreeMap<String, String>,
    #[serde(skip)]
    malformed: Option<String>,
    #[serde(skip)]
    path: Managed,
}

const PROBE: Probe = Probe {
    function: "probe_properties",
    text: r#"
probe_properties() {
  path_facts "$1"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
}
"#,
    after_login: false,
};

impl Kind for Properties {
    type Observed = Observed;

    fn address(&self) -> &'static str {
        ADDRESS
    }

    fn requires(&self) -> &'static [&'static str] {
        if self.in_kafka_home {
            &["client/kafka"]
        } else {
            &[]
        }
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![self.path.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let read = Managed::read_file(records, host)
            .and_then(|path| path.content(records, host).map(|content| (path, content)));
        let (path, content) = match read {
            Ok(read) => read,
            Err(reason) => return Observation::Unknown(reason),
        };
        let (entries, malformed) = match properties::entries(&content) {
            Ok(entries) => (entries, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let raw: BTreeMap<String, String> = entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.clone()))
            .collect();
        let is_named =
            |key: &str| self.set.contains_key(key) || self.absent.iter().any(|a| a == key);
        let mut unnamed: Vec<String> = raw.keys().filter(|key| !is_named(key)).cloned().collect();
        unnamed.dedup();
        Observation::Present(Observed {
            mode: path.mode.filter(|_| path.kind == PathKind::File).map(Mode),
            named: raw
                .iter()
                .filter(|(key, _)| is_named(key))
                .map(|(key, value)| (key.clone(), normal(key, value)))
                .collect(),
            unnamed,
            lines: entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.line))
                .collect(),
            raw,
            malformed,
            path,
        })
    }

    fn differ(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        let Some(observed) = observed else {
            unreachable!("`read` gives what is at the place, also when nothing is")
        };
        let shown = host.shorten(&observed.path.real);
        let there = match (observed.path.kind, &observed.path.link_refused) {
            (PathKind::File, _) => true,
            (PathKind::Absent, None) => false,
            (PathKind::Absent, Some(_)) => true,
            _ => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there and is no plain file"),
                    help: "move it away, or name another `path`".into(),
                };
            }
        };
        if let Some(malformed) = &observed.malformed {
            return Verdict::Blocked {
                reason: format!("`{shown}` is {malformed}"),
                help: "mend the line by hand".into(),
            };
        }
        let mut changes = Vec::new();
        let mut first_line = None;
        let mut set = IndexMap::new();
        for (key, wanted) in &self.set {
            let found = observed.raw.get(key).map(String::as_str);
            if found.is_some_and(|found| normal(key, found) == normal(key, wanted.expose())) {
                continue;
            }
            set.insert(key.clone(), wanted.clone());
            first_line = first_line.or(observed.lines.get(key).copied());
            changes.push(if wanted.is_secret() || is_sensitive(key) {
                Change::sensitive(key.as_str())
            } else {
                Change::shown(
                    key.as_str(),
                    found.map(|value| mask(key, value)).as_deref(),
                    Some(&mask(key, wanted.expose())),
                )
            });
        }
        let mut remove = Vec::new();
        for key in self
            .absent
            .iter()
            .filter(|key| observed.raw.contains_key(*key))
        {
            remove.push(key.clone());
            first_line = first_line.or(observed.lines.get(key).copied());
            changes.push(if is_sensitive(key) {
                Change::sensitive(key.as_str())
            } else {
                Change::shown(
                    key.as_str(),
                    observed
                        .raw
                        .get(key)
                        .map(|value| mask(key, value))
                        .as_deref(),
                    None,
                )
            });
        }
        let keys = changes.len();
        let mode_differs = observed.mode.is_some_and(|mode| mode != MODE);
        if mode_differs {
            let before = observed.mode.map(|mode| mode.to_string());
            changes.push(Change::shown(
                "mode",
                before.as_deref(),
                Some(&MODE.to_string()),
            ));
        }
        if there && changes.is_empty() {
            return Verdict::InPlace;
        }
        if let Some(blocked) = observed.path.blocked(&format!("`{shown}`"), host) {
            return blocked;
        }
        let path = observed.path.real.clone();
        let action = if there && keys == 0 {
            Action::SetMode { path, mode: MODE }
        } else {
            Action::EditProperties {
                path,
                set,
                remove,
                mode: MODE,
            }
        };
        let reason = match (there, keys, first_line) {
            (false, ..) => format!("not there: {shown}"),
            (true, 0, _) => format!(
                "the mode of {shown} is {}, the spec wants {MODE}",
                observed
                    .mode
                    .map(|mode| mode.to_string())
                    .unwrap_or_default()
            ),
            (true, 1, line) => one_key(&changes[0], &shown, line),
            (true, keys, line) => {
                let line = line
                    .map(|line| format!(", line {line}"))
                    .unwrap_or_default();
                format!(
                    "{keys} of {} keys differ in {shown}{line}",
                    self.set.len() + self.absent.len(),
                )
            }
        };
        let mut work = Work::new(Effect::on(there), reason, changes, vec![action]);
        if !observed.unnamed.is_empty() {
            let names: Vec<String> = observed
                .unnamed
                .iter()
                .map(|key| format!("`{key}`"))
                .collect();
            work.notes
                .push(format!("kept, not in the spec: {}", enumerate(&names)));
        }
        work.verdict()
    }
}

/// A value in the form in which values are compared: a jaas line by its meaning.
fn normal(key: &str, value: &str) -> String {
    if key.ends_with("sasl.jaas.config")
        && let Some(login) = jaas(value)
    {
        let mut options = login.options;
        options.sort();
        return format!(
            "{} {} {options:?}",
            login.module,
            login.flag.to_ascii_lowercase()
        );
    }
    value.trim().to_owned()
}

/// Whether a key's value is never shown.
pub fn is_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "token"]
        .iter()
        .any(|word| key.contains(word))
        || key.ends_with("ssl.keystore.key")
        || key.ends_with("basic.auth.user.info")
}

/// A value as it may be shown: in a jaas line only the secret options are masked, so that
/// reviewers see the role.
fn mask(key: &str, value: &str) -> String {
    if !key.ends_with("sasl.jaas.config") {
        return value.to_owned();
    }
    let Some(login) = jaas(value) else {
        return "(not shown: it cannot be read as a jaas line)".into();
    };
    let mut line = format!("{} {}", login.module, login.flag);
    for (name, value) in login.options {
        let value = if is_sensitive(&name) {
            "(sensitive)"
        } else {
            &value
        };
        line.push_str(&format!(" {name}=\"{value}\""));
    }
    line.push(';');
    line
}

/// One entry of a jaas line.
struct Jaas {
    module: String,
    flag: String,
    options: Vec<(String, String)>,
}

/// Reads `MODULE FLAG NAME=VALUE …;` as Kafka's `JaasConfig` does: values quoted or bare. `None`:
/// it is something else.
fn jaas(line: &str) -> Option<Jaas> {
    let line = line.trim().strip_suffix(';')?;
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => word.push(chars.next()?),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ';') => return None,
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, c) => word.push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    if !word.is_empty() {
        words.push(word);
    }
    let mut words = words.into_iter();
    let (module, flag) = (words.next()?, words.next()?);
    let options = words
        .map(|word| {
            word.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Jaas {
        module,
        flag,
        options,
    })
}

/// Why the one key differs: what it is, where, and what the spec wants.
fn one_key(change: &Change, file: &str, line: Option<usize>) -> String {
    /// Longer values stand below, not in the sentence.
    const SHORT: usize = 40;
    let key = &change.path;
    let place = match line {
        Some(line) => format!("`{key}` in {file}, line {line},"),
        None => format!("`{key}` is not in {file};"),
    };
    let short = |side: &Option<String>| side.clone().filter(|value| value.len() <= SHORT);
    match (line, short(&change.before), short(&change.after)) {
        (None, _, Some(wanted)) => format!("{place} the spec wants {wanted}"),
        (None, ..) => format!("{place} the spec wants it"),
        (Some(_), Some(found), Some(wanted)) => {
            format!("{place} is {found}; the spec wants {wanted}")
        }
        (Some(_), Some(_), None) if change.after.is_none() => {
            format!("{place} is there; the spec wants it gone")
        }
        (Some(_), ..) => format!("{place} is another than the spec wants"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jaas_line_is_compared_by_its_meaning() {
        let key = "sasl.jaas.config";
        let same = [
            r#"a.M required awsRoleArn="arn:x" awsDebugCreds=true;"#,
            r#"a.M  Required awsDebugCreds="true"  awsRoleArn=arn:x ;"#,
            r"a.M required awsRoleArn='arn:x' awsDebugCreds=true;",
        ];
        for line in same {
            assert_eq!(normal(key, line), normal(key, same[0]), "{line}");
        }
        for line in [
            r#"a.M required awsRoleArn="arn:y" awsDebugCreds=true;"#,
            "a.M required;",
            "",
            "x",
        ] {
            assert_ne!(normal(key, line), normal(key, same[0]), "{line}");
        }
    }

    #[test]
    fn reviewers_see_the_role_and_no_secret() {
        let shown = mask(
            "sasl.jaas.config",
            r#"M required username="u" password="canary" awsRoleArn="arn:x";"#,
        );
        assert_eq!(
            shown,
            r#"M required username="u" password="(sensitive)" awsRoleArn="arn:x";"#
        );
        assert!(!mask("sasl.jaas.config", "M required password=\"canary").contains("canary"));
        let prefixed = mask("producer.sasl.jaas.config", "M required password=canary;");
        assert!(!prefixed.contains("canary"), "{prefixed}");
        for key in [
            "producer.ssl.keystore.key",
            "basic.auth.user.info",
            "a.Token",
        ] {
            assert!(is_sensitive(key), "{key}");
        }
    }
}
