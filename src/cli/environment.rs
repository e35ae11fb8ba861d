//! Environment variables that stand for flags.

use clap::{Arg, Command};

use crate::spec::{VARIABLE, suggestions::nearest};

const PREFIX: &str = "TRUEUP_";

/// Warnings about variables that look like ours and are not read, with help. Those that resemble none of ours are
/// left alone.
pub fn unknown_variables<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let names_without_prefix: Vec<&str> = names
        .filter_map(|name| name.strip_prefix(PREFIX))
        .filter(|name| !format!("{PREFIX}{name}").starts_with(VARIABLE))
        .collect();
    if names_without_prefix.is_empty() {
        return vec![];
    }
    let command = super::command();
    let known = variables(&command);
    let mut warnings = Vec::new();
    for name in names_without_prefix {
        if known.iter().any(|(known, _)| known == name) {
            continue;
        }
        let flag = name.to_lowercase().replace('_', "-");
        let suggestion = nearest(name, known.iter().map(|(name, _)| name.as_str()));
        let help = match suggestion {
            Some(suggestion) => format!("did you mean `{PREFIX}{suggestion}`?"),
            None if is_flag(&command, &flag) => format!("say `--{flag}` on the command line"),
            None => continue,
        };
        warnings.push(format!("`{PREFIX}{name}` is not read\n  help: {help}"));
    }
    warnings
}

/// The variable that a flag may have been read from.
pub(super) fn variable_of(flag: &str) -> Option<String> {
    let known = variables(&super::command());
    let (name, _) = known.into_iter().find(|(_, long)| long == flag)?;
    Some(format!("{PREFIX}{name}")).filter(|name| std::env::var_os(name).is_some())
}

/// The variables, without their prefix, and their flags.
fn variables(command: &Command) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = arguments(command)
        .filter_map(|arg| {
            let name = arg.get_env()?.to_str()?.strip_prefix(PREFIX)?;
            Some((name.to_owned(), arg.get_long()?.to_owned()))
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

fn is_flag(command: &Command, name: &str) -> bool {
    arguments(command).any(|arg| {
        let aliases = arg.get_visible_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    })
}

fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    let of_commands = command.get_subcommands().flat_map(Command::get_arguments);
    command.get_arguments().chain(of_commands)
}
