//! No frame of compiled code takes more native stack for each unit of its price than is reserved for a unit.
//!
//! The programs of `tests/programs` are measured too where they are there: `SUBVM_FRAMES` names modules to measure beside
//! the adversarial ones, separated by colons.
#![cfg(target_arch = "x86_64")]

use std::fmt::Write as _;

use subvm_host_std::lower::{BYTES_PER_UNIT, Floats, Options, RESERVED_BYTES, lower};
use subvm_tests::lowered::Generator;
use wasmparser::{Operator, Parser, Payload};
use wasmtime::Module;

/// What a call pushes beside the frame: the return address and the caller's frame pointer.
const PUSHED: u32 = 16;

/// Bytes that the prologue in `code` takes from the stack: `sub rsp, imm8` or `sub rsp, imm32`. A frame of more than a page
/// is first touched page by page, each with a `sub` of its own: the largest is the frame's.
fn frame_bytes(code: &[u8]) -> u32 {
    let prologue = &code[..code.len().min(160)];
    let bytes = (0..prologue.len()).filter_map(|at| match prologue[at..] {
        [0x48, 0x83, 0xec, bytes, ..] => Some(u32::from(bytes)),
        [0x48, 0x81, 0xec, a, b, c, d, ..] => Some(u32::from_le_bytes([a, b, c, d])),
        _ => None,
    });
    bytes.max().unwrap_or(0) + PUSHED
}

/// The price of each defined function's frame, which its lowered body begins with.
fn units(wasm: &[u8]) -> Vec<Option<u32>> {
    let mut units = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("valid") {
            let mut reader = body.get_operators_reader().expect("valid");
            let mut next = || if reader.eof() { Operator::Nop } else { reader.read().expect("valid") };
            // What the counter was is kept where it is charged.
            units.push(match [next(), next(), next()] {
                [Operator::GlobalGet { .. }, Operator::LocalTee { .. }, Operator::I32Const { value }]
                | [Operator::GlobalGet { .. }, Operator::I32Const { value }, _] => Some(value as u32),
                _ => None,
            });
        }
    }
    units
}

/// Compiles `wasm` and gives the most bytes for a unit among its frames, and the largest frame of lowering's own.
fn measure(name: &str, wasm: &[u8], floats: Floats, generator: Generator) -> (f64, u32) {
    let lowered = lower(wasm, &Options { floats, probe_stores: true, ..Options::default() }).expect("accepted");
    let module = Module::new(&generator.engine(), &lowered.wasm).expect("it compiles");
    let imported = module.imports().filter(|import| import.ty().func().is_some()).count();
    let units = units(&lowered.wasm);
    let (mut most, mut own, mut seen) = (0f64, 0, 0);
    for function in module.functions() {
        let Some(defined) = (function.index.as_u32() as usize).checked_sub(imported) else { continue };
        let bytes = frame_bytes(&module.text()[function.offset..][..function.len]);
        seen += 1;
        match (lowered.functions.original(function.index.as_u32()), units[defined]) {
            (Some(_), Some(units)) => most = most.max(f64::from(bytes) / f64::from(units)),
            (Some(index), None) => panic!("{name}: function {index} has no price"),
            (None, _) => own = own.max(bytes),
        }
    }
    assert_eq!(seen, units.len(), "{name}");
    eprintln!("{name}, {floats:?}, {generator:?}: {most:.1} bytes a unit; lowering's own frames take {own}");
    (most, own)
}

fn check(name: &str, wasm: &[u8]) {
    for floats in [Floats::Soft, Floats::Canonical] {
        for generator in [Generator::Speed, Generator::None] {
            let (most, own) = measure(name, wasm, floats, generator);
            assert!(most < BYTES_PER_UNIT as f64, "{name}: {most} bytes a unit");
            assert!((own as usize) < RESERVED_BYTES / 4, "{name}: {own} bytes");
        }
    }
}

fn function(locals: &str, body: &str) -> Vec<u8> {
    let wat = format!(
        "(module (memory 1) (func $g (param i32) (result i32) (local.get 0)) (func $v (result v128) (v128.const i64x2 0 0))
            (func $f (export \"f\") (param $n i32) {locals} {body}))"
    );
    wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}: {wat}"))
}

/// `count` repetitions of what `write` writes for a number.
fn repeat(count: usize, write: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        write!(text, "{} ", write(number)).expect("a string grows");
        text
    })
}

