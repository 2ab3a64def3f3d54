//! What a node supplies to a run: five small traits, sync and object-safe, bundled in a [`Node`].
//!
//! Writes, messages and events are no calls here: they come out in the receipt, so that a run has no side effect until the node applies it.
//! A method that fails makes the run an internal error, never a contract's result, but for [`Rng::fill`], which becomes errno `io`.
//!
//! The least that a node can be, and a pattern to fill in:
//!
//! ```
//! use std::time::Duration;
//! use subvm_core::host::{Clock, Code, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream};
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
//!     fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<Vec<u8>, HostError> {
//!         Err("there is no layer below".into())
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
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{Address, Invalid, Package, SlotId, VmError};

mod observer;
pub mod page;

pub use observer::{Call, Catch, Event, Guarded, Observer};

/// Why a node's part could not do what it was asked; ends up in the cause chain of an [`InternalError`](crate::InternalError).
///
/// ```
/// use subvm_core::host::HostError;
/// let error: HostError = "the disk is gone".into();
/// let other = HostError::from(std::io::Error::other("the disk is gone"));
/// assert_eq!(error.to_string(), other.to_string());
/// ```
pub type HostError = Box<dyn core::error::Error + Send + Sync + 'static>;

/// Which of a chain's states is meant.
///
/// ```
/// use subvm_core::host::{Host, State};
/// use subvm_host_mock::MemoryHost;
/// # let account = subvm_core::Address([1; 20]);
/// let mut host = MemoryHost::new();
/// host.set_balance_in(State::Accepted, account, 5);
/// assert_eq!(host.balance(State::Accepted, &account)?[0], 5);
/// assert_eq!(host.balance(State::Finalized, &account)?[0], 0);
/// # Ok::<(), subvm_core::host::HostError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// With all that was accepted, and may still be rolled back.
    Accepted,
    /// With what was finalized only.
    Finalized,
}

/// Reads contracts' storage as it was before the run.
///
/// ```
/// use std::collections::BTreeMap;
/// use subvm_core::host::{HostError, State, Storage, page};
/// use subvm_core::{Address, SlotId};
///
/// struct Pages(BTreeMap<(SlotId, u32), [u8; page::OCTETS]>);
///
/// impl Storage for Pages {
///     fn read(&mut self, _: State, _: &Address, slot: &SlotId, index: u32, into: &mut [u8]) -> Result<(), HostError> {
///         into.fill(0);
///         for number in page::range(index, into.len())?.into_iter().flatten() {
///             if let Some(content) = self.0.get(&(*slot, number)) {
///                 page::place(into, index, number, content);
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let mut storage = Pages([((SlotId::default(), 0), [7; page::OCTETS])].into());
/// let mut octets = [0xff; 4];
/// storage.read(State::Accepted, &Address::default(), &SlotId::default(), 30, &mut octets)?;
/// assert_eq!(octets, [7, 7, 0, 0]);
/// # Ok::<(), HostError>(())
/// ```
pub trait Storage: Send + 'static {
    /// Fills `into` from `slot` of `contract`, starting at octet `index`. Octets never written are zero. `index + into.len()` is at most 2^32.
    /// The same arguments give the same octets throughout a run. Returns within the time that the node promises its operators.
    ///
    /// # Errors
    /// When the octets cannot be had.
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError>;
}

/// Tells time.
///
/// ```
/// use std::time::{Duration, Instant};
/// use subvm_core::host::Clock;
///
/// struct BlockTime { block: u64, started: Instant }
///
/// impl Clock for BlockTime {
///     fn transaction_time(&self) -> u64 {
///         self.block
///     }
///     fn elapsed(&self) -> Duration {
///         self.started.elapsed()
///     }
/// }
///
/// let clock = BlockTime { block: 1_704_067_200_000_000_000, started: Instant::now() };
/// assert_eq!(subvm_core::datetime(clock.transaction_time()), "2024-01-01T00:00:00Z");
/// ```
pub trait Clock: Send + 'static {
    /// The transaction's instant, in nanoseconds since 1970-01-01T00:00:00Z: the same on every node, and throughout a run.
    fn transaction_time(&self) -> u64;

    /// Time since a fixed moment, never going backwards: for deadlines and diagnostics, never for results.
    fn elapsed(&self) -> Duration;
}

/// Makes octets nobody can foresee, for non-deterministic mode.
///
/// ```
/// use std::{fs::File, io::Read};
/// use subvm_core::host::{HostError, Rng};
///
/// struct Urandom(File);
///
/// impl Rng for Urandom {
///     fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
///         Ok(self.0.read_exact(into)?)
///     }
/// }
/// # if cfg!(unix) {
///
/// let mut octets = [0; 32];
/// Urandom(File::open("/dev/urandom")?).fill(&mut octets)?;
/// assert_ne!(octets, [0; 32]);
/// # }
/// # Ok::<(), HostError>(())
/// ```
pub trait Rng: Send + 'static {
    /// Fills `into` with cryptographically secure random octets.
    ///
    /// # Errors
    /// When there are none; the guest sees errno `io`.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError>;
}

/// A stream that a guest writes to.
///
/// ```
/// use subvm_core::host::{Host, Stream};
/// let host = subvm_host_mock::MemoryHost::new();
/// host.clone().output(Stream::Stderr, b"careful");
/// assert_eq!(host.printed().stderr, b"careful");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
    /// `Trace` requests of `gl_call`.
    Trace,
}

