//! Streams that a machine opens, with a real sshd and far ends of the tests' own.

use std::{
    fs,
    io::{self, Write},
    os::unix::net::UnixStream,
    process::Command,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use trueup::{
    script::Script,
    transport::{
        Connection, Exit,
        dial::{Dial, DialError, DialStage, Stream},
        direct::Direct,
        local::Local,
    },
};

use crate::{
    bench::{Bench, master_of},
    finish,
    sshd::{self, PATIENCE, Sshd, free_port, until},
};

const UNKNOWN: &str = "no-such-host.invalid";

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// Dials a listener and gives both ends.
async fn dialled(way: &dyn Dial, listener: &TcpListener) -> (Stream, TcpStream) {
    let port = listener.local_addr().expect("bound").port();
    let (near, far) = timeout(PATIENCE, async {
        tokio::join!(way.dial("127.0.0.1", port), listener.accept())
    })
    .await
    .expect("not for ever");
    (near.expect("dialled"), far.expect("accepted").0)
}

async fn refusal(way: &dyn Dial, host: &str, port: u16) -> DialError {
    let dialled = timeout(PATIENCE, way.dial(host, port)).await;
    dialled
        .expect("not for ever")
        .map(drop)
        .expect_err("refused")
}

/// Reads to a clean end.
async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    end.expect("an end").expect("a clean end");
    all
}

/// Reads to an end of any kind.
async fn ended(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut all = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    let _clean_or_not = end.expect("an end");
}

/// A port that takes no connection and refuses none: its queue of one is full.
struct Hole {
    listener: std::net::TcpListener,
    port: u16,
    _first: std::net::TcpStream,
}

impl Hole {
    fn new() -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
        bind(&socket, &any).expect("a port");
        listen(&socket, 0).expect("it listens");
        let listener = std::net::TcpListener::from(socket);
        let address = listener.local_addr().expect("bound");
        Self {
            port: address.port(),
            _first: std::net::TcpStream::connect(address).expect("the first"),
            listener,
        }
    }

    /// Waits for the first who waits to be let in, while other tasks run.
    async fn tried(&self) {
        let tried = async {
            while !self.is_tried() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, tried).await.expect("it is dialled");
    }

    fn is_tried(&self) -> bool {
        const SYN_SENT: &str = "02";
        let port = format!(":{:04X}", self.port);
        let sockets = fs::read_to_string("/proc/net/tcp").expect("sockets");
        sockets.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields[2].ends_with(&port) && fields[3] == SYN_SENT
        })
    }
}

/// Sockets of a process that listen: those of TCP, and those of the file system.
fn listening(pid: &str) -> (usize, usize) {
    let mut inodes = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("open files") {
        let Ok(target) = fs::read_link(entry.expect("an entry").path()) else {
            continue;
        };
        let target = target.display().to_string();
        if let Some(inode) = target.strip_prefix("socket:[") {
            inodes.push(inode.trim_end_matches(']').to_owned());
        }
    }
    let count = |table: &str, state: (usize, &str), inode: usize| {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        let lines = text.lines().skip(1).filter(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields[state.0] == state.1 && inodes.iter().any(|known| known == fields[inode])
        });
        lines.count()
    };
    let tcp = count("tcp", (3, "0A"), 9) + count("tcp6", (3, "0A"), 9);
    (tcp, count("unix", (3, "00010000"), 6))
}

/// How many files a process has open.
fn open_files(pid: &str) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("open files")
        .count()
}

