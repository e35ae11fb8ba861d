//! `trueup plan`: specs → facts of hosts and clusters → plan → every format, a file → exit code.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report::{Format, Report, ReportOf},
    run::{
        Surroundings, Targets, is_dash, load, look_at_all, machines, now,
        output::{FORMATS, Outputs},
        salt,
        saved::{self, Kept},
        spec_files, stdio, targets,
    },
    utc::Utc,
};

/// What becomes of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'e> {
    /// Exit with 2 when there are changes, blocked ones among them.
    pub detailed_exitcode: bool,
    /// Say nothing where nothing would change.
    pub quiet: bool,
    /// Where it is kept.
    pub out: Option<&'e PathBuf>,
    /// Without what could not be read.
    pub partial: bool,
}

pub(super) async fn run(
    args: &LookArgs,
    allow: &AllowArgs,
    end: End<'_>,
    around: &Surroundings,
) -> Code {
    if let Some(Err(code)) = end.out.map(|file| saved::check_place(file)) {
        return code;
    }
    let aside = end.out.filter(|file| is_dash(file)).map(|_| "--out -");
    let kept = Files {
        formats: &FORMATS,
        kept: end.out,
        aside,
    };
    let Made {
        targets,
        plan,
        mut outputs,
        at,
        took,
    } = match make(args, allow, kept, around).await {
        Ok(made) => made,
        Err(code) => return code,
    };
    let of = ReportOf::Plan;
    let silent = end.quiet && plan.code() == Code::Done;
    if silent {
        outputs = outputs.without_stdout();
    }
    let code = match end.detailed_exitcode {
        true => plan.code(),
        false => plan.code_of_work(),
    };
    let plan = plan.made_by(of.command(), code, (at, took));
    let report = Report::new(of, &plan, code, (at, took), around.style);
    let mut code = outputs.put(&report);
    if let Some(file) = end.out {
        let (deep, partial) = (args.deep, end.partial);
        let kept = saved::save(file, plan, &targets, Kept { deep, partial });
        code = Code::worst([code, kept]);
    }
    if silent {
        stdio::forget_held();
    }
    code
}

/// A plan that has been made, and what it was made of.
pub(super) struct Made {
    pub targets: Targets,
    pub plan: Plan,
    pub outputs: Outputs,
    pub at: Utc,
    pub took: Duration,
}

/// What a command writes.
#[derive(Clone, Copy)]
pub(super) struct Files<'f> {
    /// The formats that it has.
    pub formats: &'f [Format],
    /// A file that the command line names beside those of its formats.
    pub kept: Option<&'f PathBuf>,
    /// What stdout is for, where that is no report.
    pub aside: Option<&'f str>,
}

/// Makes a plan, to be told in one of some formats.
pub(super) async fn make(
    args: &LookArgs,
    allow: &AllowArgs,
    files: Files<'_>,
    around: &Surroundings,
) -> Result<Made, Code> {
    let Files {
        formats,
        kept,
        aside,
    } = files;
    let (started, at) = (Instant::now(), now());
    let taken = args.spec.specs.iter().chain(kept);
    let mut outputs = Outputs::open(&args.spec.output.formats, formats, taken, false)?;
    if let Some(to) = aside {
        outputs.leave_stdout(to)?;
    }
    let specs = load(&args.spec, around)?;
    let files = spec_files(&specs);
    let targets = targets(args, allow, specs, around).await?;
    let salt = salt()?;
    let (mut hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    machines::settle(targets.hosts.iter(), &mut hosts);
    let plan = Plan::new(salt, files, hosts, topics).of(targets.selection().cloned());
    let plan = plan.in_shard(targets.shard.clone());
    Ok(Made {
        targets,
        plan,
        outputs,
        at,
        took: started.elapsed(),
    })
}
