//! The questions to AWS of one run, and their answers: each is asked once, several in one call where
//! AWS can, and no more calls at a time than AWS takes without throttling.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use secrecy::SecretString;
use tokio::{sync::Semaphore, task::JoinSet};

use super::cloud::{Cloud, CloudError, Grant, Instance, InstanceQuery, MskCluster, Region, Role};
use crate::{
    broker::credentials::Credentials,
    spec::{Aws, Cluster},
};

/// A question, in an account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// See [`Cloud::instances`].
    Instances(Aws, InstanceQuery),
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

/// The answers so far.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    known: BTreeMap<Question, Result<Answer, CloudError>>,
    /// The regions that are asked where the spec names none.
    regions: BTreeMap<Aws, Region>,
}

/// An answer, where there is one already.
type Known<'a, T> = Option<Result<&'a T, &'a CloudError>>;

/// Most calls at a time.
const MOST: usize = 16;

impl Answers {
    /// Asks the questions, again as long as answers lead to more of them.
    pub(crate) async fn gather(
        cloud: &Arc<dyn Cloud>,
        asked_for: impl Fn(&Self) -> BTreeSet<Question>,
    ) -> Self {
        let mut answers = Self::default();
        // Questions that a call for several left open.
        let mut alone = BTreeSet::new();
        let turns = Arc::new(Semaphore::new(MOST));
        loop {
            let wanted = asked_for(&answers);
            let open: Vec<Question> = wanted
                .into_iter()
                .filter(|question| !answers.known.contains_key(question))
                .collect();
            if open.is_empty() {
                break;
            }
            let calls = together(open, &alone).into_iter().map(|questions| {
                let (cloud, turns) = (Arc::clone(cloud), Arc::clone(&turns));
                async move {
                    let _turn = turns.acquire().await;
                    ask_all(cloud.as_ref(), questions).await
                }
            });
            let calls: JoinSet<_> = calls.collect();
            for (question, answer) in calls.join_all().await.into_iter().flatten() {
                match answer {
                    Some(answer) => {
                        answers.known.insert(question, answer);
                    }
                    None => {
                        alone.insert(question);
                    }
                }
            }
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
    pub fn instances(&self, aws: &Aws, query: &InstanceQuery) -> Known<'_, Vec<Instance>> {
        let question = Question::Instances(aws.clone(), query.clone());
        self.known(&question, |answer| match answer {
            Answer::Instances(instances) => Some(instances),
            _ => None,
        })
    }

    /// The id of a key pair.
    pub(crate) fn key_pair(&self, aws: &Aws, name: &str) -> Known<'_, String> {
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
    pub fn cluster(&self, aws: &Aws, cluster: &Cluster) -> Known<'_, MskCluster> {
        let question = Question::Cluster(aws.clone(), cluster.clone());
        self.known(&question, |answer| match answer {
            Answer::Cluster(cluster) => Some(cluster),
            _ => None,
        })
    }

