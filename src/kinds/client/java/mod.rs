//! `client/java`: the JVM that a fresh login shell runs.

mod jvm;
mod spec;

use serde::Serialize;

use crate::{
    action::Action,
    facts::{Host, Observation, PackageManager, Section},
    kinds::{
        Address, Change, Effect, Fields, Kind, Probe, Verdict, Work,
        start_file::{self, Block},
    },
    script,
    spec::types::StartFile,
};

pub(crate) use jvm::{Jvm, Unfinished};
pub use spec::Java;

/// The Java of a login shell.
pub const ADDRESS: Address = Address::of("client/java");

/// What our block in a start file is called.
const MARKER: &str = "JAVA_HOME";

/// What the spec wants, and where it says more of it.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// The version, and the package.
    pub java: Java,
    /// The start file that takes a block, where another Java comes first.
    pub place: StartFile,
}

/// What a fresh login shell runs, and what else is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The JVM that counts: `$JAVA_HOME/bin/java`, else the `java` in PATH.
    pub effective: Option<Jvm>,
    /// `$JAVA_HOME`, where it is set.
    pub java_home: Option<String>,
    /// Other JVMs below `/usr/lib/jvm`.
    pub others: Vec<Jvm>,
    /// Links below `/usr/lib/jvm`, and the JVM's home that each leads to.
    links: Vec<(String, String)>,
    /// The start file that would take the block.
    file: Option<Result<start_file::Observed, String>>,
    /// Other start files with a block for `JAVA_HOME`, which goes.
    left: Vec<String>,
    /// Of its packages, those that dpkg has not come to an end with.
    unfinished: Vec<Unfinished>,
}

/// Kafka's scripts take `$JAVA_HOME/bin/java` first, then the PATH. The version is read without
/// starting a JVM: the file `release` in its home or the folder above, else the package that owns
/// it (Debian's openjdk-8 has no `release`), else, at last, `java -version`. What acts by the name it
/// is called by was asked in the login shell (`L_JVM_…`). Where the version is not the wanted one:
/// what else is there, and the start file. A JVM whose package was unpacked and not configured (the
/// machine was switched off, a script of the package failed) starts, and trusts no certificate: dpkg's own
/// records tell, what it was at (`updates`) last.
const PROBE: Probe = Probe {
    function: "probe_java",
    texts: &[start_file::LINES, include_str!("probe.sh")],
    after_login: true,
};

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        ADDRESS
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let wanted: Vec<String> = components(&self.java.version)
            .iter()
            .map(u64::to_string)
            .collect();
        let package = self.java.package.clone();
        vec![
            wanted.join("."),
            start_file::argument(self.place).into(),
            // Others do not tell, or only root.
            package.or_else(|| self.debians()).unwrap_or_default(),
        ]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        if let Observation::Unknown(reason) = &host.login
            && host.login_end.is_none()
        {
            return Observation::Unknown(reason.clone());
        }
        let version = |text: String| Some(text).filter(|text| !components(text).is_empty());
        let effective = records.get("home").map(|home| Jvm {
            home,
            version: records.get("version").and_then(version),
        });
        let others: Vec<Jvm> = records
            .all("other")
            .filter_map(|line| {
                let (found, home) = line.split_once(' ')?;
                Some(Jvm {
                    home: home.into(),
                    version: version(found.into()),
                })
            })
            .collect();
        let java_home = records.get("java_home");
        let links = records
            .all("jvm_link")
            .filter_map(|line| {
                line.split_once(' ')
                    .map(|(l, h)| (l.to_owned(), h.to_owned()))
            })
            .collect();
        let file = records
            .get("kind")
            .map(|_| start_file::Observed::read(records, host));
        if effective.is_none() && java_home.is_none() && others.is_empty() {
            return Observation::Absent;
        }
        Observation::Present(Observed {
            effective,
            java_home,
            others,
            links,
            left: file
                .iter()
                .flatten()
                .flat_map(start_file::Observed::left)
                .collect(),
            file,
            unfinished: unfinished(&records.get("dpkg").unwrap_or_default()),
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("effective", &observed.effective)
            .with("java_home", &observed.java_home)
            .with("others", &observed.others)
            .with_any("left", &observed.left)
            .with_any("unfinished", &observed.unfinished)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        self.compare(Some(observed), host)
    }

    fn absent(&self, host: &Host) -> Verdict {
        self.compare(None, host)
    }
}

