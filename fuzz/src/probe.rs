//! A host's answer to the probe: bytes → records → facts → plan.

use std::sync::OnceLock;

use trueup::{
    facts::{Host, Reply},
    frame::{Frames, Garbled, Record},
    kinds::{Resource, declared::Inputs},
    plan::{Desired, DesiredHost, HostPlan, Plan, Saved, moved_on_host, selection::Chosen},
    report::{
        ReportKind,
        human::{self, Style},
        json,
    },
    spec::{Given, ResolvedHost, Source, load},
};

use super::{
    framed::framed,
    shown::{fit_for_a_line, fit_to_show, plan_is_fit_to_show},
    within,
};

/// A client with each kind of resource.
const SPEC: &str = "\
version: 1
hosts: { client: { local: {} } }
client:
  java: { version: 1.8.0 }
  kafka: { version: 2.8.1, scala: 2.12 }
  msk_iam_auth: { version: 1.1.5, role_arn: \"arn:aws:iam::123456789012:role/r\" }
  classpath: {}
  properties: { extra: { client.id: loader }, absent: [linger.ms] }
";

const MARK: &str = "MARK";
const SALT: &str = "5a17";

/// Reads an answer whole and in pieces; a plan of what it says can be shown, kept, and holds as long as
/// nothing changes. Bytes that are no answer are taken for records with a zero byte between each two.
pub fn probe(bytes: &[u8]) {
    for mark in [None, Some(MARK)] {
        let whole = within(bytes.len(), 64, 4096, || read(mark, [bytes].into_iter()));
        // What is shown of what is no record depends on how much of it is there.
        let same = |(records, end): (Vec<Record>, Result<(), Garbled>)| {
            assert_eq!((&records, end.is_err()), (&whole.0, whole.1.is_err()));
        };
        same(read(mark, bytes.chunks(1 + bytes.len() % 7)));
        let cut = bytes.len() / 2;
        same(read(mark, [&bytes[..cut], &bytes[cut..]].into_iter()));
        let (records, end) = whole;
        if let Err(garbled) = end {
            fit_for_a_line(&garbled.to_string());
        }
        if !records.is_empty() {
            come_back(&records);
            plan(records);
        }
    }
    let records: Vec<Record> = bytes.split(|byte| *byte == 0).filter_map(record).collect();
    if records.len() > 1 {
        come_back(&records);
        plan(records);
    }
}

/// All records, and how it ended.
fn read<'b>(
    mark: Option<&str>,
    parts: impl Iterator<Item = &'b [u8]>,
) -> (Vec<Record>, Result<(), Garbled>) {
    let mut frames = mark.map_or_else(Frames::new, Frames::after_mark);
    let mut records = Vec::new();
    for part in parts {
        if let Err(garbled) = frames.feed(part) {
            return (records, Err(garbled));
        }
        loop {
            match frames.next_record() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                Err(garbled) => return (records, Err(garbled)),
            }
        }
    }
    (records, Ok(()))
}

/// `SECTION KEY VALUE`.
fn record(bytes: &[u8]) -> Option<Record> {
    let mut words = bytes.splitn(3, |byte| *byte == b' ');
    let mut name = || {
        let name = String::from_utf8(words.next()?.to_vec()).ok()?;
        (!name.is_empty() && name.len() < 100 && !name.contains(':')).then_some(name)
    };
    Some(Record {
        section: name()?,
        key: name()?,
        value: words.next()?.to_vec(),
    })
}

/// What is said as a host says it is read as it was said.
fn come_back(records: &[Record]) {
    let mut said = format!("noise\n{MARK}\n").into_bytes();
    said.extend(framed(records));
    let (read, end) = read(Some(MARK), said.chunks(5));
    assert!(end.is_ok() && read == records);
}

fn wanted() -> &'static (ResolvedHost, Vec<Box<dyn Resource>>) {
    static WANTED: OnceLock<(ResolvedHost, Vec<Box<dyn Resource>>)> = OnceLock::new();
    WANTED.get_or_init(|| {
        let source = Source {
            path: "client.yaml".into(),
            text: SPEC.into(),
        };
        let (spec, problems) = load(&source, &Given::default());
        let host = spec
            .unwrap_or_else(|| panic!("{problems:?}"))
            .hosts
            .remove(0);
        let resources = host.resources(&Inputs::default());
        (host, resources)
    })
}

fn plan(records: Vec<Record>) {
    let (wanted, resources) = wanted();
    let reply = Reply::new(records);
    let host = Host::read(&reply.section("host"));
    let style = Style {
        color: false,
        width: 80,
    };
    fit_to_show(&human::facts("client", "local", &host, &style));
    let of_host = || HostPlan::new("client", "local", resources, &host, &reply, SALT);
    let (planned, now) = (of_host(), of_host());
    assert_eq!(moved_on_host(&planned, &now), []);
    let plan = Plan::new(SALT.into(), vec![], vec![planned], vec![]);
    for told in [ReportKind::Plan, ReportKind::Drift] {
        plan_is_fit_to_show(&plan, told);
    }
    let desired = Desired {
        deep: false,
        chosen: Chosen::default(),
        hosts: vec![DesiredHost {
            spec: "client.yaml".into(),
            host: wanted.clone(),
        }],
        clusters: vec![],
        secrets: vec![],
    };
    let complete = plan.complete;
    match Saved::new(plan, &desired) {
        Ok(saved) => {
            let kept = json::text(&saved.to_value());
            let back = Saved::load(kept.as_bytes()).expect("what was kept");
            assert_eq!(json::text(&back.to_value()), kept);
            assert!(back.desired().is_ok());
            assert_eq!(moved_on_host(&back.plan.hosts[0], &now), []);
        }
        Err(_) => assert!(!complete),
    }
}
