//! AWS_MSK_IAM: one token, a presigned request in JSON (README of aws-msk-iam-auth, "Details", and
//! its `AWS4SignedPayloadGenerator`). The secret key never travels.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Authenticator, Conversation, SaslError};
use crate::{
    broker::credentials::{
        Credentials,
        clock::Clock,
        region,
        sigv4::{Signer, timestamp},
    },
    names::{HostName, Region},
    text::escape_control,
};

/// The version of payload and reply.
const VERSION: &str = "2020_10_22";

/// The IAM action that brokers require of a client.
const ACTION: &str = "kafka-cluster:Connect";

/// How long a signature is valid, as in AWS's jar.
const EXPIRES: Duration = Duration::from_secs(900);

/// Longest reply; a valid one has about a hundred bytes.
const LONGEST: usize = 8 * 1024;

/// Credentials of IAM.
#[derive(Debug, Clone)]
pub struct Iam {
    /// The key that signs.
    pub credentials: Credentials,
    /// The clock to sign with: the host's.
    pub clock: Clock,
    /// The region for brokers whose names have none.
    pub region: Option<String>,
    /// The caller, for messages: the ARN of a session, `instance role NAME`, or the access key's id.
    pub caller: String,
}

impl Authenticator for Iam {
    fn begin(&self, broker: &str) -> Box<dyn Conversation> {
        Box::new(IamConversation {
            iam: self.clone(),
            broker: broker.to_owned(),
            sent: false,
        })
    }

    fn caller(&self) -> String {
        self.caller.clone()
    }
}

struct IamConversation {
    iam: Iam,
    broker: String,
    sent: bool,
}

impl Conversation for IamConversation {
    fn mechanism(&self) -> &'static str {
        "AWS_MSK_IAM"
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        let Iam {
            credentials,
            clock,
            region,
            ..
        } = &self.iam;
        let token = payload(credentials, &self.broker, region.as_deref(), clock.now())?;
        self.sent = true;
        Ok(token)
    }

    fn next(&mut self, reply: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        if !std::mem::take(&mut self.sent) {
            return Err(unexpected("it speaks out of turn"));
        }
        check_reply(reply).map(|()| None)
    }
}

/// The token: the parameters of a presigned query as a JSON object, with names in lower case.
fn payload(
    credentials: &Credentials,
    broker: &str,
    region: Option<&str>,
    at: SystemTime,
) -> Result<Vec<u8>, SaslError> {
    // The name becomes part of the signed text, and other characters would change that.
    if HostName::parse(broker).is_err() {
        return Err(SaslError {
            message: format!("`{}` is no name of a broker", escape_control(broker)),
            help: "check the cluster's bootstrap addresses".into(),
        });
    }
    let region = match region::of_broker(broker) {
        Some(region) => Some(region),
        None => region
            .map(Region::parse)
            .transpose()
            .map_err(|error| SaslError {
                message: error.sentence(),
                help: error.help,
            })?,
    };
    let Some(region) = region else {
        return Err(SaslError {
            message: format!("the name {broker} tells no AWS region, and the signature needs one"),
            help: "brokers of MSK with IAM are called `b-1.….kafka.REGION.amazonaws.com`: give \
                   those names; or give the region"
                .into(),
        });
    };
    if let Some(expires) = credentials.expires().filter(|expires| *expires <= at) {
        return Err(SaslError {
            message: format!(
                "the credentials ended at {}, and it is {} by the host's clock",
                timestamp(expires),
                timestamp(at)
            ),
            help: "take new ones, or set the host's clock".into(),
        });
    }
    let signer = Signer {
        credentials,
        region: region.as_str(),
        service: "kafka-cluster",
        at,
    };
    let mut object = Map::new();
    object.insert("version".into(), VERSION.into());
    object.insert("host".into(), broker.into());
    let agent = concat!("trueup/", env!("CARGO_PKG_VERSION"));
    object.insert("user-agent".into(), agent.into());
    for (name, value) in signer.presigned(broker, &[("Action", ACTION)], EXPIRES) {
        object.insert(name.to_ascii_lowercase(), value.into());
    }
    Ok(Value::Object(object).to_string().into_bytes())
}

