//! Plans that are kept: applied as they were shown, or not at all.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::Value;

use crate::{
    KAFKA, client,
    rig::{self, Host, Said, differences, fed, start, start_with, trueup, until, wait},
};

/// Makes a plan and keeps it; its path.
#[track_caller]
fn keep(host: &Host, spec: &str, name: &str) -> String {
    let file = host.folder.path().join(name);
    let file = file.to_str().expect("text").to_owned();
    trueup(host, &["plan", spec, "--out", &file]).code(0);
    let kept = fs::read(&file).expect("kept");
    rig::assert_plan(&serde_json::from_slice(&kept).expect("JSON"));
    file
}

/// Applies a plan that must be refused; nothing on the host may be another than before.
#[track_caller]
fn refused(host: &Host, file: &str) -> Said {
    let before = host.tree();
    let said = trueup(host, &["apply", file]).code(6);
    let after = host.tree();
    assert_eq!(
        differences(&before, &after),
        [] as [&str; 0],
        "something was written: {}",
        said.out
    );
    // It can be shown all the same.
    trueup(host, &["show", file]).code(0).says("a saved plan");
    said
}

#[test]
fn a_plan_is_kept_shown_applied_and_then_done() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    let file = host.folder.path().join("plan.json");
    let before = host.tree();
    let printed = trueup(
        &host,
        &[
            "plan",
            spec,
            "--out",
            file.to_str().expect("text"),
            "--format",
            "json",
            "--detailed-exitcode",
        ],
    )
    .code(2);
    assert_eq!(
        differences(&before, &host.tree()),
        [] as [&str; 0],
        "a plan wrote something"
    );
    assert_eq!(
        fs::metadata(&file).expect("kept").permissions().mode() & 0o777,
        0o600
    );
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("text")).expect("JSON");
    rig::assert_plan(&kept);
    let left = fs::read_dir(host.folder.path()).expect("a folder");
    let names: Vec<_> = left.map(|one| one.expect("an entry").file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().contains("trueup-")),
        "{names:?}"
    );
    let file = file.to_str().expect("text");
    let shown = trueup(&host, &["show", file, "--format", "json"]).code(0);
    assert_eq!(shown.out, printed.out);

    // No terminal, no `--auto-approve`: the plan is its own approval.
    trueup(&host, &["apply", file])
        .code(0)
        .says("5 changes applied and verified")
        .says("/home/ec2-user/kafka_2.12-2.8.1/bin/kafka-topics.sh");
    trueup(&host, &["drift", spec]).code(0);

    let before = host.tree();
    for _ in 0..2 {
        trueup(&host, &["apply", file])
            .code(0)
            .says("up to date, 5 resources");
    }
    assert_eq!(
        differences(&before, &host.tree()),
        [] as [&str; 0],
        "it was done already"
    );
    // Where the spec does not go along, that is said.
    let piped = fed(&host, &["plan", "-", "--out", "-"], spec).code(0);
    fs::remove_file(spec).expect("removed");
    trueup(&host, &["apply", file]).code(0).says("is not here");
    fs::write(file, piped.out).expect("written");
    fed(&host, &["apply", "-"], file)
        .code(0)
        .says("note: `<stdin>` is not here")
        .says("up to date, 5 resources");
}

