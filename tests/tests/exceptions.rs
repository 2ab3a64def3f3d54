//! Exceptions: gas, stack units and RAM are what the specification says, wherever one is thrown and caught.
//!
//! Programs that are generated, and a model of them, are in `subvm_tests::fuzz::throwing`.

use std::sync::{Arc, LazyLock};

use subvm_core::{
    Engine, InternalErrorKind, Invalid, Library, Outcome, Params, Parts, Report, Resource, Run, Trap, VmError, run,
};
use subvm_host_std::lower::{
    EXCEPTIONS, FEATURES, Floats, Limit, Lowered, Options, Refusal, STACK_UNITS, TrapKind, lower, unwinding_ticks,
};
use subvm_host_std::{Codegen, WasmtimeEngine};
use subvm_tests::engines;
use subvm_tests::fuzz::throwing::{self, Compared};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, Observed};
use subvm_tests::transaction::{deployed, transaction};
use wasmtime::Val;

const OPTIONS: Options = Options { exceptions: true, ..subvm_tests::lowered::NATIVE };

fn lowered(wat: &str) -> Lowered {
    let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    lower(&wasm, &OPTIONS).unwrap_or_else(|refusal| panic!("{refusal}\n{wat}"))
}

/// Runs `wat`'s export `f` under every generator and holds them to one observation.
fn observe_with(wat: &str, arguments: &[Val], gas: i64) -> Observed {
    let lowered = lowered(wat);
    let [first, others @ ..] = Generator::ALL.map(|generator| {
        let mut machine = Machine::new(&generator.engine(), lowered.clone(), gas, STACK_UNITS).expect("an instance");
        machine.call("f", arguments)
    });
    others.iter().for_each(|other| assert_eq!(first, *other, "{wat}"));
    first
}

fn observe(wat: &str, arguments: &[Val]) -> Observed {
    observe_with(wat, arguments, GAS)
}

fn returned(bits: &[u128]) -> Ending {
    Ending::Returned(bits.to_vec())
}

static EVERY: LazyLock<Vec<(Codegen, Arc<dyn Engine>)>> = LazyLock::new(|| {
    let engine = |codegen| Arc::new(WasmtimeEngine::with(codegen).expect("this machine runs wasmtime"));
    Codegen::ALL.into_iter().map(|codegen| (codegen, engine(codegen) as Arc<dyn Engine>)).collect()
});

fn allowed() -> Params {
    Params { exceptions: true, ..Params::default() }
}

fn run_on(engine: &Arc<dyn Engine>, parts: &Parts, params: &Params) -> Report {
    let run_of = Run { params: Arc::new(params.clone()), ..transaction() };
    run(engine.clone(), deployed(parts.clone()).node(), run_of).1.expect("no internal error")
}

/// Runs a contract under every code generator, and holds them to one report.
fn report(parts: &Parts, params: &Params) -> Report {
    let first = run_on(&EVERY[0].1, parts, params);
    for (codegen, engine) in &EVERY[1..] {
        engines::same(&format!("{codegen:?}"), &first, &run_on(engine, parts, params));
    }
    first
}

fn start(body: &str) -> Parts {
    engines::parts(&format!("(module (tag $e) (tag $v (param i64)) {body})"))
}

fn outcome(body: &str, params: &Params) -> Outcome {
    report(&start(body), params).outcome
}

/// A throw through so many frames of `$deep`, whose units are 8, 1 slot, 2 operands and 1 for 13 operators, costs 8 ticks for each unit.
const DEEP: &str = "(module (tag $e (param i32))
    (func $deep (param i32)
        (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 7))))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))
    (func (export \"f\") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (catch $e $caught) (call $deep (local.get 0)))
            (i32.const 0))))";

