//! `subvm completions`: for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, terminal};

/// Prints what a shell needs to complete commands and options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm completions bash > ~/.local/share/bash-completion/completions/subvm
  subvm completions zsh > ~/.zfunc/_subvm
  subvm completions fish > ~/.config/fish/completions/subvm.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "subvm", &mut script);
        terminal::out(script)?;
        Ok(0)
    }
}
