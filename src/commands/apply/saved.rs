//! `trueup apply PLANFILE`: the plan says what is done, and it is done or nothing is.

use std::{fs, io, path::Path};

use super::{How, Work, carry_out};
use crate::{
    apply::SpecPlaces,
    cli::{AllowArgs, LookArgs},
    commands::{Surroundings, Target, complain_safely, output::Outputs, plan::FORMATS, saved},
    exit::Code,
    plan::SpecFile,
    spec,
};

pub async fn run(
    file: &Path,
    bytes: &[u8],
    args: &LookArgs,
    allow: &AllowArgs,
    how: How,
    around: &Surroundings,
) -> Code {
    let prepared = refuse_flags(args, allow, file)
        .and_then(|()| saved::parse(file, bytes))
        .and_then(|saved| {
            let desired = saved
                .desired()
                .map_err(|error| saved::unusable(file, &error))?;
            check_specs(&saved.plan.specs)?;
            Ok((saved.plan, desired))
        });
    let outputs = Outputs::open(&args.spec.output.formats, &FORMATS, &args.spec.specs, true);
    let ((plan, desired), outputs) = match (prepared, outputs) {
        (Ok(prepared), Ok(outputs)) => (prepared, outputs),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let deep = desired.deep;
    let targets = match saved::targets(desired, &plan.salt, args.timeout, around).await {
        Ok(targets) => targets,
        Err(code) => return code,
    };
    let tool = env!("CARGO_PKG_VERSION");
    if plan.tool_version != tool {
        complain_safely(&format!(
            "note: the plan was made by trueup {}, and this is {tool}: what this one would do \
             otherwise counts as moved",
            plan.tool_version
        ));
    }
    let mut args = args.clone();
    args.deep = deep;
    let place = |one: &Target| (one.host.name.clone(), one.spec.display().to_string());
    let work = Work {
        places: SpecPlaces::without_lines(targets.hosts.iter().map(place).collect()),
        specs: plan.specs.clone(),
        salt: plan.salt.clone(),
        targets,
        saved: Some(plan),
    };
    carry_out(work, outputs, &args, how, around).await
}

/// What shapes a plan has been said when it was made.
fn refuse_flags(args: &LookArgs, allow: &AllowArgs, file: &Path) -> Result<(), Code> {
    let given = [
        ("--var", !args.spec.vars.is_empty()),
        ("--host", !args.hosts.is_empty()),
        ("--target", !args.targets.is_empty()),
        ("--exclude", !args.excludes.is_empty()),
        ("--deep", args.deep),
        ("--allow-delete", !allow.delete.is_empty()),
    ];
    let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) else {
        return Ok(());
    };
    complain_safely(&format!(
        "error: `{flag}` shapes a plan, and `{}` is one that was made already\n  help: give `{flag}` to \
         `plan --out`, or leave it out here",
        file.display()
    ));
    Err(Code::Usage)
}

/// The specs must be what the plan was made from, as far as they are here.
fn check_specs(specs: &[SpecFile]) -> Result<(), Code> {
    let mut code = Ok(());
    for spec in specs {
        let path = &spec.path;
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        let wrong = match fs::read(path) {
            Err(error) if absent.contains(&error.kind()) => {
                complain_safely(&format!(
                    "note: `{path}` is not here: whether it has changed since the plan was made is \
                     not known"
                ));
                continue;
            }
            Err(error) => format!("cannot be read: {error}"),
            Ok(bytes) if spec::sha256(&bytes) == spec.sha256 => continue,
            Ok(_) => "has changed since the plan was made".to_owned(),
        };
        complain_safely(&format!("error: `{path}` {wrong}\n  help: make a new plan"));
        code = Err(Code::Stale);
    }
    code
}
