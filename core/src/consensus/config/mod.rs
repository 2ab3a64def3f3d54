//! What a sub-VM is given to read before it starts: arguments and environment, checked once and refused rather than dropped.
//!
//! Source: `docs/spec/wasi.md`, *Arguments and environment*.

mod args;
mod env;
mod refused;
mod strings;

pub use args::{Args, ArgsError};
pub use env::{Env, EnvError};
pub use refused::{Pattern, PatternError, Refused};
pub(crate) use strings::Strings;
