//! `trueup init`: a first spec, made of an example and of what somebody at the terminal says.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use crate::{
    exit::Code,
    first::{Answers, Example, First, first, user_of},
    run::{complain, complain_safely, is_dash, put, specs::DEFAULT, stdio::ask},
    whole::{Whole, free},
};

pub(super) async fn run(example: Example, file: Option<&Path>) -> Code {
    let file = file.unwrap_or(Path::new(DEFAULT));
    let to_stdout = is_dash(file);
    // Before anything is asked.
    if let (false, Err(error)) = (to_stdout, free(file)) {
        return complain_of(file, &error);
    }
    let somebody_is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    let answers = match somebody_is_there && !to_stdout {
        true => asked(example).await,
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
            put(&told(file, &made));
            Code::Done
        }
        Err(error) => complain_of(file, &error),
    }
}

/// What is asked for, until it makes a spec.
async fn asked(example: Example) -> Result<Answers, Code> {
    let by_name = example == Example::ByName;
    let mut answers = Answers::default();
    let host = match example {
        Example::ByName => "the instance's name in EC2 [later]: ",
        Example::Fleet => "the first machine, [USER@]ADDRESS[:PORT] [later]: ",
        Example::Client | Example::Topics => "the machine, [USER@]ADDRESS[:PORT] [later]: ",
    };
    answer(example, &mut answers, host, |answers, said| {
        answers.host = said;
    })
    .await?;
    if answers.host.as_deref().and_then(user_of).is_none() {
        let user = "who logs in [ec2-user]: ";
        answer(example, &mut answers, user, |answers, said| {
            answers.user = said;
        })
        .await?;
    }
    if !by_name {
        let key = "the file of the private key [ssh's agent and ~/.ssh/config]: ";
        answer(example, &mut answers, key, |answers, said| {
            answers.key = Some(said);
        })
        .await?;
    }
    let cluster = match by_name {
        true => "the cluster's name in MSK [none yet, and no topics]: ",
        false => "the cluster's brokers, HOST:PORT,… [none yet, and no topics]: ",
    };
    answer(example, &mut answers, cluster, |answers, said| {
        answers.cluster = Some(said);
    })
    .await?;
    Ok(answers)
}

/// Asks one thing; Enter is no answer.
async fn answer(
    example: Example,
    answers: &mut Answers,
    question: &str,
    put_in: impl Fn(&mut Answers, Option<String>),
) -> Result<(), Code> {
    loop {
        let line = ask(question, std::future::pending::<()>()).await;
        let Some(line) = line.filter(|line| line.ends_with('\n')) else {
            complain("nothing was written");
            return Err(Code::Failed);
        };
        let said = Some(line.trim().to_owned()).filter(|said| !said.is_empty());
        let mut with = answers.clone();
        put_in(&mut with, said);
        match first(example, &with) {
            Ok(_) => {
                *answers = with;
                return Ok(());
            }
            Err(wrong) => complain_safely(&format!("  {wrong}")),
        }
    }
}

/// What was written, what is left to be said, and what comes next.
fn told(file: &Path, made: &First) -> String {
    let mut text = format!("{} is written\n", file.display());
    if !made.yours.is_empty() {
        text.push_str("\nyours to say in it:\n");
        for (line, what) in &made.yours {
            text.push_str(&format!("  line {line:<3} {what}\n"));
        }
    }
    let name = match file == Path::new(DEFAULT) {
        true => String::new(),
        false => format!(" {}", file.display()),
    };
    text.push_str("\nnext:\n");
    let wide = "apply".len() + name.chars().count();
    for (command, what) in [
        (
            "trust",
            "shows the host keys, and keeps those that you trust",
        ),
        ("plan", "shows what differs and why, and changes nothing"),
        ("apply", "shows it, asks, and makes it so"),
    ] {
        let words = format!("{command}{name}");
        text.push_str(&format!("  trueup {words:wide$}   # {what}\n"));
    }
    text
}

fn complain_of(file: &Path, error: &io::Error) -> Code {
    let file = file.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => complain_safely(&format!(
            "error: {file} is there already, and is not overwritten\n  help: name another file: `trueup init FILE`"
        )),
        _ => complain_safely(&format!(
            "error: {file} cannot be written: {error}\n  help: name a file in a folder of yours"
        )),
    }
    Code::Failed
}
