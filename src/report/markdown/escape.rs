//! Text from elsewhere in Markdown. It makes no HTML, no link, no image, no mention (`@name` sends
//! mail to people), no reference (`#1` shows up in another issue) and no block.

use std::fmt::Write as _;

use crate::text::escape_control;

/// A value: shown as it is, in the font of code.
pub fn code(text: &str) -> String {
    let text = escape_control(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || " /._-:=~,+@()%".contains(c);
    let inner = !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ');
    if inner && text.chars().all(plain) {
        return format!("`{text}`");
    }
    // Backticks cannot hold every text, and in a table not even every `|`; this can.
    code_in_html(&text)
}

/// A value in HTML, where backticks are no code.
pub(crate) fn code_in_html(text: &str) -> String {
    format!("<code>{}</code>", entities(&escape_control(text), false))
}

/// A sentence: what stands between backticks becomes code, and so does a word that a forge would
/// make a link or a mention of.
pub fn prose(text: &str) -> String {
    let text = escape_control(text);
    let mut out = String::new();
    let mut parts = text.split('`').peekable();
    let mut inside = false;
    while let Some(part) = parts.next() {
        let is_closed = parts.peek().is_some();
        match (inside, is_closed) {
            (true, true) if !part.is_empty() => push_code(&mut out, part),
            (true, true) => out.push_str("&#96;&#96;"),
            // The last backtick has no partner.
            (true, false) => {
                out.push_str("&#96;");
                words(&mut out, part);
            }
            (false, _) => words(&mut out, part),
        }
        inside = !inside;
    }
    out
}

/// A span of code after another would become one with it.
fn push_code(out: &mut String, text: &str) {
    let span = code(text);
    if out.ends_with('`') && span.starts_with('`') {
        out.push_str(&code_in_html(text));
    } else {
        out.push_str(&span);
    }
}

fn words(out: &mut String, text: &str) {
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let lower = word.to_ascii_lowercase();
        let reference = word.contains(['@', '#', '$'])
            || lower.contains("://")
            || lower.contains("www.")
            || lower.contains("mailto:")
            || lower.contains("xmpp:")
            || lower.contains("gh-");
        let is_path = word.len() > 1 && word.contains(['/', '_', '*', '\\']);
        if reference || is_path {
            let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
            push_code(out, bare);
            out.push_str(&entities(&word[bare.len()..], false));
        } else {
            let begins = out.is_empty();
            out.push_str(&entities(word, begins));
        }
    }
}

/// Everything that has a meaning in Markdown, HTML or a table of it, as an entity; where the text
/// begins a line also what could begin a block.
fn entities(text: &str, begins: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // `- `, `1. `, `# `, `> `, `===`: what begins a line may begin a block.
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let safe_from = if begins { digits + 1 } else { 0 };
    for (at, c) in text.chars().enumerate() {
        let harmless = c.is_alphanumeric()
            || c == ' '
            || (!c.is_ascii() && !c.is_control())
            || (at >= safe_from && ".,;:/-+='\"()?!%".contains(c))
            || (at > 0 && ",;:/".contains(c));
        if harmless {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    out
}

/// Lines in a block of code; each is escaped, and the fence is longer than any that they hold.
pub(crate) fn fenced(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escape_control(line)).collect();
    let longest = lines.iter().map(|line| run_of_backticks(line)).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

fn run_of_backticks(line: &str) -> usize {
    let runs = line.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_code() {
        assert_eq!(code("client/kafka"), "`client/kafka`");
        assert_eq!(code("a`b"), "<code>a&#96;b</code>");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
        assert_eq!(
            code("</code><script>"),
            "<code>&#60;/code&#62;&#60;script&#62;</code>"
        );
        assert_eq!(code(""), "<code></code>");
    }

    #[test]
    fn sentences_keep_their_words_and_lose_their_powers() {
        assert_eq!(
            prose("`CLASSPATH` in ~/.bashrc, line 14, names x.jar"),
            "`CLASSPATH` in `~/.bashrc`, line 14, names x.jar"
        );
        assert_eq!(
            prose("ask @octocat, see #12"),
            "ask `@octocat`, see <code>&#35;12</code>"
        );
        assert_eq!(prose("<b>x [y](z)"), "&#60;b&#62;x &#91;y&#93;(z)");
        assert_eq!(
            prose("see https://evil.example/"),
            "see `https://evil.example/`"
        );
        assert_eq!(prose("a ` b"), "a &#96; b");
        assert_eq!(prose("1. x"), "1&#46; x");
        assert_eq!(prose("- x"), "&#45; x");
        assert_eq!(prose("`a``b`"), "`a`<code>b</code>");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("diff", &["+ ```".into()]), "````diff\n+ ```\n````\n");
        assert_eq!(fenced("diff", &["+ a".into()]), "```diff\n+ a\n```\n");
    }

    proptest! {
        #[test]
        fn nothing_of_a_sentence_is_markup(text in "[ -~]{0,40}") {
            let mut rest = prose(&text).replace("<code>", "").replace("</code>", "");
            // What stands between backticks of our own holds no other.
            while let Some(open) = rest.find('`') {
                let close = open + 1 + rest[open + 1..].find('`').expect("a partner");
                rest.replace_range(open..=close, "");
            }
            for c in ['<', '>', '*', '_', '[', ']', '`', '|', '\\', '~', '@', '$'] {
                prop_assert!(!rest.contains(c), "{text:?}: {rest:?}");
            }
        }
    }
}
