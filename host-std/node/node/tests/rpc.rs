//! What strangers send to a node: refused with a code, counted, and nothing is lost.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
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
    assert!(!net.log(0).contains(key_text(&net).trim()), "a key is logged nowhere");
}

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

fn key_text(net: &Net) -> String {
    std::fs::read_to_string(net.home().join("owner.key")).expect("a key")
}

fn run_key(net: &Net) -> String {
    let key = net.home().join("owner.key");
    let shown = support::run(&["key", "show", key.to_str().expect("text")], None);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("public key ")).expect("a key").to_owned()
}
