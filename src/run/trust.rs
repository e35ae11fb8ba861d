//! Whether one machine's host keys are to be trusted, and pinning them.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use super::{Surroundings, Target, address, complain_safely, connect, put, stdio::ask};
use crate::{
    exit::Code,
    hostkey::{
        PublicKey,
        evidence::{Evidence, Verdict, Voucher},
        shown,
    },
    lookup::console,
    report::human,
    transport::{
        self,
        ssh::{
            self, OfferedKeys, SshPaths,
            pins::{PinSource, Pins},
        },
    },
};

/// What a machine showed, and where it was asked.
pub(crate) struct Shown {
    way: ssh::Destination,
    offer: OfferedKeys,
    /// What the instance's console output says, where it is one.
    console: Option<Result<Vec<PublicKey>, String>>,
}

/// Asks a machine for its keys, and whoever may vouch for them; nothing where it is this one.
pub(crate) async fn offered(
    target: &Target,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Option<Shown>, transport::Error> {
    if let Some(trouble) = &target.trouble {
        return Err(transport::Error::LookUp(trouble.clone()));
    }
    let Some(way) = connect::way(target, around) else {
        return Ok(None);
    };
    let offer = ssh::scan_host_keys(&SshPaths::of_user(), &way, deadline).await?;
    let console = match &way.instance {
        Some(id) => {
            let cloud = target.cloud.as_ref();
            Some(console::host_keys(cloud, &target.host.aws, id).await)
        }
        None => None,
    };
    Ok(Some(Shown {
        way,
        offer,
        console,
    }))
}

/// Shows what vouches for the keys that a machine showed; pins them where that is enough, or somebody
/// says so.
pub(crate) async fn trust(
    target: &Target,
    shown: Option<Shown>,
    yes: bool,
    around: &Surroundings,
) -> Result<Code, transport::Error> {
    let name = &target.host.name;
    let Some(Shown {
        way,
        offer,
        console,
    }) = shown
    else {
        put(&format!(
            "{name}  is this machine: there is no key to trust\n"
        ));
        return Ok(Code::Done);
    };
    let places = SshPaths::of_user();
    let spec = match &way.host_key {
        ssh::HostKey::Pinned(keys) => keys
            .iter()
            .filter_map(|key| PublicKey::parse(key).ok())
            .collect(),
        ssh::HostKey::Strict | ssh::HostKey::AcceptNew => vec![],
    };
    let evidence = Evidence {
        shown: offer.keys.clone(),
        spec,
        is_instance: way.instance.is_some(),
        pinned: offer.pinned.clone(),
        console,
        known: offer.known.clone(),
    };
    let called = match &way.instance {
        Some(id) if *id != way.address => format!("{id} at {}", address(&target.host)),
        _ => address(&target.host),
    };
    put(&human::trust(name, &called, &evidence, &around.style));
    let place = Place {
        name,
        places: &places,
        offer: &offer,
        instance: way.instance.as_deref(),
    };
    let verdict = evidence.verdict();
    let trusted = match &verdict {
        Verdict::Trusted(keys) => {
            put(&human::pinned_line(keys, &around.style));
            return Ok(Code::Done);
        }
        Verdict::Contradicted { by, expected } => {
            place.contradicted(*by, expected);
            return Ok(Code::Unreachable);
        }
        Verdict::Vouched(keys, _) if yes => keys,
        Verdict::Vouched(keys, _)
        | Verdict::Unvouched(keys)
        | Verdict::Changed { shown: keys, .. } => match place.asked(&verdict).await {
            Ok(()) => keys,
            Err(code) => return Ok(code),
        },
    };
    place.pin(trusted, &verdict)?;
    put(&human::pinned_line(trusted, &around.style));
    Ok(Code::Done)
}

/// A machine, and where its keys are kept.
struct Place<'a> {
    name: &'a str,
    places: &'a SshPaths,
    offer: &'a OfferedKeys,
    instance: Option<&'a str>,
}

