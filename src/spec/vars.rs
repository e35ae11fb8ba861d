//! `${name}`: the only substitution. `$${` is a literal `${`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Given,
    suggestions::nearest,
    tree::{Key, Node, Value},
};
use crate::diagnostic::{Problem, Span};

/// The longest text after filling in, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most bytes of all filled-in texts of a spec together.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How deep variables may refer to each other.
const DEEPEST: usize = 32;

/// A built-in variable at one place of the spec.
#[derive(Debug, Clone, Copy)]
pub enum Special<'a> {
    /// Its value.
    Is(&'a str),
    /// It has no value here: the help.
    Not(&'a str),
    /// It has no value because of a mistake that has been reported.
    Silent,
}

/// `${table}` and `${kafka.home}`.
#[derive(Debug, Clone, Copy)]
pub struct Specials<'a> {
    /// `${table}`.
    pub table: Special<'a>,
    /// `${kafka.home}`.
    pub home: Special<'a>,
}

impl Specials<'_> {
    /// Neither is known.
    pub const NONE: Specials<'static> = Specials {
        table: Special::Not("only `topics.name` knows `${table}`"),
        home: Special::Not("only `properties` knows `${kafka.home}`: write the path in full"),
    };
}

/// The prefix of environment variables that set one of a spec.
pub const VARIABLE: &str = "TRUEUP_VAR_";

/// The environment variables that set one of a spec, with the name of that.
fn of_environment(given: &Given) -> impl Iterator<Item = (&str, &str)> {
    let names = given.env.keys();
    names.filter_map(|name| Some((name.as_str(), name.strip_prefix(VARIABLE)?)))
}

/// What all hosts share.
pub struct Variables<'a> {
    source: &'a str,
    given: &'a Given,
    common: BTreeMap<&'a str, Definition<'a>>,
    allow_env: BTreeSet<&'a str>,
    /// The names that any `vars` has.
    names: BTreeSet<&'a str>,
    /// `--var`, else the environment's, as far as some `vars` has them.
    overrides: BTreeMap<&'a str, Definition<'a>>,
    bytes: usize,
}

/// The variables of one host.
pub struct Scope<'a> {
    host: &'a str,
    /// Its own; `null` removes a common one.
    own: BTreeMap<&'a str, Definition<'a>>,
    filled: HashMap<&'a str, Option<String>>,
}

