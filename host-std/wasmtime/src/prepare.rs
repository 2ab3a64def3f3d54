//! Preparing a package: what a node does when a contract is deployed, so that no run has to.

use std::error::Error;
use std::fmt;

use subvm_core::{InternalError, Mode, Package, Params, VmError};

use super::frames::Frames;
use super::program::Program;
use super::{Stopped, WasmtimeEngine};
use subvm_link::{Beside, Refused, panicked};
use subvm_lower::Options;

/// A package whose modules are ready to run, and what making them so costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// What a chain charges for it at deployment, in ticks: [`Schedule::compiling`](subvm_core::costs::instructions::Schedule::compiling), for each module and each mode. It is a property of the package and
    /// of the consensus parameters: every node comes to the same, whether or not it knew the modules.
    pub ticks: u64,
    /// The values that compiling the modules is priced for, as lowering estimates them, in both modes together.
    pub values: u64,
}

/// Why a package is not prepared.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrepareError {
    /// It cannot run: every node refuses it.
    Refused {
        /// What running it would end with.
        error: VmError,
        /// Why, for people: which limit, and by how much.
        why: String,
    },
    /// This node failed; another one may not.
    Internal(InternalError),
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, why } => write!(f, "{error}: {why}"),
            Self::Internal(error) => write!(f, "{error}"),
        }
    }
}

impl Error for PrepareError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Internal(error) => error.source(),
        }
    }
}

impl From<Stopped> for PrepareError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(Refused { error, why }) => Self::Refused { error, why },
            Stopped::Internal(error) => Self::Internal(error),
            // Nothing runs here.
            Stopped::Unwound(error) => Self::Internal(panicked(&error.to_string())),
        }
    }
}

impl WasmtimeEngine {
    /// Validates, lowers and compiles the modules of `package` under `params`, for both modes, keeps them, and says what that costs. A node
    /// calls it when a contract is deployed; runs then wait for nothing.
    ///
    /// Whether the modules fit each other is found when they are linked, at each start.
    ///
    /// # Errors
    /// [`PrepareError`]: a refusal, which is the same on every node, or a failure of this node's, among them that a module took longer than
    /// [`compile_time`](crate::EngineBuilder::compile_time). To call it again goes on where that one is.
    ///
    /// # Cost
    /// What its ticks say, where this process does not know the modules; else some look-ups.
    ///
    /// ```
    /// use subvm_core::costs::instructions::Schedule;
    /// use subvm_core::{Params, Parts, wasi::Refused};
    /// use subvm_wasmtime::WasmtimeEngine;
    ///
    /// let engine = WasmtimeEngine::new()?;
    /// let wasm = wat::parse_str(r#"(module (func (export "_start")))"#)?;
    /// let package = Parts { start: wasm.clone().into(), ..Parts::default() }.check(&Refused::default())?;
    /// let prepared = engine.prepare(&package, &Params::default())?;
    /// // One function, in each of two modes.
    /// assert_eq!(prepared.ticks, 2 * Schedule::V1.compiling(wasm.len() as u64, 1, prepared.values / 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prepare(&self, package: &Package, params: &Params) -> Result<Prepared, PrepareError> {
        let mut prepared = Prepared { ticks: 0, values: 0 };
        for mode in [Mode::Deterministic, Mode::NonDeterministic] {
            let mut at_once = |act: &mut dyn FnMut()| {
                act();
                Ok(())
            };
            let mut beside = Beside { act: &mut at_once, cancel: None };
            let options = Options::of(mode, params);
            let Program { modules: loaded, .. } = self.programs.load(package, options, Frames::Ignored, &mut beside)?;
            let modules = package.libraries.iter().map(|library| &library.wasm).chain([&package.start]);
            for (wasm, (_, unit)) in modules.zip(&loaded.parts) {
                let functions = unit.functions.guest_functions().into();
                let ticks = options.schedule.compiling(wasm.len() as u64, functions, unit.values);
                prepared.ticks = prepared.ticks.saturating_add(ticks);
                prepared.values = prepared.values.saturating_add(unit.values);
            }
        }
        Ok(prepared)
    }
}
