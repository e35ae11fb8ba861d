//! Answers that no service gives, on every call: nothing of them, of the SDK's own texts or of a
//! secret is ever shown.

use std::thread;

use regex::Regex;
use serde_json::json;

use crate::world::{Desk, Front, Said, name};

const KINDS: [&str; 17] = [
    "html-200",
    "html-403",
    "html-400",
    "html-500",
    "empty-200",
    "empty-403",
    "empty-400",
    "xml-cut",
    "xml-error-cut",
    "json-cut",
    "json-scalar",
    "json-error-odd",
    "json-code-odd",
    "redirect",
    "cut",
    "gone",
    "ssh",
];

/// `Debug` of a struct, names of types, what the SDK's own texts have in them, and secrets.
const NEVER: &str = r"\b[A-Z]\w* \{ ?[a-z_]+:|Some\(|StartEl|nhandled|service error|dispatch failure|response error|SdkError|ConnectorError|hyper|rustls|AWS4-HMAC|canary";

#[track_caller]
pub fn is_clean(said: &Said, what: &str) {
    let all = format!("{}\n{}", said.out, said.err);
    let never = Regex::new(NEVER).expect("a pattern");
    if let Some(found) = never.find(&all) {
        panic!("{what}: `{}` in\n{all}", found.as_str());
    }
    let odd = all.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(odd, None, "{what}\n{all:?}");
}

const CONFIG: &str = "[profile people]\nsso_session = us\nsso_account_id = 123456789012\nsso_role_name = reader\n\
    region = us-east-1\n[sso-session us]\nsso_region = us-east-1\nsso_start_url = https://us.example/start\n";

/// A desk where every secret is one that must not be shown.
pub fn desk(front: &Front) -> Desk {
    let mut desk = Desk::new(front);
    desk.set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    desk.set("AWS_SESSION_TOKEN", "canary-session");
    desk.write(".aws/config", CONFIG);
    // The name is the SHA-1 of the session's.
    desk.write(
        ".aws/sso/cache/da2b128800d4e129def769b7ec5decc00517fa8b.json",
        &json!({ "accessToken": "canary-token", "expiresAt": "2099-01-01T00:00:00Z" }).to_string(),
    );
    desk
}

pub fn all_of_it(of: &str, aws: &str) -> String {
    format!(
        "version: 1\n{aws}hosts:\n  client:\n    ec2: {{ name: {of}, via: private_ip }}\n    ssh: {{ port: 1, key: {{ \
         from_instance: true }} }}\nclient:\n  kafka: {{ version: 2.8.1, scala: 2.12 }}\n  msk_iam_auth: {{ version: \
         1.1.5, role: {of} }}\n  properties: {{ path: ~/p, extra: {{ ssl.truststore.password: {{ ssm_parameter: /{of} \
         }} }} }}\ntopics: {{ cluster: {{ name: {of} }}, tables: [t] }}\n"
    )
}

pub const ROLE: &str = "aws: { assume_role: \"arn:aws:iam::123456789012:role/reader\" }\n";
pub const PEOPLE: &str = "aws: { profile: people }\n";

/// What the spec asks for is there; its name.
pub fn account() -> String {
    let of = name("spoiled");
    let nobody = json!({ "Version": "2012-10-17", "Statement": [] });
    Front::new().make(json!({
        "parameters": { format!("/{of}"): "canary-value" },
        "roles": { &of: { "trust": nobody } },
        "profiles": { &of: of },
        "instances": [{ "tags": { "Name": of }, "key": of, "profile": of, "private_ip": "127.0.0.1" }],
        "clusters": [{ "name": of, "bootstrap": { "bootstrapBrokerStringSaslIam": "127.0.0.1:1" } }],
    }));
    of
}

#[test]
fn nothing_of_a_spoiled_answer_is_shown() {
    let of = account();
    let rounds: [(&str, &[&str]); 4] = [
        (
            "",
            &[
                "ec2:DescribeInstances",
                "ssm:GetParameter",
                "iam:GetRole",
                "kafka:ListClustersV2",
            ],
        ),
        (
            "",
            &[
                "ec2:DescribeKeyPairs",
                "iam:GetInstanceProfile",
                "kafka:GetBootstrapBrokers",
                "sts:GetCallerIdentity",
            ],
        ),
        (ROLE, &["sts:AssumeRole"]),
        (PEOPLE, &["sso:GetRoleCredentials"]),
    ];
    let one = |kind: &str| {
        for (aws, actions) in rounds {
            let front = Front::new();
            for action in actions {
                front.fault(action, kind, 99);
            }
            let said = desk(&front).run(&all_of_it(&of, aws), &["facts", "-vv"]);
            let what = format!("{kind} of {actions:?}");
            is_clean(&said, &what);
            assert_eq!(said.code, 4, "{what}\n{}", said.err);
            let met = front.calls();
            let asked = actions
                .iter()
                .any(|action| met.iter().any(|call| call == action))
                || actions[0].starts_with("sso");
            assert!(asked, "{what}: {met:?}");
        }
    };
    thread::scope(|scope| {
        for kinds in KINDS.chunks(5) {
            scope.spawn(move || kinds.iter().for_each(|kind| one(kind)));
        }
    });
}

#[test]
fn endpoints_that_lead_nowhere_are_said_in_our_words() {
    let front = Front::new();
    let spec = all_of_it("nobody", PEOPLE);
    for (url, words) in [
        (
            "localhost:4566",
            "the AWS endpoint in `AWS_ENDPOINT_URL` has no scheme",
        ),
        ("127.0.0.1:4566", "has no scheme"),
        (
            "ftp://canary@127.0.0.1",
            "is no `http://` or `https://` URL",
        ),
        ("http://no-such-host.invalid", "its name"),
        ("http://127.0.0.1:1", "connection refused (127.0.0.1:1)"),
    ] {
        let mut desk = desk(&front);
        desk.set("AWS_ENDPOINT_URL", url);
        let said = desk.run(&spec, &["facts", "-vv"]);
        is_clean(&said, url);
        said.says(4, &[words]);
    }
    assert_eq!(front.calls(), Vec::<String>::new());
    // The endpoint of one service, and that of a profile.
    let mut of_service = desk(&front);
    of_service.set("AWS_ENDPOINT_URL_SSM", "localhost:4566");
    of_service
        .run(&spec, &["facts"])
        .says(4, &["`AWS_ENDPOINT_URL_SSM` has no scheme"]);
    let mut of_profile = desk(&front);
    of_profile.unset("AWS_ENDPOINT_URL");
    of_profile.write(
        ".aws/config",
        &CONFIG.replace("region = us-east-1\n[", "endpoint_url = localhost:1\n["),
    );
    let said = of_profile.run(&spec, &["facts", "-vv"]);
    is_clean(&said, "the profile's endpoint");
    said.says(
        4,
        &["`endpoint_url` of the profile `people`, which the spec names has no scheme"],
    );
}
