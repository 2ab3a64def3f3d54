//! Identifiers: newtypes, so that one is never taken for another.

use core::fmt;

/// The 20 bytes that name an account or a contract.
///
/// ```
/// assert_eq!(subvm_core::Address([0xab; 20]).to_string(), "ab".repeat(20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

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

/// Lower-case hexadecimal, 40 digits, no prefix.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
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
