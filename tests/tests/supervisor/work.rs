//! What a node does for a request is paid, and ends when its time is over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use subvm_core::InternalErrorKind;
use subvm_core::costs::calls::{REQUEST_BYTE, REQUEST_VALUE, RESULT_BYTE, RESULT_BYTES_INCLUDED, TRANSFER};
use subvm_core::costs::{PRINTED_INT_BITS, SHOWN_RAM};
use subvm_core::host::{Clock, Node};

use super::support::*;

/// What a request costs that is none, however well-formed: base, bytes and values.
fn ticks(request: &[u8]) -> u64 {
    let request = request.to_vec();
    let world = World::new(move |machine| {
        let before = machine.ticks();
        assert_eq!(machine.gl_call_bytes(&request)?, Err(INVAL));
        machine.end_with("UserError", (before - machine.ticks()).to_string())
    });
    match world.lead().outcome {
        Outcome::UserError(ticks) => ticks.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_value_and_each_key_of_a_request_is_paid() {
    let empty = Value::array([0i64; 0]);
    for (value, values) in [
        (Value::Null, 1),
        (empty.clone(), 1),
        (Value::array(vec![Value::Null; 1_000]), 1_001),
        (Value::array(vec![empty.clone(); 1_000]), 1_001),
        (Value::array(vec![map([]); 1_000]), 1_001),
        (Value::array([Value::array([empty, 1.into()]), "text".into()]), 5),
        (map([("a", 1.into()), ("b", map([("c", Value::Null)]))]), 1 + 4 + 2),
    ] {
        let bytes = value.encode().unwrap();
        let expected = TRANSFER + bytes.len() as u64 * REQUEST_BYTE + values * REQUEST_VALUE;
        assert_eq!(ticks(&bytes), expected, "{} bytes", bytes.len());
    }
    // Nothing is taken apart of what is no calldata: an array whose last item is missing, one with more behind it, and nothing at all.
    for bytes in [&b"\x25\0\0\0"[..], b"\x0d\0\0", b""] {
        assert_eq!(ticks(bytes), TRANSFER + bytes.len() as u64 * REQUEST_BYTE);
    }
}

/// A clock that goes on by a millisecond whenever it is asked.
#[derive(Default)]
struct Asked(AtomicU32);

impl Clock for Asked {
    fn transaction_time(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed).into())
    }
}

#[test]
fn a_deadline_ends_the_taking_apart_of_a_request() {
    let empty = Value::array([0i64; 0]);
    let deep = |value: Value| (0..100).fold(value, |inner, _| Value::array([inner]));
    for value in [
        Value::array(vec![Value::Null; 200_000]),
        Value::array(vec![empty.clone(); 200_000]),
        deep(Value::array(vec![empty; 200_000])),
    ] {
        // One to return is copied, and not taken apart.
        let request = map([("Sandbox", value)]).encode().unwrap();
        let run = |deadline| {
            let request = request.clone();
            let world = World::new(move |machine| machine.gl_call_bytes(&request).map(drop));
            let node = Node { clock: Box::new(Asked::default()), ..world.host.node() };
            world.within(Duration::from_millis(deadline)).run_on(node, Role::Leader).1
        };
        assert!(run(1_000_000).is_ok());
        let late = run(10).expect_err("the clock is asked more often");
        assert_eq!(late.kind(), InternalErrorKind::Deadline);
    }
}

/// `2^bits - 1`, of that many bits.
fn of_bits(bits: u64) -> Value {
    let mut digits = num_bigint::BigInt::from(1);
    digits <<= bits;
    digits -= 1;
    Value::Int(digits.into())
}

/// To write an integer in decimal takes the square of its length, and a leader may post 16 MiB of them.
#[test]
fn long_integers_are_not_printed_for_a_model() {
    let strategies = [
        map([("Comparative", map([("principle", "any".into())]))]),
        map([("NonComparative", map([("task", "any".into()), ("criteria", "any".into())]))]),
    ];
    for strategy in strategies {
        for (bits, printed) in [(64, true), (PRINTED_INT_BITS, true), (PRINTED_INT_BITS + 1, false), (30_601, false)] {
            let strategy = strategy.clone();
            let world = World::new(move |machine| match part(machine)? {
                (0, ..) => {
                    let request = map([("data", bytes(b"7")), ("strategy", strategy.clone())]);
                    machine.request("RunNondetWith", request)?.unwrap();
                    Ok(())
                }
                _ => machine.end_with("Return", Value::array([map([("deep", 1.into())])])),
            });
            world.host.answer(map([("ok", true.into())]).encode().unwrap());
            let leaders = Value::array([map([("deep", of_bits(bits))])]);
            let report = world.run(Role::Validator { results: vec![returned(leaders)] });
            assert_eq!(matches!(report.outcome, Outcome::Return(_)), printed, "{bits} bits");
            assert_eq!(world.host.asked().len(), usize::from(printed), "{bits} bits");
        }
    }
}

