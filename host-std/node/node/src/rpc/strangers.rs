//! Requests as strangers send them, drawn from seeds: bytes, JSON that is no call, calls that mean nothing, transactions that are none. Each has an
//! answer of the form that JSON-RPC has, no answer says that the node failed, what is refused is counted, and what was good is still there.

use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use subvm_chain::{Action, SignedTx, Tx, sample};
use subvm_core::Address;
use tower::ServiceExt;

use super::*;
use crate::keys::hex;
use crate::shared::tests::{CONTRACT, chain, shared};

/// Numbers from a seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most);
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Any JSON, `depth` deep at most.
    fn value(&mut self, depth: usize) -> Value {
        const TEXTS: &[&str] = &[
            "",
            "hex:",
            "hex:0g",
            "00",
            "0x00",
            "{\"a\": [1, 2",
            "null",
            "\u{0}é\u{10ffff}",
            "b#zz",
            "18446744073709551616",
        ];
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.next().is_multiple_of(2)),
            2 => json!(self.next()),
            3 => json!(-(self.below(1 << 40) as i64)),
            4 => json!(self.one(TEXTS)),
            5 => json!(hex(&self.bytes(70))),
            6 => (0..self.below(5)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let names = &["tx", "id", "to", "data", "from", "height", "a"];
                (0..self.below(5)).map(|_| (self.one(names).to_owned(), self.value(depth - 1))).collect()
            }
        }
    }

    /// A call of a method that there is, with parameters that may be those, or anything.
    fn call(&mut self) -> Value {
        let method = self.one(methods::NAMES);
        let address = "aa".repeat(20);
        let key = "00".repeat(32);
        let mut params = json!({
            "tx": "00", "txs": ["00"], "signature": key.repeat(2), "id": key, "height": 1, "last": 3, "count": 2, "address": address, "to": address,
            "data": "{}", "from": key, "action": "call", "value": "5", "call": key, "nonce": 1, "gas": {"time": 1},
        });
        for _ in 0..self.below(4) {
            let names: Vec<String> = params.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
            let name = &names[self.below(names.len())];
            params[name.as_str()] = self.value(3);
        }
        if self.below(8) == 0 {
            params = self.value(4);
        }
        json!({"jsonrpc": "2.0", "id": self.below(9), "method": method, "params": params})
    }

    /// A transaction that must not be taken.
    fn bad(&mut self, good: &SignedTx) -> String {
        let act = |value| Action::Transfer { to: Address([1; 20]), value };
        let mut bytes = good.to_bytes();
        match self.below(6) {
            0 => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            1 => bytes.truncate(self.below(bytes.len())),
            2 => bytes.extend(self.bytes(9).into_iter().chain([0])),
            3 => bytes = sample::tx(1, 7, false, act(u128::MAX - 5)).to_bytes(),
            4 => {
                let tx = Tx { chain_id: 99, ..good.tx.clone() };
                bytes = SignedTx::sign(tx, &sample::account(1)).to_bytes();
            }
            _ => bytes = SignedTx::sign(good.tx.clone(), &sample::account(2)).to_bytes(),
        }
        hex(&bytes)
    }

    /// A body.
    fn body(&mut self, good: &SignedTx) -> Vec<u8> {
        match self.below(8) {
            0 => self.bytes(300),
            1 => self.value(5).to_string().into_bytes(),
            2 => {
                let (open, many) = (self.one(&["[", "{\"a\":", "[{\"params\":"]), self.below(20_000));
                open.repeat(many).into_bytes()
            }
            3 => {
                let mut body = self.call().to_string().into_bytes();
                for _ in 0..=self.below(4) {
                    let at = self.below(body.len());
                    body[at] = self.next() as u8;
                }
                body.truncate(self.below(2 * body.len()));
                body
            }
            4 => {
                let calls: Vec<Value> = (0..self.below(60)).map(|_| self.call()).collect();
                Value::Array(calls).to_string().into_bytes()
            }
            5 => {
                let (method, tx) = (self.one(&["submit", "relay"]), self.bad(good));
                let params = if method == "submit" { json!({"tx": tx}) } else { json!({"txs": [tx]}) };
                json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string().into_bytes()
            }
            _ => self.call().to_string().into_bytes(),
        }
    }
}

