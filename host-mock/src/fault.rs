//! Parts that fail at a chosen call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use subvm_core::host::{Code, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream};
use subvm_core::{Address, SlotId};

/// What a part does at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers with an error.
    Error,
    /// It panics.
    Panic,
}

/// Makes the `nth` fallible call of any of the node's parts, counted from 0, fail. Counts on for later calls, which work.
#[must_use]
pub fn failing_at(node: Node, nth: u64, fault: Fault) -> (Node, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let trip = || Trip { calls: Arc::clone(&calls), nth, fault };
    let node = Node {
        storage: Box::new(Faulty { part: node.storage, trip: trip() }),
        rng: Box::new(Faulty { part: node.rng, trip: trip() }),
        host: Box::new(Faulty { part: node.host, trip: trip() }),
        modules: Box::new(Faulty { part: node.modules, trip: trip() }),
        ..node
    };
    (node, calls)
}

struct Trip {
    calls: Arc<AtomicU64>,
    nth: u64,
    fault: Fault,
}

impl Trip {
    fn pass(&self, what: &str) -> Result<(), HostError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.nth {
            return Ok(());
        }
        match self.fault {
            Fault::Error => Err(format!("{what} was made to fail").into()),
            Fault::Panic => panic!("{what} was made to panic"),
        }
    }
}

struct Faulty<T: ?Sized> {
    trip: Trip,
    part: Box<T>,
}

impl Storage for Faulty<dyn Storage> {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        self.trip.pass("storage")?;
        self.part.read(state, contract, slot, index, into)
    }
}

impl Rng for Faulty<dyn Rng> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        self.trip.pass("the generator")?;
        self.part.fill(into)
    }
}

impl Host for Faulty<dyn Host> {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        self.trip.pass("a balance")?;
        self.part.balance(state, address)
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        self.trip.pass("a contract's code")?;
        self.part.code(state, address)
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        self.trip.pass("locked slots")?;
        self.part.locked_slots(contract)
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<Vec<u8>, HostError> {
        self.trip.pass("a call below")?;
        self.part.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, octets: &[u8]) {
        self.part.output(stream, octets);
    }
}

impl Modules for Faulty<dyn Modules> {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        self.trip.pass("a module")?;
        self.part.start(request)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        self.trip.pass("waiting for a module")?;
        self.part.wait(id, at_most)
    }

    fn cancel(&mut self, id: RequestId) {
        self.part.cancel(id);
    }
}
