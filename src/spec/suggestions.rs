//! "Did you mean …?"

/// More candidates than this are not searched.
const MOST_CANDIDATES: usize = 500;

/// The candidate closest to a word, if any is close enough.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.to_lowercase().chars().take(64).collect();
    let length = word.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    candidates
        .take(MOST_CANDIDATES)
        .filter_map(|candidate| {
            let lower: String = candidate.to_lowercase().chars().take(64).collect();
            let other_length = lower.chars().count();
            if length.abs_diff(other_length) > allowed {
                return None;
            }
            // Insertions, deletions, replacements and swaps of neighbours.
            let distance = strsim::osa_distance(&word, &lower);
            // Not a word of which nothing is the same.
            let is_near = distance <= allowed && distance < length.max(other_length);
            is_near.then_some((distance, candidate))
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