/// Whether this is an answer to one call, and that the node did not fail.
fn check(answer: &Value, body: &[u8]) {
    let said = || format!("{answer} to {}", String::from_utf8_lossy(&body[..body.len().min(2_000)]));
    assert_eq!(answer["jsonrpc"], "2.0", "{}", said());
    let (result, error) = (answer.get("result"), answer.get("error"));
    assert!(result.is_some() != error.is_some(), "{}", said());
    if let Some(error) = error {
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("no code: {}", said()));
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", said());
        assert!(code < 0 && code != -32_603, "the node failed: {}", said());
    }
}

async fn post(router: &Router, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
    let mut request =
        Request::post("/").header(CONTENT_TYPE, "application/json").body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(Client::of(([10, 0, 0, 1], 80).into()));
    let answer = router.clone().oneshot(request).await.expect("never fails");
    let status = answer.status();
    (status, axum::body::to_bytes(answer.into_body(), 64 << 20).await.expect("whole").to_vec())
}

#[test]
fn whatever_strangers_send_has_an_answer_and_harms_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let shared = Arc::new(shared(dir.path(), chain()));
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let many = NonZeroU32::MAX;
    let limits = Arc::new(Limits::new(many, many));
    let rpc =
        Rpc { shared: Arc::clone(&shared), limits, listeners: Arc::new(Semaphore::new(1)), figures: figures.clone() };
    let router = router(rpc);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let submit = |tx: &SignedTx| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"tx": hex(&tx.to_bytes())}})
            .to_string()
            .into_bytes()
    };
    let good: Vec<SignedTx> = (0..3)
        .map(|nonce| sample::tx(1, nonce, false, Action::Call { to: CONTRACT, value: 0, data: vec![] }))
        .collect();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            for tx in &good {
                let (status, answer) = post(&router, submit(tx)).await;
                let answer: Value = serde_json::from_slice(&answer).expect("JSON");
                assert_eq!((status, &answer["result"]["id"]), (StatusCode::OK, &json!(tx.tx.id().to_string())));
            }
            let mut draw = Draw(24);
            for _ in 0..4_000 {
                let body = draw.body(&good[draw.0 as usize % good.len()]);
                let (status, answer) = post(&router, body.clone()).await;
                match status {
                    StatusCode::NO_CONTENT => assert!(answer.is_empty()),
                    StatusCode::OK => match serde_json::from_slice(&answer).expect("JSON") {
                        Value::Array(answers) => answers.iter().for_each(|answer| check(answer, &body)),
                        one => check(&one, &body),
                    },
                    other => panic!("{other} to {}", String::from_utf8_lossy(&body)),
                }
            }
            // Again, what waits already; and what no client may send.
            for tx in &good {
                let answer = post(&router, submit(tx)).await.1;
                assert!(String::from_utf8_lossy(&answer).contains("\"known\""), "{}", String::from_utf8_lossy(&answer));
            }
            assert_eq!(post(&router, vec![b' '; BODY + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        });
    });
    // Nothing is lost, and nothing came in that nobody signed.
    let waiting: Vec<_> = shared.waiting(1_000).into_iter().map(|tx| tx.tx.id()).collect();
    assert_eq!(waiting, good.iter().map(|tx| tx.tx.id()).collect::<Vec<_>>());
    let figures = figures.render();
    for what in ["malformed", "signature", "balance", "chain_id", "known"] {
        assert!(figures.contains(&format!("node_transactions_total{{what=\"{what}\"}}")), "{what}: {figures}");
    }
    assert!(figures.contains("node_transactions_total{what=\"taken\"} 3"), "{figures}");
    let mut chain = shared.chain();
    let block = chain.propose(sample::validator(0), None, shared.waiting(10), vec![]);
    assert_eq!((block.txs.len(), chain.validate(&block)), (3, Ok(())));
    assert_eq!(chain.apply(&block).expect("follows").height, 1);
}
