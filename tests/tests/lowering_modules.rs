//! What lowering adds to a module, keeps of it, and refuses.

use subvm_host_std::lower::{
    Floats, Limit, Lowered, Options, RESERVED, Refusal, STACK_UNITS, START_EXPORT, host_import_name, lower,
};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine};
use wasmtime::{Module, Val};

fn lower_wat(wat: &str, options: &Options) -> Result<Lowered, Refusal> {
    lower(&wat::parse_str(wat).expect("a module"), options)
}

const NATIVE: Options = Options {
    floats: Floats::Native,
    counters: subvm_host_std::lower::Counters::Defined,
    ordinal: 0,
    schedule: subvm_core::costs::instructions::Schedule::V1,
    probe_stores: false,
};

#[test]
fn an_empty_module_has_its_counters_and_no_more() {
    let lowered = lower_wat("(module)", &NATIVE).expect("accepted");
    let module = Module::new(&Generator::Speed.engine(), &lowered.wasm).expect("valid");
    let exports: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
    assert_eq!(exports, ["$subvm:gas", "$subvm:stack", "$subvm:trap"]);
    assert_eq!((lowered.memories, lowered.has_start, lowered.module_name), (0, false, None));
}

#[test]
fn memories_are_exported_in_index_order_and_the_start_waits() {
    let wat =
        "(module $name (memory 1) (memory 2) (start $s) (func $s (i32.store (i32.const 0) (i32.const 1)) unreachable))";
    let lowered = lower_wat(wat, &NATIVE).expect("accepted");
    assert_eq!((lowered.memories, lowered.has_start), (2, true));
    assert_eq!(lowered.module_name.as_deref(), Some("name"));
    let mut waiting = lowered.clone();
    waiting.has_start = false;
    let mut machine = Machine::new(&Generator::Speed.engine(), waiting, GAS, STACK_UNITS).expect("an instance");
    assert_eq!(machine.memories().iter().map(Vec::len).collect::<Vec<_>>(), [65536, 131_072]);
    assert_eq!(machine.memories()[0][0], 0);
    let seen = machine.call(START_EXPORT, &[]);
    assert!(matches!(seen.ending, Ending::Trapped(_)));
    assert_eq!((machine.memories()[0][0], seen.frames), (1, vec![0]));
}