/// A broker's reply to a valid token.
#[derive(Deserialize)]
struct IamReply {
    version: String,
    #[serde(rename = "request-id")]
    request_id: String,
}

fn check_reply(reply: &[u8]) -> Result<(), SaslError> {
    if reply.is_empty() {
        return Err(unexpected("it is empty"));
    }
    if reply.len() > LONGEST {
        return Err(unexpected("it is very long"));
    }
    let Ok(IamReply {
        version,
        request_id,
    }) = serde_json::from_slice(reply)
    else {
        return Err(unexpected("it is not JSON with a version and a request id"));
    };
    if version != VERSION {
        let version: String = version.chars().take(40).collect();
        return Err(unexpected(&format!(
            "its version is {}, not {VERSION}",
            escape_control(&version)
        )));
    }
    if request_id.is_empty() {
        return Err(unexpected("its request id is empty"));
    }
    Ok(())
}

fn unexpected(problem: &str) -> SaslError {
    SaslError {
        message: format!("the broker's answer is not one of AWS_MSK_IAM: {problem}"),
        help: "check that the port is the cluster's IAM port (9098, or 9198 from outside)".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BROKER: &str = "b-1.demo.abc123.c2.kafka.us-east-1.amazonaws.com";

    fn credentials(token: Option<&str>, expires: Option<SystemTime>) -> Credentials {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into();
        let token = token.map(Into::into);
        Credentials::new("AKIDEXAMPLE".into(), secret, token, expires).expect("credentials")
    }

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).expect("a time")
    }

    fn iam(region: Option<&str>) -> Iam {
        Iam {
            credentials: credentials(Some("CANARY-TOKEN"), None),
            clock: Clock::default(),
            region: region.map(Into::into),
            caller: "instance role demo".into(),
        }
    }

    /// The signature is the one that botocore 1.44.8 gives for the same presigned request.
    #[test]
    fn the_payload_has_what_a_broker_reads() {
        let now = at("2026-11-23T12:34:56Z");
        let sent = payload(&credentials(None, None), BROKER, Some("eu-west-1"), now);
        let sent: Value = serde_json::from_slice(&sent.expect("a payload")).expect("JSON");
        let expected = serde_json::json!({
            "version": "2020_10_22",
            "host": BROKER,
            "user-agent": concat!("trueup/", env!("CARGO_PKG_VERSION")),
            "action": "kafka-cluster:Connect",
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": "AKIDEXAMPLE/20261123/us-east-1/kafka-cluster/aws4_request",
            "x-amz-date": "20261123T123456Z",
            "x-amz-expires": "900",
            "x-amz-signedheaders": "host",
            "x-amz-signature": "2ebe298ffa0d302ded3ec8075c749cf10b742922fee99427e642d91f6f5ca202",
        });
        assert_eq!(sent, expected);
        let sent = payload(&credentials(Some("t/+="), None), BROKER, None, now);
        let sent: Value = serde_json::from_slice(&sent.expect("a payload")).expect("JSON");
        assert_eq!(sent["x-amz-security-token"], "t/+=");
    }

    #[test]
    fn a_given_region_is_used_where_the_name_has_none() {
        let region_of = |broker: &str, given: Option<&str>| -> Result<String, SaslError> {
            let sent = iam(given).begin(broker).first()?;
            let sent: Value = serde_json::from_slice(&sent).expect("JSON");
            let scope = sent["x-amz-credential"].as_str().expect("text").to_owned();
            Ok(scope.split('/').nth(2).expect("a region").to_owned())
        };
        let serverless = "boot-abc.c1.kafka-serverless.eu-west-1.amazonaws.com";
        assert_eq!(
            region_of(serverless, Some("us-east-1")),
            Ok("eu-west-1".into())
        );
        assert_eq!(
            region_of("kafka.internal", Some("us-east-1")),
            Ok("us-east-1".into())
        );
        let error = region_of("kafka.internal", None).expect_err("no region");
        assert!(
            error.message.contains("kafka.internal tells no AWS region"),
            "{error}"
        );
        for (broker, region) in [
            ("", None),
            ("a\nb", None),
            ("a b", None),
            ("kafka", Some("a/b-c-1")),
        ] {
            let error: SaslError = region_of(broker, region).expect_err(broker);
            assert!(
                !error.message.contains('\n') && !error.help.is_empty(),
                "{error}"
            );
        }
    }

    #[test]
    fn the_hosts_clock_signs() {
        let mut iam = iam(None);
        iam.clock = Clock {
            offset_seconds: -86_400 * 365 * 20,
        };
        let sent = iam.begin(BROKER).first().expect("a payload");
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        let year: u32 = sent["x-amz-date"].as_str().expect("text")[..4]
            .parse()
            .expect("a year");
        let this_year = &humantime::format_rfc3339_seconds(SystemTime::now()).to_string()[..4];
        let this_year: u32 = this_year.parse().expect("a year");
        assert!((19..=21).contains(&(this_year - year)), "{year}");
    }

    #[test]
    fn expired_credentials_are_not_sent() {
        let ends = at("2026-11-23T12:34:56Z");
        let credentials = credentials(Some("CANARY-TOKEN"), Some(ends));
        assert!(payload(&credentials, BROKER, None, at("2026-11-23T12:34:55Z")).is_ok());
        let error = payload(&credentials, BROKER, None, ends).expect_err("too late");
        assert!(error.message.contains("20261123T123456Z"), "{error}");
    }

    #[test]
    fn only_a_valid_reply_is_accepted() {
        let iam = iam(None);
        assert_eq!(iam.caller(), "instance role demo");
        for (reply, expected) in [
            ("", "empty"),
            ("{}", "not JSON with"),
            ("[]", "not JSON with"),
            ("nonsense\x1b", "not JSON with"),
            (r#"{"version":"2020_10_22"}"#, "not JSON with"),
            (r#"{"version":1,"request-id":"x"}"#, "not JSON with"),
            (
                r#"{"version":"2021\u001b","request-id":"x"}"#,
                "version is 2021\\u{1b}",
            ),
            (
                r#"{"version":"2020_10_22","request-id":""}"#,
                "request id is empty",
            ),
        ] {
            let mut conversation = iam.begin(BROKER);
            conversation.first().expect("a payload");
            let error = conversation.next(reply.as_bytes()).expect_err(reply);
            assert!(error.message.contains(expected), "{reply}: {error}");
        }
        let right = br#"{"version":"2020_10_22","request-id":"a-b","more":1}"#;
        let mut conversation = iam.begin(BROKER);
        assert_eq!(conversation.mechanism(), "AWS_MSK_IAM");
        assert!(conversation.next(right).is_err(), "before the first token");
        conversation.first().expect("a payload");
        assert_eq!(conversation.next(right), Ok(None));
        assert!(
            conversation.next(right).is_err(),
            "the conversation is over"
        );
        assert!(!format!("{iam:?}").contains("CANARY"));
        conversation.first().expect("a payload");
        assert!(conversation.next(&vec![b' '; LONGEST + 1]).is_err());
    }

    proptest! {
        #[test]
        fn all_values_are_strings_and_the_secret_is_in_none(
            secret in "[!-~]{20,40}",
            token in prop::option::of("[!-~]{1,200}"),
            broker in "[a-zA-Z0-9][a-zA-Z0-9.-]{0,59}",
        ) {
            let token = token.map(Into::into);
            let credentials = Credentials::new("AKIA".into(), secret.as_str().into(), token, None);
            let sent = payload(
                &credentials.expect("credentials"),
                &broker,
                Some("us-east-1"),
                at("2026-11-23T12:34:56Z"),
            ).expect("a payload");
            let sent: Map<String, Value> = serde_json::from_slice(&sent).expect("JSON");
            prop_assert!(sent.values().all(Value::is_string));
            prop_assert_eq!(&sent["host"], &Value::from(broker));
            prop_assert!(sent.values().all(|value| value != &Value::from(secret.as_str())));
        }

        #[test]
        fn no_reply_panics(reply in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = check_reply(&reply) {
                prop_assert!(!error.message.chars().any(char::is_control));
            }
        }
    }
}
