//! From ssh's messages to help.

use super::{Destination, HostKey, key_file::diagnose};
use crate::{
    hostkey::{PublicKey, shown as shown_keys},
    text::escape_control,
};

/// Most lines of ssh's output that are shown.
const LINES: usize = 12;

/// The effective configuration of ssh, from `ssh -G`.
#[derive(Debug, Clone, Default)]
pub(super) struct EffectiveConfig(Vec<(String, String)>);

impl EffectiveConfig {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Self(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// A list of files. `ssh -G` does not quote: a word that starts no path belongs to the one before.
    pub(super) fn files(&self, key: &str) -> Vec<std::path::PathBuf> {
        let mut files: Vec<String> = Vec::new();
        for word in self.get(key).unwrap_or_default().split(' ') {
            match files.last_mut() {
                Some(last) if !word.starts_with(['/', '~']) => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => files.push(word.to_owned()),
            }
        }
        files.retain(|file| file.starts_with('/') && file != "/dev/null");
        files.into_iter().map(Into::into).collect()
    }

    /// The machine's name in known_hosts.
    pub(super) fn known_hosts_name(&self) -> Option<String> {
        if let Some(alias) = self.get("hostkeyalias").filter(|alias| *alias != "none") {
            return Some(alias.to_owned());
        }
        let (host, port) = (self.get("hostname")?, self.get("port")?);
        Some(if port == "22" {
            host.to_owned()
        } else {
            format!("[{host}]:{port}")
        })
    }
}

/// The lines of ssh's output without those of `-v`.
pub(super) fn plain_lines(stderr: &str) -> impl DoubleEndedIterator<Item = &str> {
    const VERBOSE: [&str; 5] = [
        "debug",
        "OpenSSH_",
        "Authenticated to ",
        "Transferred: ",
        "Bytes per second: ",
    ];
    stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !VERBOSE.iter().any(|start| line.starts_with(start)))
}

/// ssh's last message, the reason for the end of a connection ("Timeout, server … not responding.");
/// without messages of single refused streams.
pub(super) fn last_message(stderr: &str) -> Option<&str> {
    plain_lines(stderr).rfind(|line| !line.starts_with("channel "))
}

/// ssh's output for people: without the banner around a changed key and the advice to delete it,
/// escaped, and bounded.
pub(super) fn summary(stderr: &str) -> String {
    const NOISE: [&str; 11] = [
        "@",
        "Warning: Permanently added",
        "Pseudo-terminal will not",
        "IT IS POSSIBLE",
        "Someone could be eavesdropping",
        "It is also possible that a host key",
        "Please contact your system administrator",
        "Add correct host key in",
        "Offending ",
        "remove with:",
        "ssh-keygen -f",
    ];
    let lines: Vec<String> = plain_lines(stderr)
        .filter(|line| !NOISE.iter().any(|noise| line.starts_with(noise)))
        .map(|line| escape_control(&line.chars().take(400).collect::<String>()))
        .collect();
    if lines.is_empty() {
        return "ssh ended without a word".into();
    }
    // The reason is last, after a banner of any length.
    let (left_out, last) = lines.split_at(lines.len().saturating_sub(LINES));
    let last = last.join("\n  ");
    if left_out.is_empty() {
        last
    } else {
        format!("… {} lines more\n  {last}", left_out.len())
    }
}

