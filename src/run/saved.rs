//! Plans in files: written whole or not at all, read back, and made into what an apply works on.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use secrecy::ExposeSecret;

use super::{
    Surroundings, Target, Targets,
    apply::Work,
    complain_safely, is_dash, put, shown,
    stdio::{bytes_of, note_safely},
    topics::ClusterTarget,
};
use crate::{
    apply::SpecPlaces,
    cli::{AllowArgs, LookArgs},
    exit::Code,
    lookup::{self, bootstrap},
    plan::{Desired, DesiredHost, Missing, Plan, Saved, SecretDigest, SpecFile, is_saved},
    report::json,
    spec,
    whole::{Whole, folder},
};

/// Whether a plan can be saved to a file, before any host is connected to; complains where it cannot.
///
/// # Errors
/// [`Code::Usage`].
pub(crate) fn check_target(file: &Path) -> Result<(), Code> {
    if is_dash(file) {
        return Ok(());
    }
    let wrong = match fs::symlink_metadata(file) {
        // A device or a link would be replaced by what was meant to go through it.
        Ok(there) if !there.is_file() => "it is there, and is no plain file",
        // A spec, say: a slip of the pen must not cost it. An empty file is mktemp's.
        Ok(there) if there.len() > 0 && bytes(file).is_none() => {
            "it is there, and is no saved plan"
        }
        Err(_) if !folder(file).is_dir() => "its folder is not there",
        _ => return Ok(()),
    };
    complain_safely(&format!(
        "error: `--out {}`: {wrong}\n  help: name a file in a folder that is there",
        file.display()
    ));
    Err(Code::Usage)
}

/// How a plan is saved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaveOptions {
    /// `--deep` was given.
    pub deep: bool,
    /// Without what could not be read, where that is not all.
    pub partial: bool,
}

/// Saves a plan, unless it is incomplete, and reports that on stderr.
pub(crate) fn save(file: &Path, mut plan: Plan, targets: &Targets, options: SaveOptions) -> Code {
    let place = match is_dash(file) {
        true => "stdout".to_owned(),
        false => format!("`{}`", file.display()),
    };
    let mut desired = desired(targets, &plan.salt, options.deep);
    if options.partial {
        plan = plan.without_unread(&mut desired);
    }
    let missing: Vec<String> = plan.missing.iter().map(Missing::name).collect();
    let saved = match Saved::new(plan, &desired) {
        Ok(saved) => saved,
        Err(incomplete) => {
            // The plan's own code says why.
            let why = match options.partial {
                true => "nothing could be read that it could keep".to_owned(),
                false => incomplete.to_string(),
            };
            complain_safely(&format!("{place} was not written: {why}"));
            return Code::Done;
        }
    };
    let text = json::text(&saved.to_value());
    if is_dash(file) {
        // Whether it arrived is found out at the end.
        put(&text);
        return Code::Done;
    }
    let shown = file.display();
    // For nobody else to read.
    match Whole::beside(file, 0o600).and_then(|new| new.put(text.as_bytes())) {
        Ok(()) => {
            let without = match missing.as_slice() {
                [] => String::new(),
                names => format!(" without {}", names.join(", ")),
            };
            note_safely(&format!(
                "saved{without}: `trueup apply {shown}` does this, or nothing"
            ));
            Code::Done
        }
        Err(error) => {
            complain_safely(&format!("error: `{shown}` cannot be written: {error}"));
            Code::Failed
        }
    }
}

fn desired(targets: &Targets, salt: &str, deep: bool) -> Desired {
    let host = |target: &Target| DesiredHost {
        spec: target.spec.display().to_string(),
        host: target.host.clone(),
    };
    Desired {
        deep,
        chosen: targets.chosen.clone(),
        hosts: targets.hosts.iter().map(host).collect(),
        clusters: targets
            .clusters
            .iter()
            .map(ClusterTarget::settled)
            .collect(),
        secrets: secrets(targets, salt),
    }
}

/// What the secrets are that hosts and clusters refer to.
fn secrets(targets: &Targets, salt: &str) -> Vec<SecretDigest> {
    let of_hosts = targets.hosts.iter().flat_map(|target| {
        let secrets = target.secrets.iter();
        secrets.map(|(key, value)| SecretDigest::new(salt, &target.host.name, key, value.expose()))
    });
    let of_clusters = targets.clusters.iter().filter_map(|cluster| {
        let password = cluster.password.as_ref()?.expose_secret();
        let name = cluster.name();
        Some(SecretDigest::new(salt, name, bootstrap::PASSWORD, password))
    });
    of_hosts.chain(of_clusters).collect()
}

/// The bytes of a file that is, or was meant to be, a saved plan; `None`: it is something else.
/// What is no plain file can be read only once, and is taken for a spec.
pub(crate) fn bytes(file: &Path) -> Option<Vec<u8>> {
    let plain = is_dash(file) || fs::metadata(file).is_ok_and(|there| there.is_file());
    let bytes = plain.then(|| bytes_of(file).ok()).flatten()?;
    is_saved(&bytes).then_some(bytes)
}

/// Reads a saved plan; what is wrong with it is said.
pub(crate) fn load(file: &Path) -> Result<Saved, Code> {
    let name = shown(file);
    let bytes = bytes_of(file).map_err(|error| {
        complain_safely(&format!("error: `{name}` cannot be read: {error}"));
        Code::Usage
    })?;
    if !is_saved(&bytes) {
        complain_safely(&format!(
            "error: `{name}` is no saved plan\n  help: `plan SPEC --out FILE` saves one"
        ));
        return Err(Code::Usage);
    }
    parse(file, &bytes)
}

