//! `subvm config`: the configuration file.

use std::path::PathBuf;

use clap::Subcommand;

use super::report::hex;
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
        let unusable = |error: config::ConfigError| Failure::Usage(error.to_string());
        let config = config::Config::load(&file).map_err(unusable)?;
        config.services().map_err(unusable)?;
        let digest = hex(&config.consensus.params().digest());
        let file = file.display();
        terminal::out(format!(
            "{file}: every key is known and every value makes sense\nparams {digest}: every node of the chain has the same\n"
        ))?;
        Ok(0)
    }
}
