//! Connections to the brokers of a cluster, one each, and which broker gets a call.

use std::collections::{BTreeMap, HashMap};

use tokio::time::{Duration, Instant, sleep};

use super::{
    BrokerAddress,
    api::{self, Call},
    channel::{Channel, Counts},
    error::{Error, Stage},
    open::open,
    route::Route,
    symptom::{self, Endpoint},
};
use crate::{names::WrongName, text::escape_control, transport::dial::Dial};

/// Which broker gets a call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// Any broker.
    AnyBroker,
    /// This broker.
    Broker(BrokerAddress),
}

/// Whether a call reads or writes: only a call that reads may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// It changes nothing.
    Read,
    /// It writes.
    Write,
}

/// Connections to the brokers of a cluster.
pub(crate) struct Pool<'d> {
    dial: &'d dyn Dial,
    /// The route to the cluster.
    pub route: Route,
    channels: HashMap<BrokerAddress, Channel>,
    /// The broker for calls that any broker can answer.
    home: BrokerAddress,
    /// The brokers' addresses, by id.
    pub brokers: BTreeMap<i32, Result<BrokerAddress, WrongName>>,
    /// The controller's id, if known.
    pub controller: Option<i32>,
    /// Traffic so far.
    pub counts: Counts,
    /// The SASL mechanism, if any.
    pub mechanism: Option<&'static str>,
}

impl<'d> Pool<'d> {
    /// Connects to the first broker of the bootstrap list that accepts the connection.
    ///
    /// # Errors
    /// When none does: the error of the broker that got furthest.
    pub async fn connect(dial: &'d dyn Dial, route: Route) -> Result<Self, Error> {
        let Some(home) = route.bootstrap.first().cloned() else {
            let placeholder = BrokerAddress {
                host: "bootstrap".to_owned(),
                port: 0,
            };
            return Err(Error::new(
                &route,
                &placeholder,
                Stage::Machine,
                "the cluster names no broker for this listener".to_owned(),
                "ask the cluster for its bootstrap brokers, or write them into the spec".to_owned(),
            ));
        };
        let mut pool = Self {
            dial,
            route,
            channels: HashMap::new(),
            home,
            brokers: BTreeMap::new(),
            controller: None,
            counts: Counts::default(),
            mechanism: None,
        };
        let channel = pool.connect_any().await?;
        pool.channels.insert(pool.home.clone(), channel);
        Ok(pool)
    }

    /// Stores the brokers and the controller of a reply.
    pub(crate) fn update_brokers(&mut self, reply: &api::metadata::Reply) {
        self.brokers = reply
            .brokers
            .iter()
            .map(|b| (b.id, BrokerAddress::new(&b.host, b.port.into())))
            .collect();
        self.controller = Some(reply.controller).filter(|id| *id >= 0);
    }

