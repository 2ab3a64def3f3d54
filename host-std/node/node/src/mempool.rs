//! Transactions that wait for a block: by sender, in the order of their nonces; and in all, in the order in which they came.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use subvm_chain::{SignedTx, TxId};
use subvm_core::Address;

/// Transactions of one sender.
const OF_SENDER: usize = 64;
/// Transactions in all.
const IN_ALL: usize = 20_000;
/// Bytes in all.
const BYTES: usize = 64 << 20;

struct Waiting {
    id: TxId,
    tx: SignedTx,
    bytes: usize,
}

/// They.
#[derive(Default)]
pub(crate) struct Mempool {
    senders: HashMap<Address, BTreeMap<u64, Waiting>>,
    /// Whose turn it is, as transactions came. What was taken out leaves a turn that comes to nothing.
    turns: VecDeque<Address>,
    ids: HashSet<TxId>,
    bytes: usize,
}

/// Why a transaction does not wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// This one does already.
    Known,
    /// Another with its nonce does.
    Nonce,
    /// Its sender has too many.
    Sender,
    /// All have.
    All,
}

impl Full {
    /// Its name in answers and figures.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Nonce => "nonce_taken",
            Self::Sender => "sender_full",
            Self::All => "mempool_full",
        }
    }

    /// What to do.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Known => "this transaction waits for a block already: ask for its receipt",
            Self::Nonce => "another transaction with this nonce waits for a block: use the next nonce",
            Self::Sender => "64 transactions of this sender wait for a block: send more when some are in one",
            Self::All => "this node holds as many transactions as it can: try again in a few seconds",
        }
    }
}

impl Mempool {
    /// Takes one in, which was checked.
    pub(crate) fn add(&mut self, from: Address, tx: SignedTx, bytes: usize) -> Result<TxId, Full> {
        let id = tx.tx.id();
        let nonce = tx.tx.nonce;
        let waiting = self.senders.get(&from);
        if let Some(other) = waiting.and_then(|waiting| waiting.get(&nonce)) {
            return Err(if other.id == id { Full::Known } else { Full::Nonce });
        }
        if waiting.is_some_and(|waiting| waiting.len() >= OF_SENDER) {
            return Err(Full::Sender);
        }
        if self.ids.len() >= IN_ALL || self.bytes + bytes > BYTES {
            return Err(Full::All);
        }
        self.senders.entry(from).or_default().insert(nonce, Waiting { id, tx, bytes });
        self.turns.push_back(from);
        self.ids.insert(id);
        self.bytes += bytes;
        Ok(id)
    }

    /// The first of them, at most `most`: each sender's in the order of nonces.
    pub(crate) fn first(&self, most: usize) -> Vec<SignedTx> {
        let mut taken: HashMap<&Address, std::collections::btree_map::Values<'_, u64, Waiting>> = HashMap::new();
        let turns = self.turns.iter().filter_map(|from| {
            let next =
                taken.entry(from).or_insert_with(|| self.senders.get(from).map(BTreeMap::values).unwrap_or_default());
            next.next().map(|waiting| waiting.tx.clone())
        });
        turns.take(most).collect()
    }

    /// The first nonce from this one on that no transaction of the sender has.
    pub(crate) fn next(&self, from: &Address, nonce: u64) -> u64 {
        let waiting = self.senders.get(from).into_iter().flat_map(|waiting| waiting.range(nonce..));
        waiting.fold(nonce, |next, (taken, _)| if *taken == next { next.saturating_add(1) } else { next })
    }

    /// Whether one waits.
    pub(crate) fn contains(&self, id: &TxId) -> bool {
        self.ids.contains(id)
    }

