//! Whole files on real machines: their bytes, mode and owner, as the account and as root.

use std::fs;

use crate::{
    rig::{Host, trueup},
    root::with,
};

const CANARY: &str = "canary-of-a-file-7f3a";

#[test]
fn a_file_is_written_whole_missed_and_put_right() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        let spec = r#"files:
  motd: { path: /etc/motd, content: "A Kafka client.\n", become: true }
  "my notes": { path: ~/notes/of mine.txt, content: "own\n", mode: "0600" }
"#;
        let plan = |spec: &str| with(&host, spec, &["plan", "--detailed-exitcode"]);
        let apply = |spec: &str| with(&host, spec, &["apply", "--auto-approve"]);

        let motd = "files: { motd: { path: /etc/motd, content: x } }";
        plan(motd).code(2).says("become: true");
        apply(spec).code(0);
        assert_eq!(host.root("cat /etc/motd"), "A Kafka client.\n", "{kind}");
        let stat = |path: &str| host.root(&format!("stat -c '%a %U' '{path}'"));
        assert_eq!(stat("/etc/motd").trim(), "644 root");
        let own = host.home("notes/of mine.txt");
        assert_eq!(fs::read_to_string(&own).expect("written"), "own\n");
        assert_eq!(
            stat("/home/ec2-user/notes/of mine.txt").trim(),
            "600 ec2-user"
        );
        plan(spec).code(0);

        // Bytes, mode and owner are each missed, by name.
        host.root("echo more >>/etc/motd; chmod 640 '/home/ec2-user/notes/of mine.txt'");
        let drift = with(&host, spec, &["drift"]).code(2);
        let drift = drift.says("files/motd").says("files/my notes");
        assert!(!drift.out.contains("more\n"), "{}", drift.out);
        let one = ["apply", "--auto-approve", "--target", "files/my notes"];
        with(&host, spec, &one).code(0);
        plan(spec).code(2).says("files/motd");
        apply(spec).code(0);
        plan(spec).code(0);

        let owned = "files: { k: { path: /etc/k.conf, content: x, owner: \"ec2-user:ec2-user\", become: true } }";
        apply(owned).code(0);
        assert_eq!(stat("/etc/k.conf").trim(), "644 ec2-user");
        host.root("chown root /etc/k.conf");
        plan(owned).code(2).says("owner");
        apply(owned).code(0);
        plan(owned).code(0);

        // What is no plain file stays, and says so.
        host.root("mkdir /etc/a-folder");
        let folder = "files: { k: { path: /etc/a-folder, content: x, become: true } }";
        plan(folder).code(2).says("is no plain file");
        // Root writes nothing where another account could put something else.
        let open = "files: { k: { path: ~/k, content: x, become: true } }";
        plan(open).code(2).says("ec2-user");
    }
}

#[test]
fn sources_and_secrets_come_from_where_it_runs() {
    let host = Host::start("amazon", &[]);
    let folder = host.spec("java: { version: 8 }");
    let folder = folder.parent().expect("a folder");
    let spec = r#"files:
  tool: { path: ~/bin/tool, source: tool.bin, mode: "0755" }
  token: { path: ~/.token, content: { file: token }, mode: "0600" }
"#;
    let plan = |words: &[&str]| with(&host, spec, words);
    let missing = plan(&["plan"]).code(3);
    missing
        .says("cannot be read")
        .says("starts at the spec's folder");

    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    fs::write(folder.join("tool.bin"), &bytes).expect("written");
    fs::write(folder.join("token"), format!("{CANARY}\n")).expect("written");
    let saved = folder.join("plan.json");
    let saved = saved.to_str().expect("text");
    let said = plan(&["plan", "--out", saved, "--format", "json"]).code(0);
    let kept = fs::read_to_string(saved).expect("saved");
    assert!(!said.out.contains(CANARY) && !kept.contains(CANARY));

    // What it holds is read again, and is to be the same.
    fs::write(folder.join("tool.bin"), "another").expect("written");
    let stale = trueup(&host, &["apply", saved, "--auto-approve"]);
    stale.code(6).says("files/tool");
    fs::write(folder.join("tool.bin"), &bytes).expect("written");
    trueup(&host, &["apply", saved, "--auto-approve"]).code(0);
    assert_eq!(fs::read(host.home("bin/tool")).expect("there"), bytes);
    let token = fs::read_to_string(host.home(".token")).expect("there");
    assert_eq!(token, CANARY);
    plan(&["plan", "--detailed-exitcode"]).code(0);

    fs::write(host.home(".token"), "somebody else's").expect("written");
    let drift = plan(&["drift"]).code(2).says("files/token");
    assert!(!drift.out.contains("somebody") && !drift.out.contains(CANARY));
}
