//! What a machine is made of: a kind of resource a folder.
//!
//! A kind declares its address, what it requires, its probe (a constant shell function with
//! positional parameters), how the probe's records read as a typed observation, and which
//! differences and actions follow from that. It does no I/O and makes no plan: [`crate::observe`]
//! runs the probes, [`crate::plan`] orders the verdicts.
//!
//! One more kind is one folder here and one line in [`KINDS`].

mod address;
pub mod archives;
pub mod client;
pub mod declared;
pub mod download;
pub mod env;
mod environment;
pub mod files;
pub mod install;
pub mod managed;
pub mod packages;
mod path;
pub mod start_file;
pub mod timezone;
pub mod topic;

pub use address::Address;
use declared::{Registered, plain};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    facts::{Host, Observation, Section, tools},
    text::escape_control,
};

/// All kinds that have a top-level key of their own, in the order in which what they declare is brought
/// about.
pub const KINDS: &[Registered] = &[
    Registered::of::<packages::Packages>(),
    Registered::of::<archives::Archives>(),
    Registered::of::<files::Files>(),
    Registered::of::<env::Env>(),
    Registered::of::<timezone::Timezone>(),
    Registered::of::<client::Client>(),
];

/// The kinds as people read of them: first the last, which is composed of what the others are.
pub fn listed() -> impl Iterator<Item = &'static Registered> {
    let (others, last) = KINDS.split_at(KINDS.len() - 1);
    last.iter().chain(others)
}

/// The kind of a top-level key.
pub fn of_key(key: &str) -> Option<&'static Registered> {
    KINDS.iter().find(|kind| kind.key == key)
}

/// Shell functions of kinds that unpack an archive: what of it is there, by its manifest.
const MANIFEST: &str = include_str!("manifest.sh");

/// A constant shell function that reads a machine and writes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The function's name.
    pub function: &'static str,
    /// Its definition and what it needs of other kinds' too, each of which is sent once; they may use what
    /// `observe/prelude.sh` and `observe/host.sh` define.
    pub texts: &'static [&'static str],
    /// It needs what the login shell said (`L_CLASSPATH`, `L_JAVA_HOME`, `L_JAVA`, `L_VARIABLES`; as root
    /// `L_CLASSPATH` alone), so it runs last: until then the login shell runs beside the other probes.
    pub after_login: bool,
}

/// A kind of resource, with its typed observation.
pub(crate) trait Kind {
    /// What the probe's records read as.
    type Observed: std::fmt::Debug;

    /// Its address, such as `client/kafka`.
    fn address(&self) -> Address;
    /// The addresses without which it cannot be.
    fn requires(&self) -> Vec<Address> {
        vec![]
    }
    /// Whether root reads and changes it, by `sudo -n` where the account is another.
    fn as_root(&self) -> bool {
        false
    }
    /// The variables that it has to know of a login shell.
    fn variables(&self) -> Vec<&str> {
        vec![]
    }
    /// Its probe.
    fn probe(&self) -> Probe;
    /// The probe's positional parameters; paths are symbolic (`~/…`).
    fn arguments(&self, deep: bool) -> Vec<String>;
    /// Reads the probe's records.
    fn read(&self, records: &Section, host: &Host) -> Observation<Self::Observed>;
    /// The fields that are compared, by name: what plans show as observed, and what their digest is made of. Nothing
    /// that another address's step changes is among them.
    fn compared(&self, observed: &Self::Observed) -> Fields;
    /// Compares, and says what closes the difference.
    fn differ(&self, observed: &Self::Observed, host: &Host) -> Verdict;
    /// What follows where [`Kind::read`] says that it is absent; most say what is at its place instead.
    fn absent(&self, _host: &Host) -> Verdict {
        unreachable!("`read` says what is at the place, also where nothing is")
    }
    /// What people should know of what was seen, whether it differs or not: a line each, and behind
    /// it, where there is one, the way out on a line of its own.
    fn warnings(&self, _observed: &Self::Observed, _host: &Host) -> Vec<String> {
        vec![]
    }
}

/// Fields of an observation, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Fields(serde_json::Map<String, serde_json::Value>);

