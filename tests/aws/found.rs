//! What references become.

use serde_json::{Value, json};

use crate::{
    sshd::{Sshd, keygen, user},
    world::{Desk, Front, Said, name, text},
};

/// A machine that an instance of the account is: an sshd on loopback that lets us in.
pub struct Machine {
    sshd: Sshd,
    folder: tempfile::TempDir,
    /// What belongs below `ssh:` in a spec.
    pub ssh: String,
    pub home: tempfile::TempDir,
}

impl Machine {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let own = keygen(&folder.path().join("id"), "ed25519");
        let place = folder.path().join("sshd");
        let sshd = Sshd::start(&place, &["ed25519"], &own, "");
        let host_key = std::fs::read_to_string(place.join("host_ed25519.pub")).expect("a key");
        let words: Vec<&str> = host_key.split_whitespace().take(2).collect();
        let ssh = format!(
            "{{ port: {}, user: {}, key: {{ file: {} }}, host_key: {{ pinned: [\"{}\"] }} }}",
            sshd.port,
            user(),
            folder.path().join("id").display(),
            words.join(" ")
        );
        Self {
            sshd,
            folder,
            ssh,
            home: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn port(&self) -> u16 {
        self.sshd.port
    }

    /// The file of the private key that it lets in.
    pub fn key(&self) -> String {
        self.folder.path().join("id").display().to_string()
    }

    /// How often somebody was let in.
    pub fn logins(&self) -> usize {
        self.sshd.count("Accepted publickey")
    }

    /// A file that a spec can manage there.
    pub fn file(&self) -> String {
        self.home
            .path()
            .join("client.properties")
            .display()
            .to_string()
    }
}

/// A spec whose one host is an instance, reached through nothing that answers: what is looked up is
/// said all the same.
pub fn unreached(ec2: &str) -> String {
    format!("version: 1\nhosts:\n  client:\n    ec2: {ec2}\n    ssh: {{ port: 1 }}\n")
}

fn facts(front: &Front, spec: &str) -> Said {
    Desk::new(front).run(spec, &["facts"])
}

#[test]
fn an_instance_is_found_by_its_id_its_name_or_its_tags() {
    let front = Front::new();
    let of = name("client");
    let tags = json!({ "Name": of, "team": "a*b", "role": "kafka" });
    let id = front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    // What a wildcard would match, too.
    front.instance(
        json!({ "tags": { "Name": format!("{of}2"), "team": "aXb" }, "private_ip": "127.0.0.1" }),
    );
    for ec2 in [
        format!("{{ instance_id: {id}, via: private_ip }}"),
        format!("{{ name: {of}, via: private_ip }}"),
        format!("{{ tags: {{ team: a*b, Name: {of} }}, via: private_ip }}"),
    ] {
        let said = facts(&front, &unreached(&ec2));
        said.says(
            4,
            &[
                &format!("is {id} ({of}) at 127.0.0.1 (EC2)"),
                "Connection refused",
            ],
        );
    }
    let none = facts(
        &front,
        &unreached(&format!("{{ tags: {{ Name: {of}* }} }}")),
    );
    none.says(4, &[&format!("no instance is Name={of}*")]);
}

#[test]
fn what_is_not_one_running_machine_says_what_was_found() {
    let front = Front::new();
    let of = name("several");
    let running = front.instance(json!({ "tags": { "Name": of }, "private_ip": "127.0.0.1" }));
    let by_name = unreached(&format!("{{ name: {of}, via: public_dns }}"));
    facts(&front, &by_name).says(
        4,
        &[
            "has no public DNS name",
            "`via: private_ip` (127.0.0.1)",
            "instance_id",
        ],
    );
    let stopped = front.instance(json!({ "tags": { "Name": of }, "state": "stopped" }));
    let gone = front.instance(json!({ "tags": { "Name": of }, "state": "terminated" }));
    let several = facts(&front, &by_name);
    several.says(
        4,
        &[
            &format!("2 instances are Name={of}"),
            &format!("{running} {of} running"),
            &format!("{stopped} {of} stopped"),
        ],
    );
    several.never_says(&[&gone]);
    let by_id = |id: &str| facts(&front, &unreached(&format!("{{ instance_id: {id} }}")));
    by_id(&stopped).says(
        4,
        &[&format!("{stopped} ({of}) is stopped"), "start-instances"],
    );
    by_id(&gone).says(4, &[&format!("{gone} ({of}) is terminated")]);
    by_id("i-0123456789abcdef0").says(
        4,
        &[
            "the instance `i-0123456789abcdef0` is not there",
            "InvalidInstanceID.NotFound",
        ],
    );
}

#[test]
fn a_machine_that_only_its_tag_names_is_read_and_a_fleet_is_as_many_hosts() {
    let front = Front::new();
    let machine = Machine::start();
    let of = name("fleet");
    let tags = json!({ "fleet": of });
    let one = front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    let two = front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    let asleep = front.instance(json!({ "tags": tags, "state": "stopped" }));
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ tags: {{ fleet: {of} }}, all: true, via: private_ip }}\n    \
         ssh: {}\nclient:\n  properties: {{ path: {}, extra: {{ client.id: loader }} }}\n",
        machine.ssh,
        machine.file()
    );
    let desk = Desk::new(&front);
    let said = desk.run(&spec, &["plan", "--format", "json"]);
    assert_eq!(said.code, 4, "{}", said.err);
    let plan: Value = serde_json::from_str(&said.out).expect("JSON");
    let hosts = plan["hosts"].as_array().expect("hosts");
    let mut names: Vec<String> = hosts.iter().map(|host| text(&host["name"])).collect();
    let mut wanted = [&one, &two, &asleep].map(|id| format!("client/{id}"));
    names.sort();
    wanted.sort();
    assert_eq!(names, wanted);
    for host in hosts {
        let name = text(&host["name"]);
        if name.ends_with(&asleep) {
            assert!(text(&host["error"]).contains("is stopped"), "{host}");
            continue;
        }
        let id = name.strip_prefix("client/").expect("a member");
        assert_eq!(host["identity"]["instance_id"], id, "{host}");
        assert_eq!(host["steps"][0]["action"], "create", "{host}");
        assert_eq!(host["looked_up"][0]["key"], "ec2", "{host}");
    }
    // One member, and the fleet by its name.
    let member = format!("client/{one}");
    let only = desk.run(&spec, &["plan", "--host", &member]);
    only.says(0, &[&member, "client/properties"]);
    only.never_says(&[&two, &asleep]);
    desk.run(&spec, &["plan", "--host", "client"])
        .says(4, &[&one, &two, &asleep]);
    desk.run(&spec, &["plan", "--host", "other/i-1"])
        .says(3, &["has no host `other/i-1`"]);
    let all_but = desk.run(&spec, &["plan", "--exclude-host", &member]);
    all_but.says(4, &[&two, &asleep]);
    all_but.never_says(&[&one]);
    desk.run(
        &spec,
        &["plan", "--exclude-host", "client/i-0123456789abcdef0"],
    )
    .says(3, &["has no host `client/i-0123456789abcdef0`"]);
    // Each member is in one part, by its own name.
    let parts = ["1/2", "2/2"].map(|share| {
        let said = desk.run(&spec, &["plan", "--format", "json", "--shard", share]);
        let plan: Value = serde_json::from_str(&said.out).expect("JSON");
        let hosts = plan["hosts"].as_array().expect("hosts").iter();
        hosts.map(|host| text(&host["name"])).collect::<Vec<_>>()
    });
    let mut names = parts.concat();
    names.sort();
    assert_eq!(names, wanted);
}

