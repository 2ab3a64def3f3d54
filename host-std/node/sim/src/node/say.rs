//! What a validator says to the others, and what liars say in its place.

use arc_malachitebft_core_consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_core_types::{
    NilOrVal, Round, RoundCertificate, RoundCertificateType, RoundSignature, VoteExtensionScope, VoteType,
};
use subvm_bft::{Addr, Ctx, SignedVote, Vote};
use subvm_chain::sample;

use super::{Node, World};
use crate::lies::Lie;
use crate::queue::Event;
use crate::slip::Slip;

impl Node {
    /// Sends the same to all others.
    pub(super) fn others(&self, world: &mut World<'_>, event: &Event) {
        if self.replaying || self.disk.dying {
            return;
        }
        for to in (0..world.scenario.validators).filter(|to| *to != self.number) {
            world.queue.send(world.scenario, to, event.clone());
        }
    }

    /// What a validator publishes; a liar says something else to every second one, or under another's name.
    pub(super) fn publish(&mut self, world: &mut World<'_>, message: SignedConsensusMsg<Ctx>) {
        if let SignedConsensusMsg::Vote(vote) = &message {
            // What its log tells it after a restart, too.
            self.again.said(vote);
            if self.lies(Lie::Forge) {
                self.forge(world, vote);
            }
            if self.lies(Lie::TwoVotes) && !self.replaying && vote.value != NilOrVal::Nil {
                return self.two_votes(world, vote);
            }
        }
        self.others(world, &Event::Consensus(Box::new(message)));
    }

    /// Says a vote again, and those that nobody else would say again for it.
    pub(super) fn repeat(&self, world: &mut World<'_>, vote: SignedVote) {
        let before = if world.scenario.slip == Some(Slip::Once) { Vec::new() } else { self.again.beside(&vote) };
        for vote in before.into_iter().chain([vote]) {
            self.others(world, &Event::Liveness(Box::new(LivenessMsg::Vote(vote))));
        }
    }

    fn two_votes(&self, world: &mut World<'_>, vote: &SignedVote) {
        let other = self.keys.vote(Vote { value: NilOrVal::Nil, ext: None, ..vote.message.clone() });
        for to in (0..world.scenario.validators).filter(|to| *to != self.number) {
            let vote = if to % 2 == 0 { other.clone() } else { vote.clone() };
            world.queue.send(world.scenario, to, Event::Consensus(Box::new(SignedConsensusMsg::Vote(vote))));
        }
    }

    /// Its own signature under what the next validator would have said; and a certificate by which all of them are far ahead.
    fn forge(&self, world: &mut World<'_>, vote: &SignedVote) {
        let name = |number: u16| Addr(sample::validator(number % world.scenario.validators).0);
        let addr = name(self.number + 1);
        let ext = match (&vote.ext, vote.value) {
            (Some(ext), NilOrVal::Val(id)) => {
                let scope = VoteExtensionScope::new(vote.height, vote.round, id, addr);
                Some(self.keys.extension(&scope, ext.message.clone()))
            }
            _ => None,
        };
        let forged = self.keys.vote(Vote { addr, ext, ..vote.message.clone() });
        let nothing = forged.signature;
        self.others(world, &Event::Consensus(Box::new(SignedConsensusMsg::Vote(forged))));
        if vote.kind == VoteType::Precommit {
            let one = |number| RoundSignature::new(VoteType::Prevote, NilOrVal::Nil, name(number), nothing);
            let certificate = RoundCertificate {
                height: vote.height,
                round: Round::from(vote.round.as_u32().map(|round| round + 3)),
                cert_type: RoundCertificateType::Skip,
                round_signatures: (0..world.scenario.validators).map(one).collect(),
            };
            self.others(world, &Event::Liveness(Box::new(LivenessMsg::SkipRoundCertificate(certificate))));
        }
    }
}
