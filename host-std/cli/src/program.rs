//! The options that `exec` and `run` share: what a sub-VM sees, and what it may use.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use subvm_core::host::{Code, Node, Observer};
use subvm_core::{Engine, FloatPolicy, Params, Parts, Personality, RuleSets, Run};

use super::Failure;
use super::bundle::{added, parts};
use super::engine::{EngineOptions, engine};
use super::exec::GAS_TIME;
use super::host::Output;
use super::input::{self, Mapping, Pair};
use super::packaged::{self, LineName};
use super::report::Done;
use super::terminal::{self, LogFormat};
use super::told::{ProfileOptions, Told};
use super::trace::Calls;
use subvm_host_std::config::{Config, ConfigError, Consensus, Services};
use subvm_host_std::observe::{self, Spans};
use subvm_host_std::random::SystemRng;
use subvm_host_std::replay::{Options, Recorder};
use tracing::level_filters::LevelFilter;

#[derive(Debug, Args)]
pub(super) struct ProgramOptions {
    /// Configuration (docs/config.md); the options override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Map a file or directory into the sub-VM's read-only tree; each directory that is not mapped to / is a root of its own
    #[arg(long, value_name = "HOST=GUEST", help_heading = "Sub-VM", value_parser = input::mapping)]
    map: Vec<Mapping>,
    /// For those who look for it: see `--map`
    #[arg(long, hide = true, value_parser = input::dir_of_wasmtime)]
    dir: Option<Mapping>,
    /// Link a library first, under this name
    #[arg(long, value_name = "NAME=FILE", help_heading = "Sub-VM")]
    link: Vec<Pair>,
    /// Add to the environment
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Sub-VM")]
    env: Vec<Pair>,
    /// What runs a contract in Python: a bundle of its interpreter and library (docs/python.md)
    #[arg(long, value_name = "BUNDLE", help_heading = "Sub-VM")]
    runner: Option<PathBuf>,
    /// The directory of runners that a contract in GenVM's packaging names (docs/genvm.md)
    #[arg(long, value_name = "DIR", help_heading = "Sub-VM", conflicts_with_all = ["runner", "arg0"])]
    runners: Option<PathBuf>,
    /// Argument 0 [default: the module's file name]
    #[arg(long, value_name = "NAME", help_heading = "Sub-VM")]
    arg0: Option<String>,
    /// Once an option: the error says which took its place
    #[arg(long, hide = true, num_args = 0..=1, value_name = "BOOL")]
    announce_root: Option<Option<String>>,
    /// Whose rules the contract finds: a line of GenVM's [default: the configuration's, else subvm's own]
    #[arg(long, value_enum, help_heading = "Consensus parameters")]
    line: Option<LineName>,
    /// How files and processes behave [default: the configuration's, else genvm with --line, program for exec, seed for run]
    #[arg(long, value_enum, help_heading = "Consensus parameters")]
    personality: Option<PersonalityName>,
    /// Whether modules may use exceptions [default: the configuration's, else true for exec, false for run]
    #[arg(long, value_name = "BOOL", help_heading = "Consensus parameters")]
    exceptions: Option<bool>,
    /// What float instructions do in deterministic mode
    #[arg(long, value_enum, help_heading = "Consensus parameters")]
    floats: Option<Floats>,
    /// Limit time gas, in ticks [default: as the configuration says; without one, 10^12 for exec and with --line, and the library's for run]
    #[arg(long, value_name = "N", help_heading = "Consensus parameters", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    gas_time: Option<u64>,
    /// Limit RAM, in bytes
    #[arg(long, value_name = "BYTES", help_heading = "Consensus parameters")]
    ram: Option<u64>,
    /// Give up after this time, such as 500ms or 10s
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    deadline: Option<Duration>,
    /// Record all that the run is told and does in this file, for `replay` and `diff`
    #[arg(long, value_name = "FILE", help_heading = "Recording")]
    record: Option<PathBuf>,
    /// Whether the recording holds modules and files as well, so that it can be replayed alone [default: true]
    #[arg(long, value_name = "BOOL", requires = "record", help_heading = "Recording")]
    record_code: Option<bool>,
    /// Whether each host call is written as it begins and ends, so that nothing is lost where this process dies [default: false]
    #[arg(long, value_name = "BOOL", requires = "record", help_heading = "Recording")]
    record_each_call: Option<bool>,
    #[command(flatten)]
    profile: ProfileOptions,
    #[command(flatten)]
    engine: EngineOptions,
    /// Print exactly one JSON object on standard output
    #[arg(long)]
    pub(super) json: bool,
    /// Log to standard error: error, warn, info, debug, trace, or a filter such as warn,subvm_host_std::web=debug [default: warn]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How standard error reads, log, errors and the guest's own lines [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Print a line on standard error for each call of the host, with what came of it
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Floats {
    /// IEEE 754 in integer arithmetic
    Soft,
    /// Reaching one is a trap
    Trap,
    /// The hardware's, with canonical NaNs
    Canonical,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PersonalityName {
    /// The seed to the letter, as contracts have it
    Seed,
    /// What stock libcs expect: a root that is announced, sleep, realpath, files with a date
    Program,
    /// What GenVM 0.3 says
    #[value(name = "genvm")]
    GenVm,
}

impl PersonalityName {
    pub(super) fn personality(self) -> Personality {
        match self {
            Self::Seed => Personality::Seed,
            Self::Program => Personality::Program,
            Self::GenVm => Personality::GenVm,
        }
    }
}

impl Floats {
    pub(super) fn policy(self) -> FloatPolicy {
        match self {
            Self::Soft => FloatPolicy::Soft,
            Self::Trap => FloatPolicy::Trap,
            Self::Canonical => FloatPolicy::Canonical,
        }
    }
}

/// The height that a run is of, and the rules that its ledger keeps.
pub(super) struct AtHeight {
    pub(super) height: u64,
    pub(super) kept: Option<RuleSets>,
}

impl AtHeight {
    /// The parameters of the height: those of the configuration, where one `is_given`; they are those that the ledger keeps, where it does.
    fn params(&self, is_given: bool, consensus: &Consensus) -> Result<Params, Failure> {
        let Self { height, kept } = self;
        let missing = |error: subvm_core::RulesError| Failure::Usage(error.to_string());
        if let (Some(kept), false) = (kept, is_given) {
            return kept.at(*height).map(|params| (**params).clone()).map_err(missing);
        }
        let rules = consensus.rules().map_err(|error| Failure::Usage(error.to_string()))?;
        let params = rules.at(*height).map_err(missing)?;
        if kept.as_ref().is_some_and(|kept| kept.at(*height).ok() != Some(params)) {
            let why = "the store keeps others (`subvm ledger rules`): give the chain's own configuration, or none";
            return Err(Failure::usage(format_args!("these are not the rules of height {height}"), why));
        }
        Ok((**params).clone())
    }
}

/// What a run is made with.
pub(super) struct Settings {
    pub(super) params: Params,
    pub(super) deadline: Option<Duration>,
    pub(super) rng: SystemRng,
    pub(super) services: Services,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) told: Told,
}

impl ProgramOptions {
    /// Where the guest's streams go, and whether the run ends when nobody takes what it prints.
    pub(super) fn output(&self, ends_run: bool) -> Output {
        if self.json { Output::Kept(Arc::default()) } else { Output::through(ends_run) }
    }

