//! `trueup man`: manual pages, to stdout or into a folder.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory};

use crate::{
    cli::{Cli, man},
    exit::Code,
    run::{complain_safely, put},
    whole::Whole,
};

pub(super) fn run(folder: Option<&Path>) -> Code {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let Some(folder) = folder else {
        put(&man::page(&program, None));
        return Code::Done;
    };
    match write(folder, &program) {
        Ok(pages) => {
            let folder = folder.display();
            put(&format!(
                "{pages} pages in {folder}: `man {folder}/trueup.1` shows the first\n"
            ));
            Code::Done
        }
        Err(error) => {
            complain_safely(&format!(
                "error: `{}` cannot be written: {error}\n  help: name a folder of yours",
                folder.display()
            ));
            Code::Failed
        }
    }
}

/// Writes a page for the program and for each command; how many.
fn write(folder: &Path, program: &Command) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let commands = program.get_subcommands().map(|one| (one, Some(program)));
    let all = commands.chain([(program, None)]);
    let mut pages = 0;
    for (command, of) in all {
        let file = folder.join(format!("{}.1", man::name(command)));
        Whole::beside(&file, 0o666)?.put(man::page(command, of).as_bytes())?;
        pages += 1;
    }
    Ok(pages)
}
