//! Completions and manual pages, judged by the shells and the programs that read them.

use std::{fs, path::Path, process::Command};

use super::{folder, run, said};

/// Whether a program can be asked: CI has them all, see `tests/rig/rig install`.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("{program} is not here and is not asked");
    }
    found
}

/// The script for a shell, in a file.
fn script(folder: &Path, shell: &str) -> String {
    let script = run(folder, &["completions", shell]).code(0).out;
    let file = folder.join(format!("trueup.{shell}"));
    fs::write(&file, script).expect("written");
    file.display().to_string()
}

/// What a shell prints when it runs a text.
fn ask(shell: &str, words: &[&str], text: &str) -> String {
    let mut command = Command::new(shell);
    command.args(words).arg(text);
    let said = said(command).code(0);
    assert!(said.err.is_empty(), "{shell}: {}", said.err);
    said.out
}

#[test]
fn bash_completes() {
    let folder = folder();
    let script = script(folder.path(), "bash");
    for (words, wanted) in [
        ("trueup pl", "plan"),
        ("trueup completions f", "fish"),
        ("trueup plan --detailed", "--detailed-exitcode"),
        ("trueup help me", "merge-reports"),
    ] {
        let asked = format!(
            "set -eu; . {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             COMPREPLY=(); _trueup trueup \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[*]}}\""
        );
        let found = ask("bash", &["--norc", "-c"], &asked);
        assert_eq!(found.trim(), wanted, "{words}");
    }
}

#[test]
fn fish_completes() {
    if !is_here("fish") {
        return;
    }
    let folder = folder();
    let script = script(folder.path(), "fish");
    for (words, wanted) in [
        ("trueup pl", "plan"),
        ("trueup mer", "merge-reports"),
        ("trueup plan --detailed", "--detailed-exitcode"),
    ] {
        let found = ask(
            "fish",
            &["--no-config", "-c"],
            &format!("source {script}; complete -C '{words}'"),
        );
        let found: Vec<&str> = found
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(found, [wanted], "{words}");
    }
}

/// zsh completes only where somebody types: its own pseudo-terminal is that.
#[test]
fn zsh_completes() {
    if !is_here("zsh") {
        return;
    }
    let folder = folder();
    let script = script(folder.path(), "zsh");
    fs::rename(&script, folder.path().join("_trueup")).expect("renamed");
    for (words, wanted) in [
        ("trueup pl", "trueup plan "),
        ("trueup completions fi", "trueup completions fish "),
        ("trueup plan --detailed", "trueup plan --detailed-exitcode "),
    ] {
        let asked = format!(
            "zmodload zsh/zpty; zpty z zsh -f -i; \
             zpty -w z 'PS1=; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; \
             show() {{ print -r -- \"<<$BUFFER>>\"; exit }}; zle -N show; bindkey ^X show'; \
             zpty -w -n z $'{words}\\t\\x18'; \
             out=; while zpty -r z line; do out+=$line; [[ $out == *'<<trueup'*'>>'* ]] && break; done; \
             print -r -- $out",
            folder = folder.path().display()
        );
        let found = ask("zsh", &["-f", "-c"], &asked);
        assert!(found.contains(&format!("<<{wanted}>>")), "{words}: {found}");
    }
}

#[test]
fn manual_pages_are_read_without_a_complaint() {
    let folder = folder();
    let told = run(folder.path(), &["man", "pages/man1"]).code(0);
    let pages = fs::read_dir(folder.path().join("pages/man1")).expect("a folder");
    let mut pages: Vec<_> = pages.map(|page| page.expect("an entry").path()).collect();
    pages.sort();
    assert!(pages.len() > 10, "{pages:?}");
    told.says(&format!("{} pages in pages/man1", pages.len()));
    let text = |name: &str| {
        let file = folder.path().join("pages/man1").join(name);
        fs::read_to_string(file).expect(name)
    };
    assert_eq!(run(folder.path(), &["man"]).code(0).out, text("trueup.1"));
    for (page, part) in [
        ("trueup.1", "trueup\\-merge\\-reports(1)"),
        ("trueup-plan.1", "blocked"),
        ("trueup-apply.1", "a file that `plan \\-\\-out` saved"),
    ] {
        assert!(
            text(page).contains(part),
            "{page}: no {part} in {}",
            text(page)
        );
    }
    for page in &pages {
        let page = page.display().to_string();
        if is_here("mandoc") {
            let lint = ["-T", "lint", "-W", "warning", &page];
            let mut mandoc = Command::new("mandoc");
            mandoc.args(lint);
            let said = said(mandoc);
            // No date: a build must not depend on the day. Lines that are skipped twice are clap's.
            let known = ["missing date", "skipping paragraph macro"];
            let complaints = said.out.lines();
            let complaints = complaints.filter(|line| !known.iter().any(|one| line.contains(one)));
            assert_eq!(complaints.collect::<Vec<_>>(), [""; 0], "{page}");
        }
        if is_here("man") {
            let mut man = Command::new("man");
            man.args(["--warnings", "-l", &page])
                .env("MANWIDTH", "80")
                .env("LC_ALL", "C.UTF-8");
            let said = said(man).code(0);
            assert!(said.err.is_empty(), "{page}: {}", said.err);
            for heading in ["NAME", "SYNOPSIS", "EXIT STATUS", "SEE ALSO"] {
                assert!(said.out.contains(heading), "{page}: no {heading}");
            }
        }
    }
}
