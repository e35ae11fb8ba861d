//! What people are told is the cause, where AWS's own code tells of another.

use serde_json::json;

use crate::world::{Desk, Front, name};

fn asks_for(aws: &str, parameter: &str) -> String {
    format!(
        "version: 1\n{aws}hosts:\n  client: {{ local: {{}} }}\nclient:\n  properties:\n    path: ~/p\n    extra: {{ \
         ssl.truststore.password: {{ ssm_parameter: {parameter} }} }}\n"
    )
}

const EU: &str = "aws: { region: eu-south-1 }\n";

#[test]
fn a_region_that_is_not_enabled_is_no_matter_of_credentials() {
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("ssm:GetParameter", "unknown", 9);
    desk.run(&asks_for(EU, "/a"), &["plan"]).says(
        4,
        &[
            "UnrecognizedClientException",
            "In us-east-1 AWS takes these credentials, as arn:aws:",
            "eu-south-1, account 123456789012)",
            "aws account enable-region --region-name eu-south-1",
        ],
    );
    // Nobody takes them.
    front.fault("sts:GetCallerIdentity", "unknown", 9);
    let desk = Desk::new(&front);
    desk.run(&asks_for(EU, "/a"), &["plan"]).says(
        4,
        &["no AWS credentials that can be used, from the environment"],
    );
}

#[test]
fn a_clock_that_is_off_is_no_matter_of_credentials() {
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("ssm:GetParameter", "skew", 99);
    let said = desk.run(&asks_for("", "/a"), &["plan"]);
    said.says(
        4,
        &[
            "the clock of this machine is",
            "behind AWS's",
            "timedatectl",
        ],
    );
    said.never_says(&["no AWS credentials"]);
}

#[test]
fn an_sso_role_that_is_not_assigned_and_sts_that_is_off() {
    let front = Front::new();
    let desk = Desk::without_keys(&front);
    desk.write(
        ".aws/config",
        "[profile people]\nsso_session = us\nsso_account_id = 123456789012\nsso_role_name = reader\nregion = \
         us-east-1\n[sso-session us]\nsso_region = us-east-1\nsso_start_url = https://us.example/start\n",
    );
    let spec = asks_for("aws: { profile: people }\n", "/a");
    desk.run(&spec, &["plan"]).says(
        4,
        &[
            "nobody is logged in to SSO",
            "aws sso login --profile people",
        ],
    );
    desk.write(
        ".aws/sso/cache/da2b128800d4e129def769b7ec5decc00517fa8b.json",
        &json!({ "accessToken": "sso-token", "expiresAt": "2099-01-01T00:00:00Z" }).to_string(),
    );
    front.fault("sso:GetRoleCredentials", "unassigned", 9);
    desk.run(&spec, &["plan"]).says(
        4,
        &["the role `reader` of account 123456789012 is not assigned to who is logged in: ForbiddenException: No access"],
    );
    let desk = Desk::new(&front);
    front.fault("sts:AssumeRole", "off", 9);
    let role =
        "aws: { region: eu-south-1, assume_role: \"arn:aws:iam::123456789012:role/reader\" }\n";
    desk.run(&asks_for(role, "/a"), &["plan"]).says(
        4,
        &[
            "`sts:AssumeRole`: RegionDisabledException",
            "is not enabled for account",
        ],
    );
}

#[test]
fn half_of_a_key_and_a_profile_that_is_not_there() {
    let front = Front::new();
    let mut desk = Desk::without_keys(&front);
    desk.write(
        ".aws/config",
        "[default]\naws_access_key_id = A\n[profile work]\nregion = us-east-1\n",
    );
    let spec = asks_for("", "/a");
    desk.run(&spec, &["plan"]).says(
        4,
        &["`aws_access_key_id` is set, and `aws_secret_access_key` is not"],
    );
    desk.set("AWS_SECRET_ACCESS_KEY", "s");
    desk.run(&spec, &["plan"]).says(
        4,
        &["`AWS_SECRET_ACCESS_KEY` is set, and `AWS_ACCESS_KEY_ID` is not"],
    );
    desk.unset("AWS_SECRET_ACCESS_KEY");
    desk.set("AWS_PROFILE", "wrok");
    desk.run(&spec, &["plan"]).says(
        4,
        &[
            "from the profile `wrok` (AWS_PROFILE): no such profile",
            "there is `default`, `work`",
        ],
    );
    desk.unset("AWS_PROFILE");
    desk.set("AWS_ACCESS_KEY_ID", "A");
    desk.set("AWS_SECRET_ACCESS_KEY", "s");
    desk.set("AWS_REGION", "us-east-1a");
    desk.run(&spec, &["plan"]).says(
        4,
        &[
            "`us-east-1a` is no AWS region (AWS_REGION)",
            "the region is `us-east-1`",
        ],
    );
    assert_eq!(front.calls(), Vec::<String>::new());
}

