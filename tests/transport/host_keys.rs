//! Host keys: pins that belong to an instance, impostors, and what a machine shows.

use std::fs;

use trueup::transport::ssh::{
    self, OfferedKeys,
    pins::{PinSource, Pins},
};

use super::*;

const ID: &str = "i-0123456789abcdef0";

fn key(sshd: &Sshd, kind: &str) -> PublicKey {
    PublicKey::parse(&sshd.public(kind)).expect("a key")
}

fn keys(sshd: &Sshd, kinds: &[&str]) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = kinds.iter().map(|kind| key(sshd, kind)).collect();
    keys.sort();
    keys
}

/// The way to an instance at an address.
fn way(bench: &Bench, address: &str, port: u16, host_key: HostKey) -> Destination {
    Destination {
        address: address.into(),
        instance: Some(ID.into()),
        ..bench.way(port, host_key)
    }
}

async fn connect(bench: &Bench, way: &Destination) -> Result<Ssh, Error> {
    Ssh::connect_from(&bench.places(), way, PATIENCE).await
}

async fn connects(bench: &Bench, way: &Destination) {
    let ssh = connect(bench, way).await.expect("connected");
    Box::new(ssh).close().await;
}

async fn look(bench: &Bench, way: &Destination) -> Result<OfferedKeys, Error> {
    ssh::scan_host_keys(&bench.places(), way, PATIENCE).await
}

/// A server at two addresses of the loopback network.
fn at_two(bench: &Bench, folder: &str, kinds: &[&str]) -> Sshd {
    let more = "ListenAddress 127.0.0.2";
    Sshd::start(&bench.path(folder), kinds, &bench.public, more)
}

#[tokio::test]
async fn a_pin_follows_the_instance_to_another_address_and_no_other_machine() {
    let bench = Bench::new();
    let pins = Pins::at(&bench.places().known_instances);
    let first = at_two(&bench, "first", &["ed25519"]);
    pins.add(ID, &keys(&first, &["ed25519"]), PinSource::Console)
        .expect("pinned");
    connects(
        &bench,
        &way(&bench, "127.0.0.1", first.port, HostKey::Strict),
    )
    .await;

    // Stopped and started: another address, another port, the same key. Whatever known_hosts
    // holds for the new address is an older machine's.
    let folder = bench.path("moved");
    fs::create_dir(&folder).expect("made");
    for name in ["host_ed25519", "host_ed25519.pub"] {
        fs::copy(first.folder.join(name), folder.join(name)).expect("copied");
    }
    let moved = at_two(&bench, "moved", &["ed25519"]);
    let other = at_two(&bench, "other", &["ed25519"]);
    let old = format!("[127.0.0.2]:{} {}\n", moved.port, other.public("ed25519"));
    fs::write(bench.path("theirs"), old).expect("written");
    bench.user_config(&format!(
        "UserKnownHostsFile {}\n",
        bench.path("theirs").display()
    ));
    for host_key in [HostKey::Strict, HostKey::AcceptNew] {
        connects(&bench, &way(&bench, "127.0.0.2", moved.port, host_key)).await;
    }

    // Another machine has the old address: it sees neither name nor login, and both keys are told.
    // That the user's own known_hosts knows it as that address changes nothing.
    let theirs = format!("[127.0.0.1]:{} {}\n", other.port, other.public("ed25519"));
    fs::write(bench.path("theirs"), theirs).expect("written");
    for host_key in [HostKey::Strict, HostKey::AcceptNew] {
        let said = refusal(connect(&bench, &way(&bench, "127.0.0.1", other.port, host_key)).await);
        for print in [
            fingerprint(&first, "ed25519"),
            fingerprint(&other, "ed25519"),
        ] {
            assert!(said.contains(&print), "{print}: {said}");
        }
        assert!(said.contains(ID) && said.contains("trueup trust"), "{said}");
    }
    assert!(other.count("Connection from") >= 2, "{}", other.log());
    assert_eq!(other.count("userauth-request"), 0, "{}", other.log());
    assert!(first.count("userauth-request") > 0, "the count counts");
    bench.assert_clean();
}

