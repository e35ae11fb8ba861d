//! What people are shown.

use std::time::Duration;

use trueup::{
    plan::Plan,
    report::{Detail, Format, Report, ReportKind, human::Style, render},
    text::escape_lines,
    utc::Utc,
};

/// Nothing in it moves a cursor, turns the reading direction, or is a command to a CI system.
pub fn fit_to_show(text: &str) {
    let escaped = escape_lines(text);
    let plain = text.strip_suffix('\n').unwrap_or(text);
    assert!(
        !plain.contains('\r') && escaped == plain.trim_end_matches('\n'),
        "{text:?}"
    );
}

/// One line of the kind.
pub fn fit_for_a_line(text: &str) {
    fit_to_show(text);
    assert!(!text.contains('\n'), "{text:?}");
}

/// A plan in each format.
pub fn plan_is_fit_to_show(plan: &Plan, kind: ReportKind) {
    let code = plan.code();
    for (_, format) in Format::ALL {
        let report = Report {
            kind,
            plan,
            outcomes: &[],
            proofs: &[],
            code,
            style: Style {
                color: false,
                width: 80,
            },
            at: Utc::of_seconds(1_795_749_000),
            took: Duration::from_millis(300),
            history: None,
            detail: Detail::default(),
            next: &[],
        };
        fit_to_show(&render(format, &report));
    }
}
