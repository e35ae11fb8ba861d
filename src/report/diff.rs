//! What differs at one address, for every format: the fields that are worth a row, and the lines of
//! a text file, folded with a count.

use similar::{ChangeTag, TextDiff};

use crate::{
    kinds::{Change, TextChange, client::properties::is_sensitive},
    plan::{Step, StepAction},
};

/// A kind of line of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// Where the next lines stand.
    Head,
    /// A new line.
    Added,
    /// A line that goes.
    Removed,
    /// A remark on the line before, or the count of what is folded.
    Remark,
}

/// One line of a difference, its sign in front. What may be a secret is masked; nothing is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its kind.
    pub kind: LineKind,
    /// Its text.
    pub text: String,
}

/// The fields that differ, without those that the reason or the lines of a text file show.
pub(crate) fn remaining(step: &Step) -> Vec<&Change> {
    let added = step.text.as_ref().map(added_lines).unwrap_or_default();
    let creates = step.action == StepAction::Create;
    let is_shown = |change: &Change| match &change.after {
        Some(after) if !change.sensitive && !after.is_empty() => {
            added.iter().any(|line| line.contains(after.as_str()))
                || creates && after.contains('/') && step.reason.ends_with(after.as_str())
        }
        _ => false,
    };
    let changes = step.changes.iter();
    changes.filter(|change| !is_shown(change)).collect()
}

/// The lines that differ, and where: those around them are the user's own. Of more than `most` the
/// rest is counted.
pub fn lines(change: &TextChange, most: usize) -> Vec<Line> {
    let diff = TextDiff::from_lines(change.before.as_str(), change.after.as_str());
    let mut lines = Vec::new();
    let mut line = |kind, text: String| lines.push(Line { kind, text });
    let mut shown = 0;
    let (mut added, mut removed) = (0, 0);
    for group in diff.grouped_ops(0) {
        let first = group.first().map_or(0, |op| op.old_range().start);
        if shown < most {
            line(LineKind::Head, format!("@@ line {} @@", first + 1));
        }
        for one in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (kind, sign, folded) = match one.tag() {
                ChangeTag::Equal => continue,
                ChangeTag::Insert => (LineKind::Added, "+ ", &mut added),
                ChangeTag::Delete => (LineKind::Removed, "- ", &mut removed),
            };
            if shown == most {
                *folded += 1;
                continue;
            }
            shown += 1;
            let text = one.value();
            // A tab as an escape would be hard to read in a start file.
            let text = mask(text.strip_suffix('\n').unwrap_or(text)).replace('\t', "    ");
            line(kind, format!("{sign}{text}").trim_end_matches(' ').into());
            if one.missing_newline() {
                line(LineKind::Remark, "  (no end of line)".into());
            }
        }
    }
    let counts: Vec<String> = [(added, "added"), (removed, "removed")]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if !counts.is_empty() {
        let all = added + removed;
        let word = if all == 1 { "line" } else { "lines" };
        let more = format!("… {all} more {word}: {}", counts.join(", "));
        line(LineKind::Remark, more);
    }
    lines
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
