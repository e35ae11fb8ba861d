//! What is asked of a cluster about topics, in batches: carried out, or only tried.

use std::collections::HashMap;

use crate::names::TopicName;

use super::{
    api::{
        Call, Row, Rows,
        alter_configs::{AlterConfigs, Keys},
        create_partitions::CreatePartitions,
        create_topics::{CreateTopics, NewTopic},
        delete_topics::DeleteTopics,
    },
    cluster::Cluster,
    codes,
    error::Error,
    pool::{Again, Patience},
    refusal::Refusal,
};

/// Most topics of one request that writes.
const TOPICS_A_WRITE: usize = 200;

/// Most records of one CreateTopics. A KRaft controller writes a record for each topic, partition
/// and setting, and refuses requests of more than 10,000 (`QuorumController.
/// MAX_RECORDS_PER_USER_OP`); one batch of records is also one wait for its followers.
const RECORDS_A_WRITE: usize = 2000;

/// What a default of the broker's is counted as: MSK's is 1, Confluent's 6.
const PARTITIONS_BY_DEFAULT: usize = 16;

/// Rounds in which a quota lets nothing through, before it is given up.
const IDLE_ROUNDS: usize = 5;

/// What the cluster answered about each topic, in the order in which they were given.
pub type Answers = Vec<(String, Result<Row, Refusal>)>;

/// Requests about topics. With `validate_only` all of them say that nothing is to be done.
pub struct Changes<'c, 'd> {
    cluster: &'c mut Cluster<'d>,
    validate_only: bool,
}

impl<'c, 'd> Changes<'c, 'd> {
    /// Requests that are carried out.
    pub fn carried_out(cluster: &'c mut Cluster<'d>) -> Self {
        Self {
            cluster,
            validate_only: false,
        }
    }

    /// Requests that change nothing.
    pub fn only_tried(cluster: &'c mut Cluster<'d>) -> Self {
        Self {
            cluster,
            validate_only: true,
        }
    }

