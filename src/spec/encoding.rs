//! Bytes → the text of a spec, which must be UTF-8.

use crate::diagnostic::{Problem, Span};

/// Bytes that are not UTF-8.
#[derive(Debug)]
pub struct Undecoded {
    /// The text to show: invalid bytes are taken as Latin-1.
    pub text: String,
    /// The problem, with its place.
    pub problem: Problem,
}

/// A spec's text.
///
/// # Errors
/// When it is not UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String, Box<Undecoded>> {
    if let Some((name, text)) = utf16(&bytes) {
        return Err(of_utf16(name, text));
    }
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let offset = error.utf8_error().valid_up_to();
    let bytes = error.into_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let first = before.rfind('\n').map_or(0, |offset| offset + 1);
    let column = before[first..].chars().count() + 1;
    let u32_of = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let span = Span {
        start: offset,
        end: offset + text[offset..].chars().next().map_or(0, char::len_utf8),
        line: u32_of(line),
        column: u32_of(column),
    };
    // In archives and programs, and in no text.
    let is_binary = bytes.contains(&0) || bytes.starts_with(&[0x1f, 0x8b]);
    let problem = match is_binary {
        true => Problem::error(span, "this is no text", "is this the right file?"),
        false => Problem::error(
            span,
            format!("the byte 0x{:02x} is no character in UTF-8", bytes[offset]),
            "save the file as UTF-8; of one in Latin-1, `iconv -f LATIN1 -t UTF-8` makes that",
        ),
    };
    Err(Box::new(Undecoded { text, problem }))
}

fn of_utf16(name: &str, text: String) -> Box<Undecoded> {
    let first = text.lines().next().unwrap_or_default();
    let span = Span {
        start: 0,
        end: first.len(),
        line: 1,
        column: 1,
    };
    let problem = Problem::error(
        span,
        format!("this is {name}, and a spec is UTF-8"),
        format!("save the file as UTF-8; `iconv -f {name} -t UTF-8` makes that"),
    );
    Box::new(Undecoded { text, problem })
}

/// The text of bytes that are UTF-16, by a byte order mark, or because every other of the first bytes is zero.
fn utf16(bytes: &[u8]) -> Option<(&'static str, String)> {
    let head = &bytes[..bytes.len().min(64)];
    let zeros = |of: usize| {
        let mut every = head.iter().skip(of).step_by(2);
        head.len() >= 4 && every.all(|byte| *byte == 0) && head.iter().any(|byte| *byte != 0)
    };
    let (name, body, read): (_, _, fn([u8; 2]) -> u16) = match bytes {
        [0xff, 0xfe, body @ ..] => ("UTF-16", body, u16::from_le_bytes),
        [0xfe, 0xff, body @ ..] => ("UTF-16", body, u16::from_be_bytes),
        body if zeros(1) => ("UTF-16LE", body, u16::from_le_bytes),
        body if zeros(0) => ("UTF-16BE", body, u16::from_be_bytes),
        _ => return None,
    };
    let (pairs, _) = body.as_chunks::<2>();
    let units = pairs.iter().map(|pair| read(*pair));
    let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some((name, chars.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undecoded(bytes: &[u8]) -> (String, u32, u32, String) {
        let undecoded = decode(bytes.to_vec()).expect_err("no UTF-8");
        let span = undecoded.problem.span.expect("a place");
        assert!(undecoded.text.get(span.start..span.end).is_some());
        assert!(!undecoded.problem.label.is_empty());
        (
            undecoded.problem.message,
            span.line,
            span.column,
            undecoded.text,
        )
    }

    #[test]
    fn invalid_utf_8_has_a_place() {
        assert_eq!(decode(b"a: \xc3\xa9\n".to_vec()).expect("UTF-8"), "a: é\n");
        assert_eq!(
            undecoded(b"a: \xc3\xa9\nb: \xc3\xa9\xe9t\xe9\n"),
            (
                "the byte 0xe9 is no character in UTF-8".into(),
                2,
                5,
                "a: é\nb: éété\n".into()
            )
        );
        assert_eq!(undecoded(b"\x1f\x8b\x08\x00").0, "this is no text");
        for (name, bytes) in [
            ("UTF-16", &b"\xff\xfea\0:\0\n\0"[..]),
            ("UTF-16", b"\xfe\xff\0a\0:\0\n"),
            ("UTF-16LE", b"a\0:\0\n\0"),
            ("UTF-16BE", b"\0a\0:\0\n"),
        ] {
            let message = format!("this is {name}, and a spec is UTF-8");
            assert_eq!(undecoded(bytes), (message, 1, 1, "a:\n".into()));
        }
    }
}
