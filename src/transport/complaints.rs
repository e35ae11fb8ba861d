//! What a remote process complains of.

use std::{convert::Infallible, time::Duration};

use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout_at},
};

use super::Output;
use crate::text::escape_lines;

/// Bytes that are kept of it.
const KEPT: usize = 4096;

/// Standard error of a remote process: read all along, so that the process never waits for us, and its
/// first bytes kept.
pub struct Complaints {
    pipe: Output,
    kept: Vec<u8>,
    ended: bool,
}

impl Complaints {
    /// From the process's pipe.
    pub fn new(pipe: Output) -> Self {
        Self {
            pipe,
            kept: Vec::new(),
            ended: false,
        }
    }

    /// Reads on without an end: beside what is waited for, in a `select!`.
    pub async fn read_on(&mut self) -> Infallible {
        loop {
            if self.ended {
                std::future::pending::<()>().await;
            }
            self.read_some().await;
        }
    }

    /// The first that was said, fit for a terminal. What is still to come is waited for at most so long:
    /// a pipe that somebody else holds open says nothing more.
    pub async fn said(&mut self, patience: Duration) -> String {
        let until = Instant::now() + patience;
        while !self.ended && self.kept.len() < KEPT {
            if timeout_at(until, self.read_some()).await.is_err() {
                break;
            }
        }
        escape_lines(String::from_utf8_lossy(&self.kept).trim())
    }

    async fn read_some(&mut self) {
        let mut buffer = [0; 4096];
        match self.pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => self.ended = true,
            Ok(count) => {
                let room = KEPT - self.kept.len();
                self.kept.extend_from_slice(&buffer[..count.min(room)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn all_is_read_and_the_first_is_kept() {
        let (mut far, near) = tokio::io::duplex(1024);
        let mut complaints = Complaints::new(Box::pin(near));
        let flood = async {
            far.write_all(b"first\x1b\n").await.expect("written");
            for _ in 0..1000 {
                far.write_all(&[b'x'; 4096]).await.expect("written");
            }
        };
        tokio::select! {
            () = flood => {}
            never = complaints.read_on() => match never {},
        }
        // The pipe stays open.
        let said = complaints.said(Duration::ZERO).await;
        assert!(said.starts_with("first"), "{said:.20}");
        assert!(said.len() < 2 * KEPT && !said.contains('\x1b'));
    }
}
