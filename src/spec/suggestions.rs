//! "Did you mean …?"

/// More candidates than this are not searched.
const MOST_CANDIDATES: usize = 500;

/// The candidate that a word was most likely meant to be.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.to_lowercase().chars().take(64).collect();
    let length = word.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    candidates
        .take(MOST_CANDIDATES)
        .filter_map(|candidate| {
            let other: String = candidate.to_lowercase().chars().take(64).collect();
            let other_length = other.chars().count();
            if length.abs_diff(other_length) > allowed {
                return None;
            }
            // Inserted, deleted, replaced, and neighbours that changed places.
            let distance = strsim::osa_distance(&word, &other);
            // One letter of a one-letter word is the whole word.
            let near = distance <= allowed && distance < length.max(other_length);
            near.then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}
