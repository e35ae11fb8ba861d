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
    /// The table's settings over the defaults.
    pub settings: TopicSettings,
    /// What happens to other overrides.
    pub policy: ConfigPolicy,
    /// What of other names on the cluster may be a topic of the spec's.
    pub pattern: Pattern,
}

/// What `topics.name` makes of tables: the literal parts, with a table between each two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Pattern(Arc<[String]>);

/// Stands for the table while a pattern is rendered; YAML has no such character.
const HOLE: &str = "\0";

impl Pattern {
    /// From the pattern's text, filled in but for the table.
    fn new(rendered: &str) -> Self {
        Self(rendered.split(HOLE).map(str::to_owned).collect())
    }

    /// What it says beside the table, and how often it says the table.
    pub fn parts(&self) -> (String, usize) {
        (self.0.concat(), self.0.len() - 1)
    }

    /// Whether it says anything but the table: else every topic of a cluster would be of it.
    pub fn is_telling(&self) -> bool {
        self.0.iter().any(|part| !part.is_empty())
    }

    /// Whether some table's name makes this topic of it.
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

/// What one host makes of tables: all of a row but the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The host.
    pub host: String,
    /// The cluster; `None` when the spec does not say.
    pub cluster: Option<Cluster>,
    /// Settings of a table that has none of its own.
    pub defaults: TopicSettings,
    /// What happens to other overrides.
    pub policy: ConfigPolicy,
    /// What a table's name becomes.
    pub pattern: Pattern,
    /// Where the tables are listed.
    pub place: Span,
}

impl Template {
    /// The row of a table whose topic has been named; `own` is what the table says of it.
    fn named(&self, name: String, table: &str, place: Span, own: Option<TableSettings>) -> Row {
        let defaults = &self.defaults;
        Row {
            host: self.host.clone(),
            table: table.to_owned(),
            name,
            place,
            cluster: self.cluster.clone(),
            settings: own.map_or_else(|| defaults.clone(), |own| over(defaults, own)),
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
pub struct OfHost {
    /// The topics of the tables that the spec names.
    pub rows: Vec<Row>,
    /// What the tables of a database are to become, where the spec names one.
    pub database: Option<Template>,
}

/// What a host's `topics.name` makes of tables. `None` where it cannot be filled in, of which nothing
/// is said here.
pub fn pattern<'a>(
    tree: &HostTree,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
) -> Option<Pattern> {
    let hole = Specials {
        table: Special::Is(HOLE),
        ..Specials::NONE
    };
    let rendered = match at!(tree, topics.name).text() {
        None => Some(HOLE.to_owned()),
        Some(Text { text, span }) => variables.text(scope, text, span, hole, &mut Vec::new()),
    };
    rendered.map(|rendered| Pattern::new(&rendered))
}

/// What tells the topics of one host from those of another.
#[derive(PartialEq, Eq, Hash)]
pub struct Own {
    pattern: Pattern,
    /// What the variables made of texts in `topics`, in their order; and in `aws` and `ec2`, which say
    /// who is asked about a cluster.
    texts: Vec<Option<String>>,
}

/// What is a host's own in the topics that it renders: where it is equal, they are. `None` where they
/// stand for themselves.
pub fn own(root: &Node, tree: &HostTree, pattern: Option<&Pattern>) -> Option<Own> {
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
    Some(Own { pattern, texts })
}

/// The texts that had variables.
fn filled_in(common: &Node, filled: &Node, texts: &mut Vec<Option<String>>) {
    if !common.has_variables() {
        return;
    }
    if common.text().is_some() {
        texts.push(filled.text().map(str::to_owned));
    }
    let below = common.below().zip(filled.below());
    below.for_each(|(common, filled)| filled_in(common, filled, texts));
}

/// Renders the topics of one host, whose `topics.name` is this pattern.
pub fn of_host<'a>(
    tree: &HostTree,
    whole: Option<Pattern>,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> OfHost {
    let mut made = OfHost::default();
    let topics = at!(tree, topics);
    let pattern = at!(topics, name);
    let mut clusters = [Cluster::Name, Cluster::Arn, Cluster::Bootstrap].into_iter();
    let cluster = clusters.find_map(|cluster| {
        let named = at!(topics, cluster[cluster]).text()?;
        Some(cluster(named.text.to_owned()))
    });
    let policy = at!(topics, config_policy).read().unwrap_or_default();
    let defaults = settings(at!(topics, defaults));
    // A pattern that cannot be filled in is said with the first table below that needs it.
    let telling = whole.is_some();
    let mut said = false;
    let template = Template {
        host: tree.name.text.clone(),
        cluster,
        defaults,
        policy,
        pattern: whole.unwrap_or_else(|| Pattern::new(HOLE)),
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
            None if std::mem::replace(&mut said, !telling) => None,
            None => pattern.text().and_then(|Text { text, span }| {
                variables.text(scope, text, span, specials, problems)
            }),
        };
        let Some(name) = name else { return };
        made.rows.push(template.named(name, table, span, own));
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
            // Where it cannot be filled in, no table below says so.
            if !telling {
                let text = "table";
                add(Text { text, span }, None);
            }
            let place = span;
            made.database = Some(Template { place, ..template });
        }
    }
    made
}

/// What a table says of its topic, as far as it is well-formed; what is not has been said.
fn of_table(own: At<'_, TableSettings>) -> TableSettings {
    TableSettings {
        topic: at!(own, topic).read(),
        partitions: at!(own, partitions).read(),
        replication_factor: at!(own, replication_factor).read(),
        config: config(at!(own, config)),
    }
}

/// What the spec says of all of them, likewise.
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

/// A table's settings over the defaults, key by key.
fn over(defaults: &TopicSettings, own: TableSettings) -> TopicSettings {
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
    use super::{HOLE, Pattern};

    fn pattern(text: &str) -> Pattern {
        Pattern::new(&text.replace('*', HOLE))
    }

    #[test]
    fn a_pattern_makes_what_it_says_and_nothing_beside() {
        for (text, makes, not) in [
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
            for topic in not {
                assert!(!pattern(text).makes(topic), "{text} does not make {topic}");
            }
        }
        assert!(!pattern("*").is_telling() && pattern("u.*").is_telling());
        assert_eq!(pattern("u.*").to_string(), "u.${table}");
    }
}
