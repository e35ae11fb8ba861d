//! A private key in memory: checks before it is passed to an agent.
//!
//! Only the PEM envelope is checked, for messages that never contain a part of the key; OpenSSH reads
//! the rest.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

/// The labels (RFC 7468) that OpenSSH accepts: OpenSSL's, PKCS #8, and its own.
const LABELS: [&str; 6] = [
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
];

/// A private key as PEM, with the line ends that OpenSSH requires.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    text: SecretString,
    protected: bool,
}

/// Why a text is no usable private key. No error contains a part of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKey {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has a passphrase.
    #[error("it is protected by a passphrase, and nobody is asked here")]
    Protected,
    /// It is a public key.
    #[error("it is a public key, not a private one")]
    Public,
    /// It is a certificate.
    #[error("it is a certificate, not a private key")]
    Certificate,
    /// It is in PuTTY's own format.
    #[error("it is in PuTTY's format, which OpenSSH does not read")]
    Putty,
    /// Its line ends are lost.
    #[error("it is a PEM without its line ends")]
    OneLine,
    /// It is cut off.
    #[error("it is cut short: the line `-----END … PRIVATE KEY-----` is not there")]
    CutShort,
    /// It is something else.
    #[error("it is no private key in PEM (`-----BEGIN … PRIVATE KEY-----`)")]
    NoPem,
    /// OpenSSH refuses it.
    #[error("`ssh-add` does not take it: {message}")]
    Refused {
        /// Its message, escaped.
        message: String,
    },
}

impl BadKey {
    /// What helps.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Protected => {
                "store it without one (`ssh-keygen -p -N '' -f COPY`), or load it into an agent \
                 of your own and leave `key` out"
            }
            Self::Putty => "`puttygen KEY.ppk -O private-openssh -o KEY.pem` makes one of it",
            Self::OneLine | Self::CutShort => {
                "store the whole file anew: `aws ssm put-parameter --type SecureString --overwrite \
                 --name NAME --value file://KEY.pem` (a key above 4 KB needs `--tier Advanced`)"
            }
            _ => "it must be the private key itself, as EC2 hands it out when a key pair is made",
        }
    }
}

impl PrivateKey {
    /// Checks a text and repairs line ends that storage may have changed.
    ///
    /// # Errors
    /// When it is no private key.
    pub fn parse(text: &SecretString) -> Result<Self, BadKey> {
        let text = text.expose_secret();
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(BadKey::Empty);
        }
        let first = text.lines().next().unwrap_or_default().trim_end();
        let label = first
            .strip_prefix("-----BEGIN ")
            .and_then(|label| label.strip_suffix("-----"));
        let Some(label) = label.filter(|label| LABELS.contains(label)) else {
            return Err(refused(text, first));
        };
        let last = text.lines().next_back().unwrap_or_default();
        if last != format!("-----END {label}-----") {
            return Err(BadKey::CutShort);
        }
        // Preallocated: a growing buffer would leave copies behind.
        let mut repaired = Zeroizing::new(String::with_capacity(text.len() + 1));
        for line in text.lines() {
            repaired.push_str(line.trim_end());
            repaired.push('\n');
        }
        Ok(Self {
            protected: is_protected(label, &repaired),
            text: SecretString::from(repaired.as_str()),
        })
    }

    /// The same, for use without a prompt.
    ///
    /// # Errors
    /// As [`PrivateKey::parse`], and when it has a passphrase.
    pub(crate) fn unprotected(text: &SecretString) -> Result<Self, BadKey> {
        let key = Self::parse(text)?;
        if key.protected {
            return Err(BadKey::Protected);
        }
        Ok(key)
    }

    /// The PEM, with a line end after its last line.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

/// What a text is instead of a private key.
fn refused(text: &str, first: &str) -> BadKey {
    let public = ["ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC"];
    if first.starts_with("PuTTY-User-Key-File") {
        BadKey::Putty
    } else if public.iter().any(|start| first.starts_with(start))
        || first.starts_with("-----BEGIN ") && first.contains("PUBLIC KEY-----")
    {
        BadKey::Public
    } else if first.starts_with("-----BEGIN CERTIFICATE-----") {
        BadKey::Certificate
    } else if first.starts_with("-----BEGIN ")
        && first.contains("PRIVATE KEY-----")
        && text.lines().count() == 1
    {
        BadKey::OneLine
    } else {
        BadKey::NoPem
    }
}

