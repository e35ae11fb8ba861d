//! The clock that signatures are made with: the host's, since its own Kafka client signs with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// AWS refuses signatures that are off by more than five minutes; a minute before that we say so.
const CONCERN_SECONDS: u64 = 240;

/// 9999-12-31T23:59:59Z, the last second that a signature's date can be written for.
const LAST: u64 = 253_402_300_799;

/// This machine's clock, set off to another's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// How far the other clock is ahead of this machine's, in seconds; negative when it is behind.
    pub offset_seconds: i64,
}

impl Clock {
    /// The other clock's time. Always between the years 1970 and 9999, whatever the offset.
    pub fn now(&self) -> SystemTime {
        self.at(SystemTime::now())
    }

    /// The other clock's time when this machine's is `here`.
    fn at(&self, here: SystemTime) -> SystemTime {
        let seconds = seconds(here).saturating_add_signed(self.offset_seconds);
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
pub fn skew(host_epoch_seconds: i64, here: SystemTime) -> i64 {
    let here = i64::try_from(seconds(here)).unwrap_or(i64::MAX);
    host_epoch_seconds.saturating_sub(here)
}

/// What to say of a skew of more than four minutes; nothing of a smaller one.
pub fn concern(host: &str, skew: i64) -> Option<String> {
    let off = skew.unsigned_abs();
    if off <= CONCERN_SECONDS {
        return None;
    }
    let way = if skew > 0 { "ahead of" } else { "behind" };
    let off = humantime::format_duration(Duration::from_secs(off));
    Some(format!(
        "the clock of {host} is {off} {way} this machine's, and AWS refuses signatures that are \
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
    fn a_skew_is_said_from_four_minutes_on() {
        for skew in [0, 240, -240] {
            assert_eq!(concern("client", skew), None);
        }
        let text = concern("client", 241).expect("a concern");
        assert!(
            text.starts_with("the clock of client is 4m 1s ahead of"),
            "{text}"
        );
        let text = concern("client", -3600).expect("a concern");
        assert!(
            text.starts_with("the clock of client is 1h behind"),
            "{text}"
        );
        assert!(concern("client", i64::MIN).is_some());
    }

    proptest! {
        #[test]
        fn the_offset_that_was_measured_gives_the_host_s_time(
            here in 0..LAST,
            host in 0..LAST,
        ) {
            let host_seconds = i64::try_from(host).expect("small");
            let clock = Clock { offset_seconds: skew(host_seconds, at(here)) };
            prop_assert_eq!(clock.at(at(here)), at(host));
        }

        #[test]
        fn no_offset_leaves_the_years_that_can_be_written(offset in any::<i64>(), here in 0..LAST) {
            let now = Clock { offset_seconds: offset }.at(at(here));
            prop_assert!(seconds(now) <= LAST);
            let _ = humantime::format_rfc3339_seconds(now).to_string();
            let _ = skew(offset, at(here));
        }
    }
}
