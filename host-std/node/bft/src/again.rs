//! What a validator says again until its height is decided.
//!
//! Malachite 0.8 repeats the votes of the round that a validator is in. Of the rounds before it repeats a certificate, which names precommits
//! without their extensions; where extensions are required, whoever gets one drops those. So one precommit that is lost and one validator that
//! lies could hold the others in a round for ever: the one whose vote they miss has gone on, and does not say it again.
//!
//! [`Again`] closes that: beside each prevote that is repeated go the own votes of the rounds before. So every vote of an honest validator
//! reaches all others at some time, which is what the proof that consensus goes on takes for granted.

use arc_malachitebft_core_types::{SignedMessage, VoteType};

use crate::types::{Ctx, H, Vote};

/// A vote and its signature.
pub type SignedVote = SignedMessage<Ctx, Vote>;

/// The own votes of one height.
///
/// ```
/// use arc_malachitebft_core_types::{NilOrVal, Round, SignedMessage, VoteType};
/// use subvm_bft::{Addr, Again, H, Sig, Vote};
///
/// let vote = |round| Vote {
///     kind: VoteType::Prevote, height: H(1), round: Round::new(round), value: NilOrVal::Nil, addr: Addr([1; 20]), ext: None,
/// };
/// let signed = |round| SignedMessage::new(vote(round), Sig([0; 64]));
/// let mut again = Again::default();
/// again.said(&signed(0));
/// again.said(&signed(1));
/// assert_eq!(again.beside(&signed(1)), [signed(0)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Again {
    height: H,
    votes: Vec<SignedVote>,
}

impl Again {
    /// The most votes that are kept: those of the last 16 rounds. Who is behind is behind by a round or two: more than a third of the power in a
    /// later round takes everybody there.
    pub const KEPT: usize = 32;

    /// Keeps a vote that this validator publishes, and forgets those of lower heights.
    pub fn said(&mut self, vote: &SignedVote) {
        if vote.height > self.height {
            self.height = vote.height;
            self.votes.clear();
        }
        if vote.height == self.height && !self.votes.contains(vote) {
            self.votes.push(vote.clone());
            if self.votes.len() > Self::KEPT {
                self.votes.remove(0);
            }
        }
    }

    /// What to repeat beside this vote, which is repeated: nothing but beside a prevote, of which each round has one.
    #[must_use]
    pub fn beside(&self, vote: &SignedVote) -> Vec<SignedVote> {
        if vote.kind != VoteType::Prevote || vote.height != self.height {
            return Vec::new();
        }
        self.votes.iter().filter(|kept| kept.round.as_i64() < vote.round.as_i64()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_core_types::{NilOrVal, Round};

    use super::*;
    use crate::types::{Addr, Id, Sig};

    fn vote(kind: VoteType, height: u64, round: u32) -> SignedVote {
        let ext = (kind == VoteType::Precommit).then(|| SignedMessage::new(vec![7], Sig([7; 64])));
        let (height, round, value, addr) = (H(height), Round::new(round), NilOrVal::Val(Id([1; 32])), Addr([1; 20]));
        SignedMessage::new(Vote { kind, height, round, value, addr, ext }, Sig([9; 64]))
    }

    fn prevote(height: u64, round: u32) -> SignedVote {
        vote(VoteType::Prevote, height, round)
    }

    fn precommit(height: u64, round: u32) -> SignedVote {
        vote(VoteType::Precommit, height, round)
    }

    #[test]
    fn a_vote_of_a_round_before_is_repeated_with_its_extension() {
        let mut again = Again::default();
        for said in [prevote(3, 0), precommit(3, 0), prevote(3, 1), precommit(3, 1)] {
            again.said(&said);
        }
        assert_eq!(again.beside(&prevote(3, 0)), [], "malachite repeats those of this round");
        assert_eq!(again.beside(&prevote(3, 1)), [prevote(3, 0), precommit(3, 0)]);
        assert!(again.beside(&prevote(3, 1))[1].ext.is_some());
        assert_eq!(again.beside(&precommit(3, 1)), [], "once in a round");
        assert_eq!(again.beside(&prevote(4, 1)), [], "of no other height");
    }

    #[test]
    fn a_height_is_forgotten_with_the_next_and_rounds_are_bounded() {
        let mut again = Again::default();
        for round in 0..100 {
            again.said(&prevote(1, round));
            again.said(&precommit(1, round));
            // A restart says it once more.
            again.said(&precommit(1, round));
        }
        let repeated = again.beside(&prevote(1, 100));
        assert_eq!((repeated.len(), repeated[0].round), (Again::KEPT, Round::new(84)));
        again.said(&prevote(2, 0));
        again.said(&precommit(1, 3));
        assert_eq!(again.beside(&prevote(2, 1)), [prevote(2, 0)]);
    }
}
