//! `examples/iam/trust/`: who may assume the roles of a pipeline, by what GitHub and GitLab vouch for in
//! their tokens.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;
use serde_json::Value;

/// What a token says: `sub` and `aud`.
type Claims<'c> = [(&'c str, &'c str); 2];

/// Whether a trust policy lets somebody in with a token of this issuer, read as IAM reads it.
fn lets_in(policy: &Value, issuer: &str, claims: Claims<'_>) -> bool {
    let claims: BTreeMap<String, &str> = claims
        .iter()
        .map(|(name, value)| (format!("{issuer}:{name}"), *value))
        .collect();
    let statements = policy["Statement"].as_array().expect("statements");
    statements.iter().any(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
        let provider = format!("arn:aws:iam::123456789012:oidc-provider/{issuer}");
        let conditions = statement["Condition"].as_object().expect("conditions");
        statement["Principal"]["Federated"] == provider
            && conditions.iter().all(|(operator, keys)| {
                let keys = keys.as_object().expect("keys");
                keys.iter().all(|(key, wanted)| {
                    let wanted = wanted.as_str().expect("text");
                    let said = claims.get(key);
                    said.is_some_and(|said| match operator.as_str() {
                        "StringEquals" => *said == wanted,
                        "StringLike" => is_like(wanted, said),
                        other => panic!("{other} is not known here"),
                    })
                })
            })
    })
}

fn is_like(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace(r"\*", ".*");
    Regex::new(&format!("^(?s:{pattern})$"))
        .expect("a pattern")
        .is_match(text)
}

fn policy(name: &str) -> Value {
    let file = format!("examples/iam/trust/{name}.json");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("read");
    let policy: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(policy["Version"], "2012-10-17");
    // Without both of them anybody of that forge would be let in.
    for claim in ["sub", "aud"] {
        assert!(text.contains(&format!(":{claim}\"")), "{name}: {text}");
    }
    policy
}

const ROLES: [&str; 3] = ["plan", "drift", "apply"];

#[test]
fn a_job_of_github_assumes_the_role_of_its_environment() {
    let issuer = "token.actions.githubusercontent.com";
    for role in ROLES {
        let policy = policy(&format!("github-{role}"));
        let let_in = |sub: &str, aud: &str| lets_in(&policy, issuer, [("sub", sub), ("aud", aud)]);
        for other in ROLES {
            let sub = format!("repo:example/kafka-clients:environment:trueup-{other}");
            assert_eq!(
                let_in(&sub, "sts.amazonaws.com"),
                role == other,
                "{role}: {sub}"
            );
        }
        let own = format!("repo:example/kafka-clients:environment:trueup-{role}");
        assert!(!let_in(&own, "https://github.com/example"), "{role}");
        // Jobs without an environment, of a branch or of a pull request, and those of others.
        for sub in [
            "repo:example/kafka-clients:ref:refs/heads/main".to_owned(),
            "repo:example/kafka-clients:pull_request".to_owned(),
            own.replace("example/", "somebody/"),
            own.replace("clients", "clients-2"),
        ] {
            assert!(!let_in(&sub, "sts.amazonaws.com"), "{role}: {sub}");
        }
        let of_gitlab = [("sub", own.as_str()), ("aud", "sts.amazonaws.com")];
        assert!(!lets_in(&policy, "gitlab.com", of_gitlab), "{role}");
    }
}

#[test]
fn a_job_of_gitlab_applies_from_main_alone() {
    for role in ROLES {
        let policy = policy(&format!("gitlab-{role}"));
        let let_in =
            |sub: &str, aud: &str| lets_in(&policy, "gitlab.com", [("sub", sub), ("aud", aud)]);
        let of = |project: &str, kind: &str, name: &str| {
            format!("project_path:{project}:ref_type:{kind}:ref:{name}")
        };
        let audience = "https://gitlab.com";
        assert!(
            let_in(&of("example/kafka-clients", "branch", "main"), audience),
            "{role}"
        );
        let branch = of("example/kafka-clients", "branch", "more/topics");
        assert_eq!(let_in(&branch, audience), role == "plan", "{role}");
        for sub in [
            of("example/kafka-clients", "tag", "main"),
            of("example/kafka-clients-2", "branch", "main"),
            of("somebody/kafka-clients", "branch", "main"),
        ] {
            assert!(!let_in(&sub, audience), "{role}: {sub}");
        }
        assert!(
            !let_in(
                &of("example/kafka-clients", "branch", "main"),
                "sts.amazonaws.com"
            ),
            "{role}"
        );
    }
}
