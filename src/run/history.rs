//! The file of the history of runs: read, added to and cut under its lock. That it cannot be had is one
//! warning, and changes nothing of what a command comes to.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{Surroundings, complain_safely};
use crate::{
    cli::{Keep, LookArgs, PickArgs},
    history::{self, Ended, History, MOST_BYTES, Scope},
    plan::{Plan, SpecFile},
    shard::Share,
    whole::{Whole, folder},
};

/// A file beyond this is none of ours.
const MOST_READ: u64 = 16 * MOST_BYTES as u64;
/// How long a run that is writing is waited for: it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where runs are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    file: Option<PathBuf>,
    /// Nobody named the file: its folder is made.
    is_default: bool,
}

impl Book {
    /// What `--history` says; else the one place for all runs of an account, where it has a home.
    pub(crate) fn new(keep: Option<&Keep>, around: &Surroundings) -> Self {
        // A relative path there is to be ignored, says the specification of these folders.
        let absolute = |name: &str| {
            let path = around.environment.get(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        match keep {
            Some(Keep::Nowhere) => Self::default(),
            Some(Keep::File(file)) => Self {
                file: Some(file.clone()),
                is_default: false,
            },
            None => {
                let at_home = || Some(absolute("HOME")?.join(".local/state"));
                let folder = absolute("XDG_STATE_HOME").or_else(at_home);
                Self {
                    file: folder.map(|folder| folder.join("trueup/history.jsonl")),
                    is_default: true,
                }
            }
        }
    }

    /// The file; nothing, where runs are kept nowhere.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Adds a run, and gives it with those before it; nothing, where runs are kept nowhere.
    pub(crate) fn add(&self, of: &Scope, ended: &Ended<'_>) -> Option<History> {
        let file = self.file.as_ref()?;
        let warn = |what: &str, error: io::Error| {
            let shown = file.display();
            complain_safely(&format!(
                "warning: the history `{shown}` {what}: {error}\n  help: name another with `--history \
                 FILE`, or none with `--history none`"
            ));
        };
        let kept = self
            .open()
            .and_then(|mut open| Ok((read(&mut open)?, open)));
        let (text, open) = match kept {
            Ok((text, open)) => (text, Some(open)),
            Err(error) => {
                // What cannot be written may yet be read.
                let text = File::open(file).and_then(|mut file| read(&mut file));
                warn("cannot be written", error);
                (text.unwrap_or_default(), None)
            }
        };
        let history = History::new(of, &text, ended);
        if let Some(open) = open
            && let Err(error) = write(open, file, text, &history.line())
        {
            warn("was not written", error);
        }
        Some(history)
    }

    /// Opens the file, and keeps others out of it.
    fn open(&self) -> io::Result<File> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if self.is_default {
            let mut folders = DirBuilder::new();
            folders.recursive(true).mode(0o700).create(folder(file))?;
        }
        loop {
            let open = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(file)?;
            let own = open.metadata()?;
            if !own.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            lock(&open)?;
            // Who had the lock may have put a shorter one in its place.
            let there = fs::metadata(file)?;
            if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
                return Ok(open);
            }
        }
    }
}

fn lock(file: &File) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            // A file system that knows no locks: lines are appended in one piece all the same.
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
    file.take(MOST_READ + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match bytes.len() as u64 > MOST_READ || !history::is_one(&text) {
        true => Err(io::Error::other("it is no history of trueup's")),
        false => Ok(text),
    }
}

/// Appends a line; where the file has grown too long, a shorter one takes its place.
fn write(mut open: File, file: &Path, mut text: String, line: &str) -> io::Result<()> {
    // A run that was ended while it wrote has left half a line.
    let half = !text.is_empty() && !text.ends_with('\n');
    let line = if half {
        format!("\n{line}")
    } else {
        line.to_owned()
    };
    text.push_str(&line);
    if text.len() <= MOST_BYTES {
        return open.write_all(line.as_bytes());
    }
    // A link stays a link.
    let place = fs::canonicalize(file)?;
    Whole::beside(&place, 0o600)?.put(history::trimmed(&text).as_bytes())
}

/// What a run is of: the specs of its plan, and what its command line says of them.
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

/// What an apply of a saved plan is of: as much of its specs as the plan has.
pub(crate) fn scope_of_saved(plan: &Plan, args: &LookArgs) -> Scope {
    Scope {
        specs: specs(plan),
        vars: vec![],
        only: vec!["PLANFILE".into()],
        deep: args.deep,
    }
}