#[tokio::test]
async fn an_impostor_with_a_key_of_another_type_is_told_with_both_fingerprints() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519", "ecdsa"]);
    let pins = Pins::at(&bench.places().known_instances);
    pins.add(ID, &keys(&sshd, &["ed25519", "ecdsa"]), PinSource::Console)
        .expect("pinned");
    let port = sshd.port;
    let (ed, ecdsa) = (fingerprint(&sshd, "ed25519"), fingerprint(&sshd, "ecdsa"));
    connects(&bench, &way(&bench, "127.0.0.1", port, HostKey::Strict)).await;
    sshd.stop();
    for (n, kinds) in [["ed25519", "rsa"], ["rsa", "rsa"]].iter().enumerate() {
        let folder = bench.path(&format!("impostor{n}"));
        let impostor = Sshd::start_on(port, &folder, &kinds[..2 - n], &bench.public);
        // Whatever the user's files would allow.
        fs::write(
            bench.path("theirs"),
            format!(
                "* {}\n{ID} {}\n",
                impostor.public(kinds[0]),
                impostor.public(kinds[0])
            ),
        )
        .expect("written");
        bench.user_config(&format!(
            "StrictHostKeyChecking no\nUserKnownHostsFile {0}\nGlobalKnownHostsFile {0}\n\
             HostKeyAlias 127.0.0.1\nKnownHostsCommand /bin/cat {0}\n",
            bench.path("theirs").display()
        ));
        let refused = connect(&bench, &way(&bench, "127.0.0.1", port, HostKey::Strict)).await;
        let said = refusal(refused);
        for print in [&ed, &ecdsa, &fingerprint(&impostor, kinds[0])] {
            assert!(said.contains(print), "{print}: {said}");
        }
        assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
        impostor.stop();
    }
    bench.assert_clean();
}

#[tokio::test]
async fn where_nothing_vouches_the_ways_out_are_named() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    bench.user_config(&format!(
        "UserKnownHostsFile {}\n",
        bench.path("theirs").display()
    ));
    let said = refusal(
        connect(
            &bench,
            &way(&bench, "127.0.0.1", sshd.port, HostKey::Strict),
        )
        .await,
    );
    for out in [
        "trueup trust SPEC",
        "pinned: [",
        "console: true",
        "ssh-keyscan",
    ] {
        assert!(said.contains(out), "{out}: {said}");
    }
    assert!(said.contains(&fingerprint(&sshd, "ed25519")), "{said}");
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());

    // A changed key in the user's own file: both fingerprints, too.
    let other = Sshd::start(&bench.path("other"), &["ed25519"], &bench.public, "");
    let line = format!("[127.0.0.1]:{} {}\n", sshd.port, other.public("ed25519"));
    fs::write(bench.path("theirs"), line).expect("written");
    let said = refusal(bench.connect(sshd.port, HostKey::Strict).await);
    for print in [
        fingerprint(&sshd, "ed25519"),
        fingerprint(&other, "ed25519"),
    ] {
        assert!(said.contains(&print), "{print}: {said}");
    }
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());

    // Pins that cannot be read are no pins to go without.
    let file = bench.places().known_instances;
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(&file, format!("{ID} ssh-ed25519 AAAA\n")).expect("written");
    for host_key in [HostKey::Strict, HostKey::AcceptNew] {
        let said = refusal(connect(&bench, &way(&bench, "127.0.0.1", sshd.port, host_key)).await);
        assert!(said.contains("line 1 is damaged"), "{said}");
    }
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());
    bench.assert_clean();
}

#[tokio::test]
async fn accept_new_pins_to_the_instance() {
    let bench = Bench::new();
    let sshd = at_two(&bench, "sshd", &["ed25519", "rsa"]);
    let ssh = connect(
        &bench,
        &way(&bench, "127.0.0.1", sshd.port, HostKey::AcceptNew),
    )
    .await;
    let ssh = ssh.expect("taken");
    let learned = ssh.learned().expect("learned");
    assert_eq!(
        (learned.known_hosts_name.as_str(), &learned.key),
        (ID, &sshd.public("ed25519"))
    );
    Box::new(ssh).close().await;
    let pins = Pins::at(&bench.places().known_instances);
    assert_eq!(pins.of(ID).expect("pins"), keys(&sshd, &["ed25519"]));
    assert!(!bench.places().known_hosts.exists());
    connects(
        &bench,
        &way(&bench, "127.0.0.2", sshd.port, HostKey::Strict),
    )
    .await;
    bench.assert_clean();
}

