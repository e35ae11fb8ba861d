//! `trueup drift`: the plan's comparison, told as what has moved.

use super::plan;
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    plan::Plan,
    report::ReportOf,
    run::Surroundings,
};

pub(super) async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    match plan::tell(
        ReportOf::Drift,
        args,
        &AllowArgs::default(),
        None,
        around,
        Plan::code,
    )
    .await
    {
        Ok((_, _, code)) | Err(code) => code,
    }
}
