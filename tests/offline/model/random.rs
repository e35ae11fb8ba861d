//! Random specs and machines.

use proptest::{prelude::*, sample::subsequence};
use trueup::{
    facts::{
        Observation,
        cluster::{Cluster, Setting, Topic},
    },
    kinds::declared::Inputs,
    plan::HostPlan,
    spec::{Given, Resolved, Source, load},
};

use super::machine::{JAR_SHA256, Jar, Machine, Tree, defaults, wanted};

/// Machines in any state that a client may be found in.
pub fn machines() -> impl Strategy<Value = Machine> {
    let java = prop_oneof![
        Just(None),
        Just(Some("1.8.0_402".to_owned())),
        Just(Some("17.0.2".to_owned()))
    ];
    let files = [
        "bin/kafka-topics.sh",
        "libs/a.jar",
        "libs/kafka-clients-2.8.1.jar",
    ];
    let files = move |most| subsequence(files.map(str::to_owned).to_vec(), 0..=most);
    let tree = prop_oneof![
        3 => Just(Tree::Nothing),
        2 => Just(Tree::Foreign),
        6 => (any::<bool>(), files(3), files(1)).prop_map(|(ours, missing, mut damaged)| {
            damaged.retain(|name| name.starts_with("libs/") && !missing.contains(name));
            Tree::There { ours, missing, damaged }
        }),
    ];
    let jar = prop_oneof![
        Just(None as Jar),
        Just(Some((JAR_SHA256.to_owned(), true))),
        Just(Some(("51c0b0c1".to_owned(), true))),
        Just(Some(("51c0b0c2".to_owned(), false)))
    ];
    let home = "/home/ec2-user/kafka_2.12-2.8.1/libs";
    let lines = vec![
        "alias ll='ls -l'".to_owned(),
        "export CLASSPATH=/opt/x.jar".to_owned(),
        format!("export CLASSPATH={home}/aws-msk-iam-auth-1.1.1-all.jar"),
        format!("export CLASSPATH={}", wanted()),
        format!("export CLASSPATH=\"{home}/*:$CLASSPATH\""),
        "# trueup: CLASSPATH, managed\nexport CLASSPATH=/old.jar\n# trueup: end".to_owned(),
    ];
    let bashrc = subsequence(lines, 0..=3).prop_shuffle().prop_map(|lines| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    });
    let keys = vec![
        "security.protocol=SASL_SSL",
        "sasl.mechanism=PLAIN",
        "sasl.mechanism : AWS_MSK_IAM",
        "client.id=x",
        "client.id=\\u0079",
        "linger.ms=5",
        "mine=own",
        "# a remark",
    ];
    let iam = "security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\n\
        sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule   required ;\n\
        sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n";
    let lines = subsequence(keys, 0..=5).prop_map(|lines| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    });
    // Often all that the jar needs; what comes later in the file counts.
    let whole = prop_oneof![
        Just(iam.to_owned()),
        Just(format!("{iam}client.id=y\nbatch.size=5\n")),
        // All that any of the specs wants.
        Just(format!(
            "{iam}client.id=y\nbatch.size=5\nclient.dns.lookup=a\n"
        ))
    ];
    let text = prop_oneof![1 => lines, 2 => whole];
    let mode = prop_oneof![2 => Just(0o600), 1 => Just(0o644)];
    let properties = proptest::option::weighted(0.8, (mode, text));
    let clusters = (
        topics(),
        subsequence(vec!["u.old".to_owned(), "u.older".to_owned()], 0..=2),
    );
    (
        java,
        prop::bool::weighted(0.8),
        tree,
        jar,
        any::<bool>(),
        bashrc,
        properties,
        clusters,
    )
        .prop_map(
            |(java, sudo, tree, jar, old_jar, bashrc, properties, (topics, unmanaged))| Machine {
                java,
                sudo,
                // What lies in a tree is nowhere without it.
                jar: jar.filter(|_| tree != Tree::Nothing),
                old_jar: old_jar && tree != Tree::Nothing,
                properties: properties.filter(|_| tree != Tree::Nothing),
                tree,
                bashrc,
                cluster: Cluster {
                    caller: None,
                    brokers: 2,
                    topics,
                    unmanaged,
                    ..Cluster::default()
                },
            },
        )
}

