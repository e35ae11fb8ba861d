//! The format of a host's reply: records whose values carry their length, so that no value can be read
//! as another record.
//!
//! A record is `SECTION KEY LENGTH:VALUE` and a newline; the length counts the value's bytes. The
//! shell function `say` of `observe/prelude.sh` writes it. Whatever a start file prints before the
//! first record is skipped up to the mark (see [`Frames::after_mark`]).

/// Longest header, in bytes: sections and keys are our own names.
const LONGEST_HEADER: usize = 1024;
/// Longest value, in bytes. Files in a reply have at most 1 MiB before base64.
const LONGEST_VALUE: usize = 4 * 1024 * 1024;
/// Largest reply in bytes, with the noise before it: a host may be hostile. Three files of 1 MiB in base64
/// fit, with all other records.
pub(crate) const LARGEST_REPLY: usize = 8 * 1024 * 1024;
/// Most records of one reply: each costs more than its bytes. A Kafka tree has a few hundred files.
pub(crate) const MOST_RECORDS: usize = 50_000;

/// One record of a host's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// A resource's address, or `host`.
    pub section: String,
    /// The name of the fact.
    pub key: String,
    /// Its value, any bytes but NUL.
    pub value: Vec<u8>,
}

/// The reply is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer is garbled: {0}")]
pub struct Garbled(pub String);

/// Decodes records from bytes as they arrive.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// The start of the next record in the buffer.
    start: usize,
    mark: Option<Vec<u8>>,
    /// Bytes of this reply so far.
    bytes: usize,
    /// Records of this reply so far.
    records: usize,
}

impl Frames {
    /// Records from the first byte on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records after the line `mark`; output of start files comes before it.
    pub fn after_mark(mark: &str) -> Self {
        Self {
            mark: Some(format!("{mark}\n").into_bytes()),
            ..Self::default()
        }
    }

    /// Resets the limits, for another reply.
    pub(crate) fn begin_anew(&mut self) {
        (self.bytes, self.records) = (0, 0);
    }

    /// Whether the mark was read, if there is one.
    pub fn begun(&self) -> bool {
        self.mark.is_none()
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the reply has more than [`LARGEST_REPLY`] bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Garbled> {
        self.bytes += bytes.len();
        if self.bytes > LARGEST_REPLY {
            return Err(Garbled(format!("more than {LARGEST_REPLY} bytes")));
        }
        // Rarely, so that each byte is moved a few times at most.
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        if let Some(mark) = &self.mark {
            // What was searched before is not searched again.
            let from = before.saturating_sub(mark.len());
            let mut windows = self.buffer[from..].windows(mark.len());
            if let Some(at) = windows.position(|window| window == mark) {
                self.start = from + at + mark.len();
                self.mark = None;
            }
        }
        Ok(())
    }

    /// Output before the mark so far; empty once the mark was read.
    pub(crate) fn before_mark(&self) -> &[u8] {
        if self.begun() { &[] } else { &self.buffer }
    }

    /// The next complete record, if there is one.
    ///
    /// # Errors
    /// When the bytes are no record, or exceed a limit.
    pub fn next_record(&mut self) -> Result<Option<Record>, Garbled> {
        if self.mark.is_some() {
            return Ok(None);
        }
        let rest = &self.buffer[self.start..];
        let head = &rest[..rest.len().min(LONGEST_HEADER + 1)];
        let Some(colon) = head.iter().position(|&b| b == b':') else {
            if rest.len() > LONGEST_HEADER {
                return Err(self.garbled());
            }
            return Ok(None);
        };
        let header = std::str::from_utf8(&rest[..colon]).map_err(|_| self.garbled())?;
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
        if rest.len() <= end {
            return Ok(None);
        }
        if rest[end] != b'\n' {
            return Err(self.garbled());
        }
        if self.records == MOST_RECORDS {
            return Err(Garbled(format!("more than {MOST_RECORDS} records")));
        }
        let value = &rest[colon + 1..end];
        // No shell can write NUL.
        if value.contains(&0) {
            return Err(self.garbled());
        }
        let record = Record {
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.to_vec(),
        };
        self.records += 1;
        self.start += end + 1;
        Ok(Some(record))
    }

    fn garbled(&self) -> Garbled {
        let rest = &self.buffer[self.start..];
        let start = String::from_utf8_lossy(&rest[..rest.len().min(60)]);
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
    fn a_flood_ends_by_its_bytes_or_its_records() {
        // Small records: what they take is more than what is sent.
        let (mut frames, mut seen) = (Frames::new(), 0);
        let flood = b"a b 0:\n".repeat(1000);
        let error = loop {
            frames.feed(&flood).expect("few bytes");
            match all(&mut frames) {
                Ok(records) => seen += records.len(),
                Err(error) => break error,
            }
        };
        assert!(error.0.contains("records"), "{error}");
        assert!(seen <= MOST_RECORDS && frames.buffer.len() < 3 * flood.len());
        // Records that are read at once do not hide how many bytes there were.
        let mut frames = Frames::new();
        let record = format!("a b 100000:{}\n", "x".repeat(100_000));
        let fed = (0..1_000_000).take_while(|_| {
            let fits = frames.feed(record.as_bytes()).is_ok();
            fits && all(&mut frames).is_ok()
        });
        assert!(fed.count() <= LARGEST_REPLY / 100_000);
        // Another reply of the same stream has all of it again.
        let mut frames = Frames::new();
        for _ in 0..200 {
            frames.feed(record.as_bytes()).expect("one record a reply");
            assert_eq!(all(&mut frames).expect("a record").len(), 1);
            frames.begin_anew();
        }
        // Noise before the mark is bounded, too.
        let mut frames = Frames::after_mark("MARK");
        let noise = [b'x'; 64 * 1024];
        let fed = (0..1_000_000)
            .take_while(|_| frames.feed(&noise).is_ok())
            .count();
        assert!(fed <= LARGEST_REPLY / noise.len());
    }

    #[test]
    fn the_mark_is_found_wherever_it_is_cut() {
        let text = b"noise MAR\nMARMARK\na b 1:x\n";
        for cut in 0..text.len() {
            let mut frames = Frames::after_mark("MARK");
            frames.feed(&text[..cut]).expect("small");
            frames.feed(&text[cut..]).expect("small");
            let records = all(&mut frames).expect("well formed");
            assert_eq!(records, [("b".into(), "x".into())], "{cut}");
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [
            &b"no colon here but a very long line".repeat(40)[..],
            b"a b c d:\n",
            b"a b x:\n",
            b"a b 3:x\0y\n",
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
