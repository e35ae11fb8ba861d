//! Parsers of command line values.

use std::{path::PathBuf, time::Duration};

use super::Output;
use crate::report::Format;

pub(super) fn output(text: &str) -> Result<Output, String> {
    let (name, path) = match text.split_once('=') {
        Some((_, "")) => return Err("expected a file after `=`".into()),
        Some((name, "-")) => (name, None),
        Some((name, path)) => (name, Some(PathBuf::from(path))),
        None => (text, None),
    };
    let format = Format::named(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        format!(
            "`{name}` is no format: there is {}; with a file `json=FILE`",
            names.join(", ")
        )
    })?;
    Ok(Output { format, path })
}

/// A duration: `30s`, `5m`, `1h 30m`; a bare number is in seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let seconds = text
        .parse()
        .map(Duration::from_secs)
        .or_else(|_| humantime::parse_duration(text));
    seconds.map_err(|_| "expected a time: `30` (seconds), `90s`, `5m` or `1h30m`".to_owned())
}

/// `NAME=VALUE` of `--var`. Another form is not shown: it may be a secret with another separator.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyValue;

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
    use crate::cli::Cli;

    #[test]
    fn a_bare_number_is_seconds() {
        let of = |text: &str| duration(text).ok().map(|time| time.as_millis());
        for (text, milliseconds) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("1500ms", 1500),
            ("10m", 600_000),
            ("1h 30m", 5_400_000),
            ("0", 0),
        ] {
            assert_eq!(of(text), Some(milliseconds), "{text}");
        }
        for text in [
            "",
            "-1",
            "1,5",
            "half an hour",
            "30 x",
            "18446744073709551616",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_format_may_have_a_file() {
        let of = |text: &str| output(text).map(|output| (output.format.name(), output.path));
        assert_eq!(of("human"), Ok(("human", None)));
        assert_eq!(of("json=-"), Ok(("json", None)));
        assert_eq!(of("junit=a=b.xml"), Ok(("junit", Some("a=b.xml".into()))));
        assert!(of("json=").is_err());
        assert!(of("yaml").is_err_and(|message| message.contains("markdown")));
    }

    #[test]
    fn a_malformed_variable_is_not_shown() {
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
}
