//! The environment that the program runs in.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    time::{SystemTime, UNIX_EPOCH},
};

use console::Term;

use crate::{cli::When, report::human::Style, utc::Utc};

/// The current time.
pub(crate) fn now() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Utc::of_seconds(since.unwrap_or_default().as_secs())
}

/// The terminal and environment that every command gets.
pub(crate) struct Surroundings {
    /// The style of human text on stdout.
    pub style: Style,
    /// Stderr is a terminal with colour.
    pub color_err: bool,
    /// Columns for human text on stderr.
    pub width_err: usize,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Surroundings {
    pub(crate) fn new(color: When) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let use_color = |terminal: bool| match color {
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
        let width = |terminal: bool, console: &Term| match terminal {
            true => usize::from(console.size().1).clamp(40, 100),
            false => 80,
        };
        Self {
            style: Style {
                color: use_color(terminal),
                width: width(terminal, &Term::stdout()),
            },
            color_err: use_color(io::stderr().is_terminal()),
            width_err: width(io::stderr().is_terminal(), &Term::stderr()),
            environment,
        }
    }
}
