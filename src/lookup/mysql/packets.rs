//! Packets over a stream, each wait with the caller's deadline.

use std::io;

use bytes::BytesMut;
use mysql_common::{
    constants::CapabilityFlags,
    io::ParseBuf,
    packets::ErrPacket,
    proto::{MySerialize, codec::PacketCodec},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use crate::transport::dial::Stream;

/// Longest packet that is taken or sent, in bytes; names of tables have 64 characters at most.
pub(crate) const LONGEST_PACKET: u32 = 64 * 1024;

/// Why there is no packet.
#[derive(Debug)]
pub enum PacketError {
    /// The stream failed.
    Io(io::Error),
    /// The server closed it.
    Closed,
    /// Nothing came in time.
    Late,
    /// A packet that the protocol does not have here.
    Odd(&'static str),
    /// The server answered with an error: its number, its text.
    Refused(u16, String),
}

impl From<io::Error> for PacketError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// A conversation in packets.
pub struct Packets {
    stream: Stream,
    codec: PacketCodec,
    input: BytesMut,
}

impl Packets {
    /// Over a stream that nothing has been read of.
    pub fn over(stream: Stream) -> Self {
        let mut codec = PacketCodec::default();
        codec.max_allowed_packet = LONGEST_PACKET as usize;
        Self {
            stream,
            codec,
            input: BytesMut::new(),
        }
    }

    /// The next packet. One that is an error of the server is [`PacketError::Refused`].
    pub async fn read(&mut self, until: Instant) -> Result<Vec<u8>, PacketError> {
        let mut packet = Vec::new();
        loop {
            let whole = self.codec.decode(&mut self.input, &mut packet);
            if whole.map_err(|_| PacketError::Odd("what came is no packet of MySQL"))? {
                break;
            }
            match timeout_at(until, self.stream.read_buf(&mut self.input)).await {
                Err(_) => return Err(PacketError::Late),
                Ok(Ok(0)) => return Err(PacketError::Closed),
                Ok(read) => read?,
            };
        }
        match packet.first() {
            None => Err(PacketError::Odd("an empty packet")),
            Some(0xff) => Err(refusal(&packet)),
            Some(_) => Ok(packet),
        }
    }

    /// Sends a packet.
    pub async fn write(&mut self, packet: &[u8], until: Instant) -> Result<(), PacketError> {
        let mut out = BytesMut::new();
        self.codec
            .encode(&mut &*packet, &mut out)
            .map_err(|_| PacketError::Odd("a packet of ours is too long"))?;
        let sending = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        match timeout_at(until, sending).await {
            Err(_) => Err(PacketError::Late),
            Ok(sent) => Ok(sent?),
        }
    }

    /// Likewise, what the library writes out.
    pub async fn send(
        &mut self,
        packet: &impl MySerialize,
        until: Instant,
    ) -> Result<(), PacketError> {
        let mut bytes = Vec::new();
        packet.serialize(&mut bytes);
        self.write(&bytes, until).await
    }

    /// Begins a command: packets are counted from each.
    pub async fn command(&mut self, packet: &[u8], until: Instant) -> Result<(), PacketError> {
        self.codec.reset_seq_id();
        self.write(packet, until).await
    }

    /// Gives the stream to `wrap` (which lays TLS over it) and goes on over what comes back. What
    /// the server sent before that it must not have: it would be read as if it came under TLS.
    pub async fn wrapped<E>(
        self,
        wrap: impl AsyncFnOnce(Stream) -> Result<Stream, E>,
    ) -> Result<Self, WrapError<E>> {
        if !self.input.is_empty() {
            return Err(WrapError::Early);
        }
        let stream = wrap(self.stream).await.map_err(WrapError::Wrap)?;
        Ok(Self { stream, ..self })
    }

    /// Ends the session; errors are ignored.
    pub(crate) async fn quit(mut self, until: Instant) {
        const COM_QUIT: [u8; 1] = [0x01];
        if self.command(&COM_QUIT, until).await.is_ok() {
            let _ = timeout_at(until, self.stream.shutdown()).await;
        }
    }
}

/// Why a stream was not wrapped.
pub(crate) enum WrapError<E> {
    /// The server sent something too early.
    Early,
    /// The error of `wrap`.
    Wrap(E),
}

/// The error of an error packet. Before a login it has no state.
fn refusal(packet: &[u8]) -> PacketError {
    let flags = match packet.get(3) {
        Some(b'#') => CapabilityFlags::CLIENT_PROTOCOL_41,
        _ => CapabilityFlags::empty(),
    };
    match ParseBuf(packet).parse::<ErrPacket<'_>>(flags) {
        Ok(ErrPacket::Error(error)) => {
            PacketError::Refused(error.error_code(), error.message_str().into_owned())
        }
        _ => PacketError::Odd("an error that cannot be read"),
    }
}
