//! The first spec: one of the repository's own, with the user's parts filled in, or marked. Pure.

mod examples;

pub use examples::Example;

use crate::spec::{Given, Source, load};
use examples::{Question, Template};

/// Answers to the questions of `init`.
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

/// A valid spec.
#[derive(Debug)]
pub struct First {
    /// The spec.
    pub text: String,
    /// What is still to be filled in: the line, from 1, and what belongs there.
    pub marks: Vec<(usize, &'static str)>,
}

/// Makes a spec of an example and answers.
///
/// # Errors
/// What is wrong with an answer.
pub fn first(example: Example, answers: &Answers) -> Result<First, String> {
    let template = example.template();
    let spec = marked(template, &filled(template, answers), answers);
    let source = Source {
        path: "trueup.yaml".into(),
        text: spec.text.clone(),
    };
    let (_, problems) = load(&source, &Given::default());
    match problems.into_iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(problem.message),
        None => Ok(spec),
    }
}

/// The user in the answer for the host.
pub(crate) fn user_of(host: &str) -> Option<&str> {
    host.rsplit_once('@').map(|(user, _)| user)
}

/// The example with the answers filled in.
fn filled(template: &Template, answers: &Answers) -> String {
    let mut text = template.text.to_owned();
    let (key, value) = template.host;
    if let Some(host) = &answers.host {
        let (address, port) = address_and_port(host);
        let port = port.map(|port| format!(", port: {port}"));
        let filled_text = format!("{key}{}{}", quoted(address), port.unwrap_or_default());
        text = text.replacen(&format!("{key}{value}"), &filled_text, 1);
    }
    let user_of_host = answers.host.as_deref().and_then(user_of);
    let user = user_of_host.or(answers.user.as_deref()).map(quoted);
    let mut filled_text = format!("user: {}", user.as_deref().unwrap_or("ec2-user"));
    if let (Some(key), Some(file)) = (template.key, &answers.key) {
        if !key.is_empty() {
            text = text.replace(key, "");
        }
        if let Some(file) = file {
            filled_text.push_str(&format!(", key: {{ file: {} }}", quoted(file)));
        }
    }
    text = text.replace(template.user, &filled_text);
    let (key, value) = template.cluster;
    if let Some(Some(cluster)) = &answers.cluster {
        let filled_text = format!("{key}{}", quoted(cluster));
        text = text.replacen(&format!("{key}{value}"), &filled_text, 1);
        if let Some(security) = security(cluster) {
            let end = text.find(&filled_text).map_or(text.len(), |at| {
                text[at..].find('\n').map_or(text.len(), |line| at + line)
            });
            text.insert_str(end, &format!("\n  security: {security}"));
        }
    }
    text
}

/// The address in the answer for the host, and the port, where it has one.
fn address_and_port(host: &str) -> (&str, Option<u16>) {
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

/// The `security` that fits the port of a broker; `None` for IAM, the default.
fn security(cluster: &str) -> Option<&'static str> {
    let first = cluster.split(',').next()?;
    match first.rsplit_once(':')?.1.trim() {
        "9092" => Some("plaintext"),
        "9094" | "9194" => Some("tls"),
        _ => None,
    }
}

