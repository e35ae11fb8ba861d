//! Several specs in one command.

use trueup::spec::{
    Resolved, ResolvedHost,
    several::{conflicts, contested, tell_apart},
};

fn spec(path: &str, text: &str) -> Resolved {
    let mut spec = super::good(text);
    spec.path = path.into();
    spec
}

fn client(address: &str, user: &str, client: &str) -> String {
    format!(
        "version: 1\nhosts: {{ client: {{ ssh: {{ address: {address}, user: {user} }} }} }}\nclient: {client}\n"
    )
}

const KAFKA: &str = "{ kafka: { version: 2.8.1, scala: 2.12 } }";
const JAVA: &str = "{ java: { version: 8 } }";

fn all(specs: &[Resolved]) -> Vec<String> {
    conflicts(specs, |_| true)
}

#[test]
fn one_machine_is_given_each_address_once() {
    let a = || spec("a.yaml", &client("10.0.0.5", "ec2-user", KAFKA));
    let b = |address, user, what| spec("b.yaml", &client(address, user, what));
    assert_eq!(
        all(&[a(), b("10.0.0.5", "ec2-user", KAFKA)]),
        ["`client/kafka` of ec2-user@10.0.0.5 is given by two specs: a.yaml and b.yaml"]
    );
    // What ssh takes for one address is one machine, however it is written.
    let short = b("10.5", "ec2-user", KAFKA);
    assert_eq!(all(&[a(), short]).len(), 1);
    // Another address of the machine, another machine, another account: nothing is given twice.
    assert!(all(&[a(), b("10.0.0.5", "ec2-user", JAVA)]).is_empty());
    assert!(all(&[a(), b("10.0.0.6", "ec2-user", KAFKA)]).is_empty());
    assert!(all(&[a(), b("10.0.0.5", "admin", KAFKA)]).is_empty());
    assert!(conflicts(&[a(), a()], |_| false).is_empty());
    // The usual port is the same whether it is said or not.
    let text = client("10.0.0.5, port: 22", "ec2-user", KAFKA);
    assert_eq!(all(&[a(), spec("b.yaml", &text)]).len(), 1);
    let local = format!("version: 1\nhosts: {{ here: {{ local: {{}} }} }}\nclient: {KAFKA}\n");
    let twice = [
        spec("a.yaml", &local),
        spec("b.yaml", &local.replace("here", "there")),
    ];
    assert_eq!(
        all(&twice),
        ["`client/kafka` of this machine is given by two specs: a.yaml and b.yaml"]
    );
}

/// Two hosts that are one machine, where all accounts have one home.
fn met(one: &ResolvedHost, other: &ResolvedHost, specs: bool, accounts: bool) -> Vec<String> {
    let expand = |path: &str| path.replace('~', "/home/u");
    let met = contested((one, &expand), (other, &expand), specs, accounts);
    let plain = |name: String| match name.split('`').collect::<Vec<_>>()[..] {
        ["", address, ""] => address.to_owned(),
        _ => name,
    };
    met.into_iter().map(plain).collect()
}

