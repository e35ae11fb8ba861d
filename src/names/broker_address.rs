//! Addresses of brokers.

use std::{fmt, str::FromStr};

use super::{HostName, WrongName};

/// A broker's name and port. The name is valid, and safe as an argument of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrokerAddress {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl BrokerAddress {
    /// From a name and a port of a reply.
    ///
    /// # Errors
    /// When they could not be dialled, or could be taken for an option of a command.
    pub fn new(host: &str, port: i64) -> Result<Self, WrongName> {
        let name = HostName::parse(host);
        let port_number = u16::try_from(port).ok().filter(|port| *port > 0);
        match (name, port_number) {
            (Ok(name), Some(port)) => Ok(Self {
                host: name.as_str().to_owned(),
                port,
            }),
            (Err(_), _) => Err(wrong(&format!("{host}:{port}"))),
            (Ok(name), None) => Err(wrong(&format!("{name}:{port}"))),
        }
    }

    /// Whether the host is a name, which DNS has to resolve.
    pub fn is_name(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_err()
    }
}

fn wrong(text: &str) -> WrongName {
    WrongName::new(
        text,
        "is no broker's address",
        "write `HOST:PORT`, IPv6 as `[ADDRESS]:PORT`; IAM listens on 9098",
    )
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerAddress {
    type Err = WrongName;

    fn from_str(text: &str) -> Result<Self, WrongName> {
        let wrong = || wrong(text);
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        // IPv6, and only IPv6, needs brackets here.
        if bracketed.is_some() != host.contains(':') {
            return Err(wrong());
        }
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        Self::new(bracketed.unwrap_or(host), port).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_addresses() {
        for text in [
            "b-1.demo.abc.c2.kafka.us-east-1.amazonaws.com:9098",
            "127.0.0.1:1",
            "[::1]:65535",
            "under_score:9092",
        ] {
            assert_eq!(text.parse::<BrokerAddress>().unwrap().to_string(), text);
        }
        let v6 = BrokerAddress::new("2001:0db8::1", 9098).unwrap();
        assert_eq!(v6.to_string(), "[2001:db8::1]:9098");
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        for text in [
            "",
            "b",
            "b:",
            ":9092",
            "b:0",
            "b:65536",
            "b:-1",
            "b:+1",
            "-oProxyCommand=x:1",
            "-N:1",
            "a b:1",
            "[b]:1",
            "::1:9092",
            "[::1]",
            "b:1:2",
            "b\n:1",
            "ünï:1",
            "[fe80::1%eth0]:1",
        ] {
            assert!(text.parse::<BrokerAddress>().is_err(), "{text}");
        }
        let hostile = BrokerAddress::new("\x1b[2J", 9092).unwrap_err();
        assert!(!hostile.to_string().contains('\x1b'));
        assert!(BrokerAddress::new("b", 0).is_err());
        assert!(BrokerAddress::new("b", -1).is_err());
        assert!(BrokerAddress::new(&"b".repeat(256), 1).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_again(host in "\\PC{0,40}", port: i32) {
            if let Ok(address) = BrokerAddress::new(&host, port.into()) {
                prop_assert_eq!(address.to_string().parse::<BrokerAddress>().unwrap(), address);
            }
        }
    }
}
