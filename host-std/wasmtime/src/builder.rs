//! How an engine is made.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use subvm_lower::{Active, Look, OnFailure};
use subvm_profile::Watcher;

use super::cache::ModuleCache;
use super::{Codegen, WasmtimeEngine};

/// What an engine tells of a module that it did not know.
///
/// ```
/// use subvm_wasmtime::ModuleEvent;
/// fn progress(event: &ModuleEvent<'_>) -> Option<String> {
///     match event {
///         ModuleEvent::Compiling { bytes } => Some(format!("compiling {bytes} bytes")),
///         ModuleEvent::NotKept { error } => Some(format!("not cached: {error}")),
///         _ => None,
///     }
/// }
/// assert_eq!(progress(&ModuleEvent::Compiling { bytes: 8 }).unwrap(), "compiling 8 bytes");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ModuleEvent<'a> {
    /// It was found in the cache on disk.
    Loaded {
        /// Bytes of the module.
        bytes: usize,
    },
    /// It is about to be lowered and compiled.
    Compiling {
        /// Bytes of the module.
        bytes: usize,
    },
    /// Lowering and compiling it is over.
    Compiled {
        /// Bytes of the module.
        bytes: usize,
        /// How long it took.
        took: Duration,
        /// Whether it can run.
        accepted: bool,
    },
    /// It was compiled, and could not be written to the cache on disk.
    NotKept {
        /// Why.
        error: &'a io::Error,
    },
}

/// Who is told of modules.
pub(super) type OnModule = Arc<dyn Fn(&ModuleEvent<'_>) + Send + Sync>;

/// The choices of an engine. None of them changes a result.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
/// use subvm_wasmtime::{ModuleEvent, WasmtimeEngine};
///
/// let compiled = Arc::new(AtomicUsize::new(0));
/// let counter = Arc::clone(&compiled);
/// let engine = WasmtimeEngine::builder()
///     .on_module(move |event| {
///         if let ModuleEvent::Compiled { .. } = event {
///             counter.fetch_add(1, Ordering::Relaxed);
///         }
///     })
///     .build()?;
/// # drop(engine);
/// # Ok::<(), wasmtime::Error>(())
/// ```
pub struct EngineBuilder {
    pub(super) codegen: Codegen,
    pub(super) parallel: bool,
    pub(super) cache: Option<ModuleCache>,
    pub(super) on_module: Option<OnModule>,
    pub(super) compile_time: Duration,
    pub(super) compile_memory: u64,
    pub(super) watcher: Option<Watcher>,
    pub(super) look: Option<Arc<dyn Look>>,
    pub(super) on_failure: Option<OnFailure>,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            codegen: Codegen::default(),
            parallel: false,
            cache: None,
            on_module: None,
            compile_time: Self::COMPILE_TIME,
            compile_memory: u64::MAX,
            watcher: None,
            look: None,
            on_failure: None,
        }
    }
}

impl EngineBuilder {
    /// How long a run waits for a module, where nobody says otherwise: five minutes.
    pub const COMPILE_TIME: Duration = Duration::from_secs(300);

    /// Makes code as `codegen` says; without this, for speed.
    ///
    /// ```
    /// use subvm_wasmtime::{Codegen, WasmtimeEngine};
    /// let engine = WasmtimeEngine::builder().codegen(Codegen::Unoptimised).compile_in_parallel().build()?;
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn codegen(self, codegen: Codegen) -> Self {
        Self { codegen, ..self }
    }

    /// Compiles a module on several threads: those of `rayon`'s global pool. Without this, on one thread of the engine's own.
    ///
    /// Not for a node that runs transactions on that pool: when all its threads wait for modules, nobody is left to compile them.
    #[must_use]
    pub fn compile_in_parallel(self) -> Self {
        Self { parallel: true, ..self }
    }

    /// Keeps compiled modules on disk as well; without this, in memory only.
    #[must_use]
    pub fn cache(self, cache: impl Into<Option<ModuleCache>>) -> Self {
        Self { cache: cache.into(), ..self }
    }

