//! What `docs/spec/sdk.md` and `docs/spec/gas.md` say of a call, as a second and smaller implementation without a node.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use subvm_core::calldata::Value;
use subvm_core::costs::instructions::Schedule;
use subvm_core::costs::{self, calls};
use subvm_core::host::State;
use subvm_core::sdk::Errno;
use subvm_core::{Address, Mode, Outcome, Permissions, Resource, SlotId, Trap, VmError};

use super::request::Means;
use super::{CONTRACT, LOCKED, NOBODY, base_byte};

/// Where a guest stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) mode: Mode,
    pub(super) permissions: Permissions,
    pub(super) contract: Address,
    pub(super) state: State,
    /// Whether it sees what the run wrote.
    pub(super) overlay: bool,
}

/// What a call comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    Errno(Errno),
    Ends(Outcome),
}

pub(super) type Verdict<T> = Result<T, Stop>;

/// What a request gives to its guest.
#[derive(Debug, PartialEq)]
pub(super) enum Given {
    Nothing,
    /// A descriptor over these bytes.
    Bytes(Vec<u8>),
    /// A descriptor over what a module will answer, and the bytes of RAM that it holds until then.
    Pending(u64),
}

/// A budget: what is left of it.
pub(super) type Left = u64;

/// The state that calls may change.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) place: Place,
    /// Bytes of the guest's memory.
    pub(super) memory: u64,
    pub(super) ticks: i64,
    /// Bytes of RAM used, and allowed.
    pub(super) ram: u64,
    pub(super) ram_limit: u64,
    pub(super) storage: Left,
    pub(super) data: Left,
    pub(super) balance: BigUint,
    pub(super) sent: BigUint,
    pub(super) pages: BTreeMap<(SlotId, u32), [u8; 32]>,
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) nondet: Vec<Vec<u8>>,
    /// Descriptors: open ones, numbers freed, numbers ever used, and how many may be open.
    pub(super) open: u32,
    pub(super) free: Vec<u32>,
    pub(super) numbers: u32,
    pub(super) open_fds: u32,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Self {
        Self::Ends(Outcome::VmError(VmError::Trap(trap)))
    }
}

impl From<Resource> for Stop {
    fn from(resource: Resource) -> Self {
        Self::Ends(Outcome::VmError(VmError::OutOf(resource)))
    }
}

const READS: Permissions = Permissions::DETERMINISTIC.union(Permissions::READ_STORAGE);
const WRITES: Permissions = Permissions::DETERMINISTIC.union(Permissions::WRITE_STORAGE);
const SENDS: Permissions = Permissions::DETERMINISTIC.union(Permissions::SEND_MESSAGES);
const CALLS: Permissions = Permissions::DETERMINISTIC.union(Permissions::CALL_OTHERS);
const SPAWNS: Permissions = Permissions::DETERMINISTIC.union(Permissions::SPAWN_NONDET);

impl Model {
    pub(super) fn storage_read(&mut self, slot: SlotId, at: [u32; 4]) -> Verdict<Vec<u8>> {
        let [slot_ptr, index, buf, len] = at;
        self.storage_call(READS, index, len)?;
        self.inside(slot_ptr, 32)?;
        self.inside(buf, len)?;
        let end = u64::from(index) + u64::from(len);
        Ok((index.into()..end).map(|byte| self.stored(slot, byte)).collect())
    }

    pub(super) fn storage_write(&mut self, slot: SlotId, at: [u32; 4], mem: &[u8]) -> Verdict<()> {
        let [slot_ptr, index, buf, len] = at;
        self.storage_call(WRITES, index, len)?;
        self.inside(slot_ptr, 32)?;
        self.inside(buf, len)?;
        if slot == LOCKED && self.place.contract == CONTRACT {
            return Err(Errno::Forbidden.into());
        }
        let bytes = &mem[buf as usize..][..len as usize];
        let pages: Vec<u32> = if len == 0 { vec![] } else { (index / 32..=(index + (len - 1)) / 32).collect() };
        let new = pages.iter().filter(|page| !self.pages.contains_key(&(slot, **page))).count() as u64;
        take(&mut self.storage, new, Resource::GasStorage)?;
        self.hold(new * costs::STORAGE_PAGE)?;
        for page in pages {
            let old = std::array::from_fn(|byte| self.stored(slot, u64::from(page) * 32 + byte as u64));
            self.pages.insert((slot, page), old);
        }
        for (at, byte) in (u64::from(index)..).zip(bytes) {
            self.pages.get_mut(&(slot, (at / 32) as u32)).expect("it was just made")[(at % 32) as usize] = *byte;
        }
        Ok(())
    }

