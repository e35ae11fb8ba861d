//! Connecting to a host: over SSH, with the keys that the spec and its references give, or locally. To plan,
//! a [`Reader`] is enough; only an apply gets what it can lock.

use std::time::Duration;

use super::{Surroundings, Target, complain, complain_safely};
use crate::{
    apply::Connected,
    hostkey::shown,
    lookup::{console, secrets},
    meter::{Call, Phase},
    observe::Reader,
    spec::{HostKey, Key, Route},
    transport::{
        self, Connection,
        local::Local,
        ssh::{
            self, SshPaths,
            pins::{PinSource, Pins},
        },
    },
};

/// Connects to a host, reads, and closes the connection.
pub(crate) async fn with_reader<T>(
    target: &Target,
    deadline: Duration,
    around: &Surroundings,
    read: impl AsyncFnOnce(Reader<'_>) -> T,
) -> Result<T, transport::Error> {
    let connection = open(target, deadline, around).await?;
    let looked = read(Reader::new(connection.as_ref(), deadline)).await;
    connection.close().await;
    Ok(looked)
}

/// Connects to a host that is to be changed.
pub(crate) async fn connect(
    target: &Target,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Connected, transport::Error> {
    open(target, deadline, around).await.map(Connected::new)
}

async fn open(
    target: &Target,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Box<dyn Connection>, transport::Error> {
    let host = &target.host;
    if let Some(lookup_error) = &target.lookup_error {
        return Err(transport::Error::LookUp(lookup_error.clone()));
    }
    let Some(destination) = destination(target, around) else {
        return Ok(Box::new(Local::new()?));
    };
    console_keys(target, &destination, &SshPaths::of_user()).await?;
    let started = std::time::Instant::now();
    let connected = ssh::Ssh::connect(&destination, deadline).await;
    Call {
        phase: Phase::Connect,
        name: "connect",
        place: &host.name,
        took: started.elapsed(),
        round_trips: None,
        sent: 0,
        got: 0,
        detail: if connected.is_ok() { "" } else { "failed" },
    }
    .log();
    let connection = connected?;
    if let Some(learned) = connection.learned() {
        complain(&format!(
            "warning: host `{}`: its host key {} was taken on first use\n  help: compare it with the \
             machine's own, then pin it: {}",
            host.name,
            learned.fingerprint,
            learned.spec_line()
        ));
    }
    Ok(Box::new(connection))
}

/// The destination for SSH; `None` where the host is this machine.
pub(super) fn destination(target: &Target, around: &Surroundings) -> Option<ssh::Destination> {
    let Target { host, spec, .. } = target;
    let ssh = match &host.route {
        Route::Local => return None,
        Route::Ssh(ssh) | Route::Ec2 { ssh, .. } => ssh,
    };
    let key_file = match &ssh.key {
        Some(Key::File(name)) => {
            let path = secrets::local_path(name, spec, &around.environment);
            // Without a working folder the path stays relative; ssh reports what it cannot read.
            Some(std::path::absolute(&path).unwrap_or(path))
        }
        _ => None,
    };
    let found = host.route.found();
    Some(ssh::Destination {
        name: host.name.clone(),
        address: match found {
            Some(found) => found.address.clone(),
            None => ssh.address.clone().unwrap_or_default(),
        },
        port: ssh.port,
        user: ssh.user.clone(),
        key_file,
        private_key: target.ssh_key.clone(),
        instance: found.map(|found| found.instance_id.clone()),
        host_key: match &ssh.host_key {
            HostKey::Strict | HostKey::Console(_) => ssh::HostKey::Strict,
            HostKey::AcceptNew => ssh::HostKey::AcceptNew,
            HostKey::Pinned(keys) => ssh::HostKey::Pinned(keys.clone()),
        },
        reuse_master: ssh.reuse_master,
    })
}

/// With `host_key: { console: true }`, and no key pinned to the instance: pins those that its
/// console output vouches for.
async fn console_keys(
    target: &Target,
    destination: &ssh::Destination,
    places: &SshPaths,
) -> Result<(), transport::Error> {
    let (Route::Ec2 { ssh, .. }, Some(id)) = (&target.host.route, &destination.instance) else {
        return Ok(());
    };
    if !matches!(ssh.host_key, HostKey::Console(_)) {
        return Ok(());
    }
    let pins = Pins::at(&places.known_instances);
    if !pins.of(id)?.is_empty() {
        return Ok(());
    }
    let keys = console::host_keys(target.cloud.as_ref(), &target.host.aws, id).await;
    let keys = keys.map_err(transport::Error::LookUp)?;
    pins.add(id, &keys, PinSource::Console)?;
    complain_safely(&format!(
        "note: host `{}`: what the console output of {id} vouches for is pinned to it: {}",
        target.host.name,
        shown(&keys)
    ));
    Ok(())
}
