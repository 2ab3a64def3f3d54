//! What strangers send to a node: refused with a code, counted, and nothing is lost.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Net, Site, alone, until};

fn post(net: &Net, body: &str, kind: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into();
    let mut answer = agent.post(net.url(0)).header("content-type", kind).send(body).expect("answers");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("a text"))
}

fn code(net: &Net, method: &str, params: Value) -> (i64, String) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let answer: Value = serde_json::from_str(&post(net, &body, "application/json").1).expect("JSON");
    let error = &answer["error"];
    (error["code"].as_i64().unwrap_or(0), error["data"]["code"].as_str().unwrap_or_default().to_owned())
}

/// One node is a chain of its own.
#[test]
fn what_strangers_send_is_refused_and_counted() {
    let (_alone, site) = (alone(), Site::new());
    // It takes what the test sends, and no more.
    let mut net = Net::new(1, &site, |_, text| *text = text.replace("burst = 200", "burst = 400"));
    net.start_all();
    net.grow(0, 2);

    // No JSON, no call, no method, wrong parameters.
    let rpc = |body: &str| post(&net, body, "application/json");
    assert!(rpc("{").1.contains("-32700"));
    assert!(rpc(&"[".repeat(100_000)).1.contains("-32700"), "nested too deep");
    assert!(rpc("[]").1.contains("-32600") && rpc("{}").1.contains("-32600") && rpc("7").1.contains("-32600"));
    let many = json!(vec![json!({"jsonrpc": "2.0", "id": 1, "method": "status"}); 51]).to_string();
    assert!(rpc(&many).1.contains("a batch has 1 to 50 calls"));
    assert_eq!(rpc(r#"{"jsonrpc": "2.0", "method": "status"}"#).0, 204, "a notification");
    assert_eq!(post(&net, "{}", "text/plain").0, 415);
    assert_eq!(post(&net, &" ".repeat(5 << 20), "application/json").0, 413);
    assert_eq!(code(&net, "no such", json!({})).0, -32_601);
    for (method, params) in [
        ("submit", json!({})),
        ("submit", json!({"tx": 7})),
        ("submit", json!({"tx": "xyz"})),
        ("transaction", json!({"id": "short"})),
        ("block", json!({"height": "1"})),
        ("account", json!({"address": "00"})),
        ("view", json!({"to": "00".repeat(20), "data": "{"})),
        ("prepare", json!({"from": "00".repeat(32), "action": "steal"})),
        ("relay", json!({"txs": 1})),
    ] {
        assert_eq!(code(&net, method, params.clone()).0, -32_602, "{method} {params}");
    }
    assert_eq!(code(&net, "block", json!({"height": 1_000_000_000})).0, -32_004);
    assert_eq!(code(&net, "transaction", json!({"id": "00".repeat(32)})).0, -32_004);
    assert_eq!(code(&net, "view", json!({"to": "00".repeat(20), "data": "{}"})).0, 0, "a VM error is an answer");

    // Transactions that are none, or not good ones.
    assert_eq!(code(&net, "submit", json!({"tx": "00"})), (-32_000, "malformed".into()));
    assert_eq!(code(&net, "submit", json!({"tx": "00".repeat(1_100_000)})), (-32_000, "too_large".into()));
    let record = net.sent(0, &["transfer", &"aa".repeat(20), "5"]);
    assert_eq!(record["status"], "moved");
    let public = run_key(&net);
    let wish = |extra: Value| {
        let mut wish = json!({"from": public, "action": "transfer", "to": "aa".repeat(20), "value": "5"});
        wish.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        net.call(0, "prepare", wish).expect("is made")
    };
    let unsigned = wish(json!({}));
    assert_eq!(
        code(&net, "submit", json!({"tx": unsigned["tx"], "signature": "00".repeat(64)})),
        (-32_000, "signature".into())
    );
    // A stranger's key has no money.
    let poor = net.home().join("poor.key");
    assert!(support::run(&["key", "new", poor.to_str().expect("text")], None).status.success());
    let send = |key: &str, words: &[&str]| {
        let key = net.home().join(key);
        let all: Vec<&str> = ["send", "--no-wait", "--key", key.to_str().expect("text")]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        String::from_utf8_lossy(&support::run(&all, Some(&net.url(0))).stderr).into_owned()
    };
    let to = "aa".repeat(20);
    assert!(send("poor.key", &["transfer", &to, "5"]).contains("its sender has 0"), "it cannot pay");
    assert!(send("owner.key", &["--nonce", "0", "transfer", &to, "5"]).contains("nonce is 0"), "it was there before");
    assert!(send("owner.key", &["--gas-time", "99999999999999", "transfer", &to, "5"]).contains("may have"));

    // All of it was counted, and the chain goes on.
    let figures = get(&net, "/metrics").1;
    for code in ["malformed", "too_large", "signature", "balance", "nonce", "gas"] {
        assert!(figures.contains(&format!("node_transactions_total{{what=\"{code}\"}}")), "{code}: {figures}");
    }
    assert!(get(&net, "/metrics/consensus").1.contains("moniker=\"node0\""));
    assert_eq!(get(&net, "/health").0, 200);
    net.grow(0, 2);
    // No key is logged, and none is taken that others may read.
    let log = net.log(0);
    for key in ["owner.key", "node0/validator.key", "node0/network.key"] {
        let path = net.home().join(key);
        let text = std::fs::read_to_string(&path).expect("a key");
        assert!(text.trim().len() == 64 && !log.contains(text.trim()), "{key} is logged");
        assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600, "{key}");
    }
    net.kill(0);
    let key = net.home().join("node0/validator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let file = net.home().join("node0/node.toml");
    let started = support::run(&["start", file.to_str().expect("text")], None);
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success() && said.contains("has mode 644"), "{said}");
}

/// A stranger that talks to nodes as if it were one, in bytes that mean nothing.
#[test]
fn a_peer_that_sends_garbage_stops_nobody() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, support::honest);
    net.start_all();
    net.grow(0, 2);
    let garbage: Vec<u8> =
        (0..1_u32 << 16).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let said: [&[u8]; 4] =
        [&garbage, b"\x13/multistream/1.0.0\n\x07/noise\n", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4_096]];
    let mut open = Vec::new();
    for round in 0..60 {
        let index = round % 4;
        let mut stream = TcpStream::connect(("127.0.0.1", net.port + index as u16)).expect("connects");
        stream.set_write_timeout(Some(Duration::from_secs(2))).expect("is set");
        // It may be hung up on before all of it is said.
        let _ = stream.write_all(said[round % said.len()]).and_then(|()| stream.write_all(&garbage));
        // Some say no more, and stay.
        if round % 3 == 0 {
            open.push(stream);
        }
    }
    net.grow(0, 3);
    assert_eq!(net.sent(1, &["transfer", &"aa".repeat(20), "5"])["status"], "moved");
    drop(open);
    // Nobody lost a neighbour over it: with one away the other three are a quorum, and need all their lines.
    net.kill(3);
    net.grow(0, 2);
    net.agree(&[0, 1, 2]);
}

