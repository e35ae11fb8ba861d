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

/// Largest body; the expected ones have one or two kilobytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// Largest response head.
const HEAD_LIMIT: usize = 16 * 1024;

/// A complete response. Its body may hold secrets: no Debug.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HttpError {
    /// Nothing came before the deadline.
    Timeout,
    /// The response exceeds [`BODY_LIMIT`].
    TooLong,
    /// The stream broke, or this is no HTTP; the message is not escaped.
    Broken(String),
}

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A keep-alive connection.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes, within `send` and not in a task; `None` once the connection has ended.
    driver: Option<Driver>,
}

impl Connection {
    /// HTTP over a stream; nothing is sent yet.
    pub(super) async fn new<S: Duplex + 'static>(stream: S) -> Result<Self, HttpError> {
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

    /// Sends a request and reads the complete response.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let Self { sender, driver } = self;
        let exchange = async {
            sender.ready().await.map_err(|error| broken(&error))?;
            let response = sender.send_request(request).await;
            read(response.map_err(|error| broken(&error))?).await
        };
        let driven = async {
            tokio::pin!(exchange);
            if let Some(running) = driver {
                tokio::select! {
                    response = &mut exchange => return response,
                    // The end is no error: the response may be complete.
                    _ = running => {}
                }
                *driver = None;
            }
            exchange.await
        };
        timeout_at(deadline, driven)
            .await
            .unwrap_or(Err(HttpError::Timeout))
    }
}

async fn read(response: hyper::Response<Incoming>) -> Result<Response, HttpError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await;
    let bytes = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return HttpError::TooLong;
        }
        HttpError::Broken(error.to_string())
    })?;
    String::from_utf8(bytes.to_bytes().into())
        .map(|body| Response { status, body })
        .map_err(|_| HttpError::Broken("the answer is no UTF-8 text".into()))
}

fn broken(error: &hyper::Error) -> HttpError {
    // hyper's message names the step, its source the cause.
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    HttpError::Broken(format!("{error}{}", cause.unwrap_or_default()))
}

impl HttpError {
    /// For messages: on one line, escaped.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Timeout => "no answer before the deadline".into(),
            Self::TooLong => format!("an answer of more than {} KiB", BODY_LIMIT / 1024),
            Self::Broken(message) => super::first_line(message),
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

    /// Responds to one request with each of these, in turn; then closes.
    async fn serve(mut end: DuplexStream, responses: Vec<Vec<u8>>) {
        for response in responses {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = end.read_u8().await else {
                    return;
                };
                head.push(byte);
            }
            // The client stops reading a response that is too long.
            if end.write_all(&response).await.is_err() {
                return;
            }
        }
    }

    async fn exchanges(
        responses: Vec<Vec<u8>>,
        times: usize,
    ) -> Vec<Result<(u16, String), HttpError>> {
        let (client, server) = duplex(1000);
        let mut connection = Connection::new(client).await.expect("a connection");
        let send = async {
            let mut found = Vec::new();
            for _ in 0..times {
                let response = connection.send(get(), soon()).await;
                found.push(response.map(|response| (response.status.as_u16(), response.body)));
            }
            drop(connection);
            found
        };
        let ((), found) = tokio::join!(serve(server, responses), send);
        found
    }

    #[tokio::test]
    async fn one_connection_carries_several_requests() {
        let responses = [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none",
            "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
            // Without a length the end of the stream ends the body.
            "HTTP/1.0 200 OK\r\n\r\nthree",
        ];
        let found = exchanges(responses.map(|text| text.into()).into(), 4).await;
        assert_eq!(found[0], Ok((200, "one".into())));
        assert_eq!(found[1], Ok((404, "two".into())));
        assert_eq!(found[2], Ok((200, "three".into())));
        assert!(matches!(found[3], Err(HttpError::Broken(_))), "{found:?}");
    }

    #[tokio::test]
    async fn responses_are_bounded() {
        let body = |length: usize| {
            let mut response =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
            response.resize(response.len() + length, b'x');
            response
        };
        let found = exchanges(vec![body(BODY_LIMIT)], 1).await;
        assert!(matches!(&found[0], Ok((200, body)) if body.len() == BODY_LIMIT));
        let found = exchanges(vec![body(BODY_LIMIT + 1)], 1).await;
        assert_eq!(found, [Err(HttpError::TooLong)]);
        let mut endless = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
        endless.resize(10 * BODY_LIMIT, b'x');
        let found = exchanges(vec![endless], 1).await;
        assert_eq!(found, [Err(HttpError::TooLong)]);
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(10 * HEAD_LIMIT, b'x');
        let found = exchanges(vec![head], 1).await;
        assert!(
            matches!(&found[0], Err(HttpError::Broken(message)) if message.contains("too large")),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn what_is_not_http_is_an_error() {
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
        ] {
            let found = exchanges(vec![text.into()], 1).await;
            assert!(
                matches!(&found[0], Err(HttpError::Broken(message)) if !message.is_empty()),
                "{found:?}"
            );
        }
        let found = exchanges(vec![b"HTTP/1.0 200 OK\r\n\r\n\xff".to_vec()], 1).await;
        assert!(matches!(found[0], Err(HttpError::Broken(_))), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_responds_is_abandoned_at_the_deadline() {
        let (client, _server) = duplex(1000);
        let mut connection = Connection::new(client).await.expect("a connection");
        let start = Instant::now();
        let response = connection
            .send(get(), start + Duration::from_secs(10))
            .await;
        assert_eq!(response.err(), Some(HttpError::Timeout));
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
}
