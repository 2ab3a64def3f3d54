//! The engine behind the command line: which one, its cache on disk, and a sign of life while it compiles.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use indicatif::ProgressDrawTarget;
use subvm_core::Engine;

use super::Failure;
use super::progress::Waiting;
use super::told::Told;
use subvm_host_std::cache::ModuleCache;
use subvm_host_std::config;
use subvm_host_std::lower::Look;
use subvm_host_std::{Codegen, EngineBuilder, ModuleEvent};

/// How long a module may take to compile: people wait for interpreters, and can interrupt.
const COMPILE_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// What compiles faster than this needs no sign of life.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct EngineOptions {
    /// What runs sub-VMs: wasmtime, its interpreter pulley, the interpreter wasmi, or tiered, which begins on wasmi while wasmtime compiles; where the build has them [default: wasmtime]
    #[arg(long, value_name = "ENGINE", value_parser = names())]
    engine: Option<config::Engine>,
    /// Keep compiled modules in this directory; `off` for nowhere [default: the user's directory for caches]
    #[arg(long, value_name = "DIR|off")]
    cache: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CodegenName {
    /// Compiled for speed
    Speed,
    /// Compiled for speed and size
    Size,
    /// Compiled without optimisation
    Plain,
}

impl CodegenName {
    pub(super) fn codegen(self) -> Codegen {
        match self {
            Self::Speed => Codegen::Speed,
            Self::Size => Codegen::SpeedAndSize,
            Self::Plain => Codegen::Unoptimised,
        }
    }
}

/// What `--codegen` is said with, where the engine is not wasmtime.
pub(super) const CODEGEN: &str = "--codegen is wasmtime's: leave --engine away";

/// An engine that `look` looks into; `quiet` where only JSON is wanted.
pub(super) fn looked(
    which: Option<config::Engine>,
    codegen: Option<CodegenName>,
    look: Arc<dyn Look>,
    quiet: bool,
) -> Result<Arc<dyn Engine>, Failure> {
    let which = which.unwrap_or_default();
    if codegen.is_some() && which != config::Engine::Wasmtime {
        return Err(Failure::Usage(CODEGEN.into()));
    }
    match which.builder().map_err(|error| Failure::Usage(error.to_string()))? {
        Some(builder) => {
            let builder = match codegen {
                Some(codegen) => builder.codegen(codegen.codegen()),
                None => builder,
            };
            // What is begun on another engine could not be looked into.
            engine(config::Engine::Wasmtime, Some(builder.look(look)), None, quiet, &Told::default())
        }
        #[cfg(feature = "wasmi")]
        None => Ok(Arc::new(subvm_host_std::WasmiEngine::looked_into(look))),
        #[cfg(not(feature = "wasmi"))]
        None => wasmi(&Told::default()),
    }
}

/// The engines that are known, be they built or not.
pub(super) fn names() -> impl TypedValueParser<Value = config::Engine> {
    let names = config::Engine::ALL.iter().map(|engine| engine.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<config::Engine>())
}

impl EngineOptions {
    /// The engine, where no configuration is read and nothing is told.
    pub(super) fn plain(&self) -> Result<Arc<dyn Engine>, Failure> {
        let config = config::Config::default();
        let (builder, cache) = (self.builder(&config.run)?, self.cache(&config.cache)?);
        engine(self.which(&config.run), builder, cache, true, &Told::default())
    }

    /// What runs sub-VMs: as the option says, or else the configuration.
    pub(super) fn which(&self, config: &config::Run) -> config::Engine {
        self.engine.unwrap_or(config.engine)
    }

    /// What makes it, but for wasmi.
    pub(super) fn builder(&self, config: &config::Run) -> Result<Option<EngineBuilder>, Failure> {
        self.which(config).builder().map_err(|error| Failure::Usage(error.to_string()))
    }

    /// Where compiled modules are kept: as the option says, or else the configuration.
    pub(super) fn cache(&self, config: &config::Cache) -> Result<Option<ModuleCache>, Failure> {
        let cache = match &self.cache {
            Some(off) if off == Path::new("off") => return Ok(None),
            Some(dir) => ModuleCache::open(dir, config.bytes).map(Some),
            None => config.open(),
        };
        cache.map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// The engine that is `which`, which `builder` makes but for wasmi; `quiet` where only JSON is wanted.
pub(super) fn engine(
    which: config::Engine,
    builder: Option<EngineBuilder>,
    cache: Option<ModuleCache>,
    quiet: bool,
    told: &Told,
) -> Result<Arc<dyn Engine>, Failure> {
    let Some(builder) = builder else { return wasmi(told) };
    let mut builder =
        builder.compile_in_parallel().cache(cache).compile_time(COMPILE_TIME).on_failure(told.on_failure());
    if let Some(watcher) = told.watcher() {
        builder = builder.watcher(watcher);
    }
    // Nobody waits for a module that is compiled in the background.
    let quiet = quiet || which == config::Engine::Tiered;
    if !quiet && std::io::stderr().is_terminal() && !super::terminal::is_for_programs() {
        let waiting = Mutex::new(None);
        builder = builder.on_module(move |event| {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                ModuleEvent::Compiling { bytes } => {
                    *waiting = Some(Waiting::begin(*bytes, PATIENCE, ProgressDrawTarget::stderr()));
                }
                ModuleEvent::Compiled { .. } => *waiting = None,
                _ => {}
            }
        });
    }
    let engine = builder.build().map_err(|error| Failure::Internal(format!("{error:#}")))?;
    Ok(match which {
        #[cfg(feature = "tiered")]
        config::Engine::Tiered => Arc::new(subvm_host_std::TieredEngine::new(engine)),
        _ => Arc::new(engine),
    })
}

#[cfg(feature = "wasmi")]
fn wasmi(told: &Told) -> Result<Arc<dyn Engine>, Failure> {
    use subvm_host_std::WasmiEngine;

    let engine = told.watcher().map_or_else(WasmiEngine::new, WasmiEngine::watched);
    Ok(Arc::new(engine.on_failure(told.on_failure())))
}

#[cfg(not(feature = "wasmi"))]
fn wasmi(_: &Told) -> Result<Arc<dyn Engine>, Failure> {
    Err(Failure::Usage("run.engine: this build lacks wasmi: build it with `--features wasmi`".into()))
}
