//! Hosts and their routes.

use std::collections::HashMap;

use super::{Text, View, name};
use crate::{
    at,
    diagnostic::Problem,
    facts::is_instance_id,
    hostkey::{InvalidKey, PublicKey},
    names::{SshAddress, User},
    spec::{
        hints::A_MACHINE,
        merge::HostTree,
        tree::{Key as TreeKey, Node, Value},
        types::{HostKey, Key},
    },
};

/// A spec without hosts does nothing.
pub(crate) fn some_host(view: &View<'_>, problems: &mut Vec<Problem>) {
    if let Some(span) = view.no_hosts {
        problems.push(Problem::error(span, "`hosts` is empty", A_MACHINE));
    }
}

/// A host's name is part of addresses (`HOST:client/kafka`), so it is one plain word.
pub(crate) fn name_is_plain(host: &HostTree, problems: &mut Vec<Problem>) {
    let name = &host.name;
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

/// Whether all keys of the route are known ones.
fn route_is_known(host: &HostTree) -> bool {
    !host.has_unknown && at!(host, ssh).all_known()
}

/// A host has exactly one route.
pub(crate) fn one_route(host: &HostTree, problems: &mut Vec<Problem>) {
    let (ec2, local) = (at!(host, ec2).key(), at!(host, local).key());
    let (ssh, address) = (at!(host, ssh).key(), at!(host, ssh.address).key());
    let name = &host.name.text;
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
        (None, None, None) if route_is_known(host) => problems.push(Problem::error(
            ssh.unwrap_or(host.name.span),
            format!("host `{name}` has no way to it"),
            "give it `ssh: { address: … }`, `ec2: { … }` or `local: {}`",
        )),
        _ => {}
    }
}

