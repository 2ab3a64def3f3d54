//! The node of an initialisation: one program, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Observer, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, Package, SlotId};

/// Bytes of what was printed that are kept: the last ones.
const PRINTED: usize = 4_096;

/// What was printed.
pub(crate) type Printed = Arc<Mutex<Vec<u8>>>;

/// A node with one program; `observer` refuses what it has not.
pub(crate) fn node(package: Arc<Package>, observer: impl Observer) -> (Node, Printed) {
    let printed = Printed::default();
    let node = Node {
        storage: Box::new(Nothing),
        clock: Box::new(Nothing),
        rng: Box::new(Nothing),
        host: Box::new(Program { package, printed: printed.clone() }),
        modules: Box::new(Nothing),
        observer: Some(Box::new(observer)),
    };
    (node, printed)
}

/// What was printed, in one line.
pub(crate) fn text(printed: &Printed) -> String {
    let bytes = printed.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

struct Nothing;

const NOTHING: &str = "an initialisation has no chain and no modules";

impl Storage for Nothing {
    fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, into: &mut [u8]) -> Result<(), HostError> {
        into.fill(0);
        Ok(())
    }
}

impl Clock for Nothing {
    fn transaction_time(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

impl Rng for Nothing {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
        Err(NOTHING.into())
    }
}

impl Modules for Nothing {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Err(NOTHING.into())
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        Err(NOTHING.into())
    }

    fn cancel(&mut self, _: RequestId) {}
}

struct Program {
    package: Arc<Package>,
    printed: Printed,
}

impl Host for Program {
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

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.extend_from_slice(bytes);
        let over = printed.len().saturating_sub(PRINTED);
        printed.drain(..over);
    }
}
