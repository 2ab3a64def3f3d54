//! `subvm man`: manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, Failure, terminal};

/// Writes a manual page for each command.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm man ~/.local/share/man/man1 && man subvm-run")]
pub(super) struct Man {
    /// The directory, made when missing
    directory: PathBuf,
}

impl Man {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let Self { directory } = self;
        let written =
            fs::create_dir_all(&directory).and_then(|()| clap_mangen::generate_to(Cli::command(), &directory));
        written.map_err(|error| Failure::usage(format_args!("cannot write to {}", directory.display()), error))?;
        let pages = fs::read_dir(&directory).map(|pages| pages.filter_map(Result::ok));
        let pages =
            pages.map(|pages| pages.filter(|page| page.file_name().to_string_lossy().starts_with("subvm")).count());
        let pages =
            pages.map_err(|error| Failure::usage(format_args!("cannot read {}", directory.display()), error))?;
        terminal::lines(&[format!("{pages} pages in {}", directory.display())])?;
        Ok(0)
    }
}
