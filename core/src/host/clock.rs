//! Time.

use core::time::Duration;

/// Tells time.
///
/// ```
/// use std::time::{Duration, Instant};
/// use subvm_core::host::Clock;
///
/// struct BlockTime { block: u64, started: Instant }
///
/// impl Clock for BlockTime {
///     fn transaction_time(&self) -> u64 {
///         self.block
///     }
///     fn elapsed(&self) -> Duration {
///         self.started.elapsed()
///     }
/// }
///
/// let clock = BlockTime { block: 1_704_067_200_000_000_000, started: Instant::now() };
/// assert_eq!(subvm_core::datetime(clock.transaction_time()), "2024-01-01T00:00:00Z");
/// ```
pub trait Clock: Send + 'static {
    /// The transaction's instant, in nanoseconds since 1970-01-01T00:00:00Z: the same on every node, and throughout a run.
    fn transaction_time(&self) -> u64;

    /// Time since a fixed moment, never going backwards: for deadlines and diagnostics, never for results.
    fn elapsed(&self) -> Duration;
}
