//! A spec's text → what is wanted, or what is wrong with it.

use trueup::{
    diagnostic::{Problem, render},
    kinds::declared::Inputs,
    names::TopicName,
    observe::probe_script,
    spec::{Given, Resolved, ResolvedCluster, ResolvedHost, Source, decode, expand, load, several},
};

use super::shown::fit_to_show;

/// Reads a spec; all that is wrong has a place, and can be shown; what is right can be kept and worked
/// with.
pub fn spec(bytes: &[u8]) {
    if let Err(wrong) = decode(bytes.to_vec()) {
        has_a_place(&wrong.text, &wrong.problem);
        fit_to_show(&render(
            "client.yaml",
            &wrong.text,
            &[wrong.problem],
            false,
            60,
        ));
    }
    let text = String::from_utf8_lossy(bytes);
    let (resolved, problems) = read(&text);
    assert_eq!(resolved.is_none(), problems.iter().any(Problem::is_error));
    for problem in &problems {
        has_a_place(&text, problem);
    }
    for width in [1, 60, 100] {
        let shown = render("client.yaml", &text, &problems, false, width);
        assert_eq!(shown.is_empty(), problems.is_empty());
        fit_to_show(&shown);
    }

    let (again, problems_again) = read(&text);
    assert_eq!(problems, problems_again);
    assert_eq!(format!("{resolved:?}"), format!("{again:?}"));
    let (Some(one), Some(other)) = (resolved, again) else {
        return;
    };
    for host in &one.hosts {
        comes_back(host);
        can_be_asked(host);
    }
    for cluster in &one.clusters {
        has_topics(cluster);
    }
    // The same spec twice: its hosts are told apart, and all that both give is a conflict.
    let mut both = [one, other];
    both[1].path = "other.yaml".into();
    several::tell_apart(&mut both);
    let names = |spec: &Resolved| {
        spec.hosts
            .iter()
            .map(|host| host.name.clone())
            .collect::<Vec<_>>()
    };
    let (first, second) = (names(&both[0]), names(&both[1]));
    assert!(first.iter().all(|name| !second.contains(name)));
    for sentence in several::conflicts(&both, |_| true) {
        assert!(!sentence.is_empty());
    }
}

fn read(text: &str) -> (Option<Resolved>, Vec<Problem>) {
    let source = Source {
        path: "client.yaml".into(),
        text: text.into(),
    };
    // A variable that the spec does not have is an error of its own.
    let given = text
        .contains("given")
        .then(|| ("given".into(), "a value".into()));
    let given = Given {
        vars: given.into_iter().collect(),
        env: [("HOME".to_owned(), "/home/me".to_owned())].into(),
    };
    load(&source, &given)
}

fn has_a_place(text: &str, problem: &Problem) {
    let Some(span) = problem.span else { return };
    assert!(
        span.start <= span.end && span.end <= text.len(),
        "{problem:?}"
    );
    assert!(
        text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
        "{problem:?}"
    );
    assert!(span.line > 0 && span.column > 0, "{problem:?}");
}

/// A saved plan keeps it.
fn comes_back(host: &ResolvedHost) {
    let kept = serde_json::to_value(host).expect("plain data");
    let back: ResolvedHost = serde_json::from_value(kept.clone()).expect("what was kept");
    assert_eq!(serde_json::to_value(back).expect("plain data"), kept);
}

/// What is asked of the host is a script with each value in quotes.
fn can_be_asked(host: &ResolvedHost) {
    let resources = host.resources(&Inputs::default());
    for deep in [false, true] {
        let script = probe_script(&resources, deep, "MARK", std::time::Duration::from_secs(30));
        let values = resources
            .iter()
            .flat_map(|resource| resource.arguments(deep));
        match script {
            Ok(script) => assert!(!script.as_text().contains('\0')),
            Err(_) => assert!(values.into_iter().any(|value| value.contains('\0'))),
        }
    }
}

fn has_topics(cluster: &ResolvedCluster) {
    let kept = serde_json::to_value(cluster).expect("plain data");
    let back: ResolvedCluster = serde_json::from_value(kept).expect("what was kept");
    for topic in &back.topics {
        assert!(TopicName::parse(&topic.name).is_ok(), "{}", topic.name);
    }
    // What a database may call its tables.
    let tables: Vec<String> = ["pin", "Geo", "user data", "", "a/b", "täble", "x\u{1b}[2J"]
        .map(str::to_owned)
        .into();
    for count in 0..=tables.len() {
        let read: Vec<&[String]> = cluster.lists.iter().map(|_| &tables[..count]).collect();
        if let Ok(expanded) = expand(cluster, &read) {
            for topic in expanded.topics {
                assert!(TopicName::parse(&topic.name).is_ok(), "{}", topic.name);
            }
        }
    }
}
