//! `trueup apply`: lock → fresh facts → plan → apply → facts once more → exit code.

mod consent;
mod saved;
mod session;
mod visit;

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use super::{
    Surroundings, Target, Targets, complain, load, put, salt, saved as files, spec_file, targets,
    topics::ClusterTarget,
};
use crate::{
    apply::SpecPlaces,
    cli::{AllowArgs, Format, LookArgs},
    exit::Code,
    plan::{Plan, SpecFile},
    report::{human, json, progress::Progress},
};
use session::{Session, listen_for_ctrl_c};
use visit::Visit;

/// How an apply is made.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Without asking.
    pub auto_approve: bool,
    /// How long another apply, or another package manager, is waited for.
    pub lock_timeout: Duration,
}

/// What an apply works on.
struct Work {
    targets: Targets,
    specs: Vec<SpecFile>,
    salt: String,
    places: SpecPlaces,
    /// What it must come to: this plan, or nothing.
    saved: Option<Plan>,
}

pub async fn run(args: &LookArgs, allow: &AllowArgs, how: How, around: &Surroundings) -> Code {
    if let Some(bytes) = files::bytes(&args.spec.spec) {
        return saved::run(&bytes, args, allow, how, around).await;
    }
    if !how.auto_approve && !io::stdin().is_terminal() {
        complain(
            "error: there is no terminal to ask on\n  help: look at `plan` first, then say `--auto-approve`",
        );
        return Code::Usage;
    }
    let spec = match load(&args.spec, around) {
        Ok(spec) => spec,
        Err(code) => return code,
    };
    let specs = vec![spec_file(&spec)];
    let places = SpecPlaces::new(&spec);
    let (targets, salt) = match (targets(args, allow, spec, around).await, salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let work = Work {
        targets,
        specs,
        salt,
        places,
        saved: None,
    };
    carry_out(work, args, how, around).await
}

async fn carry_out(work: Work, args: &LookArgs, how: How, around: &Surroundings) -> Code {
    let started = Instant::now();
    let Work { targets, saved, .. } = work;
    let human = args.spec.format == Format::Human;
    let mut session = Session {
        args,
        around,
        lock_timeout: how.lock_timeout,
        specs: work.specs,
        salt: work.salt,
        places: work.places,
        stop: listen_for_ctrl_c(),
        many: targets.hosts.len() > 1,
        progress: progress(human, around),
        started,
    };
    let visits = if how.auto_approve || saved.is_some() {
        session.all(&targets, saved.as_ref()).await
    } else {
        session.asked(&targets).await
    };
    let code = visit::code(&visits, *session.stop.borrow() > 0);
    let next = match targets.hosts.as_slice() {
        [target] if code == Code::Done => next_lines(target, &targets.clusters),
        _ => vec![],
    };
    let refused = visits.is_empty() || visits.iter().any(Visit::refused);
    let (mut hosts, mut topics, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for visit in visits {
        let (host, of_host, done) = visit.into_parts();
        hosts.extend(host);
        topics.extend(of_host);
        outcomes.extend(done);
    }
    let plan = Plan::new(session.salt, session.specs, hosts, topics);
    if refused && outcomes.is_empty() {
        complain("nothing was changed");
    }
    put(&if human {
        human::outcome(&outcomes, &plan, &around.style, started.elapsed(), &next)
    } else {
        json::outcome(&plan, &outcomes, code as u8)
    });
    code
}

/// Progress goes to stderr; the lines that say what was done are results, unless stdout has JSON.
fn progress(human: bool, around: &Surroundings) -> Progress {
    let results: Box<dyn Write + Send> = if human {
        Box::new(io::stdout())
    } else {
        Box::new(io::stderr())
    };
    let terminal = io::stderr().is_terminal();
    Progress::new(terminal, around.color_err, around.style.width, results)
}

/// What the user does next, on the client.
fn next_lines(target: &Target, clusters: &[ClusterTarget]) -> Vec<String> {
    let Some(kafka) = &target.host.client.kafka else {
        return vec![];
    };
    let broker = match clusters {
        [cluster] => cluster.first_broker(),
        _ => "BROKER:9098".into(),
    };
    let mut lines = vec![
        "on the client, in a new shell".to_owned(),
        format!("{}/bin/kafka-topics.sh --list \\", kafka.home),
        format!("  --bootstrap-server {broker}"),
    ];
    if let Some(properties) = &target.host.client.properties {
        lines[2].push_str(" \\");
        lines.push(format!("  --command-config {}", properties.path));
    }
    lines
}
