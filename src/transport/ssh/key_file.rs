//! Why ssh could not load a private key's file. ssh only reports "error in libcrypto" or "invalid
//! format"; this looks for the cause.

use std::{
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{Destination, Error};

/// A file of this size is no key; the cause is in the first bytes and the last.
const LARGEST: u64 = 64 * 1024;

/// What is wrong with a key file, and what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyFileProblem {
    /// The rest of a sentence about the file: `has no line end after its last line`.
    pub(super) problem: &'static str,
    /// What helps.
    pub(super) help: &'static str,
}

/// The cause, if the file's bytes show it.
pub(super) fn diagnose(file: &Path) -> Option<KeyFileProblem> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).ok()?;
    opened.take(LARGEST).read_to_end(&mut bytes).ok()?;
    diagnose_bytes(&bytes)
}

fn diagnose_bytes(bytes: &[u8]) -> Option<KeyFileProblem> {
    let found = |problem, help| Some(KeyFileProblem { problem, help });
    if bytes.trim_ascii().is_empty() {
        return found("is empty", "save the private key into it again");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return found(
            "begins with a byte order mark, as some editors write it",
            "save it as plain UTF-8 without one",
        );
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return found(
            "is UTF-16, as PowerShell's `>` writes it",
            "save it as plain text (ASCII or UTF-8 without a byte order mark)",
        );
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"PuTTY-User-Key-File") {
        return found(
            "is PuTTY's own format",
            "`puttygen KEY.ppk -O private-openssh -o KEY.pem` makes OpenSSH's of it",
        );
    }
    let public = [
        "ssh-",
        "ecdsa-",
        "sk-ssh-",
        "sk-ecdsa-",
        "---- BEGIN SSH2 PUBLIC",
    ];
    if public
        .iter()
        .any(|start| text.starts_with(start.as_bytes()))
        || text.starts_with(b"-----BEGIN") && first_line(text).ends_with(b"PUBLIC KEY-----")
    {
        return found(
            "is a public key",
            "name the private one under `key:`, the file without `.pub`",
        );
    }
    if !text.starts_with(b"-----BEGIN ") {
        return found(
            "does not begin with `-----BEGIN`, as private keys do",
            "save the whole key, its first and last line included",
        );
    }
    if bytes.contains(&b'\r') {
        return found(
            "has Windows line ends (CRLF)",
            "`sed -i 's/\\r$//'` on the file takes them away",
        );
    }
    if text.len() < bytes.len() {
        return found(
            "has blanks or empty lines before `-----BEGIN`",
            "remove them: the key begins with the file",
        );
    }
    let last = bytes.trim_ascii_end();
    if !last.ends_with(b"PRIVATE KEY-----") {
        return found(
            "ends before its `-----END` line",
            "save the whole key, its first and last line included",
        );
    }
    if !bytes.ends_with(b"\n") {
        return found(
            "has no line end after its last line",
            "`echo >>` the file adds it",
        );
    }
    if bytes
        .split(|&byte| byte == b'\n')
        .any(|line| line.trim_ascii() != line)
    {
        return found(
            "has blanks at the beginning or the end of its lines",
            "save the key again as it was handed out",
        );
    }
    None
}

fn first_line(text: &[u8]) -> &[u8] {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end()
}

