//! `client/classpath`: `CLASSPATH` of a fresh login shell names the auth jar before any other.

use serde::Serialize;

use super::{
    Change, Effect, Kind, Probe, TextChange, Verdict, Work,
    managed::{Managed, PathKind},
};
use crate::{
    action::{self, Action},
    facts::{Host, Login, Observation, Section},
    script,
    spec::types::StartFile,
};

/// What our block in a start file is called.
const MARKER: &str = "CLASSPATH";

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Classpath {
    /// The jar that comes first, symbolic.
    pub jar: String,
    /// The start file that takes the block.
    pub place: StartFile,
}

/// What a fresh shell sees, and the file that would be edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// What is compared: entries of `$CLASSPATH` that are, or stand for, an auth jar, and whether
    /// that is the wanted one. A folder's entry stands for the wanted jar only once that is there,
    /// and links resolve only once their folders are: both are for other addresses to change.
    #[serde(rename = "jars")]
    pub compared: Vec<(String, bool)>,
    /// The same entries, in their order, with the jar that each stands for, its links resolved.
    #[serde(skip)]
    jars: Vec<(String, String)>,
    /// The wanted jar, with links resolved.
    #[serde(skip)]
    wanted: String,
    #[serde(skip)]
    whole: Option<String>,
    #[serde(skip)]
    lines: Vec<StartLine>,
    #[serde(skip)]
    content: Vec<u8>,
    #[serde(skip)]
    never_read: Option<String>,
    #[serde(skip)]
    path: Managed,
}

/// A line of a start file that has to do with `CLASSPATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StartLine {
    file: String,
    line: usize,
    text: String,
}

/// The file, what the login shell would read, and the entries that matter. The lines that grep
/// finds only explain; what counts is what the shell said.
const PROBE: Probe = Probe {
    function: "probe_classpath",
    text: r#"
probe_classpath() {
  login_file=
  for name in .bash_profile .bash_login .profile; do
    if [ -r "$HOME/$name" ]; then login_file=$HOME/$name; break; fi
  done
  case $1 in
    bashrc) file=$HOME/.bashrc ;;
    *) file=${login_file:-$HOME/.profile} ;;
  esac
  case ${ACCOUNT_SHELL##*/} in
    bash)
      if [ "$1" = bashrc ]; then
        # A file that sources something we cannot follow may read it all the same.
        if [ -z "$login_file" ]; then say never_read "there is no ~/.bash_profile and no ~/.profile that would source it"
        elif ! grep -q -e bashrc -e '^[[:space:]]*\. ' -e '^[[:space:]]*source ' -- "$login_file"; then say never_read "$login_file does not source it"
        fi
      fi ;;
    sh|dash|ash|ksh) if [ "$1" = bashrc ]; then say never_read "the login shell is $ACCOUNT_SHELL"; elif [ "$file" != "$HOME/.profile" ]; then file=$HOME/.profile; fi ;;
    *) say never_read "the login shell is $ACCOUNT_SHELL" ;;
  esac
  say file "$file"
  path_facts "$file"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  grep -n -s CLASSPATH -- /etc/environment /etc/profile /etc/profile.d/*.sh /etc/bashrc /etc/bash.bashrc "$HOME/.bash_profile" \
    "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.bash_aliases" | head -n 50 |
    while IFS= read -r line; do say line "$line"; done
  at "$2"; resolve "$R"; say wanted "$R"
  rest=$L_CLASSPATH:
  set -f
  while [ -n "$rest" ]; do
    entry=${rest%%:*}; rest=${rest#*:}
    case $entry in
      */aws-msk-iam-auth*.jar) resolve "$entry"; say jar "$entry$NEWLINE$R" ;;
      */\*|\*)
        set +f
        for jar in "${entry%\*}"aws-msk-iam-auth*.jar; do
          if [ -f "$jar" ]; then resolve "$jar"; say jar "$entry$NEWLINE$R"; fi
        done
        set -f ;;
    esac
  done
  set +f
  # Last, because a pipe's records would otherwise be told apart by nothing.
  say classpath "$L_CLASSPATH"
}
"#,
    after_login: true,
};

