//! The whole job from names alone: `specs/pinterest-client-by-name.yaml` leads to an instance by its
//! tag, to its own key pair, to host keys by its console, to a role's ARN and a cluster's brokers;
//! the machine becomes a client, and a topic is made for each table of a database. AWS is moto with a front (it has no
//! console, no brokers); sshd, yum, MariaDB and Kafka's three brokers are real; STS
//! and the instance's metadata are the rig's.

use std::{
    cell::Cell,
    fs,
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trueup::hostkey::PublicKey;

use crate::{
    canary::Canary,
    cloud::{Front, text},
    policy::Policy,
    rig::{self, Host, JAR_SHA256, SITE, Said, kafka_sha512, script},
    topics::{
        cluster::own,
        tables::server::{PASSWORD, Server},
    },
};

/// Instance metadata, STS, and three brokers that only the host reaches.
const FINALE: [&str; 2] = ["--name", "from-aws"];
const BROKERS: &str = "10.77.0.206";
const ROLE: &str = "0ab336d6fcf7-ec2-access-role";

struct Finale(Value);

fn finale(words: &[&str], stdin: &str) -> String {
    let named: Vec<&str> = words.iter().copied().chain(FINALE).collect();
    script("aws/finale.py", &named, stdin)
}

impl Finale {
    fn get(&self, key: &str) -> &str {
        self.0[key].as_str().expect("text")
    }
}

impl Drop for Finale {
    fn drop(&mut self) {
        finale(&["down"], "");
    }
}

/// The names that this run alone knows.
fn names() -> PathBuf {
    let state = std::env::var_os("TRUEUP_RIG_STATE").expect("inside `rig run`");
    Path::new(&state).join("etc-hosts")
}

/// From now on the name leads there.
fn lead(name: &str, address: &str) {
    let file = fs::OpenOptions::new().read(true).write(true).open(names());
    let mut file = file.expect("the run's /etc/hosts");
    // Others of this run write it too (tests/rig/broker/bridged.py).
    file.lock().expect("locked");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("text");
    let others = text.lines().filter(|line| !line.ends_with(name));
    let mut kept: String = others.map(|line| format!("{line}\n")).collect();
    kept.push_str(&format!("{address} {name}\n"));
    // In place, because it is a mount.
    file.rewind().expect("at its start");
    file.set_len(0).expect("emptied");
    file.write_all(kept.as_bytes()).expect("written");
}

/// What stands in a spec, and what stands there in the rig.
type Instead<'t> = (&'t str, String);

