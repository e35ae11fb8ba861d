//! Every door of a broker, with the right key and with wrong ones; and a controller that goes.

use std::{path::Path, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::json;
use trueup::{
    broker::{
        Cluster as Brokers, DIRECT, Roots, Route, Security, Stage,
        credentials::{Credentials, clock::Clock},
        sasl::{Authenticator, Conversation, iam::Iam},
    },
    transport::direct::Direct,
};

use super::{
    Desk,
    cluster::{BOTH, Cluster, Version, own},
};
use crate::rig::Said;

struct Door<'c> {
    cluster: &'c Cluster,
    desk: Desk,
    topic: String,
}

impl Door<'_> {
    /// Plans one topic through a listener.
    fn plan(&self, listener: &str, security: &str, environment: &[(&str, &str)]) -> Said {
        self.run(listener, security, &["plan"], environment)
    }

    fn run(
        &self,
        listener: &str,
        security: &str,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> Said {
        let clear = ["plaintext", "sasl_plaintext"].contains(&listener);
        let ca = match clear || security == "plaintext" {
            true => String::new(),
            false => format!("ca: {}\n", self.cluster.ca()),
        };
        let spec = self.desk.spec(&format!(
            "cluster: {{ bootstrap: \"{}\" }}\n{ca}security: {security}\ntables: [{}]",
            self.cluster.listener(listener),
            self.topic
        ));
        self.desk.run_with(&spec, words, environment)
    }
}

fn aws(key: &serde_json::Value) -> Vec<(&'static str, &str)> {
    let text = |name: &str| key[name].as_str();
    let mut environment = vec![
        ("AWS_ACCESS_KEY_ID", text("access_key").expect("an id")),
        ("AWS_SECRET_ACCESS_KEY", text("secret").expect("a secret")),
    ];
    environment.extend(text("token").map(|token| ("AWS_SESSION_TOKEN", token)));
    environment
}

const IAM: &str = "iam\ncredentials: env";

#[test]
fn the_right_key_opens_every_door() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let door = Door {
            cluster,
            desk: Desk::new(),
            topic: own("door"),
        };
        let user = |name: &str| cluster.record["users"][name].as_str().expect("a password");
        let login = |mechanism: &str, name: &str, tls: bool| {
            format!(
                "{{ {mechanism}: {{ username: \"{name}\", password: {{ env: PW }}, tls: {tls} }} }}"
            )
        };
        door.plan("plaintext", "plaintext", &[])
            .code(0)
            .says("1 to add");
        door.plan("ssl", "tls", &[]).code(0).says("1 to add");
        for mechanism in ["plain", "scram_sha_256", "scram_sha_512"] {
            for (listener, tls) in [("sasl_plaintext", false), ("sasl_ssl", true)] {
                door.plan(
                    listener,
                    &login(mechanism, "admin", tls),
                    &[("PW", user("admin"))],
                )
                .code(0)
                .says("1 to add");
            }
            door.plan(
                "sasl_ssl",
                &login(mechanism, "admin", true),
                &[("PW", "canary-1f3")],
            )
            .code(4)
            .says("refused us at SASL, after DNS, TCP and TLS were fine")
            .says("as user admin");
        }
        // A name and a password that SCRAM has to escape.
        let odd = "o,dd=one";
        door.plan(
            "sasl_ssl",
            &login("scram_sha_512", odd, true),
            &[("PW", user(odd))],
        )
        .code(0)
        .says("1 to add");
        for key in ["allowed", "permanent"] {
            door.plan("iam", IAM, &aws(&cluster.record["keys"][key]))
                .code(0)
                .says("as access key A");
        }
        door.run(
            "iam",
            IAM,
            &["apply", "--auto-approve"],
            &aws(&cluster.record["keys"]["allowed"]),
        )
        .code(0);
        assert!(cluster.topics()[&door.topic].is_object());
        door.run(
            "iam",
            IAM,
            &["drift"],
            &aws(&cluster.record["keys"]["allowed"]),
        )
        .code(0);
    }
}

#[test]
fn a_wrong_key_is_refused_and_explained() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let door = Door {
            cluster,
            desk: Desk::new(),
            topic: own("wrong"),
        };
        let keys = &cluster.record["keys"];
        let mut wrong = keys["allowed"].clone();
        wrong["secret"] = json!("canary-2b7");
        let said = door.plan("iam", IAM, &aws(&wrong)).code(4);
        let said = said.says("refused us at SASL, after DNS, TCP and TLS were fine");
        assert!(!format!("{said:?}").contains("canary-2b7"));
        // `denied` signs rightly, and may not connect.
        door.plan("iam", IAM, &aws(&keys["denied"]))
            .code(4)
            .says("Access denied")
            .says("kafka-cluster:Connect");
        door.plan("iam", IAM, &aws(&keys["busy"]))
            .code(4)
            .says("Too many connects");
        // A temporary key without its token is not even tried.
        let mut bare = keys["allowed"].clone();
        bare["token"] = json!(null);
        door.plan("iam", IAM, &aws(&bare))
            .code(3)
            .says("AWS_SESSION_TOKEN");
        door.plan("iam", IAM, &[]).code(3).says("AWS_ACCESS_KEY_ID");
        // Allowed in, and to no topic but its own.
        door.plan("iam", IAM, &aws(&keys["limited"]))
            .code(4)
            .says("could not be seen")
            .says("kafka-cluster:DescribeTopic");
        let own_one = Door {
            cluster,
            desk: Desk::new(),
            topic: format!("0ab336d6fcf7.{}", own("limited")),
        };
        let limited = aws(&keys["limited"]);
        own_one
            .run("iam", IAM, &["apply", "--auto-approve"], &limited)
            .code(0);
        own_one.run("iam", IAM, &["drift"], &limited).code(0);
    }
}

