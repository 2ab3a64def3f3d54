//! The functions that were active when a sub-VM failed. wasmi tells nothing of them; lowered code notes them as it goes
//! (`subvm_lower::FRAMES_MEMORY`).

use alloc::vec::Vec;

use subvm_lower::{Active, Noted, Walk};
use wasmi::Store;

use crate::running::Running;

/// Active functions as the guest supplied them, innermost first, as many as are wanted.
pub(crate) fn active(store: &Store<Running>, wanted: usize) -> Vec<Active> {
    let running = store.data();
    let Some((counters, memory)) = running.counters.and_then(|counters| Some((counters, counters.frames?))) else {
        return Vec::new();
    };
    let (ticks, left) = (counters.ticks(store), counters.stack_units(store));
    let frame = |noted: Noted| {
        // The start module has ordinal 0 and comes last; the others have theirs from 1 on.
        let position = (noted.ordinal as usize).checked_sub(1).unwrap_or(running.program.len() - 1);
        let (name, unit) = running.program.get(position)?;
        // It is the guest's index already.
        let func = Some(noted.function).filter(|function| *function < unit.functions.guest_functions())?;
        let package = running.vm.package();
        let wasm = package.libraries.get(position).map_or(&package.start, |library| &library.wasm).clone();
        Some(Active { module_name: name.clone(), wasm, func, lowered: None, options: unit.options })
    };
    Walk::new(memory.data(store), ticks, left, counters.units).filter_map(frame).take(wanted).collect()
}
