//! An engine whose guests are closures.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use subvm_core::fingerprint::Fingerprint;
use subvm_core::host::Catch;
use subvm_core::{
    Engine, Finished, InternalError, InternalErrorKind, Invalid, Outcome, Package, Parts, SubVm, VmError, wasi::Refused,
};

use crate::machine::{Machine, Script};

/// Runs closures in place of modules. A package's start module is the number of its closure.
///
/// ```
/// use subvm_core::Engine;
/// use subvm_host_mock::ScriptedEngine;
/// let mut engine = ScriptedEngine::new();
/// let (first, second) = (engine.script(|_| Ok(())), engine.script(|machine| machine.work(100)));
/// assert_ne!(first.start, second.start, "each is a package of its own");
/// let engine: std::sync::Arc<dyn Engine> = std::sync::Arc::new(engine);
/// ```
#[derive(Default)]
pub struct ScriptedEngine {
    scripts: BTreeMap<u64, Box<Script>>,
}

impl std::fmt::Debug for ScriptedEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedEngine").field("scripts", &self.scripts.len()).finish()
    }
}

impl ScriptedEngine {
    /// An engine without scripts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a closure, and gives the package that runs it. It is called anew for each sub-VM; which part it plays stands in
    /// [`Machine::message`].
    pub fn script(
        &mut self,
        script: impl Fn(&mut Machine<'_>) -> Result<(), subvm_core::End> + Send + Sync + 'static,
    ) -> Arc<Package> {
        let number = self.scripts.len() as u64;
        self.scripts.insert(number, Box::new(script));
        let parts = Parts { start: number.to_le_bytes().into(), ..Parts::default() };
        Arc::new(parts.check(&Refused::default()).expect("an empty package is well-formed"))
    }

    fn call(&self, vm: &mut SubVm) -> Result<Outcome, InternalError> {
        let number = vm.package().start[..].try_into().map(u64::from_le_bytes);
        let Some(script) = number.ok().and_then(|number| self.scripts.get(&number)) else {
            return Ok(Outcome::VmError(VmError::InvalidContract(Invalid::WasmValidating)));
        };
        let mut machine = Machine::new(vm);
        let ended = caught(|| match script(&mut machine) {
            Ok(()) => Ok(Outcome::null()),
            Err(end) => end.into_result(),
        });
        let ticks = machine.ticks();
        vm.ticks = ticks;
        ended
    }
}

fn caught(act: impl FnOnce() -> Result<Outcome, InternalError>) -> Result<Outcome, InternalError> {
    let panicked = |_| Err(InternalError::new(InternalErrorKind::Bug, "a script or a part of the node panicked"));
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(panicked)
}

impl Engine for ScriptedEngine {
    fn run(&self, mut vm: Box<SubVm>) -> Finished {
        let ended = self.call(&mut vm);
        // It calls the node, to give up requests that nobody waits for.
        let result = caught(|| vm.conclude(ended));
        let fingerprint = vm.wants_fingerprint(&result).then(Fingerprint::default);
        Finished { vm, result, fingerprint }
    }

    fn catch(&self) -> Catch {
        |call| catch_unwind(AssertUnwindSafe(call)).is_ok()
    }
}
