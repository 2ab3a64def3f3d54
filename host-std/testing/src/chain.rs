//! The chain, and one transaction on it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{self, State, Storage as _};
use subvm_core::{
    Address, Cancel, Entry, Gas, InternalError, Message, PageWrite, Params, Receipt, Report, Role, Run, SlotId, Vote,
    run, vote,
};
use subvm_host_mock::{MemoryHost, Printed};
use subvm_profile::Watcher;
use subvm_wasmtime::WasmtimeEngine;

use crate::coverage::Coverage;
use crate::deliver::Letter;
use crate::engine::{engine, ran_out, stack_of, top, watched};
use crate::package::package;
use crate::time::{NodeClock, Spent};
use crate::world::Seen;
use crate::{Node, Script, Snapshot, Transaction};

/// 2026-01-01T00:00:00Z.
const GENESIS: u64 = 1_767_225_600_000_000_000;
/// Between two blocks.
const BLOCK: Duration = Duration::from_secs(1);
/// Of a run, where no other is set.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is done to a leader's non-deterministic results before validators see them.
type Tamper = Box<dyn FnMut(&mut Vec<Vec<u8>>) + Send>;

/// A chain in memory. Each transaction is a block of its own, a second after the last.
///
/// A run is applied where most of the nodes agree on it, whether it returned or failed; what failed gives back the money that it was sent.
/// Balances have 128 bits here.
///
/// ```
/// use subvm_testing::{Chain, Map, Value};
/// # let token = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm"));
/// let mut chain = Chain::new();
/// let [alice, bob] = ["alice", "bob"].map(|name| chain.account(name, 0));
/// let token = chain.deploy_as(alice, token, Map::from([("supply", 100)]));
/// chain.call(alice, token, "transfer", Map::from([("to", bob.into()), ("amount", Value::from(30))])).returned();
/// assert_eq!(chain.view(token, "balance_of", Map::from([("owner", bob)])).returned(), 30.into());
/// ```
pub struct Chain {
    pub(crate) host: MemoryHost,
    pub(crate) balances: BTreeMap<Address, u128>,
    pub(crate) finalized_later: VecDeque<Letter>,
    /// Validators beside the leader: 2, until more are wanted.
    pub validators: usize,
    /// Calls off what runs: a run of a leader then ends in an internal error, one of a validator is its *timeout*. Nothing, until it is wanted.
    pub cancel: Option<Cancel>,
    /// How long a run may wait for the world, [later answers](crate::Answer::after) included: a minute, as a node's configuration has it.
    /// Running a contract takes no time here.
    pub deadline: Duration,
    params: Arc<Params>,
    pub(crate) scripts: Vec<Script>,
    tamper: Option<Tamper>,
    /// Whose next run passes its deadline.
    stalled: Vec<Node>,
    covered: Option<(Watcher, Arc<WasmtimeEngine>, Coverage)>,
    pub(crate) now: u64,
    pub(crate) deployed: u64,
    pub(crate) unapplied: Vec<(Address, Receipt)>,
    /// What an appeal goes back to, and runs again.
    pub(crate) last: Option<(Snapshot, Call)>,
    /// Messages begot more messages than a chain delivers. Only a tolerant one goes on then.
    pub(crate) endless: bool,
    pub(crate) tolerant: bool,
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("now", &self.now).field("balances", &self.balances).finish_non_exhaustive()
    }
}

impl Chain {
    /// An empty chain with a leader and two validators, at the beginning of 2026.
    #[must_use]
    pub fn new() -> Self {
        Self {
            host: MemoryHost::new(),
            balances: BTreeMap::new(),
            finalized_later: VecDeque::new(),
            validators: 2,
            cancel: None,
            deadline: DEADLINE,
            params: Arc::default(),
            scripts: Vec::new(),
            tamper: None,
            stalled: Vec::new(),
            covered: None,
            now: GENESIS,
            deployed: 0,
            unapplied: Vec::new(),
            last: None,
            endless: false,
            tolerant: false,
        }
    }

    /// The chain under other consensus parameters.
    #[must_use]
    pub fn with_params(params: Params) -> Self {
        Self { params: params.into(), ..Self::new() }
    }

    /// An account of this name, which has so much: an address that only its name decides.
    pub fn account(&mut self, name: &str, balance: u128) -> Address {
        let address = address_of(&[b"account", name.as_bytes()]);
        self.balances.insert(address, balance);
        address
    }

    /// What an account, or a contract, has.
    #[must_use]
    pub fn balance(&self, of: Address) -> u128 {
        self.balances.get(&of).copied().unwrap_or_default()
    }

