//! Identifiers: newtypes, so that one is never taken for another.

use core::fmt;

pub use subvm_calldata::Address;

/// The 32 bytes that name a storage slot within a contract.
///
/// ```
/// assert_eq!(subvm_core::SlotId([1; 32]).to_string(), "01".repeat(32));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SlotId(pub [u8; 32]);

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|o| write!(f, "{o:02x}"))
}

/// Lower-case hexadecimal, 64 digits, no prefix.
impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotId({self})")
    }
}

/// Whether every node must reproduce a sub-VM to the byte.
///
/// ```
/// use subvm_core::{Entry, Mode};
/// let script = Entry::Program { mode: Mode::NonDeterministic, stdin: None };
/// assert!(matches!(script, Entry::Program { mode: Mode::NonDeterministic, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It must.
    Deterministic,
    /// It need not: a leader proposes the result, and validators check it.
    NonDeterministic,
}

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
