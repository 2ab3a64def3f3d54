//! Each limit on modules, by what is just inside it and just outside: the one compiles on every engine, the other is refused by name and figure.
//!
//! `SUBVM_LIMITS=all cargo test --workspace --test limits -- --nocapture` compiles those as well that take a minute or more, and says what each took.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use subvm_core::{Engine, InternalErrorKind, Invalid, Outcome, Params, Parts, Run, VmError, run};
use subvm_host_std::WasmiEngine;
use subvm_host_std::lower::{Limit, Options, Refusal, lower};
use subvm_tests::lowered::Generator;
use subvm_tests::transaction::{deployed, transaction};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TagKind, TagSection, TagType, TypeSection,
    ValType,
};

/// What is just inside a limit, and just outside.
struct Case {
    inside: Vec<u8>,
    outside: Vec<u8>,
    /// Whether it takes long to compile.
    heavy: bool,
    /// Whether another case compiles all of it.
    covered: bool,
}

impl Case {
    /// By how much there is of something.
    fn of(limit: Limit, make: impl Fn(u32) -> Vec<u8>) -> Self {
        let most = u32::try_from(limit.value()).expect("limits are below 2^32");
        Self { inside: make(most), outside: make(most + 1), heavy: false, covered: false }
    }

    /// By the largest count that is accepted, between one that is and one that is not.
    fn largest(limit: Limit, (mut few, mut many): (u32, u32), make: impl Fn(u32) -> Vec<u8>) -> Self {
        let accepted = |count: u32| match lower(&make(count), &Options::default()) {
            Ok(_) => true,
            Err(Refusal::Limit { which, .. }) => {
                assert_eq!(which, limit, "{count} for {limit:?}");
                false
            }
            Err(refusal) => panic!("{count} for {limit:?}: {refusal}"),
        };
        assert!(accepted(few) && !accepted(many), "{limit:?}");
        while few + 1 < many {
            let middle = few.midpoint(many);
            *(if accepted(middle) { &mut few } else { &mut many }) = middle;
        }
        Self { inside: make(few), outside: make(many), heavy: false, covered: false }
    }

    fn heavy(self) -> Self {
        Self { heavy: true, ..self }
    }

    fn covered(self) -> Self {
        Self { covered: true, ..self }
    }
}

fn global() -> GlobalType {
    GlobalType { val_type: ValType::I32, mutable: false, shared: false }
}

fn memory(minimum: u64) -> MemoryType {
    MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None }
}

fn table(minimum: u64) -> TableType {
    TableType { element_type: RefType::FUNCREF, minimum, maximum: None, table64: false, shared: false }
}

/// `count` functions with `locals` and this code, of no parameters and results.
fn functions(count: u32, locals: u32, code: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut function = Function::new(if locals > 0 { vec![(locals, ValType::I32)] } else { vec![] });
    let mut sink = function.instructions();
    code(&mut sink);
    sink.end();
    let (mut types, mut declared, mut bodies) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for _ in 0..count {
        declared.function(0);
        bodies.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&bodies);
    module.finish()
}

fn repeated(count: u32, code: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    functions(1, 1, |sink| (0..count).for_each(|_| code(sink)))
}

/// `count` functions, each of which calls `calls` times another one that gives and takes `width` numbers, and then `then`.
fn calling(count: u32, calls: u32, width: usize, then: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], vec![ValType::I32; width]);
    let (mut declared, mut bodies) = (FunctionSection::new(), CodeSection::new());
    declared.function(1);
    let mut called = Function::new([]);
    called.instructions().unreachable().end();
    bodies.function(&called);
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    for _ in 0..calls {
        sink.call(0);
        then(&mut sink);
    }
    sink.end();
    for _ in 0..count {
        declared.function(0);
        bodies.function(&function);
    }
    let mut memories = MemorySection::new();
    memories.memory(memory(1));
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memories).section(&bodies);
    module.finish()
}

/// As many of one export as that, beside a function of 256 parameters and results that is exported `large` times.
fn exports(small: u32, large: u32) -> Vec<u8> {
    let (mut types, mut declared, mut globals) = (TypeSection::new(), FunctionSection::new(), GlobalSection::new());
    types.ty().function([ValType::I64; 256], [ValType::I64; 256]);
    declared.function(0);
    globals.global(global(), &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    (0..small).for_each(|number| _ = exports.export(&format!("g{number}"), ExportKind::Global, 0));
    (0..large).for_each(|number| _ = exports.export(&format!("f{number}"), ExportKind::Func, 0));
    let (mut bodies, mut function) = (CodeSection::new(), Function::new([]));
    function.instructions().unreachable().end();
    bodies.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&globals).section(&exports).section(&bodies);
    module.finish()
}

/// A module of one section.
fn one(section: &impl wasm_encoder::Section) -> Vec<u8> {
    Module::new().section(section).clone().finish()
}