    /// Reads the brokers and the controller again.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        let none = api::metadata::Metadata { topics: Some(&[]) };
        let reply = self.call_any(&none).await?;
        self.update_brokers(&reply);
        Ok(())
    }

    /// How long a broker may take for a request, in milliseconds: less than our own deadline.
    pub(crate) fn broker_timeout(&self) -> i32 {
        let most = self.route.deadline.mul_f32(0.75).as_millis();
        i32::try_from(most).unwrap_or(i32::MAX).max(1)
    }

    /// The error for a reply without one of the requested topics.
    pub(crate) fn missing_from_reply(&self, api: &'static str, name: &str) -> Error {
        let message = format!(
            "the answer to `{api}` leaves out `{}`",
            escape_control(name)
        );
        symptom::wrong_reply(self.home_endpoint(), api, message)
    }

    /// The broker for calls that any can answer, for messages.
    pub(crate) fn home_endpoint(&self) -> Endpoint<'_> {
        self.endpoint(&self.home)
    }

    fn endpoint<'a>(&'a self, address: &'a BrokerAddress) -> Endpoint<'a> {
        Endpoint {
            route: &self.route,
            address,
        }
    }

    /// Sends a call that reads to any broker.
    pub(crate) async fn call_any<C: Call>(&mut self, call: &C) -> Result<C::Reply, Error> {
        self.call(&Target::AnyBroker, call, Intent::Read).await
    }

    /// Sends a call to the controller. While it is down and nothing was sent, waits for another to
    /// be elected.
    pub(crate) async fn call_controller<C: Call>(
        &mut self,
        call: &C,
        intent: Intent,
    ) -> Result<C::Reply, Error> {
        let mut backoff = Backoff::new(self.route.deadline);
        loop {
            let target = Target::Broker(self.controller().await?);
            match self.call(&target, call, intent).await {
                Err(error)
                    if matches!(error.stage, Stage::Tcp | Stage::Protocol)
                        && backoff.pause().await =>
                {
                    self.refresh().await?;
                }
                result => return result,
            }
        }
    }

    /// Sends one call. A read whose connection breaks is sent once more over a new one; a write is
    /// not, and its error says that it was sent.
    async fn call<C: Call>(
        &mut self,
        target: &Target,
        call: &C,
        intent: Intent,
    ) -> Result<C::Reply, Error> {
        let mut tries = if intent == Intent::Read { 2 } else { 1 };
        loop {
            tries -= 1;
            let (address, mut channel) = self.channel(target, intent).await?;
            channel.wait(self.route.deadline).await;
            // Out of the pool until it has answered: a call that is dropped half-way closes it.
            let result = channel
                .call(call, self.route.deadline, &mut self.counts)
                .await;
            let fault = match result {
                Ok(reply) => {
                    self.channels.insert(address, channel);
                    return Ok(reply);
                }
                Err(fault) => fault,
            };
            if fault.is_cut() && tries > 0 {
                continue;
            }
            let error =
                symptom::request(self.endpoint(&address), C::NAME, &fault, channel.answered);
            if fault.sent() {
                return Err(error.with_sent(intent == Intent::Write));
            }
            self.channels.insert(address, channel);
            return Err(error);
        }
    }

    /// Takes the connection to the target out of the pool, or opens one.
    async fn channel(
        &mut self,
        target: &Target,
        intent: Intent,
    ) -> Result<(BrokerAddress, Channel), Error> {
        let address = match target {
            Target::AnyBroker => &self.home,
            Target::Broker(address) => address,
        };
        if let Some((address, mut channel)) = self.channels.remove_entry(address) {
            let is_dead =
                channel.is_stale() || (intent == Intent::Write && channel.is_gone().await);
            if !is_dead {
                return Ok((address, channel));
            }
        }
        match target {
            Target::AnyBroker => {
                let channel = self.connect_any().await?;
                Ok((self.home.clone(), channel))
            }
            Target::Broker(address) => {
                let channel = open(self.dial, &self.route, address, &mut self.counts).await?;
                Ok((address.clone(), channel))
            }
        }
    }

    /// Opens a connection to the first broker that accepts it: the last one used, those of the
    /// bootstrap list, those that the cluster has named.
    async fn connect_any(&mut self) -> Result<Channel, Error> {
        let mut candidates = vec![self.home.clone()];
        let named = self.brokers.values().filter_map(|a| a.as_ref().ok());
        for address in self.route.bootstrap.iter().chain(named) {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        let mut furthest: Option<Error> = None;
        for address in &candidates {
            // The controller may be connected already.
            let opened = match self.channels.remove(address) {
                Some(channel) if !channel.is_stale() => Ok(channel),
                _ => open(self.dial, &self.route, address, &mut self.counts).await,
            };
            match opened {
                Ok(channel) => {
                    self.home = address.clone();
                    self.mechanism = channel.mechanism;
                    return Ok(channel);
                }
                Err(error) => {
                    if furthest.as_ref().is_none_or(|f| error.stage > f.stage) {
                        furthest = Some(error);
                    }
                }
            }
        }
        let error = furthest.expect("at least one broker was tried");
        Err(error.with_tried(candidates.len()))
    }

    /// The controller's address.
    async fn controller(&mut self) -> Result<BrokerAddress, Error> {
        let mut backoff = Backoff::new(self.route.deadline);
        let mut unread = self.brokers.is_empty();
        loop {
            let known = self.controller.and_then(|id| self.brokers.get(&id));
            match known {
                Some(Ok(address)) => return Ok(address.clone()),
                Some(Err(invalid)) => {
                    let message = format!(
                        "the cluster's controller is said to be at `{}`",
                        invalid.shown
                    );
                    let api = api::metadata::Metadata::NAME;
                    return Err(symptom::wrong_reply(self.home_endpoint(), api, message));
                }
                None => {}
            }
            // The first time metadata is missing; after that an election may be under way.
            if !unread && !backoff.pause().await {
                return Err(Error::new(
                    &self.route,
                    &self.home,
                    Stage::Request(api::metadata::Metadata::NAME),
                    "the cluster has no controller".to_owned(),
                    "wait until it has chosen one; more than half of its controllers (or of \
                     ZooKeeper) have to be up"
                        .to_owned(),
                ));
            }
            unread = false;
            self.refresh().await?;
        }
    }
}

/// Growing pauses up to a limit.
pub(crate) struct Backoff {
    until: Instant,
    next: Duration,
}

impl Backoff {
    /// Starts now, and ends after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            next: Duration::from_millis(100),
        }
    }

    /// Pauses; false if the time is up.
    pub async fn pause(&mut self) -> bool {
        if Instant::now() + self.next > self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        true
    }
}
