//! Hosts: from what a spec refers to, to an address, a role's ARN, a key, secrets.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::{
    choose,
    cloud::{CloudError, Instance, Region, joined},
    questions::{Answers, Question},
    secrets,
    trust::{self, Trust},
};
use crate::{
    kinds::{
        client::{Client, msk_iam_auth::Role},
        declared::Reference,
    },
    plan::LookedUp,
    spec::{self, Found, Key, ResolvedHost, Route, SecretRef, Ssh},
};

/// What a host's references became.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// The private key that opens it, where it comes out of the Parameter Store.
    pub ssh_key: Option<SecretString>,
    /// Parameters, by name.
    pub parameters: BTreeMap<String, SecretString>,
    /// What to show of all this.
    pub looked_up: Vec<LookedUp>,
    /// What would fail on the machine later.
    pub warnings: Vec<String>,
}

/// A host with what its references became, or why they became nothing.
#[derive(Debug, Clone)]
pub struct HostLookup {
    /// With the address found and the role's ARN put in; a member of a fleet has a name of its
    /// own, `HOST/i-…`.
    pub host: ResolvedHost,
    /// The values; or the errors, with help.
    pub values: Result<Values, String>,
}

/// The questions for a host that the answers so far allow.
pub fn questions(host: &ResolvedHost, answers: &Answers) -> BTreeSet<Question> {
    let aws = || host.aws.clone();
    let mut out = BTreeSet::new();
    if let Some(role) = role_name(host) {
        out.insert(Question::Role(aws(), role.to_owned()));
    }
    for name in parameters(host) {
        out.insert(Question::Parameter(aws(), name.to_owned()));
    }
    if let Some(Key::SsmParameter(name)) = key(host) {
        out.insert(Question::Parameter(aws(), name.clone()));
    }
    let Route::Ec2 { ec2, .. } = &host.route else {
        return out;
    };
    let query = choose::query(ec2);
    let known = answers.instances(&host.aws, &query);
    out.insert(Question::Instances(aws(), query));
    let Some(Ok(found)) = known else { return out };
    for instance in choose::chosen(ec2, found).into_iter().flatten() {
        if let (Some(role), Some(profile)) = (assumed(host, instance), profile_name(instance)) {
            out.insert(Question::Role(aws(), role.to_owned()));
            out.insert(Question::Profile(aws(), profile.to_owned()));
        }
        let (Some(Key::FromInstance(true)), Some(pair)) = (key(host), &instance.key_name) else {
            continue;
        };
        if let Some(Ok(id)) = answers.key_pair(&host.aws, pair) {
            out.insert(Question::Parameter(aws(), key_parameter(id)));
        }
        out.insert(Question::KeyPair(aws(), pair.clone()));
    }
    out
}

/// Puts the answers in. With `all: true` one host becomes as many as there are instances.
pub fn settle(host: ResolvedHost, answers: &Answers) -> Vec<HostLookup> {
    let Route::Ec2 { ec2, .. } = &host.route else {
        return vec![host_lookup(host, None, None, answers)];
    };
    let known = answers.instances(&host.aws, &choose::query(ec2));
    let chosen = match known {
        Some(Ok(found)) => choose::chosen(ec2, found),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("nobody asked for its instance".into()),
    };
    match chosen {
        // Its other questions may have failed, too.
        Err(error) => vec![host_lookup(host, None, Some(error), answers)],
        Ok(instances) => instances
            .into_iter()
            .map(|instance| host_lookup(host.clone(), Some(instance), None, answers))
            .collect(),
    }
}

/// A host, with its instance where it is one, or why there is none.
fn host_lookup(
    mut host: ResolvedHost,
    instance: Option<&Instance>,
    error: Option<String>,
    answers: &Answers,
) -> HostLookup {
    let mut settling = Settling {
        answers,
        values: Values::default(),
        errors: error.into_iter().collect(),
    };
    if let Some(instance) = instance {
        settling.address(&mut host, instance);
    }
    settling.role(&mut host, instance);
    settling.key(&host, instance);
    settling.parameters(&host);
    settling.region(&host);
    let values = match settling.errors.as_slice() {
        [] => Ok(settling.values),
        errors => Err(joined(errors)),
    };
    HostLookup { host, values }
}

struct Settling<'a> {
    answers: &'a Answers,
    values: Values,
    errors: Vec<String>,
}

