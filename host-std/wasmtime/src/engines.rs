//! Two engines that differ in one thing: whether a trap captures the frames that were active.
//!
//! Only the main sub-VM's failure has a fingerprint, and capturing a frame takes ten times as long as the call that made it: a
//! contract that has its children trap a million frames deep would pay for a tenth of what they cost. wasmtime decides this for a
//! whole engine, and both take the same machine code.

use wasmtime::{Engine, InstancePre, Linker, Module};

use super::frames::Frames;
use super::running::Running;
use super::{Codegen, config, host_calls, watch};

/// The engines for both.
pub(super) struct Engines {
    captured: Linked,
    ignored: Linked,
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
        Ok(Self { captured: linked(Frames::Captured)?, ignored: linked(Frames::Ignored)? })
    }

    pub(super) fn of(&self, frames: Frames) -> &Linked {
        match frames {
            Frames::Captured => &self.captured,
            Frames::Ignored => &self.ignored,
        }
    }
}
