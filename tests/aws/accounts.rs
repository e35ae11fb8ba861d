//! Which account is asked, and with what.

use serde_json::json;

use crate::world::{Desk, Front, name};

/// Asks who AWS takes us for: every account that is asked at all is named by `facts`.
fn spec(aws: &str, parameter: &str) -> String {
    format!(
        "version: 1\n{aws}hosts:\n  client: {{ local: {{}} }}\nclient:\n  properties:\n    path: \
         ~/client.properties\n    extra: {{ ssl.truststore.password: {{ ssm_parameter: {parameter} }} }}\n"
    )
}

const CONFIG: &str = "[default]\nregion = us-west-2\n[profile work]\nregion = eu-west-1\n\
    aws_access_key_id = AKIAWORK\naws_secret_access_key = w\n\
    [profile chained]\nrole_arn = arn:aws:iam::123456789012:role/chained\nsource_profile = work\n\
    region = eu-west-1\n";

#[test]
fn a_profile_that_the_spec_names_wins_over_the_environments_keys() {
    let front = Front::new();
    let parameter = format!("/{}", name("p"));
    front.make(json!({ "region": "eu-west-1", "parameters": { &parameter: "x" } }));
    let mut desk = Desk::new(&front);
    desk.unset("AWS_REGION");
    desk.write(".aws/config", CONFIG);
    let said = desk.run(&spec("aws: { profile: work }\n", &parameter), &["facts"]);
    said.says(0, &["with the profile `work`", "was read"]);
    let call = &front.record()[0];
    assert_eq!(
        (&call["access_key"], &call["region"]),
        (&json!("AKIAWORK"), &json!("eu-west-1"))
    );
    desk.run(&spec("aws: { profile: absent }\n", &parameter), &["facts"])
        .says(4, &["from the profile `absent`, which the spec names"]);

    // Without one it is as for the AWS CLI: the keys first, then AWS_PROFILE.
    desk.run(
        &spec("aws: { region: eu-west-1 }\n", &parameter),
        &["facts"],
    )
    .says(
        0,
        &[
            "AWS eu-west-1 (the spec), as",
            "with the environment (AWS_ACCESS_KEY_ID)",
        ],
    );
    desk.unset("AWS_ACCESS_KEY_ID");
    desk.unset("AWS_SECRET_ACCESS_KEY");
    desk.set("AWS_PROFILE", "work");
    desk.run(&spec("", &parameter), &["facts"])
        .says(0, &["with the profile `work`"]);
    desk.set("AWS_PROFILE", "chained");
    let said = desk.run(&spec("", &parameter), &["facts"]);
    said.says(0, &["assumed-role/chained/"]);
}

/// Where the SDK's default chain looks, but for keys, which are the other tests'.
#[test]
fn every_place_of_the_default_chain_is_taken_and_named() {
    let front = Front::new();
    let parameter = format!("/{}", name("p"));
    front.make(json!({ "parameters": { &parameter: "x" } }));
    let desk = || Desk::without_keys(&front);
    let asks = |desk: &Desk, aws: &str, key: &str, source: &str| {
        let before = front.record().len();
        desk.run(&spec(aws, &parameter), &["facts"])
            .says(0, &[&format!("with {source}"), "was read"]);
        let record = front.record();
        let call = record[before..]
            .iter()
            .find(|call| call["action"] == "ssm:GetParameter");
        let call = call.expect("the parameter was asked for");
        let is = call["access_key"].as_str().expect("text");
        assert!(is.starts_with(key), "{key}: {call}");
    };

    let mut container = desk();
    let uri = format!("{}/_test/container", front.url);
    container.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);
    asks(&container, "", "AKIACONTAINER", "the container's role");

    // As a pod's service account, or a CI job, has it. STS gives keys of its own.
    let mut web = desk();
    web.write("token", "eyJhbGciOiJub25lIn0.e30.");
    let token = web.folder.path().join("token");
    web.set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("text"));
    web.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci");
    asks(
        &web,
        "",
        "ASIA",
        "the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)",
    );
    let asked = front.calls();
    assert!(
        asked
            .iter()
            .any(|call| call.ends_with(":AssumeRoleWithWebIdentity")),
        "{asked:?}"
    );

    // A login of people, and a program; each of a profile that the environment or the spec names.
    let signed_on = |token: &str| {
        let desk = desk();
        desk.write(
            ".aws/config",
            "[profile people]\nsso_session = us\nsso_account_id = 123456789012\nsso_role_name = reader\n\
             region = us-east-1\n[sso-session us]\nsso_region = us-east-1\nsso_start_url = \
             https://us.example/start\n[profile program]\nregion = us-east-1\ncredential_process = printf \
             '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROGRAM\", \"SecretAccessKey\": \"p\"}'\n",
        );
        // Its name is the SHA-1 of the session's.
        desk.write(
            ".aws/sso/cache/da2b128800d4e129def769b7ec5decc00517fa8b.json",
            &json!({ "accessToken": token, "expiresAt": "2099-01-01T00:00:00Z" }).to_string(),
        );
        desk
    };
    let desk = signed_on("sso-token");
    for (profile, key, source) in [
        ("people", "AKIASSO", "the profile `people` (SSO)"),
        ("program", "AKIAPROGRAM", "the profile `program`"),
    ] {
        let aws = format!("aws: {{ profile: {profile} }}\n");
        asks(&desk, &aws, key, source);
        let mut desk = signed_on("sso-token");
        desk.set("AWS_PROFILE", profile);
        asks(&desk, "", key, source);
    }
    let desk = signed_on("over");
    desk.run(&spec("aws: { profile: people }\n", &parameter), &["facts"])
        .says(
            4,
            &[
                "from the profile `people`, which the spec names",
                "`aws sso login --profile people`",
            ],
        );
}

