//! The first spec: one of the repository's own, with what is its user's filled in, or marked. Pure.

mod examples;

pub use examples::Example;

use crate::spec::{Given, Source, load};
use examples::{Of, Table};

/// What somebody has said of it.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// `[USER@]ADDRESS[:PORT]`, or an instance's name; `None`: as in the example.
    pub host: Option<String>,
    /// Who logs in; `None`: as in the example.
    pub user: Option<String>,
    /// The file of the private key; `Some(None)`: the agent and ~/.ssh/config.
    pub key: Option<Option<String>>,
    /// Brokers, or a cluster's name; `Some(None)`: no topics yet.
    pub cluster: Option<Option<String>>,
}

/// A spec that can be read as it is.
#[derive(Debug)]
pub struct First {
    /// The spec.
    pub text: String,
    /// What is still its user's: the number of the line, from 1, and what it is.
    pub yours: Vec<(usize, &'static str)>,
}

/// Makes a spec of an example and what is known.
///
/// # Errors
/// What is wrong with an answer.
pub fn first(example: Example, answers: &Answers) -> Result<First, String> {
    let table = example.table();
    let made = marked(table, &filled(table, answers), answers);
    let source = Source {
        path: "trueup.yaml".into(),
        text: made.text.clone(),
    };
    let (_, problems) = load(&source, &Given::default());
    match problems.into_iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(problem.message),
        None => Ok(made),
    }
}

/// Whether the host's answer says who logs in.
pub fn user_of(host: &str) -> Option<&str> {
    host.rsplit_once('@').map(|(user, _)| user)
}

/// The example with the answers in the places of what stands there.
fn filled(table: &Table, answers: &Answers) -> String {
    let mut text = table.text.to_owned();
    let (key, value) = table.host;
    if let Some(host) = &answers.host {
        let (address, port) = place(host);
        let port = port.map(|port| format!(", port: {port}"));
        let new = format!("{key}{}{}", quoted(address), port.unwrap_or_default());
        text = text.replacen(&format!("{key}{value}"), &new, 1);
    }
    let of_host = answers.host.as_deref().and_then(user_of);
    let user = of_host.or(answers.user.as_deref()).map(quoted);
    let mut new = format!("user: {}", user.as_deref().unwrap_or("ec2-user"));
    if let (Some(own), Some(file)) = (table.key, &answers.key) {
        if !own.is_empty() {
            text = text.replace(own, "");
        }
        if let Some(file) = file {
            new.push_str(&format!(", key: {{ file: {} }}", quoted(file)));
        }
    }
    text = text.replace(table.user, &new);
    let (key, value) = table.cluster;
    if let Some(Some(cluster)) = &answers.cluster {
        let new = format!("{key}{}", quoted(cluster));
        text = text.replacen(&format!("{key}{value}"), &new, 1);
        if let Some(security) = security(cluster) {
            let end = text.find(&new).map_or(text.len(), |at| {
                text[at..].find('\n').map_or(text.len(), |line| at + line)
            });
            text.insert_str(end, &format!("\n  security: {security}"));
        }
    }
    text
}

/// Where the host is: what is no user, and the port, where one is said.
fn place(host: &str) -> (&str, Option<u16>) {
    let place = host.rsplit_once('@').map_or(host, |(_, place)| place);
    match place.split_once(':') {
        // More colons are those of an IPv6 address.
        Some((address, port)) => match port.parse() {
            Ok(port) => (address, Some(port)),
            Err(_) => (place, None),
        },
        None => (place, None),
    }
}

/// What the port of a broker speaks, where that is not IAM's.
fn security(cluster: &str) -> Option<&'static str> {
    let first = cluster.split(',').next()?;
    match first.rsplit_once(':')?.1.trim() {
        "9092" => Some("plaintext"),
        "9094" | "9194" => Some("tls"),
        _ => None,
    }
}

