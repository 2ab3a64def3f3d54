//! How a chain begins, and its rules.

use std::fmt;
use std::sync::Arc;

use subvm_core::{Address, Gas, Package, Params};

use crate::ids::{Key, address};

/// Who validates, and with which share of the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its public key.
    pub key: Key,
    /// Its share of the power, against the sum of all.
    pub power: u64,
}

/// What things cost, in the chain's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// A transaction, and each message that one leads to.
    pub base: u128,
    /// A byte of a transaction.
    pub byte: u128,
    /// A tick of time gas.
    pub time: u128,
    /// A page of storage gas.
    pub storage: u128,
    /// A byte of data gas.
    pub data: u128,
    /// The work of those who vote on a result.
    pub vote: u128,
}

impl Prices {
    /// What so much gas costs.
    #[must_use]
    pub fn of(&self, gas: &Gas) -> u128 {
        [(gas.time, self.time), (gas.storage, self.storage), (gas.data, self.data)]
            .iter()
            .fold(0, |sum: u128, (used, price)| sum.saturating_add(u128::from(*used).saturating_mul(*price)))
    }
}

/// What all nodes must have in common beside the core's [`Params`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What things cost.
    pub prices: Prices,
    /// The most that one transaction may ask for, with all that it leads to.
    pub tx_gas: Gas,
    /// Bytes of a transaction.
    pub tx_bytes: u64,
    /// Bytes of a block without its ballots.
    pub block_bytes: u64,
    /// Ticks, by their limits, that a block works off; the rest waits for the next.
    pub block_time: u64,
    /// Ticks, by their limits, that may wait in line before blocks take no more transactions.
    pub backlog: u64,
    /// Validators in the first committee that judges a result; each appeal doubles it, and adds one.
    pub committee: u16,
    /// Blocks that a call waits for a leader. This phase and the next two last for one block more than there can be liars at least.
    pub propose_blocks: u64,
    /// Blocks in which committed ballots are taken.
    pub commit_blocks: u64,
    /// Blocks after them in which ballots are opened.
    pub reveal_blocks: u64,
    /// Blocks after which what was decided is final, where nobody appeals.
    pub finality: u64,
    /// What an appeal leaves as a bond.
    pub bond: u128,
}

impl Default for Rules {
    /// Prices of 1 a tick, 1,000 a page, 10 a byte; blocks of 4 MiB and 4 transactions' full time; committees of 7; 8 blocks for each phase;
    /// final after 16.
    fn default() -> Self {
        Self {
            prices: Prices { base: 10_000, byte: 10, time: 1, storage: 1_000, data: 10, vote: 1_000_000 },
            tx_gas: Gas { time: subvm_core::costs::GAS_TIME, storage: 1 << 16, data: 16 << 20 },
            tx_bytes: 1 << 20,
            block_bytes: 4 << 20,
            block_time: 4 * subvm_core::costs::GAS_TIME,
            backlog: 64 * subvm_core::costs::GAS_TIME,
            committee: 7,
            propose_blocks: 32,
            commit_blocks: 8,
            reveal_blocks: 8,
            finality: 16,
            bond: 100_000_000,
        }
    }
}

/// How a chain begins.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// What tells it from all others.
    pub chain_id: u64,
    /// The instant of the beginning, in nanoseconds since 1970.
    pub time: u64,
    /// Who validates; a validator's number is its place here.
    pub validators: Vec<Validator>,
    /// Who has how much.
    pub balances: Vec<(Address, u128)>,
    /// What is there, without that a constructor ran.
    pub contracts: Vec<(Address, Arc<Package>)>,
    /// The chain's rules.
    pub rules: Rules,
    /// The core's.
    pub params: Params,
}

impl Genesis {
    /// The number of a validator.
    #[must_use]
    pub fn validator(&self, who: &Address) -> Option<u16> {
        self.validators.iter().position(|validator| address(&validator.key) == *who).map(|at| at as u16)
    }

    /// The power of some of the validators.
    #[must_use]
    pub fn power(&self, of: impl IntoIterator<Item = u16>) -> u64 {
        of.into_iter().filter_map(|number| self.validators.get(usize::from(number))).map(|one| one.power).sum()
    }

    /// The power of all.
    #[must_use]
    pub fn whole_power(&self) -> u64 {
        self.validators.iter().map(|one| one.power).sum()
    }

    /// Leaders that a call may have one after the other: one more than can be liars.
    #[must_use]
    pub fn leaders(&self) -> usize {
        (self.validators.len().saturating_sub(1)) / 3 + 1
    }

    /// Blocks that a phase of so many lasts: so many that one of them at least has an honest proposer, whatever the rules say.
    pub(crate) fn phase(&self, blocks: u64) -> u64 {
        blocks.max(self.leaders() as u64 + 1)
    }

    pub(crate) fn check(&self) -> Result<(), GenesisError> {
        let keys: std::collections::BTreeSet<_> = self.validators.iter().map(|one| one.key).collect();
        let power = self.validators.iter().try_fold(0_u64, |sum, one| sum.checked_add(one.power));
        let supply = self.balances.iter().try_fold(0_u128, |sum, (_, balance)| sum.checked_add(*balance));
        let rules = &self.rules;
        let says = [
            (self.validators.is_empty() || self.validators.len() > 1_000, "it takes 1 to 1,000 validators"),
            (keys.len() != self.validators.len(), "two validators have the same key"),
            (self.validators.iter().any(|one| one.power == 0), "a validator has no power"),
            (power.is_none_or(|power| power > u64::MAX / 4), "the validators' power is too large"),
            (supply.is_none_or(|supply| supply > u128::MAX / 4), "there is more money than 2^126"),
            (rules.committee == 0, "`committee` is 0"),
            (rules.tx_bytes > rules.block_bytes, "`tx_bytes` is more than `block_bytes`"),
            (rules.tx_gas.time > rules.block_time, "the time of `tx_gas` is more than `block_time`"),
            (
                [rules.propose_blocks, rules.commit_blocks, rules.reveal_blocks, rules.finality].contains(&0),
                "a number of blocks is 0",
            ),
        ];
        says.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, what)| Err(GenesisError(what)))
    }
}

/// Why a chain cannot begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenesisError(pub(crate) &'static str);

impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a chain cannot begin so: {}", self.0)
    }
}

impl std::error::Error for GenesisError {}
