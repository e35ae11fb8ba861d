//! A host that lies: a real sshd, whose every command is answered by the test, out of a real answer.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Instant,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use trueup::frame::{Frames, Record};

use crate::{
    framed::framed,
    lies::Lie,
    sshd::{Sshd, keygen},
};

/// What sshd runs in place of each command: it hands the command and its input to the test, and the
/// test's bytes on.
const HANDS_ON: &str = r#"
exec 3<>/dev/tcp/127.0.0.1/PORT 4<>/dev/tcp/127.0.0.1/PORT 5<&0
printf 'E\0%s\0' "$$" >&4
printf 'C\0%s\0%s\0' "$$" "$SSH_ORIGINAL_COMMAND" >&3
{ cat <&5; printf '\0'; } >&3 2>/dev/null &
cat <&4 >&2 2>/dev/null &
cat <&3 2>/dev/null
. FOLDER/exit
"#;

/// For sshd: Bash reads the start file of whoever runs the tests for each command, but as an inner shell.
pub const NO_START_FILES: &str = "SetEnv SHLVL=5";

/// What goes out on a stream.
pub enum Piece {
    Bytes(Vec<u8>),
    /// Without an end.
    Again(Vec<u8>),
    /// Nothing more, and no end.
    Hang,
}

#[derive(Default)]
struct State {
    lie: Lie,
    /// Real answers, by the script that they answer; their marks are left out.
    answers: HashMap<String, [Vec<u8>; 2]>,
    /// Standard error of a command that has not come yet, by its number.
    errors: HashMap<String, TcpStream>,
    /// When a hang or a flood has begun, if one has.
    since: Option<Instant>,
    /// Scripts that run, by their process.
    running: BTreeSet<u32>,
}

struct Shared {
    state: Mutex<State>,
    came: Condvar,
    /// The home that real answers are about.
    home: PathBuf,
}

pub struct Liar {
    shared: Arc<Shared>,
    sshd: Sshd,
    folder: PathBuf,
}

impl Liar {
    /// In a folder of the caller's; `home` is what it tells of.
    pub fn start(folder: &Path, home: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port().to_string();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            came: Condvar::new(),
            home: home.to_owned(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(stream));
            }
        });
        let public = keygen(&folder.join("key"), "ed25519");
        let place = folder.to_str().expect("text");
        let program = HANDS_ON.replace("PORT", &port).replace("FOLDER", place);
        fs::write(folder.join("hands-on"), program).expect("written");
        fs::write(folder.join("banner"), "").expect("written");
        let more = format!(
            "ForceCommand /bin/bash {place}/hands-on\nBanner {place}/banner\n{NO_START_FILES}"
        );
        let sshd = Sshd::start(&folder.join("sshd"), &["ed25519"], &public, &more);
        let liar = Self {
            shared,
            sshd,
            folder: folder.to_owned(),
        };
        liar.tell(&Lie::None);
        liar
    }

    /// From now on it tells this.
    pub fn tell(&self, lie: &Lie) {
        let (exit, banner) = match lie {
            Lie::Exit(text) => (text.as_str(), &b""[..]),
            Lie::Banner(banner) => ("exit 0", banner.as_slice()),
            _ => ("exit 0", &b""[..]),
        };
        fs::write(self.folder.join("exit"), exit).expect("written");
        fs::write(self.folder.join("banner"), banner).expect("written");
        let mut state = self.shared.state();
        (state.lie, state.since) = (lie.clone(), None);
    }

    /// When the hang or the flood began.
    pub fn since(&self) -> Option<Instant> {
        self.shared.state().since
    }

    /// Scripts of trueup's that still run, whoever waits for them.
    pub fn running(&self) -> Vec<String> {
        let running = self.shared.state().running.clone();
        running
            .iter()
            .map(|number| format!("on the host: {number}"))
            .collect()
    }

    /// The `ssh:` part of a spec.
    pub fn way(&self) -> String {
        format!(
            "ssh: {{ address: 127.0.0.1, port: {}, user: {}, key: {{ file: {} }}, host_key: {{ pinned: [\"{}\"] }} }}",
            self.sshd.port,
            crate::sshd::user(),
            self.folder.join("key").display(),
            self.sshd.public("ed25519"),
        )
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        for number in &self.shared.state().running {
            let group = rustix::process::Pid::from_raw(number.cast_signed());
            let _ = group.map(|group| {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
            });
        }
    }
}

fn text_to_nul(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    loop {
        stream.read_exact(&mut byte).ok()?;
        match byte[0] {
            0 => return String::from_utf8(bytes).ok(),
            other => bytes.push(other),
        }
    }
}

