//! `client/java`: the JVM that a fresh login shell runs.

use serde::Serialize;

use super::{Change, Effect, Kind, Probe, Verdict, Work};
use crate::{
    action::Action,
    facts::{Host, Observation, PackageManager, Section},
};

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Java {
    /// Version; only the components given are compared.
    pub version: String,
    /// The package that has it, where the spec says.
    pub package: Option<String>,
}

/// What a fresh login shell runs, and what else is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// The JVM that counts: `$JAVA_HOME/bin/java`, else the `java` in PATH.
    pub effective: Option<Jvm>,
    /// `$JAVA_HOME`, where it is set.
    pub java_home: Option<String>,
    /// Other JVMs below `/usr/lib/jvm`.
    pub others: Vec<Jvm>,
}

/// One JVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jvm {
    /// Its home.
    pub home: String,
    /// Its version as it says itself (`1.8.0_504`, `17.0.15`); `None`: nobody could say.
    pub version: Option<String>,
}

/// Kafka's scripts take `$JAVA_HOME/bin/java` first, then the PATH. The version is read without
/// starting a JVM: the file `release` in its home or the folder above, else the package that owns
/// it (Debian's openjdk-8 has no `release`), else, at last, `java -version`.
const PROBE: Probe = Probe {
    function: "probe_java",
    text: r#"
probe_java() {
  if [ -n "$L_JAVA_HOME" ]; then java=$L_JAVA_HOME/bin/java; say java_home "$L_JAVA_HOME"; else java=$L_JAVA; fi
  if [ -n "$java" ] && [ -x "$java" ]; then
    real=$(readlink -f -- "$java")
    say home "${real%/bin/java}"
    java_version "$real"
    say version "$VERSION"
  else
    say absent yes
  fi
  for home in /usr/lib/jvm/*; do
    if [ -L "$home" ] || [ ! -d "$home" ]; then continue; fi
    if [ -x "$home/bin/java" ]; then other=$home
    elif [ -x "$home/jre/bin/java" ]; then other=$home/jre
    else continue
    fi
    java_release "$other"
    if [ -n "$VERSION" ] && [ "$other/bin/java" != "$real" ]; then say other "$VERSION $other"; fi
  done
}
java_release() {
  VERSION=
  for release in "$1/release" "${1%/*}/release"; do
    if [ -r "$release" ]; then
      while IFS='=' read -r name value; do
        if [ "$name" = JAVA_VERSION ]; then value=${value#\"}; VERSION=${value%\"}; return 0; fi
      done <"$release"
    fi
  done
}
java_version() {
  java_release "${1%/bin/java}"
  if [ -z "$VERSION" ] && command -v rpm >/dev/null 2>&1; then
    VERSION=$(rpm -q --qf '%{VERSION}' -f "$1" 2>/dev/null) || VERSION=
  fi
  if [ -z "$VERSION" ] && command -v dpkg-query >/dev/null 2>&1; then
    package=$(dpkg-query -S "$1" 2>/dev/null) && VERSION=$(dpkg-query -W -f '${Version}' "${package%%: *}" 2>/dev/null) || VERSION=
  fi
  if [ -z "$VERSION" ]; then
    VERSION=$("$1" -version 2>&1 </dev/null | sed -n 's/.*version "\([^"]*\)".*/\1/p')
    VERSION=${VERSION%%"$NEWLINE"*}
  fi
}
"#,
    after_login: true,
};

impl Kind for Java {
    type Observed = Observed;

