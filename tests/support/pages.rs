//! Pages as people get them: for their own tests, and for a browser.

use std::time::Duration;

use trueup::{
    apply::outcome::Outcome,
    exit::Code,
    history::{Ended, History, Scope},
    kinds::{Change, TextChange},
    plan::{FileChange, HostPlan, Plan, Step, StepAction},
    proof::{Proof, ProofResult},
    report::{
        Format, Report, ReportKind,
        fix::{Flags, fix},
        render,
    },
    utc::Utc,
};

use crate::values::*;

/// When the run began that is told of.
const AT: u64 = 1_795_749_059;
const HOUR: u64 = 3600;

/// What is text on a page, and nothing else.
pub const MARKUP: &str = "</td></article><script>alert(1)</script><img src=x onerror=alert(2)> \" ' ` & &lt; \
     <!-- --> ]]> javascript:alert(3) \u{202e}gnp.exe \u{1b}[2J\u{0} ::error::x";

/// A page of `drift` after so many runs that found what `before` says, the oldest first.
pub fn drift(mut plan: Plan, before: &[Plan]) -> String {
    let mut kept = String::new();
    let scope = Scope::default();
    let run = |kept: &str, plan: &Plan, ago: usize| {
        let ended = Ended {
            command: "drift",
            at: Utc::of_seconds(AT - ago as u64 * HOUR),
            took: Duration::from_millis(2100),
            code: plan.code(),
            plan,
            outcomes: &[],
        };
        History::new(&scope, kept, &ended)
    };
    for (at, plan) in before.iter().enumerate() {
        let history = run(&kept, plan, before.len() - at);
        kept.push_str(&history.line());
    }
    let history = run(&kept, &plan, 0);
    history.date(&mut plan);
    let mut report = report(ReportKind::Drift, &plan, &[], plan.code());
    report.at = Utc::of_seconds(AT);
    report.history = Some(&history);
    let fix = fix(&plan, &Flags::default());
    report.next = &fix;
    render(Format::Html, &report)
}

/// Three hosts and a cluster, of which something is wrong with most.
pub fn three() -> String {
    let before = |drifted: bool| {
        let mut plan = unreachable();
        plan.hosts[1] = host("client-2", in_place(&ALL));
        if !drifted {
            plan.hosts[2] = host("client-3", in_place(&ALL));
        }
        let topics = topics_in_place().topics;
        plan_with(plan.hosts, topics)
    };
    let mut hosts = unreachable().hosts;
    let mut differing = example().hosts.remove(0);
    differing.name = "client-1".into();
    let changed = differing
        .steps
        .iter_mut()
        .find(|step| step.address == "client/classpath");
    changed.expect("it differs").file = Some(FileChange {
        path: "~/.bashrc".into(),
        changed_at: Utc::of_seconds(AT - HOUR / 2),
        owner: Some("ec2-user".into()),
    });
    hosts[0] = differing;
    let mut topics = topics().topics;
    topics[0].via = "client-1".into();
    let now = plan_with(hosts, topics);
    drift(
        now,
        &[before(false), before(false), before(true), before(true)],
    )
}

/// A difference that no other host has.
fn of_its_own(at: usize) -> Vec<Step> {
    let mut steps = in_place(&ALL[..2]);
    let line = format!(
        "export CLASSPATH=/opt/app-{at}/lib/*:/home/ec2-user/lib/aws-msk-iam-auth-1.1.1-all.jar"
    );
    let mut classpath = step(
        "client/classpath",
        StepAction::Update,
        &format!("a later line wins: ~/.bashrc, line {}, `{line}`", 30 + at),
    );
    classpath.text = Some(TextChange {
        path: "~/.bashrc".into(),
        before: format!("# .bashrc\n{line}\n"),
        after: format!(
            "# .bashrc\n{line}\n# trueup: CLASSPATH, managed\ncase \":${{CLASSPATH-}}:\" in\n  *:/x.jar:*) ;;\n  *) CLASSPATH=/x.jar${{CLASSPATH:+:$CLASSPATH}} ;;\nesac\nexport CLASSPATH\n# trueup: end\n"
        ),
    });
    let mut properties = step(
        "client/properties",
        StepAction::Update,
        "3 of 4 keys differ in ~/kafka_2.12-2.8.1/bin/client.properties, from line 1 on",
    );
    let jaas = |role: &str| {
        format!(
            "software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn:aws:iam::123456789012:role/{role}\";"
        )
    };
    properties.changes = vec![
        Change::shown("sasl.mechanism", Some("PLAIN"), Some("AWS_MSK_IAM")),
        Change::shown(
            "sasl.jaas.config",
            Some(&jaas(&format!("old-{at}"))),
            Some(&jaas("new")),
        ),
        Change::shown("mode", Some("0644"), Some("0600")),
    ];
    let mut jar = step(
        "client/msk_iam_auth",
        StepAction::Create,
        "`~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar` is missing",
    );
    jar.notes = vec![
        "fetch  https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar".into(),
        "sha256 ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab".into(),
    ];
    steps.extend([classpath, properties, jar]);
    steps
}

