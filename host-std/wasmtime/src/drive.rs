//! The way of one sub-VM: instantiate its modules in order, call its entry.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use subvm_core::host::Patience;
use subvm_core::wasi::KEPT;
use subvm_core::{InternalError, InternalErrorKind, Invalid, Outcome, Resource, VmError};
use wasmtime::{Extern, Instance, ModuleExport, Store, UpdateDeadline, Val};

use super::Stopped;
use super::deadline::{Need, Ticker};
use super::float_state;
use super::link::Linking;
use super::mappings::Share;
use super::program::{Program, Programs};
use super::running::{Counters, Running};
use super::unit::Unit;
use subvm_link::{Beside, INITIALIZE, Refused};
use subvm_lower::{
    CALLS_GLOBAL, Floats, GAS_GLOBAL, MARK_GLOBAL, Options, STACK_GLOBAL, START_EXPORT, TRAP_GLOBAL, stack_mark,
};

/// Runs the sub-VM of a store to its end.
pub(super) fn drive(programs: &Programs, ticker: &Ticker, store: &mut Store<Running>) -> Result<Outcome, Stopped> {
    let vm = &store.data().vm;
    let (package, options) = (Arc::clone(vm.package()), Options::of(vm.mode(), vm.params()?));
    let cancel = vm.patience()?.cancel.clone();
    let (frames, vm) = (store.data().frames, &mut store.data_mut().vm);
    let mut act = |act: &mut dyn FnMut()| vm.beside_deadline(programs.compile_time(), act);
    let mut beside = Beside { act: &mut act, cancel: cancel.clone() };
    let program = programs.load(&package, options, frames, &mut beside)?;
    // Exceptions have a heap of their own.
    let memories = program.modules.memories as usize + usize::from(options.exceptions);
    let share = Share::take(memories, store.data().vm.time_left()?, cancel.as_ref());
    store.data_mut().mappings = Some(share);
    store.data_mut().hardware_floats = matches!(options.floats, Floats::Native | Floats::Canonical);
    let _ticks = interrupt(ticker, store)?;
    store.limiter(|running| running);
    if let Some(watcher) = &store.data().watcher {
        let modules = package.libraries.iter().map(|library| &library.wasm).chain([&package.start]);
        watcher.links(program.modules.parts.iter().map(|(name, _)| name.as_str()).zip(modules));
    }
    store.data_mut().program = program.modules.parts.iter().map(|(name, unit)| unit.part(name)).collect();
    block_on(run(store, program))
}

/// Has the guest interrupted when its deadline passes, or it is called off.
fn interrupt(ticker: &Ticker, store: &mut Store<Running>) -> Result<Option<Need>, InternalError> {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| match store.data().vm.time_left() {
        Ok(_) => {
            // The node's clock was asked.
            float_state::restore_for_guests();
            Ok(UpdateDeadline::Continue(1))
        }
        Err(error) => {
            store.data_mut().end = Some(Err(error));
            Err(wasmtime::Error::msg("interrupted"))
        }
    });
    let Patience { deadline: None, cancel: None } = store.data().vm.patience()? else {
        store.data().vm.time_left()?;
        return watched(ticker).map(Some);
    };
    Ok(None)
}

fn watched(ticker: &Ticker) -> Result<Need, InternalError> {
    ticker.need().map_err(|error| {
        InternalError::caused_by(InternalErrorKind::Engine, "starting the thread that watches deadlines", error.into())
    })
}

