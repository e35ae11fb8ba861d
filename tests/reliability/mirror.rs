//! A download site that lies: what is not the file that the spec pins becomes visible nowhere, is not
//! followed elsewhere, and shows nothing that could move a terminal.

use std::{
    fmt,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::{
    bench::{Bench, Files, Tree},
    lied::harmless,
    lies::{canary, nasty, nothing_was_run},
    proxy::linger_none,
    rig::{KAFKA, Said},
    sweep::{Random, Sweep},
    web::{answer, named, serve},
};

#[derive(Debug, Clone)]
enum Fault {
    /// These bytes of the answer, and its end: in order, or (`true`) a reset.
    Cut(usize, bool),
    Flip(usize, u8),
    /// The length that is announced is another.
    Length(String),
    /// No length is announced, and the file has so many bytes.
    Short(usize),
    /// In pieces, whose lengths say this after so many.
    Chunked(usize, String),
    /// Junk after the file, announced.
    More(usize),
    /// The file has no end.
    Endless,
    /// Its first bytes come one by one.
    Slow,
    /// It is elsewhere.
    Redirect(String),
    /// This is the answer's head.
    Head(Vec<u8>),
    /// The other of the two files.
    Swapped,
}

#[derive(Debug, Clone)]
struct Case {
    jar: bool,
    fault: Fault,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.jar { "jar" } else { "archive" };
        let text = match &self.fault {
            Fault::Head(head) => format!("head {}", head.escape_ascii()),
            other => format!("{other:?}"),
        };
        write!(f, "{of}: {text:.300}")
    }
}

