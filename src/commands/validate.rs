//! `trueup validate`: checks a spec, offline.

use super::{Surroundings, complain, given, put, show, source};
use crate::{
    cli::{Format, SpecArgs},
    exit::Code,
    report::json,
    spec,
};

pub fn run(args: &SpecArgs, around: &Surroundings) -> Code {
    let source = match source(args) {
        Ok(source) => source,
        Err(error) => {
            complain(&error);
            return Code::Usage;
        }
    };
    let (spec, problems) = spec::load(&source, &given(args, around));
    match args.format {
        Format::Json => put(&json::problems(&source.path, &problems)),
        Format::Human => {
            show(&source, &problems, around);
            if let (Some(spec), true) = (&spec, problems.is_empty()) {
                let hosts = match spec.hosts.len() {
                    1 => "1 host".to_owned(),
                    count => format!("{count} hosts"),
                };
                put(&format!("{}: {hosts}, nothing wrong\n", source.path));
            }
        }
    }
    if spec.is_some() {
        Code::Done
    } else {
        Code::Usage
    }
}
