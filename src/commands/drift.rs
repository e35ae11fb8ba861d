//! `trueup drift`: the plan's comparison, told as what has moved.

use super::{Surroundings, plan};
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    report::Told,
};

pub async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    match plan::tell(
        Told::Drift,
        args,
        &AllowArgs::default(),
        None,
        around,
        |code| code,
    )
    .await
    {
        Ok((_, _, code)) | Err(code) => code,
    }
}
