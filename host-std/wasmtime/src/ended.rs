//! What a sub-VM's end means: an outcome or an internal error, and the fingerprint of a failure.

use std::collections::BTreeMap;

use subvm_core::fingerprint::{Fingerprint, Frame, hash_memory};
use subvm_core::{InternalError, InternalErrorKind, Outcome, Resource, Trap, VmError};
use subvm_link::{ZeroTrees, unreachable};
use subvm_lower::{Active, Look, OnFailure, memory_export, stack_mark, unwinding_ticks};
use wasmtime::{Module, Store, ThrownException, WasmBacktrace};

use super::running::{Counters, Running};
use super::{Stopped, look};
use crate::pages;

/// How a sub-VM ended, and the machine at that moment where it is wanted.
pub(super) type Concluded = (Result<Outcome, InternalError>, Option<Fingerprint>);

/// Writes the counters back, settles the outcome, and takes the fingerprint where the core asks for it.
pub(super) fn conclude(
    store: &mut Store<Running>,
    ended: Result<Outcome, Stopped>,
    zeros: &ZeroTrees,
    look: Option<&dyn Look>,
    on_failure: Option<&OnFailure>,
) -> Concluded {
    if let Some(counters) = store.data().counters {
        let ticks = counters.gas.get(&mut *store).unwrap_i64() - unwound(store, &ended, counters);
        store.data_mut().vm.ticks = ticks;
    }
    let (result, unwound) = settle(store, ended);
    if let Some(look) = look {
        let active = unwound.as_ref().and_then(|error| active(store.data(), error, usize::MAX));
        look::show(store, active.unwrap_or_default().into_iter().map(Frame::from).collect(), look);
    }
    let result = store.data_mut().vm.conclude(result);
    if !store.data().vm.wants_fingerprint(&result) {
        return (result, None);
    }
    let wanted = match store.data().vm.fingerprint_frames() {
        Ok(wanted) => wanted,
        Err(error) => return (Err(error), None),
    };
    let active = match unwound {
        None => Vec::new(),
        Some(error) => match active(store.data(), &error, wanted) {
            Some(active) => active,
            None => return (Err(cut()), None),
        },
    };
    if let Some(on_failure) = on_failure {
        subvm_observe::quietly(|| on_failure(&active));
    }
    let frames = active.into_iter().map(Frame::from).collect();
    (result, Some(Fingerprint { frames, module_instances: memories(store, zeros) }))
}

/// What the end comes to, and the error that holds the frames that were active.
fn settle(
    store: &mut Store<Running>,
    ended: Result<Outcome, Stopped>,
) -> (Result<Outcome, InternalError>, Option<wasmtime::Error>) {
    let error = match ended {
        Ok(outcome) => return (Ok(outcome), None),
        Err(Stopped::Internal(error)) => return (Err(error), None),
        Err(Stopped::Refused(refused)) => {
            store.data_mut().vm.diagnose(refused.why);
            return (Ok(Outcome::VmError(refused.error)), None);
        }
        Err(Stopped::Unwound(error)) => error,
    };
    let result = match store.data_mut().end.take() {
        Some(result) => result,
        None => trapped(store, &error),
    };
    // An error while a module was instantiated arose where no wasm was running.
    (result, Some(error).filter(|_| !store.data().instantiating))
}

/// Whether the guest went no deeper than what the mark leaves it for nothing.
pub(super) fn stayed_shallow(store: &mut Store<Running>) -> bool {
    let units = i32::try_from(store.data().vm.stack_units).unwrap_or(i32::MAX);
    let mark = store.data().counters.map(|counters| counters.mark);
    mark.is_some_and(|mark| mark.get(&mut *store).unwrap_i32() == stack_mark(units))
}

/// What an exception that nothing catches costs besides: it left every frame there was.
fn unwound(store: &mut Store<Running>, ended: &Result<Outcome, Stopped>, counters: Counters) -> i64 {
    match ended {
        Err(Stopped::Unwound(error)) if error.is::<ThrownException>() => {
            let left = i64::from(counters.stack.get(&mut *store).unwrap_i32());
            let units = u32::try_from(store.data().vm.stack_units - left).unwrap_or_default();
            unwinding_ticks(store.data().vm.schedule(), units) as i64
        }
        _ => 0,
    }
}

