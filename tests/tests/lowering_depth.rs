//! Stack that is taken for the first time in a sub-VM is paid for, once, and to the tick the same on every engine.

use subvm_core::costs::instructions::{Class, DEPTH_INCLUDED, Schedule};
use subvm_core::{Outcome, Parts, Trap, VmError, run};
use subvm_host_std::lower::{Counters, Options, STACK_UNITS, TrapKind, lower};
use subvm_tests::engines::engines;
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, Observed};
use subvm_tests::transaction::{deployed, transaction};
use wasmtime::Val;

/// Goes down below so many frames, and up again.
const DOWN: &str = "(func $down (param i32)
    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))";
/// Units of a frame of it: 8, a parameter, two operands, an eighth of eight operators.
const UNITS: i64 = 8 + 1 + 2 + 1;
/// Ticks of a frame of it beside its depth: entry, `local.get`, `if`, and where it calls, two operands, `sub` and `call`.
const CALLING: i64 = 2 + 2 + 3 + 3;
const LAST: i64 = 2 + 2;
/// Units of `f`, which has a parameter and an operand: less than eight operators.
const F: i64 = 8 + 1 + 1;

/// What going down below so many frames costs beside its depth, the operand and the call included.
fn walking(frames: i64) -> i64 {
    1 + 3 + frames * CALLING + LAST
}

/// What it costs that `f` calls `$down` with `frames`, where nobody was so deep before.
fn depth(frames: i64) -> i64 {
    let taken = F + (frames + 1) * UNITS;
    (taken - i64::from(DEPTH_INCLUDED)).max(0) * Schedule::V1.ticks(Class::Depth) as i64
}

fn observe(wat: &str, argument: i64, gas: i64, stack: i32) -> Observed {
    let lowered = lower(&wat::parse_str(wat).expect("a module"), &Options::default()).expect("an acceptable module");
    let all = Generator::ALL.map(|generator| {
        let mut machine = Machine::new(&generator.engine(), lowered.clone(), gas, stack).expect("an instance");
        machine.call("f", &[Val::I32(argument as i32)])
    });
    assert!(all.iter().all(|seen| *seen == all[0]), "{wat}: {all:?}");
    all[0].clone()
}

fn calling(calls: usize) -> String {
    format!("(module {DOWN} (func (export \"f\") (param i32) {}))", "(call $down (local.get 0))".repeat(calls))
}

#[test]
fn each_unit_is_paid_once_where_it_is_taken_first() {
    // The last frames that are free, and the first that is not.
    let free = (i64::from(DEPTH_INCLUDED) - F) / UNITS - 1;
    assert!(depth(free) == 0 && depth(free + 1) > 0);
    for frames in [0, free, free + 1, free + 500] {
        let seen = observe(&calling(1), frames, GAS, STACK_UNITS);
        assert_eq!((seen.ending, seen.stack), (Ending::Returned(vec![]), STACK_UNITS));
        assert_eq!(GAS - seen.gas, 2 + walking(frames) + depth(frames), "{frames}");
        // The way is walked again, and is no deeper.
        let seen = observe(&calling(3), frames, GAS, STACK_UNITS);
        assert_eq!(GAS - seen.gas, 2 + 3 * walking(frames) + depth(frames), "{frames}, three times");
    }
}

#[test]
fn who_cannot_pay_for_depth_goes_no_deeper() {
    let free = (i64::from(DEPTH_INCLUDED) - F) / UNITS - 1;
    let far = free + 500;
    let all = 2 + walking(far) + depth(far);
    assert_eq!(observe(&calling(1), far, all, STACK_UNITS).gas, 0);
    let seen = observe(&calling(1), far, all - 1, STACK_UNITS);
    assert_eq!((seen.ending, seen.gas), (Ending::Lowering(TrapKind::OutOfGas), -1));
    // It stops where the ticks end, not where the function would.
    let seen = observe(&calling(1), far, 2 + 1 + 3 + (free + 1) * CALLING, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::OutOfGas));
    assert_eq!(seen.frames.len() as i64, free + 3, "f, the frames that are free, and the one that is not");
}

