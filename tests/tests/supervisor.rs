//! Transactions on the scripted engine: roles, votes, permissions, budgets, faults.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Node, State};
use subvm_core::{
    Address, Difference, End, Entry, InternalErrorKind, Message, Outcome, Params, Report, Resource, Role, Run, SlotId,
    VmError, Vote, run,
};
use subvm_host_mock::fault::{Fault, failing_at};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

const CONTRACT: Address = Address([1; 20]);
const OTHER: Address = Address([2; 20]);
const FORBIDDEN: u32 = 6;
const INVAL: u32 = 2;
const INBALANCE: u32 = 7;

type Result<T> = std::result::Result<T, End>;

/// A chain with one scripted contract.
struct World {
    engine: Arc<ScriptedEngine>,
    host: MemoryHost,
    params: Params,
}

impl World {
    fn new(script: impl Fn(&mut Machine<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        let mut engine = ScriptedEngine::new();
        let package = engine.script(script);
        let host = MemoryHost::new();
        host.deploy(CONTRACT, package);
        Self { engine: Arc::new(engine), host, params: Params::default() }
    }

    fn with_params(mut self, change: impl FnOnce(&mut Params)) -> Self {
        change(&mut self.params);
        self
    }

    fn run_on(&self, node: Node, role: Role) -> (Node, std::result::Result<Report, subvm_core::InternalError>) {
        let message = Message { contract_address: CONTRACT, sender_address: OTHER, ..Message::default() };
        run(
            self.engine.clone(),
            node,
            Run {
                message,
                entry: Entry::Contract,
                role,
                params: Arc::new(self.params.clone()),
                state: State::Accepted,
                deadline: None,
            },
        )
    }

    fn run(&self, role: Role) -> Report {
        self.run_on(self.host.node(), role).1.expect("no internal error")
    }

    fn lead(&self) -> Report {
        self.run(Role::Leader)
    }
}

fn bytes(octets: &[u8]) -> Value {
    Value::Bytes(octets.to_vec())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

fn sandbox(data: &[u8], write: bool, send: bool) -> Value {
    map([("data", bytes(data)), ("allow_write_storage", write.into()), ("allow_send_messages", send.into())])
}

/// What a sub-VM is asked to do: its entry data, and which kind of entry it is.
fn part(machine: &mut Machine<'_>) -> Result<(i64, Vec<u8>, Option<Vec<u8>>)> {
    let message = machine.message()?;
    let kind = message["entry_kind"].as_int().and_then(|kind| i64::try_from(kind).ok()).unwrap_or(-1);
    let data = message["entry_data"].as_bytes().unwrap_or_default().to_vec();
    let leaders = message["entry_stage_data"].get("leaders_result").and_then(Value::as_bytes).map(<[u8]>::to_vec);
    Ok((kind, data, leaders))
}

/// Asks for 7 in a non-deterministic block and stores the answer; validators recompute it.
fn asking(machine: &mut Machine<'_>) -> Result<()> {
    match part(machine)? {
        (0, ..) => {
            let request = map([("data_leader", bytes(b"7")), ("data_validator", bytes(b"7"))]);
            let answer = machine.request("RunNondet", request)?.expect("it may");
            machine.storage_write(0, 0, &answer)?;
            machine.end_with("Return", bytes(&answer))
        }
        (2, data, None) => machine.end_with("Return", bytes(&data)),
        (2, data, Some(leaders)) => {
            let own = [&[0], bytes(&data).encode().unwrap().as_slice()].concat();
            machine.end_with("Return", own == leaders)
        }
        part => panic!("{part:?}"),
    }
}

#[test]
fn leader_validator_and_sync_come_to_one_receipt() {
    let world = World::new(asking);
    let leader = world.lead();
    assert_eq!(leader.receipt.nondet, [[&[0], bytes(b"7").encode().unwrap().as_slice()].concat()]);
    let results = leader.receipt.nondet.clone();
    for role in [Role::Validator { results: results.clone() }, Role::Sync { results }] {
        let report = world.run(role);
        assert_eq!(report.receipt.digest(), leader.receipt.digest());
        assert_eq!(report.vote(&leader.receipt), Vote::Agree);
    }
}

#[test]
fn a_changed_result_flips_the_vote_and_names_the_call() {
    let world = World::new(asking);
    let mut leader = world.lead().receipt;
    *leader.nondet[0].last_mut().unwrap() ^= 1;
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert_eq!(report.outcome, Outcome::VmError(VmError::ValidatorDisagrees { call: 0 }));
    assert_eq!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(0) }));
    assert!(report.receipt.storage.is_empty());
}

