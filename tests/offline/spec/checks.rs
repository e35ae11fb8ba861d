//! Every check: it fires on the bad form, with its caret in the right place, and is silent on the
//! good one.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{caret, errors, good, read, shown, with_client, with_host, with_topics};

/// Bad form, message, what the caret stands under, good form.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

fn all(wrap: impl Fn(&str) -> String, cases: &[Case<'_>]) {
    for (bad, message, under, right) in cases {
        let text = wrap(bad);
        let found = errors(&text);
        let listing = shown(&text, &found);
        let [only] = found.as_slice() else {
            panic!("one error was expected, `{message}`; found\n{listing}");
        };
        assert_eq!(only.message, *message, "{listing}");
        assert_eq!(caret(&text, only), *under, "{listing}");
        assert!(!only.label.is_empty(), "no way out: {listing}");
        good(&wrap(right));
    }
}

const KAFKA: &str = "kafka: { version: 2.8.1, scala: 2.12 }";

#[test]
fn versions() {
    all(
        with_client,
        &[
            (
                "{ kafka: { version: v2.8.1, scala: 2.12 } }",
                "`v2.8.1` is not a version",
                "v2.8.1",
                "{ kafka: { version: 2.8.1, scala: 2.12 } }",
            ),
            (
                "{ kafka: { version: 2.8, scala: 2.12 } }",
                "`2.8` is not a version",
                "2.8",
                "{ kafka: { version: 3.9.1-rc2, scala: 2.12 } }",
            ),
            (
                "{ java: { version: latest } }",
                "`latest` is not a version",
                "latest",
                "{ java: { version: 8 } }",
            ),
            (
                "{ java: { version: \"17; rm\" } }",
                "`17; rm` is not a version",
                "\"17; rm\"",
                "{ java: { version: 1.8.0_392 } }",
            ),
        ],
    );
}

#[test]
fn a_package_is_a_plain_name() {
    let of = |name: &str| format!("{{ java: {{ version: 8, package: {name} }} }}");
    let right = of("java-1.8.0-openjdk");
    for bad in ["python3-", "\"*\"", "bash=5", "/tmp/x.rpm", "\"@java\""] {
        let message = format!("`{}` is no name of a package", bad.trim_matches('"'));
        all(with_client, &[(&of(bad), &message, bad, &right)]);
    }
}

#[test]
fn kafka_and_scala() {
    all(
        with_client,
        &[
            (
                "{ kafka: { version: 4.0.0, scala: 2.12 } }",
                "Kafka 4.0.0 has no Scala 2.12 build",
                "2.12",
                "{ kafka: { version: 4.0.0, scala: 2.13 } }",
            ),
            (
                "{ kafka: { version: 2.3.1, scala: \"2.13\" } }",
                "Kafka 2.3.1 has no Scala 2.13 build",
                "\"2.13\"",
                "{ kafka: { version: 2.4.0, scala: \"2.13\" } }",
            ),
            (
                "{ kafka: { version: 2.5.0, scala: 2.11 } }",
                "Kafka 2.5.0 has no Scala 2.11 build",
                "2.11",
                "{ kafka: { version: 2.4.1, scala: 2.11 } }",
            ),
            (
                "{ kafka: { version: 3.9.1, scala: 3.3 } }",
                "Kafka 3.9.1 has no Scala 3.3 build",
                "3.3",
                "{ kafka: { version: 3.9.1, scala: 2.12 } }",
            ),
        ],
    );
}

#[test]
fn java_is_new_enough() {
    let jar = |java: &str, jar: &str| {
        format!("{{ java: {{ version: {java} }}, {KAFKA}, msk_iam_auth: {{ version: {jar} }} }}")
    };
    all(
        with_client,
        &[
            (
                &jar("1.8.0", "2.3.5"),
                "the auth jar 2.3.5 needs Java 17",
                "1.8.0",
                &jar("1.8.0", "2.3.4"),
            ),
            (
                &jar("11", "2.10.0"),
                "the auth jar 2.10.0 needs Java 17",
                "11",
                &jar("17", "2.10.0"),
            ),
            (
                "{ java: { version: 8 }, kafka: { version: 4.1.0, scala: 2.13 } }",
                "the tools of Kafka 4.1.0 need Java 17",
                "8",
                "{ java: { version: 17 }, kafka: { version: 4.1.0, scala: 2.13 } }",
            ),
            (
                // Only kafka-clients.jar is of Java 11.
                "{ java: { version: 11 }, kafka: { version: 4.0.0, scala: 2.13 } }",
                "the tools of Kafka 4.0.0 need Java 17",
                "11",
                "{ java: { version: 11 }, kafka: { version: 3.9.1, scala: 2.13 } }",
            ),
            (
                &jar("24", "2.3.2"),
                "the clients of Kafka 2.8.1 cannot log in on Java 23 and newer",
                "24",
                &jar("21", "2.3.2"),
            ),
            (
                "{ java: { version: 1.7.0 }, kafka: { version: 2.8.1, scala: 2.13 } }",
                "the tools of Kafka 2.8.1 need Java 8",
                "1.7.0",
                "{ java: { version: 1.8.0 }, kafka: { version: 2.8.1, scala: 2.13 } }",
            ),
        ],
    );
    // Where the spec does not say which Java, it says nothing about it.
    good(&with_client(
        "{ kafka: { version: 4.1.0, scala: 2.13 }, msk_iam_auth: { version: 2.3.5 } }",
    ));
}

#[test]
fn urls() {
    let digest = "a".repeat(128);
    let kafka = |more: &str| {
        with_client(&format!(
            "{{ kafka: {{ version: 2.8.1, scala: 2.12, {more} }} }}"
        ))
    };
    let right = "url: \"https://mirror.example/kafka_2.12-2.8.1.tgz\"";
    let cases = [
        (
            "url: \"http://mirror.example/k.tgz\"".to_owned(),
            "the Kafka archive comes over `http:` with nothing to check it by",
            format!("url: \"http://mirror.example/k.tgz\", sha512: {digest}"),
        ),
        (
            "url: \"file:///srv/k.tgz\"".to_owned(),
            "the Kafka archive comes over `file:` with nothing to check it by",
            format!("url: \"file:///srv/k.tgz\", sha512: {digest}"),
        ),
        (
            "url: \"ftp://mirror.example/k.tgz\"".to_owned(),
            "`ftp:` is not a scheme that hosts can fetch",
            right.to_owned(),
        ),
        (
            "url: mirror.example/k.tgz".to_owned(),
            "`mirror.example/k.tgz` is not a URL",
            right.to_owned(),
        ),
        (
            "url: \"https://me:secret@mirror.example/k.tgz\"".to_owned(),
            "a URL with a user name or a password in it",
            right.to_owned(),
        ),
        (
            "url: \"https://mirror.example/a b.tgz\"".to_owned(),
            "a URL with a blank or a control character in it",
            "url: \"https://mirror.example/a%20b.tgz\"".to_owned(),
        ),
        (
            "url: \"https:///k.tgz\"".to_owned(),
            "`https:///k.tgz` names no server",
            right.to_owned(),
        ),
        (
            "url: \"https://mirror.example/\"".to_owned(),
            "`https://mirror.example/` names no file",
            right.to_owned(),
        ),
        (
            "url: \"https://mirror.example/kafka-2.8.1-src.tgz\"".to_owned(),
            "`kafka-2.8.1-src.tgz` is Kafka's source, not the program",
            right.to_owned(),
        ),
        (
            "url: \"https://mirror.example/kafka_2.13-2.8.1.tgz?x=/y\"".to_owned(),
            "the URL names `kafka_2.13-2.8.1.tgz`, the spec Kafka 2.8.1 for Scala 2.12",
            "url: \"https://mirror.example/kafka_2.12-2.8.1.tgz?x=/y\"".to_owned(),
        ),
    ];
    for (bad, message, right) in &cases {
        let text = kafka(bad);
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{}", shown(&text, &found));
        assert_eq!(found[0].message, *message);
        let under = caret(&text, &found[0]).trim_matches('"');
        assert!(bad.contains(under) && !under.is_empty(), "{under}");
        good(&kafka(right));
    }
}

#[test]
fn the_jars_url() {
    let jar =
        |url: &str| format!("{{ {KAFKA}, msk_iam_auth: {{ version: 1.1.5, url: \"{url}\" }} }}");
    let at = "https://github.com/aws/aws-msk-iam-auth/releases/download";
    let right = format!("{at}/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar");
    let both = format!("{at}/v1.1.5/aws-msk-iam-auth-1.1.1-all.jar");
    let other = format!("{at}/v1.1.1/aws-msk-iam-auth-1.1.1-all.jar");
    let latest = "https://github.com/aws/aws-msk-iam-auth/releases/latest/download/aws-msk-iam-auth-1.1.5-all.jar".to_owned();
    let thin = "https://repo1.maven.org/maven2/aws-msk-iam-auth-1.1.5.jar";
    all(
        with_client,
        &[
            (
                &jar(&both),
                "the URL's folder is of 1.1.5, its file of 1.1.1",
                &format!("\"{both}\""),
                &jar(&right),
            ),
            (
                &jar(&other),
                "the URL names the auth jar 1.1.1, the spec 1.1.5",
                &format!("\"{other}\""),
                &jar("https://mirror.example/auth.jar"),
            ),
            (
                &jar(thin),
                "`aws-msk-iam-auth-1.1.5.jar` lacks what the jar depends on",
                &format!("\"{thin}\""),
                &jar("https://repo1.maven.org/maven2/aws-msk-iam-auth-1.1.5-all.jar"),
            ),
            (
                &jar(&latest),
                "`releases/latest/download` is another release tomorrow",
                &format!("\"{latest}\""),
                &jar("https://mirror.example/download/maven/aws-msk-iam-auth-1.1.5-all.jar"),
            ),
        ],
    );
    let label = |url: &str| errors(&with_client(&jar(url)))[0].label.clone();
    let sources = "https://repo1.maven.org/maven2/aws-msk-iam-auth-1.1.5-sources.jar";
    assert_eq!(label(sources), "use `aws-msk-iam-auth-1.1.5-all.jar`");
    assert!(label(&latest).contains("releases/download/v1.1.5"));
    // What a mirror calls them is its own affair.
    for mirror in [
        "https://mirror.example/releases/download/maven/aws-msk-iam-auth-1.1.5-all.jar",
        "https://mirror.example/aws-msk-iam-auth-all.jar",
        "https://mirror.example/latest/download/iam.jar",
    ] {
        good(&with_client(&jar(mirror)));
    }
}

#[test]
fn a_home_can_stand_in_a_class_path() {
    let kafka =
        |home: &str| format!("{{ kafka: {{ version: 2.8.1, scala: 2.12, home: {home} }} }}");
    all(
        with_client,
        &[(
            &kafka("\"/opt/kafka:2\""),
            "`/opt/kafka:2` cannot be in `CLASSPATH`, whose entries end at a `:`",
            "\"/opt/kafka:2\"",
            &kafka("\"~/my kafka\""),
        )],
    );
    let text = with_client(&kafka("\"~/my kafka\""));
    let warned = read(&text).1;
    let blank = warned.iter().find(|one| one.message.contains("blank"));
    assert_eq!(caret(&text, blank.expect("a warning")), "\"~/my kafka\"");
}

#[test]
fn digests() {
    let right = format!(
        "{{ kafka: {{ version: 2.8.1, scala: 2.12, sha512: {} }} }}",
        "Ab".repeat(64)
    );
    all(
        with_client,
        &[
            (
                "{ kafka: { version: 2.8.1, scala: 2.12, sha512: abc } }",
                "a sha512 has 128 hexadecimal digits",
                "abc",
                &right,
            ),
            (
                &format!(
                    "{{ kafka: {{ version: 2.8.1, scala: 2.12, sha512: {} }} }}",
                    "zz".repeat(64)
                ),
                "a sha512 has 128 hexadecimal digits",
                &"zz".repeat(64),
                &right,
            ),
        ],
    );
    let text = with_client(&right);
    let client = super::client(&text, "a");
    assert_eq!(client.kafka.unwrap().sha512, Some("ab".repeat(64)));
    let text = with_client(&format!(
        "{{ kafka: {{ version: 2.8.1, scala: 2.12, sha512: {} }} }}",
        "a".repeat(64)
    ));
    assert_eq!(errors(&text)[0].label, "this looks like a sha256");
}

#[test]
fn a_missing_digest_is_a_warning() {
    let text = with_client(&format!("{{ {KAFKA} }}"));
    let (resolved, problems) = read(&text);
    assert!(resolved.is_some());
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].message,
        "no digest for the Kafka archive: the download is not checked"
    );
    assert_eq!(caret(&text, &problems[0]), "kafka");
    let text = with_client(&format!(
        "{{ kafka: {{ version: 2.8.1, scala: 2.12, sha512: {} }} }}",
        "a".repeat(128)
    ));
    assert_eq!(read(&text).1, vec![]);
}

