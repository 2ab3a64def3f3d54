//! Whole transactions on wasmtime: a generated module as a library, and a start module that calls each of its functions and stores what
//! they come to. However it is run, it comes to one receipt; and with less gas it does exactly the beginning of what it does with more.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{
    Engine, Entry, FloatPolicy, Library, Message, Outcome, Package, Params, Parts, Report, Resource, Role, Run,
    VmError, run,
};
use subvm_host_mock::MemoryHost;
use subvm_host_mock::trace::Trace;
use subvm_host_std::{Codegen, WasmtimeEngine};
use wasm_smith::{Config, Module};
use wasmparser::types::EntityType;
use wasmparser::{ValType, Validator};

use super::lowering::config;

/// Ticks of a run that nothing interrupts.
const GAS: u64 = 300_000;
/// Bytes of RAM: few enough for a growing guest to meet the limit.
const RAM: u64 = 16 << 20;
/// Functions that are called.
const FUNCTIONS: usize = 12;
/// Bytes that the results of one call take: there are at most as many as fit.
const RESULTS: usize = 256;

static ENGINES: LazyLock<[Arc<WasmtimeEngine>; 4]> = LazyLock::new(|| {
    Codegen::ALL.map(|codegen| Arc::new(WasmtimeEngine::with(codegen).expect("this machine runs wasmtime")))
});

/// The body of the target.
pub(super) fn execution(data: &[u8]) {
    let choice = [0, 1].map(|at| data.get(at).copied().unwrap_or_default());
    // Most generated modules trap before they do anything else.
    let Some((package, _)) = generated(data.get(2..).unwrap_or_default(), !choice[0].is_multiple_of(4)) else { return };
    let ran = |codegen, package: &Arc<Package>, floats, gas| ran(&engine(codegen), package, floats, gas);
    let soft = |codegen| ran(codegen, &package, FloatPolicy::Soft, GAS);
    let (report, trace) = soft(Codegen::Speed);
    assert_eq!(soft(Codegen::Speed).0.receipt, report.receipt, "a second run");
    let other = Codegen::ALL[1 + usize::from(choice[0]) / 4 % 3];
    assert_eq!(soft(other).0.receipt, report.receipt, "{other:?}");
    same("canonical", &ran(Codegen::Speed, &package, FloatPolicy::Canonical, GAS), &(report.clone(), trace.clone()));
    let used = report.receipt.gas.time;
    same("just enough gas", &ran(Codegen::Speed, &package, FloatPolicy::Soft, used), &(report, trace.clone()));
    let less = used * u64::from(choice[1]) / 256;
    if less < used {
        interrupted(&ran(Codegen::Speed, &package, FloatPolicy::Soft, less), &trace, less);
    }
}

/// The engine that makes code so.
fn engine(codegen: Codegen) -> Arc<dyn Engine> {
    let place = Codegen::ALL.iter().position(|there| *there == codegen).unwrap_or_default();
    ENGINES[place].clone()
}

/// Holds two runs under different parameters to one outcome.
fn same(how: &str, (one, trace): &(Report, Vec<String>), (other, others_trace): &(Report, Vec<String>)) {
    let mut receipt = one.receipt.clone();
    receipt.params = other.receipt.params;
    assert_eq!(receipt, other.receipt, "{how}");
    assert_eq!(one.ram_peak, other.ram_peak, "{how}");
    assert_eq!(trace, others_trace, "{how}");
}

/// A run that ends for want of gas used all of it, and did nothing that the longer run did not do before.
fn interrupted((report, trace): &(Report, Vec<String>), longer: &[String], gas: u64) {
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)), "with {gas} ticks");
    assert_eq!(report.receipt.gas.time, gas);
    assert!(report.receipt.storage.is_empty() && report.receipt.messages.is_empty());
    // The call for which gas did not suffice ended in another way.
    let done = trace.len().saturating_sub(1);
    assert_eq!(trace[..done], longer[..done], "with {gas} ticks");
}

/// The report, and every host call.
pub(super) fn ran(
    engine: &Arc<dyn Engine>,
    package: &Arc<Package>,
    floats: FloatPolicy,
    gas_time: u64,
) -> (Report, Vec<String>) {
    let mut params = Params { floats, ..Params::default() };
    params.limits.gas_time = gas_time;
    params.limits.ram = RAM;
    let host = MemoryHost::new();
    let message = Message::default();
    host.deploy(message.contract_address, Arc::clone(package));
    let trace = Trace::new();
    let mut node = host.node();
    node.observer = Some(Box::new(trace.clone()));
    let transaction = Run {
        message,
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::new(params),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    let (_, report) = run(Arc::clone(engine), node, transaction);
    let report = report.unwrap_or_else(|error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        panic!("{floats:?}: {}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
    });
    (report, trace.lines())
}

/// A generated library and its caller, and what is left to choose. Nothing where there is nothing to call.
pub(super) fn generated<'a>(data: &'a [u8], disallow_traps: bool) -> Option<(Arc<Package>, Unstructured<'a>)> {
    let mut data = Unstructured::new(data);
    let module = Module::new(Config { disallow_traps, ..config() }, &mut data).ok()?;
    let package = package(&module.to_bytes(), &mut data)?;
    Some((package, data))
}

