//! The engines that chains run on, and what they tell of failures.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use subvm_core::{Outcome, Report, Resource, VmError};
use subvm_lower::Active;
use subvm_profile::{Frame, Profile, Watcher};
use subvm_symbols::{Library, stack};
use subvm_wasmtime::WasmtimeEngine;
use subvm_wasmtime::cache::{CacheError, ModuleCache};

/// Functions of which is told where the gas went.
const TOP: usize = 10;

thread_local! {
    /// What was active where the last run of this thread failed.
    static ACTIVE: RefCell<Vec<Active>> = const { RefCell::new(Vec::new()) };
}

static ENGINE: OnceLock<Arc<WasmtimeEngine>> = OnceLock::new();

/// Keeps compiled modules in a directory too, which is made where it is missing, so that the next process finds them there: an interpreter takes half a
/// minute to compile. Where a chain ran before, or another directory was named, that goes on, and the answer is `false`.
///
/// # Errors
/// Where the directory cannot be used, or others may write to it.
///
/// # Panics
/// Where wasmtime cannot run here.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// assert!(subvm_testing::keep_compiled(&dir.path().join("compiled"))?, "no chain ran yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keep_compiled(directory: &Path) -> Result<bool, CacheError> {
    let cache = ModuleCache::open(directory, ModuleCache::BYTES)?;
    Ok(ENGINE.get().is_none() && ENGINE.set(make(cache)).is_ok())
}

/// The engine of all chains: modules are compiled once in a process, whatever chains run them.
///
/// # Panics
/// Where wasmtime cannot run here.
///
/// ```
/// assert!(std::sync::Arc::ptr_eq(&subvm_testing::engine(), &subvm_testing::engine()));
/// ```
#[must_use]
pub fn engine() -> Arc<WasmtimeEngine> {
    Arc::clone(ENGINE.get_or_init(|| make(None)))
}

fn make(cache: impl Into<Option<ModuleCache>>) -> Arc<WasmtimeEngine> {
    Arc::new(WasmtimeEngine::builder().cache(cache).on_failure(note).build().expect("the engine starts"))
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
