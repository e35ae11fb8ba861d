//! `trueup facts`: what is read of each host, and what the spec's references became.

use crate::{
    cli::{AllowArgs, LookArgs},
    exit::Code,
    lookup,
    report::{Format, human, json},
    run::{
        Surroundings, complain_safely, load, look_at_all, output::Outputs, salt, select, targets,
    },
    spec::ResolvedCluster,
};

pub(super) async fn run(args: &LookArgs, around: &Surroundings) -> Code {
    let allow = AllowArgs::default();
    let formats = [Format::Human, Format::Json];
    let outputs = match Outputs::open(&args.spec.output.formats, &formats, &args.spec.specs, false)
    {
        Ok(outputs) => outputs,
        Err(code) => return code,
    };
    let mut specs = match load(&args.spec, around) {
        Ok(specs) => specs,
        Err(code) => return code,
    };
    // `plan` reads clusters; what their references became is shown here.
    let selected = select::hosts(args, &specs);
    let mut clusters: Vec<ResolvedCluster> = Vec::new();
    for spec in &mut specs {
        let all = std::mem::take(&mut spec.clusters).into_iter();
        clusters.extend(all.filter(|cluster| {
            let mut hosts = cluster.hosts.iter();
            hosts.any(|(name, _)| selected.contains(name))
                && select::cluster_in_shard(&args.pick, cluster, &spec.hosts)
        }));
    }
    let (targets, salt) = match (targets(args, &allow, specs, around).await, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let mut code = Code::Done;
    let mut values = Vec::new();
    let mut pages = String::new();
    let style = &around.style;
    let mut settled = lookup::settle(&targets.cloud, vec![], clusters).await;
    settled.accounts.extend(targets.accounts.iter().cloned());
    for aws in &settled.accounts {
        // Where AWS refuses us, each reference has the reason.
        let Ok(region) = targets.cloud.region(aws).await else {
            continue;
        };
        let region = region.as_ref();
        let region = region.map(|region| (region.name.as_str(), region.source.as_str()));
        match targets.cloud.caller(aws).await {
            Ok(caller) => {
                let lookup::Caller { arn, source, .. } = &caller;
                pages.push_str(&human::caller(region, arn, source, style));
                values.push(json::caller(aws, region, arn, source));
            }
            Err(error) => {
                complain_safely(&format!("note: who AWS takes us for is not known: {error}"));
            }
        }
    }
    let (hosts, _) = look_at_all(&targets, args, &salt, around).await;
    for host in hosts {
        let (name, address) = (&host.name, &host.address);
        let (looked_up, warnings) = (&host.looked_up, &host.warnings);
        pages.push_str(&human::looked_up(name, looked_up, warnings, style));
        match &host.facts {
            Some(facts) => {
                pages.push_str(&human::facts(name, address, facts, style));
                values.push(json::facts(name, address, facts, looked_up));
            }
            None => {
                let error = host.error.unwrap_or_default();
                complain_safely(&format!("error: host `{name}`: {error}"));
                code = Code::Unreachable;
            }
        }
    }
    for cluster in settled.clusters {
        let name = &cluster.name;
        match cluster.values {
            Ok(found) => {
                pages.push_str(&human::looked_up(
                    name,
                    &found.looked_up,
                    &found.warnings,
                    style,
                ));
                if !found.looked_up.is_empty() {
                    values.push(json::cluster(name, &found.looked_up));
                }
            }
            Err(error) => {
                complain_safely(&format!("error: topics of {name}: {error}"));
                code = Code::worst([code, Code::Unreachable]);
            }
        }
    }
    outputs.put_text(code, |format| match format {
        Format::Json => json::text(&serde_json::Value::Array(values.clone())),
        _ => pages.clone(),
    })
}
