//! The house's rules, held against its sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All sources with an ending, and their paths from `src/` on.
fn sources(ending: &str) -> BTreeMap<String, String> {
    fn walk(folder: &Path, ending: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.extension().is_some_and(|e| e == ending) {
                let name = path.strip_prefix(root().join("src")).expect("below src");
                let text = fs::read_to_string(&path).expect("text");
                found.insert(name.display().to_string(), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join("src"), ending, &mut found);
    assert!(!found.is_empty());
    found
}

/// Rust without its comments: prose may name anything.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// From facts to plan all is pure: no I/O, no clock, no runtime.
const PURE: [&str; 21] = [
    "action.rs",
    "apply/event.rs",
    "apply/outcome.rs",
    "diagnostic.rs",
    "exit.rs",
    "facts",
    "first/",
    "frame.rs",
    "history/",
    "hostkey/",
    "jaas.rs",
    "names/",
    "plan/",
    "proof/",
    "properties.rs",
    "report/",
    "kinds/",
    "script.rs",
    "spec/",
    "text.rs",
    "utc.rs",
];

#[test]
fn pure_modules_name_nothing_that_acts() {
    let acts = Regex::new(
        r"\btokio\b|\b(transport|broker|observe|apply)::|crate::(transport|broker|observe|apply|commands|run|lookup)\b|std::(fs|env)\b|Command::new|TcpStream|UdpSocket|SystemTime|Instant::now",
    )
    .expect("a pattern");
    let mut pure = 0;
    for (name, text) in sources("rs") {
        if !PURE.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        pure += 1;
        // What happened and what became of it are values, which reports show.
        let text = code(&text).replace("apply::event::", "");
        let text = text.replace("apply::outcome::", "");
        // Progress draws on a terminal: its clock is the bar's.
        let found: Vec<_> = acts
            .find_iter(&text)
            .map(|m| m.as_str())
            .filter(|m| name != "report/progress.rs" || *m != "Instant::now")
            .collect();
        assert!(found.is_empty(), "{name} names {found:?}");
    }
    assert!(
        pure > 20,
        "the list of pure modules matches {pure} files only"
    );
}

#[test]
fn a_kind_of_resource_is_one_folder_and_one_line() {
    let sources = sources("rs");
    let kinds: Vec<&str> = sources
        .keys()
        .filter_map(|name| name.strip_prefix("kinds/")?.strip_suffix("/mod.rs"))
        .filter(|kind| !kind.contains('/'))
        .collect();
    assert!(kinds.len() > 5, "{kinds:?}");
    let list = &sources["kinds/mod.rs"];
    // A topic is no part of a host: clusters compose their own.
    for kind in kinds.into_iter().filter(|kind| *kind != "topic") {
        let is_listed = list.contains(&format!("Registered::of::<{kind}::"));
        assert!(is_listed, "{kind} is nowhere");
    }
    // The worked example of CONTRIBUTING, counted: the folder, and in the list its `mod` and its line.
    let named = |text: &&str| text.to_lowercase().contains("timezone");
    for (name, text) in &sources {
        let lines: Vec<&str> = text.lines().filter(named).collect();
        match name.strip_prefix("kinds/") {
            Some("mod.rs") => assert_eq!(lines.len(), 2, "{lines:#?}"),
            Some(of_kinds) if of_kinds.starts_with("timezone/") => {}
            _ => assert!(lines.is_empty(), "{name}: {lines:#?}"),
        }
    }
}

/// All files of the repository that are shell, and whether their shell is said by what runs them.
fn shell_files() -> Vec<(PathBuf, bool)> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git runs");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let mut found = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(root().join(name)) else {
            continue;
        };
        let first = text.lines().next().unwrap_or_default();
        let python = text
            .lines()
            .nth(1)
            .is_some_and(|line| line.contains("python3"));
        let shell = ["/bin/sh", "/bin/bash", "env bash"];
        let is_script = first.starts_with("#!") && shell.iter().any(|it| first.ends_with(it));
        if is_script && !python || name.ends_with(".sh") {
            found.push((root().join(name), is_script));
        }
    }
    found
}

#[test]
fn shell_is_clean() {
    let files = shell_files();
    assert!(files.len() > 15, "{files:?}");
    for (file, says_its_shell) in files {
        let mut shellcheck = Command::new("shellcheck");
        if !says_its_shell {
            shellcheck.args(["--shell", "sh"]);
        }
        let done = shellcheck.args(["--format", "gcc"]).arg(&file).output();
        let done = done.expect("shellcheck runs: `tests/rig/rig install` brings it");
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}");
    }
}

