//! What calls do to money, code and pages: the same for a state, and for what a call that runs ahead of its turn would do to it.

use std::convert::Infallible;
use std::sync::Arc;

use subvm_core::{Address, Gas, Package, PageWrite, Receipt};

use super::World;
use crate::call::{Call, sent};
use crate::genesis::Prices;

/// Where money, code and pages are.
pub(super) trait Books {
    /// Why a balance cannot be told.
    type Error;
    /// What an address has.
    fn balance(&mut self, of: Address) -> Result<u128, Self::Error>;
    /// What it has from now on.
    fn put(&mut self, of: Address, balance: u128);
    /// It gets so much more.
    fn pay(&mut self, to: Address, amount: u128);
    /// What stands there from now on.
    fn deploy(&mut self, at: Address, code: &Arc<Package>);
    /// Its pages from now on.
    fn write(&mut self, of: Address, pages: &[PageWrite]);
}

impl Books for World {
    type Error = Infallible;

    fn balance(&mut self, of: Address) -> Result<u128, Infallible> {
        Ok(self.store.account(&of).balance)
    }

    fn put(&mut self, of: Address, balance: u128) {
        self.store.change(of, |account| account.balance = balance);
    }

    fn pay(&mut self, to: Address, amount: u128) {
        World::pay(self, to, amount);
    }

    fn deploy(&mut self, at: Address, code: &Arc<Package>) {
        self.store.deploy(at, Arc::clone(code));
    }

    fn write(&mut self, of: Address, pages: &[PageWrite]) {
        self.store.write(&of, pages);
    }
}

/// What a receipt came to.
pub(super) struct Settled {
    /// What its run cost.
    pub(super) fee: u128,
    /// Whether its effects are there; its money is back where not.
    pub(super) returned: bool,
    /// Money that went to the layer below.
    pub(super) below: u128,
    /// Calls that follow at once.
    pub(super) now: Vec<Call>,
    /// Calls that follow when it is final.
    pub(super) later: Vec<Call>,
    /// Calls that nothing is left to pay for.
    pub(super) bounced: Vec<Call>,
    /// What was paid back of the reserve.
    pub(super) rest: u128,
}

/// Does what a receipt says, and pays for it.
pub(super) fn settle<B: Books>(
    books: &mut B,
    prices: &Prices,
    call: &Call,
    receipt: &Receipt,
    voted: u128,
    proposer: Address,
) -> Result<Settled, B::Error> {
    let fee = prices.of(&receipt.gas).saturating_add(voted).min(call.reserve);
    books.pay(proposer, fee);
    let left = (unused(&call.gas, &receipt.gas), call.reserve - fee);
    let sent = if receipt.returned() { sent(call, receipt, left, prices) } else { None };
    let spent = sent.as_ref().and_then(|sent| sent.below.checked_add(sent.along));
    // The core lets no contract send more than it has; a receipt that says so is a failure like any other. A contract that sends nothing is not
    // asked what it has: calls of one contract would have to wait for each other.
    let rests = match spent {
        None => None,
        Some(0) => Some(None),
        Some(spent) => {
            let had = books.balance(call.contract)?.saturating_add(call.value);
            had.checked_sub(spent).map(Some)
        }
    };
    let mut settled = Settled {
        fee,
        returned: false,
        below: 0,
        now: Vec::new(),
        later: Vec::new(),
        bounced: Vec::new(),
        rest: left.1,
    };
    let (Some(sent), Some(rests)) = (sent, rests) else {
        books.pay(call.sender, call.value);
        books.pay(call.origin, left.1);
        return Ok(settled);
    };
    match rests {
        None => books.pay(call.contract, call.value),
        Some(rests) => books.put(call.contract, rests),
    }
    if let Some(code) = &call.code {
        books.deploy(call.contract, code);
    }
    books.write(call.contract, &receipt.storage);
    (settled.returned, settled.below) = (true, sent.below);
    let now = sent.now.into_iter().map(|one| (one, true));
    for (mut one, now) in now.chain(sent.later.into_iter().map(|one| (one, false))) {
        settled.rest -= one.reserve;
        let Some(reserve) = one.reserve.checked_sub(prices.base) else {
            back(books, &one);
            settled.bounced.push(one);
            continue;
        };
        one.reserve = reserve;
        books.pay(proposer, prices.base);
        let due = if now { &mut settled.now } else { &mut settled.later };
        due.push(one);
    }
    books.pay(call.origin, settled.rest);
    Ok(settled)
}

/// A call that only moves money.
pub(super) fn moved(books: &mut impl Books, call: &Call) {
    books.pay(call.contract, call.value);
    books.pay(call.origin, call.reserve);
}

/// A call that comes to nothing: its money goes back.
pub(super) fn back(books: &mut impl Books, call: &Call) {
    books.pay(call.sender, call.value);
    books.pay(call.origin, call.reserve);
}

fn unused(limits: &Gas, used: &Gas) -> Gas {
    Gas {
        data: limits.data.saturating_sub(used.data),
        storage: limits.storage.saturating_sub(used.storage),
        time: limits.time.saturating_sub(used.time),
    }
}
