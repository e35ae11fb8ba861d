//! What AWS is asked in one run, and what it answered: each question once, all that can be asked at
//! a time side by side.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use secrecy::SecretString;
use tokio::task::JoinSet;

use super::cloud::{Cloud, CloudError, Grant, Instance, MskCluster, Region, Role, Which};
use crate::{
    broker::credentials::Credentials,
    spec::{Aws, Cluster},
};

/// A question, in an account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// See [`Cloud::instances`].
    Instances(Aws, Which),
    /// See [`Cloud::key_pair_id`].
    KeyPair(Aws, String),
    /// See [`Cloud::parameter`].
    Parameter(Aws, String),
    /// See [`Cloud::role`].
    Role(Aws, String),
    /// See [`Cloud::profile_roles`].
    Profile(Aws, String),
    /// See [`Cloud::cluster`].
    Cluster(Aws, Cluster),
    /// See [`Cloud::credentials`].
    Signing(Aws),
}

#[derive(Debug, Clone)]
enum Answer {
    Instances(Vec<Instance>),
    Text(String),
    Secret(SecretString),
    Role(Role),
    Roles(Vec<String>),
    Cluster(MskCluster),
    Signing(Credentials),
}

/// What was answered so far. Of a question that was not asked there is nothing.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    known: BTreeMap<Question, Result<Answer, CloudError>>,
    /// The regions that are asked where the spec names none.
    regions: BTreeMap<Aws, Region>,
}

/// An answer, where there is one already.
type Known<'a, T> = Option<Result<&'a T, &'a CloudError>>;

impl Answers {
    /// Asks what is asked for, again as long as answers lead to more questions.
    pub async fn gather(
        cloud: &Arc<dyn Cloud>,
        asked_for: impl Fn(&Self) -> BTreeSet<Question>,
    ) -> Self {
        let mut answers = Self::default();
        loop {
            let wanted = asked_for(&answers);
            let open: Vec<Question> = wanted
                .into_iter()
                .filter(|question| !answers.known.contains_key(question))
                .collect();
            if open.is_empty() {
                break;
            }
            let asking = open.into_iter().map(|question| {
                let cloud = Arc::clone(cloud);
                async move {
                    let answer = ask(cloud.as_ref(), &question).await;
                    (question, answer)
                }
            });
            let asking: JoinSet<_> = asking.collect();
            answers.known.extend(asking.join_all().await);
        }
        answers.share_grants();
        for aws in answers.accounts() {
            if aws.region.is_none()
                && let Ok(Some(region)) = cloud.region(&aws).await
            {
                answers.regions.insert(aws, region);
            }
        }
        answers
    }

    /// Each refusal names all that was refused, so that a policy is mended once.
    fn share_grants(&mut self) {
        let all: BTreeSet<Grant> = self.known.values().flat_map(granting).cloned().collect();
        for answer in self.known.values_mut() {
            if let Err(CloudError::Denied { grants, .. }) = answer
                && !grants.is_empty()
            {
                *grants = all.iter().cloned().collect();
            }
        }
    }

    /// The region that is asked where the spec names none.
    pub fn region(&self, aws: &Aws) -> Option<&Region> {
        self.regions.get(aws)
    }

    /// The accounts and regions that were asked.
    pub fn accounts(&self) -> BTreeSet<Aws> {
        let of = |question: &Question| match question {
            Question::Instances(aws, _)
            | Question::KeyPair(aws, _)
            | Question::Parameter(aws, _)
            | Question::Role(aws, _)
            | Question::Profile(aws, _)
            | Question::Cluster(aws, _)
            | Question::Signing(aws) => aws.clone(),
        };
        self.known.keys().map(of).collect()
    }

    /// The instances of a name.
    pub fn instances(&self, aws: &Aws, which: &Which) -> Known<'_, Vec<Instance>> {
        let question = Question::Instances(aws.clone(), which.clone());
        self.known(&question, |answer| match answer {
            Answer::Instances(instances) => Some(instances),
            _ => None,
        })
    }

    /// The id of a key pair.
    pub fn key_pair(&self, aws: &Aws, name: &str) -> Known<'_, String> {
        let question = Question::KeyPair(aws.clone(), name.to_owned());
        self.known(&question, |answer| match answer {
            Answer::Text(id) => Some(id),
            _ => None,
        })
    }

    /// A parameter.
    pub fn parameter(&self, aws: &Aws, name: &str) -> Known<'_, SecretString> {
        let question = Question::Parameter(aws.clone(), name.to_owned());
        self.known(&question, |answer| match answer {
            Answer::Secret(secret) => Some(secret),
            _ => None,
        })
    }

    /// A role.
    pub fn role(&self, aws: &Aws, name: &str) -> Known<'_, Role> {
        let question = Question::Role(aws.clone(), name.to_owned());
        self.known(&question, |answer| match answer {
            Answer::Role(role) => Some(role),
            _ => None,
        })
    }

    /// The roles of an instance profile.
    pub fn profile(&self, aws: &Aws, name: &str) -> Known<'_, Vec<String>> {
        let question = Question::Profile(aws.clone(), name.to_owned());
        self.known(&question, |answer| match answer {
            Answer::Roles(roles) => Some(roles),
            _ => None,
        })
    }

    /// A cluster.
    pub fn cluster(&self, aws: &Aws, which: &Cluster) -> Known<'_, MskCluster> {
        let question = Question::Cluster(aws.clone(), which.clone());
        self.known(&question, |answer| match answer {
            Answer::Cluster(cluster) => Some(cluster),
            _ => None,
        })
    }

    /// What signs.
    pub fn signing(&self, aws: &Aws) -> Known<'_, Credentials> {
        let question = Question::Signing(aws.clone());
        self.known(&question, |answer| match answer {
            Answer::Signing(credentials) => Some(credentials),
            _ => None,
        })
    }

    fn known<'a, T>(
        &'a self,
        question: &Question,
        of_kind: impl Fn(&'a Answer) -> Option<&'a T>,
    ) -> Known<'a, T> {
        match self.known.get(question)? {
            // `ask` answers each question in its own kind.
            Ok(answer) => of_kind(answer).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

fn granting(answer: &Result<Answer, CloudError>) -> &[Grant] {
    match answer {
        Err(CloudError::Denied { grants, .. }) => grants,
        _ => &[],
    }
}

async fn ask(cloud: &dyn Cloud, question: &Question) -> Result<Answer, CloudError> {
    Ok(match question {
        Question::Instances(aws, which) => Answer::Instances(cloud.instances(aws, which).await?),
        Question::KeyPair(aws, name) => Answer::Text(cloud.key_pair_id(aws, name).await?),
        Question::Parameter(aws, name) => Answer::Secret(cloud.parameter(aws, name).await?),
        Question::Role(aws, name) => Answer::Role(cloud.role(aws, name).await?),
        Question::Profile(aws, name) => Answer::Roles(cloud.profile_roles(aws, name).await?),
        Question::Cluster(aws, which) => Answer::Cluster(cloud.cluster(aws, which).await?),
        Question::Signing(aws) => Answer::Signing(cloud.credentials(aws).await?),
    })
}
