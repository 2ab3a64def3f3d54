//! A contract that asks the node for a little of everything, on the scripted engine, and its recording.

use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Node, State};
use subvm_core::{Address, End, Engine, Entry, InternalError, Message, Report, Role, Run, run};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};
use subvm_replay::{Buffer, Options, Recorded, Recorder};

pub(crate) struct World {
    pub(crate) host: MemoryHost,
    pub(crate) engine: Arc<dyn Engine>,
}

/// Reads, writes and asks so often, so that there are several blocks.
const ROUNDS: u32 = 150;

fn contract(machine: &mut Machine<'_>) -> Result<(), End> {
    let message = machine.message()?;
    if message["entry_kind"] != Value::from(0) {
        // A non-deterministic block: the time, random bytes and a page.
        machine.request("Trace", "RuntimeMicroSec")?.expect("it may");
        machine.wasi("random_get", &[512, 20])?;
        let request = Map::from([
            ("body", Value::Null),
            ("headers", Map::new().into()),
            ("method", "GET".into()),
            ("url", "https://a/".into()),
        ]);
        let page = machine.request("WebRequest", request)?.expect("it may");
        return machine.end_with("Return", Value::Bytes(page));
    }
    for round in 0..ROUNDS {
        let bytes = machine.storage_read(1, round * 7, 40)?.expect("it may");
        machine.storage_write(1, round, &bytes[..3])?;
        machine.own_balance()?.expect("it may");
    }
    let block = Map::from([("data_leader", Value::Bytes(vec![1])), ("data_validator", Value::Bytes(vec![2]))]);
    let answer = machine.request("RunNondet", block)?.expect("it may");
    machine.end_with("Return", Value::Bytes(answer))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(contract)
    }

    /// A node with another contract.
    pub(crate) fn of(contract: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static) -> Self {
        let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
        host.set_now(1_704_067_200_000_000_000);
        host.set_balance(CONTRACT, 1_000);
        host.deploy(CONTRACT, engine.script(contract));
        Self { host, engine: Arc::new(engine) }
    }

    /// The node, with an answer for the one request.
    pub(crate) fn node(&self) -> Node {
        self.host.answer(Value::from(Map::from([("ok", "a page")])).encode().unwrap());
        self.host.node()
    }

    pub(crate) fn run(&self, node: Node) -> (Node, Result<Report, InternalError>) {
        run(Arc::clone(&self.engine), node, transaction())
    }

    /// A recording of the run, what came of it, and the report.
    pub(crate) fn record(&self, node: Node, options: Options) -> (Buffer, Recorded, Report) {
        let recording = Buffer::default();
        let (node, recorder) = Recorder::wrap(node, recording.clone(), options);
        let (node, report) = self.run(node);
        let (_, recorded) = recorder.finish(node);
        (recording, recorded, report.unwrap())
    }
}

pub(crate) const CONTRACT: Address = Address([7; 20]);

pub(crate) fn transaction() -> Run {
    Run {
        message: Message { contract_address: CONTRACT, ..Message::default() },
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::default(),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    }
}

pub(crate) fn with_code() -> Options {
    Options { code: true, ..Options::default() }
}