    /// The instant of the next block, in nanoseconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets time pass before the next block.
    pub fn pass(&mut self, time: Duration) {
        self.now += u64::try_from(time.as_nanos()).expect("less than 500 years");
    }

    /// Adds to what the web and models answer. Of two scripts for one request, the later counts.
    pub fn world(&mut self, script: Script) {
        self.scripts.push(script);
    }

    /// Lets the leaders lie from now on: `how` changes their non-deterministic results before validators see them. Each is a code byte and
    /// data, as in the receipt.
    pub fn tamper(&mut self, how: impl FnMut(&mut Vec<Vec<u8>>) + Send + 'static) {
        self.tamper = Some(Box::new(how));
    }

    /// Lets these nodes be too slow for the next transaction, view or appeal: their runs end at their deadline, before the contract does
    /// anything. Messages that the transaction sends find them in time again.
    ///
    /// Where the leader is too slow there is no proposal: nobody votes, and nothing is applied. [`appeal`](Self::appeal) runs it again.
    ///
    /// ```
    /// use subvm_testing::{Chain, Map, Node, Vote};
    /// # let token = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm"));
    /// let mut chain = Chain::new();
    /// let (alice, token) = (chain.account("alice", 0), chain.deploy(token, Map::from([("supply", 7)])));
    /// chain.stall([Node::Validator(0)]);
    /// let voted = chain.view(token, "supply", Map::new());
    /// assert!(matches!(voted.votes[..], [Vote::Timeout(_), Vote::Agree]) && voted.accepted, "two of three");
    ///
    /// chain.stall([Node::Leader]);
    /// let lost = chain.call(alice, token, "supply", Map::new());
    /// assert!(lost.leader.is_none() && lost.votes.is_empty() && !lost.accepted);
    /// assert_eq!(chain.appeal(2).returned(), 7.into());
    /// ```
    pub fn stall(&mut self, nodes: impl IntoIterator<Item = Node>) {
        self.stalled = nodes.into_iter().collect();
    }

    /// Notes from now on which lines of contracts the leaders' runs reach. Their modules are compiled anew for it; no receipt changes.
    pub fn cover(&mut self) {
        let watcher = Watcher::blocks();
        let engine = watched(&watcher);
        self.covered.get_or_insert((watcher, engine, Coverage::default()));
    }

    /// Which lines were reached since [`cover`](Self::cover).
    ///
    /// # Panics
    /// Where that was never asked for.
    #[must_use]
    #[track_caller]
    pub fn coverage(&self) -> &Coverage {
        let (.., coverage) = self.covered.as_ref().expect("call `cover` before the calls that are to be covered");
        coverage
    }

    /// Lets the leaders be honest again.
    pub fn honest(&mut self) {
        self.tamper = None;
    }

    /// Deploys a module, or a bundle, by nobody: runs its constructor with these arguments.
    ///
    /// # Panics
    /// Where the module makes no contract, or its constructor fails.
    #[track_caller]
    pub fn deploy(&mut self, module: &[u8], arguments: impl Into<Map>) -> Address {
        self.deploy_as(Address::default(), module, arguments)
    }

    /// Deploys a module by an account.
    ///
    /// # Panics
    /// As [`deploy`](Self::deploy).
    #[track_caller]
    pub fn deploy_as(&mut self, sender: Address, module: &[u8], arguments: impl Into<Map>) -> Address {
        let deployed = self.try_deploy(sender, module, &arguments.into().into(), 0);
        assert!(deployed.accepted, "the nodes disagree on the constructor: {:?}", deployed.votes);
        deployed.returned();
        deployed.contract
    }

    /// Puts a module at an address, and runs no constructor.
    ///
    /// # Panics
    /// Where it makes no package.
    #[track_caller]
    pub fn install(&mut self, module: &[u8]) -> Address {
        self.install_package(Arc::new(package(module).expect("a module alone is a package")))
    }

    /// Deploys a module: what its constructor came to. It is there afterwards, where the constructor returned.
    ///
    /// # Panics
    /// Where the module makes no package.
    #[track_caller]
    pub fn try_deploy(&mut self, sender: Address, module: &[u8], arguments: &Value, value: u128) -> Transaction {
        self.deploy_package(sender, Arc::new(package(module).expect("a module alone is a package")), arguments, value)
    }

    /// Deploys the contract whose source lies in a directory, by nobody: [`build`](crate::build()) and [`deploy`](Self::deploy).
    ///
    /// # Panics
    /// As both.
    #[track_caller]
    pub fn deploy_source(&mut self, directory: impl AsRef<Path>, arguments: impl Into<Map>) -> Address {
        self.deploy(&crate::build(directory), arguments)
    }

    /// Calls a method.
    #[track_caller]
    pub fn call(&mut self, sender: Address, contract: Address, method: &str, arguments: impl Into<Map>) -> Transaction {
        self.pay(sender, contract, 0, method, arguments)
    }