/// Pages that one asks for, at once.
const ASKED: usize = 3_000;

#[test]
fn floods_and_slow_clients_are_dropped() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(1, &site, |_, text| {
        *text = text.replace("burst = 200", "burst = 30").replace("each_second = 50", "each_second = 1")
    });
    net.start_all();
    until("the node answers", || net.height(0));
    std::thread::sleep(Duration::from_secs(5));
    let refused = (0..60)
        .filter(|_| post(&net, r#"{"jsonrpc": "2.0", "id": 1, "method": "status"}"#, "application/json").0 == 429)
        .count();
    assert!((20..=58).contains(&refused), "{refused} of 60");

    // Of connections that say nothing one client has a quarter; they are closed, and others come in.
    let silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(("127.0.0.1", net.port + 1_000)).expect("connects")).collect();
    let closed = |stream: &mut TcpStream, patience| {
        stream.set_read_timeout(Some(patience)).expect("is set");
        matches!(stream.read(&mut [0; 1]), Ok(0))
            || matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
    };
    let mut silent = silent;
    let at_once = silent
        .iter_mut()
        .rev()
        .take(30)
        .map(|stream| closed(stream, Duration::from_millis(500)))
        .filter(|closed| *closed)
        .count();
    assert!(at_once >= 30, "{at_once}: more than a quarter of 256 are refused at once");
    // A head that never ends is waited for 10 s.
    let mut first = silent.swap_remove(0);
    first.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").expect("writes");
    assert!(closed_within(&mut first, Duration::from_secs(25)), "a slow one is dropped");
    drop(silent);
    // Who asks, and takes no answer, is waited for 20 s: as much of what it asked for as fits into buffers has gone out by then.
    let mut lazy = TcpStream::connect(("127.0.0.1", net.port + 1_000)).expect("connects");
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(ASKED);
    lazy.set_write_timeout(Some(Duration::from_secs(5))).expect("is set");
    // Not all of it fits either.
    let _ = lazy.write_all(&ask);
    std::thread::sleep(Duration::from_secs(25));
    lazy.set_read_timeout(Some(Duration::from_secs(10))).expect("is set");
    let mut taken = Vec::new();
    if let Err(error) = lazy.read_to_end(&mut taken) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it was not dropped: {} bytes", taken.len());
    }
    let answers = String::from_utf8_lossy(&taken).matches("HTTP/1.1 200 OK").count();
    assert!(answers < ASKED, "all {answers} went out");
    assert_eq!(until("others come in", || Some(get(&net, "/health").0).filter(|status| *status == 200)), 200);
}

fn closed_within(stream: &mut TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).expect("is set");
    let mut answer = Vec::new();
    // What it says before it hangs up does not matter.
    stream.read_to_end(&mut answer).is_ok()
}

fn get(net: &Net, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into();
    match agent.get(format!("{}{path}", net.url(0))).call() {
        Ok(mut answer) => (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default()),
        Err(_) => (0, String::new()),
    }
}

fn run_key(net: &Net) -> String {
    let key = net.home().join("owner.key");
    let shown = support::run(&["key", "show", key.to_str().expect("text")], None);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("public key ")).expect("a key").to_owned()
}
