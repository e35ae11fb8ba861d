//! What was read of a machine: plain data, made from the records of one reply.

pub mod cluster;
pub mod tools;

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::frame::Record;

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation<T> {
    /// It is there, like this.
    Present(T),
    /// It is not there.
    Absent,
    /// It could not be seen, for this reason.
    Unknown(String),
}

impl<T> Observation<T> {
    /// The same of what is made of what is there.
    pub(crate) fn map<U>(&self, make: impl FnOnce(&T) -> U) -> Observation<U> {
        match self {
            Self::Present(observed) => Observation::Present(make(observed)),
            Self::Absent => Observation::Absent,
            Self::Unknown(reason) => Observation::Unknown(reason.clone()),
        }
    }
}

/// The records of one probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section(Vec<(String, Vec<u8>)>);

impl Section {
    /// From keys and values; a key may come several times.
    pub fn new(entries: Vec<(String, Vec<u8>)>) -> Self {
        Self(entries)
    }

    /// Whether the probe reported nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first value of a key, as text; bytes that are no UTF-8 are replaced.
    pub fn get(&self, key: &str) -> Option<String> {
        self.all(key).next()
    }

    /// All values of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = String> + 'a {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The first value of a key, as a number.
    pub fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.get(key)?.trim().parse().ok()
    }

    /// Whether a key is `yes`.
    pub fn says_yes(&self, key: &str) -> bool {
        self.get(key).as_deref() == Some("yes")
    }

    /// A file's bytes: as they are under `KEY_text`, else decoded from base64.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let text = self
            .0
            .iter()
            .find(|(k, _)| k.strip_suffix("_text") == Some(key));
        text.map(|(_, value)| value.clone())
            .or_else(|| STANDARD.decode(self.get(key)?.trim()).ok())
    }
}

/// The records of a whole reply, by section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply(BTreeMap<String, Section>);

impl Reply {
    /// Sorts records into their sections.
    pub fn new(records: Vec<Record>) -> Self {
        let mut sections = BTreeMap::<String, Section>::new();
        for record in records {
            let name = percent_decode_str(&record.section).decode_utf8_lossy();
            sections
                .entry(name.into_owned())
                .or_default()
                .0
                .push((record.key, record.value));
        }
        Self(sections)
    }

    /// Files that killed applies left behind.
    pub fn leftovers(&self) -> BTreeSet<String> {
        let sections = self.0.values();
        sections
            .flat_map(|section| section.all("leftover").collect::<Vec<_>>())
            .collect()
    }

    /// The records of an address, or of the `host`; empty when the reply has none.
    pub fn section(&self, name: &str) -> Section {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

/// What is true of a machine and an account, whatever the spec asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// The account that we are.
    pub account: Account,
    /// The operating system.
    pub os: Os,
    /// Who the machine is.
    pub identity: Identity,
    /// What no other machine has until this one is booted again; `None`: it does not tell.
    #[serde(skip)]
    pub machine: Option<Machine>,
    /// Free space in the home's file system, in KiB. Informs; in no digest.
    pub disk_free_kib: Option<u64>,
    /// Memory, in KiB. Informs; in no digest.
    pub memory_total_kib: Option<u64>,
    /// Memory that a new process could have, in KiB. Informs; in no digest.
    pub memory_available_kib: Option<u64>,
    /// How many seconds its clock is ahead of that of the machine that asked (behind: negative).
    /// Informs; in no digest.
    pub skew_seconds: Option<i64>,
    /// Which of the commands that steps use are there.
    pub tools: BTreeSet<String>,
    /// Which of those that some step cannot do without are not there. Informs; in no digest.
    pub missing_tools: BTreeSet<String>,
    /// Who holds the lock of an apply, if anybody does.
    pub lock_holder: Option<String>,
    /// What a fresh terminal of the account sees.
    pub login: Observation<LoginShell>,
    /// Where its start files end when it never gets to a prompt.
    #[serde(skip)]
    pub login_end: Option<LoginEnd>,
}

/// The account on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its name (`id -un`).
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// `$HOME`.
    pub home: String,
    /// Its login shell, from passwd.
    pub shell: String,
}

