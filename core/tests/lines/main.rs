//! What sub-VMs, results and leaders find under the profiles of GenVM's lines: `docs/genvm.md`.

use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{EthAnswer, State};
use subvm_core::{
    Address, End, Entry, LeaderFault, Message, Outcome, Params, Profile, Report, Resource, Role, Run, ShortHash, Trap,
    VmError, Vote, run,
};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

mod ram;

const INVAL: u32 = 2;
const FORBIDDEN: u32 = 6;
/// An address at which another contract stands.
const OTHER: Address = Address([7; 20]);

/// A contract under a profile, and the world around it.
struct World {
    host: MemoryHost,
    engine: ScriptedEngine,
    params: Params,
    message: Message,
}

impl World {
    fn new(profile: Profile, script: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static) -> Self {
        let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
        let message = Message { is_init: true, entry_data: b"\x06".to_vec(), ..Message::default() };
        host.deploy(message.contract_address, engine.script(script));
        Self { host, engine, params: Params { profile, ..Params::default() }, message }
    }

    fn run(self, role: Role) -> Report {
        let Self { host, engine, params, message } = self;
        let transaction = Run {
            message,
            entry: Entry::Contract,
            role,
            params: Arc::new(params),
            state: State::Accepted,
            deadline: None,
            cancel: None,
        };
        run(Arc::new(engine), host.node(), transaction).1.expect("no internal error")
    }
}

fn play(
    profile: Profile,
    role: Role,
    script: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static,
) -> Report {
    World::new(profile, script).run(role)
}

fn returned(value: impl Into<Value>) -> Outcome {
    Outcome::Return(value.into().encode().unwrap())
}

fn in_block(machine: &mut Machine<'_>) -> Result<bool, End> {
    Ok(machine.message()?["entry_kind"] == Value::from(2))
}

fn block() -> Value {
    Value::Map(Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]))
}

/// A contract whose validators say no, and that returns what its block came to and writes a page.
fn doubted(machine: &mut Machine<'_>) -> Result<(), End> {
    if in_block(machine)? {
        return machine.end_with("Return", false);
    }
    machine.storage_write(1, 0, b"kept")?;
    let answer = machine.request("RunNondet", block())?.expect("it is understood");
    machine.end_with("Return", Value::Bytes(answer))
}

#[test]
fn a_disagreement_is_reported_and_the_run_goes_on_with_the_leaders_result() {
    let leaders = b"\x00\x09".to_vec();
    for profile in Profile::ALL {
        let role = Role::Validator { results: vec![leaders.clone()] };
        let report = play(profile, role, doubted);
        let sync = play(profile, Role::Sync { results: vec![leaders.clone()] }, doubted);
        assert_eq!(report.disagreement(), Some(0));
        assert_eq!(sync.disagreement(), None);
        assert_eq!(report.vote(&sync.receipt).to_string(), "disagree at nondet, call 0", "{}", profile.name());
        if matches!(profile, Profile::GenVm0_2 | Profile::GenVm0_3) {
            assert_eq!(report.receipt, sync.receipt, "it goes on as if it had believed");
            assert_eq!(report.outcome, returned(Value::Bytes(leaders.clone())));
        } else {
            assert_eq!(report.outcome, Outcome::VmError(VmError::ValidatorDisagrees { call: 0 }));
        }
    }
}

#[test]
fn the_first_disagreement_is_the_one_that_is_told() {
    let script = |machine: &mut Machine<'_>| {
        if in_block(machine)? {
            let stage = machine.message()?["entry_stage_data"]["leaders_result"].clone();
            return machine.end_with("Return", stage == Value::Bytes(b"\x00\x10".to_vec()));
        }
        for _ in 0..3 {
            machine.request("RunNondet", block())?.expect("it is understood");
        }
        Ok(())
    };
    let results = vec![b"\x00\x10".to_vec(), b"\x00\x08".to_vec(), b"\x00\x00".to_vec()];
    let report = play(Profile::GenVm0_3, Role::Validator { results }, script);
    assert_eq!((report.disagreement(), &report.outcome), (Some(1), &Outcome::null()));
}

