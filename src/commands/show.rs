//! `trueup show`: a saved plan, also one that is stale or that another version made.

use std::time::Duration;

use crate::{
    cli::ShowArgs,
    exit::Code,
    report::{Report, ReportKind},
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
        let ended = (now(), Duration::ZERO);
        let report = Report::new(ReportKind::Saved, &plan, Code::Done, ended, around.style);
        Ok(outputs.put(&report))
    };
    report().unwrap_or_else(|code| code)
}
