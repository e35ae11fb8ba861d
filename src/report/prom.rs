//! Metrics of a drift, in Prometheus' text format, for the textfile collector of node_exporter.

use std::collections::HashSet;

use super::Report;
use crate::{
    plan::{State, Step, StepAction},
    text::escape_control,
    utc::Utc,
};

/// One metric: its name, what it is, and its samples.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, String)>,
}

/// A report of a drift as metrics. Each sample says of which specs it is, so that files of several jobs
/// can lie beside each other.
pub fn prom(report: &Report<'_>) -> String {
    let plan = report.plan;
    let specs: Vec<&str> = plan.specs.iter().map(|spec| &*spec.path).collect();
    let mut job = vec![("spec", specs.join(","))];
    job.extend(
        plan.shard
            .iter()
            .map(|it| ("shard", format!("{}/{}", it.index, it.total))),
    );
    let with = |more: &[(&'static str, &str)]| {
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        job.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    let one = |name, help, value: String| Metric {
        name,
        help,
        samples: vec![(with(&[]), value)],
    };
    let states = |name, help, hosts: bool| {
        let of = |state: State| {
            let all = plan
                .parts()
                .filter(|part| part.is_host() == hosts && part.state() == state);
            let word = state.in_words().replace(' ', "_");
            (with(&[("state", &word)]), all.count().to_string())
        };
        Metric {
            name,
            help,
            samples: State::ALL.map(of).into(),
        }
    };
    let mut by_part = Metric {
        name: "trueup_drift_addresses",
        help: "Addresses that differ from the spec, by host or cluster.",
        samples: vec![],
    };
    let mut differs = Metric {
        name: "trueup_drift_address_differs",
        help: "1 for each address that differs from the spec.",
        samples: vec![],
    };
    let mut since = Metric {
        name: "trueup_drift_address_since_timestamp_seconds",
        help: "The first of the runs since which an address differs, as far as it is known.",
        samples: vec![],
    };
    for part in plan.parts() {
        let kind = part.subject.kind();
        let does = |step: &&Step| step.action.changes() || step.action == StepAction::Blocked;
        let all: Vec<&Step> = part.steps.iter().filter(does).collect();
        // What is not known is no zero.
        if !part.state().is_unchecked() {
            let number = all.len().to_string();
            by_part.samples.push((with(&[(kind, part.name())]), number));
        }
        for step in all {
            let labels = with(&[(kind, part.name()), ("address", &step.address)]);
            let at = step.since.map(|since| seconds(since.at));
            since.samples.extend(at.map(|at| (labels.clone(), at)));
            differs.samples.push((labels, "1".into()));
        }
    }
    let mut metrics = vec![
        Metric {
            name: "trueup_build_info",
            help: "The trueup that ran; always 1.",
            samples: vec![(with(&[("version", env!("CARGO_PKG_VERSION"))]), "1".into())],
        },
        states(
            "trueup_drift_hosts",
            "Hosts by what the last run found.",
            true,
        ),
        states(
            "trueup_drift_clusters",
            "Clusters with topics, by what the last run found.",
            false,
        ),
        by_part,
        differs,
        since,
        one(
            "trueup_drift_exit_code",
            "How the last run ended: 0 in sync, 2 drifted, 4 not everything could be read, 7 an apply was running.",
            (report.code as u8).to_string(),
        ),
        one(
            "trueup_drift_duration_seconds",
            "How long the last run took.",
            format!("{:.3}", report.took.as_secs_f64()),
        ),
        one(
            "trueup_drift_last_run_timestamp_seconds",
            "When the last run began.",
            seconds(report.at),
        ),
    ];
    let last = report.history.and_then(|history| history.last_in_sync());
    metrics.extend(last.map(|at| {
        one(
            "trueup_drift_last_in_sync_timestamp_seconds",
            "When the last run began that found everything as the spec says.",
            seconds(at),
        )
    }));
    metrics.iter().map(text).collect()
}

fn seconds(at: Utc) -> String {
    at.seconds().to_string()
}

fn text(metric: &Metric) -> String {
    let Metric {
        name,
        help,
        samples,
    } = metric;
    if samples.is_empty() {
        return String::new();
    }
    let mut text = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
    // Of two samples with the same labels a reader takes none.
    let mut seen = HashSet::new();
    for (labels, value) in samples.iter().filter(|(labels, _)| seen.insert(labels)) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        text.push_str(&format!("{name}{{{}}} {value}\n", labels.join(",")));
    }
    text
}

/// A label's value: nothing in it moves a cursor, ends the value or the line.
fn escaped(value: &str) -> String {
    let value = escape_control(value);
    value.replace('\\', "\\\\").replace('"', "\\\"")
}
