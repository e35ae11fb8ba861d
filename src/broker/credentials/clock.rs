//! The clock that signatures are made with: the host's, since its own Kafka client signs with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Skew that is warned of: AWS refuses signatures that are off by more than five minutes.
const WARNING_SECONDS: u64 = 240;

/// 9999-12-31T23:59:59Z, the last second that a signature's date can express.
const LAST: u64 = 253_402_300_799;

/// Another machine's clock, as an offset to this machine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// Seconds that it is ahead of this machine's clock; negative when it is behind.
    pub offset_seconds: i64,
}

impl Clock {
    /// Its time, clamped to the years 1970 to 9999.
    pub fn now(&self) -> SystemTime {
        self.at(SystemTime::now())
    }

    /// Its time when this machine's is `local`.
    fn at(&self, local: SystemTime) -> SystemTime {
        let seconds = seconds(local).saturating_add_signed(self.offset_seconds);
        UNIX_EPOCH + Duration::from_secs(seconds.min(LAST))
    }
}

/// Seconds since 1970; 0 before it.
fn seconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

/// How far a host's clock (seconds since 1970, as `date +%s` prints them) is ahead of this
/// machine's, in seconds; negative when it is behind.
pub fn skew(host_epoch_seconds: i64, local: SystemTime) -> i64 {
    let local = i64::try_from(seconds(local)).unwrap_or(i64::MAX);
    host_epoch_seconds.saturating_sub(local)
}

/// A warning, for a skew of more than four minutes.
pub(crate) fn skew_warning(host: &str, skew: i64) -> Option<String> {
    let off = skew.unsigned_abs();
    if off <= WARNING_SECONDS {
        return None;
    }
    let route = if skew > 0 { "ahead of" } else { "behind" };
    let off = humantime::format_duration(Duration::from_secs(off));
    Some(format!(
        "the clock of {host} is {off} {route} this machine's, and AWS refuses signatures that are \
         more than 5 minutes off; they are made with the clock of {host}, as its own client's are: \
         if that is the wrong one, set it (`timedatectl`, `chronyc makestep`)"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_skew_of_more_than_four_minutes_is_warned_of() {
        for skew in [0, 240, -240] {
            assert_eq!(skew_warning("client", skew), None);
        }
        let text = skew_warning("client", 241).expect("a concern");
        assert!(
            text.starts_with("the clock of client is 4m 1s ahead of"),
            "{text}"
        );
        let text = skew_warning("client", -3600).expect("a concern");
        assert!(
            text.starts_with("the clock of client is 1h behind"),
            "{text}"
        );
        assert!(skew_warning("client", i64::MIN).is_some());
    }

    proptest! {
        #[test]
        fn the_offset_that_was_measured_gives_the_host_s_time(
            local in 0..LAST,
            host in 0..LAST,
        ) {
            let host_seconds = i64::try_from(host).expect("small");
            let clock = Clock { offset_seconds: skew(host_seconds, at(local)) };
            prop_assert_eq!(clock.at(at(local)), at(host));
        }

        #[test]
        fn no_offset_leaves_the_expressible_years(offset in any::<i64>(), local in 0..LAST) {
            let now = Clock { offset_seconds: offset }.at(at(local));
            prop_assert!(seconds(now) <= LAST);
            let _ = humantime::format_rfc3339_seconds(now).to_string();
            let _ = skew(offset, at(local));
        }
    }
}
