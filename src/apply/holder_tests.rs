//! What ends in time, on a clock of the tests' own: a machine that answers nothing costs no more than
//! its deadline, and a second Ctrl-C nothing at all.

use std::{
    process::{Command, Stdio},
    sync::Mutex,
};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::{super::request::HOLDER, *};
use crate::{
    observe::PRELUDE,
    transport::{
        Error, Exit, Running,
        dial::{Dial, DialError, Stream},
    },
};

#[test]
fn a_line_has_no_value_that_could_end_it() {
    let call = StepRequest::new("write")
        .value("a b\nc")
        .value("")
        .payload(b"\n\0");
    assert_eq!(call.line(), "write YSBiCmM= - =CgA=\n");
}

#[test]
fn a_step_and_what_it_started_end_in_every_shell() {
    for shell in [&["dash"][..], &["bash"], &["busybox", "ash"]] {
        // As the holder starts a step; it tells when its child runs.
        let mut step = Command::new("setsid")
            .args(["sh", "-c", "sleep 1000 & echo up; wait", "step_x"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid runs");
        let mut out = step.stdout.take().expect("a pipe");
        std::io::Read::read_exact(&mut out, &mut [0; 3]).expect("it is up");
        let script = Script::new("stop").text(STOP);
        let script = script
            .call("stop", [step.id().to_string()])
            .expect("no NUL");
        let ended = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &script.exec().command])
            .output()
            .expect("the shell runs");
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            ended.status.success() && stderr.is_empty(),
            "{shell:?}: {stderr}"
        );
        // The pipe closes when the last of them is gone.
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut out, &mut rest).expect("readable");
        assert!(!step.wait().expect("it ends").success());
    }
}

#[test]
fn a_client_that_says_nothing_does_not_keep_the_lock() {
    // Nor does a look that hangs, as on a file system that is away.
    let silent = ("hear 600; echo \"$status $line\"; hear 1", "0 hello\n");
    let hangs = (
        "look_now() { echo looks; exec >/dev/null; sleep 30; }; within 1 look_with_lock",
        "looks\n",
    );
    let shells = [&["dash"][..], &["bash", "--posix"], &["busybox", "ash"]];
    let cases = shells
        .iter()
        .flat_map(|shell| [(shell, silent), (shell, hangs)]);
    for (shell, (does, says)) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        std::fs::create_dir(&own).expect("made");
        let text = format!("{PRELUDE}\n{HOLDER}\nT=$1; exec 9</; {does}; echo never");
        let mut holder = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &text, "sh"])
            .arg(&own)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the shell runs");
        let mut input = holder.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, b"hello\n").expect("written");
        // It stays open: nobody knows from here that we have gone. One that never ends is ended, and
        // has not taken its folder away.
        let (ends, waiting) = std::sync::mpsc::channel::<()>();
        let number = holder.id().to_string();
        let watchdog = std::thread::spawn(move || {
            let waited = waiting.recv_timeout(Duration::from_secs(60));
            if waited == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let killed = Command::new("kill").args(["-s", "KILL", &number]).status();
                assert!(killed.expect("kill runs").success());
            }
        });
        let ended = holder.wait_with_output().expect("it ends");
        drop(ends);
        watchdog.join().expect("no panic");
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(out, says, "{shell:?}");
        let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
        assert_eq!(signal, Some(9), "{shell:?}");
        assert!(!own.exists(), "{shell:?}");
        drop(input);
    }
}

