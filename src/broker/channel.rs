//! One connection to a broker: a request, its reply, one at a time.

use std::{collections::BTreeMap, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{
    api::{self, Call},
    wire::{Malformed, TooLong},
};
use crate::transport::dial::Stream;

/// Longest reply. All settings of 1,000 topics are 1.2 MB; a login banner, read as a length, is
/// 1.4 GB.
pub const LONGEST_FRAME: usize = 16 * 1024 * 1024;

/// How much of a reply that is not Kafka's is shown.
const SAMPLE: usize = 60;

/// Brokers close connections that are idle for 10 minutes, load balancers after 350 s.
const IDLE: Duration = Duration::from_secs(240);

/// Why a request had no reply.
#[derive(Debug)]
pub enum Fault {
    /// No version of this call is supported by both sides.
    UnsupportedVersion {
        /// The broker's oldest and newest version.
        theirs: Option<(i16, i16)>,
        /// Our oldest and newest version.
        ours: (i16, i16),
    },
    /// ApiVersions returned this error.
    Code(i16),
    /// The request cannot be written.
    TooLong(TooLong),
    /// The broker closed the connection.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// The reply is no Kafka frame; its first bytes.
    NotKafka(Vec<u8>),
    /// The reply is not in its format.
    Malformed(Malformed),
    /// The reply belongs to another request.
    Correlation,
    /// No reply in time.
    Deadline,
}

impl Fault {
    /// Whether the request may have reached the broker.
    pub fn sent(&self) -> bool {
        !matches!(self, Self::UnsupportedVersion { .. } | Self::TooLong(_))
    }

    /// Whether a new connection may help.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Closed | Self::Broken(_))
    }
}

/// Traffic of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests, by the call's name in Kafka.
    pub requests: BTreeMap<&'static str, u64>,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// One connection to a broker.
pub(crate) struct Channel {
    stream: Stream,
    next: i32,
    versions: BTreeMap<i16, (i16, i16)>,
    /// The broker's throttle: no request before then.
    not_before: Option<Instant>,
    /// When the session has to be renewed.
    expires: Option<Instant>,
    used: Instant,
    /// Whether a call was answered after the handshakes.
    pub answered: bool,
    /// The SASL mechanism of the session, if any.
    pub mechanism: Option<&'static str>,
}

impl Channel {
    /// Over a fresh stream.
    pub fn over(stream: Stream) -> Self {
        Self {
            stream,
            next: 0,
            versions: BTreeMap::new(),
            not_before: None,
            expires: None,
            used: Instant::now(),
            answered: false,
            mechanism: None,
        }
    }

    /// Sets the versions that the broker supports.
    pub(crate) fn set_versions(&mut self, versions: BTreeMap<i16, (i16, i16)>) {
        self.versions = versions;
    }

    /// Sets the session's lifetime; zero means no limit.
    pub(crate) fn set_lifetime(&mut self, lifetime: Duration) {
        // Some time is left for the last request; Java's client takes 85 to 95 %.
        self.expires = (!lifetime.is_zero()).then(|| Instant::now() + lifetime.mul_f32(0.85));
    }

    /// Whether the broker may close it for its age.
    pub(crate) fn is_stale(&self) -> bool {
        let now = Instant::now();
        self.expires.is_some_and(|end| now >= end) || now >= self.used + IDLE
    }

    /// Whether the broker has closed it, or sent something unrequested: a write that can still use
    /// another connection must not get lost on this one.
    pub(crate) async fn is_gone(&mut self) -> bool {
        let mut byte = [0];
        timeout(Duration::from_millis(1), self.stream.read(&mut byte))
            .await
            .is_ok()
    }

    /// Waits until the broker's throttle is over, up to `limit`.
    pub async fn wait(&mut self, limit: Duration) {
        if let Some(until) = self.not_before.take() {
            sleep_until(until.min(Instant::now() + limit)).await;
        }
    }

    /// Sends a call in the newest version that both support.
    pub async fn call<C: Call>(
        &mut self,
        call: &C,
        deadline: Duration,
        counts: &mut Counts,
    ) -> Result<C::Reply, Fault> {
        let theirs = self.versions.get(&C::KEY).copied();
        let ours = C::VERSIONS.into_inner();
        let version = theirs
            .map(|(oldest, newest)| (oldest.max(ours.0), newest.min(ours.1)))
            .filter(|(oldest, newest)| oldest <= newest)
            .map(|(_, newest)| newest)
            .ok_or(Fault::UnsupportedVersion { theirs, ours })?;
        let reply = self.call_version(call, version, deadline, counts).await?;
        let throttle = C::throttle(&reply);
        if !throttle.is_zero() {
            self.not_before = Some(Instant::now() + throttle);
        }
        self.answered = true;
        Ok(reply)
    }

    /// Sends a call in this version.
    pub(crate) async fn call_version<C: Call>(
        &mut self,
        call: &C,
        version: i16,
        deadline: Duration,
        counts: &mut Counts,
    ) -> Result<C::Reply, Fault> {
        let correlation = self.next;
        self.next = self.next.wrapping_add(1);
        let frame = api::request(call, version, correlation).map_err(Fault::TooLong)?;
        *counts.requests.entry(C::NAME).or_default() += 1;
        counts.sent += frame.len() as u64;
        let exchange = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await?;
            read_frame(&mut self.stream).await
        };
        let body = timeout(deadline, exchange)
            .await
            .map_err(|_| Fault::Deadline)??;
        // With the length prefix.
        counts.received += body.len() as u64 + 4;
        self.used = Instant::now();
        let (id, body) = body
            .split_first_chunk()
            .ok_or(Fault::Malformed(Malformed::Short))?;
        if i32::from_be_bytes(*id) != correlation {
            return Err(Fault::Correlation);
        }
        api::reply::<C>(body, version).map_err(Fault::Malformed)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Broken(error),
        }
    }
}

/// Reads a frame without its length. Memory grows with the bytes that arrive, not with the length.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let mut prefix = [0; 4];
    let mut read = 0;
    while read < prefix.len() {
        match stream.read(&mut prefix[read..]).await? {
            0 if read == 0 => return Err(Fault::Closed),
            // A TLS alert is seven bytes; others may be shorter.
            0 => return Err(Fault::NotKafka(prefix[..read].to_vec())),
            count => read += count,
        }
    }
    let length = usize::try_from(i32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if length > LONGEST_FRAME {
        let mut sample = prefix.to_vec();
        let mut more = [0; SAMPLE];
        // A few bytes more show what it is.
        if let Ok(Ok(count)) = timeout(Duration::from_millis(100), stream.read(&mut more)).await {
            sample.extend(&more[..count]);
        }
        return Err(Fault::NotKafka(sample));
    }
    let mut body = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    stream.take(limit).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(Fault::Closed);
    }
    Ok(body)
}
