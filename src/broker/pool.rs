//! Connections to the brokers of a cluster, one each, and who is asked what.

use std::collections::{BTreeMap, HashMap};

use tokio::time::{Duration, Instant, sleep};

use super::{
    Address,
    api::{self, Call},
    channel::{Channel, Counts},
    error::{Error, Stage},
    open::open,
    route::Route,
    symptom::{self, At},
};
use crate::{names::WrongName, text::escape_control, transport::dial::Dial};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// Any broker will do.
    Any,
    /// This one.
    Broker(Address),
}

/// Whether a call may go out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It changes nothing.
    Yes,
    /// It writes.
    No,
}

/// Connections to the brokers of a cluster.
pub struct Pool<'d> {
    dial: &'d dyn Dial,
    /// How they are reached.
    pub way: Route,
    channels: HashMap<Address, Channel>,
    /// The broker that is asked what any can answer.
    home: Address,
    /// By id, where they listen.
    pub brokers: BTreeMap<i32, Result<Address, WrongName>>,
    /// The controller's id, as far as is known.
    pub controller: Option<i32>,
    /// What went out.
    pub counts: Counts,
    /// How the brokers know us.
    pub mechanism: Option<&'static str>,
}

impl<'d> Pool<'d> {
    /// Connects to the first broker of the bootstrap list that takes us.
    ///
    /// # Errors
    /// When none does: that of the broker with which we came furthest.
    pub async fn connect(dial: &'d dyn Dial, way: Route) -> Result<Self, Error> {
        let Some(home) = way.bootstrap.first().cloned() else {
            let nowhere = Address {
                host: "bootstrap".to_owned(),
                port: 0,
            };
            return Err(Error::new(
                &way,
                &nowhere,
                Stage::Machine,
                "the cluster names no broker for this listener".to_owned(),
                "ask the cluster for its bootstrap brokers, or write them into the spec".to_owned(),
            ));
        };
        let mut pool = Self {
            dial,
            way,
            channels: HashMap::new(),
            home,
            brokers: BTreeMap::new(),
            controller: None,
            counts: Counts::default(),
            mechanism: None,
        };
        let channel = pool.enter().await?;
        pool.channels.insert(pool.home.clone(), channel);
        Ok(pool)
    }

    /// Remembers who is there and who the controller is.
    pub fn learn(&mut self, reply: &api::metadata::Reply) {
        self.brokers = reply
            .brokers
            .iter()
            .map(|b| (b.id, Address::new(&b.host, b.port.into())))
            .collect();
        self.controller = Some(reply.controller).filter(|id| *id >= 0);
    }

