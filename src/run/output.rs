//! Where results go: one format to stdout, any number to files. A file is written beside its target and renamed,
//! so that no reader sees half of it; events are written line by line as they happen.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{complain, complain_safely, put, stdio::Stdout};
use crate::{
    cli::Output,
    exit::Code,
    report::{Format, Report, human::Style, jsonl::Lines, render},
    whole::Whole,
};

/// The formats of a plan.
pub(crate) const FORMATS: [Format; 6] = [
    Format::Human,
    Format::Json,
    Format::Jsonl,
    Format::Markdown,
    Format::Junit,
    Format::Html,
];

/// The formats of a drift.
pub(crate) const DRIFT: [Format; 7] = [
    Format::Human,
    Format::Json,
    Format::Jsonl,
    Format::Markdown,
    Format::Junit,
    Format::Html,
    Format::Prom,
];

/// Where results go. Files are opened before anything else is done.
pub(crate) struct Outputs {
    stdout: Format,
    /// No flag gave the format of stdout.
    is_default: bool,
    /// Stdout is for something else: the report goes to stderr.
    stdout_is_taken: bool,
    /// Nothing is shown.
    silent: bool,
    files: Vec<File>,
}

struct File {
    format: Format,
    path: PathBuf,
    writer: Writer,
}

enum Writer {
    /// A new file beside it, which replaces it.
    Replace(Whole),
    /// A device or a pipe; or events, which must be there when the run is killed.
    InPlace(fs::File),
}

impl Outputs {
    /// Opens the files of the command line. `formats` are those that the command has, `taken` the other files
    /// that it reads or writes. Complains of errors.
    pub(crate) fn open<'t>(
        requested: &[Output],
        formats: &[Format],
        taken: impl IntoIterator<Item = &'t PathBuf>,
        events: bool,
    ) -> Result<Self, Code> {
        let usage_error = |message: String, help: &str| {
            complain(&format!("error: {message}\n  help: {help}"));
            Code::Usage
        };
        let taken: Vec<PathBuf> = taken.into_iter().map(|path| resolved(path)).collect();
        let mut stdout = None;
        let mut files: Vec<File> = Vec::new();
        for Output { format, path } in requested {
            let name = format.name();
            if !formats.contains(format) {
                let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
                let message = format!("`--format {name}`: this command has no such format");
                return Err(usage_error(
                    message,
                    &format!("it has {}", names.join(", ")),
                ));
            }
            let Some(path) = path else {
                if let Some(first) = stdout.replace(*format) {
                    let first: Format = first;
                    let message = format!(
                        "`--format {}` and `--format {name}`: stdout takes one",
                        first.name()
                    );
                    return Err(usage_error(
                        message,
                        &format!("write `--format {name}=FILE`"),
                    ));
                }
                continue;
            };
            let target = resolved(path);
            let conflict = match files.iter().any(|file| resolved(&file.path) == target) {
                true => Some("another format goes there"),
                false => taken
                    .contains(&target)
                    .then_some("the command line names this file already"),
            };
            if let Some(conflict) = conflict {
                let message = format!("`--format {name}={}`: {conflict}", path.display());
                return Err(usage_error(message, "give each a file of its own"));
            }
            let writer = open(path, events && *format == Format::Jsonl).map_err(|error| {
                let message = format!("`--format {name}={}`: {error}", path.display());
                usage_error(message, "name a file in a folder that can be written")
            })?;
            let (format, path) = (*format, path.clone());
            files.push(File {
                format,
                path,
                writer,
            });
        }
        Ok(Self {
            stdout: stdout.unwrap_or(Format::Human),
            is_default: stdout.is_none(),
            stdout_is_taken: false,
            silent: false,
            files,
        })
    }

    /// Leaves stdout to another flag; complains where a format goes there.
    pub(crate) fn leave_stdout(&mut self, flag: &str) -> Result<(), Code> {
        if !self.is_default {
            let name = self.stdout.name();
            complain(&format!(
                "error: `--format {name}` and `{flag}`: stdout takes one\n  help: write `--format {name}=FILE`"
            ));
            return Err(Code::Usage);
        }
        self.stdout_is_taken = true;
        Ok(())
    }

    /// The same, with nothing on stdout.
    pub(crate) fn without_stdout(mut self) -> Self {
        self.silent = true;
        self
    }

    /// The format of stdout.
    pub(crate) fn stdout(&self) -> Format {
        self.stdout
    }

    /// Takes out the files that events are written to as they happen.
    pub(crate) fn take_events(&mut self) -> Vec<(String, Lines)> {
        let mut events: Vec<(String, Lines)> = Vec::new();
        if self.stdout == Format::Jsonl {
            events.push(("stdout".into(), Lines::new(Box::new(Stdout))));
        }
        let all = std::mem::take(&mut self.files);
        for file in all {
            match file {
                File {
                    format: Format::Jsonl,
                    path,
                    writer: Writer::InPlace(writer),
                } => events.push((path.display().to_string(), Lines::new(Box::new(writer)))),
                file => self.files.push(file),
            }
        }
        events
    }

    /// Writes a report everywhere; returns the exit code.
    pub(crate) fn put(self, report: &Report<'_>) -> Code {
        match (self.silent, self.stdout_is_taken) {
            (true, _) => {}
            (false, true) => complain(render(self.stdout, report).trim_end()),
            (false, false) => put(&render(self.stdout, report)),
        }
        self.put_files(report)
    }

    /// Writes a report to the files alone; returns the exit code.
    pub(crate) fn put_files(self, report: &Report<'_>) -> Code {
        // Colour is for the terminal.
        let style = Style {
            color: false,
            ..report.style
        };
        let plain = Report { style, ..*report };
        self.write(report.code, |format| render(format, &plain))
    }

    /// Writes texts that are no reports; returns the exit code.
    pub(crate) fn put_text(self, code: Code, text: impl Fn(Format) -> String) -> Code {
        if !self.silent {
            put(&text(self.stdout));
        }
        self.write(code, text)
    }

    fn write(self, code: Code, text: impl Fn(Format) -> String) -> Code {
        let mut worst = code;
        for File {
            format,
            path,
            writer,
        } in self.files
        {
            if let Err(error) = write(writer, text(format).as_bytes()) {
                complain(&format!(
                    "error: `{}` was not written: {error}",
                    path.display()
                ));
                worst = Code::worst([worst, Code::Failed]);
            }
        }
        worst
    }
}

