//! Credentials from a metadata service and from STS, as the rig's stand-ins speak them: real HTTP,
//! real TLS, signatures that are calculated anew on the other side.

mod account;
mod dials;
mod metadata;
mod signatures;
mod sts_answers;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use trueup::{
    broker::{
        credentials::{
            Credentials, CredentialsError, Stage,
            clock::Clock,
            imds::{self, InstanceRole},
            sts::{self, Assumed, Role},
        },
        sasl::{Authenticator, iam::Iam},
    },
    transport::dial::{Dial, DialError, DialStage, Stream},
};

use account::*;
use dials::*;

/// In every secret of these tests, and to be in nothing that is shown.
const CANARY: &str = "CANARY";
const ROLE: &str = "arn:aws:iam::123456789012:role/kafka/demo-access-role";
const STS: &str = "sts.amazonaws.com";

fn rig() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/aws")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Nothing that can be shown has a secret, and errors are as people are to see them.
fn checked<T: std::fmt::Debug>(found: Result<T, CredentialsError>) -> Result<T, CredentialsError> {
    let shown = match &found {
        Ok(found) => format!("{found:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(CANARY), "{shown}");
    if let Err(error) = &found {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.len() <= 3 && lines[lines.len() - 1].starts_with("  help: "),
            "{text}"
        );
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    found
}

fn refused(stage: DialStage, message: &str) -> DialError {
    DialError {
        stage,
        message: message.into(),
        help: None,
    }
}

fn named(text: impl AsRef<str>, secret: &str, token: &str) -> Credentials {
    let token = Some(token.into());
    Credentials::new(text.as_ref().into(), secret.into(), token, None).expect("credentials")
}

#[tokio::test]
async fn the_machine_s_role_and_the_role_that_it_assumes() {
    let mut account = Account::new();
    let role = account.role().await.expect("a role");
    assert_eq!(role.role_name, "demo-access-role");
    assert_eq!(role.region.as_deref(), Some("us-east-1"));
    assert_eq!(role.caller(), "instance role demo-access-role");
    assert_eq!(role.credentials.access_key_id(), "ASIAINSTANCE");
    assert_eq!(
        role.credentials.secret_access_key().expose_secret(),
        "CANARY/instance+secret"
    );
    let token = role.credentials.session_token().expect("a token");
    assert_eq!(token.expose_secret(), "CANARY/instance=token");
    assert!(role.credentials.expires().expect("an end") > SystemTime::now());
    assert_eq!(
        account.dials.load(Ordering::Relaxed),
        1,
        "one connection for all pages"
    );

    let wanted = Role::with_jar_defaults(ROLE);
    let held = &role.credentials;
    let assumed = account
        .assume(&wanted, held, Clock::default())
        .await
        .expect("a session");
    assert_eq!(
        assumed.arn,
        "arn:aws:sts::123456789012:assumed-role/demo-access-role/aws-msk-iam-auth"
    );
    assert_eq!(assumed.credentials.access_key_id(), "ASIAISSUED");
    assert_eq!(
        assumed.credentials.secret_access_key().expose_secret(),
        "CANARY/issued+<&>secret"
    );
    // STS was asked for 900 seconds.
    let left = assumed
        .credentials
        .expires()
        .expect("an end")
        .duration_since(SystemTime::now());
    assert!(left.expect("in the future") <= Duration::from_secs(900));

    // Each of these is refused, and each refusal says what helps.
    let wrong = named("ASIAINSTANCE", "CANARY-wrong", "CANARY/instance=token");
    let error = account
        .assume(&wanted, &wrong, Clock::default())
        .await
        .expect_err("refused");
    assert_eq!(error.stage, Stage::Sts);
    assert!(
        error
            .message
            .starts_with("SignatureDoesNotMatch: The request signature"),
        "{error}"
    );
    assert!(
        error
            .help
            .contains("secret does not belong to ASIAINSTANCE"),
        "{error}"
    );

    for wrong in [
        named("ASIAINSTANCE", "CANARY/instance+secret", "CANARY-other"),
        named(
            "ASIAOTHER",
            "CANARY/instance+secret",
            "CANARY/instance=token",
        ),
    ] {
        let error = account
            .assume(&wanted, &wrong, Clock::default())
            .await
            .expect_err("refused");
        assert!(
            error.message.starts_with("InvalidClientTokenId: "),
            "{error}"
        );
        assert!(error.help.contains(wrong.access_key_id()), "{error}");
    }

    for offset_seconds in [-3600, 3600, i64::MIN, i64::MAX] {
        let clock = Clock { offset_seconds };
        let error = account
            .assume(&wanted, held, clock)
            .await
            .expect_err("refused");
        assert!(
            error
                .message
                .starts_with("SignatureDoesNotMatch: Signature expired"),
            "{error}"
        );
        assert!(error.help.contains("by the machine's clock"), "{error}");
    }
    let clock = Clock {
        offset_seconds: 200,
    };
    account
        .assume(&wanted, held, clock)
        .await
        .expect("less than five minutes are no matter");

    let other = Role::with_jar_defaults("arn:aws:iam::123456789012:role/other");
    let error = account
        .assume(&other, held, Clock::default())
        .await
        .expect_err("refused");
    assert!(
        error
            .message
            .starts_with("AccessDenied: User: arn:aws:sts::123456789012:"),
        "{error}"
    );
    let principal = r#""AWS":"arn:aws:iam::123456789012:role/demo-access-role""#;
    assert!(error.help.contains(principal), "{error}");

    // A name with what means something else in forms.
    let odd = "arn:aws:iam::123456789012:role/a+b=c,d@e";
    account.set("role_arn", odd.into());
    let wanted_odd = Role::with_jar_defaults(odd);
    let assumed = account
        .assume(&wanted_odd, held, Clock::default())
        .await
        .expect("a session");
    assert!(assumed.arn.contains("/a+b=c,d@e/"), "{}", assumed.arn);
    account.set("role_arn", ROLE.into());

    // The jar's options of a role: what the session is called, and what its trust policy asks for.
    account.set("external_id", "partner/7=8".into());
    let refused = account.assume(&wanted, held, Clock::default()).await;
    assert!(
        refused
            .expect_err("refused")
            .message
            .starts_with("AccessDenied")
    );
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = [
        option("awsRoleExternalId", "partner/7=8"),
        option("awsRoleSessionName", "loader@a=b"),
        option("awsDebugCreds", "true"),
    ];
    let options = options.into();
    let with_options = Role::with_options(ROLE, &options);
    let assumed = account
        .assume(&with_options, held, Clock::default())
        .await
        .expect("a session");
    assert!(assumed.arn.ends_with("/loader@a=b"), "{}", assumed.arn);
    account.set("external_id", Value::Null);

    account.set("trusts_itself", false.into());
    let error = account
        .assume(&wanted, held, Clock::default())
        .await
        .expect_err("refused");
    assert!(error.problem.contains(ROLE), "{error}");
    // The path of the role is in no session's ARN; here it is known all the same.
    assert!(
        error.help.contains(&format!(r#""AWS":"{ROLE}""#)),
        "{error}"
    );

    account.set("role", Value::Null);
    let error = account.role().await.expect_err("no role");
    assert_eq!(error.stage, Stage::Metadata);
    assert!(
        error.problem.ends_with("the instance has no role"),
        "{error}"
    );
    assert!(
        error.help.contains("associate-iam-instance-profile"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_never_answers_is_left_at_the_deadline() {
    const LIMIT: Duration = Duration::from_secs(10);
    let silent: [(&dyn Dial, &str); 3] = [
        (&Never, "nothing answers"),
        (
            &Canned::plain(vec![None], 9),
            "took the connection and did not answer",
        ),
        (
            &Canned::plain(vec![http("200 OK", "t"), http("200 OK", "demo"), None], 1),
            "took the connection and did not answer",
        ),
    ];
    for (dial, expected) in silent {
        let start = Instant::now();
        let answer = imds::instance_role(dial, start + LIMIT).await;
        let error = checked(answer).expect_err(expected);
        assert!(error.problem.contains(expected), "{error}");
        assert_eq!(start.elapsed(), LIMIT);
    }
    let held = named("AKIA", "CANARY", "CANARY");
    let role = Role::with_jar_defaults(ROLE);
    let silent: [&dyn Dial; 2] = [&Never, &Canned::plain(vec![None], 9)];
    for dial in silent {
        let start = Instant::now();
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(dial, none, &role, &held, Clock::default(), start + LIMIT);
        let error = checked(answer.await).expect_err("silence");
        assert!(
            error
                .problem
                .contains("sts.amazonaws.com did not answer in time"),
            "{error}"
        );
        assert_eq!(start.elapsed(), LIMIT);
    }
}
