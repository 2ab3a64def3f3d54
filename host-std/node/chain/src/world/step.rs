//! A block, step by step.

use super::{Chainwide, Done, Past, World};
use crate::block::Block;
use crate::ids::digest;
use crate::outcome::{Fault, Outcome, Status};

impl World {
    /// What follows from this state by a block. The order is part of the rules: transactions are paid for first, so that whether they can be
    /// depends on nothing else that the block does.
    pub(crate) fn step(&mut self, all: &Chainwide, block: &Block) -> Result<Done, Fault> {
        let mut done = Done::default();
        let (proposer, id) = (block.header.proposer, block.id());
        self.history.push_back(Past { height: self.height, store: self.store.clone(), digest: self.digest });
        self.height = block.header.height;
        self.time = block.header.time;
        self.seed = digest("seed", &[&self.seed, &id.0]);
        self.last = id;
        for signed in &block.txs {
            if let Err(why) = self.include(all, signed, proposer, &mut done) {
                // Only in a chain that is replayed: a block was valid as the chain was when it came.
                let (tx, status) = (signed.tx.id(), Status::Void(why));
                done.outcomes.push(void(tx, status));
            }
        }
        if let Some(votes) = &block.votes {
            self.ballots(all, votes);
        }
        self.tally(all, proposer, &mut done);
        for proposal in &block.proposals {
            self.proposed(all, proposal, proposer, &mut done)?;
        }
        self.expire(all, proposer, &mut done);
        self.work(all, proposer, &mut done)?;
        self.finalize(all);
        self.digest();
        Ok(done)
    }
}

fn void(tx: crate::TxId, status: Status) -> Outcome {
    Outcome {
        call: tx.into(),
        tx,
        contract: subvm_core::Address::default(),
        status,
        receipt: None,
        fee: 0,
        leader: None,
        votes: Vec::new(),
    }
}
