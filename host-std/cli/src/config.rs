//! `subvm config`: the configuration file.

use std::path::PathBuf;

use clap::Subcommand;

use super::report::hex;
use super::{Failure, terminal};
use subvm_core::RuleSets;
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
        let rules = config.consensus.rules().map_err(unusable)?;
        let mut lines = vec![format!("{}: every key is known and every value makes sense", file.display())];
        lines.extend(rule_lines(&rules));
        terminal::lines(&lines)?;
        Ok(0)
    }
}

/// What operators compare: the digests of the parameters, where there are several with the height that each begins at, and of all together.
pub(super) fn rule_lines(rules: &RuleSets) -> Vec<String> {
    let sets: Vec<(u64, String)> = rules.iter().map(|(height, params)| (height, hex(&params.digest()))).collect();
    match &sets[..] {
        [(_, digest)] => vec![format!("params {digest}: every node of the chain has the same")],
        sets => {
            let mut lines: Vec<String> =
                sets.iter().map(|(height, digest)| format!("params {digest} from height {height} on")).collect();
            lines.push(format!("rules  {}: every node of the chain has the same", hex(&rules.digest())));
            lines
        }
    }
}
