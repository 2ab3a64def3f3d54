//! Lowered modules behave the same under the policies that allow floats, and under every code generator.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use subvm_host_std::lower::{Floats, Lowered, Options, Refusal, TrapKind, lower};
use wasm_smith::{Config, Module};
use wasmtime::{Engine, ExternType, Linker, Trap, Val, ValType};

use super::{counting, float_programs, modelled};
use crate::lowered::{Ending, Generator, Machine, Observed};

/// Ticks for each call: enough for loops, few enough to end them, and too few for much memory.
const GAS: i64 = 200_000;

/// Stack units: they fit into a test's thread.
const STACK: i32 = 4_000;

static ENGINES: LazyLock<[Engine; 3]> = LazyLock::new(|| Generator::ALL.map(Generator::engine));

/// What the fuzz target does: the first byte says which of the bodies below takes the rest.
pub fn any(data: &[u8]) {
    match data {
        [0, data @ ..] => bytes(data),
        [1, data @ ..] => floats(data),
        [2, data @ ..] => _ = counting::branching(data),
        [3, data @ ..] => _ = modelled::calling(data),
        data => generated(data),
    }
}

/// Lowers anything: it may be refused but neither panic nor yield an invalid module.
pub fn bytes(data: &[u8]) {
    for floats in [Floats::Soft, Floats::Trap, Floats::Canonical, Floats::Native] {
        let lowered = |probe_stores| lower(data, &Options { floats, probe_stores, ..Options::default() });
        let (plain, probed) = (lowered(false), lowered(true));
        assert_eq!(plain.as_ref().err(), probed.as_ref().err(), "probes change nothing of what is refused");
        for lowered in [plain, probed].into_iter().flatten() {
            wasmparser::validate(&lowered.wasm).expect("a lowered module is valid");
        }
    }
}

/// Runs a module generated from `data`.
pub fn generated(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok(module) = Module::new(config(), &mut data) else { return };
    let arguments: Vec<u64> = (0..8).map(|_| u64::arbitrary(&mut data).unwrap_or_default()).collect();
    agree(&module.to_bytes(), &arguments);
}

/// Runs a program dense with floats, generated from `data`.
pub fn floats(data: &[u8]) {
    let (text, arguments) = float_programs::program(data);
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    agree(&wasm, &arguments);
}

/// Runs every exported function of a valid module and holds all ways of running it to one observation.
fn agree(wasm: &[u8], arguments: &[u64]) {
    let lowered_with = |floats, probe_stores| lower(wasm, &Options { floats, probe_stores, ..Options::default() });
    let lowered = |floats| lowered_with(floats, Options::default().probe_stores);
    let soft = match lowered(Floats::Soft) {
        Ok(soft) => soft,
        Err(Refusal::Limit { .. } | Refusal::ReservedName { .. }) => return,
        Err(refusal) => panic!("a generated module is valid: {refusal}"),
    };
    let canonical = lowered(Floats::Canonical).expect("accepted under one policy, accepted under another");
    let [none, speed, pulley] = &*ENGINES;
    let expected = run(speed, soft.clone(), arguments);
    assert_eq!(run(speed, canonical.clone(), arguments), expected, "canonical, optimised");
    assert_eq!(run(none, soft.clone(), arguments), expected, "soft, not optimised");
    assert_eq!(run(none, canonical, arguments), expected, "canonical, not optimised");
    assert_eq!(run(pulley, soft, arguments), expected, "soft, interpreted");
    let probed = lowered_with(Floats::Soft, true).expect("accepted without probes, accepted with them");
    assert_eq!(run(speed, probed.clone(), arguments), expected, "probed stores, optimised");
    assert_eq!(run(pulley, probed, arguments), expected, "probed stores, interpreted");
    lowered(Floats::Trap).and(lowered(Floats::Native)).expect("accepted under every policy");
}

/// What the start function and a call of each exported function leave behind; nothing when it cannot be instantiated.
fn run(engine: &Engine, lowered: Lowered, arguments: &[u64]) -> Vec<Observed> {
    let module = wasmtime::Module::new(engine, &lowered.wasm).expect("a lowered module is valid");
    let functions = exported_functions(&module);
    let Ok(mut machine) = Machine::link(engine, &Linker::new(engine), lowered, GAS, STACK) else { return Vec::new() };
    let mut observed = Vec::new();
    for (name, parameters) in functions.iter().take(20) {
        machine.grant(GAS, STACK);
        let arguments: Vec<Val> = parameters.iter().zip(arguments.iter().cycle()).map(argument).collect();
        observed.push(comparable(machine.call(name, &arguments)));
    }
    observed
}

/// The functions that the guest exports: names and parameters.
pub(super) fn exported_functions(module: &wasmtime::Module) -> Vec<(String, Vec<ValType>)> {
    module
        .exports()
        .filter(|export| !export.name().contains(subvm_host_std::lower::RESERVED))
        .filter_map(|export| match export.ty() {
            ExternType::Func(ty) => Some((export.name().to_owned(), ty.params().collect())),
            _ => None,
        })
        .collect()
}

pub(super) fn argument((ty, bits): (&ValType, &u64)) -> Val {
    match ty {
        ValType::I32 => Val::I32(*bits as i32),
        ValType::I64 => Val::I64(*bits as i64),
        ValType::F32 => Val::F32(*bits as u32),
        ValType::F64 => Val::F64(*bits),
        ValType::V128 => Val::V128((u128::from(*bits) << 64 | u128::from(bits.rotate_left(17))).into()),
        ValType::Ref(ty) => Val::null_ref(ty.heap_type()),
    }
}

/// One name for what is one outcome: a conversion traps by itself, or in integer arithmetic.
fn comparable(mut observed: Observed) -> Observed {
    observed.ending = match observed.ending {
        Ending::Trapped(Trap::IntegerOverflow) => Ending::Lowering(TrapKind::IntegerOverflow),
        Ending::Trapped(Trap::BadConversionToInteger) => Ending::Lowering(TrapKind::BadConversionToInteger),
        other => other,
    };
    observed
}

/// Modules with everything that is enabled and nothing that is not.
pub(super) fn config() -> Config {
    Config {
        bulk_memory_enabled: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        max_funcs: 12,
        max_imports: 0,
        max_instructions: 150,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 1_000,
        max_tables: 2,
        memory64_enabled: false,
        min_funcs: 1,
        min_memories: 1,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}
