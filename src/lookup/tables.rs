//! The tables of the databases that a cluster's topics are for.

use std::{collections::BTreeMap, path::Path, time::Duration};

use secrecy::SecretString;

use super::{
    mysql::{self, MOST_TABLES, Server},
    secrets,
};
use crate::{
    broker::Roots,
    spec::{self, Aws, Expanded, Mysql, ResolvedCluster, TableSource},
    transport::dial::Dial,
};

/// What the spec calls the password.
pub const PASSWORD: &str = "topics.tables.from.mysql.password";

/// Databases, each once, with the lists of the cluster that come from it.
#[derive(Debug, Clone, Default)]
pub struct Databases(Vec<Database>);

#[derive(Debug, Clone)]
struct Database {
    server: Server,
    like: Option<String>,
    /// Places among the cluster's lists.
    lists: Vec<usize>,
}

/// Why the topics of a cluster are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// A server. Exit code 4.
    #[error(transparent)]
    Server(#[from] mysql::Error),
    /// The server answered, and no topics can be made of it. Exit code 3.
    #[error("{0}")]
    Unfit(String),
}

impl Databases {
    /// The databases of a cluster, with the passwords and authorities that the spec refers to;
    /// `passwords` were looked up, in the order of the cluster's lists.
    /// Relative files start at the spec's folder.
    ///
    /// # Errors
    /// A message with a help, for a reference that cannot be resolved. Exit code 3.
    pub fn resolve(
        cluster: &ResolvedCluster,
        passwords: &[Option<SecretString>],
        spec: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        // The same name of a parameter is another one in another account.
        let mut known: Vec<(&Mysql, &Aws)> = Vec::new();
        let mut databases: Vec<Database> = Vec::new();
        for (at, list) in cluster.lists.iter().enumerate() {
            let TableSource::Mysql(mysql) = list.source();
            if let Some(same) = known.iter().position(|one| *one == (mysql, &list.aws)) {
                databases[same].lists.push(at);
                continue;
            }
            known.push((mysql, &list.aws));
            let password = passwords.get(at).cloned().flatten();
            databases.push(Database {
                server: server(mysql, password, spec, environment)?,
                like: mysql.like.clone(),
                lists: vec![at],
            });
        }
        Ok(Self(databases))
    }

    /// Reads the tables, a connection for each database, and makes the topics of them. `via` is how
    /// the machine that dials is called; `deadline` holds for each dial with its login, and for each
    /// question.
    ///
    /// # Errors
    /// When a database does not answer, or its tables cannot have the topics that the spec wants.
    pub async fn read(
        &self,
        cluster: &ResolvedCluster,
        (dial, via): (&dyn Dial, &str),
        deadline: Duration,
    ) -> Result<Expanded, TablesError> {
        let mut found: Vec<Vec<String>> = Vec::new();
        for one in &self.0 {
            let like = one.like.as_deref();
            let tables = mysql::tables(dial, via, &one.server, like, deadline).await?;
            tracing::debug!(server = %one.server, tables = tables.len(), "read the tables");
            if let Some(unfit) = unfit(one, tables.len()) {
                return Err(TablesError::Unfit(unfit));
            }
            found.push(tables);
        }
        let mut read: Vec<&[String]> = vec![&[]; cluster.lists.len()];
        for (one, tables) in self.0.iter().zip(&found) {
            for list in &one.lists {
                read[*list] = tables;
            }
        }
        spec::expand(cluster, &read).map_err(TablesError::Unfit)
    }
}

fn server(
    mysql: &Mysql,
    password: Option<SecretString>,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Server, String> {
    let password = match password {
        Some(password) => password,
        None => secrets::secret(PASSWORD, &mysql.password, spec, environment)
            .map_err(|missing| missing.to_string())?,
    };
    let roots = match (mysql.tls, &mysql.ca) {
        (false, _) => None,
        (true, Some(ca)) => Some(Roots::from_pem_file(&secrets::local_path(
            ca,
            spec,
            environment,
        ))),
        (true, None) => Some(Roots::system()),
    };
    Ok(Server {
        host: mysql.host.clone(),
        port: mysql.port,
        user: mysql.user.clone(),
        password,
        database: mysql.database.clone(),
        roots: roots.transpose().map_err(|error| error.to_string())?,
    })
}

/// Why so many tables are no list, if so.
fn unfit(Database { server, like, .. }: &Database, count: usize) -> Option<String> {
    let Server { user, database, .. } = server;
    let which = match like {
        Some(like) => format!("table of `{database}` on {server} is LIKE `{like}`"),
        None => format!("table of `{database}` on {server} was found"),
    };
    match count {
        0 => Some(format!(
            "no {which}, as far as `{user}` may see\n  help: a user sees the tables that it has a grant \
             for: GRANT SELECT ON `{database}`.* TO '{user}'@'%'; or look at `like`"
        )),
        count if count > MOST_TABLES => Some(format!(
            "`{database}` on {server} has more than {MOST_TABLES} tables that would get a topic\n  \
             help: narrow them with `like`"
        )),
        _ => None,
    }
}
