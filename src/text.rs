//! Escaping, wrapping and matching of text.

use unicode_width::UnicodeWidthStr;

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text matches a pattern: `*` is any characters, `?` is one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut starts = pattern.chars();
    match starts.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern.trim_start_matches('*');
            let mut ends = text.char_indices().map(|(at, _)| at);
            rest.is_empty() || ends.any(|at| matches(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut chars = text.chars();
            let fits = chars.next().is_some_and(|c| wanted == '?' || wanted == c);
            fits && matches(starts.as_str(), chars.as_str())
        }
    }
}

/// Text from elsewhere on one line: whatever could move a terminal's cursor, turn the reading
/// direction or be taken by a CI system as a command is shown as `\u{…}`.
pub(crate) fn escape_control(text: &str) -> String {
    escape_parts(&[text]).concat()
}

/// How many columns a text takes once it is escaped: wide characters take two, combining ones none.
pub fn columns(text: &str) -> usize {
    escape_control(text).width()
}

/// A text padded to a width in columns; `{text:width$}` counts characters.
pub fn padded(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(columns(text));
    format!("{text}{:blanks$}", "")
}

/// Like [`escape_control`], for the parts of one line; commands across parts are escaped, too.
pub(crate) fn escape_parts(parts: &[&str]) -> Vec<String> {
    let text = parts.concat();
    // Commands: `::` at the start of a line (GitHub), `##name[` anywhere (older agents).
    let start = text.len() - text.trim_start().len();
    let mut at = 0;
    let mut shown = Vec::with_capacity(parts.len());
    for part in parts {
        let mut escaped = String::with_capacity(part.len());
        for c in part.chars() {
            let rest = &text[at..];
            let command = (at == start && rest.starts_with("::")) || agent_command(rest);
            if is_unsafe(c) || command {
                escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            } else {
                escaped.push(c);
            }
            at += c.len_utf8();
        }
        shown.push(escaped);
    }
    shown
}

/// Like [`escape_control`], line by line: line ends stay, without carriage returns.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape_control).collect();
    lines.join("\n")
}

/// The lines of a text: broken at blanks, the first begins at the column `start`, the others at `hang`. A word
/// that fits on no line of its own stays whole: it is a path or a URL, which people copy.
pub fn wrap(text: &str, width: usize, start: usize, hang: usize) -> Vec<String> {
    // No break after a short label before a word that is too long (`fetch  https://…`).
    const LABEL: usize = 8;
    let mut lines = vec![String::new()];
    let mut room = width.saturating_sub(start);
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let end = blanks + word_end(&rest[blanks..], width.saturating_sub(hang));
        let (gap, word) = rest[..end].split_at(blanks);
        rest = &rest[end..];
        let is_first = lines.len() == 1;
        let line = lines
            .last_mut()
            .unwrap_or_else(|| unreachable!("one line at least"));
        let used = line.width();
        let length = word.width();
        let fits = used + gap.len() + length <= room;
        let fits_nowhere = length > width.saturating_sub(hang);
        let is_label = fits_nowhere && used <= LABEL && is_first;
        if fits || used == 0 && (start <= hang || fits_nowhere) || is_label {
            line.push_str(gap);
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
            room = width.saturating_sub(hang);
        }
    }
    lines
}

/// The end of the first word. Text between backticks is one word if it fits on a line.
fn word_end(text: &str, room: usize) -> usize {
    let blank = |from: usize| text[from..].find(' ').map_or(text.len(), |at| from + at);
    let end = blank(0);
    if text[..end].matches('`').count() % 2 == 1
        && let Some(close) = text[end..].find('`')
    {
        let whole = blank(end + close);
        if text[..whole].width() <= room {
            return whole;
        }
    }
    end
}

