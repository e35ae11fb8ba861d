//! The text of the ssh configuration that a connection runs with.
//!
//! ssh takes the first value that it finds, and hands `-F` on to the ssh of a jump host. So what
//! must hold everywhere stands first, under `Host *`; what is meant for this machine alone stands
//! under its address; and the user's own files, included last, say the rest.

use std::path::{Path, PathBuf};

use super::{Error, SshWay};

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
pub(super) fn config(way: &SshWay, ground: &Ground<'_>) -> Result<String, Error> {
    let mut text = String::from("# Made by trueup for one connection.\n");
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let address = checked_address(way)?;
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
    line("    ServerAliveInterval 15");
    line("    ServerAliveCountMax 4");
    line(&format!("    ConnectTimeout {}", ground.connect_timeout));
    // What ssh says is what we explain: `LogLevel QUIET` in a user's file would hide it.
    line("    LogLevel INFO");

    line(&format!("Host {address}"));
    if let Some(port) = way.port {
        line(&format!("    Port {port}"));
    }
    if let Some(user) = &way.user {
        line(&format!("    User {}", checked_user(way, user)?));
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

/// The address, if it can stand in a `Host` line and on ssh's command line as itself.
fn checked_address(way: &SshWay) -> Result<&str, Error> {
    let address = way.address.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:%".contains(c);
    if address.is_empty() || address.starts_with('-') || !address.chars().all(plain) {
        return Err(setup(
            way,
            format!("`{}` is no address", crate::text::escape_control(address)),
            "give a host name, an IP address or a `Host` of your ~/.ssh/config; the account goes \
             under `user:`, the port under `port:`",
        ));
    }
    Ok(address)
}

fn checked_user<'a>(way: &SshWay, user: &'a str) -> Result<&'a str, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(plain) {
        return Err(setup(
            way,
            format!("`{}` is no account name", crate::text::escape_control(user)),
            "give the account as `ssh -l` takes it, such as `ec2-user`",
        ));
    }
    Ok(user)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    Expanded,
    AsTheyAre,
}

fn quoted(way: &SshWay, path: &Path, tokens: Tokens) -> Result<String, Error> {
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
            format!("ssh cannot take the path {path:?}"),
            "move the file to a path of letters, digits, blanks and `/._-`",
        ));
    };
    Ok(match tokens {
        Tokens::Expanded => format!("\"{}\"", text.replace('%', "%%")),
        Tokens::AsTheyAre => format!("\"{text}\""),
    })
}

