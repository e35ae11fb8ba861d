//! From a bare account to topics, in one apply of one spec: through SSH, AWS_MSK_IAM and the role
//! that the client itself will take. The brokers are reached from the host alone.

use serde_json::{Value, json};

use super::spec_through;
use crate::{
    client,
    rig::{Host, JAR_SHA256, ROLE_ARN, SITE, Said, differences, kafka_sha512, script},
};

/// What AWS gives: instance metadata, STS, DNS, and brokers that only the host reaches.
pub struct Aws {
    name: String,
    record: Value,
}

fn finale(name: &str, words: &[&str], stdin: &str) -> String {
    let named: Vec<&str> = words.iter().copied().chain(["--name", name]).collect();
    script("aws/finale.py", &named, stdin)
}

impl Aws {
    pub fn around(host: &Host, name: &str, address: &str, options: &[&str]) -> Self {
        let mut words = vec!["up", "-", "--address", address];
        words.extend(options);
        let said = finale(name, &words, &host.record.to_string());
        Self {
            name: name.to_owned(),
            record: serde_json::from_str(&said).expect("JSON"),
        }
    }

    pub fn get(&self, key: &str) -> &str {
        self.record[key].as_str().expect("text")
    }

    /// Changes the account.
    pub fn set(&self, setting: &str) {
        finale(&self.name, &["set", setting], "");
    }

    /// Gives another host the same metadata, names and trust.
    pub fn join(&self, host: &Host) {
        finale(&self.name, &["join", "-"], &host.record.to_string());
    }

    /// The roles that STS has handed out so far, in their order.
    pub fn assumed(&self) -> Vec<String> {
        let log = finale(&self.name, &["log", "sts"], "");
        let lines = log.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["allowed"], true, "{line}");
            line["role_arn"].as_str().expect("an ARN").to_owned()
        });
        lines.collect()
    }

    pub fn topics(&self) -> Value {
        serde_json::from_str(&finale(&self.name, &["topics"], "")).expect("JSON")
    }

    pub fn spec(&self, host: &Host, client: &str, tables: &str) -> std::path::PathBuf {
        let (bootstrap, ca) = (self.get("bootstrap"), self.get("ca"));
        spec_through(
            host,
            client,
            &format!(
                "cluster: {{ bootstrap: \"{bootstrap}\" }}\nca: {ca}\n\
                 name: \"0ab336d6fcf7.${{table}}\"\ntables: [{tables}]\n\
                 defaults: {{ partitions: 3, config: {{ retention.ms: 604800000 }} }}"
            ),
        )
    }

    /// Runs trueup; the authority of STS's certificate is one of the system's.
    pub fn run(&self, host: &Host, words: &[&str]) -> Said {
        let spec = host.folder.path().join("spec.yaml");
        let mut all = vec![words[0], spec.to_str().expect("text")];
        all.extend(&words[1..]);
        let environment = [("SSL_CERT_FILE", self.get("ca"))];
        crate::rig::wait(crate::rig::start_with(
            host.folder.path(),
            &all,
            &environment,
        ))
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        finale(&self.name, &["down"], "");
    }
}

