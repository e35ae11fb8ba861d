//! What a valid spec has that this build cannot plan, because it lacks the feature `aws` or `mysql`: problems with
//! a place, before anything is looked up.

use std::collections::HashSet;

use super::{
    at::{At, tag},
    merge::HostTree,
    resolved::Resolved,
    types::{Cluster, Credentials, HostKey, Key, LOGINS, SecretRef, TableSource, Tables},
};
use crate::{
    at,
    diagnostic::Problem,
    kinds::{KINDS, client::Client},
};

/// Whether this build can ask AWS.
const AWS: bool = cfg!(feature = "aws");

/// Whether this build can ask a MySQL or MariaDB server.
const MYSQL: bool = cfg!(feature = "mysql");

/// What this build cannot plan, of the selected hosts.
pub fn unsupported(spec: &Resolved, selected: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut out: Vec<Problem> = Vec::new();
    let mut seen = HashSet::new();
    for (host, problem) in &spec.unsupported {
        if host.as_deref().is_none_or(&selected) && seen.insert(problem) {
            out.push(problem.clone());
        }
    }
    out
}

/// Finds what this build cannot plan. `with_topics` is a host with the same `topics`.
pub(super) fn find(
    host: &HostTree,
    with_topics: &HostTree,
    out: &mut Vec<(Option<String>, Problem)>,
) {
    let mut problems = Vec::new();
    route(host, &mut problems);
    client(host, &mut problems);
    for kind in KINDS {
        let entry = host.node.entry(kind.key);
        for secret in entry.map(kind.secrets).unwrap_or_default() {
            needs_parameter(secret, &mut problems);
        }
    }
    topics(with_topics, &mut problems);
    let name = &host.name.text;
    out.extend(
        problems
            .into_iter()
            .map(|problem| (Some(name.clone()), problem)),
    );
}

fn route(host: &HostTree, problems: &mut Vec<Problem>) {
    let address = "give the host `ssh: { address: … }`";
    needs_aws(at!(host, ec2), "`ec2`", address, problems);
    let file = "use `key: { file: … }`, or an agent";
    let (key, host_key) = (at!(host, ssh.key), at!(host, ssh.host_key));
    let parameter = at!(key, [Key::SsmParameter]);
    needs_aws(parameter, "`key: { ssm_parameter: … }`", file, problems);
    let instance = at!(key, [Key::FromInstance]);
    needs_aws(instance, "`key: { from_instance: true }`", file, problems);
    needs_aws(
        at!(host_key, [HostKey::Console]),
        "`host_key: { console: true }`",
        "use `host_key: { pinned: […] }`, or `strict`",
        problems,
    );
}

fn client(host: &HostTree, problems: &mut Vec<Problem>) {
    needs_aws(
        at!(host.of::<Client>(), msk_iam_auth.role),
        "`role`, whose ARN is looked up,",
        "write `role_arn: arn:aws:iam::ACCOUNT:role/NAME`",
        problems,
    );
}

fn topics(host: &HostTree, problems: &mut Vec<Problem>) {
    for cluster in [Cluster::Name, Cluster::Arn] {
        needs_aws(
            at!(host, topics.cluster[cluster]),
            &format!("`cluster: {{ {}: … }}`, which is looked up,", tag(cluster)),
            "use `bootstrap: HOST:PORT,…`, or take `topics` out",
            problems,
        );
    }
    let database = at!(
        host,
        topics.tables(Tables::Database).from[TableSource::Mysql]
    );
    if let (Some(span), false) = (database.key(), MYSQL) {
        problems.push(Problem::error(
            span,
            "`from: { mysql: … }` asks a database, and this build of trueup has no MySQL in it",
            "build it with the feature `mysql`, which is on by default; or name the tables: \
             `tables: [NAME, …]`",
        ));
    }
    for login in LOGINS {
        needs_parameter(at!(host, topics.security[login].password), problems);
    }
    needs_parameter(at!(database, password), problems);
    let credentials = at!(host, topics.credentials);
    if credentials.is(Credentials::Here) {
        needs_aws(
            credentials,
            "`credentials: here`",
            "use `instance_role`, or `env`",
            problems,
        );
    }
}

fn needs_parameter(secret: At<'_, SecretRef>, problems: &mut Vec<Problem>) {
    needs_aws(
        at!(secret, [SecretRef::SsmParameter]),
        "`{ ssm_parameter: … }`",
        "use `{ env: NAME }` or `{ file: PATH }`",
        problems,
    );
}

/// Adds a problem where the key is there and this build has no AWS.
fn needs_aws<T>(at: At<'_, T>, what: &str, alternative: &str, problems: &mut Vec<Problem>) {
    if let (Some(span), false) = (at.key(), AWS) {
        let message = format!("{what} asks AWS, and this build of trueup has no AWS in it");
        let label =
            format!("build it with the feature `aws`, which is on by default; or {alternative}");
        problems.push(Problem::error(span, message, label));
    }
}
