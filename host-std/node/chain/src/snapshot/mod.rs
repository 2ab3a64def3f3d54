//! A chain at some height, as bytes: what a node that begins takes in the place of all blocks before.
//!
//! They hold the state after the last final block, with all that was on its way there, and the blocks since. Whoever takes them applies those
//! blocks, and looks at the digest of the state that this leads to: the header of the next block has it, which more than two thirds of the
//! validators signed. That digest is of all that the bytes have: it has the digests of the worlds since the last final one, the first of which
//! is what they begin with. So they may come from anybody: no bytes that mean another chain lead to the same digest.
//!
//! Nor does anything run that nobody signed. What the digest was made of comes first, then the blocks, which have to be those that lead to the
//! signed one, name by name; then the state, which has to be the one that the digest was made of.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_core::{Address, Engine, PageWrite};

use crate::block::Block;
use crate::chain::Chain;
use crate::form::Form;
use crate::genesis::Genesis;
use crate::ids::{BlockId, CallId, digest};
use crate::store::Store;
use crate::world::{Override, World};

mod stores;
mod stream;
mod things;

pub(crate) use stream::{Out, Stream};
pub(crate) use things::{package, put_overrides};

/// The version of the bytes.
const VERSION: u16 = 3;
/// The one before, which did not begin with what can be looked at: a node reads it where it wrote it.
const BEFORE: u16 = 2;

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
    /// They begin with another state than the one that the signed one came from.
    Beginning,
    /// They could not be read.
    Unread(String),
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
            Self::Beginning => f.write_str(
                "the snapshot begins with another state than the one that was signed: take one from another node",
            ),
            Self::Unread(why) => write!(f, "the snapshot cannot be read: {why}; try again"),
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
        let mut bytes = Vec::new();
        // A list of bytes takes all.
        let _ = self.snapshot_to(&mut bytes);
        bytes
    }

    /// [`snapshot`](Self::snapshot), in pieces of some 64 KiB.
    ///
    /// # Errors
    /// Those of who takes them.
    pub fn snapshot_to(&self, to: &mut dyn io::Write) -> io::Result<()> {
        let (base, blocks) = self.since_final();
        let mut out = Out::new(to);
        VERSION.put(&mut out.bytes);
        self.genesis().chain_id.put(&mut out.bytes);
        let mut digested = Vec::new();
        self.world().put_digests(&mut digested);
        put_bytes(&mut out.bytes, &digested);
        put_overrides(&self.world().overrides, &mut out.bytes);
        put_uint(&mut out.bytes, blocks.len() as u64);
        for block in blocks {
            put_bytes(&mut out.bytes, &block.to_bytes());
            out.put()?;
        }
        base.put(&mut out)?;
        out.end()
    }

    /// The pages that a ledger has which follows this chain, for one that begins with it: by height, ascending. The first are all pages of the last
    /// final state, the others those that each block since wrote; a page of zeros is gone.
    ///
    /// # Cost
    /// In proportion to the state, for each block that is not final.
    #[must_use]
    pub fn pages(&self) -> Vec<Written> {
        let mut all = Vec::new();
        let Ok(()) = self.pages_in(usize::MAX, |written| {
            all.push(written);
            Ok::<(), Infallible>(())
        });
        all
    }

    /// [`pages`](Self::pages), of the last final state `most` at once: several have its height then.
    ///
    /// # Errors
    /// Those of who takes them.
    pub fn pages_in<E>(&self, most: usize, mut take: impl FnMut(Written) -> Result<(), E>) -> Result<(), E> {
        let nothing = Store::default();
        let (mut before, mut most) = (&nothing, most);
        for world in self.states() {
            world.store.pages_since(before, most, |contracts| take(Written { height: world.height, contracts }))?;
            (before, most) = (&world.store, usize::MAX);
        }
        Ok(())
    }

    /// The chain that [`snapshot`](Self::snapshot) gave the bytes of. `root` is the digest of its state: take it from the header of the next block,
    /// once you have looked at the signatures under that.
    ///
    /// # Errors
    /// [`SnapshotError`]. What leads elsewhere is refused before anything of it is run, and what this release did not write, too.
    ///
    /// # Cost
    /// In proportion to the state; and runs the blocks that were not final, each within [`Rules::block_time`](crate::Rules::block_time).
    pub fn restore(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        mut bytes: &[u8],
        root: &[u8; 32],
    ) -> Result<Self, SnapshotError> {
        Self::restore_from(genesis, engine, &mut bytes, root)
    }

    /// [`restore`](Self::restore), from bytes that come bit by bit: beside the chain, one thing of it is held at a time.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn restore_from(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        bytes: &mut dyn io::Read,
        root: &[u8; 32],
    ) -> Result<Self, SnapshotError> {
        Self::restored(genesis, engine, bytes, (root, false))
    }

    /// [`restore_from`](Self::restore_from), for bytes that this node kept itself: those of the release before are taken, too, of which nothing can
    /// be looked at before it is run.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn restore_own(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        bytes: &mut dyn io::Read,
        root: &[u8; 32],
    ) -> Result<Self, SnapshotError> {
        Self::restored(genesis, engine, bytes, (root, true))
    }

    fn restored(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        bytes: &mut dyn io::Read,
        (root, own): (&[u8; 32], bool),
    ) -> Result<Self, SnapshotError> {
        let mut stream = Stream::new(bytes);
        let (version, chain_id) = (stream.one(u16::take)?, stream.one(u64::take)?);
        let old = version == BEFORE && own;
        if version != VERSION && !old || chain_id != genesis.chain_id {
            return Err(SnapshotError::Another);
        }
        let (mut world, overrides, blocks) = if old {
            let world = World::take(&mut stream, &genesis)?;
            (world, things::take_overrides(&mut stream)?, take_blocks(&mut stream, &genesis)?)
        } else {
            let digested = stream.one(<Vec<u8> as Form>::take)?;
            let overrides = things::take_overrides(&mut stream)?;
            let found = root_of(&digested, &overrides);
            if found != *root {
                return Err(SnapshotError::Root { wanted: *root, found });
            }
            let blocks = take_blocks(&mut stream, &genesis)?;
            if !follow(&blocks, &digested) {
                return Err(SnapshotError::Blocks);
            }
            let world = World::take(&mut stream, &genesis)?;
            if !began_with(&digested, &world, blocks.len()) {
                return Err(SnapshotError::Beginning);
            }
            (world, overrides, blocks)
        };
        stream.ends()?;
        world.overrides = overrides;
        let mut chain = Self::new(genesis, engine).map_err(SnapshotError::Genesis)?;
        chain.begin_at(world, blocks).map_err(|_| SnapshotError::Blocks)?;
        match chain.root() {
            found if found == *root => Ok(chain),
            found => Err(SnapshotError::Root { wanted: *root, found }),
        }
    }
}

