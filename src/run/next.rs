//! What people do next with a client that was brought to its spec: a command that works there as it
//! stands, or none.

use super::{Target, topics::ClusterTarget};
use crate::{
    kinds::{
        Address,
        client::{Client, kafka, properties},
    },
    plan::HostPlan,
    script::quote,
    spec::{PropertyValue, Route, Security},
};

/// Lists topics with the client's own tool. Nothing where the spec has no Kafka that was looked at, or
/// no file that the cluster would let in.
pub(super) fn lines(target: &Target, plan: &HostPlan, clusters: &[ClusterTarget]) -> Vec<String> {
    let host = &target.host;
    let looked_at = |address: &Address| plan.steps.iter().any(|step| step.address == *address);
    let (Some(client), Some(facts)) = (host.declared.get::<Client>(), &plan.facts) else {
        return vec![];
    };
    let Some(home) = client.home() else {
        return vec![];
    };
    if !looked_at(&kafka::ADDRESS) {
        return vec![];
    }
    let file = client.properties_path();
    let file = file.filter(|_| looked_at(&properties::ADDRESS));
    let speaks = Speaks::of(client, file.is_some());
    let is_here = matches!(host.route, Route::Local);
    let found = if clusters.is_empty() {
        speaks
            .a_broker()
            .map(|broker| (broker.to_owned(), file.is_some()))
    } else {
        let leads_there = |one: &&ClusterTarget| {
            one.may_go_through(&host.name) || is_here && one.desired.through.is_empty()
        };
        let mut there = clusters.iter().filter(leads_there);
        there.find_map(|one| {
            let with_file = speaks.serves(&one.desired.cluster.access.security)?;
            Some((one.first_broker(), with_file))
        })
    };
    let Some((broker, with_file)) = found else {
        return vec![];
    };
    let at_home = |path: &str| plainly(&facts.expand(path));
    let (Some(tool), Some(broker)) = (
        at_home(&format!("{home}/bin/kafka-topics.sh")),
        plainly(&broker),
    ) else {
        return vec![];
    };
    let place = if is_here { "here" } else { "on the client" };
    let mut lines = vec![
        format!("{place}, in a new shell"),
        format!("{tool} --list \\"),
        format!("  --bootstrap-server {broker}"),
    ];
    if let (true, Some(file)) = (with_file, file) {
        let Some(path) = at_home(file) else {
            return vec![];
        };
        lines[2].push_str(" \\");
        lines.push(format!("  --command-config {path}"));
    }
    lines
}

/// A word as people type it: quoted only where a shell would see more in it.
fn plainly(word: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:,+@%[]".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => Some(word.to_owned()),
        false => quote(word).ok(),
    }
}

/// How the client's file speaks to brokers, as far as the spec says.
#[derive(Debug, PartialEq, Eq)]
enum Speaks {
    /// There is no file in the spec; `true`: there is what needs one.
    Nothing(bool),
    /// `security.protocol` and `sasl.mechanism`.
    So(String, String),
}

impl Speaks {
    fn of(client: &Client, has_file: bool) -> Self {
        let Some(file) = client.properties.as_ref().filter(|_| has_file) else {
            return Self::Nothing(client.msk_iam_auth.is_some());
        };
        let iam = client.msk_iam_auth.is_some();
        let value = |key: &str, by_iam: &str, by_kafka: &str| match file.extra.get(key) {
            Some(PropertyValue::Text(text)) => text.trim().to_owned(),
            _ if iam => by_iam.to_owned(),
            _ => by_kafka.to_owned(),
        };
        Self::So(
            value("security.protocol", "SASL_SSL", "PLAINTEXT"),
            value("sasl.mechanism", "AWS_MSK_IAM", "GSSAPI"),
        )
    }

