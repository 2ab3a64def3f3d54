//! The float policies: what they share and where they differ.

use subvm_host_std::lower::{Floats, Lowered, Options, STACK_UNITS, TrapKind, lower};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine};
use wasmtime::Val;

fn lowered(wat: &str, floats: Floats) -> Lowered {
    let wasm = wat::parse_str(wat).expect("a module");
    lower(&wasm, &Options { floats, ..Options::default() }).expect("an acceptable module")
}

fn call(wat: &str, floats: Floats, arguments: &[Val]) -> subvm_tests::lowered::Observed {
    let engine = Generator::Speed.engine();
    Machine::new(&engine, lowered(wat, floats), GAS, STACK_UNITS).expect("an instance").call("f", arguments)
}

const NANS: &str = "(module (memory 1)
    (func (export \"f\") (param f32 f64) (result i32 i64 i64 i32 i64 i32 i64)
        (i32.reinterpret_f32 (f32.add (local.get 0) (f32.const 1)))
        (i64.reinterpret_f64 (f64.neg (f64.div (local.get 1) (f64.const 0))))
        (i64.reinterpret_f64 (f64.promote_f32 (local.get 0)))
        (i32.reinterpret_f32 (f32.copysign (f32.const 2) (f32.sub (local.get 0) (local.get 0))))
        (i64.reinterpret_f64 (f64.abs (f64.mul (local.get 1) (f64.const inf))))
        (i32.reinterpret_f32 (f32.neg (local.get 0)))
        (i64.reinterpret_f64 (local.get 1))))";

#[test]
fn soft_and_canonical_nans_are_quiet_positive_and_without_payload() {
    for floats in [Floats::Soft, Floats::Canonical] {
        let seen = call(NANS, floats, &[Val::F32(0xffa0_0001), Val::F64(0xfff0_0000_0000_1234)]);
        let canonical = 0x7ff8_0000_0000_0000;
        let expected =
            [0x7fc0_0000, canonical | 1 << 63, canonical, 0x4000_0000, canonical, 0x7fa0_0001, 0xfff0_0000_0000_1234];
        assert_eq!(seen.ending, Ending::Returned(expected.to_vec()), "{floats:?}");
    }
}

#[test]
fn merely_containing_a_float_instruction_is_no_trap() {
    let wat = "(module (func (export \"f\") (param i32 f64) (result f64)
        (if (local.get 0) (then (local.set 1 (f64.abs (local.get 1)))))
        (f64.reinterpret_i64 (i64.reinterpret_f64 (select (local.get 1) (f64.const 2) (i32.const 1))))))";
    let seen = call(wat, Floats::Trap, &[Val::I32(0), Val::F64(5)]);
    assert_eq!(seen.ending, Ending::Returned(vec![5]));
    let seen = call(wat, Floats::Trap, &[Val::I32(1), Val::F64(5)]);
    assert_eq!((seen.ending, seen.frames), (Ending::Lowering(TrapKind::NondetInstruction), vec![0]));
}

#[test]
fn every_float_instruction_traps_under_trap() {
    for vector in ["f32x4.abs", "f64x2.sqrt", "f32x4.convert_i32x4_s", "i32x4.trunc_sat_f64x2_u_zero"] {
        let wat = format!("(module (func (export \"f\") (drop ({vector} (v128.const i64x2 0 0)))))");
        assert_eq!(call(&wat, Floats::Trap, &[]).ending, Ending::Lowering(TrapKind::NondetInstruction));
    }
}

#[test]
fn a_conversion_that_traps_does_so_in_the_guest_s_frame() {
    let wat = "(module (func $g) (func (export \"f\") (param f64) (result i32) (i32.trunc_f64_u (local.get 0))))";
    for (argument, kind, trap) in [
        (f64::NAN, TrapKind::BadConversionToInteger, wasmtime::Trap::BadConversionToInteger),
        (-1.0, TrapKind::IntegerOverflow, wasmtime::Trap::IntegerOverflow),
    ] {
        let arguments = [Val::F64(argument.to_bits())];
        let soft = call(wat, Floats::Soft, &arguments);
        assert_eq!((soft.ending, soft.frames), (Ending::Lowering(kind), vec![1]));
        let hard = call(wat, Floats::Canonical, &arguments);
        assert_eq!((hard.ending, hard.frames), (Ending::Trapped(trap), vec![1]));
        assert_eq!(soft.gas, hard.gas);
    }
}

#[test]
fn a_local_that_holds_raw_nans_shows_canonical_ones() {
    // The sum is raw in the loop; a constant starts it, a store shows it.
    let wat = "(module (memory 1) (func (export \"f\") (param f64 i32) (local $sum f64)
        (local.set $sum (f64.const 0))
        (loop (local.set $sum (f64.sub (local.get $sum) (local.get 0)))
            (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (f64.store (i32.const 0) (local.get $sum))))";
    let canonical = lowered(wat, Floats::Canonical);
    assert_eq!(canonical.report.canonicalised, 1, "only where it is read for the store");
    let arguments = [Val::F64(0x7ff0_0000_0000_0000), Val::I32(3)];
    assert_eq!(call(wat, Floats::Canonical, &arguments).memories, call(wat, Floats::Soft, &arguments).memories);
    let arguments = [Val::F64(0xfff0_dead_beef_0000), Val::I32(3)];
    assert_eq!(call(wat, Floats::Canonical, &arguments).memories, call(wat, Floats::Soft, &arguments).memories);
}