/// A path without links, whether or not a file is there.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

fn open(path: &Path, events: bool) -> io::Result<Writer> {
    // Keeps a symbolic link: its target is written.
    let resolved = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let special = fs::metadata(&resolved).is_ok_and(|meta| !meta.is_file());
    if fs::metadata(&resolved).is_ok_and(|meta| meta.is_dir()) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if special || events {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&resolved)?;
        return Ok(Writer::InPlace(file));
    }
    // With the mode that the umask gives.
    Ok(Writer::Replace(Whole::beside(&resolved, 0o666)?))
}

fn write(writer: Writer, bytes: &[u8]) -> io::Result<()> {
    match writer {
        Writer::InPlace(mut file) => file.write_all(bytes).and_then(|()| file.flush()),
        Writer::Replace(file) => file.put(bytes),
    }
}

/// Complains of a new file that could not be written; `another` helps where it is there already.
pub(crate) fn not_written(file: &Path, error: &io::Error, another: &str) -> Code {
    let file = file.display();
    let (message, help) = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            ("is there already, and is not overwritten".into(), another)
        }
        _ => (
            format!("cannot be written: {error}"),
            "name a file in a folder of yours",
        ),
    };
    complain_safely(&format!("error: {file} {message}\n  help: {help}"));
    Code::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Format; 2] = [Format::Human, Format::Json];

    fn output(format: Format, path: Option<PathBuf>) -> Output {
        Output { format, path }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        fs::write(&path, "old").expect("written");
        let requested = [output(Format::Json, Some(path.clone()))];
        let outputs = Outputs::open(&requested, &ALL, [], false).expect("it can be written");
        assert_eq!(outputs.stdout(), Format::Human);
        assert_eq!(fs::read_to_string(&path).expect("read"), "old");
        drop(outputs);
        assert_eq!(names(folder.path()), ["plan.json"]);

        let outputs = Outputs::open(&requested, &ALL, [], false).expect("it can be written");
        assert_eq!(
            outputs.write(Code::Changes, |_| "new".into()),
            Code::Changes
        );
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(names(folder.path()), ["plan.json"]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_refused_before_anything_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |requested: &[Output]| Outputs::open(requested, &ALL, [], false).err();
        let missing = folder.path().join("none/plan.json");
        for path in [missing, folder.path().to_owned()] {
            assert_eq!(open(&[output(Format::Json, Some(path))]), Some(Code::Usage));
        }
        let twice = || output(Format::Json, Some(folder.path().join("a")));
        assert_eq!(open(&[twice(), twice()]), Some(Code::Usage));
        // Nor over a file that is read, by whatever path.
        let spec = folder.path().join("spec.yaml");
        fs::write(&spec, "mine").expect("written");
        let same = folder.path().join("./spec.yaml");
        let over = [output(Format::Json, Some(same))];
        assert_eq!(
            Outputs::open(&over, &ALL, [&spec], false).err(),
            Some(Code::Usage)
        );
        assert_eq!(fs::read_to_string(&spec).expect("read"), "mine");
        fs::remove_file(&spec).expect("removed");
        let stdout = [output(Format::Human, None), output(Format::Json, None)];
        assert_eq!(open(&stdout), Some(Code::Usage));
        assert_eq!(open(&[output(Format::Junit, None)]), Some(Code::Usage));
        assert_eq!(names(folder.path()), [] as [&str; 0]);
    }

    #[test]
    fn a_link_stays_one_and_a_device_is_written_in_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let requested = [
            output(Format::Json, Some(link.clone())),
            output(Format::Human, Some("/dev/null".into())),
        ];
        let outputs = Outputs::open(&requested, &ALL, [], false).expect("both can be written");
        outputs.write(Code::Done, |_| "new".into());
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("read"), "new");
        assert!(!Path::new("/dev/null").is_file());
    }
}
