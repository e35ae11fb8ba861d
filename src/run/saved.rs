//! Saved plans: written, read back, and made into what an apply works on.

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
    let reason = match fs::symlink_metadata(file) {
        // A device or a link would be replaced by the file.
        Ok(metadata) if !metadata.is_file() => "it is there, and is no plain file",
        // A typo must not overwrite a spec, say. An empty file may be mktemp's.
        Ok(metadata) if metadata.len() > 0 && bytes(file).is_none() => {
            "it is there, and is no saved plan"
        }
        Err(_) if !folder(file).is_dir() => "its folder is not there",
        _ => return Ok(()),
    };
    complain_safely(&format!(
        "error: `--out {}`: {reason}\n  help: name a file in a folder that is there",
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
    let target = match is_dash(file) {
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
            // The exit code is that of the plan.
            let why = match options.partial {
                true => "nothing could be read that it could keep".to_owned(),
                false => incomplete.to_string(),
            };
            complain_safely(&format!("{target} was not written: {why}"));
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
    // Readable by the account alone.
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
            .map(ClusterTarget::to_desired)
            .collect(),
        secrets: secrets(targets, salt),
    }
}

/// Digests of the secrets that hosts and clusters refer to.
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

/// The bytes of a file that is a saved plan, if only in part; `None`: it is something else. What is no plain
/// file can be read only once, and is taken for a spec.
pub(crate) fn bytes(file: &Path) -> Option<Vec<u8>> {
    let plain = is_dash(file) || fs::metadata(file).is_ok_and(|metadata| metadata.is_file());
    let bytes = plain.then(|| bytes_of(file).ok()).flatten()?;
    is_saved(&bytes).then_some(bytes)
}

/// Reads a saved plan; complains of errors.
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

/// Parses a saved plan; complains of errors.
fn parse(file: &Path, bytes: &[u8]) -> Result<Saved, Code> {
    Saved::load(bytes).map_err(|error| unusable(file, &error))
}

/// Complains of a plan that cannot be used.
fn unusable(file: &Path, error: &dyn std::error::Error) -> Code {
    complain_safely(&format!("error: plan `{}`: {error}", shown(file)));
    Code::Usage
}

/// The targets of a saved plan. Secrets are read again; complains of those that have changed.
async fn targets(
    desired: Desired,
    salt: &str,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Targets, Code> {
    let mut code = Ok(());
    let cloud = lookup::cloud(&around.environment, deadline);
    let hosts = desired
        .hosts
        .iter()
        .map(|desired| desired.host.clone())
        .collect();
    let clusters = desired
        .clusters
        .iter()
        .map(|desired| desired.cluster.clone())
        .collect();
    let lookups = lookup::settle(&cloud, hosts, clusters).await;
    let mut targets = Targets {
        hosts: vec![],
        clusters: vec![],
        other_shards: vec![],
        chosen: desired.chosen,
        shard: None,
        accounts: lookups.accounts,
        cloud: Arc::clone(&cloud),
    };
    // One lookup a host: a saved plan has the members of a fleet one by one.
    let hosts = lookups.hosts.into_iter().flatten();
    for (DesiredHost { spec, .. }, host) in desired.hosts.into_iter().zip(hosts) {
        match Target::new(host, &cloud, Path::new(&spec), &targets.chosen, around) {
            Ok(target) => targets.hosts.push(target),
            Err(reason) => code = Err(reason),
        }
    }
    for (cluster, lookups) in desired.clusters.into_iter().zip(lookups.clusters) {
        match ClusterTarget::new(cluster, lookups.values, &targets.chosen, around) {
            Ok(target) => targets.clusters.push(target),
            Err(reason) => code = Err(reason),
        }
    }
    code?;
    for current in secrets(&targets, salt) {
        if !desired.secrets.contains(&current) {
            complain_safely(&format!(
                "error: the secret `{}` of {} is another than when the plan was made\n  help: make a new \
                 plan",
                current.key, current.of
            ));
            code = Err(Code::Stale);
        }
    }
    code.map(|()| targets)
}

/// Reads a saved plan that is to be applied, with its desired state; complains of errors.
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

/// What an apply of a saved plan works on.
pub(crate) async fn work(
    plan: Plan,
    desired: Desired,
    deadline: Duration,
    around: &Surroundings,
) -> Result<Work, Code> {
    let mut targets = targets(desired, &plan.salt, deadline, around).await?;
    targets.shard.clone_from(&plan.shard);
    let is_planned = |target: &Target| plan.hosts.iter().any(|host| host.name == target.host.name);
    let unplanned = |target: &&Target| !target.only_gateway && !is_planned(target);
    if let Some(Target { host, .. }) = targets.hosts.iter().find(unplanned) {
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
    let spec_of = |target: &Target| (target.host.name.clone(), target.spec.display().to_string());
    Ok(Work {
        places: SpecPlaces::without_lines(targets.hosts.iter().map(spec_of).collect()),
        specs: plan.specs.clone(),
        salt: plan.salt.clone(),
        targets,
        saved: Some(plan),
    })
}

/// Refuses flags that belong to `plan`.
fn refuse_flags(args: &LookArgs, allow: &AllowArgs, file: &Path) -> Result<(), Code> {
    let flags = [
        ("--var", !args.spec.vars.is_empty()),
        ("--host", !args.pick.hosts.is_empty()),
        ("--exclude-host", !args.pick.exclude_hosts.is_empty()),
        ("--shard", args.pick.shard.is_some()),
        ("--target", !args.targets.is_empty()),
        ("--exclude", !args.excludes.is_empty()),
        ("--deep", args.deep),
        ("--allow-delete", !allow.delete.is_empty()),
    ];
    let Some((flag, _)) = flags.into_iter().find(|(_, is_given)| *is_given) else {
        return Ok(());
    };
    complain_safely(&format!(
        "error: `{flag}` shapes a plan, and `{}` is one that was made already\n  help: give `{flag}` to \
         `plan --out`, or leave it out here",
        shown(file)
    ));
    Err(Code::Usage)
}

/// Refuses specs that have changed since the plan was made, as far as they are here.
fn check_specs(specs: &[SpecFile]) -> Result<(), Code> {
    let mut code = Ok(());
    for spec in specs {
        let path = &spec.path;
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        let reason = match fs::read(path) {
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
        complain_safely(&format!(
            "error: `{path}` {reason}\n  help: make a new plan"
        ));
        code = Err(Code::Stale);
    }
    code
}
