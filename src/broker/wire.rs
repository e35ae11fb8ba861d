//! The protocol's primitive types, written and read. All numbers are big-endian.
//!
//! Reading is bounded: a count must be covered by the bytes that are left, and nothing is allocated
//! ahead. Format: the "Protocol primitive types" of Kafka's protocol guide;
//! the compact and tagged forms are those of KIP-482.

/// A reply that violates its API's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends too early.
    #[error("the reply ends too early")]
    Short,
    /// Something is left after its end.
    #[error("the reply is longer than its format")]
    Long,
    /// A length or count that cannot be.
    #[error("the reply has a length that cannot be")]
    Length,
    /// Null where the format needs a value.
    #[error("the reply has nothing where its format needs something")]
    Null,
    /// Bytes that are no UTF-8.
    #[error("the reply has text that is not UTF-8")]
    Text,
}

/// A text is too long for the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of {0} bytes is longer than the protocol carries")]
pub struct TooLong(pub usize);

/// Writes a request's body.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    flexible: bool,
    too_long: Option<TooLong>,
}

impl Encoder {
    /// An empty body; `flexible` chooses the compact forms and tagged fields.
    pub fn new(flexible: bool) -> Self {
        Self {
            flexible,
            ..Self::default()
        }
    }

    /// Switches the compact forms on or off: those of a header may differ from its body's.
    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// The written bytes.
    ///
    /// # Errors
    /// When a text was too long for its length field.
    pub fn finish(self) -> Result<Vec<u8>, TooLong> {
        match self.too_long {
            None => Ok(self.bytes),
            Some(problem) => Err(problem),
        }
    }

    /// INT8.
    pub fn i8(&mut self, value: i8) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// INT16.
    pub fn i16(&mut self, value: i16) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// INT32.
    pub fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// BOOLEAN.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    /// Compact forms count from one; zero is null.
    fn compact_length(&mut self, length: usize) {
        match u32::try_from(length).ok().and_then(|n| n.checked_add(1)) {
            Some(n) => self.uvarint(n),
            None => self.too_long = Some(TooLong(length)),
        }
    }

    /// STRING or COMPACT_STRING.
    pub fn string(&mut self, text: &str) {
        if self.flexible {
            self.compact_length(text.len());
        } else {
            match i16::try_from(text.len()) {
                Ok(length) => self.i16(length),
                Err(_) => self.too_long = Some(TooLong(text.len())),
            }
        }
        self.bytes.extend(text.as_bytes());
    }

    /// NULLABLE_STRING or COMPACT_NULLABLE_STRING.
    pub(crate) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None if self.flexible => self.uvarint(0),
            None => self.i16(-1),
        }
    }

    /// BYTES or COMPACT_BYTES.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.array(bytes.len());
        self.bytes.extend(bytes);
    }

    /// The head of an ARRAY or COMPACT_ARRAY; the items follow.
    pub fn array(&mut self, items: usize) {
        if self.flexible {
            self.compact_length(items);
        } else {
            match i32::try_from(items) {
                Ok(items) => self.i32(items),
                Err(_) => self.too_long = Some(TooLong(items)),
            }
        }
    }

    /// A null array, which differs from an empty one.
    pub(crate) fn null_array(&mut self) {
        if self.flexible {
            self.uvarint(0);
        } else {
            self.i32(-1);
        }
    }

    /// The end of a structure: no tagged fields, in versions that have them.
    pub fn tags(&mut self) {
        if self.flexible {
            self.uvarint(0);
        }
    }
}