#[test]
fn archives() {
    let archives = |text: &str| {
        format!("version: 1\nhosts: {{ c: {{ local: {{}} }} }}\narchives: {{ {text} }}\n")
    };
    let (url, to) = ("url: \"https://x/a.tgz\"", "to: ~/a");
    let digest = format!("sha256: {}", "0a".repeat(32));
    let one = |text: &str| format!("a: {{ {text} }}");
    let right = one(&format!("{url}, {digest}, {to}"));
    let two = |first: &str, second: &str| {
        format!("a: {{ {url}, {digest}, to: {first} }}, b: {{ {url}, {digest}, to: {second} }}")
    };
    for (bad, message, under) in [
        (
            one(&format!("url: \"http://x/a.tgz\", {to}")),
            "the archive comes over `http:` with nothing to check it by",
            "\"http://x/a.tgz\"",
        ),
        (
            one(&format!("url: a.tgz, {digest}, {to}")),
            "`a.tgz` is not a URL",
            "a.tgz",
        ),
        (
            one(&format!("{url}, sha512: 0a, {to}")),
            "a sha512 has 128 hexadecimal digits",
            "0a",
        ),
        (
            one(&format!(
                "{url}, {digest}, sha512: {}, {to}",
                "0a".repeat(64)
            )),
            "the archive has `sha256` and `sha512`",
            "sha512",
        ),
        (
            one(&format!("{url}, {digest}, to: a")),
            "`a` does not say where it starts",
            "a",
        ),
        (
            format!("\"\": {{ {url}, {digest}, {to} }}"),
            "a name is empty",
            "\"\"",
        ),
        (
            two("/opt/a", "/opt//a/"),
            "`/opt//a/` is the folder of `a`, too",
            "/opt//a/",
        ),
        (
            two("/opt/a", "/opt/a/b"),
            "`/opt/a/b` is in the folder of `a`, which is replaced as a whole",
            "/opt/a/b",
        ),
        (
            two("~/a/b", "~/a"),
            "the folder of `a` is in `~/a`, which is replaced as a whole",
            "~/a",
        ),
    ] {
        for good in [&right, &two("~/a", "~/ab")] {
            all(archives, &[(&bad, message, under, good)]);
        }
    }
    let (_, problems) = read(&archives(&one(&format!("{url}, {to}"))));
    let [only] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    let message = "no digest for the archive: the download is not checked";
    assert_eq!(only.message, message);
    let beside = |text: &str| archives(&right) + text + "\n";
    all(
        beside,
        &[
            (
                "files: { f: { path: ~/a/f, content: x } }",
                "`~/a/f` is in the folder of the archive `a`, which is its alone",
                "~/a/f",
                "files: { f: { path: ~/b/f, content: x } }",
            ),
            (
                &format!("client: {{ {} }}", KAFKA.replace(" }", ", home: ~/a }")),
                "`~/a` is in the folder of the archive `a`, which is its alone",
                "~/a",
                &format!("client: {{ {KAFKA} }}"),
            ),
        ],
    );
    // A host's own archive inherits no digest of another one.
    let text = archives(&right).replace(
        "local: {}",
        "local: {}, archives: { a: { url: \"https://x/b.tgz\" } }",
    );
    let (_, problems) = read(&text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].message, message);
}

