//! `trueup plan`: spec → facts of hosts and clusters → plan → text or JSON → exit code.

use std::time::Instant;

use super::{Surroundings, load, look_at_all, put, salt, spec_file, targets};
use crate::{
    cli::{AllowArgs, Format, LookArgs},
    exit::Code,
    plan::Plan,
    report::{human, json},
};

pub async fn run(
    args: &LookArgs,
    allow: &AllowArgs,
    detailed_exitcode: bool,
    around: &Surroundings,
) -> Code {
    let started = Instant::now();
    let plan = match make(args, allow, around).await {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    put(&match args.spec.format {
        Format::Human => human::plan(&plan, &around.style, started.elapsed()),
        Format::Json => json::plan(&plan),
    });
    match plan.code() {
        Code::Changes if !detailed_exitcode => Code::Done,
        code => code,
    }
}

/// The plan of a spec as its hosts and clusters are now.
pub async fn make(args: &LookArgs, allow: &AllowArgs, around: &Surroundings) -> Result<Plan, Code> {
    let spec = load(&args.spec, around)?;
    let specs = vec![spec_file(&spec)];
    let targets = targets(args, allow, spec, around)?;
    let salt = salt()?;
    let (hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    Ok(Plan::new(salt, specs, hosts, topics))
}