/// The library and its caller. Nothing where the library has no function to call.
fn package(library: &[u8], data: &mut Unstructured<'_>) -> Option<Arc<Package>> {
    let text = caller(library, data)?;
    let start = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let libraries = vec![Library { name: "lib".into(), wasm: library.into() }];
    let parts = Parts { start: start.into(), libraries, ..Parts::default() };
    Some(Arc::new(parts.check(&Refused::default()).expect("it is well-formed")))
}

/// A module that calls each exported function of `library`, writes the results to storage, and prints them.
fn caller(library: &[u8], data: &mut Unstructured<'_>) -> Option<String> {
    let types = Validator::new().validate_all(library).expect("a generated module is valid");
    let types = types.as_ref();
    let functions: Vec<_> = types
        .core_exports()?
        .filter_map(|(name, export)| match export {
            EntityType::Func(id) => Some((name, types[id].unwrap_func().clone())),
            _ => None,
        })
        .take(FUNCTIONS)
        .collect();
    let (mut imports, mut body) = (String::new(), String::new());
    for (number, (name, ty)) in functions.iter().enumerate() {
        let types = |types: &[ValType]| types.iter().map(|ty| format!(" {}", type_name(*ty))).collect::<String>();
        let escaped: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let (params, results) = (types(ty.params()), types(ty.results()));
        writeln!(imports, "(import \"lib\" \"{escaped}\" (func $f{number} (param{params}) (result{results})))").ok()?;
        let arguments: String = ty.params().iter().map(|ty| constant(*ty, data)).collect();
        write!(
            body,
            "(memory.fill (i32.const 64) (i32.const 0) (i32.const {RESULTS}))\n(call $f{number} {arguments})\n"
        )
        .ok()?;
        ty.results().iter().enumerate().rev().for_each(|(place, ty)| body.push_str(&store(*ty, place)));
        writeln!(
            body,
            "(drop (call $write (i32.const 0) (i32.const {}) (i32.const 64) (i32.const {RESULTS})))
             (drop (call $print (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 56)))",
            number * RESULTS
        )
        .ok()?;
    }
    (!functions.is_empty()).then(|| {
        format!(
            "(module
            (import \"genlayer_sdk\" \"storage_write\" (func $write (param i32 i32 i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"fd_write\" (func $print (param i32 i32 i32 i32) (result i32)))
            {imports}
            (memory (export \"memory\") 1)
            (data (i32.const 48) \"\\40\\00\\00\\00\\00\\01\\00\\00\")
            (global $i32 (mut i32) (i32.const 0)) (global $i64 (mut i64) (i64.const 0))
            (global $f32 (mut f32) (f32.const 0)) (global $f64 (mut f64) (f64.const 0))
            (global $v128 (mut v128) (v128.const i64x2 0 0))
            (func (export \"_start\") {body}))"
        )
    })
}

fn type_name(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::Ref(ty) if ty.is_extern_ref() => "externref",
        ValType::Ref(_) => "funcref",
    }
}

fn constant(ty: ValType, data: &mut Unstructured<'_>) -> String {
    let bits: u64 = data.arbitrary().unwrap_or_default();
    match ty {
        ValType::I32 => format!("(i32.const {})", bits as u32),
        ValType::I64 => format!("(i64.const {bits})"),
        ValType::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as u32),
        ValType::F64 => format!("(f64.reinterpret_i64 (i64.const {bits}))"),
        ValType::V128 => format!("(v128.const i64x2 {bits} {})", bits.rotate_left(17)),
        ValType::Ref(ty) if ty.is_extern_ref() => "(ref.null extern)".into(),
        ValType::Ref(_) => "(ref.null func)".into(),
    }
}

/// Moves a result from the stack into memory.
fn store(ty: ValType, place: usize) -> String {
    let at = 64 + place * 16;
    match ty {
        _ if at + 16 > 64 + RESULTS => "drop\n".into(),
        ValType::Ref(_) => format!("ref.is_null global.set $i32 (i32.store (i32.const {at}) (global.get $i32))\n"),
        _ => {
            let name = type_name(ty);
            format!("global.set ${name} ({name}.store (i32.const {at}) (global.get ${name}))\n")
        }
    }
}
