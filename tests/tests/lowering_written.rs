//! What lowering writes: the same bytes under one version, and a module that is, to its neighbours, what it was.

use subvm_host_std::lower::{
    COUNTERS_MODULE, Counters, Floats, GAS_GLOBAL, MARK_GLOBAL, Options, STACK_GLOBAL, STACK_UNITS, START_EXPORT,
    TRAP_GLOBAL, VERSION, lower, stack_mark,
};
use subvm_tests::lowered::{GAS, Generator, NATIVE};
use wasmtime::{Module, Val};

/// Compiled modules are kept on disk by [`VERSION`]: what lowering writes must not change under the same one.
///
/// `SUBVM_RECORD=1 cargo test --workspace --test lowering_written` records anew, once the version was raised.
#[test]
fn a_version_of_lowering_always_writes_the_same() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut hasher = blake3::Hasher::new();
    for module in [
        "tests/guests/report/report.wasm",
        "tests/guests/listing/listing-rust.wasm",
        "host-std/examples/oracle/oracle.wasm",
    ] {
        let wasm = std::fs::read(format!("{root}/{module}")).unwrap();
        for floats in [Floats::Soft, Floats::Trap, Floats::Canonical, Floats::Native] {
            for probe_stores in [false, true] {
                let options = Options { floats, probe_stores, ..Options::default() };
                hasher.update(&lower(&wasm, &options).unwrap().wasm);
            }
        }
    }
    for wat in [BORROWER.to_owned(), every_float_operator(), SEVERAL_VALUES.to_owned()] {
        let wasm = wat::parse_str(wat).expect("a module");
        for floats in [Floats::Soft, Floats::Trap, Floats::Canonical, Floats::Native] {
            for counters in [Counters::Defined, Counters::Imported] {
                hasher.update(&lower(&wasm, &Options { floats, counters, ..NATIVE }).unwrap().wasm);
            }
        }
    }
    let now = format!("version {VERSION}: {}\n", hasher.finalize());
    let path = format!("{root}/tests/golden/lowered.txt");
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    let same_version = recorded.starts_with(&format!("version {VERSION}:"));
    assert!(now == recorded || !same_version, "lowering writes other bytes: raise lower::VERSION, and record");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        std::fs::write(path, now).unwrap();
    } else {
        assert_eq!(now, recorded, "lower::VERSION was raised: record");
    }
}

/// What compilers seldom write.
const SEVERAL_VALUES: &str = "(module (import \"wasi_snapshot_preview1\" \"sched_yield\" (func $yield (result i32)))
    (type $three (func (param i32) (result i32 i64 v128))) (table 2 funcref) (elem (i32.const 0) $yield $three)
    (func $three (export \"three\") (type $three) (local.get 0) (i64.const 1) (v128.const i64x2 2 3))
    (func (type $three) (loop (result i32 i64 v128) (block (result i32 i64 v128) (block (result i32 i64 v128)
        (br_table 0 1 (call $three (local.get 0)) (local.get 0))))))
    (func (type $three) (return_call_indirect (type $three) (local.get 0) (call $yield)))
    (func (result i32) (return_call $yield)))";

/// A module that has each of them once.
fn every_float_operator() -> String {
    let mut body = String::new();
    let mut write = |result: &str, name: &str, operands: &[&str]| {
        let operands: String = operands.iter().map(|ty| format!("(local.get ${ty})")).collect();
        body += &format!("(local.set ${result} ({name} {operands}))");
    };
    for (ty, compared) in [("f32", "i32"), ("f64", "i32"), ("f32x4", "v128"), ("f64x2", "v128")] {
        let local = if compared == "v128" { "v128" } else { ty };
        for name in ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"] {
            write(local, &format!("{ty}.{name}"), &[local]);
        }
        let own: &[&str] = if local == "v128" { &["pmin", "pmax"] } else { &["copysign"] };
        for name in ["add", "sub", "mul", "div", "min", "max"].iter().chain(own) {
            write(local, &format!("{ty}.{name}"), &[local, local]);
        }
        for name in ["eq", "ne", "lt", "gt", "le", "ge"] {
            write(compared, &format!("{ty}.{name}"), &[local, local]);
        }
    }
    for (float, integer, sign) in ["f32", "f64"]
        .iter()
        .flat_map(|float| ["i32", "i64"].map(|integer| (float, integer)))
        .flat_map(|(float, integer)| ["s", "u"].map(|sign| (float, integer, sign)))
    {
        write(integer, &format!("{integer}.trunc_{float}_{sign}"), &[float]);
        write(integer, &format!("{integer}.trunc_sat_{float}_{sign}"), &[float]);
        write(float, &format!("{float}.convert_{integer}_{sign}"), &[integer]);
    }
    write("f32", "f32.demote_f64", &["f64"]);
    write("f64", "f64.promote_f32", &["f32"]);
    for name in ["i32x4.trunc_sat_f32x4_s", "i32x4.trunc_sat_f32x4_u", "i32x4.trunc_sat_f64x2_s_zero"] {
        write("v128", name, &["v128"]);
    }
    for name in ["i32x4.trunc_sat_f64x2_u_zero", "f32x4.convert_i32x4_s", "f32x4.convert_i32x4_u"] {
        write("v128", name, &["v128"]);
    }
    for name in ["f64x2.convert_low_i32x4_s", "f64x2.convert_low_i32x4_u", "f32x4.demote_f64x2_zero"] {
        write("v128", name, &["v128"]);
    }
    write("v128", "f64x2.promote_low_f32x4", &["v128"]);
    format!(
        "(module (func (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64) (local $v128 v128) {body}))"
    )
}

