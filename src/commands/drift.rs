//! `trueup drift`: the plan's comparison, told as what has moved.

use super::{Surroundings, plan, put};
use crate::{
    cli::{AllowArgs, Format, LookArgs},
    exit::Code,
    report::{human, json},
};

pub async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    let plan = match plan::make(args, &AllowArgs::default(), around).await {
        Ok((_, plan)) => plan,
        Err(code) => return code,
    };
    put(&match args.spec.format {
        Format::Human => human::drift(&plan, &around.style),
        Format::Json => json::plan(&plan),
    });
    plan.code()
}
