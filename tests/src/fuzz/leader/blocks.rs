//! Non-deterministic blocks whose results a leader made up: a validator and a node that catches up come to what the specification says.

use std::sync::Arc;

use num_bigint::BigInt;
use subvm_core::calldata::{Int, Map, Value};
use subvm_core::host::State;
use subvm_core::{
    Address, Difference, End, Entry, Message, Outcome, Params, Report, Role, Run, Trap, VmError, Vote, run,
};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

use crate::fuzz::source::Source;

const CONTRACT: Address = Address([1; 20]);
/// Bytes that a result may have in these runs.
const LONGEST: u64 = 64;

/// A block: how it is validated, what an honest node comes to, and what the leader posted, if anything.
#[derive(Clone, Debug)]
struct Block {
    strategy: Strategy,
    own: Vec<u8>,
    leaders: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Strategy {
    /// The guest's own function compares bytes.
    Own,
    StrictEq,
    Numeric {
        abs: u8,
        rel_ppm: u32,
    },
    Comparative,
    NonComparative,
}

/// Runs a contract of some blocks in the roles that are given results.
pub(super) fn blocks(source: &mut Source<'_>) {
    let model_agrees = source.below(2) == 0;
    let blocks: Vec<Block> = (0..source.below(4)).map(|_| Block::new(source)).collect();
    let mut results: Vec<Vec<u8>> = blocks.iter().map_while(|block| block.leaders.clone()).collect();
    let surplus = results.len() == blocks.len() && source.once_in(8);
    if surplus {
        results.push(source.bytes());
    }
    for (role, checks) in
        [(Role::Validator { results: results.clone() }, true), (Role::Sync { results: results.clone() }, false)]
    {
        let report = ran(&blocks, role, model_agrees);
        let verdict = verdict(&blocks, checks, model_agrees);
        let outcome = verdict.map_or(Outcome::null(), |(_, error)| Outcome::VmError(error));
        assert_eq!(report.outcome, outcome, "{blocks:?}");
        let taken = verdict.map_or(blocks.len(), |(call, error)| {
            call + usize::from(matches!(error, VmError::ValidatorDisagrees { .. }))
        });
        assert_eq!(report.receipt.nondet, results[..taken], "{blocks:?}");
        // A leader that foresees what this node comes to does not win its vote with that.
        let foreseen = report.vote(&report.receipt);
        match verdict {
            None => assert_eq!(foreseen, Vote::Agree),
            Some((call, _)) => {
                let call = u32::try_from(call).ok();
                assert_eq!(foreseen, Vote::Disagree(Difference { field: "nondet", call }));
            }
        }
        if surplus {
            let mut leaders = report.receipt.clone();
            leaders.nondet = results.clone();
            assert!(matches!(report.vote(&leaders), Vote::Disagree(_)));
        }
    }
}

/// At which block the run ends, and how; nothing where it returns.
fn verdict(blocks: &[Block], checks: bool, model_agrees: bool) -> Option<(usize, VmError)> {
    blocks.iter().enumerate().find_map(|(call, block)| {
        let Some(leaders) = block.leaders.as_deref().filter(|leaders| well_formed(leaders)) else {
            return Some((call, VmError::AbsentLeaderNondetOutput));
        };
        let agrees = !checks || block.agrees(leaders, model_agrees);
        (!agrees).then_some((call, VmError::ValidatorDisagrees { call: call as u32 }))
    })
}

/// Whether bytes are a result of a sub-VM. Source: `docs/spec/sub-vm.md`, *Leader and validator*.
fn well_formed(result: &[u8]) -> bool {
    let Some((code, data)) = result.split_first().filter(|_| result.len() as u64 <= LONGEST) else { return false };
    let text = || str::from_utf8(data).ok();
    match code {
        0 => Value::decode(data).is_ok(),
        1 => text().is_some(),
        2 => text().and_then(|text| text.parse::<VmError>().ok()).is_some(),
        _ => false,
    }
}

impl Block {
    fn new(source: &mut Source<'_>) -> Self {
        let strategy = match source.below(5) {
            0 => Strategy::Own,
            1 => Strategy::StrictEq,
            2 => Strategy::Numeric { abs: source.byte(), rel_ppm: u32::from(source.byte()) * 10_000 },
            3 => Strategy::Comparative,
            _ => Strategy::NonComparative,
        };
        let own = result(source);
        let leaders = match source.below(8) {
            0 => None,
            1 => Some(source.bytes()),
            2 | 3 => Some(own.clone()),
            4 => Some(damaged(own.clone(), source)),
            _ => Some(result(source)),
        };
        Self { strategy, own, leaders }
    }

