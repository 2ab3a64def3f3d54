//! The chain: blocks that may follow, and what they lead to.

use std::collections::VecDeque;
use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::{Address, Engine, InternalError, Message, Package, Proposal, Report, SlotId};

use crate::block::{Block, Header, Votes, put_proposed};
use crate::exec::{Outside, Vm};
use crate::genesis::{Genesis, GenesisError};
use crate::ids::{BlockId, CallId, TxId};
use crate::job::Job;
use crate::mutant::{Mutant, Planted};
use crate::outcome::{Applied, Fault};
use crate::poll::Poll;
use crate::refusal::{InvalidBlock, Refusal};
use crate::runner::Runner;
use crate::store::Account;
use crate::tx::SignedTx;
use crate::world::{Chainwide, Done, World, include};

mod valid;

/// The most transactions that a proposer looks at for one block: those that cannot come now are left out.
const LOOKED_AT: usize = 100_000;

/// A chain, at some height. A clone is a few pointers: give one to whoever has to look at this height for longer.
///
/// ```
/// use std::sync::Arc;
/// use subvm_chain::{Chain, sample};
/// use subvm_host_mock::ScriptedEngine;
///
/// let mut chain = Chain::new(Arc::new(sample::genesis(4)), Arc::new(ScriptedEngine::new()))?;
/// let block = chain.propose(sample::validator(0), None, [], Vec::new());
/// assert_eq!(chain.validate(&block), Ok(()));
/// let applied = chain.apply(&block)?;
/// assert_eq!((applied.height, applied.root), (1, chain.root()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Chain {
    all: Chainwide,
    world: Arc<World>,
    root: [u8; 32],
    /// Blocks that are not final, each with the state before it: what an appeal goes back to.
    recent: VecDeque<(Arc<Block>, Arc<World>)>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("height", &self.world.height)
            .field("last", &self.world.last)
            .finish_non_exhaustive()
    }
}

/// Where all money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// On accounts, and on contracts'.
    pub balances: u128,
    /// Held by calls that are on their way, and by appeals.
    pub held: u128,
    /// Sent to the layer below, or burned.
    pub gone: u128,
}

impl Chain {
    /// A chain that begins.
    ///
    /// # Errors
    /// Where it cannot begin so.
    pub fn new(genesis: Arc<Genesis>, engine: Arc<dyn Engine>) -> Result<Self, GenesisError> {
        genesis.check()?;
        let world = World::new(&genesis);
        let vm = Vm::new(engine, Arc::new(genesis.params.clone()), genesis.chain_id);
        let all = Chainwide { genesis, vm, planted: Planted::default(), known: Arc::default() };
        Ok(Self { all, root: world.root(), world: Arc::new(world), recent: VecDeque::new() })
    }

    /// Breaks a rule.
    #[cfg(feature = "simulation")]
    pub fn plant(&mut self, mutant: Mutant) {
        self.all.planted = Planted(Some(mutant));
    }

    /// From now on calls are run so.
    pub fn run_by(&mut self, runner: Arc<dyn Runner>) {
        self.all.vm.runner = runner;
    }

    /// From now on the deterministic calls of a block run on so many threads, the caller's among them: at least 1. What they come to is what they
    /// come to one after the other.
    pub fn run_on(&mut self, threads: usize) {
        self.all.vm.threads = threads.max(1);
    }

    /// How the chain began.
    #[must_use]
    pub fn genesis(&self) -> &Arc<Genesis> {
        &self.all.genesis
    }

