//! Opens a connection to a broker: dial, TLS, ApiVersions, SASL.

use std::{io, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{
    BrokerAddress,
    api::{
        Call,
        sasl::{Authenticate, Handshake},
        versions::{ApiVersions, UNSUPPORTED_VERSION},
    },
    channel::{Channel, Counts, Fault},
    error::{Error, Stage},
    route::Route,
    sasl::Authenticator,
    symptom::{self, Endpoint},
    tls::Roots,
};
use crate::transport::dial::{Dial, Stream};

/// Most tokens of one SASL conversation; SCRAM has two.
const MOST_TOKENS: usize = 8;

/// Opens a connection to a broker. The deadline is for all steps together.
pub async fn open(
    dial: &dyn Dial,
    route: &Route,
    address: &BrokerAddress,
    counts: &mut Counts,
) -> Result<Channel, Error> {
    let endpoint = Endpoint { route, address };
    let until = Instant::now() + route.deadline;
    let stream = dial_broker(dial, endpoint, until).await?;
    let stream = match route.security.roots() {
        None => stream,
        Some(roots) => match tls_handshake(roots, stream, endpoint, until).await? {
            Ok(stream) => stream,
            Err(error) => return Err(explain_tls(dial, endpoint, &error).await),
        },
    };
    let mut channel = Channel::over(stream);
    negotiate_versions(&mut channel, until, counts)
        .await
        .map_err(|fault| symptom::greeting(endpoint, &fault))?;
    if let Some(authenticator) = route.security.authenticator() {
        authenticate(
            &mut channel,
            authenticator.as_ref(),
            endpoint,
            until,
            counts,
        )
        .await?;
    }
    Ok(channel)
}

async fn dial_broker(
    dial: &dyn Dial,
    endpoint: Endpoint<'_>,
    until: Instant,
) -> Result<Stream, Error> {
    match timeout_at(
        until,
        dial.dial(&endpoint.address.host, endpoint.address.port),
    )
    .await
    {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(symptom::dial(endpoint, &error)),
        Err(_) => Err(symptom::dial_timeout(endpoint)),
    }
}

/// TLS over a stream, for the broker's name. The inner error is for [`explain_tls`].
async fn tls_handshake(
    roots: &Roots,
    stream: Stream,
    endpoint: Endpoint<'_>,
    until: Instant,
) -> Result<Result<Stream, io::Error>, Error> {
    let Ok(name) = ServerName::try_from(endpoint.address.host.clone()) else {
        return Err(symptom::no_tls_name(endpoint));
    };
    match timeout_at(until, roots.connector().connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Ok(Box::new(stream))),
        Ok(Err(error)) => Ok(Err(error)),
        Err(_) => Err(symptom::tls_timeout(endpoint)),
    }
}

/// Why TLS failed. If the listener does not speak TLS, plaintext is tried.
async fn explain_tls(dial: &dyn Dial, endpoint: Endpoint<'_>, error: &io::Error) -> Error {
    if let Some(known) = symptom::tls(endpoint, error) {
        return known;
    }
    let until = Instant::now() + endpoint.route.deadline.min(Duration::from_secs(5));
    let is_plaintext = match dial_broker(dial, endpoint, until).await {
        Ok(stream) => negotiate_versions(&mut Channel::over(stream), until, &mut Counts::default())
            .await
            .is_ok(),
        Err(_) => false,
    };
    symptom::no_tls(endpoint, error, is_plaintext)
}

/// Requests the supported versions; in version 0 where the broker does not know ours (KIP-511).
async fn negotiate_versions(
    channel: &mut Channel,
    until: Instant,
    counts: &mut Counts,
) -> Result<(), Fault> {
    let mut version = *ApiVersions::VERSIONS.end();
    loop {
        let supported = channel
            .call_version(&ApiVersions, version, remaining(until), counts)
            .await?;
        match supported.code {
            0 => {
                channel.set_versions(supported.versions);
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
    endpoint: Endpoint<'_>,
    until: Instant,
    counts: &mut Counts,
) -> Result<(), Error> {
    let mut conversation = authenticator.begin(&endpoint.address.host);
    let mechanism = conversation.mechanism();
    let offered = channel
        .call(&Handshake { mechanism }, remaining(until), counts)
        .await
        .map_err(|fault| symptom::sasl_fault(endpoint, Handshake::NAME, &fault))?;
    if offered.code != 0 {
        return Err(symptom::handshake(endpoint, mechanism, &offered));
    }
    let failed = |error| symptom::conversation(endpoint, &error);
    let mut token = conversation.first().map_err(failed)?;
    for _ in 0..MOST_TOKENS {
        let call = Authenticate { token: &token };
        let reply = channel
            .call(&call, remaining(until), counts)
            .await
            .map_err(|fault| symptom::sasl_fault(endpoint, Authenticate::NAME, &fault))?;
        if reply.code != 0 {
            return Err(symptom::refused(endpoint, mechanism, &reply));
        }
        match conversation.next(&reply.token).map_err(failed)? {
            Some(next) => token = next,
            None => {
                channel.set_lifetime(reply.lifetime);
                channel.mechanism = Some(mechanism);
                // So far only handshakes were answered.
                channel.answered = false;
                return Ok(());
            }
        }
    }
    Err(Error::new(
        endpoint.route,
        endpoint.address,
        Stage::Sasl,
        format!("the broker did not end the conversation after {MOST_TOKENS} tokens"),
        format!("look at the broker's settings for {mechanism}"),
    ))
}

fn remaining(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
