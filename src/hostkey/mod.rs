//! Host keys.

pub mod console;
pub mod evidence;

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest, Sha256};

/// Types of host keys that OpenSSH accepts, each with its signature algorithms, in the order of
/// preference. Formats: RFC 8709 (ed25519), RFC 5656 (ecdsa), RFC
/// 4253 (rsa), and OpenSSH's PROTOCOL.u2f (sk-).
const KINDS: [(&str, &[&str]); 7] = [
    ("ssh-ed25519", &["ssh-ed25519"]),
    ("ecdsa-sha2-nistp256", &["ecdsa-sha2-nistp256"]),
    ("ecdsa-sha2-nistp384", &["ecdsa-sha2-nistp384"]),
    ("ecdsa-sha2-nistp521", &["ecdsa-sha2-nistp521"]),
    ("ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256"]),
    (
        "sk-ssh-ed25519@openssh.com",
        &["sk-ssh-ed25519@openssh.com"],
    ),
    (
        "sk-ecdsa-sha2-nistp256@openssh.com",
        &["sk-ecdsa-sha2-nistp256@openssh.com"],
    ),
];

/// Longest key, in characters: RSA with 16384 bits has 2764.
const LONGEST: usize = 4096;

/// A validated public key, without a comment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    /// The index in [`KINDS`].
    kind: usize,
    /// In base64, as OpenSSH writes it.
    blob: String,
}

/// Why a text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKey {
    /// It is a fingerprint.
    Fingerprint,
    /// It has a line end or another control character.
    Control,
    /// It begins with a host name, as in known_hosts; with the key's type.
    Named(&'static str),
    /// It is a damaged key of this type.
    Damaged(&'static str),
    /// It is of no known type.
    Unknown,
}

impl PublicKey {
    /// Reads `TYPE BASE64 [COMMENT]`; the comment is dropped.
    ///
    /// # Errors
    /// When it is not one complete key of a known type: the inner type must be the stated one, each
    /// part must have its length, and nothing may follow.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let md5 = text.len() == 47 && text.bytes().filter(|byte| *byte == b':').count() == 15;
        if text.starts_with("SHA256:") || text.starts_with("MD5:") || md5 {
            return Err(InvalidKey::Fingerprint);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidKey::Control);
        }
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let known = |word: &str| KINDS.iter().position(|(kind, _)| *kind == word);
        let first = words.first().and_then(|word| known(word));
        match (first, words.as_slice()) {
            (Some(kind), [name, blob, ..]) => {
                let whole = blob.len() <= LONGEST
                    && STANDARD
                        .decode(blob)
                        .is_ok_and(|bytes| is_whole(name, &bytes));
                let blob = (*blob).to_owned();
                if whole {
                    return Ok(Self { kind, blob });
                }
                Err(InvalidKey::Damaged(KINDS[kind].0))
            }
            (Some(kind), _) => Err(InvalidKey::Damaged(KINDS[kind].0)),
            (None, [_, second, _, ..]) => {
                Err(known(second)
                    .map_or(InvalidKey::Unknown, |kind| InvalidKey::Named(KINDS[kind].0)))
            }
            (None, _) => Err(InvalidKey::Unknown),
        }
    }

    /// Its type, such as `ssh-ed25519`.
    pub fn kind(&self) -> &'static str {
        KINDS[self.kind].0
    }

    /// Its signature algorithms, the preferred one first.
    pub fn algorithms(&self) -> &'static [&'static str] {
        KINDS[self.kind].1
    }

    /// Its fingerprint, as `ssh-keygen -l` prints it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        let bytes = STANDARD.decode(&self.blob).unwrap_or_default();
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(bytes)))
    }

    /// Its type and fingerprint, for people.
    pub fn shown(&self) -> String {
        format!("{} {}", self.kind(), self.fingerprint())
    }
}

/// `TYPE BASE64`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.blob)
    }
}

/// The line of a spec that pins these keys and no others.
pub fn spec_line(keys: &[PublicKey]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!("host_key: {{ pinned: [{}] }}", quoted.join(", "))
}

