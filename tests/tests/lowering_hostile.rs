//! Hostile modules: each is refused by a named limit or handled, in bounded time and memory.

use std::time::{Duration, Instant};

use subvm_core::costs::SetUp;
use subvm_host_std::lower::{Floats, Limit, Lowered, Options, Refusal, lower};
use subvm_tests::lowered::Generator;
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// What lowering may take in an unoptimised build on a busy machine, for a module of a few megabytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A module of `count` functions with one body, of no parameters and results, and a memory.
fn module(count: u32, locals: &[(u32, ValType)], code: impl Fn(&mut Vec<Instruction<'static>>)) -> Vec<u8> {
    let mut instructions = Vec::new();
    code(&mut instructions);
    let mut function = Function::new(locals.iter().copied());
    for instruction in &instructions {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    module.section(&types);
    let mut functions = FunctionSection::new();
    let mut bodies = CodeSection::new();
    for _ in 0..count {
        functions.function(0);
        bodies.function(&function);
    }
    module.section(&functions);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    module.section(&memories);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    module.section(&exports).section(&bodies);
    module.finish()
}

/// Lowers under every policy within the time and holds the result to the size that the input explains.
fn lower_all(wasm: &[u8]) -> Result<Lowered, Refusal> {
    let start = Instant::now();
    let mut last = None;
    for floats in [Floats::Soft, Floats::Trap, Floats::Canonical] {
        let lowered = lower(wasm, &Options { floats, ..Options::default() })?;
        assert!(lowered.wasm.len() < 100_000 + 30 * wasm.len(), "{} from {}", lowered.wasm.len(), wasm.len());
        last = Some(lowered);
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    Ok(last.expect("three policies"))
}

fn refused_by(wasm: &[u8]) -> Limit {
    match lower_all(wasm) {
        Err(Refusal::Limit { which, found }) => {
            assert!(found > which.value());
            which
        }
        other => panic!("{:?}", other.map(|lowered| lowered.report)),
    }
}

#[test]
fn fifty_thousand_functions_are_handled() {
    let lowered = lower_all(&module(50_000, &[], |code| code.push(Instruction::Nop))).expect("accepted");
    assert_eq!(lowered.report.functions, 50_000);
}

#[test]
fn too_many_functions_are_refused() {
    assert_eq!(refused_by(&module(100_001, &[], |_| {})), Limit::Functions);
}

#[test]
fn a_function_of_a_megabyte_is_handled_and_of_more_refused() {
    let code = |count: usize| {
        module(1, &[(1, ValType::I32)], move |code| {
            (0..count).for_each(|_| code.extend([Instruction::LocalGet(0), Instruction::Drop]));
        })
    };
    let lowered = lower_all(&code(349_000)).expect("accepted");
    assert!(lowered.report.largest_frames[0].units > 87_000);
    assert_eq!(refused_by(&code(350_000)), Limit::FunctionSize);
}

#[test]
fn more_branches_than_a_compiler_can_bear_are_refused() {
    let blocks = |functions: u32, count: usize| {
        module(functions, &[], move |code| {
            (0..count).for_each(|_| code.extend([Instruction::Block(BlockType::Empty), Instruction::End]));
        })
    };
    lower_all(&blocks(1, 32_768)).expect("accepted");
    assert_eq!(refused_by(&blocks(1, 32_769)), Limit::Branches);
    lower_all(&blocks(2, 32_768)).expect("accepted");
    assert_eq!(refused_by(&blocks(3, 32_768)), Limit::BranchSquares);
}

#[test]
fn more_loops_than_a_compiler_can_bear_are_refused() {
    let loops = |count: usize| {
        module(1, &[], move |code| {
            (0..count).for_each(|_| code.extend([Instruction::Loop(BlockType::Empty), Instruction::End]));
        })
    };
    lower_all(&loops(1_024)).expect("accepted");
    assert_eq!(refused_by(&loops(1_025)), Limit::Loops);
}

#[test]
fn thousands_of_locals_are_handled_and_more_refused() {
    let locals = |count, ty| module(1, &[(count, ty)], |_| {});
    for (count, ty) in [(20_000, ValType::I64), (10_000, ValType::V128)] {
        let lowered = lower_all(&locals(count, ty)).expect("accepted");
        assert_eq!(lowered.report.largest_frames[0].units, 8 + 20_000, "a vector takes two slots");
        assert_eq!(refused_by(&locals(count + 1, ty)), Limit::Locals);
    }
    assert_eq!(refused_by(&module(501, &[(20_000, ValType::I32)], |_| {})), Limit::ModuleLocals);
    // More than the validator counts, in a declaration of five bytes.
    assert_eq!(refused_by(&locals(u32::MAX, ValType::V128)), Limit::Locals);
}

#[test]
fn huge_tables_are_refused() {
    let mut tables = TableSection::new();
    let ty =
        |minimum| TableType { element_type: RefType::FUNCREF, minimum, maximum: None, table64: false, shared: false };
    tables.table(ty(10_000_001));
    let wasm = Module::new().section(&tables).clone().finish();
    let refusal = lower_all(&wasm);
    assert!(matches!(refusal, Err(Refusal::Limit { which: Limit::TableEntries, .. } | Refusal::Validating { .. })));
    let mut tables = TableSection::new();
    (0..17).for_each(|_| _ = tables.table(ty(1)));
    assert_eq!(refused_by(&Module::new().section(&tables).clone().finish()), Limit::Tables);
}

#[test]
fn deep_nesting_is_handled_and_deeper_refused() {
    let nested = |depth: usize, block: fn(BlockType) -> Instruction<'static>| {
        module(1, &[], move |code| {
            code.extend(std::iter::repeat_n(block(BlockType::Empty), depth));
            code.extend(std::iter::repeat_n(Instruction::End, depth));
        })
    };
    lower_all(&nested(9_998, Instruction::Block)).expect("accepted");
    lower_all(&nested(64, Instruction::Loop)).expect("accepted");
    assert_eq!(refused_by(&nested(65, Instruction::Loop)), Limit::LoopNesting);
    assert_eq!(refused_by(&nested(10_001, Instruction::Block)), Limit::Nesting);
}

#[test]
fn a_br_table_of_a_million_targets_is_refused() {
    let table = |targets: usize| {
        module(1, &[], move |code| {
            code.extend([Instruction::I32Const(0), Instruction::BrTable(vec![0; targets].into(), 0)]);
        })
    };
    let most = lower_all(&table(65_520)).expect("accepted");
    for generator in Generator::ALL {
        wasmtime::Module::new(&generator.engine(), &most.wasm).expect("what is just inside the limit compiles");
    }
    assert_eq!(refused_by(&table(65_521)), Limit::BranchTargets);
    assert_eq!(refused_by(&table(1_000_000)), Limit::BranchTargets);
}

#[test]
fn a_high_operand_stack_is_refused() {
    let operands = |count: usize| {
        module(1, &[], move |code| {
            code.extend(std::iter::repeat_n(Instruction::I32Const(0), count));
            code.extend(std::iter::repeat_n(Instruction::Drop, count));
        })
    };
    lower_all(&operands(20_000)).expect("accepted");
    assert_eq!(refused_by(&operands(20_001)), Limit::OperandHeight);
}

/// A chain of locals, each set from the next, the last of them raw: the analysis may not go round once for each.
#[test]
fn a_chain_of_locals_takes_no_quadratic_time() {
    let wasm = module(1, &[(20_000, ValType::F64)], |code| {
        for local in 0..19_999 {
            code.extend([Instruction::LocalGet(local + 1), Instruction::LocalSet(local)]);
        }
        code.extend([Instruction::LocalGet(0), Instruction::F64Sqrt, Instruction::LocalSet(19_999)]);
        code.extend([Instruction::LocalGet(0), Instruction::I64ReinterpretF64, Instruction::Drop]);
    });
    assert_eq!(lower_all(&wasm).expect("accepted").report.canonicalised, 1);
}

/// Many raw operands below many labels: each is shown once.
#[test]
fn operands_below_labels_take_no_quadratic_time() {
    let wasm = |labels| {
        module(1, &[(1, ValType::F64)], move |code| {
            for _ in 0..10_000 {
                code.extend([Instruction::LocalGet(0), Instruction::F64Sqrt]);
            }
            for _ in 0..labels {
                code.extend([Instruction::Block(BlockType::Empty), Instruction::End]);
            }
            code.extend(std::iter::repeat_n(Instruction::Drop, 10_000));
        })
    };
    assert_eq!(lower_all(&wasm(100)).expect("accepted").report.canonicalised, 10_000);
    assert_eq!(refused_by(&wasm(30_000)), Limit::Values);
}

#[test]
fn a_large_name_section_of_garbage_is_dropped() {
    let garbage: Vec<u8> = (0..4_000_000u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let section = CustomSection { name: "name".into(), data: garbage.into() };
    let wasm = Module::new().section(&section).clone().finish();
    assert_eq!(lower_all(&wasm).expect("accepted").report.dropped_sections, ["name"]);
}

#[test]
fn a_long_name_is_refused() {
    let mut exports = ExportSection::new();
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export(&"x".repeat(4_097), ExportKind::Memory, 0);
    assert_eq!(refused_by(&Module::new().section(&memories).section(&exports).clone().finish()), Limit::NameLength);
}

/// What is accepted the engine compiles, in bounded time too.
#[test]
fn what_is_accepted_compiles() {
    let engine = Generator::Speed.engine();
    let modules = [
        ("functions", module(50_000, &[], |code| code.push(Instruction::Nop))),
        ("locals", module(1, &[(20_000, ValType::I64)], |_| {})),
        ("vectors", module(1, &[(10_000, ValType::V128)], |_| {})),
        (
            "br_if",
            module(1, &[(1, ValType::I32)], |code| {
                (0..5_000).for_each(|_| code.extend([Instruction::LocalGet(0), Instruction::BrIf(0)]));
            }),
        ),
        (
            "nesting",
            module(1, &[], |code| {
                code.extend(std::iter::repeat_n(Instruction::Block(BlockType::Empty), 5_000));
                code.extend(std::iter::repeat_n(Instruction::End, 5_000));
            }),
        ),
    ];
    for (name, wasm) in modules {
        let lowered = lower(&wasm, &Options::default()).expect("accepted");
        let start = Instant::now();
        wasmtime::Module::new(&engine, &lowered.wasm).unwrap_or_else(|error| panic!("{name}: {error}"));
        eprintln!("{name}: {} bytes compile in {:?}", lowered.wasm.len(), start.elapsed());
        assert!(start.elapsed() < PATIENCE, "{name}: {:?}", start.elapsed());
    }
}

/// A module that exports one function of 256 parameters and 256 results `count` times, and lowering's 16 memories.
fn exports_of_a_large_type(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64; 256], [ValType::I64; 256]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    for _ in 0..16 {
        memories.memory(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None });
    }
    let mut exports = ExportSection::new();
    for number in 0..count {
        exports.export(&number.to_string(), ExportKind::Func, 0);
    }
    let mut function = Function::new([]);
    function.instructions().unreachable().end();
    let mut bodies = CodeSection::new();
    bodies.function(&function);
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&bodies);
    module.finish()
}

