//! Twenty random specs and machines of the model, made for real in a throwaway root and applied
//! there: the plan is the one that the model gives, and the next one is as the model says.

#[path = "../offline/model/machine.rs"]
mod machine;
#[path = "../offline/model/random.rs"]
mod random;

use std::{collections::BTreeMap, fs};

use machine::{JAR_SHA256, Machine, Tree, wanted};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, RngSeed, TestRunner},
};
use random::{host_plan, resolved};
use serde_json::Value;
use trueup::plan::{HostPlan, StepAction};

use crate::{
    KAFKA,
    rig::{Host, SITE, kafka_sha512, trueup},
    seed::seed,
};

const PAIRS: usize = 20;

/// A spec of the model for a real host: what it fetches comes from the rig's site, and topics, for
/// which a root has no brokers, are left out.
fn real_spec(text: &str, host: &Host) -> String {
    let (client, _topics) = text.split_once("topics:\n").expect("topics");
    let kafka = format!(
        "scala: 2.12, url: \"{SITE}/files/kafka_2.12-2.8.1.tgz\", sha512: {} }}",
        kafka_sha512()
    );
    // Over http only what is pinned.
    let jar = format!(
        "version: 1.1.5, url: \"{SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\", sha256: {JAR_SHA256} }}"
    );
    client
        .replace("local: {}", &host.way())
        .replace("scala: 2.12 }", &kafka)
        .replace(&format!("version: 1.1.5, sha256: {JAR_SHA256} }}"), &jar)
        .replace("version: 1.1.5 }", &jar)
        // The rig's site has this one alone.
        .replace("java: { version: 17 }", "java: { version: 8 }")
}

type Actions = BTreeMap<String, String>;

fn of_model(plan: &HostPlan) -> Actions {
    let word = |action: StepAction| serde_json::to_value(action).expect("a word");
    let row = |step: &trueup::plan::Step| {
        let action = word(step.action);
        (
            step.address.to_string(),
            action.as_str().expect("text").into(),
        )
    };
    plan.steps.iter().map(row).collect()
}

