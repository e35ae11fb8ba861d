//! The scripted server. Its framing and its packets are written out here, so that a mistake of the
//! library that we use is not made twice.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};
use trueup::{
    broker::Roots,
    lookup::mysql::{self, Error, Server},
    transport::dial::{Dial, DialError, Duplex, Stream},
};

pub const HOST: &str = "db.example";
pub const PASSWORD: &str = "canary-7c2";
/// The nonce of the greeting; without zeroes, as MySQL makes them.
pub const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";

/// What the scripted server offers.
#[derive(Clone)]
pub struct Offer {
    pub plugin: &'static str,
    pub tls: Option<TlsAcceptor>,
}

/// Dials once, to a script.
pub struct To(Mutex<Option<DuplexStream>>);

#[async_trait]
impl Dial for To {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        assert_eq!((host, port), (HOST, 3306));
        let stream = self.0.lock().expect("a lock").take();
        Ok(Box::new(stream.expect("one connection is enough")))
    }
}

/// The server's end: packets.
pub struct Peer {
    stream: Box<dyn Duplex>,
    next: u8,
    /// All that the client has sent, TLS taken off.
    pub heard: Vec<u8>,
}

impl Peer {
    pub async fn send(&mut self, packet: &[u8]) {
        let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
        let mut out = length[..3].to_vec();
        out.push(self.next);
        out.extend(packet);
        self.next = self.next.wrapping_add(1);
        // A client that has left is what some scripts are about.
        let _ = self.stream.write_all(&out).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next packet of the client; empty when it has left.
    pub async fn read(&mut self) -> Vec<u8> {
        let mut head = [0; 4];
        if self.stream.read_exact(&mut head).await.is_err() {
            return vec![];
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut packet = vec![0; length as usize];
        if self.stream.read_exact(&mut packet).await.is_err() {
            return vec![];
        }
        self.next = head[3].wrapping_add(1);
        self.heard.extend(&packet);
        packet
    }

    /// Until the client has left.
    pub async fn end(&mut self) {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        self.heard.extend(rest);
    }

    async fn secured(self, acceptor: &TlsAcceptor) -> Option<Self> {
        let stream = acceptor.accept(self.stream).await.ok()?;
        Some(Self {
            stream: Box::new(stream),
            ..self
        })
    }

    /// Greets; with TLS where it is offered and taken. What the client says of itself.
    pub async fn greeted(mut self, offer: &Offer) -> Option<(Self, Hello)> {
        self.send(&greeting(offer.plugin, offer.tls.is_some()))
            .await;
        let mut packet = self.read().await;
        if packet.len() == 32 {
            let acceptor = offer
                .tls
                .as_ref()
                .expect("TLS was asked of a server without it");
            self = self.secured(acceptor).await?;
            packet = self.read().await;
        }
        let hello = Hello::of(&packet)?;
        Some((self, hello))
    }

    /// The answers to the question, with these rows; what it was LIKE.
    pub async fn tables(&mut self, rows: &[&[u8]]) -> String {
        let prepared = self.read().await;
        assert_eq!(prepared.first(), Some(&0x16), "{prepared:?}");
        self.statement().await;
        let executed = self.read().await;
        self.send(&[1]).await;
        self.send(&column()).await;
        self.send(END).await;
        for row in rows {
            self.send(&packed(row)).await;
        }
        self.send(END).await;
        // Command, statement, flags, count, no NULLs, new types, one type; then the value.
        let like = executed
            .get(1 + 4 + 1 + 4 + 1 + 1 + 2..)
            .unwrap_or_default();
        let like = like.get(1..).unwrap_or_default();
        String::from_utf8(like.to_vec()).expect("UTF-8")
    }

    /// The answer to a prepared statement.
    pub async fn statement(&mut self) {
        self.send(&[0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]).await;
        for _ in 0..2 {
            self.send(&column()).await;
            self.send(END).await;
        }
    }
}

pub const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
pub const END: &[u8] = &[0xfe, 0, 0, 2, 0];

/// A row of one text.
pub fn packed(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    [&[0, 0, length], text].concat()
}

/// The definition of a column of text.
pub fn column() -> Vec<u8> {
    let mut out = Vec::new();
    for text in ["def", "", "t", "t", "table_name", "table_name"] {
        out.push(u8::try_from(text.len()).expect("short"));
        out.extend(text.as_bytes());
    }
    out.extend([0x0c, 45, 0, 0, 1, 0, 0, 253, 0, 0, 0, 0, 0]);
    out
}

/// An error of the server, as before a login (without a state) or after.
pub fn error(code: u16, state: &str, text: &str) -> Vec<u8> {
    let code = code.to_le_bytes();
    [&[0xff], &code[..], state.as_bytes(), text.as_bytes()].concat()
}

pub fn greeting(plugin: &str, tls: bool) -> Vec<u8> {
    let flags: u32 = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x8_0000 | 0x20_0000;
    let flags = (flags | if tls { 0x800 } else { 0 }).to_le_bytes();
    let mut out = b"\x0a8.0.36\0".to_vec();
    out.extend([7, 0, 0, 0]);
    out.extend(&NONCE[..8]);
    out.push(0);
    out.extend(&flags[..2]);
    out.extend([45, 2, 0]);
    out.extend(&flags[2..]);
    out.push(21);
    out.extend([0; 10]);
    out.extend(&NONCE[8..]);
    out.push(0);
    out.extend(plugin.as_bytes());
    out.push(0);
    out
}

/// What a client says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Hello {
    pub user: String,
    pub answer: Vec<u8>,
    pub database: String,
    pub plugin: String,
}

impl Hello {
    fn of(packet: &[u8]) -> Option<Self> {
        let flags = u32::from_le_bytes(packet.get(..4)?.try_into().ok()?);
        // LOCAL_FILES, MULTI_STATEMENTS: a server could take more than it is asked to give.
        assert_eq!(flags & (0x80 | 0x1_0000), 0, "{flags:x}");
        let mut rest = packet.get(32..)?;
        let text = |rest: &mut &[u8]| -> Option<String> {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = String::from_utf8(rest[..end].to_vec()).ok()?;
            *rest = &rest[end + 1..];
            Some(text)
        };
        let user = text(&mut rest)?;
        let (length, after) = match rest.first()? {
            0xfc => (usize::from(u16::from_le_bytes([rest[1], rest[2]])), 3),
            length => (usize::from(*length), 1),
        };
        let answer = rest.get(after..after + length)?.to_vec();
        rest = &rest[after + length..];
        Some(Self {
            user,
            answer,
            database: text(&mut rest)?,
            plugin: text(&mut rest)?,
        })
    }
}

/// A server's TLS, and who vouches for it.
pub fn tls() -> (TlsAcceptor, Roots) {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).expect("a certificate");
    let der: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![der], key)
        .expect("a pair");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(made.cert.pem().as_bytes()).expect("written");
    let roots = Roots::from_pem_file(file.path()).expect("roots");
    (TlsAcceptor::from(Arc::new(config)), roots)
}

