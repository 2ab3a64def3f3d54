//! What who looks into runs sees of a machine.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use subvm_core::fingerprint::Frame;
use subvm_lower::{FRAMES_MEMORY, Global, Look, Machine, RESERVED};
use wasmi::{Extern, Ref, Store, Table, Val};

use crate::running::Running;

/// Shows the machine of a sub-VM that has ended.
pub(crate) fn show(store: &Store<Running>, frames: Vec<Frame>, look: &dyn Look) {
    let running = store.data();
    let mut functions = Functions::default();
    let instances = running.instances.iter().zip(&running.program).map(|(instance, (name, _))| {
        let (mut memories, mut globals, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        for export in instance.exports(store) {
            let name = export.name();
            if !name.contains(RESERVED) || name == FRAMES_MEMORY {
                continue;
            }
            let name = name.to_owned();
            match export.into_extern() {
                Extern::Memory(memory) => memories.push((name, memory.data(store))),
                Extern::Global(global) => globals.extend(number(global.get(store)).map(|value| (name, value))),
                Extern::Table(table) => tables.push((name, functions.of(table, store))),
                _ => {}
            }
        }
        subvm_lower::Instance { name, memories, globals, tables }
    });
    let stack_units = running.counters.map_or(running.vm.stack_units, |counters| counters.stack_units(store).into());
    let machine = Machine { ticks: running.vm.ticks, stack_units, frames, instances: instances.collect() };
    look.ended(&machine);
}

/// A number for each function: wasmi lets them be compared by what it prints of them alone, which is the number of each in its store.
#[derive(Default)]
struct Functions(BTreeMap<String, u64>);

impl Functions {
    fn of(&mut self, table: Table, store: &Store<Running>) -> Vec<u64> {
        (0..table.size(store)).map_while(|index| table.get(store, index)).map(|entry| self.number(entry)).collect()
    }

    fn number(&mut self, entry: Ref) -> u64 {
        let printed = match &entry {
            Ref::Func(function) if function.is_null() => return 0,
            Ref::Extern(reference) if reference.is_null() => return 0,
            Ref::Func(function) => format!("{function:?}"),
            Ref::Extern(reference) => format!("{reference:?}"),
        };
        let next = self.0.len() as u64 + 1;
        *self.0.entry(printed).or_insert(next)
    }
}

fn number(value: Val) -> Option<Global> {
    Some(match value {
        Val::I32(value) => Global::I32(value.cast_unsigned()),
        Val::I64(value) => Global::I64(value.cast_unsigned()),
        Val::F32(value) => Global::F32(value.to_bits()),
        Val::F64(value) => Global::F64(value.to_bits()),
        Val::V128(value) => Global::V128(value.as_u128()),
        _ => return None,
    })
}