/// Between steps it waits as long as it was told, whatever the steps' own words were; and what a step
/// was handed is in no file.
#[test]
fn the_holder_waits_for_the_next_step() {
    // What a process has started: its folders in /proc.
    let started_by = |parent: u32| -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir("/proc").expect("there");
        let all = all.map(|process| process.expect("an entry").path());
        all.filter(|process| {
            let status = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            let fields = status.rsplit(") ").next().unwrap_or_default();
            fields.split(' ').nth(1) == Some(&parent.to_string())
        })
        .collect()
    };
    for (nth, shell) in [&["dash"][..], &["bash", "--posix"], &["busybox", "ash"]]
        .iter()
        .enumerate()
    {
        let folder = tempfile::tempdir().expect("a folder");
        let tmp = folder.path().join("tmp");
        std::fs::create_dir(&tmp).expect("made");
        // Of the lock's two places, each in turn.
        if nth != 1 {
            let closed =
                std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
                    .create(folder.path().join(".ssh"));
            closed.expect("made");
        }
        let text = format!(
            "{PRELUDE}\n{}\n{HOLDER}\nSTEPS='step_x() {{ cat \"$3\" >\"$T/../got\"; }}; \"$@\"'\nidentify; holder 60 600",
            crate::observe::HOST
        );
        let mut holder = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &text, "sh"])
            .env("TMPDIR", &tmp)
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the shell runs");
        let mut input = holder.stdin.take().expect("a pipe");
        let mut out = std::io::BufReader::new(holder.stdout.take().expect("a pipe"));
        let mut until_line = |wanted: &str| {
            let mut line = String::new();
            while line.trim_end() != wanted {
                line.clear();
                let count = std::io::BufRead::read_line(&mut out, &mut line).expect("text");
                assert!(count > 0, "{shell:?}: no `{wanted}`");
            }
        };
        until_line("apply locked 0:");
        for _ in 0..2 {
            std::io::Write::write_all(&mut input, b"beat\nx YQ== Yg== =Y2FuYXJ5\n")
                .expect("it listens");
            until_line("apply done 1:0");
            // What it was handed has come, and lies nowhere else, should the holder end here.
            let got = tmp.join("got");
            assert_eq!(std::fs::read(&got).expect("there"), b"canary", "{shell:?}");
            std::fs::remove_file(got).expect("removed");
            let mut files = 0;
            for own in std::fs::read_dir(&tmp).expect("there") {
                for file in std::fs::read_dir(own.expect("one").path()).expect("a folder") {
                    let bytes = std::fs::read(file.expect("one").path()).expect("a file");
                    assert!(!bytes.windows(6).any(|part| part == b"canary"), "{shell:?}");
                    files += 1;
                }
            }
            assert!(files > 0, "{shell:?}: nothing was looked at");
            let limit = std::time::Instant::now() + Duration::from_secs(60);
            while started_by(holder.id()).len() != 1 {
                assert!(
                    std::time::Instant::now() < limit,
                    "{shell:?}: it does not wait"
                );
            }
        }
        // Nobody else has it until then, and it is in one of the two places.
        let ssh = folder.path().join(".ssh");
        let file = folder.path().join(".trueup.lock");
        assert_eq!(file.exists(), nth == 1, "{shell:?}");
        let place = if nth == 1 { &file } else { &ssh };
        let free = || {
            let tried = Command::new("flock")
                .arg("-n")
                .arg(place)
                .arg("true")
                .status();
            tried.expect("flock runs").success()
        };
        assert!(!free(), "{shell:?}");
        let watchdog = started_by(holder.id()).remove(0);
        drop(input);
        assert!(holder.wait().expect("it ends").success(), "{shell:?}");
        assert!(free(), "{shell:?}");
        let limit = std::time::Instant::now() + Duration::from_secs(60);
        while watchdog.exists() {
            assert!(
                std::time::Instant::now() < limit,
                "{shell:?}: its watchdog stays"
            );
        }
    }
}

#[test]
fn a_downloads_limit_is_one_for_all_tries() {
    // It takes connections and says nothing; each is kept.
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let (sender, tries) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            if sender.send(stream).is_err() {
                break;
            }
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let result = std::fs::File::create(folder.path().join("result")).expect("made");
    let file = folder.path().join("file");
    let done = Command::new("sh")
        .args([
            "-c",
            &format!("exec 3>&0; {}", *STEPS),
            "step_fetch",
            "step_fetch",
        ])
        .arg(format!("http://127.0.0.1:{port}/x"))
        .arg(&file)
        .args(["sha256", &"0".repeat(64), "644", "1"])
        .env("T", folder.path())
        .stdin(result)
        .output()
        .expect("sh runs");
    assert!(!done.status.success() && !file.exists());
    assert_eq!(tries.try_iter().count(), 1);
    let reply = std::fs::read_to_string(folder.path().join("result")).expect("a reply");
    assert!(reply.contains("fetcher 3:124"), "{reply}");
}

/// A machine that starts the holder, and then says what a test wants it to say; nothing else that is
/// asked for starts.
pub(in crate::apply) struct Machine {
    holder: Mutex<Option<DuplexStream>>,
    input: Mutex<Option<DuplexStream>>,
    /// What it is asked for is started, and never ends.
    starts: bool,
}

impl Machine {
    /// With a first word, and the pipes to speak and listen to it.
    pub(in crate::apply) fn printing(text: &[u8]) -> (Self, DuplexStream, DuplexStream) {
        let (ours, theirs) = duplex(64 * 1024);
        // Less room than a step's line takes.
        let (to, from) = duplex(16);
        let machine = Self {
            holder: Mutex::new(Some(theirs)),
            input: Mutex::new(Some(to)),
            starts: true,
        };
        let mut ours = ours;
        let written = tokio::io::AsyncWriteExt::write_all(&mut ours, text);
        futures_now(written);
        (machine, ours, from)
    }
}

/// The result of what needs not be waited for.
fn futures_now<T>(work: impl Future<Output = std::io::Result<T>>) -> T {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match work.as_mut().poll(&mut context) {
        std::task::Poll::Ready(done) => done.expect("written"),
        std::task::Poll::Pending => panic!("there is room"),
    }
}

#[async_trait]
impl Connection for Machine {
    fn address(&self) -> &'static str {
        "machine"
    }

    async fn spawn(&self, _script: &Script) -> Result<Running, Error> {
        if !self.starts {
            return std::future::pending().await;
        }
        let holder = self.holder.lock().expect("one thread").take();
        let input = self.input.lock().expect("one thread").take();
        let (Some(stdout), Some(stdin)) = (holder, input) else {
            return std::future::pending().await;
        };
        Ok(Running {
            stdin: Some(Box::pin(stdin)),
            stdout: Box::pin(stdout),
            stderr: Box::pin(tokio::io::empty()),
            exit: Box::pin(std::future::pending::<Result<Exit, Error>>()),
        })
    }

    async fn close(self: Box<Self>) {}
}

