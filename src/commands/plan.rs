//! `trueup plan`: specs → facts of hosts and clusters → plan → every format → exit code.

use std::time::Instant;

use super::{Surroundings, load, look_at_all, output::Outputs, salt, spec_files, targets};
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report::{Format, Report, Told},
};

/// The formats of a plan.
pub const FORMATS: [Format; 5] = [
    Format::Human,
    Format::Json,
    Format::Jsonl,
    Format::Markdown,
    Format::Junit,
];

pub async fn run(
    args: &LookArgs,
    allow: &AllowArgs,
    detailed_exitcode: bool,
    around: &Surroundings,
) -> Code {
    tell(Told::Plan, args, allow, around, |code| match code {
        Code::Changes if !detailed_exitcode => Code::Done,
        code => code,
    })
    .await
}

/// Makes a plan and tells it; `code` turns the plan's exit code into the command's.
pub async fn tell(
    told: Told,
    args: &LookArgs,
    allow: &AllowArgs,
    around: &Surroundings,
    code: impl Fn(Code) -> Code,
) -> Code {
    let started = Instant::now();
    let outputs = match Outputs::open(&args.spec.formats, &FORMATS, false) {
        Ok(outputs) => outputs,
        Err(code) => return code,
    };
    let plan = match make(args, allow, around).await {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    outputs.put(&Report {
        told,
        plan: &plan,
        outcomes: &[],
        code: code(plan.code()),
        style: around.style,
        took: started.elapsed(),
        next: &[],
    })
}

/// The plan of the specs as their hosts and clusters are now.
async fn make(args: &LookArgs, allow: &AllowArgs, around: &Surroundings) -> Result<Plan, Code> {
    let specs = load(&args.spec, around)?;
    let files = spec_files(&specs);
    let targets = targets(args, allow, specs, around)?;
    let salt = salt()?;
    let (hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    Ok(Plan::new(salt, files, hosts, topics).of(targets.selection))
}
