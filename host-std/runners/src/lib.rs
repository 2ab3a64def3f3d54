//! Contracts and runners in GenVM's packaging, made into packages that subvm runs.
//!
//! A *runner* is an archive of files with a `runner.json`, which says what a sub-VM sees: files, arguments, environment, modules. A contract is
//! one too, and mostly names the runner that it depends on. [`Loader`] follows what it says and gives [`Parts`](subvm_core::Parts).
//! What is met of GenVM's rules stands in `docs/genvm.md`.
//!
//! ```
//! use subvm_core::{Mode, wasi::Refused};
//! use subvm_runners::{Loader, Nowhere};
//!
//! // A contract that is one module needs nobody's runner.
//! let mut loader = Loader::new(Nowhere);
//! let loaded = loader.contract(b"\0asm\x01\0\0\0", Mode::Deterministic)?;
//! assert_eq!(&loaded.parts.start[..4], b"\0asm");
//! let package = loaded.parts.check(&Refused::default())?;
//! # assert!(package.libraries.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | read what a contract or an archive holds | [`Archive::read`] |
//! | read a `runner.json` | [`Action::parse`] |
//! | make a package of a contract | [`Loader`], with a [`Source`] of runners: a [`Registry`] |
//! | name things by their content | [`RunnerId`], [`gvm32`] |
//! | find code, locked slots and upgraders in a contract's storage | [`root`] |

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

mod action;
mod archive;
mod bounds;
mod error;
mod excerpt;
mod id;
mod load;
mod registry;
pub mod root;
mod source;
mod version;

pub use action::{Action, Condition, ManifestError};
pub use archive::{Archive, ArchiveError, Flaw, Format};
pub use bounds::Bounds;
pub use error::{Blame, RunnerError};
pub use id::{IdError, Known, RunnerId, View, sha2_256, sha3_256};
pub use load::{Charge, Loaded, Loader};
pub use registry::Registry;
pub use source::{Nowhere, Source, SourceError};
pub use subvm_core::gvm32;
pub use version::Version;
