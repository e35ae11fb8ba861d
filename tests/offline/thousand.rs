//! What a fleet costs beside its machines: as much for each host, however many there are.

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use trueup::{
    exit::Code,
    plan::Plan,
    report::{Detail, Format, Report, ReportKind, human::Style, render},
    utc::Utc,
};

use crate::simulated::{answer, fleet, plan};

/// What it takes to read and plan so many hosts, and the plan.
fn planned(hosts: usize) -> (AllocationInfo, Plan) {
    let (spec, answer) = (fleet(hosts), answer());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let mut made = None;
    let counted = measure(|| made = Some(runtime.block_on(plan(&spec, &answer))));
    let made = made.expect("a plan");
    let steps = made.hosts.iter().map(|host| host.steps.len());
    assert_eq!(steps.sum::<usize>(), 5 * hosts);
    (counted, made)
}

/// What it takes to show a plan.
fn shown(plan: &Plan, format: Format) -> AllocationInfo {
    let report = Report {
        kind: ReportKind::Plan,
        plan,
        outcomes: &[],
        proofs: &[],
        code: Code::Done,
        style: Style {
            color: false,
            width: 80,
        },
        at: Utc::of_seconds(1_795_749_000),
        took: Duration::from_secs(1),
        history: None,
        detail: Detail::default(),
        next: &[],
    };
    measure(|| assert!(!render(format, &report).is_empty()))
}

#[track_caller]
fn as_much_each(what: &str, few: AllocationInfo, many: AllocationInfo) {
    for (counted, few, many) in [
        ("allocations", few.count_total, many.count_total),
        ("bytes", few.bytes_total, many.bytes_total),
    ] {
        let (few, many) = (few as f64 / 10.0, many as f64 / 1_000.0);
        assert!(
            many < 1.2 * few,
            "{counted} of {what}, a host: {few} of 10, {many} of 1000"
        );
    }
}

#[test]
fn a_thousand_hosts_cost_a_hundred_times_what_ten_do() {
    let ((few, plan_of_few), (many, plan_of_many)) = (planned(10), planned(1_000));
    as_much_each("looking", few, many);
    for (name, format) in Format::ALL {
        let (few, showing) = (shown(&plan_of_few, format), shown(&plan_of_many, format));
        as_much_each(name, few, showing);
        let held = (many.bytes_max + showing.bytes_max) / 1_000;
        assert!(held < 200_000, "{held} bytes a host, shown as {name}");
    }
}