/// What `neg` and its like make of a NaN is the guest's own, wherever it is kept before it is seen.
#[test]
fn the_sign_of_a_nan_outlives_a_local() {
    let root = "(f64.sqrt (local.get 0))";
    let vector = "(f64x2.sqrt (f64x2.splat (local.get 0)))";
    for (ty, value) in [
        ("f64", format!("(f64.neg {root})")),
        ("f64", format!("(f64.neg (f64.abs {root}))")),
        ("f64", format!("(f64.abs (f64.neg {root}))")),
        ("f64", format!("(f64.copysign {root} (f64.const -1))")),
        ("f64", format!("(f64.copysign (f64.const 1) (f64.neg {root}))")),
        ("f32", format!("(f32.neg (f32.demote_f64 {root}))")),
        ("v128", format!("(f64x2.neg {vector})")),
        ("v128", format!("(f32x4.neg {vector})")),
        ("v128", format!("(f64x2.pmin (f64x2.neg {vector}) {vector})")),
        ("v128", format!("(f64x2.pmax {vector} (f64x2.neg {vector}))")),
        ("v128", format!("(f32x4.add {vector} {vector})")),
        ("v128", format!("(v128.not {vector})")),
    ] {
        let wat = format!(
            "(module (memory 1) (func (export \"f\") (param f64) (local {ty} {ty} i32)
                (local.set 1 {value}) (local.set 2 (local.get 1))
                (loop ({ty}.store (i32.const 0) (local.get 1)) ({ty}.store (i32.const 16) (local.get 2))
                    (local.set 2 {value}) (local.set 1 (local.get 2))
                    (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 3))))))"
        );
        for argument in [-1.0_f64, 2.0, f64::NAN, -f64::NAN] {
            let arguments = [Val::F64(argument.to_bits())];
            let [soft, canonical] = [Floats::Soft, Floats::Canonical].map(|floats| call(&wat, floats, &arguments));
            assert_eq!(soft, canonical, "{value} of {argument}");
        }
    }
}

/// A local that two shapes of vectors are written to holds neither.
#[test]
fn a_local_of_two_shapes_is_made_canonical_before() {
    let wat = "(module (memory 1) (func (export \"f\") (param i32 v128) (local v128)
        (if (local.get 0) (then (local.set 2 (f64x2.sqrt (local.get 1)))) (else (local.set 2 (f32x4.sqrt (local.get 1)))))
        (v128.store (i32.const 0) (local.get 2)) (v128.store (i32.const 16) (f32x4.add (local.get 2) (local.get 2)))
        (v128.store (i32.const 32) (f64x2.add (local.get 2) (local.get 2)))))";
    for bits in [u128::MAX, 0xbff0_0000_0000_0000_ffff_0000_1234_5678, 0xfff8_0000_bf80_0000_7fa0_0000_3f80_0000] {
        for way in [0, 1] {
            let arguments = [Val::I32(way), Val::V128(bits.into())];
            let [soft, canonical] = [Floats::Soft, Floats::Canonical].map(|floats| call(wat, floats, &arguments));
            assert_eq!(soft, canonical, "{bits:x} by {way}");
        }
    }
}

/// A constant that is canonical in one shape of vectors may be none in another.
#[test]
fn constants_that_are_no_canonical_nan_in_some_shape() {
    for constant in
        ["i64x2 0x7ff0000000000001 0", "i32x4 0x7fc00001 0x3ff00000 0x3ff00000 0xffc00000", "i32x4 0 0 0x7fa00000 0"]
    {
        let wat = format!(
            "(module (memory 1) (func (export \"f\") (param i32 v128) (local v128)
                (local.set 2 (v128.const {constant}))
                (if (local.get 0) (then (local.set 2 (f32x4.sqrt (local.get 1)))))
                (if (i32.eq (local.get 0) (i32.const 2)) (then (local.set 2 (f32x4.ceil (local.get 2)))))
                (v128.store (i32.const 0) (local.get 2))))"
        );
        for way in 0..3 {
            let arguments = [Val::I32(way), Val::V128(u128::MAX.into())];
            let [soft, canonical] = [Floats::Soft, Floats::Canonical].map(|floats| call(&wat, floats, &arguments));
            assert_eq!(soft, canonical, "{constant} by {way}");
        }
    }
}

#[test]
fn nothing_is_made_canonical_twice_or_without_need() {
    for (body, points) in [
        ("(drop (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.const 1)))", 0),
        ("(drop (f64.lt (f64.sqrt (local.get 0)) (f64.const 1)))", 0),
        ("(f64.store (i32.const 0) (f64.abs (f64.sqrt (f64.div (local.get 0) (local.get 0)))))", 1),
        ("(f64.store (i32.const 0) (f64.convert_i32_u (i32.const 1)))", 0),
        (
            "(v128.store (i32.const 0) (f32x4.add (v128.const i64x2 0 0) (f64x2.add (v128.const i64x2 0 0) (v128.const i64x2 0 0))))",
            2,
        ),
        ("(local.set 0 (f64.sqrt (local.get 0)))", 1),
        ("(local.set 1 (f64.sqrt (local.get 0)))", 0),
        ("(drop (i32.trunc_sat_f64_s (f64.ceil (local.get 0))))", 0),
        // What a label has shown is replaced by what nothing has shown yet.
        ("(drop (block (result f64) (f64.sqrt (block (result f64) (local.get 0)))))", 1),
    ] {
        let wat = format!("(module (memory 1) (func (param f64) (local f64) {body}))");
        assert_eq!(lowered(&wat, Floats::Canonical).report.canonicalised, points, "{body}");
    }
}

#[test]
fn policies_agree_on_gas() {
    let seen = [Floats::Soft, Floats::Canonical, Floats::Native]
        .map(|floats| call(NANS, floats, &[Val::F32(0x3f80_0000), Val::F64(0x3ff8_0000_0000_0000)]));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].gas, seen[2].gas);
}
