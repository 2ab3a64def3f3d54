//! Small modules that would keep a compiler busy for minutes, or fill its memory: each shape is doubled until lowering
//! refuses it, and the largest that it accepts compiles in bounded time.

use std::time::{Duration, Instant};

use subvm_host_std::lower::{Limit, Lowered, Options, Refusal, lower};
use subvm_tests::lowered::Generator;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, Function, FunctionSection, GlobalSection, GlobalType,
    InstructionSink, MemArg, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// For one function at its limit, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const WORD: MemArg = MemArg { offset: 0, align: 2, memory_index: 0 };

/// The types and functions of [`module`].
const WIDE: BlockType = BlockType::FunctionType(1);
const WIDE_TO_WIDE: u32 = 1;
const TO_WIDE: u32 = 2;
const FROM_WIDE: u32 = 3;

/// A module whose function 0 has `locals` and the body that `code` writes; three more take and give 128 numbers.
fn module(locals: (u32, ValType), globals: u32, code: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I64; 128], [ValType::I64; 128]);
    types.ty().function([], [ValType::I64; 128]);
    types.ty().function([ValType::I64; 128], []);
    let mut functions = FunctionSection::new();
    (0..4).for_each(|ty| _ = functions.function(ty));
    let mut tables = TableSection::new();
    let ty = TableType { element_type: RefType::FUNCREF, minimum: 9, maximum: None, table64: false, shared: false };
    tables.table(ty);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut variables = GlobalSection::new();
    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    (0..globals).for_each(|_| _ = variables.global(ty, &ConstExpr::i32_const(0)));
    let mut elements = ElementSection::new();
    elements.declared(Elements::Functions(vec![0].into()));
    let mut bodies = CodeSection::new();
    let mut function = Function::new([locals]);
    let mut sink = function.instructions();
    code(&mut sink);
    sink.end();
    bodies.function(&function);
    for _ in 1..4 {
        let mut function = Function::new([]);
        function.instructions().unreachable().end();
        bodies.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&variables);
    module.section(&elements).section(&bodies);
    module.finish()
}

/// Doubles `shape` until it is refused, which it must be by one of `limits`, and compiles the largest one before.
fn check(name: &str, limits: &[Limit], shape: impl Fn(u32) -> Vec<u8>) {
    let mut accepted: Option<Lowered> = None;
    for size in (4..32).map(|exponent| 1 << exponent) {
        match lower(&shape(size), &Options::default()) {
            Ok(lowered) => accepted = Some(lowered),
            Err(Refusal::Limit { which, .. }) => {
                assert!(limits.contains(&which), "{name} of {size}: {which:?}");
                break;
            }
            Err(refusal) => panic!("{name} of {size}: {refusal}"),
        }
    }
    let lowered = accepted.expect("a small one is accepted");
    let start = Instant::now();
    wasmtime::Module::new(&Generator::Speed.engine(), &lowered.wasm).unwrap_or_else(|error| panic!("{name}: {error}"));
    eprintln!("{name}: {} values compile in {:?}", lowered.report.most_values, start.elapsed());
    assert!(start.elapsed() < PATIENCE, "{name}: {:?}", start.elapsed());
}

fn repeat(sink: &mut InstructionSink<'_>, count: u32, write: impl Fn(&mut InstructionSink<'_>, u32)) {
    (0..count).for_each(|number| write(sink, number));
}

/// Stores each of `locals` locals, so that all of them live until here.
fn store_all(sink: &mut InstructionSink<'_>, locals: u32) {
    repeat(sink, locals, |sink, local| _ = sink.i32_const(0).local_get(local).i32_store(WORD));
}

#[test]
fn locals_that_loops_change() {
    check("loops", &[Limit::Values], |locals| {
        module((locals, ValType::I32), 0, |sink| {
            repeat(sink, 60, |sink, _| _ = sink.loop_(BlockType::Empty));
            repeat(sink, locals, |sink, local| _ = sink.local_get(local).i32_const(1).i32_add().local_set(local));
            repeat(sink, 60, |sink, _| _ = sink.local_get(0).br_if(0).end());
        })
    });
}

