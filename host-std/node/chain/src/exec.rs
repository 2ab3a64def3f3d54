//! One call, run on a state. The core's `run` does it; this is the node that the run sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Observer, Progress, RequestId, Rng, State, Storage, Stream,
    page,
};
use subvm_core::{
    Address, Cancel, Engine, Entry, Gas, InternalError, Message, Package, Params, Report, Role, Run, SlotId,
};

use crate::call::Call;
use crate::runner::{About, Plain, Ran, Runner};
use crate::store::Store;

/// What a run that may ask has beside the chain: the web and models, random bytes, and patience.
pub struct Outside {
    /// The web and models.
    pub modules: Box<dyn Modules>,
    /// The secure generator.
    pub rng: Box<dyn Rng>,
    /// Diagnostics, where they are wanted.
    pub observer: Option<Box<dyn Observer>>,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// What calls it off.
    pub cancel: Option<Cancel>,
}

impl Default for Outside {
    /// Nothing: what a run has that must come to the same everywhere.
    fn default() -> Self {
        let (observer, deadline, cancel) = (None, None, None);
        Self { modules: Box::new(Nothing), rng: Box::new(Nothing), observer, deadline, cancel }
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// What a run needs that does not change: the engine and the parameters; and who runs it.
#[derive(Clone)]
pub(crate) struct Vm {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) params: Arc<Params>,
    pub(crate) chain_id: u64,
    pub(crate) runner: Arc<dyn Runner>,
    /// Threads on which the calls of a block run.
    pub(crate) threads: usize,
}

/// The two states that a run reads, and its instant.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) accepted: Store,
    pub(crate) finalized: Store,
    pub(crate) time: u64,
}

impl Vm {
    /// On one thread, by the core's own `run`.
    pub(crate) fn new(engine: Arc<dyn Engine>, params: Arc<Params>, chain_id: u64) -> Self {
        Self { engine, params, chain_id, runner: Arc::new(Plain), threads: 1 }
    }

    /// Runs a call whose result counts, whatever it is. Its money is its contract's while it runs.
    pub(crate) fn run(
        &self,
        seen: &Seen,
        call: &Call,
        role: Role,
        outside: Outside,
        about: &About,
    ) -> Result<Report, InternalError> {
        let cancel = outside.cancel.clone();
        let Ran { report, keep } = self.begin(call, role, node(seen.clone(), outside), cancel, about);
        keep.into_iter().for_each(|keep| keep());
        report
    }

    /// Runs a call on a node's parts. Whether its result counts, the caller knows.
    pub(crate) fn begin(&self, call: &Call, role: Role, parts: Parts, cancel: Option<Cancel>, about: &About) -> Ran {
        let Parts { mut node, deadline } = parts;
        let (contract, value, code) = (call.contract, call.value, call.code.clone());
        node.host = Box::new(Entered { contract, value, code, host: node.host });
        let run = self.message(call.message(self.chain_id), call.gas, role, (deadline, cancel));
        self.runner.run(Arc::clone(&self.engine), node, run, about)
    }

    /// Runs a message that changes nothing, with the gas of the parameters.
    pub(crate) fn view(&self, seen: Seen, message: Message, outside: Outside) -> Result<Report, InternalError> {
        let limits = &self.params.limits;
        let gas = Gas { time: limits.gas_time, storage: limits.gas_storage, data: limits.gas_data };
        let cancel = outside.cancel.clone();
        let Parts { node, deadline } = node(seen, outside);
        let run = self.message(message, gas, Role::Leader, (deadline, cancel));
        subvm_core::run(Arc::clone(&self.engine), node, run).1
    }

    fn message(
        &self,
        message: Message,
        gas: Gas,
        role: Role,
        (deadline, cancel): (Option<Duration>, Option<Cancel>),
    ) -> Run {
        let mut params = (*self.params).clone();
        params.limits.gas_time = gas.time.min(params.limits.gas_time);
        params.limits.gas_storage = gas.storage.min(params.limits.gas_storage);
        params.limits.gas_data = gas.data.min(params.limits.gas_data);
        let (entry, params, state) = (Entry::Contract, Arc::new(params), State::Accepted);
        Run { message, entry, role, params, state, deadline, cancel }
    }
}

/// What a run is given: the parts of a node, and how long it may take.
pub(crate) struct Parts {
    pub(crate) node: Node,
    pub(crate) deadline: Option<Duration>,
}

/// The parts of a node over these states.
pub(crate) fn node(seen: Seen, outside: Outside) -> Parts {
    let Outside { modules, rng, observer, deadline, cancel: _ } = outside;
    let view = View { seen: Arc::new(seen), began: Instant::now() };
    let (storage, clock, host) = (Box::new(view.clone()), Box::new(view.clone()), Box::new(view));
    Parts { node: Node { storage, clock, rng, host, modules, observer }, deadline }
}

/// The chain as a call finds it that is entered: with what it brings along.
struct Entered {
    contract: Address,
    value: u128,
    code: Option<Arc<Package>>,
    host: Box<dyn Host>,
}

impl Host for Entered {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let bytes = self.host.balance(state, address)?;
        if state != State::Accepted || *address != self.contract {
            return Ok(bytes);
        }
        Ok(amount(amount_of(&bytes).saturating_add(self.value)))
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        match &self.code {
            Some(code) if state == State::Accepted && *address == self.contract => Ok(Code::Package(Arc::clone(code))),
            _ => self.host.code(state, address),
        }
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        self.host.locked_slots(contract)
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        self.host.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.host.output(stream, bytes);
    }
}

/// An amount, as runs see it: all money of a chain has less than 128 bits.
pub(crate) fn amount(amount: u128) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&amount.to_le_bytes());
    bytes
}

/// The same, back; the most there can be where it is beyond that.
pub(crate) fn amount_of(bytes: &[u8; 32]) -> u128 {
    let [low, high] = [0, 16].map(|at| bytes[at..].first_chunk().map_or(0, |half| u128::from_le_bytes(*half)));
    if high > 0 { u128::MAX } else { low }
}

#[derive(Clone)]
struct View {
    seen: Arc<Seen>,
    began: Instant,
}

impl View {
    fn of(&self, state: State) -> &Store {
        match state {
            State::Accepted => &self.seen.accepted,
            State::Finalized => &self.seen.finalized,
        }
    }
}

impl Storage for View {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        into.fill(0);
        for number in page::range(index, into.len())?.into_iter().flatten() {
            if let Some(content) = self.of(state).page(contract, slot, number) {
                page::place(into, index, number, content);
            }
        }
        Ok(())
    }
}

impl Clock for View {
    fn transaction_time(&self) -> u64 {
        self.seen.time
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Host for View {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        Ok(amount(self.of(state).account(address).balance))
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        Ok(self.of(state).code(address).map_or(Code::Nothing, |package| Code::Package(Arc::<Package>::clone(package))))
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        // There is no layer below.
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, _: &[u8]) {}
}

/// No web, no models, no random bytes.
struct Nothing;

impl Modules for Nothing {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Err("this run has no modules: it takes its leader's results".into())
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        Err(format!("request {} was never started", id.0).into())
    }

    fn cancel(&mut self, _: RequestId) {}
}

impl Rng for Nothing {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
        Err("this run has no random bytes: it takes its leader's results".into())
    }
}