/// The bound is the counter's, whatever was paid: where the units run out it is a stack overflow, and what was not taken is not paid.
#[test]
fn the_bound_stays_where_it_was() {
    for units in [-70_000, -1, 0, 1, 10_000].map(|more| (i64::from(DEPTH_INCLUDED) + more).max(100)) {
        let frames = (units - F) / UNITS - 1;
        let seen = observe(&calling(1), frames, GAS, units as i32);
        assert_eq!(seen.ending, Ending::Returned(vec![]), "{units}");
        let seen = observe(&calling(1), frames + 1, GAS, units as i32);
        assert_eq!(seen.ending, Ending::Lowering(TrapKind::StackOverflow), "{units}");
        assert_eq!(GAS - seen.gas, 2 + 1 + 3 + (frames + 1) * CALLING + depth(frames), "{units}");
        assert_eq!(seen.frames.len() as i64, frames + 3, "{units}");
    }
}

/// A leaf function's frame is compared, not charged.
#[test]
fn leaf_functions_pay_for_no_depth() {
    let locals = "i64 ".repeat(10_000);
    let engine = Generator::Speed.engine();
    for (call, paid) in [("", 0), ("(call $nothing)", 10_000 + 8)] {
        let wat =
            format!("(module (func $nothing) (func $with (local {locals}) {call}) (func (export \"f\") (call $with)))");
        let lowered = lower(&wat::parse_str(wat).expect("a module"), &Options::default()).expect("acceptable");
        let seen = [0, 1 << 20].map(|beyond| {
            let mut machine = Machine::new(&engine, lowered.clone(), GAS, STACK_UNITS).expect("an instance");
            machine.pay_for_depth(STACK_UNITS, beyond);
            machine.call("f", &[]).gas
        });
        // `f` has 8 units.
        assert_eq!(seen[1] - seen[0], 3 * (8 + paid), "{call:?}");
    }
}

/// The modules of a sub-VM have one stack, and one mark.
#[test]
fn modules_go_deeper_together() {
    let engine = Generator::Speed.engine();
    let with = |wat: &str, counters| {
        let options = Options { counters, ..Options::default() };
        lower(&wat::parse_str(wat).expect("a module"), &options).expect("an acceptable module")
    };
    let mut main = Machine::new(&engine, with(&calling(1), Counters::Defined), GAS, STACK_UNITS).expect("an instance");
    let first = main.call("f", &[Val::I32(9000)]);
    let mut linker = wasmtime::Linker::new(&engine);
    main.share_counters(&mut linker);
    let library = with(&calling(1), Counters::Imported);
    let module = wasmtime::Module::new(&engine, &library.wasm).expect("a module");
    let (instance, store) = main.instantiate_beside(&linker, &module);
    let f = instance.get_typed_func::<i32, ()>(&mut *store, "f").expect("f");
    f.call(&mut *store, 9001).expect("no trap");
    let second = main.call("f", &[Val::I32(0)]);
    let paid = first.gas - second.gas - (2 + walking(0));
    assert_eq!(paid, 2 + walking(9001) + depth(9001) - depth(9000));
}

/// A run that goes to the bottom, on both engines; in the main sub-VM, and in a sandbox that pays for its own stack.
#[test]
fn engines_agree_where_the_stack_ends() {
    let parts = || Parts {
        start: wat::parse_str("(module (func $down (export \"_start\") (call $down)))").expect("a module").into(),
        ..Parts::default()
    };
    let [first, second] = engines().map(|(name, engine)| {
        let report = run(engine, deployed(parts()).node(), transaction()).1.expect("no internal error");
        assert_eq!(report.outcome, Outcome::VmError(VmError::Trap(Trap::StackOverflow)), "{name}");
        report
    });
    assert_eq!((&first.receipt, &first.fingerprint), (&second.receipt, &second.fingerprint));
    // Entering takes some, and each frame 8: entry, `call`, and its depth.
    let units = i64::from(STACK_UNITS) - 4096;
    let frames = units / 8;
    let ticks = frames * (2 + 3) + (frames * 8 - i64::from(DEPTH_INCLUDED)) * 3;
    assert_eq!(first.receipt.gas.time as i64, ticks);
}