/// What a contract of 0.3 reads where its leader posted this; it hands it to its validator, who says yes.
fn read_of(result: Option<&[u8]>) -> (Vec<u8>, Report) {
    let script = |machine: &mut Machine<'_>| {
        if in_block(machine)? {
            return machine.end_with("Return", true);
        }
        let answer = machine.request("RunNondet", block())?.expect("it is understood");
        machine.end_with("Return", Value::Bytes(answer))
    };
    let results: Vec<Vec<u8>> = result.iter().map(|bytes| bytes.to_vec()).collect();
    let sync = play(Profile::GenVm0_3, Role::Sync { results: results.clone() }, script);
    let validator = play(Profile::GenVm0_3, Role::Validator { results }, script);
    assert_eq!(sync.receipt, validator.receipt, "{result:?}");
    let Outcome::Return(value) = &sync.outcome else { panic!("{:?}", sync.outcome) };
    let read = Value::decode(value).unwrap().as_bytes().unwrap().to_vec();
    (read, sync)
}

#[test]
fn what_a_leader_of_0_3_posts_wrongly_is_replaced_by_an_error_that_says_what() {
    let absent = "leader_fault nondet_output absent";
    let malformed = "leader_fault nondet_output malformed";
    for (posted, read) in [
        (None, absent),
        (Some(&b""[..]), absent),
        (Some(b"\x03"), malformed),
        (Some(b"\x00\xff"), malformed),
        (Some(b"\x00\x09\x09"), malformed),
        (Some(b"\x01text"), malformed),
        (Some(b"\x02\xff"), malformed),
        (Some(b"\x02nonsense"), malformed),
        (Some(b"\x02exit_code +7"), malformed),
        (Some(b"\x02exit_code 007"), malformed),
        (Some(b"\x02exit_code -0"), malformed),
        (Some(b"\x02exit_code 1 # a detail"), malformed),
        (Some(b"\x02out_of gas time"), malformed),
        (Some(b"\x02leader_fault nondet_output absent"), "leader_fault nondet_output uses_this_error x3fa7v"),
    ] {
        assert_eq!(read_of(posted).0, [b"\x02", read.as_bytes()].concat(), "{posted:?}");
    }
    // What is of its words stays as it is.
    for posted in [
        &b"\x00\x09"[..],
        b"\x01\x14no",
        b"\x02timeout",
        b"\x02exit_code -7",
        b"\x02wasm_trap fault",
        b"\x02evm reverted",
    ] {
        assert_eq!(read_of(Some(posted)).0, posted);
    }
    // The seed and 0.2 end the run, with one text for all.
    for profile in [Profile::Seed, Profile::GenVm0_1, Profile::GenVm0_2] {
        let text = if profile == Profile::Seed { &b"\x02timeout"[..] } else { b"\x02out_of gas time" };
        let report = play(profile, Role::Sync { results: vec![text.to_vec()] }, doubted);
        assert_eq!(report.outcome, Outcome::VmError(VmError::AbsentLeaderNondetOutput), "{}", profile.name());
    }
}

#[test]
fn no_leader_comes_to_the_text_that_would_stand_in_its_place() {
    let blamed = |text: &str| String::from_utf8(read_of(Some(&[b"\x02", text.as_bytes()].concat())).0.split_off(1));
    let first = blamed("leader_fault nondet_output malformed").unwrap();
    let second = blamed(&first).unwrap();
    assert!(first.starts_with("leader_fault nondet_output uses_this_error ") && first != second);
    assert_eq!(
        first.parse(),
        Ok(VmError::LeaderFault(LeaderFault::UsesThisError(ShortHash::of(b"leader_fault nondet_output malformed"))))
    );
}

#[test]
fn results_that_a_run_did_not_come_to_make_it_the_leaders_fault() {
    let results = vec![b"\x00\x09".to_vec(), b"\x00\x09".to_vec()];
    for profile in Profile::ALL {
        for role in [Role::Sync { results: results.clone() }, Role::Validator { results: results.clone() }] {
            let report = play(profile, role, doubted);
            if profile == Profile::GenVm0_3 {
                assert_eq!(report.failure().as_deref(), Some("leader_fault nondet_output extra bn7zt1"));
                assert_eq!((report.disagreement(), report.receipt.storage.len()), (None, 0));
            } else {
                assert!(report.failure().is_none_or(|text| !text.starts_with("leader_fault")), "{}", profile.name());
            }
        }
    }
}

