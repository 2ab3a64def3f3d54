//! What a run must come to, worked out beside it: permissions, storage, descriptors, RAM, gas, blocks, verdicts. It follows the
//! specification and shares no rule with the supervisor. What it finds wrong is kept, since a script that panics is an internal error.

use std::collections::{BTreeMap, BTreeSet};

use subvm_core::calldata::Value;
use subvm_core::costs::Limits;
use subvm_core::host::State;
use subvm_core::{Address, InternalError, Params, Report, Role};

use super::chain::{BALANCE, CONTRACT, LOCKED, byte_before};
use super::{STATE, requests};

mod frame;
mod judge;
mod spawn;

pub(super) use frame::{Frame, Kind, May};
pub(super) use spawn::Spawn;

pub(super) const FORBIDDEN: u32 = 6;
const INVAL: u32 = 2;
const INBALANCE: u32 = 7;
/// Bytes of RAM that a sub-VM, a byte of its message, a descriptor's number, a byte of a request, one that a model is shown and a written page
/// cost.
const SUB_VM: u64 = 65_536;
const MESSAGE: u64 = 3;
const NUMBER: u64 = 96;
const REQUEST: u64 = 48;
const SHOWN: u64 = 64;
const PAGE: u64 = 256;
const CARRIED: u64 = 64;
const MEMORY: &[u8] = b"\x02out_of memory";
const GAS_DATA: &[u8] = b"\x02out_of gas data";
const GAS_TIME: &[u8] = b"\x02out_of gas time";

/// What a call came to, as its script saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The sub-VM ends, so.
    End(Vec<u8>),
    /// The run ends without a result.
    Internal,
    Errno(u32),
    /// A descriptor.
    Fd(u32),
    /// Success, and no result.
    Nothing,
}

/// What a call must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    End(Vec<u8>),
    Errno(u32),
    /// A descriptor over these bytes; nothing where they are pending.
    Content(Option<Vec<u8>>),
    Nothing,
}

pub(super) struct Model {
    limits: Limits,
    role: Role,
    model_agrees: bool,
    stack: Vec<Frame>,
    /// RAM that sub-VMs of each mode hold, and what is kept for pages and for what the receipt carries.
    held: [u64; 2],
    kept: u64,
    peak: [u64; 2],
    pages: BTreeSet<(u8, u32)>,
    bytes: BTreeMap<(u8, u32), u8>,
    storage_used: u64,
    data_used: u64,
    sent: u64,
    messages: Vec<Vec<u8>>,
    nondet: Vec<Vec<u8>>,
    ticks_nondet: i64,
    /// How the main sub-VM ended, and the ticks that it had left.
    main: Option<(Vec<u8>, i64)>,
    /// What the descriptor that was attached last must read.
    content: Vec<u8>,
    /// Whether an internal error is unwinding everything.
    dead: bool,
    wrong: Option<String>,
}

impl Model {
    pub(super) fn new(params: &Params, role: &Role, model_agrees: bool) -> Self {
        let limits = params.limits.clone();
        Self {
            stack: vec![Frame::main(&limits)],
            limits,
            role: role.clone(),
            model_agrees,
            held: [0; 2],
            kept: 0,
            peak: [0; 2],
            pages: BTreeSet::new(),
            bytes: BTreeMap::new(),
            storage_used: 0,
            data_used: 0,
            sent: 0,
            messages: Vec::new(),
            nondet: Vec::new(),
            ticks_nondet: 0,
            main: None,
            content: Vec::new(),
            dead: false,
            wrong: None,
        }
    }

