//! The counters of lowering: exact, and the same under every code generator.

use subvm_host_std::lower::{Floats, GAS_GLOBAL, Lowered, Options, STACK_UNITS, TrapKind, lower};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, Observed};
use wasmtime::{Trap, Val};

fn lowered(wat: &str, floats: Floats) -> Lowered {
    let wasm = wat::parse_str(wat).expect("a module");
    lower(&wasm, &Options { floats, ..Options::default() }).expect("an acceptable module")
}

/// Runs `wat`'s export `f` under every generator and holds them to one observation.
fn observe(wat: &str, arguments: &[Val], gas: i64, stack: i32) -> Observed {
    let lowered = lowered(wat, Floats::Native);
    let mut all = Generator::ALL.map(|generator| {
        let mut machine = Machine::new(&generator.engine(), lowered.clone(), gas, stack).expect("an instance");
        machine.call("f", arguments)
    });
    assert_eq!(all[0], all[1], "{wat}");
    assert_eq!(all[0], all[2], "{wat}");
    let [observed, ..] = &mut all;
    observed.clone()
}

fn returned(bits: &[u128]) -> Ending {
    Ending::Returned(bits.to_vec())
}

const FACTORIAL: &str = "(module (func $f (export \"f\") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
        (else (i64.mul (local.get 0) (call $f (i64.sub (local.get 0) (i64.const 1))))))))";

#[test]
fn a_return_refunds_the_whole_stack() {
    let seen = observe(FACTORIAL, &[Val::I64(10)], GAS, STACK_UNITS);
    assert_eq!(seen.ending, returned(&[3_628_800]));
    assert_eq!(seen.stack, STACK_UNITS);
    assert!(seen.frames.is_empty());
}

#[test]
fn gas_is_the_sum_of_the_instructions_that_ran() {
    // Each level: entry 2; local.get, i64.eqz, if 1 each; then i64.const 1, or local.get twice, const, sub 1 each,
    // call 3 and, after it, mul 2.
    let seen = observe(FACTORIAL, &[Val::I64(10)], GAS, STACK_UNITS);
    assert_eq!(GAS - seen.gas, 11 * (2 + 3) + 1 + 10 * (4 + 3 + 2));
}

/// Locals are set to zero as a function is entered: three slots beyond 32 pay a tick.
#[test]
fn declared_locals_are_paid_where_a_function_is_entered() {
    let entry = |locals: &str, units: i64| {
        let seen = observe(&format!("(module (func (export \"f\") {locals}))"), &[], GAS, STACK_UNITS);
        GAS - seen.gas - 2 - units / 32
    };
    let many = |ty: &str, count: usize| format!("(local {})", format!("{ty} ").repeat(count));
    for (locals, slots, zeroed) in [
        (many("i64", 32), 32, 0),
        (many("i32", 34), 34, 0),
        (many("i32", 35), 35, 1),
        (many("f64", 1_000), 1_000, 322),
        (many("v128", 500), 1_000, 322),
    ] {
        assert_eq!(entry(&locals, 8 + slots), zeroed, "{slots} slots");
    }
    // Parameters are their caller's.
    let wide = format!(
        "(module (func $g (param {})) (func (export \"f\") {} (call $g)))",
        "i64 ".repeat(200),
        "(i64.const 0)".repeat(200)
    );
    let seen = observe(&wide, &[], GAS, STACK_UNITS);
    let (caller, callee) = (8 + 200 + 202 / 8, 8 + 200);
    assert_eq!(GAS - seen.gas, 2 + caller / 32 + 200 + 3 + 192 * 2 + 2 + callee / 32);
}