fn of_real(plan: &Value) -> Actions {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let steps = plan["hosts"][0]["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| (text(&step["address"]), text(&step["action"])))
        .collect()
}

/// Makes the host what the model's machine is. `~/whole` has a tree as an apply leaves it.
fn make(host: &Host, machine: &Machine, has_java: &mut bool) {
    let wants_java = machine.java.is_some();
    if wants_java != *has_java {
        let verb = if wants_java { "install" } else { "remove" };
        host.root(&format!(
            "yum {verb} -y -q java-1.8.0-openjdk >/dev/null 2>&1"
        ));
        *has_java = wants_java;
    }
    let mut text = format!("cd && rm -rf {KAFKA} && ");
    match &machine.tree {
        Tree::Nothing => text.push_str("true\n"),
        Tree::Foreign => text.push_str(&format!(
            "mkdir -p {KAFKA}/bin {KAFKA}/libs && echo mine >{KAFKA}/mine\n"
        )),
        Tree::There {
            ours,
            missing,
            damaged,
        } => {
            text.push_str(&format!("cp -a whole {KAFKA}\n"));
            if !ours {
                text.push_str(&format!("rm -r {KAFKA}/.trueup\n"));
            }
            // The model's own name for any other jar.
            let real = |name: &String| name.replace("libs/a.jar", "libs/lz4-java-*.jar");
            for name in missing {
                text.push_str(&format!("rm {KAFKA}/{}\n", real(name)));
            }
            for name in damaged {
                text.push_str(&format!("truncate -s -100 {KAFKA}/{}\n", real(name)));
            }
        }
    }
    match &machine.jar {
        None => {}
        Some((sha256, _)) if sha256 == JAR_SHA256 => {
            text.push_str(&format!("cp jar-1.1.5.jar {}\n", wanted()));
        }
        Some((_, true)) => text.push_str(&format!("cp jar-1.1.1.jar {}\n", wanted())),
        Some((_, false)) => text.push_str(&format!("echo '<html>' >{}\n", wanted())),
    }
    if machine.old_jar {
        let old = wanted().replace("1.1.5", "1.1.1");
        text.push_str(&format!("cp jar-1.1.1.jar {old}\n"));
    }
    host.user(&format!("set -e\n{text}"));
    let write = |name: &str, content: &str, mode: u32| {
        let file = format!("{name}.made");
        fs::write(host.home(&file), content).expect("written");
        host.root(&format!(
            "cd /home/ec2-user && chown ec2-user: {file} && chmod {mode:o} {file} && mv {file} {name}"
        ));
    };
    write(".bashrc", &machine.bashrc, 0o644);
    if let Some((mode, text)) = &machine.properties {
        write(&format!("{KAFKA}/bin/client.properties"), text, *mode);
    }
}

#[test]
fn twenty_pairs_of_the_model_are_so_on_a_machine() {
    let seed = seed();
    let mut runner = TestRunner::new(Config {
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    });

    let host = Host::start("amazon", &[]);
    // Once, a tree as an apply leaves it, and the jars.
    let kafka = "version: 1\nhosts: { client: { local: {} } }\nclient:\n  kafka: { version: 2.8.1, scala: 2.12 }\ntopics:\n";
    let path = host.folder.path().join("spec.yaml");
    fs::write(&path, real_spec(kafka, &host)).expect("written");
    let spec_path = path.to_str().expect("text");
    trueup(&host, &["apply", spec_path, "--auto-approve"]).code(0);
    host.user(&format!(
        "cd && mv {KAFKA} whole && for v in 1.1.1 1.1.5; do \
         curl -fsS -o jar-$v.jar {SITE}/files/aws-msk-iam-auth-$v-all.jar; done"
    ));

    let mut has_java = false;
    let mut seen = BTreeMap::<String, usize>::new();
    for pair in 0..PAIRS {
        let text = random::specs()
            .new_tree(&mut runner)
            .expect("a spec")
            .current();
        let mut machine = random::machines()
            .new_tree(&mut runner)
            .expect("a machine")
            .current();
        // What a throwaway root has: this Java or none, and sudo.
        machine.java = machine.java.filter(|java| java.starts_with("1.8"));
        machine.sudo = true;
        let text = real_spec(&text, &host);
        let spec = resolved(&text);
        fs::write(&path, &text).expect("written");
        make(&host, &machine, &mut has_java);
        let what = format!("pair {pair} of TRUEUP_SEED={seed}: {machine:?}\n{text}");

        let expected = host_plan(&spec, &machine);
        let has = |plan: &HostPlan, action| plan.steps.iter().any(|step| step.action == action);
        let shown = |model: &HostPlan| {
            let code = if has(model, StepAction::Blocked) {
                5
            } else {
                0
            };
            trueup(&host, &["plan", spec_path, "--format", "json"]).code(code)
        };
        let plan = shown(&expected);
        assert_eq!(of_real(&plan.json()), of_model(&expected), "{what}");
        for action in of_model(&expected).into_values() {
            *seen.entry(action).or_default() += 1;
        }

        let applied = trueup(&host, &["apply", spec_path, "--auto-approve"]);
        for step in expected.steps.iter().filter(|step| step.action.changes()) {
            machine.apply(step);
            has_java |= step.address == "client/java";
        }
        let left = host_plan(&spec, &machine);
        // What a step cannot close (another jar that Java loads first) is seen after it.
        let blocked = [&expected, &left].map(|plan| has(plan, StepAction::Blocked));
        assert_eq!(
            applied.code,
            if blocked.contains(&true) { 5 } else { 0 },
            "{what}\n{}{}",
            applied.out,
            applied.err
        );
        assert!(!left.has_work(), "{what}");
        let plan = shown(&left);
        assert_eq!(
            of_real(&plan.json()),
            of_model(&left),
            "after apply: {what}"
        );
        assert_eq!(host.read(".bashrc"), machine.bashrc, "{what}");
        if let Some((_, text)) = &machine.properties {
            let name = format!("{KAFKA}/bin/client.properties");
            assert_eq!(&host.read(&name), text, "{what}");
        }
    }
    for action in ["none", "create", "update"] {
        assert!(seen.get(action).is_some_and(|times| *times > 2), "{seen:?}");
    }
}
