//! Credentials from a metadata service and from STS, as the rig's stand-ins speak them: real HTTP,
//! real TLS, signatures that are calculated anew on the other side.

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
    transport::dial::{Dial, DialError, Reach, Stream},
};

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

/// An account, with the rig's metadata service and STS on ports of the loopback interface.
struct Account {
    folder: TempDir,
    state: Value,
    imds: Server,
    sts: Server,
    dials: AtomicUsize,
}

/// A stand-in that runs until it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one of the rig's servers on a port that the system chooses; its first line names it.
    fn start(handler: &str, arguments: &[&Path]) -> Self {
        let module = handler.to_lowercase();
        let module = if module == "metadata" {
            "imds"
        } else {
            &module
        };
        let program = format!(
            "import sys\n\
             sys.dont_write_bytecode = True\n\
             sys.path.insert(0, sys.argv[1])\n\
             import serve, {module}\n\
             server = serve.Server(('127.0.0.1', 0), {module}.{handler}, *sys.argv[2:])\n\
             print(server.server_address[1], flush=True)\n\
             server.serve_forever()\n"
        );
        let mut child = Command::new("python3")
            .args(["-c", &program])
            .arg(rig())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let port = first.trim().parse().expect("a port");
        // The rest is a line a request: read, so that the server is never held up.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { child, port }
    }
}

/// Certificates for STS, made by the rig's own authority.
fn certificates(folder: &Path) {
    let made = Command::new("python3")
        .arg("-B")
        .arg(rig().join("ca.py"))
        .arg(folder)
        .arg(STS)
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(
        made.status.success(),
        "ca.py needs openssl and keytool: {said}"
    );
}

impl Account {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certificates(folder.path());
        let state = json!({
            "region": "us-east-1",
            "account": "123456789012",
            "instance_id": "i-0123456789abcdef0",
            "role": "demo-access-role",
            "role_arn": ROLE,
            "trusts_itself": true,
            "instance": {"access_key": "ASIAINSTANCE", "secret": "CANARY/instance+secret", "token": "CANARY/instance=token"},
            "issued": {"access_key": "ASIAISSUED", "secret": "CANARY/issued+<&>secret", "token": "CANARY/issued=token"},
        });
        let file = folder.path().join("state.json");
        std::fs::write(&file, state.to_string()).expect("written");
        let certificate = folder.path().join(format!("{STS}.pem"));
        Self {
            imds: Server::start("Metadata", &[&file]),
            sts: Server::start("Sts", &[&file, &certificate]),
            dials: AtomicUsize::new(0),
            state,
            folder,
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        self.state[key] = value;
        let file = self.folder.path().join("state.json");
        std::fs::write(file, self.state.to_string()).expect("written");
    }

    fn tls(&self) -> Arc<ClientConfig> {
        tls(self.folder.path())
    }

    async fn role(&self) -> Result<InstanceRole, CredentialsError> {
        checked(imds::instance_role(self, soon()).await)
    }

    async fn assume(
        &self,
        role: &Role<'_>,
        credentials: &Credentials,
        clock: Clock,
    ) -> Result<Assumed, CredentialsError> {
        checked(sts::assume_role(self, self.tls(), role, credentials, clock, soon()).await)
    }
}

/// The roots that ca.py made.
fn tls(folder: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(folder.join("ca.pem")).expect("a certificate");
    roots.add(ca).expect("a root");
    client(roots)
}

fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
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

#[async_trait]
impl Dial for Account {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        let to = match (host, port) {
            ("169.254.169.254", 80) => self.imds.port,
            (STS, 443) => self.sts.port,
            other => panic!("dialled {other:?}"),
        };
        self.dials.fetch_add(1, Ordering::Relaxed);
        match TcpStream::connect(("127.0.0.1", to)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(refused(Reach::Tcp, &error.to_string())),
        }
    }
}

