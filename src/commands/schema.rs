//! `trueup schema`: the JSON Schemas of what people write and machines read.

use super::put;
use crate::{cli::SchemaOf, exit::Code, plan, report::jsonl, spec};

pub fn run(of: SchemaOf) -> Code {
    let schema = match of {
        SchemaOf::Spec => spec::schema(),
        SchemaOf::Plan => plan::schema(),
        SchemaOf::Events => jsonl::schema(),
    };
    put(&format!("{schema:#}\n"));
    Code::Done
}
