//! Java's properties format: read as Java reads it, edited line by line, so that an edit leaves every
//! other byte of the user's file as it is. `tests/java` holds it against Java's own reader.
//!
//! (The crate `java-properties` drops a byte order mark, knows no surrogate pairs, and loses a last
//! line that ends in a backslash.)

use indexmap::IndexMap;

/// One entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key, unescaped.
    pub key: String,
    /// Its value, unescaped.
    pub value: String,
    /// Both are texts. Java's strings may hold half of a surrogate pair, which stands as U+FFFD here.
    pub whole: bool,
    /// Its first line, from 1.
    pub line: usize,
    /// Its last line: another, where backslashes continue it.
    pub last: usize,
}

/// The file is not in Java's properties format (a broken `\u` escape).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a properties file: line {0} has a `\\u` without four hexadecimal digits")]
pub struct Malformed(usize);

/// What an editor on Windows puts before the first line of a UTF-8 file. Java knows nothing of it: to
/// Java it is the beginning of the first key.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What comes after the mark; an editor that finds one may put another before it.
pub fn unmarked(mut content: &[u8]) -> &[u8] {
    while let Some(rest) = content.strip_prefix(BYTE_ORDER_MARK) {
        content = rest;
    }
    content
}

/// All entries in the order of the file, as Java's `Properties.load(InputStream)` sees them (its
/// `LineReader`, and `loadConvert`; JDK 17): bytes are Latin-1. Of two with one key the last counts.
///
/// # Errors
/// When an escape is broken.
pub fn entries(content: &[u8]) -> Result<Vec<Entry>, Malformed> {
    let mut lines = Lines {
        content,
        at: 0,
        number: 1,
    };
    let mut entries = Vec::new();
    while let Some((line, last, text)) = lines.next_logical() {
        let (key, value) = split(&text);
        let (key, whole_key) = unescape(key, line)?;
        let (value, whole_value) = unescape(value, line)?;
        entries.push(Entry {
            key,
            value,
            whole: whole_key && whole_value,
            line,
            last,
        });
    }
    Ok(entries)
}

/// Reads logical lines: without comments, blank lines and the ends of continued lines.
struct Lines<'c> {
    content: &'c [u8],
    at: usize,
    /// The line that is being read, from 1.
    number: usize,
}

impl Lines<'_> {
    /// One logical line, and the numbers of its first and its last.
    fn next_logical(&mut self) -> Option<(usize, usize, Vec<u8>)> {
        let mut text = Vec::new();
        let mut first = None;
        // Whether the backslash that was read last begins an escape.
        let mut escaping = false;
        // Blanks at the beginning of a line are skipped; empty lines too, but for the one behind a
        // backslash.
        let (mut skipping, mut continued) = (true, false);
        let mut last = self.number;
        while let Some(&byte) = self.content.get(self.at) {
            let ends = matches!(byte, b'\n' | b'\r');
            if skipping && (is_blank(byte) || (ends && !continued)) {
                self.step();
                continue;
            }
            (skipping, continued) = (false, false);
            if text.is_empty() && matches!(byte, b'#' | b'!') {
                while !matches!(self.content.get(self.at), None | Some(b'\n' | b'\r')) {
                    self.at += 1;
                }
                (skipping, first) = (true, None);
                continue;
            }
            last = self.number;
            first = first.or(Some(last));
            let more = self.at + 1 < self.content.len();
            self.step();
            if !ends {
                text.push(byte);
                escaping = byte == b'\\' && !escaping;
            } else if text.is_empty() {
                (skipping, first) = (true, None);
            } else if escaping && more {
                text.pop();
                (skipping, continued, escaping) = (true, true, false);
            } else {
                break;
            }
        }
        if escaping {
            text.pop();
        } else if text.is_empty() {
            return None;
        }
        Some((first.unwrap_or(last), last, text))
    }

    /// Over a byte, or over both of a line's end.
    fn step(&mut self) {
        match &self.content[self.at..] {
            [b'\r', b'\n', ..] => (self.at, self.number) = (self.at + 2, self.number + 1),
            [b'\r' | b'\n', ..] => (self.at, self.number) = (self.at + 1, self.number + 1),
            _ => self.at += 1,
        }
    }
}