/// From `/etc/os-release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Os {
    /// `ID`, such as `amzn` or `debian`.
    pub id: String,
    /// `VERSION_ID`.
    pub version: String,
    /// `PRETTY_NAME`.
    pub name: String,
    /// `uname -m`.
    pub arch: String,
    /// The package manager that is used.
    pub package_manager: Option<PackageManager>,
}

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// `dnf`.
    Dnf,
    /// `yum`.
    Yum,
    /// `apt-get`.
    AptGet,
}

impl PackageManager {
    /// The command's name.
    pub fn command(self) -> &'static str {
        match self {
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::AptGet => "apt-get",
        }
    }
}

/// What tells one machine from another behind the same address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// sshd's public host keys, type and base64, sorted.
    pub host_keys: Vec<String>,
    /// The EC2 instance: what the hypervisor tells it (`board_asset_tag` of its DMI table, on Nitro
    /// machines), or what cloud-init was told; else the one that it was looked up as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

/// Identifies a machine under whatever name: its machine id, the kernel's
/// `/proc/sys/kernel/random/boot_id`, and the device and inode of its root folder, which differ between
/// containers of one kernel and image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine(String);

/// What a fresh terminal of the account sees, as its login shell printed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoginShell {
    /// `$CLASSPATH`, when it is exported and not empty.
    pub classpath: Option<String>,
    /// `$JAVA_HOME`, when it is exported and not empty.
    pub java_home: Option<String>,
    /// What `command -v java` finds.
    pub java: Option<String>,
    /// What is exported of the variables that were asked for; an empty one is there, too.
    #[serde(skip)]
    pub variables: BTreeMap<String, String>,
    /// The shell answered only without `-i`.
    pub not_interactive: bool,
    /// A line of a start file, `LINE FILE`, that asks for a terminal, where the host had no means to
    /// give it one.
    #[serde(skip)]
    pub terminal_test: Option<String>,
}

/// Where the start files of a login shell end when it never gets to its prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginEnd {
    /// They were still busy after so many seconds.
    pub late: Option<u64>,
    /// The line, the command if it is one of a few that end a shell (else `-`), and the file; only
    /// bash says it.
    pub at: Option<(u32, String, String)>,
}

impl LoginEnd {
    fn read(section: &Section) -> Option<Self> {
        let late = section.number("login_late");
        if late.is_none() && !section.says_yes("login_gone") {
            return None;
        }
        let at = section.get("login_at").and_then(|at| {
            let mut words = at.splitn(3, ' ');
            let line = words.next()?.parse().ok()?;
            Some((line, words.next()?.to_owned(), words.next()?.to_owned()))
        });
        Some(Self { late, at })
    }

    /// The file and the line, as people write them.
    pub fn place(&self, host: &Host) -> Option<String> {
        let (line, _, file) = self.at.as_ref()?;
        Some(format!("{}, line {line}", host.shorten(file)))
    }

    /// What happens there, in one sentence.
    pub fn reason(&self, host: &Host) -> String {
        let shell = &host.account.shell;
        let command = self.at.as_ref().map(|(_, command, _)| command.as_str());
        match (self.place(host), self.late, command) {
            (Some(place), Some(_), Some("read")) => {
                format!("a terminal waits for an answer at {place} (`read`)")
            }
            (Some(place), _, Some("exec")) => {
                format!("a terminal goes to another program at {place} (`exec`)")
            }
            (Some(place), Some(late), _) => {
                format!("the start files took longer than {late} s: they were at {place}")
            }
            (Some(place), None, Some(command @ ("exit" | "logout"))) => {
                format!("a terminal ends at {place} (`{command}`)")
            }
            (Some(place), None, _) => {
                format!("the login shell {shell} ends in its start files, at {place}")
            }
            (None, Some(late), _) => format!(
                "the login shell {shell} was not ready within {late} s: look at its start files"
            ),
            (None, None, _) => format!(
                "the login shell {shell} ran no command in a terminal: look at its start files"
            ),
        }
    }

