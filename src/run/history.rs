//! The file with the history of runs: read, appended and trimmed under its lock. A failure is one warning, and
//! changes no exit code.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{Surroundings, complain_safely};
use crate::{
    cli::{HistoryTarget, LookArgs, PickArgs},
    history::{self, Ended, History, MOST_BYTES, Scope},
    plan::{Plan, SpecFile},
    shard::Share,
    whole::{Whole, folder, state_folder},
};

/// A longer file is no history.
const LARGEST_READ: u64 = 16 * MOST_BYTES as u64;
/// How long it waits for another run that is writing, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The file that runs are kept in, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryFile {
    file: Option<PathBuf>,
    /// The file is the default: its folder is created.
    is_default: bool,
}

impl HistoryFile {
    /// The file of `--history`; else the default of the account, where it has a home.
    pub(crate) fn new(target: Option<&HistoryTarget>, around: &Surroundings) -> Self {
        match target {
            Some(HistoryTarget::Nowhere) => Self::default(),
            Some(HistoryTarget::File(file)) => Self {
                file: Some(file.clone()),
                is_default: false,
            },
            None => {
                let variable = |name: &str| around.environment.get(name).map(OsString::from);
                let folder = state_folder(variable);
                Self {
                    file: folder.map(|folder| folder.join("history.jsonl")),
                    is_default: true,
                }
            }
        }
    }

    /// The path; `None` where no runs are kept.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Adds a run, and returns it with the earlier ones; `None` where no runs are kept.
    pub(crate) fn add(&self, scope: &Scope, ended: &Ended<'_>) -> Option<History> {
        let file = self.file.as_ref()?;
        let warn = |what: &str, error: io::Error| {
            let shown = file.display();
            complain_safely(&format!(
                "warning: the history `{shown}` {what}: {error}\n  help: name another with `--history \
                 FILE`, or none with `--history none`"
            ));
        };
        let opened = self
            .open()
            .and_then(|mut opened_file| Ok((read(&mut opened_file)?, opened_file)));
        let (text, opened_file) = match opened {
            Ok((text, opened_file)) => (text, Some(opened_file)),
            Err(error) => {
                // It may be readable all the same.
                let text = File::open(file).and_then(|mut file| read(&mut file));
                warn("cannot be written", error);
                (text.unwrap_or_default(), None)
            }
        };
        let history = History::new(scope, &text, ended);
        if let Some(opened_file) = opened_file
            && let Err(error) = write(opened_file, file, text, &history.line())
        {
            warn("was not written", error);
        }
        Some(history)
    }

    /// Opens and locks the file.
    fn open(&self) -> io::Result<File> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if self.is_default {
            let mut folders = DirBuilder::new();
            folders.recursive(true).mode(0o700).create(folder(file))?;
        }
        loop {
            let opened_file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(file)?;
            let own = opened_file.metadata()?;
            if !own.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            lock(&opened_file)?;
            // The run that had the lock may have replaced it by a shorter one.
            let current = fs::metadata(file)?;
            if (own.dev(), own.ino()) == (current.dev(), current.ino()) {
                return Ok(opened_file);
            }
        }
    }
}

fn lock(file: &File) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            // The file system has no locks: a line is appended in one write all the same.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() > PATIENCE => {
                return Err(io::Error::other("another run holds its lock"));
            }
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)),
        }
    }
}

