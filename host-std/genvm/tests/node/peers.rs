//! A node in another process, and an executor that speaks with it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use subvm_core::calldata::{Address, Map, Value};
use subvm_genvm::{ExecuteError, Line, Options, execute};
use subvm_wasmi::WasmiEngine;

pub(crate) const CONTRACT: Address = Address([0xc0; 20]);
pub(crate) const SENDER: Address = Address([0x5e; 20]);
pub(crate) const OTHER: Address = Address([0x07; 20]);

/// A node that listens.
pub(crate) struct Node {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
    pub(crate) places: Json,
    /// Where its scenario stands.
    _scenario: tempfile::NamedTempFile,
}

/// What came of a run: what the executor says, and what the node saw.
pub(crate) struct Ran {
    pub(crate) told: Result<Vec<String>, ExecuteError>,
    pub(crate) seen: Json,
}

impl Ran {
    /// The result that the node was handed; its hashes were worked out anew.
    pub(crate) fn result(&self) -> &Json {
        assert_eq!(self.seen["hashes"], true, "{:?} {:#}", self.told, self.seen);
        &self.seen["result"]
    }

    /// The names of the requests, in order.
    pub(crate) fn methods(&self) -> Vec<&str> {
        self.seen["requests"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|request| request[1].as_str().expect("a name"))
            .collect()
    }

    pub(crate) fn error(&self) -> String {
        self.told.as_ref().expect_err("no result was taken").to_string()
    }
}

impl Node {
    /// Starts a node; `None`, loudly, where there is no Python.
    pub(crate) fn start(scenario: &Json) -> Option<Self> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), scenario.to_string()).expect("it can be written");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/genvm/host.py");
        let spawned = Command::new("python3").arg("-B").arg(script).arg(file.path()).stdout(Stdio::piped()).spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) => {
                println!("SKIPPED: no node speaks with the executor: python3 does not start: {error}");
                return None;
            }
        };
        let mut out = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let places = serde_json::from_str(&line).expect("JSON");
        Some(Self { process, out, places, _scenario: file })
    }

    pub(crate) fn options(&self) -> Options {
        let hosts = self.places["hosts"].as_array().expect("a list");
        let peer = |place: &Json| place.as_str().map(|place| place.parse().expect("a peer"));
        Options {
            hosts: hosts.iter().filter_map(peer).collect(),
            web: peer(&self.places["web"]),
            llm: peer(&self.places["llm"]),
            patience: Duration::from_secs(20),
            ..Options::default()
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A run of `data` against a node of this scenario.
pub(crate) fn run(scenario: &Json, data: &Value, change: impl FnOnce(&mut Options)) -> Option<Ran> {
    let node = Node::start(scenario)?;
    let mut options = node.options();
    change(&mut options);
    let told = execute(Arc::new(WasmiEngine::new()), &data.encode().expect("canonical"), &options);
    let mut node = node;
    let mut text = String::new();
    node.out.read_to_string(&mut text).expect("it says what it saw");
    let seen = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    Some(Ran { told, seen })
}

/// Execution data of a call of the contract, with these fields beside.
pub(crate) fn data<const N: usize>(beside: [(&str, Value); N]) -> Value {
    let address = Value::Address;
    let message = Map::from([
        ("contract_address", address(CONTRACT)),
        ("sender_address", address(SENDER)),
        ("origin_address", address(SENDER)),
        ("signer_address", address(SENDER)),
        ("chain_id", Value::from(61_999)),
        ("value", Value::from(3)),
        ("is_init", Value::from(false)),
        ("datetime", Value::from("2024-06-01T12:00:00.5Z")),
    ]);
    let call = Value::from(Map::from([("", "main")])).encode().expect("small");
    let mut data = Map::from([("calldata", Value::Bytes(call)), ("message", Value::Map(message))]);
    for (name, value) in beside {
        data.insert(name, value);
    }
    Value::Map(data)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Storage in which `contract` has this code.
pub(crate) fn deployed(line: Line, code: &[(Address, &[u8])]) -> Json {
    let layout = match line {
        Line::V0_2 => subvm_runners::root::Layout::V0_2,
        Line::V0_3 => subvm_runners::root::Layout::V0_3,
    };
    let mut slots = serde_json::Map::new();
    for (address, code) in code {
        for (slot, bytes) in layout.deployed(code).expect("it fits") {
            slots.insert(format!("{}/{slot}", hex(&address.0)), json!(hex(&bytes)));
        }
    }
    Json::Object(slots)
}
