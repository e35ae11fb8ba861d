//! Topics for the tables of a database.

use trueup::spec::{ReplicationFactor, TableSource, expand, unsupported};

use super::{caret, errors, good, read, shown, with_topics};

/// A spec of hosts `a` and `b`; `mysql`: keys beside those that are there, `more`: beside `from`.
fn topics(mysql: &str, more: &str) -> String {
    named("u.${table}", mysql, more)
}

fn named(name: &str, mysql: &str, more: &str) -> String {
    with_topics(&format!(
        "{{ cluster: {{ bootstrap: \"b:9098\" }}, name: \"{name}\", defaults: {{ partitions: 3 }}, \
         tables: {{ from: {{ mysql: {{ host: db.example, user: reader, \
         password: {{ env: P }}, database: base{mysql} }} }}{more} }} }}"
    ))
}

#[test]
fn what_is_said_of_a_database_goes_together() {
    let replaced = |from: &str, to: &str| topics("", "").replace(from, to);
    for (bad, message, under) in [
        (
            replaced("{ env: P }", "canary"),
            "`password` is text",
            "canary",
        ),
        (
            replaced(", password: { env: P }", ""),
            "`mysql` lacks `password`",
            "mysql",
        ),
        (topics(", port: 0", ""), "`port` cannot be 0", "0"),
        (
            topics(", port: 65536", ""),
            "`port` cannot be 65536",
            "65536",
        ),
        (topics(", lik: x", ""), "unknown key `lik`", "lik"),
        (topics("", ", exept: [x]"), "unknown key `exept`", "exept"),
        (
            topics("", ", settings: { pin: { partitons: 1 } }"),
            "unknown key `partitons`",
            "partitons",
        ),
        (
            topics("", ", settings: { pin: null }"),
            "`pin` has no value",
            "pin",
        ),
        (
            replaced("mysql:", "postgres:"),
            "unknown key `postgres`",
            "postgres",
        ),
        (
            replaced("database: base", "database: \"\""),
            "`database` is empty",
            "\"\"",
        ),
        (
            replaced("user: reader", "user: \"\""),
            "`user` is empty",
            "\"\"",
        ),
        (
            replaced("host: db.example", "host: \"db.example:3306\""),
            "`db.example:3306` is no name of a server",
            "\"db.example:3306\"",
        ),
        (
            replaced("host: db.example", "host: \"-oProxyCommand=x\""),
            "`-oProxyCommand=x` is no name of a server",
            "\"-oProxyCommand=x\"",
        ),
        (
            topics(", like: \"\"", ""),
            "no table is LIKE an empty text",
            "\"\"",
        ),
        (
            topics(", tls: false, ca: ca.pem", ""),
            "`ca` vouches for TLS, which is not spoken here",
            "ca",
        ),
        (
            topics(", tls: maybe", ""),
            "`tls` is `maybe`, and takes `true` or `false`",
            "maybe",
        ),
        (
            named("u.all", "", ""),
            "`name` has no `${table}`, and every table of the database would have one topic",
            "\"u.all\"",
        ),
        (
            named("u ${table}", "", ""),
            "topics of `u ${table}` would hold ` `",
            "\"u ${table}\"",
        ),
        (
            named(&format!("{}${{table}}", "x".repeat(249)), "", ""),
            "`name` leaves no room for a table: 249 characters",
            &*format!("\"{}${{table}}\"", "x".repeat(249)),
        ),
        (
            named("${v}.${nothing}.${table}", "", ""),
            "unknown variable `nothing`",
            "${nothing}",
        ),
    ] {
        let found = errors(&bad);
        let listing = shown(&bad, &found);
        let [only] = found.as_slice() else {
            panic!("one error was expected, `{message}`; found\n{listing}");
        };
        assert_eq!(only.message, message, "{listing}");
        assert_eq!(caret(&bad, only), under, "{listing}");
        assert!(!only.label.is_empty(), "no way out: {listing}");
    }
}

#[test]
fn what_is_odd_of_a_database_is_warned_of() {
    let warned = |text: &str| -> Vec<String> {
        let (resolved, problems) = read(text);
        assert!(resolved.is_some(), "{}", shown(text, &problems));
        problems.into_iter().map(|one| one.message).collect()
    };
    assert_eq!(
        warned(&topics(", ca: ca.pem, like: \"%\"", "")),
        Vec::<String>::new()
    );
    let [clear] = warned(&topics(", tls: false", "")).try_into().expect("one");
    assert!(
        clear.starts_with("without TLS the server is taken for whoever answers"),
        "{clear}"
    );
    let rds = |more: &str| {
        topics(more, "").replace("db.example", "base.a1b2c3.us-east-1.rds.amazonaws.com")
    };
    let [ca] = warned(&rds("")).try_into().expect("one");
    assert!(ca.starts_with("RDS has authorities of its own"), "{ca}");
    assert_eq!(warned(&rds(", ca: ca.pem")), Vec::<String>::new());
    let proxy = rds("").replace("base.a1b2c3", "base.proxy-a1b2c3");
    assert_eq!(warned(&proxy), Vec::<String>::new());
    let settings = ", settings: { pin: { config: { retentoin.ms: 1 } } }";
    let [key] = warned(&topics("", settings)).try_into().expect("one");
    assert_eq!(key, "Kafka has no topic setting `retentoin.ms`");
    assert_eq!(
        warned(&topics("", &settings.replace("retentoin", "retention"))),
        Vec::<String>::new()
    );
}

