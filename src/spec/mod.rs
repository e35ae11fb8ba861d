//! YAML → Spec. Pure: the text and the environment are given in.
//!
//! [`load`] does all of it: text → tree with places ([`tree`]) → checked against the schema
//! ([`schema`], [`walk`]) → for each host the common part with its own laid over it and filled in
//! ([`merge`], [`vars`]) → checked again, and for sense ([`checks`]) → values without choices left
//! open ([`resolved`]). Each stage goes on beside the mistakes of the one before, so that one run
//! names them all.

pub mod at;
pub mod checks;
mod encoding;
mod format_1;
mod forms;
mod hints;
mod host_names;
pub mod merge;
pub mod resolved;
pub mod schema;
pub mod secrets;
pub mod several;
pub mod suggestions;
mod syntax;
pub mod tables;
pub mod topics;
pub mod tree;
pub mod types;
pub mod unsupported;
pub mod vars;
pub mod walk;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

pub use checks::is_of_rds;
pub use encoding::{Undecoded, decode};
pub use host_names::{HostNames, rename};
pub use resolved::{
    Access, Found, Lines, Resolved, ResolvedCluster, ResolvedHost, ResolvedTopic, Route, fleet_of,
    member,
};
pub use schema::schema;
pub use tables::{Expanded, TableList, expand};
pub use topics::Pattern;
pub use types::{
    Aws, Cluster, ConfigPolicy, Credentials, Ec2, HostKey, Keep, Key, Login, Mysql, Network,
    PropertyValue, ReplicationFactor, SecretRef, Security, Ssh, StartFile, TableSource,
    TopicSettings, Via,
};
pub use unsupported::unsupported;
pub use vars::VARIABLE;

use crate::{
    diagnostic::{Problem, Span},
    kinds::{KINDS, of_key},
    text::hex,
};
use merge::{Filled, HostTree};
use resolved::Alike;
use tree::{Node, Value};

/// What each spec is checked with; made once.
static SCHEMA: LazyLock<Json> = LazyLock::new(schema);

/// What all hosts of a spec may come to together, in values: the common part counts for each, and
/// `topics` for each that its variables make others of.
const MOST_VALUES: usize = 2_000_000;

/// A spec's text.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file, as the user typed it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What is given beside the spec.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `--var K=V`, in order; the last one of a name wins.
    pub vars: Vec<(String, String)>,
    /// The environment; `${env.NAME}` sees what `allow_env` lists, and `TRUEUP_VAR_NAME` sets a
    /// variable.
    pub env: BTreeMap<String, String>,
}

/// Reads a spec. There is a result when no problem is an error; warnings come beside it.
pub fn load(source: &Source, given: &Given) -> (Option<Resolved>, Vec<Problem>) {
    let mut problems = Vec::new();
    let resolved = read(source, given, &mut problems);
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    syntax::look_alike(&source.text, &mut problems);
    (resolved, problems)
}

