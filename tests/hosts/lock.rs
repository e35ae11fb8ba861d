//! The lock, and who can hold it: the account and root, and nobody who is on the machine besides.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    bad_input::from,
    rig::{Host, start, trueup, until, wait},
};

const PROPERTIES: &str = "properties: { path: ~/c.properties, extra: { x: y } }";

/// An account that manages nothing here.
fn mallory(host: &Host) {
    host.add_account("mallory", 1001);
}

/// Lets mallory (1001) write in a folder, by an access list: its entries as acl(5) and the kernel's
/// `posix_acl_xattr.h` have them, the owner, mallory, the group, the mask and others.
fn access_list(folder: &Path) {
    let set = "import os, struct, sys\n\
               who = [(1, 7, -1), (2, 7, 1001), (4, 5, -1), (16, 7, -1), (32, 5, -1)]\n\
               entries = b''.join(struct.pack('<HHi', *one) for one in who)\n\
               os.setxattr(sys.argv[1], 'system.posix_acl_access', struct.pack('<I', 2) + entries)";
    let done = Command::new("python3")
        .args(["-c", set])
        .arg(folder)
        .status();
    assert!(done.expect("python3 runs").success());
}

/// Runs a shell text on the host until it is killed.
fn keeps(host: &Host, user: &str, text: &str) -> Child {
    let mut command = host.command_as(user, &["bash", "-c", text]);
    command.stdin(Stdio::null());
    command.spawn().expect("the rig runs")
}

