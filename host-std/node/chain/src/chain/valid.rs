//! Which block may follow.

use super::Chain;
use crate::block::{Block, Votes};
use crate::extension::{Extension, extension_bytes};
use crate::ids::{CallId, address};
use crate::mutant::Mutant;
use crate::poll::more_than_two_thirds;
use crate::refusal::{InvalidBlock, Refusal};
use crate::tx::signed;
use crate::world::{Done, include};
use subvm_core::Address;

impl Chain {
    /// Whether a block may follow: its form, what it says of the chain, signatures, that each transaction can be paid, that each proposal is
    /// waited for. What a leader's results say has no part in it.
    ///
    /// # Errors
    /// Why it may not; the same on all nodes at this height.
    pub fn validate(&self, block: &Block) -> Result<(), InvalidBlock> {
        self.follows(block)?;
        let rules = &self.all.genesis.rules;
        if block.weight() > rules.block_bytes {
            return Err(InvalidBlock::Malformed("it is larger than a block may be"));
        }
        if block.header.time != self.instant(block.votes.as_ref()) {
            return Err(InvalidBlock::Header("time"));
        }
        self.quorum(block.votes.as_ref()).map_err(InvalidBlock::Votes)?;
        let mut after = (*self.world).clone();
        if after.backlog() > rules.backlog && !block.txs.is_empty() {
            return Err(InvalidBlock::Tx { number: 0, why: Refusal::Busy });
        }
        for (number, signed) in block.txs.iter().enumerate() {
            include::well_made(&self.all, signed, true)
                .and_then(|()| after.include(&self.all, signed, block.header.proposer, &mut Done::default()))
                .map_err(|why| InvalidBlock::Tx { number, why })?;
        }
        for (number, (call, _)) in block.proposals.iter().enumerate() {
            let twice = block.proposals[..number].iter().any(|(other, _)| other == call);
            let may = if twice {
                Err("there is another for the same call")
            } else {
                self.may_lead(call, &block.header.proposer)
            };
            may.map_err(|why| InvalidBlock::Proposal { number, why })?;
        }
        Ok(())
    }

    /// What the header says of the chain.
    pub(super) fn follows(&self, block: &Block) -> Result<(), InvalidBlock> {
        let header = &block.header;
        let says = [
            (header.height != self.height() + 1, "height"),
            (header.parent != self.last(), "parent"),
            (header.root != self.root && !self.all.planted.is(Mutant::Drift), "root"),
            (header.body != block.body(), "body"),
            (self.all.genesis.validator(&header.proposer).is_none(), "proposer"),
        ];
        says.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, what)| Err(InvalidBlock::Header(what)))
    }

    pub(super) fn may_lead(&self, call: &CallId, leader: &Address) -> Result<(), &'static str> {
        let case = self.world.cases.get(call).ok_or("the call does not wait for results")?;
        if self.world.polls.contains_key(call) {
            return Err("the call's results are being voted on");
        }
        if case.led.contains(leader) { Err("its leader proposed results for the call before") } else { Ok(()) }
    }

    /// The instant of a block with these ballots: the median of what their validators' clocks say, by power; but always after the block before.
    pub(super) fn instant(&self, votes: Option<&Votes>) -> u64 {
        let genesis = &self.all.genesis;
        let after = if self.height() == 0 { genesis.time } else { self.time() };
        let read = |vote: &crate::SignedExtension| {
            let extension = Extension::from_bytes(&vote.bytes).ok()?;
            Some((extension.time, genesis.power([vote.validator])))
        };
        let mut times: Vec<(u64, u64)> = votes.iter().flat_map(|votes| &votes.votes).filter_map(read).collect();
        times.sort_unstable();
        let whole: u64 = times.iter().map(|(_, power)| power).sum();
        let mut sum = 0;
        let median = times.iter().find(|(_, power)| {
            sum += power;
            2 * sum > whole
        });
        median.map_or(0, |(time, _)| *time).max(after.saturating_add(1))
    }

    fn quorum(&self, votes: Option<&Votes>) -> Result<(), &'static str> {
        let genesis = &self.all.genesis;
        let (height, last) = (self.height(), self.last());
        let Some(Votes { round, votes }) = votes else {
            return if height == 0 { Ok(()) } else { Err("there are none") };
        };
        if height == 0 {
            return Err("the first block has none");
        }
        if !votes.is_sorted_by(|a, b| a.validator < b.validator) {
            return Err("they are not in the order of their validators");
        }
        for vote in votes {
            let validator = genesis.validators.get(usize::from(vote.validator)).ok_or("one is of no validator")?;
            if vote.bytes.len() > Extension::BYTES {
                return Err("one is larger than an extension may be");
            }
            let who = address(&validator.key);
            let message = extension_bytes(genesis.chain_id, height, *round, &last, &who, &vote.bytes);
            if !signed(&validator.key, &message, &vote.signature) {
                return Err("one has not its validator's signature");
            }
        }
        let power = genesis.power(votes.iter().map(|vote| vote.validator));
        let enough = more_than_two_thirds(power, genesis.whole_power()) || self.all.planted.is(Mutant::AnyQuorum);
        if enough { Ok(()) } else { Err("they are not those of more than two thirds of the power") }
    }
}
