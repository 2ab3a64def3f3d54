//! The state before a block, as nodes have it: it does not move, so that threads read it without a lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream, page,
};
use subvm_core::{Address, Package, Receipt, SlotId};

/// One contract, and its pages.
#[derive(Clone)]
pub(crate) struct Snapshot {
    package: Arc<Package>,
    pages: Arc<BTreeMap<(SlotId, u32), [u8; page::BYTES]>>,
    began: Instant,
}

impl Snapshot {
    pub(crate) fn new(package: Arc<Package>) -> Self {
        Self { package, pages: Arc::default(), began: Instant::now() }
    }

    pub(crate) fn apply(&mut self, receipt: &Receipt) {
        let writes = receipt.storage.iter().map(|write| ((write.slot, write.page), write.content));
        Arc::make_mut(&mut self.pages).extend(writes);
    }

    pub(crate) fn node(&self) -> Node {
        let part = || Box::new(self.clone());
        Node { storage: part(), clock: part(), rng: part(), host: part(), modules: part(), observer: None }
    }
}

impl Storage for Snapshot {
    fn read(&mut self, _: State, _: &Address, slot: &SlotId, index: u32, into: &mut [u8]) -> Result<(), HostError> {
        into.fill(0);
        let Some(pages) = page::range(index, into.len())? else { return Ok(()) };
        for ((_, number), content) in self.pages.range((*slot, *pages.start())..=(*slot, *pages.end())) {
            page::place(into, index, *number, content);
        }
        Ok(())
    }
}

impl Clock for Snapshot {
    fn transaction_time(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Host for Snapshot {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
        Ok(Code::Package(Arc::clone(&self.package)))
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, _: &[u8]) {}
}

impl Rng for Snapshot {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
        Err("transfers are deterministic".into())
    }
}

impl Modules for Snapshot {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Err("transfers ask nobody".into())
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        Err("nothing was started".into())
    }

    fn cancel(&mut self, _: RequestId) {}
}
