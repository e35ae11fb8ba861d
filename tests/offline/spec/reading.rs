//! From text to values: own-text scalars, overlays, variables, defaults.

use trueup::{
    diagnostic::Problem,
    kinds::{
        client::{
            Client,
            msk_iam_auth::{MskIamAuth, Role},
        },
        listed,
    },
    spec::{
        Access, Cluster, Credentials, Login, PropertyValue, Route, SecretRef, Security, StartFile,
        unsupported,
    },
};

use super::{
    caret, client, errors, good, read, read_with, shown, with_client, with_host, with_topics,
};

fn messages(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|one| one.message.as_str()).collect()
}

#[test]
fn scalars_keep_their_own_text() {
    for plain in [
        "2.10",
        "12e5",
        "0755",
        "no",
        "1_000",
        "0x1F",
        ".inf",
        "+1",
        "true",
        "-0",
        "1e999",
        "~x",
        "2024-01-01",
    ] {
        let text = with_client(&format!(
            "{{ kafka: {{ version: 2.8.1, scala: 2.12 }}, properties: {{ extra: {{ a: {plain} }} }} }}"
        ));
        let extra = client(&text, "a").properties.unwrap().extra;
        assert_eq!(extra["a"], PropertyValue::Text(plain.into()));
    }
    let text = with_client(
        "{ kafka: { version: 2.8.1, scala: 2.12 }, properties: { extra: { a: \"x\\ty\", b: 'it''s', 2.10: c } } }",
    );
    let extra = client(&text, "a").properties.unwrap().extra;
    assert_eq!(extra["a"], PropertyValue::Text("x\ty".into()));
    assert_eq!(extra["b"], PropertyValue::Text("it's".into()));
    assert_eq!(extra["2.10"], PropertyValue::Text("c".into()));
}

#[test]
fn blocks_and_anchors_and_merge_keys_are_read() {
    let text = "version: 1\n\
                hosts:\n  \
                  a: { ssh: &me { address: a.example, user: me } }\n  \
                  b:\n    \
                    ssh:\n      \
                      <<: *me\n      \
                      address: b.example\n\
                client:\n  \
                  kafka: { version: 2.8.1, scala: 2.12 }\n  \
                  properties:\n    \
                    extra:\n      \
                      folded: >-\n        \
                        one\n        \
                        two\n";
    let resolved = good(text);
    let Route::Ssh(ssh) = &resolved.hosts[1].route else {
        panic!("ssh")
    };
    assert_eq!(ssh.address.as_deref(), Some("b.example"));
    assert_eq!(ssh.user.as_deref(), Some("me"));
    let extra = &resolved.hosts[0]
        .declared
        .get::<Client>()
        .unwrap()
        .properties
        .as_ref()
        .unwrap()
        .extra;
    assert_eq!(extra["folded"], PropertyValue::Text("one two".into()));
}