#[test]
fn a_role_is_assumed_before_all_else() {
    let front = Front::new();
    let parameter = format!("/{}", name("p"));
    front.make(json!({ "parameters": { &parameter: "x" } }));
    let desk = Desk::new(&front);
    let aws = "aws: { assume_role: \"arn:aws:iam::123456789012:role/reader\" }\n";
    let said = desk.run(&spec(aws, &parameter), &["facts"]);
    said.says(
        0,
        &[
            "as arn:aws:sts::123456789012:assumed-role/reader/trueup",
            "with the role arn:aws:iam::123456789012:role/reader, assumed with the environment",
        ],
    );
    let record = front.record();
    assert_eq!(record[0]["action"], "sts:AssumeRole");
    assert_eq!(
        record
            .iter()
            .filter(|call| call["action"] == "sts:AssumeRole")
            .count(),
        1
    );
    for call in &record[1..] {
        assert_ne!(call["access_key"], "AKIATESTER", "{call}");
    }
    front.fault("sts:AssumeRole", "denied", 1);
    desk.run(&spec(aws, &parameter), &["plan"]).says(
        4,
        &[
            "AWS refuses `sts:AssumeRole`",
            "role/reader as the environment",
            "trust policy",
        ],
    );
    front.fault("sts:AssumeRole", "expired", 1);
    desk.run(&spec(aws, &parameter), &["plan"]).says(
        4,
        &["no AWS credentials that can be used, from the environment (AWS_ACCESS_KEY_ID)"],
    );
}

#[test]
fn hosts_of_two_regions_are_asked_in_each_and_each_question_once() {
    let front = Front::new();
    let of = name("both");
    for region in ["us-east-1", "eu-west-1"] {
        front.make(json!({
            "region": region,
            "instances": [{ "tags": { "Name": of }, "private_ip": "127.0.0.1" }],
        }));
    }
    let host = |name: &str, region: &str, user: &str| {
        format!(
            "  {name}:\n    ec2: {{ region: {region}, name: {of}, via: private_ip }}\n    ssh: {{ port: 1, user: {user} }}\n"
        )
    };
    let spec = format!(
        "version: 1\nhosts:\n{}{}{}",
        host("here", "us-east-1", "a"),
        host("here2", "us-east-1", "b"),
        host("there", "eu-west-1", "a")
    );
    let desk = Desk::new(&front);
    let said = desk.run(&spec, &["facts", "-v"]);
    said.says(
        4,
        &[
            "AWS us-east-1 (the spec), as",
            "AWS eu-west-1 (the spec), as",
            "here2 looked up",
            "there looked up",
        ],
    );
    let calls = front.calls();
    let asked = calls.iter().filter(|call| *call == "ec2:DescribeInstances");
    assert_eq!(asked.count(), 2, "{calls:?}");
    assert_eq!(said.err.matches("AWS SDK").count(), 2, "{}", said.err);
}

#[test]
fn a_spec_that_asks_aws_for_nothing_makes_no_client() {
    let front = Front::new();
    let desk = Desk::new(&front);
    let spec = "version: 1\naws: { profile: absent, region: us-east-1 }\nhosts:\n  client: { local: {} }\nclient:\n  \
        properties: { path: ~/client.properties, extra: { client.id: x } }\n";
    for words in [
        &["plan", "-v"][..],
        &["facts", "-v"],
        &["drift", "-v"],
        &["apply", "--auto-approve", "-v"],
    ] {
        let said = desk.run(spec, words);
        assert!(matches!(said.code, 0 | 2), "{}", said.err);
        said.never_says(&["AWS SDK"]);
    }
    assert_eq!(front.calls(), Vec::<String>::new());
}
