//! A plan with some of everything, made by the real planner from facts that are written down here.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use trueup::{
    facts::{Host, Observation, Reply, cluster},
    frame::Record,
    lookup::secrets,
    plan::{
        Desired, DesiredCluster, DesiredHost, HostPlan, Plan, Saved, SecretDigest, SpecFile,
        TopicsPlan,
        selection::{Chosen, Known},
    },
    spec::{Given, Resolved, Source, load},
};

/// What must be in no file and no output.
pub const CANARY: &str = "canary-\"5f2a\"/+ü";

pub const SALT: &str = "5a17";

const SPEC: &str = r#"
version: 1
hosts:
  client:
    ssh: { address: 127.0.0.1, port: 1, user: ec2-user, key: { file: id }, host_key: { pinned: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"] } }
client:
  java: { version: 1.8.0 }
  kafka: { version: 2.8.1, scala: 2.12, sha512: SHA512 }
  msk_iam_auth: { version: 1.1.5, sha256: ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab, role_arn: "arn:aws:iam::123456789012:role/r" }
  classpath: {}
  properties:
    extra: { client.id: loader, ssl.truststore.password: { env: TRUSTSTORE_PASSWORD }, ssl.key.password: { env: KEY_PASSWORD } }
    absent: [producer.sasl.jaas.config, basic.auth.user.info, linger.ms]
topics:
  cluster: { bootstrap: "b-1:9096" }
  security: { scram_sha_512: { username: admin, password: { env: KAFKA_PASSWORD } } }
  name: "u.${table}"
  tables: { pin: null, geo: { partitions: 6 }, user: { config: { cleanup.policy: compact } } }
  defaults: { partitions: 3, config: { retention.ms: 604800000 } }
"#;

/// The sample's spec as text.
pub fn spec_text() -> String {
    SPEC.replace("SHA512", &"ab".repeat(64))
}

/// The environment that its secrets are read from.
pub fn environment() -> BTreeMap<String, String> {
    ["TRUSTSTORE_PASSWORD", "KEY_PASSWORD", "KAFKA_PASSWORD"]
        .map(|name| (name.to_owned(), CANARY.to_owned()))
        .into()
}

pub fn spec() -> Resolved {
    let source = Source {
        path: "spec.yaml".into(),
        text: spec_text(),
    };
    let (spec, problems) = load(&source, &Given::default());
    spec.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The records of a host with a bit of everything to do.
pub fn records() -> Vec<Record> {
    let home = "/home/ec2-user";
    let kafka = format!("{home}/kafka_2.12-2.8.1");
    let jar = format!("{kafka}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    let bashrc = format!("# .bashrc\nexport DB_PASSWORD={CANARY}\nexport CLASSPATH=/opt/x.jar\n");
    let properties = format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.password=old-{CANARY}\n\
         producer.sasl.jaas.config=x.M required username=\"u\" password=\"{}\";\n\
         basic.auth.user.info=u:{CANARY}\nlinger.ms=5\nmine=own-{CANARY}\n",
        CANARY.replace('"', "")
    );
    let entries: Vec<(&str, &str, String)> = vec![
        ("host", "user", "ec2-user".into()),
        ("host", "uid", "1000".into()),
        ("host", "home", home.into()),
        ("host", "shell", "/bin/bash".into()),
        ("host", "os_id", "amzn".into()),
        ("host", "os_version", "2".into()),
        ("host", "os_name", "Amazon Linux 2".into()),
        ("host", "tool", "yum".into()),
        ("host", "tool", "sudo".into()),
        (
            "host",
            "machine_id",
            "ec2f8a1b6c0d4e5f8a9b0c1d2e3f4a5b".into(),
        ),
        ("host", "instance_id", "i-0123456789abcdef0".into()),
        ("host", "host_key", "ssh-ed25519 AAAB comment".into()),
        ("host", "disk_free_kib", "6400000".into()),
        ("host", "login_classpath", "/opt/x.jar".into()),
        ("client/java", "absent", "yes".into()),
        ("client/kafka", "kind", "dir".into()),
        ("client/kafka", "real", kafka.clone()),
        ("client/kafka", "folder", home.into()),
        ("client/kafka", "folder_writable", "yes".into()),
        ("client/kafka", "uid", "1000".into()),
        ("client/kafka", "owner", "ec2-user".into()),
        (
            "client/kafka",
            "version_jar",
            "libs/kafka_2.12-2.8.1.jar".into(),
        ),
        (
            "client/kafka",
            "version_jar",
            "libs/kafka-clients-2.8.1.jar".into(),
        ),
        ("client/msk_iam_auth", "kind", "absent".into()),
        ("client/msk_iam_auth", "real", jar.clone()),
        ("client/msk_iam_auth", "folder", format!("{kafka}/libs")),
        ("client/msk_iam_auth", "folder_writable", "yes".into()),
        ("client/classpath", "kind", "file".into()),
        ("client/classpath", "real", format!("{home}/.bashrc")),
        ("client/classpath", "folder", home.into()),
        ("client/classpath", "folder_writable", "yes".into()),
        ("client/classpath", "mode", "644".into()),
        ("client/classpath", "uid", "1000".into()),
        ("client/classpath", "owner", "ec2-user".into()),
        ("client/classpath", "readable", "yes".into()),
        ("client/classpath", "wanted", jar),
        ("client/classpath", "content", STANDARD.encode(bashrc)),
        (
            "client/classpath",
            "line",
            format!("{home}/.bashrc:3:export CLASSPATH=/opt/x.jar"),
        ),
        ("client/properties", "kind", "file".into()),
        (
            "client/properties",
            "real",
            format!("{kafka}/bin/client.properties"),
        ),
        ("client/properties", "folder", format!("{kafka}/bin")),
        ("client/properties", "folder_writable", "yes".into()),
        ("client/properties", "mode", "644".into()),
        ("client/properties", "uid", "1000".into()),
        ("client/properties", "owner", "ec2-user".into()),
        ("client/properties", "readable", "yes".into()),
        ("client/properties", "content", STANDARD.encode(properties)),
    ];
    entries
        .into_iter()
        .map(|(section, key, value)| Record {
            section: section.into(),
            key: key.into(),
            value: value.into_bytes(),
        })
        .collect()
}

/// The cluster as it is.
pub fn cluster() -> cluster::Cluster {
    let topic = |partitions, retention: &str| {
        let setting = cluster::Setting {
            value: Some(retention.to_owned()),
            own: true,
        };
        Observation::Present(cluster::Topic {
            partitions,
            replicas: (1, 1),
            reassigning: false,
            config: [("retention.ms".to_owned(), setting)].into(),
        })
    };
    cluster::Cluster {
        caller: None,
        brokers: 1,
        topics: [
            ("u.pin".to_owned(), topic(3, "604800000")),
            ("u.geo".to_owned(), topic(3, "1000")),
        ]
        .into(),
        unmanaged: vec!["u.old".into(), "u.older".into()],
        rehearsed: Default::default(),
    }
}

pub fn host_plan(spec: &Resolved, records: Vec<Record>) -> HostPlan {
    let host = &spec.hosts[0];
    let place = secrets::Sources {
        parameters: &BTreeMap::new(),
        spec: "spec.yaml".as_ref(),
        environment: &environment(),
    };
    let inputs = secrets::resolve(host, |_| true, &place).expect("secrets");
    let resources = host.resources(&inputs);
    let reply = Reply::new(records);
    let host = Host::read(&reply.section("host"));
    HostPlan::new(
        "client",
        "ec2-user@127.0.0.1",
        &resources,
        &host,
        &reply,
        SALT,
    )
}

pub fn topics_plan(spec: &Resolved, cluster: &cluster::Cluster) -> TopicsPlan {
    let wanted: Vec<_> = spec.clusters[0].topics.iter().collect();
    TopicsPlan::new(
        "b-1:9096",
        "client",
        &wanted,
        &["u.old".into()],
        cluster,
        SALT,
    )
}

/// The plan and what an apply of it needs.
pub fn plan_and_desired() -> (Plan, Desired) {
    let spec = spec();
    let host = host_plan(&spec, records());
    let topics = topics_plan(&spec, &cluster());
    let file = SpecFile {
        path: spec.path.clone(),
        sha256: spec.sha256.clone(),
    };
    let desired = Desired {
        deep: false,
        chosen: Chosen::default(),
        hosts: vec![DesiredHost {
            spec: spec.path.clone(),
            host: spec.hosts[0].clone(),
        }],
        clusters: vec![DesiredCluster {
            spec: spec.path.clone(),
            name: "b-1:9096".into(),
            cluster: spec.clusters[0].clone(),
            through: vec!["client".into()],
            role_arn: Some("arn:aws:iam::123456789012:role/r".into()),
            options: Default::default(),
            roles: Default::default(),
            selected: vec!["client".into()],
            elsewhere: vec![],
            deletable: vec!["u.old".into()],
        }],
        secrets: vec![
            SecretDigest::new(SALT, "client", "ssl.truststore.password", CANARY),
            SecretDigest::new(SALT, "client", "ssl.key.password", CANARY),
            SecretDigest::new(SALT, "b-1:9096", "topics.security", CANARY),
        ],
    };
    (
        Plan::new(SALT.into(), vec![file], vec![host], vec![topics]),
        desired,
    )
}

/// The same of a selection, as a file.
pub fn selected() -> String {
    let (plan, mut desired) = plan_and_desired();
    let host = &plan.hosts[0];
    let mut known: Vec<Known> = host
        .steps
        .iter()
        .map(|step| Known {
            host: Some(host.name.clone()),
            address: step.address.clone(),
            requires: vec![],
        })
        .collect();
    known.extend(plan.topics[0].steps.iter().map(|step| Known {
        host: None,
        address: step.address.clone(),
        requires: vec![],
    }));
    desired.chosen =
        Chosen::new(&[], &["client/java".to_owned()], &known).expect("something is left");
    desired.clusters[0].elsewhere = vec!["u.of-another-spec".into()];
    let mut plan = plan.of(desired.chosen.selection.clone());
    plan.hosts[0]
        .steps
        .retain(|step| step.address != "client/java");
    let saved = Saved::new(plan, &desired).expect("complete");
    trueup::report::json::text(&saved.to_value())
}

/// As a file.
pub fn text() -> String {
    let (plan, desired) = plan_and_desired();
    let saved = Saved::new(plan, &desired).expect("complete");
    trueup::report::json::text(&saved.to_value())
}
