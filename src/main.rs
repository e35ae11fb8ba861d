//! The binary: command line in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};
use trueup::{
    cli::Cli,
    commands,
    exit::Code,
    meter::{self, Meter},
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own code for a wrong command line is 2, which means "there are changes" here.
            let code = if error.use_stderr() {
                Code::Usage
            } else {
                Code::Done
            };
            let _ = error.print();
            return code.into();
        }
    };
    let meter = (cli.verbose > 0).then(|| watch(cli.verbose));
    let code = commands::run(&cli);
    if let Some(meter) = meter {
        meter.end();
    }
    code.into()
}

/// Shows on stderr what is asked for by `-v`.
fn watch(verbose: u8) -> Meter {
    let meter = Meter::new(Box::new(std::io::stderr()));
    let level = if verbose > 1 { "trace" } else { "trueup=info" };
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
