//! A network in lockstep: all validators hear everything, and each has its own view of the web.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use ed25519_dalek::Signer;
use subvm_chain::{
    Action, Applied, Block, CallId, Chain, Extension, Genesis, Outside, SignedExtension, SignedTx, SnapshotError,
    Status, Voter, Votes, extension_bytes, sample,
};
use subvm_core::calldata::Value;
use subvm_core::{Address, Ballot, End, Package, PageWrite};
use subvm_host_mock::{Machine, ScriptedEngine};
use subvm_sample_contracts::{COUNT, Web, ask as ask_web, count, map};

pub(crate) const ORACLE: Address = Address([0xaa; 20]);
pub(crate) const COUNTER: Address = Address([0xbb; 20]);

pub(crate) fn outside(answer: Option<i64>) -> Outside {
    Outside { modules: Box::new(Web(answer)), rng: Box::new(Web(None)), ..Outside::default() }
}

/// Asks the web for a number, which may be 5 off, stores it, and counts its calls.
fn oracle(machine: &mut Machine<'_>) -> Result<(), End> {
    let answer = ask_web(machine)?;
    count(machine)?;
    machine.storage_write(0, 0, &answer)?;
    machine.end_with("Return", Value::Bytes(answer))
}

thread_local! {
    /// Runs of the counter in this thread.
    pub(crate) static RUNS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts its calls. With an address as calldata it sends half of its money there; with a text it fails.
fn counter(machine: &mut Machine<'_>) -> Result<(), End> {
    RUNS.set(RUNS.get() + 1);
    machine.work(1_000)?;
    count(machine)?;
    let data = machine.message()?["entry_data"].as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    match Value::decode(&data) {
        Ok(Value::Array(list)) => {
            let half = machine.own_balance()?.unwrap_or_default() / 2;
            let message = map([
                ("address", list[0].clone()),
                ("calldata", Value::Null),
                ("on", list[1].clone()),
                ("value", Value::Int(half.into())),
            ]);
            assert!(machine.gl_call("PostMessage", message)?.is_ok());
            Ok(())
        }
        Ok(Value::Str(text)) => machine.end_with("UserError", text.as_str()),
        _ => Ok(()),
    }
}

pub(crate) struct Net {
    pub(crate) chain: Chain,
    pub(crate) voters: Vec<Voter>,
    /// What each validator sees of the web.
    pub(crate) sites: Vec<Option<i64>>,
    /// Who is left out of the next blocks' ballots.
    pub(crate) silent: Vec<u16>,
    /// What replaces a validator's extension.
    pub(crate) forge: Option<fn(u16, &mut Extension)>,
    pub(crate) bundle: Arc<Package>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) said: Vec<Extension>,
    /// What a ledger has that follows the chain: by height, contract, and what was written.
    ledger: Vec<(u64, Address, PageWrite)>,
    votes: Option<Votes>,
    engine: Arc<ScriptedEngine>,
}

impl Net {
    pub(crate) fn new(validators: u16) -> Self {
        Self::with(validators, |_| ())
    }

    pub(crate) fn with(validators: u16, change: impl FnOnce(&mut Genesis)) -> Self {
        let mut engine = ScriptedEngine::new();
        let (oracle, counter) = (engine.script(oracle), engine.script(counter));
        let engine = Arc::new(engine);
        let mut genesis = sample::genesis(validators);
        genesis.contracts = vec![(ORACLE, oracle), (COUNTER, Arc::clone(&counter))];
        change(&mut genesis);
        let key = |number| sample::signer(number).verifying_key().to_bytes();
        let voters = (0..validators).map(|number| Voter::new([number as u8; 32], key(number))).collect();
        let chain = Chain::new(Arc::new(genesis), engine.clone()).unwrap();
        Self {
            chain,
            voters,
            sites: vec![Some(100); usize::from(validators)],
            silent: Vec::new(),
            forge: None,
            bundle: counter,
            blocks: Vec::new(),
            said: Vec::new(),
            ledger: Vec::new(),
            votes: None,
            engine,
        }
    }