    /// CreateTopics.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Answers, Error> {
        let (timeout, validate_only) = (self.cluster.pool.broker_timeout(), self.validate_only);
        self.ask(
            topics,
            |t| &t.name,
            records,
            self.again(),
            |topics| CreateTopics {
                topics: topics.to_vec(),
                timeout,
                validate_only,
            },
        )
        .await
    }

    /// CreatePartitions, to a new total.
    pub async fn create_partitions(&mut self, topics: &[(String, i32)]) -> Result<Answers, Error> {
        let (timeout, validate_only) = (self.cluster.pool.broker_timeout(), self.validate_only);
        self.ask(
            topics,
            |t| &t.0,
            |_| 1,
            self.again(),
            |topics| CreatePartitions {
                topics: topics.iter().map(|(n, c)| (n.as_str(), *c)).collect(),
                timeout,
                validate_only,
            },
        )
        .await
    }

    /// IncrementalAlterConfigs.
    pub async fn alter_configs(&mut self, topics: &[(String, Keys)]) -> Result<Answers, Error> {
        let validate_only = self.validate_only;
        self.ask(
            topics,
            |t| &t.0,
            |_| 1,
            self.again(),
            |topics| AlterConfigs {
                topics: topics.iter().map(|(n, k)| (n.as_str(), k)).collect(),
                validate_only,
            },
        )
        .await
    }

    /// DeleteTopics, which no broker only tries: it is carried out, whatever the others are.
    pub async fn delete_topics(
        cluster: &'c mut Cluster<'d>,
        topics: &[String],
    ) -> Result<Answers, Error> {
        let mut changes = Self::carried_out(cluster);
        let timeout = changes.cluster.pool.broker_timeout();
        changes
            .ask(
                topics,
                |t| t,
                |_| 1,
                Again::No,
                |topics| DeleteTopics {
                    topics: topics.iter().map(|name| name.as_str()).collect(),
                    timeout,
                },
            )
            .await
    }

    fn again(&self) -> Again {
        match self.validate_only {
            true => Again::Yes,
            false => Again::No,
        }
    }

    /// All batches of a call.
    async fn ask<'a, T, C: Call<Reply = Rows>>(
        &mut self,
        topics: &'a [T],
        name: impl Fn(&T) -> &str,
        cost: impl Fn(&T) -> usize,
        again: Again,
        make: impl Fn(&[&'a T]) -> C,
    ) -> Result<Answers, Error> {
        let mut wrote = false;
        let mut answers = Vec::with_capacity(topics.len());
        for batch in batches(topics, cost) {
            let rows = self.settle(&batch, &name, again, &make, &mut wrote).await;
            // What went out before counts, too: a caller has to read all of it again.
            let rows = rows.map_err(|error| error.with_sent(wrote))?;
            for topic in batch {
                let name = name(topic);
                // Of each topic of the batch there is a row; a name given twice has one.
                let Some(row) = rows.get(name) else { continue };
                let message = row.message.as_deref();
                let mechanism = self.cluster.pool.mechanism;
                let refusal = Refusal::unless_fine(row.code, message, C::NAME, mechanism);
                let answer = match refusal {
                    Some(refusal) => Err(refusal.about_name(TopicName::parse(name).is_ok())),
                    None => Ok(row.clone()),
                };
                answers.push((name.to_owned(), answer));
            }
        }
        Ok(answers)
    }

    /// One batch, until the broker has said something final of each topic. Topics are sent again
    /// only where it said that it did nothing (not the controller, quota used up).
    async fn settle<'a, T, C: Call<Reply = Rows>>(
        &mut self,
        batch: &[&'a T],
        name: &impl Fn(&T) -> &str,
        again: Again,
        make: &impl Fn(&[&'a T]) -> C,
        wrote: &mut bool,
    ) -> Result<HashMap<String, Row>, Error> {
        let mut settled: HashMap<String, Row> = HashMap::new();
        let mut pending = batch.to_vec();
        let mut patience = Patience::new(self.cluster.pool.way.deadline);
        let mut idle = 0;
        loop {
            let reply = self
                .cluster
                .pool
                .ask_controller(&make(&pending), again)
                .await?;
            let answered: HashMap<&str, &Row> = reply
                .rows
                .iter()
                .map(|row| (row.name.as_str(), row))
                .collect();
            let mut moved = false;
            let mut left = Vec::new();
            for topic in &pending {
                let Some(row) = answered.get(name(topic)) else {
                    let error = self.cluster.pool.left_out(C::NAME, name(topic));
                    return Err(error.with_sent(again == Again::No));
                };
                match row.code {
                    codes::NOT_CONTROLLER => moved = true,
                    codes::THROTTLING_QUOTA_EXCEEDED => {}
                    code => {
                        *wrote |= again == Again::No && code == 0;
                        settled.insert(row.name.clone(), (*row).clone());
                        continue;
                    }
                }
                // The last word, if it stays so.
                settled.insert(row.name.clone(), (*row).clone());
                left.push(*topic);
            }
            idle = if left.len() == pending.len() {
                idle + 1
            } else {
                0
            };
            if left.is_empty() {
                return Ok(settled);
            }
            if moved {
                if !patience.pause().await {
                    return Ok(settled);
                }
                self.cluster.pool.refresh().await?;
            } else {
                // The channel waits for as long as the broker asked; without a word of that, we do.
                let mute = reply.throttle.is_zero() && !patience.pause().await;
                if mute || idle >= IDLE_ROUNDS {
                    return Ok(settled);
                }
            }
            pending = left;
        }
    }
}

/// What a new topic costs a controller.
fn records(topic: &NewTopic) -> usize {
    let partitions = match topic.partitions {
        Some(count) => usize::try_from(count).unwrap_or(0),
        None => PARTITIONS_BY_DEFAULT,
    };
    1 + partitions + topic.config.len()
}

/// Cuts a list into batches: so many topics and so many records at most; a topic that is too large
/// by itself goes alone.
fn batches<T>(topics: &[T], cost: impl Fn(&T) -> usize) -> Vec<Vec<&T>> {
    let mut all: Vec<Vec<&T>> = Vec::new();
    let mut records = 0;
    for topic in topics {
        let cost = cost(topic);
        match all.last_mut() {
            Some(batch) if batch.len() < TOPICS_A_WRITE && records + cost <= RECORDS_A_WRITE => {
                records += cost;
                batch.push(topic);
            }
            _ => {
                records = cost;
                all.push(vec![topic]);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_keep_order_and_stay_within_the_limits(
            costs in proptest::collection::vec(1usize..3000, 0..700),
        ) {
            let batches = batches(&costs, |cost| *cost);
            let flat: Vec<usize> = batches.iter().flatten().map(|cost| **cost).collect();
            prop_assert_eq!(&flat, &costs);
            for batch in &batches {
                let total: usize = batch.iter().copied().sum();
                prop_assert!(batch.len() <= TOPICS_A_WRITE);
                prop_assert!(total <= RECORDS_A_WRITE || batch.len() == 1);
            }
            // None is cut short without need.
            for pair in batches.windows(2) {
                let total: usize = pair[0].iter().copied().sum();
                prop_assert!(
                    pair[0].len() == TOPICS_A_WRITE || total + pair[1][0] > RECORDS_A_WRITE
                );
            }
        }
    }

    #[test]
    fn a_topic_costs_a_record_for_each_of_its_parts() {
        let mut topic = NewTopic {
            name: "t".to_owned(),
            partitions: Some(3),
            replication_factor: None,
            config: vec![("a".to_owned(), "1".to_owned())],
        };
        assert_eq!(records(&topic), 5);
        topic.partitions = None;
        assert_eq!(records(&topic), 18);
    }
}
