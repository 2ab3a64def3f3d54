//! What lowering costs: kernels unlowered, lowered under each policy, and under wasmtime's own fuel and epochs.
//!
//! `cargo bench -p subvm-benches --bench lowering`; compare the times within a group.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use subvm_host_std::lower::{Floats, GAS_GLOBAL, Options, STACK_GLOBAL, lower};
use wasmtime::{Config, Engine, Inlining, Instance, Module, Store, TypedFunc, Val};

/// Kernels and their arguments: some milliseconds each.
const KERNELS: [(&str, &str, i32); 5] = [
    ("fib", include_str!("kernels/fib.wat"), 24),
    ("sieve", include_str!("kernels/sieve.wat"), 500_000),
    ("interpreter", include_str!("kernels/interpreter.wat"), 100_000),
    ("mandelbrot", include_str!("kernels/mandelbrot.wat"), 64),
    ("bodies", include_str!("kernels/bodies.wat"), 500),
];

/// How an unlowered module is interrupted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interruption {
    None,
    Fuel,
    FuelAndEpochs,
}

fn engine(interruption: Interruption) -> Engine {
    let mut config = Config::new();
    config
        .compiler_inlining(Inlining::No)
        .memory_init_cow(false)
        .memory_reservation(1 << 32)
        .memory_guard_size(1 << 25);
    config.consume_fuel(interruption != Interruption::None);
    config.epoch_interruption(interruption == Interruption::FuelAndEpochs);
    Engine::new(&config).expect("an engine")
}

fn unlowered(wasm: &[u8], interruption: Interruption) -> (Store<()>, TypedFunc<i32, i32>) {
    let engine = engine(interruption);
    let module = Module::new(&engine, wasm).expect("a module");
    let mut store = Store::new(&engine, ());
    if interruption != Interruption::None {
        store.set_fuel(u64::MAX).expect("fuel is on");
    }
    if interruption == Interruption::FuelAndEpochs {
        store.set_epoch_deadline(1 << 40);
    }
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let function = instance.get_typed_func(&mut store, "f").expect("f");
    (store, function)
}

/// Gas without end, and the stack that a thread has.
fn lowered(wasm: &[u8], floats: Floats) -> (Store<()>, TypedFunc<i32, i32>) {
    let lowered = lower(wasm, &Options { floats, ..Options::default() }).expect("accepted");
    let engine = engine(Interruption::None);
    let module = Module::new(&engine, &lowered.wasm).expect("a module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    for (name, value) in [(GAS_GLOBAL, Val::I64(i64::MAX)), (STACK_GLOBAL, Val::I32(4_000))] {
        let global = instance.get_global(&mut store, name).expect("an injected global");
        global.set(&mut store, value).expect("its type");
    }
    let function = instance.get_typed_func(&mut store, "f").expect("f");
    (store, function)
}

fn kernels(criterion: &mut Criterion) {
    for (name, text, argument) in KERNELS {
        let wasm = wat::parse_str(text).expect("a kernel");
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for (peer, interruption) in [
            ("unlowered", Interruption::None),
            ("fuel", Interruption::Fuel),
            ("fuel and epochs", Interruption::FuelAndEpochs),
        ] {
            let (mut store, function) = unlowered(&wasm, interruption);
            group.bench_function(peer, |bencher| {
                bencher.iter(|| function.call(&mut store, black_box(argument)).expect("no trap"));
            });
        }
        for floats in [Floats::Native, Floats::Canonical, Floats::Soft] {
            let (mut store, function) = lowered(&wasm, floats);
            group.bench_function(format!("{floats:?}").to_lowercase(), |bencher| {
                bencher.iter(|| function.call(&mut store, black_box(argument)).expect("no trap"));
            });
        }
        group.finish();
    }
}

/// Lowering itself beside compiling, on a module of a thousand functions.
fn lowering(criterion: &mut Criterion) {
    let body = include_str!("kernels/sieve.wat");
    let (_, function) = body.split_once("(memory 32)").expect("a memory");
    let function = function.trim_end().strip_suffix(')').expect("a module").replace("(export \"f\")", "");
    let wasm = wat::parse_str(format!("(module (memory 32) {})", function.repeat(1_000)));
    let wasm = wasm.expect("a module");
    let engine = engine(Interruption::None);
    let mut group = criterion.benchmark_group("thousand functions");
    group.sample_size(10);
    for floats in [Floats::Soft, Floats::Canonical] {
        let options = Options { floats, ..Options::default() };
        group.bench_function(format!("lower, {floats:?}").to_lowercase(), |bencher| {
            bencher.iter(|| lower(black_box(&wasm), &options).expect("accepted"));
        });
    }
    group.bench_function("compile, unlowered", |bencher| bencher.iter(|| Module::new(&engine, black_box(&wasm))));
    group.finish();
}

criterion_group!(benches, kernels, lowering);
criterion_main!(benches);
