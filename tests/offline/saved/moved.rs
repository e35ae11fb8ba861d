//! What moves between plan and apply is refused by name; what does not never is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde::Deserialize;
use serde_json::{Value, json};
use trueup::{
    facts::{
        Host, Observation, Reply, Section,
        cluster::{Cluster, Topic},
    },
    frame::Record,
    kinds::Resource,
    plan::{HostPlan, Moved, Plan, Saved, StepAction, TopicsPlan, moved_on_host, moved_topics},
    spec::ResolvedTopic,
};

use super::sample;
use crate::case::{self, Case, TopicsCase, host};

const SALT: &str = "s";

/// The cases of a kind, by name.
fn cases<T: for<'de> Deserialize<'de>>(kind: &str) -> Vec<(String, T)> {
    let files = case::files(&case::folder(kind)).into_iter();
    let inputs = files.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        (path.display().to_string(), case::parse(&text, &path))
    };
    inputs.map(read).collect()
}

/// What one resource comes to.
struct Seen {
    plan: HostPlan,
    observed: Value,
}

type Entries = Vec<(String, Vec<u8>)>;

fn see(resource: Box<dyn Resource>, host: &Host, entries: &Entries) -> Seen {
    let address = resource.address();
    let observed = resource
        .assess(&Section::new(entries.clone()), host)
        .observed;
    let records = entries.iter().map(|(key, value)| Record {
        section: address.section(),
        key: key.clone(),
        value: value.clone(),
    });
    let reply = Reply::new(records.collect());
    Seen {
        plan: HostPlan::new("client", "local", &[resource], host, &reply, SALT),
        observed,
    }
}

/// The names of all that is compared: paths into the observation, places in lists left out.
fn fields(value: &Value, path: &str, into: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                // Keys of a properties file are data.
                let key = if path.ends_with("/named") { "*" } else { key };
                fields(value, &format!("{path}/{key}"), into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = into.entry(path.to_owned()).or_default();
            at.insert(value.to_string());
            for item in items {
                fields(item, &format!("{path}/*"), into);
            }
        }
        other => {
            let at = into.entry(path.to_owned()).or_default();
            at.insert(other.to_string());
        }
    }
}

/// The fields that two observations do not have in common.
fn differing(one: &Value, other: &Value) -> BTreeSet<String> {
    let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
    fields(one, "", &mut a);
    fields(other, "", &mut b);
    let all = a.keys().chain(b.keys());
    all.filter(|key| a.get(*key) != b.get(*key))
        .cloned()
        .collect()
}

/// A host's plan as it comes out of a file.
fn through_a_file(plan: HostPlan) -> HostPlan {
    let plan = Plan::new(SALT.into(), vec![], vec![plan], vec![]);
    let text = serde_json::to_string(&plan).expect("JSON");
    let mut plan: Plan = serde_json::from_str(&text).expect("the same");
    plan.hosts.remove(0)
}

/// Every way in which one record of a reply may be another: gone, doubled, or with a value that
/// some host gave somewhere.
fn mutations(entries: &Entries, values: &BTreeMap<String, BTreeSet<Vec<u8>>>) -> Vec<Entries> {
    let mut out = Vec::new();
    for at in 0..entries.len() {
        let mut without = entries.clone();
        without.remove(at);
        out.push(without);
        for value in &values[&entries[at].0] {
            let mut other = entries.clone();
            other[at].1.clone_from(value);
            out.push(other);
        }
    }
    for (key, values) in values {
        for value in values {
            let mut more = entries.clone();
            more.push((key.clone(), value.clone()));
            out.push(more);
        }
    }
    out.retain(|other| other != entries);
    out
}

