//! The policies in examples/iam, read as IAM reads them.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::Value;

/// One of them.
pub struct Policy {
    of: String,
    statements: Vec<Value>,
}

impl Policy {
    /// `plan`, `drift` or `apply`.
    pub fn of(of: &str) -> Self {
        let file = format!("examples/iam/{of}.json");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(file).expect("read");
        let policy: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(policy["Version"], "2012-10-17");
        let statements = policy["Statement"].as_array().expect("statements").clone();
        for statement in &statements {
            assert_eq!(statement["Effect"], "Allow");
        }
        Self {
            of: of.to_owned(),
            statements,
        }
    }

    /// The actions that it allows, each written out.
    pub fn actions(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for action in self.statements.iter().flat_map(|one| list(&one["Action"])) {
            assert!(!action.contains(['*', '?']), "{action}");
            assert!(names.insert(action.clone()), "twice: {action}");
        }
        names
    }

    /// Whether it allows an action on a resource: an ARN, or `*` where the action has none.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.statements.iter().any(|statement| {
            let is_action =
                |pattern: &String| is_like(&pattern.to_lowercase(), &action.to_lowercase());
            let is_on = |pattern: &String| is_like(pattern, resource);
            list(&statement["Action"]).iter().any(is_action)
                && list(&statement["Resource"]).iter().any(is_on)
        })
    }

    /// All calls of a front's record are allowed.
    #[track_caller]
    pub fn allows_all<'c>(&self, calls: impl IntoIterator<Item = &'c Value>) {
        for call in calls {
            let text = |key: &str| call[key].as_str().unwrap_or_default();
            assert!(
                self.allows(text("action"), text("resource")),
                "examples/iam/{}.json does not allow {call}",
                self.of
            );
        }
    }
}

/// Actions and resources may be one or many.
fn list(value: &Value) -> Vec<String> {
    let one = |value: &Value| value.as_str().expect("text").to_owned();
    match value {
        Value::Array(many) => many.iter().map(one).collect(),
        value => vec![one(value)],
    }
}

/// Whether a text is like a pattern of IAM's: `*` is any text, `?` any character.
fn is_like(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern)
        .replace(r"\*", ".*")
        .replace(r"\?", ".");
    Regex::new(&format!("^(?s:{pattern})$"))
        .expect("a pattern")
        .is_match(text)
}