    /// Who watches the run.
    pub(super) fn observer(&self) -> Option<Box<dyn Observer>> {
        // Below info there are no spans, and a failure is told in any case.
        let spans = (LevelFilter::current() >= LevelFilter::INFO).then(|| Box::new(Spans::new()) as Box<dyn Observer>);
        if self.trace { Some(Box::new(Calls::new(spans))) } else { spans }
    }

    /// What the configuration and the options over it ask for; `personality`, and `ticks` of time gas where that is something, where neither
    /// says one. Programs of the personality `program` may use exceptions where neither says otherwise.
    pub(super) fn settings(&self, personality: Personality, ticks: Option<u64>) -> Result<Settings, Failure> {
        self.settings_at(None, personality, ticks)
    }

    /// The same, of the height that is given.
    pub(super) fn settings_at(
        &self,
        at: Option<&AtHeight>,
        personality: Personality,
        ticks: Option<u64>,
    ) -> Result<Settings, Failure> {
        if self.announce_root.is_some() {
            let instead =
                "give --personality program for a root that is announced, --personality seed for one that is not";
            return Err(Failure::usage("--announce-root is no option any more", instead));
        }
        let unusable = |error: ConfigError| Failure::Usage(error.to_string());
        let mut config = match &self.config {
            Some(path) => Config::load(path).map_err(unusable)?,
            None => Config::default(),
        };
        if let Some(filter) = &self.log {
            config.run.log.clone_from(filter);
        }
        if let Some(line) = self.line {
            config.consensus.profile = line.profile();
        }
        terminal::log(config.run.filter().map_err(unusable)?, self.log_format.unwrap_or_default());
        let services = config.services().map_err(unusable)?;
        let mut params = match at {
            Some(at) => at.params(self.config.is_some(), &config.consensus)?,
            None => {
                let Consensus { personality: chosen, exceptions, .. } = config.consensus;
                let params = config.consensus.params();
                let exceptions = exceptions.unwrap_or(personality == Personality::Program);
                Params { personality: chosen.unwrap_or(personality), exceptions, ..params }
            }
        };
        if let Some(line) = self.line {
            params.profile = line.profile();
            params.personality = LineName::personality(&config.consensus);
        }
        params.personality = self.personality.map_or(params.personality, PersonalityName::personality);
        params.exceptions = self.exceptions.unwrap_or(params.exceptions);
        params.floats = self.floats.map_or(params.floats, Floats::policy);
        let is_kept = at.is_some_and(|at| at.kept.is_some());
        let ticks = ticks.or(self.line.filter(|_| !is_kept).map(|_| GAS_TIME));
        if let Some(ticks) = self.gas_time.or(ticks.filter(|_| self.config.is_none())) {
            params.limits.gas_time = ticks;
            params.limits.gas_time_nondet = ticks;
        }
        params.limits.ram = self.ram.unwrap_or(params.limits.ram);
        observe::params(&params);
        // Without a configuration a run may take as long as it likes.
        let deadline = self.deadline.or_else(|| self.config.as_ref().map(|_| config.run.deadline.0));
        let cache = self.engine.cache(&config.cache)?;
        let told = self.profile.told()?;
        let (which, builder) = (self.engine.which(&config.run), self.engine.builder(&config.run)?);
        let engine = engine(which, builder, cache, self.json, &told)?;
        Ok(Settings { params, deadline, rng: config.rng(), services, engine, told })
    }