#[test]
fn two_accounts_that_want_one_path_to_be_two_things_are_refused() {
    let host = |declared: &str| {
        let text = client("10.0.0.5", "u", "{}") + declared;
        spec("a.yaml", &text).hosts.remove(0)
    };
    let file = |path: &str, text: &str| {
        host(&format!(
            "files: {{ x: {{ path: {path}, content: {text} }} }}"
        ))
    };
    let archive = |to: &str, name: &str| {
        let url = format!("https://example.com/{name}.tgz");
        host(&format!("archives: {{ x: {{ url: '{url}', to: {to} }} }}"))
    };
    let variable = |place: &str, value: &str| {
        host(&format!("env: {{ X: {{ value: {value}, in: {place} }} }}"))
    };
    let zone = |name: &str| host(&format!("timezone: {{ name: {name} }}"));
    let classpath = |of: &str, place: &str| {
        let text = format!(
            "{{ kafka: {{ version: 2.8.1, scala: 2.12, home: /opt/k }}, \
               msk_iam_auth: {{ version: {of} }}, classpath: {{ in: {place} }} }}"
        );
        spec("a.yaml", &client("10.0.0.5", "u", &text))
            .hosts
            .remove(0)
    };
    for (one, same, other, elsewhere, address) in [
        (
            file("/home/u/a", "1"),
            // Who brings it about is no part of it.
            file("~/a", "1, become: true"),
            file("~/a", "2"),
            file("~/b", "2"),
            "files/x",
        ),
        (
            archive("/home/u/a", "a"),
            archive("~/a, become: true", "a"),
            archive("~/a", "b"),
            archive("~/b", "b"),
            "archives/x",
        ),
        (
            variable("profile.d, become: true", "1"),
            variable("profile.d, become: true", "1"),
            variable("profile.d, become: true", "2"),
            variable("bashrc", "2"),
            "env/X",
        ),
        (
            zone("UTC"),
            zone("UTC, become: true"),
            zone("Europe/Berlin"),
            host(""),
            "timezone",
        ),
        (
            classpath("1.1.5", "profile.d, become: true"),
            classpath("1.1.5", "profile.d, become: true"),
            classpath("1.1.6", "profile.d, become: true"),
            classpath("1.1.6", "bashrc"),
            "client/classpath",
        ),
    ] {
        for two_specs in [false, true] {
            let contested = |other| {
                let all = met(&one, other, two_specs, true);
                all.iter().any(|one| one == address)
            };
            assert_eq!(contested(&same), two_specs, "{address}");
            assert!(contested(&other), "{address}");
            assert!(!contested(&elsewhere), "{address}");
        }
    }
    let package = |words: &str| host(&format!("packages: {{ jq: {{ {words} }} }}"));
    let (by_root, by_sudo) = (package(""), package("become: true"));
    assert!(met(&by_root, &by_sudo, false, false).is_empty());
    // One place has a name of its own in each spec.
    let named = |name: &str, path: &str, text: &str| {
        host(&format!(
            "files: {{ {name}: {{ path: {path}, content: {text} }} }}"
        ))
    };
    let motd = named("motd", "/home/u/k", "1");
    let tree = host("archives: { k: { url: 'https://example.com/a.tgz', to: ~/k } }");
    for accounts in [false, true] {
        let met = |one, other, specs| met(one, other, specs, accounts);
        let both = "`files/motd` (`files/banner` of the other)";
        let [same, another, elsewhere] = [("~/k", "1"), ("~/k", "2"), ("~/l", "2")]
            .map(|(path, text)| named("banner", path, text));
        assert!(met(&motd, &same, false).is_empty());
        assert_eq!(met(&motd, &same, true), [both]);
        assert_eq!(met(&motd, &another, false), [both]);
        assert!(met(&motd, &elsewhere, true).is_empty());
        let both = "`files/motd` (`archives/k` of the other)";
        assert_eq!(met(&motd, &tree, false), [both]);
    }
    assert_eq!(
        all(&[
            spec(
                "a.yaml",
                &(client("10.0.0.5", "u", "{}") + "files: { a: { path: /etc/motd, content: x } }")
            ),
            spec(
                "b.yaml",
                &(client("10.0.0.5", "u", "{}") + "files: { b: { path: /etc/motd, content: x } }")
            ),
        ]),
        [
            "`files/a` (`files/b` of the other) of u@10.0.0.5 is given by two specs: a.yaml and b.yaml"
        ]
    );
    // Of one account, a variable is one wherever it is set.
    let bashrc = variable("bashrc", "1");
    assert_eq!(
        met(
            &bashrc,
            &variable("profile.d, become: true", "2"),
            false,
            false
        ),
        ["env/X"]
    );
}

