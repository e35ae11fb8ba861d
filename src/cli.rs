//! The command line.

mod drift;
mod environment;
mod help;
pub(crate) mod man;
mod refused;
mod values;

pub use environment::unknown_variables;
pub use help::command;
pub use refused::refuse;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::{
    apply::rollout::{MaxFailures, Rollout},
    first::Example,
    report::Format,
    shard::Share,
};
use values::{KeyValue, duration, output};

pub use drift::{DriftArgs, HistoryArgs, HistoryTarget};

/// Brings a Kafka client machine into true with its spec, over SSH.
#[derive(Debug, Parser)]
#[command(name = "trueup", version, max_term_width = 80)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Show each remote call and where the time goes; twice: ssh's own messages, too
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// When to use colour; NO_COLOR is honoured
    #[arg(
        long,
        value_enum,
        default_value_t = When::Auto,
        global = true,
        env = "TRUEUP_COLOR",
        hide_env_values = true
    )]
    pub color: When,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// One place that results are written to, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// As what.
    pub format: Format,
    /// The file; absent: stdout.
    pub path: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first spec, with what is yours to say in it marked; on a terminal it asks
    #[command(
        after_help = "It overwrites nothing. Next are `trueup trust`, `trueup plan` and `trueup apply`."
    )]
    Init {
        /// What it is made of
        #[arg(long, value_enum, default_value_t = Example::Client)]
        example: Example,
        /// The file; `-`: stdout, and nothing is asked. Default: trueup.yaml
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Check a spec, offline
    Validate {
        /// Which, and how
        #[command(flatten)]
        spec: SpecArgs,
        /// Say nothing where nothing is wrong
        #[arg(short, long)]
        quiet: bool,
    },
    /// Show what is read of the machines
    Facts(LookArgs),
    /// Show what an apply would change; changes nothing
    Plan {
        /// What and how
        #[command(flatten)]
        look: LookArgs,
        /// What else may be done
        #[command(flatten)]
        allow: AllowArgs,
        /// Exit with 2 when there are changes, blocked ones among them
        #[arg(long)]
        detailed_exitcode: bool,
        /// Say nothing where nothing would change
        #[arg(short, long)]
        quiet: bool,
        /// Save the plan to this file, for `show` and `apply`; an incomplete one only with `--partial`.
        /// `-`: stdout, and people's text goes to stderr
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
        /// Save it also when hosts could not be read: without them, and says so
        #[arg(long, requires = "out")]
        partial: bool,
    },
    /// Show a saved plan, also one that no longer holds
    Show(ShowArgs),
    /// Bring the machines into true with the spec, or do what a saved plan says
    #[command(
        after_help = "Instead of SPEC a file that `plan --out` saved: it is done as it says, without asking, or \
not at all where something has changed (exit 6)."
    )]
    Apply {
        /// What and how
        #[command(flatten)]
        look: LookArgs,
        /// What else may be done
        #[command(flatten)]
        allow: AllowArgs,
        /// Do not ask
        #[arg(short = 'y', long, visible_alias = "yes")]
        auto_approve: bool,
        /// Then have the installed clients list the topics, as `prove` does
        #[arg(long)]
        prove: bool,
        /// How long another apply, or another package manager, is waited for
        #[arg(long, value_parser = duration, default_value = "10m", value_name = "TIME", env = "TRUEUP_LOCK_TIMEOUT", hide_env_values = true)]
        lock_timeout: Duration,
        /// Over many hosts
        #[command(flatten)]
        rollout: RolloutArgs,
        /// What it was like afterwards is kept
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// Tell whether the machines have moved away from the spec; exits with 2 when they have
    Drift(DriftArgs),
    /// Join what `--format json` wrote of the parts of a fleet into one report
    #[command(
        after_help = "Takes the JSON of `plan`, `drift`, `apply` or `prove` with `--shard`, or with other hosts each, \
and exits with the worst of their codes. A shard that no file is of is said: its hosts could not be read."
    )]
    MergeReports(MergeArgs),
    /// Have the installed client list the topics, in a fresh login shell: the judge of the rest
    #[command(
        after_help = "It runs `kafka-topics.sh --list` as a person would, with the spec's properties file and the \
brokers of `topics.cluster`, and changes nothing. Where the client fails, the cause and its own last words are \
shown."
    )]
    Prove(ProveArgs),
    /// Show the host keys of the machines and what vouches for them, and pin them
    #[command(
        after_help = "For an EC2 instance keys are pinned to its id, else to its address. What the console output \
(or known_hosts) vouches for can be pinned without a terminal, with --yes; what nothing vouches for \
is pinned only when somebody who has compared the fingerprints says so."
    )]
    Trust {
        /// Which machines
        #[command(flatten)]
        at: HostArgs,
        /// Do not ask where something vouches for the keys
        #[arg(short, long, visible_alias = "auto-approve")]
        yes: bool,
    },
    /// Save the private key that a host's spec refers to, with mode 0400
    Key {
        /// Which machine
        #[command(flatten)]
        at: HostArgs,
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        save: PathBuf,
    },
    /// Print the JSON Schema of spec files, of plans, or of the events of an apply
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = SchemaOf::Spec)]
        of: SchemaOf,
    },
    /// Print a script that completes the command line in a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page; or write those of all commands into a folder
    Man {
        /// The folder
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
    /// Print the version
    Version,
}