/// What helps against ssh's error. `pinned_keys` are the only accepted host keys,
/// if there are any.
pub(super) fn help(
    stderr: &str,
    destination: &Destination,
    effective: &EffectiveConfig,
    pinned_keys: &[PublicKey],
) -> String {
    let has = |text: &str| stderr.contains(text);
    let address = &destination.address;
    let host = effective.get("hostname").unwrap_or(address);
    let port = effective.get("port").unwrap_or("22");
    let user = destination
        .user
        .as_deref()
        .or_else(|| effective.get("user"))
        .unwrap_or("your own user name");

    if has("Could not resolve hostname") || has("Name or service not known") {
        return format!("check `address: {address}`; `getent hosts {host}` must print an address");
    }
    if has("you have requested strict checking") || has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let name = word_after(stderr, "Host key for ")
            .or_else(|| word_after(stderr, "host key is known for "));
        let target = name.is_none_or(|name| is_target(&name, destination, effective));
        if target && !pinned_keys.is_empty() {
            return not_pinned(stderr, destination, pinned_keys);
        }
    }
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let name = word_after(stderr, "Host key for ");
        let name = name.map_or_else(|| "it".to_owned(), |name| format!("'{name}'"));
        let (file, key) = match expected_key_line(stderr) {
            Some((file, line)) => (Some(escape_control(&file)), key_in(&file, line)),
            None => (None, None),
        };
        let holds = key.map_or_else(String::new, |key| format!(", which is {}", key.shown()));
        let shows = shown_key(stderr).map_or_else(String::new, |key| format!(" ({key})"));
        return format!(
            "it showed another key{shows} than known_hosts holds{holds}, so nothing was sent to \
             it: if it was made anew, compare the fingerprint above with its console output, then \
             `ssh-keygen -R {name}` (with `-f FILE` for {}); if not, this may be a man in the middle",
            file.unwrap_or_else(|| "another file".into())
        );
    }
    if has("no matching host key type") {
        if !pinned_keys.is_empty() {
            return format!(
                "the machine has no key of a type that this ssh takes; pinned is {}",
                shown_keys(pinned_keys)
            );
        }
        return "its host keys are of types that this ssh refuses: update the machine's sshd, or \
                allow the type in ~/.ssh/config (`HostKeyAlgorithms +…`)"
            .into();
    }
    if has("no matching key exchange") || has("no matching cipher") || has("no matching MAC") {
        return "its sshd and this ssh have no algorithm in common: update the older one".into();
    }
    if has("you have requested strict checking") || has("Host key verification failed") {
        if let Some(name) = word_after(stderr, "host key is known for ")
            && !is_target(&name, destination, effective)
        {
            return format!(
                "the jump host {name} is not in your ~/.ssh/known_hosts: log in to it once \
                 with ssh, and compare the fingerprint that ssh shows ({})",
                shown_key(stderr).unwrap_or_default()
            );
        }
        let shows = match shown_key(stderr) {
            Some(key) => format!("its host key is not known here; it shows {key}"),
            None => "its host key is not known here".into(),
        };
        let console = match destination.instance {
            Some(_) => {
                ", or let `host_key: { console: true }` read them from the EC2 console output"
            }
            None => "",
        };
        return format!(
            "{shows}: `trueup trust SPEC` shows its keys and what vouches for them, and pins them; \
             or compare that with the machine's console output and write the whole key, as \
             `ssh-keyscan -p {port} {host}` prints it, in the spec: \
             `host_key: {{ pinned: [\"ssh-ed25519 AAAA…\"] }}`{console}"
        );
    }
    if has("UNPROTECTED PRIVATE KEY FILE") {
        return "`chmod 400` the key file".into();
    }
    if has("Too many authentication failures") {
        return "ssh offered more keys than the machine tries: name the one that fits (`key: { \
                file: … }`), so that only it is offered first"
            .into();
    }
    if has("Permission denied (") {
        let key = match (&destination.key_file, &destination.private_key) {
            (Some(file), _) => format!("the key {}", file.display()),
            (None, Some(_)) => "the key from the Parameter Store".into(),
            (None, None) => "every key of the agent and of ~/.ssh".into(),
        };
        // ssh only reports that it could not load the key.
        let loaded = |file: &&std::path::PathBuf| !has(&format!("Load key \"{}\"", file.display()));
        if let Some(file) = destination.key_file.as_ref().filter(|file| !loaded(file))
            && let Some(fault) = diagnose(file)
        {
            return format!(
                "the key {} {}, and ssh cannot read it: {}",
                escape_control(&file.display().to_string()),
                fault.problem,
                fault.help
            );
        }
        let more = if has("Load key") || has("invalid format") || has("error in libcrypto") {
            "; ssh could not read the key (see above): it must be a private key in OpenSSH's or \
             PEM format"
        } else {
            "; a key with a passphrase has to be in the agent (`ssh-add`), nothing is asked here"
        };
        return format!(
            "the machine refused {} for the account `{}`: check `user:` (Amazon Linux: ec2-user, \
             Ubuntu: ubuntu, Debian: admin) and `key:`{more}",
            escape_control(&key),
            escape_control(user)
        );
    }
    if has("Session open refused") || has("open failed") {
        return "the machine's sshd takes no further session on this connection: raise \
                `MaxSessions` in its sshd_config (10 is the default), or see its log"
            .into();
    }
    if has("Connection refused") {
        return format!(
            "nothing listens on port {port} of {host}: is the machine up, is `port:` right, does \
             sshd run?"
        );
    }
    if has("timed out") || has("not responding") {
        return format!(
            "nothing answered at {host}, port {port}: the instance may be stopped, its security \
             group closed for this address, or a VPN or jump host missing (`ProxyJump` in \
             ~/.ssh/config is honoured)"
        );
    }
    if has("No route to host") || has("Network is unreachable") {
        return format!("there is no way to {host} from here: check the network, VPN or jump host");
    }
    let cut_short = [
        "Connection closed by",
        "Connection reset by",
        "kex_exchange_identification",
        "Broken pipe",
    ];
    if cut_short.iter().any(|text| has(text)) {
        return format!(
            "it was reached, and hung up before the login: is sshd what listens at {host}, port \
             {port}, does it let this address in, or is it overloaded (`MaxStartups`)?"
        );
    }
    if has("Bad configuration option") || has("terminating,") {
        return format!("ssh does not take its configuration: see `ssh -G {address}`");
    }
    format!("see what `ssh -v {address}` says")
}

