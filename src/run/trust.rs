//! Whether a machine's host keys can be trusted, and pinning them.

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

/// The keys that a machine offered.
pub(crate) struct Offered {
    destination: ssh::Destination,
    offer: OfferedKeys,
    /// The keys in its console output, where it is an instance.
    console: Option<Result<Vec<PublicKey>, String>>,
}

/// Gets the keys of a machine, and what vouches for them; `None` for this machine.
pub(crate) async fn offered(
    target: &Target,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Option<Offered>, transport::Error> {
    if let Some(lookup_error) = &target.lookup_error {
        return Err(transport::Error::LookUp(lookup_error.clone()));
    }
    let Some(destination) = connect::destination(target, around) else {
        return Ok(None);
    };
    let offer = ssh::scan_host_keys(&SshPaths::of_user(), &destination, deadline).await?;
    let console = match &destination.instance {
        Some(id) => {
            let cloud = target.cloud.as_ref();
            Some(console::host_keys(cloud, &target.host.aws, id).await)
        }
        None => None,
    };
    Ok(Some(Offered {
        destination,
        offer,
        console,
    }))
}

/// Shows what vouches for the keys of a machine; pins them where that is enough, or after a prompt.
pub(crate) async fn trust(
    target: &Target,
    shown: Option<Offered>,
    yes: bool,
    around: &Surroundings,
) -> Result<Code, transport::Error> {
    let name = &target.host.name;
    let Some(Offered {
        destination,
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
    let spec = match &destination.host_key {
        ssh::HostKey::Pinned(keys) => keys
            .iter()
            .filter_map(|key| PublicKey::parse(key).ok())
            .collect(),
        ssh::HostKey::Strict | ssh::HostKey::AcceptNew => vec![],
    };
    let evidence = Evidence {
        shown: offer.keys.clone(),
        spec,
        is_instance: destination.instance.is_some(),
        pinned: offer.pinned.clone(),
        console,
        known: offer.known.clone(),
    };
    let label = match &destination.instance {
        Some(id) if *id != destination.address => format!("{id} at {}", address(&target.host)),
        _ => address(&target.host),
    };
    put(&human::trust(name, &label, &evidence, &around.style));
    let pin_target = PinTarget {
        name,
        places: &places,
        offer: &offer,
        instance: destination.instance.as_deref(),
    };
    let verdict = evidence.verdict();
    let trusted = match &verdict {
        Verdict::Trusted(keys) => {
            put(&human::pinned_line(keys, &around.style));
            return Ok(Code::Done);
        }
        Verdict::Contradicted { by, expected } => {
            pin_target.contradicted(*by, expected);
            return Ok(Code::Unreachable);
        }
        Verdict::Vouched(keys, _) if yes => keys,
        Verdict::Vouched(keys, _)
        | Verdict::Unvouched(keys)
        | Verdict::Changed { shown: keys, .. } => match pin_target.confirm(&verdict).await {
            Ok(()) => keys,
            Err(code) => return Ok(code),
        },
    };
    pin_target.pin(trusted, &verdict)?;
    put(&human::pinned_line(trusted, &around.style));
    Ok(Code::Done)
}

/// What keys are pinned to.
struct PinTarget<'a> {
    name: &'a str,
    places: &'a SshPaths,
    offer: &'a OfferedKeys,
    instance: Option<&'a str>,
}

impl PinTarget<'_> {
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

    fn contradicted(&self, by: Voucher, expected: &[PublicKey]) {
        let expected = shown(expected);
        let (message, help) = match by {
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
            "error: host `{}`: {message}, so this is not the machine, or somebody stands in between: \
             {expected}\n  help: {help}",
            self.name
        ));
    }

    /// Asks on the terminal. Keys that nothing vouches for need the whole word `yes`.
    async fn confirm(&self, verdict: &Verdict) -> Result<(), Code> {
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
            return Err(self.no_terminal(vouched));
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

    fn no_terminal(&self, vouched: bool) -> Code {
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
