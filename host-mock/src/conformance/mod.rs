//! The host conformance kit: does a node's own [`Storage`], [`Clock`], [`Rng`], [`Host`] or [`Modules`] keep the promises that the traits make?
//!
//! Each check returns the first promise that does not hold. A panic is a broken promise, too.
//!
//! ```
//! use std::time::Instant;
//! use subvm_core::host::Clock;
//! use subvm_host_mock::conformance;
//!
//! struct MyClock(Instant);
//! impl Clock for MyClock {
//!     fn transaction_time(&self) -> u64 { 1_704_067_200_000_000_000 }
//!     fn elapsed(&self) -> std::time::Duration { self.0.elapsed() }
//! }
//! conformance::clock(|| MyClock(Instant::now())).unwrap();
//!
//! struct Stopped;
//! impl Clock for Stopped {
//!     fn transaction_time(&self) -> u64 { 0 }
//!     fn elapsed(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! }
//! let broken = conformance::clock(|| Stopped).unwrap_err();
//! assert_eq!(broken.promise, "elapsed time passes, or no deadline would ever come");
//! ```
//!
//! [`Storage`]: subvm_core::host::Storage
//! [`Clock`]: subvm_core::host::Clock
//! [`Rng`]: subvm_core::host::Rng
//! [`Host`]: subvm_core::host::Host
//! [`Modules`]: subvm_core::host::Modules

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod clock;
mod host;
mod modules;
mod rng;
mod storage;
#[cfg(test)]
mod tests;

pub use clock::clock;
pub use host::{HostSample, host};
pub use modules::{ModulesSample, modules};
pub use rng::rng;
pub use storage::{Written, storage};

/// A promise that an implementation broke.
///
/// ```
/// use subvm_host_mock::conformance::Broken;
/// let broken = Broken { promise: "elapsed time never goes backwards", found: "1s after 2s".into() };
/// assert_eq!(broken.to_string(), "broken promise: elapsed time never goes backwards: 1s after 2s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise, in the words of the trait.
    pub promise: &'static str,
    /// What happened instead.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken promise: {}: {}", self.promise, self.found)
    }
}

impl std::error::Error for Broken {}

/// Checks that two things are equal.
fn expect<T: PartialEq + fmt::Debug>(promise: &'static str, found: &T, expected: &T) -> Result<(), Broken> {
    ensure(promise, found == expected, || format!("{found:02x?} instead of {expected:02x?}"))
}

/// Checks that something holds.
fn ensure(promise: &'static str, holds: bool, found: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { promise, found: found() }) }
}

/// Runs a check; where it panics, that is the promise that was broken.
fn unpanicking(check: impl FnOnce() -> Result<(), Broken>) -> Result<(), Broken> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Broken {
            promise: "a part that fails says so with an error, and never panics",
            found: format!("it panicked: {}", text.unwrap_or_default()),
        })
    })
}