fn setup(way: &SshWay, what: String, help: &str) -> Error {
    Error::Setup {
        what: format!("host {}: {what}", way.name),
        help: help.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process::Command};

    use super::*;
    use crate::transport::ssh::HostKey;

    fn way() -> SshWay {
        SshWay {
            name: "client".into(),
            address: "Kafka-client".into(),
            ..SshWay::default()
        }
    }

    fn ground(user_config: &Path) -> Ground<'_> {
        Ground {
            trust: Trust::Users,
            connect_timeout: 9,
            agent: None,
            user_config,
            system_config: Path::new("/nonexistent"),
        }
    }

    /// What the real ssh makes of it.
    fn effective(text: &str, address: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config");
        std::fs::write(&file, text).expect("written");
        let out = Command::new("ssh")
            .arg("-G")
            .arg("-F")
            .arg(&file)
            .arg(address)
            .output();
        let out = out.expect("install openssh-client");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout)
            .expect("text")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn assert_has(lines: &[String], wanted: &[&str]) {
        for want in wanted {
            assert!(
                lines.iter().any(|line| line == want),
                "no `{want}` in {lines:#?}"
            );
        }
    }

    #[test]
    fn the_values_win_over_a_hostile_file_and_the_users_own_way_is_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let hostile = home.path().join("the config");
        std::fs::write(
            &hostile,
            "LogLevel QUIET\nForwardAgent yes\nForwardX11 yes\nStrictHostKeyChecking no\n\
             RemoteCommand touch /tmp/x\nRequestTTY force\nPermitLocalCommand yes\nLocalCommand id\n\
             LocalForward 9999 localhost:1\nUpdateHostKeys yes\nVerifyHostKeyDNS yes\nTunnel yes\n\
             NoHostAuthenticationForLocalhost yes\nBatchMode no\nServerAliveInterval 0\n\
             ConnectTimeout 0\n\
             Host Kafka-client\n  Port 22\n  User other\n  HostName 10.9.8.7\n\
               ProxyCommand nc %h %p\n  IdentityFile ~/.ssh/own\n  UserKnownHostsFile /dev/null\n",
        )
        .expect("written");
        let way = SshWay {
            port: Some(2222),
            user: Some("ec2-user".into()),
            key_file: Some(PathBuf::from("/keys/50% of it.pem")),
            ..way()
        };
        let text = config(&way, &ground(&hostile)).expect("a config");
        let lines = effective(&text, "Kafka-client");
        assert_has(
            &lines,
            &[
                "stricthostkeychecking true",
                "forwardagent no",
                "forwardx11 no",
                "requesttty false",
                "permitlocalcommand no",
                "clearallforwardings yes",
                "updatehostkeys false",
                "verifyhostkeydns false",
                "nohostauthenticationforlocalhost no",
                "batchmode yes",
                "tunnel false",
                "loglevel INFO",
                "serveraliveinterval 15",
                "serveralivecountmax 4",
                "connecttimeout 9",
                "port 2222",
                "user ec2-user",
                "identitiesonly yes",
                "identityfile /keys/50%% of it.pem",
                // The user's own way to the machine.
                "hostname 10.9.8.7",
                "proxycommand nc %h %p",
            ],
        );
        assert!(
            !lines.iter().any(|line| line.starts_with("remotecommand")),
            "{lines:#?}"
        );
        assert!(
            !lines.iter().any(|line| line.starts_with("localforward")),
            "{lines:#?}"
        );
    }

    #[test]
    fn an_agent_of_our_own_wins_over_the_users_and_is_for_the_machine_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("config");
        std::fs::write(
            &file,
            "IdentityAgent /their/agent\nIdentitiesOnly yes\nAddKeysToAgent yes\n\
             Host Kafka-client\n  IdentityAgent SSH_AUTH_SOCK\n  IdentityFile ~/.ssh/own\n",
        )
        .expect("written");
        let ground = Ground {
            agent: Some(PathBuf::from("/run/trueup-x/agent")),
            ..ground(&file)
        };
        let text = config(&way(), &ground).expect("a config");
        let lines = effective(&text, "Kafka-client");
        assert_has(
            &lines,
            &[
                "identityagent /run/trueup-x/agent",
                "identitiesonly no",
                "addkeystoagent false",
                // Offered after what the agent holds.
                "identityfile ~/.ssh/own",
            ],
        );
        let jump = effective(&text, "bastion");
        assert_has(&jump, &["identityagent /their/agent", "identitiesonly yes"]);
        // Without a key of ours, the user's agent is the way.
        let text = config(&way(), &self::ground(&file)).expect("a config");
        assert_has(
            &effective(&text, "Kafka-client"),
            &["identityagent /their/agent", "identitiesonly yes"],
        );
    }

    #[test]
    fn accept_new_is_for_the_machine_alone_never_for_a_jump_host() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("config");
        std::fs::write(
            &file,
            "StrictHostKeyChecking no\nHost Kafka-client\n  ProxyJump bastion\n",
        )
        .expect("written");
        let own = [Path::new("/p/new"), Path::new("/s/known hosts")];
        let ground = Ground {
            trust: Trust::First {
                files: own.to_vec(),
                alias: None,
            },
            ..ground(&file)
        };
        let text = config(&way(), &ground).expect("a config");
        let machine = effective(&text, "Kafka-client");
        assert_has(
            &machine,
            &[
                "stricthostkeychecking accept-new",
                "hashknownhosts no",
                "proxyjump bastion",
                "userknownhostsfile /p/new /s/known hosts",
            ],
        );
        let jump = effective(&text, "bastion");
        assert_has(
            &jump,
            &[
                "stricthostkeychecking true",
                "batchmode yes",
                "forwardagent no",
            ],
        );
        assert!(
            !jump.iter().any(|line| line.contains("/p/new")),
            "{jump:#?}"
        );
    }

    #[test]
    fn a_pin_is_all_that_counts() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("config");
        std::fs::write(
            &file,
            "UserKnownHostsFile /u\nGlobalKnownHostsFile /g\nHostKeyAlias x\n\
             HostKeyAlgorithms ssh-rsa\nKnownHostsCommand /bin/echo %H\nCheckHostIP yes\n",
        )
        .expect("written");
        let trust = Trust::Pinned {
            file: Path::new("/p/known_hosts"),
            alias: "i-0123456789abcdef0",
            algorithms: "ssh-ed25519,rsa-sha2-512".into(),
            extra: vec!["KnownHostsCommand none"],
        };
        let text = config(
            &way(),
            &Ground {
                trust,
                ..ground(&file)
            },
        )
        .expect("a config");
        let lines = effective(&text, "Kafka-client");
        assert_has(
            &lines,
            &[
                "userknownhostsfile /p/known_hosts",
                "globalknownhostsfile /dev/null",
                "hostkeyalias i-0123456789abcdef0",
                "hostkeyalgorithms ssh-ed25519,rsa-sha2-512",
                "stricthostkeychecking true",
                "checkhostip no",
            ],
        );
        assert!(
            !lines.iter().any(|l| l == "knownhostscommand /bin/echo %H"),
            "{lines:#?}"
        );
        // A jump host is the user's own affair.
        assert_has(&effective(&text, "bastion"), &["userknownhostsfile /u"]);
    }

    #[test]
    fn what_could_be_more_than_an_address_is_refused() {
        for address in [
            "",
            "-oProxyCommand=id",
            "a b",
            "*",
            "a,b",
            "!a",
            "u@h",
            "a\nHost b",
            "\"a",
        ] {
            let way = SshWay {
                address: address.into(),
                ..way()
            };
            let refused = config(&way, &ground(Path::new("/h"))).expect_err(address);
            assert!(refused.to_string().contains("is no address"), "{refused}");
        }
        for user in ["", "-l", "a b", "a\nProxyCommand id", "${HOME}", "%h"] {
            let way = SshWay {
                user: Some(user.into()),
                ..way()
            };
            assert!(config(&way, &ground(Path::new("/h"))).is_err(), "{user}");
        }
        for file in ["/a\"b", "/a\nb", "/${HOME}/k", "/a\\b"] {
            let way = SshWay {
                key_file: Some(file.into()),
                ..way()
            };
            assert!(config(&way, &ground(Path::new("/h"))).is_err(), "{file}");
        }
        assert_eq!(way().host_key, HostKey::Strict);
    }
}
