//! `trueup plan`: spec → facts of hosts and clusters → plan → text or JSON, a file → exit code.

use std::{path::Path, time::Instant};

use super::{Surroundings, Targets, load, look_at_all, put, salt, saved, spec_file, targets};
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report,
};

/// What becomes of a plan.
#[derive(Debug, Clone, Copy)]
pub struct End<'e> {
    /// Exit with 2 when there are changes.
    pub detailed_exitcode: bool,
    /// Where it is kept.
    pub out: Option<&'e Path>,
}

pub async fn run(args: &LookArgs, allow: &AllowArgs, end: End<'_>, around: &Surroundings) -> Code {
    let started = Instant::now();
    if let Some(Err(code)) = end.out.map(saved::check_place) {
        return code;
    }
    let (targets, plan) = match make(args, allow, around).await {
        Ok(made) => made,
        Err(code) => return code,
    };
    let took = Some(started.elapsed());
    put(&report::plan(&plan, args.spec.format, &around.style, took));
    let code = match plan.code() {
        Code::Changes if !end.detailed_exitcode => Code::Done,
        code => code,
    };
    match end.out {
        Some(file) => Code::worst([code, saved::save(file, plan, &targets, args.deep)]),
        None => code,
    }
}

/// The plan of a spec as its hosts and clusters are now, and what it was made of.
pub async fn make(
    args: &LookArgs,
    allow: &AllowArgs,
    around: &Surroundings,
) -> Result<(Targets, Plan), Code> {
    let spec = load(&args.spec, around)?;
    let specs = vec![spec_file(&spec)];
    let targets = targets(args, allow, spec, around).await?;
    let salt = salt()?;
    let (hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    Ok((targets, Plan::new(salt, specs, hosts, topics)))
}
