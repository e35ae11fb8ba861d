//! Errors of the command line, with help for what people know from other tools.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::environment;
use crate::{exit::Code, run::complain_safely};

/// Prints the error of a command line, or the help that it asks for; returns the exit code.
pub fn refuse(error: &clap::Error) -> Code {
    if !error.use_stderr() {
        // The reader may have closed the pipe (`| head`).
        let _ = error.print();
        return Code::Done;
    }
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match translated(error, &words) {
        Some(line) => complain_safely(&format!("error: {line}")),
        None => {
            // An error of stderr cannot be reported.
            let _ = error.print();
            if let Some(name) = variable_of_value(error, &words) {
                complain_safely(&format!(
                    "note: it is `{name}` of the environment that says so"
                ));
            }
        }
    }
    // clap's own code for a wrong command line is 2, which means "there are changes" here.
    Code::Usage
}

/// Flags of Terraform, and ours instead.
const FLAGS: [(&str, &str); 22] = [
    ("auto-approve", "here it is `--auto-approve`, or `-y`"),
    ("out", "here it is `--out FILE`"),
    ("target", "here it is `--target ADDRESS`"),
    ("exclude", "here it is `--exclude ADDRESS`"),
    ("var", "here it is `--var NAME=VALUE`"),
    (
        "var-file",
        "here it is `--var NAME=VALUE` or TRUEUP_VAR_NAME for each",
    ),
    ("detailed-exitcode", "here it is `--detailed-exitcode`"),
    ("parallelism", "here it is `--parallel N`"),
    ("lock-timeout", "here it is `--lock-timeout TIME`"),
    ("no-color", "here it is `--color never`, or `NO_COLOR=1`"),
    ("json", "here it is `--format json`"),
    ("version", "here it is `trueup version`"),
    ("destroy", DESTROY),
    ("refresh-only", "here it is `trueup drift`"),
    (
        "refresh",
        "leave it out: each command reads the machines anew",
    ),
    ("input", "leave it out: without a terminal nothing is asked"),
    ("lock", "leave it out: an apply always takes the lock"),
    ("state", "leave it out: there is no state but the machines"),
    (
        "chdir",
        "name the spec with its folder: `trueup plan DIR/SPEC`",
    ),
    // Of Ansible.
    ("check", "here it is `trueup plan`"),
    ("dry-run", "here it is `trueup plan`"),
    (
        "limit",
        "here it is `--host NAME`, which takes patterns, too",
    ),
];

/// Commands of Terraform and others, and ours instead.
const COMMANDS: [(&str, &str); 20] = [
    ("destroy", DESTROY),
    (
        "fmt",
        "specs are YAML, laid out as you like: `trueup validate` checks one",
    ),
    (
        "refresh",
        "`trueup drift` tells what has moved, from the machines themselves",
    ),
    ("import", NO_STATE),
    ("state", NO_STATE),
    ("taint", NO_STATE),
    ("untaint", NO_STATE),
    (
        "workspace",
        "`--host`, `--var` and several specs do what workspaces are for",
    ),
    (
        "force-unlock",
        "the lock goes with the apply that holds it; `trueup plan` says whose it is",
    ),
    (
        "output",
        "`trueup facts SPEC` shows what is read, `--format json` gives it to programs",
    ),
    (
        "providers",
        "there are none: the kinds of resources are in `trueup schema`",
    ),
    (
        "get",
        "there are no modules: a spec is whole, and several may be named",
    ),
    (
        "console",
        "`trueup facts` shows what is read and what references became",
    ),
    ("preview", "here it is `trueup plan`"),
    ("diff", "here it is `trueup plan`"),
    ("up", "here it is `trueup apply`"),
    ("status", "here it is `trueup drift`"),
    (
        "check",
        "here it is `trueup validate` for a spec, `trueup drift` for the machines",
    ),
    ("lint", "here it is `trueup validate`"),
    ("ls", "here it is `trueup facts`"),
];

const DESTROY: &str = "nothing is taken away as a whole: what the spec no longer names stays, but for topics \
                       with `apply --allow-delete topics/NAME`";
const NO_STATE: &str = "there is no state to care for: each command reads the machines anew";

/// One line for what other tools have; `None` where clap's own error is better.
fn translated(error: &clap::Error, words: &[impl AsRef<OsStr>]) -> Option<String> {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
    {
        if let Some((_, hint)) = COMMANDS.iter().find(|(foreign, _)| foreign == word) {
            return Some(format!("there is no `{word}`: {hint}"));
        }
        let extensions = [".yaml", ".yml", ".json"];
        if extensions.iter().any(|end| word.ends_with(end)) {
            return Some(format!(
                "what is to be done with `{word}`? `trueup plan {word}`, say"
            ));
        }
    }
    let mut words = words.iter().filter_map(|word| word.as_ref().to_str());
    words.find_map(|word| {
        let (flag, _) = word.split_once('=').unwrap_or((word, ""));
        let name = flag.strip_prefix('-')?;
        let (name, is_long) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (_, hint) = FLAGS.iter().find(|(foreign, _)| *foreign == name)?;
        // Our own flag in its long form: the error is another.
        let is_known = is_long && hint.contains(&format!("`--{name}"));
        (!is_known && (!is_long || is_unknown(error, flag)))
            .then(|| format!("there is no `{flag}`: {hint}"))
    })
}

/// The environment variable that an invalid value comes from.
fn variable_of_value(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let typed = words
        .iter()
        .any(|word| word.to_string_lossy().ends_with(value.as_str()));
    let flag = arg.split(' ').next()?.strip_prefix("--")?;
    environment::variable_of(flag).filter(|_| !typed)
}

/// Whether this is the flag that clap does not know.
fn is_unknown(error: &clap::Error, flag: &str) -> bool {
    let refused = error.get(ContextKind::InvalidArg);
    matches!(refused, Some(ContextValue::String(refused)) if refused == flag)
}