#[test]
fn a_catch_refunds_the_frames_that_were_left_and_pays_for_them() {
    let units = lowered(DEEP).report.largest_frames.iter().find(|frame| frame.function == 0).unwrap().units;
    assert_eq!(units, 8 + 1 + 2 + 12 / 8);
    for frames in [0, 1, 2, 1_000] {
        let seen = observe(DEEP, &[Val::I32(frames)]);
        assert_eq!((&seen.ending, seen.stack), (&returned(&[7]), STACK_UNITS), "{frames}");
        // `f`: entry 2, a clause 8, `local.get` 1, `call` 3. Each frame: entry 2, then 3, and 3 + 3 for the next call, or 1 + 500.
        let frames = i64::from(frames);
        let model = 2 + 8 + 1 + 3 + frames * (2 + 3 + 6) + (2 + 3 + 1 + 500) + (frames + 1) * i64::from(units) * 8;
        assert_eq!(GAS - seen.gas, model, "{frames}");
    }
    assert_eq!(unwinding_ticks(&OPTIONS.schedule, 12), 96);
}

#[test]
fn generated_programs_are_what_the_model_says() {
    let mut compared = Compared::default();
    let rounds = std::env::var("SUBVM_ROUNDS").map_or(150, |rounds| rounds.parse().expect("a number"));
    for round in 0..rounds {
        let mut state = (11_u64 << 32 | round).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes = std::iter::repeat_with(|| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        });
        compared += throwing::programs(&bytes.take(2_000).collect::<Vec<u8>>());
    }
    let enough = [compared.returned, compared.uncaught, compared.caught].map(|count| count >= rounds as usize / 10);
    assert_eq!(enough, [true; 3], "{compared:?}");
}

