//! `trueup drift`: the plan's comparison, told as what has moved, with what the runs before say of it.

use super::plan::{Made, make};
use crate::{
    cli::{AllowArgs, DriftArgs},
    exit::Code,
    history::Ended,
    report::{Report, ReportOf},
    run::{
        Surroundings,
        history::{Book, subject},
    },
};

pub(super) async fn run(args: &DriftArgs, around: &Surroundings) -> Code {
    let book = Book::new(args.history.history.as_ref(), around);
    let look = &args.look;
    let made = make(look, &AllowArgs::default(), book.file(), around).await;
    let Made {
        mut plan,
        outputs,
        at,
        took,
        ..
    } = match made {
        Ok(made) => made,
        Err(code) => return code,
    };
    let (of, code) = (ReportOf::Drift, plan.code());
    let history = book.add(
        &subject(look),
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
    outputs.put(&Report {
        of,
        plan: &plan.made_by(of.command(), code, (at, took)),
        outcomes: &[],
        proofs: &[],
        code,
        style: around.style,
        at,
        took,
        history: history.as_ref(),
        next: &[],
    })
}