    /// The block that comes next.
    pub(crate) fn next(&self, txs: Vec<SignedTx>) -> Block {
        let number = (self.chain.height() % self.voters.len() as u64) as u16;
        let proposer = sample::validator(number);
        let jobs = self.chain.jobs();
        let led = jobs.iter().filter(|job| job.proposal().is_none() && job.is_for(&proposer));
        let site = self.sites[usize::from(number)];
        let led = led.filter_map(|job| Some((job.key().call, job.run_as_leader(outside(site)).ok()?)));
        self.chain.propose(proposer, self.votes.clone(), txs, led.collect())
    }

    pub(crate) fn block(&mut self, txs: Vec<SignedTx>) -> Applied {
        let block = self.next(txs);
        self.put(block)
    }

    /// Decides a block.
    pub(crate) fn put(&mut self, block: Block) -> Applied {
        let block = Block::from_bytes(&block.to_bytes(), &self.chain.genesis().rules).unwrap();
        self.chain.validate(&block).unwrap();
        let money = self.whole();
        let mut other = self.restored();
        assert!(other.snapshot() == self.chain.snapshot(), "a snapshot of a snapshot is the same");
        let mut beside = self.chain.clone();
        beside.run_on(4);
        let applied = self.chain.apply(&block).unwrap();
        assert_eq!(self.whole(), money, "money is conserved");
        let side_by_side = beside.apply(&block).unwrap();
        assert_eq!(format!("{side_by_side:?}"), format!("{applied:?}"), "calls side by side come to the same");
        assert!(beside.snapshot() == self.chain.snapshot(), "and leave the same behind");
        let same = other.apply(&block).unwrap();
        assert_eq!(
            (other.root(), same.rolled_back, statuses(&same)),
            (self.chain.root(), applied.rolled_back, statuses(&applied)),
            "who began with a snapshot comes to the same"
        );
        self.blocks.push(block);
        self.follow(&applied);
        for (number, voter) in self.voters.iter_mut().enumerate() {
            voter.forget(&self.chain);
            for job in self.chain.jobs() {
                let mine = job.is_for(&sample::validator(number as u16));
                if job.proposal().is_some() && mine && !voter.has(&job.key()) {
                    voter.keep(job.key(), job.run_as_validator(outside(self.sites[number])));
                }
            }
        }
        self.sign();
        applied
    }

    /// Keeps a ledger as a node does, and holds it against the chain.
    fn follow(&mut self, applied: &Applied) {
        if let Some(back) = applied.rolled_back {
            self.ledger.retain(|(height, ..)| *height <= back);
        }
        for (height, contract, pages) in &applied.writes {
            self.ledger.extend(pages.iter().map(|page| (*height, *contract, *page)));
        }
        let last = |of: Address, slot: u8| {
            let mut writes = self.ledger.iter().rev();
            let found = writes.find(|(_, contract, page)| *contract == of && page.slot.0[0] == slot && page.page == 0);
            found.map_or([0; 32], |(.., page)| page.content)
        };
        // One that begins with the pages of now has the same.
        let mut begun: BTreeMap<_, [u8; 32]> = BTreeMap::new();
        let mut heights = Vec::new();
        let taken = self.chain.pages_in(1, |written| {
            heights.push(written.height);
            for (of, pages) in written.contracts {
                begun.extend(pages.into_iter().map(|page| ((of, page.slot.0[0], page.page), page.content)));
            }
            Ok::<(), Infallible>(())
        });
        assert_eq!(taken, Ok(()));
        let whole: Vec<u64> = self.chain.pages().iter().map(|written| written.height).collect();
        assert!(whole.iter().copied().eq(self.chain.finalized()..=self.chain.height()), "{whole:?}");
        assert!(heights.is_sorted());
        heights.dedup();
        assert!(heights.iter().copied().eq(self.chain.finalized()..=self.chain.height()), "{heights:?}");
        for (of, slot) in [(ORACLE, 0), (ORACLE, 1), (COUNTER, 1)] {
            let here = begun.get(&(of, slot, 0)).copied().unwrap_or_default();
            assert_eq!(self.chain.page(&of, [slot], 0), here, "so does one that begins with it");
            assert_eq!(self.chain.page(&of, [slot], 0), last(of, slot), "a ledger that follows has what the chain has");
        }
    }