#[test]
fn what_moved_since_is_refused_by_name() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    let empty = keep(&host, spec, "empty.json");
    // The machine was bare when it was planned.
    host.user(&format!("mkdir {KAFKA} && touch {KAFKA}/theirs"));
    refused(&host, &empty)
        .says("`client/kafka` has changed since the plan was made")
        .says("the plan says that it would be created; now it is blocked")
        .says("nothing was written on client");
    host.user(&format!("rm -r {KAFKA}"));
    trueup(&host, &["apply", &empty]).code(0);

    let jar = format!("~/{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    let properties = format!("~/{KAFKA}/bin/client.properties");
    // What was as it should be counts, too; what to undo it with.
    let drifts = [
        (
            "client/kafka",
            format!("mv ~/{KAFKA}/bin/kafka-topics.sh ~/x"),
            format!("mv ~/x ~/{KAFKA}/bin/kafka-topics.sh"),
        ),
        (
            "client/msk_iam_auth",
            format!("mv {jar} ~/x; echo x >{jar}"),
            format!("mv ~/x {jar}"),
        ),
        (
            "client/classpath",
            "cp ~/.bashrc ~/x; echo 'export CLASSPATH=/opt/aws-msk-iam-auth-0.jar' >>~/.bashrc"
                .into(),
            "cp ~/x ~/.bashrc; rm ~/x".into(),
        ),
        (
            "client/properties",
            format!("sed -i 's/^sasl.mechanism=.*/sasl.mechanism=PLAIN/' {properties}"),
            format!("sed -i 's/^sasl.mechanism=.*/sasl.mechanism=AWS_MSK_IAM/' {properties}"),
        ),
        (
            "client/properties",
            format!("chmod 644 {properties}"),
            format!("chmod 600 {properties}"),
        ),
    ];
    let whole = keep(&host, spec, "whole.json");
    for (address, change, undo) in &drifts {
        host.user(change);
        refused(&host, &whole)
            .says(&format!("`{address}` has changed since the plan was made"))
            .says("the plan says that it stays as it is");
        // A plan to repair it, and another drift elsewhere: also what is not to be touched counts.
        let repair = keep(&host, spec, "repair.json");
        let other = drifts
            .iter()
            .find(|(other, ..)| other != address)
            .expect("one");
        host.user(&other.1.replace("~/x", "~/y"));
        refused(&host, &repair).says(&format!("`{}` has changed", other.0));
        host.user(&other.2.replace("~/x", "~/y"));
        // And once more elsewhere: a machine that is again as it was is not refused.
        host.user(undo);
        trueup(&host, &["apply", &whole]).code(0);
    }
    let said = {
        host.user(&drifts[3].1);
        let repair = keep(&host, spec, "repair.json");
        host.user(&format!(
            "sed -i 's/^sasl.mechanism=.*/sasl.mechanism=GSSAPI/' {properties}"
        ));
        refused(&host, &repair).says("`sasl.mechanism` is GSSAPI");
        host.user(&drifts[3].1);
        host.user(&format!("sed -i 's/GSSAPI/PLAIN/' {properties}"));
        trueup(&host, &["apply", &repair, "--format", "json"])
            .code(0)
            .json()
    };
    assert_eq!(
        said["outcome"]["hosts"][0]["applied"][0],
        "client/properties"
    );
    host.user(&drifts[3].1);
    let said = trueup(&host, &["apply", &whole, "--format", "json"])
        .code(6)
        .json();
    assert_eq!(said["outcome"]["exit_code"], 6);
    assert_eq!(
        said["outcome"]["hosts"][0]["moved"][0]["address"],
        "client/properties"
    );
}

#[test]
fn another_machine_behind_the_address_is_refused() {
    let first = Host::start("amazon", &[]);
    let desk = tempfile::tempdir().expect("a folder");
    let spec = desk.path().join("spec.yaml");
    fs::copy(first.spec(&client("1.8.0")), &spec).expect("copied");
    let plan = desk.path().join("plan.json");
    let (spec, plan) = (spec.to_str().expect("text"), plan.to_str().expect("text"));
    let run = |words: &[&str]| wait(start(desk.path(), words));
    run(&["plan", spec, "--out", plan]).code(0);
    // A machine of the same image, keys and all, takes over the address.
    let address = first.get("address").to_owned();
    let key = fs::read(first.path("etc/ssh/ssh_host_ed25519_key")).expect("a key");
    let public = fs::read(first.path("etc/ssh/ssh_host_ed25519_key.pub")).expect("a key");
    drop(first);
    let second = Host::start("amazon", &["--address", &address]);
    // With a key of its own ssh itself refuses it.
    run(&["apply", plan]).code(4);
    fs::write(second.path("etc/ssh/ssh_host_ed25519_key"), key).expect("written");
    fs::write(second.path("etc/ssh/ssh_host_ed25519_key.pub"), &public).expect("written");
    second.root("kill -HUP $(pgrep -o sshd)");
    let connects = || second_knows(&second, &public);
    until("sshd has the key", connects);
    let before = second.tree();
    run(&["apply", plan])
        .code(6)
        .says("client is not what the plan was made for")
        .says("its machine id is");
    assert_eq!(differences(&before, &second.tree()), [] as [&str; 0]);

    // An image may carry a machine id along; the instance is another all the same.
    let cloud = second.path("var/lib/cloud/data");
    fs::create_dir_all(&cloud).expect("made");
    fs::write(cloud.join("instance-id"), "i-0123456789abcdef0\n").expect("written");
    run(&["plan", spec, "--out", plan])
        .code(0)
        .says("i-0123456789abcdef0");
    fs::write(cloud.join("instance-id"), "i-0fedcba9876543210\n").expect("written");
    run(&["apply", plan])
        .code(6)
        .says("it is the instance i-0fedcba9876543210, and was i-0123456789abcdef0");
    fs::write(cloud.join("instance-id"), "i-0123456789abcdef0").expect("written");
    run(&["apply", plan]).code(0);
}

/// Whether a host shows a key.
fn second_knows(host: &Host, public: &[u8]) -> bool {
    let output = std::process::Command::new("ssh-keyscan")
        .args(["-t", "ed25519", host.get("address")])
        .output()
        .expect("ssh-keyscan runs");
    let wanted = String::from_utf8_lossy(public);
    let wanted = wanted.split_whitespace().nth(1).expect("a key");
    String::from_utf8_lossy(&output.stdout).contains(wanted)
}

