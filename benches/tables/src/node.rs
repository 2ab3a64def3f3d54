//! A node for measuring: it notes when something is written to standard error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Stream};
use subvm_core::{Address, Package, SlotId};
use subvm_host_mock::MemoryHost;

/// When marks were made.
#[derive(Clone, Debug, Default)]
pub struct Marks(Arc<Mutex<Vec<Instant>>>);

impl Marks {
    /// Makes one.
    pub fn mark(&self) {
        let now = Instant::now();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(now);
    }

    /// Those made since it was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<Instant> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A node in memory that runs `package`; standard error makes marks, and standard output is kept, up to a mebibyte.
#[must_use]
pub fn node(package: Arc<Package>, marks: &Marks) -> Node {
    let memory = MemoryHost::new();
    memory.deploy(Address::default(), package);
    let host = Recorder { memory: memory.clone(), marks: marks.clone(), output: Vec::with_capacity(KEPT) };
    Node { host: Box::new(host), ..memory.node() }
}

const KEPT: usize = 1 << 20;

struct Recorder {
    memory: MemoryHost,
    marks: Marks,
    output: Vec<u8>,
}

impl Host for Recorder {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        self.memory.balance(state, address)
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        self.memory.code(state, address)
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        self.memory.locked_slots(contract)
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        self.memory.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        if stream != Stream::Stdout {
            return self.marks.mark();
        }
        if self.output.len() + bytes.len() > KEPT {
            self.output.clear();
        }
        self.output.extend_from_slice(bytes);
    }
}