#[test]
fn a_role_becomes_its_arn_and_the_step_that_people_forget_is_said() {
    let front = Front::new();
    let machine = Machine::start();
    let (role, profile, of) = (name("role"), name("profile"), name("client"));
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ec2.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    let made = front.make(json!({
        "roles": { &role: { "trust": trust, "path": "/team/" } },
        "profiles": { &profile: role },
        "instances": [{ "tags": { "Name": of }, "profile": profile, "private_ip": "127.0.0.1" }],
    }));
    let arn = text(&made["roles"][&role]);
    let spec = |role: &str| {
        format!(
            "version: 1\nhosts:\n  client:\n    ec2: {{ name: {of}, via: private_ip }}\n    ssh: {}\nclient:\n  \
             kafka: {{ version: 2.8.1, scala: 2.12, home: {} }}\n  msk_iam_auth: {{ version: 1.1.5, role: {role} \
             }}\n  properties: {{ path: {} }}\n",
            machine.ssh,
            machine.home.path().join("kafka").display(),
            machine.file()
        )
    };
    let desk = Desk::new(&front);
    let said = desk.run(&spec(&role), &["plan"]);
    said.says(
        0,
        &[
            &format!("client.msk_iam_auth.role: {role} is {arn} (IAM)"),
            &format!("awsRoleArn=\"{arn}\""),
            &format!("the role `{role}` may not be assumed by itself"),
            &format!("{{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"{arn}\"}},\"Action\":\"sts:AssumeRole\"}}"),
        ],
    );
    let calls = front.calls();
    assert!(
        calls.contains(&"iam:GetInstanceProfile".to_owned()),
        "{calls:?}"
    );

    // As soon as a role lets it, nothing is said.
    let trusting = name("role");
    let statement =
        json!({ "Effect": "Allow", "Principal": { "AWS": arn }, "Action": "sts:AssumeRole" });
    front.make(json!({
        "roles": { &trusting: { "trust": { "Version": "2012-10-17", "Statement": [statement] } } },
    }));
    let said = desk.run(&spec(&trusting), &["plan"]);
    said.says(0, &[&format!("{trusting} is arn:aws:iam::")]);
    said.never_says(&["may not be assumed"]);

    // Where nobody may look, that is said, and no more.
    front.fault("iam:GetInstanceProfile", "denied", 1);
    desk.run(&spec(&role), &["plan"])
        .says(0, &["may not `iam:GetInstanceProfile`"]);
    front.fault("iam:GetRole", "denied", 1);
    desk.run(&spec(&role), &["plan"]).says(
        4,
        &[
            "AWS refuses `iam:GetRole`",
            "user/tester is not authorized",
            "`role_arn: arn:aws:iam::",
        ],
    );
    desk.run(&spec("nobody"), &["plan"])
        .says(4, &["the role `nobody` is not there", "NoSuchEntity"]);
}