/// A million exceptions that are thrown and caught, from a function that is called, and thrown again.
#[test]
fn a_loop_that_throws_a_million_times_costs_a_million_times_as_much() {
    let text = |rounds: u32| {
        format!(
            "(module (tag $e) (func $throws (throw $e))
            (func (export \"f\") (local $i i32) (local.set $i (i32.const {rounds}))
                (loop $next
                    (block $caught
                        (try_table (catch $e $caught) (call $throws)))
                    (br_if $next (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))"
        )
    };
    // A clause, a call, an entry, a throw, a frame of 8 units, and the loop.
    let round = 8 + 3 + 2 + 500 + 8 * 8 + 5;
    for (rounds, gas, generators) in [(10_i64, GAS, &Generator::ALL[..]), (1_000_000, 2 * GAS, &Generator::ALL[1..2])] {
        for generator in generators {
            let lowered = lowered(&text(rounds as u32));
            let mut machine = Machine::new(&generator.engine(), lowered, gas, STACK_UNITS).unwrap();
            let seen = machine.call("f", &[]);
            assert_eq!((seen.ending, seen.stack), (returned(&[]), STACK_UNITS));
            assert_eq!(gas - seen.gas, 2 + 2 + rounds * round);
        }
    }
}

/// Labels of every kind are caught at, and reached by every other way: gas is the same as it would be by the text.
#[test]
fn labels_that_catch_are_labels() {
    // `x` says which way: 0 throws; 1 `br`; 2 `br_if`; 3 `br_table`; else the end.
    let ways = "(if (i32.eqz (local.get 0)) (then (throw $e)))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (br $label)))
        (br_if $label (i32.eq (local.get 0) (i32.const 2)))
        (block $other (br_table $other $other $other $label $other (local.get 0)))";
    let block = format!("(block $label (try_table (catch_all $label) {ways}))");
    let in_if = format!("(if $label (i32.const 1) (then (try_table (catch_all $label) {ways})))");
    let in_else = format!("(if $label (i32.const 0) (then) (else (try_table (catch_all $label) {ways})))");
    let around_if = format!("(if $label (local.get 1) (then (try_table (catch_all $label) {ways})))");
    for (inner, before, lands) in [(&block, 0, 0), (&in_if, 2, 0), (&in_else, 2, 0), (&around_if, 2, 0)] {
        let text = format!(
            "(module (tag $e) (func (export \"f\") (param i32 i32) (result i32) (call 1 (i32.const 0)) {inner} (i32.const 5)) (func (param i32)))"
        );
        let common = 2 + 1 + 3 + 2 + 8 + 1 + before + lands;
        // Up to the `throw`: 3, the first `br`: 3 + 4 + 1, and so on.
        for (way, ticks) in [(0, 3 + 500), (1, 3 + 4 + 1), (2, 3 + 4 + 4), (3, 3 + 4 + 4 + 4), (4, 3 + 4 + 4 + 4)] {
            let seen = observe(&text, &[Val::I32(way), Val::I32(1)]);
            assert_eq!((&seen.ending, seen.stack), (&returned(&[5]), STACK_UNITS), "{text} {way}");
            assert_eq!(GAS - seen.gas, common + ticks, "{text} {way}");
        }
    }
    let around = format!("(module (tag $e) (func (export \"f\") (param i32 i32) {around_if}))");
    let seen = observe(&around, &[Val::I32(0), Val::I32(0)]);
    assert_eq!((seen.ending, GAS - seen.gas), (returned(&[]), 2 + 2), "the way around");
    // The function's own label, and a loop's: each round throws, and comes back to the head.
    let ways = ways.replace("(br $label)", "(return)").replace("(br_if $label", "(br_if 1").replace("$label", "2");
    let function =
        format!("(module (tag $e) (func (export \"f\") (param i32) (try_table (catch_all 0) {ways}) (nop)))");
    for (way, ticks) in [(0, 503), (1, 7), (2, 11), (3, 15), (4, 15)] {
        let seen = observe(&function, &[Val::I32(way)]);
        assert_eq!((seen.ending, GAS - seen.gas, seen.stack), (returned(&[]), 2 + 8 + ticks, STACK_UNITS), "{way}");
    }
    let looped = "(module (tag $e) (func (export \"f\") (param i32) (loop $again
        (br_if 1 (i32.eqz (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (try_table (catch_all $again) (throw $e)))))";
    let looped = looped.replace("(loop $again", "(block (loop $again").replace("(throw $e)))))", "(throw $e))))))");
    let seen = observe(&looped, &[Val::I32(9)]);
    assert_eq!((seen.ending, seen.stack), (returned(&[]), STACK_UNITS));
    assert_eq!(GAS - seen.gas, 2 + 10 * 3 + 9 * (4 + 8 + 500));
}

/// `exnref` as parameters, results, locals, in tables, in globals and through blocks, and thrown again from there.
#[test]
fn exceptions_are_values() {
    let text = "(module (tag $e (param i32 f64))
        (table $kept 4 exnref) (global $last (mut exnref) (ref.null exn))
        (func $catch (param i32) (result i32 f64 exnref)
            (block $caught (result i32 f64 exnref)
                (try_table (catch_ref $e $caught) (throw $e (local.get 0) (f64.const 1.5)))
                unreachable))
        (func $again (param exnref) (result exnref) (local exnref)
            (local.set 1 (local.get 0))
            (block $caught (result exnref)
                (try_table (catch_all_ref $caught) (throw_ref (local.get 1)))
                unreachable))
        (func (export \"f\") (param i32) (result i32 f64)
            (call $catch (local.get 0))
            (global.set $last)
            (drop) (drop)
            (table.fill $kept (i32.const 0) (global.get $last) (i32.const 3))
            (table.set $kept (i32.const 3) (call $again (table.get $kept (i32.const 1))))
            (drop (table.grow $kept (ref.null exn) (i32.const 2)))
            (if (ref.is_null (table.get $kept (i32.const 3))) (then unreachable))
            (if (i32.eqz (ref.is_null (table.get $kept (i32.const 5)))) (then unreachable))
            (block $caught (result i32 f64)
                (try_table (catch $e $caught) (throw_ref (table.get $kept (i32.const 3))))
                unreachable)))";
    let seen = observe(text, &[Val::I32(41)]);
    assert_eq!((seen.ending, seen.stack), (returned(&[41, 1.5_f64.to_bits().into()]), STACK_UNITS));
}

/// What is thrown is made canonical before it is seen, and float helpers within a `try_table` are no matter.
#[test]
fn thrown_floats_are_the_same_under_every_policy() {
    let text = "(module (tag $e (param f32 f64))
        (func (export \"f\") (param f32) (result i32 i64) (local f64)
            (block $caught (result f32 f64)
                (try_table (catch $e $caught)
                    (throw $e (f32.div (local.get 0) (f32.const 0)) (f64.sqrt (f64.const -2))))
                unreachable)
            (local.set 1)
            (i32.reinterpret_f32)
            (i64.reinterpret_f64 (local.get 1))))";
    let wasm = wat::parse_str(text).unwrap();
    for floats in [Floats::Soft, Floats::Canonical] {
        let lowered = lower(&wasm, &Options { floats, ..OPTIONS }).expect("accepted");
        for generator in Generator::ALL {
            let mut machine = Machine::new(&generator.engine(), lowered.clone(), GAS, STACK_UNITS).unwrap();
            let seen = machine.call("f", &[Val::F32(0)]);
            assert_eq!(seen.ending, returned(&[0x7fc0_0000, 0x7ff8_0000_0000_0000]), "{floats:?}");
        }
    }
}

#[test]
fn gas_that_runs_out_at_a_catch_is_seen_there() {
    let (all, few) = (observe(DEEP, &[Val::I32(500)]), 12 * 8);
    let used = GAS - all.gas;
    // The frames that were left are charged where the exception comes in.
    for gas in [used, used - 1, used - few, used - 501 * few, used - 501 * few - 1] {
        let seen = observe_with(DEEP, &[Val::I32(500)], gas);
        let enough = if gas == used { returned(&[7]) } else { Ending::Lowering(TrapKind::OutOfGas) };
        assert_eq!(seen.ending, enough, "{gas}");
    }
}

#[test]
fn an_exception_that_nothing_catches_is_an_error_of_its_own() {
    let uncaught = Outcome::VmError(VmError::Trap(Trap::UncaughtException));
    for body in [
        "(func (export \"_start\") (throw $e))",
        "(func (export \"_start\") (throw $v (i64.const 1)))",
        "(func (export \"_start\") (try_table (throw $e)))",
        "(tag $other) (func (export \"_start\") (block (try_table (catch $other 0) (throw $e))) unreachable)",
        "(func $f (throw $e)) (start $f) (func (export \"_start\"))",
        "(func (export \"_initialize\") (throw $e)) (func (export \"_start\"))",
        "(func $f (throw $e)) (func (export \"_start\") (block (try_table (catch_all 0) (return_call $f))))",
    ] {
        let report = report(&start(body), &allowed());
        assert_eq!(report.outcome, uncaught, "{body}");
        assert!(report.fingerprint.is_some(), "{body}");
    }
    let null = Outcome::VmError(VmError::Trap(Trap::NullReference));
    assert_eq!(outcome("(func (export \"_start\") (throw_ref (ref.null exn)))", &allowed()), null);
    let catches_no_trap = "(func (export \"_start\") (block (try_table (catch_all 0) (throw_ref (ref.null exn)))))";
    assert_eq!(outcome(catches_no_trap, &allowed()), null, "a trap is no exception");
}

/// The frames of a fingerprint are those that were active where it was thrown, and all of them are paid for.
#[test]
fn an_uncaught_exception_leaves_frames_and_pays_for_them() {
    let deep = |frames: u32| {
        start(&format!(
            "(func $deep (param i32) (if (i32.eqz (local.get 0)) (then (throw $e)))
                (call $deep (i32.sub (local.get 0) (i32.const 1))))
            (func (export \"_start\") (call $deep (i32.const {frames})))"
        ))
    };
    let [few, many] = [10, 110].map(|frames| report(&deep(frames), &allowed()));
    let frames = &few.fingerprint.as_ref().unwrap().frames;
    let functions: Vec<u32> = frames.iter().map(|frame| frame.func).collect();
    assert_eq!(functions, [vec![0; 11], vec![1]].concat());
    // Each frame: entry 2, then 3 + 3 + 3, and 12 units of it that are left.
    assert_eq!(many.receipt.gas.time - few.receipt.gas.time, 100 * (11 + 12 * 8));
}

/// Tags of a library are its own: what it throws is caught by who imports the tag, across calls in both directions and through tables.
#[test]
fn exceptions_cross_modules() {
    let library =
        "(module (tag $e (export \"e\") (param i32)) (table (export \"t\") 1 funcref) (elem (i32.const 0) $throws)
        (type $callback (func (param i32)))
        (func $throws (export \"throws\") (param i32) (throw $e (local.get 0)))
        (func (export \"calls\") (param funcref i32) (result i32)
            (table.set (i32.const 0) (local.get 0))
            (block $caught (result i32)
                (try_table (catch $e $caught) (call_indirect (type $callback) (local.get 1) (i32.const 0)))
                (i32.const -1))))";
    let program = "(module (import \"lib\" \"e\" (tag $e (param i32))) (import \"lib\" \"throws\" (func $throws (param i32)))
        (import \"lib\" \"calls\" (func $calls (param funcref i32) (result i32))) (import \"lib\" \"t\" (table $t 1 funcref))
        (type $callback (func (param i32)))
        (tag $own (param i32)) (elem declare func $callback $other)
        (func $callback (param i32) (throw $e (i32.add (local.get 0) (i32.const 1))))
        (func $other (param i32) (throw $own (i32.add (local.get 0) (i32.const 2))))
        (func $expect (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
        (func (export \"_start\")
            (call $expect (i32.const 5) (block $caught (result i32)
                (try_table (catch $own $caught) (catch $e $caught) (call $throws (i32.const 5))) unreachable))
            (call $expect (i32.const 6) (block $caught (result i32)
                (try_table (catch $e $caught) (call_indirect $t (type $callback) (i32.const 6) (i32.const 0))) unreachable))
            (call $expect (i32.const 8) (call $calls (ref.func $callback) (i32.const 7)))
            ;; The library does not know this one.
            (call $expect (i32.const 10) (block $caught (result i32)
                (try_table (catch $own $caught) (drop (call $calls (ref.func $other) (i32.const 8)))) unreachable))))";
    let library = Library { name: "lib".into(), wasm: wat::parse_str(library).unwrap().into() };
    let report = report(&Parts { libraries: vec![library], ..engines::parts(program) }, &allowed());
    assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
}

/// A loop that throws for ever ends when it has used up its ticks or its RAM, and the node holds no more than was charged.
#[test]
fn exceptions_are_bounded_by_gas_and_by_ram() {
    let endless = "(func (export \"_start\") (loop $more
        (block $caught (result i64) (try_table (catch $v $caught) (throw $v (i64.const 1))) unreachable)
        (drop) (br $more)))";
    let mut params = allowed();
    params.limits.gas_time = 10_000_000;
    assert_eq!(outcome(endless, &params), Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    // 24 bytes for each exception, 64 KiB at first, and twice as much each time that is not enough.
    params.limits.ram = 1 << 20;
    params.limits.gas_time = 1_000_000_000;
    let report = report(&start(endless), &params);
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::Memory)), "{:?}", report.diagnostics);
    let each = 8 + 1 + 500 + 1;
    let exceptions = (512 << 10) / 24;
    let ticks = report.receipt.gas.time as i64;
    assert!((ticks / each - exceptions).abs() < 100, "{ticks} ticks, {exceptions} exceptions");
}

/// How much RAM so many exceptions take: what the specification says of their heap.
#[test]
fn the_heap_of_exceptions_is_charged_as_it_grows() {
    let peak = |rounds: u32, tag: &str, values: &str| {
        let body = format!(
            "(tag $t {tag}) (func (export \"_start\") (local $i i32) (local.set $i (i32.const {rounds}))
            (loop $more
                (block $caught (try_table (catch_all $caught) (throw $t {values})))
                (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))"
        );
        run_on(&EVERY[0].1, &start(&body), &allowed()).ram_peak as i64
    };
    let none = report(&start("(tag $t) (func (export \"_start\") (if (i32.const 0) (then (throw $t))))"), &allowed());
    let none = none.ram_peak as i64;
    const PAGE: i64 = 65_536;
    // An exception has 16 bytes, and its values; the first one stands at 8 or 16.
    for (tag, values, size, first) in [
        ("", "", 16, 8),
        ("(param i32)", "(i32.const 0)", 24, 8),
        ("(param i32 i32)", "(i32.const 0) (i32.const 0)", 24, 8),
        ("(param i64 i32)", "(i64.const 0) (i32.const 0)", 32, 8),
        ("(param v128)", "(v128.const i64x2 0 0)", 32, 16),
    ] {
        for (pages, more) in [(1, 2), (2, 4)] {
            let fit = (pages * PAGE - first) / size;
            for (count, pages) in [(fit, pages), (fit + 1, more)] {
                let (held, model) = (peak(count as u32, tag, values) - none, pages * PAGE);
                assert_eq!(held, model, "{count} of {tag}: {held} bytes, {model} by the specification");
            }
        }
    }
}

#[test]
fn whether_modules_may_use_exceptions_is_a_parameter() {
    let invalid = Outcome::VmError(VmError::InvalidContract(Invalid::WasmValidating));
    let uses = [
        "(func (export \"_start\"))",
        "(func (export \"_start\") (throw $e))",
        "(func (export \"_start\") (local exnref))",
        "(func (export \"_start\") (block (try_table (catch_all 0))))",
    ];
    for body in uses {
        let parts = start(body);
        // Off, both engines refuse it in the same words.
        let refused = engines::run_both(Params::default(), &parts);
        assert_eq!(refused.outcome, invalid, "{body}");
        let why = refused.diagnostics.join("; ");
        assert!(why.contains("exceptions"), "{why}");
        // On, one has them and the other says that it has none.
        assert_ne!(report(&parts, &allowed()).outcome, invalid, "{body}");
        let run_of = Run { params: Arc::new(allowed()), ..transaction() };
        let error = run(engines::wasmi(), deployed(parts).node(), run_of).1.expect_err("wasmi has none");
        assert_eq!(error.kind(), InternalErrorKind::Engine);
        assert!(error.to_string().contains("exceptions"), "{error}");
    }
    // What uses none is what it was, on both.
    let without = engines::parts("(module (func (export \"_start\")))");
    let [off, on] = [Params::default(), allowed()].map(|params| engines::run_both(params, &without));
    assert_eq!((off.outcome, off.receipt.gas), (on.outcome, on.receipt.gas));
    assert_ne!(Params::default().digest(), allowed().digest(), "a chain allows them or does not");
    assert!(!FEATURES.intersects(EXCEPTIONS));
}

#[test]
fn what_is_written_of_exceptions_is_limited() {
    let refused = |text: &str| lower(&wat::parse_str(text).unwrap(), &OPTIONS).unwrap_err();
    let tags = |count: usize| format!("(module (import \"m\" \"t\" (tag)) {})", "(tag)".repeat(count));
    lowered(&tags(999));
    assert_eq!(refused(&tags(1_000)), Refusal::Limit { which: Limit::Tags, found: 1_001 });
    // Each clause is a block of its own.
    let many = format!("(try_table {})", "(catch $e 0)".repeat(9_000));
    let many = format!("(module (tag $e) (func (block {})))", many.repeat(4));
    assert!(matches!(refused(&many), Refusal::Limit { which: Limit::Branches, .. }));
    // Each call within has a way to each clause around: a thousand times a thousand.
    let nested = |calls: usize, tries: usize| {
        let (open, close) = ("(try_table (catch $e 0) ".repeat(tries), ")".repeat(tries));
        format!(
            "(module (tag $e) (func (local i32) (block {open} {} {close})))",
            "(local.set 0 (i32.const 1)) (call 0)".repeat(calls)
        )
    };
    lowered(&nested(300, 100));
    assert!(matches!(refused(&nested(3_000, 1_000)), Refusal::Limit { which: Limit::Values, .. }));
}
