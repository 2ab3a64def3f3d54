//! `subvm genvm run`: the executor that a GenLayer node starts.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use subvm_core::{Params, Permissions};
use subvm_genvm::{Line, Options, Peer, execute};
use subvm_host_std::config::Config;

use super::engine::{EngineOptions, engine};
use super::exec::GAS_TIME;
use super::packaged::LineName;
use super::told::Told;
use super::{Failure, input};

/// Bytes of execution data.
const DATA: u64 = 256 << 20;
/// Letters of all permissions that a run may have.
const PERMISSIONS: [(char, Permissions); 5] = [
    ('r', Permissions::READ_STORAGE),
    ('w', Permissions::WRITE_STORAGE),
    ('s', Permissions::SEND_MESSAGES),
    ('c', Permissions::CALL_OTHERS),
    ('n', Permissions::SPAWN_NONDET),
];

/// Stands in for GenVM's executor. A node is given `subvm genvm` in the place of `genvm`; what is met of its protocol: docs/genvm.md.
#[derive(Debug, Args)]
pub(super) struct Genvm {
    /// Write the log, lines of JSON, to this descriptor
    #[arg(long, value_name = "FD")]
    log_fd: Option<RawFd>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one transaction for a node
    Run(Box<Run>),
}

#[derive(Debug, Args)]
struct Run {
    /// Where a host listens: unix://PATH, fd://N or HOST:PORT; the second is host 1, and so on
    #[arg(long, value_name = "URI", required = true)]
    host: Vec<Peer>,
    /// What the node gives, as calldata: - for standard input, fd://N, or a file
    #[arg(long, value_name = "FILE", default_value = "-")]
    execution_data: String,
    /// Take the leader's results without running non-deterministic code
    #[arg(long)]
    sync: bool,
    /// Letters of what the run may do: r read storage (which everybody may on line 0.3), w write, s send, c call contracts, n spawn
    /// non-deterministic sub-VMs
    #[arg(long, value_name = "LETTERS", default_value = "rwscn", value_parser = permissions)]
    permissions: Permissions,
    /// The node's number of this run
    #[arg(long, value_name = "N", default_value_t = 0)]
    genvm_id: u64,
    /// What is shown of guests
    #[arg(long, value_enum, default_value_t)]
    debug_mode: DebugMode,
    /// Where the module for models listens
    #[arg(long, value_name = "URI")]
    module_llm: Option<Peer>,
    /// Where the module for the web listens
    #[arg(long, value_name = "URI")]
    module_web: Option<Peer>,
    /// What a debugger wants to see; nothing is recorded
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    record_actions: Vec<String>,
    /// Which executors this one stands for: 0.2 or 0.3
    #[arg(long, value_enum, default_value = "0.3")]
    line: LineName,
    /// The directory of runners [default: what the variable SUBVM_GENVM_RUNNERS names]
    #[arg(long, value_name = "DIR")]
    runners: Option<PathBuf>,
    /// How long one exchange with a host or module may take
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = input::duration)]
    patience: Duration,
    /// Configuration (docs/config.md)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DebugMode {
    /// Nothing
    #[default]
    Disabled,
    /// What they print
    Safe,
    /// What they print
    SafeUnbounded,
    /// What they print; runners may be named without a digest
    Unsafe,
    /// What they print; runners may be named without a digest
    UnsafeTracing,
}

/// What letters stand for, where they are ones that are known.
fn permissions(letters: &str) -> Result<Permissions, String> {
    let mut all = Permissions::DETERMINISTIC;
    for letter in letters.chars() {
        let Some((_, permission)) = PERMISSIONS.iter().find(|(known, _)| *known == letter) else {
            let known: String = PERMISSIONS.iter().map(|(letter, _)| letter).collect();
            return Err(format!("there is no permission {letter:?}; there are {known}"));
        };
        all |= *permission;
    }
    Ok(all)
}

impl Genvm {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let mut log = match self.log_fd {
            None => None,
            Some(number) => {
                Some(inherited(number).map_err(|error| Failure::usage(format_args!("--log-fd {number}"), error))?)
            }
        };
        let Command::Run(run) = self.command;
        let ended = run.execute();
        let (level, lines) = match &ended {
            Ok(notes) => ("info", notes.clone()),
            Err(Failure::Usage(why) | Failure::Internal(why)) => ("error", vec![why.clone()]),
        };
        if let Some(log) = &mut log {
            for message in lines {
                // Who does not read the log changes no result.
                let _ = writeln!(log, "{}", serde_json::json!({"level": level, "message": message}));
            }
        }
        ended.map(|_| 0)
    }
}

impl Run {
    /// What people should know of a run whose result was handed over.
    fn execute(&self) -> Result<Vec<String>, Failure> {
        let config = match &self.config {
            Some(path) => Config::load(path).map_err(|error| Failure::Usage(error.to_string()))?,
            None => Config::default(),
        };
        let data = self.data()?;
        let (which, builder) = (self.engine.which(&config.run), self.engine.builder(&config.run)?);
        let cache = self.engine.cache(&config.cache)?;
        let engine = engine(which, builder, cache, true, &Told::default())?;
        let line = match self.line {
            LineName::V0_1 => {
                let why =
                    "its protocol is not known well enough: give 0.2, or run its contracts by `subvm run --line 0.1`";
                return Err(Failure::usage("--line 0.1", why));
            }
            LineName::V0_2 => Line::V0_2,
            LineName::V0_3 => Line::V0_3,
        };
        let options = Options {
            hosts: self.host.clone(),
            web: self.module_web.clone(),
            llm: self.module_llm.clone(),
            sync: self.sync,
            line,
            permissions: self.permissions,
            registry: self.runners.clone().or_else(|| std::env::var_os("SUBVM_GENVM_RUNNERS").map(PathBuf::from)),
            floating: matches!(self.debug_mode, DebugMode::Unsafe | DebugMode::UnsafeTracing),
            genvm_id: self.genvm_id,
            prints: self.debug_mode != DebugMode::Disabled,
            patience: self.patience,
            params: Arc::new(self.params(&config)),
        };
        execute(engine, &data, &options).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// The consensus parameters: the personality is that of every line, where the configuration names none. Without a configuration there is
    /// time for CPython, which GenVM does not meter.
    fn params(&self, config: &Config) -> Params {
        let mut params = Params { personality: LineName::personality(&config.consensus), ..config.consensus.params() };
        if self.config.is_none() {
            params.limits.gas_time = GAS_TIME;
            params.limits.gas_time_nondet = GAS_TIME;
        }
        params
    }

    fn data(&self) -> Result<Vec<u8>, Failure> {
        let what = || format!("--execution-data {}", self.execution_data);
        let mut bytes = Vec::new();
        let read = match (self.execution_data.as_str(), self.execution_data.strip_prefix("fd://")) {
            ("-", _) => std::io::stdin().take(DATA + 1).read_to_end(&mut bytes),
            (_, Some(number)) => {
                let number = number.parse().map_err(|error| Failure::usage(what(), error))?;
                inherited(number).and_then(|file| file.take(DATA + 1).read_to_end(&mut bytes))
            }
            (path, None) => File::open(path).and_then(|file| file.take(DATA + 1).read_to_end(&mut bytes)),
        };
        match read {
            Err(error) => Err(Failure::usage(what(), error)),
            Ok(_) if bytes.len() as u64 > DATA => Err(Failure::usage(what(), format_args!("more than {DATA} bytes"))),
            Ok(_) => Ok(bytes),
        }
    }
}

fn inherited(number: RawFd) -> std::io::Result<File> {
    subvm_genvm::inherited(number).map(File::from)
}