impl Wanted {
    fn compare(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        if let Some(end) = &host.login_end {
            return end.blocked("the Java of a fresh shell", host);
        }
        let wanted = |jvm: &&Jvm| {
            jvm.version
                .as_deref()
                .is_some_and(|version| matches(&self.java.version, version))
        };
        let effective = observed.and_then(|observed| observed.effective.as_ref());
        let others = observed.map_or(&[][..], |observed| &observed.others);
        let there = effective
            .filter(wanted)
            .or_else(|| others.iter().find(wanted));
        if let Some(observed) = observed
            && there.is_some_and(|jvm| jvm.home.starts_with("/usr/lib/jvm/"))
            && let Some(unfinished) = observed.unfinished.first()
        {
            return self.finish(unfinished, host);
        }
        if effective.as_ref().is_some_and(wanted) {
            let moves = observed.and_then(|observed| self.moves(observed, host));
            return moves.unwrap_or(Verdict::InPlace);
        }
        let java_home = observed.and_then(|observed| observed.java_home.as_deref());
        let now = match (effective.map(|jvm| (&jvm.home, &jvm.version)), java_home) {
            (Some((home, Some(found))), _) => format!("a fresh shell runs Java {found}, {home}"),
            (Some((home, None)), _) => {
                format!("a fresh shell runs {home}/bin/java, whose version nobody could tell")
            }
            (None, Some(home)) => format!("`JAVA_HOME` is {home}, where no java is"),
            (None, None) => "a fresh shell finds no java".into(),
        };
        let reason = format!("{now}; the spec wants {}", self.java.version);
        if let Some(blocked) = host.without_terminal(&reason) {
            return blocked;
        }
        if let Some(observed) = observed
            && let Some(other) = observed.others.iter().find(wanted)
        {
            return self.prefer(observed, other, reason, host);
        }
        if java_home.is_some() {
            return Verdict::Blocked {
                reason,
                help: "`JAVA_HOME` wins over every package: remove it from the start files, or \
                       point it to the version that the spec wants"
                    .into(),
            };
        }
        let Some(manager) = host.os.package_manager else {
            return Verdict::Blocked {
                reason: format!("{reason}; none of apt-get, yum and dnf is there"),
                help: format!("install Java {} by hand", self.java.version),
            };
        };
        let package = match self.package_for(host, manager) {
            Some(package) => package,
            None => {
                return Verdict::Blocked {
                    reason: format!(
                        "{reason}; no package name is known for it on {}",
                        host.os.name
                    ),
                    help: "name the package: `java: { version: …, package: … }`".into(),
                };
            }
        };
        if let Some(blocked) = without_root(&reason, &package, manager, host) {
            return blocked;
        }
        let mut work = Work::new(
            Effect::on(effective.is_some()),
            reason,
            vec![
                Change::shown(
                    "version",
                    effective.and_then(|jvm| jvm.version.as_deref()),
                    Some(&self.java.version),
                ),
                // Where a package puts it, and whether it becomes the shell's own, shows only then.
                Change::known_after("home", effective.map(|jvm| jvm.home.as_str()), &ADDRESS),
            ],
            vec![Action::InstallPackage {
                manager,
                package: package.clone(),
            }],
        );
        work.notes
            .push(format!("install  {package}, with {}", manager.command()));
        let file = observed.and_then(|observed| observed.file.as_ref());
        let file = file.and_then(|file| file.as_ref().ok());
        if let (Some(_), Some(file)) = (effective, file) {
            let shown = file.shown(host);
            match file.obstacle("", start_file::or_elsewhere(self.place), host) {
                None => {
                    work.notes.push(format!(
                        "then     JAVA_HOME in {shown}, where the other Java stays the shell's own"
                    ));
                    work.follows = Some(file.follows(MARKER));
                }
                Some(_) => {
                    work.warning = Some(format!(
                        "another Java is in place, and may stay the shell's own; {shown} cannot \
                         take a line that sets `JAVA_HOME`"
                    ));
                }
            }
        }
        work.verdict()
    }
}

