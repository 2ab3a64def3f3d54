//! The engines that chains run on, and what they tell of failures.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use subvm_core::{Outcome, Report, Resource, VmError};
use subvm_lower::Active;
use subvm_profile::{Frame, Profile, Watcher};
use subvm_symbols::{Library, stack};
use subvm_wasmtime::WasmtimeEngine;

/// Functions of which is told where the gas went.
const TOP: usize = 10;

thread_local! {
    /// What was active where the last run of this thread failed.
    static ACTIVE: RefCell<Vec<Active>> = const { RefCell::new(Vec::new()) };
}

/// Modules are compiled once in a process, whatever chains run them.
pub(crate) fn engine() -> Arc<WasmtimeEngine> {
    static ENGINE: OnceLock<Arc<WasmtimeEngine>> = OnceLock::new();
    let make = || WasmtimeEngine::builder().on_failure(note).build();
    Arc::clone(ENGINE.get_or_init(|| Arc::new(make().expect("the engine starts"))))
}

/// An engine whose modules tell what they do.
pub(crate) fn watched(watcher: &Watcher) -> Arc<WasmtimeEngine> {
    let engine = WasmtimeEngine::builder().on_failure(note).watcher(watcher.clone()).build();
    Arc::new(engine.expect("the engine starts"))
}

fn note(active: &[Active]) {
    ACTIVE.with_borrow_mut(|noted| *noted = active.to_vec());
}

/// The stack of the run that this thread has just made, where a trap or a budget ended it.
pub(crate) fn stack_of(report: &Report) -> Vec<String> {
    let active = ACTIVE.take();
    match report.outcome {
        Outcome::VmError(VmError::Trap(_) | VmError::OutOf(_)) => stack(&active),
        _ => Vec::new(),
    }
}

/// Whether a run used all of its time gas.
pub(crate) fn ran_out(report: &Report) -> bool {
    report.outcome == Outcome::VmError(VmError::OutOf(Resource::GasTime))
}

/// Lines about where most of the gas went.
pub(crate) fn top(profile: &Profile) -> Vec<String> {
    let mut library = Library::default();
    profile.largest(TOP, |frame| match frame {
        Frame::SubVm(_) => "setting up".to_owned(),
        Frame::Host(name) => format!("{name} (host)"),
        Frame::Function { module, index } => library.of(&profile.modules()[module as usize].wasm).name(index),
    })
}
