//! What references of a spec became, and warnings that are about a whole host or cluster.

use super::{
    Style,
    page::{Ink, Page},
};
use crate::plan::LookedUp;

/// A line for each reference: what the spec says, what that is, and its source.
pub fn rows(page: &mut Page, looked_up: &[LookedUp]) {
    for one in looked_up {
        let words = one.in_words();
        let (lead, text) = words.split_at(one.key.len() + ": ".len());
        page.wrapped(&[(Ink::Plain, "  "), (Ink::Dim, lead)], 6, Ink::Plain, text);
    }
}

/// Warnings; lines after a warning's first are its help.
pub fn warnings(page: &mut Page, warnings: &[String]) {
    for warning in warnings {
        for (at, line) in warning.lines().enumerate() {
            let lead = match at {
                0 => [(Ink::Plain, "  "), (Ink::Yellow, "warning: ")],
                _ => [(Ink::Plain, "    "), (Ink::Plain, "")],
            };
            page.wrapped(&lead, 4, Ink::Plain, line.trim_start());
        }
    }
}

/// What the references of a host or cluster became, under its name.
pub fn looked_up(name: &str, looked_up: &[LookedUp], remarks: &[String], style: &Style) -> String {
    let mut page = Page::new(style);
    if looked_up.is_empty() && remarks.is_empty() {
        return String::new();
    }
    page.line(&[(Ink::Bold, name), (Ink::Plain, "  looked up")]);
    rows(&mut page, looked_up);
    warnings(&mut page, remarks);
    page.into_text()
}

/// Who AWS takes us for; `region` is the one that is asked, and what says so.
pub fn caller(region: Option<(&str, &str)>, arn: &str, source: &str, style: &Style) -> String {
    let mut page = Page::new(style);
    let region = region.map(|(name, by)| format!("{name} ({by}), "));
    let text = format!("{}as {arn}, with {source}", region.unwrap_or_default());
    let lead = [(Ink::Bold, "AWS"), (Ink::Plain, "  ")];
    page.wrapped(&lead, 5, Ink::Plain, &text);
    page.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_source_and_secrets_none_to_show() {
        let style = Style {
            color: false,
            width: 80,
        };
        let all = [
            LookedUp::shown("ec2", "Name=k\u{1b}[2J", "i-1 at 10.0.0.5", "EC2"),
            LookedUp::secret("ssh.key", "/a/b", "Parameter Store"),
        ];
        let text = looked_up("client", &all, &["first\n  help: second".into()], &style);
        assert_eq!(
            text,
            "client  looked up\n  ec2: Name=k\\u{1b}[2J is i-1 at 10.0.0.5 (EC2)\n  ssh.key: /a/b was \
             read, and is not shown (Parameter Store)\n  warning: first\n    help: second\n"
        );
    }
}
