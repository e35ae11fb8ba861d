//! Variables of the environment that stand for flags.

use clap::{Arg, Command};

use crate::spec::{VARIABLE, suggestions::nearest};

const OURS: &str = "TRUEUP_";

/// What looks like a variable of ours and is none: one sentence each, with the way out. What looks like
/// nothing of ours is somebody else's.
pub fn misread<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let ours: Vec<&str> = names
        .filter_map(|name| name.strip_prefix(OURS))
        .filter(|rest| !format!("{OURS}{rest}").starts_with(VARIABLE))
        .collect();
    if ours.is_empty() {
        return vec![];
    }
    let command = super::command();
    let known = variables(&command);
    let mut said = Vec::new();
    for rest in ours {
        if known.iter().any(|(name, _)| name == rest) {
            continue;
        }
        let flag = rest.to_lowercase().replace('_', "-");
        let near = nearest(rest, known.iter().map(|(name, _)| name.as_str()));
        let help = match near {
            Some(near) => format!("did you mean `{OURS}{near}`?"),
            None if is_flag(&command, &flag) => format!("say `--{flag}` on the command line"),
            None => continue,
        };
        said.push(format!("`{OURS}{rest}` is not read\n  help: {help}"));
    }
    said
}

/// The variable that a flag was read from, as far as the command line did not say it.
pub(super) fn behind(flag: &str) -> Option<String> {
    let known = variables(&super::command());
    let (name, _) = known.into_iter().find(|(_, long)| long == flag)?;
    Some(format!("{OURS}{name}")).filter(|name| std::env::var_os(name).is_some())
}

/// The variables, without what they begin with, and their flags.
fn variables(command: &Command) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = arguments(command)
        .filter_map(|arg| {
            let name = arg.get_env()?.to_str()?.strip_prefix(OURS)?;
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
