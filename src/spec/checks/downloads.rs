//! Where things are fetched from, and how they are known.

use super::{At, Text};
use crate::{
    action::Algorithm,
    at,
    diagnostic::{Problem, Span},
    kinds::{
        archives::{Archive, Archives},
        declared::Declaration,
        files::Files,
    },
    names::HostPath,
    spec::merge::HostTree,
};

/// Something that is fetched, and what it is known by.
pub struct Download<'a> {
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
        self.url(problems);
        self.digest(problems);
        self.digest_is_there(problems);
    }
}

fn downloads(host: &HostTree) -> [Download<'_>; 2] {
    [
        Download {
            key: at!(host, client.kafka).key(),
            url: at!(host, client.kafka.url),
            digest: at!(host, client.kafka.sha512),
            algorithm: Algorithm::Sha512,
            thing: "the Kafka archive",
        },
        Download {
            key: at!(host, client.msk_iam_auth).key(),
            url: at!(host, client.msk_iam_auth.url),
            digest: at!(host, client.msk_iam_auth.sha256),
            algorithm: Algorithm::Sha256,
            thing: "the auth jar",
        },
    ]
}

/// URLs are whole, and no download goes unchecked over a line that anybody can change.
pub fn urls(host: &HostTree, problems: &mut Vec<Problem>) {
    downloads(host).iter().for_each(|one| one.url(problems));
}

impl Download<'_> {
    fn url(&self, problems: &mut Vec<Problem>) {
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
fn path_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    path.split_once('/').map_or("", |(_, path)| path)
}

/// The last part of a URL's path.
pub fn file_name(url: &str) -> &str {
    path_of(url).rsplit('/').next().unwrap_or_default()
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Kafka's home can be an entry of `CLASSPATH`, and Kafka's own scripts find themselves in it.
pub fn home_in_class_path(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(Text { text, span }) = at!(host, client.kafka.home).text() else {
        return;
    };
    if text.contains(':') {
        problems.push(Problem::error(
            span,
            format!("`{text}` cannot be in `CLASSPATH`, whose entries end at a `:`"),
            "name a folder without `:`",
        ));
    } else if text.contains(' ') {
        problems.push(Problem::warning(
            span,
            "Kafka's own scripts do not find themselves in a path with a blank",
            "name a folder without blanks; in this one start them as `bin/…` from within",
        ));
    }
}

/// What is unpacked has its folder for itself: a file of another's in it would be in the way of the next one.
pub fn folders_are_their_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let declared = |key| host.node.entry(key).map(|(key, node)| (key, node));
    let archives = At::<Archives>::new(declared(Archives::KEY)).untagged(Archives);
    let folders = archives.entries().iter().filter_map(|(key, node)| {
        let archive: At<'_, Archive> = At::new(Some((key, node)));
        let to = HostPath::folder(at!(archive, to).text()?.text).ok()?;
        Some((&key.text, to))
    });
    let folders: Vec<(&String, HostPath)> = folders.collect();
    let files = At::<Files>::new(declared(Files::KEY)).untagged(Files);
    let files = files.values().map(|file| at!(file, path));
    let of_client = [
        at!(host, client.kafka.home),
        at!(host, client.properties.path),
    ];
    for Text { text, span } in files.chain(of_client).filter_map(At::text) {
        let Ok(path) = HostPath::folder(text) else {
            continue;
        };
        if let Some((name, _)) = folders.iter().find(|(_, folder)| path.is_in(folder)) {
            problems.push(Problem::error(
                span,
                format!("`{text}` is in the folder of the archive `{name}`, which is its alone"),
                "name another one",
            ));
        }
    }
}

