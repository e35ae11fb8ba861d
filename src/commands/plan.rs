//! `trueup plan`: specs → facts of hosts and clusters → plan → every format, a file → exit code.

use std::path::PathBuf;

use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    report::{Report, ReportKind},
    run::{
        Surroundings, is_dash,
        output::FORMATS,
        plan::{Files, Made, make},
        saved::{self, SaveOptions},
        stdio,
    },
};

/// What becomes of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'e> {
    /// Exit with 2 when there are changes, blocked ones among them.
    pub detailed_exitcode: bool,
    /// Say nothing where nothing would change.
    pub quiet: bool,
    /// The file that it is saved to.
    pub out: Option<&'e PathBuf>,
    /// Without what could not be read.
    pub partial: bool,
}

pub(super) async fn run(
    args: &LookArgs,
    allow: &AllowArgs,
    options: Options<'_>,
    around: &Surroundings,
) -> Code {
    if let Some(Err(code)) = options.out.map(|file| saved::check_target(file)) {
        return code;
    }
    let files = Files {
        formats: &FORMATS,
        other: options.out,
        stdout_for: options.out.filter(|file| is_dash(file)).map(|_| "--out -"),
    };
    let Made {
        targets,
        plan,
        mut outputs,
        at,
        took,
    } = match make(args, allow, files, around).await {
        Ok(made) => made,
        Err(code) => return code,
    };
    let of = ReportKind::Plan;
    let silent = options.quiet && plan.code() == Code::Done;
    if silent {
        outputs = outputs.without_stdout();
    }
    let code = match options.detailed_exitcode {
        true => plan.code(),
        false => plan.code_of_work(),
    };
    let plan = plan.made_by(of.command(), code, (at, took));
    let report = Report::new(of, &plan, code, (at, took), around.style);
    let mut code = outputs.put(&report);
    if let Some(file) = options.out {
        let (deep, partial) = (args.deep, options.partial);
        let saved = saved::save(file, plan, &targets, SaveOptions { deep, partial });
        code = Code::worst([code, saved]);
    }
    if silent {
        stdio::discard_notes();
    }
    code
}
