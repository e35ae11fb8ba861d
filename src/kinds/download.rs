//! What a spec fetches: where from, and what it is known by.

use crate::{
    action::Algorithm,
    diagnostic::{Problem, Span},
    spec::at::{At, Text},
};

/// Something that is fetched, and what it is known by.
pub(crate) struct Download<'a> {
    /// Where its key stands.
    pub key: Option<Span>,
    /// Where it is fetched from.
    pub url: At<'a, String>,
    /// What it is known by.
    pub digest: At<'a, String>,
    /// The digest's algorithm.
    pub algorithm: Algorithm,
    /// What messages call it.
    pub thing: &'static str,
}

impl Download<'_> {
    /// All checks of one that stands under a key of its own.
    pub fn check(&self, problems: &mut Vec<Problem>) {
        self.check_url(problems);
        self.check_digest(problems);
        self.digest_is_there(problems);
    }
}

impl Download<'_> {
    fn check_url(&self, problems: &mut Vec<Problem>) {
        let thing = self.thing;
        let Some(url) = self.url.text() else {
            return;
        };
        if url
            .text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control())
        {
            problems.push(Problem::error(
                url.span,
                "a URL with a blank or a control character in it",
                "write blanks as `%20`",
            ));
            return;
        }
        let Some((scheme, rest)) = url.text.split_once("://") else {
            problems.push(Problem::error(
                url.span,
                format!("`{}` is not a URL", url.text),
                "begin with `https://`",
            ));
            return;
        };
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !matches!(scheme.as_str(), "https" | "http" | "file") {
            problems.push(Problem::error(
                url.span,
                format!("`{scheme}:` is not a scheme that hosts can fetch"),
                "use `https:`, `http:` or `file:`",
            ));
        } else if authority.contains('@') {
            problems.push(Problem::error(
                url.span,
                "a URL with a user name or a password in it",
                "plans and logs show URLs: use a place that needs none",
            ));
        } else if authority.is_empty() && scheme != "file" {
            problems.push(Problem::error(
                url.span,
                format!("`{}` names no server", url.text),
                format!("write `{scheme}://SERVER/PATH`"),
            ));
        } else if file_name(url.text).is_empty() {
            problems.push(Problem::error(
                url.span,
                format!("`{}` names no file", url.text),
                format!("give the URL of {thing} itself"),
            ));
        } else if scheme != "https" && !self.digest.is_there() {
            problems.push(Problem::error(
                url.span,
                format!("{thing} comes over `{scheme}:` with nothing to check it by"),
                format!("add `{}: …`, or use `https:`", self.algorithm.name()),
            ));
        }
    }
}

/// A URL's path, without what stands before and behind it.
pub(crate) fn path_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    path.split_once('/').map_or("", |(_, path)| path)
}

/// The last part of a URL's path.
pub fn file_name(url: &str) -> &str {
    path_of(url).rsplit('/').next().unwrap_or_default()
}

impl Download<'_> {
    fn check_digest(&self, problems: &mut Vec<Problem>) {
        let (algorithm, length) = (self.algorithm.name(), self.algorithm.digits());
        let Some(Text { text, span }) = self.digest.text() else {
            return;
        };
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal && text.len() == length {
            return;
        }
        let label = match (hexadecimal, text.len()) {
            (true, 32) => "this looks like an md5".into(),
            (true, 40) => "this looks like a sha1".into(),
            (true, 64) => "this looks like a sha256".into(),
            (true, 128) => "this looks like a sha512".into(),
            (true, found) => format!("this has {found} digits"),
            (false, _) => "write the digits alone, without blanks and file names".into(),
        };
        problems.push(Problem::error(
            span,
            format!("a {algorithm} has {length} hexadecimal digits"),
            label,
        ));
    }

    fn digest_is_there(&self, problems: &mut Vec<Problem>) {
        let url = self.url.text();
        let other_scheme =
            url.is_some_and(|url| !url.text.to_ascii_lowercase().starts_with("https://"));
        if let Some(key) = self.key
            && !self.digest.is_there()
            && !other_scheme
        {
            let (thing, algorithm) = (self.thing, self.algorithm.name());
            problems.push(Problem::warning(
                key,
                format!("no digest for {thing}: the download is not checked"),
                format!("add `{algorithm}: …`; apply prints the line to paste"),
            ));
        }
    }
}
