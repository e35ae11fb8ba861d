//! A text that the reader refused, and where it stopped.

use std::ops::Range;

use serde_yaml::{Error, Location, granit_parser::ErrorKind};

use crate::diagnostic::Span;

/// How many lines before the one where the reader stopped are looked at.
const MOST_LINES_BACK: usize = 5_000;

/// The text, and where the reader stopped.
pub struct Failure<'t> {
    /// All of it.
    pub text: &'t str,
    /// The length of its byte order mark.
    pub skipped: usize,
    /// The byte where the reader stopped.
    pub stop: usize,
    /// The line of that byte, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// The kind of an error of the scanner or the parser.
    pub kind: Option<&'t ErrorKind>,
    /// The error of the reader.
    pub error: &'t Error,
    starts: Vec<usize>,
}

/// A line of a text.
#[derive(Clone, Copy)]
pub struct Line<'t> {
    /// Its first byte.
    pub start: usize,
    /// Its number, from 1.
    pub number: usize,
    /// Its text, without the line break.
    pub text: &'t str,
}

impl<'t> Failure<'t> {
    /// The failure of a reader at a location.
    pub fn new(
        text: &'t str,
        skipped: usize,
        location: Option<Location>,
        kind: Option<&'t ErrorKind>,
        error: &'t Error,
    ) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
        let (line, column) = location.map_or((1, 1), |at| (number(at.line()), number(at.column())));
        let line = line.min(starts.len());
        let first = if line == 1 { skipped } else { starts[line - 1] };
        let end = starts.get(line).map_or(text.len(), |next| next - 1);
        let line_text = &text[first..end.max(first)];
        let mut chars = line_text.char_indices().map(|(at, _)| first + at);
        let stop = chars.nth(column - 1).unwrap_or(first + line_text.len());
        Self {
            text,
            skipped,
            stop,
            line,
            column,
            kind,
            error,
            starts,
        }
    }

    /// The first byte of a line, from 1; the text's end where there is none.
    pub(crate) fn start_of(&self, line: usize) -> usize {
        let start = self.starts.get(line - 1).copied();
        start.unwrap_or(self.text.len()).max(self.skipped)
    }

    /// A line, from 1.
    pub(crate) fn line_at(&self, number: usize) -> Option<Line<'t>> {
        let index = number.checked_sub(1).filter(|at| *at < self.starts.len())?;
        let start = self.starts[index].max(self.skipped);
        let end = self.starts.get(index + 1).copied();
        let text = &self.text[start..end.unwrap_or(self.text.len())];
        let text = text.trim_end_matches(['\n', '\r']);
        Some(Line {
            start,
            number,
            text,
        })
    }

    /// The line where the reader stopped, and those before it, the last first.
    pub(crate) fn lines_back(&self) -> impl Iterator<Item = Line<'t>> + '_ {
        let numbers = (1..=self.line).rev().take(MOST_LINES_BACK);
        numbers.filter_map(|number| self.line_at(number))
    }

    /// The same, without empty lines and comments.
    pub(crate) fn filled_lines_back(&self) -> impl Iterator<Item = Line<'t>> + '_ {
        self.lines_back().filter(Line::is_filled)
    }

    /// The line where the reader stopped.
    pub(crate) fn current_line(&self) -> Line<'t> {
        self.line_at(self.line).unwrap_or(Line {
            start: self.stop,
            number: self.line,
            text: "",
        })
    }

    /// The end of the word that begins at a byte; at least one character behind it, where there is one.
    pub(crate) fn word_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r')) else {
            return at;
        };
        let is_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let length = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        at + length
    }

    /// The span of a byte range.
    pub fn span(&self, at: Range<usize>) -> Span {
        let line = self
            .starts
            .partition_point(|start| *start <= at.start)
            .max(1);
        let first = self.start_of(line).min(at.start);
        let column = self.text[first..at.start].chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            start: at.start,
            end: at.end.max(at.start),
            line: number(line),
            column: number(column),
        }
    }
}

impl<'t> Line<'t> {
    /// How many blanks it begins with.
    pub(crate) fn indent(&self) -> usize {
        self.text.len() - self.text.trim_start_matches(' ').len()
    }

    /// Without the blanks that it begins and ends with.
    pub fn content(&self) -> &'t str {
        self.text.trim()
    }

    /// Whether it has more than a comment.
    pub(crate) fn is_filled(&self) -> bool {
        !self.content().is_empty() && !self.content().starts_with('#')
    }

    /// The first byte that is no blank.
    pub fn first(&self) -> usize {
        self.start + self.text.len() - self.text.trim_start().len()
    }

    /// The byte behind its content, before a comment.
    pub fn end(&self) -> usize {
        let text = &self.text[..comment(self.text)];
        self.start + text.trim_end().len()
    }

    /// Its key, where it begins with one, after any `- `.
    pub fn key(&self) -> Option<&'t str> {
        let content = self.content().trim_start_matches("- ").trim_start();
        let (key, rest) = content.split_once(':')?;
        let is_key = !key.is_empty() && key.len() <= 64 && key.chars().all(is_of_key);
        (is_key && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
    }

    /// What follows its key.
    pub fn value(&self) -> Option<&'t str> {
        let key = self.key()?;
        let at = self.text.find(key)? + key.len() + 1;
        Some(self.text[at..].trim())
    }
}

/// Whether keys may have a character.
pub(crate) fn is_of_key(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

/// A part of a line that is not plain text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A quoted text; `true`: it ends in this line.
    Quoted(bool),
    /// A bracket.
    Bracket(char),
}

/// The quoted texts and brackets of a line that begins outside of a quoted text, with their ranges.
pub fn marks(text: &str) -> Vec<(Range<usize>, Mark)> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut at = 0;
    let end = comment(text);
    while let Some(c) = text[at..end].chars().next() {
        let next = at + c.len_utf8();
        let begins = matches!(before, ' ' | '\t' | '[' | '{' | ',');
        at = match c {
            '"' | '\'' if begins => {
                let close = closing(&text[next..], c).map(|close| next + close);
                let until = close.map_or(end, |close| close + 1);
                found.push((at..until, Mark::Quoted(close.is_some())));
                until
            }
            '[' | '{' if begins => {
                found.push((at..next, Mark::Bracket(c)));
                next
            }
            ']' | '}' => {
                found.push((at..next, Mark::Bracket(c)));
                next
            }
            _ => next,
        };
        before = c;
    }
    found
}

/// The closing quote of a text behind its first quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            c if c == quote => match chars.peek() {
                Some((_, '\'')) if quote == '\'' => {
                    chars.next();
                }
                _ => return Some(at),
            },
            _ => {}
        }
    }
    None
}

/// Where a line's comment begins, or else the line ends.
fn comment(text: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '#') if matches!(before, ' ' | '\t') => return at,
            (None, '"' | '\'') if matches!(before, ' ' | '\t' | '[' | '{' | ',') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    text.len()
}