/// A leader that foresees what an honest validator will come to must not win its vote with that.
#[test]
fn a_receipt_that_foresees_the_disagreement_is_disagreed_with() {
    let world = World::new(asking);
    for results in [vec![b"\x00\x09".to_vec()], Vec::new()] {
        let validator = world.run(Role::Validator { results: results.clone() });
        let foreseen = validator.receipt.clone();
        assert_eq!(foreseen.nondet, results);
        assert_eq!(validator.vote(&foreseen), Vote::Disagree(Difference { field: "nondet", call: Some(0) }));
    }
}

/// What a leader posts in place of an outcome that is too large is what a validator would have posted.
#[test]
fn both_come_to_the_same_of_an_answer_that_is_too_large() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let request = map([("data", bytes(b"")), ("strategy", "StrictEq".into())]);
            let answer = machine.request("RunNondetWith", request)?.unwrap();
            machine.end_with("Return", bytes(&answer))
        }
        _ => machine.end_with("Return", bytes(&[7; 200])),
    })
    .with_params(|params| params.limits.nondet_result = 100);
    let leader = world.lead().receipt;
    assert_eq!(leader.nondet, [b"\x02out_of memory"]);
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert_eq!(report.vote(&leader), Vote::Agree);
}

#[test]
fn a_leader_without_a_well_formed_result_is_disagreed_with() {
    let world = World::new(asking).with_params(|params| params.limits.nondet_result = 100);
    let leader = world.lead().receipt;
    let bad: [&[u8]; 8] =
        [b"", b"\x03", b"\x00", b"\x00\xff", b"\x01\xff", b"\x02frobnicated", b"\x02exit_code 0", &[1; 101]];
    for results in bad.iter().map(|bad| vec![bad.to_vec()]).chain([Vec::new()]) {
        for role in [Role::Validator { results: results.clone() }, Role::Sync { results: results.clone() }] {
            let report = world.run(role);
            assert_eq!(report.outcome, Outcome::VmError(VmError::AbsentLeaderNondetOutput), "{results:?}");
            assert!(matches!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(0) })));
        }
    }
}

#[test]
fn surplus_results_do_not_stop_the_run_but_cost_the_vote() {
    let world = World::new(asking);
    let mut leader = world.lead().receipt;
    leader.nondet.push(vec![0, 0]);
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert!(matches!(report.outcome, Outcome::Return(_)));
    assert_eq!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(1) }));
}

#[test]
fn other_parameters_are_a_timeout() {
    let leader = World::new(asking).lead().receipt;
    let report = World::new(asking).with_params(|params| params.limits.gas_data -= 1).lead();
    assert!(matches!(report.vote(&leader), Vote::Timeout(why) if why.contains("params")));
}

#[test]
fn only_a_run_that_returned_writes_storage() {
    for (how, pages) in [("Return", 2), ("UserError", 0)] {
        let world = World::new(move |machine| {
            machine.storage_write(3, 30, b"abcd")?;
            assert_eq!(machine.storage_read(3, 28, 8)?.unwrap(), b"\0\0abcd\0\0");
            machine.end_with(how, "x")
        });
        let report = world.lead();
        assert_eq!(report.receipt.storage.len(), pages);
        assert_eq!(report.receipt.gas.storage, 2, "charged however it ends");
        assert_eq!(report.fingerprint.is_some(), pages == 0);
    }
}

#[test]
fn sandboxes_have_what_they_are_allowed_and_no_more() {
    let world = World::new(|machine| {
        let (kind, data, _) = part(machine)?;
        if kind == 1 {
            let write = machine.storage_write(0, 0, b"x")?;
            let event = map([("topics", Value::array([0i64; 0])), ("blob", map([]))]);
            let send = machine.gl_call("EmitEvent", event)?.err().unwrap_or(0);
            let block = map([("data_leader", bytes(b"")), ("data_validator", bytes(b""))]);
            assert_eq!(machine.gl_call("RunNondet", block)?, Err(FORBIDDEN));
            let call = map([("address", Value::Address(OTHER)), ("calldata", Value::Null), ("state", 0.into())]);
            assert_eq!(machine.gl_call("CallContract", call)?, Err(FORBIDDEN));
            // What a grandchild is allowed is no more than its parent has.
            if data != b"grandchild" {
                let inner = machine.request("Sandbox", sandbox(b"grandchild", true, true))?.unwrap();
                assert_eq!(inner, [&[0], Value::array([write, send]).encode().unwrap().as_slice()].concat());
            }
            return machine.end_with("Return", Value::array([write, send]));
        }
        for (write, send) in [(false, false), (true, false), (false, true), (true, true)] {
            let result = machine.request("Sandbox", sandbox(b"child", write, send))?.unwrap();
            let errno = |allowed| if allowed { 0 } else { FORBIDDEN };
            let expected = Value::array([errno(write), errno(send)]).encode().unwrap();
            assert_eq!(result, [&[0], expected.as_slice()].concat());
        }
        Ok(())
    });
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert_eq!(report.receipt.messages.len(), 4, "two sandboxes and their children emitted");
    assert_eq!(report.receipt.storage.len(), 1, "what a sandbox wrote stays");
}

