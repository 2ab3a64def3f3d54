//! `subvm check`: everything that would make a run refuse a module, found without a run.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};
use subvm_core::host::Code;
use subvm_core::{Personality, VmError};

use super::program::{ProgramOptions, Settings};
use super::{Failure, terminal};
use subvm_host_std::check::{Checked, Finding, Function, Module, check};

/// Something would be refused.
const REFUSED: u8 = 1;

/// Finds everything that would make a run refuse a module. It takes the options that `exec` and `run` have in common, and runs nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm check contract.wasm
  subvm check --json --config chain.toml --link libz=zlib.wasm contract.wasm

Exit status: 0 where a run would refuse nothing, 1 where it would, 126 for wrong usage or unreadable input.")]
pub(super) struct Check {
    /// The module: .wasm, or its text form .wat
    module: PathBuf,
    /// Arguments for it
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    #[command(flatten)]
    program: ProgramOptions,
}

impl Check {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Settings { params, engine, .. } = self.program.settings(Personality::Seed, None)?;
        let checked = match self.program.package(&self.module, &self.args, &params, &engine)? {
            (Code::Package(package), _) => check(&package, &params),
            (Code::Malformed(invalid), why) => malformed(&self.module, VmError::InvalidContract(invalid), why),
            (Code::Nothing, _) => Checked::default(),
        };
        if self.program.json {
            terminal::json(&as_json(&checked))?;
        } else {
            terminal::lines(&for_people(&checked))?;
        }
        Ok(if checked.findings.is_empty() { 0 } else { REFUSED })
    }
}

/// Arguments, variables or paths that are refused, before any module is looked at.
fn malformed(module: &Path, error: VmError, why: Option<String>) -> Checked {
    let module = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut checked = Checked::default();
    checked.findings.push(Finding::of(&module, error, why.unwrap_or_default()));
    checked
}

fn as_json(Checked { findings, modules, deployment, .. }: &Checked) -> Json {
    let finding = |finding: &Finding| {
        let Finding { module, function, offset, error, what, .. } = finding;
        let function = function.as_ref().map(|Function { index, name, .. }| json!({ "index": index, "name": name }));
        json!({ "module": module, "function": function, "offset": offset, "error": error.to_string(), "what": what })
    };
    let module = |module: &Module| {
        let Module { name, size, lowered_size, host_calls, float_sites, largest_frames, .. } = module;
        let frames = largest_frames.iter();
        let frames =
            frames.map(|(function, units)| json!({ "func": function.index, "name": function.name, "units": units }));
        let frames: Vec<Json> = frames.collect();
        json!({
            "name": name, "size": size, "lowered_size": lowered_size, "float_sites": float_sites, "host_calls": host_calls,
            "largest_frames": frames,
        })
    };
    json!({
        "refused": !findings.is_empty(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "modules": modules.iter().map(module).collect::<Vec<_>>(),
        "deployment_ticks": deployment,
    })
}

/// A line for each finding, and one for each module about what it is and may ask for.
fn for_people(Checked { findings, modules, deployment, .. }: &Checked) -> Vec<String> {
    let found = findings.iter().map(|finding| format!("refused: {finding}"));
    let told = modules.iter().map(|module| {
        let Module { name, size, lowered_size, host_calls, float_sites, largest_frames, .. } = module;
        let frame = match largest_frames.first() {
            Some((Function { name: Some(name), .. }, units)) => format!("{units} units ({name})"),
            Some((Function { index, .. }, units)) => format!("{units} units (function {index})"),
            None => "0 units".to_owned(),
        };
        let (calls, asks) = (host_calls.len(), host_calls.join(" "));
        let asks = if calls == 0 { String::new() } else { format!(": {asks}") };
        format!(
            "module:  {name}, {size} bytes, {lowered_size} when lowered, largest frame {frame}, {float_sites} float instructions, \
             {calls} host calls{asks}"
        )
    });
    let price = deployment.iter().map(|ticks| format!("deploy:  {ticks} ticks for compiling it, in both modes"));
    found.chain(told).chain(price).collect()
}
