//! Host keys in the output of a machine's console.

use trueup::hostkey::{PublicKey, console::keys, shown, spec_line};

use super::{shown::fit_for_a_line, within};

/// Reads the keys that a console vouches for: whole ones, one of each type; and no part of the console
/// vouches for others than the whole.
pub fn console(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = match within(text.len(), 16, 16 * 1024, || keys(&text)) {
        Ok(found) => found,
        Err(error) => return fit_for_a_line(&error.to_string()),
    };
    assert!(!found.is_empty());
    // Type and key may have more than one blank between them.
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, key) in found.iter().enumerate() {
        assert_eq!(PublicKey::parse(&key.to_string()).as_ref(), Ok(key));
        let line = key.to_string();
        assert!(
            words.windows(2).any(|two| two.join(" ").ends_with(&line)),
            "{key} is not on the console"
        );
        assert!(
            found[..at]
                .iter()
                .all(|other| other.kind() != key.kind() && other < key)
        );
    }
    fit_for_a_line(&shown(&found));
    fit_for_a_line(&spec_line(&found));
    assert_eq!(keys(&format!("{text}\n{text}")).as_ref(), Ok(&found));
    // It arrives bit by bit.
    for part in 0..8 {
        let cut = text.floor_char_boundary(text.len() * part / 8);
        if let Ok(fewer) = keys(&text[..cut]) {
            assert_eq!(fewer, found);
        }
    }
}
