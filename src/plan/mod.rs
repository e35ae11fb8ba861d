//! The plan: what differs, why, and what would be done. Pure: facts in, one value out, which the
//! text, the JSON and the exit code are all made from.

mod desired;
mod digest;
mod ending;
mod file;
mod file_change;
mod looked_up;
mod order;
mod part;
mod partial;
mod schema;
pub mod selection;
mod shard;
mod stale;
mod subject;
mod summary;
mod topics;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    facts::{Host, Identity, Reply},
    history::Since,
    kinds::{Address, Assessment, Change, Effect, Follows, Resource, TextChange, Verdict, Work},
};

pub use desired::{Desired, DesiredCluster, DesiredHost, SecretDigest};
pub(crate) use digest::salted;
pub use file::{FileError, Incomplete, Saved, is_saved};
pub use file_change::FileChange;
pub use looked_up::LookedUp;
pub use part::{Part, State};
pub use partial::Missing;
pub use schema::schema;
pub use selection::Selection;
pub use shard::{Run, Shard};
pub use stale::{Moved, of_host as moved_on_host, of_topics as moved_topics};
pub use subject::Subject;
pub use summary::Summary;
pub use topics::TopicsPlan;

/// Version of the JSON form. Readers ignore unknown fields and refuse another major.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// What a command found and would do, over all its hosts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Version of this form: readers ignore unknown fields, and refuse another major.
    pub format_version: String,
    /// The program's version.
    pub tool_version: String,
    /// What the digests are salted with: random, one a plan.
    pub salt: String,
    /// The specs that it was made from.
    pub specs: Vec<SpecFile>,
    /// Everything could be seen, and nobody was changing it meanwhile.
    pub complete: bool,
    /// What `--target` and `--exclude` leave; absent: everything is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Which part of a fleet it is of; absent: `--shard` was not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Which command made it, and how that ended: for `merge-reports`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// In a plan that was saved with `--partial`: what it leaves out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// How many addresses have which action.
    pub summary: Summary,
    /// The hosts, in the order of the spec.
    pub hosts: Vec<HostPlan>,
    /// The clusters with their topics, in the order of the spec.
    pub topics: Vec<TopicsPlan>,
}

/// A spec file that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpecFile {
    /// Its path, as the user typed it.
    pub path: String,
    /// The sha256 of its bytes.
    pub sha256: String,
}

/// One host's part.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HostPlan {
    /// Its name in the spec.
    pub name: String,
    /// Its address, as handed to ssh.
    pub address: String,
    /// Who the machine is; absent when it could not be reached.
    pub identity: Option<Identity>,
    /// The account that we are there; absent when it could not be reached.
    pub account: Option<String>,
    /// Why it could not be read, if so.
    pub error: Option<String>,
    /// Whether that is the spec's: it asks for what cannot be.
    #[serde(skip)]
    pub unfit: bool,
    /// Who holds the lock of an apply, if anybody does.
    pub lock_holder: Option<String>,
    /// What the spec's references became.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_up: Vec<LookedUp>,
    /// What people should know of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Since when it differs, or could not be checked; in reports of `drift`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// All its addresses, in the order in which they would be applied.
    pub steps: Vec<Step>,
    /// The facts, for people's output.
    #[serde(skip)]
    pub facts: Option<Host>,
}

/// One address of one host.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Such as `client/kafka` or `topics/NAME`.
    pub address: Address,
    /// What happens to it.
    pub action: StepAction,
    /// Why, in one sentence; empty when nothing happens.
    pub reason: String,
    /// The way out, where it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Since when it differs; in reports of `drift`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// When the file that it is about was last changed, where it differs and the machine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileChange>,
    /// What differs, field by field.
    pub changes: Vec<Change>,
    /// Salted sha256 of the compared fields.
    pub observed_digest: String,
    /// Salted sha256 of the actions.
    pub actions_digest: String,
    /// The addresses without which it cannot be.
    pub requires: Vec<Address>,
    /// A text file before and after, for people alone.
    #[serde(skip)]
    pub text: Option<TextChange>,
    /// Remarks for people: where downloads come from, what stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What people should see before they say yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What differs even when it is applied: the reason with which it is blocked by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remains: Option<String>,
    /// What may follow in the same apply, which shows only when the step is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// What would be done, in order.
    #[serde(skip)]
    pub actions: Vec<Action>,
}