#[test]
fn an_account_that_may_not_manage_keeps_nobody_out() {
    for closed in [true, false] {
        let host = Host::start("amazon", &[]);
        mallory(&host);
        if !closed {
            host.user("chmod 755 ~/.ssh");
        }
        let spec = host.spec(PROPERTIES);
        let spec = spec.to_str().expect("text");
        // Once, so that whatever there is to lock is there.
        trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
        host.user("rm c.properties");
        let mut all = keeps(
            &host,
            "mallory",
            "for f in /etc/machine-id /etc/passwd ~ec2-user ~ec2-user/.ssh ~ec2-user/.trueup.lock /tmp /etc/shadow; do \
               flock -n $f sleep 1000 2>/dev/null & done; flock /etc/machine-id -c : & exec -a 'trueup: mallory' sleep 1001",
        );
        until("what can be locked is", || {
            host.run_as(
                "root",
                "pgrep -x flock >/dev/null && pgrep -xf 'trueup: mallory 1001'",
            )
            .code
                == 0
        });
        trueup(&host, &["plan", spec]).code(0);
        trueup(
            &host,
            &["apply", spec, "--auto-approve", "--lock-timeout", "1s"],
        )
        .code(0)
        .says("1 change applied and verified");
        let left = host.user("ls -A ~ | grep trueup || true");
        assert_eq!(left, if closed { "" } else { ".trueup.lock\n" });
        let mode = host.user("stat -c '%a %U' ~/.trueup.lock || true");
        assert_eq!(mode, if closed { "" } else { "600 ec2-user\n" });

        // Who has it is told by the lock, and by nobody's name.
        let slow = host.spec(&from("slow", "kafka"));
        let slow = slow.to_str().expect("text");
        let first = start(host.folder.path(), &["apply", slow, "--auto-approve"]);
        until("the download runs", || {
            host.run_as("root", "pgrep -x curl").code == 0
        });
        // With something else open as a holder has its lock.
        let mut decoy = keeps(
            &host,
            "ec2-user",
            "exec -a 'trueup: decoy' sleep 1002 9</dev/null",
        );
        until("the decoy", || {
            host.run_as("root", "pgrep -xf 'trueup: decoy 1002'").code == 0
        });
        for command in [
            &["plan", slow][..],
            &["apply", slow, "--auto-approve", "--lock-timeout", "1s"],
        ] {
            let said = trueup(&host, command).code(7).says("tester from");
            let both = format!("{}{}", said.out, said.err);
            assert!(
                !both.contains("mallory") && !both.contains("decoy"),
                "{both}"
            );
        }
        // Of one whose client and holder are gone, the step.
        host.root("for p in $(pgrep -f '[t]rueup: tester'); do kill -9 $p; done; pgrep -x curl");
        trueup(&host, &["plan", slow])
            .code(7)
            .says("the step `fetch` of an apply whose client has gone (process");
        host.root("pkill -x curl");
        wait(first);
        for child in [&mut all, &mut decoy] {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }
}

#[test]
fn a_lock_that_is_another_accounts_is_said() {
    let host = Host::start("amazon", &[]);
    mallory(&host);
    let spec = host.spec("properties: { path: ~/own/c.properties, extra: { x: y } }");
    let spec = spec.to_str().expect("text");
    // Neither its own folder nor its home can serve.
    host.root(
        "cd /home/ec2-user && mkdir own && chown ec2-user own && chown root . && chmod 755 . .ssh",
    );
    host.run_as("mallory", "ln -s /etc/hosts /tmp/.trueup.1000.lock")
        .code(0);
    let hosts = host.root("cat /etc/hosts");
    for _ in 0..2 {
        trueup(&host, &["apply", spec, "--auto-approve"])
            .code(4)
            .says("`/tmp/.trueup.1000.lock` is no file of this account's own, but of `mallory`")
            .says("ls -l /tmp/.trueup.1000.lock");
        trueup(&host, &["plan", spec]).code(0);
        host.run_as(
            "mallory",
            "rm /tmp/.trueup.1000.lock; : >/tmp/.trueup.1000.lock",
        );
    }
    assert_eq!(host.root("cat /etc/hosts"), hosts);
    host.root("rm /tmp/.trueup.1000.lock");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    assert_eq!(
        host.root("stat -c '%a %U' /tmp/.trueup.1000.lock"),
        "600 ec2-user\n"
    );
}

#[test]
fn what_another_account_could_put_something_else_into_is_refused() {
    let host = Host::start("amazon", &[]);
    mallory(&host);
    host.let_root_in();
    let as_root = host.way().replace("user: ec2-user", "user: root");
    // Two accounts never write at one place, so that each has a lock of its own.
    let spec = host.spec_with(
        &as_root,
        "properties: { path: /home/ec2-user/c.properties, extra: { x: y } }",
    );
    trueup(&host, &["plan", spec.to_str().expect("text")])
        .code(5)
        .says("below `/home/ec2-user`, which is ec2-user's")
        .says("log in as ec2-user (`ssh: { user: ec2-user }`)");
    let spec = host.spec_with(
        &as_root,
        "properties: { path: /root/c.properties, extra: { x: y } }",
    );
    trueup(
        &host,
        &["apply", spec.to_str().expect("text"), "--auto-approve"],
    )
    .code(0);

    host.root("mkdir /opt/tree && chown ec2-user:ec2-user /opt/tree");
    let kafka = from("files", "kafka").replace(
        "  version: 2.8.1\n",
        "  version: 2.8.1\n  home: /opt/tree\n",
    );
    let spec = host.spec_with(&as_root, &kafka);
    trueup(&host, &["plan", spec.to_str().expect("text")])
        .code(5)
        .says("`/opt/tree` is ec2-user's, who could put something else into it");

    for (folder, made, reason) in [
        ("deep", "chown mallory /srv/deep", "which is mallory's"),
        (
            "sticky",
            "chown mallory /srv/sticky; chmod 1755 /srv/sticky",
            "which is mallory's",
        ),
        (
            "group",
            "chgrp mallory /srv/group; chmod 775 /srv/group",
            "where others can write",
        ),
        ("all", "chmod 777 /srv/all", "where others can write"),
        // The mode says that the group may write, and the group has nobody else in it.
        (
            "list",
            "chown ec2-user:ec2-user /srv/list; chmod 775 /srv/list",
            "where others can write",
        ),
    ] {
        host.root(&format!(
            "mkdir -p /srv/{folder}/own && chown ec2-user:ec2-user /srv/{folder}/own && {made}"
        ));
        if folder == "list" {
            access_list(&host.path("srv/list"));
        }
        let spec = host.spec(&format!(
            "properties: {{ path: /srv/{folder}/own/c.properties, extra: {{ x: y }} }}"
        ));
        trueup(
            &host,
            &["apply", spec.to_str().expect("text"), "--auto-approve"],
        )
        .code(5)
        .says(&format!("below `/srv/{folder}`, {reason}"));
        assert!(
            !host
                .path(&format!("srv/{folder}/own/c.properties"))
                .exists()
        );
    }
    // Sticky and root's, or with a group of one's own.
    for (folder, made) in [
        ("s", "chmod 1777 /srv/s"),
        ("g", "chown ec2-user:ec2-user /srv/g; chmod 775 /srv/g"),
    ] {
        host.root(&format!(
            "mkdir -p /srv/{folder}/own && chown ec2-user:ec2-user /srv/{folder}/own && {made}"
        ));
        let spec = host.spec(&format!(
            "properties: {{ path: /srv/{folder}/own/c.properties, extra: {{ x: y }} }}"
        ));
        trueup(
            &host,
            &["apply", spec.to_str().expect("text"), "--auto-approve"],
        )
        .code(0);
    }
}