/// They are sent without indentation and blank lines, which are part of a here-document.
#[test]
fn no_script_of_a_host_has_a_here_document() {
    for (name, text) in sources("sh") {
        assert!(!text.contains("<<"), "{name}");
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for (name, text) in sources("rs").into_iter().chain(sources("sh")) {
        let lines = text.lines().count();
        assert!(lines <= 500, "{name} has {lines} lines");
    }
}

/// The simple commands of a shell text: words, with quoted parts reduced to `'…'`.
fn commands(text: &str) -> Vec<Vec<String>> {
    // A case's pattern is no command.
    let pattern = r#"(?m)(^\s*|\bin\s+|;;\s*)(?:'[^'\n]*'|"[^"\n]*"|[^\s()'"$;#])+(?:\s*\|\s*(?:'[^'\n]*'|"[^"\n]*"|[^\s()'"$;])+)*\)"#;
    let text = Regex::new(pattern)
        .expect("a pattern")
        .replace_all(text, "$1");
    let text = text.replace("\\\n", " ");
    let mut out = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut nested: Vec<char> = Vec::new();
    let mut chars = text.chars().peekable();
    macro_rules! end_word {
        () => {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        };
    }
    macro_rules! end_command {
        () => {
            end_word!();
            if !words.is_empty() {
                out.push(std::mem::take(&mut words));
            }
        };
    }
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_empty() => {
                while chars.peek().is_some_and(|&c| c != '\n') {
                    chars.next();
                }
            }
            '\\' => {
                chars.next();
                word.push('_');
            }
            '\'' if nested.last() != Some(&'"') => {
                word.push_str("'…'");
                for c in chars.by_ref() {
                    if c == '\'' {
                        break;
                    }
                }
            }
            '"' if nested.last() == Some(&'"') => {
                nested.pop();
                word.push('"');
            }
            '"' => {
                nested.push('"');
                word.push('"');
            }
            '$' if chars.peek() == Some(&'(') => {
                chars.next();
                if chars.peek() == Some(&'(') {
                    // Arithmetic: no command in it.
                    let mut depth = 1;
                    for c in chars.by_ref() {
                        depth += i32::from(c == '(') - i32::from(c == ')');
                        if depth == 0 {
                            break;
                        }
                    }
                    word.push('0');
                } else {
                    // What is inside is a command of its own; the outer one goes on after it.
                    let mut inner = String::new();
                    let mut depth = 1;
                    let mut quoted = false;
                    for c in chars.by_ref() {
                        if c == '\'' {
                            quoted = !quoted;
                        }
                        if !quoted {
                            depth += i32::from(c == '(') - i32::from(c == ')');
                        }
                        if depth == 0 {
                            break;
                        }
                        inner.push(c);
                    }
                    out.extend(commands(&inner));
                    word.push_str("$…");
                }
            }
            _ if nested.last() == Some(&'"') => word.push(if c.is_whitespace() { '_' } else { c }),
            ' ' | '\t' => {
                end_word!();
            }
            ')' => {
                end_command!();
            }
            '>' | '<' => {
                // A redirection's target is no word of the command.
                if word.chars().all(|c| c.is_ascii_digit()) {
                    word.clear();
                }
                end_word!();
                while chars.peek().is_some_and(|c| ">&<| ".contains(*c)) {
                    chars.next();
                }
                let mut quoted = false;
                while let Some(&c) = chars.peek() {
                    quoted ^= c == '"';
                    if !quoted && (c.is_whitespace() || ";|&)".contains(c)) {
                        break;
                    }
                    chars.next();
                }
            }
            '\n' | ';' | '|' | '&' | '(' => {
                end_command!();
            }
            c => word.push(c),
        }
    }
    end_command!();
    out
}

/// Words before the command itself.
const BEFORE: [&str; 18] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "exec", "as_root", "env",
    "setsid", "timeout", "xargs", "sudo", "command",
];

/// What a shell has itself, and words of its grammar.
const BUILTIN: [&str; 37] = [
    "ulimit", "[", ":", "break", "case", "cd", "continue", "done", "echo", "esac", "eval", "exit",
    "export", "false", "fi", "for", "in", "kill", "local", "printf", "read", "return", "set",
    "shift", "trap", "true", "umask", "unset", "wait", "test", "then", "else", "do", "sh", "}",
    "{", "exec",
];

