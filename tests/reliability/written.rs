//! Files that mean harm: a saved plan whose checksum fits, and the user's own ssh configuration.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use trueup::{
    script::Script,
    transport::{
        Connection, Exit,
        ssh::{Destination, HostKey, Ssh, SshPaths},
    },
};

use crate::{
    here::until_gone,
    liar::NO_START_FILES,
    lied::Desk,
    lies::{Lie, canary, nasty, nothing_was_run},
    sealed::sealed,
    sshd::{Sshd, keygen, user},
    sweep::{Random, Sweep, times},
};

/// Every value below one, itself too.
fn all<'v>(value: &'v mut Value, found: &mut Vec<&'v mut Value>, of: usize) {
    // Of a map or list either itself or what is in it can be lent.
    if of == 0 {
        found.push(value);
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|one| all(one, found, of - 1)),
        Value::Array(items) => items.iter_mut().for_each(|one| all(one, found, of - 1)),
        _ => {}
    }
}

fn harm(plan: &mut Value, random: &mut Random) {
    let nasty = nasty(&canary());
    for _ in 0..=random.below(3) {
        let depth = 1 + random.below(9);
        let mut found = Vec::new();
        all(plan, &mut found, depth);
        if found.is_empty() {
            continue;
        }
        let at = random.below(found.len());
        let one = &mut *found[at];
        match random.below(6) {
            0 => *one = Value::Null,
            1 => *one = json!(i64::MIN),
            2 => *one = json!([[[[[[]]]]]]),
            3 if one.is_array() => {
                let items = one.as_array_mut().expect("a list");
                let more: Vec<Value> = items
                    .iter()
                    .cloned()
                    .cycle()
                    .take(items.len() * 50)
                    .collect();
                items.extend(more);
            }
            _ => *one = String::from_utf8_lossy(&nasty[random.below(nasty.len())]).into(),
        }
    }
}

#[test]
fn plans() {
    let mut sweep = Sweep::of("lied to: a saved plan whose checksum fits, shown and applied");
    let desk = Desk::new();
    desk.liar.tell(&Lie::None);
    let file = desk.folder.path().join("plan.json");
    let file = file.to_str().expect("text").to_owned();
    let said = desk.run_words(&["plan", &desk.spec, "--out", &file]).said;
    assert_eq!(said.code, 0, "{said:?}");
    let plan: Value = serde_json::from_slice(&fs::read(&file).expect("kept")).expect("JSON");
    fs::write(&file, sealed(plan.clone())).expect("written");
    let said = desk.run_words(&["show", &file]).said;
    assert_eq!(said.code, 0, "the checksum fits: {said:?}");
    let mut shown = 0;
    for nth in 0..times(16, 2_000) {
        let mut bad = plan.clone();
        harm(&mut bad, &mut sweep.random);
        let bytes = sealed(bad);
        let verb = if nth % 4 == 0 { "apply" } else { "show" };
        sweep.attempt(format!("{verb} {nth}"), || {
            fs::write(&file, &bytes).expect("written");
            let ended = desk.run(verb, &file, false);
            desk.judge(verb, &[0, 3, 4, 5, 6], &ended, None);
            shown += usize::from(ended.said.code == 0);
        });
    }
    sweep.end();
    assert!(shown > 0, "all were refused");
}

