//! Streams from the machine, through the open connection: no local port listens, and sshd does not
//! count them among its sessions.

use std::{collections::BTreeSet, io};

use async_trait::async_trait;

use super::{
    Ssh,
    help::last_message,
    mux::{ForwardReply, stdio_forward},
};
use crate::{
    text::escape_control,
    transport::dial::{Dial, DialError, DialStage, Stream, check},
};

/// Resolvers' messages for an unknown name: glibc, musl and the BSDs.
const UNKNOWN_NAME: [&str; 8] = [
    "name or service not known",
    "no address associated with",
    "temporary failure in name resolution",
    "non-recoverable failure in name resolution",
    "name has no usable address",
    "name does not resolve",
    "nodename nor servname",
    "no such host",
];

#[async_trait]
impl Dial for Ssh {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        check(host, port)?;
        let before = self.master.log_bytes();
        tracing::debug!(address = self.address, host, port, "dial");
        match stdio_forward(&self.master.socket(), host, port).await {
            Ok(ForwardReply::Opened(stream)) => Ok(Box::new(stream)),
            Ok(ForwardReply::Refused(message)) => {
                // The master writes its log before it replies.
                let log = self.master.log_since(before);
                let reason = reason(&log, host, port).unwrap_or(&message);
                Err(refused(reason, host, port))
            }
            Err(error) => Err(self.connection_error(&error)),
        }
    }
}

impl Ssh {
    fn connection_error(&self, error: &io::Error) -> DialError {
        use io::ErrorKind::{
            BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof,
        };
        let address = &self.address;
        let log = self.master.log_text();
        let message = match (error.kind(), last_message(&log)) {
            (BrokenPipe | ConnectionRefused | ConnectionReset | NotFound | UnexpectedEof, last) => {
                let last = last.map(|last| format!(": {last}")).unwrap_or_default();
                format!("the connection to {address} is gone{last}")
            }
            _ => format!("ssh's connection to {address} cannot be asked: {error}"),
        };
        DialError {
            stage: DialStage::Machine,
            message: escape_control(&message),
            help: Some("run it again; a new run makes a new connection".into()),
        }
    }
}

/// Why the machine's sshd did not open a stream, from the master's log. Other streams may be opened
/// at the same time; the log names the target before the channel's number:
/// ```text
/// debug1: channel_connect_stdio_fwd: broker:9092
/// debug1: channel 2: new stdio-forward [stdio-forward] (inactive timeout: 0)
/// channel 2: open failed: connect failed: Connection refused
/// ```
fn reason<'a>(log: &'a str, host: &str, port: u16) -> Option<&'a str> {
    let target = format!("{host}:{port}");
    let mut ours = BTreeSet::new();
    let mut is_ours = false;
    let mut found = None;
    for line in log.lines() {
        let line = line.strip_prefix("debug1: ").unwrap_or(line);
        if line.starts_with("channel_connect_stdio_fwd") {
            is_ours = line.split(' ').next_back() == Some(&target);
            continue;
        }
        let Some((number, event)) = line
            .strip_prefix("channel ")
            .and_then(|rest| rest.split_once(": "))
        else {
            continue;
        };
        if event.starts_with("new ") {
            // Numbers are reused.
            ours.remove(number);
            if std::mem::take(&mut is_ours) {
                ours.insert(number);
            }
        } else if let Some(message) = event.strip_prefix("open failed: ")
            && ours.contains(number)
        {
            found = Some(message);
        }
    }
    found
}

