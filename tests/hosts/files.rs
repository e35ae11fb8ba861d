//! Whole files on real machines: written as the account or as root, seen when they drift, put right; and what
//! would harm is blocked.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use crate::{
    rig::{Host, Said, differences, start_with, trueup, wait},
    root::with,
};

/// With `TOKEN` in the environment.
fn with_token(host: &Host, words: &[&str]) -> Said {
    let spec = host.folder.path().join("spec.yaml");
    let mut all = vec![words[0], spec.to_str().expect("text")];
    all.extend(&words[1..]);
    wait(start_with(
        host.folder.path(),
        &all,
        &[("TOKEN", "canary-7\n")],
    ))
}

#[test]
fn files_are_written_whole_kept_and_put_right() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        host.root("groupadd -f loaders; useradd -M kafka; printf 'before\\n' >/etc/motd");
        let local = host.folder.path().join("load");
        let script: Vec<u8> = b"#!/bin/sh\necho \xe9\0\n".to_vec();
        fs::write(&local, &script).expect("written");
        let declared = "files:\n  \
            motd: { path: /etc/motd, content: \"hello\\n\", become: true }\n  \
            \"day's conf/1\": { path: \"~/my conf/a b\", content: '' }\n  \
            load: { path: /opt/load/bin/load, source: load, mode: \"0755\", owner: \"kafka:loaders\", become: true }\n  \
            token: { path: ~/token/it, content: { env: TOKEN }, mode: \"0600\" }";

        // The account alone is kept from what is root's, and the way out is said.
        let alone = declared.replace(", become: true", "");
        with(&host, &alone, &["validate"]).code(0);
        let said = with_token(&host, &["plan", "--detailed-exitcode"]).code(2);
        said.says("`/etc/motd` belongs to root; we are ec2-user")
            .says("say `become: true`, which uses `sudo -n`");

        with(&host, declared, &["validate"]).code(0);
        let before = host.tree();
        let plan = with_token(&host, &["plan", "--detailed-exitcode"]).code(2);
        let after = host.tree();
        assert_eq!(differences(&before, &after), [] as [&str; 0]);
        let plan = plan.says("the content of /etc/motd is another than the spec wants");
        let plan = plan.says("(sensitive)").says("/opt/load/bin, 0755");
        let plan = plan
            .says("`~/my conf/a b` is missing")
            .says("~/token, 0700");
        let json = with_token(&host, &["plan", "--format", "json"]).code(0);
        json.json();
        // One at a time, by a name that people would rather not type.
        let one = ["apply", "--auto-approve", "--target", "files/day's conf/1"];
        with_token(&host, &one).code(0).says("1 change");
        assert_eq!(host.read("my conf/a b"), "");
        let apply = with_token(&host, &["apply", "--auto-approve"]).code(0);
        let stat = "stat -c '%a %U:%G %n' /etc/motd /opt/load /opt/load/bin/load ~ec2-user/token ~ec2-user/token/it ~ec2-user/my*";
        assert_eq!(
            host.root(stat),
            "644 root:root /etc/motd\n755 root:root /opt/load\n755 kafka:loaders /opt/load/bin/load\n\
             700 ec2-user:ec2-user /home/ec2-user/token\n600 ec2-user:ec2-user /home/ec2-user/token/it\n755 ec2-user:ec2-user /home/ec2-user/my conf\n"
        );
        assert_eq!(
            fs::read(host.path("/opt/load/bin/load")).expect("there"),
            script
        );
        assert_eq!(host.read("token/it"), "canary-7");
        assert_eq!(host.root("cat /etc/motd"), "hello\n");
        with_token(&host, &["plan", "--detailed-exitcode"]).code(0);

        // Somebody changes content, mode, owner and group.
        host.root("echo more >>/etc/motd; chown root:root /opt/load/bin/load; chmod 4755 /opt/load/bin/load");
        host.user("echo another >token/it; chmod 666 token/it; rm -r 'my conf'");
        let drift = with_token(&host, &["drift"]).code(2);
        let drift = drift
            .says("the content of /etc/motd")
            .says("the mode and the owner of /opt/load/bin/load");
        let drift = drift
            .says("the content and the mode of ~/token/it")
            .says("day's conf/1");
        with_token(&host, &["apply", "--auto-approve"]).code(0);
        with_token(&host, &["drift"]).code(0);
        assert!(
            host.root(stat)
                .contains("755 kafka:loaders /opt/load/bin/load")
        );
        for said in [plan, json, apply, drift] {
            assert!(!format!("{said:?}").contains("canary"), "{said:?}");
        }
        assert_eq!(
            host.root("ls -A /etc /opt/load /opt/load/bin ~ec2-user | grep trueup- || :"),
            ""
        );
    }
}

