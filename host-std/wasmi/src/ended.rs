//! What a sub-VM's end means: an outcome or an internal error, and the fingerprint of a failure.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use subvm_core::fingerprint::{Fingerprint, Frame, ZeroTree, hash_memory};
use subvm_core::{InternalError, InternalErrorKind, Outcome, Trap, VmError};
use subvm_link::{ZeroTrees, unreachable};
use subvm_lower::{Look, OnFailure, memory_export};
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{Instance, Store, TrapCode};

use crate::Stopped;
use crate::frames::active;
use crate::guard;
use crate::look;
use crate::running::Running;
use crate::units::Unit;

/// How a sub-VM ended, and the machine at that moment where it is wanted.
pub(crate) type Concluded = (Result<Outcome, InternalError>, Option<Fingerprint>);

/// Writes the counters back, settles the outcome, and takes the fingerprint where the core asks for it.
pub(crate) fn conclude(
    store: &mut Store<Running>,
    ended: Result<Outcome, Stopped>,
    zeros: &ZeroTrees,
    look: Option<&dyn Look>,
    on_failure: Option<&OnFailure>,
) -> Concluded {
    if let Some(counters) = store.data().counters {
        let ticks = counters.ticks(&*store);
        store.data_mut().vm.ticks = ticks;
    }
    let (result, ran) = settle(store, ended);
    if let Some(look) = look {
        let active = if ran { active(store, usize::MAX) } else { Vec::new() };
        let frames = active.into_iter().map(Frame::from).collect();
        look::show(store, frames, look);
    }
    let result = store.data_mut().vm.conclude(result);
    if !store.data().vm.wants_fingerprint(&result) {
        return (result, None);
    }
    let wanted = match store.data().vm.fingerprint_frames() {
        Ok(wanted) => wanted,
        Err(error) => return (Err(error), None),
    };
    let active = if ran { active(store, wanted) } else { Vec::new() };
    if let Some(on_failure) = on_failure {
        // What it throws away is its own.
        let _ = guard::caught(|| on_failure(&active));
    }
    let frames = active.into_iter().map(Frame::from).collect();
    (result, Some(Fingerprint { frames, module_instances: memories(store, zeros) }))
}

/// What the end comes to, and whether guests' functions were active.
fn settle(store: &mut Store<Running>, ended: Result<Outcome, Stopped>) -> (Result<Outcome, InternalError>, bool) {
    let end = store.data_mut().end.take();
    let error = match (ended, end) {
        (Err(Stopped::Internal(error)), _) => return (Err(error), false),
        (Err(Stopped::Refused(refused)), None) => {
            store.data_mut().vm.diagnose(refused.why);
            return (Ok(Outcome::VmError(refused.error)), false);
        }
        (Ok(outcome), None) => return (Ok(outcome), false),
        // What was to end the sub-VM stands, whatever came of it since.
        (_, Some(end)) => return (end.into_result(), store.data().making.is_none()),
        (Err(Stopped::Unwound(error)), None) => error,
    };
    // An error while a module was instantiated arose where no wasm was running.
    (trapped(store, &error), store.data().making.is_none())
}

/// What a trap is called.
fn trapped(store: &Store<Running>, error: &wasmi::Error) -> Result<Outcome, InternalError> {
    let code = match error.kind() {
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Some(TrapCode::TableOutOfBounds)
        }
        _ => error.as_trap_code(),
    };
    let trap = match code {
        Some(TrapCode::UnreachableCodeReached) => {
            let marker = store.data().counters.and_then(|counters| counters.trap.get(store).i32());
            return Ok(Outcome::VmError(unreachable(marker.unwrap_or(0))));
        }
        Some(TrapCode::MemoryOutOfBounds) => Trap::MemoryOutOfBounds,
        Some(TrapCode::TableOutOfBounds) => Trap::TableOutOfBounds,
        Some(TrapCode::IndirectCallToNull) => Trap::IndirectCallToNull,
        Some(TrapCode::BadSignature) => Trap::BadSignature,
        Some(TrapCode::IntegerOverflow) => Trap::IntegerOverflow,
        Some(TrapCode::IntegerDivisionByZero) => Trap::IntegerDivideByZero,
        Some(TrapCode::BadConversionToInteger) => Trap::BadConversionToInteger,
        // A stack overflow of wasmi's among them: the counters must trip first.
        _ => return Err(InternalError::new(InternalErrorKind::Engine, format!("wasmi failed: {error}"))),
    };
    Ok(Outcome::VmError(VmError::Trap(trap)))
}

/// BLAKE3 of every memory of every instance that was completely created.
fn memories(store: &Store<Running>, zeros: &ZeroTrees) -> BTreeMap<String, Vec<[u8; 32]>> {
    let running = store.data();
    let digests = |instance: &Instance, unit: &Unit, tree: &mut ZeroTree| {
        let memory = |index| instance.get_memory(store, &memory_export(index));
        (0..unit.memories).filter_map(memory).map(|memory| hash_memory(memory.data(store), None, tree)).collect()
    };
    zeros.lend(|tree| {
        let created = running.instances.iter().zip(&running.program);
        created.map(|(instance, (name, unit))| (name.clone(), digests(instance, unit, tree))).collect()
    })
}
