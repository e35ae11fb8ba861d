//! What a broker says: replies to each call, tokens of logins, and whole conversations.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use trueup::{
    broker::{
        Admin, BrokerAddress, Cluster, Error, NewTopic, Refusal, Rehearsal, Route, Security,
        Topics, WritableCluster,
        api::{
            self, Call,
            alter_configs::AlterConfigs,
            create_partitions::CreatePartitions,
            create_topics::CreateTopics,
            delete_topics::DeleteTopics,
            describe_configs::DescribeConfigs,
            metadata::Metadata,
            reassignments::Reassignments,
            sasl::{Authenticate, Handshake},
            versions::ApiVersions,
        },
        credentials::{Credentials, clock::Clock},
        sasl::{
            Authenticator,
            iam::Iam,
            plain::Plain,
            scram::{Hash, Scram},
        },
        wire::Malformed,
    },
    transport::dial::{Dial, DialError, DialStage, Stream},
};

use super::{
    PASSWORD,
    frames::Turns,
    knows_the_password,
    shown::{fit_for_a_line, fit_to_show},
    within,
};

/// In a token, what stands for the client's own nonce.
const NONCE: &[u8] = b"NONCE";

/// The first byte says what the rest is: all that a cluster says on all of its connections, a login's
/// tokens, or a reply to one of the calls in one of its versions.
pub fn broker(bytes: &[u8]) {
    let Some((what, rest)) = bytes.split_first() else {
        return;
    };
    if knows_the_password(rest) {
        return;
    }
    match what {
        0 => conversation(Security::Plaintext, rest),
        1 => {
            let authenticator = Arc::new(plain());
            let tls = None;
            conversation(Security::Sasl { authenticator, tls }, rest);
        }
        2 => login(&plain(), rest),
        3 => login(&scram(Hash::Sha256), rest),
        4 => login(&scram(Hash::Sha512), rest),
        5 => login(&iam(), rest),
        what => {
            let calls = calls();
            if let Some((read, version)) = calls.get(usize::from(*what) - 6) {
                read(rest, *version);
            }
        }
    }
}

type Read = fn(&[u8], i16);

