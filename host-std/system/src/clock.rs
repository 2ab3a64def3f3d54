//! Time: the transaction's, which is told, and the machine's, which passes.

use std::time::{Duration, Instant};

use subvm_core::host::Clock;

/// A transaction's instant, and the time that passed since this was made.
///
/// ```
/// use subvm_core::host::Clock;
/// use subvm_system::clock::SystemClock;
///
/// let clock = SystemClock::new(1_704_067_200_000_000_000);
/// assert_eq!(clock.transaction_time(), 1_704_067_200_000_000_000);
/// assert!(clock.elapsed() <= clock.elapsed());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    transaction_time: u64,
    start: Instant,
}

impl SystemClock {
    /// A clock for a transaction at `transaction_time`, in nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn new(transaction_time: u64) -> Self {
        Self { transaction_time, start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn transaction_time(&self) -> u64 {
        self.transaction_time
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_promises_of_a_clock() {
        subvm_host_mock::conformance::clock(|| SystemClock::new(5)).unwrap();
    }
}