impl Fields {
    /// And another field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        self.0.insert(name.to_owned(), plain(value));
        self
    }

    /// And another one, which is left out while it has its default: it came later than saved plans.
    #[must_use]
    pub fn with_any<T: Serialize + Default + PartialEq>(self, name: &str, value: &T) -> Self {
        match *value == T::default() {
            true => self,
            false => self.with(name, value),
        }
    }
}

/// A resource of any kind: what the rest of the program works with.
pub trait Resource: Send + Sync {
    /// See [`Kind::address`].
    fn address(&self) -> Address;
    /// See [`Kind::requires`].
    fn requires(&self) -> Vec<Address>;
    /// See [`Kind::as_root`].
    fn as_root(&self) -> bool;
    /// See [`Kind::variables`].
    fn variables(&self) -> Vec<&str>;
    /// See [`Kind::probe`].
    fn probe(&self) -> Probe;
    /// See [`Kind::arguments`].
    fn arguments(&self, deep: bool) -> Vec<String>;
    /// Reads and compares.
    fn assess(&self, records: &Section, host: &Host) -> Assessment;
}

impl<K: Kind + Send + Sync> Resource for K {
    fn address(&self) -> Address {
        Kind::address(self)
    }
    fn requires(&self) -> Vec<Address> {
        Kind::requires(self)
    }
    fn as_root(&self) -> bool {
        Kind::as_root(self)
    }
    fn variables(&self) -> Vec<&str> {
        Kind::variables(self)
    }
    fn probe(&self) -> Probe {
        Kind::probe(self)
    }
    fn arguments(&self, deep: bool) -> Vec<String> {
        Kind::arguments(self, deep)
    }
    fn assess(&self, records: &Section, host: &Host) -> Assessment {
        let (account, root) = (host, self.as_root().then(|| host.as_root()));
        let host = root.as_ref().unwrap_or(account);
        let observation = if records.is_empty() {
            Observation::Unknown("the host said nothing of it".into())
        } else if let Some(why) = records.get("no_root") {
            Observation::Unknown(format!(
                "`become` needs root, and `sudo -n` refuses: {}; let the account use sudo without a \
                 password, or log in as root",
                escape_control(&why)
            ))
        } else {
            self.read(records, host)
        };
        let verdict = match &observation {
            Observation::Present(observed) => self.differ(observed, host),
            Observation::Absent => self.absent(host),
            Observation::Unknown(reason) => Verdict::Unknown {
                reason: reason.clone(),
            },
        };
        let verdict = with_what_steps_need(verdict, records, account);
        let verdict = install::with_what_comes_along(verdict, records);
        let warnings = match &observation {
            Observation::Present(observed) => self.warnings(observed, host),
            Observation::Absent | Observation::Unknown(_) => vec![],
        };
        let observed = plain(&observation.map(|observed| self.compared(observed)));
        Assessment {
            observed,
            verdict,
            warnings,
        }
    }
}

/// A change whose steps need what the host lacks is blocked before anything is written; `step_lacks` is what
/// a probe has looked for itself.
fn with_what_steps_need(verdict: Verdict, records: &Section, host: &Host) -> Verdict {
    let Verdict::Change(work) = verdict else {
        return verdict;
    };
    let mut lacking = tools::lacking(&work.actions, host);
    for tool in records.all("step_lacks") {
        if !lacking.contains(&tool) {
            lacking.push(tool);
        }
    }
    if lacking.is_empty() {
        return Verdict::Change(work);
    }
    let are = if lacking.len() == 1 { "is" } else { "are" };
    Verdict::Blocked {
        reason: format!(
            "{}; {} {are} not on the host, and the step needs that",
            work.reason,
            tools::in_words(&lacking)
        ),
        help: tools::way_out(&lacking, host),
    }
}

impl Host {
    /// As root sees it: the home stays that of the account, so that `~` is one place in a spec.
    fn as_root(&self) -> Self {
        let mut host = self.clone();
        (host.account.user, host.account.uid) = ("root".into(), 0);
        host
    }

    /// That only root can change something, where the account is another; `reason` is what differs.
    pub(crate) fn needs_root(&self, reason: &str) -> Option<Verdict> {
        (self.account.uid != 0).then(|| Verdict::Blocked {
            reason: format!("{reason}; only root can change it"),
            help: "say `become: true`, which uses `sudo -n`, or log in as root".into(),
        })
    }
}