/// All signature algorithms, the preferred one first.
pub fn algorithms() -> impl Iterator<Item = &'static str> {
    KINDS
        .iter()
        .flat_map(|(_, algorithms)| algorithms.iter().copied())
}

/// Several keys for people: `TYPE SHA256:…, …`.
pub fn shown(keys: &[PublicKey]) -> String {
    let shown: Vec<String> = keys.iter().map(PublicKey::shown).collect();
    shown.join(", ")
}

/// Whether the bytes are a complete key of this type, and nothing else.
fn is_whole(kind: &str, bytes: &[u8]) -> bool {
    let Some(parts) = parts(bytes) else {
        return false;
    };
    let (Some((name, rest)), true) = (parts.split_first(), parts.len() <= 4) else {
        return false;
    };
    // An uncompressed point (0x04) of two coordinates.
    let point =
        |point: &[u8], size: usize| point.len() == 1 + 2 * size && point.first() == Some(&4);
    let curve = |curve: &[u8], expected: &str| curve == expected.as_bytes();
    // A positive integer in its shortest form.
    let number = |number: &[u8]| match number {
        [] => false,
        [0, second, ..] => *second >= 0x80,
        [first, ..] => *first < 0x80,
    };
    *name == kind.as_bytes()
        && match (kind, rest) {
            ("ssh-ed25519", [key]) => key.len() == 32,
            ("ecdsa-sha2-nistp256", [name, key]) => curve(name, "nistp256") && point(key, 32),
            ("ecdsa-sha2-nistp384", [name, key]) => curve(name, "nistp384") && point(key, 48),
            ("ecdsa-sha2-nistp521", [name, key]) => curve(name, "nistp521") && point(key, 66),
            ("ssh-rsa", [exponent, modulus]) => {
                number(exponent) && number(modulus) && modulus.len() >= 128
            }
            ("ssh-dss", [p, q, g]) if parts.len() == 4 => number(p) && number(q) && number(g),
            ("sk-ssh-ed25519@openssh.com", [key, application]) => {
                key.len() == 32 && !application.is_empty()
            }
            ("sk-ecdsa-sha2-nistp256@openssh.com", [name, key, application]) => {
                curve(name, "nistp256") && point(key, 32) && !application.is_empty()
            }
            _ => false,
        }
}

