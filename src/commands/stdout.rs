//! Where results go that go to no file. What stdout did not take is remembered: a command whose result
//! was lost has not done what it was asked for, whatever else went well.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::complain;
use crate::exit::Code;

/// The first error of writing to stdout, which there is one of.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Stdout; after the first error nothing more is written.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.all(|stdout| stdout.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.all(io::Write::flush)
    }
}

impl Stdout {
    fn all(
        &mut self,
        work: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &*lost {
            return Err(error.kind().into());
        }
        let done = work(&mut io::stdout().lock());
        if let Err(error) = &done {
            *lost = Some(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            });
        }
        done
    }
}

/// Writes results; [`end`] tells whether they arrived.
pub fn put(text: &str) {
    let written = Stdout.write_all(text.as_bytes());
    let _ = written.and_then(|()| Stdout.flush());
}

/// Whether all results arrived. Why they did not is said, unless the reader went away (`| head`): it
/// knows, and other programs are quiet about it, too.
pub fn end() -> Code {
    let _ = Stdout.flush();
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(error) = &*lost else {
        return Code::Done;
    };
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(&format!("error: stdout was not written: {error}"));
    }
    Code::Failed
}