/// A text in YAML, whatever it is.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// With a header of its own, and with what is the user's marked.
fn marked(table: &Table, text: &str, answers: &Answers) -> First {
    let mut lines = header(table);
    let mut yours = Vec::new();
    let mut parts = table.parts.iter().peekable();
    let without_topics = answers.cluster == Some(None);
    let mut commented = false;
    for line in text.lines().skip_while(|line| line.starts_with('#')) {
        if without_topics && line == "topics:" {
            lines.push("# Topics, one for each table, as soon as there is a cluster:".into());
            commented = true;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut is_yours = None;
        let is_comment = line.trim_start().starts_with('#');
        while let Some(part) = parts.next_if(|part| !is_comment && line.contains(part.line)) {
            let answered = match part.of {
                Of::Host => answers.host.is_some(),
                Of::Cluster => matches!(answers.cluster, Some(Some(_))),
                Of::Topics | Of::Rest => false,
            };
            if answered || commented {
                continue;
            }
            if !part.what.is_empty() {
                lines.push(format!("{indent}# yours: {}", part.what));
                is_yours = Some(part.what);
            }
            let from = part.from.iter();
            lines.extend(from.map(|from| format!("{indent}# {from}")));
        }
        match commented {
            true => lines.push(format!("# {line}").trim_end().to_owned()),
            false => lines.push(line.to_owned()),
        }
        yours.extend(is_yours.map(|what| (lines.len(), what)));
    }
    First {
        text: lines.join("\n") + "\n",
        yours,
    }
}

/// What the example says of itself, without what holds in the repository alone.
fn header(table: &Table) -> Vec<String> {
    let own = table.text.lines().take_while(|line| line.starts_with('#'));
    let own = own.filter(|line| !line.contains("yaml-language-server") && *line != "#");
    let mut lines: Vec<String> = own.map(str::to_owned).collect();
    lines.extend(
        [
            "#",
            "# What is yours stands below a line that says so. `trueup schema > spec.schema.json`, and this as",
            "# the first line, give completion in an editor:",
            "#   # yaml-language-server: $schema=spec.schema.json",
        ]
        .map(str::to_owned),
    );
    lines
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use regex::Regex;

    use super::*;
    use crate::spec::Resolved;

    fn read(text: &str) -> Resolved {
        let source = Source {
            path: "trueup.yaml".into(),
            text: text.into(),
        };
        let (spec, problems) = load(&source, &Given::default());
        spec.unwrap_or_else(|| panic!("{problems:?}\n{text}"))
    }

    #[test]
    fn each_says_what_its_example_does_and_marks_what_is_to_be_said() {
        let places =
            r#"path: [^,]*, sha256: "[0-9a-f]*", hosts|(start|end|line): [0-9]+|"[^"]*": [0-9]+"#;
        let places = Regex::new(places).expect("a pattern");
        for example in Example::value_variants() {
            let table = example.table();
            let made = first(*example, &Answers::default()).expect("a spec");
            let (own, of_file) = (read(&made.text), read(table.text));
            let marks = made.text.matches("# yours: ").count();
            let wanted = table.parts.iter().filter(|part| !part.what.is_empty());
            assert_eq!(
                (marks, made.yours.len()),
                (wanted.count(), marks),
                "{}",
                made.text
            );
            for (line, what) in &made.yours {
                let lines: Vec<&str> = made.text.lines().collect();
                let above = lines[..line - 1].iter().rev();
                let above: Vec<&&str> = above
                    .take_while(|line| line.trim().starts_with('#'))
                    .collect();
                assert!(
                    above.iter().any(|line| line.contains(what)),
                    "{what}: {above:?}"
                );
                assert!(!lines[line - 1].trim().starts_with('#'), "{what}");
            }
            // Comments are all that it has more: only places differ.
            let [own, of_file] = [own, of_file].map(|spec| {
                let text = format!("{spec:?}");
                places.replace_all(&text, "").into_owned()
            });
            assert!(own.contains("clusters: [ResolvedCluster"), "{own}");
            assert_eq!(own, of_file);
            let comments = made
                .text
                .lines()
                .filter(|line| line.trim().starts_with('#'));
            for line in comments {
                assert!(line.chars().count() <= 104, "{line}");
            }
        }
    }

    #[test]
    fn the_only_warnings_are_of_digests_that_it_asks_for() {
        for example in Example::value_variants() {
            let made = first(*example, &Answers::default()).expect("a spec");
            let source = Source {
                path: "trueup.yaml".into(),
                text: made.text.clone(),
            };
            let (_, problems) = load(&source, &Given::default());
            for problem in problems {
                assert!(
                    problem.message.contains("no digest for the Kafka archive"),
                    "{problem:?}"
                );
                let line = problem.span.expect("a place").line as usize;
                let text = made.text.lines().nth(line - 1).expect("a line");
                let told = made
                    .yours
                    .iter()
                    .any(|(at, what)| *at == line && what.contains("sha512"));
                assert!(told, "{text}: {:?}", made.yours);
            }
        }
    }

    #[test]
    fn what_was_answered_is_no_longer_to_be_said() {
        for example in Example::value_variants() {
            let by_name = *example == Example::ByName;
            let cluster = if by_name {
                "theirs"
            } else {
                "b-1.example:9098"
            };
            let answers = Answers {
                host: Some(
                    if by_name {
                        "it: is # it"
                    } else {
                        "me@10.1.2.3:2222"
                    }
                    .into(),
                ),
                user: by_name.then(|| "me".to_owned()),
                key: Some(Some("~/my key".into())),
                cluster: Some(Some(cluster.into())),
            };
            let made = first(*example, &answers).expect("a spec");
            let asked = example.table().parts.iter();
            let asked: Vec<&str> = asked
                .filter(|part| matches!(part.of, Of::Host | Of::Cluster))
                .map(|part| part.what)
                .collect();
            assert_eq!(asked.len(), 2);
            assert!(
                made.yours.iter().all(|(_, what)| !asked.contains(what)),
                "{:?}",
                made.yours
            );
            let mut wanted = vec!["user: \"me\"", cluster];
            wanted.extend(match by_name {
                true => vec!["\"it: is # it\""],
                false => vec![
                    "address: \"10.1.2.3\", port: 2222",
                    "key: { file: \"~/my key\" }",
                ],
            });
            for text in wanted {
                assert!(made.text.contains(text), "no {text} in {}", made.text);
            }
            assert_eq!(
                made.text.matches(" key:").count(),
                example.table().text.matches("ssh:").count(),
                "{}",
                made.text
            );
        }
    }

    #[test]
    fn without_a_cluster_there_are_no_topics_yet() {
        for example in Example::value_variants() {
            let answers = Answers {
                key: Some(None),
                cluster: Some(None),
                ..Answers::default()
            };
            let made = first(*example, &answers).expect("a spec");
            assert!(read(&made.text).clusters.is_empty(), "{}", made.text);
            assert!(made.text.contains("\n# topics:\n"), "{}", made.text);
            assert!(!made.text.contains("kafka-client.pem"), "{}", made.text);
        }
    }

    #[test]
    fn a_port_says_what_it_speaks_and_what_cannot_be_is_refused() {
        let of = |host: &str, cluster: &str| {
            let answers = Answers {
                host: Some(host.into()),
                cluster: Some(Some(cluster.into())),
                ..Answers::default()
            };
            [Example::Client, Example::Topics].map(|example| first(example, &answers))
        };
        for (cluster, security) in [
            ("localhost:9092", Some("security: plaintext")),
            ("a:9094,b:9094", Some("security: tls")),
            ("a:9098", None),
        ] {
            for made in of("h", cluster) {
                let text = made.expect("a spec").text;
                match security {
                    Some(security) => assert!(text.contains(security), "{text}"),
                    None => assert!(!text.contains("security:"), "{text}"),
                }
            }
        }
        for (host, cluster) in [
            ("two words", "a:9098"),
            ("h", "a b"),
            ("h", "a:port"),
            ("-h", "a:1"),
        ] {
            for made in of(host, cluster) {
                assert!(made.is_err(), "{host} {cluster}: {made:?}");
            }
        }
        assert_eq!(place("u@[::1]"), ("[::1]", None));
        assert_eq!(place("::1"), ("::1", None));
    }
}
