//! Tables read from a database → topics, by the same rules as tables that a spec names.

use std::{collections::HashSet, sync::Arc};

use super::{
    checks,
    resolved::{ResolvedCluster, ResolvedTopic, merged},
    topics::Template,
    types::{Aws, FromDatabase, TableSource},
};
use crate::diagnostic::Problem;

/// How many mistakes of one list are named; the rest is counted.
const MOST_NAMED: usize = 5;

/// A list of tables that is still to be read, and the template of its topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableList {
    /// The topic of each table for one host.
    pub template: Template,
    /// Where the tables are read, and settings of single ones.
    pub tables: FromDatabase,
    /// The AWS account with the database's password, where that is in the Parameter Store.
    pub aws: Aws,
}

impl TableList {
    /// Where the tables are read.
    pub fn source(&self) -> &TableSource {
        &self.tables.from
    }
}

/// The result of the lists of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The cluster's topics, each once.
    pub topics: Vec<ResolvedTopic>,
    /// Warnings, as sentences.
    pub warnings: Vec<String>,
}

/// The topics of a cluster whose lists have been read; `read` gives the tables of each list of the
/// cluster, in its order.
///
/// # Errors
/// Where tables cannot have the topics that the spec declares for them: a message that names the tables, with
/// help. It is exit code 3: the spec or the database has to change.
pub fn expand(cluster: &ResolvedCluster, read: &[&[String]]) -> Result<Expanded, String> {
    let (mut rows, mut hosts_of_rows) = (Vec::new(), Vec::new());
    let mut warnings = Vec::new();
    for (list, tables) in cluster.lists.iter().zip(read) {
        let FromDatabase {
            from,
            except,
            settings,
        } = &list.tables;
        let TableSource::Mysql(mysql) = from;
        let except: HashSet<&str> = except.iter().map(String::as_str).collect();
        let kept = tables
            .iter()
            .filter(|table| !except.contains(table.as_str()));
        let hosts: Arc<[String]> = [list.template.host.clone()].into();
        hosts_of_rows.extend(kept.clone().map(|_| Arc::clone(&hosts)));
        rows.extend(kept.map(|table| list.template.row(table, settings.get(table).cloned())));
        let existing: HashSet<&str> = tables.iter().map(String::as_str).collect();
        let unknown = settings
            .keys()
            .filter(|key| !existing.contains(key.as_str()));
        warnings.extend(unknown.map(|key| {
            format!(
                "`tables.settings` names `{key}`, and no such table of `{}` was found",
                mysql.database
            )
        }));
    }
    let mut problems = Vec::new();
    checks::rows(&rows, &mut problems);
    // Two hosts may have one mistake.
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    let (errors, other_warnings): (Vec<Problem>, Vec<Problem>) =
        problems.into_iter().partition(Problem::is_error);
    if !errors.is_empty() {
        return Err(message(&errors));
    }
    warnings.extend(
        other_warnings
            .into_iter()
            .map(|problem| format!("{}: {}", problem.message, problem.label)),
    );
    let mut topics = cluster.topics.clone();
    topics.extend(merged(rows.into_iter().zip(hosts_of_rows)));
    let mut seen = HashSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    Ok(Expanded { topics, warnings })
}

fn message(errors: &[Problem]) -> String {
    let mut out = match errors {
        [_] => "a table of the database cannot have a topic as the spec wants it",
        _ => "tables of the database cannot have topics as the spec wants them",
    }
    .to_owned();
    for problem in errors.iter().take(MOST_NAMED) {
        out.push_str(&format!("\n  {}: {}", problem.message, problem.label));
    }
    if let Some(more @ 1..) = errors.len().checked_sub(MOST_NAMED) {
        out.push_str(&format!("\n  and {more} more"));
    }
    out.push_str(
        "\n  help: name them in `tables.except`, narrow `like`, or rename them in the database",
    );
    out
}
