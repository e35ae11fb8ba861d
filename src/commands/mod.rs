//! A file a subcommand, one screen each; here is what they share: reading the spec, reaching its
//! hosts, and putting out results.

mod apply;
mod drift;
mod facts;
mod key;
mod machines;
mod output;
mod plan;
mod prove;
mod reach;
mod saved;
mod schema;
mod select;
mod show;
mod signals;
mod stdout;
mod targets;
mod topics;
mod trust;
mod validate;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use crate::{
    cli::{Cli, Command, LookArgs, SpecArgs, When},
    diagnostic,
    exit::Code,
    observe::{self, Facts, Reader},
    plan::{HostPlan, TopicsPlan, is_saved},
    report::human::Style,
    spec::{self, Given, Resolved, Source},
    text::escape_lines,
};
pub(crate) use reach::{connect, reading};
pub(crate) use stdout::put;
pub(crate) use targets::{Target, Targets, address, spec_files, targets};
use topics::{Pending, Way as ClusterWay};

/// What every command knows of where it runs.
pub struct Surroundings {
    /// How people's output on stdout looks.
    pub style: Style,
    /// Stderr is a terminal with colour.
    pub color_err: bool,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

/// The AWS SDK's switch for logs with all that it sends and gets.
const SENSITIVE: &str = "LOG_SENSITIVE_BODIES";

/// Runs a command line. Results that stdout did not take are an error.
pub fn run(cli: &Cli) -> Code {
    let code = run_command(cli);
    Code::worst([code, stdout::end()])
}

fn run_command(cli: &Cli) -> Code {
    let around = Surroundings::new(cli.color);
    if around.environment.contains_key(SENSITIVE) {
        complain(&format!(
            "error: `{SENSITIVE}` is set: with it the AWS SDK writes secrets into logs\n  help: unset \
             {SENSITIVE}"
        ));
        return Code::Usage;
    }
    match &cli.command {
        Command::Validate(args) => validate::run(args, &around),
        Command::Schema { of } => schema::run(*of),
        Command::Facts(look) => block_on(facts::run(look, &around)),
        Command::Plan {
            look,
            allow,
            detailed_exitcode,
            out,
        } => {
            let end = plan::End {
                detailed_exitcode: *detailed_exitcode,
                out: out.as_ref(),
            };
            block_on(plan::run(look, allow, end, &around))
        }
        Command::Show(args) => show::run(args, &around),
        Command::Drift(look) => block_on(drift::run(look, &around)),
        Command::Prove(args) => block_on(prove::run(args, &around)),
        Command::Trust { at, yes } => block_on(trust::run(at, *yes, &around)),
        Command::Key { at, save } => block_on(key::run(at, save, &around)),
        // Ctrl-C means more here than to leave at once.
        Command::Apply {
            look,
            allow,
            auto_approve,
            prove,
            lock_timeout,
        } => {
            let how = apply::How {
                auto_approve: *auto_approve,
                prove: *prove,
                lock_timeout: *lock_timeout,
            };
            runtime(apply::run(look, allow, how, &around))
        }
    }
}

/// Runs a command that only looks: Ctrl-C leaves it at once, nothing has been written.
fn block_on(command: impl Future<Output = Code>) -> Code {
    runtime(async {
        let mut stop = signals::listen();
        tokio::select! {
            code = command => code,
            _ = stop.wait_for(|&asked| asked > 0) => Code::Interrupted,
        }
    })
}

/// How long what is under way beside the event loop may take to end: the master of a connection that
/// is being closed takes milliseconds, a name that nobody resolves takes for ever.
const PATIENCE: Duration = Duration::from_secs(1);

fn runtime(command: impl Future<Output = Code>) -> Code {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(command);
            runtime.shutdown_timeout(PATIENCE);
            code
        }
        Err(error) => {
            complain(&format!("error: this machine gives no event loop: {error}"));
            Code::Failed
        }
    }
}

impl Surroundings {
    fn new(color: When) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let wanted = |terminal: bool| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                terminal
                    && environment
                        .get("NO_COLOR")
                        .is_none_or(|value| value.is_empty())
            }
        };
        let terminal = io::stdout().is_terminal();
        // Wider than 100 columns a sentence is hard to read; a pipe gets 80.
        let width = if terminal {
            usize::from(console_width()).clamp(40, 100)
        } else {
            80
        };
        Self {
            style: Style {
                color: wanted(terminal),
                width,
            },
            color_err: wanted(io::stderr().is_terminal()),
            environment,
        }
    }
}

fn console_width() -> u16 {
    console::Term::stdout().size().1
}

