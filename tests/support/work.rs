//! Work instead of time: a busy machine adds nothing to it.

use std::time::Duration;

/// What this thread has cost so far, of a processor.
pub fn work() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = stat.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}
