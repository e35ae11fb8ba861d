//! An apply from its targets to its exit code.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{
    Surroundings, Targets, complain,
    console::{Console, Show},
    history::{self, Book},
    machines::Machines,
    next, now,
    output::Outputs,
    prove, put,
    session::{Agreed, Session},
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
    report::{Format, Report, ReportOf, human, progress::Progress, render},
};

/// How an apply is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Without asking.
    pub auto_approve: bool,
    /// With the installed clients as the judges afterwards.
    pub prove: bool,
    /// How long another apply, or another package manager, is waited for.
    pub lock_timeout: Duration,
    /// Over many hosts.
    pub rollout: Rollout,
}

/// What an apply works on.
pub(crate) struct Work {
    pub targets: Targets,
    pub specs: Vec<SpecFile>,
    pub salt: String,
    pub places: SpecPlaces,
    /// What it must come to: this plan, or nothing.
    pub saved: Option<Plan>,
}

/// Applies, and puts out what became of it; with `prove`, the clients are asked afterwards.
pub(crate) async fn carry_out(
    work: Work,
    mut outputs: Outputs,
    args: &LookArgs,
    (how, book): (How, &Book),
    around: &Surroundings,
) -> Code {
    let (started, at) = (Instant::now(), now());
    let Work { targets, saved, .. } = work;
    let asked = match how
        .prove
        .then(|| prove::questions(&targets, None))
        .transpose()
    {
        Ok(asked) => asked.unwrap_or_default(),
        Err(code) => return code,
    };
    let human = outputs.stdout() == Format::Human;
    let asks = saved.is_none() && !how.auto_approve;
    let stop = signals::listen();
    let console = Console {
        progress: progress(human, around).into(),
        lines: outputs.take_events().into(),
        asking: Mutex::default(),
        show: match (human, asks) {
            (true, _) => Show::Stdout,
            // Who is asked has to see what about.
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
        lock_timeout: how.lock_timeout,
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
        rollout: how.rollout,
    };
    session.console.begin();
    let mut visits = if asks {
        session.asked(&targets).await
    } else {
        session
            .all(&targets, saved.as_ref().map(Agreed::Saved))
            .await
    };
    let (hosts, topics) = saved.as_ref().map(Plan::left_out).unwrap_or_default();
    if !hosts.is_empty() || !topics.is_empty() {
        let plan = session.console.plan(hosts.clone(), topics.clone());
        session.console.show(&plan, Duration::ZERO);
        visits.extend(hosts.into_iter().map(|host| Visit::unread(host, vec![])));
        visits.extend(topics.into_iter().map(|one| Visit::unread(None, vec![one])));
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
        let what = prove::Applied {
            plan: &plan,
            outcomes: &outcomes,
            stop,
        };
        (proofs, code) = what.prove(&asked, args, around, code).await;
    }
    let (of, took) = (ReportOf::Apply, session.console.took().await);
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
        book.add(&subject, &ended);
    }
    let plan = plan.made_by(of.command(), code, (at, took));
    let report = Report {
        outcomes: &outcomes,
        proofs: &proofs,
        next: &next,
        ..Report::new(of, &plan, code, (at, took), around.style)
    };
    let whole = session.console.end(&report);
    match outputs.stdout() {
        // The plan and the steps stand above.
        Format::Human => put(&human::outcome_of(&report)),
        Format::Jsonl => {}
        format => put(&render(format, &report)),
    }
    Code::worst([outputs.put_files(&report), whole])
}

/// Progress goes to stderr; the lines that say what was done are results, unless stdout is a
/// machine's.
fn progress(human: bool, around: &Surroundings) -> Progress {
    let results: Box<dyn Write + Send> = if human {
        Box::new(Stdout)
    } else {
        Box::new(io::stderr())
    };
    let terminal = io::stderr().is_terminal();
    Progress::new(terminal, around.color_err, around.style.width, results)
}
