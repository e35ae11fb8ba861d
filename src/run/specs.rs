//! Reading specs.

use std::{fs, path::Path};

use super::{Surroundings, complain};
use crate::{
    cli::SpecArgs,
    diagnostic,
    exit::Code,
    plan::{SpecFile, is_saved},
    spec::{self, Given, Resolved, Source},
};

/// The text of a spec; or the line that says why there is none.
pub(crate) fn source(file: &Path) -> Result<Source, String> {
    let path = file.display().to_string();
    match fs::read_to_string(file) {
        Ok(text) if is_saved(text.as_bytes()) => Err(format!(
            "error: `{path}` is a saved plan, not a spec\n  help: `show` shows it, `apply` does what \
             it says"
        )),
        Ok(text) => Ok(Source { path, text }),
        Err(error) => Err(format!("error: `{path}` cannot be read: {error}")),
    }
}

/// What the command line and the environment add to a spec.
pub(crate) fn given(args: &SpecArgs, around: &Surroundings) -> Given {
    Given {
        vars: args.vars.clone(),
        env: around.environment.clone(),
    }
}

/// Reads the specs, and shows their errors when they have any; warnings are `validate`'s. Hosts of
/// one name in several specs are told apart.
pub(crate) fn load(args: &SpecArgs, around: &Surroundings) -> Result<Vec<Resolved>, Code> {
    let mut specs = Vec::new();
    let mut code = Ok(());
    for file in &args.specs {
        match source(file) {
            Ok(source) => match spec::load(&source, &given(args, around)) {
                (Some(resolved), _) => specs.push(resolved),
                (None, problems) => {
                    show(&source, &problems, around);
                    code = Err(Code::Usage);
                }
            },
            Err(error) => {
                complain(&error);
                code = Err(Code::Usage);
            }
        }
    }
    spec::several::tell_apart(&mut specs);
    code.map(|()| specs)
}

pub(crate) fn show(source: &Source, problems: &[diagnostic::Problem], around: &Surroundings) {
    let text = diagnostic::render(
        &source.path,
        &source.text,
        problems,
        around.color_err,
        around.width_err,
    );
    if !text.is_empty() {
        complain(text.trim_end());
    }
}

/// The specs' files, as a plan names them.
pub(crate) fn spec_files(specs: &[Resolved]) -> Vec<SpecFile> {
    let file = |spec: &Resolved| SpecFile {
        path: spec.path.clone(),
        sha256: spec.sha256.clone(),
    };
    specs.iter().map(file).collect()
}
