//! A chain at some height, as bytes: what a node that begins takes in the place of all blocks before.
//!
//! They hold the state after the last final block, with all that was on its way there, and the blocks since. Whoever takes them applies those
//! blocks, and looks at the digest of the state that this leads to: the header of the next block has it, which more than two thirds of the
//! validators signed. That digest is of all that the bytes have: it has the digests of the worlds since the last final one, the first of which
//! is what they begin with. So they may come from anybody: no bytes that mean another chain lead to the same digest.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_core::{Address, Engine, PageWrite};

use crate::block::Block;
use crate::chain::Chain;
use crate::form::Form;
use crate::genesis::Genesis;
use crate::store::Store;
use crate::tx::said;
use crate::world::World;

mod stores;
mod things;

pub(crate) use things::{package, put_overrides};

/// The version of the bytes.
const VERSION: u16 = 2;

/// Why bytes are no snapshot of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// They are damaged, or no snapshot.
    Malformed(&'static str),
    /// They are of another chain, or of another version.
    Another,
    /// They lead to another state than the one that was asked for.
    Root {
        /// The state's digest, as asked for.
        wanted: [u8; 32],
        /// What they lead to.
        found: [u8; 32],
    },
    /// Their blocks do not follow from their state, or are not those that are not final.
    Blocks,
    /// The chain cannot begin so.
    Genesis(crate::GenesisError),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "the snapshot is damaged: {why}; take another, or from another node"),
            Self::Another => f.write_str(
                "the snapshot is of another chain, or of another version: take one of this chain, by this version",
            ),
            Self::Root { .. } => f.write_str(
                "the snapshot leads to another state than the one that was signed: take one from another node",
            ),
            Self::Blocks => f.write_str(
                "the snapshot's blocks are not those since its last final state: take one from another node",
            ),
            Self::Genesis(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Pages that were written at a height, by contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The height.
    pub height: u64,
    /// The contracts, ascending, each with what was written of it.
    pub contracts: Vec<(Address, Vec<PageWrite>)>,
}

impl Chain {
    /// This chain at this height, as bytes.
    ///
    /// # Cost
    /// In proportion to the state.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use subvm_chain::{Chain, SnapshotError, sample};
    /// use subvm_host_mock::ScriptedEngine;
    ///
    /// let (genesis, engine) = (Arc::new(sample::genesis(4)), Arc::new(ScriptedEngine::new()));
    /// let mut chain = Chain::new(Arc::clone(&genesis), engine.clone())?;
    /// chain.apply(&chain.propose(sample::validator(0), None, [], Vec::new()))?;
    /// let bytes = chain.snapshot();
    /// let again = Chain::restore(Arc::clone(&genesis), engine.clone(), &bytes, &chain.root())?;
    /// assert_eq!((again.height(), again.root()), (1, chain.root()));
    /// let wrong = Chain::restore(genesis, engine, &bytes, &[0; 32]);
    /// assert!(matches!(wrong, Err(SnapshotError::Root { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let (base, blocks) = self.since_final();
        let mut out = Vec::new();
        VERSION.put(&mut out);
        self.genesis().chain_id.put(&mut out);
        base.put(&mut out);
        things::put_overrides(&self.world().overrides, &mut out);
        put_uint(&mut out, blocks.len() as u64);
        blocks.iter().for_each(|block| put_bytes(&mut out, &block.to_bytes()));
        out
    }

    /// The pages that a ledger has which follows this chain, for one that begins with it: by height, ascending. The first are all pages of the last
    /// final state, the others those that each block since wrote; a page of zeros is gone.
    ///
    /// # Cost
    /// In proportion to the state, for each block that is not final.
    #[must_use]
    pub fn pages(&self) -> Vec<Written> {
        let nothing = Store::default();
        let (mut before, mut all) = (&nothing, Vec::new());
        for world in self.states() {
            all.push(Written { height: world.height, contracts: world.store.pages_since(before) });
            before = &world.store;
        }
        all
    }

    /// The chain that [`snapshot`](Self::snapshot) gave the bytes of. `root` is the digest of its state: take it from the header of the next block,
    /// once you have looked at the signatures under that.
    ///
    /// # Errors
    /// [`SnapshotError`].
    ///
    /// # Cost
    /// In proportion to the state; and runs the blocks that were not final. Bytes of a liar can have it run blocks that nobody signed, each within
    /// [`Rules::block_time`](crate::Rules::block_time), before it sees that they are lies.
    pub fn restore(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        bytes: &[u8],
        root: &[u8; 32],
    ) -> Result<Self, SnapshotError> {
        let mut source = Source(bytes);
        let wrong = |wrong: Wrong| SnapshotError::Malformed(said(wrong));
        let (version, chain_id) = (u16::take(&mut source).map_err(wrong)?, u64::take(&mut source).map_err(wrong)?);
        if version != VERSION || chain_id != genesis.chain_id {
            return Err(SnapshotError::Another);
        }
        let (world, blocks) = parts(&mut source, &genesis).map_err(wrong)?;
        let mut chain = Self::new(genesis, engine).map_err(SnapshotError::Genesis)?;
        chain.begin_at(world, blocks).map_err(|_| SnapshotError::Blocks)?;
        match chain.root() {
            found if found == *root => Ok(chain),
            found => Err(SnapshotError::Root { wanted: *root, found }),
        }
    }
}

fn parts(source: &mut Source<'_>, genesis: &Genesis) -> Read<(World, VecDeque<Arc<Block>>)> {
    let mut world = World::take(source, genesis)?;
    world.overrides = things::take_overrides(source)?;
    let blocks = source.list(|source| {
        let block = Block::from_bytes(source.bytes()?, &genesis.rules);
        block.map(Arc::new).map_err(|_| Wrong::Malformed("one of its blocks is none"))
    })?;
    if source.0.is_empty() { Ok((world, blocks.into())) } else { Err(Wrong::Malformed("bytes follow it")) }
}
