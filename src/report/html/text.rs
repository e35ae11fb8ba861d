//! Text from elsewhere in HTML. The macro that makes the markup escapes what has a meaning there, whatever it
//! is handed; here is what could mislead a reader, and what only looks like markup to people.

use maud::{Markup, Render, html};

use crate::{history::Since, report::words::shortened, text::escape_control, utc::Utc};

/// A sentence or a value of at most so many characters, a line of a difference, or of an error.
const MOST_OF_VALUE: usize = 1_000;

/// A value as it is: what moves a cursor, turns the reading direction or is not seen stands as an escape.
pub fn shown(text: &str) -> String {
    // Nothing of it begins a line of the page: `::1` is an address here, and no command of a CI system.
    let text = escape_control(&format!(".{}", shortened(text, MOST_OF_VALUE))).split_off(1);
    // No text of HTML has these, although they are neither seen nor do harm.
    let is_odd = |c: char| {
        matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff) || ('\u{fdd0}'..='\u{fdef}').contains(&c)
    };
    match text.contains(is_odd) {
        false => text,
        true => text
            .chars()
            .map(|c| match is_odd(c) {
                true => c.escape_unicode().to_string(),
                false => c.to_string(),
            })
            .collect(),
    }
}

/// A sentence: what stands between backticks is code.
pub fn prose(text: &str) -> Markup {
    let text = shown(text);
    let parts: Vec<&str> = text.split('`').collect();
    // The last backtick of an odd number has no partner.
    let paired = parts.len() - usize::from(parts.len().is_multiple_of(2));
    html! {
        @for (at, part) in parts.iter().enumerate() {
            @if at % 2 == 1 && at < paired { code { (part) } }
            @else if at >= paired { "`" (part) }
            @else { (part) }
        }
    }
}

/// A text of several lines, each a sentence; the first stands after its lead, and a help after its own.
pub fn lines(lead: &str, text: &str) -> Markup {
    const HELP: &str = "help: ";
    html! {
        @for (at, line) in text.lines().map(str::trim).enumerate() {
            p {
                @if at == 0 && !lead.is_empty() { b { (lead) } " " }
                @match line.strip_prefix(HELP) {
                    Some(line) => { b { (HELP.trim_end()) } " " (prose(line)) },
                    None => (prose(line)),
                }
            }
        }
    }
}

/// Lines that are shown as they are.
pub(crate) fn as_is<'l>(all: impl IntoIterator<Item = &'l str>) -> Markup {
    html! {
        pre { @for line in all { code { (shown(line)) } "\n" } }
    }
}

/// A time, to the minute.
pub struct Moment(pub Utc);

impl Render for Moment {
    fn render(&self) -> Markup {
        html! { time datetime=(self.0) { (self.0.minute()) } }
    }
}

/// Since when, and when it was last in sync; nothing, where no earlier run tells.
pub fn since(since: Since, now: Utc) -> Option<Markup> {
    let begun = html! { "since " (Moment(since.at)) };
    match since.last_in_sync {
        Some(last) => {
            let short = last.minute_after(since.at);
            Some(html! { (begun) " (last in sync " time datetime=(last) { (short) } ")" })
        }
        None => (since.at != now).then(|| html! { (begun) " or earlier" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_its_words() {
        let of = |text: &str| prose(text).into_string();
        assert_eq!(
            of("`a<b>` & \"c\""),
            "<code>a&lt;b&gt;</code> &amp; &quot;c&quot;"
        );
        assert_eq!(of("a ` b"), "a ` b");
        assert_eq!(of("`a` b ` c"), "<code>a</code> b ` c");
        assert_eq!(of(""), "");
    }

    #[test]
    fn nothing_hides_in_a_value() {
        assert_eq!(shown("::1"), "::1");
        assert_eq!(
            shown("a\n\u{1b}[2J\u{202e}\u{0}"),
            "a\\u{a}\\u{1b}[2J\\u{202e}\\u{0}"
        );
        assert_eq!(
            shown("a\u{fffe}\u{1ffff}\u{fdd0}"),
            "a\\u{fffe}\\u{1ffff}\\u{fdd0}"
        );
        assert!(shown(&"x".repeat(2_000)).ends_with("x… (1000 more characters)"));
    }
}
