//! The configuration as the real ssh reads it.

use std::{path::PathBuf, process::Command};

use proptest::prelude::*;

use super::*;
use crate::{
    spec::{self, Given, Source},
    transport::ssh::HostKey,
};

fn destination() -> Destination {
    Destination {
        name: "client".into(),
        address: "Kafka-client".into(),
        ..Destination::default()
    }
}

fn inputs(user_config: &Path) -> Inputs<'_> {
    Inputs {
        accepted: AcceptedKeys::UserConfig,
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

fn assert_has(lines: &[String], expected: &[&str]) {
    for wanted in expected {
        assert!(
            lines.iter().any(|line| line == wanted),
            "no `{wanted}` in {lines:#?}"
        );
    }
}

#[test]
fn our_values_override_a_hostile_file_and_the_users_route_is_kept() {
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
    let destination = Destination {
        port: Some(2222),
        user: Some("ec2-user".into()),
        key_file: Some(PathBuf::from("/keys/50% of it.pem")),
        ..destination()
    };
    let text = config(&destination, &inputs(&hostile)).expect("a config");
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
            "serveraliveinterval 2",
            "serveralivecountmax 3",
            "connecttimeout 9",
            "port 2222",
            "user ec2-user",
            "identitiesonly yes",
            "identityfile /keys/50%% of it.pem",
            // The user's own route to the machine.
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
    let inputs = Inputs {
        agent: Some(PathBuf::from("/run/trueup-x/agent")),
        ..inputs(&file)
    };
    let text = config(&destination(), &inputs).expect("a config");
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
    // Without a key of ours, the user's agent is used.
    let text = config(&destination(), &self::inputs(&file)).expect("a config");
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
    let inputs = Inputs {
        accepted: AcceptedKeys::FirstUse {
            files: own.to_vec(),
            alias: None,
        },
        ..inputs(&file)
    };
    let text = config(&destination(), &inputs).expect("a config");
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
    let accepted = AcceptedKeys::Pinned {
        file: Path::new("/p/known_hosts"),
        alias: "i-0123456789abcdef0",
        algorithms: "ssh-ed25519,rsa-sha2-512".into(),
        extra: vec!["KnownHostsCommand none"],
    };
    let text = config(
        &destination(),
        &Inputs {
            accepted,
            ..inputs(&file)
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
        let destination = Destination {
            address: address.into(),
            ..destination()
        };
        let refused = config(&destination, &inputs(Path::new("/h"))).expect_err(address);
        assert!(refused.to_string().contains("is no address"), "{refused}");
    }
    for user in ["", "-l", "a b", "a\nProxyCommand id", "${HOME}", "%h"] {
        let destination = Destination {
            user: Some(user.into()),
            ..destination()
        };
        assert!(
            config(&destination, &inputs(Path::new("/h"))).is_err(),
            "{user}"
        );
    }
    for file in ["/a\"b", "/a\nb", "/${HOME}/k", "/a\\b"] {
        let destination = Destination {
            key_file: Some(file.into()),
            ..destination()
        };
        assert!(
            config(&destination, &inputs(Path::new("/h"))).is_err(),
            "{file}"
        );
    }
    assert_eq!(destination().host_key, HostKey::Strict);
}

/// Texts like names, like addresses, and any.
fn nearly_a_name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z0-9._@+%:/$'\"\\\\, ~#!*?=-]{0,10}",
        3 => "[A-Za-z0-9][A-Za-z0-9._-]{0,20}",
        2 => "[a-zA-Z0-9._-]{1,6}[^a-zA-Z0-9]?[a-z0-9]{0,3}",
        1 => "(0x[0-9a-f]{1,3}|0?[0-9]{1,3})([.](0x[0-9a-f]{1,3}|0?[0-9]{1,3})){0,4}",
        1 => "[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){1,7}(%[a-z0-9]{0,4})?",
        1 => any::<String>(),
    ]
}

/// A text as YAML has it between double quotes, safe from variables.
fn yaml(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_string(),
            c => format!("\\U{:08x}", u32::from(c)),
        })
        .collect();
    format!("\"{escaped}\"")
}

/// Whether `validate` accepts a host.
fn is_valid(address: &str, user: &str) -> bool {
    let text = format!(
        "version: 1\nhosts: {{ client: {{ ssh: {{ address: {}, user: {} }} }} }}\n",
        yaml(address),
        yaml(user)
    );
    let path = "client.yaml".into();
    spec::load(&Source { path, text }, &Given::default())
        .0
        .is_some()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// `validate` and the configuration take the same names, and what they take the real ssh reads
    /// back as it was written.
    #[test]
    fn validate_the_configuration_and_ssh_agree(
        address in nearly_a_name(),
        user in nearly_a_name(),
    ) {
        // A variable is not a name of this kind.
        prop_assume!(!address.contains("${") && !user.contains("${"));
        let plain = "ec2-user";
        for (address, user) in [(&*address, plain), ("client", &*user), (&*address, &*user)] {
            let destination = Destination {
                address: address.into(),
                user: Some(user.into()),
                ..destination()
            };
            let text = config(&destination, &inputs(Path::new("/nonexistent")));
            prop_assert_eq!(text.is_ok(), is_valid(address, user), "{:?} {:?}", address, user);
            let Ok(text) = text else { continue };
            let lines = effective(&text, address);
            let value = |key: &str| {
                let mut lines = lines.iter().filter_map(|line| line.split_once(' '));
                lines.find_map(|(name, value)| (name == key).then(|| value.to_owned()))
            };
            prop_assert_eq!(value("user"), Some(user.to_owned()));
            // The values of this host's own `Host` lines count, so its name was matched.
            let hostname = value("hostname").unwrap_or_default();
            // Which interface a zone means, this machine says: a number may become a name.
            let canonical = |text: &str| {
                let text = text.split('%').next().unwrap_or_default();
                SshAddress::parse(text).map(|address| address.canonical())
            };
            prop_assert_eq!(canonical(&hostname), canonical(address), "{} {}", hostname, address);
        }
    }
}
