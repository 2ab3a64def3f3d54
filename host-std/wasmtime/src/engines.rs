//! Two engines that differ in one thing: whether a trap captures the frames that were active.
//!
//! Only the main sub-VM's failure has a fingerprint, and capturing a frame takes ten times as long as the call that made it: a
//! contract that has its children trap a million frames deep would pay for a tenth of what they cost. wasmtime decides this for a
//! whole engine, and both take the same machine code.

use std::sync::Arc;

use subvm_lower::{CALLS_GLOBAL, GAS_GLOBAL, MARK_GLOBAL, STACK_GLOBAL, TRAP_GLOBAL};
use wasmtime::{Engine, InstancePre, Linker, Module, ModuleExport, Store, WasmBacktrace};

use super::frames::Frames;
use super::running::Running;
use super::{Codegen, config, host_calls, watch};

/// The engines for both.
pub(super) struct Engines {
    captured: Linked,
    ignored: Linked,
    silent: Silent,
}

/// A store in which nothing runs, of the engine that ignores frames.
#[derive(Clone)]
pub(super) struct Silent(Arc<Store<()>>);

impl Silent {
    /// A trace of no frames.
    pub(super) fn frames(&self) -> WasmBacktrace {
        WasmBacktrace::capture(&*self.0)
    }
}

/// An engine, and the host's functions for a module that is alone in its sub-VM.
pub(super) struct Linked {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Running>,
}

/// A module's machine code on one of the engines.
pub(super) struct Code {
    pub(super) module: Module,
    /// Ready to instantiate, where it needs nothing but the host's functions.
    pub(super) alone: Option<InstancePre<Running>>,
    /// Where what each start asks for stands among its exports, so that no name is looked up again.
    pub(super) exports: Exports,
}

/// Exports of a lowered module; nothing for what it lacks.
pub(super) struct Exports {
    pub(super) memory: Option<ModuleExport>,
    pub(super) gas: Option<ModuleExport>,
    pub(super) stack: Option<ModuleExport>,
    pub(super) mark: Option<ModuleExport>,
    pub(super) trap: Option<ModuleExport>,
    pub(super) calls: Option<ModuleExport>,
}

impl Code {
    /// Not linked yet.
    pub(super) fn new(module: Module) -> Self {
        let at = |name: &str| module.get_export_index(name);
        let exports = Exports {
            memory: at(&subvm_lower::memory_export(0)),
            gas: at(GAS_GLOBAL),
            stack: at(STACK_GLOBAL),
            mark: at(MARK_GLOBAL),
            trap: at(TRAP_GLOBAL),
            calls: at(CALLS_GLOBAL),
        };
        Self { module, alone: None, exports }
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engines").finish_non_exhaustive()
    }
}

impl Engines {
    pub(super) fn new(codegen: Codegen, parallel: bool) -> wasmtime::Result<Self> {
        // Each trap makes an error of wasmtime's, which would walk the whole native stack where RUST_BACKTRACE is set: in a nest of sub-VMs that end
        // one after the other, by the square of its depth (`docs/RATIONALE.md#engine`).
        wasmtime::error::disable_backtrace();
        let linked = |frames| {
            let engine = Engine::new(&config(codegen, parallel, frames)?)?;
            let mut linker = Linker::new(&engine);
            host_calls::define(&mut linker, 0)?;
            watch::define(&mut linker)?;
            Ok::<_, wasmtime::Error>(Linked { engine, linker })
        };
        let ignored = linked(Frames::Ignored)?;
        let silent = Silent(Arc::new(Store::new(&ignored.engine, ())));
        Ok(Self { captured: linked(Frames::Captured)?, ignored, silent })
    }

    /// What gives traces of no frames.
    pub(super) fn silent(&self) -> Silent {
        self.silent.clone()
    }

    pub(super) fn of(&self, frames: Frames) -> &Linked {
        match frames {
            Frames::Captured => &self.captured,
            Frames::Ignored => &self.ignored,
        }
    }
}
