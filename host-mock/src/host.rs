//! A node in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream, page,
};
use subvm_core::{Address, Invalid, Package, Receipt, SlotId};

/// What guests printed.
///
/// ```
/// use subvm_host_mock::{MemoryHost, Printed};
/// assert_eq!(MemoryHost::new().printed(), Printed::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Descriptor 1.
    pub stdout: Vec<u8>,
    /// Descriptor 2.
    pub stderr: Vec<u8>,
    /// `Trace` requests.
    pub trace: Vec<String>,
}

/// A chain in memory. Clones share it, so that a test keeps one while a run has the other.
///
/// ```
/// use std::time::Duration;
/// use subvm_core::host::{Clock, Host, State};
/// use subvm_core::{Address, SlotId};
/// use subvm_host_mock::{MemoryHost, ScriptedEngine, play};
///
/// let host = MemoryHost::new();
/// let (contract, slot) = (Address::default(), SlotId::default());
/// host.set_now(1_704_067_200_000_000_000);
/// host.set_balance(contract, 5);
/// host.lock(contract, slot);
/// host.pass(Duration::from_secs(1));
/// assert_eq!((host.elapsed(), host.clone().locked_slots(&contract)?), (Duration::from_secs(1), vec![slot]));
///
/// // A run writes to its receipt; what applies it is the node.
/// let receipt = play(&host, |machine| machine.storage_write(1, 0, b"x").map(drop)).receipt;
/// host.apply(State::Accepted, contract, &receipt);
/// play(&host, |machine| {
///     assert_eq!(machine.storage_read(1, 0, 1)?, Ok(b"x".to_vec()));
///     Ok(())
/// });
/// # Ok::<(), subvm_core::host::HostError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryHost(Arc<Mutex<Chain>>);

#[derive(Clone, Debug, Default)]
struct Chain {
    contracts: BTreeMap<(State, Address), Code>,
    balances: BTreeMap<(State, Address), [u8; 32]>,
    /// By state, contract, slot and page.
    pages: BTreeMap<(State, Address, SlotId, u32), [u8; 32]>,
    eth_answers: BTreeMap<(State, Address), EthAnswer>,
    locked: BTreeMap<Address, Vec<SlotId>>,
    answers: VecDeque<Vec<u8>>,
    requests: BTreeMap<RequestId, Vec<u8>>,
    asked: Vec<Vec<u8>>,
    printed: Printed,
    now: u64,
    elapsed: Duration,
    random: u64,
}

const BOTH: [State; 2] = [State::Accepted, State::Finalized];

