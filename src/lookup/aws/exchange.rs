//! An HTTP client that records the last request of a call and its response.
//!
//! The SDK's errors have that only in their `Debug`, with headers and tokens. So messages are made
//! of what is recorded here, and of codes and messages that AWS's protocols define.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::Headers,
};
use aws_smithy_types::{
    DateTime, body::SdkBody, byte_stream::ByteStream, date_time::Format as DateFormat,
};

use quick_xml::events::Event;

use super::network::{self, Network};

/// The last request of a call, and its response or failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// The host that was dialled, with its port where the URL has one; empty before any request.
    pub endpoint: String,
    /// The request's path and query. It names things of the account, and is not for people.
    pub path: String,
    /// Requests so far.
    pub tries: u32,
    /// The answer to the last request.
    pub response: Option<ResponseSummary>,
    /// Why there is none.
    pub failure: Option<Network>,
    /// The try before, where it came to an end and this one has not.
    pub previous: Option<Box<Exchange>>,
}

impl Exchange {
    /// Records that a request is sent.
    fn begin(&mut self, endpoint: String, path: String) {
        let mut last = std::mem::take(self);
        let previous = last.previous.take();
        let previous = match last.response.is_some() || last.failure.is_some() {
            true => Some(Box::new(last.clone())),
            false => previous,
        };
        let again = (&last.endpoint, &last.path) == (&endpoint, &path);
        *self = Self {
            previous: previous.filter(|_| again),
            endpoint,
            path,
            tries: last.tries + 1,
            ..Self::default()
        };
    }
}

/// The head of a response, and the error that an AWS service has in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseSummary {
    /// The HTTP status.
    pub status: u16,
    /// Its media type, without parameters, as the answer has it.
    pub media_type: String,
    /// How far the answer's clock is ahead of this machine's, in seconds.
    pub clock_ahead: Option<i64>,
    /// The code of an error, such as `AccessDenied`.
    pub code: Option<String>,
    /// Its message. It is remote text.
    pub message: Option<String>,
}

tokio::task_local! {
    static EXCHANGE: Arc<Mutex<Exchange>>;
}

/// Runs a call, and records its last request.
pub async fn record<T>(call: impl Future<Output = T>) -> (T, Exchange) {
    let exchange = Arc::new(Mutex::new(Exchange::default()));
    let done = EXCHANGE.scope(Arc::clone(&exchange), call).await;
    let exchange = exchange
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    (done, exchange)
}

/// A client that records the requests made with it.
#[derive(Debug)]
pub(crate) struct RecordingClient(pub SharedHttpClient);

impl HttpClient for RecordingClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(RecordingConnector(
            self.0.http_connector(settings, components),
        ))
    }
}

#[derive(Debug)]
struct RecordingConnector(SharedHttpConnector);

impl HttpConnector for RecordingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // Requests in the background belong to no call.
        let exchange = EXCHANGE.try_with(Arc::clone).unwrap_or_default();
        let update = move |change: &dyn Fn(&mut Exchange)| {
            change(&mut exchange.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let host = host(request.uri());
        update(&|exchange| exchange.begin(host.clone().unwrap_or_default(), path(request.uri())));
        if host.is_none() {
            update(&|exchange| exchange.failure = Some(Network::BadUrl));
            return HttpConnectorFuture::ready(Err(ConnectorError::user("no HTTP URL".into())));
        }
        let responding = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let response = responding.await.inspect_err(|error| {
                update(&|exchange| exchange.failure = Some(network::of(error)));
            })?;
            let (response, summary) = read(response).await.inspect_err(|_| {
                update(&|exchange| exchange.failure = Some(Network::BrokenOff));
            })?;
            update(&|exchange| exchange.response = Some(summary.clone()));
            Ok(response)
        })
    }
}

/// The host and port of an HTTP URL.
pub fn host(url: &str) -> Option<String> {
    let (_, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    (!host.is_empty()).then(|| host.to_owned())
}

fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/')
        .map(|at| rest[at..].to_owned())
        .unwrap_or_default()
}

/// Reads an answer to its end: what is cut off on its way is no answer, and may be tried again. Of one
/// that is no success the body is looked at, too.
async fn read(
    mut response: HttpResponse,
) -> Result<(HttpResponse, ResponseSummary), ConnectorError> {
    let status = response.status();
    let headers = response.headers();
    let media_type = headers.get("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let mut summary = ResponseSummary {
        status: status.as_u16(),
        media_type: media_type.to_owned(),
        clock_ahead: headers.get("date").and_then(clock_ahead),
        ..ResponseSummary::default()
    };
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let body = ByteStream::new(body).collect().await;
    let body = body.map_err(|error| ConnectorError::io(error.into()))?;
    let mut body = body.into_bytes();
    if !status.is_success() {
        (summary.code, summary.message) = error_of(response.headers(), &body);
    } else if is_torn(&body) {
        // The SDK would take what there is of it for the whole.
        body.clear();
    }
    *response.body_mut() = SdkBody::from(body);
    Ok((response, summary))
}

/// XML that ends before its first element does.
fn is_torn(body: &[u8]) -> bool {
    if !body.trim_ascii_start().starts_with(b"<") {
        return false;
    }
    let mut reader = quick_xml::Reader::from_reader(body);
    let mut open = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => open += 1,
            // It has checked the name.
            Ok(Event::End(_)) => open -= 1,
            Ok(Event::Eof) => return open > 0,
            Ok(_) => {}
            Err(_) => return true,
        }
    }
}

