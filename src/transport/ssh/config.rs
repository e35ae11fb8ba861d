//! The text of the ssh configuration that a connection runs with.
//!
//! ssh takes the first value that it finds, and hands `-F` on to the ssh of a jump host. So what
//! must hold everywhere stands first, under `Host *`; what is meant for this machine alone stands
//! under its address; and the user's own files, included last, say the rest.

use std::path::{Path, PathBuf};

use super::{Destination, Error};
use crate::{
    names::{SshAddress, User, WrongName},
    text::escape_control,
};

/// What the master's options rest on besides the way itself.
#[derive(Debug, Clone)]
pub(super) struct Ground<'a> {
    pub trust: Trust<'a>,
    pub connect_timeout: u64,
    /// The socket of an agent that was made for this connection.
    pub agent: Option<PathBuf>,
    pub user_config: &'a Path,
    pub system_config: &'a Path,
}

/// Which host keys the machine may show.
#[derive(Debug, Clone)]
pub(super) enum Trust<'a> {
    /// Those that the user's own configuration leads to.
    Users,
    /// Those in these files and no others.
    Known(Vec<&'a Path>),
    /// Any, at this first meeting; it is written to the first of these files.
    First {
        files: Vec<&'a Path>,
        /// What the machine is called there; else its name or address.
        alias: Option<&'a str>,
    },
    /// Those in a file of their own.
    Pinned {
        file: &'a Path,
        /// What the machine is called there.
        alias: &'a str,
        /// What the machine is asked to prove itself by.
        algorithms: String,
        /// Options of the user's that could let another key pass, and that this ssh knows.
        extra: Vec<&'static str>,
    },
    /// None: the key is handed to a script, and that is the end of the connection.
    Look {
        /// `KnownHostsCommand`.
        command: String,
        /// What the machine is asked to prove itself by.
        algorithms: String,
        /// As with `Pinned`.
        extra: Vec<&'static str>,
    },
}

/// Makes the text.
///
/// # Errors
/// When the way holds something that a line of it cannot carry.
pub(super) fn config(way: &Destination, ground: &Ground<'_>) -> Result<String, Error> {
    let mut text = String::from("# Made by trueup for one connection.\n");
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let address = named(way, SshAddress::parse(&way.address))?;
    if let Trust::First { .. } = ground.trust {
        // For this machine alone: jump hosts meet the `yes` below.
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
    // ssh gives a connection up that has been silent for one interval more than this count: a little
    // sooner than a call has waited for its answer, and also where a step may take long.
    let interval = (ground.connect_timeout / 4).max(1);
    line(&format!("    ServerAliveInterval {interval}"));
    line("    ServerAliveCountMax 3");
    line(&format!("    ConnectTimeout {}", ground.connect_timeout));
    // What ssh says is what we explain: `LogLevel QUIET` in a user's file would hide it.
    line("    LogLevel INFO");

    line(&format!("Host {address}"));
    if let Some(port) = way.port {
        line(&format!("    Port {port}"));
    }
    if let Some(user) = &way.user {
        line(&format!("    User {}", named(way, User::parse(user))?));
    }
    if let Some(socket) = &ground.agent {
        line(&format!(
            "    IdentityAgent {}",
            quoted(way, socket, Tokens::Expanded)?
        ));
        // What ssh reads from the user's own files is none of this agent's.
        line("    AddKeysToAgent no");
    }
    match (&way.key_file, &ground.agent) {
        (Some(file), _) => {
            line(&format!(
                "    IdentityFile {}",
                quoted(way, file, Tokens::Expanded)?
            ));
            line("    IdentitiesOnly yes");
        }
        // The agent was made for this connection: what it holds is meant to be offered.
        (None, Some(_)) => line("    IdentitiesOnly no"),
        (None, None) => {}
    }
    match &ground.trust {
        Trust::Users => {}
        Trust::Known(files) | Trust::First { files, .. } => {
            if let Trust::First {
                alias: Some(alias), ..
            } = &ground.trust
            {
                line(&format!("    HostKeyAlias {alias}"));
                line("    GlobalKnownHostsFile /dev/null");
                line("    CheckHostIP no");
            }
            let files: Result<Vec<_>, _> = files
                .iter()
                .map(|file| quoted(way, file, Tokens::AsTheyAre))
                .collect();
            line(&format!("    UserKnownHostsFile {}", files?.join(" ")));
        }
        Trust::Pinned {
            file,
            alias,
            algorithms,
            extra,
        } => {
            line(&format!("    HostKeyAlias {alias}"));
            line(&format!(
                "    UserKnownHostsFile {}",
                quoted(way, file, Tokens::AsTheyAre)?
            ));
            line("    GlobalKnownHostsFile /dev/null");
            // A server with several keys shows one: ask for one that is pinned.
            line(&format!("    HostKeyAlgorithms {algorithms}"));
            line("    CheckHostIP no");
            for option in extra {
                line(&format!("    {option}"));
            }
        }
        Trust::Look {
            command,
            algorithms,
            extra,
        } => {
            line(&format!("    KnownHostsCommand {command}"));
            line("    UserKnownHostsFile /dev/null");
            line("    GlobalKnownHostsFile /dev/null");
            line(&format!("    HostKeyAlgorithms {algorithms}"));
            line("    CheckHostIP no");
            // Should a key ever pass, nothing is offered.
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
        quoted(way, ground.user_config, Tokens::AsTheyAre)?
    ));
    line(&format!(
        "    Include {}",
        quoted(way, ground.system_config, Tokens::AsTheyAre)?
    ));
    Ok(text)
}

/// A name of the spec that a line of the configuration is to carry as it is.
fn named<N>(way: &Destination, name: Result<N, WrongName>) -> Result<N, Error> {
    name.map_err(|wrong| setup(way, wrong.sentence(), &wrong.help))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    Expanded,
    AsTheyAre,
}

fn quoted(way: &Destination, path: &Path, tokens: Tokens) -> Result<String, Error> {
    let fit = |text: &&str| {
        let percent = tokens == Tokens::AsTheyAre && text.contains('%');
        !text.contains(['"', '\\'])
            && !text.contains("${")
            && !text.contains(char::is_control)
            && !percent
    };
    let Some(text) = path.to_str().filter(fit) else {
        return Err(setup(
            way,
            format!(
                "ssh cannot take the path `{}`",
                escape_control(&path.to_string_lossy())
            ),
            "move the file to a path of letters, digits, blanks and `/._-`",
        ));
    };
    Ok(match tokens {
        Tokens::Expanded => format!("\"{}\"", text.replace('%', "%%")),
        Tokens::AsTheyAre => format!("\"{text}\""),
    })
}

fn setup(way: &Destination, what: String, help: &str) -> Error {
    Error::Setup {
        what: format!("host {}: {what}", way.name),
        help: help.into(),
    }
}

#[cfg(test)]
mod tests;
