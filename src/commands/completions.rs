//! `trueup completions`: what a shell needs to complete the command line.

use clap_complete::{Shell, generate};

use crate::{cli, exit::Code, run::put};

pub(super) fn run(shell: Shell) -> Code {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), "trueup", &mut script);
    put(&String::from_utf8_lossy(&script));
    Code::Done
}