fn read(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(LARGEST_READ + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match bytes.len() as u64 > LARGEST_READ || !history::is_one(&text) {
        true => Err(io::Error::other("it is no history of trueup's")),
        false => Ok(text),
    }
}

/// Appends a line; a file that has grown too long is replaced by a shorter one.
fn write(mut opened_file: File, file: &Path, mut text: String, line: &str) -> io::Result<()> {
    // A run that was killed while writing leaves half a line.
    let is_cut = !text.is_empty() && !text.ends_with('\n');
    let line = if is_cut {
        format!("\n{line}")
    } else {
        line.to_owned()
    };
    text.push_str(&line);
    if text.len() <= MOST_BYTES {
        return opened_file.write_all(line.as_bytes());
    }
    // Keeps a symbolic link.
    let place = fs::canonicalize(file)?;
    Whole::beside(&place, 0o600)?.put(history::trimmed(&text).as_bytes())
}

/// The scope of a run: the specs of its plan, and the flags that select from them.
pub(crate) fn scope(plan: &Plan, args: &LookArgs) -> Scope {
    let mut vars = args.spec.vars.clone();
    vars.sort();
    Scope {
        specs: specs(plan),
        vars,
        only: only(args),
        deep: args.deep,
    }
}

/// The scope of an apply of a saved plan.
pub(crate) fn scope_of_saved(plan: &Plan, args: &LookArgs) -> Scope {
    Scope {
        specs: specs(plan),
        vars: vec![],
        only: vec!["PLANFILE".into()],
        deep: args.deep,
    }
}

/// Absolute paths of files; of what is no file, such as a pipe, its digest.
fn specs(plan: &Plan) -> Vec<String> {
    let name = |spec: &SpecFile| {
        let file = fs::canonicalize(&spec.path)
            .ok()
            .filter(|file| file.is_file());
        match file {
            Some(file) => file.display().to_string(),
            None => format!("{} sha256:{}", spec.path, spec.sha256),
        }
    };
    let mut specs: Vec<String> = plan.specs.iter().map(name).collect();
    specs.sort();
    specs
}

/// The flags that leave something out, as words.
fn only(args: &LookArgs) -> Vec<String> {
    let mut words = host_flags(&args.pick);
    words.extend(flags("--target", &args.targets));
    words.extend(flags("--exclude", &args.excludes));
    words
}

/// The flags that leave hosts out, as words.
pub(crate) fn host_flags(pick: &PickArgs) -> Vec<String> {
    let mut words: Vec<String> = flags("--host", &pick.hosts).collect();
    words.extend(flags("--exclude-host", &pick.exclude_hosts));
    let shard = pick.shard.iter();
    let shard: Vec<String> = shard
        .map(|Share { index, total, .. }| format!("{index}/{total}"))
        .collect();
    words.extend(flags("--shard", &shard));
    words
}

fn flags(flag: &str, values: &[String]) -> impl Iterator<Item = String> {
    let mut values = values.to_vec();
    values.sort();
    values.dedup();
    values
        .into_iter()
        .flat_map(move |value| [flag.to_owned(), value])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{exit::Code, utc::Utc};

    fn history_file(file: PathBuf) -> HistoryFile {
        let (file, is_default) = (Some(file), false);
        HistoryFile { file, is_default }
    }

    fn add(history_file: &HistoryFile, seconds: u64) -> Option<History> {
        let plan = Plan::new("salt".into(), vec![], vec![], vec![]);
        let ended = Ended {
            command: "drift",
            at: Utc::of_seconds(seconds),
            took: Duration::ZERO,
            code: Code::Done,
            plan: &plan,
            outcomes: &[],
        };
        let scope = Scope {
            specs: vec!["/a.yaml".into()],
            ..Scope::default()
        };
        history_file.add(&scope, &ended)
    }

    fn runs(history_file: &HistoryFile) -> usize {
        add(history_file, 9).map_or(0, |history| history.runs().len())
    }

    #[test]
    fn a_run_is_added_for_the_account_alone_and_damaged_lines_are_skipped() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("history.jsonl");
        let history_file = history_file(file.clone());
        assert_eq!(runs(&history_file), 1);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let mut opened_file = OpenOptions::new().append(true).open(&file).expect("there");
        // A foreign line, and half of one.
        opened_file
            .write_all(b"\xff{}\n{\"version\":1,\"at\":\"2026-")
            .expect("written");
        assert_eq!(runs(&history_file), 2);
        assert_eq!(runs(&history_file), 3);
        let text = fs::read(&file).expect("there");
        assert_eq!(String::from_utf8_lossy(&text).lines().count(), 5);
    }

    #[test]
    fn a_file_that_is_no_history_is_left_alone() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("spec.yaml");
        fs::write(&file, "version: 1\n").expect("written");
        assert_eq!(runs(&history_file(file.clone())), 1);
        assert_eq!(fs::read_to_string(&file).expect("there"), "version: 1\n");
        for invalid in [
            desk.path().to_owned(),
            desk.path().join("no/file"),
            "/dev/null".into(),
        ] {
            assert_eq!(runs(&history_file(invalid)), 1);
        }
        assert!(add(&HistoryFile::default(), 0).is_none());
    }

    #[test]
    fn runs_that_end_at_once_all_leave_a_line_also_when_the_file_is_trimmed() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("history.jsonl");
        let history_file = history_file(file.clone());
        add(&history_file, 0);
        let line = fs::read_to_string(&file).expect("there");
        let of_others = line.replace("/a.yaml", "/b.yaml");
        let full = of_others.repeat((MOST_BYTES - line.len()) / of_others.len()) + &line;
        fs::write(&file, full).expect("written");
        std::thread::scope(|scope| {
            for second in 1..=20 {
                let history_file = &history_file;
                scope.spawn(move || add(history_file, second));
            }
        });
        let text = fs::read_to_string(&file).expect("there");
        assert!(text.len() < MOST_BYTES);
        assert_eq!(text.matches("/a.yaml").count(), 21);
        let names = fs::read_dir(desk.path()).expect("there");
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn the_default_is_in_the_folder_for_state() {
        let at = |rows: &[(&str, &str)]| {
            let mut around = Surroundings::new(crate::cli::When::Never);
            let rows = rows
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            around.environment = rows.collect();
            HistoryFile::new(None, &around).path().cloned()
        };
        let path = |path: &str| Some(PathBuf::from(path));
        let home = ("HOME", "/h");
        assert_eq!(at(&[home]), path("/h/.local/state/trueup/history.jsonl"));
        let state = ("XDG_STATE_HOME", "/s");
        assert_eq!(at(&[home, state]), path("/s/trueup/history.jsonl"));
        let relative = ("XDG_STATE_HOME", "s");
        assert_eq!(at(&[home, relative]), at(&[home]));
        assert_eq!(at(&[]), None);
    }
}