/// A hundred hosts, each with a difference of its own.
pub fn unequal() -> Plan {
    let hosts = (0..100).map(|at| host(&format!("client-{at:03}"), of_its_own(at)));
    plan(hosts.collect())
}

/// A hundred hosts: most as they should be, some alike, some on their own, some away.
pub fn hundred() -> Plan {
    let alike = example().hosts.remove(0).steps;
    let hosts = (0..100).map(|at| {
        let name = format!("client-{at:03}");
        match at {
            7 => {
                let error = format!("10.0.0.{at}: connection timed out after 10 s\n  help: does the security group let this machine in?");
                HostPlan::unreached(&name, &format!("10.0.0.{at}"), error)
            }
            9 => HostPlan::unreached(&name, "10.0.0.9", "10.0.0.9: the host key is not known\n  help: `trueup trust` shows what vouches for it".into()),
            13 => {
                let mut host = host(&name, in_place(&ALL));
                host.lock_holder = Some("ubuntu from build-7 since 2026-11-24T04:00:00Z".into());
                host
            }
            17 => blocked_and_unknown().hosts.into_iter().map(|mut host| { host.name.clone_from(&name); host }).next().expect("one"),
            at if at % 10 == 0 => host(&name, of_its_own(at)),
            at if at % 10 == 3 || at % 10 == 6 => host(&name, alike.clone()),
            _ => host(&name, in_place(&ALL)),
        }
    });
    plan_with(hosts.collect(), topics().topics)
}

/// The runs before it: at first all was well.
pub fn before_hundred() -> Vec<Plan> {
    let well = || {
        plan(
            (0..100)
                .map(|at| host(&format!("client-{at:03}"), in_place(&ALL)))
                .collect(),
        )
    };
    let mut runs: Vec<Plan> = (0..24).map(|_| well()).collect();
    for at in 0..6 {
        let mut plan = hundred();
        plan.hosts.truncate(60);
        plan.hosts.rotate_left(at);
        runs.push(plan_with(plan.hosts, vec![]));
    }
    runs
}

/// Everything from elsewhere is markup, or hides.
pub fn hostile_markup() -> String {
    let mut one = step(MARKUP, StepAction::Update, MARKUP);
    one.help = Some(MARKUP.into());
    one.warning = Some(MARKUP.into());
    one.notes = vec![MARKUP.into()];
    one.changes = vec![
        Change::shown(MARKUP, Some(MARKUP), Some(MARKUP)),
        Change::sensitive(MARKUP),
    ];
    one.text = Some(TextChange {
        path: MARKUP.into(),
        before: format!("a\n{MARKUP}"),
        after: format!("a\n{MARKUP}\n{MARKUP}"),
    });
    let mut first = host(MARKUP, vec![one]);
    first.address = MARKUP.into();
    let mut plan = plan_with(
        vec![first, HostPlan::unreached(MARKUP, MARKUP, MARKUP.into())],
        hostile().topics,
    );
    plan.specs[0].path = MARKUP.into();
    drift(plan, &[])
}

fn applied() -> String {
    let (plan, outcomes): (Plan, [Outcome; 2]) =
        (topics(), [outcome(&["client/java"]), topics_failed()]);
    let next = [
        "on client, in a new shell",
        "kafka-topics.sh --list \\",
        "  --bootstrap-server b-1.x:9098",
    ];
    let next = next.map(String::from);
    let mut report = report(ReportKind::Apply, &plan, &outcomes, Code::Partial);
    report.next = &next;
    render(Format::Html, &report)
}

fn proven() -> String {
    let plan = plan(vec![host("client-1", vec![]), host("client-2", vec![])]);
    let failed = Proof {
        host: "client-1".into(),
        bootstrap: "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com:9098".into(),
        result: ProofResult::Failed,
        cause: Some("the cluster refuses the login".into()),
        output: vec![
            "org.apache.kafka.common.errors.SaslAuthenticationException: Access denied".into(),
        ],
        help: Some("the role needs `kafka-cluster:Connect`".into()),
        ..Proof::default()
    };
    let proven = Proof {
        host: "client-2".into(),
        bootstrap: failed.bootstrap.clone(),
        result: ProofResult::Proven,
        topics: Some(12),
        ..Proof::default()
    };
    let proofs = [failed, proven];
    let report = Report {
        proofs: &proofs,
        ..report(ReportKind::Prove, &plan, &[], Code::Partial)
    };
    render(Format::Html, &report)
}

/// Pages of all kinds, with their names.
pub fn samples() -> Vec<(&'static str, String)> {
    let plan = topics();
    let planned = render(
        Format::Html,
        &report(ReportKind::Plan, &plan, &[], Code::Done),
    );
    let nothing = render(
        Format::Html,
        &report(ReportKind::Drift, &topics_in_place(), &[], Code::Done),
    );
    vec![
        ("three", three()),
        ("hundred", drift(hundred(), &before_hundred())),
        ("nothing", nothing),
        ("plan", planned),
        ("apply", applied()),
        ("prove", proven()),
        ("hostile", hostile_markup()),
    ]
}
