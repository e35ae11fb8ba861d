//! The way to a broker: dial, TLS, the greeting, SASL; and what is said where it ends.

use std::{io::Write, sync::Arc, time::Duration};

use kafka_protocol::messages::ApiKey;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
    },
};
use trueup::{
    broker::{Cluster, Error, Roots, Security, Stage, Topics},
    transport::dial::DialStage,
};

use crate::fake::{Act, Fake, Test, address, refused, way};

fn sasl(token: &'static str) -> Security {
    Security::Sasl {
        authenticator: Arc::new(Test {
            mechanism: "TEST",
            token,
        }),
        tls: None,
    }
}

/// Connects, and asks something.
async fn ask(fake: &Fake, security: Security) -> Result<(), Error> {
    let mut way = way(security);
    way.bootstrap.truncate(1);
    let mut cluster = Cluster::connect(fake, way).await?;
    cluster.metadata(Topics::All).await.map(drop)
}

async fn fails(fake: &Fake, security: Security) -> Error {
    let error = ask(fake, security).await.expect_err("it cannot work");
    assert!(!error.sent);
    error
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_know_our_greeting_is_greeted_anew() {
    let fake = Fake::new();
    fake.state().old = true;
    ask(&fake, Security::Plaintext).await.unwrap();
    let versions: Vec<_> = fake
        .asked(ApiKey::ApiVersions)
        .iter()
        .map(|s| s.version)
        .collect();
    assert_eq!(versions, [3, 0]);
    assert_eq!(fake.dialled(), ["b-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_is_refused() {
    let fake = Fake::new();
    fake.on(ApiKey::ApiVersions, 0, Act::Code(42));
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.stage, Stage::Protocol);
    assert!(error.message.contains("INVALID_REQUEST"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn conversations_of_one_and_two_tokens() {
    for (token, tokens) in [("open", 1), ("twice", 2)] {
        let fake = Fake::new();
        fake.state().sasl = Some("TEST");
        let mut cluster = Cluster::connect(&fake, way(sasl(token))).await.unwrap();
        cluster.metadata(Topics::All).await.unwrap();
        assert_eq!(cluster.caller().as_deref(), Some("somebody"));
        let counts = cluster.requests();
        assert_eq!(counts["SaslHandshake"], 1);
        assert_eq!(counts["SaslAuthenticate"], tokens);
        assert_eq!(fake.dialled(), ["b-1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_caller_is_told_who_it_is_and_what_was_fine() {
    let fake = Fake::new();
    fake.state().sasl = Some("AWS_MSK_IAM");
    fake.on(ApiKey::SaslAuthenticate, 0, Act::Code(58));
    let mut way = way(Security::Sasl {
        authenticator: Arc::new(Test {
            mechanism: "AWS_MSK_IAM",
            token: "open",
        }),
        tls: None,
    });
    way.bootstrap.truncate(1);
    way.via = "client".to_owned();
    let error = Cluster::connect(&fake, way).await.err().expect("refused");
    assert_eq!((error.stage, error.code), (Stage::Sasl, Some(58)));
    assert_eq!(
        error.to_string(),
        "the cluster refused us at SASL, after DNS and TCP were fine\n\
         \x20 broker  b-1:9092, through client\n\
         \x20 as      somebody\n\
         \x20 said    Access\\u{a}denied\n\
         \x20 help: the caller needs `kafka-cluster:Connect` on the cluster (`kafka:*` is the \
         control plane and gives nothing here): look at the role's policy, and at your \
         organisation's"
    );
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_wrong() {
    let fake = Fake::new();
    fake.state().sasl = Some("TEST");
    let error = fails(&fake, sasl("wrong")).await;
    assert_eq!((error.stage, error.code), (Stage::Sasl, Some(58)));
    assert_eq!(error.message, "the broker did not believe us");
    assert!(error.help.contains("user name and password"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_mechanism_that_the_listener_does_not_take() {
    let fake = Fake::new();
    fake.state().sasl = Some("SCRAM-SHA-512");
    let error = fails(&fake, sasl("open")).await;
    assert_eq!((error.stage, error.code), (Stage::Sasl, Some(33)));
    assert_eq!(
        error.message,
        "the listener does not take TEST; it takes EXTERNAL, SCRAM-SHA-512"
    );
    assert!(error.help.contains("9098"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn credentials_for_a_listener_that_takes_none() {
    let fake = Fake::new();
    let error = fails(&fake, sasl("open")).await;
    assert_eq!((error.stage, error.code), (Stage::Sasl, Some(34)));
    assert!(error.message.contains("does not use SASL"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn no_credentials_for_a_listener_that_takes_some() {
    let fake = Fake::new();
    fake.state().sasl = Some("TEST");
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.stage, Stage::Request("Metadata"));
    assert!(error.message.contains("closed the connection"), "{error}");
    assert!(error.help.contains("may ask for SASL"), "{error}");
    // It was tried once more, as any read.
    assert_eq!(fake.dialled(), ["b-1", "b-1"]);
}

#[tokio::test(start_paused = true)]
async fn conversations_that_cannot_go_on() {
    let fake = Fake::new();
    fake.state().sasl = Some("TEST");
    let error = fails(&fake, sasl("")).await;
    assert_eq!(error.message, "no credentials are found");
    assert_eq!(error.help, "bring some");
    let error = fails(&fake, sasl("endless")).await;
    assert!(
        error.message.contains("did not end the conversation"),
        "{error}"
    );
    fake.on(ApiKey::SaslAuthenticate, 0, Act::Cut);
    let error = fails(&fake, sasl("open")).await;
    assert!(
        error.help.contains("hung up during authentication"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn dials_that_fail_name_their_stage_and_the_machine() {
    for (reach, said, stage, start, help) in [
        (
            DialStage::Machine,
            "gone",
            Stage::Machine,
            "no broker could be dialled\n",
            "connection to `client`",
        ),
        (
            DialStage::Forwarding,
            "administratively prohibited",
            Stage::Forwarding,
            "the cluster was not reached: no way through the host\n",
            "AllowTcpForwarding",
        ),
        (
            DialStage::Name,
            "unknown host",
            Stage::Name,
            "the cluster was not reached at DNS\n",
            "looked up on `client`",
        ),
        (
            DialStage::Tcp,
            "Connection refused",
            Stage::Tcp,
            "the cluster was not reached at TCP, after DNS was fine\n",
            "may be the wrong one",
        ),
        (
            DialStage::Tcp,
            "Connection timed out",
            Stage::Tcp,
            "the cluster was not reached at TCP, after DNS was fine\n",
            "security group",
        ),
        (
            DialStage::Tcp,
            "No route to host",
            Stage::Tcp,
            "the cluster was not reached at TCP, after DNS was fine\n",
            "security group",
        ),
    ] {
        let fake = Fake::new();
        fake.state()
            .down
            .insert("b-1".to_owned(), refused(reach, said));
        let mut way = way(Security::Plaintext);
        way.bootstrap.truncate(1);
        way.via = "client".to_owned();
        let error = Cluster::connect(&fake, way).await.err().expect("down");
        assert_eq!(error.stage, stage);
        let text = error.to_string();
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains(&format!("\n  said    {said}\n")), "{text}");
        assert!(text.contains("through client"), "{text}");
        assert!(error.help.contains(help), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_dial_knows_better_is_kept() {
    let fake = Fake::new();
    let mut down = refused(DialStage::Forwarding, "no\x1b[2J");
    down.help = Some("set PermitOpen".to_owned());
    fake.state().down.insert("b-1".to_owned(), down);
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.help, "set PermitOpen");
    assert_eq!(error.message, "no\\u{1b}[2J");
}

#[tokio::test(start_paused = true)]
async fn brokers_are_tried_in_order_and_the_furthest_error_is_told() {
    let fake = Fake::new();
    let down = |said| refused(DialStage::Tcp, said);
    fake.state()
        .down
        .insert("b-1".to_owned(), down("Connection refused"));
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-2"]);

    fake.state()
        .down
        .insert("b-3".to_owned(), refused(DialStage::Name, "unknown"));
    fake.script(|_| Act::Cut);
    let error = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .err()
        .unwrap();
    assert_eq!(error.stage, Stage::Protocol);
    assert_eq!(error.broker, address("b-2"));
    assert_eq!(error.tried, 3);
    let text = error.to_string();
    assert!(
        text.contains("b-2:9092, direct; 3 brokers were tried"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_brokers_is_said() {
    let fake = Fake::new();
    let mut way = way(Security::Plaintext);
    way.bootstrap.clear();
    let error = Cluster::connect(&fake, way).await.err().unwrap();
    assert!(error.message.contains("names no broker"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_kafka() {
    for (bytes, said, help) in [
        (
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            "`SSH-2.0-OpenSSH_9.2`",
            "no Kafka is behind b-1:9092",
        ),
        (
            b"HTTP/1.1 400 Bad\x1b[2J\r\n",
            "`HTTP/1.1 400 Bad\\u{1b}[2J`",
            "no Kafka",
        ),
        (
            b"\x15\x03\x03\x00\x02\x02\x50",
            "a TLS alert",
            "this port speaks TLS",
        ),
        (b"\x15\x03", "a TLS alert", "this port speaks TLS"),
        (b"\xff\xff\xff\xff", "this came instead", "no Kafka"),
        (b"", "closed the connection", "may speak TLS"),
        // A frame of 16 MiB and one byte; one of 16 MiB that does not come.
        (b"\x01\x00\x00\x01", "this came instead", "16 MiB"),
        (
            b"\x01\x00\x00\x00abc",
            "closed the connection",
            "may speak TLS",
        ),
        // Frames that are too short, another's, or no reply.
        (
            b"\x00\x00\x00\x02\x00\x00",
            "ends too early",
            "no answer of a Kafka",
        ),
        (
            b"\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00",
            "another request",
            "no answer of a Kafka",
        ),
        (
            b"\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00",
            "ends too early",
            "no answer of a Kafka",
        ),
    ] {
        let fake = Fake::new();
        fake.script(move |_| Act::Raw(bytes.to_vec()));
        let error = fails(&fake, Security::Plaintext).await;
        assert_eq!(error.stage, Stage::Protocol, "{error}");
        assert!(error.message.contains(said), "{error}");
        assert!(error.help.contains(help), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing() {
    let fake = Fake::new();
    fake.on(ApiKey::ApiVersions, 0, Act::Silence);
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.stage, Stage::Protocol);
    assert_eq!(error.message, "no answer to `ApiVersions` within 30s");
    fake.on(ApiKey::Metadata, 0, Act::Silence);
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.stage, Stage::Request("Metadata"));
    assert_eq!(error.message, "no answer to `Metadata` within 30s");
    assert_eq!(fake.asked(ApiKey::Metadata).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn versions_that_do_not_meet() {
    for (theirs, said, help) in [
        (
            (14, 15),
            "the broker speaks `Metadata` in versions 14 to 15, we speak versions 4 to 9",
            "newer",
        ),
        (
            (0, 1),
            "the broker speaks `Metadata` in versions 0 to 1, we speak versions 4 to 9",
            "too old",
        ),
        (
            (1, 0),
            "the broker does not speak `Metadata`, we speak versions 4 to 9",
            "too old",
        ),
    ] {
        let fake = Fake::new();
        fake.state().speaks.insert(3, theirs);
        let error = fails(&fake, Security::Plaintext).await;
        assert_eq!(error.message, said);
        assert!(error.help.contains(help), "{error}");
        assert_eq!(fake.asked(ApiKey::Metadata), []);
    }
}

/// A certificate for these names, as its own authority: a listener, and who trusts it.
fn listener(names: &[&str], asks_for_ours: bool) -> (TlsAcceptor, Roots) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let der: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if asks_for_ours {
        let mut store = RootCertStore::empty();
        store.add(der.clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
            .build()
            .expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(vec![der], key).expect("a pair");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(made.cert.pem().as_bytes()).expect("written");
    let roots = Roots::from_pem_file(file.path()).expect("roots");
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test(start_paused = true)]
async fn tls_under_the_brokers_own_name() {
    let (acceptor, roots) = listener(&["b-1", "b-2", "b-3"], false);
    let fake = Fake::new();
    fake.state().tls = Some(acceptor);
    fake.state().sasl = Some("TEST");
    let security = Security::Sasl {
        authenticator: Arc::new(Test {
            mechanism: "TEST",
            token: "open",
        }),
        tls: Some(roots),
    };
    ask(&fake, security.clone()).await.unwrap();
    fake.on(ApiKey::SaslAuthenticate, 0, Act::Code(58));
    let error = fails(&fake, security).await;
    let text = error.to_string();
    assert!(
        text.starts_with("the cluster refused us at SASL, after DNS, TCP and TLS were fine\n"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn certificates_that_are_not_taken() {
    let (acceptor, roots) = listener(&["b-9"], false);
    let fake = Fake::new();
    fake.state().tls = Some(acceptor);
    let error = fails(&fake, Security::Tls(roots)).await;
    assert_eq!(error.stage, Stage::Tls);
    assert!(error.help.contains("for another name"), "{error}");

    let (acceptor, _) = listener(&["b-1"], false);
    let (_, others) = listener(&["b-1"], false);
    fake.state().tls = Some(acceptor);
    let error = fails(&fake, Security::Tls(others)).await;
    assert_eq!(error.stage, Stage::Tls);
    assert!(
        error
            .help
            .contains("not trusted here: name its file with `ca:`"),
        "{error}"
    );

    let (acceptor, roots) = listener(&["b-1"], true);
    fake.state().tls = Some(acceptor);
    let error = fails(&fake, Security::Tls(roots)).await;
    assert_eq!(error.stage, Stage::Tls);
    assert!(error.help.contains("client's certificate"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn plaintext_for_a_tls_listener() {
    let (acceptor, _) = listener(&["b-1"], false);
    let fake = Fake::new();
    fake.state().tls = Some(acceptor);
    let error = fails(&fake, Security::Plaintext).await;
    assert_eq!(error.stage, Stage::Protocol);
    assert!(error.message.contains("a TLS alert came"), "{error}");
    assert!(error.help.contains("use TLS here"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn tls_for_a_plaintext_listener() {
    let (_, roots) = listener(&["b-1"], false);
    let fake = Fake::new();
    let error = fails(&fake, Security::Tls(roots.clone())).await;
    assert_eq!(error.stage, Stage::Tls);
    assert_eq!(
        error.message,
        "the listener speaks plaintext, TLS was asked of it"
    );
    assert_eq!(fake.dialled(), ["b-1", "b-1"]);

    // Neither the one nor the other.
    fake.script(|_| Act::Cut);
    let error = fails(&fake, Security::Tls(roots)).await;
    assert_eq!(error.message, "the connection was closed instead");
    assert!(error.help.contains("may not be a TLS listener"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn all_of_a_connection_has_one_deadline() {
    let fake = Fake::new();
    fake.state().sasl = Some("TEST");
    fake.on(ApiKey::SaslHandshake, 0, Act::Silence);
    let start = tokio::time::Instant::now();
    let error = fails(&fake, sasl("open")).await;
    assert_eq!(error.stage, Stage::Sasl);
    assert!(
        error.message.contains("no answer to `SaslHandshake`"),
        "{error}"
    );
    assert_eq!(start.elapsed().as_secs(), 30);
    assert!(start.elapsed() < Duration::from_secs(31));
}
