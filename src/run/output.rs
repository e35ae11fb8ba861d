//! Where results go: one format to stdout, any number to files. A file is written whole, beside its
//! place, and renamed into it: nobody reads half of it. A line of events is written when it happens.

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

/// Those of a drift.
pub(crate) const DRIFT: [Format; 7] = [
    Format::Human,
    Format::Json,
    Format::Jsonl,
    Format::Markdown,
    Format::Junit,
    Format::Html,
    Format::Prom,
];

/// The places that results go to. Each can be written: that is found out before anything is done.
pub(crate) struct Outputs {
    stdout: Format,
    /// Nobody has said what stdout takes.
    unsaid: bool,
    /// Stdout is for something else: what people read goes to stderr.
    aside: bool,
    /// Nothing goes there after all.
    silent: bool,
    files: Vec<File>,
}

struct File {
    format: Format,
    path: PathBuf,
    to: To,
}

enum To {
    /// Beside its place, until it is whole.
    Whole(Whole),
    /// A device or a pipe; or events, which are worth most when we end before our time.
    AsItIs(fs::File),
}

impl Outputs {
    /// Opens what the command line names; `known` are the formats that a command has, and `taken` the
    /// other files that it names: what is read, or kept. What is wrong is said.
    pub(crate) fn open<'t>(
        wanted: &[Output],
        known: &[Format],
        taken: impl IntoIterator<Item = &'t PathBuf>,
        events: bool,
    ) -> Result<Self, Code> {
        let wrong = |what: String, help: &str| {
            complain(&format!("error: {what}\n  help: {help}"));
            Code::Usage
        };
        let taken: Vec<PathBuf> = taken.into_iter().map(|path| place(path)).collect();
        let mut stdout = None;
        let mut files: Vec<File> = Vec::new();
        for Output { format, path } in wanted {
            let name = format.name();
            if !known.contains(format) {
                let names: Vec<&str> = known.iter().map(|format| format.name()).collect();
                let what = format!("`--format {name}`: this command has no such format");
                return Err(wrong(what, &format!("it has {}", names.join(", "))));
            }
            let Some(path) = path else {
                if let Some(first) = stdout.replace(*format) {
                    let first: Format = first;
                    let what = format!(
                        "`--format {}` and `--format {name}`: stdout takes one",
                        first.name()
                    );
                    return Err(wrong(what, &format!("write `--format {name}=FILE`")));
                }
                continue;
            };
            let own = place(path);
            let twice = match files.iter().any(|file| place(&file.path) == own) {
                true => Some("another format goes there"),
                false => taken
                    .contains(&own)
                    .then_some("the command line names this file already"),
            };
            if let Some(twice) = twice {
                let what = format!("`--format {name}={}`: {twice}", path.display());
                return Err(wrong(what, "give each a file of its own"));
            }
            let to = open(path, events && *format == Format::Jsonl).map_err(|error| {
                let what = format!("`--format {name}={}`: {error}", path.display());
                wrong(what, "name a file in a folder that can be written")
            })?;
            let (format, path) = (*format, path.clone());
            files.push(File { format, path, to });
        }
        Ok(Self {
            stdout: stdout.unwrap_or(Format::Human),
            unsaid: stdout.is_none(),
            aside: false,
            silent: false,
            files,
        })
    }

    /// Leaves stdout to what else is to go there; what is wrong is said.
    pub(crate) fn leave_stdout(&mut self, to: &str) -> Result<(), Code> {
        if !self.unsaid {
            let name = self.stdout.name();
            complain(&format!(
                "error: `--format {name}` and `{to}`: stdout takes one\n  help: write `--format {name}=FILE`"
            ));
            return Err(Code::Usage);
        }
        self.aside = true;
        Ok(())
    }

    /// The same, for a command that was asked to be silent where nothing is wrong.
    pub(crate) fn without_stdout(mut self) -> Self {
        self.silent = true;
        self
    }

    /// What goes to stdout.
    pub(crate) fn stdout(&self) -> Format {
        self.stdout
    }

    /// Takes out the places that events go to, as they happen.
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
                    to: To::AsItIs(to),
                } => events.push((path.display().to_string(), Lines::new(Box::new(to)))),
                other => self.files.push(other),
            }
        }
        events
    }

    /// Writes a report everywhere; the code that the command ends with.
    pub(crate) fn put(self, report: &Report<'_>) -> Code {
        match (self.silent, self.aside) {
            (true, _) => {}
            (false, true) => complain(render(self.stdout, report).trim_end()),
            (false, false) => put(&render(self.stdout, report)),
        }
        self.put_files(report)
    }

    /// Writes a report to the files alone; the code that the command ends with.
    pub(crate) fn put_files(self, report: &Report<'_>) -> Code {
        // Colour is for the terminal.
        let style = Style {
            color: false,
            ..report.style
        };
        let plain = Report { style, ..*report };
        self.write(report.code, |format| render(format, &plain))
    }

    /// Writes texts that are no reports.
    pub(crate) fn put_text(self, code: Code, text: impl Fn(Format) -> String) -> Code {
        if !self.silent {
            put(&text(self.stdout));
        }
        self.write(code, text)
    }

    fn write(self, code: Code, text: impl Fn(Format) -> String) -> Code {
        let mut worst = code;
        for File { format, path, to } in self.files {
            if let Err(error) = write(to, text(format).as_bytes()) {
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

/// Where a path leads, whether something is there or not.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

fn open(path: &Path, events: bool) -> io::Result<To> {
    // A link stays a link: what it points to is written.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let special = fs::metadata(&place).is_ok_and(|meta| !meta.is_file());
    if fs::metadata(&place).is_ok_and(|meta| meta.is_dir()) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if special || events {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&place)?;
        return Ok(To::AsItIs(file));
    }
    // As any program makes files: readable as the umask says.
    Ok(To::Whole(Whole::beside(&place, 0o666)?))
}

fn write(to: To, bytes: &[u8]) -> io::Result<()> {
    match to {
        To::AsItIs(mut file) => file.write_all(bytes).and_then(|()| file.flush()),
        To::Whole(file) => file.put(bytes),
    }
}

/// Complains of a new file that could not be written; `another` helps where it is there already.
pub(crate) fn not_written(file: &Path, error: &io::Error, another: &str) -> Code {
    let file = file.display();
    let (what, help) = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            ("is there already, and is not overwritten".into(), another)
        }
        _ => (
            format!("cannot be written: {error}"),
            "name a file in a folder of yours",
        ),
    };
    complain_safely(&format!("error: {file} {what}\n  help: {help}"));
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
    fn a_file_is_there_whole_or_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        fs::write(&path, "old").expect("written");
        let wanted = [output(Format::Json, Some(path.clone()))];
        let outputs = Outputs::open(&wanted, &ALL, [], false).expect("it can be written");
        assert_eq!(outputs.stdout(), Format::Human);
        assert_eq!(fs::read_to_string(&path).expect("read"), "old");
        drop(outputs);
        assert_eq!(names(folder.path()), ["plan.json"]);

        let outputs = Outputs::open(&wanted, &ALL, [], false).expect("it can be written");
        assert_eq!(
            outputs.write(Code::Changes, |_| "new".into()),
            Code::Changes
        );
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(names(folder.path()), ["plan.json"]);
    }

    #[test]
    fn what_cannot_be_written_is_said_before_anything_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |wanted: &[Output]| Outputs::open(wanted, &ALL, [], false).err();
        let missing = folder.path().join("none/plan.json");
        for path in [missing, folder.path().to_owned()] {
            assert_eq!(open(&[output(Format::Json, Some(path))]), Some(Code::Usage));
        }
        let twice = || output(Format::Json, Some(folder.path().join("a")));
        assert_eq!(open(&[twice(), twice()]), Some(Code::Usage));
        // Nor over what is read, whatever it is called there.
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
    fn a_link_stays_one_and_a_device_is_written_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let wanted = [
            output(Format::Json, Some(link.clone())),
            output(Format::Human, Some("/dev/null".into())),
        ];
        let outputs = Outputs::open(&wanted, &ALL, [], false).expect("both can be written");
        outputs.write(Code::Done, |_| "new".into());
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("read"), "new");
        assert!(!Path::new("/dev/null").is_file());
    }
}
