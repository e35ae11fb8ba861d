//! Manual pages, made from the types of the command line and the table of exit codes.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::exit::{self, Code};

/// The name of its page.
pub(crate) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// A page of the program, or of a command of it.
pub(crate) fn page(command: &Command, of: Option<&Command>) -> String {
    let man = Man::new(command.clone());
    // No date: a page depends on the version alone.
    let title = name(command).to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!(".TH \"{title}\" \"1\" \"\" \"trueup {version}\" \"trueup\"\n").into_bytes();
    let made = man
        .render_name_section(&mut text)
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_description_section(&mut text))
        .and_then(|()| notes(command).to_writer(&mut text))
        .and_then(|()| man.render_options_section(&mut text))
        .and_then(|()| match of {
            None => man.render_subcommands_section(&mut text),
            Some(_) => Ok(()),
        })
        .and_then(|()| exit_status(of.map(|_| command.get_name())).to_writer(&mut text))
        .and_then(|()| see_also(command, of).to_writer(&mut text));
    debug_assert!(made.is_ok(), "memory takes all");
    String::from_utf8_lossy(&text).into_owned()
}

/// What the help has below the flags.
fn notes(command: &Command) -> Roff {
    let mut roff = Roff::new();
    if let Some(text) = command.get_after_help() {
        roff.control("PP", []);
        roff.text([roman(text.to_string())]);
    }
    roff
}

fn exit_status(command: Option<&str>) -> Roff {
    let codes: Vec<(Code, &str)> = match command {
        Some(name) => exit::of_command(name).to_vec(),
        None => exit::all().collect(),
    };
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in codes {
        roff.control("TP", []);
        roff.text([bold((code as u8).to_string())]);
        roff.text([roman(meaning)]);
    }
    roff
}

fn see_also(command: &Command, of: Option<&Command>) -> Roff {
    let mut roff = Roff::new();
    let program = of.unwrap_or(command);
    let all = [program].into_iter().chain(program.get_subcommands());
    let others = all.filter(|one| name(one) != name(command));
    let names: Vec<String> = others.map(|one| format!("{}(1)", name(one))).collect();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(names.join(", "))]);
    roff
}