#[test]
fn variables() {
    let env =
        |text: &str| format!("version: 1\nhosts: {{ c: {{ local: {{}} }} }}\nenv: {{ {text} }}\n");
    let right = "A_1: { value: it's }";
    let set = |name: &str| format!("{name}: {{ value: x }}");
    let in_environment =
        |value: &str| format!("A: {{ value: {value}, in: environment, become: true }}");
    let path = "`PATH` cannot be set: it would be replaced as a whole, and the login's own commands with it";
    let loader = "`LD_PRELOAD` cannot be set: it changes every program, those of the login too";
    let shells = "`BASH_ENV` cannot be set: it is the shell's own";
    for (bad, message, under) in [
        (set("\"\""), "`` is no name of a variable", "\"\""),
        (set("A-B"), "`A-B` is no name of a variable", "A-B"),
        (set("1A"), "`1A` is no name of a variable", "1A"),
        (set("É"), "`É` is no name of a variable", "É"),
        (set("PATH"), path, "PATH"),
        (set("LD_PRELOAD"), loader, "LD_PRELOAD"),
        (set("BASH_ENV"), shells, "BASH_ENV"),
        (
            set("IFS"),
            "`IFS` cannot be set: it is the shell's own",
            "IFS",
        ),
        (
            set("HOME"),
            "`HOME` cannot be set: each login sets it",
            "HOME",
        ),
        (
            set("TRUEUP_X"),
            "`TRUEUP_X` cannot be set: it is trueup's own",
            "TRUEUP_X",
        ),
        (
            "A: { value: \"a\\nb\" }".to_owned(),
            "the value of `A` has more than one line",
            "\"a\\nb\"",
        ),
        (
            in_environment("\"a#b\""),
            "`/etc/environment` cannot hold the value of `A`: there, `#` ends a value, in quotes too",
            "\"a#b\"",
        ),
        (
            in_environment("\"\""),
            "`/etc/environment` cannot hold the value of `A`: an empty value takes a variable away there",
            "\"\"",
        ),
        (
            in_environment("a\\b"),
            "`/etc/environment` cannot hold the value of `A`: those who read it disagree about `\"` and `\\` in a value",
            "a\\b",
        ),
        (
            "A: { value: x, in: profile.d }".to_owned(),
            "`in: profile.d` is /etc/profile.d/trueup.sh, which only root can change",
            "in",
        ),
        (
            "A: { value: x, become: true }".to_owned(),
            "`become: true`, and the start file is the account's own",
            "become",
        ),
    ] {
        all(env, &[(&bad, message, under, right)]);
    }
    good(&env(&in_environment("\"it's $HOME, é\"")));
    let (_, problems) = read(&env(&set("API_TOKEN")));
    let [only] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(
        !only.is_error()
            && only
                .message
                .starts_with("`API_TOKEN` is called as a secret is")
    );
    let parts = format!("{KAFKA}, msk_iam_auth: {{ version: 1.1.5 }}");
    let client = |text: &str| env(right) + &format!("client: {{ {parts}, {text} }}\n");
    all(
        client,
        &[
            (
                "classpath: { in: environment }",
                "`in: environment` is /etc/environment, which only root can change",
                "in",
                "classpath: { in: environment, become: true }",
            ),
            (
                "classpath: { become: true }",
                "`become: true`, and the start file is the account's own",
                "become",
                "classpath: {}",
            ),
        ],
    );
    let both = |text: &str| {
        env(text) + &format!("client: {{ {parts}, classpath: {{}}, java: {{ version: 8 }} }}\n")
    };
    for (name, part) in [("CLASSPATH", "classpath"), ("JAVA_HOME", "java")] {
        let message = format!("`{name}` is set by `client.{part}`");
        all(both, &[(&set(name), &message, name, right)]);
    }
}