fn agent_command(text: &str) -> bool {
    text.strip_prefix("##").is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric())
            .starts_with('[')
    })
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first few of many, and how many more.
pub(crate) fn enumerate(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// A digest's two ends, as people compare them.
pub(crate) fn shorten_digest(digest: &str) -> String {
    match (
        digest.get(..8),
        digest.len().checked_sub(6).and_then(|at| digest.get(at..)),
    ) {
        (Some(start), Some(end)) if digest.len() > 20 => format!("{start}…{end}"),
        _ => digest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn breaks_at_blanks_and_never_in_a_word() {
        assert_eq!(wrap("aa bb cc", 7, 2, 2), ["aa bb", "cc"]);
        assert_eq!(wrap("aa  bb cc", 80, 2, 2), ["aa  bb cc"]);
        assert_eq!(wrap("fetch  https://a/b", 10, 2, 4), ["fetch  https://a/b"]);
        assert_eq!(
            wrap("it is not there: /a/long/path/x of y", 14, 2, 2),
            ["it is not", "there:", "/a/long/path/x", "of y"]
        );
        assert_eq!(wrap("", 80, 0, 0), [""]);
        assert_eq!(
            wrap("see `export A=b`, there", 14, 0, 0),
            ["see", "`export A=b`,", "there"]
        );
        assert_eq!(wrap("a `b c d e`", 7, 0, 0), ["a `b c", "d e`"]);
        // Wide characters take two columns, combining ones none.
        assert_eq!(wrap("鍵鍵 鍵鍵", 8, 0, 0), ["鍵鍵", "鍵鍵"]);
        assert_eq!(wrap("e\u{301}e\u{301} e\u{301}e\u{301}", 5, 0, 0).len(), 1);
        assert_eq!(columns("鍵e\u{301}"), 3);
    }

    #[test]
    fn padding_is_in_columns() {
        for text in ["", "abc", "鍵", "e\u{301}", "鍵鍵"] {
            assert_eq!(columns(&padded(text, 4)), 4, "{text}");
        }
        assert_eq!(padded("鍵鍵鍵", 4), "鍵鍵鍵");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            escape_control("\x1b[31mred\r\u{9b}x"),
            "\\u{1b}[31mred\\u{d}\\u{9b}x"
        );
        assert_eq!(
            escape_control("a\u{202e}b\u{2066}c"),
            "a\\u{202e}b\\u{2066}c"
        );
        assert_eq!(escape_control("täble 表 ok\\n"), "täble 表 ok\\n");
    }

    #[test]
    fn commands_of_ci_systems_are_escaped() {
        assert_eq!(
            escape_control("  ::set-env name=X::y"),
            "  \\u{3a}:set-env name=X::y"
        );
        assert_eq!(
            escape_control("x ##vso[task] ##[group]"),
            "x \\u{23}#vso[task] \\u{23}#[group]"
        );
        assert_eq!(escape_control("a::b ## c"), "a::b ## c");
        assert_eq!(escape_lines("a\r\n::b\n"), "a\n\\u{3a}:b");
        assert_eq!(
            escape_parts(&[" x#", "#", "[y]"]),
            [" x\\u{23}", "#", "[y]"]
        );
        assert_eq!(escape_parts(&[" ", ":", ":y"]), [" ", "\\u{3a}", ":y"]);
    }

    #[test]
    fn patterns_match() {
        for (pattern, text) in [
            ("web-*", "web-1"),
            ("web-*", "web-"),
            ("*", ""),
            ("*-1", "web-1"),
            ("w**b?1", "web-1"),
            ("?b", "äb"),
            ("a*b*c", "aXbXbXc"),
            ("web-1", "web-1"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("web-*", "xweb-1"),
            ("web-?", "web-"),
            ("", "a"),
            ("a*b", "abc"),
            ("[a]", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            let shown = escape_control(&text);
            prop_assert!(!shown.chars().any(is_unsafe));
            prop_assert!(!shown.trim_start().starts_with("::"));
        }

        #[test]
        fn parts_are_escaped_as_the_whole_is(parts in prop::collection::vec("[#:\\[ a\u{1b}é]{0,3}", 0..5)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            prop_assert_eq!(escape_parts(&parts).concat(), escape_control(&parts.concat()));
            let shown = escape_control(&parts.concat());
            prop_assert_eq!(escape_control(&shown), shown);
        }
    }
}
