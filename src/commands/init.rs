//! `trueup init`: a first spec, made of an example and of answers at the terminal.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use crate::{
    exit::Code,
    first::{Answers, Example, First, first},
    run::{complain_safely, init::questions, is_dash, not_written, put, specs::DEFAULT},
    whole::{Whole, free},
};

/// What helps where the file is there already.
const ANOTHER: &str = "name another file: `trueup init FILE`";

pub(super) async fn run(example: Example, file: Option<&Path>) -> Code {
    let file = file.unwrap_or(Path::new(DEFAULT));
    let to_stdout = is_dash(file);
    // Before the first question.
    if let (false, Err(error)) = (to_stdout, free(file)) {
        return not_written(file, &error, ANOTHER);
    }
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let answers = match is_terminal && !to_stdout {
        true => questions(example).await,
        false => Ok(Answers::default()),
    };
    let made = match answers.map(|answers| first(example, &answers)) {
        Ok(Ok(made)) => made,
        Ok(Err(wrong)) => {
            complain_safely(&format!("error: {wrong}"));
            return Code::Failed;
        }
        Err(code) => return code,
    };
    if to_stdout {
        put(&made.text);
        return Code::Done;
    }
    let written = Whole::beside(file, 0o666).and_then(|new| new.put_new(made.text.as_bytes()));
    match written {
        Ok(()) => {
            put(&summary(file, &made));
            Code::Done
        }
        Err(error) => not_written(file, &error, ANOTHER),
    }
}

/// What was written, what is still to be filled in, and what comes next.
fn summary(file: &Path, made: &First) -> String {
    let mut text = format!("{} is written\n", file.display());
    if !made.marks.is_empty() {
        text.push_str("\nyours to say in it:\n");
        for (line, description) in &made.marks {
            text.push_str(&format!("  line {line:<3} {description}\n"));
        }
    }
    let name = match file == Path::new(DEFAULT) {
        true => String::new(),
        false => format!(" {}", file.display()),
    };
    text.push_str("\nnext:\n");
    let wide = "apply".len() + name.chars().count();
    for (command, description) in [
        (
            "trust",
            "shows the host keys, and keeps those that you trust",
        ),
        ("plan", "shows what differs and why, and changes nothing"),
        ("apply", "shows it, asks, and makes it so"),
    ] {
        let words = format!("{command}{name}");
        text.push_str(&format!("  trueup {words:wide$}   # {description}\n"));
    }
    text
}