/// What takes and gives more than eight values pays 2 for each further one, but for `else` and `end`.
#[test]
fn many_values_are_paid_for_wherever_they_are_moved() {
    let values = |count| "(i64.const 1)".repeat(count);
    let results = |count| format!("(result{})", " i64".repeat(count));
    let param = |count| format!("(param{})", " i64".repeat(count));
    let drops = |count| "drop ".repeat(count);
    let ten = values(10);
    for (body, ticks) in [
        // Nothing: the constants cost 1 each.
        (format!("{ten} {}", drops(10)), 10),
        // A call gives ten; its callee costs 2 to enter, and constants.
        (format!("(call $gives) {}", drops(10)), 3 + 4 + 2 + 10),
        (format!("(call_indirect (type $gives) (i32.const 0)) {}", drops(10)), 1 + 24 + 6 + 2 + 10),
        (format!("{ten} (call $takes)"), 10 + 3 + 4 + 2),
        (format!("{} (call $both) drop", values(7)), 7 + 3 + 2 + 1),
        (format!("{} (call $both8) drop", values(8)), 8 + 3 + 2 + 2 + 1),
        // Blocks take their parameters and give them; what they give at their end is free.
        (format!("{} (block {} {}) ", values(5), param(5), drops(5)), 5 + 4),
        (format!("{} (loop {} {}) ", values(5), param(5), drops(5)), 5 + 4),
        (format!("{} (i32.const 1) if {} {} else {} end", values(4), param(4), drops(4), drops(4)), 4 + 1 + 1 + 2),
        (format!("(block {} {ten}) {}", results(10), drops(10)), 10),
        // Ways out take what the label does; those that may go on give it back.
        (format!("(block {} {ten} br 0) {}", results(10), drops(10)), 10 + 1 + 4),
        (format!("(block {} {ten} (br_if 0 (i32.const 0))) {}", results(10), drops(10)), 10 + 1 + 1 + 2 * 13),
        (format!("(block {} {ten} (br_table 0 0 (i32.const 0))) {}", results(10), drops(10)), 10 + 1 + 3 + 2 * 3),
        (format!("(call $returns) {}", drops(10)), 3 + 4 + 2 + 10 + 4),
    ] {
        let wat = format!(
            "(module (type $gives (func {results})) (table funcref (elem $gives))
                (func $gives (type $gives) {ten})
                (func $returns (type $gives) {ten} return)
                (func $takes {takes})
                (func $both {seven} (result i64) (i64.const 1))
                (func $both8 {eight} (result i64) (i64.const 1))
                (func (export \"f\") {body}))",
            results = results(10),
            takes = param(10),
            seven = param(7),
            eight = param(8),
        );
        assert_eq!(GAS - observe(&wat, &[], GAS, STACK_UNITS).gas, 2 + ticks, "{body}");
    }
}

#[test]
fn gas_that_suffices_exactly_suffices() {
    let cost = GAS - observe(FACTORIAL, &[Val::I64(10)], GAS, STACK_UNITS).gas;
    assert_eq!(observe(FACTORIAL, &[Val::I64(10)], cost, STACK_UNITS).gas, 0);
    // The multiplications after the calls are charged at no comparison point: the negative counter is what counts.
    let short = observe(FACTORIAL, &[Val::I64(10)], cost - 1, STACK_UNITS);
    assert_eq!(short.gas, -1);
}

#[test]
fn an_endless_loop_runs_out_of_gas() {
    let seen = observe("(module (func (export \"f\") (loop (br 0))))", &[], 10_000, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::OutOfGas));
    assert_eq!((seen.gas, seen.frames), (-1, vec![0]));
}

#[test]
fn a_trap_leaves_the_count_of_a_loop_behind() {
    // Gas burnt before a trap is gone: a child that burns and traps must not give it back to its parent.
    let wat = "(module (func (export \"f\") (param i32)
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))
        (drop (i32.div_u (i32.const 1) (local.get 0)))))";
    let seen = observe(wat, &[Val::I32(1000)], GAS, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
    // The count is brought up to date at each loop head; the last round and the division are not seen.
    assert_eq!(GAS - seen.gas, 2 + 999 * 6);
}

