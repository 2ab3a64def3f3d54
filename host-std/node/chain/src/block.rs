//! Blocks: transactions, leaders' proposals, and the ballots of the height before.

use subvm_core::wire::{Read, Source, Wrong};
use subvm_core::{Address, Proposal};

use crate::extension::Extension;
use crate::form::{Form, put_list, take_list};
use crate::genesis::Rules;
use crate::ids::{BlockId, CallId, digest};
use crate::refusal::InvalidBlock;
use crate::tx::{SignedTx, said};

/// What a block says of itself. Its hash is the block's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its number; the first has 1.
    pub height: u64,
    /// The block before; all zeros for the first.
    pub parent: BlockId,
    /// The instant, in nanoseconds since 1970: what the ballots in the block say, never the proposer's clock.
    pub time: u64,
    /// Who built it. Another validator may propose it again in a later round.
    pub proposer: Address,
    /// The digest of the chain's state after the block before.
    pub root: [u8; 32],
    /// The digest of the rest of the block.
    pub body: [u8; 32],
}

/// The vote extension of one validator, and its signature of [`extension_bytes`](crate::extension_bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedExtension {
    /// The validator's number.
    pub validator: u16,
    /// The extension.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

/// The extensions of a quorum of precommits for the block before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes {
    /// The round in which that was decided.
    pub round: u32,
    /// One for each validator, by ascending numbers.
    pub votes: Vec<SignedExtension>,
}

/// A block.
///
/// ```
/// use std::sync::Arc;
/// use subvm_chain::{Block, Chain, Rules, sample};
/// # let genesis = sample::genesis(4);
/// let chain = Chain::new(Arc::new(genesis), Arc::new(subvm_host_mock::ScriptedEngine::new()))?;
/// let block = chain.propose(sample::validator(0), None, [], Vec::new());
/// let back = Block::from_bytes(&block.to_bytes(), &Rules::default())?;
/// assert_eq!((back.id(), chain.validate(&back)), (block.id(), Ok(())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it says of itself.
    pub header: Header,
    /// The transactions, in their order.
    pub txs: Vec<SignedTx>,
    /// What its leader proposes as results of calls that wait for one.
    pub proposals: Vec<(CallId, Proposal)>,
    /// The ballots of the height before; none in the first block.
    pub votes: Option<Votes>,
}

impl Block {
    /// The version of the layout.
    pub const VERSION: u16 = 1;
    /// The most validators whose extensions one carries.
    const VOTES: usize = 1_000;

    /// The most bytes that a block may have, under these rules and with so many validators.
    #[must_use]
    pub fn most_bytes(rules: &Rules, validators: usize) -> u64 {
        let ballots = (validators * (Extension::BYTES + 80)) as u64;
        rules.block_bytes.saturating_add(ballots).saturating_add(1_024)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(digest("block", &[&self.header.bytes()]))
    }

    /// The encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header.bytes();
        self.put_body(&mut out);
        out
    }

    /// The block that has these bytes, and no other. Whether it may follow is [`Chain::validate`](crate::Chain::validate)'s to say.
    ///
    /// # Errors
    /// [`InvalidBlock::Malformed`].
    pub fn from_bytes(bytes: &[u8], rules: &Rules) -> Result<Self, InvalidBlock> {
        if bytes.len() as u64 > Self::most_bytes(rules, Self::VOTES) {
            return Err(InvalidBlock::Malformed("it is larger than a block may be"));
        }
        let mut source = Source(bytes);
        let read = |source: &mut Source<'_>| -> Read<Self> {
            Ok(Self {
                header: Form::take(source)?,
                // Each takes more bytes than this: nothing is reserved for what is not there.
                txs: take_list(source, bytes.len() / 64)?,
                proposals: take_list::<Proposed>(source, bytes.len() / 32)?.into_iter().map(|it| it.0).collect(),
                votes: Form::take(source)?,
            })
        };
        let block = read(&mut source).map_err(|wrong| InvalidBlock::Malformed(said(wrong)))?;
        if !source.0.is_empty() {
            return Err(InvalidBlock::Malformed("bytes follow it"));
        }
        // A block's name stands for all of it: what is not what its header says is no block of that name.
        if block.body() != block.header.body {
            return Err(InvalidBlock::Malformed("its body is not the one that its header names"));
        }
        Ok(block)
    }

    /// The digest of all but the header.
    #[must_use]
    pub fn body(&self) -> [u8; 32] {
        let mut out = Vec::new();
        self.put_body(&mut out);
        digest("body", &[&out])
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        put_list(out, &self.txs);
        subvm_core::wire::put_uint(out, self.proposals.len() as u64);
        self.proposals.iter().for_each(|(call, proposal)| put_proposed(out, call, proposal));
        self.votes.put(out);
    }

    /// Bytes of what a proposer chose freely: all but header and ballots.
    pub(crate) fn weight(&self) -> u64 {
        let mut out = Vec::new();
        put_list(&mut out, &self.txs);
        self.proposals.iter().for_each(|(call, proposal)| put_proposed(&mut out, call, proposal));
        out.len() as u64
    }
}

struct Proposed((CallId, Proposal));

pub(crate) fn put_proposed(out: &mut Vec<u8>, call: &CallId, proposal: &Proposal) {
    call.put(out);
    proposal.to_bytes().put(out);
}

impl Form for Proposed {
    fn put(&self, out: &mut Vec<u8>) {
        put_proposed(out, &self.0.0, &self.0.1);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        let call = Form::take(source)?;
        let proposal = Proposal::from_bytes(source.bytes()?).map_err(|_| Wrong::Malformed("it holds no proposal"))?;
        Ok(Self((call, proposal)))
    }
}

impl Form for Header {
    fn put(&self, out: &mut Vec<u8>) {
        Block::VERSION.put(out);
        self.height.put(out);
        self.parent.put(out);
        self.time.put(out);
        self.proposer.put(out);
        self.root.put(out);
        self.body.put(out);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        if u16::take(source)? != Block::VERSION {
            return Err(Wrong::Malformed("it has another version"));
        }
        Ok(Self {
            height: Form::take(source)?,
            parent: Form::take(source)?,
            time: Form::take(source)?,
            proposer: Form::take(source)?,
            root: Form::take(source)?,
            body: Form::take(source)?,
        })
    }
}

impl Form for SignedExtension {
    fn put(&self, out: &mut Vec<u8>) {
        self.validator.put(out);
        self.bytes.put(out);
        self.signature.put(out);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self { validator: Form::take(source)?, bytes: Form::take(source)?, signature: Form::take(source)? })
    }
}

impl Form for Votes {
    fn put(&self, out: &mut Vec<u8>) {
        self.round.put(out);
        put_list(out, &self.votes);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self { round: Form::take(source)?, votes: take_list(source, Block::VOTES)? })
    }
}
