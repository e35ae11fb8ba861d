//! Retries of a handshake that the server closed before its banner, as sshd and jump hosts do with many
//! concurrent connections (`MaxStartups`, sshd_config(5)): with growing, random pauses.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::help::plain_lines;

/// Most retries.
const TRIES: u32 = 3;
/// The longest pause before the first retry; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);

/// The retries of one connection.
pub(super) struct Retry {
    until: Instant,
    tries: u32,
}

impl Retry {
    /// Half of the deadline is left for the last try.
    pub(super) fn within(deadline: Duration) -> Self {
        Self {
            until: Instant::now() + deadline / 2,
            tries: 0,
        }
    }

    /// Whether to try again after this output of ssh; pauses before it returns true.
    pub(super) async fn again(&mut self, stderr: &str) -> bool {
        if self.tries == TRIES || !hung_up(stderr) {
            return false;
        }
        let most = PAUSE * 2_u32.pow(self.tries);
        let pause = most.mul_f64(0.5 + random() / 2.0);
        if Instant::now() + pause > self.until {
            return false;
        }
        tracing::debug!(tries = self.tries, ?pause, "hung up on: tried again");
        sleep(pause).await;
        self.tries += 1;
        true
    }
}

/// Whether nothing else happened: if a jump host fails for another reason, the output ends the same way.
fn hung_up(stderr: &str) -> bool {
    const CUT: &str = "exchange_identification: ";
    let follows = ["Connection closed by ", "Connection reset by "];
    let is_cut = |line: &str| line.contains(CUT);
    plain_lines(stderr).any(is_cut)
        && plain_lines(stderr)
            .all(|line| is_cut(line) || follows.iter().any(|start| line.starts_with(start)))
}

/// A random number between 0 and 1; 0 if the system has no randomness.
fn random() -> f64 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const STDERR: &str = "debug1: Connecting\nkex_exchange_identification: Connection closed by remote host\n\
                        Connection closed by 192.0.2.7 port 22\n";

    #[tokio::test(start_paused = true)]
    async fn only_a_closed_handshake_is_tried_again() {
        let mut retry = Retry::within(Duration::from_secs(30));
        assert!(!retry.again("c01: Permission denied (publickey).\n").await);
        assert!(
            !retry
                .again("debug1: kex_exchange_identification: x\n")
                .await
        );
        let jump = "Host key verification failed.\nkex_exchange_identification: Connection closed by remote host\n";
        assert!(!retry.again(jump).await);
        let started = Instant::now();
        for _ in 0..TRIES {
            assert!(retry.again(STDERR).await);
        }
        assert!(!retry.again(STDERR).await);
        let took = started.elapsed();
        assert!(took >= PAUSE * 7 / 2 && took <= PAUSE * 7, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_not_spent_on_pauses() {
        let mut retry = Retry::within(Duration::from_millis(300));
        assert!(!retry.again(STDERR).await);
    }
}