#[test]
fn a_changed_spec_is_refused_before_anything_is_sent() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let path = spec.to_str().expect("text");
    let plan = keep(&host, path, "plan.json");
    let text = fs::read_to_string(&spec).expect("text");
    fs::write(&spec, format!("{text}# a remark\n")).expect("written");
    let (connections, _) = host.seen_by_sshd();
    refused(&host, &plan).says("has changed since the plan was made");
    assert_eq!(host.seen_by_sshd().0, connections, "the host was asked");
    fs::write(&spec, text).expect("written");
    trueup(&host, &["apply", &plan]).code(0);
}

/// Killed with -9 when the k-th step has said that it is done, and applied again, with the same plan.
#[test]
fn a_plan_that_was_killed_after_any_step_can_be_applied_again() {
    let mut again = 0;
    for steps in 1..=4 {
        let host = Host::start("amazon", &[]);
        let spec = host.spec(&client("1.8.0"));
        let spec = spec.to_str().expect("text");
        let plan = keep(&host, spec, "plan.json");
        let mut child = start(host.folder.path(), &["apply", &plan]);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let is_done = |line: &String| line.split_whitespace().nth(1) == Some("done");
        for _ in 0..steps {
            let done = lines.by_ref().map(|line| line.expect("text")).find(is_done);
            assert!(done.is_some(), "it ended before {steps} steps were done");
        }
        child.kill().expect("killed");
        child.wait().expect("it ends");
        // The holder of the lock ends with the step that runs, if one does.
        let said = trueup(&host, &["apply", &plan, "--format", "json"])
            .code(0)
            .json();
        let done = said["outcome"]["hosts"][0]["applied"]
            .as_array()
            .map_or(0, Vec::len);
        assert!(
            done <= 5 - steps,
            "{steps} steps were done, and then {done}"
        );
        again += done;
        trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
        trueup(&host, &["apply", &plan])
            .code(0)
            .says("up to date, 5 resources");
    }
    assert!(again > 0, "each apply was over before it was killed");
}

#[test]
fn a_stale_host_does_not_hold_up_the_others() {
    let (first, second) = (Host::start("amazon", &[]), Host::start("amazon", &[]));
    let spec = first.folder.path().join("spec.yaml");
    let properties = "properties: { path: ~/c.properties, extra: { client.id: x } }";
    let text = format!(
        "version: 1\nhosts:\n  one:\n    {}\n  two:\n    {}\nclient: {{ {properties} }}\n",
        first.way(),
        second.way()
    );
    fs::write(&spec, text).expect("written");
    let plan = keep(&first, spec.to_str().expect("text"), "plan.json");
    first.user("echo client.id=y >~/c.properties");
    let before = first.tree();
    trueup(&first, &["apply", &plan])
        .code(6)
        .says("`one:client/properties` has changed")
        .says("nothing was written on one")
        .says("1 of 2 changes applied and verified");
    assert_eq!(differences(&before, &first.tree()), [] as [&str; 0]);
    assert_eq!(second.read("c.properties").trim(), "client.id=x");
}

