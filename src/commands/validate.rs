//! `trueup validate`: checks specs, offline.

use crate::{
    cli::SpecArgs,
    diagnostic::Problem,
    exit::Code,
    report::{Format, json},
    run::{Surroundings, complain, given, output::Outputs, show, source},
    spec::{self, Resolved, several},
};

pub(super) fn run(args: &SpecArgs, quiet: bool, around: &Surroundings) -> Code {
    let formats = [Format::Human, Format::Json];
    let outputs = match Outputs::open(&args.output.formats, &formats, &args.specs, false) {
        Ok(outputs) => outputs,
        Err(code) => return code,
    };
    let mut code = Code::Done;
    let mut valid: Vec<Resolved> = Vec::new();
    let mut checked: Vec<(String, Vec<Problem>)> = Vec::new();
    let mut lines = String::new();
    for file in &args.specs {
        let source = match source(file) {
            Ok(source) => source,
            Err(unread) => {
                if let Some((source, problem)) = unread.report(around) {
                    checked.push((source.path, vec![problem]));
                }
                code = Code::Usage;
                continue;
            }
        };
        let (spec, problems) = spec::load(&source, &given(args, around));
        if outputs.stdout() == Format::Human {
            show(&source, &problems, around);
        }
        if let (Some(spec), true) = (&spec, problems.is_empty()) {
            let hosts = match spec.hosts.len() {
                1 => "1 host".to_owned(),
                count => format!("{count} hosts"),
            };
            lines.push_str(&format!("{}: {hosts}, nothing wrong\n", source.path));
        }
        match spec {
            Some(spec) => valid.push(spec),
            None => code = Code::Usage,
        }
        checked.push((source.path, problems));
    }
    for conflict in several::conflicts(&valid, |_| true) {
        complain(&format!(
            "error: {conflict}\n  help: take it out of one of them"
        ));
        code = Code::Usage;
    }
    let no_problems = code == Code::Done && checked.iter().all(|(_, problems)| problems.is_empty());
    let outputs = match quiet && no_problems {
        true => outputs.without_stdout(),
        false => outputs,
    };
    outputs.put_text(code, |format| match format {
        Format::Json => json::problems(&checked),
        _ => lines.clone(),
    })
}
