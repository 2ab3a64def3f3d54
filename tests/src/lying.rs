//! A node of which one answer is not what it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use subvm_core::host::{
    Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, SlotId};
use subvm_replay::{Answer, Asked, Reader, Record};

/// Changes one bit of the `nth` answer that has bytes, counted from 0: of storage, balances, locked slots, calls below, random bytes, module
/// results. Which bit: `bit`, modulo those that there are. Counts on for later answers, which are true.
#[must_use]
pub fn lying_at(node: Node, nth: u64, bit: usize) -> (Node, Arc<AtomicU64>) {
    let answers = Arc::new(AtomicU64::new(0));
    let lie = || Lie { answers: Arc::clone(&answers), nth, bit };
    let node = Node {
        storage: Box::new(Lying { part: node.storage, lie: lie() }),
        rng: Box::new(Lying { part: node.rng, lie: lie() }),
        host: Box::new(Lying { part: node.host, lie: lie() }),
        modules: Box::new(Lying { part: node.modules, lie: lie() }),
        ..node
    };
    (node, answers)
}

/// Where an answer stands in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Steps before it.
    pub steps: u64,
    /// Whether it is one.
    pub is_step: bool,
    /// The host call that is made.
    pub call: u64,
    /// The sub-VM.
    pub path: Vec<u64>,
    /// The answer, with its question.
    pub record: Record,
}

/// The `nth` answer that [`lying_at`] counts, in the recording of a node that does not lie; nothing where there are fewer.
///
/// # Panics
/// Where the recording is damaged.
#[must_use]
pub fn told(recording: &[u8], nth: u64) -> Option<Told> {
    let mut reader = Reader::new(recording).expect("a recording");
    let mut before = 0;
    loop {
        let steps = reader.steps();
        let record = reader.next()?.expect("a recording that is not damaged");
        let Record::Asked(Asked { answer, .. }) = &record else { continue };
        if !has_bytes(answer) {
            continue;
        }
        if before == nth {
            let (is_step, call, path) = (reader.is_step(), reader.calls(), reader.path());
            return Some(Told { steps, is_step, call, path, record });
        }
        before += 1;
    }
}

fn has_bytes(answer: &Answer) -> bool {
    match answer {
        Answer::Bytes(bytes) | Answer::Eth(EthAnswer::Returned(bytes) | EthAnswer::Reverted(bytes)) => {
            !bytes.is_empty()
        }
        Answer::Slots(slots) => !slots.is_empty(),
        _ => false,
    }
}

struct Lie {
    answers: Arc<AtomicU64>,
    nth: u64,
    bit: usize,
}

impl Lie {
    fn tell(&self, bytes: &mut [u8]) {
        if bytes.is_empty() || self.answers.fetch_add(1, Ordering::Relaxed) != self.nth {
            return;
        }
        let bit = self.bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

struct Lying<T: ?Sized> {
    part: Box<T>,
    lie: Lie,
}

impl Storage for Lying<dyn Storage> {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        self.part.read(state, contract, slot, index, into)?;
        self.lie.tell(into);
        Ok(())
    }
}

impl Rng for Lying<dyn Rng> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        self.part.fill(into)?;
        self.lie.tell(into);
        Ok(())
    }
}

impl Host for Lying<dyn Host> {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let mut balance = self.part.balance(state, address)?;
        self.lie.tell(&mut balance);
        Ok(balance)
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        self.part.code(state, address)
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        let mut slots = self.part.locked_slots(contract)?;
        if let Some(slot) = slots.first_mut() {
            self.lie.tell(&mut slot.0);
        }
        Ok(slots)
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let mut answer = self.part.eth_call(state, address, calldata)?;
        if let EthAnswer::Returned(bytes) | EthAnswer::Reverted(bytes) = &mut answer {
            self.lie.tell(bytes);
        }
        Ok(answer)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.part.output(stream, bytes);
    }
}

impl Modules for Lying<dyn Modules> {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        self.part.start(request)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let mut progress = self.part.wait(id, at_most)?;
        if let Progress::Ready(bytes) = &mut progress {
            self.lie.tell(bytes);
        }
        Ok(progress)
    }

    fn cancel(&mut self, id: RequestId) {
        self.part.cancel(id);
    }
}
