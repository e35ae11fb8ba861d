//! MariaDB servers of the rig.

use std::{path::PathBuf, sync::OnceLock};

use serde_json::Value;

use crate::rig::{Host, script};

/// A running server. The rig's run ends it.
pub struct Server {
    folder: PathBuf,
    /// What the rig said of it.
    record: Value,
}

/// What was asked of a server, by its general log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub connections: usize,
    pub prepared: usize,
    pub executed: usize,
    /// Anything else but goodbyes.
    pub others: Vec<String>,
}

impl Server {
    /// Starts one: a name of its own, and its address.
    pub fn start(name: &str, address: &str, options: &[&str]) -> Self {
        let state = std::env::var_os("TRUEUP_RIG_STATE").expect("these tests run within the rig");
        let folder = PathBuf::from(state).join(name);
        let path = folder.to_str().expect("text");
        let mut words = vec!["start", path, "--address", address];
        words.extend(options);
        let record = serde_json::from_str(&script("mysql/server.py", &words, "")).expect("JSON");
        Self { folder, record }
    }

    /// The one that tests share, each with databases and users of its own. Everybody reaches it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("mysql-shared", "10.77.0.240", &["--open"]))
    }

    fn verb(&self, verb: &str, words: &[&str], stdin: &str) -> String {
        let mut all = vec![verb, self.folder.to_str().expect("text")];
        all.extend(words);
        script("mysql/server.py", &all, stdin)
    }

    pub fn get(&self, key: &str) -> &str {
        self.record[key].as_str().expect("text")
    }

    /// Runs SQL as root; what it gives.
    pub fn sql(&self, text: &str) -> String {
        self.verb("sql", &[], text)
    }

    /// Makes a database with tables of one column, and a user of the same name who may read it.
    pub fn database(&self, name: &str, tables: &[&str]) {
        self.sql(&format!(
            "CREATE DATABASE {name}; CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'; \
             GRANT SELECT ON {name}.* TO {name}@'%';"
        ));
        self.tables(name, tables);
    }

    /// Makes further tables.
    pub fn tables(&self, database: &str, tables: &[&str]) {
        // In memory: a thousand are made in no time.
        let made = |table: &&str| {
            let quoted = table.replace('`', "``");
            format!("CREATE TABLE {database}.`{quoted}` (id INT) ENGINE=MEMORY;\n")
        };
        self.sql(&tables.iter().map(made).collect::<String>());
    }

    /// Stops or wakes its process.
    pub fn pause(&self, stopped: bool) {
        self.verb(if stopped { "pause" } else { "resume" }, &[], "");
    }

    /// Tells a host its name.
    pub fn introduce(&self, host: &Host) {
        self.verb("introduce", &["-"], &host.record.to_string());
    }

    /// What the server complained of.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("the log")
    }

    /// What a user has asked so far.
    pub fn asked_by(&self, user: &str) -> Asked {
        let log = self.verb("log", &[], "");
        let mut ids: Vec<&str> = Vec::new();
        let mut asked = Asked::default();
        for line in log.lines() {
            // `[TIME] ID COMMAND\tTEXT`; the time stands only where it is another than before.
            let Some((before, text)) = line.rsplit_once('\t').filter(|_| line.contains('\t'))
            else {
                continue;
            };
            let mut words = before.split_whitespace().rev();
            let (Some(command), Some(id)) = (words.next(), words.next()) else {
                continue;
            };
            if command == "Connect" && text.starts_with(&format!("{user}@")) {
                ids.push(id);
                asked.connections += 1;
            } else if ids.contains(&id) {
                match command {
                    "Prepare" => asked.prepared += 1,
                    "Execute" => asked.executed += 1,
                    "Quit" | "stmt" => {}
                    _ => asked.others.push(line.to_owned()),
                }
            }
        }
        asked
    }

    /// The `tables:` of a spec, for the user that [`Server::database`] made.
    pub fn source(&self, database: &str, more: &str) -> String {
        self.source_as(database, database, more)
    }

    /// Likewise, as another user.
    pub fn source_as(&self, user: &str, database: &str, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { ", " };
        format!(
            "{{ mysql: {{ host: {}, user: {user}, password: {{ env: MYSQL_PASSWORD }}, \
             database: {database}, ca: {}{comma}{more} }} }}",
            self.get("host"),
            self.get("ca"),
        )
    }
}

/// Of the users of [`Server::database`].
pub const PASSWORD: &str = "canary-9d1";