/// What the user's file may have. It is the user's own way to the machine: a `ProxyCommand` of theirs is
/// run, and is not among it.
fn lines(random: &mut Random, theirs: &Path) -> String {
    let canary = canary();
    let known = theirs.display();
    let all = [
        format!("PermitLocalCommand yes\nLocalCommand touch {canary}"),
        format!("RemoteCommand touch {canary}"),
        format!("KnownHostsCommand /bin/touch {canary}"),
        format!("ForwardX11 yes\nForwardX11Trusted yes\nXAuthLocation {canary}"),
        "EnableEscapeCommandline yes\nEscapeChar ~".into(),
        "RequestTTY force".into(),
        "SessionType none".into(),
        "SessionType subsystem".into(),
        "StdinNull yes".into(),
        "ForkAfterAuthentication yes".into(),
        "StrictHostKeyChecking no".into(),
        "StrictHostKeyChecking accept-new".into(),
        format!("UserKnownHostsFile {known}"),
        format!("GlobalKnownHostsFile {known}"),
        "HostKeyAlias another".into(),
        "NoHostAuthenticationForLocalhost yes".into(),
        "VerifyHostKeyDNS yes".into(),
        "CheckHostIP yes".into(),
        "UpdateHostKeys yes".into(),
        "HashKnownHosts yes".into(),
        "HostKeyAlgorithms ssh-rsa,rsa-sha2-256".into(),
        "ForwardAgent yes".into(),
        "LocalForward 127.0.0.1:1 127.0.0.1:22".into(),
        "RemoteForward 1 127.0.0.1:22".into(),
        "DynamicForward 127.0.0.1:1\nExitOnForwardFailure yes".into(),
        "Tunnel yes".into(),
        "GatewayPorts yes".into(),
        "BatchMode no\nNumberOfPasswordPrompts 9".into(),
        "LogLevel QUIET".into(),
        "LogLevel DEBUG3".into(),
        "ConnectTimeout 0".into(),
        "ConnectionAttempts 5".into(),
        "ServerAliveInterval 0\nServerAliveCountMax 1000".into(),
        "ControlMaster auto\nControlPath /tmp/%C\nControlPersist yes".into(),
        "User nobody".into(),
        "Port 1".into(),
        "IdentityFile /nowhere".into(),
        "IdentityAgent /nowhere\nAddKeysToAgent yes".into(),
        "PubkeyAuthentication no".into(),
        "PreferredAuthentications password".into(),
        "CanonicalizeHostname always".into(),
        "AddressFamily inet6".into(),
        "BindAddress 203.0.113.1".into(),
        "RekeyLimit 1K".into(),
        "Compression yes".into(),
        "SetEnv LC_ALL=x".into(),
        "NoSuchOption yes".into(),
        "Include /etc/passwd".into(),
        "\u{1b}[2J::error::x".into(),
    ];
    let mut text = String::new();
    for _ in 0..=random.below(6) {
        let block = [
            "",
            "Host *\n",
            "Match all\n",
            "Host 127.0.0.1\n",
            "Match user *\n",
        ];
        text.push_str(block[random.below(block.len())]);
        text.push_str(&all[random.below(all.len())]);
        text.push('\n');
    }
    text
}

#[test]
fn configurations() {
    let mut sweep = Sweep::of("lied to: the user's ssh configuration");
    let folder = tempfile::Builder::new()
        .prefix("tt")
        .tempdir_in("/tmp")
        .expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("run")).expect("made");
    let public = keygen(&path("key"), "ed25519");
    let sshd = Sshd::start(&path("sshd"), &["ed25519"], &public, NO_START_FILES);
    let impostor = Sshd::start(
        &path("impostor"),
        &["ed25519", "rsa"],
        &public,
        NO_START_FILES,
    );
    fs::write(
        path("theirs"),
        format!(
            "* {}\n* {}\n",
            impostor.public("ed25519"),
            impostor.public("rsa")
        ),
    )
    .expect("written");
    let places = SshPaths {
        user_config: path("config"),
        system_config: path("none"),
        known_hosts: path("state/known_hosts"),
        known_instances: path("state/known_instances"),
        runtime: vec![path("run")],
    };
    let (deadline, grace) = (Duration::from_secs(5), Duration::from_secs(5));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let mut connected = 0;
    for nth in 0..times(9, 600) {
        // The first one has nothing, and lets us in.
        let text = match nth {
            0 => String::new(),
            _ => lines(&mut sweep.random, &path("theirs")),
        };
        let is_impostor = nth % 2 == 1;
        let server = if is_impostor { &impostor } else { &sshd };
        let way = Destination {
            name: "client".into(),
            address: "127.0.0.1".into(),
            port: Some(server.port),
            user: Some(user()),
            key_file: Some(path("key")),
            host_key: HostKey::Pinned(vec![sshd.public("ed25519")]),
            ..Destination::default()
        };
        sweep.attempt(format!("impostor {is_impostor}: {text:?}"), || {
            fs::write(&places.user_config, &text).expect("written");
            let began = Instant::now();
            let said = runtime.block_on(async {
                let ssh = Ssh::connect_from(&places, &way, deadline)
                    .await
                    .map_err(|error| error.to_string())?;
                let running = ssh.spawn(&Script::new("test").text("echo ok")).await;
                let mut running = running.map_err(|error| error.to_string())?;
                let mut out = String::new();
                running.stdout.read_to_string(&mut out).await.expect("text");
                let exit = running.exit.await;
                Box::new(ssh).close().await;
                assert_eq!(
                    (exit.expect("an end"), out.as_str()),
                    (Exit::Code(0), "ok\n")
                );
                Ok::<(), String>(())
            });
            assert!(began.elapsed() <= deadline + grace, "{:?}", began.elapsed());
            if let Err(said) = &said {
                let odd = |c: char| c.is_control() && c != '\n';
                assert!(!said.contains(odd) && !said.contains("\n::"), "{said:?}");
            }
            assert!(!is_impostor || said.is_err(), "the impostor was let in");
            connected += usize::from(said.is_ok());
            nothing_was_run(&format!("{said:?}"));
            let left = || {
                fs::read_dir(path("run"))
                    .expect("there")
                    .map(|one| format!("{one:?}"))
                    .collect()
            };
            until_gone(left);
        });
    }
    assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
    sweep.end();
    assert!(connected > 0, "not even without a configuration");
}
