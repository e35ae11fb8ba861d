//! Requests to an ssh master over its control socket (OpenSSH's PROTOCOL.mux, version 4).

use std::{
    io::{self, IoSlice, Read, Write, pipe},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream as BlockingStream,
    },
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::{
    cmsg_space,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::{
        UnixStream,
        unix::pipe::{Receiver, Sender},
    },
};

/// How long a master on this machine may take to reply.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest packet of a master.
const LONGEST: u32 = 4096;

const HELLO: u32 = 1;
const VERSION: u32 = 4;
const ALIVE: (u32, u32) = (0x1000_0004, 0x8000_0005);
const TERMINATE: (u32, u32) = (0x1000_0005, 0x8000_0001);
const NEW_STDIO_FWD: u32 = 0x1000_0008;
const PERMISSION_DENIED: u32 = 0x8000_0002;
const FAILURE: u32 = 0x8000_0003;
const SESSION_OPENED: u32 = 0x8000_0006;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Alive,
    Terminate,
}

/// Sends a request to a master. Alive returns its process id. Terminate returns when it has ended, which
/// it does even with open channels.
pub(super) fn send_request(socket: &Path, request: Request) -> io::Result<u32> {
    let mut stream = BlockingStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (sent, expected) = if request == Request::Alive {
        ALIVE
    } else {
        TERMINATE
    };
    let mut message = encode(&[8, HELLO, VERSION]);
    message.extend(encode(&[8, sent, 0]));
    let reply = exchange(&mut stream, &message, expected);
    match request {
        Request::Alive => word(&reply?, 2).ok_or_else(not_understood),
        Request::Terminate => match reply.and_then(|_| to_end(&mut stream)) {
            // It may end before it replies.
            Err(error) if !has_closed(&error) => Err(error),
            _ => Ok(0),
        },
    }
}

/// Sends a message, and returns the reply, which must be of the expected type.
fn exchange(stream: &mut BlockingStream, message: &[u8], expected: u32) -> io::Result<Vec<u8>> {
    stream.write_all(message)?;
    let hello = packet(stream)?;
    let reply = packet(stream)?;
    match word(&hello, 0) == Some(HELLO) && word(&reply, 0) == Some(expected) {
        true => Ok(reply),
        false => Err(not_understood()),
    }
}

fn to_end(stream: &mut BlockingStream) -> io::Result<()> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

fn has_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// A master's reply to a request for a stream.
#[derive(Debug)]
pub(super) enum ForwardReply {
    /// It is open, also at its remote end.
    Opened(Forward),
    /// It was refused; the master's log says why.
    Refused(String),
}

/// Requests a stream from the machine to a host and a port. There is no deadline: dropping the future
/// ends the attempt (the master then closes the channel once it is open).
///
/// This is what `ssh -W` does, without its process; and `ssh -W` does not report success.
pub(super) async fn stdio_forward(
    socket: &Path,
    host: &str,
    port: u16,
) -> io::Result<ForwardReply> {
    let mut control = UnixStream::connect(socket).await?;
    control.write_all(&encode(&[8, HELLO, VERSION])).await?;
    let hello = next_packet(&mut control).await?;
    if word(&hello, 0) != Some(HELLO) || word(&hello, 1) != Some(VERSION) {
        return Err(not_understood());
    }
    // Two pipes instead of one socket: the master signals the end of a direction by closing it.
    let (remote_stdin, writer) = pipe()?;
    let (reader, remote_stdout) = pipe()?;
    let writer = Sender::from_owned_fd(OwnedFd::from(writer))?;
    let reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
    control.write_all(&request(host, port)?).await?;
    send_fd(&control, remote_stdin.as_fd()).await?;
    send_fd(&control, remote_stdout.as_fd()).await?;
    let reply = next_packet(&mut control).await?;
    match word(&reply, 0) {
        Some(SESSION_OPENED) => Ok(ForwardReply::Opened(Forward {
            reader,
            writer: Some(writer),
            _control: control,
        })),
        Some(FAILURE | PERMISSION_DENIED) => {
            let message = reply.get(12..).unwrap_or_default();
            Ok(ForwardReply::Refused(
                String::from_utf8_lossy(message).into_owned(),
            ))
        }
        _ => Err(not_understood()),
    }
}

/// The request for a stream, with its length.
fn request(host: &str, port: u16) -> io::Result<Vec<u8>> {
    let length = u32::try_from(host.len()).map_err(io::Error::other)?;
    let mut body = encode(&[NEW_STDIO_FWD, 0, 0, length]);
    body.extend_from_slice(host.as_bytes());
    body.extend(encode(&[u32::from(port)]));
    let mut message = encode(&[u32::try_from(body.len()).map_err(io::Error::other)?]);
    message.append(&mut body);
    Ok(message)
}

/// Sends a file descriptor, with the one byte that carries it.
async fn send_fd(control: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [fd];
    let send = || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        if !message.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("no room for a file descriptor"));
        }
        let sent = sendmsg(
            control,
            &[IoSlice::new(&[0])],
            &mut message,
            SendFlags::empty(),
        );
        Ok(sent.map(drop)?)
    };
    control.async_io(Interest::WRITABLE, send).await
}

/// A stream through a master. Dropping it ends the channel.
#[derive(Debug)]
pub(super) struct Forward {
    reader: Receiver,
    writer: Option<Sender>,
    /// When this closes, the master ends the channel.
    _control: UnixStream,
}

impl AsyncRead for Forward {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for Forward {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.writer {
            Some(writer) => Pin::new(writer).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.writer {
            Some(writer) => Pin::new(writer).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        // A pipe is shut down by closing it.
        self.writer = None;
        Poll::Ready(Ok(()))
    }
}

fn encode(words: &[u32]) -> Vec<u8> {
    words.iter().copied().flat_map(u32::to_be_bytes).collect()
}

/// The n-th 32-bit word of a packet.
fn word(packet: &[u8], n: usize) -> Option<u32> {
    let (words, _) = packet.as_chunks();
    words.get(n).copied().map(u32::from_be_bytes)
}

fn not_understood() -> io::Error {
    io::Error::other("the ssh master gave an answer that is not understood")
}

/// A buffer for a packet of this length.
fn buffer(length: [u8; 4]) -> io::Result<Vec<u8>> {
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(not_understood());
    }
    Ok(vec![0; usize::try_from(length).map_err(io::Error::other)?])
}

fn packet(stream: &mut BlockingStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = buffer(length)?;
    stream.read_exact(&mut body)?;
    Ok(body)
}

async fn next_packet(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let mut body = buffer(length)?;
    stream.read_exact(&mut body).await?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixListener, thread};

    use super::*;

    /// Sends a request to a master that replies with these bytes and closes.
    fn ask_fake(reply: Vec<u8>, request: Request) -> io::Result<u32> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("master");
        let listener = UnixListener::bind(&socket).expect("bound");
        let master = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("asked");
            stream.read_exact(&mut [0; 24]).expect("a request");
            stream.write_all(&reply).expect("written");
        });
        let reply = send_request(&socket, request);
        master.join().expect("it ends");
        reply
    }

    #[test]
    fn a_master_that_ends_before_it_replies_has_ended() {
        let hello = encode(&[8, HELLO, VERSION]);
        assert!(ask_fake(hello.clone(), Request::Terminate).is_ok());
        assert!(ask_fake(vec![], Request::Terminate).is_ok());
        assert!(ask_fake(hello.clone(), Request::Alive).is_err());
        let refused = [hello, encode(&[12, PERMISSION_DENIED, 0, 0])].concat();
        assert!(ask_fake(refused, Request::Terminate).is_err());
    }
}