/// How far the clock that a `Date` header was made with is ahead of this machine's, in seconds.
fn clock_ahead(date: &str) -> Option<i64> {
    let there = DateTime::from_str(date, DateFormat::HttpDate).ok()?.secs();
    let here = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(there - i64::try_from(here.as_secs()).ok()?)
}

/// The code and the message of an error, in any of AWS's protocols: JSON with `__type` or `code` (or
/// the header `x-amzn-errortype`), XML with `<Code>` and `<Message>`; OAuth's `error` of SSO's logins.
fn error_of(headers: &Headers, body: &[u8]) -> (Option<String>, Option<String>) {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    let (mut code, message) = if text.starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let first = |names: &[&str]| {
            let found = names.iter().find_map(|name| value[name].as_str());
            found.map(str::to_owned)
        };
        (
            first(&["__type", "code", "Code", "error"]),
            first(&["message", "Message", "errorMessage", "error_description"]),
        )
    } else if text.starts_with('<') {
        (element(text, "Code"), element(text, "Message"))
    } else {
        (None, None)
    };
    if let Some(of_head) = headers.get("x-amzn-errortype") {
        code = Some(of_head.to_owned());
    }
    (code.as_deref().and_then(plain_code), message)
}

/// `NAMESPACE#CODE:URL` → `CODE`; nothing that is no code.
fn plain_code(text: &str) -> Option<String> {
    let code = text.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().trim();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_code = !code.is_empty() && code.len() <= 100 && code.chars().all(is_part);
    is_code.then(|| code.to_owned())
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = quick_xml::escape::unescape(text).ok()?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_urls() {
        for (url, is) in [
            (
                "https://ec2.us-east-1.amazonaws.com/",
                Some("ec2.us-east-1.amazonaws.com"),
            ),
            ("http://127.0.0.1:4566/x?y", Some("127.0.0.1:4566")),
            ("http://[::1]:80", Some("[::1]:80")),
            ("https://me:secret@host/", Some("host")),
            ("localhost:4566/", None),
            ("localhost://4566/", None),
            ("https:///x", None),
            ("/federation/credentials", None),
        ] {
            assert_eq!(host(url).as_deref(), is, "{url}");
        }
        assert_eq!(
            path("https://portal/federation/credentials?a=b"),
            "/federation/credentials?a=b"
        );
        assert_eq!(path("https://portal"), "");
    }

    #[test]
    fn the_try_before_is_kept_until_another_comes_to_an_end() {
        let mut exchange = Exchange::default();
        let mut ask = |path: &str, failure: Option<Network>| {
            exchange.begin("ec2".into(), path.into());
            let previous = exchange
                .previous
                .as_ref()
                .and_then(|one| one.failure.clone());
            exchange.failure = failure;
            previous
        };
        assert_eq!(ask("/", Some(Network::BrokenOff)), None);
        assert_eq!(ask("/", None), Some(Network::BrokenOff));
        assert_eq!(ask("/", Some(Network::NoTls)), Some(Network::BrokenOff));
        assert_eq!(ask("/", None), Some(Network::NoTls));
        assert_eq!(ask("/other", None), None, "it is of another request");
        assert_eq!(exchange.tries, 5);
    }

    #[test]
    fn torn_documents() {
        let whole = "<?xml version=\"1.0\"?>\n<a><b x=\"1\">t</b><c/></a>\n";
        assert!(!is_torn(whole.as_bytes()));
        let start = whole.find("<a>").expect("there") + 1;
        let end = whole.rfind('>').expect("there");
        for at in start..=end {
            assert!(is_torn(&whole.as_bytes()[..at]), "{}", &whole[..at]);
        }
        assert!(is_torn(b"<a><b></a>"));
        // Others have readers that see to it.
        for other in ["", "{", "{}"] {
            assert!(!is_torn(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn errors_of_all_protocols() {
        let of = |head: Option<&'static str>, body: &str| {
            let mut headers = Headers::new();
            if let Some(head) = head {
                headers.insert("x-amzn-errortype", head);
            }
            let (code, message) = error_of(&headers, body.as_bytes());
            (code.unwrap_or_default(), message.unwrap_or_default())
        };
        let both = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        let ec2 = "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>AuthFailure</Code><Message>a &amp; \
            b</Message></Error></Errors></Response>";
        assert_eq!(of(None, ec2), both("AuthFailure", "a & b"));
        let json = "{\"__type\":\"com.amazonaws.ssm#ParameterNotFound\",\"message\":\"no\"}";
        assert_eq!(of(None, json), both("ParameterNotFound", "no"));
        assert_eq!(
            of(
                Some("ForbiddenException:http://internal/"),
                "{\"message\":\"No access\"}"
            ),
            both("ForbiddenException", "No access")
        );
        assert_eq!(
            of(
                None,
                "{\"error\":\"invalid_grant\",\"error_description\":\"over\"}"
            ),
            both("invalid_grant", "over")
        );
        for foreign in [
            "",
            "<html><Code>StartEl { name: }</Code></html>",
            "{",
            "[]",
            "null",
            "no",
            "{\"__type\": {\"a\": 1}}",
        ] {
            assert_eq!(of(None, foreign), both("", ""), "{foreign}");
        }
    }
}
