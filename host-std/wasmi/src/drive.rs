//! The way of one sub-VM: instantiate its modules in order, call its entry.

use alloc::format;
use alloc::sync::Arc;

use alloc::vec::Vec;

use subvm_core::costs::SetUp;
use subvm_core::host::Patience;
use subvm_core::{InternalError, InternalErrorKind, Invalid, Outcome, Resource, VmError};
use subvm_lower::{
    COUNTERS_MODULE, FRAMES_MEMORY, GAS_GLOBAL, INITIALIZE, Options, STACK_GLOBAL, START_EXPORT, TRAP_GLOBAL,
    memory_export,
};
use wasmi::{Instance, Linker, ResumableCall, Store, Val};

use crate::program::{Program, Programs};
use crate::running::{Counters, Running};
use crate::stopped::{Ended, Refused, Stopped, of_instantiation};
use crate::units::Unit;

/// Fuel between two looks at the clock, where there is a deadline or somebody may call the run off: about one for each instruction, and one for each 64 bytes that a bulk
/// instruction moves. That is well below a millisecond.
const SLICE: u64 = 100_000;
/// Fuel where there is none.
const ENDLESS: u64 = u64::MAX;

/// Runs the sub-VM of a store to its end.
pub(crate) fn drive(programs: &Programs, store: &mut Store<Running>) -> Ended {
    let vm = &store.data().vm;
    let (package, options) = (Arc::clone(vm.package()), Options::of(vm.mode(), vm.params()?));
    let Patience { deadline, cancel } = vm.patience()?.clone();
    let program = programs.load(&package, options, store.data().frames, cancel.as_ref())?;
    store.data().vm.time_left()?;
    let slice = if deadline.is_some() || cancel.is_some() { SLICE } else { ENDLESS };
    store.limiter(|running| running);
    if let Some(watcher) = &store.data().watcher {
        let modules = package.libraries.iter().map(|library| &library.wasm).chain([&package.start]);
        watcher.links(program.parts.iter().map(|(name, _)| name.as_str()).zip(modules));
    }
    store.data_mut().program = program.parts.clone();
    run(store, program, slice)
}

fn run(store: &mut Store<Running>, Program { parts, mut linker }: Program, slice: u64) -> Ended {
    let last = parts.len() - 1;
    let instances: Vec<SetUp> = parts.iter().map(|(_, unit)| unit.set_up).collect();
    if store.data_mut().vm.charge_set_up(&instances).is_err() {
        return Ok(Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    }
    for (position, (name, unit)) in parts.iter().enumerate() {
        // The start module has ordinal 0, which is also that of a module alone.
        let ordinal = if position == last { 0 } else { position + 1 };
        if store.data_mut().vm.charge_ram(unit.set_up.bytes).is_err() {
            return Ok(Outcome::VmError(VmError::OutOf(Resource::Memory)));
        }
        store.data().tell(|watcher| watcher.charged(unit.set_up.bytes));
        let instance = instantiate(store, unit, &linker)?;
        adopt(store, instance, ordinal, &mut linker)?;
        if unit.has_start {
            call(store, instance, START_EXPORT, slice)?;
        }
        if instance.get_func(&*store, INITIALIZE).is_some() {
            call(store, instance, INITIALIZE, slice)?;
        }
        if position < last {
            linker.instance(&mut *store, name, instance).map_err(|error| Refused::unlinkable(&error))?;
        } else {
            let entry = if instance.get_func(&*store, "").is_some() { "" } else { "_start" };
            call(store, instance, entry, slice)?;
        }
    }
    Ok(Outcome::null())
}

fn instantiate(store: &mut Store<Running>, unit: &Arc<Unit>, linker: &Linker<Running>) -> Result<Instance, Stopped> {
    store.data_mut().make(unit);
    let instance = linker.instantiate_and_start(&mut *store, &unit.module).map_err(of_instantiation)?;
    store.data_mut().making = None;
    Ok(instance)
}

/// Makes an instance known to host calls, and sets the counters with the first one.
fn adopt(
    store: &mut Store<Running>,
    instance: Instance,
    ordinal: usize,
    linker: &mut Linker<Running>,
) -> Result<(), Stopped> {
    let memory = instance.get_memory(&*store, &memory_export(0));
    let running = store.data_mut();
    if running.memories.len() <= ordinal {
        running.memories.resize(ordinal + 1, None);
    }
    running.memories[ordinal] = memory;
    running.instances.push(instance);
    if running.counters.is_some() {
        return Ok(());
    }
    let ticks = running.vm.ticks;
    let units = i32::try_from(running.vm.stack_units).unwrap_or(i32::MAX);
    let global = |name| {
        instance.get_global(&*store, name).ok_or_else(|| {
            InternalError::new(InternalErrorKind::Bug, format!("the lowered module lacks the counter {name}"))
        })
    };
    let (gas, stack, trap) = (global(GAS_GLOBAL)?, global(STACK_GLOBAL)?, global(TRAP_GLOBAL)?);
    let frames = instance.get_memory(&*store, FRAMES_MEMORY);
    gas.set(&mut *store, Val::I64(ticks)).map_err(wasmi::Error::from)?;
    stack.set(&mut *store, Val::I32(units)).map_err(wasmi::Error::from)?;
    for (name, global) in [(GAS_GLOBAL, gas), (STACK_GLOBAL, stack), (TRAP_GLOBAL, trap)] {
        linker.define(COUNTERS_MODULE, name, global).map_err(wasmi::Error::from)?;
    }
    if let Some(frames) = frames {
        linker.define(COUNTERS_MODULE, FRAMES_MEMORY, frames).map_err(wasmi::Error::from)?;
    }
    store.data_mut().counters = Some(Counters { gas, stack, trap, frames, units });
    Ok(())
}

/// Calls an export to its end, and looks at the deadline each time that it has used up a slice of fuel.
fn call(store: &mut Store<Running>, instance: Instance, name: &str, slice: u64) -> Result<(), Stopped> {
    let function = instance.get_typed_func::<(), ()>(&*store, name).map_err(|error| {
        Refused::new(
            Invalid::WasmEntrypoint,
            format!("{name:?}, which is to be called, is not there, or takes or returns something: {error}"),
        )
    })?;
    store.set_fuel(slice)?;
    let mut state = function.func().call_resumable(&mut *store, &[], &mut [])?;
    loop {
        match state {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error().into()),
            ResumableCall::OutOfFuel(stopped) => {
                store.data().vm.time_left()?;
                store.set_fuel(slice.max(stopped.required_fuel()))?;
                state = stopped.resume(&mut *store, &mut [])?;
            }
        }
    }
}
