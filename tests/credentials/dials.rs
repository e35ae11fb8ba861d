//! Machines and servers that do one thing only.

use super::*;

/// A machine without any network.
pub struct Nobody;

#[async_trait]
impl Dial for Nobody {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        Err(refused(DialStage::Tcp, &format!("no way to {host}:{port}")))
    }
}

/// A server that says the same to every request; each connection carries as many as are given, and
/// `None` says nothing at all.
pub struct Canned {
    pub answers: Vec<Option<String>>,
    pub per_connection: usize,
    pub said: Arc<AtomicUsize>,
    pub tls: Option<TlsAcceptor>,
}

impl Canned {
    pub fn plain(answers: Vec<Option<String>>, per_connection: usize) -> Self {
        Self {
            answers,
            per_connection,
            said: Arc::new(AtomicUsize::new(0)),
            tls: None,
        }
    }
}

pub fn http(status: &str, body: &str) -> Option<String> {
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

/// A machine whose sshd does not forward.
pub struct Forbidden;

#[async_trait]
impl Dial for Forbidden {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        Err(DialError {
            help: Some("AllowTcpForwarding local".into()),
            ..refused(DialStage::Forwarding, "administratively prohibited")
        })
    }
}

/// A server that says this and leaves.
pub struct Greeting(pub &'static str);

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
pub struct Never;

#[async_trait]
impl Dial for Never {
    async fn dial(&self, _: &str, _: u16) -> Result<Stream, DialError> {
        std::future::pending().await
    }
}
