//! What became of old transactions is forgotten, and old blocks are, where the node's file says after how many blocks: `keep.records` and
//! `keep.blocks`.

use std::collections::BTreeSet;

use subvm_chain::{Block, Chain, TxId};

use crate::config::Keep;
use crate::store::Store;

/// Heights that one block can make forgotten: more than one, so that a node which is to keep less than before comes to that.
const AT_ONCE: u64 = 4;
/// Blocks that one block can make forgotten.
const BLOCKS_AT_ONCE: u64 = 16;

/// What is forgotten with a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Old {
    /// The last height of which nothing is kept then.
    pub(crate) through: u64,
    /// The transactions of the heights up to there.
    pub(crate) txs: Vec<TxId>,
    /// The lowest block that is kept then; nothing: none is forgotten.
    pub(crate) blocks: Option<u64>,
}

/// What is old enough on a chain that has just grown. It goes on from where it stopped, and waits for transactions of which something may still
/// come: a client that waits for a result finds it.
///
/// Blocks go once no snapshot needs them that this node has, the lowest of which is `snapshot`: it begins with that, and its blocks follow. Their
/// transactions' records go first, where these are forgotten at all.
pub(crate) fn old(store: &Store, chain: &Chain, keep: Keep, snapshot: Option<u64>) -> eyre::Result<Old> {
    let mut old = records(store, chain, keep.records)?;
    let (Some(keep_blocks), Some(snapshot), Some(lowest)) = (keep.blocks, snapshot, store.lowest()?) else {
        return Ok(old);
    };
    let most = if keep.records.is_some() { old.through.saturating_add(1) } else { u64::MAX };
    let below = chain.height().saturating_sub(keep_blocks).min(chain.finalized()).min(snapshot).min(most);
    old.blocks = Some(below.min(lowest.saturating_add(BLOCKS_AT_ONCE))).filter(|below| *below > lowest);
    Ok(old)
}

