//! What vouches for the host keys that a machine shows, and what follows from it.

use super::PublicKey;

/// What can vouch for a key.
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
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spec => "the spec",
            Self::Pin => "pinned",
            Self::Console => "console output",
            Self::KnownHosts => "known_hosts",
        }
    }
}

/// All that is known of a machine's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Those that it shows, to whoever asks; one or more.
    pub shown: Vec<PublicKey>,
    /// Those that the spec pins.
    pub spec: Vec<PublicKey>,
    /// Whether it is an EC2 instance, to which keys can be pinned.
    pub is_instance: bool,
    /// Those that are pinned to the instance.
    pub pinned: Vec<PublicKey>,
    /// Those that the console vouches for, or why it does not; `None` where there is no console.
    pub console: Option<Result<Vec<PublicKey>, String>>,
    /// Those that known_hosts has for the address.
    pub known: Vec<PublicKey>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These are trusted already.
    Trusted(Vec<PublicKey>),
    /// These can be pinned: something vouches for them that did not come with the connection.
    Vouched(Vec<PublicKey>, Voucher),
    /// Nothing vouches for these. Only a person who compares can.
    Unvouched(Vec<PublicKey>),
    /// Others are pinned to the instance.
    Changed {
        /// Those that are.
        pinned: Vec<PublicKey>,
        /// Those that would be.
        shown: Vec<PublicKey>,
        /// Whether the console vouches for these.
        vouched: bool,
    },
    /// Something that is to be believed names other keys: this is not the machine.
    Contradicted {
        /// What does.
        by: Voucher,
        /// The keys that it names.
        wanted: Vec<PublicKey>,
    },
}

impl Evidence {
    /// Each key that is shown, and what vouches for it.
    pub fn rows(&self) -> Vec<(&PublicKey, Vec<Voucher>)> {
        let console = self.console_keys().unwrap_or_default();
        let all = [
            (Voucher::Spec, self.spec.as_slice()),
            (Voucher::Pin, &self.pinned),
            (Voucher::Console, console),
            (Voucher::KnownHosts, &self.known),
        ];
        let vouchers = |key: &PublicKey| {
            let of_it = all.iter().filter(|(_, keys)| keys.contains(key));
            of_it.map(|(voucher, _)| *voucher).collect()
        };
        self.shown.iter().map(|key| (key, vouchers(key))).collect()
    }

    /// What follows. The spec is the last word, then the pins that we hold, then the console; what
    /// an address is known for says little about an instance, but something.
    pub fn verdict(&self) -> Verdict {
        let contradicted = |by, wanted: &[PublicKey]| Verdict::Contradicted {
            by,
            wanted: wanted.to_vec(),
        };
        if !self.spec.is_empty() {
            return match self.of_these(&self.spec) {
                Some(keys) => Verdict::Trusted(keys),
                None => contradicted(Voucher::Spec, &self.spec),
            };
        }
        if !self.is_instance {
            return match self.of_these(&self.known) {
                Some(keys) => Verdict::Trusted(keys),
                None if self.known.is_empty() => Verdict::Unvouched(self.shown.clone()),
                None => contradicted(Voucher::KnownHosts, &self.known),
            };
        }
        if let Some(keys) = self.of_these(&self.pinned) {
            return Verdict::Trusted(keys);
        }
        let by_console = match self.console_keys() {
            Some(keys) => match self.of_these(keys) {
                Some(keys) => Some(keys),
                None => return contradicted(Voucher::Console, keys),
            },
            None => None,
        };
        match (by_console, self.pinned.as_slice()) {
            (Some(keys), []) => Verdict::Vouched(keys, Voucher::Console),
            (None, []) => match self.of_these(&self.known) {
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

    /// Of the keys that are shown those that are among these; `None` when there is none.
    fn of_these(&self, keys: &[PublicKey]) -> Option<Vec<PublicKey>> {
        let both = self.shown.iter().filter(|key| keys.contains(key));
        let both: Vec<PublicKey> = both.cloned().collect();
        (!both.is_empty()).then_some(both)
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
        let contradicted = |wanted: &[u8]| Contradicted {
            by: Voucher::Console,
            wanted: keys(wanted),
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
            // What the address is known for does not outweigh the console.
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
            wanted: keys(&[2]),
        };
        assert_eq!(at(&[1], &[2]).verdict(), other);
    }

    #[test]
    fn what_the_spec_pins_is_the_last_word() {
        let mut evidence = instance(&[1], &[1], Some(&[1]), &[1]);
        evidence.spec = keys(&[2]);
        let other = Verdict::Contradicted {
            by: Voucher::Spec,
            wanted: keys(&[2]),
        };
        assert_eq!(evidence.verdict(), other);
        evidence.spec = keys(&[1, 2]);
        assert_eq!(evidence.verdict(), Verdict::Trusted(keys(&[1])));
        use Voucher::*;
        let all = vec![Spec, Pin, Console, KnownHosts];
        assert_eq!(evidence.rows(), [(&keys(&[1])[0], all)]);
    }
}
