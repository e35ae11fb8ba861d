//! What is read: a host's facts (one exec for all probes, a framed reply), and a cluster's.

pub mod cluster;
pub mod prove;
pub mod rehearsal;

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use tokio::io::AsyncReadExt;

use crate::{
    broker::credentials::clock,
    facts::{Host, Reply},
    frame::{Frames, Garbled, Record},
    kinds::Resource,
    meter::{Call, Phase},
    script::{NulByte, Script},
    text::{escape_control, hex},
    transport::{self, Connection, Running, Stderr, dial::Dial},
};

/// Shell functions that all probes share.
pub(crate) const PRELUDE: &str = include_str!("prelude.sh");
/// The host's own probe.
pub(crate) const HOST: &str = include_str!("host.sh");
/// What has root look.
const ROOT: &str = include_str!("root.sh");
/// The login shell's.
const LOGIN: &str = include_str!("login.sh");
/// What asks it for more variables.
const VARIABLES: &str = include_str!("variables.sh");

/// Why a host could not be observed. Each is exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The answer is not made of records.
    #[error(transparent)]
    Garbled(#[from] Garbled),
    /// The answer stopped early.
    #[error(
        "the host's answer is not complete: {output}\n  help: `ssh` to it and run `sh -c true`: does the account's shell run commands? bash reads ~/.bashrc for each: look for `exit`, `exec` and `set -e` there"
    )]
    Incomplete {
        /// The host's stderr, or how the process ended.
        output: String,
    },
    /// The account's shell did not come to our command in time.
    #[error(
        "the account's shell did not run our command within {seconds} s{words}\n  \
         help: bash reads ~/.bashrc for each command of ssh's: look for what asks, waits or runs \
         another program (`read`, `exec`) without a test for a terminal; `--timeout` gives it longer"
    )]
    NotBegun {
        /// How long it was waited for.
        seconds: u64,
        /// What was printed on stdout instead: nothing, or `; it printed:` and lines.
        words: String,
    },
    /// Something else ran in place of our command: cloud images' forced command of root, a
    /// `ForceCommand`, `nologin`.
    #[error(
        "the account did not run our command; it {ended}{words}\n  \
         help: log in as an account that runs commands: `user` under `ssh` in the spec (`ec2-user`, \
         `ubuntu`, `admin`, …); a forced command or `nologin` runs none"
    )]
    Instead {
        /// How it ended.
        ended: transport::Exit,
        /// `; it printed:` and lines.
        words: String,
    },
    /// The machine behind the address is not the instance that was looked up.
    #[error(
        "EC2 says that `{found}` is at this address, and the machine there says that it is `{says}`\n  \
         help: look at `ssh` (a jump host? an old address?) and at `ec2` in the spec"
    )]
    Another {
        /// What EC2 says.
        found: String,
        /// What the machine says.
        says: String,
    },
    /// A value of the spec.
    #[error(transparent)]
    Nul(#[from] NulByte),
    /// This machine gave no random bytes for the reply's mark.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// What was read of one host.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What is true whatever the spec asks.
    pub host: Host,
    /// Every probe's records.
    pub reply: Reply,
}

/// A connection that can only be read from: all that whoever plans is handed of one. It runs [`Probe`]
/// constants, and dials. A connection itself runs any script,
///
/// ```
/// use trueup::{observe::Reader, script::Script, transport::Connection};
///
/// async fn run(machine: &dyn Connection, script: &Script) {
///     let _ = machine.spawn(script).await;
/// }
/// ```
///
/// which a reader does not, whatever it dials, nor does it give its connection away:
///
/// ```compile_fail,E0599
/// use trueup::{observe::Reader, script::Script, transport::Connection};
///
/// async fn run(machine: Reader<'_>, script: &Script) {
///     let _ = machine.spawn(script).await;
/// }
/// ```
///
/// ```compile_fail,E0599
/// use trueup::{observe::Reader, script::Script, transport::Connection};
///
/// async fn run(machine: Reader<'_>, script: &Script) {
///     let _ = machine.dial().spawn(script).await;
/// }
/// ```
///
/// ```compile_fail,E0616
/// use trueup::{observe::Reader, script::Script, transport::Connection};
///
/// async fn run(machine: Reader<'_>, script: &Script) {
///     let _ = machine.connection.spawn(script).await;
/// }
/// ```
///
/// To lock a machine, and so to write to it, takes an [`apply::Connected`](crate::apply::Connected).
#[derive(Clone, Copy)]
pub struct Reader<'c> {
    connection: &'c dyn Connection,
    deadline: Duration,
}

