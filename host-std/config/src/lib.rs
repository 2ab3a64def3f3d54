//! A node's configuration: one TOML file, each key of which stands in `docs/config.md`.
//!
//! What the command line says, overrides the file; what neither says has the default that the page shows.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

mod consensus;
mod engine;
mod error;
mod keys;
mod sections;
mod services;
mod types;

pub use engine::Engine;
pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use sections::{Cache, Change, Consensus, Model, ModelProvider, Modules, Random, Render, Run, Store, Web};
pub use services::Services;
pub use types::Time;

/// All of the configuration.
///
/// ```
/// use subvm_config::Config;
///
/// let config = Config::parse("[web]\nenabled = true\nports = [443]", "node.toml")?;
/// assert_eq!(config.web.ports, [443]);
/// assert_eq!(config.store.dir, Config::default().store.dir);
///
/// let error = Config::parse("[web]\nprots = [443]", "node.toml").unwrap_err();
/// assert_eq!(error.to_string(), "node.toml:2: unknown key web.prots: did you mean web.ports?");
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// What all nodes of a chain must have in common.
    pub consensus: Consensus,
    /// How this node runs.
    pub run: Run,
    /// Where contracts' storage lives.
    pub store: Store,
    /// Where compiled modules are kept.
    pub cache: Cache,
    /// The secure generator.
    pub random: Random,
    /// All modules.
    pub modules: Modules,
    /// `WebRequest`, and where `WebRender` may go.
    pub web: Web,
    /// `WebRender`.
    pub render: Render,
    /// `ExecPrompt` and `ExecPromptTemplate`.
    pub model: Model,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is no file, is no TOML, or holds unknown keys or values that make no sense.
    ///
    /// ```
    /// use subvm_config::Config;
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("node.toml");
    /// std::fs::write(&path, "[run]\ndeadline = \"5s\"")?;
    /// assert_eq!(Config::load(&path)?.run.deadline.to_string(), "5s");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read(path).map_err(|error| ConfigError::unreadable(&name, &error))?;
        Self::parse(&text, &name)
    }

    /// Reads `text`, which errors call `name`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        keys::check(text, name)?;
        toml::from_str(text).map_err(|error| ConfigError::toml(name, text, &error))
    }
}

/// Reads a file. What may keep its reader waiting for ever, such as a FIFO, is refused.
fn read(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    if found.is_file() || found.is_dir() {
        return fs::read_to_string(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a FIFO, a socket or a device; name a file"))
}
