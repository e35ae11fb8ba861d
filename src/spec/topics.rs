//! The topics that each host renders.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    at::{At, Text},
    merge::HostTree,
    tree::Node,
    types::{Cluster, ConfigPolicy, TableSettings, Tables, TopicSettings},
    vars::{Scope, Special, Specials, Variables},
};
use crate::{
    at,
    diagnostic::{Problem, Span},
};

/// One topic as one host's variables make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The host.
    pub host: String,
    /// The table.
    pub table: String,
    /// The topic.
    pub name: String,
    /// Where the table stands.
    pub place: Span,
    /// The cluster; `None` when the spec does not say.
    pub cluster: Option<Cluster>,
    /// The table's settings, merged into the defaults.
    pub settings: TopicSettings,
    /// What happens to overrides that the spec does not name.
    pub policy: ConfigPolicy,
    /// The pattern that other names on the cluster are compared with.
    pub pattern: Pattern,
}

/// The pattern of `topics.name`: the literal parts, with a table between each two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Pattern(Arc<[String]>);

/// Stands for the table while a pattern is rendered; YAML has no such character.
const PLACEHOLDER: &str = "\0";

impl Pattern {
    /// From its text, filled in but for the table.
    fn new(rendered: &str) -> Self {
        Self(rendered.split(PLACEHOLDER).map(str::to_owned).collect())
    }

    /// The literal parts, and how often the table occurs.
    pub fn parts(&self) -> (String, usize) {
        (self.0.concat(), self.0.len() - 1)
    }

    /// Whether it has a literal part: without one every topic of a cluster would match.
    pub(crate) fn is_telling(&self) -> bool {
        self.0.iter().any(|part| !part.is_empty())
    }

    /// Whether a topic matches, for any table.
    pub fn makes(&self, topic: &str) -> bool {
        let (literal, tables) = (self.0.concat().len(), self.0.len() - 1);
        let Some(rest) = topic.len().checked_sub(literal) else {
            return false;
        };
        if tables == 0 {
            return topic == self.0[0];
        }
        let first = self.0[0].len();
        let length = rest / tables;
        rest % tables == 0
            && length > 0
            && topic
                .get(first..first + length)
                .is_some_and(|table| self.0.join(table) == topic)
    }
}

impl From<Pattern> for Vec<String> {
    fn from(pattern: Pattern) -> Self {
        pattern.0.to_vec()
    }
}

impl TryFrom<Vec<String>> for Pattern {
    type Error = &'static str;

    fn try_from(parts: Vec<String>) -> Result<Self, Self::Error> {
        match parts.is_empty() {
            true => Err("a pattern has one part at least"),
            false => Ok(Self(parts.into())),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("${table}"))
    }
}

/// The topics of a host's tables: all of a row but the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The host.
    pub host: String,
    /// The cluster; `None` when the spec does not say.
    pub cluster: Option<Cluster>,
    /// Settings of a table without its own.
    pub defaults: TopicSettings,
    /// What happens to overrides that the spec does not name.
    pub policy: ConfigPolicy,
    /// The pattern of the name.
    pub pattern: Pattern,
    /// Where the tables are listed.
    pub place: Span,
}

impl Template {
    /// The row of a table whose topic has this name; `own` are the settings of the table.
    fn named(&self, name: String, table: &str, place: Span, own: Option<TableSettings>) -> Row {
        let defaults = &self.defaults;
        Row {
            host: self.host.clone(),
            table: table.to_owned(),
            name,
            place,
            cluster: self.cluster.clone(),
            settings: own.map_or_else(|| defaults.clone(), |own| merged(defaults, own)),
            policy: self.policy,
            pattern: self.pattern.clone(),
        }
    }

    /// The row of a table.
    pub fn row(&self, table: &str, own: Option<TableSettings>) -> Row {
        let named = own.as_ref().and_then(|own| own.topic.clone());
        let name = named.unwrap_or_else(|| self.pattern.0.join(table));
        self.named(name, table, self.place, own)
    }
}

/// What one host renders.
#[derive(Debug, Clone, Default)]
pub struct HostTopics {
    /// The topics of the tables that the spec names.
    pub rows: Vec<Row>,
    /// The template for the tables of a database, where the spec names one.
    pub database: Option<Template>,
}

/// The pattern of a host's `topics.name`. `None` where it cannot be filled in, which is not reported here.
pub fn pattern<'a>(
    tree: &HostTree,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
) -> Option<Pattern> {
    let specials = Specials {
        table: Special::Is(PLACEHOLDER),
        ..Specials::NONE
    };
    let rendered = match at!(tree, topics.name).text() {
        None => Some(PLACEHOLDER.to_owned()),
        Some(Text { text, span }) => variables.text(scope, text, span, specials, &mut Vec::new()),
    };
    rendered.map(|rendered| Pattern::new(&rendered))
}

/// What the rendered topics of a host depend on: hosts with equal keys have the same topics.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct RenderKey {
    pattern: Pattern,
    /// The filled-in texts of `topics`, in their order; and of `aws` and `ec2`, which decide where a cluster is
    /// looked up.
    texts: Vec<Option<String>>,
}

/// The key of a host's topics. `None` where they are compared with no other host's.
pub(crate) fn render_key(
    root: &Node,
    tree: &HostTree,
    pattern: Option<&Pattern>,
) -> Option<RenderKey> {
    let topics = at!(tree, topics);
    let of_database = at!(topics, tables(Tables::Database).from).is_there();
    let (common, filled) = (root.get("topics")?, topics.node()?);
    let mut texts = Vec::new();
    filled_in(common, filled, &mut texts);
    let text = |node: &Node| node.text().map(str::to_owned);
    let region = at!(tree, ec2.region).node();
    texts.push(region.and_then(text));
    if let (Some(common), Some(filled)) = (root.get("aws"), at!(tree, aws).node()) {
        filled_in(common, filled, &mut texts);
    }
    let pattern = pattern.filter(|_| !of_database)?.clone();
    Some(RenderKey { pattern, texts })
}