    fn sign(&mut self) {
        let (height, last) = (self.chain.height(), self.chain.last());
        let mut votes = Vec::new();
        self.said.clear();
        for (number, voter) in self.voters.iter().enumerate() {
            let number = number as u16;
            let mut extension = voter.extension(&self.chain, self.chain.time() + 1_000_000_000);
            if let Some(forge) = self.forge {
                forge(number, &mut extension);
            }
            self.said.push(extension.clone());
            if self.silent.contains(&number) {
                continue;
            }
            let bytes = extension.to_bytes();
            let message = extension_bytes(sample::CHAIN_ID, height, 0, &last, &sample::validator(number), &bytes);
            let signature = sample::signer(number).sign(&message).to_bytes();
            votes.push(SignedExtension { validator: number, bytes, signature });
        }
        self.votes = Some(Votes { round: 0, votes });
    }

    /// Empty blocks until a call has ended, or `most` of them: how it ended.
    pub(crate) fn until_ended(&mut self, call: CallId, most: usize) -> Option<(u64, Status)> {
        (0..most).find_map(|_| {
            let applied = self.block(Vec::new());
            let ended = |status: &Status| status.ended();
            let mut of = applied.outcomes.into_iter().filter(|(_, outcome)| outcome.call == call);
            of.find(|(_, outcome)| ended(&outcome.status)).map(|(at, outcome)| (at, outcome.status))
        })
    }

    /// All money there is.
    pub(crate) fn whole(&self) -> u128 {
        let money = self.chain.money();
        money.balances + money.held + money.gone
    }

    /// Calls that a contract counted.
    pub(crate) fn counted(&self, contract: Address) -> u64 {
        let page = self.chain.page(&contract, [COUNT], 0);
        u64::from_le_bytes(page[..8].try_into().unwrap())
    }

    /// The chain that somebody has who begins with a snapshot.
    pub(crate) fn restored(&self) -> Chain {
        self.restore(&self.chain.snapshot()).unwrap()
    }

    /// The chain of these bytes, in the state of this one.
    pub(crate) fn restore(&self, bytes: &[u8]) -> Result<Chain, SnapshotError> {
        self.restore_to(bytes, &self.chain.root())
    }

    /// The chain of these bytes, in a state that was signed.
    pub(crate) fn restore_to(&self, bytes: &[u8], root: &[u8; 32]) -> Result<Chain, SnapshotError> {
        Chain::restore(Arc::clone(self.chain.genesis()), self.engine.clone(), bytes, root)
    }

    /// The same, where this node kept them.
    pub(crate) fn restore_own(&self, mut bytes: &[u8]) -> Result<Chain, SnapshotError> {
        Chain::restore_own(Arc::clone(self.chain.genesis()), self.engine.clone(), &mut bytes, &self.chain.root())
    }

    /// Of the bits of a snapshot, each `step`-th: changed, it is refused, or means the same.
    #[track_caller]
    pub(crate) fn nothing_else_is_taken(&self, step: usize) {
        let bytes = self.chain.snapshot();
        for bit in (0..8 * bytes.len()).step_by(step) {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            if let Ok(chain) = self.restore(&other) {
                assert!(chain.snapshot() == bytes, "bit {bit} of {} makes it another one", 8 * bytes.len());
            }
        }
    }

    /// The chain that somebody has who knows the blocks only.
    pub(crate) fn again(&self) -> Chain {
        let mut chain = Chain::new(Arc::clone(self.chain.genesis()), self.engine.clone()).unwrap();
        self.blocks.iter().for_each(|block| drop(chain.apply(block).unwrap()));
        chain
    }
}

pub(crate) fn ask(from: u8, nonce: u64) -> SignedTx {
    sample::tx(from, nonce, true, Action::Call { to: ORACLE, value: 0, data: Vec::new() })
}

pub(crate) fn statuses(applied: &Applied) -> Vec<Status> {
    applied.outcomes.iter().map(|(_, outcome)| outcome.status.clone()).collect()
}

pub(crate) fn is_accept(ballot: &Option<Ballot>) -> bool {
    matches!(ballot, Some(Ballot::Accept { .. }))
}
