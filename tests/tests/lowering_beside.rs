//! What a compiler makes of a module beside the guest's functions is bounded, too: a few bytes may ask for thousands of
//! instructions.

use subvm_host_std::lower::{Limit, Lowered, Options, Refusal, lower};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, HeapType, InstructionSink, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

/// A module in the making: sections, and functions of one type and one body.
#[derive(Default)]
struct Parts {
    /// The types beside the functions' own, which comes first.
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    functions: u32,
    parameters: Vec<ValType>,
    tables: u32,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    data: DataSection,
}

impl Parts {
    fn module(&self, code: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function(self.parameters.iter().copied(), []);
        for (parameters, results) in &self.types {
            types.ty().function(parameters.iter().copied(), results.iter().copied());
        }
        let mut functions = FunctionSection::new();
        let mut bodies = CodeSection::new();
        let mut body = Function::new([]);
        let mut sink = body.instructions();
        code(&mut sink);
        sink.end();
        for _ in 0..self.functions {
            functions.function(0);
            bodies.function(&body);
        }
        let mut tables = TableSection::new();
        let ty = TableType { element_type: RefType::FUNCREF, minimum: 0, maximum: None, table64: false, shared: false };
        (0..self.tables).for_each(|_| _ = tables.table(ty));
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables).section(&memories).section(&self.globals);
        module.section(&self.exports).section(&self.elements).section(&bodies).section(&self.data);
        module.finish()
    }
}

fn accepted(wasm: &[u8]) -> Lowered {
    let lowered = lower(wasm, &Options::default()).unwrap_or_else(|refusal| panic!("{refusal}"));
    wasmparser::validate(&lowered.wasm).expect("a lowered module is valid");
    lowered
}

fn refused_by(wasm: &[u8]) -> Limit {
    match lower(wasm, &Options::default()) {
        Err(Refusal::Limit { which, .. }) => which,
        other => panic!("{:?}", other.map(|lowered| lowered.report)),
    }
}

/// Each way out moves every parameter and result of its type.
#[test]
fn types_of_many_parameters_and_results() {
    let types = |count: u32| {
        let ty = |number: u32| {
            let operands =
                (0..256).map(|bit| if bit < 16 && number >> bit & 1 == 1 { ValType::I64 } else { ValType::V128 });
            (operands.clone().collect(), operands.collect())
        };
        Parts { types: (0..count).map(ty).collect(), ..Parts::default() }.module(|_| {})
    };
    accepted(&types(7_500));
    assert_eq!(refused_by(&types(10_500)), Limit::ModuleValues);
}

/// A function that may be called from outside has a way in of its own: 16 bytes of it asked for 9 kilobytes of code.
#[test]
fn functions_that_escape() {
    let module = |functions: u32, elements: ElementSection, exports: ExportSection, globals: GlobalSection| {
        Parts { functions, parameters: vec![ValType::V128; 256], elements, exports, globals, ..Parts::default() }
            .module(|_| {})
    };
    let none = || (ElementSection::new(), ExportSection::new(), GlobalSection::new());
    let (elements, exports, globals) = none();
    let within = accepted(&module(38_000, elements, exports, globals)).report.values;
    assert!(within < 30_000_000, "{within}");
    let (mut elements, exports, globals) = none();
    elements.declared(Elements::Functions((0..38_000).collect::<Vec<_>>().into()));
    assert_eq!(refused_by(&module(38_000, elements, exports, globals)), Limit::ModuleValues);
    let (mut elements, exports, globals) = none();
    let references: Vec<_> = (0..38_000).map(ConstExpr::ref_func).collect();
    elements.passive(Elements::Expressions(RefType::FUNCREF, references.into()));
    assert_eq!(refused_by(&module(38_000, elements, exports, globals)), Limit::ModuleValues);
    let (elements, exports, mut globals) = none();
    let ty = GlobalType { val_type: ValType::FUNCREF, mutable: false, shared: false };
    (0..38_000).for_each(|function| _ = globals.global(ty, &ConstExpr::ref_func(function)));
    assert_eq!(refused_by(&module(38_000, elements, exports, globals)), Limit::ModuleValues);
    // However often one function is named, its way in is one.
    let (mut elements, mut exports, globals) = none();
    elements.declared(Elements::Functions(vec![0; 38_000].into()));
    (0..100).for_each(|number| _ = exports.export(&number.to_string(), ExportKind::Func, 0));
    let lowered = accepted(&module(38_000, elements, exports, globals));
    assert_eq!(lowered.report.values, within + 16 * 38_000 + 64 + 16 * 256);
}

