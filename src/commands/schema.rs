//! `trueup schema`: the JSON Schema of what people write.

use super::put;
use crate::{cli::SchemaOf, exit::Code, spec};

pub fn run(of: SchemaOf) -> Code {
    let schema = match of {
        SchemaOf::Spec => spec::schema(),
    };
    put(&format!("{schema:#}\n"));
    Code::Done
}
