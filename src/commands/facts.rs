//! `trueup facts`: what is read of each machine.

use super::{Surroundings, complain, load, look_at_all, put, salt, targets};
use crate::{
    cli::{AllowArgs, Format, LookArgs},
    exit::Code,
    report::{human, json},
};

pub async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    let allow = AllowArgs::default();
    let prepared = load(&args.spec, around).and_then(|mut spec| {
        // What is on a cluster is said by `plan`.
        spec.clusters.clear();
        targets(args, &allow, spec, around)
    });
    let (targets, salt) = match (prepared, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let mut code = Code::Done;
    let mut values = Vec::new();
    let (hosts, _) = look_at_all(&targets, args, &salt, around).await;
    for host in hosts {
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
                values.push(json::facts(&host.name, &host.address, facts))
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
    if args.spec.format == Format::Json {
        put(&json::text(&serde_json::Value::Array(values)));
    }
    code
}