/// What a trap is called.
fn trapped(store: &mut Store<Running>, error: &wasmtime::Error) -> Result<Outcome, InternalError> {
    if error.is::<ThrownException>() {
        return Ok(Outcome::VmError(VmError::Trap(Trap::UncaughtException)));
    }
    let trap = match error.downcast_ref::<wasmtime::Trap>() {
        // There is no room for an exception; nothing else is allocated so.
        Some(wasmtime::Trap::AllocationTooLarge) => {
            return Ok(Outcome::VmError(VmError::OutOf(Resource::Memory)));
        }
        Some(wasmtime::Trap::NullReference) => Trap::NullReference,
        Some(wasmtime::Trap::UnreachableCodeReached) => {
            let marker = store.data().counters.map_or(0, |counters| counters.trap.get(&mut *store).unwrap_i32());
            return Ok(Outcome::VmError(unreachable(marker)));
        }
        Some(wasmtime::Trap::MemoryOutOfBounds) => Trap::MemoryOutOfBounds,
        Some(wasmtime::Trap::TableOutOfBounds) => Trap::TableOutOfBounds,
        Some(wasmtime::Trap::IndirectCallToNull) => Trap::IndirectCallToNull,
        Some(wasmtime::Trap::BadSignature) => Trap::BadSignature,
        Some(wasmtime::Trap::IntegerOverflow) => Trap::IntegerOverflow,
        Some(wasmtime::Trap::IntegerDivisionByZero) => Trap::IntegerDivideByZero,
        Some(wasmtime::Trap::BadConversionToInteger) => Trap::BadConversionToInteger,
        Some(wasmtime::Trap::HeapMisaligned) => Trap::HeapMisaligned,
        // A native stack overflow among them: the counters must trip first.
        _ => {
            let what = format!("wasmtime failed: {}", error.root_cause());
            return Err(InternalError::new(InternalErrorKind::Engine, what));
        }
    };
    Ok(Outcome::VmError(VmError::Trap(trap)))
}

/// This machine had no room for the frames: another might, so that nothing may be said.
fn cut() -> InternalError {
    InternalError::new(
        InternalErrorKind::Engine,
        "the frames of a failed sub-VM could not be captured; give the node more memory",
    )
}

/// Active functions as the guest supplied them, innermost first, as many as are wanted; nothing where they could not be captured.
fn active(running: &Running, error: &wasmtime::Error, wanted: usize) -> Option<Vec<Active>> {
    let backtrace = error.downcast_ref::<WasmBacktrace>().filter(|backtrace| !backtrace.frames().is_empty())?;
    let known = |module: &Module| {
        let found = running.program.iter().enumerate();
        found.into_iter().find(|(_, part)| Module::same(&part.module, module))
    };
    let package = running.vm.package();
    let active = |frame: &wasmtime::FrameInfo| {
        let (position, part) = known(frame.module())?;
        let func = part.functions.original(frame.func_index())?;
        // The start module comes last.
        let wasm = package.libraries.get(position).map_or(&package.start, |library| &library.wasm).clone();
        let (module_name, options) = (part.name.clone(), part.options);
        Some(Active { module_name, wasm, func, lowered: frame.module_offset(), options })
    };
    Some(backtrace.frames().iter().filter_map(active).take(wanted).collect())
}

/// BLAKE3 of every memory of every instance that was completely created.
fn memories(store: &mut Store<Running>, zeros: &ZeroTrees) -> BTreeMap<String, Vec<[u8; 32]>> {
    let running = store.data();
    let created: Vec<_> = running.instances.iter().copied().zip(running.program.clone()).collect();
    zeros.lend(|tree| {
        let mut instances = BTreeMap::new();
        for (instance, part) in created {
            let digests = (0..part.memories).filter_map(|index| {
                let memory = instance.get_memory(&mut *store, &memory_export(index))?;
                let bytes = memory.data(&*store);
                Some(hash_memory(bytes, pages::touched(bytes).as_ref(), tree))
            });
            instances.insert(part.name, digests.collect());
        }
        instances
    })
}
