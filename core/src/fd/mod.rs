//! Descriptors: what they refer to, and how their numbers are given and taken back.
//!
//! Source: `docs/spec/wasi.md`, *State at start*, *Descriptors*, *Rights*.
//!
//! ```
//! use subvm_core::fd::{Fd, Rights};
//! use subvm_host_mock::{MemoryHost, play};
//!
//! play(&MemoryHost::new(), |machine| {
//!     machine.wasi("fd_fdstat_get", &[Fd::STDOUT.0.into(), 64])?;
//!     let rights = u64::from_le_bytes(machine.mem()[72..80].try_into().unwrap());
//!     assert_eq!(Rights::from_bits(rights), Some(Rights::STREAM));
//!     Ok(())
//! });
//! ```

mod descriptor;
mod rights;
mod table;

use core::fmt;

pub use descriptor::Content;
pub(crate) use descriptor::{Descriptor, File, Object, Source};
pub use rights::Rights;
pub(crate) use table::Table;

/// A descriptor's number.
///
/// ```
/// assert_eq!(subvm_core::fd::Fd::ROOT.to_string(), "3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fd(pub u32);

impl Fd {
    /// The extended message.
    pub const MESSAGE: Self = Self(0);
    /// Standard output.
    pub const STDOUT: Self = Self(1);
    /// Standard error.
    pub const STDERR: Self = Self(2);
    /// The directory `/`.
    pub const ROOT: Self = Self(3);

    pub(crate) fn index(self) -> usize {
        // No platform of this library has a usize of less than 32 bits; elsewhere the index is merely past the end of any table.
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