/// A package manager needs root.
fn without_root(
    reason: &str,
    package: &str,
    manager: PackageManager,
    host: &Host,
) -> Option<Verdict> {
    if host.account.uid == 0 || host.tools.contains("sudo") {
        return None;
    }
    let (command, user) = (manager.command(), &host.account.user);
    Some(Verdict::Blocked {
        reason: format!("{reason}; `{command}` needs root, and sudo is not there"),
        help: format!("install {package} as root, or give {user} sudo"),
    })
}

/// Packages that are not wholly installed, out of paragraphs of dpkg's records: the last one counts.
fn unfinished(records: &str) -> Vec<Unfinished> {
    let mut states: Vec<Unfinished> = vec![];
    let mut lines = records.lines();
    while let Some(line) = lines.next() {
        let Some(package) = line.strip_prefix("Package: ") else {
            continue;
        };
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("Status: install "));
        states.retain(|one| one.package != package);
        // What was removed, or is to be, is not meant to be whole.
        if let Some((_, state)) = status.and_then(|status| status.split_once(' ')) {
            states.push(Unfinished {
                package: package.into(),
                state: state.into(),
            });
        }
    }
    states.retain(|one| one.state != "installed");
    states
}

impl Wanted {
    /// Lets the package manager come to an end with what it began.
    fn finish(&self, unfinished: &Unfinished, host: &Host) -> Verdict {
        let Unfinished { package, state } = unfinished;
        let reason = format!(
            "{package} is {state}, not installed: dpkg was interrupted, or a script of the package failed"
        );
        let manager = PackageManager::AptGet;
        let Some(wanted) = self.package_for(host, manager) else {
            unreachable!("Debian's names follow from the version");
        };
        if let Some(blocked) = without_root(&reason, &wanted, manager, host) {
            return blocked;
        }
        let changes = vec![Change::shown(
            format!("package {package}"),
            Some(state),
            Some("installed"),
        )];
        let action = Action::InstallPackage {
            manager,
            package: wanted,
        };
        Work::new(Effect::Update, reason, changes, vec![action]).verdict()
    }

    /// Makes a JVM that is there the shell's own: `JAVA_HOME`, in a block of ours. The distribution's
    /// alternatives stay as they are: they are everybody's.
    fn prefer(&self, observed: &Observed, other: &Jvm, reason: String, host: &Host) -> Verdict {
        let home = self.stable_home(observed, &other.home);
        let reason = format!("{reason}, which is there: {home}");
        let by_hand =
            format!("add this line to the end of the start file by hand: export JAVA_HOME={home}");
        let file = match &observed.file {
            Some(Ok(file)) => file,
            Some(Err(why)) => {
                return Verdict::Blocked {
                    reason: format!("{reason}; {why}"),
                    help: by_hand,
                };
            }
            None => {
                return Verdict::Blocked {
                    reason,
                    help: by_hand,
                };
            }
        };
        let work = Work::new(
            Effect::on(observed.effective.is_some()),
            reason,
            vec![
                Change::shown(
                    "version",
                    observed
                        .effective
                        .as_ref()
                        .and_then(|jvm| jvm.version.as_deref()),
                    other.version.as_deref(),
                ),
                Change::shown("JAVA_HOME", observed.java_home.as_deref(), Some(&home)),
            ],
            vec![],
        );
        self.take(file, &home, work, host)
    }

    /// The block with a right `JAVA_HOME`, out of another start file.
    fn moves(&self, observed: &Observed, host: &Host) -> Option<Verdict> {
        let file = observed.file.as_ref()?.as_ref().ok()?;
        let home = observed.java_home.as_ref()?;
        let (reason, changes) = (file.moves(MARKER, host)?, vec![file.change_of_place(host)]);
        let work = Work::new(Effect::Update, reason, changes, vec![]);
        Some(self.take(file, home, work, host))
    }