#[test]
fn locals_that_branches_change() {
    check("ifs", &[Limit::Values], |count| {
        module((count, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, local| {
                sink.local_get(local).if_(BlockType::Empty).i32_const(5).local_set((local * 7 + 3) % count).end();
            });
            store_all(sink, count);
        })
    });
    check("switch", &[Limit::Values], |count| {
        module((count, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, _| _ = sink.block(BlockType::Empty));
            sink.local_get(0).br_table((0..count).collect::<Vec<_>>(), 0);
            repeat(sink, count, |sink, local| {
                sink.end().local_get((local * 3) % count).i32_const(1).i32_add().local_set(local);
            });
            store_all(sink, count);
        })
    });
}

#[test]
fn locals_that_many_ways_lead_to() {
    check("table", &[Limit::Values], |count| {
        module((1_000, ValType::I32), 0, |sink| {
            sink.block(BlockType::Empty).i32_const(1).br_if(0);
            repeat(sink, 1_000, |sink, local| _ = sink.i32_const(5).local_set(local));
            sink.local_get(0).br_table(vec![0; count as usize], 0).end();
            store_all(sink, 1_000);
        })
    });
}

#[test]
fn operands_by_the_hundred() {
    check("calls", &[Limit::Values], |count| {
        module((1, ValType::I32), 0, |sink| {
            sink.call(TO_WIDE);
            repeat(sink, count, |sink, _| _ = sink.call(WIDE_TO_WIDE));
            sink.call(FROM_WIDE);
        })
    });
    check("labels", &[Limit::Values], |count| {
        module((1, ValType::I32), 0, |sink| {
            sink.call(TO_WIDE);
            repeat(sink, count, |sink, _| _ = sink.block(WIDE));
            repeat(sink, count, |sink, _| _ = sink.local_get(0).br_if(0).end());
            sink.call(FROM_WIDE);
        })
    });
}

#[test]
fn values_that_live_long() {
    check("crowd", &[Limit::Values], |count| {
        module((500, ValType::I32), 0, |sink| {
            repeat(sink, 500, |sink, local| _ = sink.i32_const(0).i32_load(WORD).local_set(local));
            repeat(sink, count, |sink, number| {
                sink.local_get(number * 7919 % 500).local_get(number * 31 % 500).i32_mul();
                sink.local_get(number * 3 % 500).i32_add().local_set(number * 13 % 500);
            });
            store_all(sink, 500);
        })
    });
}

#[test]
fn globals_that_loads_observe() {
    check("globals", &[Limit::Values], |count| {
        module((1, ValType::I32), count, |sink| {
            repeat(sink, count, |sink, global| _ = sink.i32_const(1).global_set(global));
            repeat(sink, count, |sink, _| _ = sink.local_get(0).i32_load(WORD).local_set(0));
        })
    });
}

#[test]
fn instructions_that_hide_branches() {
    check("table.set", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, _| _ = sink.local_get(0).local_get(0).table_get(0).table_set(0));
        })
    });
    check("call_indirect", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, _| _ = sink.local_get(0).call_indirect(0, 0));
        })
    });
    check("memory.fill", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, _| _ = sink.local_get(0).local_get(0).local_get(0).memory_fill(0));
        })
    });
    check("memory.grow", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| repeat(sink, count, |sink, _| _ = sink.local_get(0).memory_grow(0).drop()))
    });
    check("ref.func", &[Limit::Values, Limit::FunctionSize], |count| {
        module((1, ValType::I32), 0, |sink| repeat(sink, count, |sink, _| _ = sink.ref_func(0).drop()))
    });
    check("return_call", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| {
            repeat(sink, count, |sink, _| _ = sink.local_get(0).if_(BlockType::Empty).return_call(0).end());
        })
    });
    check("call", &[Limit::Branches, Limit::Values], |count| {
        module((1, ValType::I32), 0, |sink| repeat(sink, count, |sink, _| _ = sink.call(0)))
    });
    check("br_if", &[Limit::Branches], |count| {
        module((1, ValType::I32), 0, |sink| repeat(sink, count, |sink, _| _ = sink.local_get(0).br_if(0)))
    });
}

#[test]
fn floats_in_integers() {
    check("sqrt", &[Limit::FunctionSize, Limit::Values], |count| {
        module((1, ValType::F64), 0, |sink| {
            sink.local_get(0);
            repeat(sink, count, |sink, _| _ = sink.f64_sqrt());
            sink.local_set(0);
        })
    });
}
