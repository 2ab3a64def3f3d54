//! What an engine does for the supervisor: run one sub-VM to its end.

use alloc::boxed::Box;

use crate::fingerprint::Fingerprint;
use crate::host::Catch;
use crate::outcome::{InternalError, Outcome};
use crate::run::sub_vm::SubVm;

/// Executes WebAssembly. `host-std` implements it on wasmtime, `host-mock` with closures in place of modules.
///
/// A run goes like this:
/// 1. The modules of [`SubVm::package`] are validated, lowered and compiled (or taken from a cache) for [`SubVm::mode`]; what fails is
///    [`VmError::InvalidContract`](crate::VmError::InvalidContract). What takes long there is done by [`SubVm::beside_deadline`].
/// 2. What is set up is charged with [`SubVm::charge_set_up`]. The modules are instantiated, in order; instances, memories and tables are charged
///    with [`SubVm::charge_ram`]; the counters are set to [`SubVm::ticks`] and [`SubVm::stack_units`].
/// 3. Each host call goes to an entry of [`wasi::entry`](crate::wasi::entry) or [`sdk::entry`](crate::sdk::entry).
/// 4. At the end the engine writes the counters back, calls [`SubVm::conclude`], and where that says so, takes the fingerprint before anything
///    is torn down.
///
/// Each sub-VM runs on a bounded native stack of its own, since [`sdk::entry::gl_call`](crate::sdk::entry) calls back into `run`.
///
/// ```
/// use subvm_core::{Engine, Finished, Outcome, SubVm};
///
/// /// An engine whose guests all return null.
/// struct Idle;
///
/// impl Engine for Idle {
///     fn run(&self, mut vm: Box<SubVm>) -> Finished {
///         let result = vm.conclude(Ok(Outcome::null()));
///         Finished { vm, result, fingerprint: None }
///     }
/// }
///
/// let caught = Idle.catch()(&mut || ());
/// assert!(caught);
/// ```
pub trait Engine: Send + Sync + 'static {
    /// Runs `vm` to its end and hands it back. It does not unwind: a panic of a part of the node, or of its own, is an internal error.
    fn run(&self, vm: Box<SubVm>) -> Finished;

    /// What catches panics where no sub-VM runs: of an [`Observer`](crate::host::Observer), so that it changes no run, and of a part of the node
    /// that is asked for what a run needs before its first sub-VM, so that the node gets its parts back. As it stands here it catches nothing:
    /// whoever has `std` gives `|call| catch_unwind(AssertUnwindSafe(call)).is_ok()`.
    fn catch(&self) -> Catch {
        |call| {
            call();
            true
        }
    }
}

/// A sub-VM that has ended.
///
/// ```
/// use subvm_core::{Finished, Outcome, SubVm, fingerprint::Fingerprint};
/// /// The end of every engine's `run`.
/// fn finish(mut vm: Box<SubVm>, outcome: Outcome) -> Finished {
///     let result = vm.conclude(Ok(outcome));
///     let fingerprint = vm.wants_fingerprint(&result).then(Fingerprint::default);
///     Finished { vm, result, fingerprint }
/// }
/// ```
#[derive(Debug)]
pub struct Finished {
    /// The sub-VM, as it was handed to [`Engine::run`].
    pub vm: Box<SubVm>,
    /// What [`SubVm::conclude`] said.
    pub result: Result<Outcome, InternalError>,
    /// The machine at that moment, where [`SubVm::wants_fingerprint`].
    pub fingerprint: Option<Fingerprint>,
}
