//! The browser's only way out: a proxy on loopback that holds each connection to the rules. Source: RFC 9110, section 9.3.6 (`CONNECT`),
//! and RFC 9112, section 3.2.2 (absolute form).

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
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
/// Browser's connections at once: as many as a browser makes to a proxy (32, and as many for web sockets).
const CONNECTIONS: usize = 64;
/// Places of which is known whether they were reached: more than pages need.
const PLACES: usize = 1024;

/// A proxy, which ends with all its connections when this is dropped.
pub(super) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// Host and port.
type Place = (Host<String>, u16);
/// Looks up the addresses of a name.
type Resolve = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

struct Shared {
    rules: Arc<Rules>,
    resolve: Resolve,
    // Where connections were asked for, and the code of why none was made.
    places: Mutex<HashMap<Place, Option<&'static str>>>,
    open: Mutex<Open>,
}

/// The connections that are under way.
#[derive(Default)]
struct Open {
    closed: bool,
    next: u64,
    streams: HashMap<u64, Arc<TcpStream>>,
    clients: usize,
}

impl Proxy {
    pub(super) fn start(rules: Arc<Rules>) -> io::Result<Self> {
        Self::resolving(rules, |name, port| Ok((name, port).to_socket_addrs()?.collect()))
    }

    fn resolving(rules: Arc<Rules>, resolve: Resolve) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { rules, resolve, places: Mutex::default(), open: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().spawn(move || {
            for client in listener.incoming() {
                if lock(&accepting.open).closed {
                    return;
                }
                let Ok(client) = client else {
                    // No descriptor is to be had: others may give one back.
                    thread::sleep(Duration::from_millis(20));
                    continue;
                };
                // One too many is closed, as one that fails: the browser sees that.
                if accepting.admit() {
                    let shared = Arc::clone(&accepting);
                    let serve = move || {
                        shared.serve(client);
                        lock(&shared.open).clients -= 1;
                    };
                    if thread::Builder::new().spawn(serve).is_err() {
                        lock(&accepting.open).clients -= 1;
                    }
                }
            }
        })?;
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
        let mut open = lock(&self.shared.open);
        open.closed = true;
        open.streams.drain().for_each(|(_, stream)| drop(stream.shutdown(Shutdown::Both)));
        drop(open);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A connection that ends with its proxy, and is forgotten when this is dropped: a page must not make a node run out of descriptors.
struct Kept<'a> {
    shared: &'a Shared,
    number: u64,
    stream: Arc<TcpStream>,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        lock(&self.shared.open).streams.remove(&self.number);
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
    /// Counts a connection that a browser makes, where there may be one more.
    fn admit(&self) -> bool {
        let mut open = lock(&self.open);
        let room = open.clients < CONNECTIONS;
        open.clients += usize::from(room);
        room
    }

    fn serve(&self, client: TcpStream) -> Option<()> {
        let client = self.keep(client)?;
        let mut client = &*client.stream;
        let mut reader = BufReader::new(client);
        let asked = Asked::read(&mut reader)?;
        let connected = self.connect(&asked.host, asked.port);
        self.note((asked.host, asked.port), connected.as_ref().err().copied());
        let Ok(server) = connected else {
            return client
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .ok();
        };
        let server = self.keep(server)?;
        let mut server = &*server.stream;
        match asked.forward {
            None => {
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
                thread::scope(|scope| {
                    thread::Builder::new().spawn_scoped(scope, move || pump(&mut reader, server)).ok()?;
                    pump(&mut { server }, client);
                    Some(())
                })
            }
            Some((head, body)) => {
                server.write_all(head.as_bytes()).ok()?;
                // One request a connection: what follows is not for this server.
                io::copy(&mut reader.take(body), &mut server).ok()?;
                pump(&mut server, client);
                Some(())
            }
        }
    }

    /// Connects to a host that the rules allow, at an address that they allow: the name is resolved once.
    fn connect(&self, host: &Host<String>, port: u16) -> Result<TcpStream, &'static str> {
        self.rules.host_and_port(host, port).map_err(|_| "forbidden")?;
        let addresses: Vec<SocketAddr> = match host {
            Host::Domain(name) => (self.resolve)(name, port).map_err(|_| "unresolved")?,
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
        if places.len() >= PLACES && !places.contains_key(&place) {
            return;
        }
        let known = places.entry(place).or_insert(failure);
        *known = known.and(failure);
    }

    /// Remembers a connection, to end it in time; nothing when it is too late already.
    fn keep(&self, stream: TcpStream) -> Option<Kept<'_>> {
        let mut open = lock(&self.open);
        if open.closed {
            return None;
        }
        let (number, stream) = (open.next, Arc::new(stream));
        open.next += 1;
        open.streams.insert(number, Arc::clone(&stream));
        Some(Kept { shared: self, number, stream })
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

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

    /// A server that answers each connection with one byte.
    fn server() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.unwrap().write_all(b"x"))));
        port
    }

    fn proxy(port: u16, allowed: &str, denied: &str, resolve: Resolve) -> Proxy {
        let networks =
            |text: &str| text.split(' ').filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect();
        let (allow_networks, deny_networks) = (networks(allowed), networks(denied));
        let rules = Rules { ports: vec![port], allow_networks, deny_networks, ..Rules::default() };
        Proxy::resolving(Arc::new(rules), resolve).unwrap()
    }

    fn tunnel(proxy: &Proxy, target: &str) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, &stream).read_line(&mut line).unwrap();
        (line.trim_end().to_owned(), stream)
    }

    fn loopback(_: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![([127, 0, 0, 1], port).into()])
    }

    #[test]
    fn pages_reach_no_denied_address_by_any_name() {
        let port = server();
        let forms = ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0x7f.1", "rebinding.test"];
        let open = proxy(port, "127.0.0.0/8", "", loopback);
        let denying = proxy(port, "127.0.0.0/8", "127.0.0.1", loopback);
        for host in forms {
            let target = format!("{host}:{port}");
            assert_eq!(tunnel(&open, &target).0, "HTTP/1.1 200 OK", "{host}");
            assert_eq!(tunnel(&denying, &target).0, "HTTP/1.1 502 Bad Gateway", "{host}");
            let url = Url::parse(&format!("http://{target}/")).unwrap();
            assert!(matches!(denying.failure(&url), Some(Failure::Code("forbidden"))), "{host}");
        }
    }

    #[test]
    fn a_name_is_looked_up_once_for_a_connection() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolve: Resolve = |_, port| {
            let last = if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { 1 } else { 9 };
            Ok(vec![([127, 0, 0, last], port).into()])
        };
        let port = server();
        let proxy = proxy(port, "127.0.0.0/8", "127.0.0.9", resolve);
        let target = format!("rebinding.test:{port}");
        assert_eq!(tunnel(&proxy, &target).0, "HTTP/1.1 200 OK");
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        assert_eq!(tunnel(&proxy, &target).0, "HTTP/1.1 502 Bad Gateway");
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn connections_are_bounded_and_forgotten_when_they_end() {
        let port = server();
        let proxy = proxy(port, "127.0.0.1", "", loopback);
        // Held open, and silent.
        let held: Vec<TcpStream> =
            (0..CONNECTIONS + 8).map(|_| TcpStream::connect(("127.0.0.1", proxy.port())).unwrap()).collect();
        let within = |what: &dyn Fn(&Open) -> bool| {
            let start = Instant::now();
            while !what(&lock(&proxy.shared.open)) {
                assert!(start.elapsed() < Duration::from_secs(20), "{}", lock(&proxy.shared.open).streams.len());
                thread::sleep(Duration::from_millis(10));
            }
        };
        within(&|open| open.streams.len() == CONNECTIONS);
        let mut last = held.last().unwrap();
        assert!(!matches!(last.read(&mut [0]), Ok(1..)), "one too many is closed");
        drop(held);
        within(&|open| open.streams.is_empty() && open.clients == 0);
        for _ in 0..100 {
            let (line, mut stream) = tunnel(&proxy, &format!("127.0.0.1:{port}"));
            assert_eq!(line, "HTTP/1.1 200 OK");
            drop(stream.shutdown(Shutdown::Write));
            drop(stream.read_to_end(&mut Vec::new()));
        }
        within(&|open| open.streams.is_empty() && open.clients == 0);
    }
}
