//! Bulk instructions of size 0 do nothing within bounds, trap beyond them, and cost what their kind costs.

use subvm_host_std::lower::{Lowered, STACK_UNITS, TrapKind, lower};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, NATIVE};
use wasmtime::{Instance, Linker, Module, Store, Trap, Val};

/// Memories of one page and of none, tables of 8 entries and of none, segments of 4.
const AROUND: &str = "(memory $m 1) (memory $none 0) (table $t 8 funcref) (table $empty 0 funcref)
    (data $d \"abcd\") (elem $e func $g $g $g $g) (func $g)
    (func (export \"drop\") (data.drop $d) (elem.drop $e))";

/// Each instruction, to and from what there is and what there is not.
const KINDS: [&str; 12] = [
    "memory.fill $m (local.get 0) (local.get 1)",
    "memory.fill $none (local.get 0) (local.get 1)",
    "memory.copy $m $m (local.get 0) (local.get 1)",
    "memory.copy $m $none (local.get 0) (local.get 1)",
    "memory.copy $none $m (local.get 0) (local.get 1)",
    "memory.init $m $d (local.get 0) (local.get 1)",
    "table.fill $t (local.get 0) (ref.null func)",
    "table.fill $empty (local.get 0) (ref.null func)",
    "table.copy $t $t (local.get 0) (local.get 1)",
    "table.copy $t $empty (local.get 0) (local.get 1)",
    "table.copy $empty $t (local.get 0) (local.get 1)",
    "table.init $t $e (local.get 0) (local.get 1)",
];

/// Around each end there is.
const PLACES: [i32; 9] = [0, 1, 4, 5, 8, 9, 65_536, 65_537, -1];

fn module(kind: &str) -> Vec<u8> {
    let text = format!("(module {AROUND} (func (export \"f\") (param i32 i32) ({kind} (i32.const 0))))");
    wat::parse_str(text).expect("a module")
}

/// What the module does as it is.
fn plain(module: &Module, dropped: bool, [to, from]: [i32; 2]) -> Ending {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    if dropped {
        instance
            .get_typed_func::<(), ()>(&mut store, "drop")
            .expect("it is there")
            .call(&mut store, ())
            .expect("no trap");
    }
    let f = instance.get_typed_func::<(i32, i32), ()>(&mut store, "f").expect("f");
    match f.call(&mut store, (to, from)) {
        Ok(()) => Ending::Returned(vec![]),
        Err(error) => Ending::Trapped(*error.downcast_ref::<Trap>().expect("a trap")),
    }
}

#[test]
fn nothing_is_written_and_traps_are_what_they_were() {
    for generator in Generator::ALL {
        let engine = generator.engine();
        let (mut returned, mut trapped) = (0, 0);
        for kind in KINDS {
            let wasm = module(kind);
            let lowered: Lowered = lower(&wasm, &NATIVE).expect("an acceptable module");
            let [original, compiled] = [&wasm, &lowered.wasm].map(|wasm| Module::new(&engine, wasm).expect("valid"));
            for (dropped, to, from) in PLACES
                .into_iter()
                .flat_map(|to| PLACES.map(|from| (to, from)))
                .flat_map(|(to, from)| [(false, to, from), (true, to, from)])
            {
                let linker = Linker::new(&engine);
                let mut machine =
                    Machine::of(&linker, &compiled, lowered.clone(), GAS, STACK_UNITS).expect("an instance");
                if dropped {
                    assert_eq!(machine.call("drop", &[]).ending, Ending::Returned(vec![]));
                    machine.grant(GAS, STACK_UNITS);
                }
                let seen = machine.call("f", &[Val::I32(to), Val::I32(from)]);
                let expected = plain(&original, dropped, [to, from]);
                assert_eq!(seen.ending, expected, "{kind}, {to} and {from}, dropped: {dropped}");
                // Entry, three operands, and the instruction.
                assert_eq!(GAS - seen.gas, 2 + 3 + 30, "{kind}");
                match expected {
                    Ending::Returned(_) => returned += 1,
                    _ => {
                        assert_eq!(seen.frames, [2], "{kind}: the trap is the guest's own");
                        trapped += 1;
                    }
                }
            }
        }
        assert!(returned > 100 && trapped > 100, "{returned} and {trapped}");
    }
}

/// Who has no ticks left for it does not get by it because there is nothing to do.
#[test]
fn nothing_is_paid_for_all_the_same() {
    for kind in KINDS {
        let lowered = lower(&module(kind), &NATIVE).expect("an acceptable module");
        let engine = Generator::Speed.engine();
        for (gas, enough) in [(2 + 3 + 30, true), (2 + 3 + 29, false)] {
            let mut machine = Machine::new(&engine, lowered.clone(), gas, STACK_UNITS).expect("an instance");
            let seen = machine.call("f", &[Val::I32(0), Val::I32(0)]);
            let expected = if enough { Ending::Returned(vec![]) } else { Ending::Lowering(TrapKind::OutOfGas) };
            assert_eq!(seen.ending, expected, "{kind}");
        }
    }
}
