//! The broker is the judge: of topics made at random, the plan blocks those that Java's own client
//! is then refused, and no others.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};

use super::{
    Desk,
    cluster::{BOTH, Cluster, own},
};
use crate::seed::seed;

/// Numbers from a seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("small")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Settings, some of which some broker refuses.
const SETTINGS: [(&str, &str); 20] = [
    ("retention.ms", "5000"),
    ("retention.ms", "7d"),
    ("retention.ms", "-1"),
    ("retention.ms", "-2"),
    ("retention.ms", "9223372036854775808"),
    ("retention.bytes", "1GB"),
    ("cleanup.policy", "compact"),
    ("cleanup.policy", "compact, delete"),
    ("cleanup.policy", "shred"),
    ("min.insync.replicas", "0"),
    ("min.insync.replicas", "2"),
    ("compression.type", "zstd"),
    ("compression.type", "rar"),
    ("max.message.bytes", "1.5"),
    ("segment.bytes", "1048576"),
    ("segment.bytes", "13"),
    ("preallocate", "TRUE"),
    ("preallocate", "yes"),
    ("retentoin.ms", "1"),
    ("min.cleanable.dirty.ratio", "2"),
];

/// One topic of the spec: the lines that say it, and what Java's client is asked.
struct Case {
    name: String,
    spec: String,
    questions: Vec<Value>,
}

fn case(random: &mut Random, user: &str, number: usize, brokers: usize) -> Case {
    let config: Map<String, Value> = (0..random.below(3))
        .map(|_| random.of(&SETTINGS))
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    let shown: Vec<String> = config.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let partitions = 1 + random.below(4);
    let there = random.below(3) == 0;
    let (name, replicas) = match (there, random.below(5)) {
        (true, _) => (format!("{user}.there{number}"), "keep".to_owned()),
        // What is called like it is made beforehand, with the other letter.
        (false, 0) => (format!("{user}.alike{number}"), "1".to_owned()),
        (false, _) => (
            format!("{user}.new{number}"),
            (1 + random.below(brokers + 1)).to_string(),
        ),
    };
    let spec = format!(
        "{name}: {{ partitions: {partitions}, replication_factor: {replicas}, config: {{ {} }} }}",
        shown.join(", ")
    );
    let mut questions = Vec::new();
    if there {
        if partitions != 2 {
            questions.push(json!({ "partitions": { &name: partitions } }));
        }
        if !config.is_empty() {
            questions.push(json!({ "alter": { &name: config } }));
        }
    } else {
        let replicas: usize = replicas.parse().expect("a number");
        questions.push(json!({ "create": {
            "name": name, "partitions": partitions, "replication": replicas, "config": config,
        } }));
    }
    Case {
        name,
        spec,
        questions,
    }
}

/// Where the plan and the brokers are not of one mind.
fn differ(plan: &BTreeMap<String, bool>, brokers: &BTreeMap<String, bool>) -> Vec<String> {
    let names = plan
        .keys()
        .filter(|name| plan.get(*name) != brokers.get(*name));
    names.cloned().collect()
}

#[test]
fn the_plan_blocks_what_the_brokers_refuse_and_nothing_else() {
    // A zero would stay one.
    let seed = seed() | 1;
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, user) = (Desk::new(), own("judge"));
        let mut random = Random(seed);
        let cases: Vec<Case> = (0..40)
            .map(|number| case(&mut random, &user, number, cluster.brokers()))
            .collect();
        let mut spec = format!(
            "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\ntables:",
            cluster.listener("plaintext")
        );
        for one in &cases {
            let is = |what: &str| one.name.contains(what);
            if is(".there") {
                cluster.make(&one.name, 2, 1, json!({}));
            } else if is(".alike") {
                cluster.make(&one.name.replace('.', "_"), 1, 1, json!({}));
            }
            write!(spec, "\n    {}", one.spec).expect("a text");
        }
        let plan = desk.run(&desk.spec(&spec), &["plan", "--format", "json"]);
        let code = plan.code;
        let plan = plan.json();
        let steps = plan["topics"][0]["steps"].as_array().expect("a list");
        let blocked: BTreeMap<String, bool> = steps
            .iter()
            .map(|step| {
                let address = step["address"].as_str().expect("text");
                let name = address.trim_start_matches("topics/").to_owned();
                (name, step["action"] == "blocked")
            })
            .collect();
        let any = blocked.values().any(|blocked| *blocked);
        assert_eq!(code, if any { 5 } else { 0 }, "seed {seed}");
        let mut said = BTreeMap::new();
        let refused: BTreeMap<String, bool> = cases
            .iter()
            .map(|one| {
                let answers: Vec<Value> = one.questions.iter().map(|q| cluster.judge(q)).collect();
                let refused = answers.iter().any(|answer| answer.get("error").is_some());
                said.insert(&one.name, (&one.spec, answers));
                (one.name.clone(), refused)
            })
            .collect();
        let all = |what: bool| refused.values().filter(|one| **one == what).count();
        assert!(all(true) > 3 && all(false) > 3, "seed {seed}: {refused:?}");
        if let Some(name) = differ(&blocked, &refused).into_iter().next() {
            panic!(
                "seed {seed}, {version:?}, blocked {}: {:?}",
                blocked[&name], said[&name]
            );
        }
        // A plan that is wrong of one topic is caught.
        let mut planted = blocked.clone();
        let one = planted.values_mut().next().expect("a topic");
        *one = !*one;
        assert_eq!(differ(&planted, &refused).len(), 1);
    }
}
