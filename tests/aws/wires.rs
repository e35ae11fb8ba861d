//! Wires that carry no answer: silence, another protocol, certificates of nobody, and those that are
//! cut. Each service says so in our words, and by the deadline.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, Stream, crypto::ring::default_provider,
    pki_types::PrivateKeyDer,
};

use crate::{
    spoiled::{ROLE, account, all_of_it, desk, is_clean},
    world::{Desk, Front, Said},
};

/// What becomes of each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// It is taken, and nothing ever comes.
    Silent,
    /// Likewise, where TLS was to begin.
    SilentTls,
    /// HTTP in clear where TLS was to begin.
    Clear,
    /// The certificate is from no authority.
    SelfSigned,
    /// Half of the server's first words of TLS.
    CutInHandshake,
    /// TLS is fine, and the answer's body has no end.
    CutInBody,
    /// Likewise, of an answer that is an error.
    CutInError,
    /// The first try is cut, and what comes after it is met by silence.
    CutThenSilent,
}

const ALL: [(Wire, &str); 8] = [
    (Wire::Silent, "none within 2 s"),
    (Wire::SilentTls, "none within 2 s"),
    (
        Wire::Clear,
        "what answers there does not speak TLS as it must",
    ),
    (
        Wire::SelfSigned,
        "its certificate is from no authority that this system trusts (SSL_CERT_FILE names others)",
    ),
    (Wire::CutInHandshake, "the connection broke off"),
    (Wire::CutInBody, "the connection broke off"),
    (Wire::CutInError, "the connection broke off"),
    (
        Wire::CutThenSilent,
        "none within 2 s, and before that: the connection broke off",
    ),
];

/// A server whose certificate it has signed itself.
pub struct Signed {
    config: Arc<ServerConfig>,
    /// The certificate.
    pub pem: String,
}

impl Signed {
    pub fn new() -> Self {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]);
        let key = key.expect("a certificate");
        let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .expect("a key that fits");
        Self {
            config: Arc::new(config),
            pem: key.cert.pem(),
        }
    }

    /// The server's half of a connection.
    pub fn connection(&self) -> ServerConnection {
        ServerConnection::new(Arc::clone(&self.config)).expect("a connection")
    }
}

/// Serves each connection in a thread of its own, as long as the tests run; the port.
pub fn serve(each: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    port
}

impl Wire {
    /// Serves it; the URL.
    fn serve(self, signed: &Arc<Signed>) -> String {
        let signed = Arc::clone(signed);
        let port = serve(move |stream| self.end(stream, &signed));
        match self {
            Self::Silent | Self::CutThenSilent => format!("http://localhost:{port}"),
            _ => format!("https://localhost:{port}"),
        }
    }

    fn end(self, mut stream: TcpStream, signed: &Signed) {
        let mut asked = [0; 4096];
        match self {
            // Until the other one goes.
            Self::Silent | Self::SilentTls => {
                while stream.read(&mut asked).is_ok_and(|count| count > 0) {}
            }
            Self::CutThenSilent => {
                let mut head = Vec::new();
                while let Ok(count @ 1..) = stream.read(&mut asked) {
                    head.extend(&asked[..count]);
                    if String::from_utf8_lossy(&head).contains("attempt=1;") {
                        break;
                    }
                }
            }
            Self::Clear => {
                let _ = stream.read(&mut asked);
                let _ = stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\ncanary StartEl { name: Name }");
            }
            Self::CutInHandshake => {
                let mut tls = signed.connection();
                let _ = tls.read_tls(&mut stream);
                let _ = tls.process_new_packets();
                let mut hello = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut hello).expect("into memory");
                }
                let _ = stream.write_all(&hello[..hello.len() / 2]);
            }
            Self::SelfSigned | Self::CutInBody | Self::CutInError => {
                let mut tls = signed.connection();
                let mut encrypted = Stream::new(&mut tls, &mut stream);
                if encrypted.read(&mut asked).is_ok() {
                    let status = match self {
                        Self::CutInError => "403 Forbidden",
                        _ => "200 OK",
                    };
                    let _ = write!(
                        encrypted,
                        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"canary"
                    );
                }
            }
        }
        // No word of an end, and none of what was sent is lost to a reset.
        let _ = stream.shutdown(Shutdown::Write);
        while stream.read(&mut asked).is_ok_and(|count| count > 0) {}
    }
}