#[test]
fn a_block_reaches_nothing_of_the_chain() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            let request = map([("data_leader", bytes(b"")), ("data_validator", bytes(b""))]);
            machine.request("RunNondet", request)?.unwrap();
            return Ok(());
        }
        assert_eq!(machine.storage_read(0, 0, 1)?, Err(FORBIDDEN));
        assert_eq!(machine.storage_write(0, 0, b"x")?, FORBIDDEN);
        let send = map([("address", Value::Address(OTHER)), ("calldata", bytes(b"")), ("value", 0.into())]);
        assert_eq!(machine.gl_call("EthSend", send)?, Err(FORBIDDEN));
        let call = map([("address", Value::Address(OTHER)), ("calldata", bytes(b""))]);
        assert_eq!(machine.gl_call("EthCall", call)?, Err(FORBIDDEN));
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn a_childs_time_is_its_parents_and_can_be_capped() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 1 {
            machine.work(1_000_000)?;
            return Ok(());
        }
        let before = machine.ticks();
        assert_eq!(machine.request("Sandbox", sandbox(b"", false, false))?.unwrap(), [0, 0]);
        let used = before - machine.ticks();
        assert!((1_000_000..1_030_000).contains(&used), "{used}");
        let Value::Map(mut capped) = sandbox(b"", false, false) else { unreachable!() };
        capped.insert("gas_time", 500_000);
        let before = machine.ticks();
        assert_eq!(machine.request("Sandbox", capped)?.unwrap(), b"\x02out_of gas time");
        let used = before - machine.ticks();
        assert!((500_000..530_000).contains(&used), "{used}");
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn running_out_of_time_is_reported_as_the_limit() {
    let world = World::new(|machine| machine.work(i64::MAX)).with_params(|params| params.limits.gas_time = 12_345);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    assert_eq!(report.receipt.gas.time, 12_345);
}

#[test]
fn ram_of_ended_sub_vms_is_released() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 1 {
            assert!(machine.grow(1 << 20), "the children before gave it back");
            return Ok(());
        }
        for _ in 0..100 {
            let result = machine.request("Sandbox", sandbox(b"", false, false))?.unwrap();
            assert_eq!(result, [0, 0]);
        }
        Ok(())
    })
    .with_params(|params| params.limits.ram = (1 << 20) + 200_000);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert!(report.ram_peak > 1 << 20);
}

#[test]
fn sub_vms_nest_512_deep_and_no_deeper() {
    let world = World::new(|machine| {
        let result = machine.request("Sandbox", sandbox(b"", false, false))?.unwrap();
        let depth = match result.split_first() {
            Some((0, value)) => Value::decode(value).unwrap().as_int().and_then(|n| i64::try_from(n).ok()).unwrap(),
            _ => {
                assert_eq!(result, b"\x02out_of vm_recursion");
                0
            }
        };
        machine.end_with("Return", depth + 1)
    });
    // Scripts nest on this thread's stack, so it is given one that is large enough.
    let report = std::thread::Builder::new().stack_size(256 << 20).spawn(move || world.lead()).unwrap().join().unwrap();
    assert_eq!(report.outcome, Outcome::Return(Value::from(513).encode().unwrap()));
}

#[test]
fn blocks_are_counted() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 2 {
            return Ok(());
        }
        loop {
            let request = map([("data_leader", bytes(b"")), ("data_validator", bytes(b""))]);
            machine.request("RunNondet", request)?.unwrap();
        }
    })
    .with_params(|params| params.limits.nondet_blocks = 3);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::NondetBlocks)));
    assert_eq!(report.receipt.nondet.len(), 3);
}

