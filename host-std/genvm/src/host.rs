//! The host protocol: one request, one answer, in turn.

use std::time::Duration;

use subvm_core::{Address, SlotId};

use crate::execute::Line;
use crate::peer::{Peer, PeerError};
use crate::stream::{Exchange, Stream};

/// Bytes of an answer whose length the host announces.
const ANSWER: u32 = 64 << 20;

/// The methods, by number: the names of GenVM 0.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Method {
    StorageRead = 0,
    ConsumeFuel = 1,
    EthCall = 2,
    GetBalance = 3,
    RemainingFuelAsGen = 4,
    NotifyNondetDisagreement = 5,
    ConsumeResult = 6,
    /// `notify_finished` in 0.2.
    ResolveCallcontractExecutor = 7,
}

impl Method {
    const fn name(self, line: Line) -> &'static str {
        match self {
            Self::StorageRead => "storage_read",
            Self::ConsumeFuel => "consume_fuel",
            Self::EthCall => "eth_call",
            Self::GetBalance => "get_balance",
            Self::RemainingFuelAsGen => "remaining_fuel_as_gen",
            Self::NotifyNondetDisagreement => "notify_nondet_disagreement",
            Self::ConsumeResult => "consume_result",
            Self::ResolveCallcontractExecutor => match line {
                Line::V0_2 => "notify_finished",
                Line::V0_3 => "resolve_callcontract_executor",
            },
        }
    }
}

/// What a method comes to, where it comes to something.
pub(crate) type Answer<T> = Result<T, Status>;

/// A status that is not `ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// 1 of 0.3: the call reverted. 1 of 0.2: there is nothing.
    Reverted,
    /// 2.
    Forbidden,
}

/// All hosts of a run, and which answers what.
#[derive(Debug)]
pub(crate) struct Hosts {
    streams: Vec<Stream>,
    methods: Vec<u32>,
    line: Line,
}

impl Hosts {
    /// Connects to each host and greets it.
    pub(crate) fn connect(
        peers: &[Peer],
        hellos: &[subvm_calldata::Bytes],
        methods: Vec<u32>,
        line: Line,
        patience: Duration,
    ) -> Result<Self, PeerError> {
        let mut streams = Vec::new();
        for (number, peer) in peers.iter().enumerate() {
            let mut stream = Stream::connect(peer, &format!("host {number}"), patience)?;
            if let Some(hello) = hellos.get(number) {
                stream.exchange("hello").send(&hello.0)?;
            }
            streams.push(stream);
        }
        Ok(Self { streams, methods, line })
    }