/// The error for sshd's reason.
fn refused(reason: &str, host: &str, port: u16) -> DialError {
    const MOST: usize = 400;
    let reason: String = reason.trim().chars().take(MOST).collect();
    let lower = reason.to_ascii_lowercase();
    let starts = |start: &str| lower.starts_with(start);
    let (stage, help) = if starts("administratively prohibited") || starts("unknown channel type") {
        let help = format!(
            "its sshd must forward to {host}:{port}: `AllowTcpForwarding yes` (or `local`), no \
             `DisableForwarding yes`, and `PermitOpen` with this target if it is set, in \
             sshd_config and in its `Match` blocks for the account (`sshd -T -C user=ACCOUNT` \
             prints them); and for the key, no `restrict`, `no-port-forwarding` or other \
             `permitopen` in authorized_keys"
        );
        (DialStage::Forwarding, Some(help))
    } else if UNKNOWN_NAME.iter().any(|text| lower.contains(text)) {
        let help = format!(
            "the name is looked up on the machine: `getent hosts {host}` must print an address \
             there"
        );
        (DialStage::Name, Some(help))
    } else if starts("connect failed") {
        (DialStage::Tcp, None)
    } else {
        let help = "the log of the machine's sshd says more".to_owned();
        (DialStage::Machine, Some(help))
    };
    let message = reason.strip_prefix("connect failed: ").unwrap_or(&reason);
    DialError {
        stage,
        message: escape_control(message),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_stage() {
        let cases = [
            (
                "connect failed: Connection refused",
                DialStage::Tcp,
                "Connection refused",
            ),
            (
                "connect failed: Connection timed out",
                DialStage::Tcp,
                "Connection timed out",
            ),
            (
                "connect failed: No route to host",
                DialStage::Tcp,
                "No route to host",
            ),
            (
                "connect failed: Network is unreachable",
                DialStage::Tcp,
                "Network is unreachable",
            ),
            (
                "connect failed: Name or service not known",
                DialStage::Name,
                "Name or service not known",
            ),
            (
                "connect failed: Temporary failure in name resolution",
                DialStage::Name,
                "Temporary failure in name resolution",
            ),
            (
                "administratively prohibited: open failed",
                DialStage::Forwarding,
                "administratively prohibited: open failed",
            ),
            (
                "unknown channel type: unsupported channel type",
                DialStage::Forwarding,
                "unknown channel type: unsupported channel type",
            ),
            (
                "Session open refused by peer",
                DialStage::Machine,
                "Session open refused by peer",
            ),
            ("connect failed: \u{1b}[2J", DialStage::Tcp, "\\u{1b}[2J"),
        ];
        for (reason, stage, message) in cases {
            let error = refused(reason, "b", 9092);
            assert_eq!((error.stage, error.message.as_str()), (stage, message));
        }
        let help = refused("administratively prohibited", "b", 9092).help;
        let help = help.expect("help");
        for option in ["AllowTcpForwarding", "PermitOpen", "DisableForwarding"] {
            assert!(help.contains(option), "{help}");
        }
        assert!(help.contains("Match") && help.contains("b:9092"), "{help}");
        assert!(refused(&"x".repeat(9000), "b", 1).message.len() < 500);
    }

    #[test]
    fn the_reason_is_that_of_this_stream() {
        let log = "debug1: channel 1: new mux-control [mux-control] (inactive timeout: 0)\r\n\
            debug1: channel_connect_stdio_fwd: a:9092\r\n\
            debug1: channel 2: new stdio-forward [stdio-forward] (inactive timeout: 0)\r\n\
            debug1: channel 3: new mux-control [mux-control] (inactive timeout: 0)\r\n\
            debug1: channel_connect_stdio_fwd: b:9092\r\n\
            debug1: channel 4: new stdio-forward [stdio-forward] (inactive timeout: 0)\r\n\
            channel 4: open failed: connect failed: No route to host\r\n\
            debug1: channel 4: free: direct-tcpip: listening port 0 for b port 9092\r\n\
            channel 2: open failed: connect failed: Connection refused\r\n\
            debug1: channel_connect_stdio_fwd: ::1:9092\r\n\
            debug1: channel 4: new stdio-forward [stdio-forward] (inactive timeout: 0)\r\n\
            channel 4: open failed: administratively prohibited: open failed\r\n";
        let of = |host| reason(log, host, 9092);
        assert_eq!(of("a"), Some("connect failed: Connection refused"));
        assert_eq!(of("b"), Some("connect failed: No route to host"));
        assert_eq!(of("::1"), Some("administratively prohibited: open failed"));
        assert_eq!(of("c"), None);
        assert_eq!(reason(log, "a", 909), None);
        // As ssh wrote it until 8.3.
        let old = "debug1: channel_connect_stdio_fwd a:9092\r\n\
            debug1: channel 0: new [stdio-forward]\r\n\
            channel 0: open failed: connect failed: Connection refused\r\n";
        assert_eq!(
            reason(old, "a", 9092),
            Some("connect failed: Connection refused")
        );
    }
}
