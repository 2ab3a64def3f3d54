//! Non-deterministic blocks: a leader's answer, checked by every validator.
//!
//! ```no_run
//! use subvm_sdk::prelude::*;
//! # fn main() -> Result<()> {
//! # let url = String::new();
//! // All must see the same text.
//! let page: String = nondet::run(nondet::Strict, &url, |url: String| web::get(&url)?.text())?;
//! // A percent more or less will do.
//! let near = nondet::Numeric { abs: 0, rel_ppm: 10_000 };
//! let price: u64 = nondet::run(near, &url, |url: String| web::get(&url)?.text()?.trim().parse().map_err(|_| Error::from("no number")))?;
//! // A model says whether two answers say the same.
//! let same = nondet::Comparative { principle: "they name the same winner" };
//! let winner: String = nondet::run(same, &url, |url: String| model::ask(&format!("Who won? {}", web::get(&url)?.text()?)))?;
//! // A check of one's own.
//! let sorted: Vec<u32> = nondet::run(
//!     nondet::Check(|_input: Vec<u32>, leaders: Result<Vec<u32>>| leaders.is_ok_and(|list| list.is_sorted())),
//!     &vec![3, 1, 2],
//!     |mut list: Vec<u32>| { list.sort(); list },
//! )?;
//! # Ok(())
//! # }
//! ```
//!
//! A closure captures nothing and has no storage: what it needs is its input, what it found is what it returns. See *Leader and validator*
//! in `docs/spec/sub-vm.md`.

use alloc::vec::Vec;

use crate::data::{Decode, Encode, Writer};
use crate::rt::Outcome;
use crate::{Result, block, host};

/// How validators judge a leader's answer of type `T` to an input of type `I`.
///
/// ```
/// use subvm_sdk::nondet::{Numeric, Strategy};
/// fn any<I, T, S: Strategy<I, T>>(_: S) {}
/// any::<String, u64, _>(Numeric { abs: 1, rel_ppm: 0 });
/// ```
pub trait Strategy<I, T> {
    /// Makes the request for a block: gives its result, code and data. `block` is its own data, for `input`.
    #[doc(hidden)]
    fn request(&self, input: &I, block: &[u8]) -> Result<Vec<u8>>;
}

/// Every validator comes to the same answer, byte for byte, or to the same failure.
///
/// ```
/// # use subvm_sdk::nondet::Strict;
/// let _all_alike = Strict;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Strict;

/// Every integer of the answer is within `abs` of the validator's, or within `rel_ppm` millionths of the leader's.
///
/// ```
/// # use subvm_sdk::nondet::Numeric;
/// let _one_percent = Numeric { abs: 0, rel_ppm: 10_000 };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Numeric {
    /// The difference that is always allowed.
    pub abs: u128,
    /// Millionths of the leader's value that are allowed.
    pub rel_ppm: u128,
}

/// A model says whether the validator's answer and the leader's agree under a principle.
///
/// ```
/// # use subvm_sdk::nondet::Comparative;
/// let _same_winner = Comparative { principle: "they name the same winner" };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Comparative<'a> {
    /// What it means to agree.
    pub principle: &'a str,
}

/// A model says whether the leader's answer meets criteria; validators do not answer themselves.
///
/// ```
/// # use subvm_sdk::nondet::NonComparative;
/// let _summary = NonComparative { task: "sum the article up", criteria: "one sentence, nothing invented" };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NonComparative<'a> {
    /// What was to be done.
    pub task: &'a str,
    /// What a good answer is.
    pub criteria: &'a str,
}

/// The contract's own check: a closure that gets the input and the leader's answer, or its failure, and says whether they will do. It may
/// ask the web and models.
///
/// ```
/// # use subvm_sdk::{Result, nondet::Check};
/// let _even = Check(|_input: (), leaders: Result<u64>| leaders.is_ok_and(|n| n % 2 == 0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Check<V>(pub V);

/// Runs a block: the leader's answer, once this node's own check agreed with it.
///
/// # Errors
/// `Failed`: how the block failed, for the leader too. `Refused`, `forbidden`, where no block can be run: in a view, a sandbox, a block.
///
/// # Cost
/// A sub-VM and its module on the budget of the non-deterministic side; here a request and its result. See `docs/spec/gas.md`.
pub fn run<I, O, F, S>(strategy: S, input: &I, closure: F) -> Result<O::Value>
where
    I: Encode + Decode,
    O: Outcome,
    O::Value: Decode,
    F: Fn(I) -> O + Copy + 'static,
    S: Strategy<I, O::Value>,
{
    let data = block::data(block::leader::<I, F, O>(&closure), input);
    block::answer(&strategy.request(input, &data)?)
}

/// `RunNondetWith`.
fn with(data: &[u8], strategy: impl FnOnce(&mut Writer)) -> Result<Vec<u8>> {
    host::request("RunNondetWith", |to| {
        to.map(2).key("data").bytes(data).key("strategy");
        strategy(to);
    })
}

impl<I, T> Strategy<I, T> for Strict {
    fn request(&self, _: &I, block: &[u8]) -> Result<Vec<u8>> {
        with(block, |to| {
            to.str("StrictEq");
        })
    }
}

impl<I, T> Strategy<I, T> for Numeric {
    fn request(&self, _: &I, block: &[u8]) -> Result<Vec<u8>> {
        with(block, |to| {
            to.map(1).key("Numeric").map(2).key("abs").uint(self.abs).key("rel_ppm").uint(self.rel_ppm);
        })
    }
}

impl<I, T> Strategy<I, T> for Comparative<'_> {
    fn request(&self, _: &I, block: &[u8]) -> Result<Vec<u8>> {
        with(block, |to| {
            to.map(1).key("Comparative").map(1).key("principle").str(self.principle);
        })
    }
}

impl<I, T> Strategy<I, T> for NonComparative<'_> {
    fn request(&self, _: &I, block: &[u8]) -> Result<Vec<u8>> {
        with(block, |to| {
            to.map(1).key("NonComparative").map(2).key("criteria").str(self.criteria).key("task").str(self.task);
        })
    }
}

impl<I: Encode + Decode, T: Decode, V: Fn(I, Result<T>) -> bool + Copy + 'static> Strategy<I, T> for Check<V> {
    fn request(&self, input: &I, block: &[u8]) -> Result<Vec<u8>> {
        let validator = block::data(block::validator::<I, T, V>(&self.0), input);
        host::request("RunNondet", |to| {
            to.map(2).key("data_leader").bytes(block).key("data_validator").bytes(&validator);
        })
    }
}