/// A leader chooses how many values its answer has, and a validator pays for none of them: they are looked at as they stand.
#[test]
fn what_a_leader_says_is_compared_without_being_built() {
    const ITEMS: usize = 200_000;
    let answer = |last: i64| {
        let mut items = vec![Value::array([0i64; 0]); ITEMS];
        items.push(last.into());
        Value::array(items)
    };
    let own = map([("Return", answer(5))]).encode().unwrap();
    let world = World::new(move |machine| match part(machine)? {
        (0, ..) => {
            let strategy = map([("Numeric", map([("abs", 1.into()), ("rel_ppm", 0.into())]))]);
            machine.request("RunNondetWith", map([("data", bytes(b"")), ("strategy", strategy)]))?.unwrap();
            Ok(())
        }
        _ => machine.gl_call_bytes(&own).map(drop),
    });
    for (leaders, agrees) in [(answer(6), true), (answer(7), false)] {
        let results = vec![returned(leaders)];
        let mut report = None;
        let held = allocation_counter::measure(|| report = Some(world.run(Role::Validator { results })));
        assert_eq!(matches!(report.unwrap().outcome, Outcome::Return(_)), agrees);
        // The memory of two scripts, and some copies of either answer; values would take 48 bytes each.
        assert!(held.bytes_max < (4 << 20) + 8 * ITEMS as u64, "{} bytes", held.bytes_max);
    }
}

/// A validator shows a model what a leader posted, and what that takes is charged; where there is no RAM for it, it does not agree, and asks
/// nobody.
#[test]
fn what_a_model_is_shown_is_charged() {
    const ITEMS: usize = 200_000;
    let nulls = |items| Value::array(vec![Value::Null; items]);
    let results = |items| vec![returned(nulls(items))];
    let world = |limit: u64| {
        let world = World::new(|machine| match part(machine)? {
            (0, ..) => {
                let fields = map([("task", "any".into()), ("criteria", "any".into())]);
                let strategy = map([("NonComparative", fields)]);
                machine.request("RunNondetWith", map([("data", bytes(b"")), ("strategy", strategy)]))?.unwrap();
                Ok(())
            }
            _ => Ok(()),
        })
        .with_params(|params| params.limits.ram = limit);
        world.host.answer(map([("ok", true.into())]).encode().unwrap());
        world
    };
    let held = |items: usize| {
        let (world, results, mut report) = (world(1 << 30), results(items), None);
        let held = allocation_counter::measure(|| report = Some(world.run(Role::Validator { results })));
        let report = report.unwrap();
        assert!(matches!(report.outcome, Outcome::Return(_)), "{:?}", report.outcome);
        (held.bytes_max, report.ram_peak_nondet)
    };
    let (few, many) = (held(1), held(ITEMS));
    let charged = many.1 - few.1;
    assert_eq!(charged, SHOWN_RAM * (returned(nulls(ITEMS)).len() - returned(nulls(1)).len()) as u64);
    // Values, then their text, the text in a request, and that with the module.
    let taken = many.0 - few.0;
    assert!(taken < charged, "{taken} of {charged} bytes");
    let tight = world(4 << 20);
    let report = tight.run(Role::Validator { results: results(ITEMS) });
    assert_eq!(report.outcome, Outcome::VmError(VmError::ValidatorDisagrees { call: 0 }));
    assert!(tight.host.asked().is_empty());
}

/// Each role pays the same for a result, and who has not the gas ends alike.
#[test]
fn a_large_result_pays_for_those_who_check_it() {
    const BYTES: usize = 100_000;
    let world = |size: usize, limit: u64| {
        World::new(move |machine| match part(machine)? {
            (0, ..) => machine.gl_call("RunNondet", block(b"")).map(|made| assert!(made.is_ok())),
            (2, _, Some(_)) => machine.end_with("Return", true),
            _ => machine.end_with("Return", bytes(&vec![7; size])),
        })
        .with_params(move |params| params.limits.gas_time = limit)
    };
    let lead = |size, limit| world(size, limit).lead().receipt;
    let (small, large) = (lead(10, 1 << 30), lead(BYTES, 1 << 30));
    let posted = large.nondet[0].len() as u64;
    let price = (posted - RESULT_BYTES_INCLUDED) * RESULT_BYTE;
    assert_eq!(large.gas.time - small.gas.time, price);
    for limit in [large.gas.time, large.gas.time - 1] {
        let leaders = lead(BYTES, limit);
        assert_eq!(leaders.returned(), limit == large.gas.time);
        let results = leaders.nondet.clone();
        for role in [Role::Validator { results: results.clone() }, Role::Sync { results }] {
            let receipt = world(BYTES, limit).run(role).receipt;
            assert_eq!(receipt.digest(), leaders.digest());
        }
    }
}

#[test]
fn a_task_of_long_integers_is_shown_as_bytes() {
    let task = Value::array([of_bits(4_000)]).encode().unwrap();
    let data = task.clone();
    let world = World::new(move |machine| match part(machine)? {
        (0, ..) => {
            let fields = map([("task", "any".into()), ("criteria", "any".into())]);
            let strategy = map([("NonComparative", fields)]);
            machine.request("RunNondetWith", map([("data", bytes(&data)), ("strategy", strategy)]))?.unwrap();
            Ok(())
        }
        _ => Ok(()),
    });
    world.host.answer(map([("ok", true.into())]).encode().unwrap());
    world.run(Role::Validator { results: vec![returned("short")] });
    let asked = Value::decode(&world.host.asked()[0]).unwrap();
    let shown = asked["ExecPromptTemplate"]["input"].as_str().unwrap();
    let hex: String = task.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown, format!("b#{hex}"));
}