#[test]
fn a_kept_plan_keeps_what_was_selected() {
    let (first, second) = (Host::start("amazon", &[]), Host::start("amazon", &[]));
    // Two specs whose hosts have one name.
    let specs = [("one", &first), ("two", &second)].map(|(name, host)| {
        let path = first.folder.path().join(format!("{name}.yaml"));
        let text = format!(
            "version: 1\nhosts:\n  client:\n    {}\nclient:\n  {}\n",
            host.way(),
            client("1.8.0").replace('\n', "\n  ")
        );
        fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    });
    let file = first.folder.path().join("plan.json");
    let file = file.to_str().expect("text");
    let mut words = vec!["plan", &specs[0], &specs[1], "--out", file];
    words.extend(["--target", "one/client:client/msk_iam_auth"]);
    words.extend(["--target", "two/client:client/kafka"]);
    trueup(&first, &words).code(0);
    let kept: Value = serde_json::from_slice(&fs::read(file).expect("kept")).expect("JSON");
    assert_eq!(kept["selection"]["required"][0], "client/kafka");

    let said = trueup(&first, &["apply", file, "--format", "json"]).code(0);
    let plan = said.json();
    let addresses = |at: usize| -> Vec<&str> {
        let steps = plan["hosts"][at]["steps"].as_array().expect("steps");
        let address = |step: &'_ Value| -> Option<usize> {
            ["client/kafka", "client/msk_iam_auth"]
                .iter()
                .position(|one| step["address"] == *one)
        };
        let name = |at| ["client/kafka", "client/msk_iam_auth"][at];
        steps
            .iter()
            .map(|step| address(step).map_or("another", name))
            .collect()
    };
    assert_eq!(addresses(0), ["client/kafka", "client/msk_iam_auth"]);
    assert_eq!(addresses(1), ["client/kafka"]);
    assert_eq!(plan["selection"], kept["selection"]);
    assert!(
        first
            .home(&format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar"))
            .exists()
    );
    assert!(
        !second
            .home(&format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar"))
            .exists()
    );
    assert!(second.home(KAFKA).exists() && !first.read(".bashrc").contains("trueup"));

    // What was left out may move as it likes; what was selected may not.
    first.user("echo 'export CLASSPATH=/opt/x.jar' >>~/.bashrc");
    trueup(&first, &["apply", file]).code(0);
    second.user(&format!(
        "truncate -s -100 ~/{KAFKA}/libs/kafka-clients-2.8.1.jar"
    ));
    trueup(&first, &["apply", file, "--format", "markdown"])
        .code(6)
        .says("| change | `two/client:client/kafka`")
        .says("**has changed**");
}

#[test]
fn secrets_are_read_again_and_another_one_is_refused() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(
        "properties: { path: ~/c.properties, extra: { ssl.truststore.password: { env: PW }, ssl.key.password: { file: pw } } }",
    );
    let (spec, folder) = (spec.to_str().expect("text"), host.folder.path());
    let run = |secret: &str, words: &[&str]| wait(start_with(folder, words, &[("PW", secret)]));
    fs::write(folder.join("pw"), "canary-2\n").expect("written");
    let plan = folder.join("plan.json");
    let plan = plan.to_str().expect("text");
    run("canary-1", &["plan", spec, "--out", plan]).code(0);
    let (connections, _) = host.seen_by_sshd();
    run("canary-3", &["apply", plan]).code(6).says(
        "the secret `ssl.truststore.password` of client is another than when the plan was made",
    );
    fs::write(folder.join("pw"), "canary-4\n").expect("written");
    run("canary-1", &["apply", plan])
        .code(6)
        .says("the secret `ssl.key.password` of client");
    wait(start(folder, &["apply", plan]))
        .code(3)
        .says("`PW` is not set");
    assert_eq!(host.seen_by_sshd().0, connections, "the host was asked");
    fs::write(folder.join("pw"), "canary-2\n").expect("written");
    run("canary-1", &["apply", plan]).code(0);
    let on_host = host.read("c.properties");
    assert!(
        on_host.contains("canary-1") && on_host.contains("canary-2"),
        "{on_host}"
    );
    // Where both sides are secret, the next plan knows them, and says neither.
    host.user("sed -i s/canary-1/canary-5/ ~/c.properties");
    let next = folder.join("next.json");
    let said = run(
        "canary-1",
        &["plan", spec, "--out", next.to_str().expect("text")],
    )
    .code(0);
    let shown = run("canary-1", &["show", next.to_str().expect("text")])
        .code(0)
        .says("(sensitive), differs");
    no_canary(folder, &[&said, &shown]);
}

/// No file but the secret's own and no output has a secret.
fn no_canary(folder: &Path, said: &[&Said]) {
    for said in said {
        assert!(
            !said.out.contains("canary") && !said.err.contains("canary"),
            "{said:?}"
        );
    }
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() && !path.ends_with("pw") {
            files += 1;
            assert!(
                !fs::read_to_string(&path).expect("text").contains("canary"),
                "{}",
                path.display()
            );
        }
    }
    assert!(files >= 3, "{files} files were looked at");
}

#[test]
fn what_is_said_of_ssh_for_all_hosts_is_kept_and_reaches_each() {
    let host = Host::start("amazon", &[]);
    let user = host.get("user");
    let way = host.way();
    let all = way.replace(&format!("user: {user},"), "user: \"${account}\",");
    assert_ne!(all, way);
    let path = host.folder.path().join("all.yaml");
    let text = format!(
        "version: 1\nvars: {{ account: nobody }}\n{all}\nhosts:\n  here: {{ vars: {{ account: {user} }} }}\n\
         client: {{ properties: {{ path: ~/c.properties, extra: {{ client.id: \"${{host.name}}\" }} }} }}\n"
    );
    fs::write(&path, text).expect("written");
    let spec = path.to_str().expect("text");
    trueup(&host, &["facts", spec]).code(0).says(user);
    trueup(&host, &["trust", spec]).code(0).says("here");
    let file = keep(&host, spec, "plan.json");
    let kept: Value = serde_json::from_slice(&fs::read(&file).expect("kept")).expect("JSON");
    let kept = kept.to_string();
    assert!(kept.contains(&format!("\"user\":\"{user}\"")), "{kept}");
    trueup(&host, &["apply", &file]).code(0);
    assert_eq!(host.read("c.properties"), "client.id=here\n");
    trueup(&host, &["drift", spec]).code(0);
}
