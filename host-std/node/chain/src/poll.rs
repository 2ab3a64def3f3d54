//! A vote on a leader's results: who votes, what is counted, and when it is over.
//!
//! **The rule.** A result is accepted as soon as more than two thirds of the *whole* power of its committee have opened a ballot that accepts
//! it and names the receipt that every node came to with these results. It is lost as soon as that cannot happen any more. Ballots that are
//! missing count as any other that does not accept. So the count only ever grows towards one of the two ends, and in which block, in which order
//! and beside which others a ballot came makes no difference to either: a proposer that leaves ballots out can keep a result waiting, until
//! the next proposer takes them, for validators repeat them until a block has them; it can never bring about a result that the ballots do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use subvm_core::{Address, Ballot, Commitment, Proposal, Receipt};

use crate::extension::Item;
use crate::genesis::Genesis;
use crate::ids::{CallId, digest};

/// Who appealed, and what it left as a bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appeal {
    /// Whose bond it is.
    pub by: Address,
    /// The bond.
    pub bond: u128,
}

/// A vote that is going on, or that is over.
#[derive(Clone, Debug)]
pub struct Poll {
    /// Its number among the votes on this call.
    pub number: u32,
    /// The appeal that it is for.
    pub appeal: Option<Appeal>,
    /// Whose results are voted on.
    pub leader: Address,
    /// Those results.
    pub proposal: Arc<Proposal>,
    /// What every node comes to with them.
    pub receipt: Arc<Receipt>,
    /// The numbers of the validators who vote, ascending.
    pub committee: Vec<u16>,
    /// What they committed to.
    pub commits: BTreeMap<u16, Commitment>,
    /// What they opened.
    pub opened: BTreeMap<u16, Ballot>,
    /// Whether ballots are opened already; before, they are committed to.
    pub opening: bool,
    /// The last block that counts for the present phase.
    pub until: u64,
    pub(crate) about: [u8; 32],
    pub(crate) agreed: [u8; 32],
}

/// Where a vote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Nobody can say yet.
    Open,
    /// The results are accepted.
    Accepted,
    /// They cannot be accepted any more.
    Lost,
}

impl Poll {
    /// A vote begins, at this height.
    pub(crate) fn begin(
        (number, appeal): (u32, Option<Appeal>),
        leader: Address,
        (proposal, receipt): (Arc<Proposal>, Arc<Receipt>),
        committee: Vec<u16>,
        until: u64,
    ) -> Self {
        let (commits, opened) = (BTreeMap::new(), BTreeMap::new());
        let (about, agreed) = (proposal.digest(), receipt.digest());
        Self {
            number,
            appeal,
            leader,
            proposal,
            receipt,
            committee,
            commits,
            opened,
            opening: false,
            until,
            about,
            agreed,
        }
    }

    /// Takes an item of a validator's extension. What has no place is passed over: it is signed by its sender, and harms nobody.
    pub(crate) fn take(&mut self, from: u16, genesis: &Genesis, item: &Item) {
        if self.committee.binary_search(&from).is_err() {
            return;
        }
        match item {
            Item::Commit { commitment, .. } if !self.opening => {
                self.commits.entry(from).or_insert(*commitment);
            }
            Item::Open { ballot, salt, .. } if self.opening => {
                let key = &genesis.validators[usize::from(from)].key;
                let opens = |to: &Commitment| to.opens(ballot, &self.about, key, salt);
                if self.commits.get(&from).is_some_and(opens) {
                    self.opened.entry(from).or_insert(*ballot);
                }
            }
            _ => {}
        }
    }

    /// Goes on to the opening of ballots, where all have committed, or time is up.
    pub(crate) fn advance(&mut self, height: u64, genesis: &Genesis) {
        if !self.opening && (self.commits.len() == self.committee.len() || height >= self.until) {
            self.opening = true;
            self.until = height.saturating_add(genesis.phase(genesis.rules.reveal_blocks));
        }
    }

    /// Whether a ballot is for the leader.
    #[must_use]
    pub fn agrees(&self, ballot: &Ballot) -> bool {
        ballot.agrees(&self.agreed)
    }

    /// Counts. `over` says that no more ballots are taken.
    #[must_use]
    pub fn tally(&self, genesis: &Genesis, over: bool) -> Tally {
        let whole = genesis.power(self.committee.iter().copied());
        let power = |of: &mut dyn Iterator<Item = u16>| genesis.power(of);
        let agree = power(&mut self.opened.iter().filter(|(_, ballot)| self.agrees(ballot)).map(|(from, _)| *from));
        let against = power(&mut self.committee.iter().copied().filter(|member| match self.opened.get(member) {
            Some(ballot) => !self.agrees(ballot),
            // Who has not committed in time opens nothing.
            None => over || self.opening && !self.commits.contains_key(member),
        }));
        if more_than_two_thirds(agree, whole) {
            Tally::Accepted
        } else if !more_than_two_thirds(whole - against, whole) {
            Tally::Lost
        } else {
            Tally::Open
        }
    }
}

/// Below 2^62, as the powers of a genesis are.
pub(crate) fn more_than_two_thirds(part: u64, whole: u64) -> bool {
    u128::from(part) * 3 > u128::from(whole) * 2
}

/// Draws so many validators of `all`, ascending: by the seed of the height, the call, and the number of the vote.
pub(crate) fn draw(seed: &[u8; 32], call: &CallId, number: u32, size: u16, all: u16) -> Vec<u16> {
    let mut numbers: Vec<u16> = (0..all).collect();
    let key = digest("committee", &[seed, &call.0, &number.to_le_bytes()]);
    let mut source = blake3::Hasher::new_keyed(&key).finalize_xof();
    let size = usize::from(size.min(all));
    for at in 0..size {
        let mut bytes = [0; 8];
        source.fill(&mut bytes);
        // Of 2^64, the rest of a division by at most 1,000: what one is preferred by cannot be seen.
        let other = at + (u64::from_le_bytes(bytes) % (numbers.len() - at) as u64) as usize;
        numbers.swap(at, other);
    }
    numbers.truncate(size);
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_a_set_that_the_seed_decides() {
        let call = CallId([1; 32]);
        for (size, all) in [(0, 4), (1, 1), (3, 4), (7, 31), (31, 31), (90, 31)] {
            let drawn = draw(&[7; 32], &call, 0, size, all);
            assert_eq!(drawn.len(), usize::from(size.min(all)));
            assert!(drawn.is_sorted_by(|a, b| a < b) && drawn.iter().all(|one| *one < all));
            assert_eq!(drawn, draw(&[7; 32], &call, 0, size, all));
        }
        assert_ne!(draw(&[7; 32], &call, 0, 7, 31), draw(&[7; 32], &call, 1, 7, 31));
        let mut times = [0; 10];
        (0..1_000).flat_map(|number| draw(&[7; 32], &call, number, 3, 10)).for_each(|one| times[usize::from(one)] += 1);
        assert!(
            times.iter().all(|times| (230..370).contains(times)),
            "each is drawn 300 times of 1,000, or so: {times:?}"
        );
    }

    #[test]
    fn two_thirds_are_not_enough() {
        for (part, whole, is) in [
            (2, 3, false),
            (3, 3, true),
            (3, 4, true),
            (2, 4, false),
            (5, 7, true),
            (4, 7, false),
            (21, 31, true),
            (20, 31, false),
        ] {
            assert_eq!(more_than_two_thirds(part, whole), is, "{part} of {whole}");
        }
    }
}
