//! Random specs and machines: what is shown agrees, what is applied converges, in whatever order,
//! and a saved plan holds wherever it was cut.

mod machine;

use std::time::Duration;

use indexmap::IndexMap;
use machine::{JAR_SHA256, Jar, Machine, Tree, defaults, wanted};
use proptest::{prelude::*, sample::subsequence, test_runner::RngSeed};
use serde_json::{Value, json};
use trueup::{
    exit::Code,
    facts::{
        Observation,
        cluster::{Cluster, Setting, Topic},
    },
    plan::{HostPlan, Moved, Plan, Step, StepAction, TopicsPlan, moved_on_host, moved_topics},
    report::{
        human::{self, Style},
        json,
    },
    resource::kafka_client,
    spec::{Given, Resolved, Source, load},
};

const DELETABLE: &str = "u.old";

fn machines() -> impl Strategy<Value = Machine> {
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
        Just(format!("{iam}client.id=y\nbatch.size=5\n"))
    ];
    let text = prop_oneof![lines, whole];
    let properties = proptest::option::of((prop_oneof![Just(0o600), Just(0o644)], text));
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
fn specs() -> impl Strategy<Value = String> {
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

fn resolved(text: &str) -> Resolved {
    let source = Source {
        path: "spec.yaml".into(),
        text: text.to_owned(),
    };
    let (spec, problems) = load(&source, &Given::default());
    spec.unwrap_or_else(|| panic!("{problems:?} in {text}"))
}

fn plan(spec: &Resolved, machine: &Machine) -> Plan {
    let resources = kafka_client::resources(&spec.hosts[0].client, &IndexMap::new());
    let reply = machine.reply();
    let host = HostPlan::new("client", "local", &resources, &machine.host(), &reply, "s");
    let wanted: Vec<_> = spec.clusters[0].topics.iter().collect();
    let deletable = [DELETABLE.to_owned()];
    let topics = TopicsPlan::new(
        "b:9092",
        "client",
        &wanted,
        &deletable,
        &machine.cluster,
        "s",
    );
    Plan::new("s".into(), vec![], vec![host], vec![topics])
}

/// Text, JSON and exit code say the same of what changes.
fn agree(plan: &Plan) {
    let style = Style {
        color: false,
        width: 80,
    };
    let text = human::plan(plan, &style, Duration::from_secs(1));
    let json: Value = serde_json::from_str(&json::plan(plan)).expect("JSON");
    let groups = ["hosts", "topics"].map(|part| json[part].as_array().expect("a list").clone());
    let steps: Vec<Value> = groups
        .iter()
        .flatten()
        .flat_map(|part| part["steps"].as_array().expect("a list").clone())
        .collect();
    let counted = |action: &str| steps.iter().filter(|step| step["action"] == action).count();
    let (create, update, delete) = (counted("create"), counted("update"), counted("delete"));
    let (blocked, none) = (counted("blocked"), counted("none"));
    assert_eq!(
        json["summary"],
        json!({"none": none, "create": create, "update": update, "delete": delete, "blocked": blocked, "unknown": 0})
    );
    assert_eq!(json["complete"], true);
    let changes = create + update + delete + blocked;
    assert_eq!(
        plan.code(),
        if changes > 0 {
            Code::Changes
        } else {
            Code::Done
        },
        "{text}"
    );
    assert_eq!(plan.has_work(), create + update + delete > 0);
    for step in &steps {
        let sign = match step["action"].as_str().expect("text") {
            "create" => "+",
            "update" => "~",
            "delete" => "-",
            "blocked" => "!",
            _ => continue,
        };
        let line = format!("  {sign} {}", step["address"].as_str().expect("text"));
        assert!(text.contains(&line), "no `{line}` in:\n{text}");
    }
    let summary = format!("{create} to create, {update} to change, {delete} to delete");
    assert_eq!(text.contains(&summary), changes > 0, "{text}");
    assert_eq!(
        changes == 0,
        text.lines().all(|line| !line.starts_with("summary")),
        "{text}"
    );
}

/// The steps that do something, in a legal order that `choice` picks; those of the host before
/// those of the cluster.
fn order(plan: &Plan, mut choice: u64) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for part in plan.parts() {
        let mut waiting: Vec<&Step> = part
            .steps
            .iter()
            .filter(|step| step.action.changes())
            .collect();
        while !waiting.is_empty() {
            let free: Vec<usize> = (0..waiting.len())
                .filter(|&at| {
                    let needs = &waiting[at].requires;
                    !waiting.iter().any(|other| needs.contains(&other.address))
                })
                .collect();
            let at = free[(choice % free.len() as u64) as usize];
            choice /= free.len() as u64;
            out.push(waiting.remove(at).clone());
        }
    }
    out
}

fn through_a_file(plan: &Plan) -> Plan {
    let text = serde_json::to_string(plan).expect("JSON");
    serde_json::from_str(&text).expect("the same")
}

fn held(saved: &Plan, now: &Plan, what: &str) {
    assert_eq!(
        moved_on_host(&saved.hosts[0], &now.hosts[0]),
        [] as [Moved; 0],
        "{what}"
    );
    assert_eq!(
        moved_topics(&saved.topics[0], &now.topics[0]),
        [] as [Moved; 0],
        "{what}"
    );
}

#[test]
fn plans_agree_converge_and_hold() {
    let seed = std::env::var("TRUEUP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand_seed);
    println!("TRUEUP_SEED={seed}");
    let config = ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seen = std::cell::RefCell::new(std::collections::BTreeMap::<String, usize>::new());
    proptest!(config, |(text in specs(), start in machines(), choices in any::<[u64; 2]>())| {
        let spec = resolved(&text);
        let first = plan(&spec, &start);
        agree(&first);
        for step in first.steps() {
            let kind = step.address.split('/').take(2).collect::<Vec<_>>().join("/");
            let kind = if kind.starts_with("topics/") { "topics" } else { &*kind };
            *seen.borrow_mut().entry(format!("{kind} {:?}", step.action)).or_default() += 1;
        }
        let saved = through_a_file(&first);
        let mut ends = Vec::new();
        for choice in choices {
            let mut machine = start.clone();
            held(&saved, &plan(&spec, &machine), "at once");
            for step in order(&first, choice) {
                machine.apply(&step);
                held(&saved, &plan(&spec, &machine), &format!("cut after {}", step.address));
            }
            let last = plan(&spec, &machine);
            agree(&last);
            let open: Vec<&str> = last.steps().filter(|step| step.action.changes()).map(|step| &*step.address).collect();
            prop_assert!(open.is_empty(), "{open:?} are still to be done");
            let blocked = |plan: &Plan| plan.summary.blocked;
            prop_assert!(blocked(&last) >= blocked(&first) || start.tree == machine.tree);
            ends.push(machine);
        }
        prop_assert_eq!(&ends[0], &ends[1], "two orders end in two states");
    });
    // Nothing of it was for nothing: each kind was seen in each way that it has.
    let seen = seen.into_inner();
    for kind in [
        "client/java",
        "client/kafka",
        "client/msk_iam_auth",
        "client/classpath",
        "client/properties",
        "topics",
    ] {
        for action in [
            StepAction::None,
            StepAction::Create,
            StepAction::Update,
            StepAction::Blocked,
        ] {
            let count = seen
                .get(&format!("{kind} {action:?}"))
                .copied()
                .unwrap_or(0);
            assert!(count > 0, "{kind} was never {action:?}: {seen:?}");
        }
    }
    assert!(seen.contains_key("topics Delete"), "{seen:?}");
}

/// From the clock: the seed is printed, and a run can be had again.
fn rand_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
