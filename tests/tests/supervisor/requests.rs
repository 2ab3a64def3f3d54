//! Every request of `gl_call`, and every way in which one of its fields can be wrong. The rules are those of `docs/spec/sdk.md`.

use subvm_core::InternalErrorKind;
use subvm_core::calldata::Int;
use subvm_core::host::{EthAnswer, State};
use subvm_core::sdk;
use subvm_host_mock::Printed;
use subvm_tests::requests::{Field, REQUESTS};

use super::support::*;

/// 2^256 - 1 and 2^256.
const LARGEST_WORD: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
const NO_WORD: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639936";

/// Values of every kind, and at the edges of every rule.
fn candidates() -> Vec<Value> {
    let word = |text: &str| Value::Int(text.parse().unwrap());
    let topics = |count: usize, size: usize| Value::Array((0..count).map(|_| bytes(&vec![1; size])).collect());
    let mut all: Vec<Value> =
        ["x", "accepted", "finalized", "text", "html", "screenshot", "json", "StrictEq"].map(Value::from).into();
    all.extend(["EqComparative", "EqNonComparativeLeader", "EqNonComparativeValidator"].map(Value::from));
    all.extend([Value::Null, true.into(), false.into(), bytes(b""), bytes(b"bytes"), Value::Address(OTHER)]);
    all.extend([-1, 0, 1, 2, 3, i64::MAX].map(Value::from));
    all.extend([word(LARGEST_WORD), word(NO_WORD)]);
    all.extend([topics(0, 0), topics(4, 32), topics(5, 32), topics(1, 31), topics(2, 5), topics(3, 5)]);
    all.extend([map([]), map([("h", bytes(b"v"))]), map([("h", "v".into())]), Value::array(["a"])]);
    all
}

/// Whether a value is one that the field may have.
fn fits(field: Field, value: &Value) -> bool {
    let one_of = |texts: &[&str]| value.as_str().is_some_and(|text| texts.contains(&text));
    let all_bytes = |items: &[Value], len: Option<usize>| {
        items.iter().all(|item| item.as_bytes().is_some_and(|bytes| len.is_none_or(|len| bytes.len() == len)))
    };
    let largest_word = || LARGEST_WORD.parse::<Int>().unwrap();
    match (field, value) {
        (Field::Any, _)
        | (Field::Bytes | Field::Body, Value::Bytes(_))
        | (Field::Body, Value::Null)
        | (Field::Bool, Value::Bool(_))
        | (Field::Str, Value::Str(_))
        | (Field::Address, Value::Address(_))
        | (Field::Map, Value::Map(_)) => true,
        (Field::Word, Value::Int(int)) => *int >= 0.into() && *int <= largest_word(),
        (Field::Ticks, Value::Int(int)) => *int >= 0.into(),
        (Field::State, Value::Int(int)) => *int >= 0.into() && *int <= 2.into(),
        (Field::Headers, Value::Map(map)) => map.values().all(|value| value.as_bytes().is_some()),
        (Field::Topics, Value::Array(items)) => items.len() <= 4 && all_bytes(items, Some(32)),
        (Field::Images, Value::Array(items)) => items.len() <= 2 && all_bytes(items, None),
        (Field::On, _) => one_of(&["accepted", "finalized"]),
        (Field::RenderMode, _) => one_of(&["text", "html", "screenshot"]),
        (Field::Format, _) => one_of(&["text", "json"]),
        (Field::Strategy, _) => one_of(&["StrictEq"]),
        (Field::Is(text), _) => one_of(&[text]),
        _ => false,
    }
}

