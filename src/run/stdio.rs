//! Standard input, output and error. Of stdout: where results go that go to no file. What stdout did not take is remembered: a command whose result
//! was lost has not done what it was asked for, whatever else went well.

use std::{
    fs,
    io::{self, BufRead, Read, Write},
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use indicatif::ProgressBar;

use crate::{exit::Code, text::escape_lines};

/// The first error of writing to stdout, which there is one of.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Stdout; after the first error nothing more is written.
pub(crate) struct Stdout;

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
pub(crate) fn put(text: &str) {
    let written = Stdout.write_all(text.as_bytes());
    let _ = written.and_then(|()| Stdout.flush());
}

/// Whether all results arrived. Why they did not is said, unless the reader went away (`| head`): it
/// knows, and other programs are quiet about it, too.
pub(crate) fn end() -> Code {
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

/// Whether a file on the command line stands for stdin, or stdout.
pub(crate) fn is_dash(file: &Path) -> bool {
    file == Path::new("-")
}

/// What a file that the command line names is called.
pub(crate) fn shown(file: &Path) -> String {
    match is_dash(file) {
        true => "<stdin>".into(),
        false => file.display().to_string(),
    }
}

/// Reads a file that the command line names; stdin where it is `-`, the same however often.
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
    // A thread of its own, whose end nobody waits for: a question that nobody answers must not hold
    // the program.
    let (sender, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(|| {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Nobody listens any more after Ctrl-C.
        let _ = sender.send(read.map(|_| line).unwrap_or_default());
    });
    answer.await.unwrap_or_default()
}

/// Asks on the terminal; nothing, where `stopped` comes first.
pub(crate) async fn ask(question: &str, stopped: impl Future) -> Option<String> {
    let mut stderr = io::stderr();
    // A terminal that cannot show the question gives no answer either.
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

/// Sets the line at the foot of the terminal, which other lines come above.
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

/// Likewise, what may come from elsewhere, such as a plan's file: nothing in it moves a cursor or
/// starts a CI command.
pub(crate) fn complain_safely(text: &str) {
    complain(&escape_lines(text));
}

/// Notes that are held back until it is known whether anything is to be said.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Writes a line to stderr that says how a command goes about it: nothing, where it is asked to be silent
/// and all is well.
pub(crate) fn note(line: &str) {
    match &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(held) => held.push(line.to_owned()),
        None => complain(line),
    }
}

/// Likewise, what may come from elsewhere.
pub(crate) fn note_safely(text: &str) {
    note(&escape_lines(text));
}

/// Whether notes are held back.
pub(super) fn holds() -> bool {
    HELD.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Holds notes back from now on.
pub(crate) fn hold() {
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(vec![]);
}

/// All is well: nobody needs them.
pub(crate) fn forget_held() {
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// It is not: they are said.
pub(crate) fn say_held() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    held.iter().flatten().for_each(|line| complain(line));
}
