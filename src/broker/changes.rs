//! Requests that change topics, in batches: carried out, or only validated.

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
    pool::{Backoff, Intent},
    refusal::Refusal,
};

/// Most topics of one request that writes.
const TOPICS_A_WRITE: usize = 200;

/// Most records of one CreateTopics. A KRaft controller writes a record for each topic, partition
/// and setting, and refuses requests of more than 10,000 (`QuorumController.
/// MAX_RECORDS_PER_USER_OP`); one batch of records is also one wait for its followers.
const RECORDS_A_WRITE: usize = 2000;

/// Partitions that a broker's default is counted as: MSK's is 1, Confluent's 6.
const PARTITIONS_BY_DEFAULT: usize = 16;

/// Rounds without progress under a quota, before giving up.
const IDLE_ROUNDS: usize = 5;

/// The result of each topic, in the order of the request.
pub type Results = Vec<(String, Result<Row, Refusal>)>;

/// Requests that change topics; with `validate_only` nothing is changed.
pub struct Changes<'c, 'd> {
    cluster: &'c mut Cluster<'d>,
    validate_only: bool,
}

impl<'c, 'd> Changes<'c, 'd> {
    /// Requests that are carried out.
    pub fn write(cluster: &'c mut Cluster<'d>) -> Self {
        Self {
            cluster,
            validate_only: false,
        }
    }

    /// Requests that change nothing.
    pub fn validate_only(cluster: &'c mut Cluster<'d>) -> Self {
        Self {
            cluster,
            validate_only: true,
        }
    }

    /// CreateTopics.
    pub async fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Results, Error> {
        let (timeout, validate_only) = (self.cluster.pool.broker_timeout(), self.validate_only);
        self.send_batches(
            topics,
            |t| &t.name,
            records,
            self.intent(),
            |topics| CreateTopics {
                topics: topics.to_vec(),
                timeout,
                validate_only,
            },
        )
        .await
    }

    /// CreatePartitions, to a new total.
    pub async fn create_partitions(&mut self, topics: &[(String, i32)]) -> Result<Results, Error> {
        let (timeout, validate_only) = (self.cluster.pool.broker_timeout(), self.validate_only);
        self.send_batches(
            topics,
            |t| &t.0,
            |_| 1,
            self.intent(),
            |topics| CreatePartitions {
                topics: topics.iter().map(|(n, c)| (n.as_str(), *c)).collect(),
                timeout,
                validate_only,
            },
        )
        .await
    }

    /// IncrementalAlterConfigs.
    pub async fn alter_configs(&mut self, topics: &[(String, Keys)]) -> Result<Results, Error> {
        let validate_only = self.validate_only;
        self.send_batches(
            topics,
            |t| &t.0,
            |_| 1,
            self.intent(),
            |topics| AlterConfigs {
                topics: topics.iter().map(|(n, k)| (n.as_str(), k)).collect(),
                validate_only,
            },
        )
        .await
    }

    /// DeleteTopics, which knows no `validate_only`.
    pub async fn delete_topics(
        cluster: &'c mut Cluster<'d>,
        topics: &[String],
    ) -> Result<Results, Error> {
        let mut changes = Self::write(cluster);
        let timeout = changes.cluster.pool.broker_timeout();
        changes
            .send_batches(
                topics,
                |t| t,
                |_| 1,
                Intent::Write,
                |topics| DeleteTopics {
                    topics: topics.iter().map(|name| name.as_str()).collect(),
                    timeout,
                },
            )
            .await
    }

    fn intent(&self) -> Intent {
        match self.validate_only {
            true => Intent::Read,
            false => Intent::Write,
        }
    }

