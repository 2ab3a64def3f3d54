//! What a store holds while a sub-VM runs in it, and the limits that wasmtime asks for.

use std::sync::Arc;

use subvm_core::wasi::KEPT;
use subvm_core::{End, InternalError, InternalErrorKind, Outcome, Resource, SubVm, costs};
use subvm_lower::{FunctionMap, Options, WASM_PAGE};
use subvm_profile::Watcher;
use wasmtime::{Global, Instance, Memory, Module, ResourceLimiter};

use super::engines::Silent;
use super::frames::Frames;
use super::mappings::Share;

/// A store's data.
pub(super) struct Running {
    pub(super) vm: Box<SubVm>,
    /// Whether its traps capture frames.
    pub(super) frames: Frames,
    /// Memory 0 of each instance, by the ordinal of its module.
    pub(super) memories: Vec<Option<Memory>>,
    /// The counters, once the first instance is there.
    pub(super) counters: Option<Counters>,
    /// What its stack and its memories may take of the process's mappings.
    pub(super) mappings: Option<Share>,
    /// The modules of the program, in order.
    pub(super) program: Vec<Part>,
    /// Instances that were completely created, in the same order.
    pub(super) instances: Vec<Instance>,
    /// What a host call that ended the sub-VM came to.
    pub(super) end: Option<Result<Outcome, InternalError>>,
    /// What gives a trace of no frames, where nobody but a fingerprint wants frames: so that those of who returned are not captured.
    pub(super) silent: Option<Silent>,
    /// Whether memories and tables are being made rather than grown.
    pub(super) instantiating: bool,
    /// What the memories of the guest's have at first, in bytes, of the instance that is being made; and how many of them were made.
    pub(super) to_make: (Arc<[u64]>, usize),
    /// Whether guests compute on hardware floats, so that host functions must leave their state as it was.
    pub(super) hardware_floats: bool,
    pub(super) watcher: Option<Watcher>,
    /// Which bits of an errno the guest's code takes: [`KEPT`] is for a module that keeps answers.
    pub(super) errnos: u32,
}

/// A module of the program, as far as a failure is described by it.
#[derive(Clone)]
pub(super) struct Part {
    /// Under which name it is linked.
    pub(super) name: String,
    /// Its code on the engine whose traps capture frames.
    pub(super) module: Module,
    pub(super) functions: FunctionMap,
    pub(super) memories: u32,
    /// How it was lowered.
    pub(super) options: Options,
}

/// The globals that lowering put into the first module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    pub(super) gas: Global,
    pub(super) stack: Global,
    pub(super) mark: Global,
    pub(super) trap: Global,
    /// Calls and values, where they are counted.
    pub(super) calls: Option<Global>,
}

impl Running {
    pub(super) fn new(vm: Box<SubVm>, frames: Frames, watcher: Option<Watcher>, silent: Option<Silent>) -> Self {
        Self {
            vm,
            frames,
            memories: Vec::new(),
            counters: None,
            mappings: None,
            program: Vec::new(),
            instances: Vec::new(),
            end: None,
            silent,
            instantiating: false,
            to_make: (Arc::default(), 0),
            hardware_floats: true,
            watcher,
            errnos: KEPT - 1,
        }
    }

    /// Tells who watches.
    pub(super) fn tell(&self, tell: impl FnOnce(&Watcher)) {
        if let Some(watcher) = &self.watcher {
            tell(watcher);
        }
    }

    /// Charges growth. At run time a charge that cannot be met is a failed growth, which the guest sees as -1.
    fn grow(&mut self, bytes: u64, resource: Resource) -> wasmtime::Result<bool> {
        if self.vm.charge_ram(bytes).is_ok() {
            self.tell(|watcher| watcher.charged(bytes));
            return Ok(true);
        }
        if !self.instantiating {
            return Ok(false);
        }
        self.end = Some(End::from(resource).into_result());
        Err(wasmtime::Error::msg("the RAM budget is used up"))
    }

    /// What was charged for and failed all the same: the operating system has no more, which no guest may see.
    fn growth_failed(&mut self, what: &str, error: wasmtime::Error) -> wasmtime::Result<()> {
        let what = format!("the operating system gave no room for a {what} to grow");
        self.end = Some(Err(InternalError::caused_by(InternalErrorKind::Engine, what, error.into())));
        Err(wasmtime::Error::msg("growth failed"))
    }
}

/// What a memory or a table can have at most where its type says nothing: bytes, and entries. Indices are of 32 bits.
const LARGEST_MEMORY: usize = 1 << 32;
const LARGEST_TABLE: usize = u32::MAX as usize;

/// How wasmtime 48 words the one failure that it reports without having asked for the charge: a size that no memory of the type can have.
const BEYOND_TYPE: &str = "memory growth exceeds memory type's limits";

impl ResourceLimiter for Running {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Beyond what it can have nothing is charged; wasmtime would ask first and refuse afterwards.
        if desired > maximum.unwrap_or(LARGEST_MEMORY) {
            return Ok(false);
        }
        if self.instantiating {
            let (sizes, made) = &mut self.to_make;
            if sizes.get(*made) != Some(&(desired as u64)) {
                // Of who looks into the run, which comes last; or the engine's heap of references, which is empty and comes first: nobody's.
                return Ok(true);
            }
            *made += 1;
        }
        debug_assert!((desired as u64).is_multiple_of(WASM_PAGE));
        self.grow((desired - current) as u64, Resource::WasmMemory)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string() == BEYOND_TYPE { Ok(()) } else { self.growth_failed("memory", error) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > maximum.unwrap_or(LARGEST_TABLE) {
            return Ok(false);
        }
        self.grow((desired - current) as u64 * costs::TABLE_ELEMENT, Resource::WasmTable)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.growth_failed("table", error)
    }
}