#[test]
fn parts_need_each_other() {
    all(
        with_client,
        &[
            (
                "{ msk_iam_auth: { version: 1.1.5 } }",
                "`msk_iam_auth` has no Kafka to go into",
                "msk_iam_auth",
                &format!("{{ {KAFKA}, msk_iam_auth: {{ version: 1.1.5 }} }}"),
            ),
            (
                &format!("{{ {KAFKA}, classpath: {{}} }}"),
                "`classpath` has no jar to name",
                "classpath",
                &format!("{{ {KAFKA}, msk_iam_auth: {{ version: 1.1.5 }}, classpath: {{}} }}"),
            ),
            (
                "{ properties: { extra: { a: b } } }",
                "`properties` has no Kafka whose `bin` it could be in",
                "properties",
                "{ properties: { path: /etc/kafka.properties, extra: { a: b } } }",
            ),
            (
                &format!("{{ {KAFKA}, properties: {{}} }}"),
                "`properties` says nothing",
                "properties",
                &format!("{{ {KAFKA}, properties: {{ absent: [a] }} }}"),
            ),
        ],
    );
    // A misspelt key may be the missing part: one error is enough.
    let text =
        with_client("{ kafak: { version: 2.8.1, scala: 2.12 }, msk_iam_auth: { version: 1.1.5 } }");
    let found = errors(&text);
    assert_eq!(found.len(), 1, "{}", shown(&text, &found));
}

#[test]
fn paths() {
    let home = |home: &str| format!("{{ kafka: {{ version: 2.8.1, scala: 2.12, home: {home} }} }}");
    let path = |path: &str| format!("{{ {KAFKA}, properties: {{ path: {path}, absent: [x] }} }}");
    let right = home("~/kafka");
    all(
        with_client,
        &[
            (
                &home("kafka"),
                "`kafka` does not say where it starts",
                "kafka",
                &right,
            ),
            (
                &home("~bob/kafka"),
                "`~bob/kafka` is in the home of another account",
                "~bob/kafka",
                &right,
            ),
            (
                &home("/opt/../etc"),
                "`/opt/../etc` goes through `.` or `..`",
                "/opt/../etc",
                "{ kafka: { version: 2.8.1, scala: 2.12, home: /opt/..kafka } }",
            ),
            (&home("/"), "`/` is everything", "/", &home("/opt/kafka/")),
            (&home("~/"), "`~/` is everything", "~/", &right),
            (
                &home("\"/opt/a\\nb\""),
                "`/opt/a\\u{a}b` has a control character in it",
                "\"/opt/a\\nb\"",
                &home("\"/opt/a b\""),
            ),
            (
                &path("conf/"),
                "`conf/` does not say where it starts",
                "conf/",
                &path("~/client.properties"),
            ),
            (
                &path("/etc/kafka/"),
                "`/etc/kafka/` is a folder",
                "/etc/kafka/",
                &path("/etc/kafka.properties"),
            ),
            (
                &path("\"${kafka.home}/../x\""),
                "`~/kafka_2.12-2.8.1/../x` goes through `.` or `..`",
                "\"${kafka.home}/../x\"",
                &path("\"${kafka.home}/x\""),
            ),
        ],
    );
}

