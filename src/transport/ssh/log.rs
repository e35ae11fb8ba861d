//! Standard error of ssh and its helpers (a jump host's ssh, a ProxyCommand): read from a pipe and kept
//! in memory, bounded, since a server may send banners and debug messages without end.

use std::{
    io::{self, PipeReader, PipeWriter, Read},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{net::unix::pipe::Receiver, task::JoinHandle};

/// Bytes that are kept, of the end.
const KEPT: usize = 64 * 1024;

/// The log of one connection. Dropping it closes the pipe; ssh does not mind.
#[derive(Debug)]
pub(super) struct Log {
    inner: Arc<Inner>,
    writer: PipeWriter,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    /// Non-blocking; the same pipe as the event loop's, which may lag behind.
    pipe: PipeReader,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    end: Vec<u8>,
    /// Bytes read in all.
    total: u64,
}

impl Log {
    /// An empty log, whose pipe is read by the event loop.
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let receiver = Receiver::from_owned_fd(OwnedFd::from(reader.try_clone()?))?;
        let inner = Arc::new(Inner {
            pipe: reader,
            kept: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            // Never EOF: this process has a writer, too.
            while receiver.readable().await.is_ok() {
                match receiver.try_io(|| shared.read_some(&mut shared.kept())) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => break,
                }
            }
        });
        Ok(Self {
            inner,
            writer,
            task,
        })
    }

    /// The write end, for a process.
    pub(super) fn writer(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Bytes so far, for [`Log::since`].
    pub(super) fn bytes(&self) -> u64 {
        self.inner.read_available().total
    }

    /// The output after the first `bytes`, as far as it is kept.
    pub(super) fn since(&self, bytes: u64) -> String {
        let kept = self.inner.read_available();
        let new = usize::try_from(kept.total.saturating_sub(bytes)).unwrap_or(usize::MAX);
        let from = kept.end.len().saturating_sub(new);
        String::from_utf8_lossy(&kept.end[from..]).into_owned()
    }
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    /// Reads what was written before this call, without waiting for the task.
    fn read_available(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        // Bounded, in case of a flood.
        let mut read = 0;
        while read < KEPT
            && let Ok(count @ 1..) = self.read_some(&mut kept)
        {
            read += count;
        }
        kept
    }

    fn read_some(&self, kept: &mut Kept) -> io::Result<usize> {
        let mut buffer = [0; 8192];
        let count = (&self.pipe).read(&mut buffer)?;
        kept.total += count as u64;
        kept.end.extend_from_slice(&buffer[..count]);
        let over = kept.end.len().saturating_sub(KEPT);
        kept.end.drain(..over);
        Ok(count)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_flood_is_read_and_its_end_is_kept() {
        let log = Log::new().expect("a pipe");
        let mut writer = log.writer().expect("a writer");
        writer.write_all(b"first\n").expect("written");
        let before = log.bytes();
        assert_eq!((before, log.since(0).as_str()), (6, "first\n"));
        let flood = tokio::task::spawn_blocking(move || {
            for _ in 0..200 {
                writer.write_all(&[b'x'; 10_000]).expect("written");
            }
            writer.write_all(b"last\n").expect("written");
        });
        flood.await.expect("it is read meanwhile");
        // The output is read without the task, too.
        while log.bytes() < before + 2_000_005 {}
        assert_eq!(log.since(before + 2_000_000), "last\n");
        assert!(log.since(0).len() <= KEPT && log.since(0).ends_with("xlast\n"));
    }
}
