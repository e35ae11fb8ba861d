//! `trueup prove`: the installed client lists the topics, in a fresh login shell.

use std::time::Instant;

use crate::{
    broker::BrokerAddress,
    cli::{AllowArgs, ProveArgs},
    exit::Code,
    plan::Plan,
    proof::Proof,
    report::{Report, ReportKind},
    run::{
        Surroundings, at_once, complain_safely, load, now,
        output::{FORMATS, Outputs},
        prove::{host, questions},
        salt, spec_files, targets,
    },
};

pub(super) async fn run(args: &ProveArgs, around: &Surroundings) -> Code {
    match prove(args, around).await {
        Ok(code) | Err(code) => code,
    }
}

async fn prove(args: &ProveArgs, around: &Surroundings) -> Result<Code, Code> {
    let (started, at) = (Instant::now(), now());
    let look = args.look();
    let outputs = Outputs::open(&args.spec.output.formats, &FORMATS, &args.spec.specs, false)?;
    let brokers = bootstrap(&args.bootstrap_server)?;
    let mut specs = load(&args.spec, around)?;
    let files = spec_files(&specs);
    // Only brokers are needed, no tables, and no password of their database.
    for cluster in specs.iter_mut().flat_map(|spec| &mut spec.clusters) {
        cluster.lists.clear();
    }
    let targets = targets(&look, &AllowArgs::default(), specs, around).await?;
    let questions = questions(&targets, brokers.as_deref())?;
    let salt = salt()?;
    let asking = at_once(
        args.limits.parallel,
        &questions,
        async |(target, questions)| {
            host(target, questions, &salt, args.limits.timeout, around).await
        },
    );
    let (hosts, proofs): (Vec<_>, Vec<_>) = asking.await.into_iter().unzip();
    let proofs: Vec<Proof> = proofs.into_iter().flatten().collect();
    let code = Code::worst(proofs.iter().map(Proof::code));
    let (of, took) = (ReportKind::Prove, started.elapsed());
    let plan = Plan::new(salt, files, hosts, vec![]).in_shard(targets.shard.clone());
    let plan = plan.made_by(of.command(), code, (at, took));
    Ok(outputs.put(&Report {
        proofs: &proofs,
        ..Report::new(of, &plan, code, (at, took), around.style)
    }))
}

/// The brokers of `--bootstrap-server`.
fn bootstrap(words: &[String]) -> Result<Option<String>, Code> {
    let brokers: Result<Vec<BrokerAddress>, _> =
        words.iter().map(|word| word.trim().parse()).collect();
    match brokers {
        Ok(brokers) if brokers.is_empty() => Ok(None),
        Ok(brokers) => {
            let names: Vec<String> = brokers.iter().map(ToString::to_string).collect();
            Ok(Some(names.join(",")))
        }
        Err(error) => {
            complain_safely(&format!("error: `--bootstrap-server`: {error}"));
            Err(Code::Usage)
        }
    }
}