#[test]
fn tags_and_long_comments() {
    let head = "# a line of a long header\n".repeat(200);
    let text =
        format!("{head}version: !!int \"1\"\n{head}hosts:\n{head}  a:\n{head}    local: {{}}\n");
    good(&text);
    let found = errors("version: 1\nhosts: { a: { local: !secret {} } }\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].message.contains("tag"), "{found:?}");
}

#[test]
fn a_byte_order_mark_and_crlf_shift_nothing() {
    let text = "\u{feff}version: 1\r\nhosts: { é: { lokal: {} } }\r\n";
    let found = errors(text);
    assert_eq!(messages(&found), ["unknown key `lokal`"]);
    assert_eq!(caret(text, &found[0]), "lokal");
    let span = found[0].span.unwrap();
    assert_eq!((span.line, span.column), (2, 15));
}

#[test]
fn numbers_and_words_are_exact() {
    let settings = |text: &str| {
        with_topics(&format!(
            "{{ cluster: {{ name: c }}, tables: {{ pin: {{ {text} }} }} }}"
        ))
    };
    for (bad, label) in [
        ("partitions: \"3\"", "leave the quotes out"),
        ("partitions: 3.0", "write it in plain digits"),
        ("partitions: 0x3", "write it in plain digits"),
        ("partitions: 03", "write it in plain digits"),
        ("partitions: 1e3", "write it in plain digits"),
        (
            "partitions: 99999999999999999999",
            "use a number from 1 to 100000",
        ),
        ("replication_factor: all", "write it in plain digits"),
    ] {
        let found = errors(&settings(bad));
        assert_eq!(found.len(), 1, "{bad}");
        assert_eq!(found[0].label, label, "{bad}");
    }
    for bad in ["yes", "True", "\"true\"", "1"] {
        let found = errors(&with_host(&format!("{{ ec2: {{ name: x, all: {bad} }} }}")));
        assert_eq!(found[0].label, "write `true` or `false`", "{bad}");
    }
    let found = errors(&with_host("{ ec2: { name: x, via: privat_ip } }"));
    assert_eq!(found[0].label, "did you mean `private_ip`?");
    let found = errors("version: 2\nhosts: { a: { local: {} } }\n");
    assert_eq!(found[0].message, "`version` cannot be 2");
}

#[test]
fn wrong_types_and_missing_keys_are_named() {
    for (text, message, under) in [
        (
            "hosts: { a: { local: {} } }\n",
            "the spec lacks `version`",
            "",
        ),
        ("version: 1\n", "the spec lacks `hosts`", ""),
        ("version: 1\nhosts: [a]\n", "`hosts` is a list", "hosts"),
        ("version: 1\nhosts: { a: x }\n", "`a` is text", "x"),
        ("version: 1\nhosts: { a: }\n", "`a` has no value", "a"),
        (
            "version: 1\nhosts: { a: { local: } }\n",
            "`local` has no value",
            "local",
        ),
        (
            "version: 1\nhosts: { a: { local: {} } }\nallow_env: X\n",
            "`allow_env` is text",
            "X",
        ),
        (
            "version: 1\nhosts: { a: { local: {} } }\nallow_env: [{ a: b }]\n",
            "an entry of `allow_env` is a map",
            "",
        ),
        (
            "version: 1\nhosts: { a: { local: {} } }\nvars: { x: [1] }\n",
            "`x` is a list",
            "x",
        ),
    ] {
        let found = errors(text);
        assert_eq!(messages(&found), [message], "{text}");
        if !under.is_empty() {
            assert_eq!(caret(text, &found[0]), under, "{text}");
        }
    }
    let text = with_client("{ kafka: { version: 2.8.1 } }");
    let found = errors(&text);
    assert_eq!(messages(&found), ["`kafka` lacks `scala`"]);
    assert_eq!(caret(&text, &found[0]), "kafka");
    assert_eq!(found[0].label, "add `scala: 2.12`, or what you need");
    let text = with_client("{ kafka: { version: 2.8.1, scala: 2.12 }, properties: }");
    assert_eq!(
        errors(&text)[0].label,
        "write `properties: {}` for the defaults, or leave the key out"
    );
    // A misspelt key is not missing too.
    let found = errors("version: 1\nhots: { a: { local: {} } }\n");
    assert_eq!(messages(&found), ["unknown key `hots`"]);
    assert_eq!(found[0].label, "did you mean `hosts`?");
    let kinds: Vec<String> = listed().map(|kind| format!("`{}`", kind.key)).collect();
    let (last, others) = kinds.split_last().expect("some");
    let kinds = format!("{} and {last}", others.join(", "));
    let found = errors(&with_host("{ local: {}, colour: red }"));
    assert_eq!(
        found[0].label,
        format!("the keys here are `ec2`, `ssh`, `local`, `vars`, {kinds}")
    );
    for empty in ["", "\n", "# nothing\n", "---\n"] {
        assert_eq!(messages(&errors(empty)).len(), 1, "{empty:?}");
    }
}

#[test]
fn defaults_are_filled_in() {
    let text = with_client(
        "{ java: { version: 8 }, kafka: { version: 2.8.1, scala: 2.12 }, msk_iam_auth: { version: 1.1.0 }, classpath: {}, properties: {} }",
    );
    let resolved = good(&text);
    assert_eq!(resolved.hosts[0].lines["client/kafka"]["version"], 3);
    let client = client(&text, "a");
    assert_eq!(
        client.properties_path().unwrap(),
        "~/kafka_2.12-2.8.1/bin/client.properties"
    );
    let kafka = client.kafka.unwrap();
    assert_eq!(
        kafka.url(),
        "https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz"
    );
    assert_eq!(kafka.home(), "~/kafka_2.12-2.8.1");
    assert_eq!(kafka.folder(), "kafka_2.12-2.8.1");
    let jar = client.msk_iam_auth.unwrap();
    assert_eq!(
        jar.url(),
        "https://github.com/aws/aws-msk-iam-auth/releases/download/1.1.0/aws-msk-iam-auth-1.1.0-all.jar"
    );
    assert_eq!(jar.file_name(), "aws-msk-iam-auth-1.1.0-all.jar");
    assert_eq!(jar.role(), Role::Own);
    assert_eq!(client.classpath.unwrap().r#in, StartFile::Bashrc);
    let later = MskIamAuth {
        version: "1.1.5".into(),
        ..MskIamAuth::default()
    };
    assert_eq!(later.url().split('/').nth(7), Some("v1.1.5"));
}

const FLEET: &str = "\
version: 1
vars: { who: common, role: r }
hosts:
  a: { ssh: { address: a } }
  b:
    ssh: { address: b }
    vars: { who: own }
    client:
      kafka: { version: 3.9.1 }
      classpath: null
      properties:
        extra: { client.id: null, ssl.key.password: { file: /run/b }, own: \"1\" }
  c:
    ssh: { address: c }
    client: { java: { version: 17 }, kafka: { home: /opt/c, sha512: null }, msk_iam_auth: { url: \"https://mirror.example/auth.jar\" } }
  d: { ssh: { address: d }, client: null }
client:
  java: { version: 11, package: java-11-amazon-corretto }
  kafka:
    version: 2.8.1
    scala: 2.12
    home: /opt/kafka-2.8.1
    url: https://mirror.example/kafka_2.12-2.8.1.tgz
    sha512: DIGEST
  msk_iam_auth: { version: 1.1.5, sha256: ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab, role: \"${role}\" }
  classpath: { in: profile }
  properties: { path: \"${kafka.home}/x\", extra: { client.id: \"${who}@${host.name}\", ssl.key.password: { env: P } } }
";

fn fleet() -> String {
    FLEET.replace("DIGEST", &"a".repeat(128))
}

#[test]
fn a_host_overrides_key_by_key() {
    let text = fleet();
    let a = client(&text, "a");
    assert_eq!(a.kafka.as_ref().unwrap().home(), "/opt/kafka-2.8.1");
    assert_eq!(
        a.java.as_ref().unwrap().package.as_deref(),
        Some("java-11-amazon-corretto")
    );
    let properties = a.properties.unwrap();
    assert_eq!(properties.path.as_deref(), Some("/opt/kafka-2.8.1/x"));
    assert_eq!(
        properties.extra["client.id"],
        PropertyValue::Text("common@a".into())
    );

    let b = client(&text, "b");
    let kafka = b.kafka.unwrap();
    // `version` decides what is fetched: nothing that belongs to the common one is inherited.
    assert_eq!(kafka.home(), "~/kafka_2.12-3.9.1");
    assert_eq!(
        kafka.url(),
        "https://archive.apache.org/dist/kafka/3.9.1/kafka_2.12-3.9.1.tgz"
    );
    assert_eq!(kafka.sha512, None);
    assert_eq!(b.classpath, None);
    let extra = b.properties.unwrap().extra;
    assert!(!extra.contains_key("client.id"), "null removes");
    assert_eq!(
        extra["ssl.key.password"],
        PropertyValue::Secret(SecretRef::File("/run/b".into()))
    );
    assert_eq!(extra["own"], PropertyValue::Text("1".into()));

    let c = client(&text, "c");
    let kafka = c.kafka.unwrap();
    assert_eq!(kafka.home(), "/opt/c");
    assert_eq!(kafka.sha512, None);
    assert_eq!(kafka.url(), "https://mirror.example/kafka_2.12-2.8.1.tgz");
    let jar = c.msk_iam_auth.unwrap();
    assert_eq!(
        (jar.version.as_str(), jar.sha256.as_deref()),
        ("1.1.5", None)
    );
    assert_eq!(jar.role(), Role::Name("r"));
    assert_eq!(c.java.unwrap().package, None);

    assert_eq!(client(&text, "d"), Client::default());
}

#[test]
fn a_problem_points_to_the_line_that_decided() {
    let text = fleet().replace("version: 3.9.1", "version: 4.0.0");
    let found = errors(&text);
    assert_eq!(
        messages(&found),
        [
            "Kafka 4.0.0 has no Scala 2.12 build",
            "the tools of Kafka 4.0.0 need Java 17"
        ]
    );
    assert_eq!(found[0].span.unwrap().line, 21, "the common `scala`");
    let text = fleet().replace("kafka: { version: 3.9.1 }", "kafka: { version: null }");
    let found = errors(&text);
    assert_eq!(messages(&found), ["`kafka` lacks `version`"]);
    assert_eq!(found[0].span.unwrap().line, 9, "the host's own `kafka`");
    let text = fleet().replace("kafka: { home: /opt/c", "kafka: { hoem: /opt/c");
    let found = errors(&text);
    assert_eq!(messages(&found), ["unknown key `hoem`"]);
    assert_eq!(found[0].span.unwrap().line, 15);
    // A mistake in the common part is one mistake, whatever the number of hosts.
    let text = fleet().replace("in: profile", "in: bashcr");
    let found = errors(&text);
    assert_eq!(found.len(), 1, "{}", shown(&text, &found));
}

fn with_vars(vars: &str, value: &str) -> String {
    format!(
        "version: 1\nallow_env: [CI]\nvars: {vars}\nhosts: {{ a: {{ local: {{}}, vars: {{ h: own }} }}, b: {{ ssh: {{ address: b }} }} }}\n\
         client: {{ kafka: {{ version: 2.8.1, scala: 2.12 }}, properties: {{ extra: {{ k: \"{value}\" }} }} }}\n"
    )
}

fn value(text: &str, vars: &[(&str, &str)], env: &[(&str, &str)]) -> String {
    let (resolved, problems) = read_with(text, vars, env);
    let resolved = resolved.unwrap_or_else(|| panic!("{}", shown(text, &problems)));
    match &resolved.hosts[0]
        .declared
        .get::<Client>()
        .unwrap()
        .properties
        .as_ref()
        .unwrap()
        .extra["k"]
    {
        PropertyValue::Text(text) => text.clone(),
        PropertyValue::Secret(_) => panic!("a text"),
    }
}

#[test]
fn variables_are_filled_in() {
    let vars = "{ x: 12e5, y: \"<${x}>\", z: \"${y}${y}\", h: common }";
    for (written, expected) in [
        ("${x}", "12e5"),
        ("a${z}b", "a<12e5><12e5>b"),
        ("${h}", "own"),
        ("$${x}", "${x}"),
        ("$$${x}", "$${x}"),
        ("$x {x} $", "$x {x} $"),
        ("${host.name}", "a"),
        ("${env.CI}", "yes"),
    ] {
        assert_eq!(
            value(&with_vars(vars, written), &[], &[("CI", "yes")]),
            expected,
            "{written}"
        );
    }
}

#[test]
fn var_overrides_both_and_is_taken_literally() {
    let text = with_vars("{ x: 1, h: common }", "${x}-${h}");
    assert_eq!(
        value(&text, &[("h", "a"), ("h", "${x}"), ("x", "2")], &[]),
        "2-${x}"
    );
    let (resolved, problems) = read_with(&text, &[("y", "1")], &[]);
    assert!(resolved.is_none());
    let error = problems.iter().find(|one| one.is_error()).unwrap();
    assert_eq!(error.message, "`--var y=…`: no `vars` of the spec has `y`");
    assert_eq!(error.span, None);
    assert!(shown(&text, &problems).contains("--var y"));
}

#[test]
fn what_cannot_be_filled_in_is_named() {
    let vars = "{ x: \"${y}\", y: \"${z}\", z: \"${x}\", user_id: 1 }";
    for (written, message, label, under) in [
        (
            "${user_di}",
            "unknown variable `user_di`",
            "did you mean `${user_id}`?",
            "${user_di}",
        ),
        (
            "é ${user-name}",
            "unknown variable `user-name`",
            "add it under `vars`: `user-name: …`",
            "${user-name}",
        ),
        (
            "${env.HOME}",
            "the spec may not read the environment variable `HOME`",
            "list it: `allow_env: [HOME]`",
            "${env.HOME}",
        ),
        (
            "${env.CI}",
            "the environment variable `CI` is not set",
            "set it before trueup runs",
            "${env.CI}",
        ),
        (
            "${table}",
            "`${table}` has no meaning here",
            "only `topics.name` knows `${table}`",
            "${table}",
        ),
        (
            "${x",
            "`${` does not begin the name of a variable",
            "write `${name}`, or `$${` for the two characters themselves",
            "${",
        ),
        (
            "${}",
            "`${` does not begin the name of a variable",
            "write `${name}`, or `$${` for the two characters themselves",
            "${",
        ),
        (
            "${kafka.home}",
            "`${kafka.home}` has no meaning here",
            "Java does not expand `~`: give `kafka` an absolute `home`, or write the path in full",
            "${kafka.home}",
        ),
    ] {
        let text = with_vars(vars, written);
        let found = errors(&text);
        assert_eq!(messages(&found), [message], "{written}");
        assert_eq!(found[0].label, label, "{written}");
        assert_eq!(caret(&text, &found[0]), under, "{written}");
    }
    let text = with_vars(vars, "${x}");
    assert_eq!(
        messages(&errors(&text)),
        ["the variable `x` needs itself: `x` → `y` → `z` → `x`"]
    );
    let text = with_vars("{ x: \"${host.name}\" }", "${h}");
    assert_eq!(messages(&errors(&text)), ["host `b` has no variable `h`"]);
}

#[test]
fn names_of_variables_are_words() {
    for (name, message) in [
        ("table", "`table` is no name for a variable"),
        ("a.b", "`a.b` is no name for a variable"),
        ("1a", "`1a` is no name for a variable"),
    ] {
        assert_eq!(
            messages(&errors(&with_vars(&format!("{{ {name}: x }}"), "k"))),
            [message]
        );
    }
    let text = with_vars("{ x: y }", "k").replace("extra: { k:", "extra: { \"k${x}\":");
    assert_eq!(
        messages(&errors(&text)),
        ["the key `k${x}` holds a variable"]
    );
}

#[test]
fn variables_reach_numbers_and_words() {
    let text = "version: 1
vars: { n: 3, p: exact }
hosts: { a: { local: {} } }
topics:
  cluster: { name: c }
  tables:
    pin:
      partitions: ${n}
  config_policy: ${p}
";
    let topics = &good(text).clusters[0].topics;
    assert_eq!(topics[0].settings.partitions, Some(3));
    let wrong = text.replace("p: exact", "p: exactly");
    let found = errors(&wrong);
    assert_eq!(
        messages(&found),
        ["`exactly` is not a value of `config_policy`"]
    );
    assert_eq!(caret(&wrong, &found[0]), "${p}");
    // A quoted number is no number, wherever its digits come from.
    let found = errors(&text.replace("${n}", "\"${n}\""));
    assert_eq!(messages(&found), ["`partitions` takes a whole number"]);
    // Unquoted in `{ }` it is no YAML: say what to do.
    let found = errors(&with_client("{ java: { version: ${v} } }"));
    assert_eq!(
        found[0].label,
        "inside `{ }` and `[ ]`, text with `${…}` needs quotes"
    );
}

#[test]
fn kafka_home_stays_symbolic() {
    let path = |home: &str| {
        let text = with_client(&format!(
            "{{ kafka: {{ version: 2.8.1, scala: 2.12{home} }}, properties: {{ path: \"${{kafka.home}}/c\", absent: [x] }} }}"
        ));
        client(&text, "a").properties.unwrap().path.unwrap()
    };
    assert_eq!(path(""), "~/kafka_2.12-2.8.1/c");
    assert_eq!(path(", home: /opt/kafka/"), "/opt/kafka/c");
    let text = with_client("{ properties: { path: \"${kafka.home}/c\", absent: [x] } }");
    assert_eq!(
        errors(&text)[0].label,
        "there is no `kafka` under `client`: write the path in full"
    );
}

#[test]
fn topics_are_the_union_of_what_hosts_render() {
    let text = with_topics(
        "{ cluster: { bootstrap: \"b:9098\" }, name: \"${v}.${table}\", \
           tables: { pin: { partitions: 6, config: { retention.ms: null, a: b } }, geo: null }, \
           defaults: { partitions: 3, config: { retention.ms: 1 } } }",
    );
    let clusters = good(&text).clusters;
    let [cluster] = clusters.as_slice() else {
        panic!("one cluster")
    };
    let names: Vec<&str> = cluster.topics.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["x.pin", "x.geo", "y.pin", "y.geo"]);
    let [pin, geo, ..] = cluster.topics.as_slice() else {
        panic!("four")
    };
    assert_eq!(cluster.cluster, Cluster::Bootstrap("b:9098".into()));
    let hosts: Vec<(&str, String)> = cluster
        .hosts
        .iter()
        .map(|(host, pattern)| (host.as_str(), pattern.to_string()))
        .collect();
    assert_eq!(
        hosts,
        [("a", "x.${table}".into()), ("b", "y.${table}".into())]
    );
    assert_eq!(pin.settings.partitions, Some(6));
    assert_eq!(pin.settings.config["retention.ms"], None);
    assert_eq!(pin.settings.config["a"], Some("b".into()));
    assert_eq!(geo.settings.partitions, Some(3));
    assert_eq!(geo.settings.config["retention.ms"], Some("1".into()));
    assert_eq!(geo.hosts, ["a"]);
    let same = with_topics("{ cluster: { name: c }, tables: [pin] }");
    let topics = &good(&same).clusters[0].topics;
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].hosts, ["a", "b"]);
}

#[test]
fn a_cluster_is_reached_as_the_spec_says() {
    let access = |more: &str| {
        let text = format!("{{ cluster: {{ bootstrap: \"b:9098\" }}, tables: [pin]{more} }}");
        good(&with_topics(&text)).clusters.remove(0).access
    };
    assert_eq!(access(""), Access::default());
    assert_eq!(access("").security, Security::Iam);
    let all = access(
        ", via: b, ca: certs/ca.pem, security: { scram_sha_512: { username: 12e5, password: { env: P } } }",
    );
    assert_eq!(all.via.as_deref(), Some("b"));
    assert_eq!(all.ca.as_deref(), Some("certs/ca.pem"));
    let login = Login {
        username: "12e5".into(),
        password: SecretRef::Env("P".into()),
        tls: true,
    };
    assert_eq!(all.security, Security::ScramSha512(login));
    let env = access(", credentials: env").credentials;
    assert_eq!(env, Some(Credentials::Env));
    // Variables make two clusters, each with the hosts that name it.
    let text = with_topics("{ cluster: { bootstrap: \"${v}:9098\" }, tables: [pin] }");
    let clusters = good(&text).clusters;
    let of: Vec<&str> = clusters.iter().map(|one| &*one.hosts[0].0).collect();
    assert_eq!(of, ["a", "b"]);
    assert!(clusters.iter().all(|one| one.topics.len() == 1));
}

#[test]
fn later_work_is_named_with_its_place() {
    let text = "\
version: 1
hosts:
  a:
    ec2: { name: x }
    ssh: { key: { ssm_parameter: /k }, host_key: { console: true } }
  b: { ssh: { address: b } }
client:
  kafka: { version: 2.8.1, scala: 2.12 }
  msk_iam_auth: { version: 1.1.5, role: r }
  classpath: { in: profile.d, become: true }
  properties: { extra: { ssl.key.password: { ssm_parameter: /p } } }
topics: { cluster: { name: c }, tables: [pin] }
";
    let resolved = good(text);
    let lines = |host: &str| -> Vec<u32> {
        let mut lines: Vec<u32> = unsupported(&resolved, |name| name == host)
            .iter()
            .map(|one| one.span.unwrap().line)
            .collect();
        lines.sort_unstable();
        lines
    };
    let all = unsupported(&resolved, |_| true);
    assert!(all.iter().all(Problem::is_error));
    // Lines 4, 5, 9, 11 and 12 ask AWS: a build with it can, one without says so.
    let no_aws = all.iter().filter(|one| {
        one.message
            .contains("this build of trueup has no AWS in it")
    });
    let no_aws: Vec<u32> = no_aws.map(|one| one.span.unwrap().line).collect();
    if cfg!(feature = "aws") {
        assert_eq!(no_aws, Vec::<u32>::new());
        assert_eq!(all, vec![]);
    } else {
        assert_eq!(no_aws, [4, 5, 5, 9, 11, 12]);
        assert_eq!(lines("a"), [4, 5, 5, 9, 11, 12]);
        assert_eq!(lines("b"), [9, 11, 12]);
        assert_eq!(all.len(), 6, "each once");
    }
    let plain = good(&with_client("{ kafka: { version: 2.8.1, scala: 2.12 } }"));
    assert_eq!(unsupported(&plain, |_| true), vec![]);
}

#[test]
fn the_text_is_known_by_its_digest() {
    let (resolved, _) = read("version: 1\nhosts: { a: { local: {} } }\n");
    let resolved = resolved.unwrap();
    assert_eq!(resolved.path, "client.yaml");
    assert_eq!(resolved.sha256.len(), 64);
    let (other, _) = read("version: 1\nhosts: { a: { local: {} } } \n");
    assert_ne!(resolved.sha256, other.unwrap().sha256);
}
