//! A small chain to try things on: for examples, tests and simulations.

use ed25519_dalek::SigningKey;
use subvm_core::{Address, Gas, Params};

use crate::genesis::{Genesis, Rules, Validator};
use crate::ids::address;
use crate::tx::{Action, SignedTx, Tx};

/// The number of the sample's chain.
pub const CHAIN_ID: u64 = 61_999;
/// Accounts that have money at the beginning.
pub const ACCOUNTS: u8 = 8;
/// What each has.
pub const BALANCE: u128 = 1_000_000_000_000_000;

/// The key of a validator: known to everybody.
#[must_use]
pub fn signer(validator: u16) -> SigningKey {
    SigningKey::from_bytes(&crate::ids::digest("sample validator", &[&validator.to_le_bytes()]))
}

/// A validator's address.
#[must_use]
pub fn validator(number: u16) -> Address {
    address(&signer(number).verifying_key().to_bytes())
}

/// The key of an account.
#[must_use]
pub fn account(number: u8) -> SigningKey {
    SigningKey::from_bytes(&crate::ids::digest("sample account", &[&[number]]))
}

/// An account's address.
#[must_use]
pub fn holder(number: u8) -> Address {
    address(&account(number).verifying_key().to_bytes())
}

/// So many validators of the same power, some accounts, no contracts.
#[must_use]
pub fn genesis(validators: u16) -> Genesis {
    let one = |number| Validator { key: signer(number).verifying_key().to_bytes(), power: 1 };
    Genesis {
        chain_id: CHAIN_ID,
        time: 1_767_225_600_000_000_000,
        validators: (0..validators).map(one).collect(),
        balances: (0..ACCOUNTS).map(|number| (holder(number), BALANCE)).collect(),
        contracts: Vec::new(),
        rules: Rules::default(),
        params: Params::default(),
    }
}

/// A transaction of an account, with gas enough for small things.
#[must_use]
pub fn tx(from: u8, nonce: u64, nondet: bool, action: Action) -> SignedTx {
    let key = account(from);
    let gas = Gas { time: 10_000_000, storage: 1_000, data: 100_000 };
    let from = key.verifying_key().to_bytes();
    SignedTx::sign(Tx { chain_id: CHAIN_ID, from, nonce, gas, nondet, action }, &key)
}
