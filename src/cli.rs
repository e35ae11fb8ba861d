//! The command line.

mod drift;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    apply::rollout::{MaxFailures, Rollout},
    report::Format,
    shard::Share,
};

pub use drift::{DriftArgs, HistoryArgs, Keep};

/// Brings a Kafka client machine into true with its spec, over SSH.
#[derive(Debug, Parser)]
#[command(
    name = "trueup",
    version,
    max_term_width = 80,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 done, nothing to change; 1 any other error, or declined; \
2 there are changes; 3 the spec or the command line is wrong; 4 something could not be reached or \
read; 5 applied in part, blocked or not converged; 6 the saved plan is stale; 7 another apply holds the lock; 130 interrupted."
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Show each remote call and where the time goes; twice: ssh's own messages, too
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, value_enum, default_value_t = When::Auto, global = true)]
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
        /// Exit with 2 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Say nothing where nothing would change
        #[arg(short, long)]
        quiet: bool,
        /// Save the plan to this file, for `show` and `apply`; an incomplete one only with `--partial`
        #[arg(long, value_name = "FILE")]
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
        #[arg(long)]
        auto_approve: bool,
        /// Then have the installed clients list the topics, as `prove` does
        #[arg(long)]
        prove: bool,
        /// How long another apply, or another package manager, is waited for
        #[arg(long, value_parser = humantime::parse_duration, default_value = "10m", value_name = "TIME")]
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
and exits with the worst of their codes. A shard that no file is of is said: its hosts could not be read (4)."
    )]
    MergeReports(MergeArgs),
    /// Have the installed client list the topics, in a fresh login shell: the judge of the rest
    #[command(
        after_help = "It runs `kafka-topics.sh --list` as a person would, with the spec's properties file and the \
brokers of `topics.cluster`, and changes nothing. Exits with 0 when the client lists the topics, with 5 \
when it fails (the cause and its own last words are shown), with 4 when a host cannot be asked."
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
        #[arg(long)]
        yes: bool,
    },
    /// Save the private key that a host's spec refers to, with mode 0400
    Key {
        /// Which machine
        #[command(flatten)]
        at: HostArgs,
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        save: PathBuf,
    },
    /// Print the JSON Schema of spec files, of plans, or of the events of an apply
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = SchemaOf::Spec)]
        of: SchemaOf,
    },
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
    /// What `plan --out` saved
    #[arg(value_name = "PLANFILE")]
    pub file: PathBuf,
    /// What it is written as
    #[command(flatten)]
    pub output: FormatArgs,
}

/// Reports, and what becomes of them.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// What `--format json=FILE` wrote; may be several
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// What it is written as
    #[command(flatten)]
    pub output: FormatArgs,
}

/// Specs, and how they are read.
#[derive(Debug, Clone, Args)]
pub struct SpecArgs {
    /// The spec file; may be several
    #[arg(value_name = "SPEC", required = true)]
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
    #[arg(long = "format", value_name = "FORMAT[=FILE]", value_parser = output)]
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

/// A spec, and which of its machines.
#[derive(Debug, Clone, Args)]
pub struct HostArgs {
    /// The spec file
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,
    /// Set a variable; overrides the spec's
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = KeyValue)]
    pub vars: Vec<(String, String)>,
    /// Which of its hosts
    #[command(flatten)]
    pub pick: PickArgs,
    /// How long a remote call may take
    #[arg(long, value_parser = humantime::parse_duration, default_value = "30s", value_name = "TIME")]
    pub timeout: Duration,
    /// So many hosts at once
    #[arg(long, default_value = "10", value_name = "N")]
    pub parallel: NonZeroUsize,
}

/// Which clients are asked, and which brokers they ask.
#[derive(Debug, Clone, Args)]
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
    /// How long the client may take; then it is ended on the host
    #[arg(long, value_parser = humantime::parse_duration, default_value = "60s", value_name = "TIME")]
    pub timeout: Duration,
    /// So many hosts at once
    #[arg(long, default_value = "10", value_name = "N")]
    pub parallel: NonZeroUsize,
}

impl ProveArgs {
    /// The same, as other commands have it.
    pub fn look(&self) -> LookArgs {
        LookArgs {
            spec: self.spec.clone(),
            pick: self.pick.clone(),
            targets: vec![],
            excludes: vec![],
            timeout: self.timeout,
            parallel: self.parallel,
            deep: false,
        }
    }
}

impl HostArgs {
    /// The same, as other commands have it.
    pub fn look(&self) -> LookArgs {
        LookArgs {
            spec: SpecArgs {
                specs: vec![self.spec.clone()],
                vars: self.vars.clone(),
                output: FormatArgs { formats: vec![] },
            },
            pick: self.pick.clone(),
            targets: vec![],
            excludes: vec![],
            timeout: self.timeout,
            parallel: self.parallel,
            deep: false,
        }
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
    /// How long a remote call may take; downloads and packages have 15 minutes of their own
    #[arg(long, value_parser = humantime::parse_duration, default_value = "30s", value_name = "TIME")]
    pub timeout: Duration,
    /// So many hosts at once
    #[arg(long, default_value = "10", value_name = "N")]
    pub parallel: NonZeroUsize,
    /// Hash the archive's files instead of comparing sizes
    #[arg(long)]
    pub deep: bool,
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
    pub fn rollout(self) -> Rollout {
        let first = self.stop_on_failure.then_some(MaxFailures::Hosts(0));
        Rollout {
            canary: self.canary,
            max_failures: self.max_failures.or(first),
        }
    }
}

fn output(text: &str) -> Result<Output, String> {
    let (name, path) = match text.split_once('=') {
        Some((_, "")) => return Err("expected a file after `=`".into()),
        Some((name, "-")) => (name, None),
        Some((name, path)) => (name, Some(PathBuf::from(path))),
        None => (text, None),
    };
    let format = Format::named(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        format!("`{name}` is no format: there is {}", names.join(", "))
    })?;
    Ok(Output { format, path })
}

/// `NAME=VALUE` of `--var`. What is none is not shown: it may be a secret, with another separator.
#[derive(Debug, Clone, Copy)]
struct KeyValue;

impl clap::builder::TypedValueParser for KeyValue {
    type Value = (String, String);

    fn parse_ref(
        &self,
        _: &clap::Command,
        _: Option<&clap::Arg>,
        text: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        match text.to_str().and_then(|text| text.split_once('=')) {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(clap::Error::raw(
                clap::error::ErrorKind::ValueValidation,
                "a `--var` is not of the form NAME=VALUE\n",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn a_format_may_have_a_file() {
        let of = |text: &str| output(text).map(|it| (it.format.name(), it.path));
        assert_eq!(of("human"), Ok(("human", None)));
        assert_eq!(of("json=-"), Ok(("json", None)));
        assert_eq!(of("junit=a=b.xml"), Ok(("junit", Some("a=b.xml".into()))));
        assert!(of("json=").is_err());
        assert!(of("yaml").is_err_and(|said| said.contains("markdown")));
    }

    #[test]
    fn a_variable_that_is_none_is_not_shown() {
        let words = ["trueup", "validate", "a.yaml", "--var", "password:canary"];
        let error = Cli::command()
            .try_get_matches_from(words)
            .expect_err("no `=`");
        let shown = error.render().to_string();
        assert!(
            shown.contains("NAME=VALUE") && !shown.contains("canary"),
            "{shown}"
        );
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
