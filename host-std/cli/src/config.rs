//! `subvm config`: the configuration file.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, terminal};
use subvm_host_std::config;

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    #[command(after_help = "Examples:
  subvm config check node.toml")]
    /// Check a file without using it: its keys, its values, and the keys of models that it names
    Check {
        /// The configuration (docs/config.md)
        file: PathBuf,
    },
}

impl Config {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Self::Check { file } = self;
        let checked = config::Config::load(&file).and_then(|config| config.services());
        checked.map_err(|error| Failure::Usage(error.to_string()))?;
        terminal::out(format!("{}: every key is known and every value makes sense\n", file.display()))?;
        Ok(0)
    }
}
