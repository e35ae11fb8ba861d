//! `trueup facts`: what is read of each machine, and what the spec's references became.

use super::{Surroundings, complain, complain_safely, load, look_at_all, put, salt, targets};
use crate::{
    cli::{AllowArgs, Format, LookArgs},
    exit::Code,
    lookup,
    report::{human, json},
    spec::{Cluster, ResolvedCluster},
};

pub async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    let allow = AllowArgs::default();
    let mut spec = match load(&args.spec, around) {
        Ok(spec) => spec,
        Err(code) => return code,
    };
    // What is on a cluster is said by `plan`; which brokers it has is said here.
    let clusters = std::mem::take(&mut spec.clusters);
    let (targets, salt) = match (targets(args, &allow, spec, around).await, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let mut code = Code::Done;
    let mut values = Vec::new();
    let named = |cluster: &ResolvedCluster| !matches!(cluster.cluster, Cluster::Bootstrap(_));
    let clusters = clusters.into_iter().filter(named).collect();
    let mut settled = lookup::settle(&targets.cloud, vec![], clusters).await;
    settled.accounts.extend(targets.accounts.iter().cloned());
    for aws in &settled.accounts {
        // Where nobody was let in, each reference says why.
        let Ok(caller) = targets.cloud.caller(aws).await else {
            continue;
        };
        match args.spec.format {
            Format::Human => put(&human::caller(
                aws,
                &caller.arn,
                &caller.source,
                &around.style,
            )),
            Format::Json => values.push(json::caller(aws, &caller.arn, &caller.source)),
        }
    }
    let (hosts, _) = look_at_all(&targets, args, &salt, around).await;
    for host in hosts {
        let (looked_up, warnings) = (&host.looked_up, &host.warnings);
        if args.spec.format == Format::Human {
            put(&human::looked_up(
                &host.name,
                looked_up,
                warnings,
                &around.style,
            ));
        }
        match (&host.facts, args.spec.format) {
            (Some(facts), Format::Human) => {
                put(&human::facts(
                    &host.name,
                    &host.address,
                    facts,
                    &around.style,
                ));
            }
            (Some(facts), Format::Json) => {
                values.push(json::facts(&host.name, &host.address, facts, looked_up));
            }
            (None, _) => {
                complain(&format!(
                    "error: host `{}`: {}",
                    host.name,
                    host.error.unwrap_or_default()
                ));
                code = Code::Unreachable;
            }
        }
    }
    for cluster in settled.clusters {
        match (cluster.values, args.spec.format) {
            (Ok(found), Format::Human) => {
                let remarks = &found.warnings;
                put(&human::looked_up(
                    &cluster.name,
                    &found.looked_up,
                    remarks,
                    &around.style,
                ));
            }
            (Ok(found), Format::Json) => {
                values.push(json::cluster(&cluster.name, &found.looked_up))
            }
            (Err(error), _) => {
                complain_safely(&format!("error: topics of {}: {error}", cluster.name));
                code = Code::worst([code, Code::Unreachable]);
            }
        }
    }
    if args.spec.format == Format::Json {
        put(&json::text(&serde_json::Value::Array(values)));
    }
    code
}
