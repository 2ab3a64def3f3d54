//! What who looks into runs sees of a machine.

use subvm_core::fingerprint::Frame;
use subvm_lower::{Global, Instance, Look, Machine, RESERVED};
use wasmtime::{Extern, Ref, Store, Table, Val};

use super::running::Running;

/// Shows the machine of a sub-VM that has ended.
pub(super) fn show(store: &mut Store<Running>, frames: Vec<Frame>, look: &dyn Look) {
    let created = store.data().instances.clone();
    let names: Vec<String> = store.data().program.iter().map(|part| part.name.clone()).collect();
    let stack = store.data().counters.map(|counters| counters.stack);
    let stack_units = match stack {
        Some(stack) => stack.get(&mut *store).unwrap_i32().into(),
        None => store.data().vm.stack_units,
    };
    // Globals first: to read one takes the store.
    let mut seen = Vec::new();
    for instance in created {
        let exports = instance.exports(&mut *store).map(|export| (export.name().to_owned(), export.into_extern()));
        let own: Vec<_> = exports.filter(|(name, _)| name.contains(RESERVED)).collect();
        let mut globals = Vec::new();
        let mut memories = Vec::new();
        let mut tables = Vec::new();
        for (name, export) in own {
            match export {
                Extern::Global(global) => {
                    let value = number(&global.get(&mut *store));
                    globals.extend(value.map(|value| (name, value)));
                }
                Extern::Memory(memory) => memories.push((name, memory)),
                Extern::Table(table) => tables.push((name, entries(table, store))),
                _ => {}
            }
        }
        seen.push((globals, memories, tables));
    }
    let instances = seen.into_iter().zip(&names).map(|((globals, memories, tables), name)| {
        let memories = memories.into_iter().map(|(name, memory)| (name, memory.data(&*store))).collect();
        Instance { name, memories, globals, tables }
    });
    let ticks = store.data().vm.ticks;
    look.ended(&Machine { ticks, stack_units, frames, instances: instances.collect() });
}

/// The entries of a table: where functions are in memory is a number for each, while the store is there.
fn entries(table: Table, store: &mut Store<Running>) -> Vec<u64> {
    let mut entries = Vec::new();
    while let Some(entry) = table.get(&mut *store, entries.len() as u64) {
        entries.push(match entry {
            Ref::Func(Some(function)) => function.to_raw(&mut *store).addr() as u64,
            _ if entry.is_null() => 0,
            _ => u64::MAX,
        });
    }
    entries
}

fn number(value: &Val) -> Option<Global> {
    Some(match *value {
        Val::I32(value) => Global::I32(value.cast_unsigned()),
        Val::I64(value) => Global::I64(value.cast_unsigned()),
        Val::F32(bits) => Global::F32(bits),
        Val::F64(bits) => Global::F64(bits),
        Val::V128(bits) => Global::V128(bits.as_u128()),
        _ => return None,
    })
}
