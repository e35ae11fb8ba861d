//! A handshake that was hung up on before the server named itself: sshd and jump hosts do so where
//! many come at once (`MaxStartups`, sshd_config(5)). It is tried again, each time a little later, and
//! not by all at the same time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::help::plain;

/// How often again.
const TRIES: u32 = 3;
/// The longest pause before the first of them; each further one may be twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// The tries of one connection.
pub(super) struct Retry {
    until: Instant,
    tries: u32,
}

impl Retry {
    /// Half of the deadline is left for the try that succeeds.
    pub(super) fn within(deadline: Duration) -> Self {
        Self {
            until: Instant::now() + deadline / 2,
            tries: 0,
        }
    }

    /// Whether there is to be another try after what ssh said; its time has come then.
    pub(super) async fn again(&mut self, said: &str) -> bool {
        if self.tries == TRIES || !hung_up(said) {
            return false;
        }
        let most = PAUSE * 2_u32.pow(self.tries);
        let pause = most.mul_f64(0.5 + spread() / 2.0);
        if Instant::now() + pause > self.until {
            return false;
        }
        tracing::debug!(tries = self.tries, ?pause, "hung up on: tried again");
        sleep(pause).await;
        self.tries += 1;
        true
    }
}

/// Whether that is all that happened: a jump host that is refused for another reason ends in the same words.
fn hung_up(said: &str) -> bool {
    const CUT: &str = "exchange_identification: ";
    let follows = ["Connection closed by ", "Connection reset by "];
    let is_cut = |line: &str| line.contains(CUT);
    plain(said).any(is_cut)
        && plain(said).all(|line| is_cut(line) || follows.iter().any(|one| line.starts_with(one)))
}

/// Between 0 and 1. Without randomness all come at once, as if there were no spread.
fn spread() -> f64 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "debug1: Connecting\nkex_exchange_identification: Connection closed by remote host\n\
                        Connection closed by 192.0.2.7 port 22\n";

    #[tokio::test(start_paused = true)]
    async fn a_refused_handshake_is_tried_again_and_nothing_else() {
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
            assert!(retry.again(SAID).await);
        }
        assert!(!retry.again(SAID).await);
        let took = started.elapsed();
        assert!(took >= PAUSE * 7 / 2 && took <= PAUSE * 7, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_not_spent_on_pauses() {
        let mut retry = Retry::within(Duration::from_millis(300));
        assert!(!retry.again(SAID).await);
    }
}