impl<'c> Reader<'c> {
    /// Over a connection; an answer that takes longer than `deadline` is an error.
    pub fn new(connection: &'c dyn Connection, deadline: Duration) -> Self {
        Self {
            connection,
            deadline,
        }
    }

    /// What dials from the machine.
    pub fn dial(self) -> &'c dyn Dial {
        self.connection
    }

    /// Reads the host and all resources, in one exec. `deep` hashes where sizes would do.
    ///
    /// # Errors
    /// When the host does not answer in full.
    pub async fn observe(
        &self,
        resources: &[Box<dyn Resource>],
        deep: bool,
    ) -> Result<Facts, Error> {
        let mark = random_mark()?;
        let script = probe_script(resources, deep, &mark, self.deadline)?;
        let started = std::time::Instant::now();
        let asked = SystemTime::now();
        let mut frames = Frames::after_mark(&mark);
        let answer = async {
            let running = self.connection.spawn(&script).await?;
            read_all(running, &mut frames).await
        };
        let answer = tokio::time::timeout(self.deadline, answer).await;
        let (records, got) = match answer {
            Ok(answer) => answer?,
            Err(_) if !frames.begun() => {
                return Err(Error::NotBegun {
                    seconds: self.deadline.as_secs(),
                    words: printed(frames.before_mark()),
                });
            }
            Err(_) => {
                let address = self.connection.address();
                return Err(
                    transport::Error::timed_out(address, script.name(), self.deadline).into(),
                );
            }
        };
        let exec = script.exec();
        Call {
            phase: Phase::Probe,
            name: script.name(),
            place: self.connection.address(),
            took: started.elapsed(),
            // Whatever the number of resources.
            round_trips: Some(1),
            sent: exec.bytes(),
            got,
            detail: "",
        }
        .log();
        Ok(Facts::of(records, asked))
    }
}

impl Facts {
    /// Of a look's records; it began at `asked`.
    pub(crate) fn of(records: Vec<Record>, asked: SystemTime) -> Self {
        let reply = Reply::new(records);
        let section = reply.section("host");
        let mut host = Host::read(&section);
        // Its clock is read at the beginning of the probe: the way there is the only doubt.
        host.skew_seconds = section
            .number::<i64>("clock")
            .map(|there| clock::skew(there, asked));
        Self { host, reply }
    }
}

/// Whether a record is the last of a look.
pub(crate) fn is_end(record: &Record) -> bool {
    record.section == "host" && record.key == "end"
}

/// 128 random bits in hexadecimal: what a start file cannot print by chance or on purpose, and a
/// plan's salt.
///
/// # Errors
/// When this machine gives no random bytes.
pub fn random_mark() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(hex(&bytes))
}

/// The script that reads everything.
///
/// # Errors
/// When a value of the spec contains a NUL byte.
pub fn probe_script(
    resources: &[Box<dyn Resource>],
    deep: bool,
    mark: &str,
    deadline: Duration,
) -> Result<Script, NulByte> {
    let script = Script::new("probe").text(PRELUDE).text(HOST);
    look(script, resources, deep, &[mark], deadline)
}

/// Appends a function `look_now` that reads everything, to a script with the prelude and the host's probe:
/// records and nothing before them.
///
/// # Errors
/// When a value of the spec contains a NUL byte.
pub(crate) fn look_now(
    script: Script,
    resources: &[Box<dyn Resource>],
    deep: bool,
    mark: &str,
    deadline: Duration,
) -> Result<Script, NulByte> {
    let script = script.text("LOOKS=yes\nlook_now() {");
    Ok(look(script, resources, deep, &[mark, "quiet"], deadline)?.text("}"))
}

