//! An `ssh-agent` of our own, for a private key that must not touch the disk.
//!
//! `ssh-add` reads the key from a pipe: it is in no file, argument or environment. The agent's socket
//! is in our private folder, and the agent cannot be traced or dumped (OpenSSH sees to that). It ends
//! with this process, however that ends: the shell that started it waits for the end of a pipe whose
//! other end only we hold, and then kills it. If that shell is killed, too, the key expires.

use std::{path::Path, process::Stdio, time::Duration};

use secrecy::SecretString;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use super::{
    Error,
    private_key::{BadKey, PrivateKey},
};
use crate::text::escape_control;

/// Starts the agent ($1 its socket, $2 the lifetime of keys), and ends it at the end of stdin. The
/// agent writes to stdout when it listens; the shell closes its own, so that EOF means that the agent
/// has ended.
const WATCH: &str = r#"
ulimit -c 0
ssh-agent -D -a "$1" -t "$2" </dev/null &
agent=$!
exec >/dev/null
trap : HUP INT TERM
read -r end
kill -9 "$agent" 2>/dev/null
wait
rm -f -- "$1"
"#;

/// Adds a key from stdin to the agent, for $1 seconds.
const ADD: &str = r#"ulimit -c 0; exec ssh-add -q -t "$1" -"#;

/// How long to wait for the shell to end; it takes milliseconds.
const END: Duration = Duration::from_secs(2);

/// A running agent with one key. Dropping it ends it.
#[derive(Debug)]
pub(super) struct KeyAgent {
    watch: Child,
    hold: ChildStdin,
}

impl KeyAgent {
    /// Starts an agent at a socket and adds the key, for at most `lifetime`. `name` is the host's, for
    /// messages.
    ///
    /// # Errors
    /// When the key is invalid or has a passphrase, or the agent cannot be started.
    pub(super) async fn start(
        name: &str,
        socket: &Path,
        key: &SecretString,
        lifetime: Duration,
    ) -> Result<Self, Error> {
        let bad = |bad: BadKey| Error::Setup {
            problem: format!("host {name}: its private key cannot be used: {bad}"),
            help: bad.help().into(),
        };
        let broken = |message: String| Error::Setup {
            problem: format!("host {name}: no agent for its private key: {message}"),
            help: super::install_help("ssh-agent"),
        };
        let key = PrivateKey::unprotected(key).map_err(bad)?;
        // Whole seconds; zero would mean no limit.
        let seconds = lifetime.as_secs().saturating_add(1).to_string();

        let mut command = Command::new("sh");
        command
            .args(["-c", WATCH, "trueup"])
            .arg(socket)
            .arg(&seconds);
        let mut watch = quiet(&mut command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| broken(error.to_string()))?;
        let (Some(hold), Some(stdout), Some(mut stderr)) =
            (watch.stdin.take(), watch.stdout.take(), watch.stderr.take())
        else {
            return Err(broken("its pipes were not made".into()));
        };
        let agent = Self { watch, hold };
        let mut line = String::new();
        let listens = BufReader::new(stdout.take(4096)).read_line(&mut line).await;
        if !matches!(listens, Ok(length) if length > 0) {
            agent.end().await;
            let mut message = Vec::new();
            let _ = (&mut stderr).take(4096).read_to_end(&mut message).await;
            return Err(broken(first_line(&message)));
        }

        let mut command = Command::new("sh");
        command.args(["-c", ADD, "trueup", &seconds]);
        let mut add = quiet(&mut command)
            .env("SSH_AUTH_SOCK", socket)
            // Never prompt for a passphrase, not even with a window.
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| broken(error.to_string()))?;
        if let Some(mut pipe) = add.stdin.take() {
            // If it ends early, its stderr says why.
            let _ = pipe.write_all(key.expose().as_bytes()).await;
            let _ = pipe.shutdown().await;
        }
        let out = add
            .wait_with_output()
            .await
            .map_err(|error| broken(error.to_string()))?;
        if !out.status.success() {
            return Err(bad(BadKey::Refused {
                message: first_line(&out.stderr),
            }));
        }
        Ok(agent)
    }

    /// Ends it, and waits for its end.
    pub(super) async fn end(self) {
        let Self { mut watch, hold } = self;
        drop(hold);
        let _ = tokio::time::timeout(END, watch.wait()).await;
    }
}

/// Without our environment but for `PATH`, and not reached by Ctrl-C in the terminal.
fn quiet(command: &mut Command) -> &mut Command {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("LC_ALL", "C").process_group(0)
}

fn first_line(stderr: &[u8]) -> String {
    let stderr = String::from_utf8_lossy(stderr);
    let line = stderr.lines().find(|line| !line.trim().is_empty());
    let line: String = line
        .unwrap_or("it ended without a word")
        .chars()
        .take(200)
        .collect();
    escape_control(line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keygen(folder: &Path) -> SecretString {
        let file = folder.join("key");
        let status = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "canary", "-f"])
            .arg(&file)
            .status();
        assert!(status.expect("install openssh-client").success());
        let text = std::fs::read_to_string(&file).expect("a key");
        std::fs::remove_file(&file).expect("removed");
        SecretString::from(text)
    }

    fn identities(socket: &Path) -> String {
        let out = std::process::Command::new("ssh-add")
            .arg("-l")
            .env("SSH_AUTH_SOCK", socket)
            .output();
        let out = out.expect("ssh-add");
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    }

    #[tokio::test]
    async fn the_key_is_held_until_the_end_or_its_lifetime() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = keygen(folder.path());
        let socket = folder.path().join("agent");
        let agent = KeyAgent::start("client", &socket, &key, Duration::from_secs(600)).await;
        let agent = agent.expect("an agent");
        assert!(
            identities(&socket).contains("ED25519"),
            "{}",
            identities(&socket)
        );
        agent.end().await;
        assert!(!socket.exists());
        assert!(identities(&socket).contains("Error connecting"));

        let agent = KeyAgent::start("client", &socket, &key, Duration::ZERO).await;
        let agent = agent.expect("an agent");
        let mut polls = 0;
        while !identities(&socket).contains("no identities") {
            polls += 1;
            assert!(polls < 6000, "the key is never forgotten");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Dropping closes the pipe, which ends it.
        drop(agent);
        while socket.exists() {
            polls += 1;
            assert!(polls < 12000, "the agent never ends");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn what_openssh_does_not_take_is_one_clear_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("agent");
        let body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=";
        let spoiled =
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----");
        for text in [spoiled.as_str(), "SHA256:x", ""] {
            let key = SecretString::from(text);
            let error = KeyAgent::start("client", &socket, &key, Duration::from_secs(9)).await;
            let error = error.expect_err("no key").to_string();
            assert!(error.starts_with("host client: its private key"), "{error}");
            assert!(
                error.contains("\n  help: ") && !error.contains(&body[..8]),
                "{error}"
            );
            assert!(!error.contains("passphrase for"), "{error}");
        }
        let key = keygen(folder.path());
        let nowhere = Path::new("/nonexistent/agent");
        let error = KeyAgent::start("client", nowhere, &key, Duration::from_secs(9)).await;
        let error = error.expect_err("no socket").to_string();
        assert!(
            error.contains("no agent") && error.contains("/nonexistent"),
            "{error}"
        );
    }
}
