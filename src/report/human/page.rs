//! Lines of text: escaped, wrapped, coloured.

use super::Style;
use crate::text::{columns, escape_control, escape_parts, wrap};
use anstyle::{AnsiColor, Effects};

/// What a piece of a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Green,
    Yellow,
    Red,
    Dim,
    Bold,
}

impl Ink {
    pub fn style(self) -> anstyle::Style {
        match self {
            Self::Plain => anstyle::Style::new(),
            Self::Green => AnsiColor::Green.on_default(),
            Self::Yellow => AnsiColor::Yellow.on_default(),
            Self::Red => AnsiColor::Red.on_default(),
            Self::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Bold => anstyle::Style::new().effects(Effects::BOLD),
        }
    }
}

/// A text that grows by lines. Every piece of every line is escaped here.
pub struct Page<'a> {
    style: &'a Style,
    text: String,
}

impl<'a> Page<'a> {
    pub fn new(style: &'a Style) -> Self {
        Self {
            style,
            text: String::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Whether a line of so many columns fits.
    pub fn fits(&self, columns: usize) -> bool {
        columns <= self.style.width
    }

    /// An empty line between two parts; none at the top.
    pub fn gap(&mut self) {
        if !self.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// One line.
    pub fn line(&mut self, pieces: &[(Ink, &str)]) {
        if pieces
            .iter()
            .all(|(_, piece)| piece.trim_matches(' ').is_empty())
        {
            self.text.push('\n');
            return;
        }
        let texts: Vec<&str> = pieces.iter().map(|(_, piece)| *piece).collect();
        for ((ink, _), piece) in pieces.iter().zip(escape_parts(&texts)) {
            if self.style.color && *ink != Ink::Plain && !piece.trim().is_empty() {
                let style = ink.style();
                let blanks = piece.len() - piece.trim_start().len();
                self.text.push_str(&piece[..blanks]);
                self.text
                    .push_str(&format!("{style}{}{style:#}", &piece[blanks..]));
            } else {
                self.text.push_str(&piece);
            }
        }
        self.text.push('\n');
    }

    /// A text after its lead, wrapped at blanks; further lines begin at the column `hang`.
    pub fn wrapped(&mut self, lead: &[(Ink, &str)], hang: usize, ink: Ink, text: &str) {
        let begun = lead.iter().any(|(_, piece)| !piece.trim().is_empty());
        let start: usize = lead.iter().map(|(_, piece)| columns(piece)).sum();
        let lines = wrap(&escape(text, begun), self.style.width, start, hang);
        let margin = " ".repeat(hang);
        for (at, line) in lines.iter().enumerate() {
            if at == 0 {
                let mut pieces = lead.to_vec();
                pieces.push((ink, line));
                self.line(&pieces);
            } else {
                self.line(&[(Ink::Plain, &margin), (ink, line)]);
            }
        }
    }
}

/// A piece of a line, escaped. Where words stand before it, it cannot be what a CI system takes for
/// a command because a line begins with it: `::1` is an address then.
fn escape(piece: &str, begun: bool) -> String {
    if begun {
        escape_control(&format!(".{piece}")).split_off(1)
    } else {
        escape_control(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command_to_a_ci_runner() {
        let style = Style {
            color: false,
            width: 20,
        };
        let mut page = Page::new(&style);
        page.wrapped(
            &[(Ink::Plain, "  ")],
            2,
            Ink::Plain,
            "a line broken ::error::here ##[x]",
        );
        page.line(&[(Ink::Plain, "  "), (Ink::Red, "::add-mask::x")]);
        page.line(&[(Ink::Plain, "y #"), (Ink::Red, "#z"), (Ink::Plain, "[y]")]);
        page.line(&[(Ink::Plain, " :"), (Ink::Red, ":y")]);
        page.line(&[(Ink::Bold, "host  "), (Ink::Plain, "::1")]);
        let text = page.into_text();
        assert!(text.ends_with("host  ::1\n"), "{text}");
        assert!(
            !text.lines().any(|line| line.trim().starts_with("::")),
            "{text}"
        );
        assert!(!text.contains("##["), "{text}");
        assert!(!text.contains("##z["), "{text}");
        assert!(text.contains("\\u{3a}:error::here"), "{text}");
    }
}
