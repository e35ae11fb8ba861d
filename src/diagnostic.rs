//! Problems in a text: message, place and help; and how they are rendered.

use std::{fmt::Write as _, ops::Range};

use crate::{
    spec::secrets,
    text::{escape_control, escape_parts, wrap},
};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet, renderer::DecorStyle};
use unicode_width::UnicodeWidthStr;

/// How many problems of one file are shown; the closing line counts them all.
const MOST_SHOWN: usize = 100;
/// A longer source line, in bytes, is cut around the caret first.
const LONGEST_LINE: usize = 400;
/// The width for the renderer: lines have been cut, at words, before.
const ANY_WIDTH: usize = 10_000;

/// A stretch of a text: bytes, and where it starts for people (both from 1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
    /// Line of the first byte.
    pub line: u32,
    /// Column of the first byte, in characters.
    pub column: u32,
}

/// The severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is done until it is fixed.
    Error,
    /// Worth knowing; nothing stops.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The severity.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment with the thing in backticks.
    pub message: String,
    /// Where; `None` when it is not in the text (a `--var`).
    pub span: Option<Span>,
    /// Help, shown at the caret. May be empty.
    pub label: String,
}

impl Problem {
    /// An error.
    pub fn error(
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: span.into(),
            label: label.into(),
        }
    }

    /// A warning.
    pub fn warning(
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message, label)
        }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// All problems of a spec's text, in the order of their places, and a closing line that counts them.
/// Nothing when there are none. Secrets in the lines that are shown are masked. No line has more columns than
/// `width`, but for one that is a single word.
pub fn render(path: &str, text: &str, problems: &[Problem], styled: bool, width: usize) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.span.map(|span| span.start), problem.severity));

    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer
        .decor_style(DecorStyle::Unicode)
        .term_width(ANY_WIDTH);
    let path = escape(path);
    let hidden = secrets::hidden(text);
    let mut out = String::new();
    for problem in sorted.iter().take(MOST_SHOWN) {
        out.push_str(&render_problem(
            &renderer, &path, text, &hidden, problem, width,
        ));
        out.push('\n');
    }
    if sorted.len() > MOST_SHOWN {
        let _ = writeln!(out, "… and {} more", sorted.len() - MOST_SHOWN);
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let _ = writeln!(out, "{path}: {}", counted(errors, problems.len() - errors));
    out
}

