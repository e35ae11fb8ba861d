//! What is right in a spec and cannot be planned by this build: what is not built yet, and what
//! only a build with the feature `aws` or `mysql` can look up. Said with its place, before anything is
//! asked.

use super::{
    merge::HostTree,
    resolved::{Resolved, ResolvedHost, Way},
    tree::Node,
    types::{HostKey, Key, PropertyValue, SecretRef, StartFile},
};
use crate::{
    diagnostic::{Problem, Span},
    kinds::msk_iam_auth::Role,
};

/// Whether this build can ask AWS.
const AWS: bool = cfg!(feature = "aws");

/// Whether this build can ask a MySQL or MariaDB server.
const MYSQL: bool = cfg!(feature = "mysql");

/// What validates and cannot be planned by this build yet, of the hosts that are selected.
pub fn later_work(spec: &Resolved, selected: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut out: Vec<Problem> = Vec::new();
    for (host, problem) in &spec.later {
        if host.as_deref().is_none_or(&selected) && !out.contains(problem) {
            out.push(problem.clone());
        }
    }
    out
}

/// What this build cannot plan, with its place.
pub(super) fn later(
    tree: &HostTree,
    host: &ResolvedHost,
    out: &mut Vec<(Option<String>, Problem)>,
) {
    let mut found = Found {
        tree,
        problems: Vec::new(),
    };
    found.way(host);
    found.client(host);
    found.topics();
    let name = &tree.name.text;
    out.extend(
        found
            .problems
            .into_iter()
            .map(|problem| (Some(name.clone()), problem)),
    );
}

struct Found<'a> {
    tree: &'a HostTree,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn way(&mut self, host: &ResolvedHost) {
        let ssh = match &host.way {
            Way::Local => return,
            Way::Ssh(ssh) => ssh,
            Way::Ec2 { ssh, .. } => {
                self.needs_aws(&["ec2"], "`ec2`", "give the host `ssh: { address: … }`");
                ssh
            }
        };
        match &ssh.key {
            Some(Key::SsmParameter(_)) => self.needs_aws(
                &["ssh", "key", "ssm_parameter"],
                "`key: { ssm_parameter: … }`",
                "use `key: { file: … }`, or an agent",
            ),
            Some(Key::FromInstance(_)) => self.needs_aws(
                &["ssh", "key", "from_instance"],
                "`key: { from_instance: true }`",
                "use `key: { file: … }`, or an agent",
            ),
            Some(Key::File(_)) | None => {}
        }
        if let HostKey::Console(_) = ssh.host_key {
            self.needs_aws(
                &["ssh", "host_key", "console"],
                "`host_key: { console: true }`",
                "use `host_key: { pinned: […] }`, or `strict`",
            );
        }
    }

    fn client(&mut self, host: &ResolvedHost) {
        if let Some(Role::Name(_)) = host.client.role() {
            self.needs_aws(
                &["client", "msk_iam_auth", "role"],
                "`role`, whose ARN is looked up,",
                "write `role_arn: arn:aws:iam::ACCOUNT:role/NAME`",
            );
        }
        let place = host.client.classpath.as_ref().map(|one| one.place);
        let what = match place {
            Some(StartFile::ProfileD) => Some("`in: profile.d`"),
            Some(StartFile::Environment) => Some("`in: environment`"),
            Some(StartFile::Bashrc | StartFile::Profile) | None => None,
        };
        if let Some(what) = what {
            self.not_yet(
                &["client", "classpath", "in"],
                what,
                "use `bashrc` or `profile`",
            );
        }
        let extra = host.client.properties.iter().flat_map(|one| &one.extra);
        for (key, value) in extra {
            if let PropertyValue::Secret(SecretRef::SsmParameter(_)) = value {
                self.needs_aws(
                    &["client", "properties", "extra", key, "ssm_parameter"],
                    "`{ ssm_parameter: … }`",
                    "use `{ env: NAME }` or `{ file: PATH }`",
                );
            }
        }
    }

    fn topics(&mut self) {
        for cluster in ["name", "arn"] {
            self.needs_aws(
                &["topics", "cluster", cluster],
                &format!("`cluster: {{ {cluster}: … }}`, which is looked up,"),
                "use `bootstrap: HOST:PORT,…`, or take `topics` out",
            );
        }
        let mechanisms = ["scram_sha_512", "scram_sha_256", "plain"];
        let logins = mechanisms.map(|mechanism| vec!["topics", "security", mechanism]);
        let database = vec!["topics", "tables", "from", "mysql"];
        self.needs_mysql(&database);
        for login in logins.into_iter().chain([database]) {
            self.needs_aws(
                &[login.as_slice(), &["password", "ssm_parameter"]].concat(),
                "`{ ssm_parameter: … }`",
                "use `{ env: NAME }` or `{ file: PATH }`",
            );
        }
        let credentials = ["topics", "credentials"];
        let node = self
            .tree
            .node
            .get("topics")
            .and_then(|topics| topics.get("credentials"));
        if node.and_then(Node::text) == Some("here") {
            self.needs_aws(
                &credentials,
                "`credentials: here`",
                "use `instance_role`, or `env`",
            );
        }
    }

    /// Nothing where the key is not there.
    fn needs_aws(&mut self, path: &[&str], what: &str, instead: &str) {
        if AWS {
            return;
        }
        let message = format!("{what} asks AWS, and this build of trueup has no AWS in it");
        let label =
            format!("build it with the feature `aws`, which is on by default; or {instead}");
        self.add(path, message, label);
    }

    /// Nothing where the key is not there.
    fn needs_mysql(&mut self, path: &[&str]) {
        if MYSQL {
            return;
        }
        let message =
            "`from: { mysql: … }` asks a database, and this build of trueup has no MySQL in it";
        let label = "build it with the feature `mysql`, which is on by default; or name the tables: \
                     `tables: [NAME, …]`";
        self.add(path, message.into(), label.into());
    }

    fn not_yet(&mut self, path: &[&str], what: &str, instead: &str) {
        let message = format!("{what} is understood, and this build cannot plan it yet");
        self.add(path, message, instead.to_owned());
    }

    fn add(&mut self, path: &[&str], message: String, label: String) {
        if let Some(span) = place(&self.tree.node, path) {
            self.problems.push(Problem::error(span, message, label));
        }
    }
}

/// The place of the last key of a path.
fn place(node: &Node, path: &[&str]) -> Option<Span> {
    let (first, rest) = path.split_first()?;
    let (key, node) = node.entry(first)?;
    if rest.is_empty() {
        Some(key.span)
    } else {
        place(node, rest)
    }
}
