//! What steps are asked of a host, and what is told when one ends in the middle.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::watch,
};

use super::*;
use crate::{
    apply::holder::tests::{ANSWER, LOCKED, Machine, lock},
    facts::PackageManager,
    plan::StepAction,
};

/// What a host was asked for, in order: a step's name and its values.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

struct Nobody;

impl Sink for Nobody {
    fn event(&mut self, _event: Event<'_>) {}
}

const WORK: Duration = Duration::from_secs(900);

fn java(then: Option<Action>) -> HostPlan {
    let package = Action::InstallPackage {
        manager: PackageManager::AptGet,
        package: "openjdk".into(),
    };
    let step = |address: &str, actions| Step {
        action: StepAction::Create,
        actions,
        ..Step::none(address)
    };
    let mut plan = HostPlan::unreached("client", "machine", String::new());
    plan.error = None;
    plan.steps = vec![
        step(
            "client/java",
            std::iter::once(package).chain(then).collect(),
        ),
        step(
            "client/other",
            vec![Action::SetMode {
                path: "/x".into(),
                mode: action::Mode(0o600),
            }],
        ),
    ];
    plan
}

/// Applies a plan to a machine that answers a step as `answers` says: with why it failed; empty, when it
/// did not; never, for `None`.
async fn apply(
    plan: &HostPlan,
    package_lock: Duration,
    answers: fn(&str) -> Option<&'static str>,
) -> (Outcome, Vec<Vec<String>>) {
    let (_sender, mut stop) = watch::channel(0);
    let (machine, mut speak, listen) = Machine::printing(LOCKED);
    let mut writer = lock(&machine, &mut stop).await.expect("the lock");
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let host = tokio::spawn(async move {
        let mut lines = BufReader::new(listen).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut words = line.split(' ').map(str::to_owned);
            let name = words.next().expect("a name");
            let values = words.map(|word| {
                let bytes = STANDARD.decode(word.trim_start_matches(['=', '-']));
                String::from_utf8(bytes.expect("base64")).expect("text")
            });
            let answer = answers(&name);
            let call = std::iter::once(name).chain(values).collect();
            seen.lock().expect("one thread").push(call);
            let mut output = "apply started 2:77\n".to_owned();
            match answer {
                None => {}
                Some("") => output.push_str("apply done 1:0\n"),
                Some(why) => {
                    output.push_str(&format!(
                        "apply failed {}:{why}\napply done 1:1\n",
                        why.len()
                    ));
                }
            }
            speak.write_all(output.as_bytes()).await.expect("written");
        }
    });
    let limits = Limits {
        call: ANSWER,
        work: WORK,
        package_lock,
    };
    let places = SpecPlaces::without_lines([].into());
    let reply = Reply::new(vec![]);
    let outcome = apply_host(
        &mut writer,
        plan,
        &reply,
        limits,
        &places,
        &mut stop,
        &mut Nobody,
    )
    .await;
    host.abort();
    let asked = asked.lock().expect("one thread").clone();
    (outcome, asked)
}

#[tokio::test(start_paused = true)]
async fn a_package_has_the_time_of_the_lock_and_its_own() {
    for (text, seconds) in [
        ("30m", "1800"),
        ("500ms", "1"),
        ("1500ms", "2"),
        ("0s", "0"),
    ] {
        // As it comes from the command line.
        let cli = <crate::cli::Cli as clap::Parser>::try_parse_from([
            "trueup",
            "apply",
            "x.yaml",
            "--lock-timeout",
            text,
        ]);
        let crate::cli::Command::Apply { lock_timeout, .. } = cli.expect("an apply").command else {
            panic!("another command")
        };
        let started = Instant::now();
        let (outcome, asked) = apply(&java(None), lock_timeout, |_| None).await;
        assert_eq!(
            asked,
            [["package", "apt-get", "openjdk", seconds]],
            "{text}"
        );
        assert_eq!(started.elapsed(), lock_timeout + WORK, "{text}");
        let failure = outcome.failure.expect("it never ended");
        assert!(failure.outcome_unknown, "{text}: {failure:?}");
        let late = format!("after {} s", whole_seconds(lock_timeout + WORK));
        assert!(failure.reasons[0].contains(&late), "{text}: {failure:?}");
        assert_eq!(outcome.not_reached, ["client/other"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_after_its_first_action_was_applied_in_part() {
    let edit = || Action::EditBlock {
        as_root: false,
        path: "/home/x/.bashrc".into(),
        marker: "java".into(),
        lines: vec!["export JAVA_HOME=/x".into()],
    };
    let wait = Duration::from_secs(600);
    let (outcome, asked) = apply(&java(Some(edit())), wait, |name| {
        Some(if name == "write" {
            "no room in /home/x"
        } else {
            ""
        })
    })
    .await;
    let names: Vec<&str> = asked.iter().map(|call| call[0].as_str()).collect();
    assert_eq!(names, ["package", "write"]);
    let failure = outcome.failure.as_ref().expect("it failed");
    assert_eq!(failure.reasons, ["no room in /home/x"]);
    assert_eq!(failure.done, ["openjdk, with apt-get"]);
    assert_eq!(
        failure.in_part().as_deref(),
        Some("applied in part: openjdk, with apt-get")
    );
    // It is not applied, and yet something was written.
    assert!(outcome.applied.is_empty() && outcome.wrote());
    assert_eq!(outcome.not_reached, ["client/other"]);

    // One that fails with its first action has done nothing.
    let (outcome, _) = apply(&java(Some(edit())), wait, |_| Some("it is busy")).await;
    let failure = outcome.failure.as_ref().expect("it failed");
    assert!(failure.in_part().is_none() && !outcome.wrote());

    // Where the end of the second is not known, the first is done all the same.
    let (outcome, _) = apply(&java(Some(edit())), wait, |name| {
        (name == "package").then_some("")
    })
    .await;
    let failure = outcome.failure.as_ref().expect("it never ended");
    assert!(failure.outcome_unknown);
    assert_eq!(failure.done, ["openjdk, with apt-get"]);

    let (outcome, _) = apply(&java(Some(edit())), wait, |_| Some("")).await;
    assert!(outcome.failure.is_none());
    assert_eq!(outcome.applied, ["client/java", "client/other"]);
}