/// What is not seen is bounded, whatever the way to the trap.
#[test]
fn a_trap_hides_at_most_1024_ticks() {
    let rotations = "(local.set 0 (i32.rotl (local.get 0) (i32.const 1)))".repeat(100);
    let ifs = format!("(if (local.get 0) (then {rotations}))").repeat(20);
    let wat =
        format!("(module (func (export \"f\") (param i32) {ifs} (drop (i32.div_u (i32.const 1) (i32.const 0)))))");
    for (argument, exact) in [(0, 20 * 2), (1, 20 * (2 + 400))] {
        let seen = observe(&wat, &[Val::I32(argument)], GAS, STACK_UNITS);
        assert_eq!(seen.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
        // Entry, with a frame of 1,019 units, and the division.
        let hidden = 2 + 31 + exact + 10 - (GAS - seen.gas);
        assert!((0..=1024).contains(&hidden), "{argument}: {hidden}");
        assert!(argument == 0 || hidden < exact / 4, "{hidden}");
    }
}

/// A comparison comes before a block is charged; a block that costs much is followed by another before it runs.
#[test]
fn nothing_expensive_runs_beyond_the_limit() {
    let roots = "f64.sqrt ".repeat(20_000);
    let leaf = format!("(module (func (export \"f\") f64.const 2 {roots} drop))");
    let seen = observe(&leaf, &[], 0, STACK_UNITS);
    assert_eq!((seen.ending, seen.gas), (Ending::Lowering(TrapKind::OutOfGas), -1));
    // After calls, too, where nothing was compared before.
    let deep = format!(
        "(module (func $f (export \"f\") (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))) f64.const 2 {roots} drop))"
    );
    // So few that their stack costs nothing.
    let seen = observe(&deep, &[Val::I32(10)], 40_000, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::OutOfGas));
    assert_eq!(seen.frames.len(), 11, "the innermost call already costs too much");
}

/// The way back from calls is compared, too: a stack of frames runs no more beyond the limit than one.
#[test]
fn little_runs_beyond_the_limit() {
    let rotations = "(local.set 0 (i32.rotl (local.get 0) (i32.const 1)))".repeat(100);
    let wat = format!(
        "(module (memory 1) (func $f (export \"f\") (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
            {rotations} (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))))"
    );
    let enough = observe(&wat, &[Val::I32(100)], GAS, STACK_UNITS);
    let frame = (GAS - enough.gas) / 101;
    // The way down, and all but that on the way back.
    let seen = observe(&wat, &[Val::I32(100)], GAS - enough.gas - 100 * 400, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::OutOfGas));
    assert!((400..500).contains(&frame), "{frame}");
    let returned = 101 - seen.frames.len();
    assert!((1..=3).contains(&returned), "{returned} frames ran to their ends");
}

/// What float code costs that never runs is nobody's business: a trap shows the same under every policy.
#[test]
fn policies_agree_on_what_a_trap_shows() {
    let rotations = |times: usize| "(local.set 1 (i32.rotl (local.get 1) (i32.const 1)))".repeat(times);
    let wat = format!(
        "(module (func (export \"f\") (param i32) (local i32)
            (block $b (if (i32.eqz (local.get 0))
                (then {} (drop (f32.div (f32.const 1) (f32.const 3))) (br $b))))
            {} (drop (i32.div_u (local.get 1) (i32.const 0)))))",
        rotations(100),
        rotations(220)
    );
    let used = [Floats::Soft, Floats::Trap, Floats::Canonical, Floats::Native].map(|floats| {
        let engine = Generator::Speed.engine();
        let mut machine = Machine::new(&engine, lowered(&wat, floats), GAS, STACK_UNITS).expect("an instance");
        let seen = machine.call("f", &[Val::I32(1)]);
        assert_eq!(seen.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
        GAS - seen.gas
    });
    assert_eq!(used, [used[0]; 4]);
}

