//! A login that is held in its middle, where the agent has been asked already.

use std::{fs, io::Write, path::Path};

use crate::sshd::{self, Sshd, until, user};

/// A server in `FOLDER/sshd` that lets a key in, and only when the gate opens.
pub fn gated_sshd(folder: &Path, public: &str, more: &str) -> Sshd {
    let gate = folder.join("gate");
    sshd::run("mkfifo", &[gate.to_str().expect("text")]);
    let hold = folder.join("hold");
    let script = format!(
        "[ -e {0}.open ] || read -r go <{0}\necho '{public}'\n",
        gate.display(),
    );
    fs::write(&hold, script).expect("written");
    let more = format!(
        "{more}\nAuthorizedKeysFile none\nAuthorizedKeysCommand /bin/sh {}\nAuthorizedKeysCommandUser {}",
        hold.display(),
        user()
    );
    Sshd::start(&folder.join("sshd"), &["ed25519"], "", &more)
}

/// Waits until a login is held.
pub fn until_held(folder: &Path) {
    let hold = folder.join("hold").display().to_string();
    until("the gate", || {
        let all = sshd::run("ps", &["-eo", "args="]);
        all.lines().any(|line| line.ends_with(&hold))
    });
}

/// Lets go on whoever waits at the gate, if anybody does, and everybody from now on.
pub fn open_gate(folder: &Path) {
    fs::write(folder.join("gate.open"), "").expect("written");
    // For reading, too: else it would wait for a reader.
    let gate = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join("gate"));
    gate.expect("the gate").write_all(b"go\n").expect("opened");
}