#[test]
fn types_of_exports_are_refused_before_lowering_makes_them_too_large() {
    // Each export counts 2 + 256 + 256.
    let most = (900_000 / 514) as u32;
    for floats in [Floats::Soft, Floats::Native] {
        let lowered =
            lower(&exports_of_a_large_type(most), &Options { floats, ..Options::default() }).expect("accepted");
        wasmparser::validate(&lowered.wasm).expect("a lowered module is valid");
    }
    assert_eq!(refused_by(&exports_of_a_large_type(most + 1)), Limit::TypeSize);
    // What the parser itself would just accept, and lowering makes too large.
    let parser_s = (1_000_000 / 514) as u32;
    wasmparser::validate(&exports_of_a_large_type(parser_s)).expect("the parser accepts it");
    assert_eq!(refused_by(&exports_of_a_large_type(parser_s)), Limit::TypeSize);
}

#[test]
fn types_of_imports_count_too() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64; 256], []);
    let mut imports = wasm_encoder::ImportSection::new();
    for number in 0..3_489 {
        imports.import("m", &number.to_string(), wasm_encoder::EntityType::Function(0));
    }
    assert_eq!(refused_by(&Module::new().section(&types).section(&imports).clone().finish()), Limit::TypeSize);
}

/// What lowering adds to the types of imports still fits where all else is at its limit.
#[test]
fn imports_from_the_host_grow_within_what_the_parser_accepts() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64; 16], []);
    let (mut imports, mut exports) = (wasm_encoder::ImportSection::new(), ExportSection::new());
    for number in 0..10_000 {
        imports.import("genlayer_sdk", &number.to_string(), wasm_encoder::EntityType::Function(0));
    }
    for number in 0..40_000 {
        exports.export(&number.to_string(), ExportKind::Func, number / 4);
    }
    let wasm = Module::new().section(&types).section(&imports).section(&exports).clone().finish();
    let lowered = lower_all(&wasm).expect("accepted");
    wasmparser::validate(&lowered.wasm).expect("a lowered module is valid");
    assert_eq!(lowered.report.helpers, 10_000);
    assert_eq!(lowered.set_up.bytes, 4096 + 10_000 * 32);
    exports.export("one more", ExportKind::Func, 0);
    assert_eq!(
        refused_by(&Module::new().section(&types).section(&imports).section(&exports).clone().finish()),
        Limit::TypeSize
    );
}

