//! Numbers and lists as people read them.

use std::{
    borrow::{Borrow, Cow},
    time::Duration,
};

use crate::{history::Since, kinds::Address, plan::Subject, utc::Utc};

/// `1 step`, `2 steps`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// An address; of several topics, how many.
pub fn addresses<'a>(addresses: &[&'a Address]) -> Cow<'a, str> {
    match addresses {
        [only] => Cow::Borrowed(only),
        more => count(more.len(), "topic").into(),
    }
}

/// A host's name, or `topics of` a cluster.
pub fn name(subject: Subject<&str>) -> String {
    match subject {
        Subject::Host(name) => name.to_owned(),
        Subject::Cluster(name) => format!("topics of {}", cluster(name)),
    }
}

/// A cluster as people call it: of a long list of brokers the first.
pub fn cluster(name: &str) -> String {
    let (first, others) = match name.split_once(',') {
        Some((first, rest)) => (first, rest.split(',').count()),
        None => (name, 0),
    };
    match others {
        0 => first.to_owned(),
        others => format!("{first} and {others} more"),
    }
}

/// Since when all of them differ; nothing, where it is not known of each, or no run before says.
pub fn since(all: &[Option<Since>], now: Utc) -> Option<String> {
    let all: Option<Vec<Since>> = all.iter().copied().collect();
    let all = all?;
    let first = all.iter().min_by_key(|since| since.at)?;
    let last = all.iter().max_by_key(|since| since.at)?;
    let begun = first.at.minute();
    if first.at != last.at {
        let last = last.at.minute_after(first.at);
        return Some(format!("since {begun}, the last of them since {last}"));
    }
    let before: Vec<Utc> = all.iter().filter_map(|since| since.last_in_sync).collect();
    match before.iter().max() {
        Some(before) => {
            let before = before.minute_after(first.at);
            Some(format!("since {begun} (last in sync {before})"))
        }
        None => (first.at != now).then(|| format!("since {begun} or earlier")),
    }
}

/// How many of a list of names are written out.
const MOST: usize = 40;

/// Names with commas between; of very many the first.
pub fn some(names: &[impl Borrow<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST).map(Borrow::borrow).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{}, … and {more} more", shown.join(", ")),
    }
}

/// At most so many characters; what is cut is counted.
pub fn shortened(text: &str, most: usize) -> String {
    // There are at least as many bytes.
    if text.len() <= most {
        return text.to_owned();
    }
    let all = text.chars().count();
    if all <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most).collect();
    format!("{kept}… ({} more characters)", all - most)
}

/// `0.3 s`, `2 min 5 s`.
pub fn duration(took: Duration) -> String {
    if took.as_millis() >= 59_950 {
        let seconds = (took.as_millis() + 500) / 1000;
        return format!("{} min {} s", seconds / 60, seconds % 60);
    }
    format!("{:.1} s", took.as_secs_f64())
}

type Unit = (&'static str, f64);

const UNITS: [Unit; 5] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

/// `512 B`, `12.8 MiB`.
pub fn bytes(number: u64) -> String {
    let unit = unit(number);
    format!("{} {}", scaled(number, unit), unit.0)
}

/// `8.9/12.8 MiB`: both in the unit of the whole.
pub(crate) fn bytes_of(have: u64, total: u64) -> String {
    let unit = unit(total);
    let (have, total) = (scaled(have, unit), scaled(total, unit));
    format!("{have}/{total} {}", unit.0)
}

fn unit(number: u64) -> Unit {
    // The next unit from where one decimal would round up to 1024.0.
    let reached = |unit: &&Unit| number as f64 >= unit.1 * (1023.95 / 1024.0);
    *UNITS.iter().rev().find(reached).unwrap_or(&UNITS[0])
}

fn scaled(number: u64, (name, size): Unit) -> String {
    match name {
        "B" => number.to_string(),
        _ => format!("{:.1}", number as f64 / size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "step"), "1 step");
        assert_eq!(count(0, "step"), "0 steps");
        assert_eq!(cluster("b-1:9098"), "b-1:9098");
        assert_eq!(
            cluster("b-1:9098,b-2:9098, b-3:9098"),
            "b-1:9098 and 2 more"
        );
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(13_421_772), "12.8 MiB");
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        assert_eq!(bytes_of(9_332_326, 13_421_772), "8.9/12.8 MiB");
        assert_eq!(duration(Duration::from_millis(312)), "0.3 s");
        assert_eq!(duration(Duration::from_millis(59_960)), "1 min 0 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
