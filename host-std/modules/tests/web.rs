//! `WebRequest` against servers that misbehave.

use std::fmt;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Modules, Progress};
use subvm_modules::ModuleSet;
use subvm_modules::web::{Limits, Rules, WebClient};
use ureq::http::Uri;
use ureq::tls::RootCerts;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

mod support;
use support::{Server, response};

/// Rules under which these ports of loopback can be reached.
fn rules(ports: &[u16]) -> Rules {
    Rules { ports: ports.to_vec(), allow_networks: vec!["127.0.0.1".parse().unwrap()], ..Rules::default() }
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(10), body: 1000, head: 4096, redirects: 3 }
}

fn ask(client: WebClient, method: &str, url: &str, headers: Map, body: Value) -> Value {
    let fields =
        Map::from([("method", Value::from(method)), ("url", url.into()), ("headers", headers.into()), ("body", body)]);
    let mut modules = ModuleSet::new(2).with(&["WebRequest"], Arc::new(client));
    let request = Value::from(Map::from([("WebRequest", Value::from(fields))])).encode().unwrap();
    let id = modules.start(&request).unwrap();
    match modules.wait(id, Duration::from_secs(30)).unwrap() {
        Progress::Ready(bytes) => Value::decode(&bytes).unwrap(),
        Progress::Pending => panic!("no answer within the limit and 20 seconds"),
    }
}

fn get(server: &Server, limits: Limits) -> Value {
    let client = WebClient::new(rules(&[server.port]), limits);
    ask(client, "GET", &server.url("/"), Map::new(), Value::Null)
}

#[track_caller]
fn assert_code(answer: &Value, code: &str) {
    assert_eq!(answer.to_string(), format!(r#"{{"error":"{code}"}}"#));
}

#[test]
fn an_answer_has_status_headers_and_body() {
    let server = Server::fixed(response("418 I'm a teapot", "X-One: 1\r\nx-one: 2\r\nX-Two: \u{e9}\r\n", "short"));
    let answer = get(&server, limits());
    let ok = &answer["ok"];
    assert_eq!(ok["status"], Value::from(418));
    assert_eq!(ok["body"].as_bytes(), Some(&b"short"[..]));
    assert_eq!(ok["headers"]["x-one"].as_bytes(), Some(&b"1, 2"[..]));
    assert_eq!(ok["headers"]["x-two"].as_bytes(), Some("\u{e9}".as_bytes()));
    let request = &server.requests()[0];
    assert!(request.header("user-agent").unwrap().starts_with("subvm/"));
    assert_eq!(request.header("accept-encoding"), None);
}

#[test]
fn a_body_and_headers_are_sent() {
    let server = Server::fixed(response("200 OK", "", ""));
    let client = WebClient::new(rules(&[server.port]), limits());
    let headers = Map::from([("X-Key", Value::from(&b"\xc3\xa9"[..])), ("User-Agent", b"me".into())]);
    let answer = ask(client, "POST", &server.url("/p?q=1"), headers, Value::from(&b"\0\xff"[..]));
    assert_eq!(answer["ok"]["status"], Value::from(200));
    let request = &server.requests()[0];
    assert!(request.head.starts_with("POST /p?q=1 HTTP/1.1\r\n"));
    assert_eq!((request.header("x-key"), request.header("user-agent")), (Some("\u{e9}"), Some("me")));
    assert_eq!(request.body, b"\0\xff");
}

#[test]
fn malformed_and_forbidden_requests_are_not_sent() {
    let server = Server::fixed(response("200 OK", "", ""));
    let url = server.url("/");
    let ask = |method: &str, url: &str, headers: Map, body: Value| {
        ask(WebClient::new(rules(&[server.port]), limits()), method, url, headers, body)
    };
    let header = |name: &str, value: &[u8]| Map::from([(name.to_string(), Value::from(value))]);
    assert_code(&ask("GET", &url, Map::new(), Value::from(&b"x"[..])), "bad_request");
    assert_code(&ask("GET", &url, header("a b", b""), Value::Null), "bad_request");
    assert_code(&ask("GET", &url, header("a", b"1\r\nHost: b"), Value::Null), "bad_request");
    assert_code(
        &ask("GET", &url, [header("a", b""), header("A", b"")].into_iter().flatten().collect(), Value::Null),
        "bad_request",
    );
    assert_code(&ask("GET", "nowhere", Map::new(), Value::Null), "bad_request");
    assert_code(&ask("TRACE", &url, Map::new(), Value::Null), "forbidden");
    assert_code(&ask("GET", &url, header("Content-Length", b"5"), Value::Null), "forbidden");
    assert_code(&ask("GET", "http://127.0.0.1/", Map::new(), Value::Null), "forbidden");
    assert_code(&ask("GET", &url.replace("127.0.0.1", "127.0.0.2"), Map::new(), Value::Null), "forbidden");
    assert!(server.requests().is_empty());
}

#[test]
fn loopback_is_refused_unless_configured() {
    let server = Server::fixed(response("200 OK", "", ""));
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"] {
        let client = WebClient::new(Rules { ports: vec![server.port], ..Rules::default() }, limits());
        let answer = ask(client, "GET", &format!("http://{host}:{}/", server.port), Map::new(), Value::Null);
        assert_code(&answer, "forbidden");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn slow_servers_are_given_up() {
    let short = || Limits { time: Duration::from_millis(300), ..limits() };
    let start = Instant::now();
    let silent = Server::start(|_, _| thread::sleep(Duration::from_secs(60)));
    assert_code(&get(&silent, short()), "timeout");
    // A byte at a time, for ever: each read is quick.
    let dripping = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_code(&get(&dripping, short()), "timeout");
    // A listener that accepts nobody: the connection stands, and no answer comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = WebClient::new(rules(&[port]), short());
    assert_code(&ask(client, "GET", &format!("http://127.0.0.1:{port}/"), Map::new(), Value::Null), "timeout");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn endless_and_large_answers_are_cut_off() {
    let endless = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(b"4\r\nendl\r\n").is_ok() {}
    });
    assert_code(&get(&endless, limits()), "too_large");
    let endless_head = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nA: ");
        while stream.write_all(b"endless").is_ok() {}
    });
    assert_code(&get(&endless_head, limits()), "too_large");
    let fitting = Server::fixed(response("200 OK", "", &"x".repeat(1000)));
    assert_eq!(get(&fitting, limits())["ok"]["body"].as_bytes().map(<[u8]>::len), Some(1000));
    let large = Server::fixed(response("200 OK", "", &"x".repeat(1001)));
    assert_code(&get(&large, limits()), "too_large");
}

