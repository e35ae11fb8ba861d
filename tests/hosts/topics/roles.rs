//! Hosts whose clients take different roles: a cluster is asked as the role of the host that is
//! dialled. STS says which role was taken, and the brokers' own authorizer what that one may do.

use serde_json::json;

use super::journey::Aws;
use crate::rig::{Host, JAR_SHA256, ROLE_ARN, start_with, wait};

/// The role that may work with topics `0ab336d6fcf7.…` alone.
const LIMITED: &str = "0ab336d6fcf7-loader-role";

/// The spec: two hosts, two roles, a topic that both roles may work with and one that only the first
/// host's may.
fn spec(one: &Host, two: &Host, aws: &Aws) {
    let host = |name: &str, host: &Host, role: &str| {
        format!(
            "  {name}:\n    {}\n    client: {{ msk_iam_auth: {{ role_arn: \"{role}\" }} }}\n",
            host.way()
        )
    };
    let limited = ROLE_ARN.replace("0ab336d6fcf7-ec2-access-role", LIMITED);
    let text = format!(
        "version: 1\nhosts:\n{}{}client:\n  kafka: {{ version: 2.8.1, scala: \"2.12\" }}\n  msk_iam_auth: {{ \
         version: 1.1.5, sha256: {JAR_SHA256} }}\ntopics:\n  cluster: {{ bootstrap: \"{}\" }}\n  ca: {}\n  name: \
         \"0ab336d6fcf7.${{table}}\"\n  defaults: {{ partitions: 3 }}\n  tables: {{ pin: null, foreign: {{ topic: \
         foreign }} }}\n",
        host("one", one, ROLE_ARN),
        host("two", two, &limited),
        aws.get("bootstrap"),
        aws.get("ca"),
    );
    std::fs::write(one.folder.path().join("spec.yaml"), text).expect("written");
}

#[test]
fn whoever_is_dialled_is_known_by_its_own_role() {
    let (one, two) = (Host::start("amazon", &[]), Host::start("debian", &[]));
    let aws = Aws::around(&one, "roles", "10.77.0.215", &["--limited-role", LIMITED]);
    aws.join(&two);
    spec(&one, &two, &aws);
    let limited = ROLE_ARN.replace("0ab336d6fcf7-ec2-access-role", LIMITED);
    let session =
        |role: &str| format!("as arn:aws:sts::123456789012:assumed-role/{role}/aws-msk-iam-auth");
    let topics = [
        "--target",
        "topics/0ab336d6fcf7.pin",
        "--target",
        "topics/foreign",
    ];
    let run = |words: &[&str]| {
        let all: Vec<&str> = words.iter().chain(&topics).copied().collect();
        aws.run(&one, &all)
    };

    // Both are there: the first one leads.
    run(&["plan", "--detailed-exitcode"])
        .code(2)
        .says("through one, ")
        .says(&session("0ab336d6fcf7-ec2-access-role"))
        .says("2 to add");
    // So that nobody connects to the other.
    assert_eq!(two.seen_by_sshd().0, 0);
    let saved = one.folder.path().join("plan.json");
    let saved = saved.to_str().expect("text");
    run(&["plan", "--out", saved]).code(0);
    let as_one = aws.assumed();
    assert!(
        !as_one.is_empty() && as_one.iter().all(|role| role == ROLE_ARN),
        "{as_one:?}"
    );

    // The first one lets nobody in: the second leads, as its own role, which may do less.
    one.user("mv ~/.ssh/authorized_keys ~/kept");
    let plan = run(&["plan"]).code(4);
    plan.says("Permission denied")
        .says("through two, ")
        .says(&session(LIMITED))
        .says("kafka-cluster:DescribeTopic");
    let as_two = aws.assumed().split_off(as_one.len());
    assert!(
        !as_two.is_empty() && as_two.iter().all(|role| *role == limited),
        "{as_two:?}"
    );
    run(&["apply", "--auto-approve"]).code(5);
    let topic = json!({ "partitions": 3, "replication_factor": 1, "config": {} });
    assert_eq!(aws.topics(), json!({ "0ab336d6fcf7.pin": topic }));
    // A plan that was made through the first one is not applied as another.
    let environment = [("SSL_CERT_FILE", aws.get("ca"))];
    let applied = start_with(one.folder.path(), &["apply", saved], &environment);
    wait(applied)
        .code(6)
        .says("`topics/foreign` has changed since the plan was made");
    assert_eq!(aws.topics(), json!({ "0ab336d6fcf7.pin": topic }));
    let as_two = aws.assumed().split_off(as_one.len());
    assert!(as_two.iter().all(|role| *role == limited), "{as_two:?}");

    // And back.
    one.user("mv ~/kept ~/.ssh/authorized_keys");
    run(&["apply", "--auto-approve"])
        .code(0)
        .says("1 change applied and verified");
    assert_eq!(
        aws.topics(),
        json!({ "0ab336d6fcf7.pin": topic, "foreign": topic })
    );
    assert_eq!(aws.assumed().last().map(String::as_str), Some(ROLE_ARN));
}