/// Files by paths that mean the same wherever the command is given; what is no file, such as a pipe, by
/// what it held.
fn specs(plan: &Plan) -> Vec<String> {
    let place = |spec: &SpecFile| {
        let file = fs::canonicalize(&spec.path)
            .ok()
            .filter(|file| file.is_file());
        match file {
            Some(file) => file.display().to_string(),
            None => format!("{} sha256:{}", spec.path, spec.sha256),
        }
    };
    let mut specs: Vec<String> = plan.specs.iter().map(place).collect();
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

    fn book(file: PathBuf) -> Book {
        let (file, is_default) = (Some(file), false);
        Book { file, is_default }
    }

    fn add(book: &Book, seconds: u64) -> Option<History> {
        let plan = Plan::new("salt".into(), vec![], vec![], vec![]);
        let ended = Ended {
            command: "drift",
            at: Utc::of_seconds(seconds),
            took: Duration::ZERO,
            code: Code::Done,
            plan: &plan,
            outcomes: &[],
        };
        let of = Scope {
            specs: vec!["/a.yaml".into()],
            ..Scope::default()
        };
        book.add(&of, &ended)
    }

    fn runs(book: &Book) -> usize {
        add(book, 9).map_or(0, |history| history.runs().len())
    }

    #[test]
    fn a_run_is_added_for_the_account_alone_and_what_is_damaged_is_passed_over() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("history.jsonl");
        let book = book(file.clone());
        assert_eq!(runs(&book), 1);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let mut open = OpenOptions::new().append(true).open(&file).expect("there");
        // A line of another's, and half a one.
        open.write_all(b"\xff{}\n{\"version\":1,\"at\":\"2026-")
            .expect("written");
        assert_eq!(runs(&book), 2);
        assert_eq!(runs(&book), 3);
        let text = fs::read(&file).expect("there");
        assert_eq!(String::from_utf8_lossy(&text).lines().count(), 5);
    }

    #[test]
    fn what_is_no_history_is_left_alone() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("spec.yaml");
        fs::write(&file, "version: 1\n").expect("written");
        assert_eq!(runs(&book(file.clone())), 1);
        assert_eq!(fs::read_to_string(&file).expect("there"), "version: 1\n");
        for nowhere in [
            desk.path().to_owned(),
            desk.path().join("no/file"),
            "/dev/null".into(),
        ] {
            assert_eq!(runs(&book(nowhere)), 1);
        }
        assert!(add(&Book::default(), 0).is_none());
    }

    #[test]
    fn runs_that_end_at_once_all_leave_a_line_also_when_the_file_is_cut() {
        let desk = tempfile::tempdir().expect("a folder");
        let file = desk.path().join("history.jsonl");
        let book = book(file.clone());
        add(&book, 0);
        let line = fs::read_to_string(&file).expect("there");
        let of_others = line.replace("/a.yaml", "/b.yaml");
        let full = of_others.repeat((MOST_BYTES - line.len()) / of_others.len()) + &line;
        fs::write(&file, full).expect("written");
        std::thread::scope(|scope| {
            for second in 1..=20 {
                let book = &book;
                scope.spawn(move || add(book, second));
            }
        });
        let text = fs::read_to_string(&file).expect("there");
        assert!(text.len() < MOST_BYTES);
        assert_eq!(text.matches("/a.yaml").count(), 21);
        let names = fs::read_dir(desk.path()).expect("there");
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn the_place_is_where_state_goes() {
        let at = |rows: &[(&str, &str)]| {
            let mut around = Surroundings::new(crate::cli::When::Never);
            let rows = rows
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            around.environment = rows.collect();
            Book::new(None, &around).file().cloned()
        };
        let place = |path: &str| Some(PathBuf::from(path));
        let home = ("HOME", "/h");
        assert_eq!(at(&[home]), place("/h/.local/state/trueup/history.jsonl"));
        let state = ("XDG_STATE_HOME", "/s");
        assert_eq!(at(&[home, state]), place("/s/trueup/history.jsonl"));
        let relative = ("XDG_STATE_HOME", "s");
        assert_eq!(at(&[home, relative]), at(&[home]));
        assert_eq!(at(&[]), None);
    }
}
