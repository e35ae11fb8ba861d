//! From a name to a connection that can be asked: dial, TLS, ApiVersions, SASL.

use std::{io, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{
    Address,
    api::{
        Call,
        sasl::{Authenticate, Handshake},
        versions::{ApiVersions, UNSUPPORTED_VERSION},
    },
    channel::{Channel, Counts, Fault},
    error::{Error, Stage},
    route::Route,
    sasl::Authenticator,
    symptom::{self, At},
    tls::Roots,
};
use crate::transport::dial::{Dial, Stream};

/// Most tokens of one conversation. SCRAM, the longest known here, has two.
const MOST_TOKENS: usize = 8;

/// Opens a connection to a broker. All of it has one deadline.
pub async fn open(
    dial: &dyn Dial,
    way: &Route,
    address: &Address,
    counts: &mut Counts,
) -> Result<Channel, Error> {
    let at = At { way, address };
    let until = Instant::now() + way.deadline;
    let stream = reach(dial, at, until).await?;
    let stream = match way.security.roots() {
        None => stream,
        Some(roots) => match secure(roots, stream, at, until).await? {
            Ok(stream) => stream,
            Err(error) => return Err(explain_tls(dial, at, &error).await),
        },
    };
    let mut channel = Channel::over(stream);
    greet(&mut channel, until, counts)
        .await
        .map_err(|fault| symptom::greeting(at, &fault))?;
    if let Some(authenticator) = way.security.authenticator() {
        authenticate(&mut channel, authenticator.as_ref(), at, until, counts).await?;
    }
    Ok(channel)
}

async fn reach(dial: &dyn Dial, at: At<'_>, until: Instant) -> Result<Stream, Error> {
    match timeout_at(until, dial.dial(&at.address.host, at.address.port)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(symptom::dial(at, &error)),
        Err(_) => Err(symptom::dial_late(at)),
    }
}

/// TLS over a stream, under the broker's own name. The inner error may need a second look.
async fn secure(
    roots: &Roots,
    stream: Stream,
    at: At<'_>,
    until: Instant,
) -> Result<Result<Stream, io::Error>, Error> {
    let Ok(name) = ServerName::try_from(at.address.host.clone()) else {
        return Err(symptom::no_tls_name(at));
    };
    match timeout_at(until, roots.connector().connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Ok(Box::new(stream))),
        Ok(Err(error)) => Ok(Err(error)),
        Err(_) => Err(symptom::tls_late(at)),
    }
}

/// What became of TLS. When what came back was no TLS at all, the listener is asked in plaintext.
async fn explain_tls(dial: &dyn Dial, at: At<'_>, error: &io::Error) -> Error {
    if let Some(known) = symptom::tls(at, error) {
        return known;
    }
    let until = Instant::now() + at.way.deadline.min(Duration::from_secs(5));
    let plain = match reach(dial, at, until).await {
        Ok(stream) => greet(&mut Channel::over(stream), until, &mut Counts::default())
            .await
            .is_ok(),
        Err(_) => false,
    };
    symptom::no_tls(at, error, plain)
}

/// Asks what the broker speaks; in version 0 where it does not know ours (KIP-511).
async fn greet(channel: &mut Channel, until: Instant, counts: &mut Counts) -> Result<(), Fault> {
    let mut version = *ApiVersions::VERSIONS.end();
    loop {
        let spoken = channel
            .call_in(&ApiVersions, version, left(until), counts)
            .await?;
        match spoken.code {
            0 => {
                channel.speaks(spoken.versions);
                return Ok(());
            }
            UNSUPPORTED_VERSION if version > 0 => version = 0,
            code => return Err(Fault::Code(code)),
        }
    }
}

async fn authenticate(
    channel: &mut Channel,
    authenticator: &dyn Authenticator,
    at: At<'_>,
    until: Instant,
    counts: &mut Counts,
) -> Result<(), Error> {
    let mut conversation = authenticator.begin(&at.address.host);
    let mechanism = conversation.mechanism();
    let offered = channel
        .call(&Handshake { mechanism }, left(until), counts)
        .await
        .map_err(|fault| symptom::sasl_fault(at, Handshake::NAME, &fault))?;
    if offered.code != 0 {
        return Err(symptom::handshake(at, mechanism, &offered));
    }
    let ours = |error| symptom::conversation(at, &error);
    let mut token = conversation.first().map_err(ours)?;
    for _ in 0..MOST_TOKENS {
        let call = Authenticate { token: &token };
        let answer = channel
            .call(&call, left(until), counts)
            .await
            .map_err(|fault| symptom::sasl_fault(at, Authenticate::NAME, &fault))?;
        if answer.code != 0 {
            return Err(symptom::refused(at, mechanism, &answer));
        }
        match conversation.next(&answer.token).map_err(ours)? {
            Some(next) => token = next,
            None => {
                channel.lasts(answer.lifetime);
                channel.mechanism = Some(mechanism);
                // What was answered so far were handshakes.
                channel.answered = false;
                return Ok(());
            }
        }
    }
    Err(Error::new(
        at.way,
        at.address,
        Stage::Sasl,
        format!("the broker did not end the conversation after {MOST_TOKENS} tokens"),
        format!("look at the broker's settings for {mechanism}"),
    ))
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
