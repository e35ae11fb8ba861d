//! `client/properties`: `client.properties` for Kafka's tools.

mod spec;

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use serde::Serialize;

use super::{
    kafka,
    stores::{self, Lacking},
};
use crate::{
    action::{Action, Mode, Value},
    facts::{Host, Observation, Section},
    jaas,
    kinds::{
        Address, Change, Effect, Fields, Kind, Probe, Verdict, Work,
        managed::{Managed, PathKind},
    },
    names::RoleArn,
    properties,
    text::enumerate,
};

pub use spec::Properties;

/// Its address in plans.
pub const ADDRESS: Address = Address::of("client/properties");

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// The file, symbolic.
    pub path: String,
    /// Keys and their values.
    pub set: IndexMap<String, Value>,
    /// Keys that must not be there.
    pub absent: Vec<String>,
    /// What the jaas line must hold, where the spec's `msk_iam_auth` says it: options of the file's
    /// own stay beside it.
    pub login: Option<jaas::JaasLogin>,
    /// The bits that its mode may have at most.
    pub mode: Mode,
    /// The file lies in Kafka's home.
    pub in_kafka_home: bool,
    /// Its folder comes with Kafka's archive.
    pub in_archive: bool,
}

/// What is at the file's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Permission bits; `None`: there is no file.
    pub mode: Option<Mode>,
    /// The keys that the spec names, as far as they are there, in their normal form. Values of
    /// secret keys are in the digest alone, which is salted.
    pub named: BTreeMap<String, String>,
    unnamed: Vec<String>,
    lines: BTreeMap<String, usize>,
    raw: BTreeMap<String, String>,
    /// A byte order mark stands before the first entry, and so, to Java, in its key.
    pub marked: bool,
    /// Files that are not there, or no files: the key, and how it is called for people.
    stores: Vec<Lacking>,
    malformed: Option<String>,
    path: Managed,
}