    /// Lets go what can be in no block any more, now that these are the accounts' next nonces.
    pub(crate) fn settle(&mut self, nonce: impl Fn(&Address) -> u64) {
        let Self { senders, ids, bytes: sum, .. } = self;
        senders.retain(|from, waiting| {
            let kept = waiting.split_off(&nonce(from));
            for gone in waiting.values() {
                ids.remove(&gone.id);
                *sum -= gone.bytes;
            }
            *waiting = kept;
            !waiting.is_empty()
        });
        // As many turns as there are transactions, the youngest ones' going first: order among senders is a courtesy.
        let mut left: HashMap<&Address, usize> =
            self.senders.iter().map(|(from, waiting)| (from, waiting.len())).collect();
        self.turns.retain(|from| {
            left.get_mut(from).is_some_and(|left| left.checked_sub(1).map(|less| *left = less).is_some())
        });
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use subvm_chain::{Action, Tx};
    use subvm_core::Gas;

    use super::*;

    fn tx(from: u8, nonce: u64, value: u128) -> (Address, SignedTx) {
        let key = SigningKey::from_bytes(&[from; 32]);
        let action = Action::Transfer { to: Address([0; 20]), value };
        let from = key.verifying_key().to_bytes();
        let tx = Tx { chain_id: 1, from, nonce, gas: Gas::default(), nondet: false, action };
        (tx.sender(), SignedTx::sign(tx, &key))
    }

    fn add(mempool: &mut Mempool, from: u8, nonce: u64) -> Result<TxId, Full> {
        let (from, tx) = tx(from, nonce, 1);
        mempool.add(from, tx, 100)
    }

    #[test]
    fn each_senders_come_in_the_order_of_nonces_and_all_in_the_order_they_came() {
        let mut mempool = Mempool::default();
        for (from, nonce) in [(1, 5), (2, 0), (1, 4), (2, 1), (1, 6)] {
            add(&mut mempool, from, nonce).expect("room");
        }
        let order: Vec<(Address, u64)> = mempool.first(9).iter().map(|tx| (tx.tx.sender(), tx.tx.nonce)).collect();
        let [one, two] = [tx(1, 0, 1).0, tx(2, 0, 1).0];
        assert_eq!(order, [(one, 4), (two, 0), (one, 5), (two, 1), (one, 6)]);
        assert_eq!(mempool.first(2).len(), 2);
        assert_eq!((mempool.next(&one, 4), mempool.next(&one, 3), mempool.next(&Address([9; 20]), 8)), (7, 3, 8));
    }

    #[test]
    fn one_sender_does_not_fill_it_and_nothing_waits_twice() {
        let mut mempool = Mempool::default();
        for nonce in 0..OF_SENDER as u64 {
            add(&mut mempool, 1, nonce).expect("room");
        }
        assert_eq!(add(&mut mempool, 1, 0), Err(Full::Known));
        assert_eq!(add(&mut mempool, 1, 64), Err(Full::Sender));
        let (from, other) = tx(1, 3, 2);
        assert_eq!(mempool.add(from, other, 100), Err(Full::Nonce));
        let (from, large) = tx(2, 0, 1);
        assert_eq!(mempool.add(from, large, BYTES), Err(Full::All));
        assert!(add(&mut mempool, 2, 0).is_ok());
    }

    #[test]
    fn what_is_in_a_block_waits_no_more_and_leaves_no_turn() {
        let mut mempool = Mempool::default();
        let first = add(&mut mempool, 1, 0).expect("room");
        (1..10).for_each(|nonce| assert!(add(&mut mempool, 1, nonce).is_ok()));
        add(&mut mempool, 2, 0).expect("room");
        let one = tx(1, 0, 1).0;
        mempool.settle(|account| if *account == one { 4 } else { 1 });
        assert!(!mempool.contains(&first));
        assert_eq!((mempool.len(), mempool.turns.len(), mempool.bytes, mempool.senders.len()), (6, 6, 600, 1));
        mempool.settle(|_| u64::MAX);
        assert_eq!((mempool.len(), mempool.turns.len(), mempool.bytes, mempool.first(9).len()), (0, 0, 0, 0));
    }
}