    /// Sends a request and begins its answer.
    fn ask(&mut self, method: Method, request: &[&[u8]]) -> Result<Exchange<'_>, PeerError> {
        let what = method.name(self.line);
        let number = self.methods.get(method as usize).copied().unwrap_or(0);
        let hosts = self.streams.len();
        let stream = self.streams.get_mut(number as usize).ok_or_else(|| PeerError {
            peer: format!("host {number}"),
            what,
            at: 0,
            why: format!("method_hosts sends the method there, and there are {hosts} hosts"),
        })?;
        let mut exchange = stream.exchange(what);
        let bytes: Vec<u8> =
            [&[method as u8][..]].iter().chain(request).flat_map(|part| part.iter().copied()).collect();
        exchange.send(&bytes)?;
        Ok(exchange)
    }

    /// Fills `into` from a contract's storage, as `view` sees it.
    pub(crate) fn storage_read(
        &mut self,
        view: u8,
        address: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<Answer<()>, PeerError> {
        let length = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let request = [&[view][..], &address.0, &slot.0, &index.to_le_bytes(), &length.to_le_bytes()];
        let mut answer = self.ask(Method::StorageRead, &request)?;
        if let Err(status) = status(&mut answer)? {
            return Ok(Err(status));
        }
        answer.receive(into).map(Ok)
    }

    /// Tells what a model consumed. Nothing is answered.
    pub(crate) fn consume_fuel(&mut self, amount: &[u8; 32]) -> Result<(), PeerError> {
        let [first, rest @ ..] = amount.as_chunks::<8>().0 else { return Ok(()) };
        match self.line {
            Line::V0_2 if rest.iter().any(|word| *word != [0; 8]) => {
                self.ask(Method::ConsumeFuel, &[&[0xff; 8]])?;
            }
            Line::V0_2 => {
                self.ask(Method::ConsumeFuel, &[first])?;
            }
            Line::V0_3 => {
                self.ask(Method::ConsumeFuel, &[amount])?;
            }
        }
        Ok(())
    }

    pub(crate) fn eth_call(&mut self, address: &Address, calldata: &[u8]) -> Result<Answer<Vec<u8>>, PeerError> {
        let length = u32::try_from(calldata.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut answer = self.ask(Method::EthCall, &[&address.0, &length, calldata])?;
        if let Err(status) = status(&mut answer)? {
            return Ok(Err(status));
        }
        answer.slice(ANSWER).map(Ok)
    }

    /// A balance, as 256 bits, little-endian.
    pub(crate) fn get_balance(&mut self, address: &Address) -> Result<Answer<[u8; 32]>, PeerError> {
        let mut answer = self.ask(Method::GetBalance, &[&address.0])?;
        match status(&mut answer)? {
            Ok(()) => answer.array().map(Ok),
            Err(status) => Ok(Err(status)),
        }
    }

    /// What a model may still consume, as 256 bits, little-endian.
    pub(crate) fn remaining_fuel_as_gen(&mut self) -> Result<Answer<[u8; 32]>, PeerError> {
        let line = self.line;
        let mut answer = self.ask(Method::RemainingFuelAsGen, &[])?;
        if let Err(status) = status(&mut answer)? {
            return Ok(Err(status));
        }
        let mut amount = [0; 32];
        match line {
            Line::V0_2 => answer.receive(amount.get_mut(..8).unwrap_or_default())?,
            Line::V0_3 => answer.receive(&mut amount)?,
        }
        Ok(Ok(amount))
    }

    /// Tells that this validator does not agree with block `call`. Nothing is answered.
    pub(crate) fn notify_nondet_disagreement(&mut self, call: u32) -> Result<(), PeerError> {
        self.ask(Method::NotifyNondetDisagreement, &[&call.to_le_bytes()]).map(|_| ())
    }

    /// Hands over the result of the run.
    pub(crate) fn consume_result(&mut self, result: &[u8]) -> Result<(), PeerError> {
        let length = u32::try_from(result.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut answer = self.ask(Method::ConsumeResult, &[&length, result])?;
        acknowledged(&mut answer)
    }

    /// Whether a called contract is to run here: the version of the executor that the host wants, where it is another.
    pub(crate) fn resolve(&mut self, address: &Address, view: u8) -> Result<Answer<Option<Vec<u8>>>, PeerError> {
        let request = [&address.0[..], &[view, subvm_runners::root::CURRENT_MAJOR]];
        let mut answer = self.ask(Method::ResolveCallcontractExecutor, &request)?;
        if let Err(status) = status(&mut answer)? {
            return Ok(Err(status));
        }
        let bytes = answer.slice(4096)?;
        match subvm_calldata::Value::decode(&bytes) {
            Ok(subvm_calldata::Value::Null) => Ok(Ok(None)),
            Ok(subvm_calldata::Value::Bytes(version)) => Ok(Ok(Some(version))),
            _ => Err(answer.wrong("it is neither null nor bytes, in calldata")),
        }
    }

    /// Says good-bye.
    pub(crate) fn finish(&mut self) -> Result<(), PeerError> {
        if self.line == Line::V0_2 {
            let mut answer = self.ask(Method::ResolveCallcontractExecutor, &[])?;
            acknowledged(&mut answer)?;
        }
        self.streams.iter_mut().for_each(Stream::close);
        Ok(())
    }
}

fn status(answer: &mut Exchange<'_>) -> Result<Answer<()>, PeerError> {
    match answer.array()? {
        [0] => Ok(Ok(())),
        [1] => Ok(Err(Status::Reverted)),
        [2] => Ok(Err(Status::Forbidden)),
        [status] => Err(answer.wrong(format!("there is no status {status}"))),
    }
}

fn acknowledged(answer: &mut Exchange<'_>) -> Result<(), PeerError> {
    match answer.array()? {
        [0] => Ok(()),
        [other] => Err(answer.wrong(format!("it is {other}, where 0 acknowledges"))),
    }
}
