//! What a schema cannot say of `archives`.

use super::spec::{Archive, Archives};
use crate::{
    action::Algorithm,
    at,
    diagnostic::{Problem, Span},
    kinds::{
        KINDS,
        declared::{Declaration, check_name},
        download::Download,
    },
    names::HostPath,
    spec::{
        at::{At, Text},
        merge::HostTree,
    },
};

/// A folder, the name of its archive, and where the spec says it.
type Folder<'a> = (HostPath, &'a str, Span);

/// Checks all of them; `at` is where they stand.
pub fn archives(all: &Archives, at: At<'_, Archives>, problems: &mut Vec<Problem>) {
    let mut folders: Vec<Folder<'_>> = Vec::new();
    for (key, node) in at.entries() {
        let Some(archive) = all.0.get(&key.text) else {
            continue;
        };
        check_name(key, problems);
        let at: At<'_, Archive> = At::new(Some((key, node)));
        let (sha256, sha512) = (at!(at, sha256), at!(at, sha512));
        if let (true, Some(second)) = (sha256.is_there(), sha512.key()) {
            let label = "keep one; a host takes the common one away with `null`";
            problems.push(Problem::error(
                second,
                "the archive has `sha256` and `sha512`",
                label,
            ));
        }
        let algorithm = archive.digest().0;
        let download = Download {
            key: at.key(),
            url: at!(at, url),
            digest: match algorithm {
                Algorithm::Sha256 => sha256,
                Algorithm::Sha512 => sha512,
            },
            algorithm,
            thing: "the archive",
        };
        download.check(problems);
        let Some(Text { text, span }) = at!(at, to).text() else {
            continue;
        };
        match HostPath::folder(text) {
            Err(wrong) => problems.push(Problem::error(span, wrong.sentence(), wrong.help)),
            Ok(path) => {
                let mut earlier = folders.iter();
                problems.extend(earlier.find_map(|other| shared(text, &path, span, other)));
                folders.push((path, &key.text, span));
            }
        }
    }
}

/// That a folder is another archive's, too, or one is in the other: each is replaced as a whole.
fn shared(text: &str, path: &HostPath, span: Span, other: &Folder<'_>) -> Option<Problem> {
    let (other, name, before) = other;
    let message = if path.is(other) {
        format!("`{text}` is the folder of `{name}`, too")
    } else if path.is_in(other) {
        format!("`{text}` is in the folder of `{name}`, which is replaced as a whole")
    } else if other.is_in(path) {
        format!("the folder of `{name}` is in `{text}`, which is replaced as a whole")
    } else {
        return None;
    };
    let label = format!(
        "name another one; line {} has that of `{name}`",
        before.line
    );
    Some(Problem::error(span, message, label))
}

/// What is unpacked has its folder for itself: a file of another's in it would be in the way of the next one.
pub(crate) fn folders_are_their_own(host: &HostTree, problems: &mut Vec<Problem>) {
    let archives = host.of::<Archives>().untagged(Archives);
    let folders = archives.entries().iter().filter_map(|(key, node)| {
        let archive: At<'_, Archive> = At::new(Some((key, node)));
        let to = HostPath::folder(at!(archive, to).text()?.text).ok()?;
        Some((&key.text, to))
    });
    let folders: Vec<(&String, HostPath)> = folders.collect();
    let others = KINDS.iter().filter(|kind| kind.key != Archives::KEY);
    for Text { text, span } in others.flat_map(|kind| (kind.paths)(host)) {
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
