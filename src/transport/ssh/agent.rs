//! A private key that must not touch the disk: an `ssh-agent` of our own holds it, for the login.
//!
//! The key goes to `ssh-add` by a pipe, never into a file, an argument or the environment. The
//! agent lives in our private folder and forbids itself to be traced or dumped (OpenSSH's agent
//! does that by itself). It ends with us, however we end: the shell that started it waits at a pipe
//! whose other end only we hold, and kills it when that closes. Should somebody kill that shell
//! too, the agent forgets the key after its lifetime.

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
/// agent says on stdout when it listens; the shell lets go of stdout, so that its end is told.
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

/// Hands a key from stdin to the agent, for so many seconds ($1).
const ADD: &str = r#"ulimit -c 0; exec ssh-add -q -t "$1" -"#;

/// How long the shell is waited for at its end: a matter of milliseconds.
const END: Duration = Duration::from_secs(2);

/// An agent that holds one key. Dropping it ends it.
#[derive(Debug)]
pub(super) struct KeyAgent {
    watch: Child,
    hold: ChildStdin,
}

impl KeyAgent {
    /// Starts an agent at a socket and hands it the key, which it holds for a lifetime at most.
    /// `name` is the host's, for messages.
    ///
    /// # Errors
    /// When it is no key that can be used without anybody at hand, or OpenSSH's agent is not here.
    pub(super) async fn start(
        name: &str,
        socket: &Path,
        key: &SecretString,
        lifetime: Duration,
    ) -> Result<Self, Error> {
        let bad = |bad: BadKey| Error::Setup {
            what: format!("host {name}: its private key cannot be used: {bad}"),
            help: bad.help().into(),
        };
        let broken = |said: String| Error::Setup {
            what: format!("host {name}: no agent for its private key: {said}"),
            help: super::install_or_look("ssh-agent"),
        };
        let key = PrivateKey::unprotected(key).map_err(bad)?;
        // Whole seconds, and zero would be for ever.
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
        let (Some(hold), Some(said), Some(mut complaint)) =
            (watch.stdin.take(), watch.stdout.take(), watch.stderr.take())
        else {
            return Err(broken("its pipes were not made".into()));
        };
        let agent = Self { watch, hold };
        let mut line = String::new();
        let listens = BufReader::new(said.take(4096)).read_line(&mut line).await;
        if !matches!(listens, Ok(length) if length > 0) {
            agent.end().await;
            let mut said = Vec::new();
            let _ = (&mut complaint).take(4096).read_to_end(&mut said).await;
            return Err(broken(first_line(&said)));
        }

        let mut command = Command::new("sh");
        command.args(["-c", ADD, "trueup", &seconds]);
        let mut add = quiet(&mut command)
            .env("SSH_AUTH_SOCK", socket)
            // Whatever graphical way of asking there is: a passphrase is not asked for.
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| broken(error.to_string()))?;
        if let Some(mut pipe) = add.stdin.take() {
            // When it ends before it has read all, its own words say why.
            let _ = pipe.write_all(key.expose().as_bytes()).await;
            let _ = pipe.shutdown().await;
        }
        let out = add
            .wait_with_output()
            .await
            .map_err(|error| broken(error.to_string()))?;
        if !out.status.success() {
            return Err(bad(BadKey::Refused {
                said: first_line(&out.stderr),
            }));
        }
        Ok(agent)
    }

    /// Ends it, and waits for that.
    pub(super) async fn end(self) {
        let Self { mut watch, hold } = self;
        drop(hold);
        let _ = tokio::time::timeout(END, watch.wait()).await;
    }
}

/// With nothing of ours but the search path, and out of the reach of Ctrl-C in the terminal.
fn quiet(command: &mut Command) -> &mut Command {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("LC_ALL", "C").process_group(0)
}

fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().find(|line| !line.trim().is_empty());
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

    fn held(socket: &Path) -> String {
        let out = std::process::Command::new("ssh-add")
            .arg("-l")
            .env("SSH_AUTH_SOCK", socket)
            .output();
        let out = out.expect("ssh-add");
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    }

    #[tokio::test]
    async fn it_holds_the_key_until_its_end_and_no_longer_than_its_lifetime() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = keygen(folder.path());
        let socket = folder.path().join("agent");
        let agent = KeyAgent::start("client", &socket, &key, Duration::from_secs(600)).await;
        let agent = agent.expect("an agent");
        assert!(held(&socket).contains("ED25519"), "{}", held(&socket));
        agent.end().await;
        assert!(!socket.exists());
        assert!(held(&socket).contains("Error connecting"));

        let agent = KeyAgent::start("client", &socket, &key, Duration::ZERO).await;
        let agent = agent.expect("an agent");
        let mut polls = 0;
        while !held(&socket).contains("no identities") {
            polls += 1;
            assert!(polls < 6000, "the key is never forgotten");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The future is dropped, or the runtime: the end of the pipe ends it.
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