/// A spec with topics on a cluster of a name; the host is this machine, and not asked for anything.
fn topics(cluster: &str, more: &str) -> String {
    format!(
        "version: 1\nhosts:\n  client: {{ local: {{}} }}\ntopics:\n  cluster: {cluster}\n  tables: [pin]\n{more}"
    )
}

#[test]
fn a_cluster_becomes_the_brokers_of_the_listener_that_fits() {
    let front = Front::new();
    let of = name("cluster");
    let bootstrap = json!({
        "bootstrapBrokerStringSaslIam": "b-3.x:9098,b-1.x:9098,b-2.x:9098",
        "bootstrapBrokerStringTls": "b-1.x:9094",
        "bootstrapBrokerStringPublicSaslIam": "b-1-public.x:9198",
        "bootstrapBrokerStringVpcConnectivitySaslIam": "b-1.vpc.x:14001",
        "bootstrapBrokerStringSaslIamIpv6": "b-1.v6.x:20098",
    });
    let young = format!("{of}2");
    let made = front.make(json!({ "clusters": [
        { "name": young, "state": "CREATING" },
        { "name": of, "bootstrap": bootstrap },
        { "name": format!("{of}3"), "state": "MAINTENANCE", "bootstrap": bootstrap },
    ]}));
    let arn = text(&made["clusters"][1]["arn"]);
    let by_name = format!("{{ name: {of} }}");
    for (cluster, more, brokers) in [
        (
            &by_name,
            "",
            "b-1.x:9098,b-2.x:9098,b-3.x:9098 (MSK, iam, private)",
        ),
        (
            &format!("{{ arn: \"{arn}\" }}"),
            "",
            "b-1.x:9098,b-2.x:9098,b-3.x:9098",
        ),
        (
            &by_name,
            "  security: tls\n",
            "b-1.x:9094 (MSK, tls, private)",
        ),
        (
            &by_name,
            "  network: public\n",
            "b-1-public.x:9198 (MSK, iam, public)",
        ),
        (&by_name, "  network: vpc\n", "b-1.vpc.x:14001"),
        (&by_name, "  network: ipv6\n", "b-1.v6.x:20098"),
    ] {
        facts(&front, &topics(cluster, more)).says(0, &["topics.cluster: ", brokers]);
    }
    facts(&front, &topics(&by_name, "  security: plaintext\n")).says(
        4,
        &["has no listener for plaintext (private); it has tls (private), iam (private)"],
    );
    facts(&front, &topics(&format!("{{ name: {young} }}"), ""))
        .says(4, &["is CREATING, not ACTIVE"]);
    facts(&front, &topics(&format!("{{ name: {of}3 }}"), "")).says(
        0,
        &["b-1.x:9098", "MSK says that the cluster is MAINTENANCE"],
    );
    let (start, _) = of.split_at(of.len() - 2);
    facts(&front, &topics(&format!("{{ name: {start} }}"), ""))
        .says(4, &[&format!("the cluster `{start}` is not there"), &of]);
}