    /// Whether an honest validator agrees.
    fn agrees(&self, leaders: &[u8], model_agrees: bool) -> bool {
        let equal = self.own == leaders;
        match self.strategy {
            Strategy::Own | Strategy::StrictEq => equal,
            Strategy::Numeric { abs, rel_ppm } => {
                let (own, leaders) = (returned(&self.own), returned(leaders));
                equal
                    || own.zip(leaders).is_some_and(|(own, leaders)| close(&own, &leaders, abs.into(), rel_ppm.into()))
            }
            Strategy::Comparative => {
                let own_and_leaders = returned(&self.own).zip(returned(leaders));
                equal || model_agrees && own_and_leaders.is_some_and(|(own, leaders)| shape(&own) == shape(&leaders))
            }
            Strategy::NonComparative => model_agrees && returned(leaders).is_some(),
        }
    }

    /// Makes the request.
    fn ask(&self, machine: &mut Machine<'_>) -> Result<(), End> {
        let data = Value::Bytes(self.own.clone());
        let named = |name, fields: Map| Value::Map(Map::from([(name, Value::Map(fields))]));
        let text = || Value::from("text");
        let strategy = match self.strategy {
            Strategy::Own => {
                let fields = Map::from([("data_leader", data.clone()), ("data_validator", data)]);
                return machine.gl_call("RunNondet", fields).map(drop);
            }
            Strategy::StrictEq => Value::from("StrictEq"),
            Strategy::Numeric { abs, rel_ppm } => {
                named("Numeric", Map::from([("abs", Value::from(abs)), ("rel_ppm", Value::from(rel_ppm))]))
            }
            Strategy::Comparative => named("Comparative", Map::from([("principle", text())])),
            Strategy::NonComparative => named("NonComparative", Map::from([("task", text()), ("criteria", text())])),
        };
        machine.gl_call("RunNondetWith", Map::from([("data", data), ("strategy", strategy)])).map(drop)
    }
}

fn ran(blocks: &[Block], role: Role, model_agrees: bool) -> Report {
    let mut engine = ScriptedEngine::new();
    let shared: Arc<[Block]> = blocks.into();
    let package = engine.script(move |machine| script(&shared, machine));
    let host = MemoryHost::new();
    host.deploy(CONTRACT, package);
    let answer = Value::Map(Map::from([("ok", Value::Bool(model_agrees))])).encode().expect("it is small");
    blocks.iter().for_each(|_| host.answer(answer.clone()));
    let mut params = Params::default();
    params.limits.nondet_result = LONGEST;
    let message = Message { contract_address: CONTRACT, ..Message::default() };
    let run_of = Run {
        message,
        entry: Entry::Contract,
        role,
        params: Arc::new(params),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    run(Arc::new(engine), host.node(), run_of).1.expect("nothing of the node fails")
}

/// The main sub-VM asks for each block; a block ends as its data says.
fn script(blocks: &[Block], machine: &mut Machine<'_>) -> Result<(), End> {
    let message = machine.message()?;
    if message["entry_kind"].as_int() == Some(&Int::from(0)) {
        return blocks.iter().try_for_each(|block| block.ask(machine));
    }
    let own = message["entry_data"].as_bytes().unwrap_or_default();
    if let Some(leaders) = message["entry_stage_data"].get("leaders_result") {
        return machine.end_with("Return", leaders.as_bytes() == Some(own));
    }
    let (code, data) = own.split_first().expect("an outcome");
    let text = || String::from_utf8(data.to_vec()).expect("a text");
    Err(match code {
        0 => Outcome::Return(data.to_vec()),
        1 => Outcome::UserError(text()),
        _ => Outcome::VmError(text().parse().expect("a VM error's text")),
    }
    .into())
}

/// What a sub-VM may come to, in few bytes.
fn result(source: &mut Source<'_>) -> Vec<u8> {
    let outcome = match source.below(4) {
        0 | 1 => Outcome::Return(value(source, 2).encode().expect("it is small")),
        2 => Outcome::UserError("no".repeat(usize::from(source.below(8)))),
        _ => Outcome::VmError(VmError::Trap(Trap::Unreachable)),
    };
    let bytes = outcome.to_bytes();
    // What is larger is posted as this.
    if bytes.len() as u64 <= LONGEST { bytes } else { b"\x02out_of memory".to_vec() }
}

fn value(source: &mut Source<'_>, depth: u8) -> Value {
    match source.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Int(Int::from(i64::from(source.byte()) - 128)),
        1 => Value::Int(Int::from(BigInt::from(source.byte()) << source.byte())),
        2 => Value::Bool(source.below(2) == 0),
        3 => Value::from("word"),
        4 => (0..source.below(3)).map(|_| value(source, depth - 1)).collect::<Vec<_>>().into(),
        _ => Value::Map((0..source.below(3)).map(|key| (format!("k{key}"), value(source, depth - 1))).collect()),
    }
}

fn damaged(mut bytes: Vec<u8>, source: &mut Source<'_>) -> Vec<u8> {
    let at = usize::from(source.byte()) % bytes.len();
    match source.below(3) {
        0 => bytes[at] ^= 1 << source.below(8),
        1 => bytes.truncate(at),
        _ => bytes.extend(vec![source.byte(); at]),
    }
    bytes
}

fn returned(result: &[u8]) -> Option<Value> {
    result.strip_prefix(&[0]).and_then(|value| Value::decode(value).ok())
}

/// What is left of a value where only its types, keys and lengths of arrays count.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect::<Vec<_>>().into(),
        Value::Map(map) => Value::Map(map.iter().map(|(key, item)| (key, shape(item))).collect()),
        Value::Int(_) => Value::Int(Int::from(0)),
        Value::Bool(_) => Value::Bool(false),
        Value::Str(_) => Value::from(""),
        Value::Bytes(_) => Value::Bytes(Vec::new()),
        Value::Address(_) => Value::Address(Address([0; 20])),
        _ => Value::Null,
    }
}

/// Whether values are of one shape, with integers close and all else equal.
fn close(own: &Value, leaders: &Value, abs: i64, rel_ppm: i64) -> bool {
    match (own, leaders) {
        (Value::Int(own), Value::Int(leaders)) => {
            let [own, leaders] = [own, leaders].map(BigInt::from);
            let difference = BigInt::from((&own - &leaders).magnitude().clone());
            difference <= BigInt::from(abs)
                || difference * 1_000_000 <= BigInt::from(leaders.magnitude().clone()) * rel_ppm
        }
        (Value::Array(own), Value::Array(leaders)) => {
            own.len() == leaders.len() && own.iter().zip(leaders).all(|(own, other)| close(own, other, abs, rel_ppm))
        }
        (Value::Map(own), Value::Map(leaders)) => {
            own.len() == leaders.len()
                && own
                    .iter()
                    .zip(leaders.iter())
                    .all(|((name, own), (other, leaders))| name == other && close(own, leaders, abs, rel_ppm))
        }
        (own, leaders) => own == leaders,
    }
}