    /// Notes what is wrong, if it is the first.
    pub(super) fn expect<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.fail(format!("{what}: {found:x?} instead of {expected:x?}"));
        }
    }

    fn fail(&mut self, what: String) {
        let depth = self.stack.len();
        self.wrong.get_or_insert_with(|| format!("{depth} sub-VMs deep: {what}"));
    }

    pub(super) fn top(&mut self) -> &mut Frame {
        self.stack.last_mut().expect("the main sub-VM's frame is never removed")
    }

    /// A sub-VM begins, and reads its message where it can.
    pub(super) fn enter(&mut self, ticks: i64, message: Option<&Value>, length: usize) {
        let handed = if self.stack.len() > 1 { MESSAGE * length as u64 } else { 0 };
        let frame = self.top();
        let (again, mode) = (std::mem::replace(&mut frame.started, true), frame.mode);
        let frame = frame.clone();
        self.hold(mode, SUB_VM + handed);
        if again || self.dead {
            self.fail("a sub-VM began that nobody spawned".into());
        }
        self.expect("ticks of a sub-VM that begins", &ticks, &frame.given);
        let Some(message) = message else { return };
        self.expect("entry_kind", &message["entry_kind"], &Value::from(frame.kind.number()));
        self.expect("contract_address", &message["contract_address"], &Value::Address(frame.contract));
        let callers = frame.callers.iter().copied().map(Value::Address).collect();
        self.expect("stack", &message["stack"], &Value::Array(callers));
        let stage = &message["entry_stage_data"];
        let leaders = stage.get("leaders_result").and_then(Value::as_bytes).map(<[u8]>::to_vec);
        self.expect("leaders_result", &leaders, &frame.leaders);
    }

    /// A sub-VM ends with `outcome`; nothing where the run does.
    pub(super) fn leave(&mut self, ticks: i64, outcome: Option<Vec<u8>>) {
        let Some(outcome) = outcome else {
            self.dead = true;
            return;
        };
        let outcome = if ticks < 0 { GAS_TIME.to_vec() } else { outcome };
        let frame = self.top();
        frame.left = ticks.max(0);
        if frame.left > frame.given {
            self.fail(format!("{ticks} ticks left"));
        }
        self.top().outcome = Some(outcome.clone());
        if self.stack.len() == 1 {
            self.main = Some((outcome, ticks.max(0)));
        }
    }

    /// The sub-VM that begins had no ticks to read its message: how long that is, RAM tells.
    pub(super) fn unread(&mut self, used: u64) {
        let mode = self.top().mode;
        let handed = used.saturating_sub(self.used(mode));
        self.hold(mode, if self.stack.len() > 1 { handed } else { 0 });
    }

    /// RAM that is in use in the mode of the sub-VM that executes.
    pub(super) fn check_ram(&mut self, used: u64) {
        let mode = self.top().mode;
        let expected = self.used(mode);
        self.expect("RAM in use", &used, &expected);
    }

    fn used(&self, mode: usize) -> u64 {
        self.held[mode] + if mode == frame::DETERMINISTIC { self.kept } else { 0 }
    }

    fn hold(&mut self, mode: usize, bytes: u64) {
        self.held[mode] += bytes;
        self.peak[mode] = self.peak[mode].max(self.used(mode));
    }

    /// A request of these bytes is made with `ticks` left. Whether the RAM is there that taking it apart needs for a moment.
    pub(super) fn parse(&mut self, request: &[u8], ticks: i64) -> bool {
        let (mode, bytes) = (self.top().mode, request.len() as u64 * REQUEST);
        let parsed = self.fits(mode, bytes);
        if parsed && ticks >= spawn::price(request) {
            self.hold(mode, bytes);
            self.held[mode] -= bytes;
        }
        parsed
    }

    fn fits(&self, mode: usize, bytes: u64) -> bool {
        self.used(mode) + bytes <= self.limits.ram
    }

    /// Whether a memory of the sub-VM that executes can grow.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let mode = self.top().mode;
        let fits = self.fits(mode, bytes);
        self.hold(mode, if fits { bytes } else { 0 });
        fits
    }

    /// What reading storage gives.
    pub(super) fn read(&mut self, slot: u8, index: u32, len: u32) -> Result<Vec<u8>, u32> {
        let frame = self.top().clone();
        if u64::from(index) + u64::from(len) > 1 << 32 {
            return Err(INVAL);
        }
        if !frame.may.deterministic || !frame.may.read {
            return Err(FORBIDDEN);
        }
        let own = frame.overlay && frame.contract == CONTRACT;
        let byte = |at: u32| {
            let written = self.bytes.get(&(slot, at)).filter(|_| own);
            written.copied().unwrap_or_else(|| byte_before(frame.state, frame.contract, slot, at))
        };
        Ok((0..len).map(|at| byte(index + at)).collect())
    }

    /// What writing storage must come to; `None` where it succeeds. It is done then.
    pub(super) fn write(&mut self, slot: u8, index: u32, bytes: &[u8]) -> Option<Expected> {
        let may = self.top().may;
        if u64::from(index) + bytes.len() as u64 > 1 << 32 {
            return Some(Expected::Errno(INVAL));
        }
        if !may.deterministic || !may.write || slot == LOCKED {
            return Some(Expected::Errno(FORBIDDEN));
        }
        let at = |offset: usize| index + offset as u32;
        let pages: BTreeSet<(u8, u32)> = (0..bytes.len()).map(|offset| (slot, at(offset) / 32)).collect();
        let new = pages.difference(&self.pages).count() as u64;
        if self.storage_used + new > self.limits.gas_storage {
            self.storage_used = self.limits.gas_storage;
            return Some(Expected::End(b"\x02out_of gas storage".to_vec()));
        }
        self.storage_used += new;
        if !self.fits(frame::DETERMINISTIC, new * PAGE) {
            return Some(Expected::End(MEMORY.to_vec()));
        }
        self.kept += new * PAGE;
        self.hold(frame::DETERMINISTIC, 0);
        self.pages.extend(pages);
        self.bytes.extend(bytes.iter().enumerate().map(|(offset, byte)| ((slot, at(offset)), *byte)));
        None
    }

    /// What the sub-VM's own balance is.
    pub(super) fn balance(&mut self) -> Result<u64, u32> {
        let frame = self.top().clone();
        if !frame.may.deterministic || !frame.may.read {
            return Err(FORBIDDEN);
        }
        let own = frame.contract == CONTRACT;
        Ok(if own { BALANCE } else { 77 } - if own && frame.overlay { self.sent } else { 0 })
    }

    /// A request came to `seen`, leaving `ticks`; `parsed` is what [`parse`](Self::parse) said, and `expected` says what it had to come to, once
    /// it was paid for and taken apart.
    pub(super) fn settle(
        &mut self,
        parsed: bool,
        ticks: i64,
        seen: &Seen,
        expected: impl FnOnce(&mut Self) -> Expected,
    ) {
        if *seen == Seen::Internal {
            self.dead = true;
            return;
        }
        if ticks < 0 || *seen == Seen::End(GAS_TIME.to_vec()) {
            self.expect("a request without ticks", seen, &Seen::End(GAS_TIME.to_vec()));
            self.expect("ticks", &(ticks < 0), &true);
            return;
        }
        let expected = if parsed { expected(self) } else { Expected::End(MEMORY.to_vec()) };
        let expected = match expected {
            Expected::End(bytes) => Seen::End(bytes),
            Expected::Errno(errno) => Seen::Errno(errno),
            Expected::Nothing => Seen::Nothing,
            Expected::Content(content) => {
                // Only a prompt's answer is pending, and until then it holds what taking the request apart held.
                let pending = || requests::prompt().len() as u64 * REQUEST;
                let held = content.as_ref().map_or_else(pending, |content| content.len() as u64);
                self.content = content.unwrap_or_default();
                self.attach(held)
            }
        };
        self.expect("a request", seen, &expected);
    }

    /// What giving a descriptor to a result comes to.
    fn attach(&mut self, bytes: u64) -> Seen {
        let (limit, mode) = (self.limits.open_fds, self.top().mode);
        let frame = self.top();
        if frame.next_fd - frame.free.len() as u32 >= limit {
            return Seen::End(b"\x02out_of fds".to_vec());
        }
        let charged = bytes + if frame.free.is_empty() { NUMBER } else { 0 };
        if !self.fits(mode, charged) {
            return Seen::End(MEMORY.to_vec());
        }
        self.hold(mode, charged);
        let frame = self.top();
        let fd = frame.free.pop().unwrap_or(frame.next_fd);
        frame.next_fd = frame.next_fd.max(fd + 1);
        frame.open.insert(fd, bytes);
        Seen::Fd(fd)
    }

    /// A result was read to its end.
    pub(super) fn check_content(&mut self, found: &[u8]) {
        let expected = std::mem::take(&mut self.content);
        self.expect("a result", &found, &expected.as_slice());
    }

    /// A pending result is there and is read. Whether its bytes can be held.
    pub(super) fn arrived(&mut self, fd: u32) -> bool {
        let mode = self.top().mode;
        let held = self.top().open.get(&fd).copied().unwrap_or_default();
        let fits = self.fits(mode, requests::MODULE_ANSWER.saturating_sub(held));
        if fits {
            self.hold(mode, requests::MODULE_ANSWER.saturating_sub(held));
            self.held[mode] -= held.saturating_sub(requests::MODULE_ANSWER);
            self.top().open.insert(fd, requests::MODULE_ANSWER);
        }
        fits
    }

    /// Closes the open descriptor with the lowest number.
    pub(super) fn close(&mut self) -> Option<u32> {
        let frame = self.top();
        let (fd, bytes) = frame.open.pop_first()?;
        frame.free.push(fd);
        let mode = frame.mode;
        self.held[mode] -= bytes;
        Some(fd)
    }

    /// What a message must come to.
    pub(super) fn message(&mut self, value: u64, request: &[u8]) -> Expected {
        let may = self.top().may;
        if !may.deterministic || !may.send {
            return Expected::Errno(FORBIDDEN);
        }
        if value > BALANCE - self.sent {
            return Expected::Errno(INBALANCE);
        }
        if let Some(end) = self.carry(request) {
            return end;
        }
        self.sent += value;
        self.messages.push(request.to_vec());
        Expected::Nothing
    }

    /// The receipt will carry these bytes, which holds RAM to its end. How the sub-VM ends where it may not.
    fn carry(&mut self, bytes: &[u8]) -> Option<Expected> {
        if !self.charge_data(bytes.len() as u64) {
            return Some(Expected::End(GAS_DATA.to_vec()));
        }
        let held = bytes.len() as u64 + CARRIED;
        if !self.fits(frame::DETERMINISTIC, held) {
            return Some(Expected::End(MEMORY.to_vec()));
        }
        self.kept += held;
        self.hold(frame::DETERMINISTIC, 0);
        None
    }

    fn charge_data(&mut self, bytes: u64) -> bool {
        let fits = self.data_used + bytes <= self.limits.gas_data;
        self.data_used = if fits { self.data_used + bytes } else { self.limits.gas_data };
        fits
    }

    /// What a call of the layer below must come to.
    pub(super) fn call_below(&mut self) -> Expected {
        let may = self.top().may;
        if may.deterministic && may.call {
            Expected::Content(Some(requests::answer_below()))
        } else {
            Expected::Errno(FORBIDDEN)
        }
    }

    /// What a request to a module must come to.
    pub(super) fn prompt(&mut self) -> Expected {
        if self.top().may.deterministic { Expected::Errno(FORBIDDEN) } else { Expected::Content(None) }
    }

    pub(super) fn malformed() -> Expected {
        Expected::Errno(INVAL)
    }
}

/// The contract that is called, and the state that it reads.
fn view(address: Address, state: u8) -> (Address, State, bool) {
    match state {
        0 => (address, STATE, true),
        1 => (address, State::Finalized, false),
        _ => (address, State::Accepted, false),
    }
}

impl Model {
    /// Whether the run came to what was foreseen.
    pub(super) fn judge(&mut self, result: &Result<Report, InternalError>) -> Result<(), String> {
        match (self.wrong.take(), result) {
            (Some(wrong), _) => Err(wrong),
            (None, Ok(_)) if self.dead => Err("an internal error was caught".into()),
            (None, Ok(report)) => judge::judge(self, report),
            (None, Err(_)) => Ok(()),
        }
    }
}
