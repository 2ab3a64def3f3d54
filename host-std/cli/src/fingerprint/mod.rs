//! `subvm fingerprint`: what the machine of a failed run looked like. Source: `docs/spec/fingerprint.md`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, terminal};

mod modules;
mod taken;

use modules::Modules;
use taken::Taken;

#[derive(Debug, Subcommand)]
pub(super) enum Fingerprint {
    /// Show which module and function failed, by the names in the modules' name sections
    Explain(Explain),
}

/// Shows which module and function a run failed in, and how it came there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm exec --json program.wasm > result.json; subvm fingerprint explain result.json program.wasm
  subvm run --message call.json --receipt r contract.wasm; subvm fingerprint explain r contract.wasm
  subvm fingerprint explain result.json program.wasm libz=zlib.wasm")]
pub(super) struct Explain {
    /// What --json printed, or a receipt, or a fingerprint as calldata text; - for standard input
    file: PathBuf,
    /// The modules that ran, as the contract supplied them: first the start module, then libraries as NAME=FILE
    #[arg(required = true, value_name = "MODULE")]
    modules: Vec<String>,
}

impl Fingerprint {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Self::Explain(Explain { file, modules }) = self;
        let taken = Taken::read(&file)?;
        let modules = Modules::read(&modules)?;
        terminal::lines(&explain(&taken, &modules)?)?;
        Ok(0)
    }
}

/// A line for what failed, for where, for each frame and for each memory.
fn explain(Taken { message, fingerprint }: &Taken, modules: &Modules) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    lines.extend(message.as_ref().map(|message| format!("failed     {message}")));
    let frames: Vec<String> = fingerprint
        .frames
        .iter()
        .map(|frame| Ok(format!("{}: {}", frame.module_name, modules.function(&frame.module_name, frame.func)?)))
        .collect::<Result<_, Failure>>()?;
    match frames.first() {
        Some(innermost) => lines.push(format!("in         {innermost}")),
        None => lines.push("in         no function: no wasm was running".to_owned()),
    }
    lines.extend(frames.iter().skip(1).map(|frame| format!("called by  {frame}")));
    for (name, instance) in &fingerprint.module_instances {
        let memories = instance.memories.iter().enumerate();
        lines.extend(memories.map(|(index, digest)| format!("memory     {name} {index}: {digest}")));
    }
    Ok(lines)
}