#[test]
fn every_compared_field_of_every_kind_is_missed() {
    for (kind, compared) in [
        (
            "java",
            &[
                "/present/effective",
                "/present/effective/home",
                "/present/effective/version",
                "/present/java_home",
                "/present/others",
            ][..],
        ),
        (
            "kafka",
            &["/present/place", "/present/missing", "/present/damaged"],
        ),
        (
            "msk_iam_auth",
            &["/present/there", "/present/sha256", "/present/is_jar"],
        ),
        ("classpath", &["/present/jars", "/present/jars/*/*"]),
        (
            "properties",
            &["/present/mode", "/present/named", "/present/named/*"],
        ),
    ] {
        let cases: Vec<(String, Case)> = cases(kind);
        let mut values: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (_, case) in &cases {
            for (key, value) in case.records() {
                values.entry(key).or_default().insert(value);
            }
        }
        // What none of the cases has, and what nobody has.
        for (key, value) in [
            ("version", "99.9"),
            ("sha256", "00"),
            ("mode", "777"),
            ("jar", "/x/aws-msk-iam-auth-9.jar /y"),
            ("missing", "libs/x.jar"),
            ("damaged", "libs/y.jar"),
        ] {
            if let Some(values) = values.get_mut(key) {
                values.insert(value.into());
            }
        }
        let (mut missed, mut tried, mut refused) = (BTreeSet::new(), 0, 0);
        for (name, case) in &cases {
            let entries = case.records();
            let host = host(&case.host);
            let before = see(case.resource(kind), &host, &entries);
            let planned = through_a_file(before.plan.clone());
            assert_eq!(
                moved_on_host(&planned, &before.plan),
                [] as [Moved; 0],
                "{name}"
            );
            if before.plan.steps[0].action == StepAction::Unknown {
                continue;
            }
            for other in mutations(&entries, &values) {
                tried += 1;
                let after = see(case.resource(kind), &host, &other);
                let moved = moved_on_host(&planned, &after.plan);
                let (was, is) = (&planned.steps[0], &after.plan.steps[0]);
                let same = was.action == is.action
                    && before.observed == after.observed
                    && was.actions_digest == is.actions_digest;
                // The package is there, and the shell runs what it ran: `JAVA_HOME` is left.
                let runs = |seen: &Value| {
                    let seen = &seen["present"];
                    (
                        seen["effective"]["version"].clone(),
                        seen["java_home"].clone(),
                    )
                };
                let follows = was.follows.as_ref();
                let left = follows.is_some_and(|one| one.covers(&is.actions))
                    && runs(&before.observed) == runs(&after.observed);
                if is.action == StepAction::None || same || left {
                    assert_eq!(moved, [] as [Moved; 0], "{name}: {other:?}");
                    continue;
                }
                refused += 1;
                let [Moved { address, how }] = moved.as_slice() else {
                    panic!("{name}: it is not refused: {other:?}");
                };
                assert_eq!(*address, Some(format!("client/{kind}").into()), "{name}");
                assert!(how.len() > 20, "{name}: `{how}` says nothing");
                missed.extend(differing(&before.observed, &after.observed));
            }
        }
        for field in compared {
            assert!(
                missed.iter().any(|one| one == field),
                "{kind}: {field} was never missed: {missed:?}"
            );
        }
        assert!(
            tried > 100 && refused > 50,
            "{kind}: {tried} tried, {refused} refused"
        );
    }
}

/// A cluster's topics, changed field by field.
#[test]
fn every_compared_field_of_a_topic_is_missed() {
    let mut refused = 0;
    for (name, case) in cases::<TopicsCase>("topic") {
        let wanted = case.wanted();
        let wanted: Vec<&ResolvedTopic> = wanted.iter().collect();
        let see = |cluster: &Cluster| {
            TopicsPlan::new(
                "b:9098",
                "client",
                &wanted,
                &case.allow_delete,
                cluster,
                SALT,
            )
        };
        let planned = see(&case.cluster);
        let text = serde_json::to_string(&planned).expect("JSON");
        let planned: TopicsPlan = serde_json::from_str(&text).expect("the same");
        assert_eq!(
            moved_topics(&planned, &see(&case.cluster)),
            [] as [Moved; 0],
            "{name}"
        );
        for topic in case.cluster.topics.keys() {
            let changes: [fn(&mut Topic); 7] = [
                |topic| topic.partitions += 1,
                |topic| topic.partitions = topic.partitions.saturating_sub(1).max(1),
                |topic| topic.replicas.0 += 1,
                |topic| topic.replicas.1 += 1,
                |topic| {
                    topic
                        .config
                        .values_mut()
                        .for_each(|one| one.value = Some("77".into()));
                },
                |topic| topic.config.values_mut().for_each(|one| one.own = !one.own),
                |topic| topic.config.clear(),
            ];
            for (at, change) in changes.iter().enumerate() {
                let mut cluster = case.cluster.clone();
                if let Some(Observation::Present(topic)) = cluster.topics.get_mut(topic) {
                    change(topic);
                }
                let now = see(&cluster);
                refused += check(
                    &format!("{name}: change {at} of {topic}"),
                    &planned,
                    &now,
                    topic,
                );
            }
            let mut cluster = case.cluster.clone();
            cluster.topics.remove(topic);
            refused += check(
                &format!("{name}: {topic} gone"),
                &planned,
                &see(&cluster),
                topic,
            );
        }
        // A broker less, and a leftover that `--allow-delete` names comes or goes.
        for gone in &case.allow_delete {
            let mut cluster = case.cluster.clone();
            cluster.unmanaged.retain(|one| one != gone);
            let gone_now = see(&cluster);
            assert_eq!(
                moved_topics(&planned, &gone_now),
                [] as [Moved; 0],
                "what is gone is done"
            );
            let (there, plan) = match case.cluster.unmanaged.contains(gone) {
                true => (see(&case.cluster), gone_now),
                false => {
                    cluster.unmanaged.push(gone.clone());
                    (see(&cluster), planned.clone())
                }
            };
            let moved = moved_topics(&plan, &there);
            assert_eq!(moved.len(), 1, "{name}: {moved:?}");
            assert!(
                moved[0]
                    .address
                    .as_ref()
                    .is_some_and(|it| it.ends_with(gone))
                    && moved[0].how.contains("not in the plan"),
                "{moved:?}"
            );
        }
    }
    assert!(refused > 50, "only {refused} changes were refused");
}

