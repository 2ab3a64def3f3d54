//! Names of things: digests that say of what.

use std::fmt;
use std::str::FromStr;

use subvm_core::Address;

/// An ed25519 public key, as its 32 bytes.
pub type Key = [u8; 32];

/// The address of who holds a key: of an account, and of a validator. The first 20 bytes of the key's BLAKE3.
///
/// ```
/// assert_ne!(subvm_chain::address(&[1; 32]), subvm_chain::address(&[2; 32]));
/// ```
#[must_use]
pub fn address(key: &Key) -> Address {
    of_parts("account", &[key])
}

/// The address of the contract that an account deploys with its transaction of this number.
#[must_use]
pub fn contract_address(from: &Address, nonce: u64) -> Address {
    of_parts("contract", &[&from.0, &nonce.to_le_bytes()])
}

/// The hash of some parts, told from the hashes of all other kinds of things, and of other parts of the same bytes.
pub(crate) fn digest(kind: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(&format!("subvm chain, version 1: {kind}"));
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

pub(crate) fn of_parts(kind: &str, parts: &[&[u8]]) -> Address {
    let mut address = Address::default();
    address.0.copy_from_slice(&digest(kind, parts)[..20]);
    address
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        ///
        /// Written and read as 64 hexadecimal digits, lower-case when written.
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let digits = text.as_bytes();
                if digits.len() != 64 {
                    return Err(NotAName);
                }
                let mut bytes = [0; 32];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
                    let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(NotAName);
                    *byte = (digit(0)? << 4 | digit(1)?) as u8;
                }
                Ok(Self(bytes))
            }
        }
    )*};
}

names!(
    /// A transaction: the hash of what was signed.
    TxId,
    /// A block: the hash of its header.
    BlockId,
    /// A call of a contract. A transaction's own has the transaction's bytes; messages that contracts send have others.
    CallId
);

impl From<TxId> for CallId {
    fn from(tx: TxId) -> Self {
        Self(tx.0)
    }
}

/// A text is no name of 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name: it takes 64 hexadecimal digits")
    }
}

impl std::error::Error for NotAName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = TxId([0xa5; 32]);
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "a5", &"g5".repeat(32), &"a5".repeat(33), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<TxId>(), Err(NotAName), "{wrong}");
        }
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(digest("x", &[b"ab", b"c"]), digest("x", &[b"a", b"bc"]));
        assert_ne!(digest("x", &[b"ab"]), digest("y", &[b"ab"]));
    }
}