#[test]
fn an_arn_is_asked_in_its_own_region() {
    let front = Front::new();
    let of = name("far");
    let bootstrap = json!({ "bootstrapBrokerStringSaslIam": "b-1.far:9098" });
    let made = front.make(json!({
        "region": "eu-west-1", "clusters": [{ "name": of, "bootstrap": bootstrap }],
    }));
    let arn = text(&made["clusters"][0]["arn"]);
    let said = facts(&front, &topics(&format!("{{ arn: \"{arn}\" }}"), ""));
    said.says(0, &["b-1.far:9098"]);
    let said = facts(&front, &topics(&format!("{{ name: {of} }}"), ""));
    said.says(
        4,
        &["is not there", "no cluster of this account and region"],
    );
}

#[test]
fn parameters_are_secrets_everywhere() {
    const CANARY: &str = "canary-5f1d0c";
    let front = Front::new();
    let parameter = format!("/{}", name("secret"));
    front.make(json!({ "parameters": { &parameter: CANARY } }));
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("client.properties");
    let spec = format!(
        "version: 1\nhosts:\n  client: {{ local: {{}} }}\nclient:\n  properties:\n    path: {}\n    extra: {{ \
         ssl.truststore.password: {{ ssm_parameter: {parameter} }} }}\n",
        file.display()
    );
    let desk = Desk::new(&front);
    for words in [
        &["plan", "--out", "plan.json", "-vv"][..],
        &["facts", "--format", "json", "-vv"],
        &["plan", "--format", "json"],
    ] {
        let said = desk.run(&spec, words);
        said.says(0, &[&parameter]);
        said.never_says(&[CANARY]);
    }
    assert!(!desk.read("plan.json").contains(CANARY));
    let applied = desk.trueup(&["apply", "plan.json", "-vv"]);
    applied.says(0, &[]);
    applied.never_says(&[CANARY]);
    let written = std::fs::read_to_string(&file).expect("written");
    assert!(
        written.contains(&format!("ssl.truststore.password={CANARY}")),
        "{written}"
    );
    desk.run(&spec, &["plan", "--detailed-exitcode"])
        .says(0, &["up to date"]);

    // Another value than when it was planned is no longer what was planned.
    std::fs::remove_file(&file).expect("removed");
    desk.run(&spec, &["plan", "--out", "plan.json"])
        .says(0, &[]);
    front.make(json!({ "parameters": { &parameter: "another" } }));
    desk.trueup(&["apply", "plan.json"])
        .says(6, &["is another than when the plan was made"]);
    desk.run(&spec.replace(&parameter, "/not/there"), &["plan"])
        .says(
            4,
            &[
                "the parameter `/not/there` is not there",
                "ParameterNotFound",
            ],
        );
}

