//! The spec reader, from a text to what commands work with.

mod checks;
mod defaults;
mod files;
mod hostile;
mod large;
mod mistakes;
mod pages;
mod reading;
mod reference;
mod rendering;
mod several;
mod tables;
mod topics;
mod whole_files;

use trueup::{
    diagnostic::Problem,
    kinds::client::Client,
    spec::{Given, Resolved, Source, load},
};

/// Reads a text as `client.yaml`.
fn read(text: &str) -> (Option<Resolved>, Vec<Problem>) {
    read_with(text, &[], &[])
}

/// Reads a text with `--var`s and an environment.
fn read_with(
    text: &str,
    vars: &[(&str, &str)],
    env: &[(&str, &str)],
) -> (Option<Resolved>, Vec<Problem>) {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    };
    let given = Given {
        vars: owned(vars),
        env: owned(env).into_iter().collect(),
    };
    let source = Source {
        path: "client.yaml".into(),
        text: text.into(),
    };
    load(&source, &given)
}

/// Reads a text that must be right.
fn good(text: &str) -> Resolved {
    let (resolved, problems) = read(text);
    resolved.unwrap_or_else(|| panic!("{text}\n{}", shown(text, &problems)))
}

/// The client of one of its hosts.
fn client(text: &str, host: &str) -> Client {
    let resolved = good(text);
    let found = resolved.hosts.into_iter().find(|one| one.name == host);
    let found = found.expect("the host is there");
    found.declared.get::<Client>().cloned().unwrap_or_default()
}

/// The errors of a text.
fn errors(text: &str) -> Vec<Problem> {
    let (_, problems) = read(text);
    problems.into_iter().filter(Problem::is_error).collect()
}

/// What a problem's caret stands under.
fn caret<'a>(text: &'a str, problem: &Problem) -> &'a str {
    let span = problem.span.expect("it has a place");
    &text[span.start..span.end]
}

fn shown(text: &str, problems: &[Problem]) -> String {
    trueup::diagnostic::render("client.yaml", text, problems, false, 100)
}

/// A spec of one host with this `client`.
fn with_client(client: &str) -> String {
    format!("version: 1\nhosts: {{ a: {{ ssh: {{ address: a.example }} }} }}\nclient: {client}\n")
}

/// A spec of this one host.
fn with_host(host: &str) -> String {
    format!("version: 1\nhosts: {{ a: {host} }}\n")
}

/// A spec of two hosts, `a` and `b`, whose variable `v` differs, with these `topics`.
fn with_topics(topics: &str) -> String {
    format!(
        "version: 1\n\
         hosts:\n  \
           a: {{ ssh: {{ address: a.example }}, vars: {{ v: x }} }}\n  \
           b: {{ ssh: {{ address: b.example }}, vars: {{ v: y }} }}\n\
         topics: {topics}\n"
    )
}
