//! Kafka's tree and the auth jar as people really have them; which jar counts is Java's to say.

use std::fs;

use crate::{
    KAFKA, client,
    rig::{Host, SITE, differences, trueup, without_java},
    seed::{Random, seed},
};

/// The walkthrough's client without Java, with another home.
fn at_home(home: &str) -> String {
    without_java().replace(
        "  version: 2.8.1\n",
        &format!("  home: \"{home}\"\n  version: 2.8.1\n"),
    )
}

#[track_caller]
fn step(host: &Host, spec: &str, address: &str) -> (String, String) {
    let plan = trueup(host, &["plan", spec, "--format", "json"]).json();
    let steps = plan["hosts"][0]["steps"].as_array().expect("steps").clone();
    let step = steps
        .iter()
        .find(|step| step["address"] == address)
        .expect("a step");
    let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
    (
        text("action"),
        format!("{} {}", text("reason"), text("help")),
    )
}

#[test]
fn the_jar_that_java_loads_is_the_one_that_the_plan_says() {
    let seed = seed();
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0").replace("classpath: {}\n", ""));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    let libs = format!("/home/ec2-user/{KAFKA}/libs");
    host.user(&format!(
        "cp ~/.bashrc ~/bashrc && mkdir ~/jars && curl -fsS -o ~/jars/old.jar {SITE}/files/aws-msk-iam-auth-1.1.1-all.jar \
         && cp ~/jars/old.jar ~/jars/aws-msk-iam-auth-1.1.1-all.jar && ls -A {libs} >~/own"
    ));
    let names = [
        "aws-msk-iam-auth-1.1.1-all.jar",
        "aws-msk-iam-auth-2.3.2-all.jar",
        "aws-msk-iam-auth-1.1.5-all.jar.bak",
        "aws-msk-iam-auth-1.1.1-javadoc.jar",
        "AWS-msk-iam-auth.jar",
        "aws-msk-iam-auth-1.1.4-all.jar.old",
        "old-aws-msk-iam-auth.jar",
    ];
    let contents = [
        "cp ~/jars/old.jar",
        "ln -s ~/jars/old.jar",
        "ln -s ~/jars/nowhere.jar",
        "cp ~/bashrc",
        "head -c 100000 ~/jars/old.jar >",
        "mkdir",
    ];
    let class_paths = [
        "",
        "",
        "export CLASSPATH=/opt/x.jar",
        "export CLASSPATH=~/jars/aws-msk-iam-auth-1.1.1-all.jar",
        "export CLASSPATH=~/jars/aws-msk-iam-auth-0.0.0-all.jar",
        "export CLASSPATH='/home/ec2-user/jars/*'",
        "export CLASSPATH=LIBS/aws-msk-iam-auth-1.1.5-all.jar:~/jars/old.jar",
    ];
    let mut random = Random::new(seed);
    let (mut right, mut wrong) = (0, 0);
    for round in 0..14 {
        let mut text = format!(
            "cd {libs} && for f in *; do grep -qxF -- \"$f\" ~/own || rm -r -- \"$f\"; done; cp ~/bashrc ~/.bashrc\n"
        );
        // The first two are always a right one and a wrong one.
        let count = if round < 2 { round } else { random.below(3) };
        for _ in 0..count {
            let (name, content) = match round {
                1 => (names[0], contents[0]),
                _ => (
                    names[random.below(names.len())],
                    contents[random.below(contents.len())],
                ),
            };
            // What `mkdir` makes must not be written into.
            let line = match content {
                "mkdir" => format!("[ -e {name} ] || mkdir {name}"),
                _ => format!("[ -e {name} ] || [ -L {name} ] || {content} {name}"),
            };
            text.push_str(&format!("{line}\n"));
        }
        let class_path = if round < 2 {
            0
        } else {
            random.below(class_paths.len())
        };
        let class_path = class_paths[class_path].replace("LIBS", &libs);
        text.push_str(&format!("echo \"{class_path}\" >>~/.bashrc\n"));
        host.user(&text);
        let judge = host.ssh(
            &format!(
                "bash -l -i -c 'KAFKA_HEAP_OPTS=-Xmx64M KAFKA_JVM_PERFORMANCE_OPTS=\"-Xshare:auto -XX:TieredStopAtLevel=1\" KAFKA_OPTS=-verbose:class ~/{KAFKA}/bin/kafka-run-class.sh software.amazon.msk.auth.iam.IAMLoginModule'"
            ),
            b"",
        );
        let loaded = judge
            .out
            .lines()
            .find_map(|line| {
                line.strip_prefix("[Loaded software.amazon.msk.auth.iam.IAMLoginModule from file:")
            })
            .unwrap_or_else(|| {
                panic!(
                    "seed {seed}, round {round}: nothing was loaded: {}{}",
                    judge.out, judge.err
                )
            })
            .trim_end_matches(']')
            .replace("/bin/../", "/");
        let wanted = format!("{libs}/aws-msk-iam-auth-1.1.5-all.jar");
        let (action, said) = step(&host, spec, "client/msk_iam_auth");
        let about = format!(
            "seed {seed}, round {round}: Java loads {loaded}, the plan says {action}: {said}\n{text}"
        );
        if loaded == wanted {
            right += 1;
            // What depends on the shell's language is refused whatever this one's is, and what a folder's
            // entry has in no certain order.
            let unsure = said.contains("language") || class_path.contains('*');
            assert!(action == "none" || unsure, "{about}");
        } else {
            wrong += 1;
            assert_eq!(action, "blocked", "{about}");
            assert!(said.contains("classpath: {}"), "{about}");
        }
    }
    // A reading that takes the jar's own place for what is loaded would have been caught.
    assert!(
        right > 0 && wrong > 0,
        "seed {seed}: {right} right and {wrong} wrong ones mean nothing"
    );
    // With `classpath` in the spec that jar is the first, whatever lies about. The last round may have left a folder
    // in the other's place.
    host.user(&format!(
        "cp ~/bashrc ~/.bashrc; rm -rf {libs}/aws-msk-iam-auth-1.1.1-all.jar; cp ~/jars/old.jar {libs}/aws-msk-iam-auth-1.1.1-all.jar"
    ));
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    trueup(&host, &["plan", spec, "--detailed-exitcode"])
        .code(0)
        .says("`aws-msk-iam-auth-1.1.1-all.jar`, too");
}

