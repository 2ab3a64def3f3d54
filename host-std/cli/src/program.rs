//! The options that `exec` and `run` share: what a sub-VM sees, and what it may use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use subvm_core::host::{Code, Node};
use subvm_core::{FloatPolicy, Library, Params, Parts, Run};

use super::Failure;
use super::engine::EngineOptions;
use super::host::Output;
use super::input::{self, Pair};
use super::report::Done;
use super::terminal;
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::cache::ModuleCache;
use subvm_host_std::config::{Config, ConfigError, Services};
use subvm_host_std::random::SystemRng;

#[derive(Debug, Args)]
pub(super) struct ProgramOptions {
    /// Configuration (docs/config.md); the options override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Map a file or directory into the sub-VM's read-only tree
    #[arg(long, value_name = "HOST=GUEST", help_heading = "Sub-VM")]
    map: Vec<Pair>,
    /// Link a library first, under this name
    #[arg(long, value_name = "NAME=FILE", help_heading = "Sub-VM")]
    link: Vec<Pair>,
    /// Add to the environment
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Sub-VM")]
    env: Vec<Pair>,
    /// Argument 0 [default: the module's file name]
    #[arg(long, value_name = "NAME", help_heading = "Sub-VM")]
    arg0: Option<String>,
    /// Announce descriptor 3 as a preopened directory [default: true for exec, false for run]
    #[arg(long, value_name = "BOOL", help_heading = "Sub-VM")]
    announce_root: Option<bool>,
    /// What float instructions do in deterministic mode
    #[arg(long, value_enum, help_heading = "Consensus parameters")]
    floats: Option<Floats>,
    /// Limit time gas, in ticks [default: as the configuration says; without one, 10^12 for exec and the library's for run]
    #[arg(long, value_name = "N", help_heading = "Consensus parameters", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    gas_time: Option<u64>,
    /// Limit RAM, in bytes
    #[arg(long, value_name = "BYTES", help_heading = "Consensus parameters")]
    ram: Option<u64>,
    /// Give up after this time, such as 500ms or 10s
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    deadline: Option<Duration>,
    #[command(flatten)]
    engine: EngineOptions,
    /// Print exactly one JSON object on standard output
    #[arg(long)]
    pub(super) json: bool,
    /// Log to standard error: error, warn, info, debug, trace, or a filter such as warn,subvm_host_std::web=debug [default: warn]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Floats {
    /// IEEE 754 in integer arithmetic
    Soft,
    /// Reaching one is a trap
    Trap,
    /// The hardware's, with canonical NaNs
    Canonical,
}

impl Floats {
    fn policy(self) -> FloatPolicy {
        match self {
            Self::Soft => FloatPolicy::Soft,
            Self::Trap => FloatPolicy::Trap,
            Self::Canonical => FloatPolicy::Canonical,
        }
    }
}

/// What a run is made with.
pub(super) struct Settings {
    pub(super) params: Params,
    pub(super) deadline: Option<Duration>,
    pub(super) rng: SystemRng,
    pub(super) services: Services,
    pub(super) cache: Option<ModuleCache>,
}

impl ProgramOptions {
    /// Where the guest's streams go.
    pub(super) fn output(&self) -> Output {
        if self.json { Output::Kept(Arc::default()) } else { Output::Through }
    }

    /// What the configuration and the options over it ask for.
    /// Without any, time gas is `ticks`, where that is something.
    pub(super) fn settings(&self, ticks: Option<u64>) -> Result<Settings, Failure> {
        let unusable = |error: ConfigError| Failure::Usage(error.to_string());
        let mut config = match &self.config {
            Some(path) => Config::load(path).map_err(unusable)?,
            None => Config::default(),
        };
        if let Some(filter) = &self.log {
            config.run.log.clone_from(filter);
        }
        terminal::log(config.run.filter().map_err(unusable)?);
        let services = config.services().map_err(unusable)?;
        let mut params = config.consensus.params();
        params.floats = self.floats.map_or(params.floats, Floats::policy);
        if let Some(ticks) = self.gas_time.or(ticks.filter(|_| self.config.is_none())) {
            params.limits.gas_time = ticks;
            params.limits.gas_time_nondet = ticks;
        }
        params.limits.ram = self.ram.unwrap_or(params.limits.ram);
        // Without a configuration a run may take as long as it likes.
        let deadline = self.deadline.or_else(|| self.config.as_ref().map(|_| config.run.deadline.0));
        let cache = self.engine.cache(&config.cache)?;
        Ok(Settings { params, deadline, rng: config.rng(), services, cache })
    }

    /// The package of `module` with these options, or why it is malformed, for people.
    pub(super) fn package(
        &self,
        module: &Path,
        args: &[String],
        announce_root: bool,
        params: &Params,
    ) -> Result<(Code, Option<String>), Failure> {
        let name = || module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut parts = Parts {
            start: input::module(module)?.into(),
            args: std::iter::once(self.arg0.clone().unwrap_or_else(name)).chain(args.iter().cloned()).collect(),
            env: self.env.iter().map(|pair| (pair.left.clone(), pair.right.clone())).collect(),
            announce_root: self.announce_root.unwrap_or(announce_root),
            ..Parts::default()
        };
        for Pair { left, right } in &self.link {
            parts.libraries.push(Library { name: left.clone(), wasm: input::module(&PathBuf::from(right))?.into() });
        }
        for Pair { left, right } in &self.map {
            parts.files.extend(input::tree(Path::new(left), right)?);
        }
        Ok(match parts.check(&params.refused_env) {
            Ok(package) => (Code::Package(Arc::new(package)), None),
            Err(error) => (Code::Malformed(error.invalid()), Some(error.to_string())),
        })
    }
}

/// Runs one transaction; why the package is `malformed`, for people, goes with the report.
pub(super) fn transact(engine: WasmtimeEngine, node: Node, run: Run, malformed: Option<String>) -> (Node, Done) {
    let start = Instant::now();
    let (node, mut result) = subvm_core::run(Arc::new(engine), node, run);
    let wall = start.elapsed();
    if let Ok(report) = &mut result {
        report.diagnostics.extend(malformed);
    }
    (node, Done { result, vote: None, wall })
}
