//! The node's parts, each wrapped: it answers as ever, and what it answers is written down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Observer, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, SlotId};

use super::Tape;
use crate::format::code::nanos;
use crate::format::record::{Answer, Ask, CodeAnswer};

/// Where a part is until it is taken back.
#[derive(Debug)]
pub(super) struct Slot<T: ?Sized>(Arc<Mutex<Option<Box<T>>>>);

impl<T: ?Sized> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What a wrapped part says once its own was taken back, which takes somebody who kept it.
const TAKEN: &str = "the recorder has given this part of the node back";

impl<T: ?Sized> Slot<T> {
    pub(super) fn new(part: Box<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(part))))
    }

    /// Calls the part; nothing where it was taken back.
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_deref_mut().map(call)
    }

    /// Calls the part.
    fn ask<R>(&self, call: impl FnOnce(&mut T) -> Result<R, HostError>) -> Result<R, HostError> {
        self.with(call).unwrap_or_else(|| Err(TAKEN.into()))
    }

    fn take(&self) -> Option<Box<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The parts of the node, as they were.
pub(super) struct Parts {
    pub(super) storage: Slot<dyn Storage>,
    pub(super) clock: Slot<dyn Clock>,
    pub(super) rng: Slot<dyn Rng>,
    pub(super) host: Slot<dyn Host>,
    pub(super) modules: Slot<dyn Modules>,
    pub(super) observer: Option<Slot<dyn Observer>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    /// The node of these parts. Each is here: it is taken back once.
    pub(super) fn into_node(self) -> Option<Node> {
        Some(Node {
            storage: self.storage.take()?,
            clock: self.clock.take()?,
            rng: self.rng.take()?,
            host: self.host.take()?,
            modules: self.modules.take()?,
            observer: self.observer.and_then(|slot| slot.take()),
        })
    }
}

/// A part, and where its answers are written down.
#[derive(Debug)]
pub(super) struct RecordedPart<T: ?Sized> {
    pub(super) tape: Tape,
    pub(super) part: Slot<T>,
}

impl<T: ?Sized> RecordedPart<T> {
    /// Asks the part, and writes down what it says: as `told` has it, which has `bytes`; or why it fails. The question has so many bytes.
    fn asked<R>(
        &self,
        (question, ask): (usize, impl FnOnce() -> Ask),
        call: impl FnOnce(&mut T) -> Result<R, HostError>,
        bytes: impl FnOnce(&R) -> usize,
        told: impl FnOnce(&R) -> Answer,
    ) -> Result<R, HostError> {
        let asking = self.tape.asks(question, ask);
        let result = self.part.ask(call);
        match &result {
            Ok(answer) => asking.answered(bytes(answer), || told(answer)),
            Err(error) => asking.answered(0, || failed(error)),
        }
        result
    }
}

fn failed(error: &HostError) -> Answer {
    Answer::Failed(crate::tracer::text(&**error))
}

impl Storage for RecordedPart<dyn Storage> {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let len = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let asking = self.tape.asks(0, || Ask::Storage { state, contract: *contract, slot: *slot, index, len });
        let result = self.part.ask(|part| part.read(state, contract, slot, index, into));
        match &result {
            Ok(()) => asking.answered(into.len(), || Answer::Bytes(into.to_vec())),
            Err(error) => asking.answered(0, || failed(error)),
        }
        result
    }
}

impl Clock for RecordedPart<dyn Clock> {
    fn transaction_time(&self) -> u64 {
        let asking = self.tape.asks(0, || Ask::TransactionTime);
        let now = self.part.with(|part| part.transaction_time()).unwrap_or_default();
        asking.answered(0, || Answer::Nanos(now));
        now
    }

    fn elapsed(&self) -> Duration {
        let asking = self.tape.tells_time().then(|| self.tape.asks(0, || Ask::Elapsed));
        let elapsed = self.part.with(|part| part.elapsed()).unwrap_or_default();
        if let Some(asking) = asking {
            asking.answered(0, || Answer::Nanos(nanos(elapsed)));
        }
        elapsed
    }
}

impl Rng for RecordedPart<dyn Rng> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        let asking = self.tape.asks(0, || Ask::Random { len: into.len() as u64 });
        let result = self.part.ask(|part| part.fill(into));
        match &result {
            Ok(()) => asking.answered(into.len(), || Answer::Bytes(into.to_vec())),
            Err(error) => asking.answered(0, || failed(error)),
        }
        result
    }
}

impl Host for RecordedPart<dyn Host> {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let ask = (0, || Ask::Balance { state, address: *address });
        self.asked(ask, |part| part.balance(state, address), |_| 0, |balance| Answer::Bytes(balance.to_vec()))
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        let asking = self.tape.asks(0, || Ask::Code { state, address: *address });
        let result = self.part.ask(|part| part.code(state, address));
        match &result {
            Ok(code) => {
                // What is told of a package is written before the answer.
                let told = Answer::Code(match code {
                    Code::Nothing => CodeAnswer::Nothing,
                    Code::Package(package) => self.tape.package(package),
                    Code::Malformed(invalid) => CodeAnswer::Malformed(*invalid),
                });
                asking.answered(0, || told);
            }
            Err(error) => asking.answered(0, || failed(error)),
        }
        result
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        let ask = (0, || Ask::LockedSlots { contract: *contract });
        let bytes = |slots: &Vec<SlotId>| slots.len().saturating_mul(size_of::<SlotId>());
        self.asked(ask, |part| part.locked_slots(contract), bytes, |slots| Answer::Slots(slots.clone()))
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let ask = (calldata.len(), || Ask::EthCall { state, address: *address, calldata: calldata.to_vec() });
        let bytes = |answer: &EthAnswer| match answer {
            EthAnswer::Returned(bytes) | EthAnswer::Reverted(bytes) => bytes.len(),
            EthAnswer::Refused => 0,
        };
        self.asked(ask, |part| part.eth_call(state, address, calldata), bytes, |answer| Answer::Eth(answer.clone()))
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.part.with(|part| part.output(stream, bytes));
    }
}

impl Modules for RecordedPart<dyn Modules> {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let ask = (request.len(), || Ask::Start { request: request.to_vec() });
        self.asked(ask, |part| part.start(request), |_| 0, |id| Answer::Id(id.0))
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let asking = self.tape.asks(0, || Ask::Wait { id: id.0 });
        let result = self.part.ask(|part| part.wait(id, at_most));
        match &result {
            // Who replays does not wait.
            Ok(Progress::Pending) => asking.dropped(),
            Ok(Progress::Ready(bytes)) => asking.answered(bytes.len(), || Answer::Bytes(bytes.clone())),
            Err(error) => asking.answered(0, || failed(error)),
        }
        result
    }

    fn cancel(&mut self, id: RequestId) {
        self.part.with(|part| part.cancel(id));
    }
}