/// The word after a text, as in `Host key for NAME has changed`.
fn word_after(stderr: &str, before: &str) -> Option<String> {
    let (_, rest) = stderr.split_once(before)?;
    rest.split_whitespace()
        .next()
        .map(|name| escape_control(name.trim_end_matches(',')))
}

/// Type and fingerprint of the last key that was shown.
fn shown_key(stderr: &str) -> Option<String> {
    let (_, key) = stderr.rsplit_once("debug1: Server host key: ")?;
    key.lines().next().map(|key| escape_control(key.trim()))
}

/// The file and line of the expected key: `Offending ED25519 key in FILE:LINE`.
fn expected_key_line(stderr: &str) -> Option<(String, usize)> {
    let line = stderr.lines().find(|line| line.starts_with("Offending "))?;
    let (_, place) = line.trim().split_once(" key in ")?;
    let (file, line) = place.rsplit_once(':')?;
    Some((file.to_owned(), line.trim().parse().ok()?))
}

/// The key in a line of known_hosts.
fn key_in(file: &str, line: usize) -> Option<PublicKey> {
    const MOST: u64 = 16 * 1024 * 1024;
    let mut text = String::new();
    let open = std::fs::File::open(file).ok()?;
    std::io::Read::read_to_string(&mut std::io::Read::take(open, MOST), &mut text).ok()?;
    let line = text.lines().nth(line.checked_sub(1)?)?;
    PublicKey::parse(line.split_once(' ')?.1.trim_end()).ok()
}

/// Help for a host key that is not one of the pinned ones.
fn not_pinned(stderr: &str, destination: &Destination, pinned_keys: &[PublicKey]) -> String {
    let showed = shown_key(stderr).unwrap_or_else(|| "the one above".into());
    let pinned_keys = shown_keys(pinned_keys);
    match (&destination.host_key, &destination.instance) {
        (HostKey::Pinned(_), _) => format!(
            "the machine showed another key ({showed}) than the spec pins ({pinned_keys}), so nothing was \
             sent to it: if it was made anew, compare the fingerprint with its console output and \
             pin the new key under `host_key` of host {}; if not, this may be a man in the middle",
            destination.name
        ),
        (_, instance) => format!(
            "it showed another key ({showed}) than the ones pinned to {} ({pinned_keys}), so nothing was \
             sent to it: if its host keys were made anew, `trueup trust SPEC` shows what vouches \
             for them and pins them; if not, another machine has this address, or this \
             may be a man in the middle",
            instance.as_deref().unwrap_or("it")
        ),
    }
}