    pub(super) fn get_balance(&mut self, of: Address, address: u32, result: u32) -> Verdict<[u8; 32]> {
        self.pay(calls::NODE)?;
        self.need(READS)?;
        self.inside(address, 20)?;
        self.inside(result, 32)?;
        Ok(word(if of == CONTRACT { &self.balance } else { &BigUint::ZERO }))
    }

    pub(super) fn get_self_balance(&mut self, result: u32) -> Verdict<[u8; 32]> {
        self.pay(calls::NODE)?;
        self.need(READS)?;
        self.inside(result, 32)?;
        Ok(word(&self.own_balance()))
    }

    /// Everything of `gl_call` up to the effect, and that; the descriptor where there is one.
    pub(super) fn gl_call(&mut self, means: &Means, at: [u32; 3], bytes: &[u8]) -> Verdict<(Option<u32>, Given)> {
        let [request, len, result_fd] = at;
        self.pay(calls::TRANSFER)?;
        if u64::from(len) > costs::REQUEST {
            return Err(Errno::Inval.into());
        }
        self.pay(u64::from(len) * calls::REQUEST_BYTE)?;
        self.inside(request, len)?;
        self.inside(result_fd, 4)?;
        if !result_fd.is_multiple_of(4) {
            return Err(Trap::HeapMisaligned.into());
        }
        let value = Value::decode(bytes).map_err(|_| Errno::Inval)?;
        self.pay(values(&value) * calls::REQUEST_VALUE)?;
        if u64::from(len) * costs::REQUEST_RAM > self.ram_limit - self.ram {
            return Err(Resource::Memory.into());
        }
        let given = self.grant(means, bytes)?;
        let content = match &given {
            Given::Nothing => return Ok((None, given)),
            Given::Bytes(bytes) => bytes.len() as u64,
            Given::Pending(held) => *held,
        };
        Ok((Some(self.descriptor(content)?), given))
    }

    fn grant(&mut self, means: &Means, bytes: &[u8]) -> Verdict<Given> {
        match means {
            Means::Nothing | Means::Anything => Err(Errno::Inval.into()),
            Means::Return(value) => Err(Stop::Ends(Outcome::Return(value.clone()))),
            Means::UserError(text) => Err(Stop::Ends(Outcome::UserError(text.clone()))),
            Means::TraceMessage(_) => Ok(Given::Nothing),
            Means::TraceRuntime => Ok(Given::Bytes(Value::from(0).encode().expect("it is small"))),
            Means::Module if self.place.mode == Mode::Deterministic => Err(Errno::Forbidden.into()),
            Means::Module => Ok(Given::Pending(bytes.len() as u64 * costs::REQUEST_RAM)),
            Means::Sandbox => self.spawn(),
            Means::Call(address) => {
                self.need(CALLS)?;
                match *address {
                    NOBODY => Ok(Given::Bytes(b"\x02invalid_contract package".to_vec())),
                    _ => self.spawn(),
                }
            }
            Means::Block => {
                self.need(SPAWNS)?;
                let given = self.spawn()?;
                self.nondet.push(vec![0, 0]);
                take(&mut self.data, 2, Resource::GasData)?;
                self.hold(2 + costs::CARRIED)?;
                Ok(given)
            }
            Means::EthCall(answer) => {
                self.need(CALLS)?;
                self.pay(calls::ETH_CALL)?;
                Ok(Given::Bytes(Value::Bytes(answer.clone()).encode().expect("it is small")))
            }
            Means::Message(value) => {
                self.need(SENDS)?;
                if *value != BigUint::ZERO {
                    self.pay(calls::NODE)?;
                    if *value > self.own_balance() {
                        return Err(Errno::Inbalance.into());
                    }
                }
                take(&mut self.data, bytes.len() as u64, Resource::GasData)?;
                self.hold(bytes.len() as u64 + costs::CARRIED)?;
                self.sent += value;
                self.messages.push(bytes.to_vec());
                Ok(Given::Nothing)
            }
        }
    }