impl Command {
    /// Its specs; `None`: it takes none.
    pub fn specs(&mut self) -> Option<&mut Vec<PathBuf>> {
        Some(match self {
            Self::Validate { spec, .. } => &mut spec.specs,
            Self::Facts(look) => &mut look.spec.specs,
            Self::Drift(drift) => &mut drift.look.spec.specs,
            Self::Plan { look, .. } | Self::Apply { look, .. } => &mut look.spec.specs,
            Self::Prove(prove) => &mut prove.spec.specs,
            Self::Trust { at, .. } | Self::Key { at, .. } => &mut at.specs,
            Self::Init { .. } | Self::Show(_) | Self::MergeReports(_) => return None,
            Self::Schema { .. } | Self::Completions { .. } => return None,
            Self::Man { .. } | Self::Version => return None,
        })
    }

    /// Whether it prints nothing where nothing is wrong.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Validate { quiet, .. } | Self::Plan { quiet, .. } => *quiet,
            Self::Drift(drift) => drift.quiet || drift.only_changes_since_last,
            _ => false,
        }
    }

    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init { .. } => "init",
            Self::Validate { .. } => "validate",
            Self::Facts(_) => "facts",
            Self::Plan { .. } => "plan",
            Self::Show(_) => "show",
            Self::Apply { .. } => "apply",
            Self::Drift(_) => "drift",
            Self::MergeReports(_) => "merge-reports",
            Self::Prove(_) => "prove",
            Self::Trust { .. } => "trust",
            Self::Key { .. } => "key",
            Self::Schema { .. } => "schema",
            Self::Completions { .. } => "completions",
            Self::Man { .. } => "man",
            Self::Version => "version",
        }
    }
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Spec files
    Spec,
    /// Plans: what `--format json` prints, and what `plan --out` saves
    Plan,
    /// Lines of `--format jsonl`
    Events,
}

/// A saved plan, and how it is shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// What `plan --out` saved; `-`: stdin
    #[arg(value_name = "PLANFILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What it is written as
    #[command(flatten)]
    pub output: FormatArgs,
}

/// Reports, and what becomes of them.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// What `--format json=FILE` wrote; may be several. `-`: stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// What it is written as
    #[command(flatten)]
    pub output: FormatArgs,
}

/// Specs, and how they are read.
#[derive(Debug, Clone, Args)]
pub struct SpecArgs {
    /// The spec file; may be several. `-`: stdin; none: trueup.yaml in this folder
    #[arg(value_name = "SPEC", value_hint = ValueHint::FilePath)]
    pub specs: Vec<PathBuf>,
    /// Set a variable; overrides the spec's
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = KeyValue)]
    pub vars: Vec<(String, String)>,
    /// What the result is written as
    #[command(flatten)]
    pub output: FormatArgs,
}

/// What results are written as.
#[derive(Debug, Clone, Args)]
pub struct FormatArgs {
    /// What the result is written as (human, json, jsonl, markdown, junit, html; of drift also prom),
    /// and to which file; may be given several times. Where none goes to stdout, the human text does
    #[arg(short = 'o', long = "format", value_name = "FORMAT[=FILE]", value_parser = output, env = "TRUEUP_FORMAT", hide_env_values = true)]
    pub formats: Vec<Output>,
}