/// Whether a name in ssh's output is the machine's, and not a jump host's.
fn is_target(name: &str, destination: &Destination, effective: &EffectiveConfig) -> bool {
    let pinned = matches!(destination.host_key, HostKey::Pinned(_));
    (pinned && name.eq_ignore_ascii_case(&destination.address))
        || destination.instance.as_deref() == Some(name)
        || effective
            .known_hosts_name()
            .is_none_or(|known_hosts_name| name.eq_ignore_ascii_case(&known_hosts_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination() -> Destination {
        Destination {
            name: "client".into(),
            address: "10.0.0.5".into(),
            key_file: Some("/k/client.pem".into()),
            ..Destination::default()
        }
    }

    fn effective() -> EffectiveConfig {
        EffectiveConfig::parse(
            "user ec2-user\nhostname 10.0.0.5\nport 2222\nuserknownhostsfile /a b/c /d ~/x none\n",
        )
    }

    #[test]
    fn each_refusal_has_its_help() {
        let cases = [
            (
                "ssh: Could not resolve hostname x: Name or service not known",
                "getent hosts",
            ),
            (
                "ssh: connect to host 10.0.0.5 port 2222: Connection refused",
                "nothing listens on port 2222",
            ),
            (
                "Connection timed out during banner exchange",
                "security group",
            ),
            (
                "No ED25519 host key is known for [10.0.0.5]:2222 and you have requested strict checking.",
                "ssh-keyscan -p 2222 10.0.0.5",
            ),
            (
                "No ED25519 host key is known for bastion and you have requested strict checking.",
                "jump host bastion",
            ),
            (
                "u@h: Permission denied (publickey).",
                "/k/client.pem for the account `ec2-user`",
            ),
            (
                "Load key \"/k\": invalid format\nu@h: Permission denied (publickey).",
                "could not read",
            ),
            (
                "Received disconnect from 10.0.0.5 port 22:2: Too many authentication failures",
                "key: {",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                "MaxStartups",
            ),
            ("Session open refused by peer", "MaxSessions"),
            ("something new", "ssh -v 10.0.0.5"),
        ];
        for (stderr, expected) in cases {
            let help = help(stderr, &destination(), &effective(), &[]);
            assert!(help.contains(expected), "{stderr}: {help}");
        }
    }

    #[test]
    fn a_changed_key_is_shown_without_the_banner() {
        let stderr = "@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
            @@@@@@@@@@@@\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n\
            The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\n\
            Add correct host key in /h/known_hosts to get rid of this message.\n\
            Offending ED25519 key in /h/known_hosts:3\r\n  remove with:\n  ssh-keygen -f x\n\
            Host key for [10.0.0.5]:2222 has changed and you have requested strict checking.\n\
            Host key verification failed.";
        assert_eq!(
            summary(stderr),
            "The fingerprint for the ED25519 key sent by the remote host is\n  SHA256:abc.\n  \
             Host key for [10.0.0.5]:2222 has changed and you have requested strict checking.\n  \
             Host key verification failed."
        );
        let strict = help(stderr, &destination(), &effective(), &[]);
        assert!(
            strict.contains("ssh-keygen -R '[10.0.0.5]:2222'"),
            "{strict}"
        );
        assert!(strict.contains("-f FILE` for /h/known_hosts"), "{strict}");
        let pinned = Destination {
            host_key: HostKey::Pinned(Vec::new()),
            ..destination()
        };
        let ed = PublicKey::parse(crate::hostkey::tests::ED25519).expect("a key");
        let stderr = format!("debug1: Server host key: ssh-ed25519 SHA256:new\n{stderr}");
        let by_spec = help(&stderr, &pinned, &effective(), std::slice::from_ref(&ed));
        assert!(by_spec.contains("than the spec pins"), "{by_spec}");
        let instance = Destination {
            instance: Some("i-0123456789abcdef0".into()),
            ..destination()
        };
        let by_us = help(&stderr, &instance, &effective(), std::slice::from_ref(&ed));
        assert!(by_us.contains("pinned to i-0123456789abcdef0"), "{by_us}");
        assert!(by_us.contains("trueup trust"), "{by_us}");
        for help in [by_spec, by_us] {
            let both = help.contains("SHA256:new") && help.contains(&ed.fingerprint());
            assert!(both, "{help}");
        }
    }

    #[test]
    fn a_hostile_banner_is_escaped_and_bounded() {
        let banner: String = (0..500)
            .map(|n| format!("\x1b[2J{n}\r\n::error::x\n"))
            .collect();
        let summary = summary(&format!("{banner}u@h: Permission denied (publickey)."));
        assert!(!summary.contains(['\x1b', '\r']), "{summary}");
        assert!(summary.lines().count() <= LINES + 1, "{summary}");
        assert!(
            !summary
                .lines()
                .any(|line| line.trim_start().starts_with("::")),
            "{summary}"
        );
        assert!(summary.ends_with("Permission denied (publickey)."));
    }

    #[test]
    fn a_refused_stream_does_not_explain_a_lost_connection() {
        let refused = "channel 2: open failed: connect failed: Connection refused\r\n";
        assert_eq!(last_message(&format!("debug1: x\r\n{refused}")), None);
        let ended = format!("Timeout, server h not responding.\r\n{refused}");
        assert_eq!(
            last_message(&ended),
            Some("Timeout, server h not responding.")
        );
    }

    #[test]
    fn the_effective_config_has_files_and_the_name_in_known_hosts() {
        let files: Vec<String> = effective()
            .files("userknownhostsfile")
            .iter()
            .map(|f| f.display().to_string())
            .collect();
        assert_eq!(files, ["/a b/c", "/d"]);
        assert_eq!(
            effective().known_hosts_name().as_deref(),
            Some("[10.0.0.5]:2222")
        );
    }
}