    /// A child that returns null at once. Its module has eight bytes.
    fn spawn(&mut self) -> Verdict<Given> {
        self.pay(calls::SUB_VM + 8 / calls::MODULE_BYTES_PER_TICK)?;
        Ok(Given::Bytes(vec![0, 0]))
    }

    fn descriptor(&mut self, content: u64) -> Verdict<u32> {
        if self.open >= self.open_fds {
            return Err(Resource::Fds.into());
        }
        self.hold(content + if self.free.is_empty() { costs::FD_ALLOCATION } else { 0 })?;
        self.open += 1;
        Ok(self.free.pop().unwrap_or_else(|| {
            self.numbers += 1;
            self.numbers - 1
        }))
    }

    pub(super) fn close(&mut self, fd: u32, content: u64) {
        self.open -= 1;
        self.free.push(fd);
        self.ram -= content;
    }

    /// Base, range, permissions, bytes: what both storage calls begin with.
    fn storage_call(&mut self, needs: Permissions, index: u32, len: u32) -> Verdict<()> {
        self.pay(calls::NODE)?;
        if u64::from(index) + u64::from(len) > 1 << 32 {
            return Err(Errno::Inval.into());
        }
        self.need(needs)?;
        self.pay((u64::from(len) / 32 + 2) * calls::STORAGE_PAGE + Schedule::V1.copying(len.into()))
    }

    /// A byte of storage as the guest sees it.
    fn stored(&self, slot: SlotId, byte: u64) -> u8 {
        let Place { contract, state, overlay, .. } = self.place;
        let written = self.pages.get(&(slot, (byte / 32) as u32)).filter(|_| overlay && contract == CONTRACT);
        written.map_or_else(|| base_byte(state, contract, slot, byte), |page| page[(byte % 32) as usize])
    }

    fn own_balance(&self) -> BigUint {
        match self.place.contract {
            CONTRACT if self.place.overlay => &self.balance - &self.sent,
            CONTRACT => self.balance.clone(),
            _ => BigUint::ZERO,
        }
    }

    fn need(&self, permissions: Permissions) -> Verdict<()> {
        if self.place.permissions.contains(permissions) { Ok(()) } else { Err(Errno::Forbidden.into()) }
    }

    fn inside(&self, ptr: u32, len: u32) -> Verdict<()> {
        if u64::from(ptr) + u64::from(len) <= self.memory { Ok(()) } else { Err(Trap::MemoryOutOfBounds.into()) }
    }

    fn pay(&mut self, ticks: u64) -> Verdict<()> {
        self.ticks -= ticks as i64;
        if self.ticks < 0 { Err(Resource::GasTime.into()) } else { Ok(()) }
    }

    fn hold(&mut self, bytes: u64) -> Verdict<()> {
        if bytes > self.ram_limit - self.ram {
            return Err(Resource::Memory.into());
        }
        self.ram += bytes;
        Ok(())
    }
}

/// Takes from a budget; where it is not enough, all of it counts as used.
pub(super) fn take(budget: &mut Left, amount: u64, of: Resource) -> Verdict<()> {
    match budget.checked_sub(amount) {
        Some(left) => *budget = left,
        None => {
            *budget = 0;
            return Err(of.into());
        }
    }
    Ok(())
}

/// A value, and the values and keys inside of it.
fn values(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Map(entries) => entries.values().map(|value| 1 + values(value)).sum(),
        _ => 0,
    }
}

fn word(balance: &BigUint) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(balance.to_bytes_le()).for_each(|(byte, digit)| *byte = digit);
    bytes
}