fn refused(reach: Reach, said: &str) -> DialError {
    DialError {
        reach,
        said: said.into(),
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

    let wanted = Role::as_the_jar_does(ROLE);
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
            .said
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
        assert!(error.said.starts_with("InvalidClientTokenId: "), "{error}");
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
                .said
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

    let other = Role::as_the_jar_does("arn:aws:iam::123456789012:role/other");
    let error = account
        .assume(&other, held, Clock::default())
        .await
        .expect_err("refused");
    assert!(
        error
            .said
            .starts_with("AccessDenied: User: arn:aws:sts::123456789012:"),
        "{error}"
    );
    let principal = r#""AWS":"arn:aws:iam::123456789012:role/demo-access-role""#;
    assert!(error.help.contains(principal), "{error}");

    account.set("trusts_itself", false.into());
    let error = account
        .assume(&wanted, held, Clock::default())
        .await
        .expect_err("refused");
    assert!(error.what.contains(ROLE), "{error}");
    // The path of the role is in no session's ARN; here it is known all the same.
    assert!(
        error.help.contains(&format!(r#""AWS":"{ROLE}""#)),
        "{error}"
    );

    account.set("role", Value::Null);
    let error = account.role().await.expect_err("no role");
    assert_eq!(error.stage, Stage::Metadata);
    assert!(error.what.ends_with("the instance has no role"), "{error}");
    assert!(
        error.help.contains("associate-iam-instance-profile"),
        "{error}"
    );
}

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
        let mut role = Role::as_the_jar_does(arn);
        role.region = region;
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(&Nobody, none, &role, &held, Clock::default(), soon()).await;
        let error = checked(answer).expect_err(arn);
        assert!(error.what.contains(expected), "{error}");
    }
    for (region, host) in [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ] {
        let mut role = Role::as_the_jar_does(ROLE);
        role.region = Some(region);
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(&Nobody, none, &role, &held, Clock::default(), soon()).await;
        let error = checked(answer).expect_err(region);
        assert!(
            error
                .what
                .contains(&format!("{host}, port 443, cannot be reached")),
            "{error}"
        );
        assert_eq!(error.said, format!("no way to {host}:443"));
    }
}

/// A machine without any network.
struct Nobody;

#[async_trait]
impl Dial for Nobody {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        Err(refused(Reach::Tcp, &format!("no way to {host}:{port}")))
    }
}

/// A server that says the same to every request; each connection carries as many as are given, and
/// `None` says nothing at all.
struct Canned {
    answers: Vec<Option<String>>,
    per_connection: usize,
    said: Arc<AtomicUsize>,
    tls: Option<TlsAcceptor>,
}

impl Canned {
    fn plain(answers: Vec<Option<String>>, per_connection: usize) -> Self {
        Self {
            answers,
            per_connection,
            said: Arc::new(AtomicUsize::new(0)),
            tls: None,
        }
    }
}

fn http(status: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

#[async_trait]
impl Dial for Canned {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        let (near, far) = duplex(64 * 1024);
        let first = self.said.load(Ordering::Relaxed);
        let answers = self.answers.iter().skip(first).take(self.per_connection);
        let answers: Vec<_> = answers.cloned().collect();
        let (said, tls) = (Arc::clone(&self.said), self.tls.clone());
        tokio::spawn(async move {
            let mut stream: Stream = match tls {
                None => Box::new(far),
                Some(tls) => match tls.accept(far).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            for answer in answers {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                said.fetch_add(1, Ordering::Relaxed);
                let Some(answer) = answer else {
                    return std::future::pending().await;
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            let _ = stream.shutdown().await;
        });
        Ok(Box::new(near))
    }
}

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
        assert!(error.what.contains(what), "case {number}: {error}");
        assert!(error.help.contains(help), "case {number}: {error}");
    }

    let error = checked(imds::instance_role(&Nobody, soon()).await).expect_err("nobody");
    assert!(
        error
            .what
            .contains("nothing answers at 169.254.169.254, port 80"),
        "{error}"
    );
    assert_eq!(error.said, "no way to 169.254.169.254:80");
    let error = checked(imds::instance_role(&Forbidden, soon()).await).expect_err("forbidden");
    assert!(
        error.what.contains("cannot be dialled from the machine"),
        "{error}"
    );
    assert_eq!(error.help, "AllowTcpForwarding local");
}

/// A machine whose sshd does not forward.
struct Forbidden;

#[async_trait]
impl Dial for Forbidden {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        Err(DialError {
            help: Some("AllowTcpForwarding local".into()),
            ..refused(Reach::Forwarding, "administratively prohibited")
        })
    }
}

/// A server that says this and leaves.
struct Greeting(&'static str);

#[async_trait]
impl Dial for Greeting {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        let (near, mut far) = duplex(64 * 1024);
        far.write_all(self.0.as_bytes()).await.expect("room");
        // What the client says is read, so that its writing does not fail first.
        tokio::spawn(async move {
            let _ = far.shutdown().await;
            let _ = far.read_to_end(&mut Vec::new()).await;
        });
        Ok(Box::new(near))
    }
}

