//! `trueup show`: a saved plan, also one that no longer holds or that another trueup made.

use std::time::Duration;

use crate::{
    cli::ShowArgs,
    exit::Code,
    report::{Detail, Report, ReportOf},
    run::{
        Surroundings, now,
        output::{FORMATS, Outputs},
        saved,
    },
};

pub(super) fn run(args: &ShowArgs, around: &Surroundings) -> Code {
    let report = || {
        let outputs = Outputs::open(&args.output.formats, &FORMATS, [&args.file], false)?;
        let plan = saved::load(&args.file)?.plan.with_left_out();
        Ok(outputs.put(&Report {
            of: ReportOf::Saved,
            plan: &plan,
            outcomes: &[],
            proofs: &[],
            code: Code::Done,
            style: around.style,
            at: now(),
            took: Duration::ZERO,
            history: None,
            detail: Detail::default(),
            next: &[],
        }))
    };
    report().unwrap_or_else(|code| code)
}
