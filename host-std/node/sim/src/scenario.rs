//! What a seed stands for.

use std::collections::BTreeMap;

use subvm_chain::{Mutant, Rules};

use crate::lies::Lie;
use crate::rng::Rng;
use crate::slip::Slip;

/// How a run is made. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed, which decides everything else.
    pub seed: u64,
    /// Validators, 4 to 31.
    pub validators: u16,
    /// Those that lie, and how: less than a third.
    pub liars: BTreeMap<u16, Vec<Lie>>,
    /// Heights that all have to reach.
    pub heights: u64,
    /// Of a thousand messages, how many are lost.
    pub lost: u64,
    /// Of a thousand messages, how many come twice.
    pub repeated: u64,
    /// How long a message takes, from and to. So they overtake each other.
    pub delay: (u64, u64),
    /// From then on nothing is lost, all comes within 20 ms, and nobody crashes.
    pub stable: u64,
    /// A validator crashes at one of so many writes; 0: never.
    pub crash: u64,
    /// How long the web takes, from and to.
    pub web: (u64, u64),
    /// Whether the web answers everybody otherwise.
    pub chaos: bool,
    /// Transactions that are sent.
    pub txs: u64,
    /// The first committee.
    pub committee: u16,
    /// A rule that is broken, and the validators that break it; none: all.
    pub mutant: Option<(Mutant, Option<u16>)>,
    /// What validators leave out.
    pub slip: Option<Slip>,
}

impl Scenario {
    /// What the seed stands for.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let validators = match rng.below(100) {
            0..70 => rng.between((4, 7)),
            70..96 => rng.between((8, 13)),
            _ => rng.between((14, 31)),
        } as u16;
        let most = (u64::from(validators) - 1) / 3;
        let mut liars = BTreeMap::new();
        for _ in 0..rng.between((0, most)) {
            let lies = (0..rng.between((1, 3))).map(|_| rng.one_of(&Lie::ALL)).collect();
            liars.insert(rng.below(validators.into()) as u16, lies);
        }
        let mut apart = Rng::new(seed ^ 0xf0_49e5);
        liars.values_mut().filter(|_| apart.chance(150)).for_each(|lies: &mut Vec<Lie>| lies.push(Lie::Forge));
        let slow = rng.chance(100);
        Self {
            seed,
            validators,
            liars,
            heights: if validators > 13 { 12 } else { rng.between((16, 32)) },
            lost: rng.one_of(&[0, 0, 10, 50, 150]),
            repeated: rng.one_of(&[0, 20, 200]),
            delay: (500, rng.one_of(&[5_000, 20_000, 100_000, 500_000])),
            stable: rng.between((0, 6_000_000)),
            crash: rng.one_of(&[0, 30, 100, 400]),
            web: if slow { (1_000_000, 4_000_000) } else { (1_000, rng.one_of(&[10_000, 50_000, 200_000])) },
            chaos: rng.chance(60),
            txs: rng.between((4, if validators > 13 { 6 } else { 20 })),
            committee: if rng.chance(500) { validators } else { rng.between((1, validators.into())) as u16 },
            mutant: None,
            slip: None,
        }
    }

    /// The chain's rules: windows are short, so that a short run sees the end of each.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            committee: self.committee,
            propose_blocks: 10,
            commit_blocks: 5,
            reveal_blocks: 5,
            finality: 6,
            block_bytes: 1 << 20,
            tx_bytes: 1 << 16,
            ..Rules::default()
        }
    }
}
