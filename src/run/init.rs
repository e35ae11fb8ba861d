//! The questions of `init`, on a terminal.

use super::{complain, complain_safely, stdio::ask};
use crate::{
    exit::Code,
    first::{Answers, Example, first, user_of},
};

/// Asks for what a first spec needs.
///
/// # Errors
/// When stdin ends before the last answer.
pub(crate) async fn questions(example: Example) -> Result<Answers, Code> {
    let by_name = example == Example::ByName;
    let mut answers = Answers::default();
    let host = match example {
        Example::ByName => "the instance's name in EC2 [later]: ",
        Example::Fleet => "the first machine, [USER@]ADDRESS[:PORT] [later]: ",
        Example::Client | Example::Topics => "the machine, [USER@]ADDRESS[:PORT] [later]: ",
    };
    answer(example, &mut answers, host, |answers, text| {
        answers.host = text;
    })
    .await?;
    if answers.host.as_deref().and_then(user_of).is_none() {
        let user = "who logs in [ec2-user]: ";
        answer(example, &mut answers, user, |answers, text| {
            answers.user = text;
        })
        .await?;
    }
    if !by_name {
        let key = "the file of the private key [ssh's agent and ~/.ssh/config]: ";
        answer(example, &mut answers, key, |answers, text| {
            answers.key = Some(text);
        })
        .await?;
    }
    let cluster = match by_name {
        true => "the cluster's name in MSK [none yet, and no topics]: ",
        false => "the cluster's brokers, HOST:PORT,… [none yet, and no topics]: ",
    };
    answer(example, &mut answers, cluster, |answers, text| {
        answers.cluster = Some(text);
    })
    .await?;
    Ok(answers)
}

/// Asks until the answer makes a spec; an empty line leaves the default.
async fn answer(
    example: Example,
    answers: &mut Answers,
    question: &str,
    set: impl Fn(&mut Answers, Option<String>),
) -> Result<(), Code> {
    loop {
        let line = ask(question, std::future::pending::<()>()).await;
        let Some(line) = line.filter(|line| line.ends_with('\n')) else {
            complain("nothing was written");
            return Err(Code::Failed);
        };
        let text = Some(line.trim().to_owned()).filter(|text| !text.is_empty());
        let mut changed = answers.clone();
        set(&mut changed, text);
        match first(example, &changed) {
            Ok(_) => {
                *answers = changed;
                return Ok(());
            }
            Err(wrong) => complain_safely(&format!("  {wrong}")),
        }
    }
}
