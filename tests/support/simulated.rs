//! Hosts that are no machines: each answers the one exec of a look from a table, so that what a
//! thousand cost is our own.

use std::{collections::BTreeMap, path::Path, time::Duration};

use async_trait::async_trait;
use trueup::{
    frame::Record,
    kinds::declared::Inputs,
    observe::Reader,
    plan::{HostPlan, Plan},
    script::Script,
    spec::{Given, Resolved, Source, load},
    transport::{
        Connection, Error, Exit, Running,
        dial::{Dial, DialError, DialStage, Stream},
    },
};

use crate::{
    case::{Case, folder, parse, records},
    framed::framed,
};

/// What each address answers: a case's reply.
const CASES: [(&str, &str); 5] = [
    ("java", "in-place"),
    ("kafka", "ours"),
    ("msk_iam_auth", "in-place"),
    ("classpath", "none"),
    ("properties", "in-place-in-another-form"),
];

/// A spec of so many hosts with a usual client.
pub fn fleet(hosts: usize) -> Resolved {
    let hosts: String = (0..hosts)
        .map(|host| format!("  c{host}: {{ ssh: {{ address: c{host}.example }} }}\n"))
        .collect();
    let text = format!(
        "version: 1\nclient:\n  java: {{ version: \"1.8.0\" }}\n  kafka: {{ version: 2.8.1, scala: 2.12 }}\n  \
         msk_iam_auth: {{ version: 1.1.5, role_arn: \"arn:aws:iam::123456789012:role/a\" }}\n  \
         classpath: {{}}\n  properties: {{}}\nhosts:\n{hosts}"
    );
    let path = "fleet.yaml".into();
    let (spec, problems) = load(&Source { path, text }, &Given::default());
    spec.unwrap_or_else(|| panic!("{problems:?}"))
}

/// What a host says after the mark.
pub fn answer() -> Vec<u8> {
    let of = |section: String, records: Vec<(String, Vec<u8>)>| {
        records.into_iter().map(move |(key, value)| Record {
            section: section.clone(),
            key,
            value,
        })
    };
    let mut all: Vec<Record> = of("host".into(), records(&BTreeMap::new())).collect();
    for (kind, name) in CASES {
        let path = folder(kind).join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(&path).expect("the case");
        let case: Case = parse(&text, Path::new(&path));
        all.extend(of(format!("client/{kind}"), case.records()));
    }
    all.extend(of("host".into(), vec![("end".into(), vec![])]));
    framed(&all)
}

/// A host that gives this answer.
pub struct Simulated<'a>(pub &'a [u8]);

#[async_trait]
impl Dial for Simulated<'_> {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        Err(DialError {
            stage: DialStage::Machine,
            message: "it is none".into(),
            help: None,
        })
    }
}

#[async_trait]
impl Connection for Simulated<'_> {
    fn address(&self) -> &'static str {
        "simulated"
    }

    async fn spawn(&self, script: &Script) -> Result<Running, Error> {
        // The answer begins with the mark that the script was given.
        let (_, rest) = script.as_text().split_once("\nmark ").expect("a probe");
        let mark = rest.lines().next().expect("a mark").trim_matches('\'');
        let stdout = [mark.as_bytes(), b"\n", self.0].concat();
        Ok(Running {
            stdin: None,
            stdout: Box::pin(std::io::Cursor::new(stdout)),
            stderr: Box::pin(tokio::io::empty()),
            exit: Box::pin(async { Ok(Exit::Code(0)) }),
        })
    }

    async fn close(self: Box<Self>) {}
}

/// Looks at all hosts of a spec, as `plan` does.
pub async fn plan(spec: &Resolved, answer: &[u8]) -> Plan {
    let deadline = Duration::from_secs(60);
    let mut plans = Vec::new();
    for host in &spec.hosts {
        let resources = host.resources(&Inputs::default());
        let reader = Simulated(answer);
        let read = Reader::new(&reader, deadline)
            .observe(&resources, false)
            .await;
        let facts = read.expect("it answers");
        let (name, host, reply) = (host.name.clone(), &facts.host, &facts.reply);
        plans.push(HostPlan::new(
            &name,
            "c.example",
            &resources,
            host,
            reply,
            "salt",
        ));
    }
    Plan::new("salt".into(), vec![], plans, vec![])
}