fn topics() -> impl Strategy<Value = std::collections::BTreeMap<String, Observation<Topic>>> {
    let own = subsequence(
        vec![
            ("retention.ms", "1000"),
            ("cleanup.policy", "compact"),
            ("segment.ms", "7"),
        ],
        0..=3,
    );
    let topic = (1..5u32, 1..3u32, own).prop_map(|(partitions, replicas, own)| {
        let mut config = defaults();
        for (key, value) in own {
            let setting = Setting {
                value: Some(value.to_owned()),
                own: true,
            };
            config.insert(key.to_owned(), setting);
        }
        Observation::Present(Topic {
            partitions,
            replicas: (replicas, replicas),
            reassigning: false,
            config,
        })
    });
    prop::collection::btree_map(
        prop_oneof![Just("u.pin".to_owned()), Just("u.geo".to_owned())],
        topic,
        0..=2,
    )
}

/// A spec with some of the resources, and with topics.
pub fn specs() -> impl Strategy<Value = String> {
    let sha256 = format!(", sha256: {JAR_SHA256}");
    let client = (
        prop_oneof![
            Just(""),
            Just("  java: { version: 1.8.0 }\n"),
            Just("  java: { version: 17 }\n")
        ],
        0..5u8,
        prop_oneof![Just(String::new()), Just(sha256)],
        subsequence(
            vec!["client.id: y", "batch.size: 5", "client.dns.lookup: a"],
            0..=3,
        ),
        subsequence(vec!["linger.ms", "security.providers"], 0..=2),
    )
        .prop_map(|(java, much, sha256, extra, absent)| {
            let mut text = format!("client:\n{java}");
            let parts = [
                "  kafka: { version: 2.8.1, scala: 2.12 }\n".to_owned(),
                format!("  msk_iam_auth: {{ version: 1.1.5{sha256} }}\n"),
                "  classpath: {}\n".into(),
                format!(
                    "  properties: {{ extra: {{ {} }}, absent: [{}] }}\n",
                    extra.join(", "),
                    absent.join(", ")
                ),
            ];
            text.extend(parts.iter().take(much.into()).cloned());
            match text.lines().count() {
                1 => "client: {}\n".into(),
                _ => text,
            }
        });
    let settings = (
        subsequence(vec!["partitions: 3", "replication_factor: 1", "config: { retention.ms: 604800000, cleanup.policy: compact }"], 0..=3),
        prop_oneof![Just("merge"), Just("exact")],
        prop_oneof![Just("[pin]"), Just("[pin, geo]"), Just("{ pin: null, geo: { partitions: 2 } }")],
    )
        .prop_map(|(settings, policy, tables)| {
            format!(
                "topics:\n  cluster: {{ bootstrap: \"b:9092\" }}\n  name: \"u.${{table}}\"\n  config_policy: {policy}\n  \
                 tables: {tables}\n  defaults: {{ {} }}\n",
                settings.join(", ")
            )
        });
    (client, settings).prop_map(|(client, topics)| {
        format!("version: 1\nhosts: {{ client: {{ local: {{}} }} }}\n{client}{topics}")
    })
}

/// A spec that has no mistakes, as the planner takes it.
pub fn resolved(text: &str) -> Resolved {
    let source = Source {
        path: "spec.yaml".into(),
        text: text.to_owned(),
    };
    let (spec, problems) = load(&source, &Given::default());
    spec.unwrap_or_else(|| panic!("{problems:?} in {text}"))
}

/// What the program plans for a machine of the model.
pub fn host_plan(spec: &Resolved, machine: &Machine) -> HostPlan {
    let resources = spec.hosts[0].resources(&Inputs::default());
    let (host, reply) = (machine.host(), machine.reply());
    HostPlan::new("client", "local", &resources, &host, &reply, "s")
}
