//! What contracts find under each profile: `docs/genvm.md`.

use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::State;
use subvm_core::{End, Entry, Message, Outcome, Params, Profile, Report, Role, Run, run};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

const INVAL: u32 = 2;
const FORBIDDEN: u32 = 6;

fn play(
    profile: Profile,
    role: Role,
    time: u64,
    script: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static,
) -> Report {
    let mut engine = ScriptedEngine::new();
    let host = MemoryHost::new();
    host.set_now(time);
    let message = Message { is_init: true, entry_data: b"\x06".to_vec(), ..Message::default() };
    host.deploy(message.contract_address, engine.script(script));
    let transaction = Run {
        message,
        entry: Entry::Contract,
        role,
        params: Arc::new(Params { profile, ..Params::default() }),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    run(Arc::new(engine), host.node(), transaction).1.expect("no internal error")
}

/// Whether a request is one, under each profile; those that ask for nothing in deterministic mode are `forbidden`, once they are understood.
fn understood(name: &'static str, argument: &str) -> [bool; 4] {
    let argument: Value = argument.parse().expect(argument);
    Profile::ALL.map(|profile| {
        let argument = argument.clone();
        let report = play(profile, Role::Leader, 0, move |machine| {
            if machine.message()?["entry_kind"] != Value::from(0) {
                return machine.end_with("Return", Value::Null);
            }
            let answer = machine.gl_call(name, argument.clone())?;
            machine.end_with("Return", answer != Err(INVAL))
        });
        report.outcome == Outcome::Return(Value::from(true).encode().unwrap())
    })
}

#[test]
fn each_profile_takes_its_own_requests() {
    // Seed, 0.1, 0.2, 0.3.
    let (own, old, new, both) =
        ([true, false, false, false], [false, true, true, false], [false, false, false, true], [true; 4]);
    let genvm = [false, true, true, true];
    let fees = r#"{"leader_timeunits_allocation": 1, "validator_timeunits_allocation": 1, "execution_budget_per_round": 0, "rotations": [0], "max_price_gen_per_time_unit": 1, "storage_fee_max_gas_price": 1, "receipt_fee_max_gas_price": 1}"#;
    let post = |more: &str| {
        format!(r#"{{"address": addr#{}, "calldata": null, "value": 0, "on": "accepted"{more}}}"#, "00".repeat(20))
    };
    let paid = |fees: &str| post(&format!(r#", "use_balance": true, "fee_params": {fees}"#));
    let web = |more: &str| format!(r#"{{"method": "GET", "url": "http://a", "headers": {{}}{more}}}"#);
    let sandbox = |more: &str| format!(r#"{{"data": b#{more}}}"#);
    let table = [
        ("Sandbox", sandbox(r#", "allow_write_storage": true, "allow_send_messages": true"#), own),
        ("Sandbox", sandbox(r#", "allow_write_storage": true, "allow_send_messages": true, "gas_time": 9"#), own),
        ("Sandbox", sandbox(r#", "allow_write_ops": true"#), old),
        ("Sandbox", sandbox(r#", "allow_write_ops": 1"#), [false; 4]),
        (
            "Sandbox",
            sandbox(
                r#", "runner": "contract", "allow_write_storage": true, "allow_send_messages": true, "allow_register_runners": false"#,
            ),
            new,
        ),
        (
            "Sandbox",
            sandbox(
                r#", "runner": "other:x", "allow_write_storage": true, "allow_send_messages": true, "allow_register_runners": false"#,
            ),
            [false; 4],
        ),
        ("PostMessage", post(""), both),
        ("PostMessage", paid(fees), new),
        ("PostMessage", post(r#", "use_balance": true"#), [false; 4]),
        ("PostMessage", paid(&fees.replace("[0]", "[]")), [false; 4]),
        (
            "PostMessage",
            paid(&fees.replace("\"storage_fee_max_gas_price\": 1", "\"storage_fee_max_gas_price\": 0")),
            [false; 4],
        ),
        (
            "PostMessage",
            paid(&fees.replace("\"leader_timeunits_allocation\": 1", "\"leader_timeunits_allocation\": 4294967296")),
            [false; 4],
        ),
        (
            "PostMessage",
            paid(&fees.replace(
                "\"execution_budget_per_round\": 0",
                &format!("\"execution_budget_per_round\": {}", 1u128 << 96),
            )),
            [false; 4],
        ),
        ("WebRequest", web(r#", "body": null"#), both),
        ("WebRequest", web(""), new),
        ("WebRequest", web(r#", "sign": true"#), new),
        ("WebRequest", web(r#", "body": null"#).replace("GET", "PATCH"), both),
        ("WebRequest", web(r#", "body": null"#).replace("GET", "TRACE"), own),
        ("ExecPrompt", r#"{"prompt": "", "images": []}"#.into(), genvm),
        ("ExecPrompt", r#"{"prompt": "", "images": [], "response_format": "json"}"#.into(), both),
        ("ExecPrompt", r#"{"prompt": "", "images": [], "response_format": "xml"}"#.into(), [false; 4]),
        ("Trace", r#""RuntimeMicroSec""#.into(), both),
        ("Trace", r#"{"RuntimeMicroSec": null}"#.into(), genvm),
        ("Trace", r#"{"RuntimeMicroSec": 1}"#.into(), [false; 4]),
        ("Yield", "null".into(), new),
        ("Yield", "1".into(), [false; 4]),
        ("GetTimestamp", "null".into(), new),
    ];
    for (name, argument, expected) in table {
        assert_eq!(understood(name, &argument), expected, "{name} {argument}");
    }
}

#[test]
fn a_sandbox_of_0_2_may_write_and_send_or_neither() {
    for allowed in [true, false] {
        let report = play(Profile::GenVm0_2, Role::Leader, 0, move |machine| {
            if machine.message()?["entry_kind"] == Value::from(1) {
                let wrote = machine.storage_write(1, 0, b"x")?;
                return machine.end_with("Return", wrote);
            }
            let request = Map::from([("data", Value::Bytes(Vec::new())), ("allow_write_ops", Value::from(allowed))]);
            let answer = machine.request("Sandbox", Value::Map(request))?.expect("it is understood");
            machine.end_with("Return", Value::Bytes(answer))
        });
        let wrote = if allowed { 0 } else { FORBIDDEN };
        let answer = [&[0][..], &Value::from(wrote).encode().unwrap()].concat();
        assert_eq!(report.outcome, Outcome::Return(Value::Bytes(answer).encode().unwrap()));
        assert_eq!(report.receipt.storage.len(), usize::from(allowed));
    }
}

/// A contract whose block fails with a user error, and that returns the block's result.
fn failing(machine: &mut Machine<'_>) -> Result<(), End> {
    if machine.message()?["entry_kind"] == Value::from(2) {
        return machine.end_with("UserError", "no");
    }
    let request = Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]);
    let answer = machine.request("RunNondet", Value::Map(request))?.expect("it is understood");
    machine.end_with("Return", Value::Bytes(answer))
}

#[test]
fn user_errors_of_0_3_are_calldata() {
    let returned = |bytes: &[u8]| Outcome::Return(Value::Bytes(bytes.to_vec()).encode().unwrap());
    for (profile, bytes) in
        [(Profile::Seed, &b"\x01no"[..]), (Profile::GenVm0_2, b"\x01no"), (Profile::GenVm0_3, b"\x01\x14no")]
    {
        let report = play(profile, Role::Leader, 0, failing);
        assert_eq!((&report.outcome, &report.receipt.nondet), (&returned(bytes), &vec![bytes.to_vec()]));
    }
    // Any value of a leader's reaches the contract; what is none is the leader's fault.
    let sync = |bytes: &[u8]| play(Profile::GenVm0_3, Role::Sync { results: vec![bytes.to_vec()] }, 0, failing).outcome;
    assert_eq!(sync(b"\x01\x09"), returned(b"\x01\x09"));
    assert_eq!(sync(b"\x01no"), returned(b"\x02leader_fault nondet_output malformed"));
}

#[test]
fn a_block_of_0_3_reads_what_its_parent_wrote_and_writes_nothing() {
    for profile in Profile::ALL {
        let report = play(profile, Role::Leader, 0, |machine| {
            if machine.message()?["entry_kind"] == Value::from(2) {
                let (read, wrote) = (machine.storage_read(1, 0, 2)?, machine.storage_write(1, 0, b"no")?);
                let read = read.map_or_else(Value::from, Value::Bytes);
                return machine.end_with("Return", Value::array([read, Value::from(wrote)]));
            }
            machine.storage_write(1, 0, b"hi")?;
            let request =
                Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]);
            machine.request("RunNondet", Value::Map(request))?.expect("it is understood");
            Ok(())
        });
        let read = if profile == Profile::GenVm0_3 { Value::Bytes(b"hi".to_vec()) } else { Value::from(FORBIDDEN) };
        let posted = [&[0][..], &Value::array([read, Value::from(FORBIDDEN)]).encode().unwrap()].concat();
        assert_eq!(report.receipt.nondet, [posted], "{}", profile.name());
    }
}

#[test]
fn messages_of_0_3_have_grouped_fractions_and_children_do_not_deploy() {
    for (time, seed, grouped) in [
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        (500_000_000, "1970-01-01T00:00:00.5Z", "1970-01-01T00:00:00.500Z"),
        (1_234_560_000, "1970-01-01T00:00:01.23456Z", "1970-01-01T00:00:01.234560Z"),
        (7, "1970-01-01T00:00:00.000000007Z", "1970-01-01T00:00:00.000000007Z"),
    ] {
        for (profile, expected) in [(Profile::Seed, seed), (Profile::GenVm0_2, seed), (Profile::GenVm0_3, grouped)] {
            let report = play(profile, Role::Leader, time, |machine| {
                let message = machine.message()?;
                machine.end_with("Return", message["datetime"].clone())
            });
            assert_eq!(report.outcome, Outcome::Return(Value::from(expected).encode().unwrap()));
        }
    }
    for (profile, knows) in [(Profile::Seed, true), (Profile::GenVm0_2, true), (Profile::GenVm0_3, false)] {
        let report = play(profile, Role::Leader, 0, |machine| {
            let message = machine.message()?;
            if message["entry_kind"] == Value::from(2) {
                return machine.end_with("Return", message["is_init"].clone());
            }
            assert_eq!(message["is_init"], Value::from(true));
            let request =
                Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]);
            machine.request("RunNondet", Value::Map(request))?.expect("it is understood");
            Ok(())
        });
        assert_eq!(report.receipt.nondet, [[&[0][..], &Value::from(knows).encode().unwrap()].concat()]);
    }
}

#[test]
fn a_signer_that_was_given_is_handed_to_every_child_and_no_other_is() {
    let signer = subvm_core::Address([9; 20]);
    for signer_address in [None, Some(signer)] {
        let mut engine = ScriptedEngine::new();
        let host = MemoryHost::new();
        let message = Message { signer_address, ..Message::default() };
        let script = engine.script(|machine| {
            let message = machine.message()?;
            let own = message.get("signer_address").cloned().unwrap_or(Value::Null);
            if message["entry_kind"] == Value::from(2) {
                return machine.end_with("Return", own);
            }
            let request =
                Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]);
            machine.request("RunNondet", Value::Map(request))?.expect("it is understood");
            machine.end_with("Return", own)
        });
        host.deploy(message.contract_address, script);
        let transaction = Run {
            message,
            entry: Entry::Contract,
            role: Role::Leader,
            params: Arc::default(),
            state: State::Accepted,
            deadline: None,
            cancel: None,
        };
        let report = run(Arc::new(engine), host.node(), transaction).1.expect("no internal error");
        let expected = signer_address.map_or(Value::Null, Value::Address).encode().unwrap();
        assert_eq!(report.outcome, Outcome::Return(expected.clone()));
        assert_eq!(report.receipt.nondet, [[&[0][..], &expected].concat()]);
    }
}

#[test]
fn the_seeds_parameters_are_as_they_were_and_the_others_come_back() {
    assert!(!Params::default().to_bytes().windows(7).any(|window| window == b"profile"));
    for profile in Profile::ALL {
        let params = Params { profile, ..Params::default() };
        assert_eq!(Params::from_bytes(&params.to_bytes()), Ok(params.clone()));
        assert_eq!(params.digest() == Params::default().digest(), profile == Profile::Seed);
    }
}
