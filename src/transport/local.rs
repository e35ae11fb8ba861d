//! On this machine: the same scripts, in the environment that a login over SSH would find.

use std::{io, os::unix::process::ExitStatusExt, path::Path, process::Stdio};

use async_trait::async_trait;
use tokio::process::Command;

use super::{
    Connection, Error, Exit, Running,
    account::{Account, account},
    dial::{Dial, DialError, Stream},
    direct::Direct,
    feed,
};
use crate::script::Script;

const ADDRESS: &str = "local";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// This machine.
#[derive(Debug)]
pub struct Local {
    account: Account,
}

impl Local {
    /// This machine, as the account that trueup runs as.
    ///
    /// # Errors
    /// When passwd has no entry for the account.
    pub fn new() -> Result<Self, Error> {
        let account = account().map_err(|error| Error::Setup {
            problem: format!("{ADDRESS}: the account that runs trueup is not known: {error}"),
            help: "run it as a user that `getent passwd \"$(id -u)\"` prints".into(),
        })?;
        Ok(Self { account })
    }

    fn command(&self, line: &str) -> Command {
        let Account { name, home, shell } = &self.account;
        // A session of its own: Ctrl-C in the terminal must not reach a step. `setsid` does not fork here,
        // since a child never leads a process group.
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", line]).env_clear();
        command
            .env("HOME", home)
            .env("USER", name)
            .env("LOGNAME", name);
        command.env("SHELL", shell).env("PATH", PATH);
        // Like sshd, start in `/` if there is no home.
        command.current_dir(if home.is_dir() { home } else { Path::new("/") });
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[async_trait]
impl Connection for Local {
    fn address(&self) -> &str {
        ADDRESS
    }

    async fn spawn(&self, script: &Script) -> Result<Running, Error> {
        let exec = script.exec();
        tracing::debug!(address = ADDRESS, script = script.name(), "exec");
        let mut child = self
            .command(&exec.command)
            .spawn()
            .map_err(|error| Error::Setup {
                problem: format!("{ADDRESS}: `setsid` cannot be run: {error}"),
                help: "install util-linux; `local` needs Linux".into(),
            })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(lost(io::Error::other("the pipes were not made")));
        };
        Ok(Running {
            stdin: feed(Box::pin(stdin), exec.stdin),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            exit: Box::pin(async move {
                let status = child.wait().await.map_err(lost)?;
                Ok(match (status.code(), status.signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, signal) => {
                        tracing::debug!(address = ADDRESS, ?signal, "ended by a signal");
                        Exit::Lost
                    }
                })
            }),
        })
    }

    async fn close(self: Box<Self>) {}
}

#[async_trait]
impl Dial for Local {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        Direct.dial(host, port).await
    }
}

fn lost(error: io::Error) -> Error {
    Error::Lost {
        address: ADDRESS.into(),
        source: Box::new(error),
    }
}
