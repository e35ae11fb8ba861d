//! Standard input, output and error. The first error of stdout is kept: a command whose results were lost has
//! failed, whatever else went well.

use std::{
    fs,
    io::{self, BufRead, Read, Write},
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use indicatif::ProgressBar;

use crate::{exit::Code, text::escape_lines};

/// The first error of writing to stdout.
static STDOUT_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// Stdout; after the first error nothing more is written.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with_stdout(|stdout| stdout.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with_stdout(io::Write::flush)
    }
}

impl Stdout {
    fn with_stdout(
        &mut self,
        write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut stdout_error = STDOUT_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &*stdout_error {
            return Err(error.kind().into());
        }
        let result = write(&mut io::stdout().lock());
        if let Err(error) = &result {
            *stdout_error = Some(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            });
        }
        result
    }
}

/// Writes results; [`end`] reports errors.
pub(crate) fn put(text: &str) {
    let written = Stdout.write_all(text.as_bytes());
    let _ = written.and_then(|()| Stdout.flush());
}

/// Whether all results were written. Complains if not, unless the reader has closed the pipe (`| head`), of
/// which other programs are quiet, too.
pub(crate) fn end() -> Code {
    let _ = Stdout.flush();
    let stdout_error = STDOUT_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(error) = &*stdout_error else {
        return Code::Done;
    };
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(&format!("error: stdout was not written: {error}"));
    }
    Code::Failed
}

/// Whether a file on the command line stands for stdin, or stdout.
pub(crate) fn is_dash(file: &Path) -> bool {
    file == Path::new("-")
}

/// The name of a file of the command line, for messages.
pub(crate) fn shown(file: &Path) -> String {
    match is_dash(file) {
        true => "<stdin>".into(),
        false => file.display().to_string(),
    }
}

/// Reads a file of the command line; `-` is stdin, which is read once and kept.
pub(crate) fn bytes_of(file: &Path) -> io::Result<Vec<u8>> {
    static STDIN: OnceLock<Vec<u8>> = OnceLock::new();
    if !is_dash(file) {
        return fs::read(file);
    }
    if let Some(read) = STDIN.get() {
        return Ok(read.clone());
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(STDIN.get_or_init(|| bytes).clone())
}

/// Likewise, a text.
pub(crate) fn text_of(file: &Path) -> io::Result<String> {
    match is_dash(file) {
        true => String::from_utf8(bytes_of(file)?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8")),
        false => fs::read_to_string(file),
    }
}

/// A line of stdin; empty at its end.
async fn line_of_stdin() -> String {
    // On a thread that is never joined: an unanswered prompt must not keep the program alive.
    let (sender, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(|| {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // The receiver is gone after Ctrl-C.
        let _ = sender.send(read.map(|_| line).unwrap_or_default());
    });
    answer.await.unwrap_or_default()
}

/// Asks on the terminal; `None` where `stopped` comes first.
pub(crate) async fn ask(question: &str, stopped: impl Future) -> Option<String> {
    let mut stderr = io::stderr();
    // A terminal that cannot show the prompt gives no answer either.
    let _ = stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush());
    let line = tokio::select! {
        biased;
        _ = stopped => None,
        line = line_of_stdin() => Some(line),
    };
    if line.as_deref().is_none_or(|line| !line.ends_with('\n')) {
        complain("");
    }
    line
}

/// The line at the foot of a terminal, where there is one.
static STATUS: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets the line at the foot of the terminal; other lines are written above it.
pub(super) fn status(bar: Option<ProgressBar>) {
    *STATUS.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes a line to stderr.
pub(crate) fn complain(line: &str) {
    let write = || {
        let _ = writeln!(io::stderr().lock(), "{line}");
    };
    match &*STATUS.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The same for text from outside, such as a plan file: escapes what moves a cursor or starts a CI command.
pub(crate) fn complain_safely(text: &str) {
    complain(&escape_lines(text));
}

/// Notes that are held back until the result is known.
static NOTES: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Writes a note to stderr; held back under `--quiet`.
pub(crate) fn note(line: &str) {
    match &mut *NOTES.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(notes) => notes.push(line.to_owned()),
        None => complain(line),
    }
}

/// The same for text from outside.
pub(crate) fn note_safely(text: &str) {
    note(&escape_lines(text));
}

/// Whether notes are held back.
pub(super) fn holds_notes() -> bool {
    NOTES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Holds notes back from now on.
pub(crate) fn hold_notes() {
    *NOTES.lock().unwrap_or_else(PoisonError::into_inner) = Some(vec![]);
}

/// Discards the notes, where nothing is wrong.
pub(crate) fn discard_notes() {
    *NOTES.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Writes the notes that were held back.
pub(crate) fn release_notes() {
    let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner).take();
    notes.iter().flatten().for_each(|line| complain(line));
}
