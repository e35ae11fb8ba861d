//! Why a step failed, from the step's records and the spec.

use std::collections::BTreeMap;

use super::{holder::StepReply, outcome::Failure};
use crate::{
    action::Fetch,
    kinds::{
        Address,
        install::{NOTHING_GOES, TRY_BY_HAND},
    },
    spec::{Lines, Resolved},
    text::escape_control,
};

/// Where a spec says what, for messages that send people there.
#[derive(Debug, Clone)]
pub struct SpecPlaces {
    /// The specs, by host.
    paths: BTreeMap<String, String>,
    /// By host and address.
    lines: BTreeMap<(String, Address), Lines>,
}

impl SpecPlaces {
    /// The places of the specs' downloads.
    pub fn new(specs: &[Resolved]) -> Self {
        let mut lines = BTreeMap::new();
        let mut paths = BTreeMap::new();
        let hosts = specs
            .iter()
            .flat_map(|spec| spec.hosts.iter().map(move |host| (&spec.path, host)));
        for (path, host) in hosts {
            paths.insert(host.name.clone(), path.clone());
            for (address, of_keys) in &host.lines {
                let place = (host.name.clone(), address.clone());
                lines.insert(place, of_keys.clone());
            }
        }
        Self { paths, lines }
    }

    /// Without lines, of a plan that comes from a file: the specs' paths by host.
    pub(crate) fn without_lines(paths: BTreeMap<String, String>) -> Self {
        Self {
            paths,
            lines: BTreeMap::new(),
        }
    }

    /// ``check `url` and `sha256` in specs/a.yaml, lines 14 and 15``, as far as the spec has them.
    pub(super) fn check(&self, host: &str, address: &Address, keys: &[&str]) -> String {
        let lines = self.lines.get(&(host.to_owned(), address.clone()));
        let path = self.paths.get(host).map_or("the spec", String::as_str);
        let found = keys
            .iter()
            .filter_map(|key| lines?.get(*key).map(|line| (*key, *line)));
        let (keys, lines): (Vec<_>, Vec<_>) = found.unzip();
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let mut lines: Vec<String> = lines.iter().map(u32::to_string).collect();
        lines.dedup();
        let keys = keys.join(" and ");
        match lines.len() {
            0 => format!("look at `{address}` in {path}"),
            1 => format!("check {keys} in {path}, line {}", lines[0]),
            _ => format!("check {keys} in {path}, lines {}", lines.join(" and ")),
        }
    }
}

