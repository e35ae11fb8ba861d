//! A plan from its specs, for `plan` and `drift`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Surroundings, Targets, load, look_at_all, machines, now, output::Outputs, salt, spec_files,
    targets,
};
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report::Format,
    utc::Utc,
};

/// A plan that has been made, and what it was made of.
pub(crate) struct Made {
    pub targets: Targets,
    pub plan: Plan,
    pub outputs: Outputs,
    pub at: Utc,
    pub took: Duration,
}

/// What a command writes.
#[derive(Clone, Copy)]
pub(crate) struct Files<'f> {
    /// The formats that it has.
    pub formats: &'f [Format],
    /// A file that the command line names beside those of its formats.
    pub other: Option<&'f PathBuf>,
    /// The flag that stdout is for, where it is not for the report.
    pub stdout_for: Option<&'f str>,
}

/// Reads the specs and all that they declare, and compares.
pub(crate) async fn make(
    args: &LookArgs,
    allow: &AllowArgs,
    files: Files<'_>,
    around: &Surroundings,
) -> Result<Made, Code> {
    let (started, at) = (Instant::now(), now());
    let taken = args.spec.specs.iter().chain(files.other);
    let mut outputs = Outputs::open(&args.spec.output.formats, files.formats, taken, false)?;
    if let Some(flag) = files.stdout_for {
        outputs.leave_stdout(flag)?;
    }
    let specs = load(&args.spec, around)?;
    let spec_files = spec_files(&specs);
    let targets = targets(args, allow, specs, around).await?;
    let salt = salt()?;
    let (mut hosts, topics) = look_at_all(&targets, args, &salt, around).await;
    machines::settle(targets.hosts.iter(), &mut hosts);
    let plan = Plan::new(salt, spec_files, hosts, topics).of(targets.selection().cloned());
    let plan = plan.in_shard(targets.shard.clone());
    Ok(Made {
        targets,
        plan,
        outputs,
        at,
        took: started.elapsed(),
    })
}
