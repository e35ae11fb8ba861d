//! A file a subcommand, one screen each; here is what they share: reading the spec, reaching its
//! hosts, and putting out results.

mod apply;
mod drift;
mod facts;
mod key;
mod plan;
mod reach;
mod saved;
mod schema;
mod show;
mod topics;
mod trust;
mod validate;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;
use secrecy::SecretString;

use crate::{
    action::Value,
    cli::{AllowArgs, Cli, Command, LookArgs, SpecArgs, When},
    diagnostic,
    exit::Code,
    lookup::{self, Cloud, hosts::Values, secrets},
    observe::{self, Facts, Reader},
    plan::{HostPlan, LookedUp, SpecFile, TopicsPlan, is_saved},
    report::human::Style,
    resource::{Resource, kafka_client},
    spec::{self, Aws, Given, Resolved, ResolvedHost, Source, Way},
    text::escape_lines,
    transport::Connection,
};
pub(crate) use reach::connect;
use topics::{ClusterTarget, Pending, Way as ClusterWay};

/// What every command knows of where it runs.
pub struct Surroundings {
    /// How people's output on stdout looks.
    pub style: Style,
    /// Stderr is a terminal with colour.
    pub color_err: bool,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

/// The AWS SDK's switch for logs with all that it sends and gets.
const SENSITIVE: &str = "LOG_SENSITIVE_BODIES";

/// Runs a command line.
pub fn run(cli: &Cli) -> Code {
    let around = Surroundings::new(cli.color);
    if around.environment.contains_key(SENSITIVE) {
        complain(&format!(
            "error: `{SENSITIVE}` is set: with it the AWS SDK writes secrets into logs\n  help: unset \
             {SENSITIVE}"
        ));
        return Code::Usage;
    }
    match &cli.command {
        Command::Validate(args) => validate::run(args, &around),
        Command::Schema { of } => schema::run(*of),
        Command::Facts(look) => block_on(facts::run(look, &around)),
        Command::Plan {
            look,
            allow,
            detailed_exitcode,
            out,
        } => {
            let end = plan::End {
                detailed_exitcode: *detailed_exitcode,
                out: out.as_deref(),
            };
            block_on(plan::run(look, allow, end, &around))
        }
        Command::Show(args) => show::run(args, &around),
        Command::Drift(look) => block_on(drift::run(look, &around)),
        Command::Trust { at, yes } => block_on(trust::run(at, *yes, &around)),
        Command::Key { at, save } => block_on(key::run(at, save, &around)),
        // Ctrl-C means more here than to leave at once.
        Command::Apply {
            look,
            allow,
            auto_approve,
            lock_timeout,
        } => {
            let how = apply::How {
                auto_approve: *auto_approve,
                lock_timeout: *lock_timeout,
            };
            runtime(apply::run(look, allow, how, &around))
        }
    }
}

/// Runs a command that only looks: Ctrl-C leaves it at once, nothing has been written.
fn block_on(command: impl Future<Output = Code>) -> Code {
    runtime(async {
        tokio::select! {
            code = command => code,
            _ = tokio::signal::ctrl_c() => Code::Interrupted,
        }
    })
}

fn runtime(command: impl Future<Output = Code>) -> Code {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(command);
            // A question that nobody answered must not hold the program.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            complain(&format!("error: this machine gives no event loop: {error}"));
            Code::Failed
        }
    }
}

impl Surroundings {
    fn new(color: When) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let wanted = |terminal: bool| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                terminal
                    && environment
                        .get("NO_COLOR")
                        .is_none_or(|value| value.is_empty())
            }
        };
        let terminal = io::stdout().is_terminal();
        // Wider than 100 columns a sentence is hard to read; a pipe gets 80.
        let width = if terminal {
            usize::from(console_width()).clamp(40, 100)
        } else {
            80
        };
        Self {
            style: Style {
                color: wanted(terminal),
                width,
            },
            color_err: wanted(io::stderr().is_terminal()),
            environment,
        }
    }
}

