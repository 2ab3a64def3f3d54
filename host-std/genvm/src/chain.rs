//! The core's storage and host over the socket.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Code, EthAnswer, Host, HostError, State, Storage, Stream, page};
use subvm_core::{Address, SlotId};
use subvm_runners::root::Layout;

use crate::code::Codes;
use crate::execute::Line;
use crate::host::{Hosts, Status};

/// Pages that are kept.
const CACHED: usize = 128;

/// A page of a contract in a view.
type Place = (u8, Address, SlotId, u32);
/// Pages that a deployment writes.
pub(crate) type Pages = BTreeMap<(SlotId, u32), [u8; page::BYTES]>;

/// The number of a state in the protocol.
pub(crate) fn view(state: State) -> u8 {
    match state {
        State::Accepted => 0,
        State::Finalized => 1,
    }
}

/// Storage that the host has, with what a deployment writes over it.
#[derive(Debug)]
pub(crate) struct SocketStorage {
    hosts: Arc<Mutex<Hosts>>,
    own: Address,
    deployed: Arc<Pages>,
    pages: BTreeMap<Place, [u8; page::BYTES]>,
    /// The oldest first.
    order: VecDeque<Place>,
}

impl SocketStorage {
    pub(crate) fn new(hosts: Arc<Mutex<Hosts>>, own: Address, deployed: Arc<Pages>) -> Self {
        Self { hosts, own, deployed, pages: BTreeMap::new(), order: VecDeque::new() }
    }

    fn ask(&self, view: u8, address: &Address, slot: &SlotId, index: u32, into: &mut [u8]) -> Result<(), HostError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = hosts.storage_read(view, address, slot, index, into)?;
        answer.map_err(|status| format!("storage_read: the host answered {status:?}").into())
    }

    fn keep(&mut self, place: Place, content: [u8; page::BYTES]) {
        if self.pages.insert(place, content).is_none() {
            self.order.push_back(place);
        }
        while self.order.len() > CACHED {
            if let Some(oldest) = self.order.pop_front() {
                self.pages.remove(&oldest);
            }
        }
    }

    /// Asks for the pages from the first to the last that are not kept, at once.
    fn fetch(&mut self, view: u8, address: &Address, slot: &SlotId, pages: &[u32]) -> Result<(), HostError> {
        let missing = |number: &&u32| !self.pages.contains_key(&(view, *address, *slot, **number));
        let (Some(first), Some(last)) = (pages.iter().find(missing), pages.iter().rfind(missing)) else {
            return Ok(());
        };
        let mut bytes = vec![0; (last - first + 1) as usize * page::BYTES];
        self.ask(view, address, slot, first * page::BYTES as u32, &mut bytes)?;
        for (number, content) in (*first..).zip(bytes.as_chunks().0) {
            self.keep((view, *address, *slot, number), *content);
        }
        Ok(())
    }
}

impl Storage for SocketStorage {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let view = view(state);
        let pages: Vec<u32> = page::range(index, into.len())?.into_iter().flatten().collect();
        if pages.len() > CACHED {
            self.ask(view, contract, slot, index, into)?;
        } else {
            self.fetch(view, contract, slot, &pages)?;
            for number in &pages {
                if let Some(content) = self.pages.get(&(view, *contract, *slot, *number)) {
                    page::place(into, index, *number, content);
                }
            }
        }
        if *contract == self.own {
            for number in &pages {
                if let Some(content) = self.deployed.get(&(*slot, *number)) {
                    page::place(into, index, *number, content);
                }
            }
        }
        Ok(())
    }
}

/// Where what a guest prints goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prints {
    Nowhere,
    Through,
}

/// Balances, code and calls that the host has.
#[derive(Debug)]
pub(crate) struct SocketHost {
    pub(crate) hosts: Arc<Mutex<Hosts>>,
    pub(crate) codes: Codes,
    pub(crate) layout: Layout,
    pub(crate) line: Line,
    /// The contract that runs.
    pub(crate) own: Address,
    pub(crate) own_code: Code,
    pub(crate) locked: Vec<SlotId>,
    /// What was sent along, as 256 bits, little-endian: the host's balance is the one before the run.
    pub(crate) value: [u8; 32],
    pub(crate) prints: Prints,
}

impl Host for SocketHost {
    fn balance(&mut self, _: State, address: &Address) -> Result<[u8; 32], HostError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let balance =
            hosts.get_balance(address)?.map_err(|status| format!("get_balance: the host answered {status:?}"))?;
        Ok(if *address == self.own { added(balance, &self.value) } else { balance })
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        if *address == self.own {
            return Ok(self.own_code.clone());
        }
        let view = view(state);
        if self.line == Line::V0_3 {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            match hosts.resolve(address, view)? {
                Ok(None) => {}
                Ok(Some(_)) => {
                    return Err("resolve_callcontract_executor: the host wants another executor for a called contract, which this one does not call".into());
                }
                Err(_) => return Ok(Code::Nothing),
            }
        }
        let found = self.codes.at(&self.hosts, self.layout, view, *address)?;
        Ok(found.code)
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        // Called contracts write nothing.
        Ok(if *contract == self.own { self.locked.clone() } else { Vec::new() })
    }

    fn eth_call(&mut self, _: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match hosts.eth_call(address, calldata)? {
            Ok(bytes) => EthAnswer::Returned(bytes),
            // The protocol tells that it reverted, and not with what.
            Err(Status::Reverted) => EthAnswer::Reverted(Vec::new()),
            Err(Status::Forbidden) => EthAnswer::Refused,
        })
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        if self.prints == Prints::Nowhere {
            return;
        }
        // Who reads along changes no result.
        let _ = match stream {
            Stream::Stdout => std::io::stdout().write_all(bytes),
            Stream::Stderr => std::io::stderr().write_all(bytes),
            Stream::Trace => writeln!(std::io::stderr(), "trace: {}", String::from_utf8_lossy(bytes).escape_debug()),
        };
    }
}

/// The sum of two words; the most there can be, where it is more.
fn added(mut word: [u8; 32], more: &[u8; 32]) -> [u8; 32] {
    let mut carry = false;
    for (byte, more) in word.iter_mut().zip(more) {
        let (sum, over) = byte.overflowing_add(*more);
        let (sum, again) = sum.overflowing_add(u8::from(carry));
        (*byte, carry) = (sum, over || again);
    }
    if carry { [0xff; 32] } else { word }
}

/// Bytes at the beginning of a slot, as pages.
pub(crate) fn pages_of(slot: SlotId, bytes: &[u8], pages: &mut Pages) {
    for (number, chunk) in (0u32..).zip(bytes.chunks(page::BYTES)) {
        let mut content = [0; page::BYTES];
        content.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        pages.insert((slot, number), content);
    }
}

#[cfg(test)]
mod tests {
    use super::added;

    #[test]
    fn words_are_added_with_carry_and_do_not_wrap() {
        let word = |low: u128| core::array::from_fn(|place| *low.to_le_bytes().get(place).unwrap_or(&0));
        assert_eq!(added(word(0xffff), &word(1)), word(0x1_0000));
        assert_eq!(added([0xff; 32], &word(1)), [0xff; 32]);
        assert_eq!(added([0xff; 32], &[0; 32]), [0xff; 32]);
    }
}
