//! Commands that steps run on a host, and the packages that have them.

use super::{Host, PackageManager};
use crate::action::{Action, Fetch};

/// What every step runs, whatever it does.
const ALWAYS: [&str; 6] = ["flock", "setsid", "mktemp", "stat", "sed", "sha256sum"];

/// What unpacking runs beside a download's own.
const UNPACK: [&str; 6] = ["tar", "gzip", "find", "xargs", "awk", "cmp"];

/// What an archive is unpacked by beside tar, or in its place: by its name's end.
pub(crate) fn unpacker(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    match end.to_ascii_lowercase().as_str() {
        "gz" | "tgz" => Some("gzip"),
        "bz2" | "tbz" | "tbz2" => Some("bzip2"),
        "xz" | "txz" => Some("xz"),
        "zip" => Some("unzip"),
        _ => None,
    }
}

/// Commands that an action needs and a host lacks; `curl or wget` where either would do.
pub fn lacking(actions: &[Action], host: &Host) -> Vec<String> {
    let lacks = |tool: &str| host.missing_tools.contains(tool);
    let mut needed: Vec<String> = Vec::new();
    let mut need = |tools: &[&str]| {
        let lacking = tools.iter().filter(|tool| lacks(tool));
        needed.extend(lacking.map(|tool| (*tool).to_owned()));
    };
    if !actions.is_empty() {
        need(&ALWAYS);
    }
    for action in actions {
        let fetch = match action {
            Action::Unpack { archive, .. } => {
                need(&UNPACK);
                archive
            }
            Action::Extract { archive, .. } => {
                // What it is packed by, its probe has looked for.
                need(&["find", "awk"]);
                if unpacker(&archive.path) != Some("unzip") {
                    need(&["tar"]);
                }
                archive
            }
            Action::Fetch(fetch) => fetch,
            _ => continue,
        };
        need(&[&format!("{}sum", fetch.algorithm.name())]);
    }
    let fetches = actions.iter().filter_map(|action| match action {
        Action::Unpack { archive: fetch, .. }
        | Action::Extract { archive: fetch, .. }
        | Action::Fetch(fetch) => Some(fetch),
        _ => None,
    });
    needed.extend(fetches.filter_map(|fetch| fetcher_lacking(fetch, lacks)));
    let mut found: Vec<String> = Vec::new();
    for tool in needed {
        if !found.contains(&tool) {
            found.push(tool);
        }
    }
    found
}

/// Only curl can promise that a download stays on https, and reads `file:`.
fn fetcher_lacking(fetch: &Fetch, lacks: impl Fn(&str) -> bool) -> Option<String> {
    let wget_will_do = fetch.digest.is_some() && !fetch.url.starts_with("file:");
    match (lacks("curl"), wget_will_do) {
        (false, _) => None,
        (true, true) => lacks("wget").then(|| "curl or wget".into()),
        (true, false) => Some("curl".into()),
    }
}

/// The package of a command; the three families of distributions agree on these names.
fn package(tool: &str, manager: Option<PackageManager>) -> &str {
    match tool {
        "xz" if manager == Some(PackageManager::AptGet) => "xz-utils",
        "find" | "xargs" => "findutils",
        "flock" | "setsid" => "util-linux",
        "awk" => "gawk",
        "cmp" => "diffutils",
        "curl or wget" => "curl",
        "tar" | "gzip" | "bzip2" | "xz" | "unzip" | "sed" | "curl" => tool,
        _ => "coreutils",
    }
}

/// How the missing commands are had: the line to run, or what to install.
pub(crate) fn way_out(tools: &[String], host: &Host) -> String {
    let manager = host.os.package_manager;
    let mut packages: Vec<&str> = tools.iter().map(|tool| package(tool, manager)).collect();
    packages.sort_unstable();
    packages.dedup();
    let packages = packages.join(" ");
    let sudo = if host.account.uid == 0 { "" } else { "sudo " };
    match manager.map(PackageManager::command) {
        Some(manager) => format!("on the host: {sudo}{manager} install -y {packages}"),
        None => format!("install on the host: {packages}"),
    }
}

/// `` `find`, `xargs` and `tar` ``.
pub(crate) fn in_words(tools: &[String]) -> String {
    let quoted: Vec<String> = tools
        .iter()
        .map(|tool| format!("`{}`", tool.replace(" or ", "` or `")))
        .collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Algorithm, Mode};

    fn host(lacks: &[&str]) -> Host {
        let mut host = crate::kinds::client::tests::host();
        host.missing_tools = lacks.iter().map(|tool| (*tool).to_owned()).collect();
        host
    }

    fn fetch(url: &str, digest: Option<&str>) -> Fetch {
        Fetch {
            url: url.into(),
            path: "/x/a.tgz".into(),
            digest: digest.map(str::to_owned),
            algorithm: Algorithm::Sha512,
            mode: Mode(0o600),
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let unpack = [Action::Unpack {
            archive: fetch("https://x/a.tgz", Some("00")),
            top: "a".into(),
            home: "/x/a".into(),
        }];
        let host = host(&["find", "xargs", "tar", "sha512sum", "wget", "zsh"]);
        let found = lacking(&unpack, &host);
        assert_eq!(found, ["tar", "find", "xargs", "sha512sum"]);
        assert_eq!(in_words(&found), "`tar`, `find`, `xargs` and `sha512sum`");
        assert_eq!(
            way_out(&found, &host),
            "on the host: sudo yum install -y coreutils findutils tar"
        );
        assert!(lacking(&[], &host).is_empty());
    }

    #[test]
    fn wget_will_do_where_the_spec_has_the_digest() {
        let lacks = |url, digest, tools: &[&str]| {
            lacking(&[Action::Fetch(fetch(url, digest))], &host(tools))
        };
        let https = "https://x/a.tgz";
        assert!(lacks(https, Some("00"), &["curl"]).is_empty());
        assert_eq!(lacks(https, None, &["curl"]), ["curl"]);
        assert_eq!(lacks("file:///x/a.tgz", Some("00"), &["curl"]), ["curl"]);
        assert_eq!(
            lacks(https, Some("00"), &["curl", "wget"]),
            ["curl or wget"]
        );
    }
}
