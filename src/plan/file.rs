//! A plan as a file. Pure: a value out, bytes in; who reads and writes files is `run/`.
//!
//! The file is the plan as `--format json` prints it, with two parts more: `desired`, which is for
//! this program alone, and `checksum`, the sha256 of all the rest in canonical form. The checksum
//! guards against damage, not against people: who may write a plan may change the machine.

use serde_json::{Value, json};

use super::{Desired, FORMAT_VERSION, Part, Plan, digest};

/// Tells a saved plan from a printed one, and from a spec.
const MARK: &str = "trueup_plan";
/// How a file of ours begins.
const START: &str = "{\n  \"trueup_plan\"";

/// A plan that can be kept and applied later.
#[derive(Debug, Clone)]
pub struct Saved {
    /// What people read.
    pub plan: Plan,
    /// What apply needs; read by [`Saved::desired`] alone, so that a plan can always be shown.
    desired: Value,
}

/// A plan that must not be saved: something could not be seen, or was being changed.
#[derive(Debug, thiserror::Error)]
#[error("the plan is incomplete, and an incomplete plan is never saved without `--partial`")]
pub struct Incomplete;

/// Why a file is no plan that can be used. Exit code 3.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is no JSON.
    #[error(
        "it is damaged: {0}\n  help: take it from where it was made once more, or make a new plan"
    )]
    NoJson(String),
    /// The checksum is another.
    #[error(
        "it is damaged: its checksum is not that of what it holds\n  help: take it from where it was made once more, or make a new plan"
    )]
    Checksum,
    /// It is of a version that this program does not know.
    #[error(
        "it is of format {found}, and this trueup reads {}\n  help: use the trueup that made it{}, or make a new plan",
        FORMAT_VERSION,
        by(tool.as_deref())
    )]
    OtherMajor {
        /// The file's version.
        found: String,
        /// The version of the program that made it, if it says so.
        tool: Option<String>,
    },
    /// It is what `--format json` prints.
    #[error(
        "it is a plan as `--format json` prints it, which cannot be applied\n  help: save one with `plan --out FILE`"
    )]
    Printed,
    /// It is whole, and does not hold what a plan holds.
    #[error("it is whole, and does not hold what a plan holds: {0}\n  help: make a new plan")]
    Shape(String),
}

fn by(tool: Option<&str>) -> String {
    tool.map_or_else(String::new, |tool| format!(", {tool}"))
}

/// Whether bytes are, or look like, a plan rather than a spec. By content: also what is
/// damaged in one place, or cut short, is known for what it was.
pub fn is_saved(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let marks = [MARK, "format_version"];
    let marks = marks
        .iter()
        .filter(|mark| text.contains(&format!("\"{mark}\"")));
    match (text.trim_start(), marks.count()) {
        ("", _) => false,
        (start, 0) => START.starts_with(start.trim_end()),
        (start, 1) => start.starts_with('{'),
        _ => true,
    }
}

impl Saved {
    /// A plan to keep. An incomplete one is kept where it says what it leaves out, and holds
    /// something else.
    ///
    /// # Errors
    /// When it is not complete.
    pub fn new(plan: Plan, desired: &Desired) -> Result<Self, Incomplete> {
        let has = |part: Part<'_>| part.error.is_none() && part.lock_holder.is_none();
        let partial = !plan.missing.is_empty() && plan.parts().count() > 0;
        let partial = partial && plan.summary.unknown == 0 && plan.parts().all(has);
        if !plan.complete && !partial {
            return Err(Incomplete);
        }
        let desired = serde_json::to_value(desired)
            .unwrap_or_else(|error| unreachable!("a desired state is plain data: {error}"));
        Ok(Self {
            plan: plan.masked(),
            desired,
        })
    }

    /// What the file holds.
    pub fn to_value(&self) -> Value {
        let plan = serde_json::to_value(&self.plan)
            .unwrap_or_else(|error| unreachable!("a plan is plain data: {error}"));
        let mut value = json!({ MARK: "saved" });
        if let (Value::Object(value), Value::Object(plan)) = (&mut value, plan) {
            value.extend(plan);
        }
        value["desired"] = self.desired.clone();
        value["checksum"] = digest::plain(&value).into();
        value
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is damaged, no plan, or of an unknown version.
    pub fn load(bytes: &[u8]) -> Result<Self, FileError> {
        let mut value: Value =
            serde_json::from_slice(bytes).map_err(|error| FileError::NoJson(error.to_string()))?;
        known_version(&value)?;
        let Value::Object(map) = &mut value else {
            return Err(FileError::NoJson("it is no JSON object".into()));
        };
        let checksum = map.shift_remove("checksum");
        match checksum.as_ref().and_then(Value::as_str) {
            None if !map.contains_key(MARK) && !map.contains_key("desired") => {
                return Err(FileError::Printed);
            }
            Some(checksum) if checksum == digest::plain(&value) => {}
            _ => return Err(FileError::Checksum),
        }
        let desired = value["desired"].take();
        let plan: Plan =
            serde_json::from_value(value).map_err(|error| FileError::Shape(error.to_string()))?;
        Ok(Self { plan, desired })
    }

    /// What apply needs.
    ///
    /// # Errors
    /// When it does not fit the plan.
    pub fn desired(&self) -> Result<Desired, FileError> {
        let desired = Desired::deserialize_from(&self.desired)?;
        // A host that could only have led to a cluster has no plan.
        let mut hosts = desired.hosts.iter().map(|one| &one.host.name);
        let mut planned = self.plan.hosts.iter().map(|one| &one.name);
        let clusters = desired.clusters.iter().map(|one| &one.name);
        let fits = planned.all(|name| hosts.any(|one| one == name))
            && clusters.eq(self.plan.topics.iter().map(|one| &one.cluster));
        match fits {
            true => Ok(desired),
            false => Err(FileError::Shape("its parts do not fit together".into())),
        }
    }
}

impl Desired {
    fn deserialize_from(value: &Value) -> Result<Self, FileError> {
        serde::Deserialize::deserialize(value)
            .map_err(|error: serde_json::Error| FileError::Shape(format!("`desired`: {error}")))
    }
}

/// Another minor version may have fields that we do not know; another major may mean other things
/// by those that we do.
fn known_version(value: &Value) -> Result<(), FileError> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    let Some(found) = value.get("format_version").and_then(Value::as_str) else {
        return Err(FileError::Checksum);
    };
    match major(found) == major(FORMAT_VERSION) {
        true => Ok(()),
        false => Err(FileError::OtherMajor {
            found: found.to_owned(),
            tool: value
                .get("tool_version")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }),
    }
}
