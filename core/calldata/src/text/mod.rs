//! The text form, for people and the command line: a superset of JSON.
//!
//! Source: `docs/spec/calldata.md`, "Text form".

mod error;
mod parse;
mod print;
mod scan;

pub use error::{TextError, TextErrorKind};
