//! The guide in `docs/pipeline.md`, from nothing to a plan on a pull request: its blocks as they stand, with
//! AWS's and GitHub's own programs. AWS is moto.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use super::{
    download, example,
    forge::{Forge, TOKEN},
    runner::{End, Event, Repository},
    spec,
};
use crate::{
    cloud::Front,
    rig::{Host, Said},
};

/// The blocks of shell text below a heading, one after the other.
fn blocks(heading: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipeline.md");
    let page = fs::read_to_string(page).expect("the page");
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .expect("a section");
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let blocks = section.split("\n```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("\n```\n").expect("its end").0.to_owned())
        .collect()
}

/// A shell at whose hands a person follows the guide.
struct Desk {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Desk {
    fn run(&self, text: &str) -> Said {
        let output = Command::new("sh")
            .args(["-euc", text])
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .output();
        Said::new(output.expect("sh runs"))
    }

    fn aws(&self, text: &str) -> Value {
        let said = self.run(&format!("aws --output json {text}")).code(0);
        serde_json::from_str(&said.out).expect("JSON")
    }

    /// What roles there are, with whom they trust and what they may do, is as in `examples/iam`.
    fn roles(&self, of: &str, subject: (&str, &str)) {
        for role in ["plan", "drift", "apply"] {
            let read = |file: String| -> Value {
                let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("examples/iam")
                    .join(file);
                let text = fs::read_to_string(file).expect("text");
                let text = text
                    .replace(subject.0, subject.1)
                    .replace("123456789012", "210987654321");
                serde_json::from_str(&text).expect("JSON")
            };
            let found = self.aws(&format!("iam get-role --role-name trueup-{role}"));
            assert_eq!(
                found["Role"]["AssumeRolePolicyDocument"],
                read(format!("trust/{of}-{role}.json"))
            );
            let found = self.aws(&format!(
                "iam get-role-policy --role-name trueup-{role} --policy-name trueup"
            ));
            assert_eq!(found["PolicyDocument"], read(format!("{role}.json")));
        }
    }
}

#[test]
fn from_nothing_to_a_plan_on_a_pull_request() {
    let begin = Instant::now();
    let host = Host::start("amazon", &[]);
    let (forge, front) = (Forge::start(), Front::new());
    let folder = host.folder.path().join("clients");
    fs::create_dir(&folder).expect("made");
    let bin = host.folder.path().join("bin");
    fs::create_dir(&bin).expect("made");
    let cache = std::env::var_os("TRUEUP_RIG_CACHE")
        .map(PathBuf::from)
        .expect("inside `rig run`");
    let aws = cache.join("aws-cli");
    let program = format!(
        "#!/bin/sh\nPYTHONPATH={0} exec python3 {0}/bin/aws \"$@\"\n",
        aws.display()
    );
    for (name, text) in [
        ("aws", program),
        (
            "trueup",
            format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_trueup")),
        ),
    ] {
        fs::write(bin.join(name), text).expect("written");
        let made = Command::new("chmod")
            .arg("755")
            .arg(bin.join(name))
            .status();
        assert!(made.expect("chmod runs").success());
    }
    let file = download(host.folder.path());
    let home = host.folder.path().display().to_string();
    let of_desk = [
        (
            "PATH",
            format!(
                "{}:{}",
                bin.display(),
                std::env::var("PATH").expect("a PATH")
            ),
        ),
        ("HOME", home.clone()),
        ("GH_HOST", "github.localhost".into()),
        ("GH_TOKEN", TOKEN.into()),
        ("http_proxy", format!("http://127.0.0.1:{}", forge.port)),
        ("no_proxy", "127.0.0.1".into()),
        ("AWS_ENDPOINT_URL", front.url.clone()),
        ("AWS_ACCESS_KEY_ID", "AKIATESTER".into()),
        ("AWS_SECRET_ACCESS_KEY", "tester".into()),
        ("AWS_DEFAULT_REGION", "us-east-1".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("GIT_AUTHOR_NAME", "tester".into()),
        ("GIT_AUTHOR_EMAIL", "tester@example.com".into()),
        ("GIT_COMMITTER_NAME", "tester".into()),
        ("GIT_COMMITTER_EMAIL", "tester@example.com".into()),
        // What the page says that its reader has.
        ("clone", env!("CARGO_MANIFEST_DIR").into()),
        ("url", format!("file://{}", file.display())),
    ];
    let desk = Desk {
        folder: folder.clone(),
        environment: of_desk.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    fs::write(folder.join("kafka-client.yaml"), spec(&host, "a")).expect("written");
    fs::copy(&file, folder.join("trueup")).expect("copied");
    for of in ["plan", "drift", "apply"] {
        fs::copy(host.get("key"), folder.join(format!("id_{of}"))).expect("copied");
    }
    desk.run("git init -q .").code(0);

    // The account and the repository are the reader's own.
    let guide = blocks("In GitHub Actions")
        .join("\n")
        .replace("account=123456789012", "account=210987654321");
    let said = desk.run(&guide).code(0);
    said.says("the spec").says("1 host, nothing wrong");
    desk.roles("github", ("", ""));
    let committed = desk.run("git show --stat --format=%s HEAD").code(0);
    committed
        .says("kafka-client.yaml")
        .says(".github/workflows/trueup.yml");
    let (path, workflow) = example("github-actions.yml");
    let there = fs::read(folder.join(".github/workflows/trueup.yml")).expect("there");
    assert_eq!(there, fs::read(path).expect("text"));
    assert!(!folder.join("trust.json").exists());

    // What a job has then is what its environment has, over the repository's own.
    let mut repository = Repository::new(workflow);
    repository.spec = spec(&host, "a");
    let key = fs::read_to_string(host.get("key")).expect("the key");
    {
        let world = forge.world();
        for of in ["plan", "drift", "apply"] {
            let environment = format!("trueup-{of}");
            let sealed = &world.secrets[&environment]["TRUEUP_SSH_KEY"];
            assert!(
                sealed.len() > key.len() && !key.contains(sealed.as_str()),
                "{sealed}"
            );
        }
        repository.vars = world.variables[""].clone();
        repository
            .vars
            .extend(world.variables["trueup-plan"].clone());
    }
    repository
        .secrets
        .insert("TRUEUP_SSH_KEY".into(), key.trim_end().to_owned());
    let event = Event::of_pull(1, 1, "aaa1", "example/kafka-clients");
    repository
        .run("plan", &event, End::Skipped, &forge)
        .ends(End::Success);
    assert_eq!(
        repository.assumed,
        ["plan: arn:aws:iam::210987654321:role/trueup-plan"]
    );
    assert!(forge.world().own(1)[0].contains("1 to add"));
    println!(
        "from nothing to a plan on a pull request: {:.1} s",
        begin.elapsed().as_secs_f64()
    );

    // The same account's roles for GitLab instead.
    for role in ["plan", "drift", "apply"] {
        let name = format!("--role-name trueup-{role}");
        desk.run(&format!(
            "aws iam delete-role-policy {name} --policy-name trueup && aws iam delete-role {name}"
        ))
        .code(0);
    }
    let guide = blocks("In GitLab")
        .join("\n")
        .replace("account=123456789012", "account=210987654321");
    let guide = guide.replace("project=example/kafka-clients", "project=ours/kafka");
    desk.run(&guide).code(0);
    desk.roles("gitlab", ("example/kafka-clients", "ours/kafka"));
    let (path, _) = example("gitlab-ci.yml");
    assert_eq!(
        fs::read(folder.join(".gitlab-ci.yml")).expect("there"),
        fs::read(path).expect("text")
    );
}

#[test]
fn every_block_of_the_guide_is_run() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipeline.md");
    let page = fs::read_to_string(page).expect("the page");
    // The first is tests/hosts/pipeline.rs's; those of machines are tests/hosts/cron.rs's.
    let here = ["In GitHub Actions", "In GitLab"];
    let machines = ["On a timer", "With cron", "An account that reads"];
    let counted: Vec<usize> = here
        .iter()
        .chain(&machines)
        .map(|heading| blocks(heading).len())
        .collect();
    assert_eq!(counted, [3, 1, 1, 1, 1]);
    assert_eq!(
        page.matches("\n```sh\n").count(),
        1 + counted.iter().sum::<usize>()
    );
}