#[tokio::test]
async fn what_a_machine_shows_is_read_without_a_name_or_a_login() {
    let bench = Bench::new();
    let kinds = ["rsa", "ecdsa", "ed25519"];
    let sshd = bench.sshd(&kinds);
    let at = way(&bench, "127.0.0.1", sshd.port, HostKey::Strict);
    // Neither a shared connection of the user's nor a lax one makes it log in.
    bench.user_config(&format!(
        "StrictHostKeyChecking no\nControlMaster auto\nControlPath {}\nUserKnownHostsFile {}\n",
        bench.path("shared").display(),
        bench.path("theirs").display()
    ));
    let offer = look(&bench, &at).await.expect("shown");
    assert_eq!(offer.keys, keys(&sshd, &kinds));
    assert_eq!(offer.known_hosts_name, format!("[127.0.0.1]:{}", sshd.port));
    assert_eq!(
        (offer.known.as_slice(), offer.pinned.as_slice()),
        (&[][..], &[][..])
    );
    assert!(!bench.path("theirs").exists() && !bench.places().known_hosts.exists());

    // What is known of it.
    let line = format!("{} {}\n", offer.known_hosts_name, sshd.public("rsa"));
    fs::write(bench.path("theirs"), line).expect("written");
    let pins = Pins::at(&bench.places().known_instances);
    pins.add(ID, &keys(&sshd, &["ecdsa"]), PinSource::Person)
        .expect("pinned");
    let offer = look(&bench, &at).await.expect("shown");
    assert_eq!(offer.keys, keys(&sshd, &kinds));
    assert_eq!(offer.known, keys(&sshd, &["rsa"]));
    assert_eq!(offer.pinned, keys(&sshd, &["ecdsa"]));
    for sent in ["userauth-request", "attempt", &format!("user {}", user())] {
        assert_eq!(sshd.count(sent), 0, "{sent}: {}", sshd.log());
    }
    ssh::add_to_known_hosts(&bench.places(), &offer, &offer.keys).expect("kept");
    let strict = bench.connect(sshd.port, HostKey::Strict).await;
    Box::new(strict.expect("known now")).close().await;
    bench.assert_clean();
}

#[tokio::test]
async fn it_is_looked_at_through_the_users_own_way() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519", "rsa"]);
    // A jump host that the user knows, and the machine behind it that nobody does.
    let jump = Sshd::start(&bench.path("jump"), &["ecdsa"], &bench.public, "");
    let jump_config = |known: &str| {
        format!(
            "Host 127.0.0.1\n  ProxyJump bastion\n\
             Host bastion\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  \
             UserKnownHostsFile {known}\n",
            jump.port,
            user(),
            bench.path("key").display(),
        )
    };
    let at = way(&bench, "127.0.0.1", sshd.port, HostKey::Strict);
    bench.user_config(&jump_config("/dev/null"));
    let error = look(&bench, &at).await.expect_err("the bastion is unknown");
    assert!(error.to_string().contains("jump host"), "{error}");
    let known = bench.path("jump_hosts");
    let line = format!("[127.0.0.1]:{} {}\n", jump.port, jump.public("ecdsa"));
    fs::write(&known, line).expect("written");
    bench.user_config(&jump_config(&known.display().to_string()));
    let offer = look(&bench, &at).await.expect("shown");
    assert_eq!(offer.keys, keys(&sshd, &["ed25519", "rsa"]));
    assert_eq!(jump.count("Accepted publickey"), 2, "once for each type");
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());

    // Session Manager's way: a ProxyCommand for ids.
    bench.user_config(&format!(
        "Host i-*\n  ProxyCommand ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -i {} -p {} -W 127.0.0.1:{} {}@127.0.0.1\n",
        bench.path("key").display(),
        jump.port,
        sshd.port,
        user(),
    ));
    let at = way(&bench, ID, 22, HostKey::Strict);
    let offer = look(&bench, &at).await.expect("shown");
    assert_eq!(offer.keys, keys(&sshd, &["ed25519", "rsa"]));
    let pins = Pins::at(&bench.places().known_instances);
    pins.add(ID, &offer.keys, PinSource::Person)
        .expect("pinned");
    connects(&bench, &at).await;
    bench.assert_clean();
}

#[tokio::test]
async fn a_machine_that_shows_nothing_says_why() {
    let bench = Bench::new();
    let at = way(&bench, "127.0.0.1", free_port(), HostKey::Strict);
    let error = look(&bench, &at)
        .await
        .expect_err("nobody there")
        .to_string();
    assert!(error.contains("nothing listens"), "{error}");
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = hole.local_addr().expect("bound").port();
    let at = way(&bench, "127.0.0.1", port, HostKey::Strict);
    let places = bench.places();
    let error = ssh::scan_host_keys(&places, &at, Duration::from_secs(2)).await;
    let error = error.expect_err("silence").to_string();
    assert!(
        error.contains("timed out") || error.contains("no answer"),
        "{error}"
    );
    bench.assert_clean();
}