#[test]
fn property_keys() {
    let properties = |text: &str| {
        format!("{{ {KAFKA}, msk_iam_auth: {{ version: 1.1.5 }}, properties: {{ {text} }} }}")
    };
    let without_iam = |text: &str| format!("{{ {KAFKA}, properties: {{ {text} }} }}");
    all(
        with_client,
        &[
            (
                &properties("extra: { a: b }, absent: [a]"),
                "`a` is in `extra` and in `absent`",
                "a",
                &properties("extra: { a: b }, absent: [c]"),
            ),
            (
                &properties("extra: { \"a b\": c }"),
                "`a b` is no key of a properties file",
                "\"a b\"",
                &properties("extra: { a.b: c }"),
            ),
            (
                &properties("absent: [\"a=b\"]"),
                "`a=b` is no key of a properties file",
                "\"a=b\"",
                &properties("absent: [a-b]"),
            ),
            (
                &properties("extra: { sasl.mechanism: PLAIN }"),
                "`sasl.mechanism` is set by `msk_iam_auth`",
                "sasl.mechanism",
                &without_iam("extra: { sasl.mechanism: PLAIN }"),
            ),
            (
                &properties("absent: [security.protocol]"),
                "`security.protocol` is set by `msk_iam_auth`",
                "security.protocol",
                &without_iam("absent: [security.protocol]"),
            ),
            (
                &properties("extra: { client.id: \"a\\0b\" }"),
                "the value of `client.id` holds a NUL",
                "\"a\\0b\"",
                &properties("extra: { client.id: \"a\\tb\" }"),
            ),
        ],
    );
    let (resolved, problems) = read(&with_client(&properties("absent: [a, a]")));
    assert!(resolved.is_some());
    assert!(
        problems
            .iter()
            .any(|one| one.message == "`a` is in `absent` twice")
    );
}

#[test]
fn secrets() {
    let extra = |text: &str| format!("{{ {KAFKA}, properties: {{ extra: {{ {text} }} }} }}");
    let jaas = |options: &str| {
        extra(&format!(
            "sasl.jaas.config: 'org.apache.kafka.common.security.plain.PlainLoginModule required {options};'"
        ))
    };
    all(
        with_client,
        &[
            (
                &extra("ssl.truststore.password: changeit"),
                "`ssl.truststore.password` is a secret",
                "changeit",
                &extra("ssl.truststore.password: { env: TRUSTSTORE_PASSWORD }"),
            ),
            (
                &extra("sasl.oauthbearer.client.credentials.client.secret: x1"),
                "`sasl.oauthbearer.client.credentials.client.secret` is a secret",
                "x1",
                &extra("sasl.oauthbearer.token.endpoint.url: https://login.example"),
            ),
            (
                &extra("ssl.keystore.key: PEM"),
                "`ssl.keystore.key` is a secret",
                "PEM",
                &extra("ssl.truststore.certificates: PEM"),
            ),
            (
                &jaas("username=\"a=b\" password=\"x\""),
                "the option `password` of `sasl.jaas.config` is a secret",
                "'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a=b\" password=\"x\";'",
                &jaas("username=\"password=x\" tokenauth=\"true\""),
            ),
            (
                &jaas("clientSecret=x"),
                "the option `clientSecret` of `sasl.jaas.config` is a secret",
                "'org.apache.kafka.common.security.plain.PlainLoginModule required clientSecret=x;'",
                &extra("sasl.jaas.config: { file: /run/secrets/jaas }"),
            ),
            (
                &extra("ssl.key.password: { env: A-B }"),
                "`env` is not the name of an environment variable",
                "A-B",
                &extra("ssl.key.password: { env: A_B }"),
            ),
            (
                &extra("ssl.key.password: { file: \"\" }"),
                "`file` is empty",
                "\"\"",
                &extra("ssl.key.password: { file: ~/key }"),
            ),
        ],
    );
    let text = with_client(&extra("ssl.truststore.password: changeit"));
    let label = &errors(&text)[0].label;
    assert!(
        label.contains("{ env: SSL_TRUSTSTORE_PASSWORD }"),
        "{label}"
    );
    // A secret that came in through a variable is a literal all the same.
    let text = with_client(&extra("ssl.key.password: \"${p}\"")) + "vars: { p: x }\n";
    assert_eq!(errors(&text)[0].message, "`ssl.key.password` is a secret");
}

#[test]
fn roles() {
    let iam = |text: &str| format!("{{ {KAFKA}, msk_iam_auth: {{ version: 1.1.5, {text} }} }}");
    let arn = "arn:aws:iam::123456789012:role/team/client";
    let right = iam(&format!("role_arn: \"{arn}\""));
    all(
        with_client,
        &[
            (
                &iam(&format!("role: client, role_arn: \"{arn}\"")),
                "`role` and `role_arn` both name the role",
                "role_arn",
                &right,
            ),
            (
                &iam("role_arn: arn:aws:iam::123456789012:user/bob"),
                "`arn:aws:iam::123456789012:user/bob` is no ARN of an IAM role",
                "arn:aws:iam::123456789012:user/bob",
                &right,
            ),
            (
                &iam("role_arn: \"arn:aws:iam::1:role/x\""),
                "`arn:aws:iam::1:role/x` is no ARN of an IAM role",
                "\"arn:aws:iam::1:role/x\"",
                &iam("role_arn: \"arn:aws:iam::123456789012:role/x\""),
            ),
            (
                &iam("role: \"arn:aws:iam::123456789012:role/x\""),
                "`arn:aws:iam::123456789012:role/x` is an ARN, and no name of an IAM role",
                "\"arn:aws:iam::123456789012:role/x\"",
                &iam("role: x"),
            ),
            (
                &iam("role: a b"),
                "`a b` is no name of an IAM role",
                "a b",
                &iam("role: \"a@b+c=d,e.f_g-h\""),
            ),
        ],
    );
}

