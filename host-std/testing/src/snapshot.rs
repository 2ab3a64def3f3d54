//! Going back: to what a chain was, and to before a transaction that is appealed.

use std::collections::{BTreeMap, VecDeque};

use subvm_core::{Address, Receipt};
use subvm_host_mock::MemoryHost;

use crate::deliver::Letter;
use crate::{Chain, Transaction};

/// What a chain was: contracts and what they keep, balances, messages on their way, the time. Not what the world answers, how many
/// validators there are, or who lies: these are the test's.
#[derive(Clone)]
pub struct Snapshot {
    host: MemoryHost,
    balances: BTreeMap<Address, u128>,
    finalized_later: VecDeque<Letter>,
    unapplied: Vec<(Address, Receipt)>,
    now: u64,
    deployed: u64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("now", &self.now).field("balances", &self.balances).finish_non_exhaustive()
    }
}

impl Chain {
    /// What the chain is now.
    ///
    /// # Cost
    /// A copy of all that contracts keep.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            host: self.host.fork(),
            balances: self.balances.clone(),
            finalized_later: self.finalized_later.clone(),
            unapplied: self.unapplied.clone(),
            now: self.now,
            deployed: self.deployed,
        }
    }

    /// Goes back to what the chain was.
    ///
    /// ```
    /// use subvm_testing::Chain;
    /// let mut chain = Chain::new();
    /// let alice = chain.account("alice", 5);
    /// let before = chain.snapshot();
    /// chain.account("alice", 7);
    /// chain.restore(&before);
    /// assert_eq!(chain.balance(alice), 5);
    /// ```
    pub fn restore(&mut self, to: &Snapshot) {
        let Snapshot { host, balances, finalized_later, unapplied, now, deployed } = to.clone();
        self.host = host.fork();
        (self.balances, self.finalized_later, self.unapplied) = (balances, finalized_later, unapplied);
        (self.now, self.deployed, self.last) = (now, deployed, None);
    }

    /// Whether there is a transaction to appeal.
    pub(crate) fn can_appeal(&self) -> bool {
        self.last.is_some()
    }

    /// Appeals the last transaction: goes back to before it, whatever came since, and runs it again, with so many validators this time. What
    /// the world answers, and whether the leader lies, is as it is now: another leader, if you like.
    ///
    /// ```
    /// use subvm_testing::{Answer, Chain, Map, Node, web};
    /// # let oracle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/oracle.wasm"));
    /// let mut chain = Chain::new();
    /// let (alice, oracle) = (chain.account("alice", 0), chain.deploy(oracle, Map::new()));
    /// // The leader and one of two validators are shown another page.
    /// let other = Answer::page(200, "99");
    /// chain.world(web("*").text("101").to(Node::Leader, other.clone()).to(Node::Validator(0), other));
    /// assert!(chain.call(alice, oracle, "ask", Map::from([("url", "https://prices.test/btc")])).accepted, "two of three");
    ///
    /// let appealed = chain.appeal(5);
    /// assert!(!appealed.accepted, "two of six");
    /// assert_eq!(chain.view(oracle, "get", Map::new()).returned().to_string(), r#"{"answer":"","count":0}"#);
    /// ```
    ///
    /// # Panics
    /// Where there is nothing to appeal: no transaction yet, or all are final, or the chain went back since.
    #[track_caller]
    pub fn appeal(&mut self, validators: usize) -> Transaction {
        let (before, call) = self.last.take().expect("there is no transaction to appeal: none yet, or all are final");
        self.restore(&before);
        let usual = std::mem::replace(&mut self.validators, validators);
        let transaction = self.transact(&call, 0);
        self.validators = usual;
        transaction
    }
}
