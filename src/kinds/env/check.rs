//! What a schema cannot say of `env`.

use super::spec::{Env, Variable};
use crate::{
    at,
    diagnostic::Problem,
    kinds::{declared::check_name, environment, start_file},
    spec::{at::At, checks::is_secret, types::StartFile},
};

/// Checks all of them; `at` is where they stand.
pub fn env(all: &Env, at: At<'_, Env>, problems: &mut Vec<Problem>) {
    for (key, node) in at.entries() {
        let Some(variable) = all.0.get(&key.text) else {
            continue;
        };
        let (name, at) = (&key.text, At::<Variable>::new(Some((key, node))));
        let mut error = |span, message: String, label: &str| {
            problems.push(Problem::error(span, message, label));
        };
        if !is_name(name) {
            let message = format!("`{}` is no name of a variable", name.escape_debug());
            error(
                Some(key.span),
                message,
                "letters, digits and `_`, and no digit at its beginning",
            );
        } else if let Some((reason, help)) = refused(name) {
            error(
                Some(key.span),
                format!("`{name}` cannot be set: {reason}"),
                help,
            );
        }
        let value = at!(at, value).node().map(|node| node.span);
        if variable.value.contains(['\0', '\n']) {
            error(
                value,
                format!("the value of `{name}` has more than one line"),
                "write it in one",
            );
        } else if variable.r#in == StartFile::Environment
            && let Err(why) = environment::line(name, &variable.value)
        {
            error(
                value,
                format!("`/etc/environment` cannot hold the value of `{name}`: {why}"),
                "say `in: profile.d`",
            );
        }
        if is_secret(name) {
            problems.push(Problem::warning(
                key.span,
                format!("`{name}` is called as a secret is, and its value stands in the spec"),
                "a file of mode `\"0600\"` under `files` takes `{ env: NAME }`; plans do not show this one",
            ));
        }
        if is_name(name) {
            check_name(key, problems);
        }
        start_file::check(at!(at, r#in), at!(at, r#become), problems);
    }
}

/// As POSIX has names.
fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(word)
}

/// Why a variable would break the login or what runs on the machine, if so, and the help.
fn refused(name: &str) -> Option<(&'static str, &'static str)> {
    const OF_THE_LOGIN: [&str; 10] = [
        "HOME",
        "LOGNAME",
        "MAIL",
        "SHELL",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
        "TERM",
        "USER",
        "XDG_RUNTIME_DIR",
    ];
    // What shells set themselves, or what changes how they read a script.
    const OF_THE_SHELL: [&str; 30] = [
        "CDPATH",
        "COLUMNS",
        "DIRSTACK",
        "ENV",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FUNCNAME",
        "GLOBIGNORE",
        "GROUPS",
        "HISTCMD",
        "IFS",
        "LINENO",
        "LINES",
        "OLDPWD",
        "OPTARG",
        "OPTERR",
        "OPTIND",
        "PIPESTATUS",
        "PPID",
        "PS4",
        "PWD",
        "RANDOM",
        "REPLY",
        "SECONDS",
        "SHELLOPTS",
        "SHLVL",
        "SRANDOM",
        "UID",
        "_",
    ];
    const OF_TOOLS: [&str; 4] = [
        "GLIBC_TUNABLES",
        "GREP_OPTIONS",
        "POSIXLY_CORRECT",
        "TAR_OPTIONS",
    ];
    let elsewhere = "set it where the program that needs it is started";
    // zsh ties `path` to `PATH`.
    if name == "PATH" || name == "path" {
        let reason = "it would be replaced as a whole, and the login's own commands with it";
        Some((
            reason,
            "add to it in a file of `files`, such as /etc/profile.d/NAME.sh",
        ))
    } else if OF_THE_LOGIN.contains(&name) {
        Some(("each login sets it", "leave it out"))
    } else if OF_THE_SHELL.contains(&name) || name.starts_with("BASH") || name.starts_with("COMP_")
    {
        Some(("it is the shell's own", elsewhere))
    } else if OF_TOOLS.contains(&name) || name.starts_with("LD_") {
        Some((
            "it changes every program, those of the login too",
            elsewhere,
        ))
    } else if name.starts_with("TRUEUP_") {
        Some(("it is trueup's own", "name it otherwise"))
    } else {
        None
    }
}