/// The table of float operators has all of WebAssembly 2.0's: none is left to the hardware under *soft*.
#[test]
fn every_float_operator_is_known() {
    let options = Options { floats: Floats::Soft, ..NATIVE };
    let wasm = wat::parse_str(every_float_operator()).expect("a module");
    let known = lower(&wasm, &options).expect("accepted").report;
    // Per format 20 and 12 conversions with integers, promotion and demotion; per shape 21, and 10 conversions.
    assert_eq!(known.float_operators.len(), 2 * (20 + 12) + 2 + 2 * 21 + 10);
    assert_eq!(known.float_sites + known.vector_float_sites, known.float_operators.len() as u64);
}

const LENDER: &str = "(module (memory (export \"m\") 1) (table (export \"t\") 12 funcref)
    (global (export \"base\") i32 (i32.const 3)) (global (export \"v\") (mut i64) (i64.const 5))
    (func $f (export \"f\") (result i32) (i32.const 11)) (global (export \"r\") funcref (ref.func $f)))";

/// It refers to everything that has an index, in every place that may, behind imports of every kind.
const BORROWER: &str = "(module
    (import \"lender\" \"f\" (func $f (result i32))) (import \"lender\" \"base\" (global $base i32))
    (import \"lender\" \"m\" (memory $lent 1)) (import \"lender\" \"v\" (global $v (mut i64)))
    (import \"lender\" \"t\" (table $t 12 funcref)) (import \"lender\" \"r\" (global $r funcref))
    (type $number (func (result i32)))
    (memory $own 1) (table $mine 4 funcref)
    (global $a i32 (i32.add (global.get $base) (i32.const 4)))
    (global $b (export \"b\") (mut i32) (global.get $base)) (global $c funcref (ref.func $g))
    (export \"again\" (global $v)) (export \"f again\" (func $f)) (export \"\" (func $sum)) (export \"ü🦀\" (memory $own))
    (elem (table $t) (offset (global.get $base)) func $g $f)
    (elem (table $t) (offset (i32.mul (global.get $base) (i32.const 2))) funcref (global.get $r) (ref.func $h))
    (elem $passive funcref (global.get $r) (ref.func $g) (ref.null func)) (elem declare func $h)
    (data (memory $lent) (offset (global.get $base)) \"abc\")
    (data (memory $own) (offset (i32.sub (global.get $base) (i32.const 1))) \"xyz\") (data $kept \"kept\")
    (start $start)
    (func $start
        (global.set $b (i32.add (global.get $b) (call $f))) (global.set $v (i64.add (global.get $v) (i64.const 7))))
    (func $g (type $number) (i32.add (global.get $a) (global.get $b)))
    (func $h (type $number) (i32.load8_u $own (i32.const 2)))
    (func $sum (param i32) (result i32 i64 funcref i32)
        (table.init $mine $passive (i32.const 1) (i32.const 0) (i32.const 3))
        (table.set $mine (i32.const 0) (global.get $c))
        (table.copy $t $mine (i32.const 0) (i32.const 0) (i32.const 3))
        (memory.init $own $kept (i32.const 100) (i32.const 1) (i32.const 3))
        (memory.copy $lent $own (i32.const 50) (i32.const 0) (i32.const 110))
        (memory.copy $own $lent (i32.const 1000) (i32.const 0) (i32.const 200))
        (memory.fill $lent (i32.const 300) (i32.const 7) (i32.const 9))
        (i64.store $own offset=2000 (i32.const 0) (global.get $v))
        (i32.store16 $lent offset=400 (i32.const 0) (memory.size $own))
        (call_indirect $t (type $number) (local.get 0))
        (i64.extend_i32_u (call_indirect $mine (type $number) (i32.const 1)))
        (select (result funcref) (ref.func $h) (table.get $mine (i32.const 3)) (local.get 0))
        (memory.grow $lent (i32.const 1))))";

/// What a call left behind: its results or trap, both memories, and the globals.
type Left = (Result<Vec<u128>, wasmtime::Trap>, Vec<Vec<u8>>, Vec<u128>);

/// Calls the borrower's function beside its lender, both of them lowered or neither.
fn borrowing(lowered: bool, argument: i32) -> Left {
    let engine = Generator::Speed.engine();
    let modules = [(LENDER, NATIVE), (BORROWER, Options { counters: Counters::Imported, ordinal: 1, ..NATIVE })];
    let [lender, borrower] = modules.map(|(wat, options)| {
        let wasm = wat::parse_str(wat).expect("a module");
        let wasm = if lowered { lower(&wasm, &options).expect("accepted").wasm } else { wasm };
        Module::new(&engine, &wasm).expect("valid")
    });
    let mut store = wasmtime::Store::new(&engine, ());
    let mut linker = wasmtime::Linker::new(&engine);
    let lender = linker.instantiate(&mut store, &lender).expect("linked");
    if lowered {
        for (name, value) in [
            (GAS_GLOBAL, Val::I64(GAS)),
            (STACK_GLOBAL, Val::I32(STACK_UNITS)),
            (MARK_GLOBAL, Val::I32(stack_mark(STACK_UNITS))),
            (TRAP_GLOBAL, Val::I32(0)),
        ] {
            let counter = lender.get_global(&mut store, name).expect("a counter");
            counter.set(&mut store, value).expect("its type");
            linker.define(&store, COUNTERS_MODULE, name, counter).expect("a new name");
        }
    }
    linker.instance(&mut store, "lender", lender).expect("new names");
    let borrower = linker.instantiate(&mut store, &borrower).expect("linked");
    if lowered {
        let start = borrower.get_typed_func::<(), ()>(&mut store, START_EXPORT).expect("the start function");
        start.call(&mut store, ()).expect("no trap");
    }
    let again = borrower.get_typed_func::<(), i32>(&mut store, "f again").expect("the import");
    assert_eq!(again.call(&mut store, ()).expect("no trap"), 11);
    let mut results = vec![Val::I32(0); 4];
    let sum = borrower.get_func(&mut store, "").expect("the function without a name");
    let ending = sum.call(&mut store, &[Val::I32(argument)], &mut results);
    let bits = |value: &Val| match value {
        Val::I32(value) => *value as u32 as u128,
        Val::I64(value) => *value as u64 as u128,
        other => u128::from(other.unwrap_funcref().is_some()),
    };
    let ending = ending.map(|()| results.iter().map(bits).collect());
    let ending = ending.map_err(|error| *error.downcast_ref::<wasmtime::Trap>().expect("a trap"));
    let memories = [(lender, "m"), (borrower, "ü🦀")]
        .map(|(instance, name)| instance.get_memory(&mut store, name).expect(name).data(&store).to_vec());
    let globals = [(borrower, "b"), (borrower, "again"), (lender, "v")].map(|(instance, name)| {
        let global = instance.get_global(&mut store, name).expect(name);
        bits(&global.get(&mut store))
    });
    (ending, memories.into(), globals.into())
}

#[test]
fn what_is_imported_and_exported_is_what_it_was() {
    for argument in 0..13 {
        let (left, unlowered) = (borrowing(true, argument), borrowing(false, argument));
        assert!(left == unlowered, "{argument}: {:?} and {:?}", left.0, unlowered.0);
    }
    assert_eq!(borrowing(true, 0).0, Ok(vec![21, 11, 0, 1]));
    assert_eq!(borrowing(true, 10).0, Err(wasmtime::Trap::IndirectCallToNull));
}