#[test]
fn calls_with_many_operands() {
    let parameters = "(param i64 i64 i64 i64 i64 i64 i64 i64)".repeat(32);
    let results = "(result i64 i64 i64 i64 i64 i64 i64 i64)".repeat(32);
    let wat = format!(
        "(module (func $h {parameters} {results} {} (call $h)) (func $m {results} unreachable)
            (func (export \"f\") (call $m) (call $h) (call $h) {}))",
        repeat(256, |place| format!("(local.get {})", place * 13 % 256)),
        "(drop)".repeat(256)
    );
    check("operands", &wat::parse_str(&wat).expect("a module"));
    // A result area for each callee, and hardly an operator around the call.
    let vectors = "(result v128 v128 v128 v128 v128 v128 v128 v128)".repeat(16);
    let wat = format!("(module (func $m {vectors} unreachable) (func (export \"f\") {vectors} (call $m)))");
    check("vectors", &wat::parse_str(&wat).expect("a module"));
}

#[test]
fn values_across_calls() {
    let ifs = repeat(300, |place| {
        format!(
            "(if (i32.eq (local.get $n) (i32.const {place})) (then (v128.store (i32.const 0) (i8x16.add (v128.load (i32.const {place})) (call $v)))))"
        )
    });
    check("arms", &function("", &ifs));
    let loads = repeat(200, |place| format!("(v128.load (i32.const {place}))"));
    let sums = "(i8x16.add)".repeat(199);
    let body = format!("(i32.const 0) {loads} (drop (call $g (local.get $n))) {sums} (v128.store)");
    check("vectors", &function("", &body));
    let floats = repeat(200, |place| format!("(f64.load (i32.const {place}))"));
    check("floats", &function("", &format!("(i32.const 0) {floats} {} (f64.store)", "(f64.div)".repeat(199))));
    let converted = repeat(100, |_| {
        "(local.set $x (f32x4.div (f32x4.sqrt (local.get $x)) (f32x4.nearest (local.get $x))))".to_owned()
    });
    check("lanes", &function("(local $x v128)", &format!("{converted} (v128.store (i32.const 0) (local.get $x))")));
}

/// A spilled value shares a place in the frame with another one only where the register allocator finds one in ten attempts.
/// A dozen values that live throughout, and come first since they are a label's, use up the attempts.
#[test]
fn values_that_share_no_places() {
    for (values, rounds) in [(128, 100), (16, 400), (4, 400), (2, 400)] {
        check(&format!("{values} values of a call"), &wat::parse_str(spilling(values, rounds)).expect("a module"));
    }
}

/// `rounds` times `values` results of one call that live across another, beside a dozen values that always live.
fn spilling(values: usize, rounds: usize) -> String {
    let types = " v128".repeat(values);
    let loads = repeat(12, |place| format!("(local.set {} (v128.load (i32.const {place})))", place + 1));
    let stores = repeat(12, |place| format!("(v128.store (i32.const {place}) (local.get {}))", place + 1));
    format!(
        "(module (memory 1) (func $give (result {types}) unreachable) (func $take (param {types})) (func $nop)
            (func (export \"f\") (param i32) {} (if (local.get 0) (then {loads})) {} {stores}))",
        "(local v128)".repeat(12),
        "(call $give) (call $nop) (call $take)".repeat(rounds)
    )
}

#[test]
fn a_large_frame_is_measured_whole() {
    let bytes = frame_bytes(&[
        // sub rsp, 4096; mov [rsp], esp; add rsp, 4096; sub rsp, 6304: as the code generator writes it.
        0x48, 0x81, 0xec, 0x00, 0x10, 0, 0, 0x89, 0x24, 0x24, 0x48, 0x81, 0xc4, 0x00, 0x10, 0, 0, 0x48, 0x81, 0xec,
        0xa0, 0x18, 0, 0,
    ]);
    assert_eq!(bytes, 6304 + PUSHED);
}

#[test]
fn subexpressions_that_many_blocks_share() {
    // What is computed before a loop is kept for all of its blocks.
    let products = |place: usize| format!("(i32.mul (i32.add (local.get $n) (i32.const {place})) (local.get $n))");
    let before = repeat(400, |place| format!("(i32.store (i32.const 0) {})", products(place)));
    let within = repeat(400, |place| format!("(i32.store (call $g (i32.const 4)) {})", products(place)));
    check("products", &function("", &format!("{before} (loop {within} (br_if 0 (call $g (local.get $n))))")));
    let addresses = repeat(400, |place| {
        format!("(i32.store offset=40000000 (i32.add (local.get $n) (i32.const {place})) (call $g (i32.const 1)))")
    });
    check("addresses", &function("", &format!("(loop {addresses} (br_if 0 (local.get $n)))")));
}

#[test]
fn programs() {
    let chosen = std::env::var("SUBVM_FRAMES").unwrap_or_default();
    for path in chosen.split(':').filter(|path| !path.is_empty()) {
        let wasm = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (most, own) = measure(path, &wasm, Floats::Soft, Generator::Speed);
        assert!(most < BYTES_PER_UNIT as f64 && (own as usize) < RESERVED_BYTES / 4, "{path}");
    }
}