/// The failure of a download; `check` sends people to the spec's line.
pub(super) fn of_fetch(fetch: &Fetch, answer: &StepReply, check: String) -> Failure {
    let record = |key: &str| {
        answer
            .records
            .get(key)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let url = escape_control(&fetch.url);
    let key = fetch.algorithm.name();
    let bytes: u64 = record("bytes").parse().unwrap_or(0);
    let mut reasons = Vec::new();
    let mut help = check;
    let got = record("digest");
    // What failed when the download was checked already is no fault of the download.
    let is_right = fetch.digest.as_deref().is_some_and(|wanted| wanted == got);
    if !got.is_empty() && !is_right {
        match &fetch.digest {
            Some(wanted) => reasons.push(format!(
                "the download's {key} is {}…, the spec pins {}…",
                start(got),
                start(wanted)
            )),
            None => reasons.push(answer.failed.clone().unwrap_or_default()),
        }
        reasons.push(format!(
            "got {} of {}{}",
            count(bytes),
            kind(record("type")),
            web_page(record("start"))
        ));
        reasons.push(format!("from {url}"));
    } else if let Ok(code) = record("fetcher").parse::<i32>() {
        let (reason, way_out) = of_fetcher(code);
        reasons.push(format!("{reason}: {url}"));
        help = way_out.unwrap_or(help);
        let complaint = answer
            .log
            .lines()
            .rfind(|line| line.starts_with("curl:") || line.starts_with("wget:"));
        reasons.extend(complaint.map(str::to_owned));
    } else {
        return of_step(answer);
    }
    Failure {
        reasons,
        help: Some(help),
        ..Failure::default()
    }
}

/// The failure of an unpacking; `check` sends people to the spec's line.
pub(super) fn of_unpack(answer: &StepReply, check: String) -> Failure {
    let mut failure = of_step(answer);
    let of_archive = |reason: &String| reason.starts_with("the archive ");
    if failure.help.is_none() && failure.reasons.first().is_some_and(of_archive) {
        failure.help = Some(check);
    }
    failure
}

/// The failure of any other step.
pub(super) fn of_step(answer: &StepReply) -> Failure {
    let mut reasons = vec![answer.failed.clone().unwrap_or_else(|| "it failed".into())];
    // The step's own sentence is the log's last line, too.
    let log: Vec<&str> = answer
        .log
        .lines()
        .filter(|line| Some(*line) != answer.failed.as_deref())
        .collect();
    // dpkg's last lines only name the packages; why stands before them.
    let says_why = |line: &&str| line.starts_with("dpkg: ") && !line.starts_with("dpkg: warning");
    let first = log.iter().position(says_why);
    let first = first.unwrap_or(log.len().saturating_sub(3));
    reasons.extend(
        log.iter()
            .skip(first)
            .take(3)
            .map(|line| (*line).to_owned()),
    );
    let all = reasons.join("\n");
    let help = if all.contains("sum is not on the host") {
        Some("it is part of coreutils: install that on the host".to_owned())
    } else if all.contains("No space left on device") || all.contains("no room") {
        Some("make room on the host: `df -h` shows which file system is full".to_owned())
    } else if all.contains("Disk quota exceeded") {
        Some(
            "make room on the host, or have the account's quota raised: `quota` shows it"
                .to_owned(),
        )
    } else if all.contains("Read-only file system") {
        Some(
            "the host's file system can only be read: `dmesg` may tell since when and why; mount it anew, \
             or name another path in the spec"
                .to_owned(),
        )
    } else if all.contains("Input/output error") {
        Some("the host's disk fails: `dmesg` tells more; nothing was half written".to_owned())
    } else if all.contains("sudo asks for a password") || all.contains("sudo is not there") {
        Some(
            "give the account passwordless sudo for packages, or install the package by hand"
                .into(),
        )
    } else if all.contains("Permission denied") || all.contains("cannot write in") {
        Some(
            "the account needs to be able to write there; trueup uses sudo only for packages: name \
             another path in the spec, or give the account a folder of its own"
                .into(),
        )
    } else if all.contains("the package manager is busy") {
        Some("wait until it is done, or raise `--lock-timeout`".into())
    } else if all.contains("would remove") {
        Some(format!("nothing was done, and {NOTHING_GOES}"))
    } else if all.contains("could not install") {
        Some(TRY_BY_HAND.into())
    } else {
        None
    };
    Failure {
        reasons,
        help,
        ..Failure::default()
    }
}

/// What curl's exit status means (its manual, section "Exit codes"), and the way out where it is
/// another than the spec's `url`. wget's few codes agree on 4 (network) and 8 (the server said no).
fn of_fetcher(code: i32) -> (&'static str, Option<String>) {
    match code {
        6 => (
            "the host cannot resolve the server's name",
            Some("many instances have no way out: name a `url` that the host can reach".into()),
        ),
        4 | 7 => (
            "the host cannot connect to the server",
            Some("many instances have no way out: name a `url` that the host can reach".into()),
        ),
        8 | 22 => ("the server has no such file, or refuses it", None),
        18 => (
            "the download broke off",
            Some("run the command again".into()),
        ),
        23 => (
            "the host could not write the download",
            Some("make room on the host: `df -h` shows which file system is full".into()),
        ),
        28 | 124 | 137 => (
            "the download stalled",
            Some("run the command again, or name a nearer `url`".into()),
        ),
        35 | 51 | 53 | 58 | 60 | 77 => (
            "the server's certificate was not accepted",
            Some("update the host's ca-certificates, or name another `url`".into()),
        ),
        1 => (
            "the url's scheme is not allowed here",
            Some("without a digest only https is taken".into()),
        ),
        _ => ("the download failed", None),
    }
}

/// A digest's first characters: a host may say anything.
fn start(digest: &str) -> String {
    digest.chars().take(8).collect()
}

fn count(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} bytes")
}

fn kind(content_type: &str) -> &str {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "" => "no stated type",
        kind => kind,
    }
}