#[derive(Clone, Copy)]
enum Definition<'a> {
    Written(&'a Node),
    Given(&'a str),
}

impl<'a> Variables<'a> {
    /// Collects the variables of a spec, and checks their names.
    pub fn new(
        source: &'a str,
        root: &'a Node,
        given: &'a Given,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let common = root.get("vars").map(Node::entries).unwrap_or_default();
        let hosts = root.get("hosts").map(Node::entries).unwrap_or_default();
        let own = hosts
            .iter()
            .filter_map(|(_, host)| host.get("vars"))
            .flat_map(Node::entries);
        let keys: Vec<&Key> = common.iter().chain(own).map(|(key, _)| key).collect();
        for key in &keys {
            check_name(key, problems);
        }
        let names: BTreeSet<&str> = keys.iter().map(|key| key.text.as_str()).collect();
        for (name, _) in &given.vars {
            if !names.contains(name.as_str()) {
                let label = match nearest(name, names.iter().copied()) {
                    Some(suggestion) => format!("did you mean `{suggestion}`?"),
                    None => {
                        format!("add `{name}` to `vars`, with the value that holds without `--var`")
                    }
                };
                problems.push(Problem::error(
                    None,
                    format!("`--var {name}=…`: no `vars` of the spec has `{name}`"),
                    label,
                ));
            }
        }
        let allow_env = root.get("allow_env").map(Node::items).unwrap_or_default();
        for (variable, name) in of_environment(given) {
            // A variable that resembles none may be for another spec.
            if let (false, Some(suggestion)) =
                (names.contains(name), nearest(name, names.iter().copied()))
            {
                problems.push(Problem::warning(
                    None,
                    format!("`{variable}` of the environment sets no variable"),
                    format!("did you mean `{VARIABLE}{suggestion}`?"),
                ));
            }
        }
        let of_environment = of_environment(given)
            .filter_map(|(variable, name)| Some((name, given.env.get(variable)?)));
        let overrides = given.vars.iter();
        let overrides = overrides.map(|(name, value)| (name.as_str(), value));
        let overrides = of_environment.chain(overrides);
        Self {
            source,
            given,
            common: written(common),
            allow_env: allow_env.iter().filter_map(Node::text).collect(),
            overrides: overrides
                .filter_map(|(name, value)| Some((*names.get(name)?, Definition::Given(value))))
                .collect(),
            names,
            bytes: 0,
        }
    }

    /// The variables of a host: its own override the common ones, `--var` and the environment override both.
    pub fn scope(&self, host: &'a str, own: &'a [(Key, Node)]) -> Scope<'a> {
        Scope {
            host,
            own: written(own),
            filled: HashMap::new(),
        }
    }

    /// The definition of a variable for a host, with its key in the spec.
    fn definition(&self, scope: &Scope<'a>, name: &str) -> Option<(&'a str, Definition<'a>)> {
        let mut of = [&self.overrides, &scope.own, &self.common].into_iter();
        let found = of.find_map(|one| one.get_key_value(name));
        let (&name, &definition) = found?;
        (!definition.is_null()).then_some((name, definition))
    }

    /// Fills in a tree. What cannot be filled in becomes [`Value::Broken`]; what has no variables is shared.
    pub fn fill(
        &mut self,
        scope: &mut Scope<'a>,
        node: &Node,
        specials: Specials<'_>,
        problems: &mut Vec<Problem>,
    ) -> Node {
        if !node.has_variables() {
            return node.clone();
        }
        let value = match &node.value {
            Value::Scalar { text, quoted } => {
                match self.text(scope, text, node.span, specials, problems) {
                    Some(text) => Value::Scalar {
                        text,
                        quoted: *quoted,
                    },
                    None => Value::Broken,
                }
            }
            Value::Seq(items) => Value::Seq(
                items
                    .iter()
                    .map(|item| self.fill(scope, item, specials, problems))
                    .collect(),
            ),
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), self.fill(scope, node, specials, problems)))
                    .collect(),
            ),
            Value::Null => Value::Null,
            Value::Broken => Value::Broken,
        };
        Node {
            span: node.span,
            value,
        }
    }

    /// Fills in one text; `span` is its place in the source.
    pub fn text(
        &mut self,
        scope: &mut Scope<'a>,
        text: &str,
        span: Span,
        specials: Specials<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        self.expand(scope, text, span, specials, &mut Vec::new(), problems)
    }

    fn expand(
        &mut self,
        scope: &mut Scope<'a>,
        text: &str,
        span: Span,
        specials: Specials<'_>,
        stack: &mut Vec<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        if !text.contains("${") {
            return Some(text.to_owned());
        }
        let mut out = String::new();
        let mut is_complete = true;
        let mut at = 0;
        while let Some(found) = text[at..].find("${").map(|found| at + found) {
            if text[at..found].ends_with('$') {
                out.push_str(&text[at..found]);
                out.push('{');
                at = found + 2;
                continue;
            }
            out.push_str(&text[at..found]);
            let name = text[found + 2..].split('}').next().unwrap_or_default();
            let end = found + 2 + name.len() + 1;
            if end > text.len() || !is_reference(name) {
                let span = self.part(text, span, found..(found + 2));
                problems.push(Problem::error(
                    span,
                    "`${` does not begin the name of a variable",
                    "write `${name}`, or `$${` for the two characters themselves",
                ));
                return None;
            }
            let place = self.part(text, span, found..end);
            match self.value(scope, name, place, specials, stack, problems) {
                Some(value) => out.push_str(&value),
                None => is_complete = false,
            }
            self.bytes = self.bytes.saturating_add(out.len());
            if out.len() > LONGEST || self.bytes > MOST_BYTES {
                problems.push(Problem::error(
                    place,
                    "the variables make this text too long",
                    "variables that use each other many times over grow fast",
                ));
                return None;
            }
            at = end;
        }
        out.push_str(&text[at..]);
        is_complete.then_some(out)
    }

    fn value(
        &mut self,
        scope: &mut Scope<'a>,
        name: &str,
        span: Span,
        specials: Specials<'_>,
        stack: &mut Vec<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        let special = match name {
            "table" => Some(specials.table),
            "kafka.home" => Some(specials.home),
            "host.name" => Some(Special::Is(scope.host)),
            _ => None,
        };
        match special {
            Some(Special::Is(value)) => return Some(value.to_owned()),
            Some(Special::Silent) => return None,
            Some(Special::Not(label)) => {
                problems.push(Problem::error(
                    span,
                    format!("`${{{name}}}` has no meaning here"),
                    label,
                ));
                return None;
            }
            None => {}
        }
        if let Some(variable) = name.strip_prefix("env.") {
            return self.environment(variable, span, problems);
        }
        let Some((own, definition)) = self.definition(scope, name) else {
            problems.push(self.unknown(scope, name, span));
            return None;
        };
        if let Some(filled) = scope.filled.get(own) {
            return filled.clone();
        }
        if let Some(first) = stack.iter().position(|seen| seen == name) {
            let mut cycle: Vec<String> = stack[first..]
                .iter()
                .map(|seen| format!("`{seen}`"))
                .collect();
            cycle.push(format!("`{name}`"));
            problems.push(Problem::error(
                span,
                format!("the variable `{name}` needs itself: {}", cycle.join(" → ")),
                "give one of them a value without the other",
            ));
            return None;
        }
        if stack.len() >= DEEPEST {
            problems.push(Problem::error(
                span,
                format!("the variable `{name}` is more than {DEEPEST} variables away"),
                "write its value here",
            ));
            return None;
        }
        let filled = match definition {
            Definition::Given(value) => Some(value.to_owned()),
            Definition::Written(node) => match &node.value {
                Value::Scalar { text, .. } => {
                    stack.push(name.to_owned());
                    // A variable has the same value at each place.
                    let none = Specials::NONE;
                    let filled = self.expand(scope, text, node.span, none, stack, problems);
                    stack.pop();
                    filled
                }
                // The schema check has reported it.
                _ => None,
            },
        };
        scope.filled.insert(own, filled.clone());
        filled
    }

    fn environment(
        &self,
        variable: &str,
        span: Span,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        if !self.allow_env.contains(variable) {
            problems.push(Problem::error(
                span,
                format!("the spec may not read the environment variable `{variable}`"),
                format!("list it: `allow_env: [{variable}]`"),
            ));
            return None;
        }
        let value = self.given.env.get(variable).cloned();
        if value.is_none() {
            problems.push(Problem::error(
                span,
                format!("the environment variable `{variable}` is not set"),
                "set it before trueup runs",
            ));
        }
        value
    }

    fn unknown(&self, scope: &Scope<'_>, name: &str, span: Span) -> Problem {
        if self.names.contains(name) {
            return Problem::error(
                span,
                format!("host `{}` has no variable `{name}`", scope.host),
                "give it one under the host's `vars`, or a common one under `vars`",
            );
        }
        let built_in = ["table", "kafka.home", "host.name"];
        let known = self.names.iter().copied();
        let known = known.filter(|name| self.definition(scope, name).is_some());
        let label = match nearest(name, known.chain(built_in)) {
            Some(suggestion) => format!("did you mean `${{{suggestion}}}`?"),
            None if name.contains('.') => {
                "there are `${host.name}`, `${env.NAME}` and `${kafka.home}`".into()
            }
            None => format!("add it under `vars`: `{name}: …`"),
        };
        Problem::error(span, format!("unknown variable `{name}`"), label)
    }

    /// The place of a part of a scalar, where its text stands verbatim in the source.
    fn part(&self, text: &str, span: Span, part: std::ops::Range<usize>) -> Span {
        let own = self.source.get(span.start..span.end).unwrap_or_default();
        let shift = if own == text {
            0
        } else if own.len() == text.len() + 2 && own.get(1..own.len() - 1) == Some(text) {
            1
        } else {
            return span;
        };
        if text.contains('\n') {
            return span;
        }
        let chars = text[..part.start].chars().count() + shift;
        Span {
            start: span.start + shift + part.start,
            end: span.start + shift + part.end,
            line: span.line,
            column: span
                .column
                .saturating_add(u32::try_from(chars).unwrap_or(u32::MAX)),
        }
    }
}