    /// The package of `module` with these options, or why it is malformed, for people.
    pub(super) fn package(
        &self,
        module: &Path,
        args: &[String],
        params: &Params,
        engine: &Arc<dyn Engine>,
    ) -> Result<(Code, Option<String>), Failure> {
        if let Some(runners) = &self.runners {
            if !args.is_empty() {
                let why = "its runner sets them; a method is called by them only where a contract is run";
                return Err(Failure::usage(format_args!("arguments for {}", module.display()), why));
            }
            let parts = match packaged::parts(module, runners, params.profile)? {
                Ok(parts) => added(parts, &self.env, &self.link, &self.map)?,
                Err((invalid, why)) => return Ok((Code::Malformed(invalid), Some(why))),
            };
            return Ok(checked(parts, params));
        }
        let runner = self.runner.as_deref().map(|runner| (runner, engine));
        let parts = parts(module, self.arg0.clone(), args, &self.env, &self.link, &self.map, runner)?;
        Ok(checked(parts, params))
    }

    /// The directory of runners, where the contract is in GenVM's packaging.
    pub(super) fn runners(&self) -> Option<&Path> {
        self.runners.as_deref()
    }
}

fn checked(parts: Parts, params: &Params) -> (Code, Option<String>) {
    match parts.check(&params.refused_env) {
        Ok(package) => (Code::Package(Arc::new(package)), None),
        Err(error) => (Code::Malformed(error.invalid()), Some(error.to_string())),
    }
}

impl ProgramOptions {
    /// The file to record to, made anew; it is none of those that the run reads or writes.
    pub(super) fn recording(&self, others: &[&Path]) -> Result<Option<Recording>, Failure> {
        let Some(path) = &self.record else { return Ok(None) };
        let unwritable = |cause: &dyn std::fmt::Display| {
            Failure::usage(format_args!("cannot write the recording to {}", path.display()), cause)
        };
        let linked: Vec<PathBuf> = self.link.iter().map(|pair| PathBuf::from(&pair.right)).collect();
        let mut others =
            others.iter().copied().chain(self.config.as_deref()).chain(linked.iter().map(PathBuf::as_path));
        if path.canonicalize().is_ok_and(|own| others.any(|other| other.canonicalize().is_ok_and(|other| other == own)))
        {
            return Err(unwritable(&"this run reads or writes it otherwise; name another file"));
        }
        let file = File::create(path).map_err(|error| unwritable(&error))?;
        let (code, each_call) = (self.record_code.unwrap_or(true), self.record_each_call.unwrap_or(false));
        let options = Options { code, each_call, ..Options::default() };
        Ok(Some(Recording { path: path.clone(), file, options }))
    }
}

/// Where a run is recorded.
pub(super) struct Recording {
    path: PathBuf,
    file: File,
    options: Options,
}

/// Runs one transaction; why the package is `malformed`, for people, goes with the report.
pub(super) fn transact(
    engine: Arc<dyn Engine>,
    node: Node,
    run: Run,
    malformed: Option<String>,
    recording: Option<Recording>,
) -> (Node, Done) {
    let (node, recorder) = match recording {
        None => (node, None),
        Some(Recording { path, file, options }) => {
            let (node, recorder) = Recorder::wrap(node, file, options);
            (node, Some((path, recorder)))
        }
    };
    let start = Instant::now();
    let (mut node, mut result) = subvm_core::run(engine, node, run);
    let wall = start.elapsed();
    if let Ok(report) = &mut result {
        report.diagnostics.extend(malformed);
    }
    let mut trace = None;
    if let Some((path, recorder)) = recorder {
        let (own, recorded) = recorder.finish(node);
        node = own;
        match recorded.incomplete {
            None => trace = Some(recorded.trace),
            Some(why) => terminal::err(&format!("warning: the recording {} is not whole: {why}", path.display())),
        }
    }
    (node, Done::of(result, trace, wall))
}
