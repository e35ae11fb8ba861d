//! The part of `--help` that does not come from the types of the command line.

use clap::CommandFactory;

use super::Cli;
use crate::exit::{self, Code};

/// The command line; each command's help ends with its exit codes.
pub fn command() -> clap::Command {
    Cli::command()
        .after_help(table(exit::all()))
        .mut_subcommands(|command| {
            let codes = table(exit::of_command(command.get_name()).iter().copied());
            let text = match command.get_after_help() {
                Some(own) => format!("{own}\n\n{codes}"),
                None => codes,
            };
            command.after_help(text)
        })
}

fn table(codes: impl Iterator<Item = (Code, &'static str)>) -> String {
    let mut text = "Exit codes:".to_owned();
    for (code, meaning) in codes {
        text.push_str(&format!("\n  {:<3}  {meaning}", code as u8));
    }
    text
}
