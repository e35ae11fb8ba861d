//! `trueup prove`: the client's own list, through AWS_MSK_IAM, and what goes wrong for people.

use super::journey::Aws;
use crate::{
    KAFKA, client,
    rig::{Host, ROLE_ARN, Said, differences, start_with, until, wait},
};

const CANARY: &str = "canary-7c31f";

/// Runs `prove`, with what comes after the spec.
fn prove(aws: &Aws, host: &Host, words: &[&str]) -> Said {
    let all: Vec<&str> = ["prove"].into_iter().chain(words.iter().copied()).collect();
    let said = aws.run(host, &all);
    let both = format!("{}{}", said.out, said.err);
    assert!(!both.contains(CANARY), "{both}");
    said
}

/// How many JVMs run on the host.
fn jvms(host: &Host) -> usize {
    let text = "for f in /proc/[0-9]*/comm; do cat $f 2>/dev/null; done | grep -c '^java$' || :";
    host.root(text).trim().parse().expect("a number")
}

#[test]
fn the_client_is_the_judge_of_its_host() {
    let host = Host::start("amazon", &[]);
    let aws = Aws::around(&host, "prove", "10.77.0.246", &[]);
    aws.spec(&host, &client("1.8.0"), "pin, geo");
    let applied = aws
        .run(&host, &["apply", "--auto-approve", "--prove"])
        .code(0);
    // What people are told to do next works as it stands.
    let (_, next) = applied
        .out
        .split_once("next: on the client, in a new shell\n")
        .expect("what comes next");
    let lines: Vec<&str> = next
        .lines()
        .take_while(|line| line.starts_with("  "))
        .collect();
    let command = lines.join("\n");
    let listed = host.ssh(&format!("bash -l -i -c '{command}'"), b"").code(0);
    assert!(
        ["geo", "pin"]
            .iter()
            .all(|topic| listed.out.contains(&format!("0ab336d6fcf7.{topic}\n"))),
        "{listed:?}"
    );
    applied
        .says("7 changes applied and verified")
        .says(&format!(
            "client: proven: the client lists 2 topics as {ROLE_ARN}"
        ));
    let home = format!("/home/ec2-user/{KAFKA}");
    let (jar, file) = (
        format!("{home}/libs/aws-msk-iam-auth-1.1.5-all.jar"),
        format!("{home}/bin/client.properties"),
    );
    // What a traced shell and a JVM would repeat, and what asks people for something.
    host.user(&format!(
        "printf '%s\\n' 'export JAVA_TOOL_OPTIONS=-Dx={CANARY}' 'set -x; : {CANARY}; set +x' >>~/.bashrc"
    ));

    let before = host.tree();
    prove(&aws, &host, &[]).code(0).says(&format!(
        "client: proven: the client lists 2 topics as {ROLE_ARN}"
    ));
    let left = differences(&before, &host.tree());
    assert_eq!(left, Vec::<String>::new(), "nothing is left on the host");

    // A jar that is none: Java says nothing of the file.
    host.user(&format!("cp {jar} ~/kept; printf '<!DOCTYPE html>' >{jar}"));
    let json = prove(&aws, &host, &["--format", "json"]).code(5).json();
    let proof = &json["outcome"]["proofs"][0];
    let text = |key: &str| proof[key].to_string();
    assert_eq!(json["outcome"]["exit_code"], 5);
    assert!(
        text("cause").contains("no auth jar is on its class path"),
        "{proof}"
    );
    assert!(text("said").contains("could not be found"), "{proof}");
    assert!(text("notes").contains("client/msk_iam_auth"), "{proof}");
    host.user(&format!("cp -p ~/kept {jar}; rm ~/kept"));

    // The role.
    aws.set("trusts_itself=false");
    // Nothing was to be done, and the client is asked all the same.
    aws.run(&host, &["apply", "--auto-approve", "--prove"])
        .code(5)
        .says(&format!(
            "STS does not let the machine's own role assume {ROLE_ARN}"
        ))
        .says("\"Action\":\"sts:AssumeRole\"")
        .says("said");
    aws.set("trusts_itself=true");
    aws.set("role=null");
    prove(&aws, &host, &["--format", "markdown"])
        .code(5)
        .says("0 of 1 proven")
        .says("finds no AWS credentials");
    aws.set("role=\"0ab336d6fcf7-ec2-access-role\"");

    // A file that says PLAINTEXT, on the IAM port.
    host.user(&format!(
        "cp {file} ~/kept; sed -i 's/SASL_SSL/PLAINTEXT/' {file}"
    ));
    prove(&aws, &host, &["--format", "junit", "--timeout", "20s"])
        .code(5)
        .says("the client speaks plaintext")
        .says("security.protocol=PLAINTEXT");
    // A password whose line is broken, and Kafka quotes what it cannot read.
    host.user(&format!(
        "sed -i 's/^sasl.jaas.config.*/sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required password=x {CANARY};/; s/PLAINTEXT/SASL_SSL/; s/AWS_MSK_IAM/PLAIN/; /callback/d' {file}"
    ));
    prove(&aws, &host, &[])
        .code(5)
        .says("Kafka cannot read `sasl.jaas.config`")
        .says("not up to date: client/properties");
    host.user(&format!("cp -p ~/kept {file}; rm ~/kept"));

    // A closed port: the deadline is ours, and nothing stays behind.
    let closed = aws.get("bootstrap").replace(":9098", ":9097");
    prove(
        &aws,
        &host,
        &["--bootstrap-server", &closed, "--timeout", "20s"],
    )
    .code(5)
    .says("the port is closed")
    .says("security group");
    assert_eq!(jvms(&host), 0);

    // Ctrl-C.
    let spec = host.folder.path().join("spec.yaml");
    let words = [
        "prove",
        spec.to_str().expect("text"),
        "--bootstrap-server",
        &closed,
    ];
    let environment = [("SSL_CERT_FILE", aws.get("ca"))];
    let child = start_with(host.folder.path(), &words, &environment);
    until("the client runs", || jvms(&host) > 0);
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(killed.expect("kill runs").success());
    wait(child).code(130);
    until("the client is gone", || jvms(&host) == 0);

    // Start files that ask for a terminal, without which the class path would not be set; and what they
    // print is nobody's answer.
    let start = host.read(".bashrc");
    host.user(
        "{ printf 'tty -s || return\\necho pin\\n'; cat ~/.bashrc; } >~/new; mv ~/new ~/.bashrc",
    );
    let applied = aws.run(
        &host,
        &["apply", "--auto-approve", "--prove", "--format", "json"],
    );
    let json = applied.code(0).json();
    let proof = &json["outcome"]["proofs"][0];
    assert_eq!(
        (&proof["result"], &proof["topics"]),
        (&"proven".into(), &2.into()),
        "{json:#}"
    );
    std::fs::write(host.home(".bashrc"), start).expect("written");

    // Without Java.
    host.user("printf 'export JAVA_HOME=/nowhere\\n' >>~/.bashrc");
    prove(&aws, &host, &["--format", "jsonl"])
        .code(5)
        .says("`JAVA_HOME` of a fresh login shell leads to no Java")
        .says("\"event\":\"proof\"");
}

#[test]
fn a_spec_without_brokers_or_kafka_is_said_before_anything_is_asked() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("kafka: { version: 2.8.1, scala: 2.12 }");
    let spec = spec.to_str().expect("text");
    let run = |words: &[&str]| crate::rig::trueup(&host, words);
    run(&["prove", spec])
        .code(3)
        .says("--bootstrap-server HOST:PORT");
    run(&["prove", spec, "--bootstrap-server", "no port"]).code(3);
    assert_eq!(host.seen_by_sshd().0, 0);
    run(&["prove", spec, "--bootstrap-server", "127.0.0.1:9092"])
        .code(5)
        .says("kafka-topics.sh` cannot be run");
    let spec = host.spec("java: { version: 17 }");
    run(&["prove", spec.to_str().expect("text")])
        .code(3)
        .says("no host of the spec has a `kafka`");
}
