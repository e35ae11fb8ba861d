//! Hosts and the ways to them.

use std::collections::HashMap;

use super::{Host, Text, View};
use crate::{
    diagnostic::Problem,
    facts::is_instance_id,
    hostkey::{PublicKey, Wrong},
    names::{SshAddress, User},
    spec::tree::{Node, Value},
};

/// A spec without hosts does nothing.
pub fn some_host(view: &View<'_>, problems: &mut Vec<Problem>) {
    if let Some(span) = view.no_hosts {
        problems.push(Problem::error(
            span,
            "`hosts` is empty",
            "name a machine: `client: { ssh: { address: … } }`",
        ));
    }
}

/// A host's name is a word in addresses (`HOST:client/kafka`) and in reports.
pub fn name_is_plain(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let name = host.name();
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    if name.text == "direct" {
        problems.push(Problem::error(
            name.span,
            "a host cannot be called `direct`",
            "`topics.via: direct` means this machine: choose another name",
        ));
    } else if name.text.is_empty()
        || name.text.len() > 128
        || name.text.starts_with('-')
        || !name.text.chars().all(plain)
    {
        problems.push(Problem::error(
            name.span,
            format!("`{}` is no name for a host", name.text),
            "use letters, digits, `.`, `_` and `-`; the address goes under `ssh`",
        ));
    }
}

/// There is exactly one way to a host.
pub fn one_way(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let (ec2, local) = (host.key("ec2"), host.key("local"));
    let (ssh, address) = (host.key("ssh"), host.key("ssh.address"));
    let name = &host.name().text;
    let keep = |line: u32, what: &str| format!("keep one; {what} is in line {line}");
    match (ec2, local, address) {
        (Some(ec2), Some(local), _) => problems.push(Problem::error(
            local,
            format!("host `{name}` has two ways: `ec2` and `local`"),
            keep(ec2.line, "`ec2`"),
        )),
        (Some(ec2), None, Some(address)) => problems.push(Problem::error(
            address,
            format!("host `{name}` has two ways: `ec2` and `ssh.address`"),
            keep(ec2.line, "`ec2`"),
        )),
        (None, Some(local), _) if ssh.is_some() => problems.push(Problem::error(
            ssh.unwrap_or(local),
            format!("host `{name}` has two ways: `local` and `ssh`"),
            keep(local.line, "`local`"),
        )),
        (None, None, None) if host.way_is_known() => problems.push(Problem::error(
            ssh.unwrap_or(host.name().span),
            format!("host `{name}` has no way to it"),
            "give it `ssh: { address: … }`, `ec2: { … }` or `local: {}`",
        )),
        _ => {}
    }
}

/// Words that go to ssh are ones that its configuration can carry.
pub fn ssh_words(host: &Host<'_>, problems: &mut Vec<Problem>) {
    if let Some(Text { text, span }) = host.text("ssh.address")
        && let Err(wrong) = SshAddress::parse(text)
    {
        problems.push(Problem::error(span, wrong.sentence(), wrong.help));
    }
    if let Some(Text { text, span }) = host.text("ssh.user")
        && let Err(wrong) = User::parse(text)
    {
        problems.push(Problem::error(span, wrong.sentence(), wrong.help));
    }
    if let Some(Text { text, span }) = host.text("ssh.key.file")
        && (text.is_empty() || text.chars().any(char::is_control))
    {
        problems.push(Problem::error(
            span,
            "`file` is no path",
            "name the file with the private key",
        ));
    }
}

/// Pinned keys are whole public keys.
pub fn pinned_keys(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let Some((key, pinned)) = host.entry("ssh.host_key.pinned") else {
        return;
    };
    if pinned.items().is_empty() && matches!(pinned.value, Value::Seq(_)) {
        problems.push(Problem::error(
            key.span,
            "`pinned` is empty: no key would do",
            "list the machine's public keys, or leave `host_key` out",
        ));
    }
    for item in pinned.items() {
        let Some(text) = item.text() else { continue };
        if let Err((message, label)) = public_key(text) {
            problems.push(Problem::error(item.span, message, label));
        }
    }
}

