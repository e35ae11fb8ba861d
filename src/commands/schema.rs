//! `trueup schema`: the JSON Schemas of what people write and machines read.

use crate::{cli::SchemaOf, exit::Code, plan, report::jsonl, run::put, spec};

pub(super) fn run(of: SchemaOf) -> Code {
    let schema = match of {
        SchemaOf::Spec => spec::schema(),
        SchemaOf::Plan => plan::schema(),
        SchemaOf::Events => jsonl::schema(),
    };
    put(&format!("{schema:#}\n"));
    Code::Done
}