    /// Sends all batches of a call.
    async fn send_batches<'a, T, C: Call<Reply = Rows>>(
        &mut self,
        topics: &'a [T],
        name: impl Fn(&T) -> &str,
        cost: impl Fn(&T) -> usize,
        intent: Intent,
        make: impl Fn(&[&'a T]) -> C,
    ) -> Result<Results, Error> {
        let mut wrote = false;
        let mut results = Vec::with_capacity(topics.len());
        for batch in batches(topics, cost) {
            let rows = self
                .send_batch(&batch, &name, intent, &make, &mut wrote)
                .await;
            // Earlier batches count, too: the caller has to read all topics again.
            let rows = rows.map_err(|error| error.with_sent(wrote))?;
            for topic in batch {
                let name = name(topic);
                // A name that is given twice has one row.
                let Some(row) = rows.get(name) else { continue };
                let message = row.message.as_deref();
                let mechanism = self.cluster.pool.mechanism;
                let refusal = Refusal::from_code(row.code, message, C::NAME, mechanism);
                let result = match refusal {
                    Some(refusal) => Err(refusal.with_name_help(TopicName::parse(name).is_ok())),
                    None => Ok(row.clone()),
                };
                results.push((name.to_owned(), result));
            }
        }
        Ok(results)
    }

    /// Sends one batch until each topic has a final result. Topics are sent again only if the broker
    /// did nothing (it is not the controller, or the quota is used up).
    async fn send_batch<'a, T, C: Call<Reply = Rows>>(
        &mut self,
        batch: &[&'a T],
        name: &impl Fn(&T) -> &str,
        intent: Intent,
        make: &impl Fn(&[&'a T]) -> C,
        wrote: &mut bool,
    ) -> Result<HashMap<String, Row>, Error> {
        let mut results: HashMap<String, Row> = HashMap::new();
        let mut pending = batch.to_vec();
        let mut backoff = Backoff::new(self.cluster.pool.route.deadline);
        let mut idle = 0;
        loop {
            let reply = self
                .cluster
                .pool
                .call_controller(&make(&pending), intent)
                .await?;
            let answered: HashMap<&str, &Row> = reply
                .rows
                .iter()
                .map(|row| (row.name.as_str(), row))
                .collect();
            let mut controller_moved = false;
            let mut remaining = Vec::new();
            for topic in &pending {
                let Some(row) = answered.get(name(topic)) else {
                    let error = self.cluster.pool.missing_from_reply(C::NAME, name(topic));
                    return Err(error.with_sent(intent == Intent::Write));
                };
                match row.code {
                    codes::NOT_CONTROLLER => controller_moved = true,
                    codes::THROTTLING_QUOTA_EXCEEDED => {}
                    code => {
                        *wrote |= intent == Intent::Write && code == 0;
                        results.insert(row.name.clone(), (*row).clone());
                        continue;
                    }
                }
                // Final, unless it is sent again.
                results.insert(row.name.clone(), (*row).clone());
                remaining.push(*topic);
            }
            idle = if remaining.len() == pending.len() {
                idle + 1
            } else {
                0
            };
            if remaining.is_empty() {
                return Ok(results);
            }
            if controller_moved {
                if !backoff.pause().await {
                    return Ok(results);
                }
                self.cluster.pool.refresh().await?;
            } else {
                // The channel waits for the broker's throttle; without one, wait here.
                let timed_out = reply.throttle.is_zero() && !backoff.pause().await;
                if timed_out || idle >= IDLE_ROUNDS {
                    return Ok(results);
                }
            }
            pending = remaining;
        }
    }
}

/// The records that a controller writes for a new topic.
fn records(topic: &NewTopic) -> usize {
    let partitions = match topic.partitions {
        Some(count) => usize::try_from(count).unwrap_or(0),
        None => PARTITIONS_BY_DEFAULT,
    };
    1 + partitions + topic.config.len()
}

/// Splits a list into batches within both limits; a topic that exceeds them is a batch of its own.
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
            // Each batch is as large as possible.
            for pair in batches.windows(2) {
                let total: usize = pair[0].iter().copied().sum();
                prop_assert!(
                    pair[0].len() == TOPICS_A_WRITE || total + pair[1][0] > RECORDS_A_WRITE
                );
            }
        }
    }

    #[test]
    fn a_topic_costs_a_record_for_each_partition_and_setting() {
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
