//! Ctrl-C, and the signals that mean the same.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::apply::Stop;

/// Counts the signals from now on; they no longer end the program by themselves. SIGHUP counts once, because a
/// terminal that closes sends it several times.
pub(crate) fn listen() -> Stop {
    let (sender, receiver) = watch::channel(0_u8);
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::quit(),
        SignalKind::hangup(),
    ];
    for kind in kinds {
        let hangup = kind == SignalKind::hangup();
        if hangup && is_ignored(kind) {
            continue;
        }
        // Without a handler a signal keeps its default.
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while Signal::recv(&mut signals).await.is_some() {
                sender.send_modify(|count| {
                    *count = match hangup {
                        true => (*count).max(1),
                        false => count.saturating_add(1),
                    }
                });
            }
        });
    }
    receiver
}

/// The result, or `None` where this many signals come first.
pub(crate) async fn unless_stopped_by<T>(
    stop: &Stop,
    times: u8,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|&count| count >= times) => None,
        result = work => Some(result),
    }
}

/// Whether the parent process ignores a signal, as `nohup` does with SIGHUP.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}