impl MemoryHost {
    /// An empty chain, at the beginning of 1970.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A chain of its own that begins as this one is.
    ///
    /// ```
    /// use subvm_core::{Address, host::{Host, State}};
    /// let here = subvm_host_mock::MemoryHost::new();
    /// let mut there = here.fork();
    /// here.set_balance(Address::default(), 5);
    /// assert_eq!(there.balance(State::Accepted, &Address::default())?, [0; 32]);
    /// # Ok::<(), subvm_core::host::HostError>(())
    /// ```
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.chain().clone())))
    }

    /// Sets the transaction's instant, in nanoseconds since 1970.
    pub fn set_now(&self, now: u64) {
        self.chain().now = now;
    }

    /// Lets time pass, as [`Clock::elapsed`] tells it.
    pub fn pass(&self, time: Duration) {
        self.chain().elapsed += time;
    }

    /// Puts a contract at an address, in both states.
    ///
    /// ```
    /// use subvm_core::{Address, Invalid, host::{Code, Host, State}};
    /// use subvm_host_mock::{MemoryHost, ScriptedEngine};
    /// let (mut host, [good, bad, new]) = (MemoryHost::new(), [1, 2, 3].map(|n| Address([n; 20])));
    /// let package = ScriptedEngine::new().script(|_| Ok(()));
    /// host.deploy(good, package.clone());
    /// host.deploy_malformed(bad, Invalid::Env);
    /// host.deploy_in(State::Accepted, new, package);
    /// assert!(matches!(host.code(State::Finalized, &good)?, Code::Package(_)));
    /// assert!(matches!(host.code(State::Finalized, &bad)?, Code::Malformed(Invalid::Env)));
    /// assert!(matches!(host.code(State::Finalized, &new)?, Code::Nothing));
    /// # Ok::<(), subvm_core::host::HostError>(())
    /// ```
    pub fn deploy(&self, address: Address, package: Arc<Package>) {
        for state in BOTH {
            self.deploy_in(state, address, Arc::clone(&package));
        }
    }

    /// Puts a contract whose parts make no package at an address, in both states.
    pub fn deploy_malformed(&self, address: Address, invalid: Invalid) {
        for state in BOTH {
            self.chain().contracts.insert((state, address), Code::Malformed(invalid));
        }
    }

    /// Puts a contract at an address, in one state.
    pub fn deploy_in(&self, state: State, address: Address, package: Arc<Package>) {
        self.chain().contracts.insert((state, address), Code::Package(package));
    }

    /// Sets a balance, in both states.
    pub fn set_balance(&self, address: Address, balance: u128) {
        for state in BOTH {
            self.set_balance_in(state, address, balance);
        }
    }

    /// Sets a balance, in one state.
    pub fn set_balance_in(&self, state: State, address: Address, balance: u128) {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&balance.to_le_bytes());
        self.chain().balances.insert((state, address), bytes);
    }

    /// Sets what a call of the layer below comes to, in one state. Without it a call returns its address and calldata.
    ///
    /// ```
    /// use subvm_core::{Address, host::{EthAnswer, Host, State}};
    /// let mut host = subvm_host_mock::MemoryHost::new();
    /// let token = Address([1; 20]);
    /// host.set_eth_answer(State::Accepted, token, EthAnswer::Refused);
    /// assert_eq!(host.eth_call(State::Accepted, &token, b"totalSupply")?, EthAnswer::Refused);
    /// # Ok::<(), subvm_core::host::HostError>(())
    /// ```
    pub fn set_eth_answer(&self, state: State, address: Address, answer: EthAnswer) {
        self.chain().eth_answers.insert((state, address), answer);
    }

    /// Locks a slot.
    pub fn lock(&self, contract: Address, slot: SlotId) {
        self.chain().locked.entry(contract).or_default().push(slot);
    }

    /// Has modules give this canonical calldata to the next request that has no answer yet.
    ///
    /// ```
    /// use subvm_core::host::{Modules, Progress};
    /// let mut host = subvm_host_mock::MemoryHost::new();
    /// host.answer(b"\x0e\x02ok\x00".to_vec());
    /// let id = host.start(b"\x06")?;
    /// assert_eq!(host.wait(id, Default::default())?, Progress::Ready(b"\x0e\x02ok\x00".to_vec()));
    /// assert_eq!(host.asked(), [b"\x06"]);
    /// # Ok::<(), subvm_core::host::HostError>(())
    /// ```
    pub fn answer(&self, bytes: Vec<u8>) {
        self.chain().answers.push_back(bytes);
    }

    /// The requests that modules were asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.chain().asked.clone()
    }

    /// Applies a receipt to a state.
    pub fn apply(&self, state: State, contract: Address, receipt: &Receipt) {
        let mut chain = self.chain();
        for write in &receipt.storage {
            chain.pages.insert((state, contract, write.slot, write.page), write.content);
        }
    }

    /// What guests printed so far.
    #[must_use]
    pub fn printed(&self) -> Printed {
        self.chain().printed.clone()
    }

    /// What guests printed since this was last asked; [`printed`](Self::printed) begins anew.
    ///
    /// ```
    /// use subvm_core::host::{Host, Stream};
    /// let host = subvm_host_mock::MemoryHost::new();
    /// host.clone().output(Stream::Stdout, b"once");
    /// assert_eq!(host.take_printed().stdout, b"once");
    /// assert!(host.printed().stdout.is_empty());
    /// ```
    #[must_use]
    pub fn take_printed(&self) -> Printed {
        std::mem::take(&mut self.chain().printed)
    }

    /// The node to give to a run.
    #[must_use]
    pub fn node(&self) -> Node {
        Node {
            storage: Box::new(self.clone()),
            clock: Box::new(self.clone()),
            rng: Box::new(self.clone()),
            host: Box::new(self.clone()),
            modules: Box::new(self.clone()),
            observer: None,
        }
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryHost {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        into.fill(0);
        let Some(pages) = page::range(index, into.len())? else { return Ok(()) };
        let (first, last) = pages.into_inner();
        let key = |page| (state, *contract, *slot, page);
        let chain = self.chain();
        if first == last {
            // Looking for one page takes half as long as for a range.
            chain.pages.get(&key(first)).into_iter().for_each(|content| page::place(into, index, first, content));
            return Ok(());
        }
        for ((_, _, _, number), content) in chain.pages.range(key(first)..=key(last)) {
            page::place(into, index, *number, content);
        }
        Ok(())
    }
}