/// The first value that fits, for every field.
fn good(fields: &[(&'static str, Field)]) -> Map {
    let candidates = candidates();
    let first = |field| candidates.iter().find(|value| fits(field, value)).expect("there is one").clone();
    fields.iter().map(|(name, field)| (*name, first(*field))).collect()
}

/// All requests with one field changed, and whether each is well-formed still.
fn changed() -> Vec<(&'static str, Map, bool)> {
    let mut all = Vec::new();
    for (name, fields) in REQUESTS {
        let good = good(fields);
        all.push((name, good.clone(), true));
        let mut more = good.clone();
        more.insert("more", 1);
        all.push((name, more, false));
        for (field, kind) in fields {
            let mut less = good.clone();
            less.remove(field);
            all.push((name, less, *field == "gas_time"));
            for value in candidates() {
                let mut other = good.clone();
                let fits = fits(*kind, &value);
                other.insert(*field, value);
                all.push((name, other, fits));
            }
        }
    }
    all
}

/// Makes all of them; what is none is `inval`, whatever the sub-VM may do, and nothing else is.
fn make_all(machine: &mut Machine<'_>) -> Result<()> {
    for (name, fields, well_formed) in changed() {
        match machine.gl_call(name, Value::Map(fields.clone()))? {
            Ok(Some(fd)) => {
                machine.wasi("fd_close", &[fd.into()])?;
                assert!(well_formed, "{name} {fields:?}");
            }
            Ok(None) => assert!(well_formed, "{name} {fields:?}"),
            Err(errno) => assert_eq!(errno != INVAL, well_formed, "{name} {fields:?}: errno {errno}"),
        }
    }
    Ok(())
}

#[test]
fn a_field_that_is_wrong_is_inval_in_every_request() {
    let world = World::new(|machine| match part(machine)? {
        // Called by itself, as by a request.
        (0, data, _) if data == b"" => {
            let result = machine.request("RunNondet", block(b"all"))?.unwrap();
            assert_eq!(result, [0, 0], "{}", String::from_utf8_lossy(&result));
            make_all(machine)
        }
        (2, data, _) if data == b"all" => make_all(machine),
        _ => Ok(()),
    });
    let requests = changed();
    let of_modules = requests.iter().filter(|(name, _, well_formed)| {
        *well_formed && ["WebRequest", "WebRender", "ExecPrompt", "ExecPromptTemplate"].contains(name)
    });
    (0..of_modules.count()).for_each(|_| world.host.answer(map([("ok", Value::Null)]).encode().unwrap()));
    assert!(requests.len() > 1000 && requests.iter().filter(|(.., well_formed)| *well_formed).count() > 150);
    assert_eq!(world.lead().outcome, Outcome::null());
}

/// An engine need not say what is left of the stack where nothing will ask.
#[test]
fn only_requests_that_are_said_to_spawn_need_stack_units() {
    let world = World::new(|machine| {
        if part(machine)?.0 != 0 {
            return Ok(());
        }
        for (name, fields) in REQUESTS {
            let request = map([(name, Value::Map(good(fields)))]).encode().unwrap();
            let (place, len) = (4096, request.len() as u32);
            machine.mem()[place as usize..][..request.len()].copy_from_slice(&request);
            let told = sdk::spawns("gl_call", machine.mem(), &[place, len, 0]);
            assert_eq!(told, ["Sandbox", "CallContract"].contains(&name), "{name}");
            // Not where its name is cut, nor where it is beyond memory.
            assert!(!sdk::spawns("gl_call", machine.mem(), &[place, 5, 0]), "{name}");
            assert!(!sdk::spawns("gl_call", &machine.mem()[..4096], &[place, len, 0]), "{name}");
            let mut guest = machine.guest();
            guest.stack_units = -1;
            match sdk::entry::gl_call(&mut guest, place, len, 0).map_err(End::into_result) {
                Ok(errno) => assert!(!told && errno != INVAL, "{name}: errno {errno}"),
                Err(Err(error)) => assert!(told && error.kind() == InternalErrorKind::Bug, "{name}: {error}"),
                Err(Ok(outcome)) => panic!("{name}: {outcome:?}"),
            }
        }
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn the_templates_have_fields_of_their_own() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            assert_eq!(machine.request("RunNondet", block(b""))?.unwrap(), [0, 0]);
            return Ok(());
        }
        let templates = [
            ("EqComparative", vec!["leader_answer", "validator_answer", "principle"]),
            ("EqNonComparativeLeader", vec!["task", "criteria", "input"]),
            ("EqNonComparativeValidator", vec!["task", "criteria", "input", "output"]),
        ];
        for (template, fields) in &templates {
            for (other, _) in &templates {
                let mut request: Map = fields.iter().map(|field| (*field, Value::from("x"))).collect();
                request.insert("template", *other);
                let expected = if template == other { Ok(()) } else { Err(INVAL) };
                let found = machine.gl_call("ExecPromptTemplate", Value::Map(request))?.map(|_| ());
                assert_eq!(found, expected, "fields of {template} for {other}");
            }
        }
        Ok(())
    });
    (0..3).for_each(|_| world.host.answer(map([("ok", Value::Null)]).encode().unwrap()));
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn messages_stand_in_the_receipt_as_they_were_made() {
    let requests = ["PostMessage", "DeployContract", "EthSend", "EmitEvent"].map(|name| {
        let (_, fields) = REQUESTS.iter().find(|(other, _)| *other == name).unwrap();
        map([(name, Value::Map(good(fields)))]).encode().unwrap()
    });
    let made = requests.clone();
    let world = World::new(move |machine| {
        for request in &made {
            assert_eq!(machine.gl_call_bytes(request)?, Ok(None));
        }
        Ok(())
    });
    world.host.set_balance(CONTRACT, 1000);
    assert_eq!(world.lead().receipt.messages, requests);
}

#[test]
fn a_call_below_gives_the_bytes_that_it_answers() {
    let world = World::new(|machine| {
        let request = map([("address", Value::Address(OTHER)), ("calldata", bytes(b"ask"))]);
        let result = machine.request("EthCall", request)?.unwrap();
        machine.end_with("Return", bytes(&result))
    });
    let answer = bytes(&[&OTHER.0[..], b"ask"].concat()).encode().unwrap();
    assert_eq!(world.lead().outcome, Outcome::Return(bytes(&answer).encode().unwrap()));
}

/// A call below that reverts or is refused is a result, by which a contract goes on: only the node's own failure ends the run.
#[test]
fn a_call_below_that_fails_is_a_result() {
    let revert = |raw: &[u8]| map([("revert", bytes(raw))]);
    for (answer, seen) in [
        (EthAnswer::Returned(Vec::new()), bytes(b"")),
        (EthAnswer::Reverted(b"no".to_vec()), revert(b"no")),
        (EthAnswer::Reverted(Vec::new()), revert(b"")),
        (EthAnswer::Refused, map([("refused", Value::Null)])),
    ] {
        let world = World::new(|machine| {
            let request = map([("address", Value::Address(OTHER)), ("calldata", bytes(b"ask"))]);
            let result = machine.request("EthCall", request)?.unwrap();
            machine.end_with("Return", Value::decode(&result).expect("canonical calldata"))
        });
        world.host.set_eth_answer(State::Accepted, OTHER, answer);
        assert_eq!(world.lead().outcome, Outcome::Return(seen.encode().unwrap()));
    }
}

#[test]
fn user_errors_have_an_older_name() {
    for name in ["UserError", "Rollback"] {
        let report = World::new(move |machine| machine.end_with(name, "no ≠ yes")).lead();
        assert_eq!(report.outcome, Outcome::UserError("no ≠ yes".into()));
    }
}

#[test]
fn traces_are_printed_and_tell_no_time_to_whom_it_would_matter() {
    let world = World::new(|machine| {
        let (kind, ..) = part(machine)?;
        let message = machine.gl_call("Trace", map([("Message", format!("in {kind}").into())]))?;
        assert_eq!(message, Ok(None));
        let micros = machine.request("Trace", "RuntimeMicroSec")?.unwrap();
        assert_eq!(micros, Value::from(if kind == 0 { 0 } else { 1_500_000 }).encode().unwrap());
        if kind == 0 {
            assert_eq!(machine.request("RunNondet", block(b""))?.unwrap(), [0, 0]);
        }
        for bad in [Value::Null, "Runtime".into(), map([("Message", 1.into())]), map([("Note", "x".into())])] {
            assert_eq!(machine.gl_call("Trace", bad)?, Err(INVAL));
        }
        Ok(())
    });
    world.host.pass(std::time::Duration::from_millis(1500));
    assert_eq!(world.lead().outcome, Outcome::null());
    assert_eq!(world.host.printed(), Printed { trace: vec!["in 0".into(), "in 2".into()], ..Printed::default() });
}

#[test]
fn balances_are_little_endian_and_hidden_from_blocks() {
    /// Where the address stands, and where the balance comes to stand.
    const PLACES: [u32; 2] = [100, 200];
    fn balance(machine: &mut Machine<'_>, address: Address) -> Result<(u32, [u8; 32])> {
        machine.mem()[100..120].copy_from_slice(&address.0);
        let errno = sdk::entry::get_balance(&mut machine.guest(), PLACES[0], PLACES[1])?;
        Ok((errno, machine.mem()[200..232].try_into().unwrap()))
    }
    let world = World::new(|machine| {
        if part(machine)?.0 == 2 {
            assert_eq!(balance(machine, OTHER)?, (FORBIDDEN, [0; 32]));
            assert_eq!(machine.own_balance()?, Err(FORBIDDEN));
            return Ok(());
        }
        let mut expected = [0; 32];
        expected[..2].copy_from_slice(&[0x39, 0x30]);
        assert_eq!(balance(machine, OTHER)?, (0, expected));
        let send = map([("address", Value::Address(OTHER)), ("calldata", bytes(b"")), ("value", 30.into())]);
        assert_eq!(machine.gl_call("EthSend", send)?, Ok(None));
        // What the chain knows has not changed; what is left to send has.
        assert_eq!(balance(machine, CONTRACT)?.1[0], 100);
        assert_eq!(machine.own_balance()?, Ok(70));
        assert_eq!(machine.request("RunNondet", block(b""))?.unwrap(), [0, 0]);
        Ok(())
    });
    world.host.set_balance(OTHER, 12_345);
    world.host.set_balance(CONTRACT, 100);
    assert_eq!(world.lead().outcome, Outcome::null());
}

/// To the guest it is an errno; people are told what was wrong with it, in one bounded line, whatever the guest called it.
#[test]
fn a_refused_request_says_which_field_it_was() {
    let world = World::new(|machine| {
        for (name, fields) in [
            ("EthSend", map([("address", Value::Address(OTHER)), ("value", 1.into())])),
            ("EthSend", map([("address", "x".into()), ("calldata", bytes(b"")), ("value", 1.into())])),
            ("TraceMessage", map([])),
            ("Return\u{1b}", map([])),
            ("UserError", map([])),
        ] {
            assert!(machine.request(name, fields)?.is_err(), "{name}");
        }
        Ok(())
    });
    let notes = world.lead().diagnostics;
    assert_eq!(
        notes,
        [
            "gl_call refused a request: EthSend lacks the field calldata",
            "gl_call refused a request: the field address of EthSend is not what it takes",
            "gl_call refused a request: there is no request TraceMessage",
            "gl_call refused a request: there is no request Return\\u{1b}",
            "gl_call refused a request: the argument of UserError is not what it takes",
        ]
    );
}
