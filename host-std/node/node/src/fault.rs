//! How a node misbehaves, in tests: the feature `faults` alone has it.

use serde::{Deserialize, Serialize};
use subvm_chain::Block;
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
    /// It votes on no proposal.
    Stalls,
    /// As proposer it proposes blocks that no rule allows.
    InvalidBlocks,
    /// As proposer it proposes octets that are no block.
    Garbage,
    /// As proposer it proposes two blocks in one round.
    TwoFaced,
}

impl Fault {
    /// What becomes of its proposal.
    pub(crate) fn proposal(self, proposal: Option<Proposal>) -> Option<Proposal> {
        let mut proposal = proposal?;
        if self == Self::FalseResults
            && let Some(last) = proposal.nondet.last_mut().and_then(|result| result.last_mut())
        {
            *last ^= 1;
        }
        Some(proposal)
    }

    /// What becomes of its ballot.
    pub(crate) fn ballot(self, ballot: Ballot) -> Ballot {
        match (self, ballot) {
            (Self::Disagrees, Ballot::Accept { receipt }) => Ballot::Reject { receipt, call: Some(0) },
            (Self::Stalls, _) => Ballot::Timeout,
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

    /// What becomes of the octets that it tells others of.
    pub(crate) fn octets(self, mut octets: Vec<u8>) -> Vec<u8> {
        if self == Self::Garbage {
            octets.iter_mut().for_each(|octet| *octet = !*octet);
        }
        octets
    }

    /// The block that it tells others of beside the one that it proposes.
    pub(crate) fn second(self, block: &Block, other: Address) -> Option<Block> {
        let mut second = block.clone();
        second.header.proposer = other;
        (self == Self::TwoFaced).then_some(second)
    }
}
