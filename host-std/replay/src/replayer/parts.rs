//! The five parts of a node, and its observer, played from a recording.

use std::time::Duration;

use subvm_core::host::{
    Call, Clock, Code, EthAnswer, Event, Host, HostError, Modules, Observer, Progress, RequestId, Rng, State, Storage,
    Stream,
};
use subvm_core::{Address, SlotId};

use super::{LEFT, Output, Shared};
use crate::format::function::Function;
use crate::format::record::{Answer, Ask, CodeAnswer};
use crate::tracer;

/// An answer that fits no question: reading refuses such.
fn misfit<T>() -> Result<T, HostError> {
    Err(LEFT.into())
}

fn fill(into: &mut [u8], answer: Answer) -> Result<(), HostError> {
    match answer {
        Answer::Bytes(bytes) if bytes.len() == into.len() => {
            into.copy_from_slice(&bytes);
            Ok(())
        }
        _ => misfit(),
    }
}

impl Storage for Shared {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let len = u32::try_from(into.len())?;
        fill(into, self.ask(Ask::Storage { state, contract: *contract, slot: *slot, index, len })?)
    }
}

impl Clock for Shared {
    fn transaction_time(&self) -> u64 {
        if let Ok(Answer::Nanos(now)) = self.ask(Ask::TransactionTime) { now } else { 0 }
    }

    fn elapsed(&self) -> Duration {
        // Recorded where it can matter, and nowhere else.
        if !self.lock().live.place.open().is_some_and(Function::starts) {
            return Duration::ZERO;
        }
        if let Ok(Answer::Nanos(elapsed)) = self.ask(Ask::Elapsed) {
            Duration::from_nanos(elapsed)
        } else {
            Duration::ZERO
        }
    }
}

impl Rng for Shared {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        fill(into, self.ask(Ask::Random { len: into.len() as u64 })?)
    }
}

impl Modules for Shared {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        if let Answer::Id(id) = self.ask(Ask::Start { request: request.to_vec() })? {
            Ok(RequestId(id))
        } else {
            misfit()
        }
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        if let Answer::Bytes(bytes) = self.ask(Ask::Wait { id: id.0 })? { Ok(Progress::Ready(bytes)) } else { misfit() }
    }

    fn cancel(&mut self, _: RequestId) {}
}

/// What stands on the chain, by the recording; and where output goes.
pub(super) struct Chain {
    pub(super) shared: Shared,
    pub(super) output: Output,
}

impl Host for Chain {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let mut balance = [0; 32];
        fill(&mut balance, self.shared.ask(Ask::Balance { state, address: *address })?)?;
        Ok(balance)
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        match self.shared.ask(Ask::Code { state, address: *address })? {
            Answer::Code(CodeAnswer::Nothing) => Ok(Code::Nothing),
            Answer::Code(CodeAnswer::Malformed(invalid)) => Ok(Code::Malformed(invalid)),
            Answer::Code(CodeAnswer::Package(digest)) => self.shared.lock().package(digest).map(Code::Package),
            _ => misfit(),
        }
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        if let Answer::Slots(slots) = self.shared.ask(Ask::LockedSlots { contract: *contract })? {
            Ok(slots)
        } else {
            misfit()
        }
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let ask = Ask::EthCall { state, address: *address, calldata: calldata.to_vec() };
        if let Answer::Eth(answer) = self.shared.ask(ask)? { Ok(answer) } else { misfit() }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        (self.output)(stream, bytes);
    }
}

impl Observer for Shared {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64) {
        let mut player = self.lock();
        if let Some(record) = tracer::enters(call, mem, ticks, player.prices) {
            player.see(record);
        }
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        if let Some(record) = tracer::exits(call, errno, mem, ticks) {
            self.lock().see(record);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::RunEnds(result) => self.lock().end(tracer::run_ends(*result)),
            event => {
                if let Some(record) = tracer::sub_vm(event) {
                    self.lock().see(record);
                }
            }
        }
    }
}
