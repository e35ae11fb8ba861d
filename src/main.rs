//! The binary: command line in, exit code out.

use std::process::ExitCode;

use clap::FromArgMatches;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};
use trueup::{
    cli::{self, Cli},
    commands,
    meter::{self, Meter},
};

/// Everything, but what could hold a secret: the AWS SDK warns with the `Debug` of requests and
/// answers, and below `info` what carries them may tell of headers and bodies.
const TRACE: &str = "trace,aws_=off,hyper=info,hyper_util=info,h2=info,rustls=info,tower=info";

/// Secrets pass through this process: no core dump has them, and no other process of the account
/// may read its memory or its environment. What it starts is as free as ever.
fn keep_to_itself() {
    // A kernel that knows nothing of it does as it always did.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn main() -> ExitCode {
    keep_to_itself();
    let matches = cli::command().try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error).into(),
    };
    let meter = (cli.verbose > 0).then(|| watch(cli.verbose));
    let code = commands::run(cli);
    if let Some(meter) = meter {
        meter.end();
    }
    code.into()
}

/// Shows on stderr what is asked for by `-v`.
fn watch(verbose: u8) -> Meter {
    let meter = Meter::new(Box::new(std::io::stderr()));
    let level = if verbose > 1 { TRACE } else { "trueup=info" };
    let rest = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        // Calls are the meter's.
        .with_filter(EnvFilter::new(format!("{level},{}=off", meter::TARGET)));
    tracing_subscriber::registry()
        .with(meter.clone())
        .with(rest)
        .init();
    meter
}
