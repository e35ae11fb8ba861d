//! trueup on this machine: what it is started with, what it says and takes, and what it leaves.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::rig::{Said, processes, signal, start_with};

/// Longer than anything here takes: what has not ended by then never does.
const NEVER: Duration = Duration::from_secs(120);

/// A home of trueup's, and a folder for what it has of its own.
pub struct Here {
    folder: PathBuf,
    tmp: PathBuf,
}

impl Here {
    pub fn below(folder: &Path) -> Self {
        let tmp = folder.join("tmp");
        fs::create_dir(&tmp).expect("made");
        Self {
            folder: folder.to_owned(),
            tmp,
        }
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        let tmp = self.tmp.to_str().expect("text").to_owned();
        [("TMPDIR", tmp.clone()), ("XDG_RUNTIME_DIR", tmp)]
    }

    /// Starts trueup.
    pub fn begin(&self, words: &[&str]) -> Child {
        let environment = self.environment();
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        start_with(&self.folder, words, &environment)
    }

    /// Runs trueup on a terminal, and says `y` whenever it asks; `asked` is told before each.
    pub fn answer(&self, words: &[&str], mut asked: impl FnMut()) -> (Said, Instant) {
        let command = format!(
            "stty cols 80; exec {} {}",
            env!("CARGO_BIN_EXE_trueup"),
            words.join(" ")
        );
        let mut child = Command::new("script")
            .args(["-qefc", &command, "/dev/null"])
            .envs(self.environment())
            .env("HOME", &self.folder)
            .env("TERM", "xterm")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut stdout = child.stdout.take().expect("a pipe");
        let (mut seen, mut from) = (Vec::new(), 0);
        let mut buffer = [0; 4096];
        let watchdog = Watchdog::over(child.id());
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&seen[from..]).into_owned();
            if text.contains("[y/N] ") {
                from = seen.len();
                asked();
                // One that has ended meanwhile reads nothing.
                let _ = stdin.write_all(b"y\n");
            }
        }
        let code = child.wait().expect("it ends").code().unwrap_or(-1);
        let ended = Instant::now();
        watchdog.end();
        let out = String::from_utf8_lossy(&seen).into_owned();
        let err = String::new();
        (Said { code, out, err }, ended)
    }

    /// The ssh processes that hold trueup's connections.
    pub fn masters(&self) -> Vec<u32> {
        let all = self.processes().into_iter();
        all.filter(|(_, line)| line.starts_with("ssh"))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// Processes that name our folder.
    fn processes(&self) -> Vec<(u32, String)> {
        let tmp = self.tmp.to_str().expect("text");
        let mut all = processes();
        all.retain(|(_, line)| line.contains(tmp));
        all
    }

    /// What there is of it: files, folders and processes.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        walk(&self.tmp, &mut |path, _| {
            left.push(format!("here: {}", path.display()));
        });
        let processes = self.processes().into_iter();
        left.extend(processes.map(|(pid, line)| format!("here: {pid} {line:.200}")));
        left
    }

    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        let mut bytes = 0;
        walk(&self.tmp, &mut |_, found| {
            bytes += if found.is_file() { found.len() } else { 0 };
        });
        bytes
    }
}

/// All that is below a folder.
pub fn walk(folder: &Path, seen: &mut dyn FnMut(&Path, &fs::Metadata)) {
    // What is being worked on may go meanwhile.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        seen(&path, &found);
        if found.is_dir() {
            walk(&path, seen);
        }
    }
}

/// Waits, for processes may need a moment to go, until nothing is left.
#[track_caller]
pub fn until_gone(left: impl Fn() -> Vec<String>) {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < limit, "left behind: {left:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Ends a child of ours that never ends.
struct Watchdog {
    stop: std::sync::mpsc::Sender<()>,
    dog: thread::JoinHandle<bool>,
}

impl Watchdog {
    fn over(child: u32) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let dog = thread::spawn(move || {
            let late = stopped.recv_timeout(NEVER).is_err();
            if late {
                signal(child, "KILL");
            }
            late
        });
        Self { stop, dog }
    }

    #[track_caller]
    fn end(self) {
        let _ = self.stop.send(());
        let late = self.dog.join().expect("it watches");
        assert!(!late, "it did not end within {} s", NEVER.as_secs());
    }
}

/// How a child ended.
pub struct Ended {
    pub said: Said,
    pub at: Instant,
    /// The most memory that it had, in KiB.
    pub peak: u64,
}

/// Waits for a child; `meanwhile` is called again and again.
pub fn finish(mut child: Child, mut meanwhile: impl FnMut()) -> Ended {
    fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // One that was killed has said what it has said.
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
    let out = read(child.stdout.take().expect("a pipe"));
    let err = read(child.stderr.take().expect("a pipe"));
    let status = format!("/proc/{}/status", child.id());
    let (began, mut peak) = (Instant::now(), 0);
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        meanwhile();
        if let Some(status) = child.try_wait().expect("a child") {
            break status.code().unwrap_or(-1);
        }
        if began.elapsed() > NEVER {
            child.kill().expect("killed");
            panic!("it did not end within {} s", NEVER.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let at = Instant::now();
    let (out, err) = (out.join().expect("read"), err.join().expect("read"));
    Ended {
        said: Said { code, out, err },
        at,
        peak,
    }
}
