//! Text from elsewhere, made fit for a terminal and a CI log.

/// Shows control and bidirectional-override characters escaped (`\u{1b}`), so that remote text
/// can neither move a cursor nor start a CI command on a line of its own. Newlines become `\n`.
pub fn escape_control(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if c.is_control() || is_bidi(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// As [`escape_control`], line by line: newlines stay.
pub fn escape_lines(text: &str) -> String {
    text.lines()
        .map(escape_control)
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_passes() {
        for c in (0..=0x9f)
            .filter_map(char::from_u32)
            .filter(|c| c.is_control())
        {
            assert!(!escape_control(&format!("a{c}b")).contains(c), "{c:?}");
        }
        assert_eq!(
            escape_control("\u{1b}[31mé\u{202e}"),
            "\\u{1b}[31mé\\u{202e}"
        );
        assert_eq!(escape_lines("a\rb\nc"), "a\\rb\nc");
    }
}