#[test]
fn defaults_and_variables_are_filled_in() {
    let text = topics("", "").replace("database: base", "database: \"base_${v}\"");
    let spec = good(&text);
    let lists = &spec.clusters[0].lists;
    assert_eq!(spec.clusters[0].topics, []);
    let databases: Vec<&str> = lists
        .iter()
        .map(|list| match list.source() {
            TableSource::Mysql(mysql) => {
                assert_eq!((mysql.port, mysql.tls, &mysql.like), (3306, true, &None));
                mysql.database.as_str()
            }
        })
        .collect();
    assert_eq!(databases, ["base_x", "base_y"]);
    let hosts: Vec<&str> = spec.clusters[0]
        .hosts
        .iter()
        .map(|(host, _)| host.as_str())
        .collect();
    assert_eq!(hosts, ["a", "b"]);
    // A table that is called `from` goes into a list.
    let listed = with_topics("{ cluster: { bootstrap: \"b:1\" }, tables: [from, pin] }");
    assert_eq!(good(&listed).clusters[0].topics.len(), 2);
    // A password of the Parameter Store is asked for in the account of the list's host.
    let text = topics("", "").replace("{ env: P }", "{ ssm_parameter: /p }");
    let asks = good(&format!("{text}aws: {{ region: eu-west-1 }}\n"));
    for list in &asks.clusters[0].lists {
        assert_eq!(list.aws.region.as_deref(), Some("eu-west-1"));
    }
    let later: Vec<String> = unsupported(&asks, |_| true)
        .into_iter()
        .map(|problem| problem.message)
        .collect();
    match cfg!(feature = "aws") {
        true => assert_eq!(later.is_empty(), cfg!(feature = "mysql"), "{later:?}"),
        false => assert!(
            later
                .iter()
                .any(|one| one.contains("`{ ssm_parameter: … }` asks AWS")),
            "{later:?}"
        ),
    }
    // A build without MySQL says so, once for each host's list.
    let later = unsupported(&spec, |_| true);
    let mysql = later
        .iter()
        .filter(|one| one.message.contains("no MySQL in it"));
    assert_eq!(mysql.count(), later.len());
    assert_eq!(later.is_empty(), cfg!(feature = "mysql"));
}

#[test]
fn tables_become_topics_as_a_list_of_them_would() {
    let own = "settings: { pin: { partitions: 6, config: { retention.ms: 1 } }, gone: { partitions: 1 } }";
    let read = good(&topics("", &format!(", except: [skip], {own}")));
    let cluster = &read.clusters[0];
    let tables = ["geo", "pin", "skip"].map(str::to_owned);
    let expanded = expand(cluster, &[&tables, &tables]).expect("topics");
    let listed = with_topics(
        "{ cluster: { bootstrap: \"b:9098\" }, name: \"u.${table}\", defaults: { partitions: 3 }, \
         tables: { geo: null, pin: { partitions: 6, config: { retention.ms: 1 } } } }",
    );
    let mut wanted = good(&listed).clusters.remove(0).topics;
    for topic in &mut wanted {
        topic.line = expanded.topics[0].line;
    }
    assert_eq!(expanded.topics, wanted);
    assert_eq!(
        expanded.warnings,
        ["`tables.settings` names `gone`, and no such table of `base` was found"]
    );
    assert_eq!(expanded.topics[0].hosts, ["a", "b"]);
    assert_eq!(
        expanded.topics[0].settings.replication_factor,
        None::<ReplicationFactor>
    );

    // Two databases that want one topic otherwise, names that Kafka does not take, and Kafka's own.
    let plain = good(&topics("", ""));
    let wrong = |tables: &[&str]| {
        let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
        expand(&plain.clusters[0], &[&tables, &tables]).expect_err("no topics")
    };
    assert_eq!(
        wrong(&["geo", "my table"]),
        "a table of the database cannot have a topic as the spec wants it\n  \
         the topic name `u.my table` (table `my table`) holds a blank: names have letters, digits, `.`, `_` \
         and `-`\n  \
         help: name them in `tables.except`, narrow `like`, or rename them in the database"
    );
    let many: Vec<String> = (0..12).map(|number| format!("t {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = wrong(&many);
    assert!(
        said.starts_with("tables of the database cannot have topics"),
        "{said}"
    );
    assert!(said.contains("\n  and 7 more\n"), "{said}");
    assert!(wrong(&["a.b", "a_b"]).contains("differ in `.` and `_` only"));
    assert!(wrong(&[&"x".repeat(248)]).contains("has 250 characters"));
    let bare = good(&named("${table}", "", ""));
    let own = ["__consumer_offsets".to_owned()];
    let said = expand(&bare.clusters[0], &[&own, &own]).expect_err("Kafka's own");
    assert!(said.contains("internal"), "{said}");
    // What a warning is of a list is one here.
    let config =
        ", settings: { pin: { replication_factor: 1, config: { min.insync.replicas: 2 } } }";
    let odd = good(&topics("", config));
    let pin = ["pin".to_owned()];
    let warnings = expand(&odd.clusters[0], &[&pin, &pin])
        .expect("topics")
        .warnings;
    assert!(
        warnings[0].contains("`min.insync.replicas` is 2"),
        "{warnings:?}"
    );
}
