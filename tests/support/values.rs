//! Plans and outcomes, built by hand.

use std::{collections::BTreeSet, time::Duration};

use trueup::{
    apply::outcome::{Failure, Outcome},
    exit::Code,
    facts::{Account, Host, Identity, LoginShell, Observation, Os, PackageManager},
    kinds::{Change, TextChange},
    plan::{HostPlan, LookedUp, Moved, Plan, SpecFile, Step, StepAction, Subject, TopicsPlan},
    report::{
        Detail, Report, ReportKind,
        human::{self, Style},
    },
    utc::Utc,
};

pub const CANARY: &str = "canary-5f2a";
/// 2026-11-27 03:10:00 UTC.
pub const AT: Utc = Utc::of_seconds(1_795_749_000);
pub const TOOK: Duration = Duration::from_millis(312);

pub fn style(color: bool) -> Style {
    Style { color, width: 80 }
}

pub fn step(address: &str, action: StepAction, reason: &str) -> Step {
    Step {
        action,
        reason: reason.into(),
        observed_digest: "00".repeat(32),
        actions_digest: "11".repeat(32),
        ..Step::none(address)
    }
}

pub fn in_place(addresses: &[&'static str]) -> Vec<Step> {
    let steps = addresses.iter();
    steps
        .map(|address| step(address, StepAction::None, ""))
        .collect()
}

pub const ALL: [&str; 5] = [
    "client/java",
    "client/kafka",
    "client/msk_iam_auth",
    "client/classpath",
    "client/properties",
];

pub fn facts() -> Host {
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
            instance_id: Some("i-0123456789abcdef0".into()),
            host_keys: vec!["ecdsa-sha2-nistp256 AAAA".into(), "ssh-ed25519 AAAB".into()],
        },
        machine: None,
        disk_free_kib: Some(6_400_000),
        memory_total_kib: Some(1_000_000),
        memory_available_kib: Some(700_000),
        skew_seconds: Some(0),
        missing_tools: BTreeSet::from(["wget".into()]),
        tools: BTreeSet::from(
            ["curl", "tar", "gzip", "sha512sum", "flock", "sudo", "yum"].map(String::from),
        ),
        lock_holder: None,
        login: Observation::Present(LoginShell {
            classpath: Some(
                "/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.1-all.jar:/opt/x/*"
                    .into(),
            ),
            java_home: None,
            java: Some("/usr/bin/java".into()),
            variables: std::collections::BTreeMap::new(),
            not_interactive: false,
            terminal_test: None,
        }),
        login_end: None,
    }
}

pub fn host(name: &str, steps: Vec<Step>) -> HostPlan {
    let facts = facts();
    HostPlan {
        name: name.into(),
        address: "ec2-3-80-1-2.compute-1.amazonaws.com".into(),
        identity: Some(facts.identity.clone()),
        account: Some(facts.account.user.clone()),
        error: None,
        unfit: false,
        lock_holder: None,
        looked_up: vec![],
        warnings: vec![],
        since: None,
        steps,
        facts: Some(facts),
    }
}

pub fn plan(hosts: Vec<HostPlan>) -> Plan {
    plan_with(hosts, vec![])
}

