//! A login that is held in its middle, where the agent has been asked already.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use crate::sshd::{self, Sshd, until, user};

/// What holds logins. It opens when it goes, so that a test that fails leaves nobody waiting.
pub struct Gate {
    folder: PathBuf,
}

impl Gate {
    /// One in a folder, closed.
    pub fn new(folder: &Path) -> Self {
        let gate = folder.join("gate");
        sshd::run("mkfifo", &[gate.to_str().expect("text")]);
        Self {
            folder: folder.to_owned(),
        }
    }

    /// A server in `FOLDER/sshd` that lets a key in, and only when the gate opens.
    pub fn sshd(&self, public: &str, more: &str) -> Sshd {
        let hold = self.folder.join("hold");
        let script = format!(
            "[ -e {0}.open ] || read -r go <{0}\necho '{public}'\n",
            self.folder.join("gate").display(),
        );
        fs::write(&hold, script).expect("written");
        let more = format!(
            "{more}\nAuthorizedKeysFile none\nAuthorizedKeysCommand /bin/sh {}\n\
             AuthorizedKeysCommandUser {}",
            hold.display(),
            user()
        );
        Sshd::start(&self.folder.join("sshd"), &["ed25519"], "", &more)
    }

    /// Waits until a login is held.
    pub fn until_held(&self) {
        let hold = self.folder.join("hold").display().to_string();
        until("the gate", || {
            let all = sshd::run("ps", &["-eo", "args="]);
            all.lines().any(|line| line.ends_with(&hold))
        });
    }

    /// Lets go on whoever waits now; the next is held again.
    #[allow(dead_code, reason = "most tests hold one login")]
    pub fn release(&self) {
        let hold = self.folder.join("hold").display().to_string();
        until("nobody is held", || {
            let all = sshd::run("ps", &["-eo", "args="]);
            let held = all.lines().any(|line| line.ends_with(&hold));
            if held {
                self.let_go();
            }
            !held
        });
    }

    /// Lets go on whoever waits, if anybody does, and everybody from now on.
    pub fn open(&self) {
        let _ = fs::write(self.folder.join("gate.open"), "");
        self.let_go();
    }

    fn let_go(&self) {
        // For reading, too: else it would wait for a reader.
        let gate = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.folder.join("gate"));
        if let Ok(mut gate) = gate {
            let _ = gate.write_all(b"go\n");
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
