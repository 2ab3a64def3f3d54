//! One call, run on a state. The core's `run` does it; this is the node that the run sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Observer, Progress, RequestId, Rng, State, Storage, Stream,
    page,
};
use subvm_core::{
    Address, Cancel, Engine, Entry, Gas, InternalError, Message, Package, Params, Report, Role, Run, SlotId, run,
};

use crate::call::Call;
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

/// What a run needs that does not change: the engine and the parameters.
#[derive(Clone)]
pub(crate) struct Vm {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) params: Arc<Params>,
    pub(crate) chain_id: u64,
}

/// The two states that a run reads, and its instant.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) accepted: Store,
    pub(crate) finalized: Store,
    pub(crate) time: u64,
}

impl Vm {
    /// Runs a call. Its money is its contract's while it runs.
    pub(crate) fn run(&self, seen: &Seen, call: &Call, role: Role, outside: Outside) -> Result<Report, InternalError> {
        let mut seen = seen.clone();
        seen.accepted.change(call.contract, |account| account.balance = account.balance.saturating_add(call.value));
        if let Some(code) = &call.code {
            seen.accepted.deploy(call.contract, Arc::clone(code));
        }
        self.run_message(seen, call.message(self.chain_id), call.gas, role, outside)
    }

    /// Runs a message that changes nothing, with the gas of the parameters.
    pub(crate) fn view(&self, seen: Seen, message: Message, outside: Outside) -> Result<Report, InternalError> {
        let limits = &self.params.limits;
        let gas = Gas { time: limits.gas_time, storage: limits.gas_storage, data: limits.gas_data };
        self.run_message(seen, message, gas, Role::Leader, outside)
    }

    fn run_message(
        &self,
        seen: Seen,
        message: Message,
        gas: Gas,
        role: Role,
        outside: Outside,
    ) -> Result<Report, InternalError> {
        let mut params = (*self.params).clone();
        params.limits.gas_time = gas.time.min(params.limits.gas_time);
        params.limits.gas_storage = gas.storage.min(params.limits.gas_storage);
        params.limits.gas_data = gas.data.min(params.limits.gas_data);
        let Outside { modules, rng, observer, deadline, cancel } = outside;
        let view = View { seen: Arc::new(seen), began: Instant::now() };
        let node = Node {
            storage: Box::new(view.clone()),
            clock: Box::new(view.clone()),
            rng,
            host: Box::new(view),
            modules,
            observer,
        };
        let (entry, params, state) = (Entry::Contract, Arc::new(params), State::Accepted);
        run(Arc::clone(&self.engine), node, Run { message, entry, role, params, state, deadline, cancel }).1
    }
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
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.of(state).account(address).balance.to_le_bytes());
        Ok(bytes)
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
