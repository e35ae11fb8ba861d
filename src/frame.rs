//! How a host answers: records whose values carry their length, so that no value can be taken for
//! another record.
//!
//! A record is `SECTION KEY LENGTH:VALUE` and a newline; the length counts the value's bytes. The
//! shell function `say` of `observe/prelude.sh` writes it. Whatever a start file prints before the
//! first record is skipped up to the mark (see [`Frames::after_mark`]).

/// Longest header that is read, in bytes: sections and keys are names of our own.
const LONGEST_HEADER: usize = 256;
/// Longest value that is read, in bytes. Files that a probe carries are at most 1 MiB before base64.
const LONGEST_VALUE: usize = 4 * 1024 * 1024;
/// Most bytes that one reply may have in all: a host may lie, hang and flood.
pub const LARGEST_REPLY: usize = 16 * 1024 * 1024;

/// One record of a host's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose record it is: a resource's address, or `host`.
    pub section: String,
    /// Which fact.
    pub key: String,
    /// Its value, any bytes but NUL.
    pub value: Vec<u8>,
}

/// The answer is not made of records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer is garbled: {0}")]
pub struct Garbled(pub String);

/// Takes bytes as they arrive and gives records as they complete.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    mark: Option<Vec<u8>>,
}

impl Frames {
    /// Records from the first byte on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records after a line that is `mark`; what comes before it is a start file's noise.
    pub fn after_mark(mark: &str) -> Self {
        Self {
            buffer: Vec::new(),
            mark: Some(format!("{mark}\n").into_bytes()),
        }
    }

    /// Whether the mark has come, if there is one.
    pub fn begun(&self) -> bool {
        self.mark.is_none()
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When more than [`LARGEST_REPLY`] bytes wait to be read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Garbled> {
        if self.buffer.len() + bytes.len() > LARGEST_REPLY {
            return Err(Garbled(format!("more than {LARGEST_REPLY} bytes")));
        }
        self.buffer.extend_from_slice(bytes);
        if let Some(mark) = &self.mark
            && let Some(at) = self.buffer.windows(mark.len()).position(|w| w == mark)
        {
            self.buffer.drain(..at + mark.len());
            self.mark = None;
        }
        Ok(())
    }

    /// What has come before the mark so far; empty once the mark is there.
    pub fn before_mark(&self) -> &[u8] {
        if self.begun() { &[] } else { &self.buffer }
    }

    /// The next whole record, if there is one.
    ///
    /// # Errors
    /// When the bytes are no record, or one beyond the bounds.
    pub fn next_record(&mut self) -> Result<Option<Record>, Garbled> {
        if self.mark.is_some() {
            return Ok(None);
        }
        let Some(colon) = self.buffer.iter().position(|&b| b == b':') else {
            if self.buffer.len() > LONGEST_HEADER {
                return Err(self.garbled());
            }
            return Ok(None);
        };
        if colon > LONGEST_HEADER {
            return Err(self.garbled());
        }
        let header = std::str::from_utf8(&self.buffer[..colon]).map_err(|_| self.garbled())?;
        let mut words = header.split(' ');
        let (Some(section), Some(key), Some(length), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(self.garbled());
        };
        let length: usize = length.parse().map_err(|_| self.garbled())?;
        if length > LONGEST_VALUE || section.is_empty() || key.is_empty() {
            return Err(self.garbled());
        }
        let end = colon + 1 + length;
        if self.buffer.len() <= end {
            return Ok(None);
        }
        if self.buffer[end] != b'\n' {
            return Err(self.garbled());
        }
        let record = Record {
            section: section.to_owned(),
            key: key.to_owned(),
            value: self.buffer[colon + 1..end].to_vec(),
        };
        self.buffer.drain(..=end);
        Ok(Some(record))
    }

    fn garbled(&self) -> Garbled {
        let start = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(60)]);
        Garbled(format!("`{}`", crate::text::escape_control(&start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames) -> Result<Vec<(String, String)>, Garbled> {
        let mut records = Vec::new();
        while let Some(record) = frames.next_record()? {
            records.push((
                record.key,
                String::from_utf8_lossy(&record.value).into_owned(),
            ));
        }
        Ok(records)
    }

    #[test]
    fn a_value_that_looks_like_a_record_stays_a_value() {
        let value = "dir\nclient/kafka kind 4:evil";
        let mut frames = Frames::new();
        frames
            .feed(format!("client/kafka kind {}:{value}\n", value.len()).as_bytes())
            .expect("small");
        assert_eq!(all(&mut frames), Ok(vec![("kind".into(), value.into())]));
    }

    #[test]
    fn bytes_may_arrive_one_by_one() {
        let mut frames = Frames::after_mark("MARK");
        let mut seen = Vec::new();
        for byte in b"hello from .bashrc\nMARK\nhost user 3:a\nb\nhost end 0:\n" {
            frames.feed(&[*byte]).expect("small");
            seen.extend(all(&mut frames).expect("well formed"));
        }
        assert_eq!(
            seen,
            [
                ("user".into(), "a\nb".into()),
                ("end".into(), String::new())
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bytes in [
            &b"no colon here but a very long line".repeat(20)[..],
            b"a b c d:\n",
            b"a b x:\n",
            b"a b 99999999999:\n",
            b"a b 1:xy\n",
        ] {
            let mut frames = Frames::new();
            frames.feed(bytes).expect("small");
            assert!(
                all(&mut frames).is_err(),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}
