//! Reading specs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Surroundings, complain, is_dash, shown,
    stdio::{bytes_of, note},
};
use crate::{
    cli::SpecArgs,
    diagnostic::{self, Problem},
    exit::Code,
    kinds::declared::Declarations,
    plan::{SpecFile, is_saved},
    spec::{self, Given, Resolved, Source, suggestions::nearest},
};

/// Why a spec has no text.
pub(crate) enum SourceError {
    /// The message, with help.
    Unreadable(String),
    /// It can be read, and is no UTF-8.
    Undecoded(Box<(Source, Problem)>),
}

impl SourceError {
    /// Reports it; returns the problem of a file that could be read.
    pub(crate) fn report(self, around: &Surroundings) -> Option<(Source, Problem)> {
        match self {
            Self::Unreadable(line) => {
                complain(&line);
                None
            }
            Self::Undecoded(found) => {
                show(&found.0, std::slice::from_ref(&found.1), around);
                Some(*found)
            }
        }
    }
}

/// Reads the text of a spec.
pub(crate) fn source(file: &Path) -> Result<Source, SourceError> {
    let path = shown(file);
    let bytes = match bytes_of(file) {
        Ok(bytes) if is_saved(&bytes) => {
            return Err(SourceError::Unreadable(format!(
                "error: `{path}` is a saved plan, not a spec\n  help: `show` shows it, `apply` does what \
                 it says"
            )));
        }
        Ok(bytes) => bytes,
        Err(error) => return Err(SourceError::Unreadable(no_file(file, &error))),
    };
    match spec::decode(bytes) {
        Ok(text) => Ok(Source { path, text }),
        Err(undecoded) => {
            let text = undecoded.text;
            let source = Source { path, text };
            Err(SourceError::Undecoded(Box::new((
                source,
                undecoded.problem,
            ))))
        }
    }
}

/// The message for a file that cannot be read.
fn no_file(file: &Path, error: &io::Error) -> String {
    let path = file.display();
    let specs_in = |folder: &Path| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
            .collect();
        names.sort();
        names
    };
    if error.kind() == io::ErrorKind::IsADirectory {
        let help = match specs_in(file).first() {
            Some(name) => format!("name the spec in it: `{}`", file.join(name).display()),
            None => "name the spec's file".to_owned(),
        };
        return format!("error: `{path}` is a folder, not a spec\n  help: {help}");
    }
    let message = format!("error: `{path}` cannot be read: {error}");
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let names = specs_in(folder);
    let name = file.file_name().and_then(|name| name.to_str());
    let suggestion = name.and_then(|name| nearest(name, names.iter().map(String::as_str)));
    match suggestion.filter(|_| error.kind() == io::ErrorKind::NotFound) {
        Some(suggestion) => format!(
            "{message}\n  help: did you mean `{}`?",
            file.with_file_name(suggestion).display()
        ),
        None => message,
    }
}

/// The spec that is read where none is named.
pub(crate) const DEFAULT: &str = "trueup.yaml";

/// Adds the default spec where none is named, and notes that on stderr.
pub(crate) fn default_spec(specs: &mut Vec<PathBuf>, command: &str) -> Result<(), Code> {
    if specs.iter().filter(|file| is_dash(file)).count() > 1 {
        complain(
            "error: `-` is there twice, and stdin can be read once\n  help: name a file for one of them",
        );
        return Err(Code::Usage);
    }
    if !specs.is_empty() {
        return Ok(());
    }
    let file = PathBuf::from(DEFAULT);
    if !file.exists() {
        complain(&format!(
            "error: no spec is named, and there is no {DEFAULT} in this folder\n  help: name one: `trueup \
             {command} SPEC`; `trueup init` writes a first one"
        ));
        return Err(Code::Usage);
    }
    note(&format!("note: no spec is named, so it is {DEFAULT}"));
    specs.push(file);
    Ok(())
}

/// What the command line and the environment add to a spec.
pub(crate) fn given(args: &SpecArgs, around: &Surroundings) -> Given {
    Given {
        vars: args.vars.clone(),
        env: around.environment.clone(),
    }
}

/// Reads the specs and shows their errors; warnings with a place are left to `validate`. Hosts of one name in
/// several specs get the spec's name.
pub(crate) fn load(args: &SpecArgs, around: &Surroundings) -> Result<Vec<Resolved>, Code> {
    let mut specs = Vec::new();
    let mut code = Ok(());
    for file in &args.specs {
        match source(file) {
            Ok(source) => match spec::load(&source, &given(args, around)) {
                (Some(resolved), mut problems) => {
                    // What has no place in the spec concerns this run.
                    problems.retain(|problem| problem.span.is_none());
                    show(&source, &problems, around);
                    specs.push(resolved);
                }
                (None, problems) => {
                    show(&source, &problems, around);
                    code = Err(Code::Usage);
                }
            },
            Err(error) => {
                error.report(around);
                code = Err(Code::Usage);
            }
        }
    }
    spec::several::tell_apart(&mut specs);
    code.map(|()| specs)
}

/// A spec with nothing but hosts and their routes: nothing else that it refers to is looked up.
pub(crate) fn only_hosts(mut spec: Resolved) -> Resolved {
    spec.clusters.clear();
    for host in &mut spec.hosts {
        host.declared = Declarations::default();
    }
    spec
}

pub(crate) fn show(source: &Source, problems: &[Problem], around: &Surroundings) {
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