/// A text, quoted for YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds the header, and marks what is still to be filled in.
fn marked(template: &Template, text: &str, answers: &Answers) -> First {
    let mut lines = header(template);
    let mut marks = Vec::new();
    let mut placeholders = template.placeholders.iter().peekable();
    let without_topics = answers.cluster == Some(None);
    let mut commented = false;
    for line in text.lines().skip_while(|line| line.starts_with('#')) {
        if without_topics && line == "topics:" {
            lines.push("# Topics, one for each table, as soon as there is a cluster:".into());
            commented = true;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut mark = None;
        let is_comment = line.trim_start().starts_with('#');
        while let Some(placeholder) =
            placeholders.next_if(|placeholder| !is_comment && line.contains(placeholder.line))
        {
            let answered = match placeholder.question {
                Question::Host => answers.host.is_some(),
                Question::Cluster => matches!(answers.cluster, Some(Some(_))),
                Question::Topics | Question::None => false,
            };
            if answered || commented {
                continue;
            }
            if !placeholder.description.is_empty() {
                lines.push(format!("{indent}# yours: {}", placeholder.description));
                mark = Some(placeholder.description);
            }
            let hints = placeholder.hints.iter();
            lines.extend(hints.map(|hint| format!("{indent}# {hint}")));
        }
        match commented {
            true => lines.push(format!("# {line}").trim_end().to_owned()),
            false => lines.push(line.to_owned()),
        }
        marks.extend(mark.map(|description| (lines.len(), description)));
    }
    First {
        text: lines.join("\n") + "\n",
        marks,
    }
}

/// The comments at the top of the example, without what only holds in the repository.
fn header(template: &Template) -> Vec<String> {
    let comments = template
        .text
        .lines()
        .take_while(|line| line.starts_with('#'));
    let comments = comments.filter(|line| !line.contains("yaml-language-server") && *line != "#");
    let mut lines: Vec<String> = comments.map(str::to_owned).collect();
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
    fn each_declares_what_its_example_does_and_marks_what_is_to_be_filled_in() {
        let places =
            r#"path: [^,]*, sha256: "[0-9a-f]*", hosts|(start|end|line): [0-9]+|"[^"]*": [0-9]+"#;
        let places = Regex::new(places).expect("a pattern");
        for example in Example::value_variants() {
            let template = example.template();
            let spec = first(*example, &Answers::default()).expect("a spec");
            let (written, of_file) = (read(&spec.text), read(template.text));
            let marks = spec.text.matches("# yours: ").count();
            let expected = template
                .placeholders
                .iter()
                .filter(|placeholder| !placeholder.description.is_empty());
            assert_eq!(
                (marks, spec.marks.len()),
                (expected.count(), marks),
                "{}",
                spec.text
            );
            for (line, description) in &spec.marks {
                let lines: Vec<&str> = spec.text.lines().collect();
                let above = lines[..line - 1].iter().rev();
                let above: Vec<&&str> = above
                    .take_while(|line| line.trim().starts_with('#'))
                    .collect();
                assert!(
                    above.iter().any(|line| line.contains(description)),
                    "{description}: {above:?}"
                );
                assert!(!lines[line - 1].trim().starts_with('#'), "{description}");
            }
            // Comments are all that it has more: only places differ.
            let [written, of_file] = [written, of_file].map(|spec| {
                let text = format!("{spec:?}");
                places.replace_all(&text, "").into_owned()
            });
            assert!(written.contains("clusters: [ResolvedCluster"), "{written}");
            assert_eq!(written, of_file);
            let comments = spec
                .text
                .lines()
                .filter(|line| line.trim().starts_with('#'));
            for line in comments {
                assert!(line.chars().count() <= 104, "{line}");
            }
        }
    }

    #[test]
    fn the_only_warnings_are_of_digests_that_are_marked() {
        for example in Example::value_variants() {
            let spec = first(*example, &Answers::default()).expect("a spec");
            let source = Source {
                path: "trueup.yaml".into(),
                text: spec.text.clone(),
            };
            let (_, problems) = load(&source, &Given::default());
            for problem in problems {
                assert!(
                    problem.message.contains("no digest for the Kafka archive"),
                    "{problem:?}"
                );
                let line = problem.span.expect("a place").line as usize;
                let text = spec.text.lines().nth(line - 1).expect("a line");
                let is_marked = spec
                    .marks
                    .iter()
                    .any(|(at, description)| *at == line && description.contains("sha512"));
                assert!(is_marked, "{text}: {:?}", spec.marks);
            }
        }
    }

    #[test]
    fn what_was_answered_is_no_longer_marked() {
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
            let spec = first(*example, &answers).expect("a spec");
            let asked_for = example.template().placeholders.iter();
            let asked_for: Vec<&str> = asked_for
                .filter(|placeholder| {
                    matches!(placeholder.question, Question::Host | Question::Cluster)
                })
                .map(|placeholder| placeholder.description)
                .collect();
            assert_eq!(asked_for.len(), 2);
            assert!(
                spec.marks
                    .iter()
                    .all(|(_, description)| !asked_for.contains(description)),
                "{:?}",
                spec.marks
            );
            let mut expected = vec!["user: \"me\"", cluster];
            expected.extend(match by_name {
                true => vec!["\"it: is # it\""],
                false => vec![
                    "address: \"10.1.2.3\", port: 2222",
                    "key: { file: \"~/my key\" }",
                ],
            });
            for text in expected {
                assert!(spec.text.contains(text), "no {text} in {}", spec.text);
            }
            assert_eq!(
                spec.text.matches(" key:").count(),
                example.template().text.matches("ssh:").count(),
                "{}",
                spec.text
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
            let spec = first(*example, &answers).expect("a spec");
            assert!(read(&spec.text).clusters.is_empty(), "{}", spec.text);
            assert!(spec.text.contains("\n# topics:\n"), "{}", spec.text);
            assert!(!spec.text.contains("kafka-client.pem"), "{}", spec.text);
        }
    }

    #[test]
    fn a_port_decides_security_and_invalid_answers_are_refused() {
        let specs_of = |host: &str, cluster: &str| {
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
            for spec in specs_of("h", cluster) {
                let text = spec.expect("a spec").text;
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
            for spec in specs_of(host, cluster) {
                assert!(spec.is_err(), "{host} {cluster}: {spec:?}");
            }
        }
        assert_eq!(address_and_port("u@[::1]"), ("[::1]", None));
        assert_eq!(address_and_port("::1"), ("::1", None));
    }
}
