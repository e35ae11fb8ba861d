//! `via: instance_id`: the id itself is what ssh is given, so a `Host` block must lead there.

use std::fs;

use serde_json::json;

use crate::{
    found::{Machine, unreached},
    sshd::{run, user},
    world::{Desk, Front, Said, nobody_applies},
};

#[test]
fn an_id_that_no_host_block_knows_is_named_before_ssh_is() {
    let front = Front::new();
    let id = front.instance(json!({ "private_ip": "127.0.0.1" }));
    let desk = Desk::new(&front);
    let spec = unreached(&format!("{{ instance_id: {id}, via: instance_id }}"));
    for verb in ["facts", "trust"] {
        let said = desk.run(&spec, &[verb]);
        said.says(
            4,
            &[
                &format!("`via: instance_id` hands {id} to ssh, and no `Host` block of"),
                "Host i-* ProxyCommand aws ssm start-session",
            ],
        );
        said.never_says(&["Could not resolve"]);
    }
}

/// A home that passwd names, for ssh and for the program: its ssh configuration is not that of whoever
/// runs the tests.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(".ssh")).expect("made");
        let home = folder.path().display();
        let id = run("id", &["-u"]);
        let (user, id) = (user(), id.trim());
        let entry = format!("{user}:x:{id}:{id}::{home}:/bin/sh\n");
        fs::write(folder.path().join("passwd"), entry).expect("written");
        Self { folder }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(".ssh").join(name);
        fs::write(path, text).expect("written");
    }

    /// The program at a desk, in a mount namespace of its own.
    fn run(&self, desk: &Desk, spec: &str, verb: &str) -> Said {
        desk.write("spec.yaml", spec);
        let mut unshare = desk.other("unshare");
        // ssh reads its own file in the home of passwd, and what that includes in `HOME`.
        unshare
            .env("HOME", self.folder.path())
            .args(["--mount", "sh", "-ec"])
            .arg("mount --bind \"$1\" /etc/passwd; shift; exec \"$@\"")
            .args([
                "sh",
                &self.folder.path().join("passwd").display().to_string(),
            ])
            .args([env!("CARGO_BIN_EXE_trueup"), verb, "spec.yaml"]);
        let _nobody_applies = nobody_applies();
        Said::of(unshare.output().expect("unshare runs"))
    }
}

#[test]
fn an_id_that_a_host_block_knows_is_handed_to_ssh() {
    let front = Front::new();
    let id = front.instance(json!({ "private_ip": "127.0.0.1" }));
    let machine = Machine::start();
    let port = machine.port();
    let desk = Desk::new(&front);
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ instance_id: {id}, via: instance_id }}\n    ssh: {}\nclient:\n  \
         properties: {{ path: {}, extra: {{ client.id: loader }} }}\n",
        machine.ssh,
        machine.file()
    );
    let home = Home::new();
    let asked = home.folder.path().join("asked");
    // Who stands in for Session Manager is told the id, and leads to the machine.
    let lead = format!(
        "ProxyCommand sh -c 'echo %h %p >>{}; exec ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -i {} -p {port} -W 127.0.0.1:{port} {}@127.0.0.1'",
        asked.display(),
        machine.key(),
        user()
    );
    home.write("more", &format!("Match host i-*\n  {lead}\n"));
    let named = format!("Host {id}\n  HostName 127.0.0.1\n");
    for (config, is_asked) in [
        (format!("Host i-*\n  {lead}\n"), true),
        // From another file, by another word.
        ("Include more\n".to_owned(), true),
        (
            format!("Host other\n  {lead}\nMatch host i-*\n  Include more\n"),
            true,
        ),
        (named, false),
    ] {
        home.write("config", &config);
        let _ = fs::remove_file(&asked);
        let before = machine.logins();
        let said = home.run(&desk, &spec, "plan");
        said.says(0, &[&format!("{}@{id}", user()), "client/properties"]);
        said.never_says(&["no `Host` block"]);
        assert!(machine.logins() > before, "{config}");
        let asked = fs::read_to_string(&asked).unwrap_or_default();
        let wanted = if is_asked {
            format!("{id} {port}\n")
        } else {
            String::new()
        };
        assert_eq!(asked, wanted, "{config}");
    }
    // A block of others, and one that leads nowhere.
    for config in [
        format!("Host j-*\n  {lead}\n"),
        "Match host j-*\n  Include more\n".to_owned(),
        "Host i-*\n  ProxyCommand none\n  User ec2-user\n".to_owned(),
    ] {
        home.write("config", &config);
        let _ = fs::remove_file(&asked);
        let before = machine.logins();
        for verb in ["plan", "trust"] {
            home.run(&desk, &spec, verb).says(
                4,
                &[&format!(
                    "`via: instance_id` hands {id} to ssh, and no `Host` block of {}/.ssh/config leads there",
                    home.folder.path().display()
                )],
            );
        }
        assert_eq!(machine.logins(), before, "{config}");
        assert!(!asked.exists(), "{config}");
    }
}