/// The digest of a spec's bytes, in hexadecimal, by which a saved plan knows it again.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn read(source: &Source, given: &Given, problems: &mut Vec<Problem>) -> Option<Resolved> {
    let root = tree::parse(&source.text, problems)?;
    walk::Walker::new(&SCHEMA, &source.text, walk::Variables::Open, problems).spec(&root);
    let root = root.only(|key| !walk::is_ignored(&SCHEMA, key));
    vars::check_keys(&root, problems);
    // A problem in the common part is reported once, not for each host.
    let reported: HashSet<_> = problems.iter().map(Reported::of).collect();

    let mut variables = vars::Variables::new(&source.text, &root, given, problems);
    let entries = root.get("hosts").map(Node::entries).unwrap_or_default();
    if too_many_values(&root, entries.len(), problems) {
        return None;
    }
    let topics = root.get("topics");
    let (of_topics, to_fill) = topics.map_or((0, 0), |topics| (topics.size(), topics.to_fill()));
    let mut values = 0;
    let mut trees: Vec<HostTree> = Vec::new();
    // The first host whose topics are the same.
    let mut firsts = Vec::new();
    let mut to_render = Vec::new();
    let mut first_with = HashMap::new();
    let mut rows = Vec::new();
    let mut databases = Vec::new();
    for (name, entry) in entries {
        let own = entry.get("vars").map(Node::entries).unwrap_or_default();
        let mut scope = variables.scope(&name.text, own);
        let mut tree = merge::host(&root, name, entry, &mut variables, &mut scope, problems);
        let pattern = topics::pattern(&tree, &mut variables, &mut scope);
        let own = topics::render_key(&root, &tree, pattern.as_ref());
        let here = trees.len();
        let first = own.map_or(here, |own| *first_with.entry(own).or_insert(here));
        values += to_fill;
        if first < here {
            tree.without_topics();
        } else {
            to_render.push((here, pattern, scope));
            values += of_topics;
        }
        if values > MOST_VALUES {
            problems.push(too_many(&root, entries.len(), of_topics));
            return None;
        }
        firsts.push(first);
        trees.push(tree);
    }
    for (at, pattern, mut scope) in to_render {
        let made = topics::of_host(&trees[at], pattern, &mut variables, &mut scope, problems);
        rows.extend(made.rows);
        databases.extend(made.database);
    }

    let filled: Vec<Option<Filled>> = trees
        .iter()
        .map(|tree| check_host(&source.text, &tree.node, &reported, problems))
        .collect();
    let no_hosts = match root.entry("hosts") {
        Some((
            key,
            Node {
                value: Value::Map(entries),
                ..
            },
        )) if entries.is_empty() => Some(key.span),
        _ => None,
    };
    checks::run(
        &checks::View {
            hosts: &trees,
            rows: &rows,
            databases: &databases,
            no_hosts,
            ssh: root.entry("ssh"),
        },
        problems,
    );
    if problems.iter().any(Problem::is_error) {
        return None;
    }

    let mut hosts = Vec::new();
    let mut unplanned = Vec::new();
    for ((tree, filled), &first) in trees.iter().zip(&filled).zip(&firsts) {
        let built = filled.as_ref();
        let Some(host) = built.map(|filled| resolved::host(tree, filled)) else {
            let name = &tree.name.text;
            let message = format!("host `{name}` passes every check and cannot be built");
            problems.push(mistake(tree.name.span, message));
            return None;
        };
        unsupported::find(tree, &trees[first], &mut unplanned);
        hosts.push(host);
    }
    let mut alike: HashMap<&str, Alike<'_>> = HashMap::new();
    for (at, (tree, &first)) in trees.iter().zip(&firsts).enumerate() {
        let filled = filled[first].as_ref();
        let Some(topics) = filled.and_then(|filled| filled.topics.as_ref()) else {
            continue;
        };
        let of_it = alike.entry(&trees[first].name.text);
        let of_it = of_it.or_insert_with(|| Alike {
            names: Vec::new(),
            topics,
            account: &hosts[first].aws,
        });
        of_it.names.push((at, &tree.name.text));
    }
    let Some(clusters) = resolved::clusters(rows, databases, &alike) else {
        let span = root.entry("topics").map(|(key, _)| key.span);
        problems.push(mistake(
            span,
            "`topics` passes every check and cannot be built",
        ));
        return None;
    };
    Some(Resolved {
        path: source.path.clone(),
        sha256: sha256(source.text.as_bytes()),
        hosts,
        clusters,
        unsupported: unplanned,
    })
}

/// What no spec should be able to cause.
fn mistake(span: impl Into<Option<Span>>, message: impl Into<String>) -> Problem {
    let label = "this is a mistake of trueup: please report it";
    Problem::error(span, message, label)
}

/// Refuses a spec whose common part, taken once for each host, grows beyond reason.
fn too_many_values(root: &Node, hosts: usize, problems: &mut Vec<Problem>) -> bool {
    let kinds = KINDS.iter().map(|kind| kind.key);
    let keys = ["ssh"].into_iter().chain(kinds);
    let common: usize = keys.filter_map(|key| root.get(key)).map(Node::size).sum();
    let many = common.saturating_mul(hosts) > MOST_VALUES;
    if many {
        problems.push(too_many(root, hosts, common));
    }
    many
}

fn too_many(root: &Node, hosts: usize, common: usize) -> Problem {
    let span = root.entry("hosts").map(|(key, _)| key.span);
    Problem::error(
        span,
        format!("{hosts} hosts with {common} common values each are too many for one spec"),
        "split it into several",
    )
}

/// A problem without its help, which may differ by how much of the spec was read.
#[derive(PartialEq, Eq, Hash)]
struct Reported(Option<Span>, String);

impl Reported {
    fn of(problem: &Problem) -> Self {
        Self(problem.span, problem.message.clone())
    }
}

/// Checks a filled-in host, part by part; there is a result when all is well.
fn check_host(
    text: &str,
    node: &Node,
    reported: &HashSet<Reported>,
    problems: &mut Vec<Problem>,
) -> Option<Filled> {
    let mut found = Vec::new();
    let mut walker = walk::Walker::new(&SCHEMA, text, walk::Variables::Filled, &mut found);
    let mut out = Map::new();
    let mut whole = true;
    for (key, part) in node.entries() {
        let definition = match key.text.as_str() {
            "ec2" => "Ec2",
            "ssh" => "Ssh",
            "local" => "Local",
            "aws" => "Aws",
            "topics" => "Topics",
            other => match of_key(other) {
                Some(kind) => &(kind.definition)(),
                None => continue,
            },
        };
        match walker.definition(definition, key, part) {
            Some(json) => {
                out.insert(key.text.clone(), json);
            }
            None => whole = false,
        }
    }
    found.retain(|problem| reported.is_empty() || !reported.contains(&Reported::of(problem)));
    problems.append(&mut found);
    for kind in KINDS {
        let (json, part) = (out.get(kind.key).cloned(), node.entry(kind.key));
        // What the schema takes is of the type; what is not, building the host reports.
        if let (Some(Ok(declared)), Some(part)) = (json.map(|json| kind.read(json)), part) {
            declared.check(part, problems);
        }
    }
    let filled = whole.then_some(Json::Object(out))?;
    serde_json::from_value(filled).ok()
}
