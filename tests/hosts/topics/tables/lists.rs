//! Which tables are taken, and what their names come to.

use super::*;

struct Base {
    desk: Desk,
    name: String,
    topics: String,
}

impl Base {
    fn new(name: &str, tables: &[&str]) -> Self {
        let base = Self {
            desk: Desk::new(),
            name: own(name),
            topics: own(&format!("{name}-topics")),
        };
        Server::shared().database(&base.name, tables);
        base
    }

    /// Plans the tables that a pattern takes; `beside`: the keys beside `from`.
    fn plan(&self, like: &str, beside: &str) -> Said {
        let cluster = Cluster::shared(Version::V4);
        let from = Server::shared().source(&self.name, like);
        let tables = format!("{{ from: {from}{beside} }}");
        let spec = self.desk.spec(&topics(cluster, &self.topics, &tables));
        let words = ["plan", spec.to_str().expect("text"), "--format", "json"];
        run_in(self.desk.folder.path(), &words)
    }

    /// The tables that get a topic.
    #[track_caller]
    fn taken(&self, like: &str, beside: &str) -> Vec<String> {
        let plan = self.plan(like, beside).code(0).json();
        let steps = plan["topics"][0]["steps"].as_array().expect("a list");
        let start = format!("topics/{}.", self.topics);
        let table = |step: &serde_json::Value| {
            let address = step["address"].as_str().expect("text");
            address.strip_prefix(&start).expect("ours").to_owned()
        };
        steps.iter().map(table).collect()
    }

    #[track_caller]
    fn error(&self, said: &Said) -> String {
        let plan = said.json();
        plan["topics"][0]["error"]
            .as_str()
            .expect("an error")
            .to_owned()
    }
}

#[test]
fn tables_are_taken_as_sql_likes_them() {
    let base = Base::new(
        "dblike",
        &["pin_data", "pinxdata", "geo_data", "user", "Zeta"],
    );
    let server = Server::shared();
    let name = &base.name;
    server.sql(&format!(
        "CREATE VIEW {name}.a_view AS SELECT * FROM {name}.user; CREATE SEQUENCE {name}.a_sequence; \
         CREATE TABLE {name}.history (id INT) WITH SYSTEM VERSIONING;"
    ));
    let all = [
        "Zeta", "geo_data", "history", "pin_data", "pinxdata", "user",
    ];
    assert_eq!(base.taken("", ""), all);
    assert_eq!(
        base.taken("like: \"%_data\"", ""),
        ["geo_data", "pin_data", "pinxdata"]
    );
    assert_eq!(base.taken(r"like: '%\_data'", ""), ["geo_data", "pin_data"]);
    assert_eq!(base.taken("like: user", ""), ["user"]);
    let except = ", except: [Zeta, history, no-such-table]";
    assert_eq!(
        base.taken("", except),
        ["geo_data", "pin_data", "pinxdata", "user"]
    );
    // A value, and never SQL.
    for nothing in [
        "like: \"x' OR '1'='1\"",
        "like: \"%' -- \"",
        "like: \"\\\"\"",
    ] {
        let said = base.plan(nothing, "").code(3);
        let error = base.error(&said);
        assert!(error.starts_with("no table of `"), "{error}");
        assert!(error.contains("GRANT SELECT"), "{error}");
    }
}

#[test]
fn names_that_no_topic_can_have_are_named() {
    let base = Base::new(
        "dbodd",
        &["fine", "my table", "naïve", "semi;colon", "quo'te"],
    );
    let said = base.plan("", "").code(3);
    let error = base.error(&said);
    for table in ["`my table`", "`naïve`", "`semi;colon`", "`quo'te`"] {
        assert!(error.contains(table), "no {table} in {error}");
    }
    assert!(
        error.contains("tables of the database cannot have topics"),
        "{error}"
    );
    assert!(error.contains("`tables.except`"), "{error}");
    let except = ", except: [\"my table\", \"naïve\", \"semi;colon\", \"quo'te\"]";
    assert_eq!(base.taken("", except), ["fine"]);

    let alike = Base::new("dbalike", &["a.b", "a_b", "c"]);
    let error = alike.error(&alike.plan("", "").code(3));
    assert!(error.contains("differ in `.` and `_` only"), "{error}");
    assert_eq!(alike.taken("", ", except: [a.b]"), ["a_b", "c"]);

    // Settings of a table that is not there may be a slip of the pen.
    let plan = alike
        .plan("", ", except: [a.b], settings: { cc: { partitions: 9 } }")
        .code(0)
        .json();
    let warnings = plan["topics"][0]["warnings"].to_string();
    assert!(
        warnings.contains("`tables.settings` names `cc`"),
        "{warnings}"
    );
}

#[test]
fn five_thousand_tables() {
    let base = Base::new("dbmany", &[]);
    let names: Vec<String> = (0..5000).map(|number| format!("t{number:04}")).collect();
    let tables: Vec<&str> = names.iter().map(String::as_str).collect();
    Server::shared().tables(&base.name, &tables);
    assert_eq!(base.taken("", ""), names);
    let asked = Server::shared().asked_by(&base.name);
    assert_eq!((asked.connections, asked.executed), (1, 1));
}