fn case(limit: Limit) -> Case {
    match limit {
        Limit::ModuleSize => Case::of(limit, |bytes| {
            let custom = |len: u32| one(&CustomSection { name: "x".into(), data: vec![0; len as usize].into() });
            // Headers, the name and a length of four bytes.
            custom(bytes - 8 - 1 - 4 - 2)
        }),
        Limit::Types => Case::of(limit, |count| {
            let mut types = TypeSection::new();
            (0..count).for_each(|_| types.ty().function([], []));
            one(&types)
        }),
        Limit::Imports => Case::of(limit, |count| {
            let mut imports = ImportSection::new();
            (0..count).for_each(|number| _ = imports.import("m", &number.to_string(), EntityType::Global(global())));
            one(&imports)
        }),
        Limit::Functions => Case::of(limit, |count| functions(count, 0, |_| ())).heavy(),
        Limit::Tables => Case::of(limit, |count| {
            let mut tables = TableSection::new();
            (0..count).for_each(|_| _ = tables.table(table(1)));
            one(&tables)
        }),
        Limit::Memories => Case::of(limit, |count| {
            let mut memories = MemorySection::new();
            (0..count).for_each(|_| _ = memories.memory(memory(1)));
            one(&memories)
        }),
        Limit::Globals => Case::of(limit, |count| {
            let mut globals = GlobalSection::new();
            (0..count).for_each(|_| _ = globals.global(global(), &ConstExpr::i32_const(0)));
            one(&globals)
        }),
        Limit::Exports => Case::of(limit, |count| exports(count, 0)),
        Limit::Tags => Case::of(limit, |count| {
            let mut types = TypeSection::new();
            types.ty().function([], []);
            let mut tags = TagSection::new();
            (0..count).for_each(|_| _ = tags.tag(TagType { kind: TagKind::Exception, func_type_idx: 0 }));
            let mut module = Module::new();
            module.section(&types).section(&tags);
            module.finish()
        }),
        Limit::ElementSegments => Case::of(limit, |count| {
            let mut elements = ElementSection::new();
            (0..count).for_each(|_| _ = elements.passive(Elements::Functions(vec![].into())));
            one(&elements)
        }),
        Limit::DataSegments => Case::of(limit, |count| {
            let mut data = DataSection::new();
            (0..count).for_each(|_| _ = data.passive([]));
            one(&data)
        }),
        Limit::TableEntries => Case::of(limit, |count| {
            let mut tables = TableSection::new();
            tables.table(table(count.into()));
            one(&tables)
        }),
        Limit::NameLength => Case::of(limit, |len| {
            let mut imports = ImportSection::new();
            imports.import("m", &"x".repeat(len as usize), EntityType::Global(global()));
            one(&imports)
        }),
        Limit::Parameters => Case::of(limit, |count| {
            let mut types = TypeSection::new();
            types.ty().function(vec![ValType::I64; count as usize], []);
            one(&types)
        }),
        Limit::Results => Case::of(limit, |count| {
            let mut types = TypeSection::new();
            types.ty().function([], vec![ValType::I64; count as usize]);
            one(&types)
        }),
        Limit::Locals => Case::of(limit, |count| functions(1, count, |_| ())),
        // 500 functions of 20,000 have as many as allowed.
        Limit::ModuleLocals => Case {
            inside: functions(500, 20_000, |_| ()),
            outside: functions(501, 20_000, |_| ()),
            heavy: true,
            covered: false,
        },
        // A body has an `end`, and a declaration of one local, in three bytes.
        Limit::FunctionSize => Case::of(limit, |bytes| repeated(bytes - 4, |sink| _ = sink.nop())),
        // The function itself is the outermost block.
        Limit::Nesting => Case::of(limit, |depth| {
            functions(1, 0, |sink| {
                (1..depth).for_each(|_| _ = sink.block(BlockType::Empty));
                (1..depth).for_each(|_| _ = sink.end());
            })
        }),
        Limit::OperandHeight => Case::of(limit, |count| {
            functions(1, 0, |sink| {
                (0..count).for_each(|_| _ = sink.i32_const(0));
                (0..count).for_each(|_| _ = sink.drop());
            })
        }),
        // The next case compiles two such functions.
        Limit::Branches => {
            Case::of(limit, |count| repeated(count, |sink| _ = sink.block(BlockType::Empty).end())).covered()
        }
        // A function may have the root of what all may have together.
        Limit::BranchSquares => {
            let blocks = |sink: &mut InstructionSink<'_>| {
                (0..32_768).for_each(|_| _ = sink.block(BlockType::Empty).end());
            };
            Case { inside: functions(2, 1, blocks), outside: functions(3, 1, blocks), heavy: false, covered: false }
        }
        Limit::BranchTargets => Case::of(limit, |targets| {
            functions(1, 0, |sink| _ = sink.i32_const(0).br_table(vec![0; targets as usize], 0))
        }),
        Limit::Loops => Case::of(limit, |count| repeated(count, |sink| _ = sink.loop_(BlockType::Empty).end())),
        Limit::LoopNesting => Case::of(limit, |depth| {
            functions(1, 0, |sink| {
                (0..depth).for_each(|_| _ = sink.loop_(BlockType::Empty));
                (0..depth).for_each(|_| _ = sink.end());
            })
        }),
        Limit::Values => Case::largest(limit, (1, 5_000), |calls| {
            calling(1, calls, 128, |sink| (0..128).for_each(|_| _ = sink.drop()))
        }),
        Limit::ModuleValues => Case::largest(limit, (1, 600), |count| {
            calling(count, 200, 128, |sink| (0..128).for_each(|_| _ = sink.drop()))
        })
        .heavy(),
        // Each function of 512 counts 514, and the rest are globals.
        Limit::TypeSize => {
            let with = |large: u32, rest: u32| exports(rest, large);
            Case { inside: with(1_750, 500), outside: with(1_750, 501), heavy: false, covered: false }
        }
        // Each store counts with the load that goes before it on some processors.
        Limit::LoweredFunctionSize => Case::largest(limit, (8_000, 21_300), |calls| {
            let word = MemArg { offset: 0, align: 2, memory_index: 0 };
            calling(1, calls, 16, |sink| (0..8).for_each(|_| _ = sink.i32_store(word)))
        })
        .heavy(),
        other => panic!("{other:?} has no case: add what is just inside it and what is just outside"),
    }
}