fn public_key(text: &str) -> Result<(), (String, String)> {
    let how = "take the line from known_hosts, or what `ssh-keyscan HOST` prints once you have compared it with the machine's console; without the host's name";
    let how = how.to_owned();
    Err(match PublicKey::parse(text) {
        Ok(_) => return Ok(()),
        Err(Wrong::Fingerprint) => ("a fingerprint is not a public key".into(), how),
        Err(Wrong::Control) => ("a public key is one line".into(), how),
        Err(Wrong::Damaged(kind)) => (format!("this is no whole `{kind}` key"), how),
        Err(Wrong::Named(kind)) => (
            "a line of known_hosts with the host's name in it".into(),
            format!("leave out what stands before `{kind}`"),
        ),
        Err(Wrong::Unknown) => ("this is not a public key".into(), how),
    })
}

/// Some ways to keys need the EC2 API.
pub fn ec2_only(host: &Host<'_>, problems: &mut Vec<Problem>) {
    for (path, what) in [
        ("ssh.host_key.console", "`console`"),
        ("ssh.key.from_instance", "`from_instance`"),
    ] {
        let Some((key, node)) = host.entry(path) else {
            continue;
        };
        if node.text() == Some("false") {
            problems.push(Problem::error(
                node.span,
                format!("{what} can only be `true`"),
                "leave it out instead",
            ));
        } else if !host.has("ec2") && host.way_is_known() {
            problems.push(Problem::error(
                key.span,
                format!("{what} needs an instance to ask about"),
                "give the host `ec2: { … }` instead of an address",
            ));
        }
    }
}

/// An instance is named in exactly one way.
pub fn instance(host: &Host<'_>, problems: &mut Vec<Problem>) {
    let Some((key, ec2)) = host.entry("ec2") else {
        return;
    };
    if !host.all_known(
        "ec2",
        &["region", "instance_id", "name", "tags", "all", "via"],
    ) {
        return;
    }
    let empty = |node: &Node| node.entries().is_empty() && node.text().is_none_or(str::is_empty);
    let ways: Vec<_> = ["instance_id", "name", "tags"]
        .iter()
        .filter_map(|way| ec2.entry(way))
        .collect();
    match ways.as_slice() {
        [] => problems.push(Problem::error(
            key.span,
            "`ec2` does not say which instance",
            "add `instance_id`, `name` or `tags`",
        )),
        [(key, node)] if empty(node) && node.value != Value::Broken => {
            problems.push(Problem::error(
                key.span,
                format!("`{}` is empty", key.text),
                "say which instance",
            ));
        }
        [_] => {}
        [(first, _), (second, _), ..] => problems.push(Problem::error(
            second.span,
            format!(
                "`{}` and `{}` both name the instance",
                first.text, second.text
            ),
            format!("keep one; `{}` is in line {}", first.text, first.span.line),
        )),
    }
    if let Some(Text { text, span }) = host.text("ec2.instance_id") {
        if !is_instance_id(text) {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no id of an instance"),
                "it looks like `i-0123456789abcdef0`",
            ));
        }
        if host.text("ec2.all").is_some_and(|all| all.text == "true") {
            problems.push(Problem::error(
                host.key("ec2.all").unwrap_or(span),
                "`all` with an `instance_id`: there is only one",
                "leave `all` out, or use `tags`",
            ));
        }
    }
}

/// No two hosts are the same account of the same machine.
pub fn different_machines(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<Vec<&str>, (&str, u32)> = HashMap::new();
    for tree in view.hosts {
        let host = Host { tree };
        let text = |path: &str| host.text(path).map_or("", |text| text.text);
        let (way, span) = match (
            host.key("local"),
            host.text("ssh.address"),
            host.text("ec2.instance_id"),
        ) {
            (Some(local), None, None) => (vec!["local"], local),
            (None, Some(address), None) => (
                vec!["ssh", address.text, text("ssh.port"), text("ssh.user")],
                address.span,
            ),
            (None, None, Some(id)) => (vec!["ec2", id.text, text("ssh.user")], id.span),
            _ => continue,
        };
        let name = tree.name.text.as_str();
        if let Some((first, line)) = seen.get(&way) {
            problems.push(Problem::error(
                span,
                format!("hosts `{first}` and `{name}` are the same account of the same machine"),
                format!("keep one; `{first}` is in line {line}"),
            ));
        } else {
            seen.insert(way, (name, tree.name.span.line));
        }
    }
}
