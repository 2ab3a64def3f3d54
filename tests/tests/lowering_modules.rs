//! What lowering adds to a module, keeps of it, and refuses.

use subvm_core::{sdk, wasi};
use subvm_host_std::lower::{
    Floats, Limit, Lowered, Options, RESERVED, Refusal, STACK_UNITS, START_EXPORT, host_import_name, lower,
};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, NATIVE};
use wasmtime::{Module, Val};

fn lower_wat(wat: &str, options: &Options) -> Result<Lowered, Refusal> {
    lower(&wat::parse_str(wat).expect("a module"), options)
}

#[test]
fn an_empty_module_has_its_counters_and_no_more() {
    let lowered = lower_wat("(module)", &NATIVE).expect("accepted");
    let module = Module::new(&Generator::Speed.engine(), &lowered.wasm).expect("valid");
    let exports: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
    assert_eq!(exports, ["$subvm:gas", "$subvm:stack", "$subvm:mark", "$subvm:trap"]);
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

/// However the guest refers to a function of the host, that gets the ticks, and what it gives back counts.
#[test]
fn functions_of_the_host_are_handed_the_ticks() {
    const HOST_FUNCTION: u32 = 1;
    let wat = "(module (type $t (func (param i32 i32) (result i32)))
        (import \"m\" \"other\" (func $other (param i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"fd_renumber\" (func $host (type $t)))
        (table 2 funcref) (elem (i32.const 0) $host) (global $g funcref (ref.func $host))
        (export \"itself\" (func $host))
        (func (export \"call\") (type $t) (call $host (local.get 0) (local.get 1)))
        (func (export \"tail\") (type $t) (return_call $host (local.get 0) (local.get 1)))
        (func (export \"table\") (type $t) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0)))
        (func (export \"reference\") (type $t) (table.set (i32.const 1) (ref.func $host))
            (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 1)))
        (func (export \"global\") (type $t) (table.set (i32.const 1) (global.get $g))
            (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 1))))";
    let lowered = lower_wat(wat, &NATIVE).expect("accepted");
    assert_eq!(lowered.functions.original(HOST_FUNCTION), Some(HOST_FUNCTION));
    assert_eq!((lowered.functions.guest_functions(), lowered.report.helpers), (7, 1));
    let charging = |engine: &wasmtime::Engine, price: i64| {
        let mut linker = wasmtime::Linker::new(engine);
        let function = move |a: i32, b: i32, ticks: i64| match b {
            0 => Err(wasmtime::Error::from(wasmtime::Trap::IntegerDivisionByZero)),
            _ => Ok((a / b, ticks - price)),
        };
        linker.func_wrap("wasi_snapshot_preview1", "fd_renumber", function).expect("a new name");
        linker.func_wrap("m", "other", |_: i32, _: i32| 0).expect("a new name");
        Machine::link(engine, &linker, lowered.clone(), GAS, STACK_UNITS).expect("an instance")
    };
    for generator in Generator::ALL {
        let engine = generator.engine();
        let (mut free, mut dear) = (charging(&engine, 0), charging(&engine, 1234));
        let frames: [(&str, &[u32]); 6] =
            [("itself", &[]), ("call", &[2]), ("tail", &[]), ("table", &[4]), ("reference", &[5]), ("global", &[6])];
        for (name, frames) in frames {
            let call = |machine: &mut Machine, b| {
                machine.grant(GAS, STACK_UNITS);
                machine.call(name, &[Val::I32(42), Val::I32(b)])
            };
            let (cheap, seen) = (call(&mut free, 6), call(&mut dear, 6));
            assert_eq!((cheap.ending, seen.ending), (Ending::Returned(vec![7]), Ending::Returned(vec![7])), "{name}");
            assert_eq!((cheap.gas - seen.gas, seen.stack), (1234, STACK_UNITS), "{name}");
            let failed = call(&mut dear, 0);
            assert_eq!(failed.ending, Ending::Trapped(wasmtime::Trap::IntegerDivisionByZero));
            assert_eq!(failed.frames, frames, "{name}");
        }
    }
}

#[test]
fn every_function_of_the_host_is_handed_the_ticks() {
    let imports = |module: &str, name: &str, parameters: &str, result: &str| {
        format!("(import \"{module}\" \"{name}\" (func (param {parameters}) {result}))")
    };
    let wasi = wasi::FUNCTIONS.iter().map(|function| {
        let parameters = function.types.iter().map(|ty| if *ty == wasi::ParamType::I32 { " i32" } else { " i64" });
        let result = if function.returns { "(result i32)" } else { "" };
        imports(wasi::MODULE, function.name, &parameters.collect::<String>(), result)
    });
    let sdk = sdk::FUNCTIONS.iter();
    let sdk =
        sdk.map(|function| imports(sdk::MODULE, function.name, &"i32 ".repeat(function.params.len()), "(result i32)"));
    let wat: String = wasi.chain(sdk).collect();
    let lowered = lower_wat(&format!("(module {wat})"), &NATIVE).expect("accepted");
    assert_eq!(lowered.report.helpers as usize, wasi::FUNCTIONS.len() + sdk::FUNCTIONS.len());
}

#[test]
fn no_two_types_of_host_functions_become_one() {
    let types = [
        "",
        "(param i64)",
        "(param i32)",
        "(result i64)",
        "(param i64) (result i64)",
        "(param i64 i64) (result i64 i64)",
    ];
    let engine = Generator::Speed.engine();
    let wat: String = types.map(|ty| format!("(import \"genlayer_sdk\" \"f\" (func {ty}))")).concat();
    let lowered = lower_wat(&format!("(module {wat})"), &NATIVE).expect("accepted");
    let module = Module::new(&engine, &lowered.wasm).expect("valid");
    let seen: Vec<String> = module.imports().map(|import| import.ty().unwrap_func().to_string()).collect();
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), types.len(), "{seen:?}");
    assert!(seen.iter().all(|ty| ty.contains("i64) (result") && ty.ends_with("i64)))")), "{seen:?}");
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
fn the_first_well_formed_name_section_counts() {
    let mut wasm = wat::parse_str("(module)").expect("a module");
    for name in [&b"\x00\x7f"[..], b"\x00\x02\x01a", b"\x00\x02\x01b"] {
        wasm.extend([0, (5 + name.len()) as u8, 4]);
        wasm.extend(b"name");
        wasm.extend(name);
    }
    let lowered = lower(&wasm, &NATIVE).expect("accepted");
    assert_eq!(lowered.module_name.as_deref(), Some("a"));
    assert_eq!(lowered.report.dropped_sections, ["name"; 2]);
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
    // Out of bounds by one byte: nothing is written.
    for arguments in [(1600 << 16) - size + 1, -1] {
        for (name, other) in [("fill", 0), ("f", 0)] {
            let ending = machine.call(name, &[Val::I32(arguments), Val::I32(other), Val::I32(size)]).ending;
            assert_eq!(ending, Ending::Trapped(wasmtime::Trap::MemoryOutOfBounds));
            assert!(machine.memories() == expected);
        }
    }
}

/// A deadline finds a place to interrupt only between what the engine does at once.
#[test]
fn no_bulk_instruction_of_the_engine_is_asked_for_more_than_a_chunk() {
    let three = "(i32.const 0) (i32.const 0) (i32.const 0)";
    let fill = "(i32.const 0) (ref.null func) (i32.const 0)";
    for (body, chunk) in [
        (format!("(memory.fill {three})"), 16 << 20),
        (format!("(memory.copy {three})"), 16 << 20),
        (format!("(memory.init $d {three})"), 16 << 20),
        (format!("(table.fill {fill})"), 1 << 18),
        (format!("(table.copy {three})"), 1 << 18),
        (format!("(table.init $e {three})"), 1 << 18),
    ] {
        let wat = format!("(module (memory 1) (table 1 funcref) (elem $e funcref) (func {body}) (data $d \"\"))");
        let wasm = lower_wat(&wat, &NATIVE).expect("accepted").wasm;
        let mut bodies = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("valid") {
                bodies.push(body.get_operators_reader().expect("valid").into_iter().collect::<Result<Vec<_>, _>>());
            }
        }
        let helper = bodies.pop().expect("a helper").expect("valid");
        let is_loop = |operator: &wasmparser::Operator<'_>| matches!(operator, wasmparser::Operator::Loop { .. });
        assert!(helper.iter().any(is_loop), "{body} is split");
        let constants = helper.iter().filter_map(|operator| match operator {
            wasmparser::Operator::I32Const { value } if *value > 64 => Some(*value),
            _ => None,
        });
        let constants: std::collections::BTreeSet<i32> = constants.collect();
        assert_eq!(constants, [chunk].into(), "{body}");
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