    fn address(&self) -> &'static str {
        "client/java"
    }

    fn requires(&self) -> &'static [&'static str] {
        &[]
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        if let Observation::Unknown(reason) = &host.login {
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
        if effective.is_none() && java_home.is_none() && others.is_empty() {
            return Observation::Absent;
        }
        Observation::Present(Observed {
            effective,
            java_home,
            others,
        })
    }

    fn differ(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        let wanted = |jvm: &&Jvm| {
            jvm.version
                .as_deref()
                .is_some_and(|version| matches(&self.version, version))
        };
        let effective = observed.and_then(|observed| observed.effective.as_ref());
        if effective.as_ref().is_some_and(wanted) {
            return Verdict::InPlace;
        }
        let java_home = observed.and_then(|observed| observed.java_home.as_deref());
        let now = match (effective, java_home) {
            (
                Some(Jvm {
                    home,
                    version: Some(version),
                }),
                _,
            ) => {
                format!("a fresh shell runs Java {version}, {home}")
            }
            (
                Some(Jvm {
                    home,
                    version: None,
                }),
                _,
            ) => {
                format!("a fresh shell runs {home}/bin/java, whose version nobody could tell")
            }
            (None, Some(home)) => format!("`JAVA_HOME` is {home}, where no java is"),
            (None, None) => "a fresh shell finds no java".into(),
        };
        let reason = format!("{now}; the spec wants {}", self.version);
        if let Some(other) = observed.and_then(|observed| observed.others.iter().find(wanted)) {
            return Verdict::Blocked {
                reason: format!("{reason}, which is there: {}", other.home),
                help: format!(
                    "add this line to the end of ~/.bashrc: export JAVA_HOME={}",
                    other.home
                ),
            };
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
                help: format!("install Java {} by hand", self.version),
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
        if host.account.uid != 0 && !host.tools.contains("sudo") {
            return Verdict::Blocked {
                reason: format!(
                    "{reason}; `{}` needs root, and sudo is not there",
                    manager.command()
                ),
                help: format!(
                    "install {package} as root, or give {} sudo",
                    host.account.user
                ),
            };
        }
        let mut work = Work::new(
            Effect::on(effective.is_some()),
            reason,
            vec![
                Change::shown(
                    "version",
                    effective.and_then(|jvm| jvm.version.as_deref()),
                    Some(&self.version),
                ),
                // Where a package puts it, and whether it becomes the shell's own, shows only then.
                Change::known_after(
                    "home",
                    effective.map(|jvm| jvm.home.as_str()),
                    self.address(),
                ),
            ],
            vec![Action::InstallPackage {
                manager,
                package: package.clone(),
            }],
        );
        work.notes
            .push(format!("install  {package}, with {}", manager.command()));
        if effective.is_some() {
            work.warning = Some(
                "another Java is in place; whether the new one becomes the shell's own is up to \
                 the distribution's alternatives"
                    .into(),
            );
        }
        work.verdict()
    }
}

impl Java {
    /// The package that a distribution has for the version. From the distributions' own lists:
    /// Amazon Linux 2023 has Corretto alone (amazonlinux/container-images#94).
    fn package_for(&self, host: &Host, manager: PackageManager) -> Option<String> {
        if let Some(package) = &self.package {
            return Some(package.clone());
        }
        let major = *components(&self.version).first()?;
        let os = (host.os.id.as_str(), host.os.version.as_str());
        Some(match (os, manager, major) {
            (_, PackageManager::AptGet, _) => format!("openjdk-{major}-jre-headless"),
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
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_the_components_given() {
        for (wanted, found) in [
            ("8", "1.8.0_504"),
            ("1.8.0", "1.8.0_504"),
            ("1.8", "1.8.0.504.b08"),
            ("1.8.0", "8u504-ga-1"),
            ("1.8.0", "1:8u504-ga-1"),
            ("17", "17.0.15"),
            ("17.0", "17.0.15+6-1~deb12u1"),
            ("21", "21"),
        ] {
            assert!(matches(wanted, found), "{wanted} {found}");
        }
        for (wanted, found) in [
            ("8", "17.0.1"),
            ("1.8.0", "11.0.2"),
            ("17.0.2", "17.0.15"),
            ("1", "17"),
            ("", "17"),
            ("x", "17"),
        ] {
            assert!(!matches(wanted, found), "{wanted} {found}");
        }
    }
}
