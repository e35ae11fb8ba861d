//! Standard error of a remote process.

use std::{convert::Infallible, time::Duration};

use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout_at},
};

use super::Output;
use crate::text::escape_lines;

/// Bytes that are kept.
const KEPT: usize = 4096;

/// Standard error of a remote process: read continuously, so that the process never blocks; the first
/// bytes are kept.
pub struct Stderr {
    pipe: Output,
    kept: Vec<u8>,
    ended: bool,
}

impl Stderr {
    /// Over the process's pipe.
    pub fn new(pipe: Output) -> Self {
        Self {
            pipe,
            kept: Vec::new(),
            ended: false,
        }
    }

    /// Reads without an end, for a `select!`.
    pub async fn drain(&mut self) -> Infallible {
        loop {
            if self.ended {
                std::future::pending::<()>().await;
            }
            self.read_some().await;
        }
    }

    /// The first output, escaped for a terminal. Waits for more at most for `patience`: another process
    /// may hold the pipe open.
    pub async fn text(&mut self, patience: Duration) -> String {
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
    async fn all_is_read_and_the_first_bytes_are_kept() {
        let (mut writer, reader) = tokio::io::duplex(1024);
        let mut stderr = Stderr::new(Box::pin(reader));
        let flood = async {
            writer.write_all(b"first\x1b\n").await.expect("written");
            for _ in 0..1000 {
                writer.write_all(&[b'x'; 4096]).await.expect("written");
            }
        };
        tokio::select! {
            () = flood => {}
            never = stderr.drain() => match never {},
        }
        // The pipe stays open.
        let text = stderr.text(Duration::ZERO).await;
        assert!(text.starts_with("first"), "{text:.20}");
        assert!(text.len() < 2 * KEPT && !text.contains('\x1b'));
    }
}
