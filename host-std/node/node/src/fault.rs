//! How a node misbehaves, in tests: the feature `faults` alone has it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use subvm_chain::{Block, Extension};
use subvm_core::{Address, Ballot, Proposal};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    Honest,
    /// As leader it proposes results that no site gave it.
    FalseResults,
    /// It disagrees with each proposal of another.
    Disagrees,
    /// As leader it proposes results that are larger than the call paid for.
    OversizedResults,
    /// As leader it proposes no results.
    NoResults,
    /// As proposer it tells some of these results, and others of those.
    AnotherReceipt,
    /// It says nothing of any proposal.
    Stalls,
    /// It commits to what others committed to, and opens what they opened.
    Copies,
    /// Its clock is an hour ahead.
    ClockAhead,
    /// Its clock is an hour behind.
    ClockBehind,
    /// As proposer it proposes blocks that no rule allows.
    InvalidBlocks,
    /// As proposer it proposes bytes that are no block.
    Garbage,
    /// As proposer it proposes two blocks in one round.
    TwoFaced,
    /// Its processor rounds wrongly, in one function.
    RoundsWrongly,
}

/// The function, by its index in each module that rounds there.
const WRONG: subvm_look::Fault = subvm_look::Fault { function: 2 };

impl Fault {
    /// What its engine looks into its runs with.
    pub(crate) fn look(self) -> Option<Arc<dyn subvm_lower::Look>> {
        (self == Self::RoundsWrongly).then(|| WRONG.look())
    }

    /// What becomes of its proposal.
    pub(crate) fn proposal(self, proposal: Option<Proposal>) -> Option<Proposal> {
        let mut proposal = proposal?;
        match self {
            Self::FalseResults => change(&mut proposal),
            Self::OversizedResults => {
                proposal.nondet.iter_mut().for_each(|result| result.resize(LARGE, 0));
            }
            Self::NoResults => return None,
            _ => {}
        }
        Some(proposal)
    }

    /// What becomes of its ballot.
    pub(crate) fn ballot(self, ballot: Ballot) -> Ballot {
        match (self, ballot) {
            (Self::Disagrees, Ballot::Accept { receipt }) => Ballot::Reject { receipt, call: Some(0) },
            (_, ballot) => ballot,
        }
    }

    /// What becomes of its block.
    pub(crate) fn block(self, mut block: Block) -> Block {
        if self == Self::InvalidBlocks {
            block.header.root[0] ^= 1;
        }
        block
    }

    /// What becomes of the bytes that it tells others of.
    pub(crate) fn bytes(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self == Self::Garbage {
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
        bytes
    }

    /// The block that it tells others of beside the one that it proposes.
    pub(crate) fn second(self, block: &Block, other: Address) -> Option<Block> {
        let mut second = block.clone();
        match self {
            Self::TwoFaced => second.header.proposer = other,
            Self::AnotherReceipt if !second.proposals.is_empty() => {
                second.proposals.iter_mut().for_each(|(_, proposal)| change(proposal));
                second.header.body = second.body();
            }
            _ => return None,
        }
        Some(second)
    }

    /// What becomes of what it says beside a precommit. `last` is the last block.
    pub(crate) fn extension(self, mut said: Extension, last: Option<&Block>) -> Extension {
        match self {
            Self::Stalls => said.items.clear(),
            Self::ClockAhead => said.time = said.time.saturating_add(HOUR),
            Self::ClockBehind => said.time = said.time.saturating_sub(HOUR),
            Self::Copies => {
                let votes = last.and_then(|block| block.votes.as_ref());
                let others = votes.iter().flat_map(|votes| &votes.votes);
                let others = others.filter_map(|vote| Extension::from_bytes(&vote.bytes).ok());
                said.items = others.flat_map(|said| said.items).take(Extension::ITEMS).collect();
            }
            _ => {}
        }
        said
    }
}

/// An hour in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
/// Bytes of a result that no call of a test pays for.
const LARGE: usize = 1 << 20;

/// Makes the results others.
fn change(proposal: &mut Proposal) {
    if let Some(last) = proposal.nondet.last_mut().and_then(|result| result.last_mut()) {
        *last ^= 1;
    }
}