#[test]
fn ways() {
    let right = "{ ssh: { address: a.example } }";
    let id = "instance_id: i-0123456789abcdef0";
    all(
        with_host,
        &[
            ("{}", "host `a` has no way to it", "a", right),
            (
                "{ ssh: { user: me } }",
                "host `a` has no way to it",
                "ssh",
                right,
            ),
            (
                &format!("{{ ec2: {{ {id} }}, ssh: {{ address: a.example }} }}"),
                "host `a` has two ways: `ec2` and `ssh.address`",
                "address",
                &format!("{{ ec2: {{ {id} }}, ssh: {{ user: me }} }}"),
            ),
            (
                "{ local: {}, ssh: { user: me } }",
                "host `a` has two ways: `local` and `ssh`",
                "ssh",
                "{ local: {} }",
            ),
            (
                &format!("{{ ec2: {{ {id} }}, local: {{}} }}"),
                "host `a` has two ways: `ec2` and `local`",
                "local",
                "{ local: {} }",
            ),
            (
                "{ ec2: {} }",
                "`ec2` does not say which instance",
                "ec2",
                &format!("{{ ec2: {{ {id} }} }}"),
            ),
            (
                &format!("{{ ec2: {{ {id}, name: x }} }}"),
                "`instance_id` and `name` both name the instance",
                "name",
                "{ ec2: { name: x } }",
            ),
            (
                "{ ec2: { tags: {} } }",
                "`tags` is empty",
                "tags",
                "{ ec2: { tags: { role: x } } }",
            ),
            (
                "{ ec2: { instance_id: i-12 } }",
                "`i-12` is no id of an instance",
                "i-12",
                "{ ec2: { instance_id: i-0a1b2c3d } }",
            ),
            (
                &format!("{{ ec2: {{ {id}, all: true }} }}"),
                "`all` with an `instance_id`: there is only one",
                "all",
                "{ ec2: { tags: { role: x }, all: true } }",
            ),
            (
                "{ ssh: { address: a.example, key: { from_instance: true } } }",
                "`from_instance` needs an instance to ask about",
                "from_instance",
                &format!("{{ ec2: {{ {id} }}, ssh: {{ key: {{ from_instance: true }} }} }}"),
            ),
            (
                "{ ssh: { address: a.example, host_key: { console: true } } }",
                "`console` needs an instance to ask about",
                "console",
                &format!("{{ ec2: {{ {id} }}, ssh: {{ host_key: {{ console: true }} }} }}"),
            ),
            (
                &format!("{{ ec2: {{ {id} }}, ssh: {{ host_key: {{ console: false }} }} }}"),
                "`console` can only be `true`",
                "false",
                &format!("{{ ec2: {{ {id} }}, ssh: {{ host_key: strict }} }}"),
            ),
        ],
    );
}

#[test]
fn words_for_ssh() {
    let ssh = |text: &str| format!("{{ ssh: {{ {text} }} }}");
    all(
        with_host,
        &[
            (
                &ssh("address: \"-oProxyCommand=x\""),
                "`-oProxyCommand=x` is no address",
                "\"-oProxyCommand=x\"",
                &ssh("address: a-b"),
            ),
            (
                &ssh("address: \"a b\""),
                "`a b` is no address",
                "\"a b\"",
                &ssh("address: xn--bcher-kva.example"),
            ),
            (
                &ssh("address: me@a"),
                "`me@a` is no address",
                "me@a",
                &ssh("address: a, user: me"),
            ),
            (
                &ssh("address: 10.0.0.5:22"),
                "`10.0.0.5:22` is no address",
                "10.0.0.5:22",
                &ssh("address: \"fe80::1%eth0\""),
            ),
            (
                &ssh("address: bücher.example"),
                "`bücher.example` is no address",
                "bücher.example",
                &ssh("address: 2001:db8::1"),
            ),
            (
                &ssh("address: \"a:b:c\""),
                "`a:b:c` is no address",
                "\"a:b:c\"",
                &ssh("address: 10.77.37"),
            ),
            (
                &ssh("address: a, user: jürgen"),
                "`jürgen` is no name of an account",
                "jürgen",
                &ssh("address: a, user: a+b"),
            ),
            (
                &ssh("address: a, user: a/b"),
                "`a/b` is no name of an account",
                "a/b",
                &ssh("address: a, user: a.b"),
            ),
            (
                &ssh("address: a, user: \"-l\""),
                "`-l` is no name of an account",
                "\"-l\"",
                &ssh("address: a, user: me@corp.example"),
            ),
            (
                &ssh("address: a, user: \"a\\tb\""),
                "`a\\u{9}b` is no name of an account",
                "\"a\\tb\"",
                &ssh("address: a, user: a_b"),
            ),
            (
                &ssh("address: a, port: 0"),
                "`port` cannot be 0",
                "0",
                &ssh("address: a, port: 65535"),
            ),
            (
                &ssh("address: a, key: { file: \"\" }"),
                "`file` is no path",
                "\"\"",
                &ssh("address: a, key: { file: k.pem }"),
            ),
        ],
    );
}

#[test]
fn pinned_keys() {
    let body = |kind: &str, parts: &[&[u8]]| {
        let mut bytes = Vec::new();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(part);
        }
        STANDARD.encode(bytes)
    };
    let ed = body("ssh-ed25519", &[&[7; 32]]);
    let rsa = body("ssh-rsa", &[&[1, 0, 1], &[7; 256]]);
    let pinned =
        |key: &str| format!("{{ ssh: {{ address: a, host_key: {{ pinned: [{key}] }} }} }}");
    let right = pinned(&format!("ssh-ed25519 {ed} a comment"));
    let fingerprint = "SHA256:QIIzIH5r1bAAaTHlUIfiMlWo2t0aVGRZQXbiWZkSLpQ";
    all(
        with_host,
        &[
            (
                &pinned(fingerprint),
                "a fingerprint is not a public key",
                fingerprint,
                &right,
            ),
            (
                &pinned(&format!("ssh-ed25519 {rsa}")),
                "this is no whole `ssh-ed25519` key",
                &format!("ssh-ed25519 {rsa}"),
                &right,
            ),
            (
                &pinned("ssh-ed25519 AAAA"),
                "this is no whole `ssh-ed25519` key",
                "ssh-ed25519 AAAA",
                &right,
            ),
            (
                &pinned(&format!("host ssh-rsa {rsa}")),
                "a line of known_hosts with the host's name in it",
                &format!("host ssh-rsa {rsa}"),
                &pinned(&format!("ssh-rsa {rsa}")),
            ),
            (
                &pinned("something"),
                "this is not a public key",
                "something",
                &right,
            ),
            (
                &right.replacen("ssh: {", "ssh: { reuse_master: true,", 1),
                "`reuse_master` with pinned host keys: your own ssh has opened that connection by its known_hosts",
                "reuse_master",
                &right.replacen("ssh: {", "ssh: { reuse_master: false,", 1),
            ),
            (
                &pinned(""),
                "`pinned` is empty: no key would do",
                "pinned",
                &right,
            ),
        ],
    );
    let text = with_host(&pinned(fingerprint));
    assert!(
        errors(&text)[0].label.contains("ssh-keyscan"),
        "it says how to get the key"
    );
}