#[test]
fn from_a_bare_account_to_topics_in_one_apply() {
    let host = Host::start("amazon", &[]);
    let aws = Aws::around(&host, "journey", "10.77.0.200", &[]);
    aws.spec(&host, &client("1.8.0"), "pin, geo, user");
    let before = host.tree();
    aws.run(&host, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("through client, as arn:aws:sts::123456789012:assumed-role/0ab336d6fcf7-ec2-access-role/aws-msk-iam-auth")
        .says("3 partitions, retention.ms=604800000")
        .says("8 to add");
    assert_eq!(
        differences(&before, &host.tree()),
        Vec::<String>::new(),
        "a plan changes nothing"
    );
    assert_eq!(aws.topics(), json!({}));

    aws.run(&host, &["apply", "--auto-approve"])
        .code(0)
        .says("8 changes applied and verified")
        .says(&format!("--bootstrap-server {}", aws.get("bootstrap")));
    let topic = json!({ "partitions": 3, "replication_factor": 1, "config": { "retention.ms": "604800000" } });
    let three = json!({
        "0ab336d6fcf7.pin": topic, "0ab336d6fcf7.geo": topic, "0ab336d6fcf7.user": topic,
    });
    assert_eq!(aws.topics(), three);

    // A plan without changes: one line, one connection, one exec, whatever the brokers cost.
    let (connections, execs) = host.seen_by_sshd();
    let plan = aws.run(&host, &["plan", "--detailed-exitcode"]).code(0);
    assert!(
        plan.out
            .starts_with("client: up to date, 5 resources and 3 topics (")
            && plan.out.lines().count() == 1,
        "{}",
        plan.out
    );
    let (connections_after, execs_after) = host.seen_by_sshd();
    assert_eq!(connections_after - connections, 1);
    assert_eq!(execs_after.len() - execs.len(), 1, "{execs_after:?}");

    aws.spec(&host, &client("1.8.0"), "pin, geo, user, board");
    aws.run(&host, &["drift"])
        .code(2)
        .says("topics/0ab336d6fcf7.board");
    // What the spec says of the role's session holds for the client, and for us.
    let option = "  options: { awsRoleSessionName: loader }\nclasspath: {}";
    let named = client("1.8.0").replace("classpath: {}", option);
    aws.spec(&host, &named, "pin, geo, user, board");
    aws.run(&host, &["plan"])
        .code(0)
        .says("awsRoleSessionName=\"loader\"")
        .says("assumed-role/0ab336d6fcf7-ec2-access-role/loader");
    aws.spec(&host, &client("1.8.0"), "pin, geo, user, board");
    aws.run(&host, &["apply", "--auto-approve"])
        .code(0)
        .says("1 change applied and verified");
    assert_eq!(aws.topics()["0ab336d6fcf7.board"], topic);

    // The step that the walkthrough forgets. The host's own drift is told all the same.
    aws.set("trusts_itself=false");
    let properties = "kafka_2.12-2.8.1/bin/client.properties";
    host.user(&format!("chmod 644 ~/{properties}"));
    aws.run(&host, &["drift"])
        .code(4)
        .says("client/properties")
        .says("sts:AssumeRole")
        .says("trust policy");
    aws.run(&host, &["apply", "--auto-approve"])
        .code(4)
        .says("1 change applied and verified");
    assert_eq!(host.user(&format!("stat -c %a ~/{properties}")), "600\n");
    aws.set("trusts_itself=true");
    aws.set("role=null");
    aws.run(&host, &["plan"])
        .code(4)
        .says("attach an instance profile");
    aws.set("role=\"0ab336d6fcf7-ec2-access-role\"");
    aws.run(&host, &["plan", "--detailed-exitcode"]).code(0);

    // What is signed by a clock that is off is refused, and said to be.
    host.root(
        "printf '%s\\n' '#!/bin/sh' '/usr/bin/stat \"$@\" | awk \"{ if (/\\/\\/proc\\/self\\$/) \\$6 -= 400; print }\"' \
         >/usr/local/bin/stat && chmod 755 /usr/local/bin/stat",
    );
    aws.run(&host, &["plan"])
        .code(4)
        .says("the clock of client is 6m")
        .says("behind this machine's");
    host.root("rm /usr/local/bin/stat");

    // An sshd that does not forward leads nowhere, and the option is named.
    host.root(
        "sed -i '1i AllowTcpForwarding no' /etc/ssh/sshd_config && kill -HUP $(pgrep -o -x sshd)",
    );
    crate::rig::until("sshd reads its settings", || {
        let plan = aws.run(&host, &["plan"]);
        plan.code == 4
            && plan.out.contains("AllowTcpForwarding")
            && plan.out.contains("client: up to date, 5 resources")
    });
}

#[test]
fn three_brokers_that_only_the_host_reaches() {
    let host = Host::start("debian", &[]);
    let aws = Aws::around(&host, "journey-2", "10.77.0.235", &["--kafka", "2.8.1"]);
    let role = format!(
        "msk_iam_auth: {{ version: 1.1.5, sha256: {JAR_SHA256}, role_arn: \"{ROLE_ARN}\", url: \"{SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\" }}\nkafka: {{ version: 2.8.1, scala: 2.12, url: \"{SITE}/files/kafka_2.12-2.8.1.tgz\", sha512: {} }}",
        kafka_sha512()
    );
    // Where the host's own steps fail, its topics wait, and that is said.
    let wrong = role.replace(JAR_SHA256, &"0".repeat(64));
    aws.spec(&host, &wrong, "pin, geo, user");
    aws.run(&host, &["apply", "--auto-approve"])
        .code(5)
        .says("`client/msk_iam_auth` was not applied")
        .says("topics/0ab336d6fcf7.user (not reached)");
    assert_eq!(aws.topics(), json!({}));
    aws.spec(&host, &role, "pin, geo, user");
    aws.run(&host, &["apply", "--auto-approve"])
        .code(0)
        .says("4 changes applied and verified");
    assert_eq!(aws.topics().as_object().map(serde_json::Map::len), Some(3));
    aws.run(&host, &["plan", "--detailed-exitcode"])
        .code(0)
        .says("2 resources and 3 topics");
}
