//! The browser's only way out: a proxy on loopback that holds each connection to the rules. Source: RFC 9110, section 9.3.6 (`CONNECT`),
//! and RFC 9112, section 3.2.2 (absolute form).

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use url::{Host, Url};

use super::super::Rules;
use crate::Failure;

/// Bytes of a request's head.
const HEAD: u64 = 64 << 10;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A proxy, which ends with all its connections when this is dropped.
pub(super) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// Host and port.
type Place = (Host<String>, u16);

struct Shared {
    rules: Arc<Rules>,
    // Where connections were asked for, and the code of why none was made.
    places: Mutex<HashMap<Place, Option<&'static str>>>,
    closed: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(super) fn start(rules: Arc<Rules>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Shared { rules, places: Mutex::default(), closed: false.into(), streams: Mutex::default() };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.closed.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A connection that fails is closed: the browser sees that.
                thread::spawn(move || shared.serve(client));
            }
        });
        Ok(Self { port, shared })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Why no connection was ever made to where `url` leads, if that is so.
    pub(super) fn failure(&self, url: &Url) -> Option<Failure> {
        let place = url.host().map(|host| host.to_owned()).zip(url.port_or_known_default())?;
        lock(&self.shared.places).get(&place).copied().flatten().map(Failure::Code)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        lock(&self.shared.streams).drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A request to the proxy.
struct Asked {
    host: Host<String>,
    port: u16,
    /// What to send on, where it is not a tunnel: the head in its usual form, and the length of the body.
    forward: Option<(String, u64)>,
}

impl Shared {
    fn serve(&self, client: TcpStream) -> Option<()> {
        self.keep(&client)?;
        let mut reader = BufReader::new(client.try_clone().ok()?);
        let asked = Asked::read(&mut reader)?;
        let connected = self.connect(&asked.host, asked.port);
        self.note((asked.host, asked.port), connected.as_ref().err().copied());
        let Ok(server) = connected else {
            (&client).write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
            return None;
        };
        self.keep(&server)?;
        match asked.forward {
            None => {
                (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
                let to = server.try_clone().ok()?;
                thread::spawn(move || pump(&mut reader, &to));
            }
            Some((head, body)) => {
                (&server).write_all(head.as_bytes()).ok()?;
                // One request a connection: what follows is not for this server.
                io::copy(&mut reader.take(body), &mut &server).ok()?;
            }
        }
        pump(&mut &server, &client);
        Some(())
    }

    /// Connects to a host that the rules allow, at an address that they allow: the name is resolved once.
    fn connect(&self, host: &Host<String>, port: u16) -> Result<TcpStream, &'static str> {
        self.rules.host_and_port(host, port).map_err(|_| "forbidden")?;
        let addresses: Vec<SocketAddr> = match host {
            Host::Domain(name) => (name.as_str(), port).to_socket_addrs().map_err(|_| "unresolved")?.collect(),
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
        };
        if !addresses.iter().all(|address| self.rules.reaches(address.ip())) {
            return Err("forbidden");
        }
        let connect = |address| TcpStream::connect_timeout(address, CONNECT).ok();
        addresses.iter().find_map(connect).ok_or("unreachable")
    }

    /// Remembers whether a connection was made: one is enough.
    fn note(&self, place: Place, failure: Option<&'static str>) {
        let mut places = lock(&self.places);
        let known = places.entry(place).or_insert(failure);
        *known = known.and(failure);
    }

    /// Remembers a connection, to end it in time; nothing when it is too late already.
    fn keep(&self, stream: &TcpStream) -> Option<()> {
        lock(&self.streams).push(stream.try_clone().ok()?);
        (!self.closed.load(Ordering::SeqCst)).then_some(())
    }
}

/// Nothing panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Asked {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut head = String::new();
        let mut limited = reader.take(HEAD);
        while !head.ends_with("\r\n\r\n") {
            // Neither an end before its time nor a head without one is a request.
            limited.read_line(&mut head).ok().filter(|len| *len > 0)?;
        }
        let (line, headers) = head.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        if method == "CONNECT" {
            let (host, port) = target.rsplit_once(':')?;
            return Some(Self { host: Host::parse(host).ok()?, port: port.parse().ok()?, forward: None });
        }
        let url = Url::parse(target).ok().filter(|url| url.scheme() == "http")?;
        let rest = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut forward = format!("{method} {rest} HTTP/1.1\r\n");
        let mut body = 0;
        for header in headers.lines().filter(|header| !header.is_empty()) {
            let name = header.split(':').next()?.to_ascii_lowercase();
            match name.as_str() {
                "connection" | "proxy-connection" | "keep-alive" => continue,
                "content-length" => body = header.split_once(':')?.1.trim().parse().ok()?,
                _ => {}
            }
            forward += header;
            forward += "\r\n";
        }
        forward += "Connection: close\r\n\r\n";
        Some(Self { host: url.host()?.to_owned(), port: url.port_or_known_default()?, forward: Some((forward, body)) })
    }
}

/// Copies until one end is closed, and says so to the other.
fn pump(from: &mut impl Read, mut to: &TcpStream) {
    let _ = io::copy(from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_rewritten_for_the_server() {
        let text = "POST http://example.com:8080/a?b#c HTTP/1.1\r\nHost: example.com:8080\r\nProxy-Connection: keep-alive\r\n\
                    Content-Length: 3\r\nX: y\r\n\r\nabcGET";
        let mut reader = BufReader::new(text.as_bytes());
        let asked = Asked::read(&mut reader).unwrap();
        assert_eq!((asked.host, asked.port), (Host::Domain("example.com".into()), 8080));
        let (head, body) = asked.forward.unwrap();
        let expected =
            "POST /a?b HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 3\r\nX: y\r\nConnection: close\r\n\r\n";
        assert_eq!((head.as_str(), body), (expected, 3));
        let tunnel = Asked::read(&mut "CONNECT [::1]:443 HTTP/1.1\r\n\r\n".as_bytes()).unwrap();
        assert!(tunnel.port == 443 && tunnel.forward.is_none());
    }

    #[test]
    fn what_is_no_request_is_dropped() {
        for text in [
            "",
            "GET / HTTP/1.1\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\n\r\n",
            "CONNECT a HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nA: b",
        ] {
            assert!(Asked::read(&mut text.as_bytes()).is_none(), "{text:?}");
        }
        let endless = "a".repeat(1 << 20);
        assert!(Asked::read(&mut endless.as_bytes()).is_none());
    }
}
