//! Names and addresses of machines.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{WrongName, odd, quoted};

/// The longest name that DNS has, with its final dot.
const LONGEST: usize = 254;

/// A host name, or an IP address (IPv6 without brackets and zone); safe as an argument of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Reads a name or an address; IPv6 gets its usual form (RFC 5952).
    ///
    /// # Errors
    /// When it cannot be dialled, or could be read as an option.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let wrong = |help: String| WrongName::new(text, "is no host name", help);
        if let Ok(v6) = text.parse::<Ipv6Addr>() {
            return Ok(Self(v6.to_string()));
        }
        plain(text).map(|()| Self(text.to_owned())).map_err(wrong)
    }

    /// The name, or the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        address(&self.0)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A destination of ssh: a name, a `Host` of its configuration, or an address, which may have a zone
/// (`fe80::1%eth0`). ssh gets it unchanged, so that the user's own `Host` lines match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshAddress(String);

impl SshAddress {
    /// Reads it.
    ///
    /// # Errors
    /// When a `Host` line or ssh's command line would read it as something else.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let wrong = |help: String| WrongName::new(text, "is no address", help);
        let v6 = text.split_once('%').map_or(text, |(v6, _)| v6);
        if v6.parse::<Ipv6Addr>().is_ok() {
            let zone = text.get(v6.len() + 1..);
            return match zone.is_none_or(|zone| plain(zone).is_ok()) {
                true => Ok(Self(text.to_owned())),
                false => Err(wrong("after `%` comes the name of an interface".into())),
            };
        }
        let help = match plain(text) {
            Ok(()) => return Ok(Self(text.to_owned())),
            Err(_) if text.contains("//") || text.starts_with("ssh:") => {
                "write the name or address alone".into()
            }
            Err(_) if text.contains('@') => "the account goes to `user`".into(),
            Err(_) if is_host_and_port(text) => "the port goes to `port`".into(),
            Err(_) if text.starts_with('[') => "write IPv6 without brackets".into(),
            Err(_) if text.is_empty() => {
                "write a host name, an IP address or a `Host` of `~/.ssh/config`".into()
            }
            Err(help) => help,
        };
        Err(wrong(help))
    }

    /// The text, unchanged.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical form: an address as ssh resolves it (`10.77.37` is `10.77.0.37`), a name in lower
    /// case.
    pub fn canonical(&self) -> String {
        if let Some((v6, zone)) = self.0.split_once('%')
            && let Some(address) = address(v6)
        {
            // Zone 0 means no zone.
            let zone = Some(zone).filter(|zone| zone.parse() != Ok(0_u32));
            let zone = zone.map_or_else(String::new, |zone| format!("%{zone}"));
            return format!("{address}{zone}");
        }
        match address(&self.0) {
            Some(IpAddr::V6(v6)) => v6
                .to_ipv4_mapped()
                .map_or_else(|| v6.to_string(), |v4| v4.to_string()),
            Some(IpAddr::V4(v4)) => v4.to_string(),
            None => self.0.trim_end_matches('.').to_ascii_lowercase(),
        }
    }
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a name of letters, digits and `._-`; else what helps.
fn plain(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("give a name or an address".into());
    }
    if text.len() > LONGEST {
        return Err(format!("names have at most {LONGEST} characters"));
    }
    if text.starts_with('-') {
        return Err("a name does not begin with `-`".into());
    }
    if text.chars().all(|c| "._-".contains(c)) {
        return Err("a name has a letter or a digit".into());
    }
    match odd(text, "._-") {
        None => Ok(()),
        Some(c) if c.is_alphabetic() => Err(format!(
            "a name has letters from a to z, and not {}: DNS has it as `xn--…`",
            quoted(c)
        )),
        Some(c) => Err(format!(
            "a name has letters (a to z), digits, `.`, `-` and `_`, and not {}",
            quoted(c)
        )),
    }
}