const PROBE: Probe = Probe {
    function: "probe_properties",
    texts: &[include_str!("probe.sh")],
    after_login: false,
};

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        ADDRESS
    }

    fn requires(&self) -> Vec<Address> {
        if self.in_kafka_home {
            vec![kafka::ADDRESS]
        } else {
            vec![]
        }
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let stores = self.set.iter().filter_map(|(key, value)| {
            let (_, path) = stores::named_by(key, value.expose())?;
            (!value.is_secret() && path.starts_with('/')).then_some(path)
        });
        std::iter::once(self.path.clone()).chain(stores).collect()
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
            .map(|entry| (entry.key.clone(), text_of(entry)))
            .collect();
        let unmarked = Some(properties::unmarked(&content)).filter(|rest| *rest != content);
        let unmarked = unmarked.and_then(|rest| properties::entries(rest).ok());
        // Before a comment it makes a key of its own, which harms nobody.
        let marked = unmarked
            .as_ref()
            .is_some_and(|rest| rest.len() == entries.len());
        // What will be there, once the mark is gone.
        let entries = unmarked.filter(|_| marked).unwrap_or(entries);
        let is_named =
            |key: &str| self.set.contains_key(key) || self.absent.iter().any(|a| a == key);
        let mut unnamed: Vec<String> = entries
            .iter()
            .map(|entry| entry.key.clone())
            .filter(|key| !is_named(key))
            .collect();
        unnamed.sort();
        unnamed.dedup();
        let wanted = self.set.iter().map(|(key, value)| (key, value.expose()));
        let kept = entries.iter().map(|entry| (&entry.key, &*entry.value));
        let kept = kept.filter(|(key, _)| !is_named(key));
        let stores = stores::lacking(records, wanted.chain(kept));
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
            marked,
            stores,
            malformed,
            path,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("mode", &observed.mode)
            .with("named", &observed.named)
            .with_any("marked", &observed.marked)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
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
        if let Some(blocked) = observed.path.no_folder(host) {
            return blocked;
        }
        let mut differences = Differences::default();
        let mut kept = Vec::new();
        for (key, wanted) in &self.set {
            let found = observed.raw.get(key).map(String::as_str);
            let mut wanted = wanted.clone();
            if let Some(login) = self.login.as_ref().filter(|_| key == JAAS) {
                let options = found.map(|found| jaas::own_options(login, found));
                let mut whole = login.clone();
                for (name, value) in options.unwrap_or_default() {
                    kept.push(name.clone());
                    whole.options.push((name, value));
                }
                if !kept.is_empty() {
                    wanted = Value::Plain(jaas::write(&whole));
                }
            }
            if found.is_some_and(|found| normal(key, found) == normal(key, wanted.expose())) {
                continue;
            }
            differences.change(observed, key, found, Some(&wanted), &kept);
            differences.set.insert(key.clone(), wanted);
        }
        let unwanted = self.absent.iter().map(String::as_str);
        for key in unwanted.chain(self.other_mechanism(observed)) {
            let Some(found) = observed.raw.get(key) else {
                continue;
            };
            differences.change(observed, key, Some(found), None, &kept);
            differences.remove.push(key.to_owned());
        }
        let Differences {
            mut changes,
            first_line,
            set,
            remove,
        } = differences;
        let keys = changes.len();
        if observed.marked {
            changes.push(Change::shown("byte order mark", Some("there"), None));
        }
        // Bits that the spec does not allow; a stricter mode is as good, and stays.
        let open = observed.mode.filter(|mode| mode.0 & !self.mode.0 != 0);
        let mode = match (open, observed.mode) {
            (None, Some(stricter)) => stricter,
            _ => self.mode,
        };
        if let Some(open) = open {
            let (before, after) = (open.to_string(), mode.to_string());
            changes.push(Change::shown("mode", Some(&before), Some(&after)));
        }
        if there && changes.is_empty() {
            return Verdict::InPlace;
        }
        // A tree that is another account's is given as a whole, not file by file.
        let wanted = host.expand(&self.path);
        let tree = wanted.rsplitn(3, '/').nth(2).filter(|_| self.in_archive);
        if let Some(blocked) = observed.path.blocked_in(tree, &format!("`{shown}`"), host) {
            return blocked;
        }
        let folder = observed.path.folder_to_make().filter(|_| !self.in_archive);
        if let Some(folder) = &folder {
            let after = format!("{}, 0700", host.shorten(folder));
            changes.push(Change::shown("folder", None, Some(&after)));
        }
        let path = observed.path.real.clone();
        let action = if there && keys == 0 && !observed.marked {
            Action::SetMode { path, mode }
        } else {
            Action::EditProperties {
                path,
                set,
                remove,
                mode,
                folder,
            }
        };
        let reason = match (there, keys, first_line) {
            (false, ..) => format!("`{shown}` is missing"),
            _ if observed.marked => format!(
                "{shown} begins with a byte order mark, which Java takes for a part of the first key"
            ),
            (true, 0, _) => format!(
                "the mode of {shown} is {}, the spec wants {mode}",
                open.map(|mode| mode.to_string()).unwrap_or_default()
            ),
            (true, 1, line) => match observed.refused(&changes[0].path) {
                Some(refused) => format!(
                    "`{}` in {shown}, line {}, is refused by Kafka: {refused}",
                    changes[0].path,
                    line.unwrap_or_default()
                ),
                None => one_key(&changes[0], &shown, line),
            },
            (true, keys, line) => {
                let line = line
                    .map(|line| format!(", line {line}"))
                    .unwrap_or_default();
                format!(
                    "{keys} of {} keys differ in {shown}{line}",
                    (self.set.len() + self.absent.len()).max(keys),
                )
            }
        };
        let mut work = Work::new(Effect::on(there), reason, changes, vec![action]);
        let mut names: Vec<String> = observed
            .unnamed
            .iter()
            .filter(|key| Some(key.as_str()) != self.other_mechanism(observed))
            .map(|key| format!("`{key}`"))
            .collect();
        names.extend(kept.iter().map(|name| format!("`{name}` of `{JAAS}`")));
        if !names.is_empty() {
            work.notes
                .push(format!("kept, not in the spec: {}", enumerate(&names)));
        }
        work.verdict()
    }

    fn warnings(&self, observed: &Observed, host: &Host) -> Vec<String> {
        let shown = host.shorten(&observed.path.real);
        let partition = self.login.as_ref().and_then(other_partition);
        let partition = partition.map(|partition| {
            format!(
                "the role is in `{partition}`, and AWS's jar asks the global STS of `aws` for it\n  \
                 help: add `options: {{ awsStsRegion: … }}`, a region of it, to `msk_iam_auth`"
            )
        });
        let line = |key: &str| observed.lines.get(key).copied();
        let stores = observed.stores.iter();
        let stores = stores.map(|one| one.warning(&shown, line(&one.key)));
        stores.chain(partition).collect()
    }
}