/// Each call in each version that is spoken.
fn calls() -> Vec<(Read, i16)> {
    fn one<C: Call>() -> impl Iterator<Item = (Read, i16)> {
        C::VERSIONS.map(|version| (reply::<C> as Read, version))
    }
    one::<ApiVersions>()
        .chain(one::<Metadata<'_>>())
        .chain(one::<DescribeConfigs<'_>>())
        .chain(one::<CreateTopics<'_>>())
        .chain(one::<CreatePartitions<'_>>())
        .chain(one::<AlterConfigs<'_>>())
        .chain(one::<DeleteTopics<'_>>())
        .chain(one::<Reassignments<'_>>())
        .chain(one::<Handshake<'_>>())
        .chain(one::<Authenticate<'_>>())
        .collect()
}

/// The smallest item of any list has some bytes on the wire and some dozens in memory, and lists grow
/// by doubling. What is whole is not whole when it is cut, and not when something follows.
fn reply<C: Call>(body: &[u8], version: i16) {
    let whole = within(body.len(), 64, 1024, || {
        api::reply::<C>(body, version).map(drop)
    });
    match whole {
        Err(malformed) => fit_for_a_line(&malformed.to_string()),
        Ok(()) => {
            let longer = [body, &[0]].concat();
            assert_eq!(
                api::reply::<C>(&longer, version).map(drop),
                Err(Malformed::Long)
            );
            for cut in [1, body.len() / 2, body.len()] {
                let shorter = &body[..body.len().saturating_sub(cut)];
                assert!(body.is_empty() || api::reply::<C>(shorter, version).is_err());
            }
        }
    }
}

fn plain() -> Plain {
    Plain {
        username: "me".into(),
        password: PASSWORD.into(),
    }
}

fn scram(hash: Hash) -> Scram {
    Scram {
        hash,
        username: "me".into(),
        password: PASSWORD.into(),
    }
}

fn iam() -> Iam {
    let secret = PASSWORD.into();
    Iam {
        credentials: Credentials::new("AKIDEXAMPLE".into(), secret, None, None).expect("sound"),
        clock: Clock::default(),
        region: Some("us-east-1".into()),
        caller: "instance role demo".into(),
    }
}

/// Tokens of a broker. Whoever does not know the password is not believed.
fn login(who: &dyn Authenticator, said: &[u8]) {
    // So many iterations are sound, and would take the time of all other tries.
    if number_after(said, b"i=").is_some_and(|iterations| (4200..=300_000).contains(&iterations)) {
        return;
    }
    let mut conversation = who.begin("b-1.example");
    let mechanism = conversation.mechanism();
    let first = conversation.first().expect("there is what to log in with");
    let nonce = first
        .rsplit(|byte| *byte == b'=')
        .next()
        .unwrap_or_default()
        .to_vec();
    let turns = Turns::new(said);
    while let Some(turn) = turns.next() {
        let answer = with_nonce(&turn.bytes, &nonce);
        let next = within(answer.len(), 16, 16 * 1024, || conversation.next(&answer));
        match next {
            Ok(Some(token)) => {
                assert!(!knows_the_password(&token), "the password went over");
            }
            Ok(None) => assert!(!mechanism.starts_with("SCRAM"), "the broker proved nothing"),
            Err(error) => {
                fit_for_a_line(&error.message);
                fit_for_a_line(&error.help);
                assert!(!error.message.is_empty() && !error.help.is_empty());
                assert!(!format!("{error:?}").contains(PASSWORD));
            }
        }
    }
}

fn number_after(bytes: &[u8], name: &[u8]) -> Option<u64> {
    let at = bytes.windows(name.len()).position(|part| part == name)?;
    let rest = &bytes[at + name.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn with_nonce(answer: &[u8], nonce: &[u8]) -> Vec<u8> {
    match answer.windows(NONCE.len()).position(|part| part == NONCE) {
        Some(at) => [&answer[..at], nonce, &answer[at + NONCE.len()..]].concat(),
        None => answer.to_vec(),
    }
}

/// Brokers that answer each request, whatever it is, with the next of these; then they close.
struct Brokers(Arc<Turns>);

#[async_trait]
impl Dial for Brokers {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        // What the brokers say of one another is checked before it comes here.
        assert!(
            BrokerAddress::new(host, i64::from(port)).is_ok(),
            "{host}:{port}"
        );
        if host.ends_with(".down") {
            return Err(DialError {
                stage: DialStage::Tcp,
                message: "refused".into(),
                help: None,
            });
        }
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(serve(theirs, Arc::clone(&self.0)));
        Ok(Box::new(ours))
    }
}

/// A marked turn is raw; another is a reply, whose length and number are as they should be.
async fn serve(mut stream: DuplexStream, turns: Arc<Turns>) {
    let mut head = [0; 4];
    while stream.read_exact(&mut head).await.is_ok() {
        let mut request = vec![0; u32::from_be_bytes(head) as usize];
        if stream.read_exact(&mut request).await.is_err() {
            return;
        }
        let Some(turn) = turns.next() else { return };
        let out = match turn.marked {
            true => turn.bytes,
            false => {
                let length = u32::try_from(4 + turn.bytes.len()).expect("short");
                [&length.to_be_bytes(), &request[4..8], &turn.bytes[..]].concat()
            }
        };
        if stream.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn conversation(security: Security, said: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let dial = Brokers(Arc::new(Turns::new(said)));
        let bootstrap =
            ["b-1", "b-2.down"].map(|host| BrokerAddress::new(host, 9092).expect("a name"));
        let way = Route {
            bootstrap: bootstrap.into(),
            security,
            deadline: Duration::from_secs(30),
            via: "client".into(),
        };
        if let Err(error) = talk(&dial, way).await {
            fit_to_show(&error.to_string());
            assert!(!format!("{error:?}").contains(PASSWORD));
        }
    });
}

/// All that is ever asked of a cluster.
async fn talk(dial: &Brokers, way: Route) -> Result<(), Error> {
    let names = ["u.geo".to_owned(), "u.pin".to_owned()];
    let mut cluster = Cluster::connect(dial, way).await?;
    let all = cluster.metadata(Topics::All).await?;
    for broker in &all.brokers {
        if let Err(wrong) = &broker.address {
            fit_for_a_line(&wrong.sentence());
        }
    }
    let named = cluster.metadata(Topics::Named(&names)).await?;
    for topic in &named.topics {
        assert!(names.contains(&topic.name));
        topic.partitions.as_ref().map_or_else(refused, |_| ());
    }
    for (name, configs) in cluster.configs(&names).await? {
        assert!(names.contains(&name));
        configs.as_ref().map_or_else(refused, |_| ());
    }
    let moving = cluster
        .reassignments(&[(names[0].clone(), vec![0, 1])])
        .await?;
    assert!(moving.iter().all(|moving| moving.topic == names[0]));

    let new = names.each_ref().map(|name| NewTopic {
        name: name.clone(),
        partitions: Some(3),
        replication_factor: None,
        config: vec![("retention.ms".into(), "1".into())],
    });
    let totals = names.each_ref().map(|name| (name.clone(), 6));
    let keys = names
        .each_ref()
        .map(|name| (name.clone(), vec![("retention.ms".to_owned(), None)]));
    let mut rehearsal = Rehearsal::over(&mut cluster);
    for outcomes in [
        rehearsal.create_topics(&new).await?,
        rehearsal.create_partitions(&totals).await?,
        rehearsal.alter_configs(&keys).await?,
    ] {
        one_each(&names, &outcomes);
    }
    let mut cluster = WritableCluster::new(cluster);
    let mut admin = Admin::over(&mut cluster);
    for outcomes in [
        admin.create_topics(&new).await?,
        admin.create_partitions(&totals).await?,
        admin.alter_configs(&keys).await?,
        admin.delete_topics(&names).await?,
    ] {
        one_each(&names, &outcomes);
    }
    Ok(())
}

fn one_each<T>(names: &[String], outcomes: &[(String, Result<T, Refusal>)]) {
    assert!(outcomes.iter().map(|(name, _)| name).eq(names));
    for (_, outcome) in outcomes {
        outcome.as_ref().map_or_else(refused, |_| ());
    }
}

fn refused(refusal: &Refusal) {
    fit_for_a_line(&refusal.to_string());
}
