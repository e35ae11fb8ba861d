//! What a metadata service can answer.

use super::*;

fn role_document(code: &str) -> String {
    json!({
        "Code": code, "Message": "CANNED\u{1b}[31m", "AccessKeyId": "ASIA1",
        "SecretAccessKey": "CANARY-secret", "Token": "CANARY-token",
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string()
}

#[tokio::test]
async fn a_metadata_service_that_closes_after_each_answer_is_dialled_again() {
    for per_connection in 1..=4 {
        let service = Canned::plain(
            vec![
                http("200 OK", "CANARY-session"),
                http("200 OK", "demo\nanother"),
                http("200 OK", &role_document("Success")),
                http("404 Not Found", ""),
            ],
            per_connection,
        );
        let role = checked(imds::instance_role(&service, soon()).await).expect("a role");
        assert_eq!((role.role_name.as_str(), role.region), ("demo", None));
        assert_eq!(service.said.load(Ordering::Relaxed), 4);
    }
}

#[tokio::test]
async fn what_a_metadata_service_refuses_is_explained() {
    let token = || http("200 OK", "CANARY-session");
    let roles = || http("200 OK", "demo");
    let long = "x".repeat(70_000);
    let cases = [
        (
            vec![http("403 Forbidden", "")],
            "is off",
            "--http-endpoint enabled",
        ),
        (
            vec![http("404 Not Found", "")],
            "is not EC2's",
            "is this an EC2 instance",
        ),
        (vec![http("503 Slow Down", "")], "is not EC2's", "try again"),
        (vec![http("200 OK", "")], "is not EC2's", "curl"),
        (vec![http("200 OK", "a\r\nb: c")], "is not EC2's", "curl"),
        (
            vec![Some("SSH-2.0-x\r\n".into())],
            "is not EC2's",
            "EC2 instance",
        ),
        (vec![http("200 OK", &long)], "is not EC2's", "EC2 instance"),
        (
            vec![token(), http("401 Unauthorized", "")],
            "did not take the session token",
            "again",
        ),
        (
            vec![token(), http("404 Not Found", "")],
            "the instance has no role",
            "attach",
        ),
        (
            vec![token(), http("200 OK", "\n")],
            "the instance has no role",
            "attach",
        ),
        (
            vec![token(), http("200 OK", "../../x?y")],
            "is not EC2's",
            "curl",
        ),
        (
            vec![token(), http("200 OK", &"r".repeat(65))],
            "is not EC2's",
            "curl",
        ),
        (
            vec![token(), roles(), http("404 Not Found", "")],
            "is not EC2's",
            "curl",
        ),
        (
            vec![
                token(),
                roles(),
                http("200 OK", &role_document("AssumeRoleUnauthorizedAccess")),
            ],
            "role demo gives no credentials",
            "ec2.amazonaws.com",
        ),
        // A parser's message would quote the value.
        (
            vec![
                token(),
                roles(),
                http("200 OK", r#"{"Code":"Success","Token":["CANARY"]}"#),
            ],
            "is not EC2's",
            "curl",
        ),
        (
            vec![
                token(),
                roles(),
                http(
                    "200 OK",
                    &role_document("Success").replace("2099", "CANARY"),
                ),
            ],
            "is not EC2's",
            "curl",
        ),
        (
            vec![
                token(),
                roles(),
                http("200 OK", r#"{"Code":"Success","AccessKeyId":"A B"}"#),
            ],
            "the access key's id is not letters and digits",
            "169.254.169.254",
        ),
        (
            vec![token(), roles(), http("200 OK", &long)],
            "is not EC2's",
            "EC2 instance",
        ),
    ];
    for (number, (answers, what, help)) in cases.into_iter().enumerate() {
        let service = Canned::plain(answers, 9);
        let error = checked(imds::instance_role(&service, soon()).await).expect_err(what);
        assert_eq!(error.stage, Stage::Metadata, "case {number}");
        assert!(error.problem.contains(what), "case {number}: {error}");
        assert!(error.help.contains(help), "case {number}: {error}");
    }

    let error = checked(imds::instance_role(&Nobody, soon()).await).expect_err("nobody");
    assert!(
        error
            .problem
            .contains("nothing answers at 169.254.169.254, port 80"),
        "{error}"
    );
    assert_eq!(error.message, "no way to 169.254.169.254:80");
    let error = checked(imds::instance_role(&Forbidden, soon()).await).expect_err("forbidden");
    assert!(
        error.problem.contains("cannot be dialled from the machine"),
        "{error}"
    );
    assert_eq!(error.help, "AllowTcpForwarding local");
}