#[test]
fn brokers_may_be_signed_for_with_what_asks_aws_here() {
    let front = Front::new();
    let spec = "version: 1\nhosts:\n  client: { local: {} }\ntopics:\n  cluster: { bootstrap: \"localhost:1\" }\n  \
        tables: [pin]\n  via: direct\n  credentials: here\n";
    let desk = Desk::new(&front);
    desk.run(spec, &["plan"]).says(
        4,
        &[
            "topics.credentials: here is access key AKIATESTER (this machine)",
            "refused",
        ],
    );
    let desk = Desk::without_keys(&front);
    desk.run(spec, &["plan"]).says(
        4,
        &["error: no AWS credentials that can be used, from the environment"],
    );
    assert_eq!(front.calls(), Vec::<String>::new());
}

#[test]
fn a_role_that_is_given_as_an_arn_is_looked_at_where_that_is_allowed() {
    let front = Front::new();
    let (role, of) = (name("role"), name("client"));
    let made = front.make(json!({
        "roles": { &role: { "trust": { "Version": "2012-10-17", "Statement": [] } } },
        "profiles": { &of: role },
        "instances": [{ "tags": { "Name": of }, "profile": of, "private_ip": "127.0.0.1" }],
    }));
    let arn = text(&made["roles"][&role]);
    let spec = |arn: &str| {
        format!(
            "{}client:\n  kafka: {{ version: 2.8.1, scala: 2.12 }}\n  msk_iam_auth: {{ version: 1.1.5, role_arn: \
             \"{arn}\" }}\n",
            unreached(&format!("{{ name: {of}, via: private_ip }}"))
        )
    };
    let warning = format!("the role `{role}` may not be assumed by itself");
    facts(&front, &spec(&arn)).says(4, &[&warning, "add this statement to its trust policy"]);
    // Another account's role of that name is not this one, and nobody asks.
    let before = front.calls().len();
    facts(&front, &spec(&arn.replace("123456789012", "210987654321"))).never_says(&["assumed"]);
    assert!(!front.calls()[before..].contains(&"iam:GetRole".to_owned()));
    front.fault("iam:GetRole", "denied", 9);
    facts(&front, &spec(&arn)).never_says(&["assumed", "iam:GetRole"]);
}

#[test]
fn an_imported_key_pair_is_in_no_parameter() {
    let front = Front::new();
    let of = name("pair");
    let made = front.make(json!({
        "instances": [{ "tags": { "Name": of }, "key": of, "private_ip": "127.0.0.1" }],
    }));
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ name: {of}, via: private_ip }}\n    ssh: {{ key: {{ from_instance: \
         true }} }}\n"
    );
    front.make(json!({ "forget": [made["instances"][0]["key_parameter"]] }));
    facts(&front, &spec).says(
        4,
        &[
            "the private key of the pair is not in the Parameter Store",
            "only pairs that CloudFormation made are kept there",
            "`key: { file: … }`",
        ],
    );
}

#[test]
fn parameters_of_topics_are_asked_where_the_cluster_is() {
    let front = Front::new();
    let of = name("far");
    let parameter = format!("/{of}");
    let bootstrap = json!({ "bootstrapBrokerStringSaslScram": "127.0.0.1:1" });
    let made = front.make(json!({
        "region": "eu-west-1", "clusters": [{ "name": of, "bootstrap": bootstrap }],
        "parameters": { &parameter: "p" },
    }));
    let arn = text(&made["clusters"][0]["arn"]);
    let password = format!("password: {{ ssm_parameter: {parameter} }}");
    let spec = format!(
        "version: 1\nhosts:\n  client: {{ local: {{}} }}\ntopics:\n  cluster: {{ arn: \"{arn}\" }}\n  security: {{ \
         scram_sha_512: {{ username: u, {password} }} }}\n  tables: {{ from: {{ mysql: {{ host: h, user: u, \
         {password}, database: d }} }} }}\n"
    );
    facts(&front, &spec).says(
        0,
        &["topics.security: ", "topics.tables.from.mysql.password: "],
    );
    let regions = front.record();
    let asked = regions
        .iter()
        .filter(|call| call["action"] == "ssm:GetParameter");
    let asked: Vec<_> = asked.map(|call| call["region"].clone()).collect();
    assert_eq!(asked, ["eu-west-1"], "one parameter, in one place");
}
