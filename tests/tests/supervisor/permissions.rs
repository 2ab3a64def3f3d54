//! What each sub-VM may do, and what requests are refused.

use subvm_core::host::State;
use subvm_core::{PageWrite, Receipt};

use super::support::*;

#[test]
fn sandboxes_have_what_they_are_allowed_and_no_more() {
    let world = World::new(|machine| {
        let (kind, data, _) = part(machine)?;
        if kind == 1 {
            let write = machine.storage_write(0, 0, b"x")?;
            let event = map([("topics", Value::array([0i64; 0])), ("blob", map([]))]);
            let send = machine.gl_call("EmitEvent", event)?.err().unwrap_or(0);
            assert_eq!(machine.gl_call("RunNondet", block(b""))?, Err(FORBIDDEN));
            assert_eq!(machine.gl_call("CallContract", call(Value::Null, 0))?, Err(FORBIDDEN));
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
            machine.request("RunNondet", block(b""))?.unwrap();
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
fn called_contracts_are_told_who_calls_and_write_nothing() {
    let world = World::with_other(
        |machine| {
            let result = machine.request("CallContract", call("hi", 0))?.unwrap();
            machine.end_with("Return", bytes(&result))
        },
        |machine| {
            let message = machine.message()?;
            assert_eq!(message["contract_address"], Value::Address(OTHER));
            assert_eq!(message["sender_address"], Value::Address(SENDER), "unchanged");
            assert_eq!(message["stack"], Value::Array([Value::Address(CONTRACT)].into_iter().collect()));
            assert_eq!(message["entry_data"], bytes(&Value::from("hi").encode().unwrap()));
            assert_eq!(machine.storage_write(0, 0, b"x")?, FORBIDDEN);
            machine.end_with("UserError", "no")
        },
    );
    assert_eq!(world.lead().outcome, Outcome::Return(bytes(b"\x01no").encode().unwrap()));
}

/// A slot of a contract, as a state has it.
fn stored(world: &World, state: State, contract: Address, content: u8) {
    let write = PageWrite { slot: SlotId([0; 32]), page: 0, content: [content; 32] };
    let receipt = Receipt { storage: vec![write], ..world.lead().receipt };
    world.host.apply(state, contract, &receipt);
}

/// 0 is the state that the run reads, over which its own writes lie where the callee is the running contract; 1 and 2 are named.
#[test]
fn a_called_contract_reads_the_state_that_was_asked_for() {
    let own_state =
        |state: i64| map([("address", Value::Address(CONTRACT)), ("calldata", "read".into()), ("state", state.into())]);
    let read = |machine: &mut Machine<'_>| {
        let raw = machine.storage_read(0, 0, 2)?.unwrap();
        machine.end_with("Return", bytes(&raw))
    };
    let world = World::with_other(
        move |machine| {
            if part(machine)?.1 == Value::from("read").encode().unwrap() {
                return read(machine);
            }
            machine.storage_write(0, 0, b"w")?;
            let mut seen = Vec::new();
            for state in 0..3 {
                seen.extend(machine.request("CallContract", own_state(state))?);
                seen.extend(machine.request("CallContract", call("read", state))?);
            }
            machine.end_with("Return", Value::Array(seen.iter().map(|result| bytes(result)).collect()))
        },
        read,
    );
    for (state, contract, content) in [
        (State::Accepted, CONTRACT, b'a'),
        (State::Accepted, OTHER, b'A'),
        (State::Finalized, CONTRACT, b'f'),
        (State::Finalized, OTHER, b'F'),
    ] {
        stored(&world, state, contract, content);
    }
    for (state, expected) in [
        (State::Accepted, [b"wa", b"AA", b"ff", b"FF", b"aa", b"AA"]),
        (State::Finalized, [b"wf", b"FF", b"ff", b"FF", b"aa", b"AA"]),
    ] {
        let world = world.clone().reading(state);
        let results = expected.map(|raw| bytes(&returned(bytes(raw))));
        let expected = Value::Array(results.into_iter().collect()).encode().unwrap();
        assert_eq!(world.lead().outcome, Outcome::Return(expected), "{state:?}");
    }
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
            assert_eq!(machine.gl_call_bytes(&request)?, Err(INVAL), "{request:x?}");
        }
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}
