//! The deterministic calls of a block, side by side: [`subvm_block`] runs them, and what they come to is then done in their order, as if they had
//! run one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use subvm_block::{Effects, End, Executor, View};
use subvm_core::host::{Code, Host, HostError, Node, State};
use subvm_core::{Address, InternalError, InternalErrorKind, Package, PageWrite, Receipt, Role};

use super::books::{Books, back, moved, settle};
use super::{Chainwide, Done, World};
use crate::call::Call;
use crate::exec::{Outside, Parts, Seen, amount, amount_of, node};
use crate::outcome::Fault;
use crate::runner::{Purpose, Ran};

/// Calls that one batch has at most: what they come to is held until all of them have run.
const BATCH: usize = 4_096;

/// What a deterministic call did.
pub(super) enum Did {
    /// Nothing: another contract is there already.
    Taken,
    /// It moved money; there is no contract.
    Moved,
    /// It ran, to this receipt.
    Ran(Arc<Receipt>),
}

/// What is to be done where it counts that a run came to this.
type Keep = Option<Box<dyn FnOnce() + Send>>;

impl World {
    /// How many calls at the front can run side by side, with so much of the block's time left: those before the first that may ask the web, or
    /// whose contract waits for a result.
    pub(super) fn side_by_side(&self, mut left: u64) -> usize {
        let may = |call: &&Arc<Call>| {
            let rest = left.checked_sub(call.gas.time).filter(|_| !call.nondet);
            let Some(rest) = rest.filter(|_| !self.locks.contains_key(&call.contract)) else { return false };
            left = rest;
            true
        };
        self.ready.iter().take(BATCH).take_while(may).count()
    }

    /// Carries them out.
    pub(super) fn carry_out(
        &mut self,
        all: &Chainwide,
        calls: &[Arc<Call>],
        proposer: Address,
        done: &mut Done,
    ) -> Result<(), Fault> {
        let (seen, height) = (self.seen(), self.height);
        let ran = Executor::new(all.vm.threads).execute(calls.len(), |view| {
            let call = &calls[view.number()];
            let mut ahead = Ahead::new(view, &seen);
            ahead.run(all, call, height, proposer).map(|did| (did, ahead.effects))
        });
        for (call, (did, keep)) in calls.iter().zip(ran.kept) {
            keep.into_iter().for_each(|keep| keep());
            self.did(all, call, did, proposer, done);
        }
        match ran.end {
            End::Error(error) => Err(Fault::Execution(error)),
            End::Done | End::Enough => Ok(()),
        }
    }
}

/// The books as one call finds them, and what it does to them.
struct Ahead<'a> {
    view: &'a View,
    seen: &'a Seen,
    host: Box<dyn Host>,
    /// What it did to balances: what they are, or by how much they are more.
    known: BTreeMap<Address, (bool, u128)>,
    effects: Effects,
}

impl<'a> Ahead<'a> {
    fn new(view: &'a View, seen: &'a Seen) -> Self {
        let host = view.node(node(seen.clone(), Outside::default()).node).host;
        Self { view, seen, host, known: BTreeMap::new(), effects: Effects::new() }
    }

    fn run(
        &mut self,
        all: &Chainwide,
        call: &Call,
        height: u64,
        proposer: Address,
    ) -> Result<(Did, Keep), InternalError> {
        let there = !matches!(self.host.code(State::Accepted, &call.contract).map_err(failed)?, Code::Nothing);
        match (there, &call.code) {
            (true, Some(_)) => {
                back(self, call);
                Ok((Did::Taken, None))
            }
            (false, None) => {
                moved(self, call);
                Ok((Did::Moved, None))
            }
            _ => {
                let (role, about) = (Role::Sync { results: Vec::new() }, call.about(height, Purpose::Block));
                let Ran { report, keep } =
                    all.vm.begin(call, role, self.parts(), Some(self.view.cancel().clone()), &about);
                let receipt = Arc::new(report?.receipt);
                settle(self, &all.genesis.rules.prices, call, &receipt, 0, proposer).map_err(failed)?;
                Ok((Did::Ran(receipt), keep))
            }
        }
    }

    fn parts(&self) -> Parts {
        let Parts { node, deadline }: Parts = node(self.seen.clone(), Outside::default());
        let node: Node = self.view.node(node);
        Parts { node, deadline }
    }
}

impl Books for Ahead<'_> {
    type Error = HostError;

    fn balance(&mut self, of: Address) -> Result<u128, HostError> {
        let more = match self.known.get(&of) {
            Some((true, balance)) => return Ok(*balance),
            Some((false, more)) => *more,
            None => 0,
        };
        Ok(amount_of(&self.host.balance(State::Accepted, &of)?).saturating_add(more))
    }

    fn put(&mut self, of: Address, balance: u128) {
        self.known.insert(of, (true, balance));
        self.effects.balance(of, amount(balance));
    }

    fn pay(&mut self, to: Address, more: u128) {
        if more > 0 {
            let (_, sum) = self.known.entry(to).or_insert((false, 0));
            *sum = sum.saturating_add(more);
            self.effects.credit(to, amount(more));
        }
    }

    fn deploy(&mut self, at: Address, code: &Arc<Package>) {
        self.effects.code(at, Code::Package(Arc::clone(code)));
    }

    fn write(&mut self, of: Address, pages: &[PageWrite]) {
        pages.iter().for_each(|page| self.effects.page(of, page));
    }
}

/// Reading the state itself cannot fail: only a call that was begun ahead of its turn can find that it comes too early, and it is run again.
fn failed(error: HostError) -> InternalError {
    InternalError::new(InternalErrorKind::Host, error.to_string())
}
