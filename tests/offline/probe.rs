//! The probe, run by real shells on this machine: what it says, and that it leaves nothing behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use trueup::{
    action::{Action, Mode},
    facts::{Host, Observation, Reply},
    frame::{Frames, Record},
    kinds::{
        Resource, Verdict,
        client::{classpath, java, kafka::Kafka, msk_iam_auth, properties},
        declared::Inputs,
    },
    observe::probe_script,
    plan::HostPlan,
    spec::{Given, Source, load, types::StartFile},
};

use crate::{
    counted::in_place,
    seed::{Random, seed},
    work::work,
};

pub fn resources() -> Vec<Box<dyn Resource>> {
    let jar = "~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar".to_owned();
    vec![
        Box::new(java::Wanted {
            java: java::Java {
                version: "8".into(),
                package: None,
            },
            place: StartFile::Bashrc,
        }),
        Box::new(Kafka {
            version: "2.8.1".into(),
            scala: "2.12".into(),
            url: Some("https://example.com/kafka_2.12-2.8.1.tgz".into()),
            ..Kafka::default()
        }),
        Box::new(msk_iam_auth::Wanted {
            jar: msk_iam_auth::MskIamAuth::default(),
            path: jar.clone(),
            first_in_classpath: true,
        }),
        Box::new(classpath::Wanted {
            jar,
            place: StartFile::Bashrc,
        }),
        Box::new(properties::Wanted {
            path: "~/kafka_2.12-2.8.1/bin/client.properties".into(),
            set: IndexMap::new(),
            absent: vec![],
            login: None,
            mode: Mode(0o600),
            in_kafka_home: true,
            in_archive: true,
        }),
    ]
}

/// The shells that can run a probe here. `sh` is dash on Debian; bash is `sh` on Amazon Linux.
pub const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

/// At all but Java, for which a JVM and a package manager are started.
fn run(shell: &[&str], home: &Path, login_shell: &str) -> (Host, Reply) {
    look(shell, home, login_shell, &resources()[1..])
}

fn look(
    shell: &[&str],
    home: &Path,
    login_shell: &str,
    resources: &[Box<dyn Resource>],
) -> (Host, Reply) {
    // What a look started is found by its mark: each has its own.
    let mark = trueup::observe::random_mark().expect("random bytes");
    let script = probe_script(resources, true, &mark, Duration::from_secs(5)).expect("no NUL");
    let output = Command::new("timeout")
        .args(["--signal=KILL", "60"])
        .args(shell)
        .arg("-c")
        .arg(script.as_text())
        .env_clear()
        .env("HOME", home)
        .env("SHELL", login_shell)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{shell:?} cannot be run, install it: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(complaints, "", "{shell:?}");
    let mut frames = Frames::after_mark(&mark);
    frames.feed(&output.stdout).expect("small");
    let mut records = Vec::new();
    while let Some(record) = frames.next_record().expect("well formed") {
        records.push(record);
    }
    let last = records.pop().expect("an end");
    assert_eq!(
        (last.section.as_str(), last.key.as_str()),
        ("host", "end"),
        "{shell:?}"
    );
    let reply = Reply::new(records);
    (Host::read(&reply.section("host")), reply)
}

pub fn home() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("home with 'quotes' ")
        .tempdir()
        .expect("a folder")
}

