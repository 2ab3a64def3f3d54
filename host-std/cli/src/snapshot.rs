//! `subvm snapshot`: a module that has started already.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use subvm_core::{Params, Personality};
use subvm_host_std::config;
use subvm_host_std::snapshot::{Options, Seen, Snapshot as Started, SnapshotError, snapshot};

use super::bundle::parts;
use super::engine::{looked, names};
use super::exec::GAS_TIME;
use super::input::{self, Mapping, Pair};
use super::program::{Floats, PersonalityName};
use super::report::hex;
use super::{Failure, line, terminal};

/// Starts a module, calls an initialisation that it exports, and writes a module whose memories, tables and globals are what they had become.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm snapshot interpreter.wasm --output started.wasm
  subvm snapshot --init warm_up --map lib=/lib --personality seed --output started.wasm interpreter.wasm")]
pub(super) struct Snapshot {
    /// The module: .wasm, or its text form .wat
    module: PathBuf,
    /// Arguments, which the runs of the snapshot have as well
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    /// The module to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The exported function that initialises [default: snapshot, or wizer.initialize]
    #[arg(long, value_name = "NAME")]
    init: Option<String>,
    /// The exported function that begins the snapshot's runs, in the place of _start [default: with wizer.initialize, wizer.resume]
    #[arg(long, value_name = "NAME")]
    resume: Option<String>,
    /// Map a file or directory into the read-only tree, as the runs of the snapshot have it
    #[arg(long, value_name = "HOST=GUEST", value_parser = input::mapping)]
    map: Vec<Mapping>,
    /// Add to the environment, which the runs of the snapshot have as well
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Pair>,
    /// Argument 0 [default: the module's file name]
    #[arg(long, value_name = "NAME")]
    arg0: Option<String>,
    /// How files and processes behave: as where the snapshot will run
    #[arg(long, value_enum, default_value = "program")]
    personality: PersonalityName,
    /// Whether the module may use exceptions [default: true for program, false for seed]
    #[arg(long, value_name = "BOOL")]
    exceptions: Option<bool>,
    /// What float instructions do
    #[arg(long, value_enum, default_value = "soft")]
    floats: Floats,
    /// Limit time gas, in ticks
    #[arg(long, value_name = "N", default_value_t = GAS_TIME, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    gas_time: u64,
    /// Limit RAM, in bytes
    #[arg(long, value_name = "BYTES")]
    ram: Option<u64>,
    /// What runs the initialisation: wasmtime, pulley or wasmi; where the build has them [default: wasmtime]
    #[arg(long, value_name = "ENGINE", value_parser = names())]
    engine: Option<config::Engine>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Snapshot {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let same = |path: &PathBuf| Some(path.canonicalize().ok()? == self.output.canonicalize().ok()?);
        if same(&self.module) == Some(true) {
            return Err(Failure::usage("--output is the module itself", "name another file"));
        }
        let parts = parts(&self.module, self.arg0.clone(), &self.args, &self.env, &[], &self.map, None)?;
        let options = Options { init: self.init.clone(), resume: self.resume.clone(), params: self.params() };
        let seen = Arc::new(Seen::new());
        let engine = looked(self.engine, None, seen.clone(), self.json)?;
        let started = snapshot(&parts, &options, engine, &seen).map_err(|error| match error {
            SnapshotError::Engine(_) => Failure::Internal(line(&error.to_string())),
            error => Failure::usage(
                format_args!("there is no snapshot of {}", self.module.display()),
                line(&error.to_string()),
            ),
        })?;
        fs::write(&self.output, &started.wasm)
            .map_err(|error| Failure::usage(format_args!("cannot write {}", self.output.display()), error))?;
        if self.json {
            terminal::json(&as_json(&started))?
        } else {
            terminal::lines(&self.for_people(&started))?
        }
        Ok(0)
    }

    fn params(&self) -> Params {
        let mut params = Params { personality: self.personality.personality(), ..Params::default() };
        params.floats = self.floats.policy();
        params.exceptions = self.exceptions.unwrap_or(params.personality == Personality::Program);
        params.limits.gas_time = self.gas_time;
        params.limits.ram = self.ram.unwrap_or(params.limits.ram);
        params
    }

    fn for_people(&self, started: &Started) -> Vec<String> {
        let Started { wasm, init, ticks, kept, paths, arguments, environment, left_out, .. } = started;
        let mut lines = vec![
            format!("{}: {} bytes, digest {}", self.output.display(), wasm.len(), digest(started)),
            format!("{init}: {ticks} ticks, which a run is spared"),
            format!(
                "memory: {} pages, of which {} bytes are not zero, in {} segments",
                kept.pages, kept.bytes, kept.segments
            ),
        ];
        if !paths.is_empty() {
            lines.push(format!("it asked for these paths, and its runs need the same there: {}", paths.join(" ")));
        }
        for (read, what) in [(arguments, "arguments"), (environment, "environment")] {
            if *read {
                lines.push(format!("it read its {what}: its runs need the same"));
            }
        }
        lines.extend(left_out.iter().map(|(name, why)| format!("left out: section {name}: {why}")));
        lines.iter().map(|text| line(text)).collect()
    }
}

fn digest(started: &Started) -> String {
    hex(subvm_core::Wasm::from(&started.wasm[..]).digest())
}

fn as_json(started: &Started) -> serde_json::Value {
    let Started { wasm, init, ticks, kept, paths, arguments, environment, left_out, .. } = started;
    json!({
        "digest": digest(started),
        "size": wasm.len(),
        "init": init,
        "ticks": ticks,
        "pages": kept.pages,
        "segments": kept.segments,
        "bytes": kept.bytes,
        "table_entries": kept.entries,
        "paths": paths,
        "arguments": arguments,
        "environment": environment,
        "left_out": left_out.iter().map(|(name, why)| json!({ "section": name, "why": why })).collect::<Vec<_>>(),
    })
}
