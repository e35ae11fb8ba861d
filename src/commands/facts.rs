//! `trueup facts`: what is read of each machine.

use super::{Surroundings, complain, load, look_at_all, output::Outputs, salt, targets};
use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    report::{Format, human, json},
};

pub async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    let allow = AllowArgs::default();
    let known = [Format::Human, Format::Json];
    let outputs = match Outputs::open(&args.spec.output.formats, &known, &args.spec.specs, false) {
        Ok(outputs) => outputs,
        Err(code) => return code,
    };
    let prepared = load(&args.spec, around).and_then(|mut specs| {
        // What is on a cluster is said by `plan`.
        specs.iter_mut().for_each(|spec| spec.clusters.clear());
        targets(args, &allow, specs, around)
    });
    let (targets, salt) = match (prepared, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let mut code = Code::Done;
    let mut values = Vec::new();
    let mut pages = String::new();
    let (hosts, _) = look_at_all(&targets, args, &salt, around).await;
    for host in hosts {
        let (name, address) = (&host.name, &host.address);
        match &host.facts {
            Some(facts) => {
                pages.push_str(&human::facts(name, address, facts, &around.style));
                values.push(json::facts(name, address, facts));
            }
            None => {
                let error = host.error.unwrap_or_default();
                complain(&format!("error: host `{name}`: {error}"));
                code = Code::Unreachable;
            }
        }
    }
    outputs.put_text(code, |format| match format {
        Format::Json => json::text(&serde_json::Value::Array(values.clone())),
        _ => pages.clone(),
    })
}