    /// What signs.
    pub(crate) fn signing(&self, aws: &Aws) -> Known<'_, Credentials> {
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

/// Questions by the call that answers them together.
fn together(open: Vec<Question>, alone: &BTreeSet<Question>) -> Vec<Vec<Question>> {
    // As many as `GetParameters` takes, and fewer than the 200 values that EC2's filters may have in all.
    const PARAMETERS: usize = 10;
    const FILTERED: usize = 100;
    let mut groups: BTreeMap<_, Vec<Question>> = BTreeMap::new();
    let mut calls = Vec::new();
    for question in open {
        let (aws, kind, most) = match &question {
            _ if alone.contains(&question) => {
                calls.push(vec![question]);
                continue;
            }
            Question::Parameter(aws, _) => (aws, vec!["parameter"], PARAMETERS),
            Question::KeyPair(aws, _) => (aws, vec!["pair"], FILTERED),
            Question::Instances(aws, InstanceQuery::Id(_)) => (aws, vec!["id"], FILTERED),
            Question::Instances(aws, InstanceQuery::Tags(tags)) => {
                let keys = tags.iter().map(|(key, _)| key.as_str());
                (
                    aws,
                    ["tags"].into_iter().chain(keys).collect(),
                    FILTERED / tags.len().max(1),
                )
            }
            Question::Role(..)
            | Question::Profile(..)
            | Question::Cluster(..)
            | Question::Signing(_) => {
                calls.push(vec![question]);
                continue;
            }
        };
        let kind: Vec<String> = kind.into_iter().map(str::to_owned).collect();
        let group = groups.entry((aws.clone(), kind, most.max(1))).or_default();
        group.push(question);
    }
    for ((_, _, most), group) in groups {
        calls.extend(group.chunks(most).map(<[Question]>::to_vec));
    }
    calls
}

/// The answers to the questions of one call; `None`: to be asked alone.
async fn ask_all(
    cloud: &dyn Cloud,
    questions: Vec<Question>,
) -> Vec<(Question, Option<Result<Answer, CloudError>>)> {
    if let [question] = questions.as_slice() {
        let answer = ask(cloud, question).await;
        return vec![(question.clone(), Some(answer))];
    }
    let answered = several(cloud, &questions).await;
    let answer = |question: &Question| match &answered {
        Ok(answers) => answers.get(question).cloned().map(Ok),
        // One that is wrong, or refused, may fail all.
        Err(
            CloudError::Denied { .. } | CloudError::NotFound { .. } | CloudError::Refused { .. },
        ) => None,
        Err(error) => Some(Err(error.clone())),
    };
    let answers = questions
        .iter()
        .map(|question| (question.clone(), answer(question)));
    answers.collect()
}

/// Asks for several of one kind by one call.
async fn several(
    cloud: &dyn Cloud,
    questions: &[Question],
) -> Result<BTreeMap<Question, Answer>, CloudError> {
    let names: Vec<String> = questions
        .iter()
        .filter_map(|question| match question {
            Question::Parameter(_, name) | Question::KeyPair(_, name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    Ok(match questions.first() {
        Some(Question::Parameter(aws, _)) => {
            let answers = cloud.parameters(aws, &names).await?.into_iter();
            let of = |(name, it)| (Question::Parameter(aws.clone(), name), Answer::Secret(it));
            answers.map(of).collect()
        }
        Some(Question::KeyPair(aws, _)) => {
            let answers = cloud.key_pair_ids(aws, &names).await?.into_iter();
            let of = |(name, id)| (Question::KeyPair(aws.clone(), name), Answer::Text(id));
            answers.map(of).collect()
        }
        Some(Question::Instances(aws, _)) => {
            let queries = questions.iter().filter_map(|question| match question {
                Question::Instances(_, query) => Some(query.clone()),
                _ => None,
            });
            let queries: Vec<InstanceQuery> = queries.collect();
            let answers = cloud.instances_of(aws, &queries).await?.into_iter();
            let of = |(query, instances)| {
                (
                    Question::Instances(aws.clone(), query),
                    Answer::Instances(instances),
                )
            };
            answers.map(of).collect()
        }
        _ => BTreeMap::new(),
    })
}

async fn ask(cloud: &dyn Cloud, question: &Question) -> Result<Answer, CloudError> {
    Ok(match question {
        Question::Instances(aws, query) => Answer::Instances(cloud.instances(aws, query).await?),
        Question::KeyPair(aws, name) => Answer::Text(cloud.key_pair_id(aws, name).await?),
        Question::Parameter(aws, name) => Answer::Secret(cloud.parameter(aws, name).await?),
        Question::Role(aws, name) => Answer::Role(cloud.role(aws, name).await?),
        Question::Profile(aws, name) => Answer::Roles(cloud.profile_roles(aws, name).await?),
        Question::Cluster(aws, cluster) => Answer::Cluster(cloud.cluster(aws, cluster).await?),
        Question::Signing(aws) => Answer::Signing(cloud.credentials(aws).await?),
    })
}
