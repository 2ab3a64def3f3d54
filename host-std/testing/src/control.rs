//! What tools that are built on a chain need beside calls: packages, calls by anybody, the time, one more validator.

use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::{Address, Package, Receipt, Vote};

use crate::chain::{Call, Chain, address_of};
use crate::{Snapshot, Transaction};

impl Chain {
    /// Puts a package at an address, and runs no constructor.
    pub fn install_package(&mut self, package: Arc<Package>) -> Address {
        self.deployed += 1;
        let address = address_of(&[b"contract", &self.deployed.to_le_bytes()]);
        self.host.deploy(address, package);
        address
    }

    /// Deploys a package: what its constructor came to. It is there afterwards, where the constructor returned.
    ///
    /// # Panics
    /// Where the sender has not so much, or the arguments are beyond the limits of calldata.
    #[track_caller]
    pub fn deploy_package(
        &mut self,
        sender: Address,
        package: Arc<Package>,
        arguments: &Value,
        value: u128,
    ) -> Transaction {
        let data = arguments.encode().expect("arguments within the limits");
        self.take(sender, value);
        let contract = self.install_package(package);
        self.transact(&Call { sender, origin: sender, contract, data, value, init: true }, 0)
    }

    /// Sends any calldata as somebody, and keeps nothing of what it did.
    ///
    /// ```
    /// use subvm_testing::{Chain, Map, Value};
    /// # let token = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm"));
    /// let mut chain = Chain::new();
    /// let alice = chain.account("alice", 0);
    /// let token = chain.deploy_as(alice, token, Map::from([("supply", 9)]));
    /// let burn = Map::from([("method", Value::from("transfer")), ("to", token.into()), ("amount", 9.into())]).into();
    /// assert!(chain.view_as(alice, token, &burn).returned().is_null());
    /// assert_eq!(chain.view(token, "balance_of", Map::from([("owner", alice)])).returned(), 9.into());
    /// ```
    ///
    /// # Panics
    /// Where the calldata is beyond the limits.
    pub fn view_as(&mut self, sender: Address, contract: Address, calldata: &Value) -> Transaction {
        self.view_bytes_as(sender, contract, &calldata.encode().expect("calldata within the limits"))
    }

    /// Sets what an account, or a contract, has.
    pub fn fund(&mut self, address: Address, balance: u128) {
        self.balances.insert(address, balance);
    }

    /// Forgets all that the web and models answer.
    ///
    /// ```
    /// use subvm_testing::{Chain, Map, Vote, web};
    /// # let oracle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/oracle.wasm"));
    /// let mut chain = Chain::new();
    /// chain.world(web("*").text("101"));
    /// chain.forget_world();
    /// let (alice, oracle) = (chain.account("alice", 0), chain.deploy(oracle, Map::new()));
    /// let asked = chain.call(alice, oracle, "ask", Map::from([("url", "https://prices.test/btc")]));
    /// assert!(asked.internal.is_some_and(|why| why.contains("no script answers")));
    /// ```
    pub fn forget_world(&mut self) {
        self.scripts.clear();
    }

    /// Sets the instant of the next block, in nanoseconds since 1970.
    ///
    /// ```
    /// use subvm_testing::Chain;
    /// let mut chain = Chain::new();
    /// chain.set_now(1_000_000_000);
    /// assert_eq!(chain.now(), 1_000_000_000);
    /// ```
    pub fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    /// How one more validator votes on a proposal for the last transaction: from the chain as it was before, and as the world answers now. The
    /// leader's own receipt is [`Transaction::leader`]'s; another shows what a validator says to a lie. Nothing changes.
    ///
    /// ```
    /// use subvm_testing::{Chain, Map, Vote, web};
    /// # let oracle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/oracle.wasm"));
    /// let mut chain = Chain::new();
    /// chain.world(web("*").text("101"));
    /// let (alice, oracle) = (chain.account("alice", 0), chain.deploy(oracle, Map::new()));
    /// let asked = chain.call(alice, oracle, "ask", Map::from([("url", "https://prices.test/btc")]));
    /// let proposal = asked.leader.expect("it came to something").receipt;
    /// assert_eq!(chain.one_more(&proposal), Vote::Agree);
    /// chain.world(web("*").text("99"));
    /// assert_eq!(chain.one_more(&proposal).to_string(), "disagree at nondet, call 0");
    /// ```
    ///
    /// # Panics
    /// Where there is no last transaction: none yet, or all are final, or the chain went back since.
    #[track_caller]
    pub fn one_more(&mut self, proposal: &Receipt) -> Vote {
        let (before, call) = self.last.take().expect("there is no transaction to vote on: none yet, or all are final");
        let now: Snapshot = self.snapshot();
        self.restore(&before);
        *self.balances.entry(call.contract).or_default() += call.value;
        self.show();
        let (vote, _) = self.vote(&call, self.validators, proposal);
        self.restore(&now);
        self.last = Some((before, call));
        vote
    }

    /// Has messages that beget more of them than a chain delivers dropped, rather than panic, and [`took_endless`](Self::took_endless) tell.
    pub fn tolerate_endless(&mut self) {
        self.tolerant = true;
    }

    /// Whether messages begot messages without end since this was last asked.
    ///
    /// ```
    /// use subvm_testing::Chain;
    /// let mut chain = Chain::new();
    /// chain.tolerate_endless();
    /// assert!(!chain.took_endless(), "there are no messages");
    /// ```
    pub fn took_endless(&mut self) -> bool {
        std::mem::take(&mut self.endless)
    }

    /// Whether there is a last transaction, to appeal or to vote on.
    #[must_use]
    pub fn has_last(&self) -> bool {
        self.can_appeal()
    }
}