    /// Has a run wait no longer than `time` for a module that must be compiled; without this, [`COMPILE_TIME`](Self::COMPILE_TIME).
    ///
    /// It is a limit of its own: a run's deadline moves by what compiling takes, and by no more than this for the whole run. What takes
    /// longer is an internal error of the run; what has begun is compiled to its end all the same, once, and is there for the next run.
    ///
    /// ```
    /// use std::time::Duration;
    /// use subvm_wasmtime::WasmtimeEngine;
    /// // A node that prepares each contract when it is deployed.
    /// let engine = WasmtimeEngine::builder().compile_time(Duration::from_secs(5)).build()?;
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn compile_time(self, time: Duration) -> Self {
        Self { compile_time: time, ..self }
    }

    /// Compiles no module that may take more than so many bytes of memory meanwhile, by an estimate from above: 64 for each value that lowering
    /// counts. Without this, what chains accept is the bound: 144 million values of a module, or 9.2 GB. As many modules are compiled at once
    /// as there are processors.
    ///
    /// A run of a larger one is an internal error on this node. One that another process has left in the cache on disk runs all the same.
    ///
    /// ```
    /// use subvm_wasmtime::WasmtimeEngine;
    /// // A node with 2 GiB: modules of 16 million values, four times those of SQLite.
    /// let engine = WasmtimeEngine::builder().compile_memory(1 << 30).build()?;
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn compile_memory(self, bytes: u64) -> Self {
        Self { compile_memory: bytes, ..self }
    }

    /// Tells `on_module` of modules that are compiled or found on disk. It is called by the thread that compiles, while runs wait for
    /// the module, so it should be quick, and must not run anything on this engine; a panic of it is ignored.
    #[must_use]
    pub fn on_module(self, on_module: impl Fn(&ModuleEvent<'_>) + Send + Sync + 'static) -> Self {
        Self { on_module: Some(Arc::new(on_module)), ..self }
    }

    /// Tells `on_failure` which functions were active where a main sub-VM failed, innermost first, as many as its fingerprint lists: for people.
    /// It is called by the thread that runs, before the sub-VM is torn down; a panic of it is ignored.
    ///
    /// ```
    /// use subvm_wasmtime::WasmtimeEngine;
    /// let engine = WasmtimeEngine::builder().on_failure(|active| eprintln!("{} functions were active", active.len())).build()?;
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn on_failure(self, on_failure: impl Fn(&[Active]) + Send + Sync + 'static) -> Self {
        Self { on_failure: Some(Arc::new(on_failure)), ..self }
    }

    /// Has modules tell `watcher` of what they do: for profiles and coverage of one transaction at a time. They are lowered otherwise, so that
    /// they are compiled anew, and kept in memory only. No receipt changes.
    ///
    /// ```
    /// use subvm_profile::Watcher;
    /// use subvm_wasmtime::WasmtimeEngine;
    /// let watcher = Watcher::calls();
    /// let engine = WasmtimeEngine::builder().watcher(watcher.clone()).build()?;
    /// // .. a run on it ..
    /// assert!(watcher.take().nodes().is_empty());
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn watcher(self, watcher: Watcher) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Has `look` look into each run, for diagnosis ([`Look`]): no node votes on what such an engine says. It keeps nothing on disk, whatever
    /// [`cache`](Self::cache) says.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use subvm_lower::{Look, Machine};
    /// use subvm_wasmtime::WasmtimeEngine;
    /// struct Stack;
    /// impl Look for Stack {
    ///     fn ended(&self, machine: &Machine<'_>) {
    ///         println!("{:?}", machine.frames);
    ///     }
    /// }
    /// let engine = WasmtimeEngine::builder().look(Arc::new(Stack)).build()?;
    /// # drop(engine);
    /// # Ok::<(), wasmtime::Error>(())
    /// ```
    #[must_use]
    pub fn look(self, look: Arc<dyn Look>) -> Self {
        Self { look: Some(look), ..self }
    }

    /// Makes the engine.
    ///
    /// # Errors
    /// When wasmtime cannot run here.
    pub fn build(self) -> wasmtime::Result<WasmtimeEngine> {
        WasmtimeEngine::from_builder(self)
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { codegen, parallel, cache, on_module, compile_time, compile_memory, watcher, look, on_failure } =
            self;
        let (told, looked) = (on_module.is_some(), look.is_some());
        f.debug_struct("EngineBuilder")
            .field("codegen", codegen)
            .field("parallel", parallel)
            .field("cache", cache)
            .field("told", &told)
            .field("compile_time", compile_time)
            .field("compile_memory", compile_memory)
            .field("watcher", watcher)
            .field("looked", &looked)
            .field("told_of_failures", &on_failure.is_some())
            .finish()
    }
}
