//! AWS's Signature Version 4, in the two forms that are needed here: a presigned query (MSK) and a
//! signed header (STS). Written by hand, since one signature is not worth fifty crates. The format:
//! "Create a signed AWS API request" in the IAM user guide.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::Credentials;
use crate::text::hex;

/// The one algorithm.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Inputs of a signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signer<'a> {
    /// The key that signs.
    pub credentials: &'a Credentials,
    /// The region that the request is for.
    pub region: &'a str,
    /// The service's name in signatures (`sts`, `kafka-cluster`).
    pub service: &'a str,
    /// The time, to the second.
    pub at: SystemTime,
}

impl Signer<'_> {
    /// The query of a presigned `GET https://HOST/`: the given parameters and AWS's own, with the
    /// signature as the last one. Names are to be unreserved characters, values may be any text;
    /// both are returned as they are, not encoded. `expires` counts in whole seconds.
    pub fn presigned(
        &self,
        host: &str,
        parameters: &[(&'static str, &str)],
        expires: Duration,
    ) -> BTreeMap<&'static str, String> {
        let given = parameters
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let mut query: BTreeMap<&str, String> = given.collect();
        let credentials = self.credentials;
        let credential = format!("{}/{}", credentials.access_key_id(), self.scope());
        query.insert("X-Amz-Algorithm", ALGORITHM.into());
        query.insert("X-Amz-Credential", credential);
        query.insert("X-Amz-Date", timestamp(self.at));
        query.insert("X-Amz-Expires", expires.as_secs().to_string());
        query.insert("X-Amz-SignedHeaders", "host".into());
        if let Some(token) = credentials.session_token() {
            query.insert("X-Amz-Security-Token", token.expose_secret().into());
        }
        let encoded: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
            .collect();
        let query_text = encoded.join("&");
        let nothing = hex(&Sha256::digest(b""));
        let canonical = format!("GET\n/\n{query_text}\nhost:{host}\n\nhost\n{nothing}");
        query.insert("X-Amz-Signature", self.sign(&canonical));
        query
    }

    /// The value of the header `Authorization` for a `POST /`. The headers' names are to be in lower
    /// case; all of them are signed, so they have to hold `host` and `x-amz-date`.
    pub fn authorization(&self, headers: &BTreeMap<&str, String>, body: &[u8]) -> String {
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let names = headers.keys().copied().collect::<Vec<_>>().join(";");
        let payload = hex(&Sha256::digest(body));
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{payload}");
        format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={}",
            self.credentials.access_key_id(),
            self.scope(),
            self.sign(&canonical)
        )
    }

    fn scope(&self) -> String {
        let day = &timestamp(self.at)[..8];
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    fn sign(&self, canonical: &str) -> String {
        let scope = self.scope();
        let hashed = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{hashed}", timestamp(self.at));
        let secret = self.credentials.secret_access_key().expose_secret();
        let first = format!("AWS4{secret}").into_bytes();
        let key = scope.split('/').fold(first, |key, part| hmac(&key, part));
        hex(&hmac(&key, &text))
    }
}

/// A time in the format of signatures: `20261123T123456Z`. Times outside of the years 1970 to 9999 are
/// clamped.
pub fn timestamp(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let at = UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799));
    let text = humantime::format_rfc3339_seconds(at).to_string();
    text.replace(['-', ':'], "")
}

/// Percent-encoding as signatures want it: all but letters, digits and `-._~`.
pub(crate) fn percent_encode(text: &str) -> String {
    // What RFC 3986 calls unreserved stays.
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, ENCODED).to_string()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "IQoJb3JpZ2luX2VjEA+/=~token";

    fn credentials(token: Option<&str>) -> Credentials {
        let token = token.map(Into::into);
        Credentials::new("AKIDEXAMPLE".into(), SECRET.into(), token, None).expect("credentials")
    }

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).expect("a time")
    }

    /// By botocore 1.44.8, `SigV4Auth` (which makes of `get-vanilla` of AWS's own test suite what
    /// stands there).
    #[test]
    fn a_signed_header_is_what_botocore_makes() {
        let held = credentials(None);
        let mut signer = Signer {
            credentials: &held,
            region: "us-east-1",
            service: "sts",
            at: at("2026-11-23T12:34:56Z"),
        };
        let body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A\
                    123456789012%3Arole%2Fdemo&RoleSessionName=aws-msk-iam-auth&DurationSeconds=900";
        let mut headers = BTreeMap::from([
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("host", "sts.amazonaws.com".to_owned()),
            ("x-amz-date", "20261123T123456Z".to_owned()),
        ]);
        assert_eq!(
            signer.authorization(&headers, body.as_bytes()),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/sts/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=d94fd64c34a4632d84f8ce28009c0f03fae7d2220067f6b0338fbcbb03cab9d5"
        );
        let held = credentials(Some(TOKEN));
        signer.credentials = &held;
        headers.insert("x-amz-security-token", TOKEN.to_owned());
        assert_eq!(
            signer.authorization(&headers, body.as_bytes()),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/sts/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=d00665a1b758864068c97354311912da4f093ae0613b467938860ca945f6c261"
        );
    }

    /// By botocore 1.44.8, `SigV4QueryAuth`.
    #[test]
    fn a_presigned_query_is_what_botocore_makes() {
        for (token, signature) in [
            (
                None,
                "2ebe298ffa0d302ded3ec8075c749cf10b742922fee99427e642d91f6f5ca202",
            ),
            (
                Some(TOKEN),
                "badd2f6b7f5c23cf8732e73794790f63b8ceef56f785dc75a08cfe300b2d8323",
            ),
        ] {
            let held = credentials(token);
            let signer = Signer {
                credentials: &held,
                region: "us-east-1",
                service: "kafka-cluster",
                at: at("2026-11-23T12:34:56Z"),
            };
            let query = signer.presigned(
                "b-1.demo.abc123.c2.kafka.us-east-1.amazonaws.com",
                &[("Action", "kafka-cluster:Connect")],
                Duration::from_secs(900),
            );
            assert_eq!(query["X-Amz-Signature"], signature);
            assert_eq!(
                query["X-Amz-Credential"],
                "AKIDEXAMPLE/20261123/us-east-1/kafka-cluster/aws4_request"
            );
            assert_eq!(query.get("X-Amz-Security-Token").map(String::as_str), token);
        }
    }

    #[test]
    fn times_at_the_ends_can_be_written() {
        assert_eq!(timestamp(UNIX_EPOCH), "19700101T000000Z");
        assert_eq!(
            timestamp(UNIX_EPOCH - Duration::from_secs(1)),
            "19700101T000000Z"
        );
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(timestamp(far), "99991231T235959Z");
    }

    proptest! {
        #[test]
        fn encoded_text_decodes_to_the_original(text in any::<String>()) {
            let encoded = percent_encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let mut decoded = Vec::new();
            let mut bytes = encoded.bytes();
            while let Some(byte) = bytes.next() {
                decoded.push(if byte == b'%' {
                    let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                    let digits = std::str::from_utf8(&digits).expect("text");
                    u8::from_str_radix(digits, 16).expect("hexadecimal")
                } else {
                    byte
                });
            }
            prop_assert_eq!(String::from_utf8(decoded).expect("text"), text);
        }
    }
}
