//! Changes of a cluster, and their rehearsal.

use std::ops::{Deref, DerefMut};

use super::{
    api::{
        alter_configs::Keys,
        create_topics::{CreatedTopic, NewTopic},
    },
    changes::{Changes, Results},
    cluster::Cluster,
    error::Error,
    refusal::Refusal,
};

/// The outcome of each topic, in the order of the request.
pub type Outcomes = Vec<(String, Result<(), Refusal>)>;

/// Whether the cluster would accept each change, in the order of the request; for a new topic, what
/// it would be, if the broker returns it.
pub type RehearsalOutcomes = Vec<(String, Result<Option<CreatedTopic>, Refusal>)>;

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

/// The same calls with `validate_only`: nothing is written, so that a plan may use it.
pub struct Rehearsal<'c, 'd>(&'c mut Cluster<'d>);

impl<'c, 'd> Rehearsal<'c, 'd> {
    /// Over the connections of a cluster.
    pub fn over(cluster: &'c mut Cluster<'d>) -> Self {
        Self(cluster)
    }

    /// Whether topics could be created.
    ///
    /// # Errors
    /// When the cluster does not reply.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<RehearsalOutcomes, Error> {
        let results = Changes::validate_only(self.0).create_topics(topics).await?;
        Ok(rehearsal_outcomes(results))
    }

    /// Whether numbers of partitions could be raised to a new total.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn create_partitions(
        &mut self,
        topics: &[(String, i32)],
    ) -> Result<RehearsalOutcomes, Error> {
        let mut changes = Changes::validate_only(self.0);
        Ok(rehearsal_outcomes(changes.create_partitions(topics).await?))
    }

    /// Whether keys could be set (`Some`) or reset (`None`).
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn alter_configs(
        &mut self,
        topics: &[(String, Keys)],
    ) -> Result<RehearsalOutcomes, Error> {
        let results = Changes::validate_only(self.0).alter_configs(topics).await?;
        Ok(rehearsal_outcomes(results))
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
    /// When the cluster does not reply. [`sent`](super::ErrorDetails::sent) says whether something may
    /// have been created.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Outcomes, Error> {
        let results = Changes::write(self.0).create_topics(topics).await?;
        Ok(outcomes(results))
    }

    /// Raises numbers of partitions to a new total.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn create_partitions(&mut self, topics: &[(String, i32)]) -> Result<Outcomes, Error> {
        let mut changes = Changes::write(self.0);
        Ok(outcomes(changes.create_partitions(topics).await?))
    }

    /// Sets keys of topics (`Some`), or resets them to the broker's defaults (`None`). Keys that
    /// are not named stay.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn alter_configs(&mut self, topics: &[(String, Keys)]) -> Result<Outcomes, Error> {
        let results = Changes::write(self.0).alter_configs(topics).await?;
        Ok(outcomes(results))
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub async fn delete_topics(&mut self, topics: &[String]) -> Result<Outcomes, Error> {
        Ok(outcomes(Changes::delete_topics(self.0, topics).await?))
    }
}

fn outcomes(results: Results) -> Outcomes {
    let results = results.into_iter();
    results.map(|(name, row)| (name, row.map(|_| ()))).collect()
}

fn rehearsal_outcomes(results: Results) -> RehearsalOutcomes {
    let results = results.into_iter();
    results
        .map(|(name, row)| (name, row.map(|row| row.created)))
        .collect()
}
