//! The engine behind the command line: its cache on disk, and a sign of life while it compiles.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressDrawTarget;

use super::Failure;
use super::progress::Waiting;
use subvm_host_std::cache::ModuleCache;
use subvm_host_std::config;
use subvm_host_std::{ModuleEvent, WasmtimeEngine};

/// How long a module may take to compile: people wait for interpreters, and can interrupt.
const COMPILE_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// What compiles faster than this needs no sign of life.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct EngineOptions {
    /// Keep compiled modules in this directory; `off` for nowhere [default: the user's directory for caches]
    #[arg(long, value_name = "DIR|off")]
    cache: Option<PathBuf>,
}

impl EngineOptions {
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

/// An engine; `quiet` where only JSON is wanted.
pub(super) fn engine(cache: Option<ModuleCache>, quiet: bool) -> Result<WasmtimeEngine, Failure> {
    let mut builder = WasmtimeEngine::builder().compile_in_parallel().cache(cache).compile_time(COMPILE_TIME);
    if !quiet && std::io::stderr().is_terminal() {
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
    builder.build().map_err(|error| Failure::Internal(format!("{error:#}")))
}
