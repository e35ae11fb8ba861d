//! Names of Kafka's topics.

use std::fmt;

use super::{WrongName, odd, quoted};

/// A topic's name that Kafka accepts (`org.apache.kafka.common.internals.Topic`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(String);

impl TopicName {
    /// Longest name.
    pub(crate) const LONGEST: usize = 249;

    /// Reads it.
    ///
    /// # Errors
    /// When Kafka refuses such names.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let (what, help) = if text.is_empty() {
            ("is empty".to_owned(), "give it a name")
        } else if let Some(c) = Self::odd(text) {
            (
                format!("holds {}", quoted(c)),
                "names have letters, digits, `.`, `_` and `-`",
            )
        } else if text.len() > Self::LONGEST {
            (
                format!("has {} characters", text.len()),
                "Kafka takes 249 at most",
            )
        } else if text == "." || text == ".." {
            (
                "is a folder".to_owned(),
                "Kafka takes any name but `.` and `..`",
            )
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(WrongName::new(text, what, help))
    }

    /// The first character that is invalid in a topic's name, of a part of one.
    pub fn odd(part: &str) -> Option<char> {
        odd(part, "._-")
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub fn is_internal(&self) -> bool {
        self.0.starts_with("__")
    }

    /// Its name in Kafka's metrics. Kafka refuses a topic whose metric name collides with another's.
    pub fn metric(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics() {
        for name in ["pin", "0ab.pin-2_x", "...", "__consumer_offsets"] {
            let topic = TopicName::parse(name).expect(name);
            assert_eq!(topic.as_str(), name);
            assert_eq!(topic.is_internal(), name.starts_with("__"));
        }
        let long = "a".repeat(250);
        for (name, what) in [
            ("", "is empty"),
            (".", "is a folder"),
            ("..", "is a folder"),
            ("a b", "holds a blank"),
            ("a/b", "holds `/`"),
            ("pün", "holds `ü`"),
            ("a\n", "holds a line end"),
            (&long, "has 250 characters"),
        ] {
            assert_eq!(TopicName::parse(name).expect_err(name).what, what);
        }
        let metric = |name| TopicName::parse(name).expect(name).metric();
        assert_eq!(metric("a.b_c"), metric("a_b.c"));
        assert_ne!(metric("a.b"), metric("a-b"));
    }
}
