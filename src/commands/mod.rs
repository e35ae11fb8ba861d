//! A file a subcommand, one screen each: its input, the calls of [`crate::run`], its output.

mod apply;
mod completions;
mod drift;
mod facts;
mod init;
mod key;
mod man;
mod merge_reports;
mod plan;
mod prove;
mod schema;
mod show;
mod trust;
mod validate;

use std::time::Duration;

use crate::{
    cli::{self, Cli, Command},
    exit::{self, Code},
    run::{
        Surroundings, apply::ApplyOptions, complain, complain_safely, default_spec,
        history::HistoryFile, put, signals, stdio,
    },
};

/// The AWS SDK's switch for logs with the bodies of requests and responses.
const SENSITIVE: &str = "LOG_SENSITIVE_BODIES";

/// Runs a command line. Results that stdout did not take are an error.
pub fn run(mut cli: Cli) -> Code {
    let code = run_command(&mut cli);
    stdio::release_notes();
    let code = Code::worst([code, stdio::end()]);
    let name = cli.command.name();
    let mut documented = exit::of_command(name).iter();
    debug_assert!(
        documented.any(|(documented_code, _)| *documented_code == code),
        "the help of `{name}` knows no {}",
        code as u8
    );
    code
}

fn run_command(cli: &mut Cli) -> Code {
    let around = Surroundings::new(cli.color);
    if around.environment.contains_key(SENSITIVE) {
        complain(&format!(
            "error: `{SENSITIVE}` is set: with it the AWS SDK writes secrets into logs\n  help: unset \
             {SENSITIVE}"
        ));
        return Code::Usage;
    }
    for warning in cli::unknown_variables(around.environment.keys()) {
        complain_safely(&format!("warning: {warning}"));
    }
    if cli.command.is_quiet() {
        stdio::hold_notes();
    }
    let name = cli.command.name();
    if let Some(Err(code)) = cli.command.specs().map(|specs| default_spec(specs, name)) {
        return code;
    }
    match &cli.command {
        Command::Init { example, file } => block_on(init::run(*example, file.as_deref())),
        Command::Validate { spec, quiet } => validate::run(spec, *quiet, &around),
        Command::Schema { of } => schema::run(*of),
        Command::Completions { shell } => completions::run(*shell),
        Command::Man { folder } => man::run(folder.as_deref()),
        Command::Version => {
            put(&cli::command().render_version());
            Code::Done
        }
        Command::Facts(look) => block_on(facts::run(look, &around)),
        Command::Plan {
            look,
            allow,
            detailed_exitcode,
            quiet,
            out,
            partial,
        } => {
            let options = plan::Options {
                detailed_exitcode: *detailed_exitcode,
                quiet: *quiet,
                out: out.as_ref(),
                partial: *partial,
            };
            block_on(plan::run(look, allow, options, &around))
        }
        Command::Show(args) => show::run(args, &around),
        Command::MergeReports(args) => merge_reports::run(args, &around),
        Command::Drift(args) => block_on(drift::run(args, &around)),
        Command::Prove(args) => block_on(prove::run(args, &around)),
        Command::Trust { at, yes } => block_on(trust::run(at, *yes, &around)),
        Command::Key { at, save } => block_on(key::run(at, save, &around)),
        // Ctrl-C does more here than to exit at once.
        Command::Apply {
            look,
            allow,
            auto_approve,
            prove,
            lock_timeout,
            rollout,
            history,
        } => {
            let options = ApplyOptions {
                auto_approve: *auto_approve,
                prove: *prove,
                lock_timeout: *lock_timeout,
                rollout: rollout.rollout(),
            };
            let history_file = HistoryFile::new(history.history.as_ref(), &around);
            runtime(apply::run(look, allow, (options, &history_file), &around))
        }
    }
}

/// Runs a command that writes nothing on hosts: Ctrl-C ends it at once.
fn block_on(command: impl Future<Output = Code>) -> Code {
    runtime(async {
        let mut stop = signals::listen();
        tokio::select! {
            code = command => code,
            _ = stop.wait_for(|&signals| signals > 0) => Code::Interrupted,
        }
    })
}

/// How long work beside the event loop may take to end: closing a connection takes milliseconds, resolving an
/// unknown name may never end.
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