/// Reads a reply's body.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Decoder<'a> {
    /// Over a body; `flexible` as the request's version says.
    pub fn new(body: &'a [u8], flexible: bool) -> Self {
        Self {
            rest: body,
            flexible,
        }
    }

    /// As [`Encoder::set_flexible`].
    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Checks that nothing is left: else the reply is in another version.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Long)
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// INT8.
    ///
    /// # Errors
    /// When it is not there.
    pub fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    /// INT16.
    ///
    /// # Errors
    /// When it is not there.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    /// INT32.
    ///
    /// # Errors
    /// When it is not there.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    /// INT64.
    ///
    /// # Errors
    /// When it is not there.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    /// BOOLEAN: any byte but zero is true, as Kafka reads it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.i8()? != 0)
    }

    /// Skips a UUID.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn skip_uuid(&mut self) -> Result<(), Malformed> {
        self.take(16).map(drop)
    }

    fn uvarint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let [byte] = self.fixed()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(Malformed::Length);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Length)
    }

    /// A length or count; `None` for null.
    fn length(&mut self, wide: bool) -> Result<Option<usize>, Malformed> {
        if self.flexible {
            let length = self.uvarint()?;
            return Ok(length.checked_sub(1).map(|n| n as usize));
        }
        let length = if wide {
            self.i32()?
        } else {
            i32::from(self.i16()?)
        };
        match length {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| Malformed::Length),
        }
    }

    /// NULLABLE_STRING or COMPACT_NULLABLE_STRING.
    ///
    /// # Errors
    /// When it is cut off or not UTF-8.
    pub(crate) fn nullable_string(&mut self) -> Result<Option<String>, Malformed> {
        let Some(length) = self.length(false)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Text)?;
        Ok(Some(text.to_owned()))
    }

    /// STRING or COMPACT_STRING.
    ///
    /// # Errors
    /// When it is null, cut off or not UTF-8.
    pub fn string(&mut self) -> Result<String, Malformed> {
        self.nullable_string()?.ok_or(Malformed::Null)
    }

    /// BYTES or COMPACT_BYTES; null reads as empty.
    ///
    /// # Errors
    /// When it is cut off.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length(true)?.unwrap_or(0);
        self.take(length)
    }

    /// NULLABLE ARRAY or COMPACT_NULLABLE_ARRAY. `item` has to read at least one byte:
    /// an array has no more items than bytes are left.
    ///
    /// # Errors
    /// When it is cut off, or an item is malformed.
    pub(crate) fn nullable_array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let Some(count) = self.length(true)? else {
            return Ok(None);
        };
        if count > self.rest.len() {
            return Err(Malformed::Length);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(Some(items))
    }

    /// ARRAY or COMPACT_ARRAY.
    ///
    /// # Errors
    /// When it is null or cut off, or an item is malformed.
    pub fn array<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        self.nullable_array(item)?.ok_or(Malformed::Null)
    }

    /// The end of a structure: skips tagged fields.
    ///
    /// # Errors
    /// When one is cut off.
    pub fn tags(&mut self) -> Result<(), Malformed> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let length = self.uvarint()?;
            self.take(length as usize)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        let hostile = [0x7f, 0xff, 0xff, 0xff, 1, 2];
        let mut calls = 0;
        let read = Decoder::new(&hostile, false).array(|r| {
            calls += 1;
            r.i8()
        });
        assert_eq!(read, Err(Malformed::Length));
        assert_eq!(calls, 0);
        let compact = [0xff, 0xff, 0xff, 0xff, 0x0f, 1];
        assert_eq!(
            Decoder::new(&compact, true).array(Decoder::i8),
            Err(Malformed::Length)
        );
    }

    #[test]
    fn varints_end_after_five_bytes() {
        let endless = [0x80; 6];
        assert_eq!(Decoder::new(&endless, true).tags(), Err(Malformed::Length));
        let over = [0x80, 0x80, 0x80, 0x80, 0x10];
        assert_eq!(Decoder::new(&over, true).tags(), Err(Malformed::Length));
    }

    #[test]
    fn negative_lengths_are_refused() {
        assert_eq!(
            Decoder::new(&[0xff, 0xfe], false).nullable_string(),
            Err(Malformed::Length)
        );
        assert_eq!(
            Decoder::new(&[0xff, 0xff], false).nullable_string(),
            Ok(None)
        );
        assert_eq!(
            Decoder::new(&[0xff, 0xff], false).string(),
            Err(Malformed::Null)
        );
    }

    #[test]
    fn a_text_too_long_for_its_field_is_an_error() {
        let text = "x".repeat(40_000);
        let mut writer = Encoder::new(false);
        writer.string(&text);
        assert_eq!(writer.finish(), Err(TooLong(40_000)));
        let mut writer = Encoder::new(true);
        writer.string(&text);
        assert!(writer.finish().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            flexible: bool,
            text: Option<String>,
            raw: Vec<u8>,
            numbers: Vec<i32>,
        ) {
            let mut writer = Encoder::new(flexible);
            writer.nullable_string(text.as_deref());
            writer.bytes(&raw);
            writer.array(numbers.len());
            for number in &numbers {
                writer.i32(*number);
            }
            writer.tags();
            let bytes = writer.finish().unwrap();
            let mut reader = Decoder::new(&bytes, flexible);
            prop_assert_eq!(reader.nullable_string(), Ok(text));
            prop_assert_eq!(reader.bytes(), Ok(&raw[..]));
            prop_assert_eq!(reader.array(Decoder::i32), Ok(numbers));
            prop_assert_eq!(reader.tags(), Ok(()));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }
}