/// Signs as another does, for a broker of another name.
struct ForAnother(Iam);

impl Authenticator for ForAnother {
    fn begin(&self, _broker: &str) -> Box<dyn Conversation> {
        self.0
            .begin("b-9.other.a1b2c3.c2.kafka.us-east-1.amazonaws.com")
    }

    fn caller(&self) -> String {
        self.0.caller()
    }
}

#[tokio::test]
async fn a_signature_is_for_one_moment_one_broker_and_one_session() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let text = |name: &str| cluster.record["keys"]["allowed"][name].as_str();
        let token = |token: Option<&str>| token.map(|token| SecretString::from(token.to_owned()));
        let iam = |offset_seconds, session: Option<&str>| {
            let (id, secret) = (text("access_key"), text("secret"));
            let credentials = Credentials::new(
                id.expect("an id").to_owned(),
                SecretString::from(secret.expect("a secret").to_owned()),
                token(session),
                None,
            );
            Iam {
                credentials: credentials.expect("credentials"),
                clock: Clock { offset_seconds },
                region: None,
                caller: "a test".into(),
            }
        };
        let roots = Roots::from_pem_file(Path::new(cluster.ca())).expect("roots");
        let enter = |authenticator: Arc<dyn Authenticator>| {
            let brokers = cluster.listener("iam").split(',');
            let way = Route {
                bootstrap: brokers
                    .map(|broker| broker.parse().expect("HOST:PORT"))
                    .collect(),
                security: Security::Sasl {
                    authenticator,
                    tls: Some(roots.clone()),
                },
                deadline: Duration::from_secs(30),
                via: DIRECT.to_owned(),
            };
            Brokers::connect(&Direct, way)
        };
        let session = text("token");
        enter(Arc::new(iam(0, session))).await.expect("let in");
        let wrong: [(&str, Arc<dyn Authenticator>); 4] = [
            ("an hour ago", Arc::new(iam(-3600, session))),
            ("in an hour", Arc::new(iam(3600, session))),
            ("no token", Arc::new(iam(0, None))),
            ("another broker", Arc::new(ForAnother(iam(0, session)))),
        ];
        for (what, authenticator) in wrong {
            let error = enter(authenticator).await.err().expect(what);
            assert_eq!(error.stage, Stage::Sasl, "{what}: {error}");
            assert!(error.code.is_some(), "{what}: {error}");
            assert!(error.help.len() > 20, "{what}: {error}");
        }
    }
}

#[test]
fn the_wrong_door_is_named() {
    let cluster = Cluster::shared(Version::V4);
    let door = Door {
        cluster,
        desk: Desk::new(),
        topic: own("names"),
    };
    let plain = "{ plain: { username: admin, password: { env: PW } } }";
    let password = [("PW", "x")];
    for (listener, security, environment, says) in [
        ("ssl", "plaintext", &[][..], "speaks TLS"),
        (
            "plaintext",
            "tls",
            &[],
            "the listener speaks plaintext, TLS was asked of it",
        ),
        ("sasl_plaintext", "plaintext", &[], "SASL"),
        ("sasl_ssl", "tls", &[], "SASL"),
        (
            "ssl",
            plain,
            &password[..],
            "the listener does not use SASL",
        ),
        ("iam", plain, &password[..], "AWS_MSK_IAM"),
    ] {
        door.plan(listener, security, environment)
            .code(4)
            .says(says);
    }
    // Without `ca` the rig's own authority is nobody's.
    let spec = door.desk.spec(&format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: tls\ntables: [x]",
        cluster.listener("ssl")
    ));
    door.desk
        .run(&spec, &["plan"])
        .code(4)
        .says("at TLS")
        .says("`ca:`");
    let spec = door.desk.spec("cluster: { bootstrap: \"10.77.0.1:1,no.such.name:9092\" }\nsecurity: plaintext\ntables: [x]");
    door.desk
        .run(&spec, &["plan"])
        .code(4)
        .says("refused")
        .says("2 brokers were tried");
}

#[test]
fn a_controller_that_goes_is_followed() {
    let cluster = Cluster::start("follow", Version::V2, "10.77.0.225", &["--open"]);
    let (desk, user) = (Desk::new(), own("f"));
    let spec = |table: &str| {
        desk.spec(&format!(
            "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
             tables: [{table}]\ndefaults: {{ partitions: 3, replication_factor: 2 }}",
            cluster.listener("plaintext")
        ))
    };
    desk.run(&spec("one"), &["apply", "--auto-approve"]).code(0);
    let members: serde_json::Value =
        serde_json::from_str(&cluster.verb("members", &[])).expect("JSON");
    let controller = members["controller"].to_string();
    cluster.verb("kill", &[&controller]);
    // Some partitions have lost a replica, another broker is the controller, and the dead one may
    // come first among those to begin with.
    desk.run(&spec("one"), &["drift"]).code(0);
    desk.run(&spec("two"), &["apply", "--auto-approve"]).code(0);
    let wide = std::fs::read_to_string(spec("three")).expect("text");
    let path = desk.folder.path().join("spec.yaml");
    std::fs::write(
        &path,
        wide.replace("replication_factor: 2", "replication_factor: 3"),
    )
    .expect("written");
    desk.run(&path, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("the cluster refuses it")
        .says("INVALID_REPLICATION_FACTOR");
    cluster.verb("revive", &[&controller]);
    crate::rig::until("three brokers", || {
        desk.run(&path, &["apply", "--auto-approve"]).code == 0
    });
    assert_eq!(
        cluster.topics()[format!("{user}.three")]["replication_factor"],
        3
    );
    cluster.verb("stop", &[]);
}