#[test]
fn two_accounts_of_one_machine_share_nothing_but_places() {
    let host = |home: &str, version: &str| {
        let text = format!(
            "{{ java: {{ version: 8 }}, kafka: {{ version: {version}, scala: 2.12, home: {home} }}, properties: {{ path: {home}.properties, extra: {{ a: b }} }} }}"
        );
        spec("a.yaml", &client("10.0.0.5", "u", &text))
            .hosts
            .remove(0)
    };
    let (one, same, newer, apart) = (
        host("/opt/k", "2.8.1"),
        host("/opt/k", "2.8.1"),
        host("/opt/k", "2.8.2"),
        host("/srv/k", "2.8.2"),
    );
    for two_accounts in [false, true] {
        let ask = |other, two_specs| met(&one, other, two_specs, two_accounts);
        assert!(ask(&same, false).is_empty());
        assert_eq!(ask(&newer, false), ["client/kafka"]);
        assert!(ask(&apart, false).is_empty());
    }
    assert_eq!(
        met(&one, &same, true, false),
        ["client/java", "client/kafka", "client/properties"]
    );
    assert_eq!(
        met(&one, &same, true, true),
        ["client/kafka", "client/properties"]
    );
    assert!(met(&one, &apart, true, true).is_empty());
}

#[test]
fn one_cluster_is_given_each_topic_once() {
    let topics = |address: &str, tables: &str| {
        let host = client(address, "u", "{}");
        format!("{host}topics: {{ cluster: {{ bootstrap: 'b:9098' }}, tables: [{tables}] }}\n")
    };
    let a = spec("a.yaml", &topics("10.0.0.5", "pin, geo"));
    let b = spec("b.yaml", &topics("10.0.0.6", "geo, user"));
    assert_eq!(
        all(&[a.clone(), b]),
        ["`topics/geo` of one cluster is given by two specs: a.yaml and b.yaml"]
    );
    assert!(all(&[a, spec("b.yaml", &topics("10.0.0.6", "user"))]).is_empty());
}

fn names(specs: &[Resolved]) -> Vec<&str> {
    let hosts = specs.iter().flat_map(|spec| &spec.hosts);
    hosts.map(|host| host.name.as_str()).collect()
}

#[test]
fn hosts_of_one_name_are_told_apart() {
    let text = |address: &str| {
        let host = client(address, "u", "{}");
        format!(
            "{host}topics: {{ cluster: {{ bootstrap: 'b-{address}:9098' }}, via: client, tables: [pin] }}\n"
        )
    };
    let other = client("10.0.0.7", "u", JAVA).replace("client: { ssh", "loader: { ssh");
    let mut specs = [
        spec("specs/prod.yaml", &text("10.0.0.5")),
        spec("specs/test.yaml", &text("10.0.0.6")),
        spec("specs/other.yaml", &other),
    ];
    tell_apart(&mut specs);
    assert_eq!(names(&specs), ["prod/client", "test/client", "loader"]);
    // What refers to a host follows it.
    let cluster = &specs[1].clusters[0];
    assert_eq!(cluster.access.via.as_deref(), Some("test/client"));
    assert_eq!(cluster.hosts[0].0, "test/client");
    assert_eq!(cluster.topics[0].hosts, ["test/client"]);

    // Where file names are alike, too, the paths tell them apart.
    let mut specs = [
        spec("prod/client.yaml", &text("10.0.0.5")),
        spec("test/client.yaml", &text("10.0.0.6")),
    ];
    tell_apart(&mut specs);
    assert_eq!(
        names(&specs),
        ["prod/client.yaml/client", "test/client.yaml/client"]
    );

    let mut one = [spec("a.yaml", &text("10.0.0.5"))];
    tell_apart(&mut one);
    assert_eq!(names(&one), ["client"]);
    assert_eq!(one[0].clusters[0].access.via.as_deref(), Some("client"));
}