#[test]
fn an_instance_is_priced_by_what_it_holds() {
    let small = lower_all(&wat::parse_str("(module (memory 1))").expect("a module")).expect("accepted");
    assert_eq!((small.memories, small.defined_memories, small.set_up.bytes), (1, 1, 4096 + 64));
    let imported = wat::parse_str("(module (import \"m\" \"m\" (memory 1)) (import \"m\" \"f\" (func)) (memory 1))");
    let imported = lower_all(&imported.expect("a module")).expect("accepted");
    assert_eq!((imported.memories, imported.defined_memories), (2, 1));
    assert_eq!(imported.set_up.bytes, 4096 + 2 * 64 + 32);
    let many = lower_all(&module(50_000, &[], |_| {})).expect("accepted");
    assert_eq!(many.set_up.bytes, 4096 + 64 + 50_000 * 32);
    let globals = format!(
        "(module {} (table 9 funcref) (elem (i32.const 0) 0 0 0) (func))",
        "(global i32 (i32.const 0))".repeat(1_000)
    );
    let globals = lower_all(&wat::parse_str(globals).expect("a module")).expect("accepted");
    assert_eq!(globals.set_up.bytes, 4096 + 64 + 1_000 * 16 + 32 + 32 + 3 * 16);
}

/// What an instance makes anew is counted: its own memories and tables, and all that it imports.
#[test]
fn an_instance_is_priced_by_what_it_declares() {
    let set_up = |wat: &str| {
        let SetUp { pages, entries, imports, .. } = lower_all(&wat::parse_str(wat).unwrap()).expect("accepted").set_up;
        (pages, entries, imports)
    };
    assert_eq!(set_up("(module)"), (0, 0, 0));
    assert_eq!(set_up("(module (memory 3) (memory 65536) (table 7 funcref) (table 10 externref))"), (65_539, 17, 0));
    let imported = r#"(module (import "m" "a" (memory 9)) (import "m" "b" (table 9 funcref)) (import "m" "c" (func))
        (import "m" "d" (global i32)) (memory 1) (table 2 funcref))"#;
    assert_eq!(set_up(imported), (1, 2, 4));
}
