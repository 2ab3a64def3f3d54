//! Compilers move pure work: out of loops, though the text never reaches it, and to each place that uses it. Neither may cost what is not
//! paid (`docs/RATIONALE.md#work-that-compilers-move`).
//!
//! Nothing is measured in seconds. What is computed again at each use shows in the size of compiled code; what is lifted out of a loop
//! stands before its head, which a constant marks that no other code has.

use std::fmt::Write;

use subvm_host_std::lower::{Floats, Options, STACK_UNITS, lower};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine};
use wasmtime::{Engine, Instance, Module, Store, Val};

mod motion;

use motion::{Attack, LIFTS, MARK, SINKS};

/// Ticks of pure work that may be lifted out of one loop: from locals, and from what is no local's.
const LIFTED: usize = 12 + 16;

/// Pieces of work in a loop that never does them.
const PIECES: usize = 300;

fn options(floats: Floats) -> Options {
    Options { floats, ..Options::default() }
}

/// The compiled code of `wasm`.
fn compiled(wasm: &[u8], generator: Generator) -> Vec<u8> {
    Module::new(&generator.engine(), wasm).unwrap().text().to_vec()
}

/// How many of the instructions that `attack` repeats stand before the head of its loop.
#[cfg(target_arch = "x86_64")]
fn lifted(attack: &Attack, wasm: &[u8], generator: Generator) -> usize {
    let code = compiled(wasm, generator);
    let head = code.windows(8).position(|window| window == MARK.to_le_bytes()).expect("the head is marked");
    (0..head).filter(|place| (attack.repeated)(&code[*place..head])).count()
}

/// Each attack works where nothing is done against it, and comes to little where it is lowered.
#[cfg(target_arch = "x86_64")]
#[test]
fn little_is_lifted_out_of_a_loop() {
    for attack in LIFTS {
        let text = (attack.text)(PIECES);
        let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{}: {error}", attack.name));
        let without = lifted(attack, &module, Generator::Speed);
        assert!(
            without >= PIECES / 2,
            "{}: only {without} instructions are lifted out of a loop that is not lowered",
            attack.name
        );
        for generator in [Generator::Speed, Generator::None] {
            let lowered = lower(&module, &options(Floats::Canonical)).unwrap();
            let found = lifted(attack, &lowered.wasm, generator);
            assert!(found <= LIFTED, "{} {generator:?}: {found} instructions are lifted", attack.name);
        }
    }
}

/// Work in `work` pieces that `branches` branches use is compiled no more than twice as large as both alone.
#[test]
fn what_many_branches_use_is_compiled_once() {
    for attack in SINKS {
        for generator in Generator::ALL {
            let size = |work, branches| {
                let module = wat::parse_str((attack.text)(work, branches))
                    .unwrap_or_else(|error| panic!("{}: {error}", attack.name));
                let lowered = lower(&module, &options(attack.floats)).unwrap();
                compiled(&lowered.wasm, generator).len()
            };
            let (work, branches, both) = (size(300, 1), size(1, 300), size(300, 300));
            let bound = 2 * (work + branches);
            let name = attack.name;
            assert!(both <= bound, "{name} {generator:?}: {both} bytes, {work} and {branches} alone");
        }
    }
}

/// What is small stays as it is: no code is added for it.
#[test]
fn little_work_is_left_alone() {
    let used = (SINKS[0].text)(2, 300);
    let never = (LIFTS[0].text)(5);
    for text in [never, used] {
        let lowered = lower(&wat::parse_str(&text).unwrap(), &Options::default()).unwrap();
        assert_eq!(barriers(&lowered.wasm), 0, "{text}");
    }
}

/// How many barriers a module has.
fn barriers(wasm: &[u8]) -> usize {
    wasmprinter::print_bytes(wasm).unwrap().matches("i64.const -2147483648").count()
}

/// A loop whose work changes in each round has nothing to be lifted.
#[test]
fn what_changes_in_each_round_needs_no_barrier() {
    let mut body = String::new();
    for _ in 0..200 {
        body.push_str("local.get 0 i32.const 5 i32.mul i32.const 7 i32.xor i32.load local.get 0 i32.add global.set 0 ");
    }
    let text = format!(
        "(module (memory 1) (global (mut i32) (i32.const 0)) (func (export \"f\") (param i32) loop \
         global.get 0 if {body} end local.get 0 i32.const 1 i32.add local.tee 0 i32.const 100 i32.lt_u br_if 0 end))"
    );
    let lowered = lower(&wat::parse_str(&text).unwrap(), &Options::default()).unwrap();
    assert_eq!(barriers(&lowered.wasm), 0);
}

