//! Transactions of the core alone: guests are closures, and what they and the node ask for themselves is not counted.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Call, EthAnswer, Event, HostError, Modules, Node, Observer, Progress, RequestId, State};
use subvm_core::{Address, End, Engine, Entry, Message, Params, Personality, Profile, Role, Run};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

use super::LARGE;
use super::allocator::arm;
use super::scene::Scene;

/// What is large, and more than the promise leaves out.
const SIZE: usize = 100_000;

/// The contract.
const CONTRACT: Address = Address([0xc0; 20]);

/// Another one.
const OTHER: Address = Address([0x0c; 20]);

/// Counts what is asked for between what guests and the engine do.
struct Counting;

impl Observer for Counting {
    fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
        arm(true);
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {
        arm(false);
    }

    fn event(&mut self, event: &Event<'_>) {
        arm(matches!(event, Event::RunBegins(_) | Event::SubVmEnds { .. }));
    }
}

/// A model and a web that agree to all, and ask for nothing.
struct Agreeing;

impl Modules for Agreeing {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(1))
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        Ok(Progress::Ready(b"\x0e\x02ok\x10".to_vec()))
    }

    fn cancel(&mut self, _: RequestId) {}
}

fn bytes(len: usize) -> Value {
    Value::Bytes(vec![7; len])
}

fn text() -> Value {
    Value::Str("t".repeat(SIZE))
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(fields))
}

/// Many values, and a long key: what is decoded is larger than its encoding.
fn wide() -> Value {
    let key = "k".repeat(SIZE);
    map([("items", Value::Array((0..4_000).map(Value::from).collect())), (&key, bytes(1)), ("text", text())])
}

/// The same in the form of a call, which 0.3 asks for.
fn call() -> Value {
    map([("", text()), ("args", Value::Array((0..4_000).map(Value::from).collect()))])
}

/// Which part a sub-VM plays: the kind of its entry, and the first byte of its data.
fn part(machine: &mut Machine<'_>) -> Result<(i64, u8), End> {
    let message = machine.message()?;
    let kind = message.get("entry_kind").and_then(Value::as_int).and_then(|kind| i64::try_from(kind).ok());
    let data = message.get("entry_data").and_then(Value::as_bytes).and_then(|data| data.first().copied());
    Ok((kind.unwrap_or_default(), data.unwrap_or_default()))
}

/// Data that says which part its sub-VM plays, and is large.
fn playing(part: u8) -> Value {
    Value::Bytes(vec![part; SIZE])
}

/// What a contract of all requests does: the first byte of a sub-VM's data says which part it plays.
fn contract(machine: &mut Machine<'_>) -> Result<(), End> {
    match part(machine)? {
        (0, _) => {}
        (_, b'w') => return machine.end_with("Return", wide()),
        (_, b'e') => return machine.end_with("UserError", text()),
        (_, b'r') => {
            machine.wasi("random_get", &[4096, SIZE as u64])?;
            return machine.end_with("Return", bytes(SIZE));
        }
        _ => return machine.end_with("Return", true),
    }
    let leader = playing(b'w');
    machine.request("RunNondet", map([("data_leader", leader.clone()), ("data_validator", playing(b'v'))]))?.ok();
    let principle = map([("principle", text())]);
    let strategies = [
        "StrictEq".into(),
        map([("Numeric", map([("abs", 1.into()), ("rel_ppm", 0.into())]))]),
        map([("Comparative", principle)]),
        map([("NonComparative", map([("task", text()), ("criteria", text())]))]),
    ];
    for strategy in strategies {
        machine.request("RunNondetWith", map([("data", leader.clone()), ("strategy", strategy)]))?.ok();
    }
    let random = map([("data", playing(b'r')), ("strategy", "StrictEq".into())]);
    machine.request("RunNondetWith", random)?.ok();
    for data in [b'w', b'e'] {
        let fields =
            [("data", playing(data)), ("allow_write_storage", true.into()), ("allow_send_messages", true.into())];
        machine.request("Sandbox", map(fields))?.ok();
    }
    let call = [("address", Value::Address(OTHER)), ("calldata", call()), ("state", 0.into())];
    machine.request("CallContract", map(call))?.ok();
    machine.request("EthCall", map([("address", Value::Address(OTHER)), ("calldata", bytes(SIZE))]))?.ok();
    machine
        .request("EmitEvent", map([("topics", Value::Array(Vec::new().into())), ("blob", map([("text", text())]))]))?
        .ok();
    machine.request("Sandbox", wide())?.ok();
    machine.storage_write(1, 0, &[5; SIZE])?;
    machine.end_with("Return", wide())
}

/// Opens files until there is no descriptor left, and closes them.
fn opening(machine: &mut Machine<'_>) -> Result<(), End> {
    machine.mem()[0x8000] = b'.';
    let mut opened = 0u64;
    while machine.wasi("path_open", &[3, 0, 0x8000, 1, 0, 0, 0, 0, 0x8010])? == 0 && opened < 3000 {
        opened += 1;
    }
    for fd in 4..4 + opened {
        machine.wasi("fd_close", &[fd])?;
    }
    machine.end_with("Return", opened as i64)
}

fn failing(machine: &mut Machine<'_>) -> Result<(), End> {
    machine.end_with("UserError", text())
}

/// Fails with an error that is no text, which 0.3 alone takes.
fn failing_with_values(machine: &mut Machine<'_>) -> Result<(), End> {
    machine.end_with("UserError", wide())
}

/// A chain on which this script is the contract, and a transaction of it.
fn played(
    script: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static,
    params: Params,
    role: Role,
) -> Scene {
    let mut engine = ScriptedEngine::new();
    let package = engine.script(script);
    let other = engine.script(|machine| machine.end_with("Return", bytes(SIZE)));
    let host = MemoryHost::new();
    host.deploy(CONTRACT, package);
    host.deploy(OTHER, other);
    // The node's own copy of it is not counted; what is made of it is.
    host.set_eth_answer(State::Accepted, OTHER, EthAnswer::Returned(vec![1; LARGE - 4]));
    let entry_data = call().encode().expect("calldata");
    let message = Message { contract_address: CONTRACT, entry_data, ..Message::default() };
    let node = move || Node { modules: Box::new(Agreeing), observer: Some(Box::new(Counting)), ..host.fork().node() };
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let run = Run {
        message,
        entry: Entry::Contract,
        role,
        params: Arc::new(params),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    Scene { engine, node: Box::new(node), run }
}

fn params(profile: Profile) -> Params {
    let mut params = Params { profile, ..Params::default() };
    params.limits.open_fds = 3_000;
    params.limits.nondet_result = 1 << 24;
    params
}

/// Every scene, by name.
pub(crate) fn scene(name: &str) -> Option<Scene> {
    let seed = || params(Profile::Seed);
    let results = || played(contract, seed(), Role::Leader).receipt().nondet;
    Some(match name {
        "leader" => played(contract, seed(), Role::Leader),
        "validator" => played(contract, seed(), Role::Validator { results: results() }),
        "sync" => played(contract, seed(), Role::Sync { results: results() }),
        "genvm" => played(contract, params(Profile::GenVm0_3), Role::Leader),
        "descriptors" => played(opening, Params { personality: Personality::Program, ..seed() }, Role::Leader),
        "failing" => played(failing, seed(), Role::Leader),
        "values" => played(failing_with_values, params(Profile::GenVm0_3), Role::Leader),
        _ => return None,
    })
}
