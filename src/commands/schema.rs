//! `trueup schema`: the JSON Schema of what people write, and of what machines read.

use super::put;
use crate::{cli::SchemaOf, exit::Code, plan, spec};

pub fn run(of: SchemaOf) -> Code {
    let schema = match of {
        SchemaOf::Spec => spec::schema(),
        SchemaOf::Plan => plan::schema(),
    };
    put(&format!("{schema:#}\n"));
    Code::Done
}