#[async_trait]
impl Dial for Machine {
    async fn dial(&self, _host: &str, _port: u16) -> Result<Stream, DialError> {
        std::future::pending().await
    }
}

pub(in crate::apply) const ANSWER: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(600);
pub(in crate::apply) const LOCKED: &[u8] = b"\ntrueup holder\napply locked 0:\n";

pub(in crate::apply) async fn lock<'c>(
    machine: &'c Machine,
    stop: &mut Stop,
) -> Result<Writer<'c>, LockError> {
    let request = LockRequest {
        title: "trueup: test",
        wait: WAIT,
        answer: ANSWER,
        resources: &[],
        deep: false,
    };
    Lock::over(machine, &request, stop, |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_never_speaks_is_waited_for_as_any_call() {
    let (_sender, mut stop) = watch::channel(0);
    let (mut machine, _speak, _listen) = Machine::printing(b"Password for the proxy: ");
    let started = Instant::now();
    let error = lock(&machine, &mut stop).await.err().expect("no lock");
    assert_eq!(started.elapsed(), ANSWER);
    let message = error.to_string();
    assert!(
        message.contains("did not come to trueup's command within 30 s")
            && message.contains("Password for the proxy:")
            && message.contains("start files"),
        "{message}"
    );

    machine.starts = false;
    let started = Instant::now();
    let error = lock(&machine, &mut stop).await.err().expect("no lock");
    assert_eq!(started.elapsed(), ANSWER);
    assert!(error.to_string().contains("within 30 s"), "{error}");
    assert!(error.is_of_connection());
}

#[tokio::test(start_paused = true)]
async fn what_ends_before_it_began_says_what_it_printed() {
    let (_sender, mut stop) = watch::channel(0);
    let (machine, speak, _listen) =
        Machine::printing(b"This account is currently not available.\n");
    drop(speak);
    let message = lock(&machine, &mut stop).await.err().expect("no lock");
    let message = message.to_string();
    assert!(
        message.contains("This account is currently not available."),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_be_sent_has_a_deadline_and_a_second_ctrl_c_ends_it_at_once() {
    let (sender, mut stop) = watch::channel(0);
    let (machine, _speak, _listen) = Machine::printing(LOCKED);
    let mut writer = lock(&machine, &mut stop).await.expect("the lock");
    let call = StepRequest::new("write").value("longer than the pipe has room for");
    let started = Instant::now();
    let error = writer.run(&call, WAIT, &mut stop, |_| {}).await;
    assert!(matches!(error, Err(WriteError::Transport(_))), "{error:?}");
    assert_eq!(started.elapsed(), ANSWER);

    sender.send_replace(1);
    let mut second = stop.clone();
    let started = Instant::now();
    let pressing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(2);
    };
    let (left, ()) = tokio::join!(writer.run(&call, WAIT, &mut second, |_| {}), pressing);
    assert!(matches!(left, Err(WriteError::Abandoned)), "{left:?}");
    // The holder, too, is not waited for.
    writer.release(Duration::from_secs(5), &mut second).await;
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_download_that_cannot_be_stopped_is_left_in_time() {
    let (sender, mut stop) = watch::channel(0);
    let (machine, mut speak, mut listen) = Machine::printing(LOCKED);
    let mut writer = lock(&machine, &mut stop).await.expect("the lock");
    // The line is read, the step has started, and nothing else is ever answered.
    let reading = tokio::spawn(async move {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.push(listen.read_u8().await.expect("the line"));
        }
        tokio::io::AsyncWriteExt::write_all(&mut speak, b"apply started 2:77\n")
            .await
            .expect("written");
        std::future::pending::<()>().await;
    });
    let started = Instant::now();
    let call = StepRequest::new("fetch").value("x");
    let pressing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(1);
    };
    let (left, ()) = tokio::join!(writer.run(&call, WAIT, &mut stop, |_| {}), pressing);
    assert!(
        matches!(left, Err(WriteError::StillRunning { .. })),
        "{left:?}"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(1) + STOPPING);
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_nothing_to_do_is_heard() {
    let (_pressed, mut stop) = watch::channel(0);
    let (machine, _speak, mut listen) = Machine::printing(LOCKED);
    let input = tokio::spawn(async move {
        let mut message = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut listen, &mut message)
            .await
            .expect("text");
        message
    });
    let mut writer = lock(&machine, &mut stop).await.expect("the lock");
    writer.beside(tokio::time::sleep(SILENCE * 3)).await;
    drop(writer);
    let message = input.await.expect("read");
    let beats = message.lines().filter(|line| *line == "beat").count() as u64;
    assert_eq!(beats, message.lines().count() as u64, "{message}");
    assert!(
        beats >= 3 * SILENCE.as_secs() / BEAT.as_secs() - 1,
        "{beats}"
    );
    assert!(BEAT * 3 < SILENCE, "one that is late is no end");
}