fn console_width() -> u16 {
    console::Term::stdout().size().1
}

/// Writes results to stdout. A reader that has gone away (`| head`) is no error of ours.
pub(crate) fn put(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Writes a line to stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Likewise, what may come from elsewhere, such as a plan's file: nothing in it moves a cursor or
/// starts a CI command.
pub(crate) fn complain_safely(text: &str) {
    complain(&escape_lines(text));
}

/// The text of a spec; or the line that says why there is none.
pub(crate) fn source(args: &SpecArgs) -> Result<Source, String> {
    let path = args.spec.display().to_string();
    match fs::read_to_string(&args.spec) {
        Ok(text) if is_saved(text.as_bytes()) => Err(format!(
            "error: `{path}` is a saved plan, not a spec\n  help: `show` shows it, `apply` does what \
             it says"
        )),
        Ok(text) => Ok(Source { path, text }),
        Err(error) => Err(format!("error: `{path}` cannot be read: {error}")),
    }
}

/// What the command line and the environment add to a spec.
pub(crate) fn given(args: &SpecArgs, around: &Surroundings) -> Given {
    Given {
        vars: args.vars.clone(),
        env: around.environment.clone(),
    }
}

/// Reads a spec, and shows its errors when it has any; warnings are `validate`'s.
pub(crate) fn load(args: &SpecArgs, around: &Surroundings) -> Result<Resolved, Code> {
    let source = source(args).map_err(|error| {
        complain(&error);
        Code::Usage
    })?;
    let (resolved, problems) = spec::load(&source, &given(args, around));
    if resolved.is_none() {
        show(&source, &problems, around);
    }
    resolved.ok_or(Code::Usage)
}

pub(crate) fn show(source: &Source, problems: &[diagnostic::Problem], around: &Surroundings) {
    let text = diagnostic::render(&source.path, &source.text, problems, around.color_err);
    if !text.is_empty() {
        complain(text.trim_end());
    }
}

/// One host of a spec, with what it must have.
pub(crate) struct Target {
    pub host: ResolvedHost,
    pub resources: Vec<Box<dyn Resource>>,
    /// What the host's references to secrets became, by property.
    pub secrets: IndexMap<String, Value>,
    /// The spec's file: relative files start at its folder.
    pub spec: PathBuf,
    /// The private key that opens it, where the Parameter Store has it.
    pub ssh_key: Option<SecretString>,
    /// What its references became.
    pub looked_up: Vec<LookedUp>,
    /// What people should know of it.
    pub warnings: Vec<String>,
    /// Why there is no way to it: what its references led to.
    pub trouble: Option<String>,
    /// Who is asked about its instance.
    pub cloud: Arc<dyn Cloud>,
}

impl Target {
    /// A host with what its spec refers to. What leads nowhere is said.
    pub fn new(
        settled: lookup::hosts::Settled,
        cloud: &Arc<dyn Cloud>,
        spec: &Path,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let host = settled.host;
        let (values, trouble) = match settled.values {
            Ok(values) => (values, None),
            Err(trouble) => (Values::default(), Some(trouble)),
        };
        let parameters = &values.parameters;
        match secrets::resolve(&host.client, parameters, spec, &around.environment) {
            Ok(secrets) => Ok(Self {
                resources: kafka_client::resources(&host.client, &secrets),
                host,
                secrets,
                spec: spec.to_owned(),
                ssh_key: values.ssh_key,
                looked_up: values.looked_up,
                warnings: values.warnings,
                trouble,
                cloud: Arc::clone(cloud),
            }),
            Err(missing) => {
                for missing in missing {
                    complain_safely(&format!("error: host `{}`, property {missing}", host.name));
                }
                Err(Code::Usage)
            }
        }
    }

    /// A plan of it, with what its references became.
    pub fn tell(&self, plan: HostPlan) -> HostPlan {
        plan.told(&self.looked_up, &self.warnings)
    }
}

/// What a command looks at.
pub(crate) struct Targets {
    pub hosts: Vec<Target>,
    pub clusters: Vec<ClusterTarget>,
    /// The AWS accounts and regions that were asked what they refer to.
    pub accounts: BTreeSet<Aws>,
    /// Who was asked.
    pub cloud: Arc<dyn Cloud>,
}

impl Targets {
    /// The place of one of the clusters among them.
    pub fn place_of(&self, cluster: &ClusterTarget) -> usize {
        let place = self
            .clusters
            .iter()
            .position(|one| std::ptr::eq(one, cluster));
        place.unwrap_or_else(|| unreachable!("the cluster is one of these"))
    }
}

/// The hosts and clusters that a command looks at. What this build cannot plan is said, with its
/// place; what the spec refers to is looked up.
pub(crate) async fn targets(
    look: &LookArgs,
    allow: &AllowArgs,
    spec: Resolved,
    around: &Surroundings,
) -> Result<Targets, Code> {
    if let Some(unknown) = look
        .hosts
        .iter()
        .find(|name| !spec.hosts.iter().any(|host| is_of(name, host)))
    {
        let names: Vec<&str> = spec.hosts.iter().map(|host| host.name.as_str()).collect();
        complain(&format!(
            "error: `{}` has no host `{unknown}`\n  help: it has {}",
            spec.path,
            names.join(", ")
        ));
        return Err(Code::Usage);
    }
    let selected = |name: &str| {
        let of_it = |wanted: &String| wanted == name || fleet_of(wanted) == Some(name);
        look.hosts.is_empty() || look.hosts.iter().any(of_it)
    };
    let later = spec::later_work(&spec, selected);
    if !later.is_empty() {
        let text = fs::read_to_string(&look.spec.spec).unwrap_or_default();
        show(
            &Source {
                path: spec.path,
                text,
            },
            &later,
            around,
        );
        return Err(Code::Usage);
    }
    let chosen: Vec<ResolvedHost> = spec
        .hosts
        .into_iter()
        .filter(|host| selected(&host.name))
        .collect();
    let file = &look.spec.spec;
    let deletable = topics::deletable(&spec.clusters, &allow.delete)?;
    let of_chosen = |cluster: &spec::ResolvedCluster| {
        let own = |name: &String| chosen.iter().any(|host| host.name == *name);
        cluster.hosts.iter().any(|(name, _)| own(name))
    };
    let clusters = spec.clusters.into_iter().filter(of_chosen).collect();
    let cloud = lookup::cloud(&around.environment, look.timeout);
    let mut settled = lookup::settle(&cloud, chosen, clusters).await;
    let member = |host: &lookup::hosts::Settled| {
        let name = &host.host.name;
        let asked = |wanted: &String| wanted == name || fleet_of(name) == Some(wanted);
        look.hosts.is_empty() || look.hosts.iter().any(asked)
    };
    settled.hosts.retain(member);
    let accounts = std::mem::take(&mut settled.accounts);
    let (clusters, hosts) = topics::clusters(settled, deletable, file, around)?;
    let mut code = Ok(());
    let mut targets = Vec::new();
    for host in hosts {
        match Target::new(host, &cloud, file, around) {
            Ok(target) => {
                let leads = |cluster: &ClusterTarget| cluster.leads_through(&target.host.name);
                // Where only topics are asked for, a host that leads to none is left in peace.
                let wanted = !target.resources.is_empty()
                    || clusters.is_empty()
                    || clusters.iter().any(leads);
                if wanted {
                    targets.push(target);
                }
            }
            Err(wrong) => code = Err(wrong),
        }
    }
    code.map(|()| Targets {
        hosts: targets,
        clusters,
        accounts,
        cloud,
    })
}

/// `client` of `client/i-…`: the fleet that a host is of.
fn fleet_of(name: &str) -> Option<&str> {
    name.split_once('/').map(|(fleet, _)| fleet)
}

/// Whether a name that the user gives may be this host, or one of a fleet that it stands for.
fn is_of(name: &str, host: &ResolvedHost) -> bool {
    let fleet = matches!(&host.way, Way::Ec2 { ec2, .. } if ec2.all);
    host.name == name || (fleet && fleet_of(name) == Some(&host.name))
}

/// The spec's file, as a plan names it.
pub(crate) fn spec_file(spec: &Resolved) -> SpecFile {
    SpecFile {
        path: spec.path.clone(),
        sha256: spec.sha256.clone(),
    }
}

/// The address of a host, as it is handed to ssh.
pub(crate) fn address(host: &ResolvedHost) -> String {
    match &host.way {
        Way::Local => "local".into(),
        Way::Ssh(ssh) | Way::Ec2 { ssh, .. } => {
            let found = host.way.found().map(|found| found.address.clone());
            let address = found.or_else(|| ssh.address.clone());
            // An instance that was not found is called what the spec calls it.
            let address = address.unwrap_or_else(|| host.name.clone());
            match &ssh.user {
                Some(user) => format!("{user}@{address}"),
                None => address,
            }
        }
    }
}

/// Reads one host and compares. What cannot be reached becomes a part of the plan that says so.
pub(crate) async fn look(
    target: &Target,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (HostPlan, Option<Box<dyn Connection>>) {
    let (name, address) = (&target.host.name, address(&target.host));
    let connection = match connect(target, args.timeout, around).await {
        Ok(connection) => connection,
        Err(error) => {
            let plan = HostPlan::unreached(name, &address, error.to_string());
            return (target.tell(plan), None);
        }
    };
    let plan = match read(target, connection.as_ref(), args).await {
        Ok(Facts { host, reply }) => {
            HostPlan::new(name, &address, &target.resources, &host, &reply, salt)
        }
        Err(error) => HostPlan::unreached(name, &address, error.to_string()),
    };
    (target.tell(plan), Some(connection))
}

/// Reads one host over a connection.
pub(crate) async fn read(
    target: &Target,
    connection: &dyn Connection,
    args: &LookArgs,
) -> Result<Facts, observe::Error> {
    let mut facts = Reader::new(connection, args.timeout)
        .observe(&target.resources, args.deep)
        .await?;
    let found = target.host.way.found();
    facts.host.identity.instance_id = found.map(|found| found.instance_id.clone());
    Ok(facts)
}

/// Looks at all hosts, one after another, and at each cluster through the first host that leads to
/// it.
pub(crate) async fn look_at_all(
    targets: &Targets,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
    let mut hosts = Vec::new();
    let mut pending = Pending::new(&targets.clusters);
    // In the order of the targets, whoever leads to them first.
    let mut topics: Vec<(usize, TopicsPlan)> = Vec::new();
    for target in &targets.hosts {
        let (plan, connection) = look(target, args, salt, around).await;
        if let Some(connection) = connection {
            for cluster in pending.take(&plan.name) {
                let way = ClusterWay::through(connection.as_ref(), &plan.name, plan.facts.as_ref());
                let plan = cluster.look(way, salt, args.timeout).await;
                topics.push((targets.place_of(cluster), plan));
            }
            connection.close().await;
        }
        hosts.push(plan);
    }
    for cluster in pending.take_direct() {
        let plan = cluster.look(ClusterWay::DIRECT, salt, args.timeout).await;
        topics.push((targets.place_of(cluster), plan));
    }
    let rest = pending.rest();
    topics.extend(rest.map(|cluster| (targets.place_of(cluster), cluster.nowhere())));
    topics.sort_by_key(|(place, _)| *place);
    (hosts, topics.into_iter().map(|(_, plan)| plan).collect())
}

/// A plan's salt.
pub(crate) fn salt() -> Result<String, Code> {
    observe::random_mark().map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Failed
    })
}