/// Which hosts of the specs.
#[derive(Debug, Clone, Default, Args)]
pub struct PickArgs {
    /// Only these hosts: names and patterns (`web-*`, `db?`), with commas between; may be given
    /// several times
    #[arg(long = "host", value_name = "NAME", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Not these hosts, likewise
    #[arg(long = "exclude-host", value_name = "NAME", value_delimiter = ',')]
    pub exclude_hosts: Vec<String>,
    /// Only this of N parts of the hosts: each is in one, by its name. `auto` takes I and N from
    /// GitLab, Slurm or AWS Batch, `auto/N` also from Kubernetes
    #[arg(long, value_name = "I/N", value_parser = Share::given)]
    pub shard: Option<Share>,
}

/// How long a remote call may take, and how many hosts are worked on at once.
#[derive(Debug, Clone, Copy, Args)]
pub struct LimitArgs {
    /// How long a remote call may take; downloads and packages have 15 minutes of their own
    #[arg(long, value_parser = duration, default_value = "30s", value_name = "TIME", env = "TRUEUP_TIMEOUT", hide_env_values = true)]
    pub timeout: Duration,
    /// So many hosts at once
    #[arg(
        long,
        default_value = "10",
        value_name = "N",
        env = "TRUEUP_PARALLEL",
        hide_env_values = true
    )]
    pub parallel: NonZeroUsize,
}

/// A spec, and which of its machines.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("timeout", |arg| arg.help("How long a remote call may take")))]
pub struct HostArgs {
    /// The spec file. `-`: stdin; none: trueup.yaml in this folder
    #[arg(value_name = "SPEC", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub specs: Vec<PathBuf>,
    /// Set a variable; overrides the spec's
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = KeyValue)]
    pub vars: Vec<(String, String)>,
    /// Which of its hosts
    #[command(flatten)]
    pub pick: PickArgs,
    /// Limits
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Which clients list topics, and of which brokers.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("timeout", |arg| arg.default_value("60s")
    .help("How long the client may take; then it is ended on the host")))]
pub struct ProveArgs {
    /// The spec
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Which of its hosts
    #[command(flatten)]
    pub pick: PickArgs,
    /// Ask these brokers instead of those of the spec's cluster
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub bootstrap_server: Vec<String>,
    /// Limits
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl ProveArgs {
    /// The same, as other commands have it.
    pub fn look(&self) -> LookArgs {
        LookArgs::of_hosts(self.spec.clone(), self.pick.clone(), self.limits)
    }
}

impl HostArgs {
    /// The same, as other commands have it.
    pub fn look(&self) -> LookArgs {
        let spec = SpecArgs {
            specs: self.specs.clone(),
            vars: self.vars.clone(),
            output: FormatArgs { formats: vec![] },
        };
        LookArgs::of_hosts(spec, self.pick.clone(), self.limits)
    }
}

/// Which machines are looked at, and how.
#[derive(Debug, Clone, Args)]
pub struct LookArgs {
    /// The spec
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Which of its hosts
    #[command(flatten)]
    pub pick: PickArgs,
    /// Only this address and what it requires: client/kafka, topics/NAME, HOST:client/kafka; may
    /// be given several times
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<String>,
    /// Not this address; may be given several times
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub excludes: Vec<String>,
    /// Limits
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Hash the archive's files instead of comparing sizes
    #[arg(long)]
    pub deep: bool,
}

impl LookArgs {
    fn of_hosts(spec: SpecArgs, pick: PickArgs, limits: LimitArgs) -> Self {
        Self {
            spec,
            pick,
            targets: vec![],
            excludes: vec![],
            limits,
            deep: false,
        }
    }
}

/// What is done only when it is asked for by name.
#[derive(Debug, Default, Args)]
pub struct AllowArgs {
    /// Delete this topic, a leftover that the plan lists; may be given several times
    #[arg(long = "allow-delete", value_name = "topics/NAME")]
    pub delete: Vec<String>,
}

/// How an apply goes over many hosts.
#[derive(Debug, Clone, Copy, Args)]
pub struct RolloutArgs {
    /// Begin with the first N hosts of the spec; go on only when all of these are as it says
    #[arg(long, value_name = "N")]
    pub canary: Option<NonZeroUsize>,
    /// Begin no further host once more than N hosts, or P% of them, have failed; else all are
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<MaxFailures>,
    /// Begin no further host once one has failed
    #[arg(long, conflicts_with = "max_failures")]
    pub stop_on_failure: bool,
}

impl RolloutArgs {
    /// The same, with the shorthand resolved.
    pub(crate) fn rollout(self) -> Rollout {
        let first = self.stop_on_failure.then_some(MaxFailures::Hosts(0));
        Rollout {
            canary: self.canary,
            max_failures: self.max_failures.or(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
