//! `trueup apply`: lock → fresh facts → plan → apply → facts once more → exit code. A saved plan is
//! carried out as it stands, or not at all.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use crate::{
    apply::SpecPlaces,
    cli::{AllowArgs, LookArgs},
    exit::Code,
    run::{
        Surroundings,
        apply::{ApplyOptions, Work, carry_out},
        complain,
        history::HistoryFile,
        load,
        output::{FORMATS, Outputs},
        salt, saved, spec_files, targets,
    },
};

pub(super) async fn run(
    args: &LookArgs,
    allow: &AllowArgs,
    (options, history_file): (ApplyOptions, &HistoryFile),
    around: &Surroundings,
) -> Code {
    if let [file] = args.spec.specs.as_slice()
        && let Some(bytes) = saved::bytes(file)
    {
        return saved_plan(file, &bytes, args, allow, (options, history_file), around).await;
    }
    let taken = args.spec.specs.iter().chain(history_file.path());
    let outputs = Outputs::open(&args.spec.output.formats, &FORMATS, taken, true);
    let (outputs, specs) = match (outputs, load(&args.spec, around)) {
        (Ok(outputs), Ok(specs)) => (outputs, specs),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let files = spec_files(&specs);
    let places = SpecPlaces::new(&specs);
    let (targets, salt) = match (targets(args, allow, specs, around).await, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    // Errors come before the question of a terminal.
    if !options.auto_approve && !io::stdin().is_terminal() {
        complain(
            "error: there is no terminal to ask on\n  help: look at `plan` first, then say `--auto-approve`",
        );
        return Code::Usage;
    }
    let work = Work {
        targets,
        specs: files,
        salt,
        places,
        saved: None,
    };
    carry_out(work, outputs, args, (options, history_file), around).await
}

async fn saved_plan(
    file: &Path,
    bytes: &[u8],
    args: &LookArgs,
    allow: &AllowArgs,
    (options, history_file): (ApplyOptions, &HistoryFile),
    around: &Surroundings,
) -> Code {
    let prepared = saved::to_apply(file, bytes, args, allow);
    let taken = args.spec.specs.iter().chain(history_file.path());
    let outputs = Outputs::open(&args.spec.output.formats, &FORMATS, taken, true);
    let ((plan, desired), outputs) = match (prepared, outputs) {
        (Ok(prepared), Ok(outputs)) => (prepared, outputs),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let mut args = args.clone();
    args.deep = desired.deep;
    match saved::work(plan, desired, args.limits.timeout, around).await {
        Ok(work) => carry_out(work, outputs, &args, (options, history_file), around).await,
        Err(code) => code,
    }
}