/// What stands at an address.
///
/// ```
/// use subvm_core::{Outcome, VmError, host::Code};
/// /// What `subvm` could say of an address.
/// fn describe(code: &Code) -> String {
///     match code {
///         Code::Nothing => "no contract".into(),
///         Code::Package(package) => format!("a contract of {} octets", package.start.len()),
///         Code::Malformed(invalid) => VmError::InvalidContract(*invalid).to_string(),
///     }
/// }
/// assert_eq!(describe(&Code::Malformed(subvm_core::Invalid::Env)), "invalid_contract env");
/// ```
#[derive(Clone, Debug)]
pub enum Code {
    /// No contract.
    Nothing,
    /// A contract.
    Package(Arc<Package>),
    /// A contract whose [`Parts`](crate::Parts) make no package.
    Malformed(Invalid),
}

impl Code {
    /// The package, or what running it comes to.
    pub(crate) fn package(self) -> Result<Arc<Package>, VmError> {
        match self {
            Self::Nothing => Err(VmError::InvalidContract(Invalid::Package)),
            Self::Package(package) => Ok(package),
            Self::Malformed(invalid) => Err(VmError::InvalidContract(invalid)),
        }
    }
}

/// Knows the chain, and takes what guests print.
///
/// ```
/// use subvm_core::host::{Host, State};
/// use subvm_core::{Address, Outcome, calldata::Value};
/// use subvm_host_mock::{MemoryHost, play};
///
/// // This one is in memory; the module's documents show one written by hand.
/// let host = MemoryHost::new();
/// host.set_balance(Address::default(), 5);
/// let report = play(&host, |machine| {
///     let balance = machine.own_balance()?.unwrap();
///     machine.end_with("Return", balance)
/// });
/// assert_eq!(report.outcome, Outcome::Return(Value::from(5).encode().unwrap()));
/// assert_eq!(host.clone().balance(State::Accepted, &Address::default())?[0], 5);
/// # Ok::<(), subvm_core::host::HostError>(())
/// ```
pub trait Host: Send + 'static {
    /// The balance of `address`, a 256-bit little-endian integer.
    ///
    /// # Errors
    /// When it cannot be had.
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError>;

    /// What stands at `address`; the same on every node.
    ///
    /// # Errors
    /// When it cannot be had.
    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError>;

    /// The slots of `contract` that a run may not write. Asked once for each contract, when it starts.
    ///
    /// # Errors
    /// When they cannot be had.
    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError>;

    /// The result of a read-only call of `address` on the layer below.
    ///
    /// # Errors
    /// When it cannot be had.
    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<Vec<u8>, HostError>;

    /// Takes what a guest printed. It cannot fail: what is not wanted is dropped. A host caps what it keeps.
    fn output(&mut self, stream: Stream, octets: &[u8]);
}

/// A number under which a started request is waited for; unique within a run.
///
/// ```
/// use subvm_core::host::{Modules, RequestId};
/// # let mut host = subvm_host_mock::MemoryHost::new();
/// # (0..2).for_each(|_| host.answer(vec![0]));
/// assert_eq!([host.start(b"\x06")?, host.start(b"\x06")?], [RequestId(0), RequestId(1)]);
/// # Ok::<(), subvm_core::host::HostError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Where a request stands.
///
/// ```
/// use subvm_core::{calldata::{Map, Value}, host::Progress};
/// let result = Value::from(Map::from([("ok", "200")]));
/// let progress = Progress::Ready(result.encode().unwrap());
/// assert_ne!(progress, Progress::Pending);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not done; ask again.
    Pending,
    /// The canonical calldata of its result: `{"ok": ..}` or `{"error": ..}`.
    Ready(Vec<u8>),
}

/// Reaches the web and language models, for non-deterministic mode. Requests overlap: each is started without waiting.
///
/// ```
/// use std::{collections::BTreeMap, time::Duration};
/// use subvm_core::calldata::{Map, Value};
/// use subvm_core::host::{HostError, Modules, Progress, RequestId};
///
/// /// Answers each request at once, with the request.
/// #[derive(Default)]
/// struct Echo { next: u64, done: BTreeMap<RequestId, Vec<u8>> }
///
/// impl Modules for Echo {
///     fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
///         let answer = Value::from(Map::from([("ok", Value::decode(request)?)])).encode()?;
///         let id = RequestId(self.next);
///         self.next += 1;
///         self.done.insert(id, answer);
///         Ok(id)
///     }
///     fn wait(&mut self, id: RequestId, _at_most: Duration) -> Result<Progress, HostError> {
///         self.done.remove(&id).map(Progress::Ready).ok_or_else(|| "spent".into())
///     }
///     fn cancel(&mut self, id: RequestId) {
///         self.done.remove(&id);
///     }
/// }
///
/// let mut echo = Echo::default();
/// let (first, second) = (echo.start(b"\x09")?, echo.start(b"\x11")?);
/// echo.cancel(first);
/// assert_eq!(echo.wait(second, Duration::ZERO)?, Progress::Ready(b"\x0e\x02ok\x11".into()));
/// assert!(echo.wait(second, Duration::ZERO).is_err());
/// # Ok::<(), HostError>(())
/// ```
pub trait Modules: Send + 'static {
    /// Starts a request: its canonical calldata, `{"<name>": {fields}}` as `gl_call` was given it, already checked.
    ///
    /// # Errors
    /// When there is no such module. A module's own failure is a result, `{"error": ..}`.
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError>;

    /// Waits for a started request, `at_most` this long. After `Ready` the number is spent.
    ///
    /// # Errors
    /// When the number was never started, or is spent.
    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError>;

    /// Gives up a started request, whose result nobody will ask for.
    fn cancel(&mut self, id: RequestId);
}

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
