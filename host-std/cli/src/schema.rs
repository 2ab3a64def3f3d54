//! `subvm schema`: what a contract says of itself.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, input, terminal};
use subvm_host_std::lower::schema;

/// Shows a contract's methods, their arguments, and its events, as the contract says them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm schema contract.wasm
  subvm schema --json contract.wasm")]
pub(super) struct Schema {
    /// The module: .wasm, or its text form .wat
    module: PathBuf,
    /// Print it in one line
    #[arg(long)]
    json: bool,
}

impl Schema {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let schema = schema(&input::module(&self.module)?)
            .map_err(|error| Failure::usage(format_args!("{} tells no schema", self.module.display()), error))?;
        // Names and types are all that is in it: its text form is JSON.
        terminal::out(if self.json { format!("{schema}\n") } else { format!("{schema:#}\n") })?;
        Ok(0)
    }
}