#[test]
fn a_saved_plan_is_of_the_bytes_that_were_planned() {
    let host = Host::start("debian", &[]);
    let folder = host.folder.path().to_owned();
    let local = folder.join("motd");
    fs::write(&local, "one\n").expect("written");
    let declared = "files: { motd: { path: /etc/motd, source: motd, become: true }, own: { path: ~/own, source: motd } }";
    let saved = folder.join("plan.json");
    let saved = saved.to_str().expect("text");
    with(&host, declared, &["plan", "--out", saved]).code(0);
    assert!(!fs::read_to_string(saved).expect("text").contains("one\\n"));

    // The source has changed, and then the file on the host.
    fs::write(&local, "two\n").expect("written");
    let stale = trueup(&host, &["apply", saved, "--auto-approve"]).code(6);
    stale
        .says("files/motd")
        .says("something else would be done than was planned");
    fs::write(&local, "one\n").expect("written");
    host.root("echo moved >/etc/motd");
    trueup(&host, &["apply", saved, "--auto-approve"])
        .code(6)
        .says("files/motd");
    assert_eq!(host.root("cat /etc/motd"), "moved\n");
    with(&host, declared, &["plan", "--out", saved]).code(0);
    trueup(&host, &["apply", saved, "--auto-approve"]).code(0);
    assert_eq!(host.root("cat /etc/motd ~ec2-user/own"), "one\none\n");
    trueup(&host, &["apply", saved, "--auto-approve"]).code(0);

    // As much as goes, and no more; what is not here is said with the way out, before a host is asked.
    let most = vec![b'x'; 1 << 20];
    fs::write(&local, &most).expect("written");
    with(&host, declared, &["apply", "--auto-approve"]).code(0);
    assert_eq!(fs::read(host.home("own")).expect("there"), most);
    with(&host, declared, &["plan", "--detailed-exitcode"]).code(0);
    fs::write(&local, [&most[..], b"x"].concat()).expect("written");
    let (connections, _) = host.seen_by_sshd();
    with(&host, declared, &["plan"])
        .code(3)
        .says("`files/motd`")
        .says("is larger than 1 MiB");
    fs::remove_file(&local).expect("removed");
    with(&host, declared, &["plan"])
        .code(3)
        .says("motd` cannot be read: No such file")
        .says("a relative path starts at the spec's folder");
    assert_eq!(host.seen_by_sshd().0, connections);
}

