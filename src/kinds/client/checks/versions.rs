//! Versions, and which go together.

use super::{at_least, numbers};
use crate::{
    at,
    diagnostic::Problem,
    kinds::client::Client,
    names::PackageName,
    spec::{at::Text, checks::name, merge::HostTree},
};

/// Every version looks like one.
pub(crate) fn look_like_versions(host: &HostTree, problems: &mut Vec<Problem>) {
    let parts = [
        (
            at!(host.of::<Client>(), java.version),
            1,
            "`8`, `1.8.0` or `17.0.9`",
        ),
        (at!(host.of::<Client>(), kafka.version), 3, "`2.8.1`"),
        (at!(host.of::<Client>(), kafka.scala), 2, "`2.12` or `2.13`"),
        (at!(host.of::<Client>(), msk_iam_auth.version), 3, "`1.1.5`"),
    ];
    for (version, least, example) in parts {
        let Some(Text { text, span }) = version.text() else {
            continue;
        };
        let label = if text.starts_with(['v', 'V']) && looks_right(&text[1..], least) {
            "leave the `v` out".to_owned()
        } else if looks_right(text, least) {
            continue;
        } else {
            format!("write it like {example}")
        };
        problems.push(Problem::error(
            span,
            format!("`{text}` is not a version"),
            label,
        ));
    }
}

fn looks_right(text: &str, least: usize) -> bool {
    text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
        && !text.contains("..")
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && numbers(text).len() >= least
}

/// A package is a plain name: nothing that a package manager would take for more.
pub(crate) fn package_is_a_name(host: &HostTree, problems: &mut Vec<Problem>) {
    name(
        at!(host.of::<Client>(), java.package),
        PackageName::parse,
        problems,
    );
}

/// Kafka is built for the Scala version.
pub(crate) fn kafka_has_scala(host: &HostTree, problems: &mut Vec<Problem>) {
    let (Some(kafka), Some(scala)) = (
        at!(host.of::<Client>(), kafka.version).text(),
        at!(host.of::<Client>(), kafka.scala).text(),
    ) else {
        return;
    };
    let version = numbers(kafka.text);
    // Builds of before 1.0 are left to their download.
    if version.len() < 3 || version < vec![1] {
        return;
    }
    let built: &[&str] = match version.as_slice() {
        [major, ..] if *major >= 4 => &["2.13"],
        v if v >= &[2, 5] => &["2.12", "2.13"],
        v if v >= &[2, 4] => &["2.11", "2.12", "2.13"],
        _ => &["2.11", "2.12"],
    };
    if built.contains(&scala.text) {
        return;
    }
    let uses: Vec<String> = built
        .iter()
        .map(|one| format!("`scala: \"{one}\"`"))
        .collect();
    let other = match scala.text {
        "2.11" => ", or a version below 2.5",
        "2.12" => ", or a version below 4.0",
        "2.13" => ", or version 2.4.0 or later",
        _ => "",
    };
    problems.push(Problem::error(
        scala.span,
        format!("Kafka {} has no Scala {} build", kafka.text, scala.text),
        format!("use {}{other}", uses.join(" or ")),
    ));
}

/// The auth jar runs on the Java of the spec.
pub(crate) fn java_runs_the_jar(host: &HostTree, problems: &mut Vec<Problem>) {
    let (Some(java), Some(jar)) = (
        at!(host.of::<Client>(), java.version).text(),
        at!(host.of::<Client>(), msk_iam_auth.version).text(),
    ) else {
        return;
    };
    if at_least(jar.text, &[2, 3, 5]) && feature(java.text).is_some_and(|java| java < 17) {
        problems.push(Problem::error(
            java.span,
            format!("the auth jar {} needs Java 17", jar.text),
            format!(
                "use `version: \"17\"`, or `msk_iam_auth` 2.3.4 (line {})",
                jar.span.line
            ),
        ));
    }
}

/// Kafka's tools run on the Java of the spec.
///
/// From 4.0 on they need 17: the class files of kafka-tools and kafka-server-common are of 61, only
/// those of kafka-clients are of 55.
pub(crate) fn java_runs_kafka(host: &HostTree, problems: &mut Vec<Problem>) {
    let (Some(java), Some(kafka)) = (
        at!(host.of::<Client>(), java.version).text(),
        at!(host.of::<Client>(), kafka.version).text(),
    ) else {
        return;
    };
    let needs = if at_least(kafka.text, &[4]) { 17 } else { 8 };
    if feature(java.text).is_some_and(|java| java < needs) {
        problems.push(Problem::error(
            java.span,
            format!("the tools of Kafka {} need Java {needs}", kafka.text),
            format!("use `version: \"{needs}\"` or later"),
        ));
    }
    // KAFKA-17078: they call `Subject.getSubject`, which Java has no more.
    let has_sasl = at!(host.of::<Client>(), msk_iam_auth).is_there();
    if has_sasl
        && !at_least(kafka.text, &[3, 9])
        && feature(java.text).is_some_and(|java| java > 22)
    {
        problems.push(Problem::error(
            java.span,
            format!(
                "the clients of Kafka {} cannot log in on Java 23 and newer",
                kafka.text
            ),
            "use `version: \"21\"` or older, or Kafka 3.9.0 or later",
        ));
    }
}

/// `8` of `1.8.0`, `17` of `17.0.9`.
fn feature(java: &str) -> Option<u64> {
    match numbers(java).as_slice() {
        [1, feature, ..] => Some(*feature),
        [feature, ..] => Some(*feature),
        [] => None,
    }
}
