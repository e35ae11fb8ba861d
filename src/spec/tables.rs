//! Tables that were read from a database → topics, by the rules that hold for tables that a spec
//! names.

use std::{collections::HashSet, sync::Arc};

use super::{
    checks,
    resolved::{ResolvedCluster, ResolvedTopic, merged},
    topics::Template,
    types::{Aws, FromDatabase, TableSource},
};
use crate::diagnostic::Problem;

/// So many mistakes of one list are named; the rest is counted.
const MOST_NAMED: usize = 5;

/// A list of tables that is still to be read, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableList {
    /// What one host makes of each table.
    pub template: Template,
    /// Where the tables are read, and what is said of single ones.
    pub tables: FromDatabase,
    /// Which AWS account is asked for the database's password, where the Parameter Store has it.
    pub aws: Aws,
}

impl TableList {
    /// Where the tables are read.
    pub fn source(&self) -> &TableSource {
        &self.tables.from
    }
}

/// What became of the lists of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The cluster's topics, each once.
    pub topics: Vec<ResolvedTopic>,
    /// What people should know, as sentences.
    pub warnings: Vec<String>,
}

/// The topics of a cluster whose lists have been read; `read` gives the tables of each list of the
/// cluster, in its order.
///
/// # Errors
/// Where the tables cannot have the topics that the spec wants for them: a sentence that names the
/// tables, with the way out. Exit code 3: only the spec, or the database, can say otherwise.
pub fn expand(cluster: &ResolvedCluster, read: &[&[String]]) -> Result<Expanded, String> {
    let (mut rows, mut of_list) = (Vec::new(), Vec::new());
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
        of_list.extend(kept.clone().map(|_| Arc::clone(&hosts)));
        rows.extend(kept.map(|table| list.template.row(table, settings.get(table).cloned())));
        let there: HashSet<&str> = tables.iter().map(String::as_str).collect();
        let unknown = settings.keys().filter(|key| !there.contains(key.as_str()));
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
    let (wrong, odd): (Vec<Problem>, Vec<Problem>) =
        problems.into_iter().partition(Problem::is_error);
    if !wrong.is_empty() {
        return Err(said(&wrong));
    }
    warnings.extend(
        odd.into_iter()
            .map(|one| format!("{}: {}", one.message, one.label)),
    );
    let mut topics = cluster.topics.clone();
    topics.extend(merged(rows.into_iter().zip(of_list)));
    let mut seen = HashSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    Ok(Expanded { topics, warnings })
}

fn said(wrong: &[Problem]) -> String {
    let mut out = match wrong {
        [_] => "a table of the database cannot have a topic as the spec wants it",
        _ => "tables of the database cannot have topics as the spec wants them",
    }
    .to_owned();
    for one in wrong.iter().take(MOST_NAMED) {
        out.push_str(&format!("\n  {}: {}", one.message, one.label));
    }
    if let Some(more @ 1..) = wrong.len().checked_sub(MOST_NAMED) {
        out.push_str(&format!("\n  and {more} more"));
    }
    out.push_str(
        "\n  help: name them in `tables.except`, narrow `like`, or rename them in the database",
    );
    out
}