/// What Java's format takes for a blank.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

/// A logical line's key and value, both still escaped.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let separates = |byte: u8| matches!(byte, b'=' | b':');
    let mut escaping = false;
    let key = line.iter().position(|&byte| {
        let ends = !escaping && (is_blank(byte) || separates(byte));
        escaping = byte == b'\\' && !escaping;
        ends
    });
    let (key, rest) = line.split_at(key.unwrap_or(line.len()));
    let trim = |text: &[u8]| text.iter().take_while(|&&byte| is_blank(byte)).count();
    let mut value = &rest[trim(rest)..];
    if let [first, after @ ..] = value
        && separates(*first)
    {
        value = &after[trim(after)..];
    }
    (key, value)
}

/// What escapes stand for, and whether it is a text: half of a surrogate pair is none, and becomes
/// U+FFFD here.
fn unescape(text: &[u8], line: usize) -> Result<(String, bool), Malformed> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        units.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'u') => {
                    let mut unit = 0;
                    for _ in 0..4 {
                        let digit = bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                        let digit = digit.and_then(|digit| u16::try_from(digit).ok());
                        unit = unit << 4 | digit.ok_or(Malformed(line))?;
                    }
                    unit
                }
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(other) => u16::from(other),
                None => u16::from(byte),
            },
            byte => u16::from(byte),
        });
    }
    let read = String::from_utf16(&units);
    let whole = read.is_ok();
    Ok((
        read.unwrap_or_else(|_| String::from_utf16_lossy(&units)),
        whole,
    ))
}

/// The file with keys set and removed. An entry that is set keeps its place (the last one, where a
/// key stands twice), new ones go to the end, comments and all other lines stay as they are. A byte
/// order mark goes.
///
/// # Errors
/// When the file cannot be read.
pub fn edit(
    content: &[u8],
    set: &IndexMap<String, &str>,
    remove: &[String],
) -> Result<Vec<u8>, Malformed> {
    let content = unmarked(content);
    let entries = entries(content)?;
    let lines = physical_lines(content);
    let last = |key: &str| entries.iter().rposition(|entry| entry.key == key);
    let mut replaced: Vec<Option<Vec<u8>>> = vec![None; lines.len()];
    for (position, entry) in entries.iter().enumerate() {
        let text = if remove.contains(&entry.key) {
            Vec::new()
        } else if let Some(value) = set.get(&entry.key)
            && last(&entry.key) == Some(position)
            && !(entry.whole && entry.value == *value)
        {
            render(&entry.key, value).into_bytes()
        } else {
            continue;
        };
        replaced[entry.line - 1..entry.last].fill(Some(Vec::new()));
        replaced[entry.line - 1] = Some(text);
    }
    let mut bytes = Vec::with_capacity(content.len() + 512);
    for (line, replacement) in lines.iter().zip(replaced) {
        match replacement {
            Some(text) => bytes.extend_from_slice(&text),
            None => bytes.extend_from_slice(line),
        }
    }
    for (key, value) in set.iter().filter(|(key, _)| last(key).is_none()) {
        let unfinished = bytes.last().is_some_and(|&b| b != b'\n' && b != b'\r');
        if unfinished {
            bytes.push(b'\n');
        }
        // A backslash at the end would take our line for its own.
        while physical_lines(&bytes)
            .last()
            .is_some_and(|line| continues(line))
        {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(render(key, value).as_bytes());
    }
    // At the start of a file it would be its mark, and no longer the beginning of a key.
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.insert(0, b'\n');
    }
    Ok(bytes)
}

