//! A download site of a test's own, that the rig's hosts reach.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use crate::bench::Files;

/// Serves each connection in a thread of its own, as long as the tests run; the URL.
pub fn serve(each: impl Fn(TcpStream, &str) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("10.77.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let each = each.clone();
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                each(stream, &path);
            });
        }
    });
    format!("http://{address}")
}

/// The file that a path names.
pub fn named(path: &str) -> &'static [u8] {
    let files = Files::of_site();
    match path.ends_with(".jar") {
        true => &files.jar,
        false => &files.archive,
    }
}

/// A whole, honest answer.
pub fn answer(bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    [head.as_bytes(), bytes].concat()
}

#[derive(Debug, Default)]
struct Held {
    shut: bool,
    waiting: usize,
}

/// A site that stops in the middle of each file, until it is told to go on.
pub struct Gate {
    pub url: String,
    held: Arc<(Mutex<Held>, Condvar)>,
}

impl Gate {
    pub fn new() -> Self {
        let held = Arc::new((Mutex::new(Held::default()), Condvar::new()));
        let shared = Arc::clone(&held);
        let url = serve(move |mut stream, path| {
            let bytes = answer(named(path));
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            let _ = stream.write_all(first);
            let (lock, told) = &*shared;
            let mut held = lock.lock().expect("sound");
            held.waiting += 1;
            while held.shut {
                held = told.wait(held).expect("sound");
            }
            held.waiting -= 1;
            drop(held);
            let _ = stream.write_all(rest);
        });
        Self { url, held }
    }

    pub fn set(&self, shut: bool) {
        self.held.0.lock().expect("sound").shut = shut;
        self.held.1.notify_all();
    }

    /// How many downloads it holds.
    pub fn waiting(&self) -> usize {
        self.held.0.lock().expect("sound").waiting
    }
}