pub fn record(section: &str, key: &str, value: &[u8]) -> Record {
    Record {
        section: section.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    fn serve(&self, mut stream: TcpStream) {
        let (Some(kind), Some(number)) = (text_to_nul(&mut stream), text_to_nul(&mut stream))
        else {
            return;
        };
        if kind == "E" {
            self.state().errors.insert(number, stream);
            self.came.notify_all();
            return;
        }
        let Some(command) = text_to_nul(&mut stream) else {
            return;
        };
        let mut state = self.state();
        let errors = loop {
            match state.errors.remove(&number) {
                Some(errors) => break errors,
                None => state = self.came.wait(state).expect("sound"),
            }
        };
        drop(state);
        // A reader that has gone is none of ours.
        let _ = self.answer(&mut stream, &errors, &command);
        for stream in [&stream, &errors] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn answer(&self, out: &mut TcpStream, err: &TcpStream, command: &str) -> std::io::Result<()> {
        let script = script_of(command);
        let lie = self.state().lie.clone();
        if let Some(complaint) = lie.complaint() {
            let err = err.try_clone()?;
            // Beside the answer.
            thread::spawn(move || put(err, complaint));
        }
        if script.contains("\nholder ") {
            return self.hold(out, &lie);
        }
        let words = script.rsplit_once("\nmark ").map(|(_, rest)| rest);
        let Some(mark) = words.and_then(|rest| rest.get(..32)) else {
            // A step is told to stop.
            return Ok(());
        };
        let [told, complained] = self.real(&script, command, mark);
        put(err.try_clone()?, vec![Piece::Bytes(complained)])?;
        let (noise, records, rest) = split(&told, mark);
        self.say(out, lie.reply(&noise, mark, records, &rest))
    }

    fn say(&self, out: &TcpStream, pieces: Vec<Piece>) -> std::io::Result<()> {
        for piece in pieces {
            if !matches!(piece, Piece::Bytes(_)) {
                self.state().since.get_or_insert_with(Instant::now);
            }
            put(out.try_clone()?, vec![piece])?;
        }
        Ok(())
    }

    /// What a real machine answers: this one, with another home.
    fn real(&self, script: &str, command: &str, mark: &str) -> [Vec<u8>; 2] {
        // Whatever the deadline.
        let timed = |line: &&str| line.starts_with("limits ") || line.starts_with("prove ");
        let asked: Vec<&str> = script.lines().filter(|line| !timed(line)).collect();
        let asked = asked.join("\n").replace(mark, "");
        let known = self.state().answers.get(&asked).cloned();
        let [out, err] = known.unwrap_or_else(|| {
            let child = Command::new("sh")
                .args(["-c", command])
                .env("HOME", &self.home)
                .env("SHELL", "/bin/bash")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0)
                .spawn()
                .expect("sh runs");
            let number = child.id();
            self.state().running.insert(number);
            let done = child.wait_with_output().expect("it ends");
            self.state().running.remove(&number);
            let mut answer = [done.stdout, done.stderr];
            for stream in &mut answer {
                *stream = replaced(stream, mark.as_bytes(), b"MARK OF THE ANSWER");
            }
            self.state().answers.insert(asked, answer.clone());
            answer
        });
        [out, err].map(|stream| replaced(&stream, b"MARK OF THE ANSWER", mark.as_bytes()))
    }

    /// As the holder of the lock. It comes to no end with the look that it is asked for, so that it is asked anew.
    fn hold(&self, out: &mut TcpStream, lie: &Lie) -> std::io::Result<()> {
        let hello = "trueup holder";
        let locked = ["locked", "looked"]
            .map(|key| record("apply", key, b""))
            .into();
        self.say(out, lie.reply(b"\n", hello, locked, b""))?;
        let (mut line, mut byte) = (Vec::new(), [0]);
        // A NUL stands for the end of its input.
        while out.read_exact(&mut byte).is_ok() && byte[0] != 0 {
            if byte[0] != b'\n' {
                line.push(byte[0]);
                continue;
            }
            let words = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            let mut words = words.split(' ');
            let name = words.next().unwrap_or_default().to_owned();
            if name == "beat" {
                continue;
            }
            let mut records = vec![record("apply", "started", b"999999")];
            if name == "fetch" {
                let digest = STANDARD.decode(words.nth(3).unwrap_or_default());
                records.push(record("apply", "progress", b"1000 2000"));
                records.push(record("apply", "bytes", b"2000"));
                records.push(record("apply", "digest", &digest.unwrap_or_default()));
            }
            records.push(record("apply", "line", b"at work"));
            records.push(record("apply", "log", b"all is well"));
            records.push(record("apply", "done", b"0"));
            // Those that may take long have a quarter of an hour for it.
            let long = ["fetch", "unpack", "package"].contains(&name.as_str());
            let (pieces, last) = lie.step(records, long);
            self.say(out, pieces)?;
            if last {
                break;
            }
        }
        Ok(())
    }
}

fn put(mut stream: TcpStream, pieces: Vec<Piece>) -> std::io::Result<()> {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => stream.write_all(&bytes)?,
            Piece::Again(bytes) => loop {
                stream.write_all(&bytes)?;
            },
            // Until the other one goes.
            Piece::Hang => while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {},
        }
    }
    Ok(())
}

/// The script of an exec request: its last word, for `printf %b`.
fn script_of(command: &str) -> String {
    let body = command.trim_end_matches('\'').rsplit('\'').next();
    // A backslash of the script's own is `\0134`.
    let body = body.unwrap_or_default().replace("\\n", "\n");
    let mut pieces = body.split("\\0");
    let mut script = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (octal, rest) = piece.split_at(3);
        script.push(u8::from_str_radix(octal, 8).expect("octal"));
        script.extend(rest.as_bytes());
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// What came before the mark's line, the records after it, and what is none.
fn split(told: &[u8], mark: &str) -> (Vec<u8>, Vec<Record>, Vec<u8>) {
    let line = format!("{mark}\n").into_bytes();
    let at = told
        .windows(line.len())
        .position(|window| window == line)
        .expect("the mark is in it");
    let mut frames = Frames::new();
    frames
        .feed(&told[at + line.len()..])
        .expect("a small answer");
    let mut records = Vec::new();
    while let Ok(Some(record)) = frames.next_record() {
        records.push(record);
    }
    let rest = at + line.len() + framed(&records).len();
    (told[..at].to_vec(), records, told[rest..].to_vec())
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        all.extend_from_slice(&rest[..at]);
        all.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    all.extend_from_slice(rest);
    all
}