#[test]
fn broken_answers_are_no_answers() {
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfewer",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        assert_code(&get(&Server::fixed(answer), limits()), "protocol");
    }
    // More than was announced: the rest is not read.
    let longer = Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay");
    assert_eq!(get(&longer, limits())["ok"]["body"].as_bytes(), Some(&b"ok"[..]));
}

#[test]
fn nobody_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = WebClient::new(rules(&[port]), limits());
    assert_code(&ask(client, "GET", &format!("http://127.0.0.1:{port}/"), Map::new(), Value::Null), "unreachable");
}

#[test]
fn a_server_without_tls_is_a_tls_error() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in plain.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let client = WebClient::new(rules(&[port]), limits());
    assert_code(&ask(client, "GET", &format!("https://127.0.0.1:{port}/"), Map::new(), Value::Null), "tls");
}

#[test]
fn redirects_are_followed_under_the_rules() {
    let other = Server::fixed(response("200 OK", "", "there"));
    let to = format!("Location: {}\r\n", other.url("/x"));
    let server = Server::start(move |request, stream| {
        let answer = match request.path() {
            "/see" => response("303 See Other", "Location: there\r\n", ""),
            "/keep" => response("307 Temporary Redirect", "Location: /there\r\n", ""),
            "/other" => response("302 Found", &to, ""),
            "/circle" => response("301 Moved", "Location: /circle\r\n", ""),
            "/bad" => response("301 Moved", "Location: http://\r\n", ""),
            "/user" => response("301 Moved", "Location: http://user@127.0.0.1/\r\n", ""),
            "/file" => response("301 Moved", "Location: file:///etc/passwd\r\n", ""),
            "/metadata" => response("301 Moved", "Location: http://169.254.169.254/\r\n", ""),
            _ => response("200 OK", "", "here"),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let ask = |path: &str| {
        let headers = Map::from([("Authorization", Value::from(&b"secret"[..])), ("Accept", b"a/b".into())]);
        let mut rules = rules(&[server.port, other.port]);
        rules.ports.push(80);
        ask(WebClient::new(rules, limits()), "POST", &server.url(path), headers, Value::from(&b"body"[..]))
    };
    assert_eq!(ask("/see")["ok"]["body"].as_bytes(), Some(&b"here"[..]));
    assert_eq!(ask("/keep")["ok"]["body"].as_bytes(), Some(&b"here"[..]));
    let requests = server.requests();
    assert!(requests[1].head.starts_with("GET /there"), "{}", requests[1].head);
    assert_eq!((requests[1].body.len(), requests[1].header("authorization")), (0, Some("secret")));
    assert!(requests[3].head.starts_with("POST /there") && requests[3].body == b"body", "{}", requests[3].head);

    assert_eq!(ask("/other")["ok"]["body"].as_bytes(), Some(&b"there"[..]));
    let request = &other.requests()[0];
    assert_eq!((request.header("authorization"), request.header("accept")), (None, Some("a/b")));

    assert_code(&ask("/circle"), "redirects");
    assert_eq!(server.requests().iter().filter(|request| request.path() == "/circle").count(), 4);
    assert_code(&ask("/bad"), "protocol");
    assert_code(&ask("/user"), "forbidden");
    assert_code(&ask("/file"), "forbidden");
    assert_code(&ask("/metadata"), "forbidden");
}

/// Gives another address each time it is asked.
struct Rebinding {
    addresses: Vec<&'static str>,
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl fmt::Debug for Rebinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rebinding")
    }
}

impl Resolver for Rebinding {
    fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        let time = self.asked.fetch_add(1, Ordering::SeqCst);
        for address in self.addresses[time % self.addresses.len()].split(' ') {
            addresses.push((address.parse::<std::net::IpAddr>().unwrap(), self.port).into());
        }
        Ok(addresses)
    }
}

#[test]
fn a_name_cannot_change_its_mind() {
    let server = Server::fixed(response("302 Found", "Location: /again\r\n", ""));
    let asked = Arc::new(AtomicUsize::new(0));
    let ask = |addresses: &[&'static str]| {
        asked.store(0, Ordering::SeqCst);
        let resolver = Rebinding { addresses: addresses.to_vec(), port: server.port, asked: Arc::clone(&asked) };
        let client = WebClient::with_parts(rules(&[server.port]), limits(), resolver, RootCerts::WebPki);
        ask(client, "GET", &format!("http://rebinding.test:{}/", server.port), Map::new(), Value::Null)
    };
    // One of several addresses is not allowed.
    assert_code(&ask(&["127.0.0.1 127.0.0.9"]), "forbidden");
    assert_eq!(server.requests().len(), 0);
    // Asked once for a connection; the redirect's connection is checked again.
    assert_code(&ask(&["127.0.0.1", "10.0.0.1"]), "forbidden");
    assert_eq!((server.requests().len(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[test]
fn denied_addresses_are_refused_whoever_leads_there() {
    let server = Server::start(|request, stream| {
        let answer = match request.path() {
            "/away" => {
                let port = request.header("host").unwrap().rsplit(':').next().unwrap().to_owned();
                response("302 Found", &format!("Location: http://127.0.0.9:{port}/\r\n"), "")
            }
            _ => response("302 Found", "Location: /again\r\n", ""),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let denying = |deny_hosts: &[&str], deny_networks: &[&str]| Rules {
        ports: vec![server.port],
        allow_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        deny_hosts: deny_hosts.iter().map(|host| host.parse().unwrap()).collect(),
        deny_networks: deny_networks.iter().map(|network| network.parse().unwrap()).collect(),
        ..Rules::default()
    };
    let get = |client, host: &str, path| {
        ask(client, "GET", &format!("http://{host}:{}{path}", server.port), Map::new(), Value::Null)
    };
    // By name, and by every form of the address.
    for rules in [denying(&["127.0.0.1", "::1"], &[]), denying(&[], &["127.0.0.0/29", "::1"])] {
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "0x7f000001", "[::1]"] {
            assert_code(&get(WebClient::new(rules.clone(), limits()), host, "/"), "forbidden");
        }
    }
    assert_eq!(server.requests().len(), 0);
    // A redirect to it.
    let client = WebClient::new(denying(&[], &["127.0.0.9"]), limits());
    assert_code(&get(client, "127.0.0.1", "/away"), "forbidden");
    // A name that changes its mind: the second connection is refused.
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver =
        Rebinding { addresses: vec!["127.0.0.1", "127.0.0.9"], port: server.port, asked: Arc::clone(&asked) };
    let client = WebClient::with_parts(denying(&[], &["127.0.0.8/31"]), limits(), resolver, RootCerts::WebPki);
    assert_code(&get(client, "rebinding.test", "/"), "forbidden");
    assert_eq!((server.requests().len(), asked.load(Ordering::SeqCst)), (2, 2));
}