#[test]
fn money_is_spent_once() {
    let world = World::new(|machine| {
        let send = |value: i64| {
            map([("address", Value::Address(OTHER)), ("calldata", bytes(b"pay")), ("value", value.into())])
        };
        assert_eq!(machine.gl_call("EthSend", send(60))?, Ok(None));
        assert_eq!(machine.gl_call("EthSend", send(41))?, Err(INBALANCE));
        assert_eq!(machine.gl_call("EthSend", send(-1))?, Err(INVAL));
        assert_eq!(machine.gl_call("EthSend", send(40))?, Ok(None));
        Ok(())
    });
    world.host.set_balance(CONTRACT, 100);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert_eq!(report.receipt.messages.len(), 2);
    // The messages as the receipt carries them, and the result: code and null.
    let carried: usize = report.receipt.messages.iter().map(Vec::len).sum();
    assert_eq!(report.receipt.gas.data, carried as u64 + 2);
}

#[test]
fn locked_slots_and_ranges_beyond_a_slot_are_refused() {
    let world = World::new(|machine| {
        assert_eq!(machine.storage_write(9, 0, b"x")?, FORBIDDEN);
        assert_eq!(machine.storage_write(8, u32::MAX, b"xy")?, INVAL);
        assert_eq!(machine.storage_write(8, u32::MAX, b"x")?, 0);
        assert_eq!(machine.storage_read(8, u32::MAX, 2)?, Err(INVAL));
        Ok(())
    });
    let mut slot = [0; 32];
    slot[0] = 9;
    world.host.lock(CONTRACT, SlotId(slot));
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert_eq!(report.receipt.storage.len(), 1);
}

#[test]
fn malformed_requests_are_inval_and_do_nothing() {
    let world = World::new(|machine| {
        let bad: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"\xff".to_vec(),
            Value::Null.encode().unwrap(),
            map([]).encode().unwrap(),
            map([("Nothing", Value::Null)]).encode().unwrap(),
            map([("Return", Value::Null), ("Trace", Value::Null)]).encode().unwrap(),
            map([("UserError", 1.into())]).encode().unwrap(),
            map([("Sandbox", map([("data", bytes(b""))]))]).encode().unwrap(),
            map([("EthCall", map([("address", Value::Address(OTHER)), ("calldata", bytes(b"")), ("more", 1.into())]))])
                .encode()
                .unwrap(),
        ];
        for request in bad {
            assert_eq!(machine.gl_call_octets(&request)?, Err(INVAL), "{request:x?}");
        }
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn numeric_answers_may_differ_within_their_tolerance() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let numeric = map([("abs", 2.into()), ("rel_ppm", 10_000.into())]);
            let request = map([("data", bytes(b"100")), ("strategy", map([("Numeric", numeric)]))]);
            machine.request("RunNondetWith", request)?.unwrap();
            Ok(())
        }
        _ => machine.end_with("Return", map([("price", 100.into()), ("unit", "usd".into())])),
    });
    let leader = |price: i64, unit: &str| {
        let value = map([("price", price.into()), ("unit", unit.into())]).encode().unwrap();
        Role::Validator { results: vec![[&[0], value.as_slice()].concat()] }
    };
    let agrees = |role| matches!(world.run(role).outcome, Outcome::Return(_));
    assert!(agrees(leader(100, "usd")) && agrees(leader(98, "usd")) && agrees(leader(102, "usd")));
    assert!(!agrees(leader(97, "usd")) && !agrees(leader(103, "usd")) && !agrees(leader(100, "eur")));
    let error = Role::Validator { results: vec![b"\x01down".to_vec()] };
    assert!(!agrees(error));
}

#[test]
fn a_model_validates_an_answer_under_a_principle() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let strategy = map([("Comparative", map([("principle", "same meaning".into())]))]);
            machine.request("RunNondetWith", map([("data", bytes(b"")), ("strategy", strategy)]))?.unwrap();
            Ok(())
        }
        _ => machine.end_with("Return", "a dog"),
    });
    let role =
        || Role::Validator { results: vec![[&[0], Value::from("un chien").encode().unwrap().as_slice()].concat()] };
    for (answer, agrees) in [(Value::Bool(true), true), (Value::Bool(false), false), (Value::from("true"), false)] {
        world.host.answer(map([("ok", answer)]).encode().unwrap());
        assert_eq!(matches!(world.run(role()).outcome, Outcome::Return(_)), agrees);
    }
    let asked = Value::decode(&world.host.asked()[0]).unwrap();
    assert_eq!(asked["ExecPromptTemplate"]["leader_answer"], Value::from("un chien"));
    assert_eq!(asked["ExecPromptTemplate"]["validator_answer"], Value::from("a dog"));
}

