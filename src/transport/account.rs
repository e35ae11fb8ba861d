//! The account that trueup runs as, as passwd has it.

use std::{io, path::PathBuf, process::Command};

/// An entry of passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub home: PathBuf,
    pub shell: String,
}

/// The effective user's entry: from the file, else from `getent` (LDAP, SSSD).
pub(super) fn account() -> io::Result<Account> {
    // Not the owner of /proc/self, which is root for a process that is not dumpable.
    let uid = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if let Some(account) = find(&passwd, uid) {
        return Ok(account);
    }
    let output = Command::new("getent")
        .args(["passwd", &uid.to_string()])
        .output()?;
    find(&String::from_utf8_lossy(&output.stdout), uid)
        .ok_or_else(|| io::Error::other(format!("passwd has no entry for user id {uid}")))
}

fn find(passwd: &str, uid: u32) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        let home = fields.nth(2)?;
        let shell = fields.next().unwrap_or_default();
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        (id == uid).then(|| Account {
            name: name.to_owned(),
            home: PathBuf::from(home),
            shell: shell.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_number() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\n+nis\nec2-user:x:1000:1000::/home/ec2-user:\n";
        let account = find(passwd, 1000).expect("there");
        assert_eq!(account.name, "ec2-user");
        assert_eq!(account.home, PathBuf::from("/home/ec2-user"));
        assert_eq!(account.shell, "/bin/sh");
        assert_eq!(find(passwd, 7), None);
    }
}