/// The archive that the URL names is the one that the spec wants.
pub fn kafka_file(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(url) = at!(host, client.kafka.url).text() else {
        return;
    };
    let file = file_name(url.text);
    let kafka = at!(host, client.kafka);
    let wanted = at!(kafka, version).text().zip(at!(kafka, scala).text());
    if file.ends_with("-src.tgz") {
        let name = wanted.map_or("kafka_SCALA-VERSION.tgz".into(), |(version, scala)| {
            format!("kafka_{}-{}.tgz", scala.text, version.text)
        });
        problems.push(Problem::error(
            url.span,
            format!("`{file}` is Kafka's source, not the program"),
            format!("use `{name}`"),
        ));
        return;
    }
    let Some((version, scala)) = wanted else {
        return;
    };
    // A mirror may name its files as it likes; a name of Kafka's own form must be true.
    let Some(found) = file
        .strip_prefix("kafka_")
        .and_then(|rest| rest.strip_suffix(".tgz"))
    else {
        return;
    };
    if found != format!("{}-{}", scala.text, version.text) {
        problems.push(Problem::error(
            url.span,
            format!(
                "the URL names `{file}`, the spec Kafka {} for Scala {}",
                version.text, scala.text
            ),
            format!(
                "make them agree, or leave `url` out (`version` is in line {})",
                version.span.line
            ),
        ));
    }
}

/// The jar that the URL names is the one that the spec wants, in its folder and in its name.
pub fn jar_file(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(url) = at!(host, client.msk_iam_auth.url).text() else {
        return;
    };
    let file = file_name(url.text);
    // A mirror may name its files as it likes; a name with a version in it must be true.
    let named = file
        .strip_prefix("aws-msk-iam-auth-")
        .and_then(|rest| rest.strip_suffix(".jar"))
        .filter(|rest| starts_with_digit(rest));
    if let Some(plain) = named
        && !plain.ends_with("-all")
    {
        let version = plain.split('-').next().unwrap_or(plain);
        problems.push(Problem::error(
            url.span,
            format!("`{file}` lacks what the jar depends on"),
            format!("use `aws-msk-iam-auth-{version}-all.jar`"),
        ));
        return;
    }
    let named = named.and_then(|rest| rest.strip_suffix("-all"));
    let version = at!(host, client.msk_iam_auth.version).text();
    let folders: Vec<&str> = path_of(url.text).rsplit('/').skip(1).collect();
    if let ["download", "latest", "releases", ..] = folders.as_slice() {
        let version = named
            .or(version.map(|version| version.text))
            .unwrap_or("VERSION");
        problems.push(Problem::error(
            url.span,
            "`releases/latest/download` is another release tomorrow",
            format!("use `releases/download/v{version}`, or leave `url` out"),
        ));
        return;
    }
    // The tag of a release page; a mirror's folder of that name is none.
    let tag = match folders.as_slice() {
        [tag, "download", "releases", ..] => Some(tag.strip_prefix('v').unwrap_or(tag)),
        _ => None,
    };
    if let (Some(tag), Some(named)) = (tag.filter(|tag| starts_with_digit(tag)), named)
        && tag != named
    {
        problems.push(Problem::error(
            url.span,
            format!("the URL's folder is of {tag}, its file of {named}"),
            "make them agree, or leave `url` out",
        ));
        return;
    }
    if let (Some(version), Some(found)) = (version, named)
        && found != version.text
    {
        problems.push(Problem::error(
            url.span,
            format!(
                "the URL names the auth jar {found}, the spec {}",
                version.text
            ),
            format!(
                "make them agree, or leave `url` out (`version` is in line {})",
                version.span.line
            ),
        ));
    }
}

/// Digests have the right length and are hexadecimal.
pub fn digests(host: &HostTree, problems: &mut Vec<Problem>) {
    downloads(host).iter().for_each(|one| one.digest(problems));
}

/// A download without a digest is not checked.
pub fn digest_is_there(host: &HostTree, problems: &mut Vec<Problem>) {
    let all = downloads(host);
    all.iter().for_each(|one| one.digest_is_there(problems));
}

impl Download<'_> {
    fn digest(&self, problems: &mut Vec<Problem>) {
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
