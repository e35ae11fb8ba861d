//! A shell's message about a start file, without words of the file.

/// Words of a shell's grammar, which may be shown of a user's line.
const GRAMMAR: [&str; 18] = [
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "function",
    "select",
    "newline",
    "end of file",
    "EOF",
];

/// A shell's message about a file that it cannot read: from the line's number on, without words of the
/// file, which may be secrets.
pub(crate) fn redacted(text: &str) -> String {
    let from = text
        .char_indices()
        .filter(|(_, c)| *c == ':')
        .map(|(at, _)| text[at + 1..].trim_start())
        .find(|rest| rest.starts_with("line ") || rest.starts_with(|c: char| c.is_ascii_digit()));
    let Some(rest) = from else {
        return "its syntax is wrong".into();
    };
    let rest = rest.strip_prefix("line ").unwrap_or(rest);
    let Some((line, words)) = rest.split_once(':') else {
        return "its syntax is wrong".into();
    };
    if line.parse::<u32>().is_err() {
        return "its syntax is wrong".into();
    }
    let mut out = String::new();
    let mut rest = words.trim();
    while let Some(at) = rest.find(['`', '"', '\'']) {
        let (plain, quoted) = rest.split_at(at);
        out.push_str(plain);
        let inner = &quoted[1..];
        // Bash quotes as `this', a lone quote also.
        let end = match quoted.starts_with('`') {
            true => inner.rfind('\''),
            false => inner.find(&quoted[..1]),
        };
        let Some(end) = end else {
            out.push_str(if inner.is_empty() { quoted } else { "…" });
            rest = "";
            break;
        };
        let token = &inner[..end];
        let harmless = GRAMMAR.contains(&token)
            || token.len() <= 2 && !token.contains(|c: char| c.is_alphanumeric());
        out.push_str(&match harmless {
            true => format!("`{token}`"),
            false => "(a word of the file)".to_owned(),
        });
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    format!("line {line}: {}", out.trim())
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_shells_message_is_shown_without_words_of_the_file() {
        for (message, expected) in [
            (
                "/h/.bashrc: line 7: unexpected EOF while looking for matching `\"'",
                "line 7: unexpected EOF while looking for matching `\"`",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `fi'",
                "line 3: syntax error near unexpected token `fi`",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `hunter2'",
                "line 3: syntax error near unexpected token (a word of the file)",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `$'{\\r''",
                "line 3: syntax error near unexpected token (a word of the file)",
            ),
            (
                "/h/.profile: 3: Syntax error: Unterminated quoted string",
                "line 3: Syntax error: Unterminated quoted string",
            ),
            (
                "/h/.profile: 4: Syntax error: \"hunter2\" unexpected (expecting \"then\")",
                "line 4: Syntax error: (a word of the file) unexpected (expecting `then`)",
            ),
            (
                "/h/.zshrc:3: parse error near `fi'",
                "line 3: parse error near `fi`",
            ),
            ("/h/.zshrc:3: unmatched \"", "line 3: unmatched \""),
            ("what", "its syntax is wrong"),
        ] {
            assert_eq!(redacted(message), expected, "{message}");
        }
    }
}
