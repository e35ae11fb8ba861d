//! What STS can answer, and what is refused before it is asked.

use super::*;

#[tokio::test]
async fn what_is_wrong_with_a_role_is_said_before_anything_is_dialled() {
    let held = named("AKIA", "CANARY", "CANARY");
    for (arn, region, expected) in [
        ("demo-access-role", None, "no ARN of a role"),
        (
            "arn:aws:iam::123456789012:user/me",
            None,
            "no ARN of a role",
        ),
        (
            "arn:aws:iam::123456789012:role/a\nb",
            None,
            "no ARN of a role",
        ),
        (
            "arn:aws-cn:iam::123456789012:role/a",
            None,
            "does not know its partition",
        ),
        (ROLE, Some("evil.example/x-1"), "no AWS region"),
    ] {
        let mut role = Role::with_jar_defaults(arn);
        role.region = region;
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(&Nobody, none, &role, &held, Clock::default(), soon()).await;
        let error = checked(answer).expect_err(arn);
        assert!(error.problem.contains(expected), "{error}");
    }
    for (region, host) in [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"),
        ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
    ] {
        let options = [("awsStsRegion".to_owned(), region.to_owned())].into();
        let role = Role::with_options("arn:aws-us-gov:iam::123456789012:role/a", &options);
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(&Nobody, none, &role, &held, Clock::default(), soon()).await;
        let error = checked(answer).expect_err(region);
        assert!(
            error
                .problem
                .contains(&format!("{host}, port 443, cannot be reached")),
            "{error}"
        );
        assert_eq!(error.message, format!("no way to {host}:443"));
    }
}

#[tokio::test]
async fn what_sts_says_is_explained_and_never_quotes_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = folder.path().join(format!("{STS}.pem"));
    let chain = vec![CertificateDer::from_pem_file(&file).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(&file).expect("a key");
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a server");
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let held = named("ASIA1", "CANARY-secret", "CANARY-token");
    let role = Role::with_jar_defaults(ROLE);
    let ask = async |answer: Option<String>, roots: Arc<ClientConfig>| {
        let service = Canned {
            tls: Some(acceptor.clone()),
            ..Canned::plain(vec![answer], 1)
        };
        checked(sts::assume_role(&service, roots, &role, &held, Clock::default(), soon()).await)
    };
    let trusted = tls(folder.path());

    let coded = |code: &str, message: &str| {
        http(
            "403 Forbidden",
            &format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>x</RequestId></ErrorResponse>"
            ),
        )
    };
    for (code, message, said, help) in [
        (
            "RequestExpired",
            "old",
            "RequestExpired: old",
            "by the machine's clock",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: x",
            "",
            "by the machine's clock",
        ),
        // As AWS does it: the canonical request follows, with the session token in it.
        (
            "SignatureDoesNotMatch",
            "The request &lt;signature&gt;\n\nx-amz-security-token:CANARY-token",
            "SignatureDoesNotMatch: The request <signature>",
            "does not belong to ASIA1",
        ),
        (
            "Odd",
            "header CANARY-token is odd",
            "Odd: header … is odd",
            "STS API reference",
        ),
        (
            "CANARY-token",
            "&#27;[2J",
            "…: \\u{1b}[2J",
            "STS API reference",
        ),
        (
            "ExpiredToken",
            "The security token is expired",
            "",
            "session of ASIA1 has ended",
        ),
        ("InvalidClientTokenId", "invalid", "", "AWS_SESSION_TOKEN"),
        (
            "RegionDisabledException",
            "STS is not activated",
            "",
            "activate STS",
        ),
        (
            "Throttling",
            "Rate exceeded",
            "Throttling: Rate exceeded",
            "try again",
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/me is not authorized",
            "",
            r#""AWS":"arn:aws:iam::1:user/me""#,
        ),
        (
            "AccessDenied",
            "no",
            "AccessDenied: no",
            "ARN OF THE CALLER'S ROLE",
        ),
    ] {
        let error = ask(coded(code, message), trusted.clone())
            .await
            .expect_err(code);
        assert!(error.message == said || said.is_empty(), "{error}");
        assert!(error.help.contains(help), "{error}");
    }

    let issued = |secret: &str, expiration: &str| {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn:a\u{202e}</Arn>\
             </AssumedRoleUser><Credentials><AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>\
             {secret}</SecretAccessKey><SessionToken>CANARY</SessionToken><Expiration>{expiration}\
             </Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    };
    let right = http("200 OK", &issued("CANARY&#x41;", "2099-01-01T00:00:00Z"));
    let assumed = ask(right, trusted.clone()).await.expect("a session");
    assert_eq!(
        assumed.credentials.secret_access_key().expose_secret(),
        "CANARYA"
    );
    assert_eq!(assumed.arn, "arn:a\\u{202e}");
    for (answer, expected) in [
        (
            http("200 OK", &issued("CANARY", "CANARY")),
            "time of expiration",
        ),
        (
            http("200 OK", &issued("CANARY b", "2099-01-01T00:00:00Z")),
            "secret access key",
        ),
        (
            http("200 OK", &issued("&CANARY;", "2099-01-01T00:00:00Z")),
            "no credentials in it",
        ),
        (
            http("200 OK", "<html>CANARY</html>"),
            "no credentials in it",
        ),
        (http("200 OK", ""), "no credentials in it"),
        (
            http("502 Bad Gateway", "<html>CANARY</html>"),
            "in a way that STS does not",
        ),
        (http("302 Found", ""), "in a way that STS does not"),
        (http("200 OK", &"x".repeat(70_000)), "gave no answer"),
        (Some("CANARY\r\n".into()), "gave no answer"),
        (
            http("200 OK", &"<a>".repeat(20_000)),
            "no credentials in it",
        ),
        (
            http("403 Forbidden", &"<Error>".repeat(9_000)),
            "in a way that STS does not",
        ),
    ] {
        let error = ask(answer, trusted.clone()).await.expect_err(expected);
        assert!(error.problem.contains(expected), "{error}");
    }

    let nobody = client(RootCertStore::empty());
    let error = ask(http("200 OK", ""), nobody)
        .await
        .expect_err("not trusted");
    assert!(
        error.problem.contains("TLS with sts.amazonaws.com failed"),
        "{error}"
    );
    assert!(error.help.contains("proxy"), "{error}");
    for (greeting, help) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "speaks no TLS"),
        ("", "a way to STS"),
    ] {
        let service = Greeting(greeting);
        let answer = sts::assume_role(
            &service,
            trusted.clone(),
            &role,
            &held,
            Clock::default(),
            soon(),
        );
        let error = checked(answer.await).expect_err(greeting);
        assert!(
            error.problem.contains("TLS with sts.amazonaws.com failed"),
            "{error}"
        );
        assert!(error.help.contains(help), "{error}");
    }
}
