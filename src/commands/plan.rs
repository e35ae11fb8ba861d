//! `trueup plan`: specs → facts of hosts and clusters → plan → every format, a file → exit code.

use std::{path::PathBuf, time::Instant};

use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report::{Report, ReportOf},
    run::{
        Surroundings, Targets, is_dash, load, look_at_all, machines,
        output::{FORMATS, Outputs},
        salt,
        saved::{self, Kept},
        spec_files, targets,
    },
};

/// What becomes of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'e> {
    /// Exit with 2 when there are changes, blocked ones among them.
    pub detailed_exitcode: bool,
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
    let code = |plan: &Plan| match end.detailed_exitcode {
        true => plan.code(),
        false => plan.code_of_work(),
    };
    match (
        tell(ReportOf::Plan, args, allow, end.out, around, code).await,
        end.out,
    ) {
        (Ok((targets, plan, code)), Some(file)) => {
            let (deep, partial) = (args.deep, end.partial);
            let kept = saved::save(file, plan, &targets, Kept { deep, partial });
            Code::worst([code, kept])
        }
        (Ok((.., code)) | Err(code), _) => code,
    }
}

/// Makes a plan and tells it; `out` is where it will be kept, and `code` says how the command
/// ends. Gives what the plan was made of, too.
pub(super) async fn tell(
    of: ReportOf,
    args: &LookArgs,
    allow: &AllowArgs,
    out: Option<&PathBuf>,
    around: &Surroundings,
    code: impl Fn(&Plan) -> Code,
) -> Result<(Targets, Plan, Code), Code> {
    let started = Instant::now();
    let taken = args.spec.specs.iter().chain(out);
    let mut outputs = Outputs::open(&args.spec.output.formats, &FORMATS, taken, false)?;
    if out.is_some_and(|file| is_dash(file)) {
        outputs.leave_stdout("--out -")?;
    }
    let specs = load(&args.spec, around)?;
    let files = spec_files(&specs);
    let targets = targets(args, allow, specs, around).await?;
    let salt = salt()?;
    let (mut hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    machines::settle(targets.hosts.iter(), &mut hosts);
    let plan = Plan::new(salt, files, hosts, topics).of(targets.selection().cloned());
    let (code, took) = (code(&plan), started.elapsed());
    let plan = plan.in_shard(targets.shard.clone());
    let plan = plan.made_by(of.command(), code, took);
    let code = outputs.put(&Report {
        of,
        plan: &plan,
        outcomes: &[],
        proofs: &[],
        code,
        style: around.style,
        took,
        next: &[],
    });
    Ok((targets, plan, code))
}
