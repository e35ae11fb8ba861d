//! The binary: command line in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use trueup::{cli::Cli, commands, exit::Code};

/// Everything, but what could hold a secret: below `info` the AWS SDK and what carries its requests
/// may tell of headers and bodies.
const TRACE: &str = "trace,aws_=info,hyper=info,hyper_util=info,h2=info,rustls=info,tower=info";

/// Secrets pass through this process: no core dump has them, and no other process of the account
/// may read its memory or its environment. What it starts is as free as ever.
fn keep_to_itself() {
    // A kernel that knows nothing of it does as it always did.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn main() -> ExitCode {
    keep_to_itself();
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
