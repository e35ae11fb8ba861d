//! How an apply goes over many hosts: who is first, and when no further host is begun.

use std::{fmt, num::NonZeroUsize, str::FromStr};

/// How an apply goes over many hosts (`--canary`, `--max-failures`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rollout {
    /// So many hosts come first, and the others only when all of these are as the spec says.
    pub canary: Option<NonZeroUsize>,
    /// More failures than this, and no further host is begun.
    pub max_failures: Option<MaxFailures>,
}

/// A bound for the hosts that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailures {
    /// So many hosts.
    Hosts(usize),
    /// So many of a hundred hosts.
    Percent(u8),
}

impl FromStr for MaxFailures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is neither a number of hosts, like 3, nor a share, like 10%");
        match text.strip_suffix('%') {
            Some(share) => match share.parse() {
                Ok(share @ 0..=100) => Ok(Self::Percent(share)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Hosts).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for MaxFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(hosts) => write!(f, "{hosts}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl MaxFailures {
    /// Whether so many failures of so many hosts are too many.
    pub(crate) fn is_exceeded(self, failed: usize, of: usize) -> bool {
        match self {
            Self::Hosts(most) => failed > most,
            Self::Percent(share) => failed * 100 > usize::from(share) * of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_number_or_a_share() {
        let parsed = |text: &str| text.parse::<MaxFailures>().ok();
        assert_eq!(parsed("0"), Some(MaxFailures::Hosts(0)));
        assert_eq!(parsed("10%"), Some(MaxFailures::Percent(10)));
        for text in ["", "%", "-1", "101%", "1.5%", "10 %", "half"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn so_many_may_fail_and_not_one_more() {
        let exceeded = |text: &str, failed, of| {
            let bound: MaxFailures = text.parse().expect("a bound");
            bound.is_exceeded(failed, of)
        };
        assert!(!exceeded("0", 0, 12) && exceeded("0", 1, 12));
        assert!(!exceeded("2", 2, 12) && exceeded("2", 3, 12));
        assert!(!exceeded("25%", 3, 12) && exceeded("25%", 4, 12));
        assert!(!exceeded("100%", 12, 12) && exceeded("0%", 1, 1000));
    }
}