    /// Whether a listener lets it in: with the file (`true`), or without it.
    fn serves(&self, security: &Security) -> Option<bool> {
        let sasl = |tls: bool| if tls { "SASL_SSL" } else { "SASL_PLAINTEXT" };
        let (protocol, mechanisms): (&str, &[&str]) = match security {
            Security::Plaintext => return Some(false),
            Security::Tls => ("SSL", &[]),
            Security::Iam => ("SASL_SSL", &["AWS_MSK_IAM", "OAUTHBEARER"]),
            Security::ScramSha512(user) => (sasl(user.tls), &["SCRAM-SHA-512"]),
            Security::ScramSha256(user) => (sasl(user.tls), &["SCRAM-SHA-256"]),
            Security::Plain(user) => (sasl(user.tls), &["PLAIN"]),
        };
        let Self::So(own_protocol, own_mechanism) = self else {
            return None;
        };
        let fits = own_protocol == protocol
            && (mechanisms.is_empty() || mechanisms.contains(&own_mechanism.as_str()));
        fits.then_some(true)
    }

    /// Stands for a broker where the spec has no cluster.
    fn a_broker(&self) -> Option<&'static str> {
        match self {
            Self::Nothing(true) => None,
            Self::Nothing(false) => Some("BROKER:9092"),
            Self::So(protocol, mechanism) => Some(match (&**protocol, &**mechanism) {
                ("SASL_SSL", "AWS_MSK_IAM" | "OAUTHBEARER") => "BROKER:9098",
                ("PLAINTEXT", _) => "BROKER:9092",
                ("SSL", _) => "BROKER:9094",
                _ => "BROKER:9096",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Given, Source, load};

    fn client(text: &str) -> Client {
        let text = format!("version: 1\nhosts: {{ c: {{ local: {{}} }} }}\nclient: {{ {text} }}\n");
        let source = Source {
            path: "s.yaml".into(),
            text,
        };
        let (spec, problems) = load(&source, &Given::default());
        spec.unwrap_or_else(|| panic!("{problems:?}")).hosts[0]
            .declared
            .get::<Client>()
            .expect("a client")
            .clone()
    }

    #[test]
    fn a_file_serves_the_listener_that_it_speaks_to_and_no_other() {
        const KAFKA: &str = "kafka: { version: 2.8.1, scala: 2.12 }";
        let login = || crate::spec::Login {
            username: "u".into(),
            password: crate::spec::SecretRef::Env("P".into()),
            tls: true,
        };
        let scram = Security::ScramSha512(login());
        let iam = "msk_iam_auth: { version: 1.1.5 }";
        let ssl = "properties: { extra: { security.protocol: SSL } }";
        for (more, has_file, plaintext, tls, with_iam, with_scram, broker) in [
            (String::new(), false, Some(false), None, None, None, Some("BROKER:9092")),
            (iam.to_owned(), false, Some(false), None, None, None, None),
            (format!("{iam}, properties: {{}}"), true, Some(false), None, Some(true), None, Some("BROKER:9098")),
            // It is in the spec, and was not looked at.
            (format!("{iam}, properties: {{}}"), false, Some(false), None, None, None, None),
            (ssl.to_owned(), true, Some(false), Some(true), None, None, Some("BROKER:9094")),
            (
                "properties: { extra: { security.protocol: SASL_SSL, sasl.mechanism: SCRAM-SHA-512 } }".to_owned(),
                true, Some(false), None, None, Some(true), Some("BROKER:9096"),
            ),
        ] {
            let text = [KAFKA, &more].join(", ");
            let speaks = Speaks::of(&client(text.trim_end_matches(", ")), has_file);
            assert_eq!(speaks.serves(&Security::Plaintext), plaintext, "{text}");
            assert_eq!(speaks.serves(&Security::Tls), tls, "{text}");
            assert_eq!(speaks.serves(&Security::Iam), with_iam, "{text}");
            assert_eq!(speaks.serves(&scram), with_scram, "{text}");
            assert_eq!(speaks.a_broker(), broker, "{text}");
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_see_more_in_them() {
        let plain = "/home/u/kafka_2.12-2.8.1/bin/client.properties";
        assert_eq!(plainly(plain).as_deref(), Some(plain));
        assert_eq!(
            plainly("/opt/my kafka/x").as_deref(),
            Some("'/opt/my kafka/x'")
        );
        assert_eq!(
            plainly("b-1:9098,[::1]:9098").as_deref(),
            Some("b-1:9098,[::1]:9098")
        );
        assert_eq!(plainly("a\0b"), None);
    }
}
