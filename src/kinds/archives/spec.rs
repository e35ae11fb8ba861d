//! `archives` of a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{action::Algorithm, kinds::download::file_name};

/// Archives that are unpacked into a folder each, by names of your own choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = serde_json::json!({"kcat": {"url": "https://example.com/kcat-1.7.0.tar.gz", "to": "~/kcat", "strip": 1}}))]
pub struct Archives(pub IndexMap<String, Archive>);

/// An archive that is unpacked. Names and links that lead out of its folder, devices, and a `.trueup` in it
/// are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Archive {
    /// Where it is fetched from. What its name ends in says what it is: tar as it is, `.gz`, `.bz2`, `.xz`, or
    /// `.zip`, for which the host needs Info-ZIP's `unzip`.
    #[schemars(example = &"https://example.com/kcat-1.7.0.tar.gz")]
    pub url: String,
    /// Its sha256, in hexadecimal, compared before anything is unpacked. Without this or `sha512` only `https:` is
    /// taken, with a warning.
    #[serde(default)]
    #[schemars(example = &"(64 hexadecimal digits)")]
    pub sha256: Option<String>,
    /// Its sha512, in hexadecimal.
    #[serde(default)]
    #[schemars(example = &"(128 hexadecimal digits)")]
    pub sha512: Option<String>,
    /// The folder that it is unpacked to: absolute, or in the account's home (`~/…`). It is the archive's alone; one
    /// that trueup did not unpack is left alone. A manifest in it says what it is of: files that are missing, or of
    /// another size (with `--deep`, of other bytes), are drift, and the folder is then replaced as a whole, as it is
    /// by another archive. A file of yours in it blocks that, until it is moved away.
    #[schemars(example = &"~/kcat")]
    pub to: String,
    /// How many upper folders of the archive are left out, and with them what lies beside them: `1` where all is in
    /// one folder. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 32), example = 1)]
    pub strip: u32,
    /// Unpack it as root, by `sudo -n`. Default: `false`, as the account.
    #[serde(default, rename = "become")]
    #[schemars(example = true)]
    pub as_root: bool,
}

impl Archive {
    /// Where it is unpacked to, without slashes at the end.
    pub fn to(&self) -> &str {
        self.to.trim_end_matches('/')
    }

    /// The name of its file.
    pub fn file_name(&self) -> &str {
        file_name(&self.url)
    }

    /// What it is known by, in lower case, if anything, and by which algorithm.
    pub fn digest(&self) -> (Algorithm, Option<String>) {
        let (algorithm, digest) = match (&self.sha256, &self.sha512) {
            (None, Some(digest)) => (Algorithm::Sha512, Some(digest)),
            (digest, _) => (Algorithm::Sha256, digest.as_ref()),
        };
        (algorithm, digest.map(|digest| digest.to_ascii_lowercase()))
    }

    /// What the manifest calls it, in two parts: what may stand between them is no matter. What is known by a
    /// digest may have any name.
    pub fn label(&self) -> (String, String) {
        let (strip, (algorithm, digest)) = (self.strip, self.digest());
        match digest {
            Some(digest) => (
                String::new(),
                format!(" strip:{strip} {}:{digest}", algorithm.name()),
            ),
            None => (
                format!("{} strip:{strip} ", self.file_name()),
                String::new(),
            ),
        }
    }
}