fn check(what: &str, planned: &TopicsPlan, now: &TopicsPlan, topic: &str) -> usize {
    let address = format!("topics/{topic}").into();
    let find = |plan: &TopicsPlan| {
        plan.steps
            .iter()
            .find(|step| step.address == address)
            .cloned()
    };
    let (Some(was), Some(is)) = (find(planned), find(now)) else {
        return 0;
    };
    let same = was.action == is.action
        && was.observed_digest == is.observed_digest
        && was.actions_digest == is.actions_digest;
    let moved = moved_topics(planned, now);
    let applied = is.action == StepAction::Blocked && was.remains.as_ref() == Some(&is.reason);
    if same || applied || is.action == StepAction::None {
        assert_eq!(moved, [] as [Moved; 0], "{what}");
        return 0;
    }
    assert!(
        moved.len() == 1 && moved[0].address.as_ref() == Some(&address),
        "{what}: {moved:?}"
    );
    1
}

#[test]
fn another_machine_or_account_is_refused_by_name() {
    let spec = sample::spec();
    let planned = through_a_file(sample::host_plan(&spec, sample::records()));
    for (key, value, said) in [
        ("machine_id", Some("ffff"), "its machine id is ffff"),
        ("machine_id", None, "its machine id is none"),
        (
            "instance_id",
            Some("i-0fedcba9876543210"),
            "it is the instance i-0fedcba9876543210, and was i-0123456789abcdef0",
        ),
        ("instance_id", None, "it is the instance none"),
        (
            "host_key",
            Some("ssh-ed25519 AAAC x"),
            "its host keys are others",
        ),
        ("host_key", None, "its host keys are others"),
        ("user", Some("root"), "we are root there"),
    ] {
        let mut records = sample::records();
        match value {
            None => records.retain(|record| record.key != key),
            Some(value) => {
                let record = records
                    .iter_mut()
                    .find(|record| record.key == key)
                    .expect("there");
                record.value = value.into();
            }
        }
        let moved = moved_on_host(&planned, &sample::host_plan(&spec, records));
        assert!(
            moved.len() == 1 && moved[0].address.is_none() && moved[0].how.contains(said),
            "{moved:?}"
        );
    }
    // An older plan did not tell the instance.
    let mut old = sample::records();
    old.retain(|record| record.key != "instance_id");
    let old = through_a_file(sample::host_plan(&spec, old));
    let now = sample::host_plan(&spec, sample::records());
    assert_eq!(moved_on_host(&old, &now), [] as [Moved; 0]);
    // What only informs is no reason.
    let mut records = sample::records();
    for record in &mut records {
        match record.key.as_str() {
            "disk_free_kib" => record.value = "1".into(),
            "host_key" => record.value = "ssh-ed25519 AAAB another-comment".into(),
            _ => {}
        }
    }
    assert_eq!(
        moved_on_host(&planned, &sample::host_plan(&spec, records)),
        [] as [Moved; 0]
    );
}