#[test]
fn trees_as_people_have_them() {
    let host = Host::start("debian", &[]);
    let spec = host.spec(&at_home("~/kafka"));
    let spec = spec.to_str().expect("text");
    let archive =
        format!("curl -fsS {SITE}/files/{KAFKA}.tgz | tar -xz -C ~ && mv ~/{KAFKA} ~/kafka");
    host.user(&format!("{archive} && rm -r ~/kafka/bin ~/kafka/libs/scala-library-*.jar ~/kafka/libs/slf4j-api-*.jar"));
    let (action, said) = step(&host, spec, "client/kafka");
    assert_eq!(action, "update", "{said}");
    for name in ["`bin/kafka-topics.sh`", "scala-library", "slf4j-api"] {
        assert!(said.contains(name), "{said}");
    }
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    host.user("test -x ~/kafka/bin/kafka-topics.sh && ls ~/kafka/libs/scala-library-*.jar");

    // Scripts that cannot be run, and a manifest that says nothing.
    host.user("chmod -x ~/kafka/bin/*.sh && head -n 1 ~/kafka/.trueup/manifest >~/m && mv ~/m ~/kafka/.trueup/manifest");
    let (action, said) = step(&host, spec, "client/kafka");
    assert!(
        action == "update" && said.contains("cannot be run") && said.contains(".trueup/manifest"),
        "{said}"
    );
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    host.user(
        "test -x ~/kafka/bin/kafka-topics.sh && test $(wc -l <~/kafka/.trueup/manifest) -gt 20",
    );

    // By hand, and whole: compared less, which is said.
    host.user("rm -r ~/kafka/.trueup");
    let deep = &["plan", spec, "--deep", "--detailed-exitcode"];
    trueup(&host, &deep[..2]).code(0).says("has no manifest");
    trueup(&host, deep).code(0);
    // A byte in the middle of a jar, and a file that no Kafka needs: the archive tells.
    host.user("printf x | dd of=kafka/libs/kafka-clients-2.8.1.jar bs=1 seek=1000 conv=notrunc 2>/dev/null; mv kafka/NOTICE ~/notice");
    trueup(&host, &deep[..2]).code(0).says("has no manifest");
    trueup(&host, deep)
        .code(2)
        .says("damaged: `libs/kafka-clients-2.8.1.jar`")
        .says("missing: `NOTICE`");
    trueup(&host, &["apply", spec, "--deep", "--auto-approve"])
        .code(0)
        .says("2 files repaired");
    trueup(&host, deep).code(0);
    // An archive that is not there, and one that is another: nothing is said of the tree.
    host.user("rm -r ~/kafka/.trueup");
    let before = host.tree();
    let text = fs::read_to_string(spec).expect("readable");
    for (from, to, why) in [
        ("/files/", "/nowhere/", "could not fetch"),
        ("sha512: ", "sha512: 00", "has another sha512"),
    ] {
        let wrong = host.folder.path().join("wrong.yaml");
        let start = text.find(from).expect("in the spec") + from.len();
        let rest = match from {
            "sha512: " => &text[start + 2..],
            _ => &text[start..],
        };
        fs::write(&wrong, format!("{}{to}{rest}", &text[..start - from.len()])).expect("written");
        let wrong = wrong.to_str().expect("text");
        trueup(&host, &["plan", wrong, "--deep", "--detailed-exitcode"])
            .code(0)
            .says(why);
    }
    trueup(&host, deep).code(0);
    assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);

    // The account's tree in a folder of root's.
    host.root("mkdir -p /opt/kafka && chown ec2-user /opt/kafka");
    let spec = host.spec(&at_home("/opt/kafka"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    host.user("rm /opt/kafka/libs/kafka-clients-2.8.1.jar");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    assert_eq!(
        host.user("ls -A /opt /opt/kafka/.trueup"),
        "/opt:\nkafka\n\n/opt/kafka/.trueup:\nmanifest\n"
    );

    // A link in a folder of a group that nobody else is in, as with Ubuntu's umask.
    host.user("mkdir -m 775 ~/links && ln -s /opt/kafka ~/links/linked");
    let spec = host.spec(&at_home("~/links/linked"));
    let spec = spec.to_str().expect("text");
    let (action, said) = step(&host, spec, "client/kafka");
    assert_eq!(action, "none", "{said}");
    host.root("usermod -a -G ec2-user nobody");
    let (action, said) = step(&host, spec, "client/kafka");
    assert!(action == "blocked" && said.contains("is a link"), "{said}");

    // Somebody else's tree is given as a whole, and never a folder of the system.
    host.root("chown -R root /opt/kafka && rm /opt/kafka/libs/kafka-clients-2.8.1.jar");
    let spec = host.spec(&at_home("/opt/kafka"));
    let (_, said) = step(&host, spec.to_str().expect("text"), "client/kafka");
    assert!(said.contains("sudo chown -R ec2-user /opt/kafka"), "{said}");
    let spec = host.spec(&at_home("/usr/local/kafka"));
    let (_, said) = step(&host, spec.to_str().expect("text"), "client/kafka");
    assert!(
        said.contains("install -d -o ec2-user /usr/local/kafka") && !said.contains("chown"),
        "{said}"
    );
}

#[test]
fn a_blank_in_the_home_and_archives_of_any_kind() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&at_home("~/my kafka"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);

    host.user(&format!(
        "mkdir ~/a && cd ~/a && curl -fsS {SITE}/files/{KAFKA}.tgz | tar -xz && rm -r {KAFKA}/libs/[a-jl-rt-z]* \
         && ln -s ../LICENSE {KAFKA}/libs/link && ln {KAFKA}/LICENSE {KAFKA}/hard && tar -czf ~/inside.tgz {KAFKA} \
         && ln -s ../../../etc/passwd {KAFKA}/libs/out && tar -czf ~/out.tgz {KAFKA} && rm {KAFKA}/libs/out \
         && rm {KAFKA}/bin/kafka-topics.sh && tar -czf ~/none.tgz {KAFKA}"
    ));
    for (name, code, text) in [
        ("out", 5, "links that lead out of it"),
        ("none", 5, "the archive holds no Kafka"),
        ("inside", 0, "1 change applied"),
    ] {
        let sha512 = host.user(&format!("sha512sum <~/{name}.tgz"));
        let sha512 = sha512.split_whitespace().next().expect("a digest");
        let spec = host.spec(&format!(
            "kafka: {{ version: 2.8.1, scala: 2.12, home: ~/new, url: \"file:///home/ec2-user/{name}.tgz\", sha512: {sha512} }}"
        ));
        let said = trueup(
            &host,
            &["apply", spec.to_str().expect("text"), "--auto-approve"],
        );
        let there = host.user("ls -d ~/new ~/.trueup-* 2>/dev/null || true");
        assert_eq!(
            there.is_empty(),
            code != 0,
            "{there}{}{}",
            said.out,
            said.err
        );
        if code != 0 {
            said.code(code).says(text);
        } else {
            assert!(said.out.contains("done"), "{}{}", said.out, said.err);
            host.user("test -L ~/new/libs/link && grep -q ' libs/link$' ~/new/.trueup/manifest && grep -q ' hard$' ~/new/.trueup/manifest");
        }
    }

    // What steps need is looked at before the first of them.
    host.root("mkdir /gone && mv /usr/bin/find /usr/bin/xargs /usr/bin/sha512sum /gone");
    let spec = host.spec(&at_home("~/other"));
    let spec = spec.to_str().expect("text");
    let (action, said) = step(&host, spec, "client/kafka");
    assert_eq!(action, "blocked", "{said}");
    for text in [
        "`find`",
        "`xargs`",
        "`sha512sum`",
        "sudo yum install -y coreutils findutils",
    ] {
        assert!(said.contains(text), "no {text}: {said}");
    }
    trueup(&host, &["facts", spec])
        .code(0)
        .says("find, sha512sum, xargs");
    // A tree with a manifest cannot be compared without them: not seen, and nothing wrong said.
    let spec = host.spec(&at_home("~/my kafka"));
    let spec = spec.to_str().expect("text");
    let (action, said) = step(&host, spec, "client/kafka");
    assert!(
        action == "unknown" && said.contains("findutils"),
        "{action}: {said}"
    );
    for tool in ["stat", "sed", "readlink"] {
        host.root(&format!("mv /usr/bin/{tool} /gone"));
        let (action, said) = step(&host, spec, "client/kafka");
        assert_eq!(action, "unknown", "without {tool}: {said}");
    }
    host.root("mv /gone/* /usr/bin/");
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
}
