//! Where things are fetched from, and how they are known.

use crate::{
    action::Algorithm,
    at,
    diagnostic::Problem,
    kinds::{
        client::Client,
        download::{Download, file_name, path_of},
    },
    spec::{at::Text, merge::HostTree},
};

fn downloads(host: &HostTree) -> [Download<'_>; 2] {
    [
        Download {
            key: at!(host.of::<Client>(), kafka).key(),
            url: at!(host.of::<Client>(), kafka.url),
            digest: at!(host.of::<Client>(), kafka.sha512),
            algorithm: Algorithm::Sha512,
            thing: "the Kafka archive",
        },
        Download {
            key: at!(host.of::<Client>(), msk_iam_auth).key(),
            url: at!(host.of::<Client>(), msk_iam_auth.url),
            digest: at!(host.of::<Client>(), msk_iam_auth.sha256),
            algorithm: Algorithm::Sha256,
            thing: "the auth jar",
        },
    ]
}

/// Each has a whole URL and a digest that is one.
pub fn all(host: &HostTree, problems: &mut Vec<Problem>) {
    downloads(host).iter().for_each(|one| one.check(problems));
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Kafka's home can be an entry of `CLASSPATH`, and Kafka's own scripts find themselves in it.
pub(crate) fn home_in_class_path(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(Text { text, span }) = at!(host.of::<Client>(), kafka.home).text() else {
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

/// The archive that the URL names is the one that the spec wants.
pub(crate) fn kafka_file(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(url) = at!(host.of::<Client>(), kafka.url).text() else {
        return;
    };
    let file = file_name(url.text);
    let kafka = at!(host.of::<Client>(), kafka);
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
pub(crate) fn jar_file(host: &HostTree, problems: &mut Vec<Problem>) {
    let Some(url) = at!(host.of::<Client>(), msk_iam_auth.url).text() else {
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
    let version = at!(host.of::<Client>(), msk_iam_auth.version).text();
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
