//! What vouches for a machine's host keys, and whether they can be trusted.

use super::PublicKey;

/// A source that vouches for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voucher {
    /// The spec pins it.
    Spec,
    /// It is pinned to the instance.
    Pin,
    /// The instance printed it to its console.
    Console,
    /// known_hosts has it for the address.
    KnownHosts,
}

impl Voucher {
    /// Its name for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spec => "the spec",
            Self::Pin => "pinned",
            Self::Console => "console output",
            Self::KnownHosts => "known_hosts",
        }
    }
}

/// What is known of a machine's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The keys that the machine shows, one or more.
    pub shown: Vec<PublicKey>,
    /// Keys that the spec pins.
    pub spec: Vec<PublicKey>,
    /// Whether it is an EC2 instance, to which keys can be pinned.
    pub is_instance: bool,
    /// Keys that are pinned to the instance.
    pub pinned: Vec<PublicKey>,
    /// Keys in the console output, or why there are none; `None` without a console.
    pub console: Option<Result<Vec<PublicKey>, String>>,
    /// Keys of the address in known_hosts.
    pub known: Vec<PublicKey>,
}

/// Whether the shown keys can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These are trusted already.
    Trusted(Vec<PublicKey>),
    /// These can be pinned: another source than the connection vouches for them.
    Vouched(Vec<PublicKey>, Voucher),
    /// Nothing vouches for these but a person who compares fingerprints.
    Unvouched(Vec<PublicKey>),
    /// Other keys are pinned to the instance.
    Changed {
        /// The pinned keys.
        pinned: Vec<PublicKey>,
        /// The keys to pin instead.
        shown: Vec<PublicKey>,
        /// Whether the console vouches for these.
        vouched: bool,
    },
    /// A trusted source has other keys: this is not the machine.
    Contradicted {
        /// The source.
        by: Voucher,
        /// Its keys.
        expected: Vec<PublicKey>,
    },
}

impl Evidence {
    /// Each shown key, and what vouches for it.
    pub fn rows(&self) -> Vec<(&PublicKey, Vec<Voucher>)> {
        let console = self.console_keys().unwrap_or_default();
        let all = [
            (Voucher::Spec, self.spec.as_slice()),
            (Voucher::Pin, &self.pinned),
            (Voucher::Console, console),
            (Voucher::KnownHosts, &self.known),
        ];
        let vouchers = |key: &PublicKey| {
            let vouching = all.iter().filter(|(_, keys)| keys.contains(key));
            vouching.map(|(voucher, _)| *voucher).collect()
        };
        self.shown.iter().map(|key| (key, vouchers(key))).collect()
    }

    /// The verdict. The spec decides, then pins, then the console; for an instance, known_hosts is weak
    /// evidence, since its address may have been another machine's.
    pub fn verdict(&self) -> Verdict {
        let contradicted = |by, expected: &[PublicKey]| Verdict::Contradicted {
            by,
            expected: expected.to_vec(),
        };
        if !self.spec.is_empty() {
            return match self.shown_among(&self.spec) {
                Some(keys) => Verdict::Trusted(keys),
                None => contradicted(Voucher::Spec, &self.spec),
            };
        }
        if !self.is_instance {
            return match self.shown_among(&self.known) {
                Some(keys) => Verdict::Trusted(keys),
                None if self.known.is_empty() => Verdict::Unvouched(self.shown.clone()),
                None => contradicted(Voucher::KnownHosts, &self.known),
            };
        }
        if let Some(keys) = self.shown_among(&self.pinned) {
            return Verdict::Trusted(keys);
        }
        let by_console = match self.console_keys() {
            Some(keys) => match self.shown_among(keys) {
                Some(keys) => Some(keys),
                None => return contradicted(Voucher::Console, keys),
            },
            None => None,
        };
        match (by_console, self.pinned.as_slice()) {
            (Some(keys), []) => Verdict::Vouched(keys, Voucher::Console),
            (None, []) => match self.shown_among(&self.known) {
                Some(keys) => Verdict::Vouched(keys, Voucher::KnownHosts),
                None => Verdict::Unvouched(self.shown.clone()),
            },
            (by_console, pinned) => Verdict::Changed {
                pinned: pinned.to_vec(),
                vouched: by_console.is_some(),
                shown: by_console.unwrap_or_else(|| self.shown.clone()),
            },
        }
    }

    fn console_keys(&self) -> Option<&[PublicKey]> {
        match &self.console {
            Some(Ok(keys)) => Some(keys),
            Some(Err(_)) | None => None,
        }
    }

