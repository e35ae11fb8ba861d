//! What a spec says arrives on a host byte for byte, and is never run: random strings through the one
//! place that quotes, asked of three shells.

use std::process::Command;

use trueup::script::Script;

use crate::sweep::{Random, Sweep, times};

const SHELLS: [(&str, &[&str]); 3] = [
    ("dash", &["dash"]),
    ("bash", &["bash", "--posix"]),
    ("busybox", &["busybox", "sh"]),
];

/// What shells, `printf`, base64 and terminals have a meaning for.
const PIECES: [&str; 40] = [
    "'",
    "\"",
    "\\",
    "`",
    "$",
    "$(",
    ")",
    "${x}",
    "!",
    "\n",
    "\r",
    "\t",
    " ",
    "*",
    "?",
    "[",
    "]",
    "~",
    "#",
    ";",
    "&",
    "|",
    "<",
    ">",
    "(",
    "{",
    "}",
    "%s",
    "%",
    "-n",
    "--",
    "\\0",
    "=",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{1}",
    "\u{202e}",
    "\u{a0}",
    "é",
    "\u{10ffff}",
];

fn word(random: &mut Random) -> String {
    let mut word = String::new();
    for _ in 0..random.below(24) {
        match random.below(3) {
            0 => word.push_str(PIECES[random.below(PIECES.len())]),
            1 => word.push(char::from(
                u8::try_from(1 + random.below(127)).expect("ASCII"),
            )),
            _ => word.extend(char::from_u32(
                1 + u32::try_from(random.below(0x10_ffff)).expect("small"),
            )),
        }
    }
    word
}

#[test]
fn values_arrive_byte_for_byte() {
    let mut sweep = Sweep::of("lied to: values with anything in them, in three shells");
    // As many at once as fit into a command line.
    const AT_ONCE: usize = 400;
    for _ in 0..times(8_000, 100_000) / AT_ONCE {
        let words: Vec<String> = (0..AT_ONCE).map(|_| word(&mut sweep.random)).collect();
        let script = Script::new("quoting")
            .text("tell() { printf '%s\\0' \"$@\"; }")
            .call("tell", &words)
            .expect("no NUL");
        let wanted: Vec<u8> = words
            .iter()
            .flat_map(|word| [word.as_bytes(), b"\0"].concat())
            .collect();
        for (name, shell) in SHELLS {
            let exec = script.exec();
            assert_eq!(exec.stdin, None, "it is short enough for the line");
            let command = exec
                .command
                .replacen("exec sh", &format!("exec {}", shell.join(" ")), 1);
            let output = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", &command])
                .output()
                .expect("the shell runs");
            if output.stdout == wanted && output.stderr.is_empty() {
                sweep.count(AT_ONCE);
                continue;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            let got = output.stdout.split(|byte| *byte == 0);
            let wrong = words
                .iter()
                .zip(got)
                .find(|(word, got)| word.as_bytes() != *got);
            sweep.attempt(name, || panic!("{wrong:?}, {said}"));
        }
    }
    sweep.end();
}
