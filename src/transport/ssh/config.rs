//! The ssh configuration of a connection.
//!
//! ssh takes the first value that it finds, and passes `-F` on to the ssh of a jump host. So what must
//! apply everywhere is first, under `Host *`; then what applies to this machine, under its address;
//! the user's own files are included last.

use std::path::{Path, PathBuf};

use super::{Destination, Error};
use crate::{
    names::{SshAddress, User, WrongName},
    text::escape_control,
};

/// Inputs of the configuration besides the destination.
#[derive(Debug, Clone)]
pub(super) struct Inputs<'a> {
    pub accepted: AcceptedKeys<'a>,
    pub connect_timeout: u64,
    /// The socket of this connection's own agent.
    pub agent: Option<PathBuf>,
    pub user_config: &'a Path,
    pub system_config: &'a Path,
}

/// Which host keys are accepted.
#[derive(Debug, Clone)]
pub(super) enum AcceptedKeys<'a> {
    /// As the user's own configuration says.
    UserConfig,
    /// Only those in these files.
    Known(Vec<&'a Path>),
    /// Any, on first use; it is written to the first of these files.
    FirstUse {
        files: Vec<&'a Path>,
        /// The machine's name there; else its name or address.
        alias: Option<&'a str>,
    },
    /// Only those in this file.
    Pinned {
        file: &'a Path,
        /// The machine's name there.
        alias: &'a str,
        /// `HostKeyAlgorithms`.
        algorithms: String,
        /// Options of the user's that could accept another key, turned off.
        extra: Vec<&'static str>,
    },
    /// None: the key is passed to a script, and the connection ends.
    Scan {
        /// `KnownHostsCommand`.
        command: String,
        /// `HostKeyAlgorithms`.
        algorithms: String,
        /// As with `Pinned`.
        extra: Vec<&'static str>,
    },
}

