//! Streams straight from this machine (`topics.via: direct`, and the host `local`).

use std::{io, net::SocketAddr};

use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};

use super::dial::{Dial, DialError, DialStage, Stream, check};
use crate::text::escape_control;

/// Dials from this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Direct;

#[async_trait]
impl Dial for Direct {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        check(host, port)?;
        let found = lookup_host((host, port)).await;
        let addresses: Vec<_> = found.map_err(|error| unknown(host, &error))?.collect();
        Ok(Box::new(first_of(host, &addresses).await?))
    }
}

/// Connects to the first address that accepts, in the resolver's order.
async fn first_of(host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let mut refused: Vec<(String, String)> = Vec::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are small and wait for their replies.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => refused.push((address.ip().to_string(), message(&error))),
        }
    }
    Err(no_answer(host, &refused))
}

fn unknown(host: &str, error: &io::Error) -> DialError {
    let text = message(error);
    let message = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    DialError {
        stage: DialStage::Name,
        message: message.to_owned(),
        help: Some(format!(
            "the name is looked up on this machine: `getent hosts {host}` must print an address"
        )),
    }
}

/// All addresses failed: their messages on one line, each with its address if that is not `host`.
fn no_answer(host: &str, refused: &[(String, String)]) -> DialError {
    let line = |(address, message): &(String, String)| {
        if address == host {
            message.clone()
        } else {
            format!("{address}: {message}")
        }
    };
    let all: Vec<_> = refused.iter().map(line).collect();
    let (stage, message) = if all.is_empty() {
        (DialStage::Name, "the name has no address".to_owned())
    } else {
        (DialStage::Tcp, all.join("; "))
    };
    DialError {
        stage,
        message,
        help: None,
    }
}

/// The system's message, without the error number.
fn message(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    escape_control(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_is_tried() {
        let bind = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let of = |listener: &std::net::TcpListener| listener.local_addr().expect("bound");
        let (open, closed) = (bind(), of(&bind()));
        let stream = first_of("h", &[closed, of(&open), closed]).await;
        assert_eq!(
            stream.expect("the second").peer_addr().expect("open"),
            of(&open)
        );
        let error = first_of("h", &[closed, closed]).await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            "127.0.0.1: Connection refused; 127.0.0.1: Connection refused"
        );
    }

    #[test]
    fn each_address_has_its_message() {
        let refused = |address: &str, number| {
            let error = io::Error::from_raw_os_error(number);
            (address.to_owned(), message(&error))
        };
        let (v6, v4) = (refused("::1", 113), refused("127.0.0.1", 111));
        let error = no_answer("localhost", &[v6, v4.clone()]);
        assert_eq!(error.stage, DialStage::Tcp);
        assert_eq!(
            error.to_string(),
            "::1: No route to host; 127.0.0.1: Connection refused"
        );
        assert_eq!(
            no_answer("127.0.0.1", &[v4]).to_string(),
            "Connection refused"
        );
        assert_eq!(no_answer("h", &[]).stage, DialStage::Name);
    }
}