/// Reads the bytes of a saved plan; what is wrong with it is said.
fn parse(file: &Path, bytes: &[u8]) -> Result<Saved, Code> {
    Saved::load(bytes).map_err(|error| unusable(file, &error))
}

/// Says why a plan cannot be used.
fn unusable(file: &Path, error: &dyn std::error::Error) -> Code {
    complain_safely(&format!("error: plan `{}`: {error}", shown(file)));
    Code::Usage
}

/// What an apply of a saved plan works on. Secrets are read again; one that is another than when
/// the plan was made is said.
async fn targets(
    desired: Desired,
    salt: &str,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Targets, Code> {
    let mut code = Ok(());
    let cloud = lookup::cloud(&around.environment, deadline);
    let hosts = desired.hosts.iter().map(|one| one.host.clone()).collect();
    let clusters = desired
        .clusters
        .iter()
        .map(|one| one.cluster.clone())
        .collect();
    let settled = lookup::settle(&cloud, hosts, clusters).await;
    let mut targets = Targets {
        hosts: vec![],
        clusters: vec![],
        elsewhere: vec![],
        chosen: desired.chosen,
        shard: None,
        accounts: settled.accounts,
        cloud: Arc::clone(&cloud),
    };
    // One for one: in a saved plan the members of a fleet stand one by one.
    let hosts = settled.hosts.into_iter().flatten();
    for (DesiredHost { spec, .. }, host) in desired.hosts.into_iter().zip(hosts) {
        match Target::new(host, &cloud, Path::new(&spec), &targets.chosen, around) {
            Ok(target) => targets.hosts.push(target),
            Err(wrong) => code = Err(wrong),
        }
    }
    for (cluster, settled) in desired.clusters.into_iter().zip(settled.clusters) {
        match ClusterTarget::new(cluster, settled.values, &targets.chosen, around) {
            Ok(target) => targets.clusters.push(target),
            Err(wrong) => code = Err(wrong),
        }
    }
    code?;
    for now in secrets(&targets, salt) {
        if !desired.secrets.contains(&now) {
            complain_safely(&format!(
                "error: the secret `{}` of {} is another than when the plan was made\n  help: make a new \
                 plan",
                now.key, now.of
            ));
            code = Err(Code::Stale);
        }
    }
    code.map(|()| targets)
}

/// Reads a saved plan that is to be applied, with what it must come to; what is wrong is said.
pub(crate) fn to_apply(
    file: &Path,
    bytes: &[u8],
    args: &LookArgs,
    allow: &AllowArgs,
) -> Result<(Plan, Desired), Code> {
    refuse_flags(args, allow, file)?;
    let saved = parse(file, bytes)?;
    let desired = saved.desired().map_err(|error| unusable(file, &error))?;
    check_specs(&saved.plan.specs)?;
    Ok((saved.plan, desired))
}

/// What an apply of it works on.
pub(crate) async fn work(
    plan: Plan,
    desired: Desired,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Work, Code> {
    let mut targets = targets(desired, &plan.salt, deadline, around).await?;
    targets.shard.clone_from(&plan.shard);
    let planned = |target: &Target| plan.hosts.iter().any(|one| one.name == target.host.name);
    let of_nothing = |target: &&Target| !target.only_leads && !planned(target);
    if let Some(Target { host, .. }) = targets.hosts.iter().find(of_nothing) {
        complain_safely(&format!(
            "error: the plan says nothing of its host `{}`\n  help: make a new plan",
            host.name
        ));
        return Err(Code::Usage);
    }
    let tool = env!("CARGO_PKG_VERSION");
    if plan.tool_version != tool {
        complain_safely(&format!(
            "note: the plan was made by trueup {}, and this is {tool}: what this one would do \
             otherwise counts as moved",
            plan.tool_version
        ));
    }
    let place = |one: &Target| (one.host.name.clone(), one.spec.display().to_string());
    Ok(Work {
        places: SpecPlaces::without_lines(targets.hosts.iter().map(place).collect()),
        specs: plan.specs.clone(),
        salt: plan.salt.clone(),
        targets,
        saved: Some(plan),
    })
}

/// What shapes a plan has been said when it was made.
fn refuse_flags(args: &LookArgs, allow: &AllowArgs, file: &Path) -> Result<(), Code> {
    let given = [
        ("--var", !args.spec.vars.is_empty()),
        ("--host", !args.pick.hosts.is_empty()),
        ("--exclude-host", !args.pick.exclude_hosts.is_empty()),
        ("--shard", args.pick.shard.is_some()),
        ("--target", !args.targets.is_empty()),
        ("--exclude", !args.excludes.is_empty()),
        ("--deep", args.deep),
        ("--allow-delete", !allow.delete.is_empty()),
    ];
    let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) else {
        return Ok(());
    };
    complain_safely(&format!(
        "error: `{flag}` shapes a plan, and `{}` is one that was made already\n  help: give `{flag}` to \
         `plan --out`, or leave it out here",
        shown(file)
    ));
    Err(Code::Usage)
}

/// The specs must be what the plan was made from, as far as they are here.
fn check_specs(specs: &[SpecFile]) -> Result<(), Code> {
    let mut code = Ok(());
    for spec in specs {
        let path = &spec.path;
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        let wrong = match fs::read(path) {
            Err(error) if absent.contains(&error.kind()) => {
                complain_safely(&format!(
                    "note: `{path}` is not here: whether it has changed since the plan was made is \
                     not known"
                ));
                continue;
            }
            Err(error) => format!("cannot be read: {error}"),
            Ok(bytes) if spec::sha256(&bytes) == spec.sha256 => continue,
            Ok(_) => "has changed since the plan was made".to_owned(),
        };
        complain_safely(&format!("error: `{path}` {wrong}\n  help: make a new plan"));
        code = Err(Code::Stale);
    }
    code
}
