//! Java's properties format: read as Java reads it, edited line by line.
//!
//! Reading is the crate `java-properties`; here is only where each entry stands, so that an edit
//! leaves every other byte of the user's file as it is.

use std::io::Read;

use indexmap::IndexMap;
use java_properties::{LineContent, PropertiesIter};

/// One entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key, unescaped.
    pub key: String,
    /// Its value, unescaped.
    pub value: String,
    /// Its first line, from 1.
    pub line: usize,
}

/// The file is not in Java's properties format (a broken `\u` escape).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a properties file: {0}")]
pub struct Malformed(String);

/// All entries in the order of the file. Of two with one key the last counts, as in Java.
///
/// # Errors
/// When an escape is broken.
pub fn entries(content: &[u8]) -> Result<Vec<Entry>, Malformed> {
    // The crate loses a last line that ends in a backslash; Java does not.
    PropertiesIter::new(content.chain(&b"\n"[..]))
        .filter_map(|line| match line {
            Err(error) => Some(Err(Malformed(error.to_string()))),
            Ok(line) => {
                let number = line.line_number();
                match line.consume_content() {
                    LineContent::Comment(_) => None,
                    LineContent::KVPair(key, value) => Some(Ok(Entry {
                        key,
                        value,
                        line: number,
                    })),
                }
            }
        })
        .collect()
}

/// The file with keys set and removed. An entry that is set keeps its place (the last one, where a
/// key stands twice), new ones go to the end, comments and all other lines stay as they are.
///
/// # Errors
/// When the file cannot be read.
pub fn edit(
    content: &[u8],
    set: &IndexMap<String, &str>,
    remove: &[String],
) -> Result<Vec<u8>, Malformed> {
    let entries = entries(content)?;
    let lines = physical_lines(content);
    let last = |key: &str| entries.iter().rposition(|entry| entry.key == key);
    let mut replaced: Vec<Option<Vec<u8>>> = vec![None; lines.len()];
    for (position, entry) in entries.iter().enumerate() {
        let text = if remove.contains(&entry.key) {
            Vec::new()
        } else if let Some(value) = set.get(&entry.key)
            && last(&entry.key) == Some(position)
            && entry.value != *value
        {
            render(&entry.key, value).into_bytes()
        } else {
            continue;
        };
        let first = entry.line - 1;
        for (line, slot) in lines.iter().zip(replaced.iter_mut()).skip(first) {
            *slot = Some(Vec::new());
            if !continues(line) {
                break;
            }
        }
        replaced[first] = Some(text);
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
    fn a_broken_escape_is_an_error_and_not_a_guess() {
        assert!(entries(b"a=\\u12").is_err());
    }

    proptest! {
        // The crate reads no surrogate pairs, so values stay within the basic plane.
        #[test]
        fn what_is_set_is_read_back_and_the_rest_stays(
            content in "[ab =:#!\\\\\n\r\t]{0,40}",
            value in "[ -~é\n\t\u{20ac}]{0,20}",
        ) {
            let Ok(before) = entries(content.as_bytes()) else { return Ok(()) };
            let set = [("zz key".to_owned(), value.as_str())].into();
            let bytes = edit(content.as_bytes(), &set, &[]).expect("was readable");
            let mut after = entries(&bytes).expect("stays readable");
            let ours = after.pop().expect("is there");
            prop_assert_eq!((ours.key.as_str(), ours.value.as_str()), ("zz key", value.as_str()));
            let pairs = |entries: Vec<Entry>| entries.into_iter().map(|e| (e.key, e.value)).collect::<Vec<_>>();
            prop_assert_eq!(pairs(after), pairs(before));
        }
    }
}
