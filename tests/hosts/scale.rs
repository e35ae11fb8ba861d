//! Parts of a fleet on real hosts: by Slurm, by GNU parallel, and in a plan that is kept without a
//! host that is away.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::rig::{Host, Said, rig_file, trueup};

/// A spec of these hosts and one that is away; each has a file of properties.
fn fleet(at: &Host, hosts: &[(&str, &Host)]) -> PathBuf {
    let mut text = String::from("version: 1\nhosts:\n");
    for (name, host) in hosts {
        text.push_str(&format!("  {name}: {{ {} }}\n", host.way()));
    }
    text.push_str("  away: { ssh: { address: 127.0.0.1, port: 1, user: ec2-user } }\n");
    text.push_str("client: { properties: { path: ~/c.properties, extra: { client.id: a } } }\n");
    let path = at.folder.path().join("fleet.yaml");
    fs::write(&path, text).expect("written");
    path
}

/// Runs a command in a host's folder, as a user with trueup in their PATH.
fn in_folder(host: &Host, program: &Path, words: &[&str]) -> Said {
    let trueup = Path::new(env!("CARGO_BIN_EXE_trueup"));
    let folder = trueup.parent().expect("a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a PATH"));
    let output = Command::new(program)
        .args(words)
        .current_dir(host.folder.path())
        .env("PATH", path)
        .env("HOME", host.folder.path())
        .env_remove("SSH_AUTH_SOCK")
        .output();
    Said::new(output.expect("it runs"))
}

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/scale").join(name)
}

#[test]
fn slurm_and_parallel_run_parts_and_one_report_has_them_all() {
    let (one, two) = (Host::start("amazon", &[]), Host::start("debian", &[]));
    let spec = fleet(&one, &[("one", &one), ("two", &two)]);
    let spec = spec.to_str().expect("text");
    trueup(&one, &["apply", spec, "--auto-approve", "--host", "one"]).code(0);
    let check = |files: &[&str]| {
        let words = [&["merge-reports", "--format", "json"], files].concat();
        // One is in sync, one has drifted, one could not be read: that is the worst.
        let said = in_folder(&one, Path::new(env!("CARGO_BIN_EXE_trueup")), &words).code(4);
        assert_eq!(said.err, "");
        let value = said.json();
        let hosts = value["hosts"].as_array().expect("hosts");
        let names: Vec<&Value> = hosts.iter().map(|host| &host["name"]).collect();
        assert_eq!(names, ["one", "two", "away"]);
        assert_eq!(hosts[0]["steps"][0]["action"], "none");
        assert_eq!(hosts[1]["steps"][0]["action"], "create");
        assert!(hosts[2]["error"].as_str().expect("why").contains("refused"));
    };
    let names: Vec<String> = (1..=8).map(|nth| format!("shard-{nth}.json")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    // As the page says, in the folder with the spec.
    let batch = example("drift.sbatch").display().to_string();
    let slurm = rig_file("slurm");
    in_folder(&one, &slurm, &["sbatch", "--wait", &batch])
        .code(0)
        .says("Submitted batch job");
    let said = |nth: usize| {
        let file = one.folder.path().join(format!("shard-{nth}.txt"));
        fs::read_to_string(file).expect("the task's output")
    };
    for nth in 1..=8 {
        let words = format!("shard {nth} of 8, by SLURM_ARRAY_TASK_ID");
        assert!(said(nth).contains(&words), "{}", said(nth));
    }
    check(&names);

    for name in &names {
        fs::remove_file(one.folder.path().join(name)).expect("removed");
    }
    in_folder(&one, &example("parallel.sh"), &[])
        .code(4)
        .says("two")
        .says("exit 4: not every host could be read");
    check(&names);
    let cases = fs::read_to_string(one.folder.path().join("drift.xml")).expect("written");
    assert!(
        cases.contains("tests=\"3\" failures=\"1\" errors=\"1\""),
        "{cases}"
    );
}

#[test]
fn a_plan_is_kept_without_a_host_that_is_away() {
    let host = Host::start("amazon", &[]);
    let spec = fleet(&host, &[("here", &host)]);
    let spec = spec.to_str().expect("text");
    let file = host.folder.path().join("plan.json");
    let kept = file.to_str().expect("text");
    trueup(&host, &["plan", spec, "--out", kept])
        .code(4)
        .says("was not written: the plan is incomplete");
    assert!(!file.exists());
    trueup(&host, &["plan", spec, "--out", kept, "--partial"])
        .code(4)
        .says("saved without away:");
    let text = fs::read_to_string(&file).expect("kept");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["complete"], false);
    assert_eq!(value["missing"][0]["host"], "away");
    assert_eq!(value["hosts"].as_array().map(Vec::len), Some(1));
    trueup(&host, &["show", kept])
        .code(0)
        .says("not in the plan: when it was made, it could not be read");
    // What it has is done; who is not in it is said, and is the exit code.
    let said = trueup(&host, &["apply", kept]).code(4);
    let said = said.says("1 change").says("away (could not be read)");
    assert!(
        host.read("c.properties").contains("client.id=a"),
        "{}",
        said.out
    );
    trueup(&host, &["apply", kept]).code(4);
    trueup(&host, &["drift", spec, "--exclude-host", "away"]).code(0);
    trueup(
        &host,
        &["plan", spec, "--host", "away", "--out", kept, "--partial"],
    )
    .code(4)
    .says("was not written: nothing could be read that it could keep");
    trueup(&host, &["plan", spec, "--partial"]).code(3);
}
