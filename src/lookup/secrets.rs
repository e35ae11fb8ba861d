//! Secret values that a spec refers to, from the environment or a file of this machine.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::bootstrap;
use crate::{
    action::Value,
    kinds::{
        Address,
        client::properties,
        declared::{Inputs, Reference},
    },
    spec::{ResolvedHost, SecretRef},
};

/// A reference that cannot be resolved. Exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {reason}\n  help: {help}")]
pub struct Missing {
    /// The key or resource, as the spec names it.
    subject: String,
    reason: String,
    help: String,
}

/// Where references are looked up.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'p> {
    /// Parameters that were looked up.
    pub parameters: &'p BTreeMap<String, SecretString>,
    /// The spec: relative files start at its folder.
    pub spec: &'p Path,
    /// The environment.
    pub environment: &'p BTreeMap<String, String>,
}

/// Reads what the resources of a host refer to, as far as they are looked at.
///
/// # Errors
/// All references that cannot be resolved.
pub fn resolve(
    host: &ResolvedHost,
    looked_at: impl Fn(&Address) -> bool,
    sources: &Sources<'_>,
) -> Result<Inputs, Vec<Missing>> {
    let mut given = Inputs::default();
    let mut missing = Vec::new();
    for Reference {
        address,
        key,
        secret: reference,
        ..
    } in host.references()
    {
        if !looked_at(&address) {
            continue;
        }
        let value = match reference {
            // A missing one was reported by its look-up.
            SecretRef::SsmParameter(name) => Ok(sources.parameters.get(name).cloned()),
            SecretRef::Env(_) | SecretRef::File(_) => {
                secret(&key, reference, sources.spec, sources.environment).map(Some)
            }
        };
        match value {
            Ok(Some(value)) => {
                let reference = reference.clone();
                given
                    .secrets
                    .insert(key, Value::Secret { reference, value });
            }
            Ok(None) => {}
            Err(error) => missing.push(Missing {
                subject: match address == properties::ADDRESS {
                    true => format!("property {}", error.subject),
                    false => error.subject,
                },
                ..error
            }),
        }
    }
    for (address, name) in host.sources() {
        if !looked_at(&address) || given.sources.contains_key(name) {
            continue;
        }
        match source(&address, name, sources) {
            Ok(bytes) => {
                given.sources.insert(name.to_owned(), bytes);
            }
            Err(error) => missing.push(error),
        }
    }
    if missing.is_empty() {
        Ok(given)
    } else {
        Err(missing)
    }
}

/// Most bytes of a file that goes to a host with a step: more is for a download.
const LARGEST_SOURCE: u64 = 1024 * 1024;

/// The bytes of a local file, for the resource that wants them.
fn source(address: &Address, name: &str, sources: &Sources<'_>) -> Result<Vec<u8>, Missing> {
    let path = local_path(name, sources.spec, sources.environment);
    let missing = |reason: String, help: &str| Missing {
        subject: format!("`{address}`"),
        reason: format!("`{}` {reason}", path.display()),
        help: help.to_owned(),
    };
    let read = || -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let most = LARGEST_SOURCE + 1;
        fs::File::open(&path)?.take(most).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 != most).then_some(bytes))
    };
    match read() {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(missing(
            "is larger than 1 MiB".into(),
            "have a package bring it (`packages`), or take it to the host by other means",
        )),
        Err(error) => Err(missing(
            format!("cannot be read: {error}"),
            "a relative path starts at the spec's folder",
        )),
    }
}

/// Reads one secret; `key` is what the spec calls it. A parameter of the Parameter Store is not read
/// here: see [`super::settle`].
///
/// # Errors
/// When the reference leads nowhere.
pub fn secret(
    key: &str,
    reference: &SecretRef,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<SecretString, Missing> {
    let missing = |reason: String, help: String| Missing {
        subject: format!("`{key}`"),
        reason,
        help,
    };
    match reference {
        SecretRef::Env(name) => match environment.get(name) {
            Some(value) => checked(key, value).map_err(|wrong| {
                missing(
                    format!("the environment variable `{name}` {wrong}"),
                    ALONE.into(),
                )
            }),
            None => Err(missing(
                format!("the environment variable `{name}` is not set"),
                format!("export {name}=…"),
            )),
        },
        SecretRef::File(name) => {
            let path = local_path(name, spec, environment);
            match fs::read_to_string(&path) {
                Ok(text) => checked(key, &text).map_err(|wrong| {
                    missing(format!("`{}` {wrong}", path.display()), ALONE.into())
                }),
                Err(error) => Err(missing(
                    format!("`{}` cannot be read: {error}", path.display()),
                    "a relative path starts at the spec's folder".into(),
                )),
            }
        }
        SecretRef::SsmParameter(name) => Err(missing(
            format!("nobody asked for the parameter `{name}`"),
            "use `{ env: NAME }` or `{ file: PATH }`".into(),
        )),
    }
}

/// What a parameter of the Parameter Store holds, as the spec's `key` means it.
///
/// # Errors
/// A message with a help, when `key` cannot have this value.
pub(crate) fn of_parameter(
    key: &str,
    name: &str,
    value: &SecretString,
) -> Result<SecretString, String> {
    checked(key, value.expose_secret())
        .map_err(|wrong| format!("`{key}`: the parameter `{name}` {wrong}\n  help: {ALONE}"))
}

const ALONE: &str = "keep the password alone, in a place of its own, such as a parameter: `aws ssm \
                     put-parameter --type SecureString --name NAME --value file://PASSWORD`";

/// A secret without the newline that editors, `echo` and `aws … --value file://` leave at its end.
///
/// # Errors
/// What is wrong with it, when it is no password and `key` wants one.
fn checked(key: &str, text: &str) -> Result<SecretString, &'static str> {
    let text = match text.strip_suffix('\n') {
        Some(text) => text.strip_suffix('\r').unwrap_or(text),
        None => text,
    };
    let wants_password = ["password", bootstrap::PASSWORD]
        .iter()
        .any(|end| key.ends_with(end));
    if wants_password && is_object(text) {
        return Err("holds a JSON object, as Secrets Manager keeps logins, and not a password");
    }
    Ok(SecretString::from(text))
}

fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_ok()
}

/// A path of this machine that a spec names: `~` is the user's home, and a relative one starts at
/// the spec's folder.
pub(crate) fn local_path(
    name: &str,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> PathBuf {
    match (name.strip_prefix("~/"), environment.get("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => spec.parent().unwrap_or_else(|| Path::new(".")).join(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Source, load};

    #[test]
    fn paths_start_at_home_or_at_the_spec() {
        let environment = [("HOME".to_owned(), "/home/me".to_owned())].into();
        let at = |name| local_path(name, Path::new("specs/a.yaml"), &environment);
        assert_eq!(at("~/k.pem"), Path::new("/home/me/k.pem"));
        assert_eq!(at("k.pem"), Path::new("specs/k.pem"));
        assert_eq!(at("/k.pem"), Path::new("/k.pem"));
    }

    #[test]
    fn one_newline_at_the_end_is_not_of_a_secret() {
        for (text, is) in [
            ("p\n", "p"),
            ("p\r\n", "p"),
            ("p\n\n", "p\n"),
            ("p\r", "p\r"),
            ("p", "p"),
            (" p ", " p "),
            ("\n", ""),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("secret"), text).expect("written");
            let spec = folder.path().join("spec.yaml");
            let environment = [("SECRET".to_owned(), text.to_owned())].into();
            for reference in [
                SecretRef::Env("SECRET".into()),
                SecretRef::File("secret".into()),
            ] {
                let read = secret("ssl.key.password", &reference, &spec, &environment);
                assert_eq!(read.expect("read").expose_secret(), is, "{text:?}");
            }
            let parameter = SecretString::from(text);
            let read = of_parameter("ssl.key.password", "/p", &parameter);
            assert_eq!(read.expect("read").expose_secret(), is, "{text:?}");
        }
    }

    #[test]
    fn a_login_in_json_is_no_password() {
        let login = "{\"username\":\"u\",\"password\":\"canary\"}\n";
        let of = |key: &str, text: &str| of_parameter(key, "/p", &SecretString::from(text));
        for key in [
            bootstrap::PASSWORD,
            super::super::tables::PASSWORD,
            "client.properties.extra.ssl.keystore.password",
        ] {
            let error = of(key, login).expect_err(key);
            assert!(
                error.contains("JSON object") && error.contains("/p"),
                "{error}"
            );
            assert!(!error.contains("canary"), "{error}");
            assert!(of(key, "{not json").is_ok() && of(key, "[1]").is_ok());
        }
        assert!(of("client.properties.extra.some.json", login).is_ok());
    }

    #[test]
    fn every_reference_that_leads_nowhere_is_named() {
        let source = Source {
            path: "x.yaml".into(),
            text: "version: 1\nhosts: { h: { local: {} } }\nclient:\n  properties:\n    path: ~/p\n    \
                   extra: { a.password: { env: NOT_SET }, b.password: { file: not-there }, c: plain }\n"
                .into(),
        };
        let (spec, problems) = load(&source, &crate::spec::Given::default());
        let host = spec
            .unwrap_or_else(|| panic!("{problems:?}"))
            .hosts
            .remove(0);
        let read = |environment: &BTreeMap<String, String>| {
            let sources = Sources {
                parameters: &BTreeMap::new(),
                spec: Path::new("x.yaml"),
                environment,
            };
            resolve(&host, |_| true, &sources).expect_err("some lead nowhere")
        };
        let missing = read(&BTreeMap::new());
        let text: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert!(
            text.len() == 2 && text[0].contains("NOT_SET") && text[1].contains("not-there"),
            "{text:?}"
        );
        let environment = [("NOT_SET".to_owned(), "canary".to_owned())].into();
        assert_eq!(read(&environment).len(), 1);
    }
}