/// What happens to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// Nothing.
    None,
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
    /// It should change, but cannot.
    Blocked,
    /// It could not be seen.
    Unknown,
}

impl StepAction {
    /// Whether an apply does something for it.
    pub fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

impl Plan {
    /// Puts hosts and clusters together.
    pub fn new(
        salt: String,
        specs: Vec<SpecFile>,
        hosts: Vec<HostPlan>,
        topics: Vec<TopicsPlan>,
    ) -> Self {
        let mut plan = Self {
            format_version: FORMAT_VERSION.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            salt,
            specs,
            complete: false,
            selection: None,
            shard: None,
            run: None,
            missing: vec![],
            summary: Summary::default(),
            hosts,
            topics,
        };
        plan.summary = plan.counted();
        plan.complete = plan.summary.unknown == 0
            && plan
                .parts()
                .all(|part| part.error.is_none() && part.lock_holder.is_none());
        plan
    }

    /// With what was selected.
    #[must_use]
    pub fn of(mut self, selection: Option<Selection>) -> Self {
        self.selection = selection;
        self
    }

    /// The hosts and the clusters, alike.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let hosts = self.hosts.iter().map(Part::from);
        hosts.chain(self.topics.iter().map(Part::from))
    }

    /// All addresses of all hosts and clusters.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.parts().flat_map(|part| part.steps)
    }

    /// Without the sides of sensitive changes. A kind leaves them out already; this holds also for
    /// one that forgets.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let of_hosts = self.hosts.iter_mut().flat_map(|host| &mut host.steps);
        let of_topics = self.topics.iter_mut().flat_map(|topics| &mut topics.steps);
        for change in of_hosts.chain(of_topics).flat_map(|step| &mut step.changes) {
            if change.sensitive {
                (change.before, change.after) = (None, None);
            }
        }
        self
    }

    /// Whether an apply would do something.
    pub fn has_work(&self) -> bool {
        self.steps().any(|step| step.action.changes())
    }
}