#[test]
fn a_user_error_of_0_3_is_any_value() {
    for profile in Profile::ALL {
        let value = Value::array([1, 2]);
        let expected = value.encode().unwrap();
        let report = play(profile, Role::Leader, move |machine| {
            if in_block(machine)? {
                return machine.end_with("UserError", value.clone());
            }
            let answer = machine.request("RunNondet", block())?.expect("it is understood");
            if answer.first() == Some(&1) {
                return machine.end_with("UserError", value.clone());
            }
            machine.end_with("Return", Value::Bytes(answer))
        });
        if profile == Profile::GenVm0_3 {
            assert_eq!(report.receipt.nondet, [[&[1][..], &expected].concat()]);
            assert_eq!(report.outcome, Outcome::UserValue(expected));
            assert_eq!(report.failure().as_deref(), Some("[1,2]"));
            let (code, data) = report.receipt.result.split_first().unwrap();
            assert_eq!((*code, &Value::decode(data).unwrap()["message"]), (1, &Value::array([1, 2])));
        } else {
            // It is no request: the block falls off its end.
            assert_eq!(report.receipt.nondet, [b"\0\0"]);
        }
    }
}

#[test]
fn an_entry_of_0_3_is_a_call_and_so_is_what_a_called_contract_gets() {
    for (entry, fine) in [
        (r#"{"": "get", "args": [1], "kwargs": {"a": 2}}"#, true),
        (r#"{"method": "get"}"#, false),
        (r#"{"": 1}"#, false),
        ("null", false),
    ] {
        let entry: Value = entry.parse().unwrap();
        for profile in Profile::ALL {
            let mut world = World::new(profile, |_| Ok(()));
            world.message.is_init = false;
            world.message.entry_data = entry.encode().unwrap();
            let refused = !fine && profile == Profile::GenVm0_3;
            let expected = if refused { Outcome::VmError(VmError::MalformedEntry) } else { Outcome::null() };
            assert_eq!(world.run(Role::Leader).outcome, expected, "{entry}");
            let entry = entry.clone();
            let report = play(profile, Role::Leader, move |machine| {
                let call = [("address", Value::Address(OTHER)), ("calldata", entry.clone()), ("state", Value::from(0))];
                let answer = machine.request("CallContract", Value::Map(Map::from(call)))?;
                machine.end_with("Return", answer == Err(INVAL))
            });
            assert_eq!(report.outcome, returned(refused), "{}", profile.name());
        }
    }
}

#[test]
fn a_call_of_itself_reads_what_was_there_before_where_effects_come_at_the_end() {
    for profile in Profile::ALL {
        let report = play(profile, Role::Leader, |machine| {
            if machine.message()?["stack"] != Value::array([0i64; 0]) {
                let read = machine.storage_read(1, 0, 2)?.map_or_else(Value::from, Value::Bytes);
                return machine.end_with("Return", read);
            }
            machine.storage_write(1, 0, b"hi")?;
            let call = [
                ("address", Value::Address(Address::default())),
                ("calldata", Value::Map(Map::default())),
                ("state", Value::from(0)),
            ];
            let answer = machine.request("CallContract", Value::Map(Map::from(call)))?.expect("it is understood");
            machine.end_with("Return", Value::Bytes(answer))
        });
        let seen: &[u8] = match profile {
            Profile::Seed | Profile::GenVm0_1 => b"\x00\x13hi",
            Profile::GenVm0_2 | Profile::GenVm0_3 => b"\x00\x13\0\0",
        };
        assert_eq!(report.outcome, returned(Value::Bytes(seen.to_vec())), "{}", profile.name());
    }
}

#[test]
fn balances_are_there_for_blocks_too_but_what_is_left_of_ones_own() {
    for profile in Profile::ALL {
        let world = World::new(profile, |machine| {
            if in_block(machine)? {
                machine.mem()[..20].copy_from_slice(&OTHER.0);
                let errno = subvm_core::sdk::entry::get_balance(&mut machine.guest(), 0, 64)?;
                let balance = if errno == 0 { u32::from(machine.mem()[64]) } else { 1000 + errno };
                let own = machine.own_balance()?.err();
                return machine.end_with("Return", Value::array([balance, own.unwrap_or(0)]));
            }
            machine.request("RunNondet", block())?.expect("it is understood");
            Ok(())
        });
        world.host.set_balance(OTHER, 5);
        let balance = if profile == Profile::Seed { 1000 + FORBIDDEN } else { 5 };
        let expected = [&[0][..], &Value::array([balance, FORBIDDEN]).encode().unwrap()].concat();
        assert_eq!(world.run(Role::Leader).receipt.nondet, [expected], "{}", profile.name());
    }
}

#[test]
fn an_event_is_a_write_and_no_message() {
    for (profile, fields) in [
        (Profile::Seed, vec![]),
        (Profile::GenVm0_3, vec![("runner", Value::from("contract")), ("allow_register_runners", Value::from(false))]),
    ] {
        for (write, send) in [(true, false), (false, true)] {
            let fields = fields.clone();
            let report = play(profile, Role::Leader, move |machine| {
                if machine.message()?["entry_kind"] == Value::from(1) {
                    let none: [Value; 0] = [];
                    let event = [("topics", Value::array(none)), ("blob", Value::Map(Map::default()))];
                    let answer = machine.gl_call("EmitEvent", Value::Map(Map::from(event)))?;
                    return machine.end_with("Return", answer.is_ok());
                }
                let mut sandbox = Map::from([
                    ("data", Value::Bytes(Vec::new())),
                    ("allow_write_storage", Value::from(write)),
                    ("allow_send_messages", Value::from(send)),
                ]);
                for (name, value) in fields.clone() {
                    sandbox.insert(name, value);
                }
                machine.request("Sandbox", Value::Map(sandbox))?.expect("it is understood");
                Ok(())
            });
            let may = if profile == Profile::Seed { send } else { write };
            assert_eq!(report.receipt.messages.len(), usize::from(may), "{}: {write} {send}", profile.name());
        }
    }
}

#[test]
fn a_call_below_that_fails_ends_a_sub_vm_of_0_3() {
    for (answer, error) in
        [(EthAnswer::Reverted(b"why".to_vec()), VmError::EvmReverted), (EthAnswer::Refused, VmError::Forbidden)]
    {
        for profile in Profile::ALL {
            let world = World::new(profile, |machine| {
                let call = [("address", Value::Address(OTHER)), ("calldata", Value::Bytes(Vec::new()))];
                machine.request("EthCall", Value::Map(Map::from(call)))?.expect("it is understood");
                Ok(())
            });
            world.host.set_eth_answer(State::Accepted, OTHER, answer.clone());
            let ends = profile == Profile::GenVm0_3;
            let expected = if ends { Outcome::VmError(error) } else { Outcome::null() };
            assert_eq!(world.run(Role::Leader).outcome, expected, "{}", profile.name());
        }
    }
}

#[test]
fn random_bytes_of_0_3_are_seeded_by_the_message() {
    for profile in Profile::ALL {
        let report = play(profile, Role::Leader, |machine| {
            assert_eq!(machine.wasi("random_get", &[64, 12])?, 0);
            let bytes = machine.mem()[64..76].to_vec();
            machine.end_with("Return", Value::Bytes(bytes))
        });
        // By CPython's generator, seeded with SHA3-256 of the message as an integer, the first byte lowest.
        let by_message = b"\xef\x61\xc2\x85\x46\xa9\xab\x1e\x83\x40\x46\x9a";
        let is = report.outcome == returned(Value::Bytes(by_message.to_vec()));
        assert_eq!(is, profile == Profile::GenVm0_3, "{}", profile.name());
    }
}

#[test]
fn errors_have_their_lines_words_in_children_receipts_and_reports() {
    for (profile, text) in [
        (Profile::Seed, "out_of fds"),
        (Profile::GenVm0_1, "OOM RAM limit"),
        (Profile::GenVm0_2, "OOM RAM limit"),
        (Profile::GenVm0_3, "out_of fds"),
    ] {
        let report = play(profile, Role::Leader, |machine| {
            if in_block(machine)? {
                return Err(Resource::Fds.into());
            }
            machine.request("RunNondet", block())?.expect("it is understood");
            Err(Resource::Fds.into())
        });
        assert_eq!(report.receipt.nondet, [[b"\x02", text.as_bytes()].concat()]);
        assert_eq!(report.failure().as_deref(), Some(text));
        let result = Value::decode(&report.receipt.result[1..]).unwrap();
        assert_eq!(result["message"], Value::from(text));
        assert_eq!(report.vote(&report.receipt), Vote::Agree);
    }
    assert_eq!(Profile::GenVm0_2.text(VmError::Trap(Trap::Unreachable)), "wasm_trap unreachable");
}

#[test]
fn a_parent_whose_child_used_up_the_time_has_none_left_either() {
    // GenVM's `timeout` cannot be caught by any parent. Here nobody is left to catch it.
    let report = play(Profile::GenVm0_2, Role::Leader, |machine| {
        if machine.message()?["entry_kind"] == Value::from(1) {
            return machine.work(i64::MAX);
        }
        let sandbox = Map::from([("data", Value::Bytes(Vec::new())), ("allow_write_ops", Value::from(true))]);
        machine.request("Sandbox", Value::Map(sandbox))?.expect("it is understood");
        machine.end_with("Return", "caught")
    });
    assert_eq!(report.failure().as_deref(), Some("timeout"));
}