/// `2 errors, 1 warning`.
fn counted(errors: usize, warnings: usize) -> String {
    let some = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let both = [some(errors, "error"), some(warnings, "warning")];
    both.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn render_problem(
    renderer: &Renderer,
    path: &str,
    text: &str,
    hidden: &[Range<usize>],
    problem: &Problem,
    width: usize,
) -> String {
    let (level, lead) = match problem.severity {
        Severity::Error => (Level::ERROR, "error: "),
        Severity::Warning => (Level::WARNING, "warning: "),
    };
    let title = level.primary_title(hanging(&problem.message, width, lead.len()));
    let number = problem.span.map_or(1, |span| span.line);
    // A line has its number and three columns in front; help has ` ├ help: `.
    let margin = number.to_string().len() + 3;
    let help = |label: &str| Level::HELP.message(hanging(label, width, margin + "help: ".len()));
    let Some(span) = problem.span else {
        let group = title.element(Origin::path(path));
        return if problem.label.is_empty() {
            renderer.render(&[group])
        } else {
            renderer.render(&[group.element(help(&problem.label))])
        };
    };
    let room = width.saturating_sub(margin);
    let line = line_at(text, hidden, span, room);
    let label = escape(&problem.label);
    let fits = line.shown[..line.end].width() + 1 + label.width() <= room;
    let is_below = !fits && !label.is_empty();
    let mut annotation = AnnotationKind::Primary.span(line.start..line.end);
    if !is_below && !label.is_empty() {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(line.shown)
        .line_start(number as usize)
        .annotation(annotation);
    let group = if line.as_written {
        title.element(snippet.path(path))
    } else {
        let origin = Origin::path(path)
            .line(number as usize)
            .char_column(span.column as usize);
        title.element(origin).element(snippet)
    };
    match is_below {
        true => renderer.render(&[group.element(help(&problem.label))]),
        false => renderer.render(&[group]),
    }
}

/// A text of several lines, each of which begins at the column `hang`.
fn hanging(text: &str, width: usize, hang: usize) -> String {
    let lines = wrap(&escape(text), width, hang, hang);
    let lines = lines.iter().map(|line| escape_control(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line as it is shown, and where the span lies in it.
struct Line {
    shown: String,
    start: usize,
    end: usize,
    /// Whether columns are those of the text: nothing before the span was cut or escaped.
    as_written: bool,
}

/// The line where a span starts, cut to `room` columns, with control characters escaped and what is `hidden`
/// masked.
fn line_at(text: &str, hidden: &[Range<usize>], span: Span, room: usize) -> Line {
    let start = floor(text, span.start);
    let first = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let last = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let last = if text[first..last].ends_with('\r') {
        (last - 1).max(start)
    } else {
        last
    };
    let end = floor(text, span.end.clamp(start, last));

    let (from, to) = if last - first <= LONGEST_LINE {
        (first, last)
    } else {
        let from = floor(text, start.saturating_sub(LONGEST_LINE / 4).max(first));
        (from, floor(text, (from + LONGEST_LINE).min(last)))
    };
    let end = end.min(to);
    let before = masked(text, hidden, from..start);
    let before = if from == 0 {
        before.trim_start_matches('\u{feff}')
    } else {
        &before
    };
    let [before, under, after] = [
        before,
        &masked(text, hidden, start..end),
        &masked(text, hidden, end..to),
    ]
    .map(visible);
    let parts = escape_parts(&[&before, &under, &after]);
    let parts = cut(
        [&parts[0], &parts[1], &parts[2]],
        [from > first, to < last],
        room,
    );
    let as_written = from == first && text[..start].ends_with(&parts[0]);
    let [before, under, after] = parts;
    let begin = before.len();
    let until = begin + under.len();
    let mut shown = before + &under + &after;
    // A caret needs a column to stand on, at the end of a line too.
    let until = until.max(begin + 1);
    if shown.len() < until {
        shown.push(' ');
    }
    let until = (until..=shown.len())
        .find(|at| shown.is_char_boundary(*at))
        .unwrap_or(shown.len());
    Line {
        shown,
        start: begin,
        end: until,
        as_written,
    }
}

/// Cuts a line to `room` columns around its second part, at words where possible. `…` stands for what is left
/// out, also at an end that is cut already.
fn cut([before, under, after]: [&str; 3], is_cut: [bool; 2], room: usize) -> [String; 3] {
    let marks = is_cut.map(usize::from);
    // The marked part with the rest of its word comes first, but leaves some room for what stands before it.
    let rest = after.find(' ').unwrap_or(after.len());
    let wanted = (under.width() + after[..rest].width()).max(1);
    let wanted = if wanted + 2 > room {
        room * 2 / 3
    } else {
        wanted
    };
    let left = room.saturating_sub(wanted + 1);
    let before = match before.width() + marks[0] <= left {
        true if is_cut[0] => format!("…{before}"),
        true => before.to_owned(),
        false => format!("…{}", tail(before, left.saturating_sub(1))),
    };
    let left = room.saturating_sub(before.width());
    if under.width() + usize::from(!after.is_empty()) > left {
        let under = format!("{}…", head(under, left.saturating_sub(1)));
        return [before, under, String::new()];
    }
    let left = left - under.width();
    let after = match after.width() + marks[1] <= left {
        true if is_cut[1] => format!("{after}…"),
        true => after.to_owned(),
        false => format!("{}…", head(after, left.saturating_sub(1))),
    };
    [before, under.to_owned(), after]
}

/// Where a word that does not fit may be broken.
fn is_joint(c: char) -> bool {
    "/:.,;=-_".contains(c)
}

/// As many of the first words as fit into `columns`; a part of a word where none fits.
fn head(text: &str, columns: usize) -> &str {
    let ends = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let fit: Vec<usize> = ends()
        .take_while(|&at| text[..at].width() <= columns)
        .collect();
    let fit = || fit.iter().rev().copied();
    let word = fit().find(|&at| text[at..].chars().next().is_none_or(|c| c == ' '));
    let joint = || fit().find(|&at| at > 0 && text[..at].ends_with(is_joint));
    let at = word.or_else(joint).or_else(|| fit().next());
    &text[..at.unwrap_or_default()]
}

/// The same for the last words.
fn tail(text: &str, columns: usize) -> &str {
    let starts = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let fit: Vec<usize> = starts()
        .filter(|&at| text[at..].width() <= columns)
        .collect();
    let fit = || fit.iter().copied().filter(|&at| at < text.len());
    let word = fit().find(|&at| text[..at].ends_with(' '));
    let joint = || fit().find(|&at| text[..at].ends_with(is_joint));
    let at = word.or_else(joint).or_else(|| fit().next());
    &text[at.unwrap_or(text.len())..]
}

/// A part of the text, with what is hidden masked.
fn masked(text: &str, hidden: &[Range<usize>], part: Range<usize>) -> String {
    let mut out = String::new();
    let mut at = part.start;
    for secret in hidden {
        let (from, to) = (secret.start.max(at), secret.end.min(part.end));
        if from < to {
            out.push_str(&text[at..from]);
            out.push_str("(hidden)");
            at = to;
        }
    }
    out.push_str(&text[at..part.end]);
    out
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Escapes control and invisible characters.
fn escape(text: &str) -> String {
    escape_control(&visible(text))
}

/// Escapes invisible characters: a key with one looks like the right one. Tabs become blanks, so that carets are
/// in the right column.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\u{ad}'
            | '\u{a0}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{2060}'..='\u{2064}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}