#[test]
fn all_that_is_refused_is_said_at_once_with_one_policy() {
    let front = Front::new();
    let desk = Desk::new(&front);
    for action in [
        "ec2:DescribeInstances",
        "ssm:GetParameter",
        "iam:GetRole",
        "kafka:ListClustersV2",
    ] {
        front.fault(action, "denied", 9);
    }
    let spec = "version: 1\nhosts:\n  client:\n    ec2: { name: n }\n    ssh: { port: 1 }\nclient:\n  kafka: { \
        version: 2.8.1, scala: 2.12 }\n  msk_iam_auth: { version: 1.1.5, role: r }\n  properties: { extra: { \
        ssl.truststore.password: { ssm_parameter: /kafka/p } } }\ntopics: { cluster: { name: c }, tables: [t] }\n";
    let said = desk.run(spec, &["plan", "--format", "json"]);
    said.says(
        4,
        &[
            "AWS refuses `ec2:DescribeInstances`",
            "AWS refuses `ssm:GetParameter`",
            "AWS refuses `iam:GetRole`",
            "AWS refuses `kafka:ListClustersV2`",
            "us-east-1, account 123456789012)",
            "examples/iam",
        ],
    );
    let plan: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let error = plan["hosts"][0]["error"].as_str().expect("an error");
    let statements: Vec<serde_json::Value> = error
        .lines()
        .filter(|line| line.trim_start().starts_with('{'))
        .map(|line| serde_json::from_str(line.trim()).expect("JSON"))
        .collect();
    assert_eq!(
        statements,
        [
            json!({ "Effect": "Allow", "Action": ["ec2:DescribeInstances", "kafka:ListClustersV2"], "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": "iam:GetRole", "Resource": [
                "arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:role/*/r"] }),
            json!({ "Effect": "Allow", "Action": "ssm:GetParameter",
                "Resource": "arn:aws:ssm:us-east-1:123456789012:parameter/kafka/p" }),
        ]
    );
}

#[test]
fn a_newline_at_the_end_is_not_written_and_a_login_in_json_is_named() {
    let front = Front::new();
    let (plain, login) = (format!("/{}", name("p")), format!("/{}", name("login")));
    front.make(json!({ "parameters": {
        &plain: "pass\r\n", &login: "{\"username\": \"u\", \"password\": \"canary\"}",
    }}));
    let desk = Desk::new(&front);
    let file = desk.folder.path().join("p").display().to_string();
    let spec = asks_for("", &plain).replace("~/p", &file);
    desk.run(&spec, &["apply", "--auto-approve"]).says(0, &[]);
    assert!(
        desk.read("p").ends_with("password=pass\n"),
        "{}",
        desk.read("p")
    );
    let said = desk.run(&asks_for("", &login), &["plan"]);
    said.says(4, &["holds a JSON object", &login, "alone"]);
    said.never_says(&["canary"]);
}

#[test]
fn where_a_region_comes_from_is_shown() {
    let front = Front::new();
    let parameter = format!("/{}", name("p"));
    front.make(json!({ "parameters": { &parameter: "x" } }));
    let mut desk = Desk::new(&front);
    let spec = asks_for("", &parameter);
    let both = |desk: &Desk, source: &str| {
        let row = format!("aws.region: default is us-east-1 ({source})");
        desk.run(&spec, &["plan"]).says(0, &[&row]);
        let caller = format!("us-east-1 ({source}), as arn:");
        desk.run(&spec, &["facts"]).says(0, &[&row, &caller]);
    };
    both(&desk, "AWS_REGION");
    desk.unset("AWS_REGION");
    desk.set("AWS_DEFAULT_REGION", "us-east-1");
    both(&desk, "AWS_DEFAULT_REGION");
    desk.unset("AWS_DEFAULT_REGION");
    desk.write(".aws/config", "[default]\nregion = us-east-1\n");
    both(&desk, "the profile `default`");
    desk.run(
        &asks_for("aws: { region: us-east-1 }\n", &parameter),
        &["plan"],
    )
    .never_says(&["aws.region"]);
    // Who we are is not all.
    front.fault("sts:GetCallerIdentity", "off", 9);
    desk.run(&spec, &["facts"])
        .says(0, &["who AWS takes us for is not known", "was read"]);
}
