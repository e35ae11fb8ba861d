//! `trueup merge-reports`: reports of parts of a fleet → one report → exit code.

use crate::{
    cli::MergeArgs,
    exit::Code,
    report::{
        Report,
        joined::{Joined, Part},
    },
    run::{
        Surroundings, complain_safely, now,
        output::{FORMATS, Outputs},
        shown, text_of,
    },
};

pub(super) fn run(args: &MergeArgs, around: &Surroundings) -> Code {
    let outputs = match Outputs::open(&args.output.formats, &FORMATS, &args.files, false) {
        Ok(outputs) => outputs,
        Err(code) => return code,
    };
    let mut unread = None;
    let mut parts = Vec::new();
    for file in &args.files {
        let shown = shown(file);
        let text = text_of(file).map_err(|error| format!("cannot be read: {error}"));
        match text.and_then(|text| Part::read(shown.clone(), &text)) {
            Ok(part) => parts.push(part),
            Err(error) => {
                complain_safely(&format!("error: `{shown}` {error}"));
                unread = Some(Code::Unreachable);
            }
        }
    }
    if parts.is_empty() {
        return Code::Usage;
    }
    let joined = match Joined::new(parts) {
        Ok(joined) => joined,
        Err(error) => {
            complain_safely(&format!("error: {error}"));
            return Code::Usage;
        }
    };
    if let Some(missing) = joined.missing() {
        complain_safely(&format!(
            "error: {missing}\n  help: see why it ended without one, and join again with it"
        ));
    }
    let code = Code::worst(unread.into_iter().chain([joined.code]));
    let (of, at, took) = (joined.kind, joined.at.unwrap_or_else(now), joined.took);
    let plan = joined.plan.made_by(of.command(), code, (at, took));
    let plan = plan.with_fix(&joined.fix);
    outputs.put(&Report {
        outcomes: &joined.outcomes,
        proofs: &joined.proofs,
        next: &joined.fix,
        ..Report::new(of, &plan, code, (at, took), around.style)
    })
}