pub fn write(home: &Path, name: &str, text: &str) {
    let path = home.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn login(host: &Host) -> &trueup::facts::LoginShell {
    match &host.login {
        Observation::Present(login) => login,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_shell_reads_the_same() {
    let home = home();
    let kafka = "kafka_2.12-2.8.1";
    write(home.path(), ".bash_profile", ". ~/.bashrc\n");
    write(
        home.path(),
        ".bashrc",
        "echo noise\nexport CLASSPATH='/a:/x/aws-msk-iam-auth-1.1.1-all.jar'\nexport JAVA_HOME=/opt/j\nUNSEEN=1\n",
    );
    write(
        home.path(),
        &format!("{kafka}/libs/kafka_2.12-2.8.1.jar"),
        "PK\u{5}\u{6}000000000000000000",
    );
    write(
        home.path(),
        &format!("{kafka}/libs/kafka-clients-2.8.1.jar"),
        "<html>",
    );
    write(
        home.path(),
        &format!("{kafka}/libs/aws-msk-iam-auth-1.1.5-all.jar"),
        "<!DOCTYPE html>\n",
    );
    write(
        home.path(),
        &format!("{kafka}/bin/client.properties"),
        "a=host kind 3:dir\n",
    );
    fs::set_permissions(
        home.path().join(kafka).join("bin/client.properties"),
        fs::Permissions::from_mode(0o640),
    )
    .expect("a mode");
    let mut replies = Vec::new();
    for shell in SHELLS {
        let (host, reply) = look(shell, home.path(), "/bin/bash", &resources());
        assert_eq!(
            login(&host).classpath.as_deref(),
            Some("/a:/x/aws-msk-iam-auth-1.1.1-all.jar"),
            "{shell:?}"
        );
        assert_eq!(
            login(&host).java_home.as_deref(),
            Some("/opt/j"),
            "{shell:?}"
        );
        assert_eq!(
            host.account.home,
            home.path().to_str().expect("text"),
            "{shell:?}"
        );
        assert!(
            host.tools.contains("flock") && host.disk_free_kib.is_some(),
            "{shell:?} {host:?}"
        );
        let section = reply.section("client/kafka");
        assert_eq!(
            section.get("damaged").as_deref(),
            Some("libs/kafka-clients-2.8.1.jar"),
            "{shell:?}"
        );
        assert_eq!(section.all("version_jar").count(), 2, "{shell:?}");
        let section = reply.section("client/properties");
        assert_eq!(
            section.bytes("content").as_deref(),
            Some(&b"a=host kind 3:dir\n"[..]),
            "{shell:?}"
        );
        assert_eq!(section.get("mode").as_deref(), Some("640"), "{shell:?}");
        let section = reply.section("client/msk_iam_auth");
        assert_eq!(
            section.get("start").as_deref(),
            Some("<!DOCTYPE html>"),
            "{shell:?}"
        );
        let section = reply.section("client/classpath");
        assert!(
            section
                .get("line")
                .is_some_and(|line| line.contains(".bashrc:2:export")),
            "{shell:?}"
        );
        assert_eq!(
            section.get("jar").as_deref(),
            Some("/x/aws-msk-iam-auth-1.1.1-all.jar\n/x/aws-msk-iam-auth-1.1.1-all.jar"),
            "{shell:?}"
        );
        replies.push(
            [
                "client/kafka",
                "client/properties",
                "client/msk_iam_auth",
                "client/classpath",
            ]
            .map(|s| reply.section(s)),
        );
    }
    assert_eq!(replies[0], replies[1]);
    assert_eq!(replies[0], replies[2]);
}

/// Text of any kind, in one line.
fn any_text(random: &mut Random) -> String {
    const PARTS: [&str; 24] = [
        "'",
        "\"",
        "\\",
        "$",
        "`",
        "!",
        "#",
        " ",
        "~",
        "*",
        "$(",
        ")",
        ";",
        "&",
        "\t",
        "\r",
        "\u{1}",
        "\u{7f}",
        "é",
        "\u{81}\u{88}",
        "…",
        "🦀",
        "=",
        "end",
    ];
    let mut text = String::new();
    for _ in 0..random.below(16) {
        match random.below(3) {
            0 => text.push(char::from(
                b' ' + u8::try_from(random.below(95)).expect("small"),
            )),
            _ => text.push_str(PARTS[random.below(PARTS.len())]),
        }
    }
    text
}

#[test]
fn every_byte_of_a_variable_comes_through_every_shell() {
    let mut random = Random::new(seed());
    for (login_shell, start_file) in [("/bin/bash", ".bash_profile"), ("/bin/dash", ".profile")] {
        for shell in SHELLS {
            let home = home();
            write(home.path(), start_file, "export V3='mine\nand more' V4=\n");
            let values: Vec<String> = (0..12).map(|_| any_text(&mut random)).collect();
            let env: serde_json::Map<_, _> = values
                .iter()
                .enumerate()
                .map(|(n, value)| {
                    // `$$` is how a spec writes `$`.
                    let value = value.replace("${", "$${");
                    (
                        format!("V{n}"),
                        serde_json::json!({ "value": value, "in": "profile" }),
                    )
                })
                .collect();
            let text =
                serde_json::json!({ "version": 1, "hosts": { "c": { "local": {} } }, "env": env });
            // YAML takes no control characters as they are.
            let escaped = |c: char| match c.is_control() {
                true => format!("\\u{:04x}", u32::from(c)),
                false => c.to_string(),
            };
            let source = Source {
                path: "env.yaml".into(),
                text: text.to_string().chars().map(escaped).collect(),
            };
            let (spec, problems) = load(&source, &Given::default());
            let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
            let wanted = spec.hosts[0].resources(&Inputs::default());
            let (host, reply) = look(shell, home.path(), login_shell, &wanted);
            let variables = &login(&host).variables;
            assert_eq!(
                variables.get("V3").map(String::as_str),
                Some("mine\nand more")
            );
            assert_eq!(variables.get("V4").map(String::as_str), Some(""));
            assert_eq!(variables.len(), 2);
            let mut content = fs::read(home.path().join(start_file)).expect("there");
            for resource in &wanted {
                let assessed = resource.assess(&reply.section(&resource.address()), &host);
                match assessed.verdict {
                    Verdict::Change(work) => {
                        let [Action::EditBlock { marker, lines, .. }] = &*work.actions else {
                            panic!("{:?}", work.actions);
                        };
                        content = trueup::action::edit_block(&content, marker, lines);
                    }
                    Verdict::InPlace => assert_eq!(&*resource.address(), "env/V4"),
                    other => panic!("{other:?}"),
                }
            }
            fs::write(home.path().join(start_file), &content).expect("written");
            let (host, reply) = look(shell, home.path(), login_shell, &wanted);
            for (n, resource) in wanted.iter().enumerate() {
                let assessed = resource.assess(&reply.section(&resource.address()), &host);
                let is = login(&host).variables.get(&format!("V{n}"));
                assert_eq!(is, Some(&values[n]), "{shell:?} {login_shell}");
                assert!(matches!(assessed.verdict, Verdict::InPlace), "{assessed:?}");
            }
            // A shell that reads the lines and starts a program, and nothing of ours.
            for reader in SHELLS {
                let out = Command::new(reader[0])
                    .args(&reader[1..])
                    .args(["-c", &format!(". ./{start_file} && exec env -0")])
                    .current_dir(home.path())
                    .output()
                    .expect("runs");
                let all = String::from_utf8(out.stdout).expect("text");
                let all: Vec<&str> = all.split('\0').collect();
                for (n, value) in values.iter().enumerate() {
                    let line = format!("V{n}={value}");
                    assert!(all.contains(&&*line), "{reader:?} {line:?}");
                }
            }
        }
    }
}

/// What a spec of before has left in another start file, whatever else looks at start files.
#[test]
fn a_block_that_moved_is_seen_beside_all_else() {
    let client = "client: { java: { version: 8 }, kafka: { version: 2.8.1, scala: 2.12 }, \
                  msk_iam_auth: { version: 1.1.5 }, classpath:";
    let machine = "{ in: profile.d, become: true } }\n";
    let own = "{} }\n";
    let env = "env: { X: { value: a } }\n";
    let [java, classpath, x] = ["client/java", "client/classpath", "env/X"];
    for (declared, wanted) in [
        (env.to_owned(), &[x][..]),
        (format!("{client} {own}"), &[java, classpath]),
        (format!("{client} {own}{env}"), &[java, classpath, x]),
        (format!("{client} {machine}"), &[java, classpath]),
        (format!("{client} {machine}{env}"), &[java, classpath, x]),
    ] {
        let text = format!("version: 1\nhosts: {{ c: {{ local: {{}} }} }}\n{declared}");
        let source = Source {
            path: "moved.yaml".into(),
            text,
        };
        let (spec, problems) = load(&source, &Given::default());
        let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
        let resources = spec.hosts[0].resources(&Inputs::default());
        for marker in ["JAVA_HOME", "CLASSPATH", "env X"] {
            let home = in_place();
            let block = format!("# trueup: {marker}, managed\n:\n# trueup: end\n");
            let profile = format!("export X=a\n. ~/.bashrc\n{block}");
            write(home.path(), ".bash_profile", &profile);
            for shell in SHELLS {
                let (_, reply) = look(shell, home.path(), "/bin/bash", &resources);
                let mut seen = Vec::new();
                for resource in &resources {
                    let address = resource.address();
                    if reply.section(&address).get("left").is_some() {
                        seen.push(address.to_string());
                    }
                }
                let named = marker.rsplit(' ').next().expect("a name");
                let named = named.to_lowercase().replace("_home", "");
                let of = |one: &&&str| one.to_lowercase().ends_with(&format!("/{named}"));
                let wanted: Vec<&str> = wanted.iter().filter(of).copied().collect();
                seen.sort();
                assert_eq!(seen, wanted, "{shell:?} {marker}: {declared}");
            }
        }
    }
}

#[test]
fn a_start_file_that_leaves_a_process_behind_or_never_ends_is_no_trap() {
    let home = home();
    // A number of this test's own, so that it finds its own processes and no others.
    let nap = 100_000 + std::process::id();
    write(
        home.path(),
        ".bash_profile",
        &format!("sleep {nap} &\nexport CLASSPATH=/seen\n"),
    );
    let (host, _) = run(SHELLS[0], home.path(), "/bin/bash");
    assert_eq!(login(&host).classpath.as_deref(), Some("/seen"));

    write(home.path(), ".bash_profile", &format!("sleep {nap}\n"));
    let (host, _) = run(SHELLS[0], home.path(), "/bin/bash");
    let Observation::Unknown(reason) = &host.login else {
        panic!("{:?}", host.login)
    };
    assert!(reason.contains("3 s"), "{reason}");

    let left = Command::new("pgrep")
        .args(["-f", &format!("sleep {nap}")])
        .output()
        .expect("pgrep runs");
    assert_eq!(
        String::from_utf8_lossy(&left.stdout),
        "",
        "processes of the start files are left"
    );
}

/// Also by root, whose bash takes no `PS4` from its environment.
#[test]
fn a_return_is_seen() {
    let home = home();
    write(home.path(), ".bash_profile", ". ~/.bashrc\n");
    for (text, line) in [
        ("A=1\nreturn\n", Some("2")),
        ("f() {\n  return\n}\nf\n", None),
        ("[ -n \"$NO\" ] && return\n:\n", None),
        // What an earlier line has left running may be traced later.
        ("{ sleep 0.1; :; } &\nreturn\n", Some("2")),
    ] {
        write(home.path(), ".bashrc", text);
        for shell in SHELLS {
            let (_, reply) = run(shell, home.path(), "/bin/bash");
            let returned = reply.section("client/classpath").get("returned");
            assert_eq!(returned.as_deref(), line, "{shell:?} {text}");
        }
    }
}

#[test]
fn a_shell_whose_terminal_ends_is_not_seen() {
    let home = home();
    write(
        home.path(),
        ".bash_profile",
        "export CLASSPATH=/quiet JAVA_HOME=/j\ncase $- in *i*) exit 0 ;; esac\n",
    );
    for shell in SHELLS {
        let (host, reply) = run(shell, home.path(), "/bin/bash");
        assert!(host.login_end.is_some(), "{shell:?}");
        // What was not seen is not read as anything.
        let section = reply.section("host");
        assert_eq!(section.get("login_java_home").as_deref(), Some(""));
        assert_eq!(section.get("login_classpath").as_deref(), Some(""));
        assert!(matches!(host.login, Observation::Unknown(_)), "{host:?}");
    }
    let (host, _) = run(SHELLS[0], home.path(), "/usr/sbin/nologin");
    assert!(host.login_end.is_some(), "{:?}", host.login);
}

#[test]
fn values_stay_apart_also_where_some_are_empty() {
    let home = home();
    for (set, classpath, java_home) in [
        ("", None, None),
        ("export JAVA_HOME=/j", None, Some("/j")),
        ("export CLASSPATH='/a\n/b'", Some("/a\n/b"), None),
    ] {
        write(home.path(), ".bash_profile", set);
        let (host, _) = run(SHELLS[0], home.path(), "/bin/bash");
        assert_eq!(login(&host).classpath.as_deref(), classpath, "{set}");
        assert_eq!(login(&host).java_home.as_deref(), java_home, "{set}");
    }
}

#[test]
fn a_start_file_sees_a_terminal() {
    let home = home();
    for early in [
        "tty -s || return",
        "[ -t 0 ] || return",
        "[ -t 1 ] || return",
        "[ \"$TERM\" = dumb ] && return",
        "case $- in *i*) ;; *) return ;; esac",
        "[ -n \"$PS1\" ] || return",
    ] {
        let text = format!("{early}\nexport CLASSPATH=/seen\n");
        write(home.path(), ".bash_profile", &text);
        for shell in SHELLS {
            let (host, _) = run(shell, home.path(), "/bin/bash");
            assert_eq!(login(&host).classpath.as_deref(), Some("/seen"), "{early}");
        }
    }
}

#[test]
fn a_tree_with_a_manifest_is_compared_with_it() {
    let home = home();
    let kafka = "kafka_2.12-2.8.1";
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let hi = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    write(
        home.path(),
        &format!("{kafka}/.trueup/manifest"),
        &format!(
            "# trueup manifest 1: kafka_2.12-2.8.1.tgz sha512:unpinned\n{empty} 0 bin/gone.sh\n{hi} 2 bin/mine.sh\n\
             {hi} 2 libs/a b.jar\n{hi} 2 libs/short.jar\n{hi} 2 libs/gone.jar\n{hi} 2 libs/flipped.jar\n"
        ),
    );
    write(
        home.path(),
        &format!("{kafka}/bin/mine.sh"),
        "the user's own",
    );
    write(home.path(), &format!("{kafka}/libs/a b.jar"), "hi");
    write(home.path(), &format!("{kafka}/libs/short.jar"), "h");
    write(home.path(), &format!("{kafka}/libs/flipped.jar"), "ho");
    for shell in SHELLS {
        let (_, reply) = run(shell, home.path(), "/bin/bash");
        let section = reply.section("client/kafka");
        assert_eq!(
            section.get("manifest").as_deref(),
            Some("1: kafka_2.12-2.8.1.tgz sha512:unpinned"),
            "{shell:?}"
        );
        let mut missing: Vec<String> = section.all("missing").collect();
        missing.sort();
        assert_eq!(missing, ["bin/gone.sh", "libs/gone.jar"], "{shell:?}");
        let mut damaged: Vec<String> = section.all("damaged").collect();
        damaged.sort();
        damaged.dedup();
        // Busybox calls the missing one failed as well; reading sorts that out.
        damaged.retain(|name| name != "libs/gone.jar");
        assert_eq!(damaged, ["libs/flipped.jar", "libs/short.jar"], "{shell:?}");
    }
}

#[test]
fn key_stores_that_a_properties_file_names_are_looked_at() {
    let home = home();
    let there = home.path().join("a store.jks");
    fs::write(&there, "").expect("written");
    write(
        home.path(),
        "kafka_2.12-2.8.1/bin/client.properties",
        &format!(
            "ssl.truststore.location={}\r\nproducer.ssl.truststore.location = /no such/t.jks \t\r\n\
             ssl.keystore.location:/\nssl.keystore.type=/x\n\
             sasl.jaas.config=M required keyTab = \"/no such/key tab\" a='/b';\nssl.keystore.location /no/end",
            there.display()
        ),
    );
    for shell in SHELLS {
        let (_, reply) = run(shell, home.path(), "/bin/bash");
        let section = reply.section("client/properties");
        let missing: Vec<String> = section.all("store_missing").collect();
        assert_eq!(
            missing,
            ["/no such/t.jks", "/no such/key tab", "/no/end"],
            "{shell:?}"
        );
        let unreadable: Vec<String> = section.all("store_unreadable").collect();
        assert_eq!(unreadable, ["/"], "{shell:?}");
    }
}

#[test]
fn what_is_no_folder_is_told_from_one_that_is_not_there() {
    let home = home();
    write(home.path(), "kafka_2.12-2.8.1", "a file");
    for shell in SHELLS {
        let (_, reply) = run(shell, home.path(), "/bin/bash");
        let section = reply.section("client/properties");
        assert!(section.says_yes("folder_is_none"), "{shell:?}");
        let folder = section.get("folder").expect("a folder");
        assert!(folder.ends_with("/kafka_2.12-2.8.1"), "{shell:?} {folder}");
    }
}

#[test]
fn a_home_that_starts_nowhere_is_no_trap() {
    for shell in SHELLS {
        for home in ["-1", "no/where", "."] {
            let (_, reply) = run(shell, Path::new(home), "/bin/bash");
            for address in ["client/kafka", "client/msk_iam_auth", "client/properties"] {
                let real = reply.section(address).get("real").expect("a path");
                let below = format!("/tmp/{home}/kafka_2.12-2.8.1");
                assert!(real.starts_with(&below), "{shell:?} {address} {real}");
            }
        }
    }
}

#[test]
fn a_host_that_says_as_much_as_it_may_costs_little_work() {
    let mut records = Vec::new();
    let mut say = |section: &str, key: &str, value: String| {
        records.push(Record {
            section: section.into(),
            key: key.into(),
            value: value.into_bytes(),
        });
    };
    for (kind, real) in [
        ("dir", "/h/kafka"),
        ("file", "/h/kafka/bin/client.properties"),
    ] {
        let section = if kind == "dir" {
            "client/kafka"
        } else {
            "client/properties"
        };
        for (key, value) in [
            ("kind", kind),
            ("real", real),
            ("folder", "/h"),
            ("readable", "yes"),
            ("folder_writable", "yes"),
            ("uid", "1000"),
            ("owner", "me"),
        ] {
            say(section, key, value.into());
        }
    }
    say(
        "client/kafka",
        "version_jar",
        "libs/kafka-clients-2.8.1.jar".into(),
    );
    say("host", "uid", "1000".into());
    // Names that differ in their last characters only.
    for n in 0..14_000 {
        let name = format!("libs/{}{n:06}", "x".repeat(60));
        say("client/kafka", "missing", name.clone());
        say("client/kafka", "damaged", name);
    }
    for n in 14_000..28_000 {
        say(
            "client/kafka",
            "lost",
            format!("libs/{}{n:06}", "x".repeat(60)),
        );
    }
    let options: String = (0..30_000).map(|n| format!(" aws{n:06}=\"v\"")).collect();
    let mut file = format!("sasl.jaas.config={}{options};\n", "a.M required");
    for n in 0..8_000 {
        file.push_str(&format!(
            "k{n:06}.ssl.truststore.location=/{}{n:06}\n",
            "x".repeat(30)
        ));
        say(
            "client/properties",
            "store_missing",
            format!("/{}{:06}", "x".repeat(30), n + 8_000),
        );
    }
    assert!(file.len() < 1 << 20);
    let file = file.replace("a.M", trueup::jaas::IAM_MODULE);
    say("client/properties", "content", STANDARD.encode(file));

    let source = Source {
        path: "client.yaml".into(),
        text: "version: 1\nhosts: { client: { local: {} } }\nclient:\n  kafka: { version: 2.8.1, \
               scala: 2.12 }\n  msk_iam_auth: { version: 1.1.5, role_arn: \"arn:aws:iam::123456789012:role/r\" }\n  \
               properties: {}\n"
            .into(),
    };
    let spec = load(&source, &Given::default()).0.expect("right");
    let resources = spec.hosts[0].resources(&Inputs::default());
    let before = work();
    let reply = Reply::new(records);
    let host = Host::read(&reply.section("host"));
    let plan = HostPlan::new("client", "local", &resources, &host, &reply, "salt");
    let spent = work().saturating_sub(before);
    // Each against each would be hundreds of millions.
    assert!(spent < Duration::from_secs(6), "{spent:?}");
    let step = |address: &str| {
        plan.steps
            .iter()
            .find(|step| step.address == address)
            .expect("a step")
    };
    assert!(
        step("client/kafka").reason.contains("and 27996 more"),
        "{}",
        step("client/kafka").reason
    );
    assert!(
        step("client/properties").notes[0].contains("k000000"),
        "it was read"
    );
}