/// The partition of a role for which the wrong STS is asked.
fn other_partition(login: &jaas::JaasLogin) -> Option<String> {
    let role = RoleArn::parse(login.option(jaas::ROLE)?).ok()?;
    let wrong = role.partition() != "aws" && login.option("awsStsRegion").is_none();
    wrong.then(|| role.partition().to_owned())
}

impl Wanted {
    /// The key that only the other mechanism knows, where its value says that it was for that one:
    /// with both, no client can log in.
    fn other_mechanism(&self, observed: &Observed) -> Option<&'static str> {
        let ours = self.login.is_some() && !self.set.contains_key(jaas::LOGIN_HANDLER);
        let named = self.absent.iter().any(|key| key == jaas::LOGIN_HANDLER);
        let found = observed.raw.get(jaas::LOGIN_HANDLER)?;
        (ours && !named && found.contains("OAuthBearer")).then_some(jaas::LOGIN_HANDLER)
    }
}

impl Observed {
    /// Why Kafka refuses a jaas line that stands there.
    fn refused(&self, key: &str) -> Option<jaas::Refused> {
        let found = self.raw.get(key).filter(|_| key.ends_with(JAAS))?;
        jaas::read(java_trim(found)).err()
    }
}

/// Keys that differ, and what is to be done about them.
#[derive(Default)]
struct Differences {
    changes: Vec<Change>,
    first_line: Option<usize>,
    set: IndexMap<String, Value>,
    remove: Vec<String>,
}

impl Differences {
    /// Notes a key that differs; `kept` are the options whose values are the user's.
    fn change(
        &mut self,
        observed: &Observed,
        key: &str,
        found: Option<&str>,
        wanted: Option<&Value>,
        kept: &[String],
    ) {
        self.first_line = self.first_line.or(observed.lines.get(key).copied());
        let secret = is_sensitive(key) || wanted.is_some_and(Value::is_secret);
        self.changes.push(if secret {
            Change::sensitive(key)
        } else {
            let before = found.map(|value| mask(key, value, kept));
            let after = wanted.map(|value| mask(key, value.expose(), kept));
            Change::shown(key, before.as_deref(), after.as_deref())
        });
    }
}

/// The key of the jaas line.
const JAAS: &str = "sasl.jaas.config";

/// As Kafka trims the values of its settings.
fn java_trim(value: &str) -> &str {
    value.trim_matches(|c| c <= ' ')
}

/// An entry's value, in a form that equals no text where it is none.
fn text_of(entry: &properties::Entry) -> String {
    if entry.whole {
        entry.value.clone()
    } else {
        format!("{} (with half of a surrogate pair)", entry.value)
    }
}

/// A value in the form in which values are compared: a jaas line by its meaning.
fn normal(key: &str, value: &str) -> String {
    let value = java_trim(value);
    if key.ends_with(JAAS)
        && let Ok(login) = jaas::read(value)
    {
        let mut options = login.options;
        options.sort();
        return format!("{} {} {options:?}", login.module, login.flag);
    }
    value.to_owned()
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

/// A value as it may be shown: in a jaas line only secret options are masked, so that reviewers see
/// the role, and those that are `kept`.
fn mask(key: &str, value: &str, kept: &[String]) -> String {
    if !key.ends_with(JAAS) {
        return value.to_owned();
    }
    let login = match jaas::read(java_trim(value)) {
        Ok(login) => login,
        Err(refused) => return format!("(not shown: Kafka refuses it: {refused})"),
    };
    let kept: HashSet<&str> = kept.iter().map(String::as_str).collect();
    let mut line = format!("{} {}", login.module, login.flag);
    for (name, value) in login.options {
        let value = if is_sensitive(&name) {
            "(sensitive)"
        } else if kept.contains(name.as_str()) {
            "(kept)"
        } else {
            &value
        };
        line.push_str(&format!(" {name}=\"{value}\""));
    }
    line.push(';');
    line
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
mod tests;
