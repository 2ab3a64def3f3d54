//! `subvm replay`: a recorded run again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::{Value as Json, json};

use super::engine::{CODEGEN, CodegenName, EngineOptions, engine};
use super::host::Output;
use super::inside::Inside;
use super::report::{Done, hex};
use super::terminal::LogFormat;
use super::told::ProfileOptions;
use super::{Failure, shown, terminal};
use subvm_host_std::config::{Config, Engine};
use subvm_host_std::replay::{self, Replayed, Verdict};

/// Another run than the recorded one.
const DIFFERS: u8 = 1;

/// Runs a recording again, and says whether it is the recorded run: with no node, store or network behind it, without a deadline.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm run --message call.json --record call.rec contract.wasm && subvm replay call.rec
  subvm replay --codegen plain call.rec
  subvm replay call.rec --at call:7 --memory 0x400,64
  subvm replay call.rec --step")]
pub(super) struct Replay {
    /// What `--record` wrote
    recording: PathBuf,
    /// How wasmtime makes machine code [default: speed]
    #[arg(long, value_enum, value_name = "HOW")]
    codegen: Option<CodegenName>,
    /// Another recording, for packages that this one names and does not hold
    #[arg(long, value_name = "RECORDING")]
    code: Vec<PathBuf>,
    #[command(flatten)]
    profile: ProfileOptions,
    #[command(flatten)]
    options: EngineOptions,
    #[command(flatten)]
    inside: Inside,
    /// Print exactly one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Log to standard error: error, warn, info, debug, trace, or a filter [default: warn]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How standard error reads, log, errors and the guest's own lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
}

impl Replay {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let output = if self.json { Output::Kept(Arc::default()) } else { Output::through(false) };
        let mut config = Config::default();
        if let Some(filter) = &self.log {
            config.run.log.clone_from(filter);
        }
        let filter = config.run.filter().map_err(|error| Failure::Usage(error.to_string()))?;
        terminal::log(filter, self.log_format);
        if self.inside.is_wanted() {
            let which = (Some(self.options.which(&config.run)), self.codegen);
            return self.inside.execute(&self.recording, &self.code, which, self.json);
        }
        let recorded = self.open(&output)?;
        let mut builder = self.options.builder(&config.run)?;
        if let Some(codegen) = self.codegen {
            if self.options.which(&config.run) != Engine::Wasmtime {
                return Err(Failure::Usage(CODEGEN.into()));
            }
            builder = builder.map(|builder| builder.codegen(codegen.codegen()));
        }
        let told = self.profile.told()?;
        let which = self.options.which(&config.run);
        let engine = engine(which, builder, self.options.cache(&config.cache)?, self.json, &told)?;
        let start = Instant::now();
        let replayed = recorded.on(engine).map_err(|error| unusable(&self.recording, error))?;
        let wall = start.elapsed();
        let Replayed { verdict, result, trace, calls, .. } = replayed;
        if let Verdict::NoPackage(_) = verdict {
            let what = "name with --code a recording that does, or record with its code";
            return Err(unusable(&self.recording, format_args!("{verdict}; {what}")));
        }
        let mut done = Done::of(result, None, wall);
        told.settle(&self.recording, &mut done)?;
        if self.json {
            let object = json!({
                "verdict": name(&verdict),
                "finding": finding(&verdict),
                "calls": calls,
                "trace_digest": hex(&trace),
                "result": done.json(&output),
            });
            terminal::json(&object)?;
        } else {
            terminal::lines(&for_people(&verdict, &done, calls, &trace))?;
        }
        Ok(if let Verdict::Differs(_) = verdict { DIFFERS } else { 0 })
    }

    fn open(&self, output: &Output) -> Result<replay::Replay, Failure> {
        let output = output.clone();
        let mut recorded =
            replay::Replay::open(file(&self.recording)?).map_err(|error| unusable(&self.recording, error))?;
        for code in &self.code {
            recorded = recorded.with_packages_of(file(code)?).map_err(|error| unusable(code, error))?;
        }
        Ok(recorded.with_output(move |stream, bytes| output.take(stream, bytes)))
    }
}

/// An open file that is to be a recording.
pub(super) fn file(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::usage(format_args!("cannot read {}", path.display()), error))
}

pub(super) fn unusable(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::usage(path.display(), error)
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Stopped(_) => "stopped",
        Verdict::Differs(_) => "differs",
        _ => "ends",
    }
}

fn finding(verdict: &Verdict) -> Json {
    let Verdict::Differs(finding) = verdict else { return Json::Null };
    json!({
        "call": finding.call,
        "path": finding.path,
        "within": finding.within.map(|function| function.name()),
        "recorded": finding.recorded.to_string(),
        "here": finding.found.to_string(),
    })
}

/// What people read.
fn for_people(verdict: &Verdict, done: &Done, calls: u64, trace: &[u8; 32]) -> Vec<String> {
    let mut lines = Vec::new();
    match verdict {
        Verdict::Differs(finding) => {
            lines.push(format!("replay:   another run, {}", finding.place()));
            lines.push(format!("recorded: {}", finding.recorded));
            lines.push(format!("here:     {}", finding.found));
        }
        verdict => {
            lines.push(format!("replay:   {verdict}"));
            lines.extend(shown::run(done));
            lines.extend(done.stack.iter().map(|line| format!("stack:    {line}")));
            if let Err(error) = &done.result {
                lines.push(format!("internal: {}", super::report::chain(error)));
            }
        }
    }
    lines.push(format!("calls:    {calls}"));
    lines.push(format!("trace:    {}", hex(trace)));
    lines
}