impl Definition<'_> {
    fn is_null(self) -> bool {
        matches!(self, Self::Written(node) if node.value == Value::Null)
    }
}

/// Variables by name.
fn written(entries: &[(Key, Node)]) -> BTreeMap<&str, Definition<'_>> {
    let entries = entries.iter();
    let entries = entries.map(|(key, node)| (key.text.as_str(), Definition::Written(node)));
    entries.collect()
}

fn is_reference(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

fn check_name(key: &Key, problems: &mut Vec<Problem>) {
    let name = key.text.as_str();
    let is_valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name.len() <= 128;
    if name == "table" {
        problems.push(Problem::error(
            key.span,
            "`table` is no name for a variable",
            "`${table}` is the table of a topic: choose another name",
        ));
    } else if !is_valid {
        problems.push(Problem::error(
            key.span,
            format!("`{name}` is no name for a variable"),
            "use letters, digits, `_` and `-`, a letter first",
        ));
    }
}

/// Reports keys with a `${`: only values are filled in.
pub(crate) fn check_keys(node: &Node, problems: &mut Vec<Problem>) {
    for (key, value) in node.entries() {
        if key.text.contains("${") {
            problems.push(Problem::error(
                key.span,
                format!("the key `{}` holds a variable", key.text),
                "only values are filled in: write the key in full",
            ));
        }
        check_keys(value, problems);
    }
    node.items()
        .iter()
        .for_each(|item| check_keys(item, problems));
}