impl Settling<'_> {
    /// An error of several references, such as credentials, is reported once.
    fn failed(&mut self, error: String) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn address(&mut self, host: &mut ResolvedHost, instance: &Instance) {
        let Route::Ec2 { ec2, found, .. } = &mut host.route else {
            return;
        };
        let asked = ec2.reference();
        if ec2.all {
            // Of a fleet each is a machine of its own, also when it is looked up again.
            host.name = spec::member(&host.name, &instance.id);
            ec2.all = false;
            ec2.name = None;
            ec2.tags.clear();
            ec2.instance_id = Some(instance.id.clone());
        }
        match choose::address(instance, ec2.via) {
            Ok(address) => {
                let mut value = instance.id.clone();
                if let Some(name) = &instance.name {
                    value = format!("{value} ({})", crate::text::escape_control(name));
                }
                if address != instance.id {
                    value = format!("{value} at {address}");
                }
                self.values
                    .looked_up
                    .push(LookedUp::shown("ec2", &asked, value, "EC2"));
                *found = Some(Found {
                    instance_id: instance.id.clone(),
                    address,
                });
            }
            Err(error) => self.failed(error),
        }
    }

    fn role(&mut self, host: &mut ResolvedHost, instance: Option<&Instance>) {
        const KEY: &str = "client.msk_iam_auth.role";
        let Some(name) = role_name(host).map(str::to_owned) else {
            self.values
                .warnings
                .extend(self.trust_of_arn(host, instance));
            return;
        };
        let role = match self.answers.role(&host.aws, &name) {
            Some(Ok(role)) => role.clone(),
            Some(Err(error)) => return self.failed(error.of(KEY)),
            None => return,
        };
        let shown = LookedUp::shown(KEY, &name, &role.arn, "IAM");
        self.values.looked_up.push(shown);
        if let Some(instance) = instance {
            let warning = self.trust(host, &name, &role, instance);
            self.values.warnings.extend(warning);
        }
        let client = host.declared.get_mut::<Client>();
        if let Some(jar) = client.and_then(|client| client.msk_iam_auth.as_mut()) {
            (jar.role, jar.role_arn) = (None, Some(role.arn));
        }
    }

    /// The same for a role that the spec gives as an ARN. Whoever writes one may not be allowed to
    /// look at it: then there is no warning.
    fn trust_of_arn(&self, host: &ResolvedHost, instance: Option<&Instance>) -> Option<String> {
        let (instance, arn) = (instance?, role_arn(host)?);
        let name = assumed(host, instance)?;
        if profile_name(instance).is_some() {
            let role = self.answers.role(&host.aws, name)?.ok()?;
            self.answers
                .profile(&host.aws, profile_name(instance)?)?
                .ok()?;
            // The account that is asked may be another one, with a role of that name.
            return (role.arn == arn).then(|| self.trust(host, name, role, instance))?;
        }
        let role = super::Role {
            arn: arn.to_owned(),
            trust: String::new(),
        };
        self.trust(host, name, &role, instance)
    }

    /// Whether the role lets the instance's role assume it; a warning where it does not.
    fn trust(
        &self,
        host: &ResolvedHost,
        name: &str,
        role: &super::Role,
        instance: &Instance,
    ) -> Option<String> {
        let of_instance = choose::called(instance);
        let Some(profile) = profile_name(instance) else {
            return Some(format!(
                "{of_instance} has no role of its own, so it cannot assume `{name}`\n  help: give it \
                 an instance profile: `aws ec2 associate-iam-instance-profile`"
            ));
        };
        let roles = match self.answers.profile(&host.aws, profile)? {
            Ok(roles) => roles,
            Err(CloudError::Denied { .. }) => {
                return Some(format!(
                    "whether {of_instance} may assume `{name}` was not seen: who asks may not \
                     `iam:GetInstanceProfile`"
                ));
            }
            Err(error) => {
                return Some(format!(
                    "whether {of_instance} may assume `{name}` was not seen: {error}"
                ));
            }
        };
        let Some(caller) = roles.first() else {
            return Some(format!(
                "the instance profile `{profile}` of {of_instance} has no role in it, so it cannot \
                 assume `{name}`\n  help: `aws iam add-role-to-instance-profile`"
            ));
        };
        let session = trust::session(caller, &instance.id);
        let who = match *caller == role.arn {
            true => "itself, which is the instance's own role".to_owned(),
            false => format!("the instance's role, {caller}"),
        };
        match trust::verdict(&role.trust, caller, session.as_deref()) {
            Trust::Allowed | Trust::Delegated | Trust::Unclear(_) => None,
            Trust::Refused { denied: true } => Some(format!(
                "the trust policy of the role `{name}` denies `sts:AssumeRole` to {who}: the \
                 client will get no further\n  help: take the statement out that denies"
            )),
            Trust::Refused { denied: false } => Some(format!(
                "the role `{name}` may not be assumed by {who}: the client will be refused\n  \
                 help: add this statement to its trust policy: {}",
                trust::statement(caller)
            )),
        }
    }

    fn key(&mut self, host: &ResolvedHost, instance: Option<&Instance>) {
        const KEY: &str = "ssh.key";
        let (name, reference) = match key(host) {
            Some(Key::SsmParameter(name)) => (name.clone(), name.clone()),
            Some(Key::FromInstance(true)) => {
                let Some(instance) = instance else { return };
                let Some(pair) = &instance.key_name else {
                    return self.failed(format!(
                        "`{KEY}`: {} was launched without a key pair\n  help: say `key: {{ file: … }}` or \
                         `key: {{ ssm_parameter: … }}`",
                        choose::called(instance)
                    ));
                };
                match self.answers.key_pair(&host.aws, pair) {
                    Some(Ok(id)) => (key_parameter(id), format!("from_instance, key pair {pair}")),
                    Some(Err(error)) => return self.failed(error.of(KEY)),
                    None => return,
                }
            }
            _ => return,
        };
        match self.answers.parameter(&host.aws, &name) {
            Some(Ok(secret)) => {
                self.values.ssh_key = Some(secret.clone());
                let source = format!("Parameter Store, {name}");
                self.values
                    .looked_up
                    .push(LookedUp::secret(KEY, &reference, &source));
            }
            Some(Err(CloudError::NotFound {
                message, context, ..
            })) if reference != name => {
                self.failed(format!(
                    "`{KEY}`: the private key of the pair is not in the Parameter Store, as {name}: \
                     {message}{context}\n  help: only pairs that CloudFormation made are kept there \
                     (`AWS::EC2::KeyPair`); one of the console or the CLI was downloaded once, and an \
                     imported one never was with AWS: name the parameter or the file that has it, \
                     `key: {{ ssm_parameter: … }}` or `key: {{ file: … }}`"
                ));
            }
            Some(Err(error)) => self.failed(error.of(KEY)),
            None => {}
        }
    }

    /// The region that was asked, where the spec does not say it.
    fn region(&mut self, host: &ResolvedHost) {
        let of_key = matches!(key(host), Some(Key::SsmParameter(_)));
        let is_ec2 = matches!(host.route, Route::Ec2 { .. });
        if !is_ec2 && !of_key && parameters(host).next().is_none() {
            return;
        }
        if let Some(region) = self.answers.region(&host.aws) {
            self.values.looked_up.push(region_row(region));
        }
    }

    fn parameters(&mut self, host: &ResolvedHost) {
        for Reference {
            path: key, secret, ..
        } in host.references()
        {
            let SecretRef::SsmParameter(name) = secret else {
                continue;
            };
            match self.answers.parameter(&host.aws, name) {
                Some(Ok(secret)) => match secrets::of_parameter(&key, name, secret) {
                    Ok(secret) => {
                        self.values.parameters.insert(name.clone(), secret);
                        let shown = LookedUp::secret(&key, name, "Parameter Store");
                        self.values.looked_up.push(shown);
                    }
                    Err(error) => self.failed(error),
                },
                Some(Err(error)) => self.failed(error.of(&key)),
                None => {}
            }
        }
    }
}

