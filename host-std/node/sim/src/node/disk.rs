//! What a validator keeps over a crash, and the crash at any write.

use std::collections::BTreeMap;
use std::rc::Rc;

use arc_malachitebft_core_consensus::Input;
use arc_malachitebft_core_types::{ExtendedCommitCertificate, Round};
use subvm_bft::{Ctx, H, Id};
use subvm_chain::{Chain, Voter};

use crate::queue::Queue;

/// A disk. Each change of it is a write, at which its validator may crash: with the write done, or not.
pub(crate) struct Disk {
    /// The log of consensus, of one height.
    pub(crate) log: (u64, Vec<Input<Ctx>>),
    /// Blocks that were proposed, by name.
    pub(crate) blocks: BTreeMap<Id, Rc<Vec<u8>>>,
    /// Blocks that were built here: the same is proposed again after a crash.
    pub(crate) built: BTreeMap<(H, Round), Id>,
    pub(crate) decided: BTreeMap<u64, (ExtendedCommitCertificate<Ctx>, Rc<Vec<u8>>)>,
    pub(crate) voter: Voter,
    /// The chain after the decided blocks; some restarts compute it anew.
    pub(crate) chain: Chain,
    /// A crash comes at one of so many writes; 0: never.
    crash: u64,
    /// The validator crashes: nothing is written or sent any more.
    pub(crate) dying: bool,
}

impl Disk {
    pub(crate) fn new(chain: Chain, voter: Voter, crash: u64) -> Self {
        let (log, blocks, built, decided) = ((0, Vec::new()), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { log, blocks, built, decided, voter, chain, crash, dying: false }
    }

    /// Whether the next write is done.
    pub(crate) fn write(&mut self, queue: &mut Queue, stable: u64) -> bool {
        if self.dying {
            return false;
        }
        if self.crash > 0 && queue.now < stable && queue.rng.below(self.crash) == 0 {
            self.dying = true;
            return queue.rng.chance(500);
        }
        true
    }
}