/// Appends what reads everything. The login shell's start files run while the other probes
/// read; those that need its answer come last. Of the time that the answer may take, the start files
/// get the most, and a look at where they hang the rest.
fn look(
    script: Script,
    resources: &[Box<dyn Resource>],
    deep: bool,
    mark: &[&str],
    deadline: Duration,
) -> Result<Script, NulByte> {
    let [look, trace] = [0.6, 0.25].map(|part| (deadline.as_secs_f64() * part).round().max(1.0));
    let mut script = script.text(LOGIN);
    let variables: Vec<&str> = resources.iter().flat_map(|one| one.variables()).collect();
    if !variables.is_empty() {
        script = script.text(VARIABLES).call("variables", variables)?;
    }
    let all = resources.iter().map(AsRef::as_ref);
    let (root, own): (Vec<&dyn Resource>, Vec<_>) = all.partition(|one| one.as_root());
    script = probes(script, &own);
    if !root.is_empty() {
        let inner = Script::new("root")
            .text(PRELUDE)
            .text("ACCOUNT=root ACCOUNT_UID=0 ACCOUNT_GID=0");
        let inner = calls(probes(inner, &root), &root, "section", deep)?;
        script = script.text(ROOT).nested("ROOT", &inner.text("exit 0"));
    }
    // What each of them is asked is said once: first what it will look at, then what it sees.
    let (late, early): (Vec<&dyn Resource>, Vec<_>) =
        own.into_iter().partition(|one| one.probe().after_login);
    for (name, some) in [("early() {\n:", early), ("late() {\n:", late)] {
        script = calls(script.text(name), &some, "\"$@\"", deep)?.text("}");
    }
    script = script
        .text("early ahead; late ahead")
        .call("look", LOOKED_AT)?
        .text("identify")
        .call("mark", mark)?
        .call("limits", [look.to_string(), trace.to_string()])?
        .text("login_ask \"$LOOK_SECONDS\" | {\nsweep\nsection host host_facts");
    let root_waits = root.iter().any(|one| one.probe().after_login);
    let by_root = |script: Script| match root.is_empty() {
        true => Ok(script),
        false => script.call("root_facts", root.iter().map(|one| one.address().section())),
    };
    if !root_waits {
        script = by_root(script)?;
    }
    script = script.text("early section\nS=host; login_facts");
    if root_waits {
        script = by_root(script)?;
    }
    Ok(script.text("late section\nS=host; say end \"\"\n}"))
}

/// What the host's own probe, and those that edit start files, look at.
const LOOKED_AT: [&str; 6] = [
    "~/.ssh",
    "~/.trueup.lock",
    "~/.bashrc",
    "~/.bash_profile",
    "~/.bash_login",
    "~/.profile",
];

/// Appends a call for each resource: a function, and for it the section, the probe's function and its arguments.
fn calls(
    script: Script,
    resources: &[&dyn Resource],
    function: &'static str,
    deep: bool,
) -> Result<Script, NulByte> {
    resources.iter().try_fold(script, |script, resource| {
        let probe = resource.probe().function.to_owned();
        let mut values = vec![resource.address().section(), probe];
        values.extend(resource.arguments(deep));
        script.call(function, values)
    })
}

/// Appends the probes' functions, each once, however many resources of a kind there are.
fn probes(script: Script, resources: &[&dyn Resource]) -> Script {
    let mut seen = BTreeSet::new();
    let texts = resources.iter().flat_map(|one| one.probe().texts);
    let new = texts.filter(|text| seen.insert(**text));
    new.fold(script, |script, text| script.text(text))
}

/// Reads records up to the end record, and counts their bytes. The pipes are not read to their end: a process that a start
/// file left behind could hold them open.
async fn read_all(running: Running, frames: &mut Frames) -> Result<(Vec<Record>, u64), Error> {
    let Running {
        stdin,
        mut stdout,
        stderr,
        exit,
    } = running;
    drop(stdin);
    let mut complaints = Stderr::new(stderr);
    let mut records = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut got = 0;
    loop {
        let count = tokio::select! {
            count = stdout.read(&mut buffer) => count,
            never = complaints.drain() => match never {},
        };
        let count = match count {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        got += count as u64;
        frames.feed(&buffer[..count])?;
        while let Some(record) = frames.next_record()? {
            if is_end(&record) {
                return Ok((records, got));
            }
            records.push(record);
        }
    }
    let stderr = complaints.text(PATIENCE).await;
    let ended = exit.await;
    let words = printed(frames.before_mark());
    let output = match (stderr.is_empty(), ended) {
        (true, Ok(ended)) if !words.is_empty() => return Err(Error::Instead { ended, words }),
        (false, _) => stderr + &words,
        (true, Ok(exit)) => format!("it {exit}"),
        (true, Err(error)) => return Err(error.into()),
    };
    Err(Error::Incomplete { output })
}

/// How long the last complaints of a process that has ended are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most lines that are shown of what was printed before the mark, and most characters of each.
const SHOWN: (usize, usize) = (4, 200);

/// The first lines that came before the mark, fit for a terminal and for an error's end.
fn printed(before: &[u8]) -> String {
    let text = String::from_utf8_lossy(before);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let shown: String = lines
        .take(SHOWN.0)
        .map(|line| {
            let start: String = line.chars().take(SHOWN.1).collect();
            format!("\n    {}", escape_control(&start))
        })
        .collect();
    match shown.is_empty() {
        true => shown,
        false => format!("; it printed:{shown}"),
    }
}

#[cfg(test)]
mod tests;