    fn take(&self, file: &start_file::Observed, home: &str, work: Work, host: &Host) -> Verdict {
        let Ok(quoted) = script::quote(home) else {
            unreachable!("a path of the host's holds no NUL");
        };
        let block = Block {
            marker: MARKER,
            variable: MARKER,
            lines: vec![format!("export JAVA_HOME={quoted}")],
            place: self.place,
            or_elsewhere: start_file::or_elsewhere(self.place),
            winner: None,
        };
        file.take(block, work, host)
    }

    /// The shortest path to a JVM's home that an update of its package keeps: a link that has the
    /// wanted version in its name (the others move to other versions), else the home itself.
    fn stable_home(&self, observed: &Observed, home: &str) -> String {
        let versioned = |path: &str| {
            let name = path.strip_prefix("/usr/lib/jvm/").unwrap_or(path);
            name.split(|c: char| !c.is_ascii_digit() && c != '.')
                .any(|number| !components(number).is_empty() && matches(&self.java.version, number))
                || name
                    .split(|c: char| !c.is_ascii_digit() && c != '.')
                    .any(|number| {
                        let (wanted, named) = (components(&self.java.version), components(number));
                        !named.is_empty() && wanted.starts_with(&named)
                    })
        };
        observed
            .links
            .iter()
            .filter(|(link, real)| real == home && versioned(link))
            .map(|(link, _)| link.as_str())
            .chain([home])
            .min_by_key(|path| (path.len(), *path))
            .unwrap_or(home)
            .to_owned()
    }

    /// The package that Debian and what comes from it have for the version.
    fn debians(&self) -> Option<String> {
        let major = *components(&self.java.version).first()?;
        Some(format!("openjdk-{major}-jre-headless"))
    }

    /// The package that a distribution has for the version. From the distributions' own lists:
    /// Amazon Linux 2023 has Corretto alone (amazonlinux/container-images#94).
    fn package_for(&self, host: &Host, manager: PackageManager) -> Option<String> {
        if let Some(package) = &self.java.package {
            return Some(package.clone());
        }
        let major = *components(&self.java.version).first()?;
        let os = (host.os.id.as_str(), host.os.version.as_str());
        Some(match (os, manager, major) {
            (_, PackageManager::AptGet, _) => return self.debians(),
            (("amzn", "2"), _, 8) => "java-1.8.0-openjdk".into(),
            (("amzn", "2"), _, _) => format!("java-{major}-amazon-corretto-headless"),
            (("amzn", _), _, 8) => "java-1.8.0-amazon-corretto".into(),
            (("amzn", _), _, _) => format!("java-{major}-amazon-corretto-headless"),
            (_, _, 8) => "java-1.8.0-openjdk-headless".into(),
            (_, _, _) => format!("java-{major}-openjdk-headless"),
        })
    }
}

/// Whether a version has the components that are wanted: `8` and `1.8.0` both match `1.8.0_504`.
fn matches(wanted: &str, found: &str) -> bool {
    let wanted = components(wanted);
    !wanted.is_empty() && components(found).starts_with(&wanted)
}

/// A version's numbers, with Java 8's leading `1.` gone. Understands what JVMs, RPM (`1.8.0.504`)
/// and Debian (`1:8u504-ga-1`, `21.0.8+9-1`) call a version.
fn components(version: &str) -> Vec<u64> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let end = version.find(['+', '-', '~', ' ']).unwrap_or(version.len());
    let mut numbers: Vec<u64> = version[..end]
        .split(['.', '_', 'u'])
        .map_while(|part| part.parse().ok())
        .collect();
    if version.contains('u') && numbers.len() == 2 {
        // Debian's 8u504 is 1.8.0_504.
        numbers.insert(1, 0);
    }
    if numbers.first() == Some(&1) && numbers.len() > 1 {
        numbers.remove(0);
    }
    numbers
}

#[cfg(test)]
mod tests;