/// A machine whose dials never come back.
struct Never;

#[async_trait]
impl Dial for Never {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        std::future::pending().await
    }
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
        assert!(error.what.contains(expected), "{error}");
        assert_eq!(start.elapsed(), LIMIT);
    }
    let held = named("AKIA", "CANARY", "CANARY");
    let role = Role::as_the_jar_does(ROLE);
    let silent: [&dyn Dial; 2] = [&Never, &Canned::plain(vec![None], 9)];
    for dial in silent {
        let start = Instant::now();
        let none = client(RootCertStore::empty());
        let answer = sts::assume_role(dial, none, &role, &held, Clock::default(), start + LIMIT);
        let error = checked(answer.await).expect_err("silence");
        assert!(
            error
                .what
                .contains("sts.amazonaws.com did not answer in time"),
            "{error}"
        );
        assert_eq!(start.elapsed(), LIMIT);
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
    let role = Role::as_the_jar_does(ROLE);
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
        assert!(error.said == said || said.is_empty(), "{error}");
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
        assert!(error.what.contains(expected), "{error}");
    }

    let nobody = client(RootCertStore::empty());
    let error = ask(http("200 OK", ""), nobody)
        .await
        .expect_err("not trusted");
    assert!(
        error.what.contains("TLS with sts.amazonaws.com failed"),
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
            error.what.contains("TLS with sts.amazonaws.com failed"),
            "{error}"
        );
        assert!(error.help.contains(help), "{error}");
    }
}

/// The rig's own calculation of the signature, over many inputs in one run of Python.
#[test]
fn signatures_are_those_that_python_calculates() {
    let seed: u64 = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::try_from(now.expect("after 1970").as_nanos() & 0xffff_ffff).expect("small")
        });
    println!("SEED={seed}");
    let mut random = Random(seed | 1);
    let mut cases = Vec::new();
    for _ in 0..300 {
        let token = if random.below(3) == 0 {
            String::new()
        } else {
            random.text(200)
        };
        let keys = json!({
            "access_key": format!("AKIA{}", random.below(1 << 40)),
            "secret": random.text(60),
            "token": token,
        });
        let region = ["us-east-1", "cn-north-1", "ap-southeast-2"][random.below(3)];
        let broker = format!("b-{}.kafka.internal", random.below(1000));
        let signer = Iam {
            credentials: Credentials::new(
                keys["access_key"].as_str().expect("text").into(),
                keys["secret"].as_str().expect("text").into(),
                (!token.is_empty()).then(|| token.as_str().into()),
                None,
            )
            .expect("credentials"),
            clock: Clock {
                offset_seconds: i64::try_from(random.below(1 << 31)).expect("small") - (1 << 30),
            },
            region: Some(region.into()),
            caller: String::new(),
        };
        let sent = signer.begin(&broker).first().expect("a payload");
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        cases.push(json!({"keys": keys, "host": broker, "region": region, "sent": sent}));
    }
    let program = "import json, sys\n\
        sys.dont_write_bytecode = True\n\
        sys.path.insert(0, sys.argv[1])\n\
        import selfcheck\n\
        wrong = []\n\
        for case in json.load(sys.stdin):\n\
        \x20   sent = case['sent']\n\
        \x20   selfcheck.now = lambda seconds=0: sent['x-amz-date']\n\
        \x20   right = selfcheck.payload(case['keys'], case['host'], case['region'])\n\
        \x20   right['user-agent'] = sent['user-agent']\n\
        \x20   if right != sent:\n\
        \x20       wrong.append([right, sent])\n\
        print(json.dumps(wrong))\n";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .arg(rig())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = python.stdin.take().expect("stdin");
    stdin
        .write_all(json!(cases).to_string().as_bytes())
        .expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("an end");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "[]",
        "SEED={seed}"
    );
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).expect("small")).expect("small")
    }

    /// Up to `most` visible characters of ASCII, at least one.
    fn text(&mut self, most: usize) -> String {
        let length = 1 + self.below(most);
        (0..length)
            .map(|_| char::from(b'!' + u8::try_from(self.below(94)).expect("small")))
            .collect()
    }
}
