//! `trueup show`: a saved plan, also one that no longer holds or that another trueup made.

use super::{Surroundings, put, saved};
use crate::{cli::ShowArgs, exit::Code, report};

pub fn run(args: &ShowArgs, around: &Surroundings) -> Code {
    match saved::load(&args.file) {
        Ok(saved) => {
            put(&report::plan(&saved.plan, args.format, &around.style, None));
            Code::Done
        }
        Err(code) => code,
    }
}
