//! How long a node's run takes: as long as what it waits for. Running a contract takes no time here, so that no test depends on a machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use subvm_core::host::Clock;

/// A node's time since its run began. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent(Arc<AtomicU64>);

impl Spent {
    pub(crate) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let spent = self.so_far().saturating_add(time);
        self.0.store(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The clock of a node: the block's instant, and how long the run took so far.
pub(crate) struct NodeClock {
    pub(crate) now: u64,
    pub(crate) spent: Spent,
}

impl Clock for NodeClock {
    fn transaction_time(&self) -> u64 {
        self.now
    }

    fn elapsed(&self) -> Duration {
        self.spent.so_far()
    }
}