#[test]
fn hosts_are_named_and_differ() {
    let hosts = |text: &str| format!("version: 1\nhosts: {text}\n");
    let two = |a: &str, b: &str| {
        format!("{{ a: {{ ssh: {{ address: {a} }} }}, b: {{ ssh: {{ address: {b} }} }} }}")
    };
    all(
        hosts,
        &[
            ("{}", "`hosts` is empty", "hosts", "{ a: { local: {} } }"),
            (
                "{ direct: { local: {} } }",
                "a host cannot be called `direct`",
                "direct",
                "{ directly: { local: {} } }",
            ),
            (
                "{ \"a:b\": { local: {} } }",
                "`a:b` is no name for a host",
                "\"a:b\"",
                "{ a.b: { local: {} } }",
            ),
            (
                &two("x", "x"),
                "hosts `a` and `b` are the same account of the same machine",
                "x",
                &two("x", "y"),
            ),
            (
                &two("x, user: me", "x, user: me"),
                "hosts `a` and `b` are the same account of the same machine",
                "x",
                &two("x, user: me", "x, user: you"),
            ),
            (
                "{ a: { local: {} }, b: { local: {} } }",
                "hosts `a` and `b` are the same account of the same machine",
                "local",
                "{ a: { local: {} }, b: { ssh: { address: b } } }",
            ),
        ],
    );
}

#[test]
fn clusters() {
    let cluster = |text: &str| format!("{{ cluster: {{ {text} }}, tables: [pin] }}");
    let arn = "arn: \"arn:aws:kafka:us-east-1:123456789012:cluster/c/0f1e-1\"";
    all(
        with_topics,
        &[
            (
                &cluster("name: a_b"),
                "`a_b` is no name of an MSK cluster",
                "a_b",
                &cluster("name: a-b"),
            ),
            (
                &cluster("arn: c"),
                "`c` is no ARN of an MSK cluster",
                "c",
                &cluster(arn),
            ),
            (
                &cluster("bootstrap: b-1"),
                "`b-1` is no broker",
                "b-1",
                &cluster("bootstrap: \"b-1:9098\""),
            ),
            (
                &cluster("bootstrap: \"b-1:0\""),
                "`b-1:0` is no broker",
                "\"b-1:0\"",
                &cluster("bootstrap: \"b-1:1\""),
            ),
            (
                &cluster("bootstrap: \"b-1:1,\""),
                "`` is no broker",
                "\"b-1:1,\"",
                &cluster("bootstrap: \"b-1:1, [::1]:9098\""),
            ),
            (
                &cluster(&format!("name: c, {arn}")),
                "`cluster` takes one key, not two",
                "arn",
                &cluster(arn),
            ),
        ],
    );
}

#[test]
fn tables_and_names() {
    let topics = |text: &str| format!("{{ cluster: {{ name: c }}, {text} }}");
    let long = "x".repeat(250);
    all(
        with_topics,
        &[
            (
                &topics("tables: []"),
                "`tables` is empty",
                "tables",
                &topics("tables: [pin]"),
            ),
            (
                &topics("tables: {}"),
                "`tables` is empty",
                "tables",
                &topics("tables: { pin: null }"),
            ),
            (
                &topics("tables: [pin, pin]"),
                "the table `pin` is listed twice",
                "pin",
                &topics("tables: [pin, geo]"),
            ),
            (
                &topics("tables: [a b]"),
                "the topic name `a b` (table `a b`) holds a blank",
                "a b",
                &topics("tables: [a.b]"),
            ),
            (
                &topics("tables: [\"..\"]"),
                "the topic name `..` (table `..`) is a folder",
                "\"..\"",
                &topics("tables: [\"...\"]"),
            ),
            (
                &topics("tables: [__pin]"),
                "the topic name `__pin` (table `__pin`) is one of Kafka's own",
                "__pin",
                &topics("tables: [_pin]"),
            ),
            (
                &topics("name: \"\", tables: [pin]"),
                "the topic name `` (table `pin`) is empty",
                "pin",
                &topics("name: x, tables: [pin]"),
            ),
            (
                &topics(&format!("tables: [{long}]")),
                &format!(
                    "the topic name `{}` (table `{long}`) has 250 characters",
                    "x".repeat(80)
                ),
                &long,
                &topics(&format!("tables: [{}]", "x".repeat(249))),
            ),
            (
                &topics("name: x, tables: [pin, geo]"),
                "the tables `pin` and `geo` both make the topic `x`",
                "geo",
                &topics("name: \"x-${table}\", tables: [pin, geo]"),
            ),
            (
                &topics("tables: [a.b, a_b]"),
                "the topics `a.b` and `a_b` differ in `.` and `_` only",
                "a_b",
                &topics("tables: [a.b, a-b]"),
            ),
            (
                &topics("tables: { pin: { partitions: 0 } }"),
                "`partitions` cannot be 0",
                "0",
                &topics("tables: { pin: { partitions: 1 } }"),
            ),
            (
                &topics("tables: [pin], defaults: { replication_factor: 40000 }"),
                "`replication_factor` cannot be 40000",
                "40000",
                &topics("tables: [pin], defaults: { replication_factor: keep }"),
            ),
            (
                &topics("tables: [pin], via: c"),
                "`via` names no host: `c`",
                "c",
                &topics("tables: [pin], via: b"),
            ),
        ],
    );
    good(&with_topics(&topics("tables: [pin], via: direct")));
    // The same table twice names the same topic twice; that is said once.
    assert_eq!(errors(&with_topics(&topics("tables: [pin, pin]"))).len(), 1);
}

