//! Host keys in the output of an EC2 instance's console.
//!
//! cloud-init's helper `write-ssh-key-fingerprints` prints, once for each new instance, a line
//! `-----BEGIN SSH HOST KEY KEYS-----`, the lines of `/etc/ssh/ssh_host_*key.pub`, and the line
//! that ends it. The EC2 API is a channel of its own, apart from the network of the connection. The
//! kernel, systemd, login prompts and any program may write to the console, too: so only whole lines
//! count, a damaged key invalidates its block, and blocks that disagree are refused.

use super::{InvalidKey, PublicKey, is_whole, shown};
use base64::{Engine, engine::general_purpose::STANDARD};

const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// Printed by EC2Launch and EC2Config, the agents of Windows AMIs.
const WINDOWS: [&str; 2] = ["Windows is Ready to use", "RDPCERTIFICATE-"];

/// Longest console output, in bytes: four times what EC2 keeps.
const MOST: usize = 256 * 1024;
/// Most lines of a block: up to five keys, and other output between them.
const MOST_LINES: usize = 256;

/// Why a console vouches for no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is empty.
    #[error("the console output is still empty: EC2 shows it some minutes after the boot")]
    Empty,
    /// It is too long.
    #[error("the console output has more than {} KiB", MOST / 1024)]
    TooLong,
    /// It has no block.
    #[error(
        "the console output holds no host keys: cloud-init prints them once, at the first boot, \
         and EC2 keeps the last 64 KiB (`ssh: {{ emit_keys_to_console: false }}` turns that off)"
    )]
    None,
    /// It is a Windows machine's.
    #[error("the console output is a Windows machine's, which prints no SSH host keys there")]
    Windows,
    /// The block is not finished.
    #[error("the host keys in the console output are cut short: the machine is still starting")]
    Unfinished,
    /// A line of the block is a damaged key.
    #[error("line {line} of the console output is a damaged host key")]
    Damaged {
        /// Its number, from 1.
        line: usize,
    },
    /// The block is longer than [`MOST_LINES`].
    #[error("the host keys in line {line} and after it of the console output have no end")]
    Endless {
        /// The line of the block's begin, from 1.
        line: usize,
    },
    /// A block begins in a block, or has two keys of one type.
    #[error("line {line} of the console output begins anew within a list of host keys")]
    Doubled {
        /// Its number, from 1.
        line: usize,
    },
    /// Two blocks have different keys.
    #[error("the console output names two sets of host keys: {first}; and {second}")]
    Disagree {
        /// The first block's keys, for people.
        first: String,
        /// The other block's keys, for people.
        second: String,
    },
}

/// The keys that the console vouches for, sorted: one or more, one of each type.
///
/// # Errors
/// When there are none, or they are not as cloud-init prints them.
pub fn keys(text: &str) -> Result<Vec<PublicKey>, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    if text.len() > MOST {
        return Err(Error::TooLong);
    }
    let mut found: Option<Vec<PublicKey>> = None;
    let mut open: Option<Block> = None;
    let mut lines = text.split('\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let number = at + 1;
        let is_last = lines.peek().is_none();
        // The console ends lines with `\r\n`, sometimes with more than one `\r`.
        let line = line.trim_end_matches(['\r', ' ']);
        match (line, &mut open) {
            (BEGIN, Some(_)) => return Err(Error::Doubled { line: number }),
            (BEGIN, None) => open = Some(Block::begin(number)),
            (END, Some(block)) => {
                let keys = std::mem::take(&mut block.keys);
                open = None;
                found = agreed(found, keys)?;
            }
            // The window of 64 KiB may begin within a block.
            (_, None) => {}
            // Without a line end, the line is not complete yet.
            (_, Some(_)) if is_last => {}
            (line, Some(block)) => block.add(line, number)?,
        }
    }
    match (found, open) {
        // An unfinished second block might differ.
        (_, Some(_)) => Err(Error::Unfinished),
        (Some(keys), None) => Ok(keys),
        (None, None) if WINDOWS.iter().any(|words| text.contains(words)) => Err(Error::Windows),
        (None, None) => Err(Error::None),
    }
}

/// The keys of the blocks so far and of one more; a block without keys is ignored.
fn agreed(
    found: Option<Vec<PublicKey>>,
    mut keys: Vec<PublicKey>,
) -> Result<Option<Vec<PublicKey>>, Error> {
    keys.sort();
    match found {
        found if keys.is_empty() => Ok(found),
        Some(first) if first != keys => Err(Error::Disagree {
            first: shown(&first),
            second: shown(&keys),
        }),
        _ => Ok(Some(keys)),
    }
}

struct Block {
    begin: usize,
    keys: Vec<PublicKey>,
}

