//! Blocks before they are decided: made, cut into parts, put together, judged.

use arc_malachitebft_app_channel::app::streaming::StreamContent;
use arc_malachitebft_app_channel::app::types::core::Round;
use arc_malachitebft_app_channel::app::types::streaming::{StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::{PeerId, ProposedValue};
use arc_malachitebft_app_channel::{Channels, NetworkMsg};
use subvm_bft::{Ctx, H, Id, Part};
use subvm_chain::{Block, InvalidBlock, SignedExtension, Votes};
use subvm_core::{Address, Difference, Vote};

use super::{App, EARLY, kept, validity};
use crate::store::Proposed;
use crate::streams::PART;

/// Transactions that are offered to a block; its limits of bytes and gas say how many of them it takes.
const OFFERED: usize = 5_000;

/// Blocks of one height that a peer may send: it proposes one in each round, and sends others' again.
const SENT: usize = 32;
/// Heights ahead of which blocks are kept for later.
const AHEAD: u64 = 4;

impl App {
    /// The block that this node proposes: the one it proposed before in this round, if it did.
    pub(super) fn value(&mut self, height: H, round: Round) -> eyre::Result<Id> {
        let mine = |p: &&ProposedValue<Ctx>| p.height == height && p.round == round && p.proposer == self.me;
        if let Some(made) = self.proposed.iter().find(mine) {
            return Ok(made.value);
        }
        let block = tokio::task::block_in_place(|| self.make());
        let labels =
            Part { height, round, pol_round: Round::Nil, proposer: self.me, first: true, last: true, bytes: vec![] };
        let id = Id(block.id().0);
        self.judge(kept(&labels, id, block.to_bytes()))?;
        Ok(id)
    }

    fn make(&self) -> Block {
        let txs = self.shared.waiting(OFFERED);
        let block = self.chain.propose(Address(self.me.0), self.votes(), txs, self.jobs.proposals());
        #[cfg(feature = "faults")]
        let block = self.fault.block(block);
        block
    }

    /// The votes on the last block, with what validators say in them.
    fn votes(&self) -> Option<Votes> {
        let last = self.last.as_ref()?;
        let index = |address| self.set.validators().iter().position(|v| v.addr == address);
        let vote = |(address, _, ext): &crate::wire::Commit| {
            let (validator, ext) = (u16::try_from(index(*address)?).ok()?, ext.as_ref()?);
            Some(SignedExtension { validator, bytes: ext.message.clone(), signature: ext.signature.0 })
        };
        let mut votes: Vec<SignedExtension> = last.commits.iter().filter_map(vote).collect();
        votes.sort_by_key(|vote| vote.validator);
        Some(Votes { round: last.round.as_u32().unwrap_or_default(), votes })
    }

    /// Tells all others of a block.
    pub(super) async fn publish(
        &mut self,
        channels: &Channels<Ctx>,
        id: Id,
        height: H,
        round: Round,
        pol_round: Round,
    ) -> eyre::Result<()> {
        let Some((_, bytes)) = self.blocks.get(&id) else { return Ok(()) };
        let bytes = bytes.clone();
        #[cfg(feature = "faults")]
        let bytes = self.misbehave(channels, id, bytes, (height, round)).await?;
        self.stream(channels, bytes, height, round, pol_round).await
    }

    #[cfg(feature = "faults")]
    pub(super) fn last_block(&self) -> Option<Block> {
        Block::from_bytes(&self.last.as_ref()?.block, &self.chain.genesis().rules).ok()
    }

    #[cfg(feature = "faults")]
    async fn misbehave(
        &mut self,
        channels: &Channels<Ctx>,
        id: Id,
        bytes: Vec<u8>,
        (height, round): (H, Round),
    ) -> eyre::Result<Vec<u8>> {
        let other = self.set.validators().iter().map(|v| v.addr).find(|addr| *addr != self.me);
        let block = self.blocks.get(&id).zip(other);
        let second = block.and_then(|((block, _), other)| self.fault.second(block, Address(other.0)));
        if let Some(second) = second {
            self.stream(channels, second.to_bytes(), height, round, Round::Nil).await?;
        }
        Ok(self.fault.bytes(bytes))
    }

    async fn stream(
        &mut self,
        channels: &Channels<Ctx>,
        bytes: Vec<u8>,
        height: H,
        round: Round,
        pol_round: Round,
    ) -> eyre::Result<()> {
        self.streamed += 1;
        // New after a restart, too.
        let name = borsh::to_vec(&(height, round, self.streamed, super::now()))?;
        let stream = StreamId::new(name.into());
        let chunks: Vec<&[u8]> = bytes.chunks(PART).collect();
        let count = chunks.len() as u64;
        for (at, chunk) in (0..).zip(chunks) {
            let (first, last, bytes) = (at == 0, at + 1 == count, chunk.to_vec());
            let part = Part { height, round, pol_round, proposer: self.me, first, last, bytes };
            let message = StreamMessage::new(stream.clone(), at, StreamContent::Data(part));
            channels.network.send(NetworkMsg::PublishProposalPart(message)).await?;
        }
        let end = StreamMessage::new(stream, count, StreamContent::Fin);
        channels.network.send(NetworkMsg::PublishProposalPart(end)).await?;
        Ok(())
    }

    /// A part came in. Gives the block that it makes whole, judged.
    pub(super) fn part(&mut self, from: PeerId, part: StreamMessage<Part>) -> eyre::Result<Option<ProposedValue<Ctx>>> {
        let next = self.chain.height() + 1;
        match self.streams.take(from, part) {
            Ok(Some((labels, bytes))) if labels.height.0 == next => {
                let sent = self.from.entry(from).or_default();
                *sent += 1;
                if *sent > SENT {
                    metrics::counter!("node_blocks_refused_total", "why" => "too many").increment(1);
                    return Ok(None);
                }
                self.take(&labels, bytes)
            }
            Ok(Some((labels, bytes))) if (next + 1..=next + AHEAD).contains(&labels.height.0) => {
                if self.early.len() < EARLY {
                    self.early.push((labels, bytes));
                }
                Ok(None)
            }
            Ok(_) => Ok(None),
            Err(why) => {
                metrics::counter!("node_parts_dropped_total").increment(1);
                tracing::debug!(?why, %from, "parts of a block were thrown away");
                Ok(None)
            }
        }
    }

    /// Keeps a block that came from another node, and judges it. Nothing where its bytes are no block: then they have no name to vote on.
    pub(super) fn take(&mut self, labels: &Part, bytes: Vec<u8>) -> eyre::Result<Option<ProposedValue<Ctx>>> {
        // A header names a block, and says what is in it: bytes that lie about that have no name.
        let rules = &self.chain.genesis().rules;
        let block = Block::from_bytes(&bytes, rules).map_err(|error| error.to_string());
        match block.and_then(|block| {
            if block.body() == block.header.body { Ok(block) } else { Err("its body is another".into()) }
        }) {
            Ok(block) => self.judge(kept(labels, Id(block.id().0), bytes)),
            Err(error) => {
                metrics::counter!("node_blocks_refused_total", "why" => "malformed").increment(1);
                tracing::warn!(height = labels.height.0, proposer = %labels.proposer, %error, "bytes that are no block");
                Ok(None)
            }
        }
    }

    /// Keeps a block before consensus hears of it, whose log names it by its identifier only, and says whether it is valid.
    pub(super) fn judge(&mut self, proposed: Proposed) -> eyre::Result<Option<ProposedValue<Ctx>>> {
        let Ok(block) = Block::from_bytes(&proposed.bytes, &self.chain.genesis().rules) else { return Ok(None) };
        let verdict = tokio::task::block_in_place(|| self.chain.validate(&block));
        if let Err(why) = &verdict {
            metrics::counter!("node_blocks_refused_total", "why" => "invalid").increment(1);
            if *why == InvalidBlock::Header("root") {
                // One of the two has another state: this node, or who proposed it.
                subvm_observe::voted(&Vote::Disagree(Difference { field: "state", call: None }));
            }
            tracing::warn!(height = proposed.height.0, proposer = %proposed.proposer, %why, "an invalid block");
        }
        let Proposed { height, round, valid_round, proposer, id, .. } = proposed;
        let value =
            ProposedValue { height, round, valid_round, proposer, value: id, validity: validity(verdict.is_ok()) };
        if !self.proposed.contains(&value) {
            tokio::task::block_in_place(|| self.store.propose(&proposed))?;
            self.proposed.push(value.clone());
        }
        self.blocks.insert(id, (block, proposed.bytes));
        Ok(Some(value))
    }
}