    /// Calls a method, and sends money along.
    ///
    /// # Panics
    /// Where the sender has not so much.
    #[track_caller]
    pub fn pay(
        &mut self,
        sender: Address,
        contract: Address,
        value: u128,
        method: &str,
        arguments: impl Into<Map>,
    ) -> Transaction {
        let mut call = arguments.into();
        call.insert("method", method);
        self.send(sender, contract, value, &call.into())
    }

    /// Sends any calldata, and money along.
    ///
    /// # Panics
    /// Where the sender has not so much.
    #[track_caller]
    pub fn send(&mut self, sender: Address, contract: Address, value: u128, calldata: &Value) -> Transaction {
        self.send_bytes(sender, contract, value, &calldata.encode().expect("calldata within the limits"))
    }

    /// Sends any bytes in the place of calldata, and money along.
    ///
    /// # Panics
    /// Where the sender has not so much.
    #[track_caller]
    pub fn send_bytes(&mut self, sender: Address, contract: Address, value: u128, bytes: &[u8]) -> Transaction {
        self.take(sender, value);
        self.transact(&Call { sender, origin: sender, contract, data: bytes.into(), value, init: false }, 0)
    }

    /// Writes to a contract's storage past the contract: at most a page of 32 bytes, from its first byte; the rest of it becomes zero.
    ///
    /// # Panics
    /// Where there are more bytes.
    pub fn write(&mut self, contract: Address, slot: [u8; 32], page: u32, bytes: &[u8]) {
        let mut content = [0; 32];
        content[..bytes.len()].copy_from_slice(bytes);
        let write = PageWrite { slot: SlotId(slot), page, content };
        let receipt = Receipt {
            params: [0; 32],
            message: [0; 32],
            result: vec![0, 0],
            gas: Gas::default(),
            storage: vec![write],
            messages: Vec::new(),
            nondet: Vec::new(),
        };
        self.host.apply(State::Accepted, contract, &receipt);
    }

    /// What a contract keeps in a slot: so many bytes from one on, zeros where nothing was written. It is read past the contract.
    ///
    /// # Panics
    /// Where the range goes beyond what a slot has.
    #[must_use]
    pub fn read(&self, contract: Address, slot: [u8; 32], from: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = self.host.clone().read(State::Accepted, &contract, &SlotId(slot), from, &mut bytes);
        read.expect("a slot has 2^32 bytes");
        bytes
    }

    /// Calls a method, and keeps nothing of what it did.
    #[track_caller]
    pub fn view(&mut self, contract: Address, method: &str, arguments: impl Into<Map>) -> Transaction {
        let mut call = arguments.into();
        call.insert("method", method);
        self.view_bytes(contract, &Value::from(call).encode().expect("calldata within the limits"))
    }

    /// Sends any bytes in the place of calldata, and keeps nothing of what that did.
    pub(crate) fn view_bytes(&mut self, contract: Address, bytes: &[u8]) -> Transaction {
        let sender = Address::default();
        self.view_bytes_as(sender, contract, bytes)
    }

    pub(crate) fn view_bytes_as(&mut self, sender: Address, contract: Address, bytes: &[u8]) -> Transaction {
        let call = Call { sender, origin: sender, contract, data: bytes.into(), value: 0, init: false };
        self.agree(&call).0
    }

    /// Takes money from an account: it is on its way.
    #[track_caller]
    pub(crate) fn take(&mut self, from: Address, value: u128) {
        let had = self.balance(from);
        let left = had.checked_sub(value).unwrap_or_else(|| panic!("{from} has {had}, and sends {value}"));
        self.balances.insert(from, left);
    }

    /// One block, whose money is on its way: the leader proposes, validators vote, what most agree on is applied, and its messages go on.
    #[track_caller]
    pub(crate) fn transact(&mut self, call: &Call, depth: usize) -> Transaction {
        if depth == 0 {
            self.last = Some((self.snapshot(), call.clone()));
        }
        *self.balances.entry(call.contract).or_default() += call.value;
        let (mut transaction, receipt) = self.agree(call);
        self.now += BLOCK.as_nanos() as u64;
        match receipt {
            Some(receipt) if transaction.accepted && receipt.returned() => {
                self.host.apply(State::Accepted, call.contract, &receipt);
                transaction.delivered = self.post(call, &receipt, depth);
                self.unapplied.push((call.contract, receipt));
            }
            _ => {
                *self.balances.entry(call.contract).or_default() -= call.value;
                *self.balances.entry(call.sender).or_default() += call.value;
            }
        }
        transaction
    }