impl Place<'_> {
    fn pin(&self, keys: &[PublicKey], verdict: &Verdict) -> Result<(), transport::Error> {
        let Some(id) = self.instance else {
            ssh::add_to_known_hosts(self.places, self.offer, keys)?;
            let file = self.places.known_hosts.display();
            put(&format!(
                "  kept for {} in {file}\n",
                self.offer.known_hosts_name
            ));
            return Ok(());
        };
        let pins = Pins::at(&self.places.known_instances);
        let vouched = match verdict {
            Verdict::Vouched(_, Voucher::Console) | Verdict::Changed { vouched: true, .. } => {
                PinSource::Console
            }
            Verdict::Vouched(_, Voucher::KnownHosts) => PinSource::KnownHosts,
            _ => PinSource::Person,
        };
        match verdict {
            Verdict::Changed { .. } => pins.replace(id, keys, vouched)?,
            _ => pins.add(id, keys, vouched)?,
        }
        put(&format!("  pinned to {id} in {}\n", pins.file().display()));
        Ok(())
    }

    fn contradicted(&self, by: Voucher, wanted: &[PublicKey]) {
        let wanted = shown(wanted);
        let (what, help) = match by {
            Voucher::Spec => (
                "the spec pins other keys",
                "if the machine was made anew, compare with its console output and change `pinned`"
                    .to_owned(),
            ),
            Voucher::KnownHosts => (
                "known_hosts has other keys for it",
                format!(
                    "if the machine was made anew, `ssh-keygen -R '{}'` (with `-f FILE` for {}), \
                     then trust it anew",
                    self.offer.known_hosts_name,
                    self.places.known_hosts.display()
                ),
            ),
            Voucher::Console | Voucher::Pin => (
                "the instance printed other keys to its console",
                "if its keys were made anew after that, compare on the machine itself (Session \
                 Manager: `ssh-keygen -lf FILE` for /etc/ssh/ssh_host_*_key.pub), and pin them in \
                 the spec: `host_key: { pinned: […] }`"
                    .to_owned(),
            ),
        };
        complain_safely(&format!(
            "error: host `{}`: {what}, so this is not the machine, or somebody stands in between: \
             {wanted}\n  help: {help}",
            self.name
        ));
    }

    /// Asks on the terminal. What nothing vouches for is pinned by the whole word only.
    async fn asked(&self, verdict: &Verdict) -> Result<(), Code> {
        let to = match self.instance {
            Some(id) => format!("Pin them to {id}?"),
            None => format!("Trust them for {}?", self.offer.known_hosts_name),
        };
        const COMPARE: &str = "Nothing vouches for these keys: compare their fingerprints with \
             the machine's own (`ssh-keygen -lf FILE` for /etc/ssh/ssh_host_*_key.pub, in a \
             session that did not come this way).";
        let (vouched, question) = match verdict {
            Verdict::Changed { vouched: true, .. } => (
                false,
                format!(
                    "Other keys are pinned, and the console output vouches for these: its host \
                     keys were made anew, or the old pin was wrong. {to} Type `yes`: "
                ),
            ),
            Verdict::Changed { .. } => (
                false,
                format!("Other keys are pinned. {COMPARE} {to} Type `yes`: "),
            ),
            Verdict::Unvouched(_) => (false, format!("{COMPARE} {to} Type `yes`: ")),
            _ => (true, format!("{to} [y/N] ")),
        };
        if !io::stdin().is_terminal() {
            return Err(self.nobody_to_ask(vouched));
        }
        let line = ask(&question, std::future::pending::<()>()).await;
        match line.unwrap_or_default().trim() {
            "yes" => Ok(()),
            "y" | "Y" if vouched => Ok(()),
            _ => {
                complain_safely("nothing was pinned");
                Err(Code::Failed)
            }
        }
    }

    fn nobody_to_ask(&self, vouched: bool) -> Code {
        let name = self.name;
        if vouched {
            complain_safely(&format!(
                "error: host `{name}`: nobody is at a terminal to be asked\n  help: `--yes` pins what \
                 something vouches for"
            ));
            return Code::Usage;
        }
        complain_safely(&format!(
            "error: host `{name}`: these keys are pinned only by somebody at a terminal who has \
             compared them\n  help: run this in a terminal, or write keys that you have compared in \
             the spec: `host_key: {{ pinned: […] }}`"
        ));
        Code::Unreachable
    }
}