fn web_page(start: &str) -> &'static str {
    let start = start.trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype") || start.starts_with("<html") {
        ": this is a web page, not the file"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Algorithm, Mode};

    fn fetch(digest: Option<&str>) -> Fetch {
        Fetch {
            url: "https://example.com/x.jar".into(),
            path: "/x.jar".into(),
            digest: digest.map(str::to_owned),
            algorithm: Algorithm::Sha256,
            mode: Mode(0o644),
        }
    }

    fn answer(records: &[(&str, &str)], failed: &str, log: &str) -> StepReply {
        StepReply {
            failed: Some(failed.into()),
            records: records
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            log: log.into(),
            stopped: false,
        }
    }

    #[test]
    fn a_web_page_is_called_so() {
        let records = [
            ("bytes", "1422"),
            ("type", "text/html; charset=utf-8"),
            ("start", "<!DOCTYPE html>"),
            ("digest", "51c0b0c1ff"),
        ];
        let failure = of_fetch(
            &fetch(Some("ef217055aa")),
            &answer(&records, "", ""),
            "check".into(),
        );
        assert_eq!(
            failure.reasons[..2],
            [
                "the download's sha256 is 51c0b0c1…, the spec pins ef217055…",
                "got 1,422 bytes of text/html: this is a web page, not the file"
            ]
        );
    }

    #[test]
    fn a_digest_that_is_none_is_shown_and_no_panic() {
        let records = [("bytes", "1"), ("digest", "€€€€€€€€€")];
        let failure = of_fetch(
            &fetch(Some("03780378")),
            &answer(&records, "", ""),
            "check".into(),
        );
        assert!(failure.reasons[0].contains("€€€€€€€€…"), "{failure:?}");
    }

    #[test]
    fn what_failed_after_the_check_is_no_fault_of_the_download() {
        let digest = "03780378";
        let records = [("bytes", "1422"), ("digest", digest)];
        let failed = "cannot write /x.jar";
        let failure = of_fetch(
            &fetch(Some(digest)),
            &answer(&records, failed, ""),
            "check".into(),
        );
        assert_eq!(failure.reasons, [failed]);
        let failed = "sha256sum is not on the host";
        let failure = of_fetch(
            &fetch(Some(digest)),
            &answer(&[], failed, ""),
            "check".into(),
        );
        assert_eq!(failure.reasons, [failed]);
        assert!(failure.help.is_some_and(|help| help.contains("coreutils")));
        let failed = "no room in /x: the download has 33 MiB, 20 MiB are free";
        let records = [("bytes", "0")];
        let failure = of_fetch(
            &fetch(Some(digest)),
            &answer(&records, failed, ""),
            "check".into(),
        );
        assert!(failure.help.is_some_and(|help| help.contains("make room")));
    }

    #[test]
    fn what_dpkg_says_is_shown_and_not_the_list_after_it() {
        let log = "dpkg: warning: x\nSetting up y\ndpkg: error processing package java (--configure):\n package \
                   is in a very bad inconsistent state\nErrors were encountered while processing:\n java\nE: \
                   Sub-process /usr/bin/dpkg returned an error code (1)\napt-get could not install java\n";
        let answer = answer(&[], "apt-get could not install java", log);
        let reasons = of_step(&answer).reasons;
        assert_eq!(reasons[0], "apt-get could not install java");
        assert_eq!(
            reasons[1],
            "dpkg: error processing package java (--configure):"
        );
        assert!(reasons[2].contains("very bad"), "{reasons:?}");
    }

    #[test]
    fn an_archive_that_is_wrong_sends_people_to_the_spec() {
        let failed = "the archive holds no Kafka: there is no k/bin/kafka-topics.sh in it";
        let failure = of_unpack(&answer(&[], failed, ""), "check `url`".into());
        assert_eq!(failure.help.as_deref(), Some("check `url`"));
    }

    #[test]
    fn a_server_that_says_no_and_a_full_disk_are_told_apart() {
        let no = of_fetch(
            &fetch(None),
            &answer(
                &[("fetcher", "22")],
                "x",
                "curl: (22) The requested URL returned error: 404\nx",
            ),
            "check".into(),
        );
        assert!(
            no.reasons[0].contains("no such file") && no.reasons[1].contains("404"),
            "{no:?}"
        );
        let full = of_fetch(
            &fetch(None),
            &answer(&[("fetcher", "23")], "x", ""),
            "check".into(),
        );
        assert!(full.help.is_some_and(|help| help.contains("df -h")));
    }
}
