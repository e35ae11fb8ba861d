//! Times of reports and the history: UTC, to the second.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, UNIX_EPOCH},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The last second that RFC 3339 has a year for.
const LAST: u64 = 253_402_300_799;

/// A time, to the second; as a text `2026-11-27T03:10:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(u64);

impl Utc {
    /// From seconds since 1970 began; at most the last second of 9999.
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(if seconds < LAST { seconds } else { LAST })
    }

    /// Seconds since 1970 began.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// `2026-11-27 03:10`, for reports that name UTC elsewhere.
    pub fn minute(self) -> String {
        self.to_string().replace('T', " ")[..16].to_owned()
    }

    /// The same, without the day where `other`, which stands before it, has the same.
    pub(crate) fn minute_after(self, other: Self) -> String {
        let text = self.minute();
        match text[..10] == other.minute()[..10] {
            true => text[11..].to_owned(),
            false => text,
        }
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = UNIX_EPOCH + Duration::from_secs(self.0);
        humantime::format_rfc3339_seconds(at).fmt(f)
    }
}

impl FromStr for Utc {
    type Err = humantime::TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = humantime::parse_rfc3339(text)?;
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self::of_seconds(since.as_secs()))
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Utc {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Utc".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_it_is_read() {
        let at: Utc = "2026-11-27T03:10:59Z".parse().expect("a time");
        assert_eq!(at.seconds(), 1_795_749_059);
        assert_eq!(at.to_string(), "2026-11-27T03:10:59Z");
        assert_eq!(at.minute(), "2026-11-27 03:10");
        let next_day = Utc::of_seconds(at.seconds() + 86_400);
        assert_eq!(at.minute_after(at), "03:10");
        assert_eq!(next_day.minute_after(at), "2026-11-28 03:10");
        let json = serde_json::to_string(&at).expect("plain data");
        assert_eq!(json, "\"2026-11-27T03:10:59Z\"");
        assert_eq!(serde_json::from_str::<Utc>(&json).expect("a time"), at);
        assert!(serde_json::from_str::<Utc>("\"yesterday\"").is_err());
        let latest = Utc::of_seconds(u64::MAX);
        assert_eq!(latest.to_string(), "9999-12-31T23:59:59Z");
    }
}