/// What goes through barriers is what it was: integers, floats, vectors and references, as locals, operands and parameters.
#[test]
fn barriers_change_nothing() {
    let mut body = String::new();
    for _ in 0..40 {
        body.push_str("local.get 0 local.get 1 i64.mul local.get 0 i64.add local.set 1 ");
        body.push_str("local.get 2 local.get 1 i64x2.splat i64x2.add local.set 2 ");
        body.push_str("local.get 3 f32.const 1.5 f32.add local.set 3 local.get 4 f64.const 0.25 f64.mul local.set 4 ");
        body.push_str("local.get 5 local.get 6 local.get 0 i32.wrap_i64 select (result funcref) local.set 5 ");
    }
    let text = format!(
        "(module (elem declare func 0) (func (export \"f\") (param i64) (result i64) \
         (local i64 v128 f32 f64 funcref funcref) ref.func 0 local.set 6 f64.const 3 local.set 4 \
         local.get 0 i64.const 11 i64.mul i64.const 3 i64.add loop (param i64) (result i64) {body} \
         local.get 0 i64.const 9 i64.lt_u if (param i64) (result i64) local.get 1 i64.xor else i64.const 5 i64.rotl end \
         local.get 2 i64x2.extract_lane 1 i64.add local.get 3 i32.reinterpret_f32 i64.extend_i32_u i64.xor \
         local.get 4 i64.reinterpret_f64 i64.add local.get 5 ref.is_null i64.extend_i32_u i64.add \
         local.get 0 i64.const 1 i64.sub local.tee 0 i64.const 0 i64.ne br_if 0 end))"
    );
    let module = wat::parse_str(&text).unwrap();
    for floats in [Floats::Canonical, Floats::Soft] {
        let lowered = lower(&module, &options(floats)).unwrap();
        assert!(barriers(&lowered.wasm) > 0);
        for generator in Generator::ALL {
            for argument in [1, 20] {
                let engine = generator.engine();
                let plain = plain(&engine, &module, argument);
                let mut machine = Machine::new(&engine, lowered.clone(), GAS, STACK_UNITS).unwrap();
                let observed = machine.call("f", &[Val::I64(argument)]);
                assert_eq!(observed.ending, Ending::Returned(vec![u128::from(plain as u64)]), "{generator:?}");
            }
        }
    }
}

/// Where a label owes ticks the copy of the counter is ahead of it, and with the highest of limits among the least of numbers.
#[test]
fn barriers_hold_where_the_counter_wraps() {
    let (spent, work) = ("local.get 0 drop ".repeat(200), "i64.const 7 i64.mul i64.const 3 i64.add ".repeat(30));
    let text = format!(
        "(module (func (export \"f\") (param i64) (result i64) (local i64) local.get 0 i64.eqz if {spent} else end \
         local.get 0 {work} local.set 1 local.get 0 i64.eqz if i64.const 9 local.set 0 end local.get 1))"
    );
    let module = wat::parse_str(&text).unwrap();
    let lowered = lower(&module, &Options::default()).unwrap();
    assert_eq!(barriers(&lowered.wasm), 1);
    let engine = Generator::None.engine();
    let mut machine = Machine::new(&engine, lowered, i64::MAX, STACK_UNITS).unwrap();
    let expected = Ending::Returned(vec![u128::from(plain(&engine, &module, 1) as u64)]);
    assert_eq!(machine.call("f", &[Val::I64(1)]).ending, expected);
}

/// What a module that is not lowered gives.
fn plain(engine: &Engine, module: &[u8], argument: i64) -> i64 {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &Module::new(engine, module).unwrap(), &[]).unwrap();
    let function = instance.get_typed_func::<i64, i64>(&mut store, "f").unwrap();
    function.call(&mut store, argument).unwrap()
}

/// What is behind a reference is counted too, and doubles with each of these.
#[test]
fn cones_do_not_overflow() {
    let double = "local.get 0 local.get 0 local.get 1 select (result funcref) local.set 0 ".repeat(100);
    let module =
        format!("(module (func (export \"f\") (param funcref i32) (result i32) {double} local.get 0 ref.is_null))");
    lower(&wat::parse_str(module).unwrap(), &Options::default()).unwrap();
    // In many locals, before control divides.
    let mut many = String::new();
    for local in 1..200 {
        write!(many, "local.get {} local.get {} i64.mul local.set {local} ", local - 1, local - 1).unwrap();
    }
    let locals = "i64 ".repeat(200);
    let module =
        format!("(module (func (export \"f\") (param i64) (local {locals}) {many} local.get 0 i64.eqz if end))");
    let lowered = lower(&wat::parse_str(module).unwrap(), &Options::default()).unwrap();
    assert_eq!(barriers(&lowered.wasm), 1);
}

/// Behind what does not go on, a block may take what nobody has put down.
#[test]
fn blocks_that_are_never_reached_may_take_what_is_not_there() {
    for block in [
        "block (param i32) drop end",
        "loop (param i32 i64) drop drop end",
        "if (param f64 v128) drop drop else drop drop end",
        "block (result i32) unreachable br_if 0 end drop",
        "block unreachable br_table 0 0 end",
        "i32.load drop v128.load32_lane 0 drop i32.store unreachable",
    ] {
        let module = format!("(module (memory 1) (func (export \"f\") unreachable {block}))");
        lower(&wat::parse_str(module).unwrap(), &Options::default()).unwrap();
    }
}
