//! What a tick costs in programs whose work a compiler would move (`docs/RATIONALE.md#work-that-compilers-move`): nanoseconds of the
//! processor for each tick, the time to compile, and how many barriers lowering sets.
//!
//! `cargo bench -p subvm-benches --bench motion` runs those that are written here, which are as bad as the bounds of lowering
//! allow; modules as arguments are run too: every export without parameters that they have, unless they import something.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use subvm_host_std::lower::{Floats, GAS_GLOBAL, Options, STACK_GLOBAL, lower};
use wasmtime::{Config, Engine, ExternType, Inlining, Linker, Module, Store, Val};

/// Ticks that a program is granted.
const TICKS: i64 = 200_000_000;

/// Rounds of a loop.
const ROUNDS: u32 = 1_000_000;

/// Seconds of the processor that this thread has used.
fn seconds() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of Unix");
    Duration::from(now).as_secs_f64()
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.compiler_inlining(Inlining::No).memory_init_cow(false).max_wasm_stack(64 << 20);
    config.async_stack_size(80 << 20).parallel_compilation(false);
    Engine::new(&config).expect("an engine")
}

/// How often lowering's barriers are in a module: it compares the counter with what it never is.
fn barriers(wasm: &[u8]) -> usize {
    let compared = [0x42, 0x80, 0x80, 0x80, 0x80, 0x78, 0x51];
    wasm.windows(compared.len()).filter(|window| *window == compared).count()
}

/// Lowers, compiles and, where it can be, runs a module.
fn measure(name: &str, wasm: &[u8], floats: Floats) {
    let lowered = match lower(wasm, &Options { floats, ..Options::default() }) {
        Ok(lowered) => lowered,
        Err(refusal) => return println!("{name:34} refused: {refusal}"),
    };
    let engine = engine();
    let start = seconds();
    let module = match Module::new(&engine, &lowered.wasm) {
        Ok(module) => module,
        Err(error) => return println!("{name:34} not compiled: {error}"),
    };
    print!("{name:34} {:7} barriers, compiled in {:7.3} s", barriers(&lowered.wasm), seconds() - start);
    if module.imports().next().is_some() {
        return println!(", imports");
    }
    let callable = |ty: &ExternType| ty.func().is_some_and(|ty| ty.params().len() + ty.results().len() == 0);
    let names: Vec<String> =
        module.exports().filter(|export| callable(&export.ty())).map(|export| export.name().to_owned()).collect();
    for export in names {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("an instance");
        let gas = instance.get_global(&mut store, GAS_GLOBAL).expect("a counter");
        let stack = instance.get_global(&mut store, STACK_GLOBAL).expect("a counter");
        stack.set(&mut store, Val::I32(1 << 20)).expect("its type");
        gas.set(&mut store, Val::I64(TICKS)).expect("its type");
        let function = instance.get_typed_func::<(), ()>(&mut store, &export).expect("it takes and gives nothing");
        let start = seconds();
        let ended = function.call(&mut store, ());
        let taken = seconds() - start;
        let used = TICKS - gas.get(&mut store).unwrap_i64().max(0);
        let how = if ended.is_ok() { "" } else { ", and trapped" };
        print!(", {:.3} ns a tick ({used} ticks{how})", taken * 1e9 / used as f64);
    }
    println!();
}

/// A loop that does `body` in each round. Locals: 0 counts, 1 is 0 and 2 is 1, which no compiler knows; 3 on are free.
fn rounds(body: &str, locals: &str) -> String {
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) (func (export \"f\") \
         (local i64 i32 i32 i64 i64 {locals}) global.get 0 local.tee 1 i32.eqz local.set 2 global.get 1 local.set 3 loop {body} \
         local.get 0 i64.const 1 i64.add local.tee 0 i64.const {ROUNDS} i64.lt_u br_if 0 end))"
    )
}

/// Work of `operators`, and sixty branches that use what it comes to.
fn sunk(first: &str, operator: &str, operators: usize, used: &str) -> String {
    let mut body = format!("local.get 0 {first} {} local.set 5 ", operator.repeat(operators));
    (0..60).for_each(|_| write!(body, "local.get 2 if local.get 5 {used} end ").unwrap());
    body
}

/// A hundred loops in a row that are left at once, each with work that is never done.
fn lifted(operator: &str, operators: usize) -> String {
    let mut body = String::new();
    for number in 0..100 {
        let work = format!("local.get 3 i64.const {number} i64.xor {}", operator.repeat(operators));
        write!(body, "loop local.get 1 if {work} global.set 1 br 1 end end ").unwrap();
    }
    body
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for path in &given {
        let bytes = fs::read(path).expect("a module");
        let wasm = wat::parse_bytes(&bytes).expect("a module");
        measure(path.rsplit('/').next().unwrap_or(path), &wasm, Floats::Soft);
    }
    if !given.is_empty() {
        return;
    }
    for operators in [1, 2, 4, 6, 8, 12, 16, 24, 32, 40, 64] {
        for (name, operator) in [("mul", "local.get 0 i64.mul "), ("popcnt", "i64.popcnt i64.const 5 i64.xor ")] {
            let text = rounds(&sunk("", operator, operators, "global.set 1"), "i64");
            measure(&format!("sunk {operators} {name}"), &wat::parse_str(text).expect("a module"), Floats::Soft);
            let text = rounds(&lifted(operator, operators), "");
            measure(&format!("lifted {operators} {name}"), &wat::parse_str(text).expect("a module"), Floats::Soft);
        }
        let used = "i64x2.extract_lane 0 global.set 1";
        let text = rounds(&sunk("i64x2.splat", "local.get 0 i64x2.splat i64x2.mul ", operators, used), "v128");
        measure(&format!("sunk {operators} i64x2.mul"), &wat::parse_str(text).expect("a module"), Floats::Soft);
    }
}
