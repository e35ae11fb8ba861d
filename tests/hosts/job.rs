//! A host that is nothing but an account becomes a Kafka client; nothing is done twice.

use crate::{
    KAFKA, client,
    rig::{Host, differences, trueup, without_java},
};

#[test]
fn plan_apply_plan_apply_on_amazon_linux() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");

    let before = host.tree();
    let plan = trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(2);
    assert_eq!(
        differences(&before, &host.tree()),
        [] as [&str; 0],
        "a plan wrote something"
    );
    let (connections, sessions) = host.seen_by_sshd();
    assert_eq!((connections, sessions.len()), (1, 1), "{sessions:?}");
    plan.says("5 to add, 0 to change, 0 to delete");

    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("5 changes applied and verified")
        .says("/home/ec2-user/kafka_2.12-2.8.1/bin/kafka-topics.sh");
    assert_eq!(
        host.user("bash -l -i -c 'echo $CLASSPATH' 2>/dev/null")
            .trim(),
        format!("/home/ec2-user/{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar")
    );
    assert_eq!(
        host.user(&format!("stat -c '%a %U' ~/{KAFKA}/bin/client.properties"))
            .trim(),
        "600 ec2-user"
    );
    assert_eq!(
        host.user("ls -A /tmp; ls -A ~ | grep trueup || true")
            .trim(),
        "",
        "something was left behind"
    );

    let again = trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
    assert_eq!(again.out.lines().count(), 1, "{}", again.out);
    again.says("client: up to date, 5 resources");

    // Asserted from the host's side: not one file, folder or time differs.
    let before = host.tree();
    let (_, sessions_before) = host.seen_by_sshd();
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("up to date, 5 resources");
    assert_eq!(
        differences(&before, &host.tree()),
        [] as [&str; 0],
        "a second apply wrote something"
    );
    let (_, sessions) = host.seen_by_sshd();
    assert_eq!(
        sessions.len() - sessions_before.len(),
        1,
        "the lock, which looks, and nothing else"
    );

    trueup(&host, &["drift", spec]).code(0).says("in sync");
    trueup(&host, &["plan", spec, "--deep", "--detailed-exitcode"]).code(0);
}

#[test]
fn a_debian_host_becomes_a_client_too() {
    let host = Host::start("debian", &[]);
    let spec = host.spec(&client("21"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("5 changes applied and verified");
    let before = host.tree();
    let plan = trueup(
        &host,
        &["plan", spec, "--detailed-exitcode", "--format", "json"],
    )
    .code(0);
    assert_eq!(
        differences(&before, &host.tree()),
        [] as [&str; 0],
        "a plan wrote something"
    );
    let plan = plan.json();
    assert_eq!(plan["summary"]["none"], 5, "{plan}");
    assert_eq!(plan["complete"], true);
    assert_eq!(plan["hosts"][0]["steps"].as_array().map(Vec::len), Some(5));
}

#[test]
fn what_does_not_come_out_as_the_spec_says_is_named() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&without_java());
    let spec = spec.to_str().expect("text");
    // As soon as our block is there, a line that is read after it sets another jar.
    host.user(
        "printf '%s\\n' '. ~/.bashrc' 'if grep -q \"trueup: CLASSPATH\" ~/.bashrc; then' \
         'export CLASSPATH=/opt/aws-msk-iam-auth-1.1.1-all.jar; fi' >~/.bash_profile",
    );
    let said = trueup(&host, &["apply", spec, "--auto-approve"])
        .code(5)
        .says("and still differs from the spec")
        .says("names aws-msk-iam-auth-1.1.1-all.jar");
    assert!(!said.out.contains("applied and verified"), "{}", said.out);
}

#[test]
fn facts_cost_one_connection_and_one_command() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    let facts = trueup(&host, &["facts", spec, "--format", "json"])
        .code(0)
        .json();
    let (connections, sessions) = host.seen_by_sshd();
    assert_eq!((connections, sessions.len()), (1, 1), "{sessions:?}");
    let facts = facts[0].to_string();
    for expected in [
        "ec2-user",
        "amzn",
        "\"yum\"",
        "curl",
        "flock",
        "sudo",
        "machine_id",
        "ssh-ed25519",
    ] {
        assert!(facts.contains(expected), "no {expected} in {facts}");
    }
    trueup(&host, &["facts", spec])
        .code(0)
        .says("Amazon Linux 2");
}