/// Whoever pays what a run used gets the same run: a count that is compared is one that a trap shows.
#[test]
fn what_was_used_suffices() {
    let wat = "(module (func $g (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        (func (export \"f\") (param i32) (result i32) (local i32)
            (loop (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (call $g (local.get 0))))";
    let seen = observe(wat, &[Val::I32(50)], GAS, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
    let enough = observe(wat, &[Val::I32(50)], GAS - seen.gas, STACK_UNITS);
    assert_eq!((enough.ending, enough.gas), (seen.ending, 0));
}

/// Most blocks charge only the local, or not even that: wherever the count can be seen, it must be whole all the same.
#[test]
fn the_count_is_exact_wherever_it_can_be_seen() {
    let counted = |wat: &str, argument: i32| {
        let seen = observe(wat, &[Val::I32(argument)], GAS, STACK_UNITS);
        (seen.ending, GAS - seen.gas)
    };
    // A trap that costs nothing, after a label that arithmetic leads to.
    let trap = "(module (func (export \"f\") (param i32)
        (if (local.get 0) (then (local.set 0 (i32.add (local.get 0) (i32.const 1))))) unreachable))";
    for (argument, ticks) in [(0, 2 + 2), (1, 2 + 2 + 4)] {
        assert_eq!(counted(trap, argument), (Ending::Trapped(Trap::UnreachableCodeReached), ticks));
    }
    // The end of the function, after a loop of arithmetic.
    let end = "(module (func (export \"f\") (param i32)
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))))";
    assert_eq!(counted(end, 1000), (returned(&[]), 2 + 1000 * 6));
    // Branches to the function's own label, one of them in a table.
    let branches = "(module (func (export \"f\") (param i32)
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (i32.gt_s (local.get 0) (i32.const 5))))
        (br_if 0 (i32.eq (local.get 0) (i32.const 5)))
        (block (br_table 0 1 (local.get 0))) (local.set 0 (i32.const 1))))";
    for (argument, ticks) in [(9, 2 + 4 * 8 + 4), (1, 2 + 8 + 4 + 1 + 3 + 2), (2, 2 + 8 + 4 + 1 + 3)] {
        assert_eq!(counted(branches, argument), (returned(&[]), ticks), "{argument}");
    }
    // Out of gas within a loop of arithmetic: at its last head all before it has been counted.
    let seen = observe(end, &[Val::I32(1000)], 2 + 999 * 6 - 1, STACK_UNITS);
    assert_eq!((seen.ending, seen.gas), (Ending::Lowering(TrapKind::OutOfGas), -1));
}

#[test]
fn a_host_call_after_arithmetic_sees_the_count() {
    let wat = "(module (import \"m\" \"remaining\" (func $remaining (result i64))) (func (export \"f\") (param i32) (result i64)
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0))) (call $remaining)))";
    for generator in Generator::ALL {
        let engine = generator.engine();
        let mut linker = wasmtime::Linker::new(&engine);
        let remaining = |mut caller: wasmtime::Caller<'_, ()>| {
            let global = caller.get_export(GAS_GLOBAL).and_then(wasmtime::Extern::into_global).expect("the counter");
            global.get(&mut caller).unwrap_i64()
        };
        linker.func_wrap("m", "remaining", remaining).expect("a new name");
        let lowered = lowered(wat, Floats::Native);
        let mut machine = Machine::link(&engine, &linker, lowered, GAS, STACK_UNITS).expect("an instance");
        let seen = machine.call("f", &[Val::I32(100)]);
        let left = GAS - (2 + 100 * 6 + 3);
        assert_eq!((seen.ending, seen.gas), (returned(&[left as u128]), left));
    }
}

#[test]
fn endless_recursion_overflows_the_stack_at_the_same_call() {
    let wat = "(module (global $n (mut i32) (i32.const 0)) (memory 1)
        (func $f (export \"f\") (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (call $f)))";
    let seen = observe(wat, &[], GAS, 12 * 1000 + 10);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::StackOverflow));
    // A frame: 8 + 3 operands + 8 operators / 8.
    assert_eq!(seen.frames.len(), 1001);
    assert_eq!(seen.stack, 10 - 12);
}

