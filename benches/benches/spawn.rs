//! What spawning a sandbox costs, to its result, beside wasmtime's own pooled instantiate-and-run of the same module.
//!
//! The bar: at most three times as much. Rounds of both are interleaved in one process, so that a busy machine slows
//! both; the minimum and the median of the rounds are printed.
//!
//! `cargo bench --workspace --bench spawn`; the number of rounds may follow `--`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Address, Entry, Message, Outcome, Package, Parts, Role, Run, run};
use subvm_host_mock::MemoryHost;
use subvm_host_std::WasmtimeEngine;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module, PoolingAllocationConfig, Store,
};

/// Sandboxes in a round.
const SPAWNS: u32 = 256;
const ROUNDS: usize = 40;

/// Where the request stands in the module's memory.
const REQUEST: usize = 4096;

/// As compilers make them: a stack of a mebibyte, a table, some data. Who may write storage spawns, all others touch their stack and return.
fn module(request: &[u8]) -> Vec<u8> {
    let text = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (memory (export "memory") 17)
        (table 4 funcref)
        (global $sp (mut i32) (i32.const 1048576))
        (elem (i32.const 1) $spawn)
        (data (i32.const {REQUEST}) "{}")
        (data (i32.const 1049000) "\40\02\10\00\40\00\00\00")
        (func $spawn (local $left i32)
            (local.set $left (i32.const {SPAWNS}))
            (loop $more
                (if (call $gl_call (i32.const {REQUEST}) (i32.const {}) (i32.const 1049100)) (then unreachable))
                (if (call $read (i32.load (i32.const 1049100)) (i32.const 1049000) (i32.const 1) (i32.const 1049104))
                    (then unreachable))
                (if (i32.ne (i32.load (i32.const 1049104)) (i32.const 2)) (then unreachable))
                (if (call $close (i32.load (i32.const 1049100))) (then unreachable))
                (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
        (func (export "_start")
            (global.set $sp (i32.sub (global.get $sp) (i32.const 32)))
            (i32.store (global.get $sp) (i32.const 7))
            (if (i32.eqz (call $write (i32.const {REQUEST}) (i32.const 0) (i32.const 1048000) (i32.const 4)))
                (then (call_indirect (i32.const 1))))))"#,
        request.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>(),
        request.len(),
    );
    wat::parse_str(text).expect("a module")
}

fn request() -> Vec<u8> {
    let fields = Map::from([
        ("data", Value::Bytes(Vec::new())),
        ("allow_write_storage", false.into()),
        ("allow_send_messages", false.into()),
    ]);
    Value::from(Map::from([("Sandbox", Value::Map(fields))])).encode().expect("a request")
}

/// A transaction that spawns.
struct Spawning {
    engine: Arc<WasmtimeEngine>,
    package: Arc<Package>,
}

impl Spawning {
    fn new(wasm: &[u8]) -> Self {
        let parts = Parts { start: wasm.into(), ..Parts::default() };
        let package = Arc::new(parts.check(&Refused::default()).expect("a package"));
        Self { engine: Arc::new(WasmtimeEngine::new().expect("an engine")), package }
    }

    /// The time of one spawn.
    fn round(&self) -> Duration {
        let host = MemoryHost::new();
        let message = Message { contract_address: Address([1; 20]), ..Message::default() };
        host.deploy(message.contract_address, Arc::clone(&self.package));
        let node = host.node();
        let run_of = Run {
            message,
            entry: Entry::Contract,
            role: Role::Leader,
            params: Arc::default(),
            state: State::Accepted,
            deadline: None,
            cancel: None,
        };
        let start = Instant::now();
        let (_, report) = run(Arc::clone(&self.engine) as _, node, run_of);
        let time = start.elapsed();
        let report = report.expect("no internal error");
        assert_eq!(report.outcome, Outcome::null(), "{:?}", report.diagnostics);
        time / SPAWNS
    }
}

/// The same module, unlowered, on a pooling engine as wasmtime's documentation recommends it.
struct Pooled {
    engine: Engine,
    instance: InstancePre<Option<Memory>>,
}

impl Pooled {
    fn new(wasm: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(64 << 10).table_keep_resident(4096);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let module = Module::new(&engine, wasm).expect("a module");
        let mut linker = Linker::new(&engine);
        let sdk = "genlayer_sdk";
        linker.func_wrap(sdk, "gl_call", |_: i32, _: i32, _: i32| 0).expect("a new name");
        linker.func_wrap(sdk, "storage_write", |_: i32, _: i32, _: i32, _: i32| 1).expect("a new name");
        let wasi = "wasi_snapshot_preview1";
        linker.func_wrap(wasi, "fd_read", |_: i32, _: i32, _: i32, _: i32| 0).expect("a new name");
        linker.func_wrap(wasi, "fd_close", |_: i32| 0).expect("a new name");
        let instance = linker.instantiate_pre(&module).expect("all imports");
        Self { engine, instance }
    }

    /// The time of one instance, run.
    fn round(&self) -> Duration {
        let start = Instant::now();
        for _ in 0..SPAWNS {
            let mut store = Store::new(&self.engine, None);
            let instance = self.instance.instantiate(&mut store).expect("an instance");
            *store.data_mut() = instance.get_memory(&mut store, "memory");
            let entry = instance.get_typed_func::<(), ()>(&mut store, "_start").expect("an entry");
            entry.call(&mut store, ()).expect("no trap");
        }
        start.elapsed() / SPAWNS
    }
}

fn minimum_and_median(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    (microseconds(times[0]), microseconds(times[times.len() / 2]))
}

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let wasm = module(&request());
    let (spawning, pooled) = (Spawning::new(&wasm), Pooled::new(&wasm));
    // Compiles, and warms both up.
    spawning.round();
    pooled.round();
    let (mut ours, mut theirs): (Vec<_>, Vec<_>) = (0..rounds).map(|_| (spawning.round(), pooled.round())).unzip();
    let (ours, theirs) = (minimum_and_median(&mut ours), minimum_and_median(&mut theirs));
    println!("microseconds each, {rounds} rounds of {SPAWNS}: minimum, median");
    println!("sandbox to its result            {:8.2} {:8.2}", ours.0, ours.1);
    println!("wasmtime, pooled, unlowered      {:8.2} {:8.2}", theirs.0, theirs.1);
    println!("ratio (at most 3)                {:8.2} {:8.2}", ours.0 / theirs.0, ours.1 / theirs.1);
}