/// `10.0.0.5:22`: one colon, and digits after it. IPv6 addresses have more.
fn is_host_and_port(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The address that a text is, in any of the forms of `inet_aton(3)`, as the C library and so ssh
/// reads it: fewer parts than four, octal and hexadecimal numbers.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(address.into());
    }
    let mut parts = Vec::new();
    for part in text.split('.') {
        parts.push(number(part)?);
    }
    let (last, first) = parts.split_last()?;
    let free = 4_usize.checked_sub(first.len())?;
    if free == 0 || first.iter().any(|part| *part > 255) || *last >= 1 << (8 * free) {
        return None;
    }
    let high = first
        .iter()
        .enumerate()
        .fold(0, |sum, (at, part)| sum | part << (24 - 8 * at));
    u32::try_from(high | last)
        .ok()
        .map(|bits| Ipv4Addr::from(bits).into())
}

fn number(part: &str) -> Option<u64> {
    let lower = part.to_ascii_lowercase();
    let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(hexadecimal), _) => (hexadecimal, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        (None, _) => (lower.as_str(), 10),
    };
    let plain = digits.chars().all(|c| c.is_digit(radix));
    plain
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
        .filter(|number| u32::try_from(*number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_are_accepted() {
        let long = "a".repeat(255);
        for host in ["b-1.x_y.kafka.example", "10.0.0.5", "::1", "fe80::1", "h."] {
            assert_eq!(HostName::parse(host).expect(host).as_str(), host);
        }
        for host in [
            "",
            "-W",
            "-oProxyCommand=x",
            "a b",
            "a/b",
            "a:1",
            "[::1]",
            "a\0b",
            "b\u{202e}",
            &long,
            "\u{1b}[2J",
            "a\nb",
            "é",
            "fe80::1%eth0",
            ".",
            "..",
            "_",
        ] {
            let error = HostName::parse(host).expect_err(host);
            let shown = error.to_string();
            assert!(!error.sentence().chars().any(char::is_control), "{shown}");
            assert!(shown.len() < 400, "{shown}");
        }
        let v6 = HostName::parse("2001:0DB8::1").expect("IPv6");
        assert_eq!(v6.as_str(), "2001:db8::1");
    }

    #[test]
    fn ssh_addresses_are_unchanged() {
        for text in [
            "Kafka-client",
            "10.77.37",
            "FE80::1%eth0",
            "i-0123456789abcdef0",
            "a.b.",
        ] {
            assert_eq!(SshAddress::parse(text).expect(text).as_str(), text);
        }
        for (text, help) in [
            ("ec2-user@10.0.0.5", "`user`"),
            ("ssh://10.0.0.5", "alone"),
            ("10.0.0.5:22", "`port`"),
            ("[::1]", "brackets"),
            ("", "`Host`"),
            ("jürgens-kiste", "not `ü`"),
            ("a%b", "not `%`"),
            ("fe80::1%", "interface"),
            ("fe80::1%-o", "interface"),
            ("a b", "a blank"),
            ("-oProxyCommand=id", "begin with"),
        ] {
            let error = SshAddress::parse(text).expect_err(text);
            assert!(error.help.contains(help), "{text}: {error}");
        }
    }

    #[test]
    fn one_address_has_one_canonical_form() {
        for (text, form) in [
            ("10.77.37", "10.77.0.37"),
            ("10.77.0.37", "10.77.0.37"),
            ("0x0a.77.37", "10.77.0.37"),
            ("172818469", "10.77.0.37"),
            ("010.1.1.1", "8.1.1.1"),
            ("::ffff:10.77.0.37", "10.77.0.37"),
            ("2001:0DB8:0::1", "2001:db8::1"),
            ("Kafka.Example.", "kafka.example"),
            ("10.77.0.256", "10.77.0.256"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("08.1.1.1", "08.1.1.1"),
            ("FE80:0::1%Eth0", "fe80::1%Eth0"),
            ("::1%0", "::1"),
        ] {
            let address = SshAddress::parse(text).expect(text);
            assert_eq!(address.canonical(), form, "{text}");
        }
    }
}