impl Fault {
    fn answer(&self, mut stream: &TcpStream, path: &str) -> std::io::Result<()> {
        let file = named(path);
        let mut whole = answer(file);
        let head = whole.len() - file.len();
        let announced = format!("Content-Length: {}\r\n", file.len());
        let with = |line: &str| {
            let text = String::from_utf8_lossy(&whole[..head]).replace(&announced, line);
            [text.as_bytes(), file].concat()
        };
        match self {
            Self::Cut(at, reset) => {
                stream.write_all(&whole[..*at.min(&whole.len())])?;
                if *reset {
                    linger_none(stream);
                    return Ok(());
                }
            }
            Self::Flip(at, bit) => {
                let at = at % whole.len();
                whole[at] ^= 1 << bit;
                stream.write_all(&whole)?;
            }
            Self::Length(length) => {
                stream.write_all(&with(&format!("Content-Length: {length}\r\n")))?;
            }
            Self::Short(bytes) => {
                let all = with("");
                stream.write_all(&all[..all.len() - bytes.min(&file.len())])?;
            }
            Self::Chunked(after, length) => {
                let text = String::from_utf8_lossy(&whole[..head])
                    .replace(&announced, "Transfer-Encoding: chunked\r\n");
                stream.write_all(text.as_bytes())?;
                for (nth, piece) in file.chunks(10_000).enumerate() {
                    let is = format!("{:x}", piece.len());
                    let says = if nth == *after { length } else { &is };
                    write!(stream, "{says}\r\n")?;
                    stream.write_all(piece)?;
                    stream.write_all(b"\r\n")?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            Self::More(bytes) => {
                let all = with(&format!("Content-Length: {}\r\n", file.len() + bytes));
                stream.write_all(&[all, vec![b'x'; *bytes]].concat())?;
            }
            Self::Endless => {
                stream.write_all(&with(""))?;
                loop {
                    stream.write_all(&[0; 1 << 16])?;
                }
            }
            Self::Slow => {
                for byte in &whole[..head + 20] {
                    stream.write_all(&[*byte])?;
                    thread::sleep(Duration::from_millis(2));
                }
                stream.write_all(&whole[head + 20..])?;
            }
            Self::Redirect(to) => {
                write!(
                    stream,
                    "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )?;
            }
            Self::Head(head) => stream.write_all(&[head.as_slice(), file].concat())?,
            Self::Swapped => {
                let other = if path.ends_with(".jar") {
                    "x.tgz"
                } else {
                    "x.jar"
                };
                stream.write_all(&answer(named(other)))?;
            }
        }
        stream.shutdown(Shutdown::Write)?;
        // Nothing of it is lost to a reset.
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
        Ok(())
    }
}

fn faults(random: &mut Random, url: &str) -> Vec<Case> {
    let mut all = Vec::new();
    for jar in [false, true] {
        let length = answer(named(if jar { "x.jar" } else { "x.tgz" })).len();
        let mut add = |fault| all.push(Case { jar, fault });
        for nth in 0..24 {
            add(Fault::Cut(nth * length / 24, nth % 2 == 0));
            add(Fault::Cut(random.below(length), nth % 3 == 0));
        }
        // The last byte, and none missing.
        add(Fault::Cut(length - 1, false));
        add(Fault::Cut(length, false));
        for _ in 0..60 {
            let bit = u8::try_from(random.below(8)).expect("a bit");
            add(Fault::Flip(random.below(length), bit));
            // Most of the harm is in the head.
            add(Fault::Flip(random.below(150), bit));
        }
        for says in [
            "0",
            "1",
            "-1",
            "99999999999999999999",
            "1000000000000",
            "x",
            "",
            "20000",
        ] {
            add(Fault::Length(says.to_owned()));
            add(Fault::Chunked(random.below(3), says.to_owned()));
        }
        for bytes in [0, 1, 22, 1000, 10_000, usize::MAX] {
            add(Fault::Short(bytes));
        }
        for bytes in [1, 1000, 1 << 20] {
            add(Fault::More(bytes));
        }
        add(Fault::Slow);
        add(Fault::Swapped);
        for to in [
            "file:///etc/passwd",
            "file:///srv/secret",
            "ftp://10.77.0.1/x",
            "http://127.0.0.1:22/",
            "http://no-such-host.invalid/x",
            "gopher://10.77.0.1/x",
            "scp://10.77.0.1/etc/passwd",
            "\x1b[2J::error::x",
            "/loop",
            "",
        ] {
            add(Fault::Redirect(to.to_owned()));
        }
        add(Fault::Redirect(format!(
            "{url}/honest/x.{}",
            if jar { "jar" } else { "tgz" }
        )));
        for bytes in nasty(&canary()) {
            for (before, after) in [
                (&b"HTTP/1.1 200 OK\r\nContent-Type: "[..], &b"\r\n\r\n"[..]),
                (b"HTTP/1.1 404 ", b"\r\n\r\n"),
                (b"HTTP/1.1 302 Found\r\nLocation: ", b"\r\n\r\n"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: ", b"\r\n\r\n"),
                (b"", b"\r\n\r\n"),
            ] {
                add(Fault::Head([before, &bytes, after].concat()));
            }
        }
    }
    // A jar ends at its own bound; an archive's is 1 GiB.
    all.push(Case {
        jar: true,
        fault: Fault::Endless,
    });
    all
}

struct Site {
    bench: Bench,
    fault: Arc<Mutex<Option<Case>>>,
    url: String,
    spec: String,
    whole: Tree,
}

impl Site {
    fn new() -> Self {
        let bench = Bench::start("amazon");
        let fault: Arc<Mutex<Option<Case>>> = Arc::default();
        let told = Arc::clone(&fault);
        let url = serve(move |mut stream, path| {
            let case = told.lock().expect("sound").clone();
            let of_it =
                |case: &Case| case.jar == path.ends_with(".jar") && !path.starts_with("/honest");
            // Whoever has gone has heard enough.
            let _ = match case.filter(of_it) {
                Some(case) => case.fault.answer(&stream, path),
                None => stream.write_all(&answer(named(path))),
            };
        });
        std::fs::write(bench.host.path("srv/secret"), "a secret").expect("written");
        let client = Files::of_site().client_from(&url);
        let spec = bench.spec(&bench.host.way(), &client, "mirror.yaml");
        let mut site = Self {
            bench,
            fault,
            url,
            spec,
            whole: Tree::new(),
        };
        site.bench.reset();
        assert_eq!(site.apply().code, 0);
        site.whole = site.bench.tree();
        site
    }

    fn apply(&self) -> Said {
        self.bench.run(&["apply", &self.spec, "--auto-approve"])
    }

    fn attempt(&self, case: &Case) {
        self.bench.reset();
        *self.fault.lock().expect("sound") = Some(case.clone());
        let said = self.apply();
        *self.fault.lock().expect("sound") = None;
        let told = format!("exit {}\n{:.3000}\n{:.3000}", said.code, said.out, said.err);
        harmless("stdout", &said.out);
        harmless("stderr", &said.err);
        nothing_was_run(&told);
        self.bench.nothing_left();
        let tree = self.bench.tree();
        match said.code {
            // No byte of the file was another.
            0 => assert_eq!(tree, self.whole, "{told}"),
            5 => {
                let home = self.bench.host.home(KAFKA);
                let jar = |path: &Path| path.to_string_lossy().contains("aws-msk-iam-auth");
                assert!(!tree.keys().any(|path| jar(path)), "{told}");
                if case.jar {
                    let of_kafka = |tree: &Tree| -> Tree {
                        let all = tree
                            .iter()
                            .filter(|(path, _)| path.starts_with(home.join("libs")) && !jar(path));
                        all.map(|(path, facts)| (path.clone(), facts.clone()))
                            .collect()
                    };
                    assert_eq!(of_kafka(&tree), of_kafka(&self.whole), "{told}");
                } else {
                    assert!(!tree.keys().any(|path| path.starts_with(&home)), "{told}");
                }
            }
            _ => panic!("{told}"),
        }
        let said = self.apply();
        assert_eq!(said.code, 0, "then: {said:?}\nafter {told}");
        assert_eq!(self.bench.tree(), self.whole, "after {told}");
    }
}

#[test]
fn lies() {
    let mut sweep =
        Sweep::of("lied to: a download site (cut, reset, flipped, lengths, redirects, heads)");
    let site = Site::new();
    let mut all = faults(&mut sweep.random, &site.url);
    sweep.random.shuffle(&mut all);
    for case in sweep.pick(all, 3) {
        sweep.attempt(&case, || site.attempt(&case));
    }
    sweep.end();
}
