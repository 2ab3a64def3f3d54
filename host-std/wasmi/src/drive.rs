//! The way of one sub-VM: instantiate its modules in order, call its entry.

use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;

use subvm_core::host::Patience;
use subvm_core::wasi::KEPT;
use subvm_core::{InternalError, InternalErrorKind, Invalid, Outcome, Resource, SubVm, VmError};
use subvm_link::{Beside, INITIALIZE, Refused};
use subvm_lower::{
    CALLS_GLOBAL, FRAMES_MEMORY, GAS_GLOBAL, MARK_GLOBAL, Options, STACK_GLOBAL, START_EXPORT, TRAP_GLOBAL,
    memory_export, stack_mark,
};
use wasmi::{Instance, ResumableCall, Store, Val};

use crate::Stopped;
use crate::link::Linking;
use crate::program::{Program, Programs};
use crate::running::{Counters, Running};
use crate::units::Unit;

/// Fuel between two looks at the clock, where there is a deadline or somebody may call the run off: about one for each instruction, and one for each 64 bytes that a bulk
/// instruction moves. That is well below a millisecond.
const SLICE: u64 = 100_000;
/// Fuel where there is none.
const ENDLESS: u64 = u64::MAX;

/// What the deadline of a run moves by at most while modules are translated.
const TRANSLATE_TIME: Duration = Duration::from_secs(300);

/// Runs the sub-VM of a store to its end.
pub(crate) fn drive(programs: &Programs, store: &mut Store<Running>) -> Result<Outcome, Stopped> {
    let frames = store.data().frames;
    let program = load(programs, &mut store.data_mut().vm, frames)?;
    store.data().vm.time_left()?;
    let slice = match store.data().vm.patience()? {
        Patience { deadline: None, cancel: None } => ENDLESS,
        _ => SLICE,
    };
    store.limiter(|running| running);
    if let Some(watcher) = &store.data().watcher {
        let package = store.data().vm.package();
        let modules = package.libraries.iter().map(|library| &library.wasm).chain([&package.start]);
        watcher.links(program.parts.iter().map(|(name, _)| name.as_str()).zip(modules));
    }
    store.data_mut().program = program.parts.clone();
    run(store, program, slice)
}

/// The program of a sub-VM. The run's deadline moves by what it takes to make modules ready, as it does for an engine that compiles them.
pub(crate) fn load(programs: &Programs, vm: &mut SubVm, frames: bool) -> Result<Program, Stopped> {
    let (package, options) = (Arc::clone(vm.package()), Options::of(vm.mode(), vm.params()?));
    let cancel = vm.patience()?.cancel.clone();
    let mut act = |act: &mut dyn FnMut()| vm.beside_deadline(TRANSLATE_TIME, act);
    let mut beside = Beside { act: &mut act, cancel };
    programs.load(&package, options, frames, &mut beside)
}

fn run(store: &mut Store<Running>, program: Program, slice: u64) -> Result<Outcome, Stopped> {
    let (parts, last) = (&program.parts, program.parts.len() - 1);
    if store.data_mut().vm.charge_set_up(&program.set_up()).is_err() {
        return Ok(Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    }
    for (position, (_, unit)) in parts.iter().enumerate() {
        // The start module has ordinal 0, which is also that of a module alone.
        let ordinal = if position == last { 0 } else { position + 1 };
        if store.data_mut().vm.charge_ram(unit.set_up.bytes).is_err() {
            return Ok(Outcome::VmError(VmError::OutOf(Resource::Memory)));
        }
        store.data().tell(|watcher| watcher.charged(unit.set_up.bytes));
        let linking = Linking { before: &parts[..position], ordinal: ordinal as u32 };
        let instance = instantiate(store, unit, &linking)?;
        adopt(store, instance, unit, ordinal)?;
        if unit.has_start {
            call(store, instance, START_EXPORT, slice)?;
        }
        if instance.get_func(&*store, INITIALIZE).is_some() {
            call(store, instance, INITIALIZE, slice)?;
        }
        if position == last {
            let entry = if instance.get_func(&*store, "").is_some() { "" } else { "_start" };
            call(store, instance, entry, slice)?;
        }
    }
    Ok(Outcome::null())
}

fn instantiate(store: &mut Store<Running>, unit: &Arc<Unit>, linking: &Linking<'_>) -> Result<Instance, Stopped> {
    store.data_mut().make(unit);
    let imports = linking.resolve(store, &unit.module)?;
    let instance = Instance::new(&mut *store, &unit.module, &imports)
        .map_err(|error| linking.failed(store, &unit.module, error))?;
    store.data_mut().making = None;
    Ok(instance)
}

/// Makes an instance known to host calls, and sets the counters with the first one.
fn adopt(store: &mut Store<Running>, instance: Instance, unit: &Unit, ordinal: usize) -> Result<(), Stopped> {
    let memory = instance.get_memory(&*store, &memory_export(0));
    let running = store.data_mut();
    if running.memories.len() <= ordinal {
        running.memories.resize(ordinal + 1, None);
    }
    running.memories[ordinal] = memory;
    running.instances.push(instance);
    // No other module takes it off.
    running.errnos = if memory.is_some() && unit.options.keeps_answers() { u32::MAX } else { KEPT - 1 };
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
    let (gas, stack) = (global(GAS_GLOBAL)?, global(STACK_GLOBAL)?);
    let (mark, trap) = (global(MARK_GLOBAL)?, global(TRAP_GLOBAL)?);
    let calls = unit.options.calls.then(|| global(CALLS_GLOBAL)).transpose()?;
    let frames = instance.get_memory(&*store, FRAMES_MEMORY);
    gas.set(&mut *store, Val::I64(ticks)).map_err(unwound)?;
    stack.set(&mut *store, Val::I32(units)).map_err(unwound)?;
    mark.set(&mut *store, Val::I32(stack_mark(units))).map_err(unwound)?;
    store.data_mut().counters = Some(Counters { gas, stack, mark, trap, calls, frames, units });
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
    store.set_fuel(slice).map_err(unwound)?;
    let mut state = function.func().call_resumable(&mut *store, &[], &mut []).map_err(unwound)?;
    loop {
        match state {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(unwound(trap.into_host_error())),
            ResumableCall::OutOfFuel(stopped) => {
                store.data().vm.time_left()?;
                // The node's clock was asked.
                (store.data().restore)();
                store.set_fuel(slice.max(stopped.required_fuel())).map_err(unwound)?;
                state = stopped.resume(&mut *store, &mut []).map_err(unwound)?;
            }
        }
    }
}

/// What unwound the guest.
fn unwound(error: impl Into<wasmi::Error>) -> Stopped {
    Stopped::Unwound(error.into())
}
