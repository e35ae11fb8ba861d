//! What keeps us out of a database, and what is said of it.

use super::*;

/// Plans with a source; what went wrong.
#[track_caller]
fn error(source: &str, code: i32, more: &[&str]) -> String {
    let desk = Desk::new();
    let tables = format!("{{ from: {source} }}");
    let spec = desk.spec(&topics(
        Cluster::shared(Version::V4),
        &own("dbdoors"),
        &tables,
    ));
    let mut words = vec!["plan", spec.to_str().expect("text"), "--format", "json"];
    words.extend(more);
    let plan = run_in(desk.folder.path(), &words).code(code).json();
    assert_eq!(plan["complete"], false, "{plan}");
    plan["topics"][0]["error"]
        .as_str()
        .expect("an error")
        .to_owned()
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "no `{part}` in:\n{error}");
    }
    assert!(error.contains("\n  help: "), "no way out in:\n{error}");
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let server = Server::shared();
    let base = own("dbdoor");
    server.database(&base, &["pin"]);
    let sql = |text: &str| server.sql(&text.replace('~', &base));
    sql("CREATE USER ~wrong@'%' IDENTIFIED BY 'another'; GRANT SELECT ON ~.* TO ~wrong@'%';");
    sql(&format!(
        "CREATE USER ~none@'%' IDENTIFIED BY '{PASSWORD}';"
    ));
    sql("INSTALL SONAME 'auth_ed25519';");
    sql(&format!(
        "CREATE USER ~ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}');"
    ));
    sql("CREATE DATABASE ~empty; GRANT SELECT ON ~empty.* TO ~@'%';");
    let user = |name: &str| format!("{base}{name}");
    let source = |who: &str| error(&server.source_as(&user(who), &base, ""), 4, &[]);

    let refused = "refused us at login, after DNS, TCP and TLS were fine";
    says(
        &source("wrong"),
        &[refused, "Access denied for user", "(1045)", "`password`"],
    );
    says(
        &source("none"),
        &[
            refused,
            "Access denied for user",
            "(1044)",
            "GRANT SELECT ON",
        ],
    );
    says(
        &source("ed"),
        &["login failed", "`client_ed25519`, which is not spoken here"],
    );
    let unknown = server.source_as(&base, &user("missing"), "");
    // MariaDB tells a user who may not see it as much.
    says(&error(&unknown, 4, &[]), &[refused, "(1044)"]);
    sql("GRANT SHOW DATABASES, SELECT ON *.* TO ~none@'%';");
    let unknown = server.source_as(&user("none"), &user("missing"), "");
    says(
        &error(&unknown, 4, &[]),
        &[refused, "Unknown database", "(1049)", "`database`"],
    );
    let empty = server.source_as(&base, &user("empty"), "");
    says(
        &error(&empty, 3, &[]),
        &["no table of", "was found, as far as"],
    );
    // Who must speak TLS, and may not.
    sql(&format!(
        "CREATE USER ~tls@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL; GRANT SELECT ON ~.* TO ~tls@'%';"
    ));
    let clear = |who: &str| {
        let with_ca = server.source_as(&user(who), &base, "tls: false");
        with_ca.replace(&format!("ca: {}, ", server.get("ca")), "")
    };
    says(
        &error(&clear("tls"), 4, &[]),
        &["refused us at login, after DNS and TCP were fine", "(1045)"],
    );
    error(&server.source_as(&user("tls"), &base, "port: 3307"), 4, &[]);
}

#[test]
fn whoever_is_no_such_server_is_not_believed() {
    let server = Server::shared();
    let base = own("dbfalse");
    server.database(&base, &["pin"]);
    let source = server.source(&base, "");
    let with = |from: &str, to: &str| {
        assert!(source.contains(from), "{from} in {source}");
        error(&source.replace(from, to), 4, &[])
    };
    // Another authority, a name that the certificate is not for, no TLS at all.
    let tls = "was not reached at TLS, after DNS and TCP were fine";
    let bundle = "global-bundle.pem";
    says(
        &with(server.get("ca"), server.get("other_ca")),
        &[tls, "BadSignature", bundle],
    );
    let unnamed = format!(", ca: {}", server.get("ca"));
    says(&with(&unnamed, ""), &[tls, "UnknownIssuer", bundle]);
    says(
        &with(server.get("host"), server.get("address")),
        &["at TLS, after TCP was fine", "another name"],
    );
    let plain = Server::start("mysql-clear", "10.77.0.242", &["--open", "--no-tls"]);
    plain.database(&base, &["pin", "geo"]);
    says(
        &error(&plain.source(&base, ""), 4, &[]),
        &[tls, "offers no TLS", "`tls: false`"],
    );
    let asked = plain.asked_by(&base);
    assert_eq!(asked, Asked::default(), "somebody logged in without TLS");
    let clear = plain.source(&base, "tls: false");
    let clear = clear.replace(&format!("ca: {}, ", plain.get("ca")), "");
    let desk = Desk::new();
    let spec = desk.spec(&topics(
        Cluster::shared(Version::V4),
        &own("dbclear"),
        &format!("{{ from: {clear} }}"),
    ));
    let spec = spec.to_str().expect("text");
    run_in(desk.folder.path(), &["plan", spec])
        .code(0)
        .says("2 to add");

    // Nobody, and others.
    says(
        &with("user:", "port: 3309, user:"),
        &["not reached at TCP", "refused", "port 3309"],
    );
    says(
        &with(server.get("host"), "no-such-db.invalid"),
        &["not reached at DNS"],
    );
    let site = ["host: 10.77.0.1, port: 8000", server.get("host")];
    let http = source.replace(&format!("host: {}", site[1]), site[0]);
    let silent = error(&http, 4, &["--timeout", "1s"]);
    says(
        &silent,
        &[
            "did not greet as MySQL does, after TCP was fine",
            "speaks first",
        ],
    );
}

#[test]
fn a_server_that_goes_silent_is_left() {
    let server = Server::start("mysql-silent", "10.77.0.243", &["--open"]);
    let base = own("dbsilent");
    server.database(&base, &["pin"]);
    server.pause(true);
    let said = error(&server.source(&base, ""), 4, &["--timeout", "1s"]);
    says(
        &said,
        &["did not greet as MySQL does", "no greeting within 1s"],
    );
    server.pause(false);
    // In the middle of the question: a lock on the list's own table would need more than a user has.
    let desk = Desk::new();
    let spec = desk.spec(&topics(
        Cluster::shared(Version::V4),
        &own("dbawake"),
        &format!("{{ from: {} }}", server.source(&base, "")),
    ));
    run_in(desk.folder.path(), &["plan", spec.to_str().expect("text")])
        .code(0)
        .says("1 to add");
}