    /// The shown keys that are among these; `None` if there are none.
    fn shown_among(&self, keys: &[PublicKey]) -> Option<Vec<PublicKey>> {
        let common = self.shown.iter().filter(|key| keys.contains(key));
        let common: Vec<PublicKey> = common.cloned().collect();
        (!common.is_empty()).then_some(common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostkey::tests::key;

    fn keys(fill: &[u8]) -> Vec<PublicKey> {
        let text = fill.iter().map(|fill| key("ssh-ed25519", &[&[*fill; 32]]));
        text.map(|text| PublicKey::parse(&text).expect("a key"))
            .collect()
    }

    fn instance(shown: &[u8], pinned: &[u8], console: Option<&[u8]>, known: &[u8]) -> Evidence {
        let console = match console {
            Some(fill) => Ok(keys(fill)),
            None => Err("it is empty".into()),
        };
        Evidence {
            shown: keys(shown),
            pinned: keys(pinned),
            console: Some(console),
            known: keys(known),
            is_instance: true,
            ..Evidence::default()
        }
    }

    #[test]
    fn an_instance_is_trusted_by_its_pins_then_by_its_console() {
        use Verdict::*;
        let changed = |pinned: &[u8], shown: &[u8], vouched| Changed {
            pinned: keys(pinned),
            shown: keys(shown),
            vouched,
        };
        let contradicted = |expected: &[u8]| Contradicted {
            by: Voucher::Console,
            expected: keys(expected),
        };
        let cases = [
            // shown, pinned, console, known
            (
                instance(&[1, 2], &[], Some(&[1, 2]), &[]),
                Vouched(keys(&[1, 2]), Voucher::Console),
            ),
            // A key that was mixed in is not pinned with the others.
            (
                instance(&[1, 9], &[], Some(&[1, 2]), &[9]),
                Vouched(keys(&[1]), Voucher::Console),
            ),
            (
                instance(&[9], &[], Some(&[1, 2]), &[]),
                contradicted(&[1, 2]),
            ),
            // The console outweighs known_hosts.
            (instance(&[9], &[], Some(&[1]), &[9]), contradicted(&[1])),
            (
                instance(&[1], &[], None, &[1]),
                Vouched(keys(&[1]), Voucher::KnownHosts),
            ),
            // The address was another machine's.
            (instance(&[1], &[], None, &[9]), Unvouched(keys(&[1]))),
            (instance(&[1, 2], &[], None, &[]), Unvouched(keys(&[1, 2]))),
            (instance(&[1, 2], &[2], None, &[]), Trusted(keys(&[2]))),
            (
                instance(&[1, 2], &[2], Some(&[9]), &[]),
                Trusted(keys(&[2])),
            ),
            (
                instance(&[1], &[2], Some(&[1]), &[]),
                changed(&[2], &[1], true),
            ),
            (instance(&[1], &[2], Some(&[2]), &[1]), contradicted(&[2])),
            (instance(&[1], &[2], None, &[1]), changed(&[2], &[1], false)),
        ];
        for (evidence, verdict) in cases {
            assert_eq!(evidence.verdict(), verdict, "{evidence:#?}");
        }
    }

    #[test]
    fn a_machine_with_an_address_is_trusted_by_known_hosts() {
        let at = |shown: &[u8], known: &[u8]| Evidence {
            is_instance: false,
            console: None,
            ..instance(shown, &[], None, known)
        };
        assert_eq!(at(&[1, 2], &[2]).verdict(), Verdict::Trusted(keys(&[2])));
        assert_eq!(at(&[1], &[]).verdict(), Verdict::Unvouched(keys(&[1])));
        let other = Verdict::Contradicted {
            by: Voucher::KnownHosts,
            expected: keys(&[2]),
        };
        assert_eq!(at(&[1], &[2]).verdict(), other);
    }

    #[test]
    fn the_spec_decides() {
        let mut evidence = instance(&[1], &[1], Some(&[1]), &[1]);
        evidence.spec = keys(&[2]);
        let other = Verdict::Contradicted {
            by: Voucher::Spec,
            expected: keys(&[2]),
        };
        assert_eq!(evidence.verdict(), other);
        evidence.spec = keys(&[1, 2]);
        assert_eq!(evidence.verdict(), Verdict::Trusted(keys(&[1])));
        use Voucher::*;
        let all = vec![Spec, Pin, Console, KnownHosts];
        assert_eq!(evidence.rows(), [(&keys(&[1])[0], all)]);
    }
}