    /// The leader's run, and the votes on it. Nothing is applied.
    fn agree(&mut self, call: &Call) -> (Transaction, Option<Receipt>) {
        let voted = self.vote_on(call);
        self.stalled.clear();
        voted
    }

    fn vote_on(&mut self, call: &Call) -> (Transaction, Option<Receipt>) {
        self.show();
        let (leader, printed, stack) = self.lead(call);
        let (leader, internal) = match leader {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(subvm_observe::chain(&error))),
        };
        let mut proposal = leader.as_ref().map(|leader| leader.receipt.clone());
        if let (Some(proposal), Some(tamper)) = (&mut proposal, &mut self.tamper) {
            tamper(&mut proposal.nondet);
        }
        let (mut votes, mut disagreements) = (Vec::new(), Vec::new());
        if let Some(proposal) = &proposal {
            for number in 0..self.validators {
                let (vote, noted) = self.vote(call, number, proposal);
                votes.push(vote);
                disagreements.extend(noted.iter().map(|note| format!("validator {number}: {note}")));
            }
        }
        // The leader agrees with itself.
        let agreed = 1 + votes.iter().filter(|vote| **vote == Vote::Agree).count();
        let accepted = proposal.is_some() && 2 * agreed > votes.len() + 1;
        let (contract, delivered) = (call.contract, Vec::new());
        let transaction =
            Transaction { contract, leader, internal, printed, stack, votes, disagreements, accepted, delivered };
        (transaction, proposal)
    }

    /// Shows the runs to come what time it is, and what everybody has.
    pub(crate) fn show(&self) {
        self.host.set_now(self.now);
        for (address, balance) in &self.balances {
            self.host.set_balance(*address, *balance);
        }
    }

    /// The leader's run, what it printed, and what is told of it where it failed: the stack, and where the gas went.
    fn lead(&mut self, call: &Call) -> (Result<Report, InternalError>, Printed, Vec<String>) {
        let on = self.covered.as_ref().map_or_else(engine, |(_, engine, _)| Arc::clone(engine));
        let _earlier = self.host.take_printed();
        let leader = self.run(on, call, Node::Leader, Role::Leader);
        let printed = self.host.take_printed();
        if let Some((watcher, _, coverage)) = &mut self.covered {
            coverage.add(&watcher.take());
        }
        let mut told = leader.as_ref().map(stack_of).unwrap_or_default();
        if leader.as_ref().is_ok_and(ran_out) {
            // The same run once more: its world answers the same.
            let watcher = Watcher::calls();
            let _ = self.run(watched(&watcher), call, Node::Leader, Role::Leader);
            told.extend(top(&watcher.take()));
        }
        (leader, printed, told)
    }

    /// How a validator votes, and what its node noted where it disagrees.
    pub(crate) fn vote(&self, call: &Call, number: usize, proposal: &Receipt) -> (Vote, Vec<String>) {
        let role = Role::Validator { results: proposal.nondet.clone() };
        match self.run(engine(), call, Node::Validator(number), role) {
            Ok(report) => match report.vote(proposal) {
                vote @ Vote::Disagree(_) => (vote, report.diagnostics),
                vote => (vote, Vec::new()),
            },
            Err(error) => (vote(Err(error.into()), proposal), Vec::new()),
        }
    }

    fn run(&self, engine: Arc<WasmtimeEngine>, call: &Call, by: Node, role: Role) -> Result<Report, InternalError> {
        let message = Message {
            contract_address: call.contract,
            sender_address: call.sender,
            origin_address: call.origin,
            value: call.value.into(),
            is_init: call.init,
            entry_data: call.data.clone(),
            chain_id: 61_999.into(),
            ..Message::default()
        };
        let spent = Spent::default();
        let modules = Box::new(Seen::by(by, &self.scripts, spent.clone()));
        let node = host::Node { modules, clock: Box::new(NodeClock { now: self.now, spent }), ..self.host.node() };
        let deadline = Some(if self.stalled.contains(&by) { Duration::ZERO } else { self.deadline });
        let (entry, params, state) = (Entry::Contract, Arc::clone(&self.params), State::Accepted);
        let cancel = self.cancel.clone();
        let (_, report) = run(engine, node, Run { message, entry, role, params, state, deadline, cancel });
        report
    }
}

/// What a transaction asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) sender: Address,
    pub(crate) origin: Address,
    pub(crate) contract: Address,
    pub(crate) data: Vec<u8>,
    pub(crate) value: u128,
    pub(crate) init: bool,
}

/// An address that these parts decide.
pub(crate) fn address_of(parts: &[&[u8]]) -> Address {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut address = [0; 20];
    address.copy_from_slice(&hasher.finalize().as_bytes()[..20]);
    Address(address)
}
