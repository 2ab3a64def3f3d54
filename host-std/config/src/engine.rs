//! Which engine runs sub-VMs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subvm_wasmtime::{Codegen, EngineBuilder, WasmtimeEngine};

use super::ConfigError;

/// Which engine runs sub-VMs. It changes no result: receipts are the same on every one.
///
/// ```
/// use subvm_config::{Config, Engine};
/// let config = Config::parse("[run]\nengine = \"pulley\"", "node.toml")?;
/// assert_eq!(config.run.engine, Engine::Pulley);
/// assert_eq!(Engine::Pulley.to_string().parse(), Ok(Engine::Pulley));
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// wasmtime, which compiles modules to machine code.
    #[default]
    Wasmtime,
    /// wasmtime's interpreter: portable, and slow. Builds have it with the feature `pulley`.
    Pulley,
    /// wasmi, an interpreter that shares no code with wasmtime: nothing is compiled, so that a large module begins at once. Builds have it
    /// with the feature `wasmi`.
    Wasmi,
    /// Both: a module begins on wasmi while wasmtime compiles it. Builds have it with the feature `tiered`.
    Tiered,
}

impl Engine {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Wasmtime, Self::Pulley, Self::Wasmi, Self::Tiered];

    /// Its name in the configuration and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::Pulley => "pulley",
            Self::Wasmi => "wasmi",
            Self::Tiered => "tiered",
        }
    }

    /// What an engine of wasmtime's is made with, be it under `TieredEngine::new`; a node adds what it wants of its own, such as a cache. Nothing for
    /// wasmi, whose engine needs no more than `WasmiEngine::new()`.
    ///
    /// # Errors
    /// When this build lacks the engine.
    ///
    /// ```
    /// use subvm_config::Config;
    /// let builder = Config::default().run.engine.builder()?.expect("the default is wasmtime");
    /// # drop(builder.build()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(self) -> Result<Option<EngineBuilder>, ConfigError> {
        let (codegen, is_built) = match self {
            Self::Wasmtime => (Some(Codegen::Speed), Codegen::Speed.is_built()),
            Self::Pulley => (Some(Codegen::Pulley), Codegen::Pulley.is_built()),
            Self::Wasmi => (None, cfg!(feature = "wasmi")),
            Self::Tiered => (Some(Codegen::Speed), cfg!(feature = "tiered")),
        };
        if is_built {
            return Ok(codegen.map(|codegen| WasmtimeEngine::builder().codegen(codegen)));
        }
        Err(ConfigError::value(
            "run.engine",
            format_args!("this build lacks {self}: build it with `--features {self}`"),
        ))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.iter().find(|engine| engine.name() == text);
        named.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|engine| engine.name()).collect();
            format!("{text:?} is no engine: there are {}", names.join(", "))
        })
    }
}
