//! Compiling behind the back of runs, for an engine that has something else to run meanwhile.

use subvm_core::Package;
use subvm_link::modules;
use subvm_lower::Options;

use super::WasmtimeEngine;

impl WasmtimeEngine {
    /// Whether a sub-VM of this package, lowered by `options` ([`Options::of`]), would wait for no compiler: each module is known, as compiled or as refused, or is in the cache on
    /// disk.
    ///
    /// # Cost
    /// A look-up for each module.
    ///
    /// ```
    /// use subvm_core::{Mode, Params, Parts, wasi::Refused};
    /// use subvm_lower::Options;
    /// use subvm_wasmtime::WasmtimeEngine;
    ///
    /// let (engine, params) = (WasmtimeEngine::new()?, Params::default());
    /// let options = Options::of(Mode::Deterministic, &params);
    /// let start = wat::parse_str(r#"(module (func (export "_start")))"#)?;
    /// let package = Parts { start: start.into(), ..Parts::default() }.check(&Refused::default())?;
    /// assert!(!engine.is_ready(&package, options));
    /// engine.prepare(&package, &params)?;
    /// assert!(engine.is_ready(&package, options));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_ready(&self, package: &Package, options: Options) -> bool {
        modules(package, self.programs.options(options))
            .all(|(wasm, options)| self.programs.units.is_ready(wasm, &options))
    }

    /// Begins to compile what is not [ready](Self::is_ready), and returns at once. No more modules are compiled so at a time than half of the
    /// processors; the rest is for the next call. What has begun ends by itself, also where the engine is dropped meanwhile; when the process ends it is
    /// given up, and leaves nothing half written.
    ///
    /// ```
    /// use std::thread::yield_now;
    /// use subvm_core::{Mode, Params, Parts, wasi::Refused};
    /// use subvm_lower::Options;
    /// use subvm_wasmtime::WasmtimeEngine;
    ///
    /// let (engine, params) = (WasmtimeEngine::new()?, Params::default());
    /// let options = Options::of(Mode::Deterministic, &params);
    /// let start = wat::parse_str(r#"(module (func (export "_start")))"#)?;
    /// let package = Parts { start: start.into(), ..Parts::default() }.check(&Refused::default())?;
    /// while !engine.is_ready(&package, options) {
    ///     engine.prepare_in_background(&package, options);
    ///     yield_now();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prepare_in_background(&self, package: &Package, options: Options) {
        let units = &self.programs.units;
        modules(package, self.programs.options(options))
            .filter(|(wasm, options)| !units.is_ready(wasm, options))
            .for_each(|(wasm, options)| units.offer(wasm, &options));
    }
}