    /// The help.
    pub fn help(&self, host: &Host) -> String {
        let execs = matches!(&self.at, Some((_, command, _)) if command == "exec");
        match (self.place(host), self.late) {
            (_, Some(_)) if !execs => {
                "`--timeout` gives them longer; what waits for ever has to go".into()
            }
            (Some(place), _) => format!(
                "look at {place}: what is written after it counts in no terminal; take the line \
                 away, or set what the spec wants by hand where the terminal ends up"
            ),
            (None, _) => "log in to the machine and see where it ends".into(),
        }
    }
}

impl Host {
    /// Reads the section `host` of a reply.
    pub fn read(section: &Section) -> Self {
        let text = |key| section.get(key).unwrap_or_default();
        let some = |key| section.get(key).filter(|value| !value.is_empty());
        let tools: BTreeSet<String> = section.all("tool").collect();
        // yum is a link to dnf where both are there; the name that the documentation of the
        // distribution uses reads better, and either works.
        let package_manager = [
            ("apt-get", PackageManager::AptGet),
            ("yum", PackageManager::Yum),
            ("dnf", PackageManager::Dnf),
        ]
        .into_iter()
        .find_map(|(tool, manager)| tools.contains(tool).then_some(manager));
        let mut host_keys: Vec<String> = section
            .all("host_key")
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some(format!("{} {}", words.next()?, words.next()?))
            })
            .collect();
        host_keys.sort();
        let login_end = LoginEnd::read(section);
        let login = match section.get("login_failed") {
            Some(reason) => Observation::Unknown(reason),
            None => Observation::Present(LoginShell {
                classpath: some("login_classpath"),
                java_home: some("login_java_home"),
                java: some("login_java"),
                variables: section
                    .all("login_variable")
                    .filter_map(|line| line.split_once('=').map(|(k, v)| (k.into(), v.into())))
                    .collect(),
                not_interactive: section.says_yes("login_not_interactive"),
                terminal_test: some("login_terminal_test"),
            }),
        };
        let mut host = Self {
            account: Account {
                user: text("user"),
                uid: section.number("uid").unwrap_or(u32::MAX),
                home: text("home"),
                shell: text("shell"),
            },
            os: Os {
                id: text("os_id"),
                version: text("os_version"),
                name: text("os_name"),
                arch: text("arch"),
                package_manager,
            },
            identity: Identity {
                machine_id: some("machine_id"),
                host_keys,
                instance_id: some("instance_id").filter(|id| is_instance_id(id)),
            },
            machine: some("machine_id")
                .zip(some("machine"))
                .map(|(id, boot)| Machine(format!("{id} {boot}"))),
            disk_free_kib: section.number("disk_free_kib"),
            memory_total_kib: section.number("memory_total_kib"),
            memory_available_kib: section.number("memory_available_kib"),
            skew_seconds: None,
            tools,
            missing_tools: section.all("lacks").collect(),
            lock_holder: section.get("lock_holder"),
            login,
            login_end,
        };
        if let Some(end) = &host.login_end {
            host.login = Observation::Unknown(end.reason(&host));
        }
        host
    }

    /// The login shell's report; nothing where its start files end, which is blocked with the place.
    ///
    /// # Errors
    /// The reason why it is not known.
    pub fn login_shell(&self) -> Result<Option<&LoginShell>, String> {
        match &self.login {
            Observation::Present(login) => Ok(Some(login)),
            _ if self.login_end.is_some() => Ok(None),
            Observation::Unknown(reason) => Err(reason.clone()),
            Observation::Absent => Err("the login shell said nothing".into()),
        }
    }

    /// A symbolic path (`~/…`) as the machine has it.
    pub fn expand(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", self.account.home.trim_end_matches('/'))
            }
            _ => path.to_owned(),
        }
    }

    /// A path as people write it: `~` for the account's home.
    pub(crate) fn shorten(&self, path: &str) -> String {
        match path.strip_prefix(self.account.home.trim_end_matches('/')) {
            Some(rest) if !self.account.home.is_empty() && rest.starts_with('/') => {
                format!("~{rest}")
            }
            _ => path.to_owned(),
        }
    }
}

/// Whether a text is the id of an EC2 instance: `i-` and 8 or 17 hexadecimal digits.
pub(crate) fn is_instance_id(text: &str) -> bool {
    let hexadecimal = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    text.strip_prefix("i-")
        .is_some_and(|id| matches!(id.len(), 8 | 17) && id.chars().all(hexadecimal))
}