/// A row for a region that the spec does not name.
pub(crate) fn region_row(region: &Region) -> LookedUp {
    LookedUp::shown("aws.region", "default", &region.name, &region.source)
}

/// Where CloudFormation keeps the private key of a pair that it made. Nobody keeps those that the
/// console or the CLI made, or imported.
fn key_parameter(id: &str) -> String {
    format!("/ec2/keypair/{id}")
}

fn role_name(host: &ResolvedHost) -> Option<&str> {
    match host.declared.get::<Client>()?.role()? {
        Role::Name(name) => Some(name),
        Role::Own | Role::Arn(_) => None,
    }
}

fn role_arn(host: &ResolvedHost) -> Option<&str> {
    match host.declared.get::<Client>()?.role()? {
        Role::Arn(arn) => Some(arn),
        Role::Own | Role::Name(_) => None,
    }
}

/// The name of the role that an instance will have to assume. Of one that the spec gives as an ARN
/// only where it is of the instance's own account, as far as that is known.
fn assumed<'h>(host: &'h ResolvedHost, instance: &Instance) -> Option<&'h str> {
    let arn = match role_name(host) {
        Some(name) => return Some(name),
        None => role_arn(host)?,
    };
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let is_own = instance
        .profile_arn
        .as_deref()
        .is_none_or(|profile| account(profile) == account(arn));
    arn.rsplit('/').next().filter(|_| is_own)
}

fn key(host: &ResolvedHost) -> Option<&Key> {
    match &host.route {
        Route::Ssh(Ssh { key, .. })
        | Route::Ec2 {
            ssh: Ssh { key, .. },
            ..
        } => key.as_ref(),
        Route::Local => None,
    }
}

/// The name at the end of `arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME`.
fn profile_name(instance: &Instance) -> Option<&str> {
    instance.profile_arn.as_deref()?.rsplit('/').next()
}

fn parameters(host: &ResolvedHost) -> impl Iterator<Item = &str> {
    let references = host.references().into_iter();
    references.filter_map(|reference| match reference.secret {
        SecretRef::SsmParameter(name) => Some(name.as_str()),
        _ => None,
    })
}