impl HostPlan {
    /// A host that could not be read.
    pub fn unreached(name: &str, address: &str, error: String) -> Self {
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            identity: None,
            account: None,
            error: Some(error),
            unfit: false,
            lock_holder: None,
            looked_up: vec![],
            warnings: vec![],
            since: None,
            steps: vec![],
            facts: None,
        }
    }

    /// Compares what a host is with what it must be.
    pub fn new(
        name: &str,
        address: &str,
        resources: &[Box<dyn Resource>],
        facts: &Host,
        reply: &Reply,
        salt: &str,
    ) -> Self {
        let mut warnings = Vec::new();
        let mut steps: Vec<Step> = resources
            .iter()
            .map(|resource| {
                let address = resource.address();
                let section = reply.section(&address);
                let mut assessment = resource.assess(&section, facts);
                warnings.append(&mut assessment.warnings);
                let mut step = Step::new(address, resource.requires(), assessment, salt);
                let differs = step.action.changes() || step.action == StepAction::Blocked;
                step.file = FileChange::read(&section, facts).filter(|_| differs);
                step
            })
            .collect();
        order::by_requirement(&mut steps);
        order::hold_back(&mut steps);
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            identity: Some(facts.identity.clone()),
            account: Some(facts.account.user.clone()),
            error: None,
            unfit: false,
            lock_holder: facts.lock_holder.clone(),
            looked_up: vec![],
            warnings,
            since: None,
            steps,
            facts: Some(facts.clone()),
        }
    }

    /// Without addresses that are left out and were looked at only because something selected
    /// requires them: where one of them is not there, what requires it is blocked.
    #[must_use]
    pub fn without(mut self, left_out: impl Fn(&Address) -> bool) -> Self {
        order::hold_without(&mut self.steps, &left_out);
        self.steps.retain(|step| !left_out(&step.address));
        self
    }

    /// Refused: the spec asks for what cannot be, and nothing of it is done.
    #[must_use]
    pub fn refused(self, error: String) -> Self {
        Self {
            error: Some(error),
            unfit: true,
            steps: vec![],
            ..self
        }
    }

    /// With what the spec's references became, and what people should know of it.
    #[must_use]
    pub fn with_lookups(mut self, looked_up: &[LookedUp], warnings: &[String]) -> Self {
        self.looked_up.extend_from_slice(looked_up);
        self.warnings.extend_from_slice(warnings);
        self
    }

    /// Whether an apply would do something here.
    pub fn has_work(&self) -> bool {
        self.steps.iter().any(|step| step.action.changes())
    }

    /// Of the plan as it is now, after these addresses of this plan have been applied: the steps that
    /// were expected to follow.
    #[must_use]
    pub fn following(&self, now: &Self, applied: &[Address]) -> Self {
        let follows = |step: &Step| {
            let planned = self.steps.iter().find(|one| one.address == step.address);
            let follows = planned.and_then(|planned| planned.follows.as_ref());
            let covered = follows.is_some_and(|follows| follows.covers(&step.actions));
            covered && step.action.changes() && applied.contains(&step.address)
        };
        let mut following = now.clone();
        following.steps.retain(follows);
        following
    }
}

impl Step {
    /// An address to which nothing happens, of which nothing has been seen.
    pub fn none(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            action: StepAction::None,
            reason: String::new(),
            help: None,
            since: None,
            file: None,
            changes: vec![],
            observed_digest: String::new(),
            actions_digest: String::new(),
            requires: vec![],
            text: None,
            notes: vec![],
            warning: None,
            remains: None,
            follows: None,
            actions: vec![],
        }
    }

    fn new(
        address: Address,
        requires: Vec<Address>,
        Assessment {
            observed, verdict, ..
        }: Assessment,
        salt: &str,
    ) -> Self {
        let mut step = Self {
            observed_digest: digest::salted(salt, &observed),
            requires,
            ..Self::none(address)
        };
        match verdict {
            Verdict::InPlace => {}
            Verdict::Change(work) => {
                let Work {
                    effect,
                    reason,
                    changes,
                    text,
                    notes,
                    warning,
                    remains,
                    actions,
                    follows,
                } = *work;
                step.action = match effect {
                    Effect::Create => StepAction::Create,
                    Effect::Update => StepAction::Update,
                    Effect::Delete => StepAction::Delete,
                };
                step.reason = reason;
                step.changes = changes;
                step.text = text;
                step.notes = notes;
                step.warning = warning;
                step.remains = remains;
                step.follows = follows;
                step.actions = actions;
            }
            Verdict::Blocked { reason, help } => {
                step.action = StepAction::Blocked;
                step.reason = reason;
                step.help = Some(help);
            }
            Verdict::Unknown { reason } => {
                step.action = StepAction::Unknown;
                step.reason = reason;
            }
        }
        let actions = serde_json::to_value(&step.actions)
            .unwrap_or_else(|error| unreachable!("actions are plain data: {error}"));
        step.actions_digest = digest::salted(salt, &actions);
        step
    }

    /// Takes back what was planned, because something it requires cannot be had.
    fn hold(&mut self, action: StepAction, reason: String) {
        self.action = action;
        self.reason = reason;
        self.help = None;
        self.text = None;
        self.notes.clear();
        self.warning = None;
        self.remains = None;
        self.follows = None;
        self.actions.clear();
    }
}
