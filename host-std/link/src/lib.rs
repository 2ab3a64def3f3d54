//! What engines do alike with modules that [`subvm_lower`] has lowered, and what those who check packages do without an engine.
//!
//! | what | where |
//! |---|---|
//! | the names of modules, the order of linking, what a package may have | [`Program`], [`modules`], [`is_library_name`], [`start_name`] |
//! | what an import needs, and why it does not have it | [`Import`], [`Type`], [`wrong`], [`unlinkable`] |
//! | why a sub-VM ended before its time | [`Stopped`], [`Refused`], [`unreachable()`], [`panicked`] |
//! | what is kept in memory | [`Kept`], [`ZeroTrees`] |
//! | what takes long, and is no work of the run's own | [`Beside`]; with the feature `std`, `Jobs` |
//!
//! ```
//! use subvm_link::{Import, Type, unlinkable};
//! let import = Import { module: "lib".into(), name: "f".into(), ty: Type::Tag };
//! let refused = unlinkable([import], |_, _| subvm_link::Library::Unknown).expect("there is no such library");
//! assert_eq!(refused.error.to_string(), "invalid_contract wasm linking");
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod beside;
mod ended;
#[cfg(feature = "std")]
mod jobs;
#[cfg(all(test, feature = "std"))]
mod jobs_tests;
mod kept;
mod program;
mod rules;
mod stopped;
#[cfg(feature = "std")]
mod sync;
mod types;
mod unlinkable;

pub use beside::{Act, Beside};
pub use ended::{ZeroTrees, panicked, unreachable};
#[cfg(feature = "std")]
pub use jobs::{Jobs, Waited};
pub use kept::Kept;
pub use program::{Linked, Program, modules};
pub use rules::{INITIALIZE, MAIN, host_function, is_library_name, signature, start_name};
pub use stopped::{Refused, Stopped};
pub use types::{Import, Library, Type};
pub use unlinkable::{unlinkable, wrong};
