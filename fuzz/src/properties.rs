//! `client.properties`: read as Java reads it, edited so that the rest stays.

use indexmap::IndexMap;
use trueup::properties::{BYTE_ORDER_MARK, Entry, edit, entries, unmarked};

use super::{shown::fit_for_a_line, within};

/// An entry costs more than its bytes: at least two are needed for one of about a hundred.
const TIMES: usize = 128;
const BESIDE: usize = 4096;

/// Reads a file, and edits it: what was set is read back, what was removed is gone, and the rest is as
/// it was.
pub fn properties(bytes: &[u8]) {
    let found = within(bytes.len(), TIMES, BESIDE, || entries(bytes));
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            fit_for_a_line(&error.to_string());
            let none = edit(bytes, &IndexMap::new(), &[]);
            // Unless it was the mark that was no escape.
            return assert!(none.is_err() || bytes.starts_with(BYTE_ORDER_MARK));
        }
    };
    let lines = 1 + bytes
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count();
    for (at, entry) in found.iter().enumerate() {
        assert!(entry.line <= entry.last && entry.last <= lines, "{entry:?}");
        let before = at.checked_sub(1).map_or(0, |before| found[before].last);
        assert!(before < entry.line, "{entry:?}");
    }
    // The mark is no part of what an edit starts from.
    let content = unmarked(bytes);
    let Ok(found) = entries(content) else { return };
    let nothing = edit(bytes, &IndexMap::new(), &[]).expect("it was read");
    assert_eq!(nothing, content);
    // What is so already stays as it is written.
    let whole = found.iter().filter(|entry| entry.whole);
    let same: IndexMap<String, &str> = whole
        .map(|entry| (entry.key.clone(), entry.value.as_str()))
        .collect();
    if found.iter().all(|entry| entry.whole) {
        assert_eq!(edit(content, &same, &[]).expect("it was read"), content);
    }
    if found.iter().all(|entry| entry.whole) {
        changes(content, &found);
    }
}

fn changes(content: &[u8], found: &[Entry]) {
    let text = String::from_utf8_lossy(&content[content.len().saturating_sub(24)..]).into_owned();
    let (first, last) = (found.first(), found.last());
    let removed: Vec<String> = last.iter().map(|entry| entry.key.clone()).collect();
    let mut set: IndexMap<String, &str> = IndexMap::new();
    for key in first
        .iter()
        .map(|entry| entry.key.as_str())
        .chain(["new", " odd\u{1f980}=key"])
    {
        if !removed.iter().any(|removed| removed == key) {
            set.insert(key.to_owned(), &text);
        }
    }
    let edited = edit(content, &set, &removed).expect("it was read");
    let after = entries(&edited).expect("what was written is read");
    assert_eq!(edit(&edited, &set, &removed).expect("again"), edited);

    let last = |key: &str| found.iter().rposition(|entry| entry.key == key);
    let kept = found
        .iter()
        .enumerate()
        .filter(|(_, entry)| !removed.contains(&entry.key));
    let mut wanted: Vec<(&str, &str)> = kept
        .map(|(at, entry)| match set.get(&entry.key) {
            Some(value) if last(&entry.key) == Some(at) => (entry.key.as_str(), *value),
            _ => (entry.key.as_str(), entry.value.as_str()),
        })
        .collect();
    let new = set.iter().filter(|(key, _)| last(key).is_none());
    wanted.extend(new.map(|(key, value)| (key.as_str(), *value)));
    let after = after
        .iter()
        .map(|entry| (entry.key.as_str(), entry.value.as_str()));
    // A backslash alone at the end is an entry of nothing, and ends when something follows.
    let some = |pair: &(&str, &str)| *pair != ("", "");
    wanted.retain(some);
    assert_eq!(after.filter(some).collect::<Vec<_>>(), wanted);
}