fn records(store: &Store, chain: &Chain, keep: Option<u64>) -> eyre::Result<Old> {
    // Of blocks that are not kept nothing can be looked up, as on a node that began with a snapshot.
    let from = store.forgotten()?.max(store.lowest()?.map_or(0, |lowest| lowest.saturating_sub(1)));
    let mut old = Old { through: from, txs: vec![], blocks: None };
    let Some(last) = keep.and_then(|keep| chain.height().checked_sub(keep)) else { return Ok(old) };
    let last = last.min(chain.finalized()).min(from.saturating_add(AT_ONCE));
    if last <= from {
        return Ok(old);
    }
    let open: BTreeSet<TxId> = chain.unsettled().collect();
    for height in from + 1..=last {
        let block = store.decided(height)?;
        let block = block.and_then(|decided| Block::from_bytes(&decided.block, &chain.genesis().rules).ok());
        let txs: Vec<TxId> = block.iter().flat_map(|block| &block.txs).map(|tx| tx.tx.id()).collect();
        if txs.iter().any(|tx| open.contains(tx)) {
            break;
        }
        old.txs.extend(txs);
        old.through = height;
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use subvm_chain::{Action, SignedTx, sample};
    use subvm_core::Address;

    use super::*;
    use crate::shared::tests::{CONTRACT, chain, decided};

    const KEEP: Keep = Keep { records: Some(3), blocks: None };
    const ALL: Keep = Keep { records: None, blocks: None };

    struct Node {
        chain: Chain,
        store: Store,
        _dir: tempfile::TempDir,
    }

    impl Node {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::open(dir.path(), &[1; 32]).expect("opens");
            Self { chain: chain(), store, _dir: dir }
        }

        /// A block, and what it makes forgotten.
        fn block(&mut self, txs: Vec<SignedTx>, keep: Keep) -> Vec<TxId> {
            self.block_with(txs, keep, None)
        }

        /// The same, with this as the lowest snapshot.
        fn block_with(&mut self, txs: Vec<SignedTx>, keep: Keep, snapshot: Option<u64>) -> Vec<TxId> {
            let block = self.chain.propose(sample::validator(0), None, txs, vec![]);
            self.chain.apply(&block).expect("follows");
            let old = old(&self.store, &self.chain, keep, snapshot).expect("reads");
            let record = |tx: &SignedTx| (tx.tx.id().0, b"{}".to_vec());
            let records: Vec<_> = block.txs.iter().map(record).collect();
            self.store.decide(&decided(&block), &records, &old).expect("keeps");
            old.txs
        }

        fn knows(&self, tx: &SignedTx) -> bool {
            self.store.record(&tx.tx.id().0).expect("reads").is_some()
        }
    }

    fn transfer(nonce: u64) -> SignedTx {
        sample::tx(0, nonce, false, Action::Transfer { to: Address([9; 20]), value: 1 })
    }

    #[test]
    fn records_are_forgotten_when_they_are_old_enough() {
        let mut node = Node::new();
        assert_eq!(node.block(vec![transfer(0)], KEEP), []);
        assert_eq!(node.block(vec![], KEEP), []);
        assert_eq!(node.block(vec![], KEEP), []);
        assert!(node.knows(&transfer(0)));
        assert_eq!(node.block(vec![], KEEP), [transfer(0).tx.id()]);
        assert!(!node.knows(&transfer(0)));
    }

    #[test]
    fn a_node_that_is_to_keep_less_forgets_what_is_older_too() {
        let mut node = Node::new();
        for nonce in 0..20 {
            assert_eq!(node.block(vec![transfer(nonce)], ALL), [], "all is kept");
        }
        let mut forgotten = Vec::new();
        for _ in 0..8 {
            let now = node.block(vec![], KEEP);
            assert!(now.len() as u64 <= AT_ONCE, "some at a time");
            forgotten.extend(now);
        }
        let all: Vec<_> = (0..20).map(|nonce| transfer(nonce).tx.id()).collect();
        assert_eq!(forgotten, all);
        assert!((0..20).all(|nonce| !node.knows(&transfer(nonce))));
        assert_eq!(node.store.forgotten().expect("reads"), node.chain.height() - 3);
    }

    /// A node that began with a snapshot has nothing of the blocks before: it does not go through their heights, four with each block.
    #[test]
    fn a_node_that_began_high_forgets_as_soon_as_another() {
        let mut node = Node::new();
        let dir = tempfile::tempdir().expect("a directory");
        let first = std::mem::replace(&mut node.store, Store::open(dir.path(), &[1; 32]).expect("opens"));
        for _ in 0..40 {
            let block = node.chain.propose(sample::validator(0), None, [], vec![]);
            node.chain.apply(&block).expect("follows");
            node.store.begin(&[decided(&block)]).expect("keeps");
        }
        let last = node.store.range(39..=40).expect("reads");
        node.store = first;
        node.store.begin(&last).expect("keeps");
        let keep = Keep { records: Some(4), blocks: Some(5) };
        for _ in 0..8 {
            node.block_with(vec![], keep, Some(1_000));
        }
        assert_eq!(node.store.forgotten().expect("reads"), 44);
        assert_eq!(node.store.lowest().expect("reads"), Some(43));
    }

    #[test]
    fn what_something_may_still_come_of_is_not_forgotten() {
        let mut node = Node::new();
        let ask = sample::tx(1, 0, true, Action::Call { to: CONTRACT, value: 0, data: vec![] });
        node.block(vec![ask.clone(), transfer(0)], KEEP);
        let ended = |node: &Node| !node.chain.is_pending(&ask.tx.id());
        while !ended(&node) {
            assert!(node.knows(&ask) && node.chain.height() < 50, "height {}", node.chain.height());
            node.block(vec![], KEEP);
        }
        assert!(node.chain.height() > 10, "nobody led it for many blocks");
        node.block(vec![], KEEP);
        assert!(!node.knows(&ask) && !node.knows(&transfer(0)));
        // A node that starts again goes on from there.
        assert!(Arc::new(node.store).forgotten().expect("reads") > 0);
    }

    #[test]
    fn blocks_are_forgotten_when_a_snapshot_stands_for_them() {
        let mut node = Node::new();
        let keep = Keep { records: Some(4), blocks: Some(5) };
        let lowest = |node: &Node| node.store.lowest().expect("reads");
        for nonce in 0..20 {
            node.block_with(vec![transfer(nonce)], keep, None);
        }
        assert_eq!(lowest(&node), Some(1), "without a snapshot they are all that there is");
        node.block_with(vec![], keep, Some(7));
        assert_eq!(lowest(&node), Some(7), "with one it begins with that, whose block it says votes of");
        // With a later one, some at a time, and never one whose records are still there.
        let mut heights = Vec::new();
        for _ in 0..12 {
            node.block_with(vec![], keep, Some(20));
            heights.push(lowest(&node).expect("some are kept"));
            assert!(lowest(&node).expect("some are kept") <= node.store.forgotten().expect("reads") + 1);
        }
        assert!(heights.is_sorted(), "{heights:?}");
        assert_eq!(heights.last(), Some(&20));
        for _ in 0..BLOCKS_AT_ONCE {
            node.block_with(vec![], Keep { records: None, ..keep }, Some(1_000));
        }
        assert_eq!(lowest(&node), Some(node.chain.finalized().min(node.chain.height() - 5)));
    }
}