/// Physical lines with their ends: `\n`, `\r\n` or `\r`.
fn physical_lines(content: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = content;
    while let Some(at) = rest.iter().position(|&b| b == b'\n' || b == b'\r') {
        let end = if rest[at..].starts_with(b"\r\n") {
            at + 2
        } else {
            at + 1
        };
        let (line, after) = rest.split_at(end);
        lines.push(line);
        rest = after;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Whether a line goes on in the next: it ends in an odd number of backslashes.
fn continues(line: &[u8]) -> bool {
    let end = line
        .iter()
        .rposition(|b| !b"\r\n".contains(b))
        .map_or(0, |at| at + 1);
    line[..end]
        .iter()
        .rev()
        .take_while(|&&b| b == b'\\')
        .count()
        % 2
        == 1
}

/// An entry as people write it: only what Java would read otherwise is escaped.
fn render(key: &str, value: &str) -> String {
    let mut line = String::with_capacity(key.len() + value.len() + 2);
    for c in key.chars() {
        if " =:#!".contains(c) {
            line.push('\\');
        }
        escape(c, &mut line);
    }
    line.push('=');
    let leading = value.len() - value.trim_start_matches(' ').len();
    for (at, c) in value.char_indices() {
        if at < leading {
            line.push('\\');
        }
        escape(c, &mut line);
    }
    line.push('\n');
    line
}

fn escape(c: char, line: &mut String) {
    match c {
        '\\' => line.push_str("\\\\"),
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        '\u{c}' => line.push_str("\\f"),
        ' '..='~' => line.push(c),
        c => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(content: &str, set: &[(&str, &str)], remove: &[&str]) -> String {
        let set = set
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect();
        let remove: Vec<String> = remove.iter().map(|key| (*key).to_owned()).collect();
        String::from_utf8(edit(content.as_bytes(), &set, &remove).expect("well formed"))
            .expect("text")
    }

    #[test]
    fn only_the_entry_that_differs_is_touched() {
        let content =
            "# mine\nssl.truststore.location = /x\r\n\nsasl.mechanism: PLAIN\nclient.id=a\\\n  b\n";
        assert_eq!(
            edited(content, &[("sasl.mechanism", "AWS_MSK_IAM")], &[]),
            content.replace("sasl.mechanism: PLAIN", "sasl.mechanism=AWS_MSK_IAM")
        );
        assert_eq!(edited(content, &[("client.id", "ab")], &[]), content);
        assert_eq!(
            edited(content, &[("client.id", "c")], &["sasl.mechanism"]),
            "# mine\nssl.truststore.location = /x\r\n\nclient.id=c\n"
        );
    }

    #[test]
    fn the_last_of_two_counts_and_a_missing_newline_is_added() {
        assert_eq!(edited("a=1\na=2", &[("a", "3")], &[]), "a=1\na=3\n");
        assert_eq!(edited("a=1", &[("b", "2")], &[]), "a=1\nb=2\n");
        assert_eq!(edited("a=1\nb\na=2\n", &[], &["a"]), "b\n");
    }

    #[test]
    fn no_mark_is_left_however_many_there_are() {
        assert_eq!(
            edited("\u{feff}\u{feff}a=1\n", &[("b", "2")], &[]),
            "a=1\nb=2\n"
        );
        assert_eq!(edited("\u{feff}\u{feff}a=1\n", &[("a", "2")], &[]), "a=2\n");
    }

    #[test]
    fn what_comes_first_by_an_edit_is_no_mark() {
        let once = edited("a=1\n\u{feff}b=2\n", &[], &["a"]);
        assert_eq!(once, "\n\u{feff}b=2\n");
        assert_eq!(edited(&once, &[], &["a"]), once);
    }

    #[test]
    fn a_broken_escape_is_an_error_and_not_a_guess() {
        assert!(entries(b"a=\\u12").is_err());
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back_and_the_rest_stays(
            content in "[ab =:#!\\\\\n\r\t]{0,40}",
            value in "[ -~é\n\t\u{20ac}\u{1f980}]{0,20}",
        ) {
            let Ok(before) = entries(content.as_bytes()) else { return Ok(()) };
            let set = [("zz key".to_owned(), value.as_str())].into();
            let bytes = edit(content.as_bytes(), &set, &[]).expect("was readable");
            let mut after = entries(&bytes).expect("stays readable");
            let ours = after.pop().expect("is there");
            prop_assert_eq!((ours.key.as_str(), ours.value.as_str()), ("zz key", value.as_str()));
            // A backslash alone at the end is an entry of nothing, and ends when something follows.
            let pairs = |entries: Vec<Entry>| {
                let pairs = entries.into_iter().map(|e| (e.key, e.value));
                pairs.filter(|pair| *pair != Default::default()).collect::<Vec<_>>()
            };
            prop_assert_eq!(pairs(after), pairs(before));
        }
    }
}
