//! What a node supplies to a run: five small traits, sync and object-safe, bundled in a [`Node`].
//!
//! Writes, messages and events are no calls here: they come out in the receipt, so that a run has no side effect until the node applies it.
//! A method that fails makes the run an internal error, never a contract's result, but for [`Rng::fill`], which becomes errno `io`.
//!
//! The least that a node can be, and a pattern to fill in:
//!
//! ```
//! use std::time::Duration;
//! use subvm_core::host::{Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream};
//! use subvm_core::{Address, SlotId};
//!
//! /// A node that has nothing.
//! struct Nothing;
//!
//! impl Storage for Nothing {
//!     fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, into: &mut [u8]) -> Result<(), HostError> {
//!         into.fill(0);
//!         Ok(())
//!     }
//! }
//!
//! impl Clock for Nothing {
//!     fn transaction_time(&self) -> u64 {
//!         1_704_067_200_000_000_000
//!     }
//!     fn elapsed(&self) -> Duration {
//!         Duration::ZERO
//!     }
//! }
//!
//! impl Rng for Nothing {
//!     fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
//!         Err("there is no generator".into())
//!     }
//! }
//!
//! impl Host for Nothing {
//!     fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
//!         Ok([0; 32])
//!     }
//!     fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
//!         Ok(Code::Nothing)
//!     }
//!     fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
//!         Ok(Vec::new())
//!     }
//!     fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
//!         Ok(EthAnswer::Refused)
//!     }
//!     fn output(&mut self, _: Stream, _: &[u8]) {}
//! }
//!
//! impl Modules for Nothing {
//!     fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
//!         Err("there are no modules".into())
//!     }
//!     fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
//!         Err("nothing was started".into())
//!     }
//!     fn cancel(&mut self, _: RequestId) {}
//! }
//!
//! impl Nothing {
//!     fn node() -> Node {
//!         Node {
//!             storage: Box::new(Nothing),
//!             clock: Box::new(Nothing),
//!             rng: Box::new(Nothing),
//!             host: Box::new(Nothing),
//!             modules: Box::new(Nothing),
//!             observer: None,
//!         }
//!     }
//! }
//!
//! let node = Nothing::node();
//! assert_eq!(node.clock.transaction_time() % 1_000_000_000, 0);
//! ```

use alloc::boxed::Box;

mod chain;
mod clock;
mod modules;
mod observer;
mod patience;
mod rng;
mod storage;

pub use chain::{Code, EthAnswer, Host, Stream};
pub use clock::Clock;
pub use modules::{Modules, Progress, RequestId};
pub use observer::{Call, Catch, Event, Guarded, Observer};
pub use patience::Patience;
pub use rng::Rng;
pub use storage::Storage;

pub use crate::consensus::page;
pub use crate::ids::State;
pub use crate::outcome::HostError;

/// All that a node supplies to one run. A run takes it whole and hands it back however it ends.
///
/// ```
/// use subvm_core::host::Node;
/// use subvm_host_mock::{MemoryHost, trace::Trace};
/// let trace = Trace::new();
/// let node = Node { observer: Some(Box::new(trace.clone())), ..MemoryHost::new().node() };
/// assert_eq!(node.clock.transaction_time(), 0);
/// ```
pub struct Node {
    /// The state before the run.
    pub storage: Box<dyn Storage>,
    /// The transaction's instant and elapsed time.
    pub clock: Box<dyn Clock>,
    /// The secure generator.
    pub rng: Box<dyn Rng>,
    /// Balances, code, output.
    pub host: Box<dyn Host>,
    /// Web and models.
    pub modules: Box<dyn Modules>,
    /// Diagnostics, where they are wanted. [`run`](crate::run) lets no panic of theirs through, where its engine can catch.
    pub observer: Option<Box<dyn Observer>>,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}
