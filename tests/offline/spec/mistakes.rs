//! What people get wrong in a spec, and in YAML: each is told with its place, its cause and a way out, in 60
//! and in 80 columns. A file of `tests/fixtures/specs/mistakes` each; `TRUEUP_BLESS=1` writes what is told.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use trueup::{
    diagnostic::{Problem, render},
    spec::{Given, Source, decode, load},
    text::columns,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/specs/mistakes")
}

/// The text of a spec, and what is wrong with it.
fn read(bytes: Vec<u8>) -> (String, Vec<Problem>) {
    match decode(bytes) {
        Ok(text) => {
            let source = Source {
                path: "client.yaml".into(),
                text,
            };
            let (_, problems) = load(&source, &Given::default());
            (source.text, problems)
        }
        Err(wrong) => (wrong.text, vec![wrong.problem]),
    }
}

/// The mistakes, by name: a spec's text, and what is wrong with it.
fn mistakes() -> Vec<(String, String, Vec<Problem>)> {
    let files = fs::read_dir(folder()).expect("the mistakes");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("one").path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_str().expect("text");
        let (text, problems) = read(fs::read(path).expect("a spec"));
        (name.to_owned(), text, problems)
    };
    files.iter().map(read).collect()
}

#[test]
fn each_is_told_as_it_was() {
    let is_blessed = std::env::var_os("TRUEUP_BLESS").is_some_and(|bless| bless == "1");
    let mistakes = mistakes();
    assert!(mistakes.len() >= 25, "{} mistakes", mistakes.len());
    let mut wrong = String::new();
    for (name, text, problems) in &mistakes {
        for width in [60, 80] {
            let told = render(&format!("{name}.yaml"), text, problems, false, width);
            let path = folder().join(format!("{name}.{width}.txt"));
            if is_blessed {
                fs::write(&path, &told).expect("written");
            }
            if fs::read_to_string(&path).unwrap_or_default() != told {
                wrong.push_str(&format!("{}:\n{told}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_has_a_place_a_cause_and_a_way_out() {
    for (name, text, problems) in mistakes() {
        assert!(
            problems.iter().any(Problem::is_error),
            "{name}: {problems:?}"
        );
        let told = render(&format!("{name}.yaml"), &text, &problems, false, 80);
        for problem in &problems {
            let span = problem
                .span
                .unwrap_or_else(|| panic!("{name} has no place"));
            let place = format!("▸ {name}.yaml:{}:{}\n", span.line, span.column);
            assert!(told.contains(&place), "{place} in\n{told}");
            assert!(
                !problem.message.is_empty() && !problem.label.is_empty(),
                "{told}"
            );
            for said in [&problem.message, &problem.label] {
                // The words of the reader are not those of who writes a spec.
                let foreign = [
                    "scalar",
                    "mapping",
                    "scanning",
                    "parsing",
                    "indicator",
                    "token",
                    "None",
                    "Some(",
                ];
                assert!(foreign.iter().all(|word| !said.contains(word)), "{told}");
            }
        }
    }
}

/// Words as they are shown, without what is drawn around them.
fn words(shown: &str) -> String {
    let drawn = |c: char| "│├╰╴━╭▸⸬".contains(c);
    let plain = shown.replace(drawn, " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn no_line_is_too_long_and_no_word_is_cut() {
    for (name, text, problems) in mistakes() {
        for width in [60, 80] {
            let told = render(&format!("{name}.yaml"), &text, &problems, false, width);
            for line in told.lines() {
                let is_one_word = words(line).split(' ').count() == 1;
                assert!(
                    columns(line) <= width || is_one_word,
                    "{width}: {line}\n{told}"
                );
                if let Some((number, shown)) = line.split_once(" │ ")
                    && let Ok(number) = number.trim().parse::<usize>()
                {
                    let source = text.lines().nth(number - 1).unwrap_or_default();
                    no_word_is_cut(source, shown, width - line.find(" │ ").expect("there") - 3);
                }
            }
            let said = words(&told);
            for problem in problems
                .iter()
                .filter(|one| !one.message.contains('\u{a0}'))
            {
                assert!(
                    said.contains(&words(&problem.message)),
                    "{width}: {}\n{told}",
                    problem.message
                );
                assert!(
                    said.contains(&words(&problem.label)),
                    "{width}: {}\n{told}",
                    problem.label
                );
            }
        }
    }
}

/// What is left of a line has words of it, but for one that has no room at all.
fn no_word_is_cut(source: &str, shown: &str, room: usize) {
    let whole: Vec<&str> = source.split_whitespace().collect();
    for word in shown.split_whitespace().filter(|word| word.contains('…')) {
        let part = word.trim_matches('…');
        let is_whole = part.is_empty() || whole.contains(&part);
        let is_wide = whole
            .iter()
            .any(|one| one.contains(part) && columns(one) + 2 > room);
        assert!(is_whole || is_wide, "`{word}` of {source}");
    }
}

#[test]
fn a_spec_that_cannot_be_read_is_told_too() {
    let validate = |path: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
        let done = command.arg("validate").arg(path).output().expect("it runs");
        assert_eq!(done.status.code(), Some(3), "{done:?}");
        String::from_utf8(done.stderr).expect("text")
    };
    let place = tempfile::tempdir().expect("a folder");
    let spec = place.path().join("client.yaml");
    fs::write(&spec, "version: 1\n").expect("written");
    let of_folder = validate(place.path());
    let said = format!(
        "`{}` is a folder, not a spec\n  help: name the spec in it: ",
        place.path().display()
    );
    assert!(
        of_folder.contains(&said) && of_folder.contains("client.yaml`"),
        "{of_folder}"
    );
    let near = validate(&place.path().join("clinet.yaml"));
    let help = format!("help: did you mean `{}`?", spec.display());
    assert!(
        near.contains("cannot be read: ") && near.contains(&help),
        "{near}"
    );
    fs::write(&spec, b"version: 1\nvars: { name: Jos\xe9 }\n").expect("written");
    let latin = validate(&spec);
    assert!(
        latin.contains("client.yaml:2:18") && latin.contains("0xe9"),
        "{latin}"
    );
}

#[test]
fn what_is_right_stays_right() {
    let base = "version: 1\nhosts: { a: { local: {} } }\n";
    for text in [
        format!("---\n{base}"),
        format!("{base}...\n"),
        format!("\u{feff}{base}"),
        format!("%YAML 1.2\n---\n{base}"),
        base.replace('\n', "\r\n"),
        "{\"version\": 1, \"hosts\": {\"a\": {\"local\": {}}}}".to_owned(),
        format!(
            "# [x] = \"\t\u{a0}\n{base}vars:\n  x: \"a\n    b\"\n  y: it's “x”\n  z: 'C:\\Users'\n  w: |\n    \ttab: ${{\n"
        ),
    ] {
        let text = text.replace("${", "$${");
        let (_, problems) = read(text.clone().into_bytes());
        assert_eq!(problems, [], "{text}");
    }
}

/// What makes a mistake of a line, where it can.
type Make<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the first of something.
fn first(line: &str, from: &str, to: &str) -> Option<String> {
    line.contains(from).then(|| line.replacen(from, to, 1))
}

#[test]
fn each_is_told_in_its_line_wherever_it_is() {
    let last = |line: &str, what: char| {
        let at = line.rfind(what)?;
        Some(format!("{}{}", &line[..at], &line[at + 1..]))
    };
    let quoted = |line: &str| line.matches('"').count() == 2;
    let kinds: &[(&str, Make<'_>)] = &[
        ("a quote is not closed", &|line| {
            quoted(line).then(|| last(line, '"')).flatten()
        }),
        ("a brace is not closed", &|line| {
            line.contains('{').then(|| last(line, '}')).flatten()
        }),
        ("a bracket is not closed", &|line| {
            line.contains(": [").then(|| last(line, ']')).flatten()
        }),
        ("a brace is not opened", &|line| first(line, ": { ", ": ")),
        ("no colon", &|line| {
            first(line, ": ", " ").or_else(|| last(line, ':').filter(|_| line.ends_with(':')))
        }),
        ("no blank", &|line| {
            first(line, ": ", ":").filter(|_| !line.contains(": {") && !line.contains(": ["))
        }),
        ("a tab", &|line| {
            line.starts_with("  ")
                .then(|| format!("\t{}", line.trim_start()))
        }),
        ("a no-break space", &|line| {
            line.starts_with("  ")
                .then(|| format!("\u{a0}{}", &line[1..]))
        }),
        ("a blank too many", &|line| Some(format!(" {line}"))),
        ("a blank too few", &|line| {
            line.strip_prefix(' ').map(str::to_owned)
        }),
    ];
    let mut told = 0;
    for text in [
        include_str!("../../../specs/pinterest-client.yaml"),
        include_str!("../../../specs/topics-scram.yaml"),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if line.trim().is_empty() || line.trim().starts_with('#') {
                continue;
            }
            for (kind, make) in kinds {
                let Some(wrong) = make(line) else { continue };
                let before = lines[..at].iter().copied();
                let all: Vec<&str> = before
                    .chain([&*wrong])
                    .chain(lines[at + 1..].iter().copied())
                    .collect();
                let (text, problems) = read(all.join("\n").into_bytes());
                let errors: Vec<&Problem> = problems.iter().filter(|one| one.is_error()).collect();
                let here =
                    |one: &&&Problem| one.span.is_some_and(|span| span.line as usize == at + 1);
                let shown = render("client.yaml", &text, &problems, false, 80);
                assert!(
                    errors.is_empty() || errors.iter().any(|one| here(&one)),
                    "{kind} in line {}: {wrong}\n{shown}",
                    at + 1
                );
                told += usize::from(!errors.is_empty());
            }
        }
    }
    assert!(told > 150, "{told}");
}