/// A cluster's part, with some of everything.
pub fn cluster(steps: Vec<Step>) -> TopicsPlan {
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

pub fn topics() -> Plan {
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
pub fn topics_in_place() -> Plan {
    let mut topics = cluster(in_place(&["topics/a", "topics/b", "topics/c"]));
    topics.unmanaged = vec!["d".into()];
    plan_with(vec![host("client", in_place(&ALL))], vec![topics])
}

/// The host's own drift is told beside a cluster that is away.
pub fn topics_away() -> Plan {
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
pub fn looked_up() -> Plan {
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
        .with_lookups(&found, std::slice::from_ref(&forgotten));
    let second = host("second", in_place(&ALL)).with_lookups(&found, &[forgotten]);
    let brokers = "b-1.x:9098,b-2.x:9098";
    let cluster = topics_away().topics.remove(0);
    let brokers = LookedUp::shown("topics.cluster", "pinterest", brokers, "MSK, iam, private");
    plan_with(
        vec![first, second],
        vec![cluster.with_lookups(&[brokers], &[])],
    )
}

/// A fleet: many hosts of the same differences, many without, and some that have their own.
pub fn alike_hosts() -> Plan {
    let missing = || {
        let mut steps = in_place(&["client/java", "client/kafka"]);
        let mut note = step("files/note", StepAction::Create, "`~/note` is missing");
        note.changes = vec![Change::shown("mode", None, Some("0644"))];
        let blocked = step(
            "timezone",
            StepAction::Blocked,
            "it takes root; we are ec2-user",
        );
        steps.extend([note, blocked]);
        steps
    };
    let hosts = (0..20).map(|at| {
        let name = format!("c{at:02}");
        match at {
            3 => HostPlan::unreached(&name, "10.0.0.3", "10.0.0.3: no route".into()),
            5 => {
                let mut steps = missing();
                steps.pop();
                host(&name, steps)
            }
            at if at % 2 == 0 => host(&name, in_place(&ALL)),
            7 => host(&name, in_place(&ALL[..2])),
            _ => host(&name, missing()),
        }
    });
    plan_with(hosts.collect(), vec![])
}

/// Hosts that could not be read, five of them for the same reason but for what is their own.
pub fn unread_hosts() -> Plan {
    let hosts = (1..=7).map(|at| {
        let (name, address) = (format!("c{at}"), format!("10.0.0.{at}"));
        let error = match at {
            2 => format!("{address}: no route"),
            4 => return host(&name, in_place(&ALL)),
            _ => format!(
                "{address}: No ED25519 host key is known for {address}\n  help: it shows ssh-ed25519 \
                 SHA256:{}: `ssh-keyscan {address}` prints the key; look at `{name}`",
                char::from(b'a' + at).to_string().repeat(43)
            ),
        };
        HostPlan::unreached(&name, &address, error)
    });
    plan_with(hosts.collect(), vec![])
}

/// More topics than anybody reads.
pub fn many_topics() -> Plan {
    let names: Vec<String> = (0..60).map(|n| format!("topics/t{n:02}")).collect();
    let steps = names
        .iter()
        .map(|name| step(name, StepAction::Create, "not on the cluster"))
        .collect();
    plan_with(vec![], vec![cluster(steps)])
}

pub fn plan_with(hosts: Vec<HostPlan>, topics: Vec<TopicsPlan>) -> Plan {
    let spec = SpecFile {
        path: "specs/pinterest-client.yaml".into(),
        sha256: "22".repeat(32),
    };
    Plan::new("salt".into(), vec![spec], hosts, topics)
}

/// The picture that the project's own notes draw.
pub fn example() -> Plan {
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
        "`~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar` is missing",
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

pub fn blocked_and_unknown() -> Plan {
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

pub fn sensitive() -> Plan {
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
        "`~/other.properties` is missing",
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

pub fn unreachable() -> Plan {
    let address = "client/java";
    let reason = "a fresh shell runs Java 17.0.2, the spec wants 1.8.0";
    let mut java = step(address, StepAction::Update, reason);
    java.changes = vec![
        Change::shown("version", Some("17.0.2"), Some("1.8.0")),
        Change::known_after("home", Some("/usr/lib/jvm/java-17"), &address.into()),
    ];
    let drifted = vec![java];
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

pub fn locked() -> Plan {
    let mut steps = in_place(&ALL[..4]);
    steps.push(step(
        "client/properties",
        StepAction::Create,
        "`~/c.properties` is missing",
    ));
    let mut host = host("client", steps);
    host.lock_holder = Some("ubuntu from build-7 since 2026-11-24T04:00:00Z".into());
    plan(vec![host])
}

pub fn fleet() -> Plan {
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

pub fn long_text() -> Plan {
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
pub const HOSTILE: &str = "\u{1b}[2Jx\r\n::error::owned\u{202e}\u{9b}31m ##[add-mask]y\u{e0041}";

pub fn hostile() -> Plan {
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

pub fn outcome(applied: &[&str]) -> Outcome {
    Outcome {
        applied: applied.iter().map(|&address| address.into()).collect(),
        took: Duration::from_millis(6200),
        ..Outcome::new(Subject::Host("client".into()))
    }
}

pub fn topics_failed() -> Outcome {
    Outcome {
        subject: Subject::Cluster(
            "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098".into(),
        ),
        failure: Some(Failure {
            address: Some("topics/0ab336d6fcf7.geo".into()),
            reasons: vec!["a setting that no broker knows (INVALID_CONFIG)".into()],
            help: Some("look up the key's name".into()),
            ..Failure::default()
        }),
        also_failed: vec![Failure {
            address: Some("topics/0ab336d6fcf7.pin".into()),
            reasons: vec!["a policy of the cluster forbids it (POLICY_VIOLATION)".into()],
            done: vec!["6 partitions".into()],
            ..Failure::default()
        }],
        not_reached: vec!["topics/0ab336d6fcf7.old".into()],
        ..outcome(&["topics/0ab336d6fcf7.user", "topics/0ab336d6fcf7.x"])
    }
}

pub fn failure() -> Outcome {
    Outcome {
        failure: Some(Failure {
            address: Some("client/msk_iam_auth".into()),
            reasons: vec![
                "the download's sha256 is 51c0b0c1…, the spec pins ef217055…".into(),
                "got 1,422 bytes of text/html: this is a web page, not a jar".into(),
            ],
            help: Some(
                "check `url` and `sha256` in specs/pinterest-client.yaml, lines 14 and 15".into(),
            ),
            ..Failure::default()
        }),
        not_reached: vec!["client/classpath".into(), "client/properties".into()],
        ..outcome(&[])
    }
}

pub fn partial() -> Outcome {
    Outcome {
        failure: Some(Failure {
            address: Some("client/classpath".into()),
            reasons: vec!["ec2-3-80-1-2: the connection was lost: Broken pipe".into()],
            help: Some("its outcome is not known: run `plan` to see what is now true".into()),
            outcome_unknown: true,
            ..Failure::default()
        }),
        not_reached: vec!["client/properties".into()],
        paste: vec!["sha256: ef21".into(), "sha256: ef21".into()],
        ..outcome(&["client/msk_iam_auth"])
    }
}

pub fn not_converged() -> Outcome {
    Outcome {
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

/// All was applied, and then the connection was gone.
pub fn unverified() -> Outcome {
    let reason = "it could not be read again: the connection was lost: Broken pipe";
    let addresses = [
        "client/msk_iam_auth",
        "client/classpath",
        "client/properties",
    ];
    Outcome {
        unverified: addresses
            .map(|address| (address.into(), reason.into()))
            .into(),
        ..outcome(&addresses)
    }
}

/// A step that failed after its first action.
pub fn in_part() -> Outcome {
    Outcome {
        failure: Some(Failure {
            address: Some("client/classpath".into()),
            reasons: vec!["no room in /home/ec2-user".into()],
            help: Some("make room on the host: `df -h` shows which file system is full".into()),
            done: vec!["~/.bashrc".into()],
            ..Failure::default()
        }),
        not_reached: vec!["client/properties".into()],
        ..outcome(&["client/msk_iam_auth"])
    }
}

fn moves(address: Option<&str>, how: &str) -> Moved {
    Moved {
        address: address.map(Into::into),
        how: how.to_owned(),
    }
}

pub fn moved() -> Outcome {
    Outcome {
        moved: vec![
            moves(
                Some("client/classpath"),
                "what it was planned on is no longer so: another line wins (`CLASSPATH`)",
            ),
            moves(
                Some("client/java"),
                "it is not in the plan, and would be created",
            ),
            moves(Some("client/gone"), "it is no longer looked at"),
        ],
        ..outcome(&[])
    }
}

pub fn another_machine() -> Outcome {
    Outcome {
        moved: vec![moves(
            None,
            "its machine id is another than when it was planned",
        )],
        ..outcome(&[])
    }
}

pub fn topics_moved() -> Outcome {
    Outcome {
        subject: Subject::Cluster(topics().topics[0].cluster.clone()),
        moved: vec![moves(
            Some("topics/0ab336d6fcf7.user"),
            "the plan says that it would be created; now it would be changed",
        )],
        ..outcome(&[])
    }
}

pub fn moved_hostile() -> Outcome {
    let of = |address| moves(address, HOSTILE);
    Outcome {
        moved: vec![of(None), of(Some(HOSTILE)), of(Some("client/properties"))],
        ..outcome(&[])
    }
}

pub fn interrupted() -> Outcome {
    Outcome {
        interrupted: true,
        not_reached: vec!["client/classpath".into(), "client/properties".into()],
        ..outcome(&["client/msk_iam_auth"])
    }
}

pub fn shown(outcome: &[Outcome], plan: &Plan, color: bool) -> String {
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

/// A report of a plan, as a command would give it.
pub fn report<'r>(
    kind: ReportKind,
    plan: &'r Plan,
    outcomes: &'r [Outcome],
    code: Code,
) -> Report<'r> {
    Report {
        kind,
        plan,
        outcomes,
        proofs: &[],
        code,
        style: style(false),
        at: AT,
        took: TOOK,
        history: None,
        detail: Detail::default(),
        next: &[],
    }
}
