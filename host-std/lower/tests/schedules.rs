//! Two price tables in one process. No release has a second one; this one shows that it can, and that no module is taken for another's.

use subvm_core::costs::instructions::{Class, Schedule};
use subvm_core::{Mode, Params};
use subvm_lower::{GAS_GLOBAL, Options, STACK_GLOBAL, lower};
use wasmtime::{Engine, Instance, Module, Store, Val};

const SECOND: Schedule = Schedule::V1.next().priced(Class::Divide, 20).priced(Class::Multiply, 7);

const PROGRAM: &str = r#"(module
    (func (export "work") (param i32) (result i32)
        (i32.div_u (i32.mul (local.get 0) (i32.const 6)) (i32.const 3))))"#;

/// What a call of the program costs, in ticks, and what it returns.
fn cost(schedule: Schedule) -> (i64, i32) {
    const GAS: i64 = 1_000_000;
    let wasm = wat::parse_str(PROGRAM).unwrap();
    let lowered = lower(&wasm, &Options { schedule, ..Options::default() }).unwrap();
    let engine = Engine::default();
    let module = Module::new(&engine, &lowered.wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let gas = instance.get_global(&mut store, GAS_GLOBAL).unwrap();
    gas.set(&mut store, Val::I64(GAS)).unwrap();
    instance.get_global(&mut store, STACK_GLOBAL).unwrap().set(&mut store, Val::I32(1_000_000)).unwrap();
    let work = instance.get_typed_func::<i32, i32>(&mut store, "work").unwrap();
    let returned = work.call(&mut store, 7).unwrap();
    (GAS - gas.get(&mut store).unwrap_i64(), returned)
}

#[test]
fn a_second_schedule_costs_otherwise_and_computes_the_same() {
    let (first, second) = (cost(Schedule::V1), cost(SECOND));
    assert_eq!((first.1, second.1), (14, 14));
    let dearer = |class| (SECOND.ticks(class) - Schedule::V1.ticks(class)) as i64;
    assert_eq!(second.0 - first.0, dearer(Class::Divide) + dearer(Class::Multiply));
    // A third time, the first again: nothing of the second is left.
    assert_eq!(cost(Schedule::V1), first);
}

#[test]
fn modules_are_kept_by_their_schedule() {
    let of = |schedule| Options { schedule, ..Options::default() };
    assert_ne!(of(Schedule::V1).key(), of(SECOND).key());
    assert_eq!(Options::of(Mode::Deterministic, &Params::default()).schedule, Schedule::V1);
}

/// What a release has is chosen by its number; what it has not is refused before anything runs.
#[test]
fn versions_are_numbered_from_one_and_none_is_left_out() {
    for (number, schedule) in (1..).zip(Schedule::ALL) {
        assert_eq!(schedule.version(), number);
        assert_eq!(Params { schedule: number, ..Params::default() }.supported(), Ok(()));
    }
    let unknown = SECOND.version().max(Schedule::ALL.len() as u32 + 1);
    let why = Params { schedule: unknown, ..Params::default() }.supported().unwrap_err();
    assert!(why.contains(&format!("schedule {unknown}")), "{why}");
}