type Blocks = VecDeque<Arc<Block>>;

fn take_blocks(stream: &mut Stream<'_>, genesis: &Genesis) -> Result<Blocks, SnapshotError> {
    let blocks = stream.list(|source| {
        let block = Block::from_bytes(source.bytes()?, &genesis.rules);
        block.map(Arc::new).map_err(|_| Wrong::Malformed("one of its blocks is none"))
    })?;
    Ok(blocks.into())
}

fn root_of(digested: &[u8], overrides: &BTreeMap<CallId, Override>) -> [u8; 32] {
    let mut bytes = Vec::new();
    put_overrides(overrides, &mut bytes);
    digest("root", &[&digest("world", &[digested]), &bytes])
}

/// Whether each is the one that the next one names, and the last one the one that the digest was made of.
fn follow(blocks: &Blocks, digested: &[u8]) -> bool {
    let mut source = Source(digested);
    let mut last = || -> Read<BlockId> {
        // As `put_things` begins.
        let (_height, _time, _seed): (u64, u64, [u8; 32]) =
            (Form::take(&mut source)?, Form::take(&mut source)?, Form::take(&mut source)?);
        Form::take(&mut source)
    };
    let Ok(last) = last() else { return false };
    let named = blocks.iter().skip(1).map(|next| next.header.parent).chain([last]);
    blocks.iter().zip(named).all(|(block, name)| block.id() == name)
}

/// Whether what a digest was made of says that so many blocks came after this state. It ends with what was since the last final block, from the
/// oldest on, and sixteen bytes of money: so it is known where the oldest stands.
fn began_with(digested: &[u8], world: &World, blocks: usize) -> bool {
    if blocks == 0 {
        return digest("world", &[digested]) == world.digest;
    }
    let mut wanted = Vec::new();
    put_uint(&mut wanted, blocks as u64);
    let count = wanted.len();
    world.height.put(&mut wanted);
    let (store, own) = (world.store.digest(), world.digest);
    wanted.extend([store, own].concat());
    let heights = (0..blocks as u64).map(|more| world.height.saturating_add(more).bytes().len() + 64);
    let tail = count + heights.sum::<usize>() + 16;
    digested.len().checked_sub(tail).is_some_and(|at| digested[at..].starts_with(&wanted))
}
