//! An apply from its targets to its exit code.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{
    Surroundings, Targets, complain,
    console::{Console, Show},
    history::{self, HistoryFile},
    machines::Machines,
    next, now,
    output::Outputs,
    prove, put,
    session::{AgreedPlan, Session},
    signals,
    stdio::Stdout,
    visit::{self, Visit},
    visitor::Visitor,
};
use crate::{
    apply::{SpecPlaces, rollout::Rollout},
    cli::LookArgs,
    exit::Code,
    history::Ended,
    plan::{Plan, SpecFile},
    report::{Format, Report, ReportKind, human, progress::Progress, render},
};

/// The options of an apply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApplyOptions {
    /// Do not ask.
    pub auto_approve: bool,
    /// Have the installed clients list the topics afterwards.
    pub prove: bool,
    /// How long it waits for another apply, or another package manager.
    pub lock_timeout: Duration,
    /// How it goes over many hosts.
    pub rollout: Rollout,
}

/// What an apply works on.
pub(crate) struct Work {
    pub targets: Targets,
    pub specs: Vec<SpecFile>,
    pub salt: String,
    pub places: SpecPlaces,
    /// A saved plan: it is carried out as it stands, or not at all.
    pub saved: Option<Plan>,
}

/// Applies and reports; with `prove`, the installed clients list the topics afterwards.
pub(crate) async fn carry_out(
    work: Work,
    mut outputs: Outputs,
    args: &LookArgs,
    (options, history_file): (ApplyOptions, &HistoryFile),
    around: &Surroundings,
) -> Code {
    let (started, at) = (Instant::now(), now());
    let Work { targets, saved, .. } = work;
    let questions = match options
        .prove
        .then(|| prove::questions(&targets, None))
        .transpose()
    {
        Ok(questions) => questions.unwrap_or_default(),
        Err(code) => return code,
    };
    let human = outputs.stdout() == Format::Human;
    let interactive = saved.is_none() && !options.auto_approve;
    let stop = signals::listen();
    let console = Console {
        progress: progress(human, around).into(),
        lines: outputs.take_events().into(),
        asking: Mutex::default(),
        show: match (human, interactive) {
            (true, _) => Show::Stdout,
            // A prompt needs its plan above it.
            (false, true) => Show::Stderr,
            (false, false) => Show::Nowhere,
        },
        style: around.style,
        started,
        at,
        stop: stop.clone(),
        many: targets.hosts.len() > 1,
        specs: work.specs,
        selection: targets.selection().cloned(),
        salt: work.salt.clone(),
    };
    let visitor = Visitor {
        args,
        lock_timeout: options.lock_timeout,
        salt: work.salt,
        places: work.places,
        stop: stop.clone(),
        machines: Machines::default().into(),
    };
    let session = Session {
        args,
        around,
        console,
        visitor,
        rollout: options.rollout,
    };
    session.console.begin();
    let mut visits = if interactive {
        session.interactive(&targets).await
    } else {
        session
            .apply_all(&targets, saved.as_ref().map(AgreedPlan::Saved))
            .await
    };
    let (hosts, topics) = saved.as_ref().map(Plan::left_out).unwrap_or_default();
    if !hosts.is_empty() || !topics.is_empty() {
        let plan = session.console.plan(hosts.clone(), topics.clone());
        session.console.show(&plan, Duration::ZERO);
        visits.extend(hosts.into_iter().map(|host| Visit::unread(host, vec![])));
        visits.extend(
            topics
                .into_iter()
                .map(|plan| Visit::unread(None, vec![plan])),
        );
    }
    let code = visit::code(&visits, *stop.borrow() > 0);
    let refused = visits.is_empty() || visits.iter().any(Visit::refused);
    let (mut hosts, mut topics, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for visit in visits {
        let (host, of_host, done) = visit.into_parts();
        hosts.extend(host);
        topics.extend(of_host);
        outcomes.extend(done);
    }
    let plan = session.console.plan(hosts, topics);
    let plan = plan.in_shard(targets.shard.clone());
    let next = match (targets.hosts.as_slice(), plan.hosts.as_slice()) {
        ([target], [host]) if code == Code::Done => next::lines(target, host, &targets.clusters),
        _ => vec![],
    };
    if refused && outcomes.is_empty() {
        complain("nothing was changed");
    }
    let mut proofs = Vec::new();
    let mut code = code;
    if !refused {
        let applied = prove::Applied {
            plan: &plan,
            outcomes: &outcomes,
            stop,
        };
        (proofs, code) = applied.prove(&questions, args, around, code).await;
    }
    let (of, took) = (ReportKind::Apply, session.console.took().await);
    if code != Code::Interrupted {
        let ended = Ended {
            command: of.command(),
            at,
            took,
            code,
            plan: &plan,
            outcomes: &outcomes,
        };
        let subject = match saved {
            Some(_) => history::scope_of_saved(&plan, args),
            None => history::scope(&plan, args),
        };
        history_file.add(&subject, &ended);
    }
    let plan = plan.made_by(of.command(), code, (at, took));
    let report = Report {
        outcomes: &outcomes,
        proofs: &proofs,
        next: &next,
        ..Report::new(of, &plan, code, (at, took), around.style)
    };
    let lines = session.console.end(&report);
    match outputs.stdout() {
        // The plan and the steps have been shown.
        Format::Human => put(&human::outcome_of(&report)),
        Format::Jsonl => {}
        format => put(&render(format, &report)),
    }
    Code::worst([outputs.put_files(&report), lines])
}

/// Progress goes to stderr, the lines of what was done to stdout, unless that is for a machine.
fn progress(human: bool, around: &Surroundings) -> Progress {
    let results: Box<dyn Write + Send> = if human {
        Box::new(Stdout)
    } else {
        Box::new(io::stderr())
    };
    let terminal = io::stderr().is_terminal();
    Progress::new(terminal, around.color_err, around.style.width, results)
}
