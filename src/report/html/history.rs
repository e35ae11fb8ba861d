//! The runs before, as a strip and as a table.

use maud::{Markup, html};

use super::text::Moment;
use crate::{
    history::{History, Run},
    report::words,
};

/// So many runs are shown, the newest ones.
const MOST: usize = 40;
/// Of the strip, in its own units: a run's width with its gap, and the height of a whole one.
const STEP: usize = 10;
const BAR: usize = 8;
const HEIGHT: usize = 40;

/// The last runs; nothing where this is the only one.
pub fn history(history: &History) -> Markup {
    let all = history.runs();
    if all.len() < 2 {
        return html! {};
    }
    let shown = &all[all.len().saturating_sub(MOST)..];
    let fine = shown
        .iter()
        .filter(|run| run.drifted + run.unreachable == 0)
        .count();
    let of = words::count(shown.len(), "run");
    html! {
        "\n"
        section aria-labelledby="history" {
            h2 id="history" { "last runs" }
            p {
                (of) " since " (Moment(shown[0].at)) ", "
                (fine) " of them with everything in sync"
                @if let Some(last) = history.last_in_sync() { ", the last at " (Moment(last)) }
            }
            (strip(shown))
            details {
                summary { "as a table" }
                (table(shown))
            }
        }
    }
}

/// A bar a run, the newest at the right. It adds nothing to the table.
fn strip(runs: &[Run]) -> Markup {
    let width = runs.len() * STEP;
    html! {
        svg class="strip" viewBox={ "0 0 " (width) " " (HEIGHT) } width=(2 * width) height=(2 * HEIGHT)
            role="img" aria-label="how much was in sync in each run; the table has the numbers" {
            @for (at, run) in runs.iter().enumerate() {
                (bar(at * STEP, run))
            }
        }
    }
}

fn bar(x: usize, run: &Run) -> Markup {
    let total = (run.in_sync + run.drifted + run.unreachable).max(1);
    // What is wrong is seen, however little of the whole it is.
    let least = |number: usize| match number {
        0 => 0,
        number => (number * HEIGHT / total).max(3),
    };
    let (bad, warn) = (least(run.unreachable), least(run.drifted));
    let bad = bad.min(HEIGHT);
    let warn = warn.min(HEIGHT - bad);
    let good = if run.in_sync > 0 {
        HEIGHT - bad - warn
    } else {
        0
    };
    let parts = [
        ("bad", bad, 0),
        ("warn", warn, bad),
        ("good", good, bad + warn),
    ];
    html! {
        @for (class, height, y) in parts {
            @if height > 0 { rect class=(class) x=(x) y=(y) width=(BAR) height=(height) {} }
        }
    }
}

fn table(runs: &[Run]) -> Markup {
    html! {
        table class="runs" {
            caption class="unseen" { "the last runs, the newest first" }
            thead {
                tr {
                    @for head in ["began (UTC)", "command", "exit", "in sync", "drifted", "not checked", "took"] {
                        th scope="col" { (head) }
                    }
                }
            }
            tbody {
                @for run in runs.iter().rev() {
                    tr {
                        th scope="row" { (Moment(run.at)) }
                        td { (run.command) }
                        td { (run.code as u8) }
                        td { (run.in_sync) }
                        td { (run.drifted) }
                        td { (run.unreachable) }
                        td { (words::duration(run.took)) }
                    }
                }
            }
        }
    }
}
