//! One transaction, which can be run again.

use std::sync::Arc;

use subvm_core::host::Node;
use subvm_core::{Engine, InternalError, InternalErrorKind, Receipt, Report, Run, run};

use super::allocator::{refuse, was_refused};

/// A transaction on an engine and a node.
pub(crate) struct Scene {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) node: Box<dyn Fn() -> Node>,
    pub(crate) run: Run,
}

impl Scene {
    fn once(&self) -> Result<Report, InternalError> {
        run(Arc::clone(&self.engine), (self.node)(), self.run.clone()).1
    }

    /// What it comes to where nothing is refused.
    pub(crate) fn receipt(&self) -> Receipt {
        self.once().expect("nothing is refused").receipt
    }

    /// Runs it with the `nth` request of `from` bytes or more refused. Whether there were so many.
    ///
    /// # Panics
    /// Where it comes to anything but what it comes to otherwise, or an internal error that says what there was no room for.
    pub(crate) fn without(&self, nth: usize, from: usize, undisturbed: &Receipt) -> bool {
        refuse(nth, from);
        let result = self.once();
        let refused = was_refused();
        match result {
            Ok(report) => assert_eq!(report.receipt.digest(), undisturbed.digest(), "{nth}"),
            Err(error) => {
                assert!(refused, "{nth}: {error}");
                assert_eq!(error.kind(), InternalErrorKind::Engine, "{nth}: {error}");
            }
        }
        refused
    }
}