#[test]
fn what_would_harm_is_blocked() {
    let host = Host::start("amazon", &[]);
    host.add_account("other", 1077);
    host.root("mkdir /etc/a_folder; mkfifo /etc/a_pipe; install -d -o other /srv/theirs; touch /srv/theirs/file; \
               install -d -m 1777 /srv/sticky; ln -s /etc/shadow /srv/sticky/link; chown -h other /srv/sticky/link; \
               install -m 600 /dev/null /etc/closed");
    symlink("/etc/motd", host.home("own_link")).expect("made");
    let shadow = fs::metadata(host.path("/etc/shadow"))
        .expect("there")
        .permissions()
        .mode();
    let before = host.tree();
    for (file, says) in [
        (
            "path: /etc/a_folder, become: true",
            "`/etc/a_folder` is there and is no plain file",
        ),
        (
            "path: /etc/a_pipe, become: true",
            "`/etc/a_pipe` is there and is no plain file",
        ),
        (
            "path: /srv/theirs/file, become: true",
            "other could put something else in its place",
        ),
        (
            "path: /srv/sticky/link, become: true",
            "is a link that another account made",
        ),
        (
            "path: ~/mine, become: true",
            "leave `become` out: the account writes there itself",
        ),
        (
            "path: ~/mine, owner: other, become: true",
            "name a path in a folder of root's",
        ),
        (
            "path: ~/mine, owner: other",
            "and is to belong to other; only root can change it",
        ),
        (
            "path: ~/mine, owner: \"ec2-user:other\"",
            "and is to belong to ec2-user:other; only root",
        ),
        (
            "path: /etc/new",
            "`/etc` belongs to root, and ec2-user cannot write in it",
        ),
        (
            "path: /etc/motd/below, become: true",
            "`/etc/motd` is no folder",
        ),
    ] {
        let declared = format!("files: {{ f: {{ {file}, content: x }} }}");
        with(&host, &declared, &["plan", "--detailed-exitcode"])
            .code(2)
            .says(says);
        with(&host, &declared, &["apply", "--auto-approve"]).code(5);
    }
    let closed = "files: { f: { path: /etc/closed, content: x } }";
    with(&host, closed, &["plan", "--detailed-exitcode"])
        .code(4)
        .says("ec2-user cannot read `/etc/closed`; say `become: true`");
    assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);
    let now = fs::metadata(host.path("/etc/shadow"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(now, shadow);

    // A link of the account's own is followed, and stays.
    let own = "files: { f: { path: ~/own_link, content: x } }";
    host.root("chown ec2-user /etc/motd");
    with(&host, own, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("`/etc` belongs to root, and ec2-user cannot write in it")
        .says("name `/etc/motd` itself in the spec, and say `become: true`");
    with(&host, own, &["apply", "--auto-approve"]).code(5);
    // So is a folder that is a link, whether the account sees where it leads or not.
    host.root("mkdir -p /srv/roots; install -d -m 700 /srv/closed; mkdir /srv/closed/in");
    host.user("ln -s /srv/roots roots; ln -s /srv/closed/in in; mkdir mine; ln -s mine my");
    let before = host.tree();
    for (path, says) in [
        (
            "~/roots/f",
            "`~/roots` is a link to `/srv/roots`, which belongs to root, and ec2-user cannot write in it",
        ),
        (
            "~/in/f",
            "`~/in` is a link to `/srv/closed/in`, and ec2-user sees no folder there",
        ),
    ] {
        let declared = format!("files: {{ f: {{ path: {path}, content: x }} }}");
        with(&host, &declared, &["plan", "--detailed-exitcode"])
            .code(2)
            .says(says);
        with(&host, &declared, &["apply", "--auto-approve"]).code(5);
    }
    // And the same path twice, where the home is written in full.
    let twice =
        "files: { f: { path: ~/f, content: x }, g: { path: /home/ec2-user//f, content: y } }";
    with(&host, twice, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("`~/f` is `/home/ec2-user//f` on this host, the path of `files/g`, too")
        .says("`/home/ec2-user//f` is `~/f` on this host, the path of `files/f`, too");
    with(&host, twice, &["apply", "--auto-approve"]).code(5);
    assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);
    let linked = "files: { f: { path: ~/my/f, content: x } }";
    with(&host, linked, &["apply", "--auto-approve"]).code(0);
    assert_eq!(host.read("mine/f"), "x");
    host.user("ln -sf ~/target ~/own_link");
    with(&host, own, &["apply", "--auto-approve"]).code(0);
    assert_eq!(host.read("target"), "x");
    assert!(host.home("own_link").is_symlink());

    // An account that the machine does not have: the file is whole, and the next plan says what is left.
    let nobody = "files: { f: { path: /etc/new, content: x, owner: nosuch, become: true } }";
    with(&host, nobody, &["apply", "--auto-approve"])
        .code(5)
        .says("cannot give /etc/new to nosuch");
    with(&host, nobody, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("the owner of /etc/new is root, the spec wants nosuch");
}