#[test]
fn scripts_use_only_what_amazon_linux_2_has() {
    let list = fs::read_to_string(root().join("tests/commands.txt")).expect("the list");
    let known: BTreeMap<&str, BTreeSet<&str>> = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().expect("a command"), words.collect())
        })
        .collect();
    // Every shell text that runs on a host.
    let texts = sources("sh");
    let functions: BTreeSet<String> = {
        let definition = Regex::new(r"(?m)^\s*([a-z_]+)\(\)").expect("a pattern");
        texts
            .values()
            .flat_map(|text| definition.captures_iter(text).map(|c| c[1].to_owned()))
            .collect()
    };
    let assignment = Regex::new(r"^[A-Za-z_]+=").expect("a pattern");
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, text) in &texts {
        for words in commands(text) {
            let mut at = 0;
            let mut names = Vec::new();
            while at < words.len() {
                let word = words[at].as_str();
                let skipped = BEFORE.contains(&word)
                    || assignment.is_match(word)
                    || (word.starts_with('-') && names.last().is_some())
                    || (word.starts_with('"') && names.last() == Some(&"timeout"));
                if BEFORE.contains(&word) && known.contains_key(word) {
                    names.push(word);
                }
                if !skipped {
                    break;
                }
                at += 1;
            }
            if at < words.len() {
                names.push(&words[at]);
            }
            for command in names {
                if command.starts_with(['"', '$', '\'', '*', '-', '/'])
                    || BUILTIN.contains(&command)
                    || functions.contains(command)
                    || command.contains("()")
                    || command.chars().all(|c| c.is_ascii_digit())
                {
                    continue;
                }
                let Some(flags) = known.get(command) else {
                    wrong.push(format!("{name}: `{command}` in `{}`", words.join(" ")));
                    continue;
                };
                used.insert(command.to_owned());
                let runs_another = BEFORE.contains(&command);
                let rest = words.iter().skip_while(|word| *word != command).skip(1);
                // What follows the name of another command is that one's.
                let own = rest.take_while(|word| {
                    *word != "--"
                        && !(runs_another && !word.starts_with('-') && !assignment.is_match(word))
                });
                for flag in own.filter(|word| word.starts_with('-') && word.len() > 1) {
                    let plain = flag.split(['=', '"']).next().unwrap_or(flag);
                    if !flags.contains(plain) && !flags.contains(flag.as_str()) {
                        wrong.push(format!("{name}: `{command} {flag}`"));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not in tests/commands.txt:\n{}",
        wrong.join("\n")
    );
    for command in known.keys() {
        assert!(
            used.contains(*command),
            "tests/commands.txt has `{command}`, which no script uses"
        );
    }
}

#[test]
fn what_a_plan_may_ask_of_a_cluster_is_only_ever_tried() {
    let sources = sources("rs");
    let admin = code(&sources["broker/admin.rs"]);
    let (head, rest) = admin
        .split_once("> Rehearsal<'c, 'd> {")
        .expect("Rehearsal");
    let (rehearsal, rest) = rest.split_once("impl<").expect("another");
    assert!(head.contains("pub struct Rehearsal") && rest.contains("Changes::write"));
    assert_eq!(rehearsal.matches("Changes::validate_only").count(), 3);
    assert!(!rehearsal.contains("Changes::write") && !rehearsal.contains("delete_topics"));
    // Nobody else makes such requests.
    for (name, text) in &sources {
        let makes = code(text).contains("Changes::");
        assert!(!makes || name == "broker/admin.rs", "{name} makes changes");
    }
}

/// Names that say nothing of what a value is, or say it in words that nobody else in the field has.
#[test]
fn names_are_words_of_the_field() {
    let pattern = r"\b(?:let|let mut|fn|mod|struct|enum|for|ref) (?:said|told|telling|saying|heard|meant|entrance)\b|\b(?:said|told|heard|meant): (?:&|[A-Z][a-z])";
    let odd = Regex::new(pattern).expect("a pattern");
    assert!(odd.is_match("let mut said = 1;") && odd.is_match("(said: &str)"));
    let mut found = Vec::new();
    for (name, text) in sources("rs") {
        let code = code(&text);
        let found_here = odd.find_iter(&code);
        found.extend(found_here.map(|hit| format!("{name}: {}", hit.as_str())));
    }
    // A shell variable or function.
    let odd = Regex::new(r"(?m)\b(?:said|told|tell|heard|way)(?:=|\(\))").expect("a pattern");
    assert!(odd.is_match("tell() {") && odd.is_match("  way=$1"));
    for (name, text) in sources("sh") {
        let found_here = odd.find_iter(&text);
        found.extend(found_here.map(|hit| format!("{name}: {}", hit.as_str())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The form of types that Rust derives is for us: in a message it is noise, or a secret.
#[test]
fn messages_have_no_debug_form() {
    let debug = Regex::new(r"\{\w*:#?\?\}").expect("a pattern");
    // `Debug` itself, written by hand; a key for comparing; the SDK's own forms are masked there.
    let own = ["action.rs", "kinds/client/properties/mod.rs"];
    let mut found = Vec::new();
    for (name, text) in sources("rs") {
        if own.contains(&&*name)
            || name.starts_with("lookup/aws")
            || name.ends_with("tests.rs")
            || name.contains("_tests/")
        {
            continue;
        }
        let tested = text.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(
            tested
                .lines()
                .filter(|line| debug.is_match(line))
                .map(|line| format!("{name}: {}", line.trim())),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(debug.is_match(r#"format!("it ended early ({exit:?})")"#));
}

#[test]
fn deliberate_breaks_are_of_what_is_there() {
    let done = Command::new(root().join("tests/mutants"))
        .arg("--check")
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}