async fn run(store: &mut Store<Running>, Program { modules, host }: Program) -> Result<Outcome, Stopped> {
    let (parts, last) = (&modules.parts, modules.parts.len() - 1);
    if store.data_mut().vm.charge_set_up(&modules.set_up()).is_err() {
        return Ok(Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    }
    for (position, (_, unit)) in parts.iter().enumerate() {
        // The start module has ordinal 0, which is also that of a module alone.
        let ordinal = if position == last { 0 } else { position + 1 };
        if store.data_mut().vm.charge_ram(unit.set_up.bytes).is_err() {
            return Ok(Outcome::VmError(VmError::OutOf(Resource::Memory)));
        }
        store.data().tell(|watcher| watcher.charged(unit.set_up.bytes));
        let linking = host.as_deref().map(|host| Linking { host, before: &parts[..position] });
        let instance = instantiate(store, unit, linking).await?;
        adopt(store, instance, unit, ordinal)?;
        if unit.has_start {
            call(store, instance, START_EXPORT).await?;
        }
        if instance.get_func(&mut *store, INITIALIZE).is_some() {
            call(store, instance, INITIALIZE).await?;
        }
        if position == last {
            let entry = if instance.get_func(&mut *store, "").is_some() { "" } else { "_start" };
            call(store, instance, entry).await?;
        }
    }
    Ok(Outcome::null())
}

async fn instantiate(
    store: &mut Store<Running>,
    unit: &Unit,
    linking: Option<Linking<'_>>,
) -> Result<Instance, Stopped> {
    // Loading the program called who listens.
    float_state::restore_for_guests();
    store.data_mut().instantiating = true;
    store.data_mut().to_make = (Arc::clone(&unit.initial_memories), 0);
    let code = unit.code(store.data().frames);
    let instance = match (&code.alone, linking) {
        (Some(alone), None) => alone.instantiate_async(&mut *store).await.map_err(Stopped::Unwound)?,
        (_, Some(linking)) => {
            let imports = linking.resolve(store, &code.module)?;
            let instance = Instance::new_async(&mut *store, &code.module, &imports).await;
            instance.map_err(|error| linking.failed(store, &code.module, error))?
        }
        (None, None) => {
            return Err(InternalError::new(InternalErrorKind::Bug, "a module that is alone was not linked").into());
        }
    };
    store.data_mut().instantiating = false;
    Ok(instance)
}

/// Makes an instance known to host calls, and sets the counters with the first one.
fn adopt(store: &mut Store<Running>, instance: Instance, unit: &Unit, ordinal: usize) -> Result<(), Stopped> {
    let exports = &unit.code(store.data().frames).exports;
    let mut export = |at: &Option<ModuleExport>| instance.get_module_export(&mut *store, at.as_ref()?);
    let memory = export(&exports.memory).and_then(Extern::into_memory);
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
    let (ticks, stack_units) = (running.vm.ticks, running.vm.stack_units);
    let mut global = |at: &Option<ModuleExport>, name| {
        let found =
            at.as_ref().and_then(|at| instance.get_module_export(&mut *store, at)).and_then(Extern::into_global);
        found.ok_or_else(|| {
            InternalError::new(InternalErrorKind::Bug, format!("the lowered module lacks the counter {name}"))
        })
    };
    let counters = Counters {
        gas: global(&exports.gas, GAS_GLOBAL)?,
        stack: global(&exports.stack, STACK_GLOBAL)?,
        mark: global(&exports.mark, MARK_GLOBAL)?,
        trap: global(&exports.trap, TRAP_GLOBAL)?,
        calls: unit.options.calls.then(|| global(&exports.calls, CALLS_GLOBAL)).transpose()?,
    };
    counters.gas.set(&mut *store, Val::I64(ticks)).map_err(Stopped::Unwound)?;
    let units = i32::try_from(stack_units).unwrap_or(i32::MAX);
    counters.stack.set(&mut *store, Val::I32(units)).map_err(Stopped::Unwound)?;
    counters.mark.set(&mut *store, Val::I32(stack_mark(units))).map_err(Stopped::Unwound)?;
    store.data_mut().counters = Some(counters);
    Ok(())
}

async fn call(store: &mut Store<Running>, instance: Instance, name: &str) -> Result<(), Stopped> {
    let function = instance.get_typed_func::<(), ()>(&mut *store, name).map_err(|error| {
        Refused::new(
            Invalid::WasmEntrypoint,
            format!("{name:?}, which is to be called, is not there, or takes or returns something: {error:#}"),
        )
    })?;
    function.call_async(&mut *store, ()).await.map_err(Stopped::Unwound)
}

/// Runs a future that never waits: a guest suspends only into its own fiber.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