/// A desk that asks a URL.
fn at(url: &str, trusted: Option<&Signed>) -> Desk {
    let mut desk = desk(&Front {
        url: url.to_owned(),
    });
    if let Some(signed) = trusted {
        desk.write("ca.pem", &signed.pem);
        let ca = desk.folder.path().join("ca.pem").display().to_string();
        desk.set("SSL_CERT_FILE", &ca);
    }
    desk
}

#[track_caller]
fn says_each(said: &Said, what: &str, actions: &[&str], words: &str, url: &str) {
    is_clean(said, what);
    let (_, endpoint) = url.split_once("://").expect("a URL");
    let flat = said.flat();
    for action in actions {
        // IAM and STS are one in all regions.
        let place = match action.starts_with("iam:") || action.starts_with("sts:") {
            true => format!("({endpoint})"),
            false => format!("({endpoint}, us-east-1)"),
        };
        let said_of = format!("`{action}` got no answer from AWS: ");
        let wanted = format!("{words} {place}");
        // Where the SDK waits between two tries, the deadline may come first.
        let late = format!("none within 2 s, and before that: {wanted}");
        let all = format!("{}\n{}", said.out, said.err);
        let Some((_, found)) = flat.split_once(&said_of) else {
            panic!("{what}: no `{said_of}` in\n{all}");
        };
        let is_so = found.starts_with(&wanted) || found.starts_with(&late);
        assert!(is_so, "{what}: no `{said_of}{wanted}` in\n{all}");
    }
}

#[test]
fn a_wire_that_carries_no_answer_is_said_of_each_service() {
    let signed = Arc::new(Signed::new());
    let one = |wire: Wire, words: &str| {
        let url = wire.serve(&signed);
        let trusted = matches!(wire, Wire::CutInBody | Wire::CutInError);
        let desk = at(&url, trusted.then_some(&*signed));
        let words_of = ["facts", "--timeout", "2s", "-vv"];
        let said = desk.run(&all_of_it("nobody", ""), &words_of);
        assert_eq!(said.code, 4, "{wire:?}\n{}", said.err);
        let services = [
            "ec2:DescribeInstances",
            "ssm:GetParameter",
            "iam:GetRole",
            "kafka:ListClustersV2",
            "sts:GetCallerIdentity",
        ];
        says_each(&said, &format!("{wire:?}"), &services, words, &url);
        // Before all else, a role.
        let said = desk.run(&all_of_it("nobody", ROLE), &words_of);
        assert_eq!(said.code, 4, "{wire:?}\n{}", said.err);
        says_each(
            &said,
            &format!("{wire:?}, a role"),
            &["sts:AssumeRole"],
            words,
            &url,
        );
    };
    thread::scope(|scope| {
        for some in ALL.chunks(3) {
            scope.spawn(move || some.iter().for_each(|(wire, words)| one(*wire, words)));
        }
    });
}

#[test]
fn what_hangs_after_a_first_answer_meets_the_deadline_too() {
    let of = account();
    for (aws, actions) in [
        (
            "",
            &["ec2:DescribeKeyPairs", "kafka:GetBootstrapBrokers"][..],
        ),
        ("", &["sts:GetCallerIdentity"]),
        (ROLE, &["ssm:GetParameter"]),
    ] {
        let front = Front::new();
        for action in actions {
            front.fault(action, "hang", 99);
        }
        let words = ["facts", "--timeout", "2s", "-vv"];
        let said = desk(&front).run(&all_of_it(&of, aws), &words);
        assert_eq!(said.code, 4, "{actions:?}\n{}", said.err);
        says_each(
            &said,
            &format!("{actions:?}"),
            actions,
            "none within 2 s",
            &front.url,
        );
    }
}