/// Asks for the tables of a server that a script plays; what came of both.
pub async fn ask<T>(
    roots: Option<Roots>,
    script: impl AsyncFnOnce(Peer) -> T,
) -> (Result<Vec<String>, Error>, T) {
    ask_as(roots, PASSWORD, None, script).await
}

/// Likewise, with a password and a pattern.
pub async fn ask_as<T>(
    roots: Option<Roots>,
    password: &str,
    like: Option<&str>,
    script: impl AsyncFnOnce(Peer) -> T,
) -> (Result<Vec<String>, Error>, T) {
    let (ours, theirs) = duplex(256 * 1024);
    let to = To(Mutex::new(Some(ours)));
    let server = Server {
        host: HOST.to_owned(),
        port: 3306,
        user: "reader".to_owned(),
        password: SecretString::from(password),
        database: "base".to_owned(),
        roots,
    };
    let peer = Peer {
        stream: Box::new(theirs),
        next: 0,
        heard: vec![],
    };
    let asking = mysql::tables(&to, "client", &server, like, Duration::from_secs(30));
    let (found, said) = tokio::join!(asking, script(peer));
    if let Err(error) = &found {
        let shown = format!("{error}\n{error:?}");
        assert!(!shown.contains(password), "{shown}");
        assert!(error.to_string().contains("\n  help: "), "{error}");
    }
    (found, said)
}
