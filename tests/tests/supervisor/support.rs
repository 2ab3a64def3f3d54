//! A chain with scripted contracts, and what tests say about it.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::{Node, State};
use subvm_core::{Entry, InternalError, Message, Params, Run, run};

// What nearly every test names.
pub(crate) use subvm_core::calldata::{Map, Value};
pub(crate) use subvm_core::{Address, Difference, End, Outcome, Report, Resource, Role, SlotId, VmError, Vote};
pub(crate) use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

pub(crate) const CONTRACT: Address = Address([1; 20]);
pub(crate) const OTHER: Address = Address([2; 20]);
/// Who calls the contract.
pub(crate) const SENDER: Address = Address([9; 20]);
pub(crate) const FORBIDDEN: u32 = 6;
pub(crate) const INVAL: u32 = 2;
pub(crate) const INBALANCE: u32 = 7;

pub(crate) type Result<T> = std::result::Result<T, End>;

/// A chain with a scripted contract, or two. Clones share it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) host: MemoryHost,
    state: State,
    engine: Arc<ScriptedEngine>,
    params: Params,
    deadline: Option<Duration>,
}

impl World {
    /// A chain with one contract.
    pub(crate) fn new(script: impl Fn(&mut Machine<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self::with_other(script, |_| Ok(()))
    }

    /// A chain with the contract that runs, and one at [`OTHER`].
    pub(crate) fn with_other(
        script: impl Fn(&mut Machine<'_>) -> Result<()> + Send + Sync + 'static,
        other: impl Fn(&mut Machine<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let mut engine = ScriptedEngine::new();
        let host = MemoryHost::new();
        host.deploy(CONTRACT, engine.script(script));
        host.deploy(OTHER, engine.script(other));
        Self { engine: Arc::new(engine), host, state: State::Accepted, params: Params::default(), deadline: None }
    }

    /// The same chain, whose runs may take this long.
    pub(crate) fn within(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    pub(crate) fn with_params(mut self, change: impl FnOnce(&mut Params)) -> Self {
        change(&mut self.params);
        self
    }

    /// The same chain, whose runs read this state.
    pub(crate) fn reading(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn run_on(&self, node: Node, role: Role) -> (Node, std::result::Result<Report, InternalError>) {
        let message = Message { contract_address: CONTRACT, sender_address: SENDER, ..Message::default() };
        let (entry, params) = (Entry::Contract, Arc::new(self.params.clone()));
        let (state, deadline) = (self.state, self.deadline);
        run(self.engine.clone(), node, Run { message, entry, role, params, state, deadline, cancel: None })
    }

    pub(crate) fn run(&self, role: Role) -> Report {
        self.run_on(self.host.node(), role).1.expect("no internal error")
    }

    pub(crate) fn lead(&self) -> Report {
        self.run(Role::Leader)
    }
}

pub(crate) fn bytes(raw: &[u8]) -> Value {
    Value::Bytes(raw.to_vec())
}

pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

pub(crate) fn sandbox(data: &[u8], write: bool, send: bool) -> Value {
    map([("data", bytes(data)), ("allow_write_storage", write.into()), ("allow_send_messages", send.into())])
}

/// `RunNondet` with the same data for leader and validators.
pub(crate) fn block(data: &[u8]) -> Value {
    map([("data_leader", bytes(data)), ("data_validator", bytes(data))])
}

/// `CallContract` of the other contract.
pub(crate) fn call(calldata: impl Into<Value>, state: i64) -> Value {
    map([("address", Value::Address(OTHER)), ("calldata", calldata.into()), ("state", state.into())])
}

/// The bytes of a result that is a return of this value.
pub(crate) fn returned(value: impl Into<Value>) -> Vec<u8> {
    [&[0], value.into().encode().unwrap().as_slice()].concat()
}

/// What a sub-VM is asked to do: its entry data, and which kind of entry it is.
pub(crate) fn part(machine: &mut Machine<'_>) -> Result<(i64, Vec<u8>, Option<Vec<u8>>)> {
    let message = machine.message()?;
    let kind = message["entry_kind"].as_int().and_then(|kind| i64::try_from(kind).ok()).unwrap_or(-1);
    let data = message["entry_data"].as_bytes().unwrap_or_default().to_vec();
    let leaders = message["entry_stage_data"].get("leaders_result").and_then(Value::as_bytes).map(<[u8]>::to_vec);
    Ok((kind, data, leaders))
}

/// Asks for 7 in a non-deterministic block and stores the answer; validators recompute it.
pub(crate) fn asking(machine: &mut Machine<'_>) -> Result<()> {
    match part(machine)? {
        (0, ..) => {
            let answer = machine.request("RunNondet", block(b"7"))?.expect("it may");
            machine.storage_write(0, 0, &answer)?;
            machine.end_with("Return", bytes(&answer))
        }
        (2, data, None) => machine.end_with("Return", bytes(&data)),
        (2, data, Some(leaders)) => machine.end_with("Return", returned(bytes(&data)) == leaders),
        part => panic!("{part:?}"),
    }
}