/// 8, the slots, an eighth of the operators, a quarter of the values that they give beside the first of each.
#[test]
fn a_frame_costs_what_the_specification_says() {
    let vector = "(v128.const i64x2 0 0)";
    let seven = "(nop) (nop) (nop) (nop) (nop) (nop) (nop)";
    let five = "(result i64 i64 i64 i64 i64)";
    let drops = "(drop) (drop) (drop) (drop) (drop)";
    for (body, units) in [
        (String::new(), 8),
        (format!("{seven} nop"), 8 + 1),
        (seven.to_owned(), 8 + 1),
        ("(nop) (nop) (nop) (nop) (nop) (nop)".to_owned(), 8),
        ("(param i32 v128) (local f64 v128)".to_owned(), 8 + 1 + 2 + 1 + 2),
        (format!("(drop {vector}) (drop {vector})"), 8 + 2),
        (format!("{vector} (i32.const 0) {vector} (drop) (drop) (drop)"), 8 + 5),
        // What is dead counts, and what is not there does not.
        (format!("(return) {vector} {vector} (drop) (drop)"), 8 + 4),
        (format!("{vector} (drop) (return) (drop) (drop) (i32.const 1) (i32.const 1) (drop) (drop)"), 8 + 2 + 1),
        // Operators: block, const, if, const, else, const, end, drop, end, end.
        (format!("(block (if (result v128) (i32.const 0) (then {vector}) (else {vector})) (drop))"), 8 + 2 + 1),
        // Values: the call gives five, and so does each end; branches give back what they take.
        (format!("{five} (unreachable)"), 8 + 5 + 1),
        (format!("(call $five) {drops}"), 8 + 5 + 1),
        (format!("(block {five} (call $five)) {drops}"), 8 + 5 + 1 + 2),
        (format!("(block {five} (call $five) (br_if 0 (i32.const 1)) (br_if 0 (i32.const 1))) {drops}"), 8 + 6 + 1 + 4),
        (
            "(i32.const 1) (i32.const 1) (i32.const 1) (loop (param i32 i32 i32) (drop) (drop) (drop))".to_owned(),
            8 + 3 + 1,
        ),
        (
            "(i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)
                (if (param i32 i32 i32) (then (drop) (drop) (drop)) (else (drop) (drop) (drop)))"
                .to_owned(),
            8 + 4 + 1 + 1,
        ),
    ] {
        let wat = format!("(module (func {body}) (func $five {five} unreachable))");
        let frames = lowered(&wat, Floats::Soft).report.largest_frames;
        let found = frames.iter().find(|frame| frame.function == 0).map(|frame| frame.units);
        assert_eq!(found, Some(units), "{body}");
    }
}

#[test]
fn a_leaf_only_compares() {
    let wat = "(module (func $leaf) (func (export \"f\") (call $leaf)))";
    // The caller costs 8; the leaf must find 8 more, and takes none.
    assert_eq!(observe(wat, &[], GAS, 16).stack, 16);
    let seen = observe(wat, &[], GAS, 15);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::StackOverflow));
    assert_eq!((seen.stack, seen.frames), (7, vec![0, 1]));
}

#[test]
fn a_frame_that_fits_exactly_fits() {
    // It calls, if it is asked to: 8, an operand, and no more.
    let wat = "(module (func $g) (func (export \"f\") (param i32) (if (local.get 0) (then (call $g)))))";
    let units = 8 + 1 + 1;
    let seen = observe(wat, &[Val::I32(0)], GAS, units);
    assert_eq!((seen.ending, seen.stack), (returned(&[]), units));
    let seen = observe(wat, &[Val::I32(0)], GAS, units - 1);
    assert_eq!((seen.ending, seen.stack), (Ending::Lowering(TrapKind::StackOverflow), -1));
}

#[test]
fn tail_calls_refund_before_they_transfer() {
    let wat = "(module (table 1 funcref) (elem (i32.const 0) $g) (type $t (func (param i32) (result i32)))
        (func $f (export \"f\") (param i32) (result i32) (return_call_indirect (type $t) (local.get 0) (i32.const 0)))
        (func $g (param i32) (result i32)
            (if (result i32) (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))
                (else (i32.const 7)))))";
    let seen = observe(wat, &[Val::I32(100_000)], GAS, 20);
    assert_eq!(seen.ending, returned(&[7]));
    assert_eq!(seen.stack, 20);
}

