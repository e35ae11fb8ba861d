//! `trueup apply`: lock → fresh facts → plan → apply → facts once more → exit code.

mod session;
mod visit;

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use super::{Surroundings, Target, complain, load, put, salt, spec_file, targets};
use crate::{
    apply::SpecPlaces,
    cli::{Format, LookArgs},
    exit::Code,
    plan::Plan,
    report::{event::HostOutcome, human, json, progress::Progress},
};
use session::{Session, listen_for_ctrl_c};
use visit::Visit;

pub async fn run(
    args: &LookArgs,
    auto_approve: bool,
    lock_timeout: Duration,
    around: &Surroundings,
) -> Code {
    if !auto_approve && !io::stdin().is_terminal() {
        complain(
            "error: there is no terminal to ask on\n  help: look at `plan` first, then say `--auto-approve`",
        );
        return Code::Usage;
    }
    let started = Instant::now();
    let spec = match load(&args.spec, around) {
        Ok(spec) => spec,
        Err(code) => return code,
    };
    let specs = vec![spec_file(&spec)];
    let places = SpecPlaces::new(&spec);
    let (targets, salt) = match (targets(args, spec, around), salt()) {
        (Ok(targets), Ok(salt)) => (targets, salt),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let human = args.spec.format == Format::Human;
    let mut session = Session {
        args,
        around,
        lock_timeout,
        specs,
        salt,
        places,
        stop: listen_for_ctrl_c(),
        many: targets.len() > 1,
        progress: progress(human, around),
        started,
    };
    let visits = if auto_approve {
        session.all(&targets).await
    } else {
        session.asked(&targets).await
    };
    let code = visit::code(&visits, *session.stop.borrow() > 0);
    let next = match targets.as_slice() {
        [target] if code == Code::Done => next_lines(target),
        _ => vec![],
    };
    let refused = visits.is_empty() || visits.iter().any(Visit::refused);
    let (plans, outcomes): (Vec<_>, Vec<_>) = visits.into_iter().map(Visit::into_parts).unzip();
    let outcomes: Vec<HostOutcome> = outcomes.into_iter().flatten().collect();
    let plan = Plan::new(session.salt, session.specs, plans, vec![]);
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
fn next_lines(target: &Target) -> Vec<String> {
    let Some(kafka) = &target.host.client.kafka else {
        return vec![];
    };
    let mut lines = vec![
        "on the client, in a new shell".to_owned(),
        format!("{}/bin/kafka-topics.sh --list \\", kafka.home),
        "  --bootstrap-server BROKER:9098".to_owned(),
    ];
    if let Some(properties) = &target.host.client.properties {
        lines[2].push_str(" \\");
        lines.push(format!("  --command-config {}", properties.path));
    }
    lines
}