#[test]
fn requests_to_modules_overlap() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            let request = map([("data_leader", bytes(b"")), ("data_validator", bytes(b""))]);
            let result = machine.request("RunNondet", request)?.unwrap();
            return machine.end_with("Return", bytes(&result));
        }
        let prompt = |text: &str| {
            map([("prompt", text.into()), ("response_format", "text".into()), ("images", Value::array([0i64; 0]))])
        };
        let first = machine.gl_call("ExecPrompt", prompt("one"))?.unwrap().unwrap();
        let second = machine.gl_call("ExecPrompt", prompt("two"))?.unwrap().unwrap();
        let second = machine.read(second)?;
        let first = machine.read(first)?;
        machine.end_with("Return", Value::array([bytes(&first), bytes(&second)]))
    });
    for answer in ["1", "2"] {
        world.host.answer(map([("ok", answer.into())]).encode().unwrap());
    }
    let report = world.lead();
    let Outcome::Return(value) = report.outcome else { panic!("{:?}", report.outcome) };
    let result = Value::decode(&value).unwrap().as_bytes().unwrap().to_vec();
    let pair = Value::decode(&result[1..]).unwrap();
    let decoded = |index: usize| Value::decode(pair[index].as_bytes().unwrap()).unwrap()["ok"].clone();
    assert_eq!((decoded(0), decoded(1)), ("1".into(), "2".into()));
}

#[test]
fn called_contracts_read_their_own_storage_and_write_nothing() {
    let mut engine = ScriptedEngine::new();
    let caller = engine.script(|machine| {
        let call = map([("address", Value::Address(OTHER)), ("calldata", "hi".into()), ("state", 0.into())]);
        let result = machine.request("CallContract", call)?.unwrap();
        machine.end_with("Return", bytes(&result))
    });
    let callee = engine.script(|machine| {
        let message = machine.message()?;
        assert_eq!(message["sender_address"], Value::Address(Address([9; 20])), "unchanged");
        assert_eq!(message["stack"], Value::Array([Value::Address(CONTRACT)].into_iter().collect()));
        assert_eq!(message["entry_data"], bytes(&Value::from("hi").encode().unwrap()));
        assert_eq!(machine.storage_write(0, 0, b"x")?, FORBIDDEN);
        machine.end_with("UserError", "no")
    });
    let host = MemoryHost::new();
    host.deploy(CONTRACT, caller);
    host.deploy(OTHER, callee);
    let message = Message { contract_address: CONTRACT, sender_address: Address([9; 20]), ..Message::default() };
    let (_, report) = run(
        Arc::new(engine),
        host.node(),
        Run {
            message,
            entry: Entry::Contract,
            role: Role::Leader,
            params: Arc::default(),
            state: State::Accepted,
            deadline: None,
        },
    );
    assert_eq!(report.unwrap().outcome, Outcome::Return(bytes(b"\x01no").encode().unwrap()));
}

#[test]
fn a_node_that_fails_anywhere_gets_its_parts_back_and_no_receipt() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            machine.storage_read(0, 0, 8)?.unwrap();
            machine.storage_write(0, 1, b"x")?;
        }
        asking(machine)
    });
    let (node, calls) = failing_at(world.host.node(), u64::MAX, Fault::Error);
    world.run_on(node, Role::Leader).1.unwrap();
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls >= 4, "{calls}");
    for fault in [Fault::Error, Fault::Panic] {
        for nth in 0..calls {
            let (node, _) = failing_at(world.host.node(), nth, fault);
            let (node, result) = world.run_on(node, Role::Leader);
            let error = result.unwrap_err();
            let kind = if fault == Fault::Error { InternalErrorKind::Host } else { InternalErrorKind::Bug };
            assert_eq!(error.kind(), kind, "call {nth}: {error}");
            drop(node);
        }
    }
}

#[test]
fn whoever_watches_changes_nothing() {
    let world = World::new(asking);
    let unwatched = world.lead().receipt.digest();
    let trace = subvm_host_mock::trace::Trace::with_costs();
    let node = Node { observer: Some(Box::new(trace.clone())), ..world.host.node() };
    let watched = world.run_on(node, Role::Leader).1.unwrap();
    assert_eq!(watched.receipt.digest(), unwatched);
    assert!(trace.lines().iter().any(|line| line.starts_with("==> gl_call(")), "{:?}", trace.lines());
}
