//! A node that keeps nothing: what is measured is the engine and the core.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, State, Storage, Stream};
use subvm_core::{Address, Package, SlotId};
use subvm_system::clock::SystemClock;
use subvm_system::random::SystemRng;

/// Where there is no contract.
const NOBODY: Address = Address([0xff; 20]);

/// A chain on which each address but one has the same package, no balance and no storage, and whose modules answer at once.
#[derive(Clone)]
struct Chain(Arc<Package>);

/// The node of one run of `package`.
pub(crate) fn node(package: &Arc<Package>) -> Node {
    let chain = Chain(Arc::clone(package));
    Node {
        storage: Box::new(chain.clone()),
        clock: Box::new(SystemClock::new(1_704_067_200_000_000_000)),
        rng: Box::new(SystemRng::new()),
        host: Box::new(chain.clone()),
        modules: Box::new(chain),
        observer: None,
    }
}

impl Storage for Chain {
    fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, into: &mut [u8]) -> Result<(), HostError> {
        into.fill(0);
        Ok(())
    }
}

impl Host for Chain {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, address: &Address) -> Result<Code, HostError> {
        Ok(if *address == NOBODY { Code::Nothing } else { Code::Package(Arc::clone(&self.0)) })
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, _: &[u8]) {}
}

impl Modules for Chain {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(0))
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        // {"ok": null}
        Ok(Progress::Ready(b"\x0e\x02ok\x00".to_vec()))
    }

    fn cancel(&mut self, _: RequestId) {}
}