/// The length-prefixed strings (RFC 4251, section 5) of a key.
fn parts(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        parts.push(rest.get(..length)?);
        bytes = &rest[length..];
        if parts.len() > 8 {
            return None;
        }
    }
    Some(parts)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIKy8D7x0Sd0xTOxcBpVbJNxG3xBgi1dhZ2y5jjHpJ5R";

    /// A key of these parts.
    pub(crate) fn key(kind: &str, parts: &[&[u8]]) -> String {
        let mut bytes = Vec::new();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            bytes.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
            bytes.extend_from_slice(part);
        }
        format!("{kind} {}", STANDARD.encode(bytes))
    }

    fn rsa(fill: u8) -> String {
        let mut modulus = vec![fill; 257];
        modulus[0] = 0;
        key("ssh-rsa", &[&[1, 0, 1], &modulus])
    }

    fn ecdsa(size: usize, name: &str) -> String {
        let mut point = vec![9; 1 + 2 * size];
        point[0] = 4;
        key(&format!("ecdsa-sha2-{name}"), &[name.as_bytes(), &point])
    }

    #[test]
    fn whole_keys_of_each_type_are_read_and_comments_dropped() {
        let keys = [
            ED25519.to_owned(),
            ecdsa(32, "nistp256"),
            ecdsa(48, "nistp384"),
            ecdsa(66, "nistp521"),
            rsa(0xab),
            key("sk-ssh-ed25519@openssh.com", &[&[1; 32], b"ssh:"]),
        ];
        for text in keys {
            let key = PublicKey::parse(&text).expect("a key");
            assert_eq!(key.to_string(), text);
            let commented = PublicKey::parse(&format!("{text}  root@ip-10-0-0-5 \u{202e}x"));
            assert_eq!(commented.as_ref(), Ok(&key));
            assert!(text.starts_with(key.kind()) && !key.algorithms().is_empty());
        }
    }

    #[test]
    fn the_fingerprint_is_the_one_that_ssh_keygen_prints() {
        let key = PublicKey::parse(ED25519).expect("a key");
        assert_eq!(
            key.shown(),
            "ssh-ed25519 SHA256:4K7JZYU+yGBLio/Njuqz16mDT2uv2EjbETSpf9N0yxo"
        );
        assert_eq!(
            spec_line(&[key]),
            format!("host_key: {{ pinned: [\"{ED25519}\"] }}")
        );
    }

    #[test]
    fn only_one_complete_key_is_accepted() {
        let ed = ED25519.split_once(' ').expect("two words").1;
        let short = &[1_u8; 31];
        let cases = [
            (String::new(), InvalidKey::Unknown),
            ("SHA256:abc".into(), InvalidKey::Fingerprint),
            (
                "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99".into(),
                InvalidKey::Fingerprint,
            ),
            (format!("{ED25519}\n* ssh-rsa AAAA"), InvalidKey::Control),
            (format!("{ED25519}\r"), InvalidKey::Control),
            (format!("h {ED25519}"), InvalidKey::Named("ssh-ed25519")),
            ("ssh-ed25519".into(), InvalidKey::Damaged("ssh-ed25519")),
            (
                "ssh-ed25519 AAAA".into(),
                InvalidKey::Damaged("ssh-ed25519"),
            ),
            (format!("ssh-rsa {ed}"), InvalidKey::Damaged("ssh-rsa")),
            (
                key("ssh-ed25519", &[short]),
                InvalidKey::Damaged("ssh-ed25519"),
            ),
            // Cut where base64 is still good, and longer by a part.
            (
                format!("ssh-ed25519 {}", &ed[..ed.len() - 4]),
                InvalidKey::Damaged("ssh-ed25519"),
            ),
            (
                key("ssh-ed25519", &[&[1; 32], b""]),
                InvalidKey::Damaged("ssh-ed25519"),
            ),
            (
                key("ecdsa-sha2-nistp256", &[b"nistp384", &[4; 65]]),
                InvalidKey::Damaged("ecdsa-sha2-nistp256"),
            ),
            (
                key("ecdsa-sha2-nistp256", &[b"nistp256", &[2; 65]]),
                InvalidKey::Damaged("ecdsa-sha2-nistp256"),
            ),
            (
                key("ssh-rsa", &[&[1, 0, 1], &[0x7f; 100]]),
                InvalidKey::Damaged("ssh-rsa"),
            ),
            (
                key("ssh-rsa", &[&[1, 0, 1], &[0xff; 256]]),
                InvalidKey::Damaged("ssh-rsa"),
            ),
            (key("ssh-dss", &[&[1], &[1], &[1]]), InvalidKey::Unknown),
            ("*".into(), InvalidKey::Unknown),
            (
                format!("ssh-rsa {}", "A".repeat(LONGEST + 4)),
                InvalidKey::Damaged("ssh-rsa"),
            ),
        ];
        for (text, wrong) in cases {
            assert_eq!(PublicKey::parse(&text), Err(wrong), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn random_text_is_no_key(text in "\\PC{0,40}") {
            // And nothing panics.
            prop_assert!(PublicKey::parse(&text).is_err());
        }

        #[test]
        fn one_byte_off_is_another_key_or_none(at in 0_usize..51, flip in 1_u8..=255) {
            let key = PublicKey::parse(ED25519).expect("a key");
            let mut bytes = STANDARD.decode(&key.blob).expect("base64");
            bytes[at] ^= flip;
            let other = PublicKey::parse(&format!("ssh-ed25519 {}", STANDARD.encode(&bytes)));
            prop_assert_eq!(other.is_ok(), at >= 19);
            prop_assert_ne!(other.ok(), Some(key));
        }
    }
}