impl Clock for MemoryHost {
    fn transaction_time(&self) -> u64 {
        self.chain().now
    }

    fn elapsed(&self) -> Duration {
        self.chain().elapsed
    }
}

impl Rng for MemoryHost {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        let mut chain = self.chain();
        for byte in into {
            // Steele's SplitMix64, so that tests repeat.
            chain.random = chain.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            *byte = (chain.random ^ chain.random >> 31).to_le_bytes()[3];
        }
        Ok(())
    }
}

impl Host for MemoryHost {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        Ok(self.chain().balances.get(&(state, *address)).copied().unwrap_or_default())
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        Ok(self.chain().contracts.get(&(state, *address)).cloned().unwrap_or(Code::Nothing))
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(self.chain().locked.get(contract).cloned().unwrap_or_default())
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let answer = self.chain().eth_answers.get(&(state, *address)).cloned();
        Ok(answer.unwrap_or_else(|| EthAnswer::Returned([&address.0[..], calldata].concat())))
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        let printed = &mut self.chain().printed;
        match stream {
            Stream::Stdout => printed.stdout.extend_from_slice(bytes),
            Stream::Stderr => printed.stderr.extend_from_slice(bytes),
            Stream::Trace => printed.trace.push(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

impl Modules for MemoryHost {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let mut chain = self.chain();
        let answer = chain.answers.pop_front().ok_or("no module is there: the test gave no answer")?;
        let id = RequestId(chain.asked.len() as u64);
        chain.asked.push(request.to_vec());
        chain.requests.insert(id, answer);
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        let answer = self.chain().requests.remove(&id);
        answer.map(Progress::Ready).ok_or_else(|| format!("request {} was never started, or is spent", id.0).into())
    }

    fn cancel(&mut self, id: RequestId) {
        self.chain().requests.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, HostSample, ModulesSample};
    use subvm_core::{Parts, wasi::Refused};

    const A: Address = Address([1; 20]);

    fn package() -> Arc<Package> {
        Arc::new(Parts { start: b"\0asm".as_slice().into(), ..Parts::default() }.check(&Refused::default()).unwrap())
    }

    #[test]
    fn the_states_are_apart() {
        let mut host = MemoryHost::new();
        host.set_balance(A, 5);
        host.set_balance_in(State::Accepted, A, 7);
        host.deploy_in(State::Accepted, A, package());
        host.set_eth_answer(State::Finalized, A, EthAnswer::Reverted(b"final".to_vec()));
        let mut seen = |state| {
            let code = matches!(host.code(state, &A).unwrap(), Code::Package(_));
            (host.balance(state, &A).unwrap()[0], code, host.eth_call(state, &A, b"x").unwrap())
        };
        assert_eq!(seen(State::Accepted), (7, true, EthAnswer::Returned([&A.0[..], b"x"].concat())));
        assert_eq!(seen(State::Finalized), (5, false, EthAnswer::Reverted(b"final".to_vec())));
    }

    #[test]
    fn it_keeps_the_promises_of_the_traits() {
        let host = MemoryHost::new();
        host.deploy(A, package());
        conformance::host(HostSample { contract: A, nobody: Address([2; 20]) }, || host.clone()).unwrap();
        let sample = ModulesSample { request: b"\x0e".to_vec(), unknown: None };
        let answered = || {
            let host = MemoryHost::new();
            (0..9).for_each(|_| host.answer(b"\x0e\x02ok\x00".to_vec()));
            host
        };
        conformance::modules(&sample, answered).unwrap();
    }
}