#[test]
fn an_unchanged_machine_is_never_refused() {
    let (spec, cluster) = (sample::spec(), sample::cluster());
    let saved = Saved::load(sample::text().as_bytes()).expect("whole");
    for _ in 0..100 {
        let now = sample::host_plan(&spec, sample::records());
        assert_eq!(moved_on_host(&saved.plan.hosts[0], &now), [] as [Moved; 0]);
        let now = sample::topics_plan(&spec, &cluster);
        assert_eq!(moved_topics(&saved.plan.topics[0], &now), [] as [Moved; 0]);
    }
    // It would be, with another salt: the digests do mean something.
    let other = json!(saved.plan.hosts[0].steps[0].observed_digest);
    assert_ne!(other, json!(""));
}

/// What could not be seen any more is named with its reason.
#[test]
fn what_can_no_longer_be_seen_is_refused() {
    let spec = sample::spec();
    let planned = sample::host_plan(&spec, sample::records());
    let mut records = sample::records();
    records.retain(|record| record.section != "client/properties");
    let moved = moved_on_host(&planned, &sample::host_plan(&spec, records));
    assert!(
        moved.len() == 1 && moved[0].address.as_deref() == Some("client/properties"),
        "{moved:?}"
    );
    assert!(
        moved[0]
            .how
            .contains("could not be seen: the host said nothing of it"),
        "{moved:?}"
    );
}

/// Of what moved, the fields are named; a secret one without its sides.
#[test]
fn the_field_that_moved_is_named() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let spec = sample::spec();
    let planned = sample::host_plan(&spec, sample::records());
    let mut records = sample::records();
    let at = records
        .iter()
        .position(|one| one.section == "client/properties" && one.key == "content");
    let content = &mut records[at.expect("there")].value;
    let text = String::from_utf8(STANDARD.decode(&content[..]).expect("base64")).expect("text");
    *content = STANDARD
        .encode(text.replace("PLAIN", "GSSAPI"))
        .into_bytes();
    let moved = moved_on_host(&planned, &sample::host_plan(&spec, records));
    assert!(
        moved.len() == 1 && moved[0].how.contains("`sasl.mechanism` is GSSAPI"),
        "{moved:?}"
    );
    assert!(!format!("{moved:?}").contains("canary"), "{moved:?}");
}

/// A plan that was cut after the jar's step: the folder's entry in `CLASSPATH` now stands for the
/// new jar, too, and a link above Kafka's home is resolved now that the home is there.
#[test]
fn what_another_address_brings_about_is_no_move() {
    let (_, case) = cases::<Case>("classpath")
        .into_iter()
        .find(|(name, _)| name.ends_with("/stale-line.yaml"))
        .expect("the case");
    let host = host(&case.host);
    let with = |wanted: &str, jars: &[String]| {
        let mut entries = case.records();
        entries.retain(|(key, _)| key != "jar" && key != "wanted");
        let own = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
        entries.push(own("wanted", wanted));
        entries.extend(jars.iter().map(|jar| own("jar", jar)));
        see(case.resource("classpath"), &host, &entries).plan
    };
    let libs = "kafka_2.12-2.8.1/libs";
    let jar =
        |home: &str, version: &str| format!("{home}/{libs}/aws-msk-iam-auth-{version}-all.jar");
    let (link, real) = ("/home/ec2-user", "/var/home/ec2-user");
    let entry = |jar: String| format!("{link}/{libs}/* {jar}");
    let planned = with(&jar(link, "1.1.5"), &[entry(jar(link, "1.1.1"))]);
    assert!(planned.steps[0].action.changes(), "{:?}", planned.steps[0]);
    for home in [link, real] {
        let now = with(
            &jar(home, "1.1.5"),
            &[entry(jar(home, "1.1.1")), entry(jar(home, "1.1.5"))],
        );
        assert!(now.steps[0].action.changes());
        assert_eq!(moved_on_host(&planned, &now), [] as [Moved; 0], "{home}");
    }
    // Another entry is one.
    let now = with(
        &jar(link, "1.1.5"),
        &[format!("/opt/* {}", jar("/opt", "1.1.1"))],
    );
    assert_eq!(moved_on_host(&planned, &now).len(), 1);
}
