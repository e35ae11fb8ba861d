//! Archives on real machines: unpacked once, missed, replaced as a whole, and nobody else's folder touched.

use std::process::Command;

use crate::{
    KAFKA,
    rig::{Host, SITE, differences, kafka_sha512, trueup},
    root::with,
};

/// Packs a small tree of a version on the host, below a folder of its own, and leads to it.
fn packed(host: &Host, version: &str, more: &str) -> String {
    let top = format!("kcat-{version}");
    host.user(&format!(
        "mkdir -p ~/made/{top}/bin && cd ~/made && printf '#!/bin/sh\\necho {version}\\n' >{top}/bin/kcat && chmod 755 {top}/bin/kcat \
         && echo licence >{top}/LICENSE && ln -s bin/kcat {top}/run; {more} tar -czf {top}.tar.gz {top}"
    ));
    at(host, &format!("{top}.tar.gz"))
}

/// The keys of a spec that lead to a file of `~/made`.
fn at(host: &Host, name: &str) -> String {
    let sha256 = host.user(&format!("sha256sum <~/made/{name}"));
    let sha256 = sha256
        .split_whitespace()
        .next()
        .expect("a digest")
        .to_owned();
    format!("url: \"file:///home/ec2-user/made/{name}\", sha256: {sha256}")
}

#[test]
fn a_tree_is_unpacked_missed_and_replaced_as_a_whole() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        let (old, new) = (packed(&host, "1.6.0", ""), packed(&host, "1.7.0", ""));
        let spec =
            |from: &str| format!("archives: {{ kcat: {{ {from}, to: ~/tools/kcat, strip: 1 }} }}");
        let plan = |from: &str| with(&host, &spec(from), &["plan", "--detailed-exitcode"]);
        let apply = |from: &str| with(&host, &spec(from), &["apply", "--auto-approve"]);
        let run = || host.user("~/tools/kcat/run; ls -A ~/tools /tmp");

        let before = host.tree();
        plan(&old).code(2).says("`~/tools/kcat` is missing");
        assert_eq!(
            differences(&before, &host.tree()),
            [] as [&str; 0],
            "a plan wrote"
        );
        apply(&old).code(0).says("sha256 as in the spec");
        assert_eq!(
            run(),
            "1.6.0\n/home/ec2-user/tools:\nkcat\n\n/tmp:\n",
            "{kind}"
        );
        plan(&old).code(0);
        let before = host.tree();
        apply(&old).code(0);
        assert_eq!(
            differences(&before, &host.tree()),
            [] as [&str; 0],
            "it was unpacked again"
        );

        // What is missing, and what has another size; other bytes are seen by those who look deep.
        host.user("cd ~/tools/kcat && rm LICENSE && echo more >>bin/kcat");
        let drift = with(&host, &spec(&old), &["drift"]).code(2);
        drift.says("3 files are not as unpacked: LICENSE, bin/kcat, run");
        apply(&old).code(0);
        with(&host, &spec(&old), &["drift"]).code(0);
        host.user("cd ~/tools/kcat && echo LICENCE >LICENSE");
        plan(&old).code(0);
        let deep = &["plan", "--deep", "--detailed-exitcode"];
        with(&host, &spec(&old), deep)
            .code(2)
            .says("1 file is not as unpacked: LICENSE");
        with(&host, &spec(&old), &["apply", "--deep", "--auto-approve"]).code(0);
        with(&host, &spec(&old), deep).code(0);

        // Another archive: as a whole, and not over what is somebody's.
        host.user("echo mine >~/tools/kcat/mine.conf");
        plan(&old).code(0);
        let blocked = plan(&new).code(2);
        blocked
            .says("`~/tools/kcat` holds kcat-1.6.0.tar.gz")
            .says("not of its archive: mine.conf");
        host.user("mv ~/tools/kcat/mine.conf ~");
        let saved = host.path("/tmp/saved-plan");
        let saved = saved.to_str().expect("text");
        with(&host, &spec(&new), &["plan", "--out", saved]).code(0);
        host.user("mv ~/tools/kcat/LICENSE ~");
        trueup(&host, &["apply", saved, "--auto-approve"])
            .code(6)
            .says("archives/kcat");
        host.user("mv ~/LICENSE ~/tools/kcat");
        trueup(&host, &["apply", saved, "--auto-approve"]).code(0);
        host.root("rm /tmp/saved-plan");
        assert_eq!(
            run(),
            "1.7.0\n/home/ec2-user/tools:\nkcat\n\n/tmp:\n",
            "{kind}"
        );
        plan(&new).code(0);

        // What leads out is refused, and the tree stays.
        let evil = packed(&host, "6.6.6", "ln -s /etc kcat-6.6.6/out;");
        apply(&evil).code(5).says("links that lead out of it");
        let other = format!("{}{}", &new[..new.len() - 4], "0000");
        apply(&other).code(5).says("the spec pins");
        assert_eq!(
            run(),
            "1.7.0\n/home/ec2-user/tools:\nkcat\n\n/tmp:\n",
            "{kind}"
        );

        // A folder of somebody else's.
        let theirs = format!("archives: {{ made: {{ {new}, to: ~/made }} }}");
        let blocked = with(&host, &theirs, &["plan", "--detailed-exitcode"]).code(2);
        blocked.says("`~/made` is there, and is of no archive of trueup's");
    }
}

