//! A TCP proxy that does harm to a connection: after so many bytes of one direction, or at once.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread,
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Both ends get a reset.
    Reset,
    /// The direction ends, the other one goes on.
    HalfClosed,
    /// Nothing comes through any more, and both ends stay open.
    Stalled,
    /// Both directions end in order.
    Truncated,
    /// One bit is another one; all goes on.
    Flipped(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    There,
    Back,
}

/// Harm to the next byte after so many of a direction.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub harm: Harm,
    pub way: Route,
    pub after: usize,
}

#[derive(Debug, Default)]
struct State {
    /// For the next connection; those after it are sound.
    cut: Option<Cut>,
    /// Bytes of each direction.
    carried: [usize; 2],
    /// When the harm was done.
    met: Option<Instant>,
}

/// What connections are told that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Nothing,
    Harm(Harm),
    End,
}

pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
    order: watch::Sender<Order>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|broken| broken.into_inner())
}

impl Proxy {
    /// A port of this machine that leads there, as long as the tests run.
    pub fn to(there: SocketAddr) -> Self {
        let (port, opened) = mpsc::channel();
        let (order, orders) = watch::channel(Order::Nothing);
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let own = listener.local_addr().expect("bound").port();
                port.send(own).expect("somebody waits");
                while let Ok((near, _)) = listener.accept().await {
                    let (state, mut orders) = (Arc::clone(&shared), orders.clone());
                    orders.mark_unchanged();
                    tokio::spawn(async move {
                        if let Ok(far) = TcpStream::connect(there).await {
                            carry(near, far, &state, orders).await;
                        }
                    });
                }
            });
        });
        Self {
            port: opened.recv().expect("a port"),
            state,
            order,
        }
    }

    /// Does this to the next connection, and counts anew.
    pub fn arm(&self, cut: Option<Cut>) {
        *lock(&self.state) = State {
            cut,
            ..State::default()
        };
        self.order.send_replace(Order::Nothing);
    }

    /// Bytes of each direction since then: there, and back.
    pub fn carried(&self) -> [usize; 2] {
        lock(&self.state).carried
    }

    /// When harm was done, if it was.
    pub fn met(&self) -> Option<Instant> {
        lock(&self.state).met
    }

    /// Does this at once to all connections that are open.
    pub fn harm(&self, harm: Harm) {
        lock(&self.state).met = Some(Instant::now());
        self.order.send_replace(Order::Harm(harm));
    }

    /// Ends all connections that are still open.
    pub fn end(&self) {
        self.order.send_replace(Order::End);
    }
}

/// What is closed now is a reset.
pub fn linger_none(stream: &std::net::TcpStream) {
    let none = Some(std::time::Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(stream, none).expect("set");
}

async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    state: &Mutex<State>,
    mut orders: watch::Receiver<Order>,
) {
    let cut = lock(state).cut.take();
    let harm = {
        let (from_near, to_near) = near.split();
        let (from_far, to_far) = far.split();
        let of = |way| cut.filter(|cut| cut.way == way);
        let there = pump(from_near, to_far, Route::There, of(Route::There), state);
        let back = pump(from_far, to_near, Route::Back, of(Route::Back), state);
        tokio::select! {
            both = async { tokio::try_join!(there, back) } => both.err(),
            changed = orders.changed() => match *orders.borrow_and_update() {
                _ if changed.is_err() => None,
                Order::Harm(harm) => Some(harm),
                Order::Nothing | Order::End => None,
            },
        }
    };
    match harm {
        Some(Harm::Stalled) => {
            let _ = orders.wait_for(|order| *order == Order::End).await;
        }
        Some(Harm::Truncated | Harm::HalfClosed) => {
            let _ = tokio::join!(near.shutdown(), far.shutdown());
            let (mut of_near, mut of_far) = ([0; 4096], [0; 4096]);
            // What is unread at the end would make it a reset.
            let drained = async {
                while matches!(near.read(&mut of_near).await, Ok(1..)) {}
                while matches!(far.read(&mut of_far).await, Ok(1..)) {}
            };
            tokio::select! {
                () = drained => {}
                _ = orders.wait_for(|order| *order == Order::End) => {}
            }
        }
        Some(Harm::Reset) => {
            let _ = (near.set_zero_linger(), far.set_zero_linger());
        }
        Some(Harm::Flipped(_)) | None => {}
    }
}

/// Carries one direction to its end. The error is a harm that ends both.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Route,
    mut cut: Option<Cut>,
    state: &Mutex<State>,
) -> Result<(), Harm> {
    let mut buffer = vec![0; 64 * 1024];
    let mut before = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = &mut buffer[..count];
        let mut keep = count;
        let due = cut.filter(|cut| cut.after < before + count);
        if let Some(cut) = due {
            lock(state).met = Some(Instant::now());
            let at = cut.after - before;
            match cut.harm {
                Harm::Flipped(bit) => bytes[at] ^= 1 << bit,
                _ => keep = at,
            }
        }
        before += count;
        lock(state).carried[way as usize] += count;
        if to.write_all(&bytes[..keep]).await.is_err() {
            break;
        }
        match due.map(|cut| cut.harm) {
            None => {}
            Some(Harm::Flipped(_)) => cut = None,
            Some(Harm::HalfClosed) => {
                let _ = to.shutdown().await;
                while matches!(from.read(&mut buffer).await, Ok(1..)) {}
                return Ok(());
            }
            Some(harm) => return Err(harm),
        }
    }
    let _ = to.shutdown().await;
    Ok(())
}

#[test]
fn each_harm_is_done_after_so_many_bytes() {
    use std::{
        io::{ErrorKind, Read, Write},
        net::Shutdown,
        time::Duration,
    };
    // A server that says what it got, and then that it has heard the end.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                let mut bytes = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.write_all(&bytes[..count]);
                }
                let _ = stream.write_all(b"end");
            });
        }
    });
    let proxy = Proxy::to(there);
    for (harm, wanted) in [
        (Harm::Reset, Err(ErrorKind::ConnectionReset)),
        (Harm::HalfClosed, Ok("abcend")),
        (Harm::Stalled, Err(ErrorKind::WouldBlock)),
        (Harm::Truncated, Ok("abc")),
        (Harm::Flipped(0), Ok("abcefend")),
    ] {
        proxy.arm(Some(Cut {
            harm,
            way: Route::There,
            after: 3,
        }));
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", proxy.port)).expect("a guest");
        stream.write_all(b"abc").expect("sent");
        let mut first = [0; 3];
        stream.read_exact(&mut first).expect("the first bytes pass");
        assert!(proxy.met().is_none(), "{harm:?}");
        stream.write_all(b"df").expect("sent");
        if matches!(harm, Harm::Flipped(_)) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        // Only silence comes to this.
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .expect("set");
        let mut rest = String::new();
        let read = stream.read_to_string(&mut rest);
        let got = read.map(|_| format!("abc{rest}")).map_err(|e| e.kind());
        assert_eq!(got, wanted.map(str::to_owned), "{harm:?}");
        assert!(proxy.met().is_some() && proxy.carried()[0] == 5, "{harm:?}");
        proxy.end();
    }
}