/// Whether a passphrase is needed: OpenSSL has a header for it, PKCS #8 a label, OpenSSH
/// (PROTOCOL.key) the name of a cipher at the start.
fn is_protected(label: &str, pem: &str) -> bool {
    if label == "ENCRYPTED PRIVATE KEY" {
        return true;
    }
    if label != "OPENSSH PRIVATE KEY" {
        return pem.lines().any(|line| {
            line.starts_with("Proc-Type:") && line.to_ascii_uppercase().contains("ENCRYPTED")
        });
    }
    // The magic, a length, and `none` (23 bytes) are in the first line.
    let Some(start) = pem.lines().nth(1).and_then(|line| line.get(..32)) else {
        return false;
    };
    let bytes = Zeroizing::new(STANDARD.decode(start).unwrap_or_default());
    bytes.starts_with(b"openssh-key-v1\0") && !bytes[15..].starts_with(b"\0\0\0\x04none")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn keygen(kind: &str, format: &str, passphrase: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let args = ["-q", "-C", "", "-t", kind, "-m", format, "-N", passphrase];
        let status = Command::new("ssh-keygen")
            .args(args)
            .arg("-f")
            .arg(&file)
            .status();
        assert!(status.expect("install openssh-client").success());
        std::fs::read_to_string(&file).expect("a key")
    }

    fn parse(text: &str) -> Result<PrivateKey, BadKey> {
        PrivateKey::unprotected(&SecretString::from(text))
    }

    #[test]
    fn keys_in_every_format_are_accepted_and_their_line_ends_repaired() {
        for (kind, format) in [
            ("ed25519", "RFC4716"),
            ("ecdsa", "PEM"),
            ("ecdsa", "PKCS8"),
            ("rsa", "PEM"),
        ] {
            let text = keygen(kind, format, "");
            assert_eq!(parse(&text).expect(format).expose(), text);
            for spoiled in [
                text.replace('\n', "\r\n"),
                text.trim_end().to_owned(),
                format!("\u{feff}\n {text}\n\n"),
                text.replace('\n', " \n"),
            ] {
                assert_eq!(parse(&spoiled).expect(format).expose(), text);
            }
        }
    }

    #[test]
    fn an_unusable_key_is_refused_without_leaking_it() {
        let good = keygen("ed25519", "RFC4716", "");
        let body = good.lines().nth(1).expect("a line").to_owned();
        let cases = [
            ("  \n".to_owned(), BadKey::Empty),
            (keygen("ed25519", "RFC4716", "secret"), BadKey::Protected),
            (keygen("ecdsa", "PKCS8", "secret"), BadKey::Protected),
            (keygen("ecdsa", "PEM", "secret"), BadKey::Protected),
            (format!("ssh-ed25519 {body} me@here"), BadKey::Public),
            (
                format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"),
                BadKey::Public,
            ),
            (
                format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"),
                BadKey::Certificate,
            ),
            (
                format!("PuTTY-User-Key-File-3: ssh-ed25519\n{body}"),
                BadKey::Putty,
            ),
            (good.replace('\n', " "), BadKey::OneLine),
            (good.replace('\n', "\\n"), BadKey::OneLine),
            (good[..good.len() / 2].to_owned(), BadKey::CutShort),
            (good.replace("OPENSSH", "SECRET"), BadKey::NoPem),
            (format!("{{\"key\": \"{body}\"}}"), BadKey::NoPem),
            (body.clone(), BadKey::NoPem),
        ];
        for (text, wrong) in cases {
            let error = parse(&text).expect_err("no key");
            assert_eq!(error, wrong);
            assert!(!format!("{error} {error:?} {}", error.help()).contains(&body[..12]));
        }
        // `trueup key` gives out a key with a passphrase, too.
        let protected = SecretString::from(keygen("ed25519", "RFC4716", "secret"));
        assert!(PrivateKey::parse(&protected).is_ok());
        assert!(!format!("{:?}", parse(&good).expect("a key")).contains(&body[..12]));
    }
}
