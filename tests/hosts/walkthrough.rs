//! The walkthrough's last page: the client that trueup made creates the topics, on a real broker
//! that only the host reaches, through TLS and AWS_MSK_IAM with `awsRoleArn`.

use std::fs;

use serde_json::Value;

use crate::{
    KAFKA, client,
    rig::{Host, ROLE_ARN, script, trueup},
};

/// What AWS gives: instance metadata, STS, DNS, trust, and a broker of the cluster.
struct Aws(Value);

fn finale(words: &[&str], stdin: &str) -> Value {
    serde_json::from_str(&script("aws/finale.py", words, stdin)).unwrap_or(Value::Null)
}

impl Drop for Aws {
    fn drop(&mut self) {
        finale(&["down"], "");
    }
}

#[test]
fn the_installed_client_creates_the_topics() {
    let host = Host::start("amazon", &[]);
    let aws = Aws(finale(
        &["up", "-", "--address", "10.77.0.205"],
        &host.record.to_string(),
    ));
    assert_eq!(aws.0["role_arn"], ROLE_ARN);
    let bootstrap = aws.0["bootstrap"].as_str().expect("text");

    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);

    let in_a_shell = |text: &str| {
        host.run_as(
            "ec2-user",
            &format!("cd; HOME=/home/ec2-user bash -l -i -c '{text}' 2>&1"),
        )
    };
    // The launcher loads the class and misses a `main` in it. What the class itself is made from is
    // named beside: the auth jar alone comes from CLASSPATH.
    let handler = "software.amazon.msk.auth.iam.IAMClientCallbackHandler";
    let load = format!(
        "java -cp \"$CLASSPATH:$HOME/{KAFKA}/libs/kafka-clients-2.8.1.jar:$(echo $HOME/{KAFKA}/libs/slf4j-api-*.jar)\" {handler}"
    );
    let loaded = format!("Main method not found in class {handler}");
    in_a_shell(&load).says(&loaded);
    let create = |topic: &str| {
        in_a_shell(&format!(
            "~/{KAFKA}/bin/kafka-topics.sh --bootstrap-server {bootstrap} \
             --command-config ~/{KAFKA}/bin/client.properties --create --topic {topic}"
        ))
    };
    for table in ["pin", "geo", "user"] {
        create(&format!("0ab336d6fcf7.{table}"))
            .code(0)
            .says(&format!("Created topic 0ab336d6fcf7.{table}"));
    }
    let topics = finale(&["topics"], "");
    for table in ["pin", "geo", "user"] {
        assert!(
            topics[format!("0ab336d6fcf7.{table}")].is_object(),
            "{topics}"
        );
    }
    assert_eq!(
        topics.as_object().map(serde_json::Map::len),
        Some(3),
        "{topics}"
    );

    // Without any one of the five, the client does not get there: the test would notice.
    host.user("cp -p ~/.bashrc ~/kept && sed -i /CLASSPATH/d ~/.bashrc");
    assert!(
        !in_a_shell(&load).out.contains(&loaded),
        "without CLASSPATH"
    );
    host.user("mv ~/kept ~/.bashrc");
    let jar = host.home(&format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar"));
    // Out of the folder: there it would be loaded under any name.
    fs::rename(&jar, host.home("gone")).expect("moved");
    assert_ne!(create("0ab336d6fcf7.x").code, 0, "without the auth jar");
    fs::rename(host.home("gone"), &jar).expect("moved back");
    host.user(&format!(
        "sed -i s/^sasl.jaas/x.jaas/ ~/{KAFKA}/bin/client.properties"
    ));
    assert_ne!(
        create("0ab336d6fcf7.x").code,
        0,
        "without client.properties"
    );
    host.user(&format!("mv ~/{KAFKA} ~/away"));
    assert_ne!(create("0ab336d6fcf7.x").code, 0, "without Kafka");
    host.user(&format!("mv ~/away ~/{KAFKA}"));
    host.root("yum remove -y -q java-1.8.0-openjdk >/dev/null 2>&1");
    assert_ne!(create("0ab336d6fcf7.x").code, 0, "without Java");
    assert_eq!(
        finale(&["topics"], "")
            .as_object()
            .map(serde_json::Map::len),
        Some(3)
    );
}