fn options(limit: Limit) -> Options {
    Options { exceptions: limit == Limit::Tags, ..Options::default() }
}

/// A case that compiles by itself.
struct Inside {
    limit: Limit,
    wasm: Vec<u8>,
    lowered: Vec<u8>,
}

/// Each limit's case, refused just outside of it. Those inside are made once for all engines.
static INSIDE: LazyLock<Vec<Inside>> = LazyLock::new(|| {
    let all = std::env::var("SUBVM_LIMITS").is_ok_and(|which| which == "all");
    let tried = Limit::ALL.iter().filter_map(|&limit| {
        let Case { inside, outside, heavy, covered } = case(limit);
        let refusal = lower(&outside, &options(limit)).expect_err(limit.name());
        let Refusal::Limit { which, found } = refusal else { panic!("{limit:?}: {refusal}") };
        assert!(which == limit && found > limit.value(), "{limit:?}: {which:?}, {found}");
        let text = refusal.to_string();
        let figures = [limit.name().to_owned(), found.to_string(), limit.value().to_string()];
        assert!(figures.iter().all(|figure| text.contains(figure)), "{limit:?}: {text}");

        let lowered = lower(&inside, &options(limit)).unwrap_or_else(|refusal| panic!("{limit:?}: {refusal}"));
        let compiled = !covered && (!heavy || all);
        compiled.then_some(Inside { limit, wasm: inside, lowered: lowered.wasm })
    });
    tried.collect()
});

/// Compiles each, and says what took long.
fn each(engine: &str, compile: impl Fn(&Inside)) {
    for inside in INSIDE.iter() {
        let start = Instant::now();
        compile(inside);
        let took = start.elapsed().as_secs_f64();
        if took > 1.0 {
            println!("{engine}: {} at its limit: {took:.1} s", inside.limit.name());
        }
    }
}

fn compiled_by(generator: Generator) {
    let engine = generator.engine();
    each(&format!("{generator:?}"), |Inside { limit, lowered, .. }| {
        wasmtime::Module::new(&engine, lowered).unwrap_or_else(|error| panic!("{limit:?}: {error:#}"));
    });
}

#[test]
fn what_is_just_outside_a_limit_is_refused_by_name_and_figure() {
    assert!(INSIDE.len() > Limit::ALL.len() / 2, "the others are heavy, or covered");
}

#[test]
fn what_is_just_inside_compiles_without_optimisation() {
    compiled_by(Generator::None);
}

#[test]
fn what_is_just_inside_compiles_for_speed() {
    compiled_by(Generator::Speed);
}

#[test]
fn what_is_just_inside_compiles_for_pulley() {
    compiled_by(Generator::Pulley);
}

/// As a node runs it: what wasmi cannot translate is an internal error, and all else ends before the entry, which none of these has.
#[test]
fn what_is_just_inside_is_translated_by_wasmi() {
    let engine: Arc<dyn Engine> = Arc::new(WasmiEngine::new());
    each("wasmi", |Inside { limit, wasm, .. }| {
        let params = Params { exceptions: *limit == Limit::Tags, ..Params::default() };
        let node = deployed(Parts { start: wasm.clone().into(), ..Parts::default() }).node();
        let ran = run(Arc::clone(&engine), node, Run { params: params.into(), ..transaction() }).1;
        match ran.map(|report| report.outcome) {
            Ok(Outcome::VmError(VmError::InvalidContract(Invalid::WasmEntrypoint | Invalid::WasmLinking))) => {}
            // It has no exceptions, and says so.
            Err(error) if *limit == Limit::Tags => assert_eq!(error.kind(), InternalErrorKind::Engine, "{error}"),
            other => panic!("{limit:?}: {other:?}"),
        }
    });
}
