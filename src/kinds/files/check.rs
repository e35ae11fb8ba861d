//! What a schema cannot say of `files`.

use super::spec::{File, Files};
use crate::{
    at,
    diagnostic::{Problem, Span},
    kinds::declared::check_name,
    names::{HostPath, User},
    spec::{
        at::{At, Text},
        checks::reference,
    },
};

/// Checks all of them; `at` is where they stand.
pub fn files(all: &Files, at: At<'_, Files>, problems: &mut Vec<Problem>) {
    let mut places: Vec<(HostPath, &str, Span)> = Vec::new();
    for (key, node) in at.entries() {
        let Some(file) = all.0.get(&key.text) else {
            continue;
        };
        check_name(key, problems);
        let at: At<'_, File> = At::new(Some((key, node)));
        content(file, at, problems);
        mode(file, at, problems);
        owner(at, problems);
        let Some(Text { text, span }) = at!(at, path).text() else {
            continue;
        };
        match HostPath::file(text) {
            Err(wrong) => problems.push(Problem::error(span, wrong.sentence(), wrong.help)),
            Ok(path) => {
                let mut before = places.iter();
                if let Some((_, first, before)) = before.find(|(other, ..)| path.is(other)) {
                    problems.push(Problem::error(
                        span,
                        format!("`{text}` is the path of `{first}`, too"),
                        format!(
                            "name another one, or leave one out; line {} has it",
                            before.line
                        ),
                    ));
                }
                places.push((path, &key.text, span));
            }
        }
    }
}

/// It has exactly one, and a reference is one.
fn content(file: &File, at: At<'_, File>, problems: &mut Vec<Problem>) {
    let (content, source) = (at!(at, content), at!(at, source));
    match (content.is_there(), source.is_there()) {
        (false, false) => problems.push(Problem::error(
            at.key(),
            "the file has no content",
            "add `content: TEXT`, or `source: FILE` of this machine",
        )),
        (true, true) => problems.push(Problem::error(
            source.key(),
            "the file has `content` and `source`",
            "keep one; a host takes the common one away with `null`",
        )),
        _ => {}
    }
    if file.source.as_ref().is_some_and(String::is_empty) {
        problems.push(Problem::error(
            source.key(),
            "`source` is empty",
            "name a file",
        ));
    }
    if let (true, Some(node)) = (file.is_secret(), content.node()) {
        reference(node, problems);
    }
}

/// It is a mode, and one with which the file can be read again.
fn mode(file: &File, at: At<'_, File>, problems: &mut Vec<Problem>) {
    let mode = at!(at, mode);
    let label = match file.mode().map(|mode| mode.0) {
        None => "write three or four octal digits, such as `\"0644\"` or `\"0600\"`",
        Some(mode) if mode & 0o400 == 0 && !file.as_root => {
            "let its owner read it, so that it can be compared: begin with `04` or `06`"
        }
        Some(bits) => {
            if bits & 0o007 != 0 && file.is_secret() {
                problems.push(Problem::warning(
                    mode.key().or(at!(at, content).key()),
                    format!(
                        "with mode `{}` every account of the machine reads the secret in it",
                        file.mode
                    ),
                    "use `mode: \"0600\"`, or `\"0640\"` for a group",
                ));
            }
            return;
        }
    };
    let message = format!("`{}` is no mode of a file", file.mode.escape_debug());
    let place = mode.text().map(|mode| mode.span);
    problems.push(Problem::error(place, message, label));
}

/// An account, or an account and a group, by their names: numbers are never what a machine calls them.
fn owner(at: At<'_, File>, problems: &mut Vec<Problem>) {
    let Some(Text { text, span }) = at!(at, owner).text() else {
        return;
    };
    let mut parts = text.splitn(2, ':');
    let named =
        |part: &str| User::parse(part).is_ok() && !part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.all(named) {
        problems.push(Problem::error(
            span,
            format!("`{}` is no owner", text.escape_debug()),
            "write the account's name, or `ACCOUNT:GROUP`",
        ));
    }
}