/// Three bytes of an element segment were 24 bytes of code, and 3 kilobytes of the compiler's memory.
#[test]
fn items_of_element_segments() {
    let module = |items: usize, function: bool| {
        let mut parts = Parts { functions: 1, tables: 1, ..Parts::default() };
        match function {
            true => _ = parts.elements.passive(Elements::Functions(vec![0; items].into())),
            false => {
                let nulls = vec![ConstExpr::ref_null(HeapType::FUNC); items];
                parts.elements.active(
                    None,
                    &ConstExpr::i32_const(0),
                    Elements::Expressions(RefType::FUNCREF, nulls.into()),
                );
            }
        }
        parts.module(|_| {})
    };
    assert_eq!(accepted(&module(299_000, false)).report.most_values, 299_000 * 20 + 4);
    assert_eq!(refused_by(&module(301_000, false)), Limit::Values);
    assert_eq!(accepted(&module(375_000, true)).report.most_values, 6_000_000);
    assert_eq!(refused_by(&module(375_001, true)), Limit::Values);
}

#[test]
fn constant_expressions() {
    let module = |operators: usize| {
        let mut parts = Parts::default();
        let bytes: Vec<u8> = [0x41, 1].into_iter().chain([0x41, 1, 0x6a].repeat(operators / 2)).collect();
        let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
        parts.globals.global(ty, &ConstExpr::raw(bytes));
        parts.module(|_| {})
    };
    assert_eq!(accepted(&module(1_499_998)).report.most_values, 4 * 1_499_999);
    assert_eq!(refused_by(&module(1_500_000)), Limit::Values);
}

/// As many segments of data as are allowed, and what they set up together with the rest.
#[test]
fn segments_of_data() {
    let module = |segments: u32, items: usize| {
        let mut parts = Parts { functions: 1, ..Parts::default() };
        (0..segments).for_each(|place| _ = parts.data.active(0, &ConstExpr::i32_const(place as i32), [1]));
        parts.elements.passive(Elements::Functions(vec![0; items].into()));
        parts.module(|_| {})
    };
    assert_eq!(accepted(&module(100_000, 225_000)).report.most_values, 6_000_000);
    assert_eq!(refused_by(&module(100_000, 225_001)), Limit::Values);
    assert_eq!(refused_by(&module(100_001, 0)), Limit::DataSegments);
}

/// Eleven bytes that name a segment and a table asked for a helper of 600 microseconds.
#[test]
fn helpers_of_bulk_instructions() {
    let module = |pairs: u32| {
        let mut parts = Parts { functions: 1, tables: 16, ..Parts::default() };
        (0..pairs.div_ceil(16)).for_each(|_| _ = parts.elements.passive(Elements::Functions(vec![].into())));
        parts.module(|sink| {
            (0..pairs)
                .for_each(|pair| _ = sink.i32_const(0).i32_const(0).i32_const(0).table_init(pair % 16, pair / 16));
        })
    };
    let few = accepted(&module(1_600)).report;
    assert_eq!(few.helpers, 1_600);
    assert!(few.values > few.most_values + 1_600 * 1_000, "{few:?}");
    // The instructions hide branches, too, of which a function has 32,768.
    assert_eq!(accepted(&module(16_384)).report.helpers, 16_384);
    assert_eq!(refused_by(&module(16_385)), Limit::Branches);
}