/// The texts that had variables.
fn filled_in(common: &Node, filled: &Node, texts: &mut Vec<Option<String>>) {
    if !common.has_variables() {
        return;
    }
    if common.text().is_some() {
        texts.push(filled.text().map(str::to_owned));
    }
    let children = common.children().zip(filled.children());
    children.for_each(|(common, filled)| filled_in(common, filled, texts));
}

/// Renders the topics of one host, whose `topics.name` is this pattern.
pub fn of_host<'a>(
    tree: &HostTree,
    rendered: Option<Pattern>,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> HostTopics {
    let mut host_topics = HostTopics::default();
    let topics = at!(tree, topics);
    let pattern = at!(topics, name);
    let mut clusters = [Cluster::Name, Cluster::Arn, Cluster::Bootstrap].into_iter();
    let cluster = clusters.find_map(|cluster| {
        let named = at!(topics, cluster[cluster]).text()?;
        Some(cluster(named.text.to_owned()))
    });
    let policy = at!(topics, config_policy).read().unwrap_or_default();
    let defaults = settings(at!(topics, defaults));
    // A pattern that cannot be filled in is reported with the first table below that needs it.
    let is_rendered = rendered.is_some();
    let mut is_reported = false;
    let template = Template {
        host: tree.name.text.clone(),
        cluster,
        defaults,
        policy,
        pattern: rendered.unwrap_or_else(|| Pattern::new(PLACEHOLDER)),
        place: Span::default(),
    };
    let mut add = |Text { text: table, span }: Text<'_>, own: Option<TableSettings>| {
        let specials = Specials {
            table: Special::Is(table),
            ..Specials::NONE
        };
        let name = match own.as_ref().and_then(|own| own.topic.clone()) {
            Some(name) => Some(name),
            None if !pattern.is_there() => Some(table.to_owned()),
            None if std::mem::replace(&mut is_reported, !is_rendered) => None,
            None => pattern.text().and_then(|Text { text, span }| {
                variables.text(scope, text, span, specials, problems)
            }),
        };
        let Some(name) = name else { return };
        host_topics
            .rows
            .push(template.named(name, table, span, own));
    };
    let tables = at!(topics, tables);
    at!(tables, (Tables::Names))
        .texts()
        .for_each(|table| add(table, None));
    match at!(tables, (Tables::Database).from).key() {
        None => {
            let tables = at!(tables, (Tables::Settings));
            for (table, own) in tables.keys().zip(tables.values()) {
                add(table, Some(of_table(at!(own, (Some)))));
            }
        }
        Some(span) => {
            // Reports a pattern that cannot be filled in: there is no table below.
            if !is_rendered {
                let text = "table";
                add(Text { text, span }, None);
            }
            let place = span;
            host_topics.database = Some(Template { place, ..template });
        }
    }
    host_topics
}

/// The settings of a table, as far as they are well-formed; errors have been reported.
fn of_table(own: At<'_, TableSettings>) -> TableSettings {
    TableSettings {
        topic: at!(own, topic).read(),
        partitions: at!(own, partitions).read(),
        replication_factor: at!(own, replication_factor).read(),
        config: config(at!(own, config)),
    }
}

/// The defaults of all tables, likewise.
fn settings(own: At<'_, TopicSettings>) -> TopicSettings {
    TopicSettings {
        partitions: at!(own, partitions).read(),
        replication_factor: at!(own, replication_factor).read(),
        config: config(at!(own, config)),
    }
}

type Config = IndexMap<String, Option<String>>;

fn config(own: At<'_, Config>) -> Config {
    let values = own.values().map(|value| at!(value, (Some)).read());
    own.keys()
        .map(|key| key.text.to_owned())
        .zip(values)
        .collect()
}

/// A table's settings merged into the defaults, key by key.
fn merged(defaults: &TopicSettings, own: TableSettings) -> TopicSettings {
    let mut config: Config = defaults.config.clone();
    config.extend(own.config);
    TopicSettings {
        partitions: own.partitions.or(defaults.partitions),
        replication_factor: own
            .replication_factor
            .or_else(|| defaults.replication_factor.clone()),
        config,
    }
}

#[cfg(test)]
mod tests {
    use super::{PLACEHOLDER, Pattern};

    fn pattern(text: &str) -> Pattern {
        Pattern::new(&text.replace('*', PLACEHOLDER))
    }

    #[test]
    fn a_pattern_matches_whole_names_only() {
        for (text, makes, fails) in [
            (
                "u.*",
                &["u.pin", "u.p.q", "u.u."][..],
                &["uxpin", "u.", "xu.pin", "u", ""][..],
            ),
            ("ab.*", &["ab.pin"], &["xab.pin", "abxpin"]),
            ("*", &["pin"], &[""]),
            ("a-*-z", &["a-b-z"], &["a--z", "a-z", "a-b-zz"]),
            ("*.x.*", &["p.x.p"], &["p.x.q", "pp.x.p", ".x."]),
            ("fixed", &["fixed"], &["fixed2", "fixe"]),
            ("é*", &["éa"], &["e\u{301}a", "\u{e8}a"]),
        ] {
            for topic in makes {
                assert!(pattern(text).makes(topic), "{text} makes {topic}");
            }
            for topic in fails {
                assert!(!pattern(text).makes(topic), "{text} does not make {topic}");
            }
        }
        assert!(!pattern("*").is_telling() && pattern("u.*").is_telling());
        assert_eq!(pattern("u.*").to_string(), "u.${table}");
    }
}