#[test]
fn archives_of_any_kind() {
    let host = Host::start("amazon", &[]);
    packed(&host, "1.7.0", "");
    host.user(
        "cd ~/made && tar -cf a.tar kcat-1.7.0 && tar -czf dotted.tgz ./kcat-1.7.0 && cd kcat-1.7.0 \
         && tar -czf ../flat.tgz *",
    );
    let zipped = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .args([host.home("made/a.zip"), host.home("made/kcat-1.7.0")])
        .status();
    assert!(zipped.expect("python3 runs").success());
    let mut declared = String::new();
    let mut count = 0;
    for (name, strip) in [
        ("a.tar", 1),
        ("a.zip", 1),
        ("dotted.tgz", 1),
        ("flat.tgz", 0),
    ] {
        let from = at(&host, name);
        declared.push_str(&format!(
            "  {name}: {{ {from}, to: ~/out/{count}, strip: {strip} }}\n"
        ));
        count += 1;
    }
    // As it is served, by sha512: Kafka is an archive, too.
    let sha512 = kafka_sha512();
    declared.push_str(&format!(
        "  kafka: {{ url: \"{SITE}/files/{KAFKA}.tgz\", sha512: {sha512}, to: ~/out/kafka, strip: 1 }}\n"
    ));
    let spec = format!("archives:\n{declared}");
    with(&host, &spec, &["apply", "--auto-approve"])
        .code(0)
        .says("sha512 as in the spec");
    with(&host, &spec, &["plan", "--detailed-exitcode"])
        .code(0)
        .says("5 resources");
    for out in 0..count {
        assert_eq!(host.user(&format!("~/out/{out}/bin/kcat")), "1.7.0\n");
    }
    host.user("test -x ~/out/kafka/bin/kafka-topics.sh");
    // Its tree is none of the client's, and the client's none of archives'.
    let client = format!(
        "client: {{ kafka: {{ version: 2.8.1, scala: 2.12, home: ~/out/kafka, sha512: {sha512} }} }}"
    );
    let blocked = with(&host, &client, &["plan", "--detailed-exitcode"]).code(2);
    blocked.says("was unpacked from another archive");
}

#[test]
fn root_unpacks_where_only_root_can() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        let from = packed(&host, "1.7.0", "");
        let spec = |to: &str, as_root: &str| {
            format!("archives: {{ kcat: {{ {from}, to: {to}, strip: 1{as_root} }} }}")
        };
        let plan = |to: &str, as_root: &str| {
            with(&host, &spec(to, as_root), &["plan", "--detailed-exitcode"])
        };
        let root = ", become: true ";
        let blocked = plan("/opt/kcat", "").code(2);
        blocked
            .says("root, and ec2-user cannot write in it")
            .says("say `become: true`");
        plan("/opt/kcat", root)
            .code(2)
            .says("`/opt/kcat` is missing");
        with(
            &host,
            &spec("/opt/kcat", root),
            &["apply", "--auto-approve"],
        )
        .code(0);
        plan("/opt/kcat", root).code(0);
        // As the account itself it can be seen, and run.
        plan("/opt/kcat", "").code(0);
        let seen =
            host.user("/opt/kcat/run; stat -c '%U %a' /opt/kcat /opt/kcat/bin/kcat; ls -A /opt");
        assert_eq!(seen, "1.7.0\nroot 755\nroot 755\nkcat\n", "{kind}");

        host.root("rm /opt/kcat/LICENSE");
        with(&host, &spec("/opt/kcat", root), &["drift"])
            .code(2)
            .says("LICENSE");
        with(
            &host,
            &spec("/opt/kcat", root),
            &["apply", "--auto-approve"],
        )
        .code(0);
        with(&host, &spec("/opt/kcat", root), &["drift"]).code(0);
        assert_eq!(host.user("ls -A /opt"), "kcat\n", "{kind}");

        // Where the account could put something else in its place, root writes nothing.
        let blocked = plan("~/kcat", root).code(2);
        blocked.says("leave `become` out");
    }
}
