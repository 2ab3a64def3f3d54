//! The name of an account or a contract.

use core::fmt;

/// The 20 bytes that name an account or a contract.
///
/// ```
/// assert_eq!(subvm_calldata::Address([0xab; 20]).to_string(), "ab".repeat(20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

/// Lower-case hexadecimal, 40 digits, no prefix.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}