#[test]
fn every_way_out_refunds_and_keeps_its_values() {
    let wat = "(module (func $call) (func (export \"f\") (param i32) (result i32 i64)
        (call $call)
        (block $out
            (br_table 0 1 2 3 (local.get 0)))
        (if (i32.eq (local.get 0) (i32.const 0)) (then (return (i32.const 10) (i64.const 20))))
        (br_if 0 (i32.const 11) (i64.const 21) (i32.eq (local.get 0) (i32.const 1))) (drop) (drop)
        (i32.const 12) (i64.const 22)))";
    // Only target 0 has no operands: make the table's other targets the same block.
    let wat = wat.replace("br_table 0 1 2 3", "br_table 0 0 0 0");
    for (argument, results) in [(0, [10, 20]), (1, [11, 21]), (2, [12, 22])] {
        let seen = observe(&wat, &[Val::I32(argument)], GAS, STACK_UNITS);
        assert_eq!(seen.ending, returned(&results));
        assert_eq!(seen.stack, STACK_UNITS);
    }
}

#[test]
fn a_branch_to_the_function_is_a_return() {
    let wat = "(module (func $call) (func (export \"f\") (param i32) (result i32)
        (call $call)
        (block (result i32) (block (result i32)
            (i32.const 5) (br_table 2 1 0 (local.get 0))) (i32.const 1) (i32.add) (br 1))
        (i32.const 100) (i32.add)))";
    for (argument, result) in [(0, 5), (1, 105), (2, 6)] {
        let seen = observe(wat, &[Val::I32(argument)], GAS, STACK_UNITS);
        assert_eq!((seen.ending, seen.stack), (returned(&[result]), STACK_UNITS));
    }
}

#[test]
fn growth_is_charged_by_the_page_before_it_happens() {
    let wat = "(module (memory 1) (func (export \"f\") (param i32) (result i32) (memory.grow (local.get 0))))";
    let seen = observe(wat, &[Val::I32(3)], GAS, STACK_UNITS);
    assert_eq!(seen.ending, returned(&[1]));
    assert_eq!(GAS - seen.gas, 2 + 1 + 2000 + 3 * 32_768);
    let seen = observe(wat, &[Val::I32(3)], 2 + 1 + 2000 + 3 * 32_768 - 1, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Lowering(TrapKind::OutOfGas));
    assert_eq!((seen.frames, seen.memories.len()), (vec![0], 1));
    assert_eq!(seen.memories[0], *blake3::hash(&[0; 65536]).as_bytes());
}

#[test]
fn bulk_instructions_are_charged_by_the_size_asked_for() {
    let wat = "(module (memory 1) (func (export \"f\") (param i32)
        (memory.fill (i32.const 0) (i32.const 1) (local.get 0))))";
    let seen = observe(wat, &[Val::I32(800)], GAS, STACK_UNITS);
    assert_eq!(GAS - seen.gas, 2 + 3 + 30 + 100);
    let seen = observe(wat, &[Val::I32(-1)], GAS, STACK_UNITS);
    assert_eq!(seen.ending, Ending::Trapped(Trap::MemoryOutOfBounds));
    assert_eq!(GAS - seen.gas, 2 + 3 + 30 + (u32::MAX as i64) / 8);
    assert_eq!(seen.frames, [0]);
}

#[test]
fn the_memory_of_one_instance_counts_in_its_library() {
    let engine = Generator::Speed.engine();
    let main = lowered("(module (func (export \"f\")))", Floats::Native);
    let mut main = Machine::new(&engine, main, 1000, 100).expect("an instance");
    let mut linker = wasmtime::Linker::new(&engine);
    main.share_counters(&mut linker);
    let library = wat::parse_str(
        "(module (global $g (mut i32) (i32.const 5)) (global $h i32 (i32.const 6))
            (func (export \"f\") (result i32) (global.set $g (i32.add (global.get $g) (global.get $h))) (global.get $g)))",
    );
    let options = Options { counters: subvm_host_std::lower::Counters::Imported, ..Options::default() };
    let library = lower(&library.expect("a module"), &options).expect("an acceptable module");
    let module = wasmtime::Module::new(&engine, &library.wasm).expect("a module");
    assert_eq!(module.exports().count(), 1, "imported counters are not exported again");
    let (instance, store) = main.instantiate_beside(&linker, &module);
    let f = instance.get_typed_func::<(), i32>(&mut *store, "f").expect("f");
    assert_eq!(f.call(&mut *store, ()).expect("no trap"), 11);
    assert_eq!(main.call("f", &[]).gas, 1000 - (2 + 5) - 2);
}
