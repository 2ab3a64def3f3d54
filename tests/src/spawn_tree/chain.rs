//! The chain that a tree runs on, and one run of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Node, Progress, RequestId, State};
use subvm_core::{
    Address, Entry, Gas, InternalError, Message, Package, PageWrite, Params, Receipt, Report, Role, Run, SlotId, run,
};
use subvm_host_mock::{MemoryHost, ScriptedEngine};

use super::model::Model;
use super::play::play;
use super::{Callee, STATE, Tree};

pub(super) const CONTRACT: Address = Address([1; 20]);
pub(super) const OTHER: Address = Address([2; 20]);
pub(super) const NOBODY: Address = Address([3; 20]);
pub(super) const BALANCE: u64 = 600;
/// Slots that a tree uses; the last is locked.
pub(super) const SLOTS: u8 = 2;
pub(super) const LOCKED: u8 = SLOTS - 1;
/// Bytes at the beginning of each slot that are not zero before the run.
pub(super) const WRITTEN: u32 = 128;

/// A tree, the role in which it runs, and what the model knows of the run.
pub(super) struct Setting {
    pub(super) tree: Tree,
    pub(super) role: Role,
    pub(super) params: Arc<Params>,
    model: Mutex<Model>,
    modules: Answering,
}

impl Setting {
    pub(super) fn new(tree: &Tree, role: Role) -> Self {
        Self::under(tree, role, tree.budgets.params())
    }

    /// As [`new`](Self::new), with other limits than the tree's own.
    pub(super) fn under(tree: &Tree, role: Role, params: Params) -> Self {
        let params = Arc::new(params);
        let model = Mutex::new(Model::new(&params, &role, tree.model_agrees));
        let modules = Answering { agrees: tree.model_agrees, requests: Arc::default() };
        Self { tree: tree.clone(), role, params, model, modules }
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn node(&self) -> Node {
        // The scripted engine knows a package by its number: see `run_tree`.
        let mut numbers = ScriptedEngine::new();
        self.node_with([(); 2].map(|()| numbers.script(|_| Ok(()))))
    }

    /// The chain with these two contracts.
    pub(super) fn node_with(&self, packages: [Arc<Package>; 2]) -> Node {
        let host = MemoryHost::new();
        host.set_balance(CONTRACT, BALANCE.into());
        host.set_balance(OTHER, 77);
        host.lock(CONTRACT, slot(LOCKED));
        for state in [State::Accepted, State::Finalized] {
            for contract in [CONTRACT, OTHER] {
                host.apply(state, contract, &before(state, contract));
            }
        }
        for (address, package) in [CONTRACT, OTHER].into_iter().zip(packages) {
            host.deploy(address, package);
        }
        Node { modules: Box::new(self.modules.clone()), ..host.node() }
    }

    /// Whether the run came to what the model foresaw.
    pub(super) fn judge(&self, result: &Result<Report, InternalError>) -> Result<(), String> {
        let pending = self.modules.requests().values().filter(|pending| **pending).count();
        // After a panic nobody is left who could give requests up.
        if pending > 0 && result.is_ok() {
            return Err(format!("{pending} requests to modules were neither waited for nor given up"));
        }
        self.model().judge(result)
    }
}

/// Runs the tree of `setting`.
pub(super) fn run_tree(setting: &Arc<Setting>, node: Node) -> (Node, Result<Report, InternalError>) {
    run(engine(setting), node, setting.transaction())
}

/// What runs the tree of `setting`.
pub(super) fn engine(setting: &Arc<Setting>) -> Arc<ScriptedEngine> {
    let mut engine = ScriptedEngine::new();
    for _ in [CONTRACT, OTHER] {
        let setting = Arc::clone(setting);
        engine.script(move |machine| play(&setting, machine));
    }
    Arc::new(engine)
}

impl Setting {
    /// What runs: node 0, as the contract's own code.
    pub(super) fn transaction(&self) -> Run {
        let entry_data = Value::from(0).encode().unwrap_or_default();
        let message = Message { contract_address: CONTRACT, entry_data, ..Message::default() };
        let (params, role) = (Arc::clone(&self.params), self.role.clone());
        Run { message, entry: Entry::Contract, role, params, state: STATE, deadline: None, cancel: None }
    }
}

pub(super) fn slot(number: u8) -> SlotId {
    let mut slot = [0; 32];
    slot[0] = number;
    SlotId(slot)
}

pub(super) fn address(callee: Callee) -> Address {
    match callee {
        Callee::Own => CONTRACT,
        Callee::Other => OTHER,
        Callee::Nobody => NOBODY,
    }
}

/// A byte of storage before the run.
pub(super) fn byte_before(state: State, contract: Address, slot: u8, at: u32) -> u8 {
    if at >= WRITTEN {
        return 0;
    }
    at as u8 ^ (slot << 4) ^ (contract.0[0] << 2) ^ if state == State::Finalized { 0x80 } else { 0 }
}

/// A receipt that writes all bytes before the run.
fn before(state: State, contract: Address) -> Receipt {
    let pages = (0..SLOTS).flat_map(|number| (0..WRITTEN / 32).map(move |page| (number, page)));
    let storage = pages.map(|(number, page)| {
        let content = std::array::from_fn(|at| byte_before(state, contract, number, page * 32 + at as u32));
        PageWrite { slot: slot(number), page, content }
    });
    Receipt {
        params: [0; 32],
        message: [0; 32],
        result: vec![0, 0],
        gas: Gas::default(),
        storage: storage.collect(),
        messages: Vec::new(),
        nondet: Vec::new(),
    }
}

/// Modules that always answer the same, and know which requests are pending.
#[derive(Clone)]
struct Answering {
    agrees: bool,
    requests: Arc<Mutex<BTreeMap<RequestId, bool>>>,
}

impl Answering {
    fn requests(&self) -> MutexGuard<'_, BTreeMap<RequestId, bool>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, id: RequestId) -> bool {
        self.requests().get_mut(&id).is_some_and(std::mem::take)
    }
}

impl Modules for Answering {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        let mut requests = self.requests();
        let id = RequestId(requests.len() as u64);
        requests.insert(id, true);
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        if !self.spend(id) {
            return Err("it was never started, or is spent".into());
        }
        let answer = Value::Map(Map::from([("ok", Value::Bool(self.agrees))]));
        Ok(Progress::Ready(answer.encode()?))
    }

    fn cancel(&mut self, id: RequestId) {
        assert!(self.spend(id), "given up twice");
    }
}
