//! What people and machines see, from values built by hand. `TRUEUP_BLESS=1 cargo test --test
//! report` writes the golden texts anew; read the difference before you commit it.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use trueup::{
    facts::{Account, Host, Identity, Login, Observation, Os, PackageManager},
    plan::{HostPlan, LookedUp, Plan, SpecFile, Step, StepAction, TopicsPlan},
    report::{
        event::{Event, Failure, HostOutcome, Sink},
        human::{self, Style},
        json,
        progress::Progress,
    },
    resource::{Change, TextChange},
};

const CANARY: &str = "canary-5f2a";
const TOOK: Duration = Duration::from_millis(312);

fn style(color: bool) -> Style {
    Style { color, width: 80 }
}

fn step(address: &str, action: StepAction, reason: &str) -> Step {
    Step {
        address: address.into(),
        action,
        reason: reason.into(),
        help: None,
        changes: vec![],
        observed_digest: "00".repeat(32),
        actions_digest: "11".repeat(32),
        requires: vec![],
        text: None,
        notes: vec![],
        warning: None,
        remains: None,
        actions: vec![],
    }
}

fn in_place(addresses: &[&'static str]) -> Vec<Step> {
    let steps = addresses.iter();
    steps
        .map(|address| step(address, StepAction::None, ""))
        .collect()
}

const ALL: [&str; 5] = [
    "client/java",
    "client/kafka",
    "client/msk_iam_auth",
    "client/classpath",
    "client/properties",
];

fn facts() -> Host {
    Host {
        account: Account {
            user: "ec2-user".into(),
            uid: 1000,
            home: "/home/ec2-user".into(),
            shell: "/bin/bash".into(),
        },
        os: Os {
            id: "amzn".into(),
            version: "2".into(),
            name: "Amazon Linux 2".into(),
            arch: "x86_64".into(),
            package_manager: Some(PackageManager::Yum),
        },
        identity: Identity {
            machine_id: Some("ec2f8a1b6c0d4e5f8a9b0c1d2e3f4a5b".into()),
            host_keys: vec!["ecdsa-sha2-nistp256 AAAA".into(), "ssh-ed25519 AAAB".into()],
            instance_id: None,
        },
        disk_free_kib: Some(6_400_000),
        memory_total_kib: Some(1_000_000),
        memory_available_kib: Some(700_000),
        skew_seconds: Some(0),
        tools: BTreeSet::from(
            ["curl", "tar", "gzip", "sha512sum", "flock", "sudo", "yum"].map(String::from),
        ),
        lock_holder: None,
        login: Observation::Present(Login {
            classpath: Some(
                "/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.1-all.jar:/opt/x/*"
                    .into(),
            ),
            java_home: None,
            java: Some("/usr/bin/java".into()),
            not_interactive: false,
        }),
    }
}

fn host(name: &str, steps: Vec<Step>) -> HostPlan {
    let facts = facts();
    HostPlan {
        name: name.into(),
        address: "ec2-3-80-1-2.compute-1.amazonaws.com".into(),
        identity: Some(facts.identity.clone()),
        account: Some(facts.account.user.clone()),
        error: None,
        lock_holder: None,
        looked_up: vec![],
        warnings: vec![],
        steps,
        facts: Some(facts),
    }
}

fn plan(hosts: Vec<HostPlan>) -> Plan {
    plan_with(hosts, vec![])
}

/// A cluster's part, with some of everything.
fn cluster(steps: Vec<Step>) -> TopicsPlan {
    let mut topics = TopicsPlan::unreached(
        "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098",
        "client",
        String::new(),
    );
    topics.error = None;
    topics.caller = Some(
        "arn:aws:sts::123456789012:assumed-role/0ab336d6fcf7-ec2-access-role/aws-msk-iam-auth"
            .into(),
    );
    topics.steps = steps;
    topics
}

fn topics() -> Plan {
    let mut gone = step(
        "topics/0ab336d6fcf7.old",
        StepAction::Delete,
        "on the cluster, in no table of the spec, and `--allow-delete` names it",
    );
    gone.warning = Some("the topic goes with every message in it; nothing brings them back".into());
    let mut made = step(
        "topics/0ab336d6fcf7.user",
        StepAction::Create,
        "not on the cluster",
    );
    made.changes = vec![
        Change::shown("partitions", None, Some("3")),
        Change::shown("replication_factor", None, Some("1")),
        Change::shown("config.retention.ms", None, Some("604800000")),
    ];
    let bare = step(
        "topics/0ab336d6fcf7.x",
        StepAction::Create,
        "not on the cluster",
    );
    let mut changed = step(
        "topics/0ab336d6fcf7.geo",
        StepAction::Update,
        "it has 3 partitions, the spec wants 6; `retention.ms` is 1000, the spec wants 5000",
    );
    changed.changes = vec![
        Change::shown("partitions", Some("3"), Some("6")),
        Change::shown("config.retention.ms", Some("1000"), Some("5000")),
    ];
    changed.notes = vec!["kept: max.message.bytes=1000, which the spec does not name".into()];
    changed.warning = Some(
        "keys move: a message goes to another partition than earlier ones of its key\n\
         it has 1 replica, the spec wants 3: an apply cannot change that\n\
         help: Kafka changes it by reassignment alone; or say `replication_factor: keep`"
            .into(),
    );
    let fine = step("topics/0ab336d6fcf7.pin", StepAction::None, "");
    let mut topics = cluster(vec![gone, made, bare, changed, fine]);
    topics.unmanaged = vec!["0ab336d6fcf7.test".into(), "0ab336d6fcf7.test2".into()];
    let topics = topics.warned("the clock of client is 5m 1s behind this machine's".into());
    plan_with(vec![host("client", in_place(&ALL))], vec![topics])
}

/// A host and its topics, all as they should be; with a leftover.
fn topics_in_place() -> Plan {
    let mut topics = cluster(in_place(&["topics/a", "topics/b", "topics/c"]));
    topics.unmanaged = vec!["d".into()];
    plan_with(vec![host("client", in_place(&ALL))], vec![topics])
}

/// The host's own drift is told beside a cluster that is away.
fn topics_away() -> Plan {
    let error = "the cluster refused us at SASL, after DNS, TCP and TLS were fine\n  \
                 broker  b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098, through client\n  \
                 as      arn:aws:sts::123456789012:assumed-role/r/s\n  said    Access denied\n  \
                 help: the caller needs `kafka-cluster:Connect` on the cluster";
    let topics = TopicsPlan::unreached("b:9098", "client", error.into());
    let mut hosts = example().hosts;
    hosts.truncate(1);
    plan_with(hosts, vec![topics])
}

/// What references became, and what people forget; of a host with work, and of one without.
fn looked_up() -> Plan {
    let arn = "arn:aws:iam::123456789012:role/0ab336d6fcf7-ec2-access-role";
    let found = [
        LookedUp::shown(
            "ec2",
            "Name=kafka-client",
            "i-0123456789abcdef0 (kafka-client) at 10.0.0.5",
            "EC2",
        ),
        LookedUp::secret(
            "ssh.key",
            "from_instance, key pair mine",
            "Parameter Store, /ec2/keypair/key-1",
        ),
        LookedUp::shown(
            "client.msk_iam_auth.role",
            "0ab336d6fcf7-ec2-access-role",
            arn,
            "IAM",
        ),
    ];
    let forgotten =
        format!("the role may not be assumed\n  help: add this statement: {{\"AWS\":\"{arn}\"}}");
    let mut hosts = example().hosts;
    hosts.truncate(1);
    let first = hosts
        .remove(0)
        .told(&found, std::slice::from_ref(&forgotten));
    let second = host("second", in_place(&ALL)).told(&found, &[forgotten]);
    let brokers = "b-1.x:9098,b-2.x:9098";
    let cluster = topics_away().topics.remove(0);
    let brokers = LookedUp::shown("topics.cluster", "pinterest", brokers, "MSK, iam, private");
    plan_with(vec![first, second], vec![cluster.told(&[brokers], &[])])
}

/// More topics than anybody reads.
fn many_topics() -> Plan {
    let names: Vec<String> = (0..60).map(|n| format!("topics/t{n:02}")).collect();
    let steps = names
        .iter()
        .map(|name| step(name, StepAction::Create, "not on the cluster"))
        .collect();
    plan_with(vec![], vec![cluster(steps)])
}

fn plan_with(hosts: Vec<HostPlan>, topics: Vec<TopicsPlan>) -> Plan {
    let spec = SpecFile {
        path: "specs/pinterest-client.yaml".into(),
        sha256: "22".repeat(32),
    };
    Plan::new("salt".into(), vec![spec], hosts, topics)
}

/// The picture that the project's own notes draw.
fn example() -> Plan {
    let jar = "/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar";
    let before = "# .bashrc\n\nif [ -f /etc/bashrc ]; then\n  . /etc/bashrc\nfi\n\n\n\n\n\n\n\n\n\
        export CLASSPATH=/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.1-all.jar\n";
    let block = format!("# trueup: CLASSPATH, managed\nexport CLASSPATH={jar}\n# trueup: end\n");
    let mut classpath = step(
        "client/classpath",
        StepAction::Update,
        "`CLASSPATH` in ~/.bashrc, line 14, names aws-msk-iam-auth-1.1.1-all.jar; the spec wants \
         aws-msk-iam-auth-1.1.5-all.jar",
    );
    classpath.changes = vec![Change::shown("CLASSPATH", Some("/old.jar"), Some(jar))];
    classpath.text = Some(TextChange {
        path: "~/.bashrc".into(),
        before: before.into(),
        after: format!("{before}{block}"),
    });
    classpath.requires = vec!["client/msk_iam_auth".into()];
    let mut auth = step(
        "client/msk_iam_auth",
        StepAction::Create,
        "not there: ~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar",
    );
    auth.notes = vec![
        "fetch  https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/\
         aws-msk-iam-auth-1.1.5-all.jar"
            .into(),
        "sha256 ef217055…83b8ab".into(),
    ];
    let mut properties = step(
        "client/properties",
        StepAction::Update,
        "3 of 4 keys differ in ~/kafka_2.12-2.8.1/bin/client.properties, from line 1 on",
    );
    let jaas = |role: &str| {
        format!(
            "software.amazon.msk.auth.iam.IAMLoginModule required \
             awsRoleArn=\"arn:aws:iam::123456789012:role/{role}\";"
        )
    };
    properties.changes = vec![
        Change::shown("sasl.mechanism", Some("PLAIN"), Some("AWS_MSK_IAM")),
        Change::shown("sasl.jaas.config", Some(&jaas("old")), Some(&jaas("new"))),
        Change::shown("client.id", None, Some("loader")),
        Change::shown("linger.ms", Some("5"), None),
        Change::shown("mode", Some("0644"), Some("0600")),
    ];
    properties.notes = vec!["kept, not in the spec: `ssl.truststore.location`".into()];
    let mut steps = in_place(&["client/java", "client/kafka"]);
    steps.extend([auth, classpath, properties]);
    plan(vec![host("client", steps)])
}

fn blocked_and_unknown() -> Plan {
    let mut kafka = step(
        "client/kafka",
        StepAction::Blocked,
        "`~/kafka_2.12-2.8.1` is there and is no kafka_2.12-2.8.1",
    );
    kafka.help = Some("move it away, or name another `home`".into());
    let gone = step(
        "client/properties",
        StepAction::Delete,
        "asked for by `--allow-delete client/properties`",
    );
    let unseen = step(
        "client/classpath",
        StepAction::Unknown,
        "the login shell answered nothing within 5 s, with `-i` and without, so nobody can say \
         what a fresh terminal of this account sees",
    );
    let held = step(
        "client/msk_iam_auth",
        StepAction::Blocked,
        "needs `client/kafka`, which is blocked",
    );
    let mut java = step(
        "client/java",
        StepAction::Create,
        "a fresh shell finds no `java`",
    );
    java.warning = Some(
        "the package manager will also install what the package needs, which may take some \
         minutes on a small instance"
            .into(),
    );
    plan(vec![host("client", vec![java, kafka, held, unseen, gone])])
}

fn sensitive() -> Plan {
    let mut properties = step(
        "client/properties",
        StepAction::Update,
        "1 of 4 keys differ in ~/c.properties",
    );
    let mut forgotten = Change::sensitive("ssl.keystore.password");
    forgotten.before = Some(CANARY.into());
    forgotten.after = Some(CANARY.into());
    properties.changes = vec![Change::sensitive("ssl.truststore.password"), forgotten];
    let mut created = step(
        "client/other",
        StepAction::Create,
        "not there: ~/other.properties",
    );
    created.changes = vec![
        Change::shown("path", None, Some("~/other.properties")),
        Change::sensitive("ssl.key.password"),
    ];
    properties.text = Some(TextChange {
        path: "~/.bashrc".into(),
        before: format!("export DB_PASSWORD={CANARY}\n"),
        after: format!("export DB_PASSWORD={CANARY}\n# ours\n"),
    });
    plan(vec![host("client", vec![properties, created])])
}

fn unreachable() -> Plan {
    let drifted = vec![step(
        "client/java",
        StepAction::Create,
        "a fresh shell finds no `java`",
    )];
    plan(vec![
        host("client-1", in_place(&ALL)),
        HostPlan::unreached(
            "client-2",
            "ec2-3-80-9-9.compute-1.amazonaws.com",
            "ec2-3-80-9-9.compute-1.amazonaws.com: connection timed out after 10 s\n  \
             said: ssh: connect to host ec2-3-80-9-9.compute-1.amazonaws.com port 22: Connection \
             timed out\n  help: does the security group let this machine in?"
                .into(),
        ),
        host("client-3", drifted),
    ])
}

fn locked() -> Plan {
    let mut steps = in_place(&ALL[..4]);
    steps.push(step(
        "client/properties",
        StepAction::Create,
        "not there: ~/c.properties",
    ));
    let mut host = host("client", steps);
    host.lock_holder = Some("ubuntu from build-7 since 2026-11-24T04:00:00Z".into());
    plan(vec![host])
}

fn fleet() -> Plan {
    let hosts = (1..=40).map(|number| {
        let name = format!("client-{number:02}");
        let later = "a later line wins: ~/.bashrc, line 31, `export CLASSPATH=/opt/x.jar`";
        match number {
            7 | 19 => {
                let mut steps = in_place(&ALL[..3]);
                steps.push(step("client/classpath", StepAction::Update, later));
                host(&name, steps)
            }
            8 => host(
                &name,
                vec![step("client/java", StepAction::Unknown, "no answer")],
            ),
            33 => HostPlan::unreached(
                &name,
                "ec2-3-80-9-9",
                "connection timed out after 10 s".into(),
            ),
            _ => host(&name, in_place(&ALL)),
        }
    });
    plan(hosts.collect())
}

fn long_text() -> Plan {
    let text = |what: &str| -> String { (1..=30).map(|n| format!("{what} {n}\n")).collect() };
    let mut long = step(
        "client/classpath",
        StepAction::Update,
        "30 lines differ in ~/.bashrc",
    );
    long.text = Some(TextChange {
        path: "~/.bashrc".into(),
        before: format!("top\n{}end", text("old")),
        after: format!("top\n{}end\n", text("new")),
    });
    long.changes = (1..=25)
        .map(|n| {
            Change::shown(
                format!("libs/{n}.jar"),
                Some("damaged"),
                Some("as in the archive"),
            )
        })
        .collect();
    plan(vec![host("client", vec![long])])
}

/// What a machine, or who holds one, may send.
const HOSTILE: &str = "\u{1b}[2Jx\r\n::error::owned\u{202e}\u{9b}31m ##[add-mask]y\u{e0041}";

fn hostile() -> Plan {
    let mut properties = step("client/properties", StepAction::Update, HOSTILE);
    properties.changes = vec![
        Change::shown(HOSTILE, Some(HOSTILE), Some(HOSTILE)),
        Change::shown("::error::k", None, Some("::error::v")),
    ];
    properties.help = Some(HOSTILE.into());
    properties.notes = vec![
        HOSTILE.into(),
        format!("{} ::error::wrapped", "x".repeat(69)),
    ];
    properties.warning = Some(HOSTILE.into());
    properties.text = Some(TextChange {
        path: HOSTILE.into(),
        before: format!("::error::context\n{HOSTILE}"),
        after: format!("::error::context\n{HOSTILE}\n{HOSTILE}"),
    });
    let mut first = host("client", vec![properties]);
    first.address = HOSTILE.into();
    first.lock_holder = Some(HOSTILE.into());
    if let Some(facts) = &mut first.facts {
        facts.os.name = HOSTILE.into();
    }
    first.account = Some(HOSTILE.into());
    let mut topic = step(HOSTILE, StepAction::Create, HOSTILE);
    topic.changes = vec![Change::shown(HOSTILE, None, Some(HOSTILE))];
    let mut topics = cluster(vec![topic, step(HOSTILE, StepAction::None, "")]);
    (topics.cluster, topics.via) = (HOSTILE.into(), HOSTILE.into());
    topics.caller = Some(HOSTILE.into());
    topics.unmanaged = vec!["::error::x".into(), HOSTILE.into()];
    plan_with(
        vec![
            first,
            HostPlan::unreached("::error::", HOSTILE, format!("a\n::error::b\n{HOSTILE}")),
        ],
        vec![
            topics,
            TopicsPlan::unreached("::error::", HOSTILE, format!("a\n::error::b\n{HOSTILE}")),
        ],
    )
}

fn outcome(applied: &[&str]) -> HostOutcome {
    HostOutcome {
        host: "client".into(),
        applied: applied
            .iter()
            .map(|address| (*address).to_owned())
            .collect(),
        took: Duration::from_millis(6200),
        ..HostOutcome::default()
    }
}

fn topics_failed() -> HostOutcome {
    HostOutcome {
        host: "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098".into(),
        is_cluster: true,
        failure: Some(Failure {
            address: "topics/0ab336d6fcf7.geo".into(),
            reasons: vec!["a setting that no broker knows (INVALID_CONFIG)".into()],
            help: Some("look up the key's name".into()),
            ..Failure::default()
        }),
        not_reached: vec!["topics/0ab336d6fcf7.old".into()],
        ..outcome(&["topics/0ab336d6fcf7.user", "topics/0ab336d6fcf7.x"])
    }
}

fn failure() -> HostOutcome {
    HostOutcome {
        failure: Some(Failure {
            address: "client/msk_iam_auth".into(),
            reasons: vec![
                "the download's sha256 is 51c0b0c1…, the spec pins ef217055…".into(),
                "got 1,422 bytes of text/html: this is a web page, not a jar".into(),
            ],
            help: Some(
                "check `url` and `sha256` in specs/pinterest-client.yaml, lines 14 and 15".into(),
            ),
            outcome_unknown: false,
        }),
        not_reached: vec!["client/classpath".into(), "client/properties".into()],
        ..outcome(&[])
    }
}

fn partial() -> HostOutcome {
    HostOutcome {
        failure: Some(Failure {
            address: "client/classpath".into(),
            reasons: vec!["ec2-3-80-1-2: the connection was lost: Broken pipe".into()],
            help: Some("its outcome is not known: run `plan` to see what is now true".into()),
            outcome_unknown: true,
        }),
        not_reached: vec!["client/properties".into()],
        paste: vec!["sha256: ef21".into(), "sha256: ef21".into()],
        ..outcome(&["client/msk_iam_auth"])
    }
}

fn not_converged() -> HostOutcome {
    HostOutcome {
        not_converged: vec![(
            "client/classpath".into(),
            "`CLASSPATH` in ~/.bash_profile, line 9, names other.jar; the spec wants \
             aws-msk-iam-auth-1.1.5-all.jar\nlook at ~/.bash_profile, line 9"
                .into(),
        )],
        ..outcome(&[
            "client/msk_iam_auth",
            "client/classpath",
            "client/properties",
        ])
    }
}

fn interrupted() -> HostOutcome {
    HostOutcome {
        interrupted: true,
        not_reached: vec!["client/classpath".into(), "client/properties".into()],
        ..outcome(&["client/msk_iam_auth"])
    }
}

fn shown(outcome: &[HostOutcome], plan: &Plan, color: bool) -> String {
    let next = [
        "on the client, in a new shell",
        "~/kafka_2.12-2.8.1/bin/kafka-topics.sh --list \\",
        "  --bootstrap-server b-1.example.amazonaws.com:9098 \\",
        "  --command-config ~/kafka_2.12-2.8.1/bin/client.properties",
    ]
    .map(String::from);
    human::outcome(
        outcome,
        plan,
        &style(color),
        Duration::from_millis(6200),
        &next,
    )
}

/// Every golden text, with its name.
fn goldens(color: bool) -> Vec<(&'static str, String)> {
    let style = style(color);
    let plan_of = |value: &Plan| human::plan(value, &style, TOOK);
    let nothing = plan(vec![host("client", in_place(&ALL))]);
    let nothing_over_three = plan(
        ["client-1", "client-2", "client-3"]
            .map(|name| host(name, in_place(&ALL)))
            .into(),
    );
    let done = outcome(&[
        "client/msk_iam_auth",
        "client/classpath",
        "client/properties",
    ]);
    let mut elsewhere = failure();
    elsewhere.host = "client-3".into();
    vec![
        ("plan-example", plan_of(&example())),
        ("plan-nothing", plan_of(&nothing)),
        ("plan-nothing-fleet", plan_of(&nothing_over_three)),
        ("plan-blocked", plan_of(&blocked_and_unknown())),
        ("plan-sensitive", plan_of(&sensitive())),
        ("plan-unreachable", plan_of(&unreachable())),
        ("plan-locked", plan_of(&locked())),
        ("plan-fleet", plan_of(&fleet())),
        ("plan-long", plan_of(&long_text())),
        ("plan-hostile", plan_of(&hostile())),
        ("plan-topics", plan_of(&topics())),
        ("plan-topics-nothing", plan_of(&topics_in_place())),
        ("plan-topics-away", plan_of(&topics_away())),
        ("plan-looked-up", plan_of(&looked_up())),
        ("plan-topics-many", plan_of(&many_topics())),
        ("drift-topics", human::drift(&topics(), &style)),
        (
            "drift-topics-nothing",
            human::drift(&topics_in_place(), &style),
        ),
        ("drift-topics-away", human::drift(&topics_away(), &style)),
        (
            "outcome-topics",
            shown(
                &[outcome(&["client/java"]), topics_failed()],
                &topics(),
                color,
            ),
        ),
        (
            "outcome-topics-not-reached",
            shown(
                &[
                    failure(),
                    HostOutcome {
                        failure: None,
                        applied: vec![],
                        ..topics_failed()
                    },
                ],
                &topics(),
                color,
            ),
        ),
        ("drift-example", human::drift(&example(), &style)),
        ("drift-nothing", human::drift(&nothing, &style)),
        ("drift-fleet", human::drift(&fleet(), &style)),
        (
            "drift-blocked",
            human::drift(&blocked_and_unknown(), &style),
        ),
        ("drift-locked", human::drift(&locked(), &style)),
        ("drift-unreachable", human::drift(&unreachable(), &style)),
        ("drift-hostile", human::drift(&hostile(), &style)),
        ("outcome-done", shown(&[done], &example(), color)),
        ("outcome-nothing", shown(&[], &nothing, color)),
        ("outcome-failure", shown(&[failure()], &example(), color)),
        ("outcome-partial", shown(&[partial()], &example(), color)),
        (
            "outcome-not-converged",
            shown(&[not_converged()], &example(), color),
        ),
        (
            "outcome-interrupted",
            shown(&[interrupted()], &example(), color),
        ),
        (
            "outcome-blocked",
            shown(&[outcome(&["client/java"])], &blocked_and_unknown(), color),
        ),
        ("outcome-fleet", shown(&[elsewhere], &unreachable(), color)),
        (
            "facts",
            human::facts(
                "client",
                "ec2-3-80-1-2.compute-1.amazonaws.com",
                &facts(),
                &style,
            ),
        ),
    ]
}

#[test]
fn texts_are_as_blessed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/report");
    let mut wrong = Vec::new();
    for (name, text) in goldens(false) {
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("TRUEUP_BLESS").is_some() {
            fs::write(&path, &text).expect("the fixtures can be written");
        }
        let blessed = fs::read_to_string(&path).unwrap_or_default();
        if blessed != text {
            wrong.push(format!("--- {name}: blessed\n{blessed}--- now\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_keep_to_the_width() {
    for (name, text) in goldens(false) {
        if name.ends_with("hostile") {
            continue;
        }
        for line in text.lines() {
            // Paths, URLs and the lines of a file stay whole; people copy them.
            let words = line.trim_start();
            let is_whole = words.starts_with(['+', '-'])
                || words.starts_with("export ")
                || words.split(' ').any(|word| word.chars().count() > 55);
            assert!(line.chars().count() <= 80 || is_whole, "{name}: {line}");
        }
    }
}

#[test]
fn narrow_terminals_get_every_word() {
    let words = |text: String| {
        text.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    for value in [example(), blocked_and_unknown(), unreachable(), locked()] {
        let narrow = Style {
            color: false,
            width: 40,
        };
        let wide = human::plan(&value, &style(false), TOOK);
        assert_eq!(words(human::plan(&value, &narrow, TOOK)), words(wide));
    }
}

#[test]
fn colour_says_nothing_that_the_words_do_not() {
    for ((name, plain), (_, colored)) in goldens(false).into_iter().zip(goldens(true)) {
        assert!(!plain.contains('\u{1b}'), "{name}");
        assert_eq!(strip(&colored), plain, "{name}");
        // Of what looks like a command of a runner, colour does not hide the beginning of a line.
        assert!(
            colored
                .lines()
                .all(|line| line.matches("\u{1b}[").count() % 2 == 0),
            "{name}"
        );
    }
    assert!(human::plan(&example(), &style(true), TOOK).contains('\u{1b}'));
}

/// Takes the colours out, and nothing else.
fn strip(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (codes, rest) = piece.split_once('m').expect("only colours");
        assert!(
            codes.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{codes}"
        );
        plain.push_str(rest);
    }
    plain
}

#[test]
fn secrets_stay_out_of_everything() {
    let value = sensitive();
    let all = [
        human::plan(&value, &style(true), TOOK),
        human::drift(&value, &style(false)),
        json::plan(&value),
        json::outcome(&value, &[outcome(&["client/properties"])], 0),
    ];
    for text in all {
        assert!(!text.contains(CANARY), "{text}");
    }
}

fn assert_tame(text: &str) {
    for c in text.chars() {
        let moves = c.is_control() && c != '\n';
        assert!(
            !moves && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            "{c:?}: {text}"
        );
    }
    for line in text.lines() {
        assert!(
            !line.trim_start().starts_with("::") && !line.contains("##["),
            "{line}"
        );
    }
}

#[test]
fn remote_text_is_shown_escaped() {
    let value = hostile();
    let mut of_host = failure();
    of_host.host = HOSTILE.into();
    of_host.applied = vec![HOSTILE.into()];
    of_host.not_converged = vec![(HOSTILE.into(), HOSTILE.into())];
    of_host.paste = vec!["::error::p".into()];
    of_host.failure = Some(Failure {
        address: HOSTILE.into(),
        reasons: vec![HOSTILE.into(), "::error::x".into()],
        help: Some(HOSTILE.into()),
        outcome_unknown: true,
    });
    let mut host = facts();
    host.os.name = HOSTILE.into();
    host.login = Observation::Unknown(HOSTILE.into());
    host.identity.host_keys = vec![HOSTILE.into()];
    let (results, log) = (Shared::default(), Shared::default());
    play(&mut progress(&results, &log), HOSTILE);
    let all = [
        human::plan(&value, &style(false), TOOK),
        human::drift(&value, &style(false)),
        shown(&[of_host.clone()], &value, false),
        human::facts("::error::", HOSTILE, &host, &style(false)),
        json::plan(&value),
        json::outcome(&value, &[of_host], 5),
        json::text(&json::facts(HOSTILE, HOSTILE, &host, &[])),
        results.text(),
        log.text(),
    ];
    for text in all {
        assert!(text.contains("\\u"), "{text}");
        assert_tame(&text);
    }
}

#[test]
fn json_has_the_fields_that_are_promised() {
    let value: Value = serde_json::from_str(&json::plan(&hostile())).expect("JSON");
    assert_eq!(value["format_version"], "1.0");
    assert_eq!(value["tool_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(value["specs"][0]["path"], "specs/pinterest-client.yaml");
    assert_eq!(value["complete"], false);
    assert_eq!(value["summary"]["update"], 1);
    let step = &value["hosts"][0]["steps"][0];
    // It reads back as what was there.
    assert_eq!(step["reason"], HOSTILE);
    assert_eq!(step["changes"][0]["path"], HOSTILE);
    assert_eq!(step["changes"][0]["sensitive"], false);
    for key in [
        "address",
        "action",
        "observed_digest",
        "actions_digest",
        "requires",
    ] {
        assert!(!step[key].is_null(), "{key}");
    }
    // The user's own lines are for people alone.
    assert!(step["text"].is_null());
    assert!(value["hosts"][0]["identity"]["machine_id"].is_string());
    assert!(value["hosts"][1]["identity"].is_null());
    assert!(json::plan(&example()).ends_with("}\n"));

    let all: Value = serde_json::from_str(&json::plan(&blocked_and_unknown())).expect("JSON");
    let actions = all["hosts"][0]["steps"].as_array().expect("steps").iter();
    let actions: Vec<_> = actions
        .map(|step| step["action"].as_str().expect("text"))
        .collect();
    assert_eq!(
        actions,
        ["create", "blocked", "blocked", "unknown", "delete"]
    );
}

#[test]
fn json_of_an_apply_is_the_plan_with_an_outcome() {
    let mut one = partial();
    one.not_converged = not_converged().not_converged;
    let value: Value = serde_json::from_str(&json::outcome(&example(), &[one], 5)).expect("JSON");
    assert_eq!(value["format_version"], "1.0");
    assert_eq!(value["outcome"]["exit_code"], 5);
    let host = &value["outcome"]["hosts"][0];
    assert_eq!(host["host"], "client");
    assert_eq!(host["took_ms"], 6200);
    assert_eq!(host["applied"][0], "client/msk_iam_auth");
    assert_eq!(host["failure"]["address"], "client/classpath");
    assert_eq!(host["failure"]["outcome_unknown"], true);
    assert_eq!(host["not_reached"][0], "client/properties");
    assert_eq!(host["not_converged"][0]["address"], "client/classpath");
    assert_eq!(host["interrupted"], false);

    let facts = json::facts("client", "10.0.0.5", &facts(), &[]);
    assert_eq!(facts["name"], "client");
    assert_eq!(facts["facts"]["account"]["user"], "ec2-user");
}

#[test]
fn the_question_counts() {
    assert_eq!(human::prompt(4), "Apply these 4 changes? [y/N] ");
    assert_eq!(human::prompt(1), "Apply this change? [y/N] ");
}

/// A writer that the test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("one thread").clone()).expect("text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn progress(results: &Shared, log: &Shared) -> Progress {
    let mut progress =
        Progress::new(false, false, 80, Box::new(results.clone())).with_log(Box::new(log.clone()));
    progress.expect(&example(), false);
    progress
}

fn play(progress: &mut Progress, what: &str) {
    let (host, address) = ("client", "client/msk_iam_auth");
    for _ in 0..3 {
        progress.event(Event::Waiting { host, holder: what });
    }
    progress.event(Event::Started {
        host,
        address,
        verb: "fetch",
    });
    let total = 13_421_772;
    for part in 0..=1000 {
        progress.event(Event::Bytes {
            have: total / 1000 * part,
            total: Some(total),
        });
    }
    progress.event(Event::Done {
        host,
        address,
        summary: what,
    });
    progress.event(Event::Started {
        host,
        address: "client/java",
        verb: "install",
    });
    progress.event(Event::Line(what));
    progress.event(Event::Bytes {
        have: 5,
        total: None,
    });
    progress.event(Event::Interrupted { what });
    progress.event(Event::Failed {
        host,
        address: "client/java",
    });
    // What nobody began does no harm.
    progress.event(Event::Bytes {
        have: 5,
        total: Some(0),
    });
    progress.event(Event::Line(what));
}

#[test]
fn without_a_terminal_progress_is_a_few_plain_lines() {
    let (results, log) = (Shared::default(), Shared::default());
    play(
        &mut progress(&results, &log),
        "12.8 MiB in 3.1 s, sha256 as in the spec",
    );
    assert_eq!(
        results.text(),
        "  client/msk_iam_auth  done      12.8 MiB in 3.1 s, sha256 as in the spec\n  \
         client/java          failed\n"
    );
    assert_eq!(
        log.text().lines().collect::<Vec<_>>(),
        [
            "waiting on client for an apply by 12.8 MiB in 3.1 s, sha256 as in the spec",
            "  client/msk_iam_auth  fetch",
            "  client/msk_iam_auth  fetch     25 %, 3.2/12.8 MiB",
            "  client/msk_iam_auth  fetch     50 %, 6.4/12.8 MiB",
            "  client/msk_iam_auth  fetch     75 %, 9.6/12.8 MiB",
            "  client/java          install",
            "interrupted: 12.8 MiB in 3.1 s, sha256 as in the spec",
        ]
    );
}

#[test]
fn on_a_terminal_results_carry_no_bar() {
    for width in [20, 40, 80] {
        let (results, log) = (Shared::default(), Shared::default());
        let mut progress = Progress::new(true, true, width, Box::new(results.clone()))
            .with_log(Box::new(log.clone()));
        progress.expect(&unreachable(), true);
        play(&mut progress, HOSTILE);
        drop(progress);
        let text = strip(&results.text());
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("client:client/java"), "{text}");
        assert_tame(&text);
        assert_tame(&log.text());
    }
}
