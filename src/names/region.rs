//! AWS regions.

use std::fmt;

use super::WrongName;

/// A region by its form (`us-east-1`, `us-gov-west-1`): words and a number, joined by `-`; safe as a part
/// of a host name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Reads it.
    ///
    /// # Errors
    /// When it does not have the form of a region.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        if has_form(text) {
            return Ok(Self(text.to_owned()));
        }
        let help = match has_form(text.trim_end_matches(char::is_alphabetic)) {
            true => "this is an availability zone: leave out its letter",
            false => "it looks like `us-east-1`",
        };
        Err(WrongName::new(text, "is no AWS region", help))
    }

    /// The region.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn has_form(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && words.len() >= 2
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        for good in [
            "us-east-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "mx-central-1",
            "ap-southeast-10",
        ] {
            assert_eq!(Region::parse(good).expect(good).as_str(), good);
        }
        for bad in [
            "",
            "us",
            "1",
            "-1",
            "us-east-1a",
            "us-east",
            "us--1",
            "US-EAST-1",
            "us-East-1",
            "a.b-c-1",
            "a/b-c-1",
            "x-1",
            "1-2-3",
            "us-east-1/..",
            "us-east-1.evil",
            "--1",
        ] {
            assert!(Region::parse(bad).is_err(), "{bad}");
        }
        let zone = Region::parse("us-east-1a").expect_err("a zone");
        assert!(zone.help.contains("availability zone"), "{zone}");
    }
}
