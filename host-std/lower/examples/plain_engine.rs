//! A lowered module on a plain engine: nothing of subvm but the pass, and what the engine has to do for it, by hand.

use subvm_lower::{
    BYTES_PER_UNIT, GAS_GLOBAL, MARK_GLOBAL, Options, RESERVED_BYTES, STACK_GLOBAL, TRAP_GLOBAL, TrapKind, lower,
    stack_mark,
};
use wasmtime::{Config, Engine, Error, Linker, Module, Result, Store, Val};

/// A guest that asks the host for something `n` times.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (func (export "count") (param $n i32) (result i32)
        (if (result i32) (i32.eqz (local.get $n)) (then (i32.const 0)) (else
            (i32.add (call $yield) (i32.add (i32.const 1) (call 1 (i32.sub (local.get $n) (i32.const 1)))))))))"#;
/// What the host charges for a call of its own.
const YIELD: i64 = 100;
/// Stack units of the guest. They always run out before the engine's stack, which is made large enough for them.
const UNITS: i32 = 4_096;

/// What the guest counts with so many ticks, and the ticks that are left; or why it stopped.
fn count(n: i32, ticks: i64) -> Result<Result<(i32, i64), Option<TrapKind>>> {
    let lowered =
        lower(&wat::parse_str(GUEST)?, &Options::default()).map_err(|refused| Error::msg(refused.to_string()))?;
    let engine = Engine::new(Config::new().max_wasm_stack(UNITS as usize * BYTES_PER_UNIT + RESERVED_BYTES))?;
    let module = Module::new(&engine, &lowered.wasm)?;
    let mut linker = Linker::new(&engine);
    // A function of the host is handed the ticks that are left, and hands back what it leaves of them.
    linker.func_wrap("wasi_snapshot_preview1", "sched_yield", |ticks: i64| (0_i32, ticks - YIELD))?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let [gas, stack, mark, trap] = [GAS_GLOBAL, STACK_GLOBAL, MARK_GLOBAL, TRAP_GLOBAL]
        .map(|name| instance.get_global(&mut store, name).expect("lowering's own"));
    gas.set(&mut store, Val::I64(ticks))?;
    stack.set(&mut store, Val::I32(UNITS))?;
    // Native stack that is taken for the first time is paid for from here on.
    mark.set(&mut store, Val::I32(stack_mark(UNITS)))?;
    let counted = instance.get_typed_func::<i32, i32>(&mut store, "count")?.call(&mut store, n);
    let left = gas.get(&mut store).unwrap_i64();
    Ok(match counted {
        // Whatever happened: with less than nothing left, that is what it was.
        _ if left < 0 => Err(Some(TrapKind::OutOfGas)),
        Ok(counted) => Ok((counted, left)),
        Err(_) => Err(TrapKind::from_marker(trap.get(&mut store).unwrap_i32())),
    })
}

fn main() -> Result<()> {
    println!("{:?}", count(3, 10_000)?);
    println!("{:?}", count(3, 100)?);
    Ok(())
}

#[test]
fn ticks_are_counted_and_run_out() {
    let Ok((3, left)) = count(3, 10_000).unwrap() else { panic!("it counts") };
    assert!((10_000 - left) > 3 * YIELD);
    assert_eq!(count(3, 10_000).unwrap(), Ok((3, left)), "each time the same");
    assert_eq!(count(3, 100).unwrap(), Err(Some(TrapKind::OutOfGas)));
}

#[test]
fn the_stack_runs_out_before_the_engine_s() {
    assert_eq!(count(i32::MAX, i64::MAX).unwrap(), Err(Some(TrapKind::StackOverflow)));
}
