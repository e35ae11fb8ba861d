//! Small HTTP/1 exchanges over one stream, bounded in size and time.

use std::{future::Future, pin::Pin};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::transport::dial::Duplex;

/// Most that a body may have; what we ask for has one or two kilobytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// Most that an answer's head may have.
const HEAD_LIMIT: usize = 16 * 1024;

/// A whole answer. Its body may hold secrets: no Debug.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing came before the deadline.
    Late,
    /// More came than any right answer has.
    TooLong,
    /// The stream broke, or what came is no HTTP; in words, not escaped.
    Broken(String),
}

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A connection that takes one request after the other.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What moves the bytes; it is gone when the connection has ended. It runs within `ask`, not as
    /// a task: nothing goes on behind the caller's back.
    driver: Option<Driver>,
}

impl Connection {
    /// HTTP over a stream; nothing is sent yet.
    pub(super) async fn new<S: Duplex + 'static>(stream: S) -> Result<Self, Failure> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
        })
    }

    /// Sends a request and reads its whole answer.
    pub(super) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let Self { sender, driver } = self;
        let exchange = async {
            sender.ready().await.map_err(|error| broken(&error))?;
            let response = sender.send_request(request).await;
            read(response.map_err(|error| broken(&error))?).await
        };
        let both = async {
            tokio::pin!(exchange);
            if let Some(running) = driver {
                tokio::select! {
                    done = &mut exchange => return done,
                    // An end is no error: the answer may be here already, and the exchange knows.
                    _ = running => {}
                }
                *driver = None;
            }
            exchange.await
        };
        timeout_at(deadline, both)
            .await
            .unwrap_or(Err(Failure::Late))
    }
}

async fn read(response: hyper::Response<Incoming>) -> Result<Answer, Failure> {
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await;
    let bytes = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Failure::TooLong;
        }
        Failure::Broken(error.to_string())
    })?;
    String::from_utf8(bytes.to_bytes().into())
        .map(|body| Answer { status, body })
        .map_err(|_| Failure::Broken("the answer is no UTF-8 text".into()))
}

fn broken(error: &hyper::Error) -> Failure {
    // hyper's own words name the step, those of the error below it name the cause.
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Failure::Broken(format!("{error}{}", cause.unwrap_or_default()))
}

impl Failure {
    /// In words, for `said`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Late => "no answer before the deadline".into(),
            Self::TooLong => format!("an answer of more than {} KiB", BODY_LIMIT / 1024),
            Self::Broken(words) => super::said(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn get() -> Request<Full<Bytes>> {
        let request = Request::get("/").header("host", "x");
        request.body(Full::default()).expect("a request")
    }

    /// Reads a request's head and answers with these bytes, for each text in turn; then closes.
    async fn serve(mut end: DuplexStream, answers: Vec<Vec<u8>>) {
        for answer in answers {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = end.read_u8().await else {
                    return;
                };
                head.push(byte);
            }
            // The client may leave in the midst of too long an answer.
            if end.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    async fn asked(answers: Vec<Vec<u8>>, times: usize) -> Vec<Result<(u16, String), Failure>> {
        let (near, far) = duplex(1000);
        let mut connection = Connection::new(near).await.expect("a connection");
        let ask = async {
            let mut found = Vec::new();
            for _ in 0..times {
                let answer = connection.ask(get(), soon()).await;
                found.push(answer.map(|answer| (answer.status.as_u16(), answer.body)));
            }
            drop(connection);
            found
        };
        let ((), found) = tokio::join!(serve(far, answers), ask);
        found
    }

    #[tokio::test]
    async fn one_connection_carries_one_request_after_the_other() {
        let answers = [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none",
            "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
            // Without a length the end of the stream ends the body.
            "HTTP/1.0 200 OK\r\n\r\nthree",
        ];
        let found = asked(answers.map(|text| text.into()).into(), 4).await;
        assert_eq!(found[0], Ok((200, "one".into())));
        assert_eq!(found[1], Ok((404, "two".into())));
        assert_eq!(found[2], Ok((200, "three".into())));
        assert!(matches!(found[3], Err(Failure::Broken(_))), "{found:?}");
    }

    #[tokio::test]
    async fn answers_are_bounded() {
        let body = |length: usize| {
            let mut answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
            answer.resize(answer.len() + length, b'x');
            answer
        };
        let found = asked(vec![body(BODY_LIMIT)], 1).await;
        assert!(matches!(&found[0], Ok((200, body)) if body.len() == BODY_LIMIT));
        let found = asked(vec![body(BODY_LIMIT + 1)], 1).await;
        assert_eq!(found, [Err(Failure::TooLong)]);
        let mut endless = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
        endless.resize(10 * BODY_LIMIT, b'x');
        let found = asked(vec![endless], 1).await;
        assert_eq!(found, [Err(Failure::TooLong)]);
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(10 * HEAD_LIMIT, b'x');
        let found = asked(vec![head], 1).await;
        assert!(
            matches!(&found[0], Err(Failure::Broken(words)) if words.contains("too large")),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn what_is_no_http_is_said() {
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
        ] {
            let found = asked(vec![text.into()], 1).await;
            assert!(
                matches!(&found[0], Err(Failure::Broken(words)) if !words.is_empty()),
                "{found:?}"
            );
        }
        let found = asked(vec![b"HTTP/1.0 200 OK\r\n\r\n\xff".to_vec()], 1).await;
        assert!(matches!(found[0], Err(Failure::Broken(_))), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_left_at_the_deadline() {
        let (near, _far) = duplex(1000);
        let mut connection = Connection::new(near).await.expect("a connection");
        let start = Instant::now();
        let answer = connection.ask(get(), start + Duration::from_secs(10)).await;
        assert_eq!(answer.err(), Some(Failure::Late));
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
}
