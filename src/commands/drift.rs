//! `trueup drift`: the plan's comparison, reported as what has moved, and since when.

use crate::{
    cli::{AllowArgs, DriftArgs},
    exit::Code,
    history::{Ended, History},
    report::{
        Detail, Format, Report, ReportKind,
        fix::{Flags, fix},
    },
    run::{
        Surroundings, complain,
        history::{HistoryFile, host_flags, scope},
        output::DRIFT,
        plan::{Files, Made, make},
        stdio,
    },
};

pub(super) async fn run(args: &DriftArgs, around: &Surroundings) -> Code {
    let history_file = HistoryFile::new(args.history.history.as_ref(), around);
    let look = &args.look;
    if args.only_changes_since_last && history_file.path().is_none() {
        complain(
            "error: `--only-changes-since-last` has no run to compare with: none is kept\n  help: name a file \
             with `--history FILE`",
        );
        return Code::Usage;
    }
    let files = Files {
        formats: &DRIFT,
        other: history_file.path(),
        stdout_for: None,
    };
    let made = make(look, &AllowArgs::default(), files, around).await;
    let Made {
        mut plan,
        mut outputs,
        at,
        took,
        ..
    } = match made {
        Ok(made) => made,
        Err(code) => return code,
    };
    let (of, code) = (ReportKind::Drift, plan.code());
    let history = history_file.add(
        &scope(&plan, look),
        &Ended {
            command: of.command(),
            at,
            took,
            code,
            plan: &plan,
            outcomes: &[],
        },
    );
    if let Some(history) = &history {
        history.date(&mut plan);
    }
    let is_news = |history: &History| !history.news().is_none();
    let silent = match args.only_changes_since_last && outputs.stdout() == Format::Human {
        true => !history.as_ref().is_none_or(is_news),
        false => args.quiet && code == Code::Done,
    };
    if silent {
        stdio::discard_notes();
        outputs = outputs.without_stdout();
    }
    let flags = Flags {
        vars: &look.spec.vars,
        hosts: &host_flags(&look.pick),
        deep: look.deep,
    };
    let fix = fix(&plan, &flags);
    let plan = plan.made_by(of.command(), code, (at, took)).with_fix(&fix);
    outputs.put(&Report {
        history: history.as_ref(),
        detail: Detail {
            diff: args.diff,
            only_news: args.only_changes_since_last,
        },
        next: &fix,
        ..Report::new(of, &plan, code, (at, took), around.style)
    })
}