/// A file of the repository, with a few texts replaced, each of which stands there once.
fn replaced(file: &str, all: &[Instead<'_>]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut spec = fs::read_to_string(file).expect("the spec");
    for (old, new) in all {
        assert_eq!(spec.matches(old).count(), 1, "{old} in\n{spec}");
        spec = spec.replace(old, new);
    }
    spec
}

/// Downloads that are the rig's, not Apache's and GitHub's.
fn downloads(kafka: &str) -> [Instead<'_>; 2] {
    let (before, _) = kafka.split_once(" }").expect("a map");
    let of_rig = format!(
        "{before}, url: {SITE}/files/kafka_2.12-2.8.1.tgz, sha512: {} }}",
        kafka_sha512()
    );
    let jar = format!("url: {SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\n    sha256: {JAR_SHA256}");
    [
        (kafka, of_rig),
        (
            "sha256: ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab",
            jar,
        ),
    ]
}

/// The spec as it stands in `specs/`, but for what the rig cannot have: downloads, and RDS.
fn spec(server: &Server, database: &str) -> String {
    let mut all = vec![
        (
            "pinterest-db.a1b2c3d4e5f6.us-east-1.rds.amazonaws.com",
            server.get("host").into(),
        ),
        ("user: trueup", format!("user: {database}")),
        ("database: pinterest_data", format!("database: {database}")),
        (
            "ca: certs/global-bundle.pem",
            format!("ca: {}", server.get("ca")),
        ),
    ];
    all.extend(downloads("kafka: { version: 2.8.1, scala: \"2.12\" }"));
    let spec = replaced("specs/pinterest-client-by-name.yaml", &all);
    for never in ["address:", "role_arn:", "bootstrap:", "file:", "pinned:"] {
        assert!(!spec.contains(never), "{never} in\n{spec}");
    }
    spec
}

/// `examples/ec2.yaml`, likewise; ids are what moto gives.
fn by_id(id: &str, parameter: &str) -> String {
    let mut all = vec![
        ("i-0123456789abcdef0", id.to_owned()),
        ("/ec2/keypair/key-0123456789abcdef0", parameter.to_owned()),
    ];
    all.extend(downloads("kafka: { version: 2.8.1, scala: 2.12 }"));
    replaced("examples/ec2.yaml", &all)
}

/// Lets the canary in, as the launch of an instance with its key pair does; nobody else.
fn authorize(host: &Host, canary: &Canary) {
    let file = host.home(".ssh/authorized_keys");
    fs::write(file, format!("{}\n", canary.public)).expect("written");
}

/// A host's public key and its fingerprint.
fn host_key(host: &Host) -> (String, String) {
    let key = PublicKey::parse(host.get("host_key")).expect("a key");
    (key.to_string(), key.fingerprint())
}

#[test]
fn names_in_aws_alone_become_a_client_and_its_topics() {
    let host = Host::start("amazon", &[]);
    let around = ["up", "-", "--address", BROKERS, "--kafka", "2.8.1"];
    let around = finale(&around, &host.record.to_string());
    let around = Finale(serde_json::from_str(&around).expect("JSON"));
    let canary = Canary::new();
    authorize(&host, &canary);
    let (key, print) = host_key(&host);

    // Only the host reaches the database, and only the host knows its name.
    let server = Server::start("mysql-by-name", "10.77.0.244", &[]);
    server.introduce(&host);
    let database = own("dbbyname");
    server.database(&database, &["pin", "geo", "user"]);

    let front = Front::new();
    let trust = |principal: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" },
        ] })
    };
    let arn = around.get("role_arn");
    let itself = json!({ "AWS": arn });
    let console = format!(
        "[    0.000000] Linux version 5.10.0\r\n-----BEGIN SSH HOST KEY KEYS-----\r\n{key} root@ip-10-0-0-5\r\n\
         -----END SSH HOST KEY KEYS-----\r\nip-10-0-0-5 login: "
    );
    let brokers = around.get("bootstrap");
    let mut shuffled: Vec<&str> = brokers.split(',').collect();
    assert_eq!(shuffled.len(), 3, "{brokers}");
    shuffled.reverse();
    let made = front.make(json!({
        "roles": { ROLE: { "trust": trust(itself) } },
        "profiles": { "0ab336d6fcf7-profile": ROLE },
        "instances": [
            { "tags": { "Name": "0ab336d6fcf7-kafka-client" }, "key": "0ab336d6fcf7-key-pair",
              "key_text": canary.pem, "profile": "0ab336d6fcf7-profile", "console": console },
            { "tags": { "Name": "another" } },
        ],
        "parameters": { "/kafka/mysql/trueup": PASSWORD },
        "clusters": [{
            "name": "pinterest-msk-cluster",
            "bootstrap": { "bootstrapBrokerStringSaslIam": shuffled.join(",") },
        }],
    }));
    assert_eq!(made["roles"][ROLE], arn, "STS and IAM mean one role");
    let instance = &made["instances"][0];
    let (id, name) = (text(&instance["id"]), text(&instance["public_dns"]));
    finale(&["set", &format!("instance_id=\"{id}\"")], "");
    host.root(&format!(
        "mkdir -p /var/lib/cloud/data && echo {id} >/var/lib/cloud/data/instance-id"
    ));
    lead(&name, host.get("address"));

    let file = host.folder.path().join("client.yaml");
    fs::write(&file, spec(&server, &database)).expect("written");
    let environment = [
        ("AWS_ENDPOINT_URL", front.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIATESTER"),
        ("AWS_SECRET_ACCESS_KEY", "tester"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // The authority of the brokers' and of STS's certificates is one of the system's.
        ("SSL_CERT_FILE", around.get("ca")),
    ];
    let seen = Cell::new(front.record().len());
    let run_on = |file: &Path, words: &[&str]| -> Said {
        let mut all = vec![words[0], file.to_str().expect("text"), "-vv"];
        all.extend(&words[1..]);
        let said = rig::wait(rig::start_with(host.folder.path(), &all, &environment));
        assert_eq!(canary.found_in(said.out.as_bytes()), None);
        // The smallest policies let it ask all that.
        let calls = front.record();
        Policy::of(words[0]).allows_all(&calls[seen.replace(calls.len())..]);
        assert_eq!(canary.found_in(said.err.as_bytes()), None);
        assert!(!format!("{said:?}").contains(PASSWORD), "{said:?}");
        said
    };
    let run = |words: &[&str]| run_on(&file, words);

    // Each reference, what it became, and where that was read.
    let plan = run(&["plan", "--detailed-exitcode"]).code(2);
    let plan = plan
        .says(&format!("{id} (0ab336d6fcf7-kafka-client) at {name} (EC2)"))
        .says(&text(&instance["key_parameter"]))
        .says(&format!("{ROLE} is {arn} (IAM)"))
        .says(&format!(
            "pinterest-msk-cluster is {brokers} (MSK, iam, private)"
        ))
        .says(&format!(
            "what the console output of {id} vouches for is pinned to it"
        ))
        .says(&format!("awsRoleArn=\"{arn}\""))
        .says(&format!(
            "through client, as arn:aws:sts::123456789012:assumed-role/{ROLE}/aws-msk-iam-auth"
        ))
        .says("3 partitions, 3 replicas, retention.ms=604800000")
        .says("8 to add");
    assert!(!plan.out.contains("may not be assumed"), "{}", plan.out);

    run(&["apply", "--auto-approve"])
        .code(0)
        .says("8 changes applied and verified");
    let topic = json!({ "partitions": 3, "replication_factor": 3, "config": { "retention.ms": "604800000" } });
    let topics: Value = serde_json::from_str(&finale(&["topics"], "")).expect("JSON");
    let three = json!({
        "0ab336d6fcf7.pin": topic, "0ab336d6fcf7.geo": topic, "0ab336d6fcf7.user": topic,
    });
    assert_eq!(topics, three);
    let properties = host.read("kafka_2.12-2.8.1/bin/client.properties");
    assert!(properties.contains(arn), "{properties}");

    let asked = |front: &Front| {
        let mut calls = front.calls();
        calls.sort();
        calls.dedup();
        calls
    };
    let by_name = [
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:GetConsoleOutput",
        "iam:GetInstanceProfile",
        "iam:GetRole",
        "kafka:GetBootstrapBrokers",
        "kafka:ListClustersV2",
        "ssm:GetParameter",
    ];
    assert_eq!(asked(&front), by_name);

    // The brokers in another order are the same brokers; nothing is asked of the console again.
    let consoles = || {
        let calls = front.calls();
        let of_console = |call: &&String| *call == "ec2:GetConsoleOutput";
        calls.iter().filter(of_console).count()
    };
    assert_eq!(consoles(), 1);
    run(&["plan", "--detailed-exitcode"])
        .code(0)
        .says("up to date, 5 resources and 3 topics");
    run(&["drift"]).code(0);
    assert_eq!(consoles(), 1);
    // A new table without a topic is drift.
    server.tables(&database, &["board"]);
    run(&["drift"]).code(2).says("topics/0ab336d6fcf7.board");
    let state = host.folder.path().join("state/trueup");
    let pins = fs::read_to_string(state.join("known_instances")).expect("pins");
    assert!(pins.contains(&format!("{id} {key} console")), "{pins}");

    // The example that names the instance by its id, and the key's parameter.
    let example = host.folder.path().join("ec2.yaml");
    fs::write(&example, by_id(&id, &text(&instance["key_parameter"]))).expect("written");
    for (verb, code) in [("plan", 0), ("drift", 2), ("apply", 0)] {
        let auto: &[&str] = if verb == "apply" {
            &["--auto-approve"]
        } else {
            &[]
        };
        let said = run_on(&example, &[&[verb], auto].concat()).code(code);
        said.says("0ab336d6fcf7.pin");
    }
    assert_eq!(asked(&front), by_name);

    // Another machine behind the same name, which would let the key in, sees no attempt.
    let impostor = Host::start("amazon", &[]);
    authorize(&impostor, &canary);
    lead(&name, impostor.get("address"));
    run(&["drift"])
        .code(4)
        .says(&print)
        .says(&host_key(&impostor).1);
    let log = |host: &Host| fs::read_to_string(host.get("log")).expect("sshd's log");
    assert!(log(&host).contains("Accepted publickey for ec2-user"));
    let seen = log(&impostor);
    assert!(seen.contains("Connection from"), "{seen}");
    for attempt in ["ec2-user", "publickey", "Accepted", "Failed"] {
        assert!(!seen.contains(attempt), "{attempt} in {seen}");
    }

    // The key is in no file that the runs have left, here or there.
    for folder in [host.folder.path(), &host.home("")] {
        let found = canary.found_below(folder);
        assert!(found.is_empty(), "{found:?}");
    }
    let found = canary.found_lying_about();
    assert!(found.is_empty(), "{found:?}");
}
