//! What stands on the chain, and where output goes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{HostError, State};
use crate::consensus::package::Package;
use crate::ids::{Address, SlotId};
use crate::outcome::{Invalid, VmError};

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
///         Code::Package(package) => format!("a contract of {} bytes", package.start.len()),
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

/// What a read-only call of the layer below comes to; the same on every node.
///
/// ```
/// use subvm_core::{Address, Outcome, calldata::{Map, Value}, host::{EthAnswer, State}};
/// use subvm_host_mock::{MemoryHost, play};
/// let host = MemoryHost::new();
/// host.set_eth_answer(State::Accepted, Address::default(), EthAnswer::Reverted(b"\x08\xc3\x79\xa0".to_vec()));
/// let report = play(&host, |machine| {
///     let call = Map::from([("address", Value::Address(Address::default())), ("calldata", Value::Bytes(Vec::new()))]);
///     let answer = machine.request("EthCall", Value::Map(call))?.unwrap();
///     machine.end_with("Return", Value::Bytes(answer))
/// });
/// let reverted = Value::Map(Map::from([("revert", Value::Bytes(b"\x08\xc3\x79\xa0".to_vec()))])).encode().unwrap();
/// assert_eq!(report.outcome, Outcome::Return(Value::Bytes(reverted).encode().unwrap()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EthAnswer {
    /// It returned these bytes.
    Returned(Vec<u8>),
    /// It reverted, with these bytes.
    Reverted(Vec<u8>),
    /// It was not made, and would be on no node: there is no layer below, or that layer refuses the call.
    Refused,
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

    /// What a read-only call of `address` on the layer below comes to; the same on every node.
    ///
    /// # Errors
    /// When it cannot be had: this node's failure, of which the guest learns nothing. A call that reverts or is refused is an answer.
    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError>;

    /// Takes what a guest printed. It cannot fail: what is not wanted is dropped. A host caps what it keeps.
    fn output(&mut self, stream: Stream, bytes: &[u8]);
}