impl Classpath {
    /// The block's lines: the jar first, and not twice however often the file is read.
    fn lines(&self, jar: &str) -> Option<Vec<String>> {
        let jar = script::quote(jar).ok()?;
        Some(vec![
            format!(
                "case \":${{CLASSPATH-}}:\" in :{jar}:*) ;; *) CLASSPATH={jar}${{CLASSPATH:+:$CLASSPATH}} ;; esac"
            ),
            "export CLASSPATH".into(),
        ])
    }
}

impl Kind for Classpath {
    type Observed = Observed;

    fn address(&self) -> &'static str {
        "client/classpath"
    }

    fn requires(&self) -> &'static [&'static str] {
        &["client/msk_iam_auth"]
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let place = match self.place {
            StartFile::Bashrc => "bashrc",
            StartFile::Profile | StartFile::ProfileD | StartFile::Environment => "profile",
        };
        vec![place.into(), self.jar.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let Observation::Present(Login { classpath, .. }) = &host.login else {
            let Observation::Unknown(reason) = &host.login else {
                return Observation::Unknown("the login shell said nothing".into());
            };
            return Observation::Unknown(reason.clone());
        };
        let read = Managed::read_file(records, host)
            .and_then(|path| path.content(records, host).map(|content| (path, content)));
        let (path, content) = match read {
            Ok(read) => read,
            Err(reason) => return Observation::Unknown(reason),
        };
        let Some(wanted) = records.get("wanted") else {
            return Observation::Unknown("the host said nothing of the start file".into());
        };
        let jars: Vec<(String, String)> = records
            .all("jar")
            .filter_map(|line| {
                // A path may hold blanks; the reply of a test has none.
                let (entry, real) = line.split_once('\n').or_else(|| line.split_once(' '))?;
                Some((entry.to_owned(), real.to_owned()))
            })
            .collect();
        Observation::Present(Observed {
            compared: jars
                .iter()
                .map(|(entry, real)| (entry.clone(), *real == wanted))
                .filter(|(entry, is_wanted)| !(*is_wanted && entry.ends_with('*')))
                .collect(),
            jars,
            wanted,
            whole: classpath.clone(),
            lines: records
                .all("line")
                .filter_map(|line| {
                    let mut parts = line.splitn(3, ':');
                    Some(StartLine {
                        file: parts.next()?.to_owned(),
                        line: parts.next()?.parse().ok()?,
                        text: parts.next()?.trim().to_owned(),
                    })
                })
                .collect(),
            content,
            never_read: records.get("never_read"),
            path,
        })
    }

    fn differ(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        let Some(observed) = observed else {
            unreachable!("`read` gives what is at the place, also when nothing is")
        };
        if is_right(&observed.jars, &observed.wanted) {
            return Verdict::InPlace;
        }
        let jar = host.expand(&self.jar);
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        // Our own block's line has the guard; it is never what is in the way.
        let winner = observed.lines.iter().rev().find(|line| {
            let text = &line.text;
            !text.starts_with('#') && !text.contains("${CLASSPATH-}") && text.contains("CLASSPATH=")
        });
        let place = winner
            .map(|line| format!(" in {}, line {},", host.shorten(&line.file), line.line))
            .unwrap_or_default();
        let now = match (observed.jars.first(), &observed.whole) {
            (Some((entry, real)), _) if *real == observed.wanted => {
                format!("`{entry}` in `CLASSPATH` stands for several auth jars")
            }
            (Some((_, real)), _) => format!("`CLASSPATH`{place} names {}", name(real)),
            (None, Some(_)) => format!("`CLASSPATH`{place} names no auth jar"),
            (None, None) => "a fresh shell has no `CLASSPATH`".into(),
        };
        let reason = format!("{now}; the spec wants {}", name(&jar));
        let shown = host.shorten(&observed.path.real);
        if let Some(why) = &observed.never_read {
            let why = host_paths(why, host);
            return Verdict::Blocked {
                reason: format!("{reason}; a login shell never reads {shown}: {why}"),
                help: match self.place {
                    StartFile::Bashrc => "`classpath: { in: profile }`".into(),
                    _ => "set CLASSPATH by hand in a file that this shell reads".into(),
                },
            };
        }
        let Some(lines) = self.lines(&jar) else {
            return Verdict::Blocked {
                reason: "the jar's path holds a NUL byte".into(),
                help: "name another `home`".into(),
            };
        };
        if action::ends_with_block(&observed.content, MARKER, &lines) {
            return Verdict::Blocked {
                reason: format!(
                    "{reason}; our block is the end of {shown}, and something read later wins"
                ),
                help: match winner {
                    Some(line) => format!(
                        "look at {}, line {}: {}",
                        host.shorten(&line.file),
                        line.line,
                        line.text
                    ),
                    None => "look for CLASSPATH in what the start files source".into(),
                },
            };
        }
        if observed.path.kind == PathKind::Other || observed.path.kind == PathKind::Dir {
            return Verdict::Blocked {
                reason: format!("`{shown}` is there and is no plain file"),
                help: "move it away".into(),
            };
        }
        if let Some(blocked) = observed.path.blocked(&format!("`{shown}`"), host) {
            return blocked;
        }
        let after = action::edit_block(&observed.content, MARKER, &lines);
        let mut work = Work::new(
            Effect::on(observed.whole.is_some()),
            reason,
            vec![Change::shown(
                "CLASSPATH",
                observed.jars.first().map(|(entry, _)| entry.as_str()),
                Some(&jar),
            )],
            vec![Action::EditBlock {
                path: observed.path.real.clone(),
                marker: MARKER.into(),
                lines,
            }],
        );
        work.text = Some(TextChange {
            path: shown,
            before: String::from_utf8_lossy(&observed.content).into_owned(),
            after: String::from_utf8_lossy(&after).into_owned(),
        });
        work.verdict()
    }
}

