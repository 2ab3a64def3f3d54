//! What tests share: saying that something is missing, and a server on loopback that does to each request what a test says.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Says that a test did not run, and for want of what: past the test harness, which keeps the output of tests that pass.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    /// Request line and headers, as text.
    pub(crate) head: String,
    /// As much of a body as the head announced.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The value of a header; its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The path that was asked for.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// A server that lives as long as the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts a server on a free port; `answer` runs in a thread for each connection and closes it by returning.
    pub(crate) fn start(answer: impl Fn(&Received, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, answer) = (stream.unwrap(), Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    if let Some(received) = receive(&stream) {
                        seen.lock().unwrap().push(received.clone());
                        answer(&received, &mut stream);
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// A server that always answers the same bytes.
    pub(crate) fn fixed(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| drop(stream.write_all(&answer)))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }
}

fn receive(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut received = Received::default();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok().filter(|len| *len > 0)?;
        if line == b"\r\n" {
            break;
        }
        received.head += &String::from_utf8_lossy(&line);
    }
    let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    received.body = vec![0; length];
    reader.read_exact(&mut received.body).ok()?;
    Some(received)
}

/// A whole response.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
