//! Databases whose tables get topics.

use std::collections::HashMap;

use super::{Text, View};
use crate::{
    at,
    diagnostic::Problem,
    names::{HostName, TopicName},
    spec::{
        merge::HostTree,
        types::{TableSource, Tables},
    },
};

/// The settings of the server are valid and fit together.
pub fn server(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        let mysql = at!(
            host,
            topics.tables(Tables::Database).from[TableSource::Mysql]
        );
        let mut error = |span, message: String, label: &str| {
            problems.push(Problem::error(span, message, label));
        };
        let name = at!(mysql, host).text();
        if let Some(Text { text, span }) = name
            && let Err(wrong) = HostName::parse(text)
        {
            let label = match text.contains(':') {
                true => "write the name alone; `port` has a key of its own",
                false => &wrong.help,
            };
            error(
                span,
                format!("`{}` is no name of a server", wrong.shown),
                label,
            );
        }
        for (key, name) in [
            ("user", at!(mysql, user)),
            ("database", at!(mysql, database)),
        ] {
            // MySQL's names have at most 64 characters, users of MariaDB 128.
            if let Some(Text { text, span }) = name.text()
                && (text.is_empty() || text.chars().count() > 128 || text.contains('\0'))
            {
                let message = match text.is_empty() {
                    true => format!("`{key}` is empty"),
                    false => format!("`{key}` is none that MySQL could have"),
                };
                error(span, message, "write its name");
            }
        }
        if let Some(Text { text, span }) = at!(mysql, like).text()
            && text.is_empty()
        {
            let label = "`%` stands for any text; leave the key out for all tables";
            error(span, "no table is LIKE an empty text".into(), label);
        }
        let clear = at!(mysql, tls).is(false);
        let ca = at!(mysql, ca).key();
        if let (Some(span), true) = (ca, clear) {
            error(
                span,
                "`ca` vouches for TLS, which is not spoken here".into(),
                "take it out",
            );
        }
        if let (Some(span), true) = (at!(mysql, tls).key(), clear) {
            problems.push(Problem::warning(
                span,
                "without TLS the server is taken for whoever answers, and table names are read in the clear",
                "leave `tls` out where the server has it",
            ));
        }
        if let Some(Text { text, span }) = name
            && is_of_rds(text)
            && ca.is_none()
            && !clear
        {
            problems.push(Problem::warning(
                span,
                "RDS has authorities of its own, which systems do not trust by themselves",
                "add `ca:` with https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
            ));
        }
    }
}

/// Whether a server has a certificate of Amazon's own authorities: RDS, but for its proxies.
pub fn is_of_rds(host: &str) -> bool {
    (host.ends_with(".rds.amazonaws.com") || host.ends_with(".rds.amazonaws.com.cn"))
        && !host.contains(".proxy-")
}

/// Every table of a database has a valid topic name, and one of its own.
pub fn pattern(view: &View<'_>, problems: &mut Vec<Problem>) {
    let hosts = view.hosts.iter();
    let hosts: HashMap<&str, &HostTree> =
        hosts.map(|host| (host.name.text.as_str(), host)).collect();
    for template in view.databases {
        let host = hosts.get(template.host.as_str());
        let Some(name) = host.and_then(|host| at!(host, topics.name).node()) else {
            continue;
        };
        let (text, tables) = template.pattern.parts();
        let invalid = TopicName::odd(&text);
        let (message, label) = if tables == 0 {
            (
                "`name` has no `${table}`, and every table of the database would have one topic"
                    .into(),
                "write `${table}` where the table's name goes",
            )
        } else if let Some(invalid) = invalid {
            (
                format!("topics of `{}` would hold `{invalid}`", template.pattern),
                "names have letters, digits, `.`, `_` and `-`",
            )
        } else if text.len() >= TopicName::LONGEST {
            (
                format!(
                    "`name` leaves no room for a table: {} characters",
                    text.len()
                ),
                "Kafka takes 249 at most",
            )
        } else {
            continue;
        };
        problems.push(Problem::error(name.span, message, label));
    }
}
