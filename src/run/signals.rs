//! What ends a command before its time: Ctrl-C, and the signals that mean the same.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::apply::Stop;

/// Listens from now on; the first of the signals no longer ends the program by itself. What comes
/// says how often we were asked to stop: SIGHUP counts once, because a terminal that closes sends
/// it several times.
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
        // Without a handler a signal does what it always did.
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while Signal::recv(&mut signals).await.is_some() {
                sender.send_modify(|asked| {
                    *asked = match hangup {
                        true => (*asked).max(1),
                        false => asked.saturating_add(1),
                    }
                });
            }
        });
    }
    receiver
}

/// The result, or nothing when we were asked so often to stop before it came.
pub(crate) async fn unless_asked<T>(
    stop: &Stop,
    times: u8,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|&pressed| pressed >= times) => None,
        done = work => Some(done),
    }
}

/// Whether whoever started us wants us to live on: `nohup` ignores SIGHUP.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}
