//! What differs at one address: rows, and the lines of a text file.

use similar::{ChangeTag, TextDiff};

use super::page::{Ink, Page, columns};
use crate::{
    plan::{Step, StepAction},
    resource::{Change, TextChange, properties::is_sensitive},
};

/// How many rows or lines one step may take; the rest is counted.
const MOST: usize = 20;
/// Longer names than this do not push the values of the others to the right.
const KEY: usize = 26;
/// Where changes begin.
const MARGIN: &str = "        ";

/// The fields that differ. What the reason or the lines of a text file say anyway is not said twice.
pub fn rows(page: &mut Page, step: &Step) {
    let added = step.text.as_ref().map(added_lines).unwrap_or_default();
    let creates = step.action == StepAction::Create;
    let is_said = |change: &Change| match &change.after {
        Some(after) if !change.sensitive && !after.is_empty() => {
            added.iter().any(|line| line.contains(after.as_str()))
                || creates && after.contains('/') && step.reason.ends_with(after.as_str())
        }
        _ => false,
    };
    let changes: Vec<&Change> = step
        .changes
        .iter()
        .filter(|change| !is_said(change))
        .collect();
    let width = changes
        .iter()
        .map(|change| columns(&change.path))
        .filter(|width| *width <= KEY)
        .max()
        .unwrap_or(0);
    for change in changes.iter().take(MOST) {
        row(page, change, width, creates);
    }
    if changes.len() > MOST {
        let more = format!("{MARGIN}… {} more", changes.len() - MOST);
        page.line(&[(Ink::Dim, &more)]);
    }
}

fn row(page: &mut Page, change: &Change, width: usize, creates: bool) {
    let filler = " ".repeat(width.saturating_sub(columns(&change.path)) + 2);
    let hang = MARGIN.len() + columns(&change.path) + filler.len();
    let lead = [
        (Ink::Plain, MARGIN),
        (Ink::Plain, &change.path),
        (Ink::Plain, &filler),
    ];
    let value = |side: &str| {
        if side.is_empty() {
            "(empty)".to_owned()
        } else {
            side.to_owned()
        }
    };
    let text = match (change.sensitive, &change.before, &change.after) {
        (true, ..) if creates => "(sensitive)".to_owned(),
        (true, ..) => "(sensitive), differs".to_owned(),
        (_, None, None) => "differs".to_owned(),
        (_, None, Some(after)) => value(after),
        (_, Some(before), None) => format!("removed, was {}", value(before)),
        (_, Some(before), Some(after)) => format!("{} → {}", value(before), value(after)),
    };
    if page.fits(hang + columns(&text)) {
        page.wrapped(&lead, hang, Ink::Plain, &text);
        return;
    }
    // Long values stand below their name, one side a line.
    page.line(&lead[..2]);
    let below = MARGIN.len() + 2;
    let margin = [(Ink::Plain, &*" ".repeat(below))];
    match (change.sensitive, &change.before, &change.after) {
        (false, Some(before), Some(after)) => {
            page.wrapped(&margin, below + 2, Ink::Plain, &value(before));
            let arrow = [margin[0], (Ink::Plain, "→ ")];
            page.wrapped(&arrow, below + 2, Ink::Plain, &value(after));
        }
        _ => page.wrapped(&margin, below + 2, Ink::Plain, &text),
    }
}

/// A text file's change, with two lines around it.
pub fn lines(page: &mut Page, change: &TextChange) {
    page.line(&[(Ink::Plain, MARGIN), (Ink::Bold, &change.path)]);
    let diff = TextDiff::from_lines(change.before.as_str(), change.after.as_str());
    let mut shown = 0;
    let (mut added, mut removed, mut around) = (0, 0, 0);
    for group in diff.grouped_ops(2) {
        let first = group.first().map_or(0, |op| op.old_range().start);
        if shown < MOST {
            let head = format!("@@ line {} @@", first + 1);
            page.line(&[(Ink::Plain, MARGIN), (Ink::Dim, &head)]);
        }
        for line in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (ink, sign, folded) = match line.tag() {
                ChangeTag::Equal => (Ink::Plain, "  ", &mut around),
                ChangeTag::Insert => (Ink::Green, "+ ", &mut added),
                ChangeTag::Delete => (Ink::Red, "- ", &mut removed),
            };
            if shown == MOST {
                *folded += 1;
                continue;
            }
            shown += 1;
            let text = line.value();
            // A tab as an escape would be hard to read in a start file.
            let text = mask(text.strip_suffix('\n').unwrap_or(text)).replace('\t', "    ");
            let whole = format!("{sign}{text}");
            page.line(&[(Ink::Plain, MARGIN), (ink, whole.trim_end_matches(' '))]);
            if line.missing_newline() && line.tag() != ChangeTag::Equal {
                let hint = "  (no end of line)";
                page.line(&[(Ink::Plain, MARGIN), (Ink::Dim, hint)]);
            }
        }
    }
    let counts: Vec<String> = [
        (added, "added"),
        (removed, "removed"),
        (around, "around them"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    if !counts.is_empty() {
        let lines = if added + removed + around == 1 {
            "line"
        } else {
            "lines"
        };
        let more = format!(
            "… {} more {lines}: {}",
            added + removed + around,
            counts.join(", ")
        );
        page.line(&[(Ink::Plain, MARGIN), (Ink::Dim, &more)]);
    }
}

fn added_lines(change: &TextChange) -> Vec<String> {
    TextDiff::from_lines(change.before.as_str(), change.after.as_str())
        .iter_all_changes()
        .filter(|line| line.tag() == ChangeTag::Insert)
        .map(|line| line.value().to_owned())
        .collect()
}

/// A line of the user's may set a password (`export DB_PASSWORD=…`); logs are read by others.
fn mask(line: &str) -> String {
    let is_secret = |name: &str| {
        let lower = name.to_ascii_lowercase();
        is_sensitive(name)
            || ["passwd", "credential", "api_key", "apikey", "private_key"]
                .iter()
                .any(|word| lower.contains(word))
    };
    for (at, _) in line.match_indices('=') {
        let before = line[..at].trim_end();
        let name = before
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c))
            .next()
            .unwrap_or_default();
        if is_secret(name) && !line[at + 1..].trim().is_empty() {
            return format!("{}=(sensitive)", &line[..at]);
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_password_beside_our_lines_is_not_shown() {
        assert_eq!(
            mask("export DB_PASSWORD=canary"),
            "export DB_PASSWORD=(sensitive)"
        );
        assert_eq!(
            mask("A=b AWS_SECRET_ACCESS_KEY = canary"),
            "A=b AWS_SECRET_ACCESS_KEY =(sensitive)"
        );
        assert_eq!(mask("export CLASSPATH=/x"), "export CLASSPATH=/x");
        assert_eq!(mask("TOKEN="), "TOKEN=");
    }
}