#[test]
fn one_name_has_one_setting() {
    let topics = |name: &str| {
        format!(
            "{{ cluster: {{ name: c }}, name: {name}, tables: {{ pin: {{ config: {{ retention.bytes: \"${{v}}\" }} }} }} }}"
        )
    };
    all(
        with_topics,
        &[(
            &topics("x"),
            "hosts `a` and `b` want the topic `x` with different settings",
            "pin",
            &topics("\"x-${v}\""),
        )],
    );
}

#[test]
fn the_mechanism_and_options_of_the_jar() {
    let iam = |version: &str, text: &str| {
        format!("{{ {KAFKA}, msk_iam_auth: {{ version: {version}, {text} }} }}")
    };
    let role = |partition: &str, text: &str| {
        let arn = format!("arn:{partition}:iam::123456789012:role/x");
        iam(
            "1.1.5",
            &format!("role_arn: \"{arn}\", options: {{ {text} }}"),
        )
    };
    let option = |text: &str| iam("1.1.7", &format!("role: x, options: {{ {text} }}"));
    all(
        with_client,
        &[
            (
                &iam("1.1.9", "mechanism: OAUTHBEARER"),
                "the auth jar 1.1.9 does not know OAUTHBEARER",
                "OAUTHBEARER",
                &iam("2.0.0", "mechanism: OAUTHBEARER"),
            ),
            (
                &iam("1.1.6", "role: x, options: { awsRoleExternalId: e-1 }"),
                "the auth jar 1.1.6 does not look at `awsRoleExternalId`",
                "awsRoleExternalId",
                &option("awsRoleExternalId: e-1"),
            ),
            (
                &option("awsStsRegion: eu"),
                "`eu` is no value of `awsStsRegion`",
                "eu",
                &option("awsStsRegion: eu-west-1"),
            ),
            (
                &option("awsDebugCreds: yes"),
                "`yes` is no value of `awsDebugCreds`",
                "yes",
                &option("awsDebugCreds: \"true\""),
            ),
            (
                &option("awsMaxRetries: -1"),
                "`-1` is no value of `awsMaxRetries`",
                "-1",
                &option("awsMaxRetries: 7"),
            ),
            (
                &option("awsRoleSessionName: \"a b\""),
                "`a b` is no value of `awsRoleSessionName`",
                "\"a b\"",
                &option("awsRoleSessionName: a@b"),
            ),
            (
                &role("aws-us-gov", "awsMaxRetries: 3"),
                "the role is in `aws-us-gov`, and the jar asks the global STS of `aws` for it",
                "\"arn:aws-us-gov:iam::123456789012:role/x\"",
                &role("aws-us-gov", "awsStsRegion: us-gov-west-1"),
            ),
            (
                &role("aws-cn", "awsStsRegion: us-east-1"),
                "`us-east-1` is no region of the role's partition `aws-cn`",
                "us-east-1",
                &role("aws-cn", "awsStsRegion: cn-northwest-1"),
            ),
        ],
    );
    let five =
        "mechanism: OAUTHBEARER }, properties: { absent: [sasl.login.callback.handler.class]";
    let message = &errors(&with_client(&iam("2.0.0", five)))[0].message;
    assert!(message.contains("is set by `msk_iam_auth`"), "{message}");
}

#[test]
fn modes_and_jaas_lines_of_ones_own() {
    let properties = |text: &str| format!("{{ {KAFKA}, properties: {{ absent: [x], {text} }} }}");
    let right = properties("mode: 0640");
    let jaas = |line: &str| properties(&format!("extra: {{ sasl.jaas.config: '{line}' }}"));
    all(
        with_client,
        &[
            (
                &properties("mode: 416"),
                "`416` is no mode of a properties file",
                "416",
                &right,
            ),
            (
                &properties("mode: rw"),
                "`rw` is no mode of a properties file",
                "rw",
                &right,
            ),
            (
                &properties("mode: \"4600\""),
                "`4600` is no mode of a properties file",
                "\"4600\"",
                &right,
            ),
            (
                &jaas("a.M required role=arn:x;"),
                "Kafka refuses `sasl.jaas.config`: an option has no value that Kafka can read: put it into double quotes",
                "'a.M required role=arn:x;'",
                &jaas("a.M required role=\"arn:x\";"),
            ),
        ],
    );
}

#[test]
fn a_mode_that_shows_secrets_to_everybody_is_warned_of() {
    let warned = |mode: &str, extra: &str| {
        let client = format!("{{ {KAFKA}, properties: {{ mode: {mode}, extra: {{ {extra} }} }} }}");
        let (_, problems) = read(&with_client(&client));
        let mut messages = problems.iter().map(|problem| &problem.message);
        messages.any(|message| message.contains("every account of the machine"))
    };
    assert!(warned("0644", "ssl.key.password: { env: P }"));
    assert!(!warned("0640", "ssl.key.password: { env: P }"));
    assert!(!warned("0644", "client.id: x"));
}

#[test]
fn no_excerpt_shows_a_secret() {
    let of = |text: &str| {
        let (_, problems) = read(text);
        assert!(!problems.is_empty(), "{text}");
        trueup::diagnostic::render("client.yaml", text, &problems, false, 100)
    };
    let extra = |text: &str| {
        with_client(&format!(
            "{{ {KAFKA}, properties: {{ extra: {{ {text} }} }} }}"
        ))
    };
    for text in [
        extra("ssl.key.password: canary"),
        extra("ssl.key.password: \"canary canary\", nope: {}"),
        extra("ssl.key.password: { env: canary-1 }"),
        extra("sasl.jaas.config: \"M required password=canary;\""),
        extra("a: b, c.secret: canary").replace(" c.secret", "\n  c.secret"),
        // Another mistake in the same line.
        extra("ssl.key.password: { env: P }, a b: 1") + "x.password: canary\n",
        "version: 1\nvars: { db_password: canary, \"b ad\": x }\nhosts: {}\n".into(),
        "version: 1\nhosts: { a: { ssh: { password: canary } }\n".into(),
    ] {
        let shown = of(&text);
        assert!(!shown.contains("canary"), "{shown}");
    }
    let shown = of(&extra("ssl.key.password: canary"));
    assert!(shown.contains("ssl.key.password: (hidden) }"), "{shown}");
}