    /// Reads again who the controller is.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        let none = api::metadata::Metadata { topics: Some(&[]) };
        let reply = self.ask(&none).await?;
        self.learn(&reply);
        Ok(())
    }

    /// How long a broker may take over a request, in milliseconds: less than we wait for it.
    pub fn broker_timeout(&self) -> i32 {
        let most = self.way.deadline.mul_f32(0.75).as_millis();
        i32::try_from(most).unwrap_or(i32::MAX).max(1)
    }

    /// The answer to a call does not speak of one that was asked for.
    pub fn left_out(&self, api: &'static str, name: &str) -> Error {
        let said = format!(
            "the answer to `{api}` leaves out `{}`",
            escape_control(name)
        );
        symptom::wrong_reply(self.at_home(), api, said)
    }

    /// The broker that any call goes to, for messages.
    pub fn at_home(&self) -> At<'_> {
        self.at(&self.home)
    }

    fn at<'a>(&'a self, address: &'a Address) -> At<'a> {
        At {
            way: &self.way,
            address,
        }
    }

    /// A call that reads, to any broker.
    pub async fn ask<C: Call>(&mut self, call: &C) -> Result<C::Reply, Error> {
        self.exchange(&To::Any, call, Again::Yes).await
    }

    /// A call to the controller. While it is down, another may be chosen: this is waited for, as
    /// long as nothing was sent.
    pub async fn ask_controller<C: Call>(
        &mut self,
        call: &C,
        again: Again,
    ) -> Result<C::Reply, Error> {
        let mut patience = Patience::new(self.way.deadline);
        loop {
            let to = To::Broker(self.controller().await?);
            match self.exchange(&to, call, again).await {
                Err(error)
                    if matches!(error.stage, Stage::Tcp | Stage::Protocol)
                        && patience.pause().await =>
                {
                    self.refresh().await?;
                }
                result => return result,
            }
        }
    }

    /// One call. A read whose connection is cut goes out once more over a new one; a write never
    /// does, and says that it was sent.
    async fn exchange<C: Call>(
        &mut self,
        to: &To,
        call: &C,
        again: Again,
    ) -> Result<C::Reply, Error> {
        let mut tries = if again == Again::Yes { 2 } else { 1 };
        loop {
            tries -= 1;
            let (address, mut channel) = self.channel(to, again).await?;
            channel.wait(self.way.deadline).await;
            // The channel is ours until it has answered: one that is dropped half-way is closed.
            let result = channel
                .call(call, self.way.deadline, &mut self.counts)
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
            let error = symptom::request(self.at(&address), C::NAME, &fault, channel.answered);
            if fault.sent() {
                return Err(error.with_sent(again == Again::No));
            }
            self.channels.insert(address, channel);
            return Err(error);
        }
    }

    /// A connection to the right broker, taken out of the pool, or opened.
    async fn channel(&mut self, to: &To, again: Again) -> Result<(Address, Channel), Error> {
        let address = match to {
            To::Any => &self.home,
            To::Broker(address) => address,
        };
        if let Some((address, mut channel)) = self.channels.remove_entry(address) {
            let dead = channel.is_stale() || (again == Again::No && channel.is_gone().await);
            if !dead {
                return Ok((address, channel));
            }
        }
        match to {
            To::Any => {
                let channel = self.enter().await?;
                Ok((self.home.clone(), channel))
            }
            To::Broker(address) => {
                let channel = open(self.dial, &self.way, address, &mut self.counts).await?;
                Ok((address.clone(), channel))
            }
        }
    }

    /// Opens a connection to the first broker that takes us: the last one, those of the bootstrap
    /// list, those that the cluster has named.
    async fn enter(&mut self) -> Result<Channel, Error> {
        let mut candidates = vec![self.home.clone()];
        let named = self.brokers.values().filter_map(|a| a.as_ref().ok());
        for address in self.way.bootstrap.iter().chain(named) {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        let mut furthest: Option<Error> = None;
        for address in &candidates {
            // It may be connected already, as the controller.
            let opened = match self.channels.remove(address) {
                Some(channel) if !channel.is_stale() => Ok(channel),
                _ => open(self.dial, &self.way, address, &mut self.counts).await,
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
    async fn controller(&mut self) -> Result<Address, Error> {
        let mut patience = Patience::new(self.way.deadline);
        let mut unread = self.brokers.is_empty();
        loop {
            let known = self.controller.and_then(|id| self.brokers.get(&id));
            match known {
                Some(Ok(address)) => return Ok(address.clone()),
                Some(Err(wrong)) => {
                    let said = format!(
                        "the cluster's controller is said to be at `{}`",
                        wrong.shown
                    );
                    let api = api::metadata::Metadata::NAME;
                    return Err(symptom::wrong_reply(self.at_home(), api, said));
                }
                None => {}
            }
            // The first time nothing was read yet; later an election may be under way.
            if !unread && !patience.pause().await {
                return Err(Error::new(
                    &self.way,
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

/// Growing pauses within a deadline.
pub struct Patience {
    until: Instant,
    next: Duration,
}

impl Patience {
    /// From now on, for this long.
    pub fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            next: Duration::from_millis(100),
        }
    }

    /// Pauses; false when the time is up.
    pub async fn pause(&mut self) -> bool {
        if Instant::now() + self.next > self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        true
    }
}
