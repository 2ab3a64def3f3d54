//! The promises of `Clock`.

use std::thread;
use std::time::Duration;

use subvm_core::host::Clock;

use super::{Broken, ensure, expect, unpanicking};

/// Checks a clock. `make` gives one for the same transaction each time.
///
/// # Errors
/// The first broken promise.
///
/// ```
/// use subvm_host_mock::conformance;
/// # use std::time::{Duration, Instant};
/// # struct MyClock(Instant);
/// # impl subvm_core::host::Clock for MyClock {
/// #     fn transaction_time(&self) -> u64 { 0 }
/// #     fn elapsed(&self) -> Duration { self.0.elapsed() }
/// # }
/// assert_eq!(conformance::clock(|| MyClock(Instant::now())), Ok(()));
/// ```
pub fn clock<C: Clock>(mut make: impl FnMut() -> C) -> Result<(), Broken> {
    unpanicking(|| {
        let (clock, other) = (make(), make());
        let instant = clock.transaction_time();
        let mut last = clock.elapsed();
        for _ in 0..1000 {
            let now = clock.elapsed();
            ensure("elapsed time never goes backwards", now >= last, || format!("{now:?} after {last:?}"))?;
            last = now;
        }
        thread::sleep(Duration::from_millis(20));
        let passed = clock.elapsed() - last;
        ensure("elapsed time passes, or no deadline would ever come", passed >= Duration::from_millis(10), || {
            format!("{passed:?} in 20 ms")
        })?;
        const SAME: &str = "the transaction's instant is the same throughout a run, and on every node";
        expect(SAME, &clock.transaction_time(), &instant)?;
        expect(SAME, &other.transaction_time(), &instant)
    })
}