impl Block {
    fn begin(line: usize) -> Self {
        Self {
            begin: line,
            keys: Vec::new(),
        }
    }

    fn add(&mut self, line: &str, number: usize) -> Result<(), Error> {
        if number - self.begin > MOST_LINES {
            return Err(Error::Endless { line: self.begin });
        }
        let damaged = || Error::Damaged { line: number };
        match PublicKey::parse(line) {
            Ok(key) => {
                let same_kind = self.keys.iter().find(|known| known.kind() == key.kind());
                match same_kind {
                    // Printed twice.
                    Some(known) if *known == key => {}
                    Some(_) => return Err(Error::Doubled { line: number }),
                    None => self.keys.push(key),
                }
                Ok(())
            }
            // Old images print these, too; ssh no longer accepts them.
            Err(_) if is_dss(line) => Ok(()),
            Err(InvalidKey::Damaged(_) | InvalidKey::Named(_)) => Err(damaged()),
            // Other output, unless it contains a key (`AAAA` in base64) after other text.
            Err(_) if line.contains("AAAA") => Err(damaged()),
            Err(_) => Ok(()),
        }
    }
}

fn is_dss(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("ssh-dss")
        && words
            .next()
            .and_then(|blob| STANDARD.decode(blob).ok())
            .is_some_and(|bytes| is_whole("ssh-dss", &bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hostkey::tests::{ED25519, key};

    fn ecdsa() -> String {
        let mut point = [7; 65];
        point[0] = 4;
        key("ecdsa-sha2-nistp256", &[b"nistp256", &point])
    }

    fn ed(fill: u8) -> String {
        key("ssh-ed25519", &[&[fill; 32]])
    }

    fn block(lines: &[&str]) -> String {
        let mut text = format!("{BEGIN}\r\n");
        for line in lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text + END + "\r\n"
    }

    fn parsed(text: &str) -> Vec<PublicKey> {
        vec![PublicKey::parse(text).expect("a key")]
    }

    /// A console of an EC2 instance with a block.
    fn console(block: &str) -> String {
        format!(
            "[    0.000000] Linux version 5.10.0 (mockbuild@build) #1 SMP\r\n\
             [\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mOpenSSH server daemon\x1b[0m.\r\n\
             ci-info: no authorized SSH keys fingerprints found for user ec2-user.\r\n\
             <14>May 26 00:12:52 ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n\
             <14>May 26 00:12:52 ec2: 256 SHA256:abc root@ip-10-0-0-5 (ED25519)\r\n\
             <14>May 26 00:12:52 ec2: -----END SSH HOST KEY FINGERPRINTS-----\r\n\
             {block}[   22.314] cloud-init[1656]: Cloud-init v. 22.2.2 finished\r\n\r\n\
             ip-10-0-0-5 login: "
        )
    }

    #[test]
    fn the_keys_of_a_console_are_read() {
        let lines = [
            format!("{} root@ip-10-0-0-5", ecdsa()),
            format!("{ED25519} root@ip-10-0-0-5"),
        ];
        let text = console(&block(&[&lines[0], &lines[1]]));
        let mut expected = parsed(&ecdsa());
        expected.extend(parsed(ED25519));
        expected.sort();
        assert_eq!(keys(&text), Ok(expected.clone()));
        // Line ends of any kind, and the same block once more.
        assert_eq!(keys(&text.replace("\r\n", "\n")), Ok(expected.clone()));
        assert_eq!(keys(&text.replace("\r\n", "\r\r\n")), Ok(expected.clone()));
        assert_eq!(keys(&format!("{text}\r\n{text}")), Ok(expected));
    }

    #[test]
    fn other_output_in_a_block_is_ignored() {
        let between = [
            "",
            "[   21.904] random: crng init done",
            "[\x1b[0;32m  OK  \x1b[0m] Started ssh-agent.",
            "         Starting Permit User Sessions...",
            "ci-info: +++++++++++++",
            "<14>May 26 00:12:52 ec2: ",
            "Amazon Linux 2",
            "Kernel 5.10.0 on an x86_64",
            "ip-10-0-0-5 login: ",
            "::error::x",
            &key("ssh-dss", &[&[1; 20], &[1; 20], &[1; 20]]),
        ];
        for line in between {
            let text = block(&[line, ED25519, line]);
            assert_eq!(keys(&text), Ok(parsed(ED25519)), "{line:?}");
        }
        // A message behind a key is its comment.
        let text = block(&[&format!("{ED25519} root@ip[   12.3] usb 1-1")]);
        assert_eq!(keys(&text), Ok(parsed(ED25519)));
    }

    #[test]
    fn malformed_output_vouches_for_no_key() {
        let good = ed(1);
        let torn = &good[..good.len() - 8];
        let cases = [
            (String::new(), Error::Empty),
            ("\r\n \r\n".into(), Error::Empty),
            ("x\n".repeat(MOST), Error::TooLong),
            ("[ 0.0] Linux\r\n".into(), Error::None),
            (block(&[]), Error::None),
            // The window begins within the block.
            (format!("{good}\r\n{END}\r\n"), Error::None),
            (format!("{BEGIN}\r\n{good}\r\n"), Error::Unfinished),
            (format!("{BEGIN}\r\n{torn}"), Error::Unfinished),
            // Printed again, and not to its end.
            (
                format!("{}{BEGIN}\r\n{good}\r\n", block(&[&good])),
                Error::Unfinished,
            ),
            // Indented, in a log line, or with more on the line: no block.
            (format!(" {}", block(&[&good])), Error::None),
            (
                format!("<14>May 26 00:12:52 ec2: {}", block(&[&good])),
                Error::None,
            ),
            (format!("ip login: {}", block(&[&good])), Error::None),
            (
                block(&[&good]).replace(END, "-----END SSH HOST KEY KEYS----- "),
                Error::Unfinished,
            ),
            (block(&[torn]), Error::Damaged { line: 2 }),
            (block(&[&good, torn]), Error::Damaged { line: 3 }),
            (
                block(&[&format!("[ 1.2] x{good}")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&format!("host {good}")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&format!("SHA256:{good}")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&format!("{good}\x1b[2J")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&good.replace("ssh-ed25519 ", "ssh-rsa ")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&good.replace(' ', "\t")]),
                Error::Damaged { line: 2 },
            ),
            (
                block(&[&format!("{BEGIN}\r\n{good}")]),
                Error::Doubled { line: 2 },
            ),
            (block(&[&good, &ed(2)]), Error::Doubled { line: 3 }),
            (
                block(&vec!["x"; MOST_LINES + 1]),
                Error::Endless { line: 1 },
            ),
        ];
        for (text, error) in cases {
            // Blanks at a line's end are no difference.
            let expected = if text.contains("KEYS----- \r\n") {
                Ok(parsed(&good))
            } else {
                Err(error)
            };
            let shown: String = text.chars().take(200).collect();
            assert_eq!(keys(&text), expected, "{shown:?}");
        }
    }

    #[test]
    fn blocks_that_disagree_are_refused_with_both() {
        for (first, second) in [
            (vec![ed(1)], vec![ed(2)]),
            (vec![ed(1), ecdsa()], vec![ed(1)]),
            (vec![ed(1)], vec![ed(1), ecdsa()]),
        ] {
            let text =
                |lines: &[String]| block(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            let common = console(&(text(&first) + "x\r\n" + &text(&second)));
            let error = keys(&common).expect_err("they disagree");
            assert!(matches!(error, Error::Disagree { .. }), "{error}");
            let print = PublicKey::parse(&first[0]).expect("a key").fingerprint();
            assert!(error.to_string().contains(&print), "{error}");
        }
    }

    proptest! {
        /// Whatever else is on the console, the keys are those of the block, or none.
        #[test]
        fn a_console_never_vouches_for_incomplete_keys(
            before in "\\PC{0,60}(\n\\PC{0,60}){0,4}",
            between in "\\PC{0,60}(\n\\PC{0,60}){0,4}",
            after in "\\PC{0,60}(\n\\PC{0,60}){0,4}",
            cut in 0_usize..400,
        ) {
            let text = format!(
                "{before}\r\n{}{after}",
                block(&[ED25519, &between, &ecdsa()])
            );
            let mut expected = parsed(&ecdsa());
            expected.extend(parsed(ED25519));
            expected.sort();
            if let Ok(found) = keys(&text) {
                prop_assert_eq!(&found, &expected);
            }
            // Cut anywhere, it is refused or still whole.
            let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last();
            let (head, tail) = text.split_at(cut.unwrap_or(0));
            for part in [head, tail] {
                if let Ok(found) = keys(part) {
                    prop_assert_eq!(&found, &expected);
                }
            }
        }

        /// A changed character damages a key, or makes another one, which disagrees with the other block.
        #[test]
        fn a_flipped_character_disagrees_with_the_other_block(at in 12_usize..80, c in "[A-Za-z0-9+/=# ]") {
            let mut damaged = ED25519.to_owned();
            damaged.replace_range(at..=at, &c);
            let text = block(&[ED25519]) + &block(&[&damaged]);
            match keys(&text) {
                Ok(found) => prop_assert_eq!(found, parsed(ED25519)),
                Err(error) => {
                    let is_refused = matches!(error, Error::Damaged { .. } | Error::Disagree { .. });
                    prop_assert!(is_refused, "{}", error);
                }
            }
        }
    }
}
