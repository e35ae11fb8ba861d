//! The command line of `drift`, and the flag of the history.

use std::path::PathBuf;

use clap::Args;

use super::LookArgs;

/// What has moved, and how that is reported.
#[derive(Debug, Clone, Args)]
pub struct DriftArgs {
    /// Which machines, and how
    #[command(flatten)]
    pub look: LookArgs,
    /// The runs before
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Show before and after, as `plan` does
    #[arg(long)]
    pub diff: bool,
    /// Say nothing where everything is as the spec says: a cron job's mail comes only when it is not
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell people only what is new or gone since the last run; nothing, where that is nothing
    #[arg(long)]
    pub only_changes_since_last: bool,
}

/// The flag of the history.
#[derive(Debug, Clone, Default, Args)]
pub struct HistoryArgs {
    /// Keep what this run finds in this file, to say since when something differs, or nowhere
    /// (`none`). Else it is trueup/history.jsonl in XDG_STATE_HOME or ~/.local/state
    #[arg(long, value_name = "FILE|none", value_parser = history_target, env = "TRUEUP_HISTORY", hide_env_values = true)]
    pub history: Option<HistoryTarget>,
}

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryTarget {
    /// Nowhere.
    Nowhere,
    /// In a file.
    File(PathBuf),
}

fn history_target(text: &str) -> Result<HistoryTarget, String> {
    match text {
        "" => Err("expected a file, or `none`".into()),
        "none" => Ok(HistoryTarget::Nowhere),
        file => Ok(HistoryTarget::File(file.into())),
    }
}