/// The text of the configuration.
///
/// # Errors
/// When a value cannot be written in a line of it.
pub(super) fn config(destination: &Destination, inputs: &Inputs<'_>) -> Result<String, Error> {
    let mut text = String::from("# Made by trueup for one connection.\n");
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let address = checked(destination, SshAddress::parse(&destination.address))?;
    if let AcceptedKeys::FirstUse { .. } = inputs.accepted {
        // For this machine only: `yes` below is for jump hosts.
        line(&format!("Host {address}"));
        line("    StrictHostKeyChecking accept-new");
        line("    HashKnownHosts no");
    }
    line("Host *");
    line("    StrictHostKeyChecking yes");
    line("    NoHostAuthenticationForLocalhost no");
    line("    VerifyHostKeyDNS no");
    line("    UpdateHostKeys no");
    line("    BatchMode yes");
    line("    ForwardAgent no");
    line("    ForwardX11 no");
    line("    ClearAllForwardings yes");
    line("    Tunnel no");
    line("    RemoteCommand none");
    line("    RequestTTY no");
    line("    PermitLocalCommand no");
    // ssh gives up a silent connection after one interval more than the count: a little before the
    // deadline of a call, and during long steps, too.
    let interval = (inputs.connect_timeout / 4).max(1);
    line(&format!("    ServerAliveInterval {interval}"));
    line("    ServerAliveCountMax 3");
    line(&format!("    ConnectTimeout {}", inputs.connect_timeout));
    // ssh's messages are needed: `LogLevel QUIET` in a user's file would hide them.
    line("    LogLevel INFO");

    line(&format!("Host {address}"));
    if let Some(port) = destination.port {
        line(&format!("    Port {port}"));
    }
    if let Some(user) = &destination.user {
        line(&format!(
            "    User {}",
            checked(destination, User::parse(user))?
        ));
    }
    if let Some(socket) = &inputs.agent {
        line(&format!(
            "    IdentityAgent {}",
            quoted(destination, socket, Percent::Escaped)?
        ));
        // Keys from the user's files are not added to this agent.
        line("    AddKeysToAgent no");
    }
    match (&destination.key_file, &inputs.agent) {
        (Some(file), _) => {
            line(&format!(
                "    IdentityFile {}",
                quoted(destination, file, Percent::Escaped)?
            ));
            line("    IdentitiesOnly yes");
        }
        // The key of this agent is to be offered.
        (None, Some(_)) => line("    IdentitiesOnly no"),
        (None, None) => {}
    }
    match &inputs.accepted {
        AcceptedKeys::UserConfig => {}
        AcceptedKeys::Known(files) | AcceptedKeys::FirstUse { files, .. } => {
            if let AcceptedKeys::FirstUse {
                alias: Some(alias), ..
            } = &inputs.accepted
            {
                line(&format!("    HostKeyAlias {alias}"));
                line("    GlobalKnownHostsFile /dev/null");
                line("    CheckHostIP no");
            }
            let files: Result<Vec<_>, _> = files
                .iter()
                .map(|file| quoted(destination, file, Percent::Literal))
                .collect();
            line(&format!("    UserKnownHostsFile {}", files?.join(" ")));
        }
        AcceptedKeys::Pinned {
            file,
            alias,
            algorithms,
            extra,
        } => {
            line(&format!("    HostKeyAlias {alias}"));
            line(&format!(
                "    UserKnownHostsFile {}",
                quoted(destination, file, Percent::Literal)?
            ));
            line("    GlobalKnownHostsFile /dev/null");
            // A server with several keys shows one: request a pinned one.
            line(&format!("    HostKeyAlgorithms {algorithms}"));
            line("    CheckHostIP no");
            for option in extra {
                line(&format!("    {option}"));
            }
        }
        AcceptedKeys::Scan {
            command,
            algorithms,
            extra,
        } => {
            line(&format!("    KnownHostsCommand {command}"));
            line("    UserKnownHostsFile /dev/null");
            line("    GlobalKnownHostsFile /dev/null");
            line(&format!("    HostKeyAlgorithms {algorithms}"));
            line("    CheckHostIP no");
            // Even if a key were accepted, no credentials are offered.
            line("    IdentityAgent none");
            line("    PubkeyAuthentication no");
            line("    PreferredAuthentications none");
            for option in extra.iter().filter(|option| !option.starts_with("Known")) {
                line(&format!("    {option}"));
            }
        }
    }
    line("Host *");
    line(&format!(
        "    Include {}",
        quoted(destination, inputs.user_config, Percent::Literal)?
    ));
    line(&format!(
        "    Include {}",
        quoted(destination, inputs.system_config, Percent::Literal)?
    ));
    Ok(text)
}

/// A name of the spec for a line of the configuration.
fn checked<N>(destination: &Destination, name: Result<N, WrongName>) -> Result<N, Error> {
    name.map_err(|invalid| setup(destination, invalid.sentence(), &invalid.help))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    Escaped,
    Literal,
}

fn quoted(destination: &Destination, path: &Path, percent: Percent) -> Result<String, Error> {
    let is_valid = |text: &&str| {
        let percent = percent == Percent::Literal && text.contains('%');
        !text.contains(['"', '\\'])
            && !text.contains("${")
            && !text.contains(char::is_control)
            && !percent
    };
    let Some(text) = path.to_str().filter(is_valid) else {
        return Err(setup(
            destination,
            format!(
                "ssh cannot take the path `{}`",
                escape_control(&path.to_string_lossy())
            ),
            "move the file to a path of letters, digits, blanks and `/._-`",
        ));
    };
    Ok(match percent {
        Percent::Escaped => format!("\"{}\"", text.replace('%', "%%")),
        Percent::Literal => format!("\"{text}\""),
    })
}

fn setup(destination: &Destination, problem: String, help: &str) -> Error {
    Error::Setup {
        problem: format!("host {}: {problem}", destination.name),
        help: help.into(),
    }
}

#[cfg(test)]
mod tests;