#[test]
fn host_imports_bear_the_ordinal_and_others_do_not() {
    let wat = "(module (import \"wasi_snapshot_preview1\" \"fd_read\" (func (param i32 i32 i32 i32) (result i32)))
        (import \"genlayer_sdk\" \"gl_call\" (func)) (import \"lib\" \"f\" (func)))";
    let lowered = lower_wat(wat, &Options { ordinal: 3, ..NATIVE }).expect("accepted");
    let module = Module::new(&Generator::Speed.engine(), &lowered.wasm).expect("valid");
    let imports: Vec<_> = module.imports().map(|import| import.name().to_owned()).collect();
    assert_eq!(imports, [host_import_name("fd_read", 3), host_import_name("gl_call", 3), "f".into()]);
    assert_eq!(lowered.report.imports[0].name, "fd_read");
}

#[test]
fn reserved_names_are_refused_wherever_they_stand() {
    for wat in [
        "(module (import \"wasi_snapshot_preview1\" \"fd_read$subvm:2\" (func)))",
        "(module (import \"$subvm:counters\" \"x\" (func)))",
        "(module (func (export \"$subvm:start\")))",
    ] {
        assert!(matches!(lower_wat(wat, &NATIVE), Err(Refusal::ReservedName { name }) if name.contains(RESERVED)));
    }
}

#[test]
fn a_garbage_name_section_is_dropped() {
    let mut wasm = wat::parse_str("(module)").expect("a module");
    for garbage in [&b"\xff\xff\xff\xff\x0f"[..], b"\x00\x7fabc", b"\x01\x05\x01\x00\xff\xff\xff"] {
        let mut section = vec![0, (5 + garbage.len()) as u8, 4];
        section.extend(b"name");
        section.extend(garbage);
        wasm.extend(&section);
    }
    let lowered = lower(&wasm, &NATIVE).expect("accepted");
    assert_eq!(lowered.module_name, None);
    assert_eq!(lowered.report.dropped_sections, ["name"; 3]);
    Module::new(&Generator::Speed.engine(), &lowered.wasm).expect("valid");
}

#[test]
fn features_beyond_the_pinned_set_are_refused() {
    for wat in [
        "(module (memory i64 1))",
        "(module (memory 1 1 shared))",
        "(module (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
        "(module (type (struct)))",
        "(module (type $f (func)) (func (param (ref $f))))",
        "(module (tag))",
        "(module (memory 1 (pagesize 1)))",
        "(component)",
    ] {
        assert!(matches!(lower_wat(wat, &NATIVE), Err(Refusal::Validating { .. })), "{wat}");
    }
}

#[test]
fn what_today_s_compilers_emit_is_accepted() {
    for wat in [
        "(module (func (param externref)) (table 1 externref))",
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
        "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
        "(module (func (drop (i32.extend8_s (i32.trunc_sat_f32_s (f32.const 1))))))",
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
        "(module (func $f (return_call $f)))",
        "(module (memory 1) (memory 1) (func (drop (i32.load 1 (i32.const 0)))))",
        "(module (func (drop (f32x4.add (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
    ] {
        let lowered = lower_wat(wat, &NATIVE).unwrap_or_else(|refusal| panic!("{wat}: {refusal}"));
        Module::new(&Generator::Speed.engine(), &lowered.wasm).expect("valid");
    }
}

#[test]
fn large_bulk_instructions_are_split_and_mean_the_same() {
    // 33 MiB and a bit, so that there are two whole chunks and a rest; overlapping both ways.
    let wat = "(module (memory 1600) (memory 600)
        (func (export \"f\") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"other\") (param i32 i32 i32) (memory.copy 1 0 (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"fill\") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"seed\") (param i32) (loop
            (i64.store (i32.mul (local.get 0) (i32.const 8)) (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 0x9e3779b97f4a7c15)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))";
    let lowered = lower_wat(wat, &NATIVE).expect("accepted");
    let mut machine = Machine::new(&Generator::Speed.engine(), lowered, 1 << 40, STACK_UNITS).expect("an instance");
    machine.call("seed", &[Val::I32((1600 << 13) - 1)]);
    let (size, shift) = ((33 << 20) + 4321, 1_000_003);
    let mut expected = machine.memories();
    for (to, from) in [(shift, 0), (0, shift), (7, 7), (40 << 20, 5)] {
        let ending = machine.call("f", &[Val::I32(to), Val::I32(from), Val::I32(size)]).ending;
        assert_eq!(ending, Ending::Returned(vec![]));
        expected[0].copy_within(from as usize..(from + size) as usize, to as usize);
        assert!(machine.memories() == expected, "copy from {from} to {to}");
    }
    machine.call("other", &[Val::I32(3), Val::I32(5), Val::I32(size)]);
    let source = expected[0][5..5 + size as usize].to_vec();
    expected[1][3..3 + size as usize].copy_from_slice(&source);
    machine.call("fill", &[Val::I32(9), Val::I32(0x155), Val::I32(size)]);
    expected[0][9..9 + size as usize].fill(0x55);
    assert!(machine.memories() == expected);
    // Out of bounds by one octet: nothing is written.
    for arguments in [(1600 << 16) - size + 1, -1] {
        for (name, other) in [("fill", 0), ("f", 0)] {
            let ending = machine.call(name, &[Val::I32(arguments), Val::I32(other), Val::I32(size)]).ending;
            assert_eq!(ending, Ending::Trapped(wasmtime::Trap::MemoryOutOfBounds));
            assert!(machine.memories() == expected);
        }
    }
}

#[test]
fn table_instructions_mean_the_same() {
    let wat = "(module (table $t 600000 700000 funcref) (elem $e func $g $h) (func $g (result i32) (i32.const 5)) (func $h (result i32) (i32.const 6))
        (func (export \"f\") (result i32 i32 i32 i32 i32)
            (table.fill $t (i32.const 0) (ref.func $h) (i32.const 600000))
            (table.init $t $e (i32.const 10) (i32.const 0) (i32.const 1))
            (table.copy $t $t (i32.const 20) (i32.const 5) (i32.const 599980))
            (call_indirect $t (result i32) (i32.const 25)) (call_indirect $t (result i32) (i32.const 599999))
            (table.grow $t (ref.func $g) (i32.const 100000)) (call_indirect $t (result i32) (i32.const 699999))
            (table.grow $t (ref.func $g) (i32.const 1)))) ";
    for generator in Generator::ALL {
        let lowered = lower_wat(wat, &NATIVE).expect("accepted");
        let mut machine = Machine::new(&generator.engine(), lowered, GAS, STACK_UNITS).expect("an instance");
        let ending = machine.call("f", &[]).ending;
        assert_eq!(ending, Ending::Returned(vec![5, 6, 600_000, 5, u128::from(u32::MAX)]));
    }
}

#[test]
fn lowering_is_a_function_of_its_arguments() {
    let wat = "(module (memory 1) (func (result f32 i64) (f32.sqrt (f32.const 2)) (i64.const 1))
        (func (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))";
    for floats in [Floats::Soft, Floats::Trap, Floats::Canonical, Floats::Native] {
        let options = Options { floats, ..NATIVE };
        assert_eq!(lower_wat(wat, &options), lower_wat(wat, &options));
    }
}

#[test]
fn a_limit_names_itself() {
    let wat = format!("(module {})", "(memory 1)".repeat(17));
    let Err(refusal @ Refusal::Limit { which: Limit::Memories, found: 17 }) = lower_wat(&wat, &NATIVE) else {
        panic!("17 memories");
    };
    assert_eq!(refusal.to_string(), "too many memories: 17, where 16 are allowed");
}
