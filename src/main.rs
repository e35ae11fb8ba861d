//! The binary: command line in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use trueup::{cli::Cli, commands, exit::Code};

/// Everything, but what could hold a secret: below `info` the AWS SDK and what carries its requests
/// may tell of headers and bodies.
const TRACE: &str = "trace,aws_=info,hyper=info,hyper_util=info,h2=info,rustls=info,tower=info";

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
    if cli.verbose > 0 {
        let level = if cli.verbose > 1 {
            TRACE
        } else {
            "trueup=debug"
        };
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(level))
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .init();
    }
    commands::run(&cli).into()
}