/// A line of stdin; empty at its end.
pub(crate) async fn line_of_stdin() -> String {
    // A thread of its own, whose end nobody waits for: a question that nobody answers must not hold
    // the program.
    let (sender, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(|| {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Nobody listens any more after Ctrl-C.
        let _ = sender.send(read.map(|_| line).unwrap_or_default());
    });
    answer.await.unwrap_or_default()
}

/// Writes a line to stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Likewise, what may come from elsewhere, such as a plan's file: nothing in it moves a cursor or
/// starts a CI command.
pub(crate) fn complain_safely(text: &str) {
    complain(&escape_lines(text));
}

/// The text of a spec; or the line that says why there is none.
pub(crate) fn source(file: &Path) -> Result<Source, String> {
    let path = file.display().to_string();
    match fs::read_to_string(file) {
        Ok(text) if is_saved(text.as_bytes()) => Err(format!(
            "error: `{path}` is a saved plan, not a spec\n  help: `show` shows it, `apply` does what \
             it says"
        )),
        Ok(text) => Ok(Source { path, text }),
        Err(error) => Err(format!("error: `{path}` cannot be read: {error}")),
    }
}

/// What the command line and the environment add to a spec.
pub(crate) fn given(args: &SpecArgs, around: &Surroundings) -> Given {
    Given {
        vars: args.vars.clone(),
        env: around.environment.clone(),
    }
}

/// Reads the specs, and shows their errors when they have any; warnings are `validate`'s. Hosts of
/// one name in several specs are told apart.
pub(crate) fn load(args: &SpecArgs, around: &Surroundings) -> Result<Vec<Resolved>, Code> {
    let mut specs = Vec::new();
    let mut code = Ok(());
    for file in &args.specs {
        match source(file) {
            Ok(source) => match spec::load(&source, &given(args, around)) {
                (Some(resolved), _) => specs.push(resolved),
                (None, problems) => {
                    show(&source, &problems, around);
                    code = Err(Code::Usage);
                }
            },
            Err(error) => {
                complain(&error);
                code = Err(Code::Usage);
            }
        }
    }
    spec::several::tell_apart(&mut specs);
    code.map(|()| specs)
}

pub(crate) fn show(source: &Source, problems: &[diagnostic::Problem], around: &Surroundings) {
    let text = diagnostic::render(&source.path, &source.text, problems, around.color_err);
    if !text.is_empty() {
        complain(text.trim_end());
    }
}

/// Reads one host and compares. What cannot be read becomes a part of the plan that says so.
pub(crate) async fn look(target: &Target, reader: Reader<'_>, deep: bool, salt: &str) -> HostPlan {
    match read(target, reader, deep).await {
        Ok(facts) => target.plan(&facts, salt),
        Err(error) => target.unreached(error.to_string()),
    }
}

/// Reads one host.
pub(crate) async fn read(
    target: &Target,
    reader: Reader<'_>,
    deep: bool,
) -> Result<Facts, observe::Error> {
    let mut facts = reader.observe(&target.resources, deep).await?;
    if let Some(found) = target.host.way.found() {
        let its_own = facts
            .host
            .identity
            .instance_id
            .get_or_insert_with(|| found.instance_id.clone());
        if *its_own != found.instance_id {
            return Err(observe::Error::Another {
                found: found.instance_id.clone(),
                says: its_own.clone(),
            });
        }
    }
    Ok(facts)
}

/// Looks at all hosts, one after another, and at each cluster through the first host that leads to
/// it.
pub(crate) async fn look_at_all(
    targets: &Targets,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
    let mut hosts = Vec::new();
    let mut pending = Pending::new(&targets.clusters);
    // In the order of the targets, whoever leads to them first.
    let mut topics: Vec<(usize, TopicsPlan)> = Vec::new();
    for target in &targets.hosts {
        let looked = reading(target, args.timeout, around, async |reader| {
            let plan = look(target, reader, args.deep, salt).await;
            for cluster in pending.take(&plan.name) {
                let way = ClusterWay::through(reader, &plan.name, plan.facts.as_ref());
                let plan = cluster.look(way, salt, args.timeout).await;
                topics.push((targets.place_of(cluster), plan));
            }
            plan
        });
        let looked = looked.await;
        hosts.push(looked.unwrap_or_else(|error| target.unreached(error.to_string())));
    }
    for cluster in pending.take_direct() {
        let plan = cluster.look(ClusterWay::DIRECT, salt, args.timeout).await;
        topics.push((targets.place_of(cluster), plan));
    }
    let rest = pending.rest();
    topics.extend(rest.map(|cluster| (targets.place_of(cluster), cluster.nowhere())));
    topics.sort_by_key(|(place, _)| *place);
    (hosts, topics.into_iter().map(|(_, plan)| plan).collect())
}

/// A plan's salt.
pub(crate) fn salt() -> Result<String, Code> {
    observe::random_mark().map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Failed
    })
}