/// What one resource says of one machine.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// The compared fields, for the digest. Nothing that another address's step changes.
    pub observed: serde_json::Value,
    /// What follows.
    pub verdict: Verdict,
    /// See [`Kind::warnings`].
    pub warnings: Vec<String>,
}

/// What has to happen to a resource.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Nothing.
    InPlace,
    /// It changes.
    Change(Box<Work>),
    /// It should change, but cannot.
    Blocked {
        /// What is the case, with where it was read.
        reason: String,
        /// The way out.
        help: String,
    },
    /// It could not be seen.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What becomes of a resource that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is not there yet, and is made.
    Create,
    /// It is there, and is changed.
    Update,
    /// It is there, and goes.
    Delete,
}

impl Effect {
    /// Made where it is not there yet, changed where it is.
    pub fn on(there: bool) -> Self {
        if there { Self::Update } else { Self::Create }
    }
}

/// How a resource is brought to what the spec wants.
#[derive(Debug, Clone)]
pub struct Work {
    /// What becomes of it.
    pub effect: Effect,
    /// One sentence: the fact and where it was read, and what the spec wants.
    pub reason: String,
    /// What differs, field by field.
    pub changes: Vec<Change>,
    /// Lines of a text file, before and after, for people alone: they may hold what is the
    /// user's, so they are in no JSON and no saved plan.
    pub text: Option<TextChange>,
    /// Remarks for people: what stays as it is.
    pub notes: Vec<String>,
    /// A line that people should see before they say yes.
    pub warning: Option<String>,
    /// What differs even then, and no apply can close: the reason with which it is blocked by then.
    pub remains: Option<String>,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// What may have to follow, which shows only when that is done.
    pub follows: Option<Follows>,
}

/// An edit that may follow a step, when the machine has been looked at again: a block of ours in a
/// start file, whose lines are not known before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Follows {
    /// The start file that would take the block.
    pub path: String,
    /// What the block is for: `# trueup: MARKER, managed`.
    pub marker: String,
}

impl Follows {
    /// Whether these actions are nothing but that.
    pub fn covers(&self, actions: &[Action]) -> bool {
        let is_it = |action: &Action| matches!(action, Action::EditBlock { path, marker, .. } if *path == self.path && *marker == self.marker);
        !actions.is_empty() && actions.iter().all(is_it)
    }
}

impl Work {
    /// Work with only a reason, changes and actions.
    pub fn new(effect: Effect, reason: String, changes: Vec<Change>, actions: Vec<Action>) -> Self {
        Self {
            effect,
            reason,
            changes,
            text: None,
            notes: vec![],
            warning: None,
            remains: None,
            actions,
            follows: None,
        }
    }

    /// As a verdict.
    pub fn verdict(self) -> Verdict {
        Verdict::Change(Box::new(self))
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which field.
    pub path: String,
    /// What it is; `None`: not there, or not for showing.
    pub before: Option<String>,
    /// What it will be; `None`: not there, or not for showing.
    pub after: Option<String>,
    /// Both sides are masked.
    pub sensitive: bool,
    /// The address after which it is known what it will be, where it is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_after: Option<Address>,
}

impl Change {
    /// A field that may be shown.
    pub fn shown(path: impl Into<String>, before: Option<&str>, after: Option<&str>) -> Self {
        Self {
            path: path.into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            sensitive: false,
            known_after: None,
        }
    }

    /// A field of which is known only when an address has been applied what it will be.
    pub fn known_after(path: impl Into<String>, before: Option<&str>, address: &Address) -> Self {
        Self {
            known_after: Some(address.clone()),
            ..Self::shown(path, before, None)
        }
    }

    /// What it will be, as people read it.
    pub(crate) fn after_in_words(&self) -> Option<String> {
        let known = self.known_after.as_ref();
        let known = known.map(|address| format!("known after `{address}`"));
        self.after.clone().or(known)
    }

    /// A field whose sides are not shown.
    pub fn sensitive(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            before: None,
            after: None,
            sensitive: true,
            known_after: None,
        }
    }
}

/// A text file's lines before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// The file as people write it (`~/.bashrc`).
    pub path: String,
    /// Its text.
    pub before: String,
    /// Its text afterwards.
    pub after: String,
}
