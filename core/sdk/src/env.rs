//! Time, randomness, balances, and words for whoever runs the node.

use subvm_calldata::Address;

use crate::{U256, host, rt};

/// The transaction's instant, in nanoseconds since 1970. In a non-deterministic block it goes on.
///
/// ```no_run
/// assert!(subvm_sdk::env::now() / 1_000_000_000 > 1_700_000_000, "seconds");
/// ```
///
/// # Cost
/// A host call.
#[must_use]
pub fn now() -> u64 {
    rt::or_end(host::now())
}

/// Random bytes. In deterministic mode all nodes get the same, and whoever knows the transaction can know them before: nothing to bet on.
///
/// ```no_run
/// let [die] = subvm_sdk::env::random::<1>();
/// println!("{}", die % 6 + 1);
/// ```
///
/// # Cost
/// A host call, and seeding the generator at the first.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rt::or_end(host::random(&mut bytes));
    bytes
}

/// What the contract has, less what this run has sent.
///
/// # Cost
/// A host call.
#[must_use]
pub fn own_balance() -> U256 {
    U256::from_le_bytes(rt::or_end(host::balance(None)))
}

/// What an account has.
///
/// # Cost
/// A host call.
#[must_use]
pub fn balance(of: Address) -> U256 {
    U256::from_le_bytes(rt::or_end(host::balance(Some(&of.0))))
}

/// Says something to whoever runs the node: it is no part of the result, and never fails.
///
/// # Cost
/// A host call.
pub fn print(text: &str) {
    // Nothing depends on it.
    let _ = host::print(text);
}