    /// Blocks so far.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.world.height
    }

    /// The instant of the last block, in nanoseconds since 1970.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.world.time
    }

    /// The last block; all zeros before the first.
    #[must_use]
    pub fn last(&self) -> BlockId {
        self.world.last
    }

    /// The digest of the state.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// The highest block that is final.
    #[must_use]
    pub fn finalized(&self) -> u64 {
        self.world.finalized
    }

    /// An account, or a contract's.
    #[must_use]
    pub fn account(&self, of: &Address) -> Account {
        self.world.store.account(of)
    }

    /// The contract at an address.
    #[must_use]
    pub fn code(&self, at: &Address) -> Option<&Arc<Package>> {
        self.world.store.code(at)
    }

    /// A page of a contract's storage: of the slot that begins with these bytes, the rest of them zeros.
    #[must_use]
    pub fn page(&self, of: &Address, slot: impl AsRef<[u8]>, page: u32) -> [u8; 32] {
        let mut name = SlotId::default();
        name.0.iter_mut().zip(slot.as_ref()).for_each(|(byte, given)| *byte = *given);
        self.world.store.page(of, &name, page).copied().unwrap_or_default()
    }

    /// All contracts.
    pub fn contracts(&self) -> impl Iterator<Item = (&Address, &Arc<Package>)> {
        self.world.store.contracts()
    }

    /// The vote that is going on about a call.
    #[must_use]
    pub fn poll(&self, call: &CallId) -> Option<&Poll> {
        self.world.polls.get(call)
    }

    /// All votes that are going on.
    pub fn polls(&self) -> impl Iterator<Item = (&CallId, &Poll)> {
        self.world.polls.iter()
    }

    /// Calls that wait for something: their turn, another call of their contract, results, or that a block becomes final.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.world.calls().count()
    }

    /// Where all money is. Their sum never changes.
    #[must_use]
    pub fn money(&self) -> Money {
        let bonds = self.world.polls.values().filter_map(|poll| poll.appeal).map(|appeal| appeal.bond);
        Money {
            balances: self.world.store.accounts().map(|(_, account)| account.balance).sum(),
            held: self.world.calls().map(|call| call.holds()).chain(bonds).sum(),
            gone: self.world.gone,
        }
    }

    /// Whether a transaction may wait for a block: its form, size, signature, chain and gas, that its nonce was not there before, and that its
    /// sender could pay it now. Where a block has it later, its signature is not looked at again.
    ///
    /// # Errors
    /// Why it may not.
    pub fn admit(&self, bytes: &[u8]) -> Result<SignedTx, Refusal> {
        let (most, len) = (self.all.genesis.rules.tx_bytes, bytes.len() as u64);
        if len > most {
            return Err(Refusal::TooLarge { bytes: len, most });
        }
        let signed = SignedTx::from_bytes(bytes)?;
        include::well_made(&self.all, &signed, true)?;
        let account = self.account(&signed.tx.sender());
        if signed.tx.nonce < account.nonce {
            return Err(Refusal::Nonce { expected: account.nonce, found: signed.tx.nonce });
        }
        let needs = include::Cost::of(&self.all, &signed).whole();
        if account.balance < needs {
            return Err(Refusal::Balance { needs, has: account.balance });
        }
        if self.world.backlog() > self.all.genesis.rules.backlog {
            return Err(Refusal::Busy);
        }
        self.all.known.keep(&signed);
        Ok(signed)
    }

    /// A block that may follow, of what of this has a place in it. Transactions come in the order in which they are given; those that cannot
    /// come now are left out. It asks nobody anything and runs nothing.
    #[must_use]
    pub fn propose(
        &self,
        proposer: Address,
        votes: Option<Votes>,
        txs: impl IntoIterator<Item = SignedTx>,
        proposals: Vec<(CallId, Proposal)>,
    ) -> Block {
        let most = self.all.genesis.rules.block_bytes;
        let mut weight = 16;
        let mut fits = |bytes: usize| {
            let all = weight + bytes as u64 + 10;
            let fits = all <= most;
            weight = if fits { all } else { weight };
            fits
        };
        let mut chosen: Vec<(CallId, Proposal)> = Vec::new();
        for (call, proposal) in proposals {
            let mut bytes = Vec::new();
            put_proposed(&mut bytes, &call, &proposal);
            let new = chosen.iter().all(|(other, _)| *other != call);
            if new && self.may_lead(&call, &proposer).is_ok() && fits(bytes.len()) {
                chosen.push((call, proposal));
            }
        }
        let mut after = (*self.world).clone();
        let mut taken = Vec::new();
        if after.backlog() <= self.all.genesis.rules.backlog {
            for signed in txs.into_iter().take(LOOKED_AT) {
                let good =
                    include::well_made(&self.all, &signed, false).is_ok() && after.may(&self.all, &signed).is_ok();
                if good && fits(signed.to_bytes().len()) {
                    let done = after.include(&self.all, &signed, proposer, &mut Done::default());
                    taken.extend(done.is_ok().then_some(signed));
                }
            }
        }
        let (height, parent, root) = (self.height() + 1, self.last(), self.root);
        let time = self.instant(votes.as_ref());
        let header = Header { height, parent, time, proposer, root, body: [0; 32] };
        let mut block = Block { header, txs: taken, proposals: chosen, votes };
        block.header.body = block.body();
        block
    }

    /// Takes a block that was decided. Signatures are not looked at again: who voted for it did.
    ///
    /// # Errors
    /// [`Fault`]: this node cannot go on. Nothing is changed then.
    ///
    /// # Cost
    /// Runs what is due, within [`Rules::block_time`](crate::Rules::block_time); all blocks since a result that an appeal turned, where one did.
    pub fn apply(&mut self, block: &Block) -> Result<Applied, Fault> {
        self.follows(block).map_err(Fault::Block)?;
        let mut after = self.clone();
        let mut applied = Applied { height: block.header.height, ..Applied::nothing() };
        after.steps([Arc::new(block.clone())].into(), &mut applied)?;
        (applied.root, applied.finalized) = (after.root, after.finalized());
        *self = after;
        Ok(applied)
    }

    /// Goes from one state to the next, block by block; and back, where an appeal turns a result.
    fn steps(&mut self, mut blocks: VecDeque<Arc<Block>>, applied: &mut Applied) -> Result<(), Fault> {
        while let Some(block) = blocks.pop_front() {
            let before = Arc::clone(&self.world);
            let mut world = (*before).clone();
            let done = world.step(&self.all, &block)?;
            let height = world.height;
            applied.outcomes.extend(done.outcomes.into_iter().map(|outcome| (height, outcome)));
            applied.writes.extend(done.writes.into_iter().map(|(contract, pages)| (height, contract, pages)));
            self.recent.push_back((block, before));
            self.world = Arc::new(world);
            if let Some((call, holds, at)) = done.turned {
                self.back(call, holds, at, &mut blocks, applied);
            }
        }
        let finalized = self.finalized();
        while self.recent.front().is_some_and(|(block, _)| block.header.height <= finalized) {
            self.recent.pop_front();
        }
        self.root = self.world.root();
        if self.all.planted.is(Mutant::Drift) && self.height() > 2 {
            self.root[0] ^= 1;
        }
        Ok(())
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The state after the last final block, and the blocks since.
    pub(crate) fn since_final(&self) -> (&World, Vec<&Block>) {
        let base = self.recent.front().map_or(&self.world, |(_, before)| before);
        (base, self.recent.iter().map(|(block, _)| &**block).collect())
    }

    /// The state after the last final block, and after each since.
    pub(crate) fn states(&self) -> impl Iterator<Item = &World> {
        self.recent.iter().map(|(_, before)| &**before).chain([&*self.world])
    }

    /// Goes on from a state, with blocks that follow it: those that are not final, for an appeal may go back to the first of them.
    pub(crate) fn begin_at(&mut self, world: World, blocks: VecDeque<Arc<Block>>) -> Result<(), Fault> {
        let base = world.height;
        let (mut height, mut parent) = (base, world.last);
        for block in &blocks {
            height = height.saturating_add(1);
            if (block.header.height, block.header.parent) != (height, parent) || block.header.body != block.body() {
                return Err(Fault::Block(InvalidBlock::Header("height, parent or body")));
            }
            parent = block.id();
        }
        self.world = Arc::new(world);
        self.recent.clear();
        self.steps(blocks, &mut Applied::nothing())?;
        if self.finalized() == base { Ok(()) } else { Err(Fault::Block(InvalidBlock::Header("height"))) }
    }

    /// Goes back to before a result was decided, so that the blocks since come again with what an appeal made of it.
    fn back(
        &mut self,
        call: CallId,
        holds: (usize, bool),
        at: u64,
        blocks: &mut VecDeque<Arc<Block>>,
        applied: &mut Applied,
    ) {
        let mut overrides = self.world.overrides.clone();
        overrides.insert(call, holds);
        while self.recent.back().is_some_and(|(block, _)| block.header.height >= at) {
            let Some((block, before)) = self.recent.pop_back() else { break };
            blocks.push_front(block);
            self.world = before;
        }
        let mut world = (*self.world).clone();
        world.overrides = overrides;
        applied.outcomes.retain(|(height, _)| *height < at);
        applied.writes.retain(|(height, ..)| *height < at);
        applied.rolled_back = Some(applied.rolled_back.map_or(at - 1, |lowest| lowest.min(at - 1)));
        self.world = Arc::new(world);
    }

    /// What may be run now beside the chain: calls that wait for a leader's results, and results that a committee judges. Every validator runs
    /// what it is to [`Job::is_for`].
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let (world, all) = (&self.world, &self.all);
        let led = world.cases.iter().filter(|(id, _)| !world.polls.contains_key(id));
        let led = led.map(|(_, case)| Job::lead(all, case, world.height));
        let judged = world.polls.iter().filter_map(|(id, poll)| {
            let case = world.cases.get(id).or_else(|| world.ruled.get(id).map(|ruled| &ruled.case))?;
            Some(Job::check(all, case, poll, world.height))
        });
        led.chain(judged).collect()
    }

    /// Runs a call that changes nothing on the present state. With `outside` it may ask the web, too.
    ///
    /// # Errors
    /// As [`run`](subvm_core::run).
    pub fn view(&self, contract: Address, data: &Value, outside: Outside) -> Result<Report, InternalError> {
        let message = Message {
            contract_address: contract,
            chain_id: self.all.genesis.chain_id.into(),
            entry_data: data.encode().unwrap_or_default(),
            ..Message::default()
        };
        self.all.vm.view(self.world.seen(), message, outside)
    }

    /// What a transaction would cost at most: fees, the price of its gas, and what it sends along.
    #[must_use]
    pub fn cost(&self, signed: &SignedTx) -> u128 {
        include::Cost::of(&self.all, signed).whole()
    }

    /// The transactions of which something may still come: calls of theirs are on their way, or what was decided on one may be appealed against.
    pub fn unsettled(&self) -> impl Iterator<Item = TxId> {
        let ruled = self.world.ruled.values().map(|ruled| &ruled.case.call);
        self.world.calls().chain(ruled).map(|call| call.tx)
    }

    /// Whether a transaction's own call is still on its way.
    #[must_use]
    pub fn is_pending(&self, tx: &TxId) -> bool {
        self.world.calls().any(|call| call.tx == *tx)
    }
}