/// Values for ssh are valid in its configuration.
pub(crate) fn ssh_words(host: &HostTree, problems: &mut Vec<Problem>) {
    name(at!(host, ssh.address), SshAddress::parse, problems);
    name(at!(host, ssh.user), User::parse, problems);
    if let Some(Text { text, span }) = at!(host, ssh.key[Key::File]).text()
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
pub fn pinned_keys(host: &HostTree, problems: &mut Vec<Problem>) {
    let pinned = at!(host, ssh.host_key[HostKey::Pinned]);
    if let Some((key, node)) = pinned.entry()
        && matches!(&node.value, Value::Seq(items) if items.is_empty())
    {
        problems.push(Problem::error(
            key.span,
            "`pinned` is empty: no key would do",
            "list the machine's public keys, or leave `host_key` out",
        ));
    }
    for Text { text, span } in pinned.texts() {
        if let Err((message, label)) = public_key(text) {
            problems.push(Problem::error(span, message, label));
        }
    }
}

/// A shared connection was opened without checking pinned keys.
pub(crate) fn pinned_beside_reuse(host: &HostTree, problems: &mut Vec<Problem>) {
    let reuse = at!(host, ssh.reuse_master);
    let pinned = at!(host, ssh.host_key[HostKey::Pinned]).key();
    if let (Some((key, _)), Some(pinned)) = (reuse.entry(), pinned)
        && reuse.is(true)
    {
        problems.push(Problem::error(
            key.span,
            "`reuse_master` with pinned host keys: your own ssh has opened that connection by its known_hosts",
            format!("leave one out; the keys are pinned in line {}", pinned.line),
        ));
    }
}

fn public_key(text: &str) -> Result<(), (String, String)> {
    let help = "take the line from known_hosts, or what `ssh-keyscan HOST` prints once you have compared it with the machine's console; without the host's name";
    let help = help.to_owned();
    Err(match PublicKey::parse(text) {
        Ok(_) => return Ok(()),
        Err(InvalidKey::Fingerprint) => ("a fingerprint is not a public key".into(), help),
        Err(InvalidKey::Control) => ("a public key is one line".into(), help),
        Err(InvalidKey::Damaged(kind)) => (format!("this is no whole `{kind}` key"), help),
        Err(InvalidKey::Named(kind)) => (
            "a line of known_hosts with the host's name in it".into(),
            format!("leave out what stands before `{kind}`"),
        ),
        Err(InvalidKey::Unknown) => ("this is not a public key".into(), help),
    })
}

/// Keys that only the EC2 API has need an instance.
pub(crate) fn ec2_only(host: &HostTree, problems: &mut Vec<Problem>) {
    for (at, what) in [
        (at!(host, ssh.host_key[HostKey::Console]), "`console`"),
        (at!(host, ssh.key[Key::FromInstance]), "`from_instance`"),
    ] {
        let Some((key, node)) = at.entry() else {
            continue;
        };
        if at.is(false) {
            problems.push(Problem::error(
                node.span,
                format!("{what} can only be `true`"),
                "leave it out instead",
            ));
        } else if !at!(host, ec2).is_there() && route_is_known(host) {
            problems.push(Problem::error(
                key.span,
                format!("{what} needs an instance to ask about"),
                "give the host `ec2: { … }` instead of an address",
            ));
        }
    }
}

/// An instance is identified by exactly one key.
pub fn instance(host: &HostTree, problems: &mut Vec<Problem>) {
    let ec2 = at!(host, ec2);
    let Some(key) = ec2.key().filter(|_| ec2.all_known()) else {
        return;
    };
    let empty = |node: &Node| node.entries().is_empty() && node.text().is_none_or(str::is_empty);
    let identifiers = [
        at!(ec2, instance_id).entry(),
        at!(ec2, name).entry(),
        at!(ec2, tags).entry(),
    ];
    let identifiers: Vec<_> = identifiers.into_iter().flatten().collect();
    match identifiers.as_slice() {
        [] => problems.push(Problem::error(
            key,
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
    if let Some(Text { text, span }) = at!(ec2, instance_id).text() {
        if !is_instance_id(text) {
            problems.push(Problem::error(
                span,
                format!("`{text}` is no id of an instance"),
                "it looks like `i-0123456789abcdef0`",
            ));
        }
        let all = at!(ec2, all);
        if all.is(true) {
            problems.push(Problem::error(
                all.key().unwrap_or(span),
                "`all` with an `instance_id`: there is only one",
                "leave `all` out, or use `tags`",
            ));
        }
    }
}

/// No two hosts are the same account of the same machine.
pub(crate) fn different_machines(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<Vec<&str>, (&str, u32)> = HashMap::new();
    for host in view.hosts {
        let user = at!(host, ssh.user).text().map_or("", |user| user.text);
        let port = at!(host, ssh.port).text().map_or("", |port| port.text);
        let (machine, span) = match (
            at!(host, local).key(),
            at!(host, ssh.address).text(),
            at!(host, ec2.instance_id).text(),
        ) {
            (Some(local), None, None) => (vec!["local"], local),
            (None, Some(address), None) => (vec!["ssh", address.text, port, user], address.span),
            (None, None, Some(id)) => (vec!["ec2", id.text, user], id.span),
            _ => continue,
        };
        let name = host.name.text.as_str();
        if let Some((first, line)) = seen.get(&machine) {
            problems.push(Problem::error(
                span,
                format!("hosts `{first}` and `{name}` are the same account of the same machine"),
                format!("keep one; `{first}` is in line {line}"),
            ));
        } else {
            seen.insert(machine, (name, host.name.span.line));
        }
    }
}

/// Each key of the common `ssh` is inherited by some host.
pub(crate) fn common_ssh(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some((ssh, common)) = view.ssh else {
        return;
    };
    let inherits = |host: &HostTree, key: &TreeKey| {
        let own = at!(host, ssh).node().and_then(|ssh| ssh.entry(&key.text));
        own.is_some_and(|(own, _)| own.span == key.span)
    };
    let keys = common.entries().iter().map(|(key, _)| key);
    let (used, unused): (Vec<_>, Vec<_>) =
        keys.partition(|key| view.hosts.iter().any(|host| inherits(host, key)));
    if view.hosts.is_empty() || unused.is_empty() {
        return;
    }
    if used.is_empty() {
        problems.push(Problem::warning(
            ssh.span,
            "no host takes anything of the common `ssh`",
            "each has its own keys, or is reached otherwise: take it out",
        ));
        return;
    }
    for key in unused {
        problems.push(Problem::warning(
            key.span,
            format!("no host takes the common `{}`", key.text),
            match key.text.as_str() {
                "address" => "each has one of its own, or is an instance: take it out",
                _ => "each has its own: take it out",
            },
        ));
    }
}
