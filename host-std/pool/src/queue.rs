//! What waits, and what may begin next: no threads, no locks, no time.

use std::collections::{BTreeMap, VecDeque};

use subvm_core::Address;

use crate::{Priority, Refusal, Task};

/// What a pool allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Runs at once.
    pub(crate) at_once: usize,
    /// Bytes of all runs at once.
    pub(crate) memory: u64,
    /// Tasks that wait.
    pub(crate) queued: usize,
    /// Tasks of one contract that wait.
    pub(crate) queued_of_one: usize,
}

/// One of so many starts is of the lowest priority that waits, so that none starves.
pub(crate) const LOWEST_EVERY: u64 = 8;

/// Tasks that wait, and what those hold that run. What runs next is, of the highest priority, of the contract of which the fewest run and
/// which waited for its turn for longest, the one that came first. Where memory for it is not there, nothing else goes before it.
pub(crate) struct Queue<T> {
    limits: Limits,
    /// By priority, the highest first, and by contract.
    waiting: [BTreeMap<Address, VecDeque<(Task, T)>>; Priority::ALL.len()],
    queued: usize,
    contracts: BTreeMap<Address, Contract>,
    running: usize,
    memory: u64,
    starts: u64,
    turns: u64,
}

/// A contract of which something waits or runs.
#[derive(Debug, Default)]
struct Contract {
    queued: usize,
    running: usize,
    /// When it came, or had its last turn.
    turn: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let waiting = std::array::from_fn(|_| BTreeMap::new());
        Self { limits, waiting, queued: 0, contracts: BTreeMap::new(), running: 0, memory: 0, starts: 0, turns: 0 }
    }

    /// Puts a task at the end of its contract's, or gives it back.
    pub(crate) fn put(&mut self, task: Task, item: T) -> Result<(), (Refusal, T)> {
        if task.memory > self.limits.memory {
            return Err((Refusal::TooLarge { asked: task.memory, most: self.limits.memory }, item));
        }
        let queued_of_one = self.contracts.get(&task.contract).map_or(0, |contract| contract.queued);
        if self.queued >= self.limits.queued || queued_of_one >= self.limits.queued_of_one {
            return Err((Refusal::Full { queued: self.queued, of_this_contract: queued_of_one }, item));
        }
        let turn = self.next_turn();
        let contract = self.contracts.entry(task.contract).or_insert(Contract { turn, ..Contract::default() });
        contract.queued += 1;
        self.queued += 1;
        self.waiting[task.priority.level()].entry(task.contract).or_default().push_back((task, item));
        Ok(())
    }

    /// What may begin now, which counts as running from here on until [`done`](Self::done).
    pub(crate) fn next(&mut self) -> Option<(Task, T)> {
        if self.running >= self.limits.at_once {
            return None;
        }
        let levels = self.waiting.iter().enumerate().filter(|(_, waiting)| !waiting.is_empty());
        let mut levels = levels.map(|(level, _)| level);
        let lowest = self.starts % LOWEST_EVERY == LOWEST_EVERY - 1;
        let level = if lowest { levels.next_back()? } else { levels.next()? };
        let rank = |address: &Address| self.contracts.get(address).map(|contract| (contract.running, contract.turn));
        let address = *self.waiting[level].keys().min_by_key(|address| rank(address))?;
        let first = self.waiting[level].get(&address)?.front()?;
        if self.memory.saturating_add(first.0.memory) > self.limits.memory {
            return None;
        }
        let (task, item) = self.take(level, &address)?;
        self.starts += 1;
        self.running += 1;
        self.memory += task.memory;
        let turn = self.next_turn();
        let contract = self.contracts.entry(address).or_default();
        (contract.running, contract.turn) = (contract.running + 1, turn);
        Some((task, item))
    }

    /// What ran has ended.
    pub(crate) fn done(&mut self, task: &Task) {
        self.running -= 1;
        self.memory -= task.memory;
        if let Some(contract) = self.contracts.get_mut(&task.contract) {
            contract.running -= 1;
        }
        self.forget(&task.contract);
    }

    /// Takes out what waits and is not wanted.
    pub(crate) fn purge(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut out = Vec::new();
        let keys: Vec<_> =
            self.waiting.iter().enumerate().flat_map(|(level, all)| all.keys().map(move |key| (level, *key))).collect();
        for (level, address) in keys {
            let count = self.waiting[level].get(&address).map_or(0, VecDeque::len);
            for _ in 0..count {
                let Some((task, item)) = self.take(level, &address) else { break };
                if unwanted(&item) {
                    out.push(item);
                } else {
                    self.queued += 1;
                    self.contracts.entry(address).or_default().queued += 1;
                    self.waiting[level].entry(address).or_default().push_back((task, item));
                }
            }
            self.forget(&address);
        }
        out
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Bytes that what runs was given.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// Takes the first task of a contract out of those that wait.
    fn take(&mut self, level: usize, address: &Address) -> Option<(Task, T)> {
        let tasks = self.waiting[level].get_mut(address)?;
        let taken = tasks.pop_front()?;
        if tasks.is_empty() {
            self.waiting[level].remove(address);
        }
        self.queued -= 1;
        self.contracts.entry(*address).and_modify(|contract| contract.queued -= 1);
        Some(taken)
    }

    fn forget(&mut self, address: &Address) {
        if self.contracts.get(address).is_some_and(|contract| contract.queued + contract.running == 0) {
            self.contracts.remove(address);
        }
    }

    /// Whether it knows of no contract.
    #[cfg(test)]
    pub(crate) fn forgot_all(&self) -> bool {
        self.contracts.is_empty()
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}