/// The wanted jar is an entry, and no other auth jar comes before it or, in a folder that one entry
/// stands for (`DIR/*`, which Java reads in no certain order), beside it.
fn is_right(jars: &[(String, String)], wanted: &str) -> bool {
    let Some(at) = jars.iter().position(|(_, real)| real == wanted) else {
        return false;
    };
    let entry = &jars[at].0;
    jars.iter()
        .enumerate()
        .all(|(other, (its_entry, real))| real == wanted || (other > at && its_entry != entry))
}

/// Paths of the account inside a sentence from the host, as people write them.
fn host_paths(sentence: &str, host: &Host) -> String {
    sentence.replace(
        &format!("{}/", host.account.home.trim_end_matches('/')),
        "~/",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(jars: &[(&str, &str)]) -> bool {
        let jars: Vec<_> = jars
            .iter()
            .map(|(e, r)| ((*e).to_owned(), (*r).to_owned()))
            .collect();
        is_right(&jars, "/l/new.jar")
    }

    #[test]
    fn the_wanted_jar_comes_before_any_other() {
        assert!(right(&[("/l/new.jar", "/l/new.jar")]));
        assert!(right(&[
            ("/l/new.jar", "/l/new.jar"),
            ("/l/old.jar", "/l/old.jar")
        ]));
        assert!(right(&[
            ("/link/new.jar", "/l/new.jar"),
            ("/l/*", "/l/new.jar"),
            ("/l/*", "/l/old.jar")
        ]));
        assert!(right(&[("/l/*", "/l/new.jar")]));
        assert!(!right(&[]));
        assert!(!right(&[
            ("/l/old.jar", "/l/old.jar"),
            ("/l/new.jar", "/l/new.jar")
        ]));
        assert!(!right(&[("/l/*", "/l/new.jar"), ("/l/*", "/l/old.jar")]));
    }
}