/// Checks a key file before ssh connects.
pub(super) fn check_key(
    destination: &Destination,
    file: &Path,
    uid: Option<u32>,
) -> Result<(), Error> {
    let problem = |reason: &str| {
        format!(
            "host {}: the key {} {reason}",
            destination.name,
            file.display()
        )
    };
    let refuse = |reason: &str, help: String| {
        Err(Error::Setup {
            problem: problem(reason),
            help,
        })
    };
    let quoted = file
        .to_str()
        .and_then(|file| crate::script::quote(file).ok())
        .unwrap_or_default();
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse(
                "is not there",
                "check `key:`, or leave it out to use the agent".into(),
            );
        }
        Err(error) => {
            return refuse(
                &format!("cannot be looked at: {error}"),
                "check `key:`".into(),
            );
        }
    };
    if !metadata.is_file() {
        return refuse(
            "is no file",
            "name the private key itself under `key:`".into(),
        );
    }
    if let Err(error) = std::fs::File::open(file) {
        return refuse(
            &format!("cannot be read: {error}"),
            format!("`chmod 400 {quoted}`"),
        );
    }
    // A public key selects one of the agent's; its mode does not matter to ssh.
    let public = file.extension().is_some_and(|extension| extension == "pub");
    if !public && uid == Some(metadata.uid()) && metadata.mode() & 0o077 != 0 {
        let mode = format!(
            "has mode {:04o}: ssh refuses a key that others may read",
            metadata.mode() & 0o7777
        );
        return refuse(&mode, format!("`chmod 400 {quoted}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    /// Whether OpenSSH loads a file.
    fn ssh_loads(bytes: &[u8], folder: &Path) -> bool {
        let file = folder.join("asked");
        fs::write(&file, bytes).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
        let mut command = Command::new("ssh-keygen");
        command.args(["-y", "-P", "", "-f"]).arg(&file);
        command.output().expect("ssh-keygen runs").status.success()
    }

    fn key(folder: &Path, kind: &[&str]) -> Vec<u8> {
        let file = folder.join(kind.join(""));
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-N", ""])
            .args(kind)
            .arg("-f")
            .arg(&file);
        assert!(command.status().expect("ssh-keygen runs").success());
        fs::read(&file).expect("the key")
    }

    #[test]
    fn what_ssh_does_not_load_has_a_cause() {
        let folder = tempfile::tempdir().expect("a folder");
        for kind in [
            &["-t", "ed25519"] as &[&str],
            &["-t", "rsa", "-b", "2048", "-m", "PEM"],
            &["-t", "ecdsa", "-m", "PKCS8"],
        ] {
            let good = key(folder.path(), kind);
            assert!(ssh_loads(&good, folder.path()));
            assert_eq!(diagnose_bytes(&good), None);
            let text = String::from_utf8(good.clone()).expect("text");
            let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
            let trailing: String = text.lines().map(|line| format!("{line} \n")).collect();
            let public = fs::read(folder.path().join(format!("{}.pub", kind.join(""))));
            let mut refused = 0;
            for (bytes, word) in [
                (text.trim_end().as_bytes().to_vec(), "no line end"),
                (text.replace('\n', "\r\n").into_bytes(), "CRLF"),
                ([b"\xef\xbb\xbf", &*good].concat(), "byte order mark"),
                (format!("\n{text}").into_bytes(), "before `-----BEGIN`"),
                (indented.into_bytes(), "before `-----BEGIN`"),
                (trailing.into_bytes(), "end of its lines"),
                (text.as_bytes()[..text.len() / 2].to_vec(), "ends before"),
                (
                    text.lines().skip(1).collect::<String>().into_bytes(),
                    "does not begin",
                ),
                (public.expect("the public key"), "public key"),
                (b"\n".to_vec(), "empty"),
                (b"PuTTY-User-Key-File-3: ssh-ed25519\n".to_vec(), "PuTTY"),
                (
                    text.encode_utf16()
                        .fold(vec![0xff, 0xfe], |mut bytes, unit| {
                            bytes.extend(unit.to_le_bytes());
                            bytes
                        }),
                    "UTF-16",
                ),
            ] {
                // A file that ssh loads is never diagnosed.
                if ssh_loads(&bytes, folder.path()) {
                    continue;
                }
                refused += 1;
                let found =
                    diagnose_bytes(&bytes).unwrap_or_else(|| panic!("no cause: {word}, {kind:?}"));
                assert!(found.problem.contains(word), "{word}: {}", found.problem);
            }
            assert!(refused >= 6, "{refused} of {kind:?}");
        }
    }
}
