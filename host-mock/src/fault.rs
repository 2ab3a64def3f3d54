//! Parts that fail at a chosen call.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_core::{InternalErrorKind, run};
//! use subvm_host_mock::{MemoryHost, ScriptedEngine, fault::{Fault, failing_at}};
//! # use subvm_core::{Entry, Message, Role, Run, host::State};
//! # let transaction = Run {
//! #     message: Message::default(),
//! #     entry: Entry::Contract,
//! #     role: Role::Leader,
//! #     params: Arc::default(),
//! #     state: State::Accepted,
//! #     deadline: None,
//! #     cancel: None,
//! # };
//!
//! // The first thing that a run asks for is the contract's code.
//! let (node, _) = failing_at(MemoryHost::new().node(), 0, Fault::Error);
//! let (_, report) = run(Arc::new(ScriptedEngine::new()), node, transaction);
//! assert_eq!(report.unwrap_err().kind(), InternalErrorKind::Host);
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, SlotId};

/// What a part does at the chosen call.
///
/// ```
/// use subvm_core::host::{Host, State};
/// use subvm_host_mock::{MemoryHost, fault::{Fault, failing_at}};
/// let (mut node, _) = failing_at(MemoryHost::new().node(), 0, Fault::Error);
/// assert!(node.host.balance(State::Accepted, &Default::default()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers with an error.
    Error,
    /// It panics.
    Panic,
}

/// Makes the `nth` fallible call of any of the node's parts, counted from 0, fail. Counts on for later calls, which work.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
/// use subvm_core::host::State;
/// use subvm_host_mock::{MemoryHost, fault::{Fault, failing_at}};
/// let (mut node, calls) = failing_at(MemoryHost::new().node(), 1, Fault::Error);
/// let outcomes = [0, 1, 2].map(|_| node.host.balance(State::Accepted, &Default::default()).is_ok());
/// assert_eq!((outcomes, calls.load(Relaxed)), ([true, false, true], 3));
/// ```
#[must_use]
pub fn failing_at(node: Node, nth: u64, fault: Fault) -> (Node, Arc<AtomicU64>) {
    wrap(node, nth, fault, false)
}

/// Makes the `nth` call of any of the node's parts panic, counted from 0: also of what has no error to answer with, such as
/// [`Clock`] and [`Modules::cancel`]. Counts on for later calls, which work.
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
/// use subvm_host_mock::{MemoryHost, fault::panicking_at};
/// let (node, _) = panicking_at(MemoryHost::new().node(), 0);
/// assert!(catch_unwind(AssertUnwindSafe(|| node.clock.elapsed())).is_err());
/// assert_eq!(node.clock.transaction_time(), 0);
/// ```
#[must_use]
pub fn panicking_at(node: Node, nth: u64) -> (Node, Arc<AtomicU64>) {
    wrap(node, nth, Fault::Panic, true)
}

fn wrap(node: Node, nth: u64, fault: Fault, every_call: bool) -> (Node, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let trip = || Trip { calls: Arc::clone(&calls), nth, fault, every_call };
    let node = Node {
        storage: Box::new(Faulty { part: node.storage, trip: trip() }),
        clock: Box::new(Faulty { part: node.clock, trip: trip() }),
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
    /// Whether calls count that cannot fail.
    every_call: bool,
}

impl Trip {
    /// A call that cannot fail, but panic.
    fn pass_infallible(&self, what: &str) {
        if self.every_call {
            // The only fault is a panic then.
            let _ = self.pass(what);
        }
    }

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

impl Clock for Faulty<dyn Clock> {
    fn transaction_time(&self) -> u64 {
        self.trip.pass_infallible("the transaction's time");
        self.part.transaction_time()
    }

    fn elapsed(&self) -> Duration {
        self.trip.pass_infallible("elapsed time");
        self.part.elapsed()
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

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        self.trip.pass("a call below")?;
        self.part.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.trip.pass_infallible("output");
        self.part.output(stream, bytes);
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
        self.trip.pass_infallible("giving up a request");
        self.part.cancel(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryHost, ScriptedEngine};
    use subvm_core::calldata::{Map, Value};
    use subvm_core::{Entry, InternalErrorKind, Message, Mode, Role, Run, run};

    /// A program that prints, and starts a request that nobody waits for.
    fn program() -> (Arc<ScriptedEngine>, MemoryHost) {
        let mut engine = ScriptedEngine::new();
        let package = engine.script(|machine| {
            machine.mem()[..4].copy_from_slice(&64u32.to_le_bytes());
            machine.mem()[4..8].copy_from_slice(&2u32.to_le_bytes());
            machine.wasi("fd_write", &[1, 0, 1, 8])?;
            let request = Map::from([
                ("body", Value::Null),
                ("headers", Map::new().into()),
                ("method", "GET".into()),
                ("url", "https://a/".into()),
            ]);
            assert!(matches!(machine.gl_call("WebRequest", request)?, Ok(Some(_))));
            Ok(())
        });
        let host = MemoryHost::new();
        host.deploy(Address::default(), package);
        (Arc::new(engine), host)
    }

    /// What the run came to, and how many calls it made of the node's parts.
    fn at(nth: u64) -> (Option<InternalErrorKind>, u64) {
        let (engine, host) = program();
        host.answer(b"\x00".to_vec());
        let (node, calls) = panicking_at(host.node(), nth);
        let run_this = Run {
            message: Message::default(),
            entry: Entry::Program { mode: Mode::NonDeterministic, stdin: None },
            role: Role::Leader,
            params: Arc::default(),
            state: State::Accepted,
            deadline: Some(Duration::from_secs(60)),
            cancel: None,
        };
        let error = run(engine, node, run_this).1.err().map(|error| error.kind());
        (error, calls.load(Ordering::SeqCst))
    }

    #[test]
    fn a_part_that_panics_anywhere_makes_an_internal_error() {
        let (error, calls) = at(u64::MAX);
        assert_eq!(error, None);
        assert!(calls >= 7, "output, starting and giving up a request are counted, too: {calls}");
        for nth in 0..calls {
            assert_eq!(at(nth), (Some(InternalErrorKind::Bug), nth + 1), "call {nth}");
        }
    }
}
