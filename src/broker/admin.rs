//! A cluster, to be changed, and to be asked whether it would be.

use std::ops::{Deref, DerefMut};

use super::{
    api::{
        alter_configs::Keys,
        create_topics::{Made, NewTopic},
    },
    changes::{Answers, Changes},
    cluster::Cluster,
    error::Error,
    refusal::Refusal,
};

/// What became of each topic, in the order in which they were given.
pub type Outcomes = Vec<(String, Result<(), Refusal>)>;

/// Whether the cluster would take what it was asked about each topic, in the order in which they were
/// given; of a new one, what it would be, where the broker tells.
pub type Rehearsed = Vec<(String, Result<Option<Made>, Refusal>)>;

/// A cluster that an apply has opened. It reads as any [`Cluster`] does, and is what an [`Admin`] is made of:
///
/// ```
/// use trueup::broker::{Admin, WritableCluster};
///
/// async fn delete(cluster: &mut WritableCluster<'_>, topics: &[String]) {
///     let _ = Admin::over(cluster).delete_topics(topics).await;
/// }
/// ```
///
/// What a plan is made with is handed a [`Cluster`], which makes none,
///
/// ```compile_fail,E0308
/// use trueup::broker::{Admin, Cluster};
///
/// async fn delete(cluster: &mut Cluster<'_>, topics: &[String]) {
///     let _ = Admin::over(cluster).delete_topics(topics).await;
/// }
/// ```
///
/// and does not write itself:
///
/// ```compile_fail,E0599
/// use trueup::broker::Cluster;
///
/// async fn delete(cluster: &mut Cluster<'_>, topics: &[String]) {
///     let _ = cluster.delete_topics(topics).await;
/// }
/// ```
pub struct WritableCluster<'d>(Cluster<'d>);

impl<'d> WritableCluster<'d> {
    /// Over a cluster, which nobody else has from here on.
    pub fn new(cluster: Cluster<'d>) -> Self {
        Self(cluster)
    }
}

impl<'d> Deref for WritableCluster<'d> {
    type Target = Cluster<'d>;

    fn deref(&self) -> &Cluster<'d> {
        &self.0
    }
}

impl DerefMut for WritableCluster<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// The calls that write.
pub struct Admin<'c, 'd>(&'c mut Cluster<'d>);

/// The same calls with `validate_only`: the cluster says whether it would do it, and does nothing.
/// Nothing here can write, so that a plan may ask.
pub struct Rehearsal<'c, 'd>(&'c mut Cluster<'d>);

impl<'c, 'd> Rehearsal<'c, 'd> {
    /// Asks over the connections of a cluster.
    pub fn over(cluster: &'c mut Cluster<'d>) -> Self {
        Self(cluster)
    }

    /// Whether these could be created.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Rehearsed, Error> {
        let answers = Changes::only_tried(self.0).create_topics(topics).await?;
        Ok(rehearsed(answers))
    }

    /// Whether numbers of partitions could be raised to a new total.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn create_partitions(
        &mut self,
        topics: &[(String, i32)],
    ) -> Result<Rehearsed, Error> {
        let mut changes = Changes::only_tried(self.0);
        Ok(rehearsed(changes.create_partitions(topics).await?))
    }

    /// Whether keys could be set (`Some`) or reset (`None`).
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn alter_configs(&mut self, topics: &[(String, Keys)]) -> Result<Rehearsed, Error> {
        let answers = Changes::only_tried(self.0).alter_configs(topics).await?;
        Ok(rehearsed(answers))
    }
}

impl<'c, 'd> Admin<'c, 'd> {
    /// Writes over the connections of a cluster.
    pub fn over(cluster: &'c mut WritableCluster<'d>) -> Self {
        Self(&mut cluster.0)
    }

    /// Creates topics.
    ///
    /// # Errors
    /// When the cluster does not answer. [`sent`](super::Trouble::sent) says whether something may
    /// have been created.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Outcomes, Error> {
        let answers = Changes::carried_out(self.0).create_topics(topics).await?;
        Ok(outcomes(answers))
    }

    /// Raises numbers of partitions to a new total.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn create_partitions(&mut self, topics: &[(String, i32)]) -> Result<Outcomes, Error> {
        let mut changes = Changes::carried_out(self.0);
        Ok(outcomes(changes.create_partitions(topics).await?))
    }

    /// Sets keys of topics (`Some`), or resets them to the broker's defaults (`None`). Keys that
    /// are not named stay.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn alter_configs(&mut self, topics: &[(String, Keys)]) -> Result<Outcomes, Error> {
        let answers = Changes::carried_out(self.0).alter_configs(topics).await?;
        Ok(outcomes(answers))
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn delete_topics(&mut self, topics: &[String]) -> Result<Outcomes, Error> {
        Ok(outcomes(Changes::delete_topics(self.0, topics).await?))
    }
}

fn outcomes(answers: Answers) -> Outcomes {
    let answers = answers.into_iter();
    answers.map(|(name, row)| (name, row.map(|_| ()))).collect()
}

fn rehearsed(answers: Answers) -> Rehearsed {
    let answers = answers.into_iter();
    answers
        .map(|(name, row)| (name, row.map(|row| row.made)))
        .collect()
}