/// Whether nobody is connected to a master's control socket any more: what the master has open for them
/// goes before that does. Of its rows one is the socket that listens.
fn is_left_alone(ssh: &trueup::transport::ssh::Ssh) -> bool {
    let control = ssh.control_socket().display().to_string();
    let sockets = fs::read_to_string("/proc/net/unix").expect("sockets");
    let of_master = sockets.lines().filter(|line| line.contains(&control));
    of_master.count() == 1
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_end_is_heard() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let local = Local::new().expect("an account");
    let ways: [&dyn Connection; 2] = [&ssh, &local];
    let (listener, port) = listener().await;
    for way in ways {
        let way: &dyn Dial = way;
        let (mut near, mut far) = dialled(way, &listener).await;
        let mut four = [0; 4];
        near.write_all(b"ping").await.expect("sent");
        far.read_exact(&mut four).await.expect("received");
        assert_eq!(&four, b"ping");
        far.write_all(b"pong").await.expect("sent");
        near.read_exact(&mut four).await.expect("received");
        assert_eq!(&four, b"pong");

        // We have said all; the other side has not.
        near.write_all(b"last").await.expect("sent");
        near.shutdown().await.expect("half closed");
        assert_eq!(rest(&mut far).await, b"last");
        far.write_all(b"an answer").await.expect("sent");
        drop(far);
        assert_eq!(rest(&mut near).await, b"an answer");
        assert!(near.write_all(b"more").await.is_err());

        // The broker hangs up.
        let (mut near, mut far) = dialled(way, &listener).await;
        far.write_all(b"bye").await.expect("sent");
        drop(far);
        assert_eq!(rest(&mut near).await, b"bye");

        // The name is looked up by who dials.
        let (near, far) = tokio::join!(way.dial("localhost", port), listener.accept());
        near.expect("dialled");
        far.expect("accepted");
    }
    let target = format!("target localhost port {port}");
    assert_eq!(sshd.count(&target), 1, "{}", sshd.log());

    match TcpListener::bind("[::1]:0").await {
        Ok(listener) => {
            let port = listener.local_addr().expect("bound").port();
            for way in ways {
                let (near, far) = tokio::join!(way.dial("::1", port), listener.accept());
                near.expect("dialled");
                far.expect("accepted");
            }
        }
        Err(error) => println!("no IPv6 here, not tried: {error}"),
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn sixteen_mebibytes_come_back_as_they_went() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let ways: [&dyn Dial; 2] = [&ssh, &Direct];
    let (listener, _) = listener().await;
    // Another byte at every place that a buffer's length would repeat.
    let sent: Vec<u8> = (0..16_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for way in ways {
        let (near, mut far) = dialled(way, &listener).await;
        let (mut from, mut to) = tokio::io::split(near);
        let echo = async {
            let (mut from, mut to) = far.split();
            tokio::io::copy(&mut from, &mut to).await.expect("echoed");
            to.shutdown().await.expect("ended");
        };
        let send = async {
            to.write_all(&sent).await.expect("sent");
            to.shutdown().await.expect("ended");
        };
        let ((), (), back) = tokio::join!(echo, send, rest(&mut from));
        assert!(back == sent, "{} bytes came back", back.len());
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn what_fails_says_how_far_it_came() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let local = Local::new().expect("an account");
    let ways: [&dyn Dial; 3] = [&ssh, &local, &Direct];
    for way in ways {
        let error = refusal(way, "127.0.0.1", free_port()).await;
        assert_eq!(error.stage, DialStage::Tcp);
        assert_eq!(error.to_string(), "Connection refused");
        let error = refusal(way, UNKNOWN, 9092).await;
        assert_eq!(error.stage, DialStage::Name, "{error}");
        assert!(error.message.to_lowercase().contains("name"), "{error}");
        let help = error.help.expect("a way out");
        assert!(help.contains(&format!("getent hosts {UNKNOWN}")), "{help}");
    }
    // What is no name is not even asked for.
    let asked = sshd.count("direct-tcpip");
    assert!(asked >= 2, "what is looked for can be seen: {}", sshd.log());
    for way in ways {
        for host in ["-oProxyCommand=x", "a b", "[::1]", "x\u{1b}[2J", ""] {
            let error = refusal(way, host, 9092).await;
            assert_eq!(error.stage, DialStage::Name);
            assert!(!error.message.contains('\u{1b}'), "{error}");
        }
        assert_eq!(refusal(way, "127.0.0.1", 0).await.stage, DialStage::Tcp);
    }
    assert_eq!(sshd.count("direct-tcpip"), asked, "{}", sshd.log());
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn an_sshd_that_forbids_it_is_told_by_its_options() {
    let bench = Bench::new();
    let (listener, port) = listener().await;
    let restricted = format!("restrict {}", bench.public);
    let cases = [
        ("AllowTcpForwarding no", &bench.public),
        ("AllowTcpForwarding remote", &bench.public),
        ("PermitOpen 127.0.0.1:1", &bench.public),
        ("DisableForwarding yes", &bench.public),
        ("", &restricted),
    ];
    for (n, (option, authorized)) in cases.into_iter().enumerate() {
        let folder = bench.path(&format!("sshd{n}"));
        let sshd = Sshd::start(&folder, &["ed25519"], authorized, option);
        let ssh = bench.connected(&sshd).await;
        let error = refusal(&ssh, "127.0.0.1", port).await;
        assert_eq!(error.stage, DialStage::Forwarding, "{option}: {error}");
        assert!(error.message.contains("prohibited"), "{option}: {error}");
        let help = error.help.expect("a way out");
        let name = option.split(' ').next().expect("a word");
        assert!(help.contains(name) && help.contains("restrict"), "{help}");
        // Scripts are none the worse for it.
        let script = Script::new("test").text("echo here");
        let (exit, ..) = finish(ssh.spawn(&script).await.expect("started")).await;
        assert_eq!(exit, Exit::Code(0));
        drop(ssh);
        bench.assert_clean();
    }
    let permitted = format!("PermitOpen 127.0.0.1:{port}");
    let sshd = Sshd::start(&bench.path("sshd"), &["ed25519"], &bench.public, &permitted);
    let ssh = bench.connected(&sshd).await;
    dialled(&ssh, &listener).await;
}

#[tokio::test]
async fn ten_at_once_share_one_connection_and_none_is_a_session() {
    let bench = Bench::new();
    let sshd = Sshd::start(
        &bench.path("sshd"),
        &["ed25519"],
        &bench.public,
        "MaxSessions 1",
    );
    let ssh = Arc::new(bench.connected(&sshd).await);
    let script = Script::new("test").text("read -r line");
    let session = ssh.spawn(&script).await.expect("the one session");
    let (listener, port) = listener().await;
    let closed = free_port();
    let echo = tokio::spawn(async move {
        let mut guests = JoinSet::new();
        for _ in 0..10 {
            let (mut guest, _) = listener.accept().await.expect("a guest");
            guests.spawn(async move {
                let (mut from, mut to) = guest.split();
                tokio::io::copy(&mut from, &mut to).await.expect("echoed");
            });
        }
        guests.join_all().await;
    });
    // Refusals among them: each has its own reason.
    let mut tasks = JoinSet::new();
    for n in 0..10_u8 {
        let way = Arc::clone(&ssh);
        tasks.spawn(async move {
            let mut near = way.dial("127.0.0.1", port).await.expect("dialled");
            near.write_all(&[n; 1000]).await.expect("sent");
            near.shutdown().await.expect("half closed");
            assert_eq!(rest(&mut near).await, [n; 1000]);
        });
        let way = Arc::clone(&ssh);
        tasks.spawn(async move {
            let error = refusal(&*way, "127.0.0.1", closed).await;
            assert_eq!(error.message, "Connection refused");
        });
        let way = Arc::clone(&ssh);
        tasks.spawn(async move {
            let error = refusal(&*way, UNKNOWN, port).await;
            assert_eq!(error.stage, DialStage::Name, "{error}");
        });
    }
    timeout(PATIENCE, tasks.join_all())
        .await
        .expect("not for ever");
    echo.await.expect("all ten came");
    finish(session).await;
    assert_eq!(sshd.count("Connection from"), 1, "{}", sshd.log());
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_dropped_stream_closes_its_far_end_and_leaves_nothing() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let master = master_of(&ssh);
    until("the question's end", || {
        bench.processes().len() == 2 && is_left_alone(&ssh)
    });
    let before = open_files(&master);
    let (listener, _) = listener().await;
    for _ in 0..3 {
        let (near, mut far) = dialled(&ssh, &listener).await;
        assert!(open_files(&master) > before, "what is looked for is seen");
        // The master and its watch: a stream has no process of its own.
        assert_eq!(bench.processes().len(), 2, "{:?}", bench.processes());
        drop(near);
        ended(&mut far).await;
        until("the channel's end", || open_files(&master) == before);
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_dial_that_is_given_up_ends_and_the_connection_lives() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = Arc::new(bench.connected(&sshd).await);
    let master = master_of(&ssh);
    until("the question's end", || {
        bench.processes().len() == 2 && is_left_alone(&ssh)
    });
    let before = open_files(&master);
    let ways: [Arc<dyn Dial>; 2] = [
        Arc::<trueup::transport::ssh::Ssh>::clone(&ssh),
        Arc::new(Direct),
    ];
    let mut holes = Vec::new();
    for way in ways {
        let hole = Hole::new();
        let port = hole.port;
        let dial = tokio::spawn(async move { way.dial("127.0.0.1", port).await.map(drop) });
        hole.tried().await;
        dial.abort();
        assert!(dial.await.expect_err("given up").is_cancelled());
        holes.push(hole);
    }
    // Straight from here, nothing tries any longer. The machine's sshd cannot be called back, but
    // what it gets in the end is closed.
    let (through_ssh, straight) = (holes.remove(0), holes.remove(0));
    until("the end of trying", || !straight.is_tried());
    let far = tokio::task::spawn_blocking(move || {
        let _first = through_ssh.listener.accept().expect("the first");
        let (mut second, _) = through_ssh.listener.accept().expect("the second");
        second.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut all = Vec::new();
        io::Read::read_to_end(&mut second, &mut all).map(|_| all)
    });
    let far = timeout(PATIENCE, far).await.expect("let in").expect("ran");
    assert_eq!(far.expect("closed"), b"");
    until("the channel's end", || open_files(&master) == before);

    // Given up between the request and the files that belong to it.
    let mut control = UnixStream::connect(ssh.control_socket()).expect("the master");
    let mut message = Vec::new();
    for word in [8, 1, 4, 21, 0x1000_0008, 0, 0, 1] {
        message.extend(u32::to_be_bytes(word));
    }
    message.push(b'h');
    message.extend(u32::to_be_bytes(9092));
    control.write_all(&message).expect("sent");
    drop(control);

    let (listener, _) = listener().await;
    dialled(&*ssh, &listener).await;
    assert_eq!(master_of(&ssh), master);
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn nothing_listens_for_a_stream() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let master = master_of(&ssh);
    let (listener, _) = listener().await;
    // The control socket, in its private folder.
    assert_eq!(listening(&master), (0, 1));
    let streams = [
        dialled(&ssh, &listener).await,
        dialled(&ssh, &listener).await,
    ];
    assert_eq!(listening(&master), (0, 1));
    assert_eq!(bench.processes().len(), 2, "{:?}", bench.processes());

    // What is looked for can be seen.
    let mut forward = Command::new("ssh");
    forward.arg("-S").arg(ssh.control_socket());
    let port = format!("127.0.0.1:{}:127.0.0.1:1", free_port());
    forward.args(["-O", "forward", "-L", &port, "127.0.0.1"]);
    assert!(forward.status().expect("ssh").success());
    assert_eq!(listening(&master), (1, 1));
    drop(streams);
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn the_end_of_a_connection_is_the_end_of_its_streams() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let (listener, port) = listener().await;

    let ssh = bench.connected(&sshd).await;
    let (mut near, mut far) = dialled(&ssh, &listener).await;
    let connection: Box<dyn Connection> = Box::new(ssh);
    connection.close().await;
    bench.assert_clean();
    ended(&mut near).await;
    ended(&mut far).await;

    // A connection that breaks, while a stream is open and another is being opened.
    let ssh = Arc::new(bench.connected(&sshd).await);
    let (mut near, mut far) = dialled(&*ssh, &listener).await;
    let hole = Hole::new();
    let refused = tokio::task::spawn({
        let (way, port) = (Arc::clone(&ssh), hole.port);
        async move { refusal(&*way, "127.0.0.1", port).await }
    });
    hole.tried().await;
    sshd::run("kill", &["-9", &master_of(&ssh)]);
    let error = refused.await.expect("ran");
    assert_eq!(error.stage, DialStage::Machine);
    assert!(error.message.contains("127.0.0.1 is gone"), "{error}");
    ended(&mut near).await;
    ended(&mut far).await;

    let error = refusal(&*ssh, "127.0.0.1", port).await;
    assert_eq!(error.stage, DialStage::Machine);
    assert!(error.message.contains("127.0.0.1 is gone"), "{error}");
    drop(ssh);
    bench.assert_clean();
}
