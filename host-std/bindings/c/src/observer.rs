//! Who watches a run: the observer of the core, as a table of functions.

use std::ffi::c_void;

use subvm_core::host::{Call, Event, Observer};
use subvm_core::wasi::trace;
use subvm_core::{InternalError, Mode, Outcome};

use crate::border::{Sized_, sized};
use crate::caller::Place;
use crate::error::{code_of, subvm_error_t};
use crate::parts::{Part, Sent};
use crate::{subvm_address_t, subvm_bytes_t};

/// A transaction begins; nothing was asked of the node yet. `contract` is the one that it is for.
pub const SUBVM_EVENT_RUN_BEGINS: u32 = 1;
/// A sub-VM is about to be entered: `contract`, `nondet`, `depth`, `permissions`, and its limit of time gas as `ticks`.
pub const SUBVM_EVENT_SUB_VM_BEGINS: u32 = 2;
/// The sub-VM that began last has ended, or could not be entered: `nondet`, time gas used as `ticks`, and `outcome`; or `error` and `text`.
pub const SUBVM_EVENT_SUB_VM_ENDS: u32 = 3;
/// The transaction has ended: `outcome`; or `error` and `text`.
pub const SUBVM_EVENT_RUN_ENDS: u32 = 4;

/// A sub-VM is reproduced to the byte.
pub const SUBVM_MAY_BE_DETERMINISTIC: u32 = 1;
/// A sub-VM reads storage and balances.
pub const SUBVM_MAY_READ_STORAGE: u32 = 2;
/// A sub-VM writes storage.
pub const SUBVM_MAY_WRITE_STORAGE: u32 = 4;
/// A sub-VM sends messages, deploys contracts and emits events.
pub const SUBVM_MAY_SEND_MESSAGES: u32 = 8;
/// A sub-VM calls other contracts.
pub const SUBVM_MAY_CALL_OTHERS: u32 = 16;
/// A sub-VM runs non-deterministic blocks.
pub const SUBVM_MAY_SPAWN_NONDET: u32 = 32;

/// A host call, as an observer sees it begin or end. It lives until the callback returns. A later version may have more fields at its end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_call_t {
    /// The namespace that it was imported from.
    pub module: subvm_bytes_t,
    /// The function's name.
    pub name: subvm_bytes_t,
    /// The names of its parameters, `args_len` of them.
    pub params: *const subvm_bytes_t,
    /// Its arguments, each widened without sign.
    pub args: *const u64,
    /// How many.
    pub args_len: usize,
    /// The guest's memory: before the call where it begins, after it where it ends.
    pub memory: subvm_bytes_t,
    /// Time gas that is left, in ticks; nothing of a call that begins is charged yet.
    pub ticks: i64,
    /// Where the call ends, whether it ended the sub-VM: then it has no errno.
    pub ends_sub_vm: bool,
    /// Where the call ends, its errno.
    pub errno_: u32,
    /// The line of the call in a trace for people: `==> fd_tell(fd=3, offset=64)`, `<== ESUCCESS offset=7`. Empty unless `lines` was asked for.
    pub line: subvm_bytes_t,
}

/// A moment of a run, as an observer sees it. It lives until the callback returns. A later version may have more fields at its end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_event_t {
    /// SUBVM_EVENT_RUN_BEGINS or another. A later version may have more of them: what is not known is left alone.
    pub kind: u32,
    /// Whether the sub-VM is non-deterministic.
    pub nondet: bool,
    /// How many sub-VMs are above this one: 0 for the main one.
    pub depth: u32,
    /// What the sub-VM may do: a sum of SUBVM_MAY_*.
    pub permissions: u32,
    /// The contract.
    pub contract: subvm_address_t,
    /// Time gas, in ticks: the limit of what begins, what was used of what ended.
    pub ticks: i64,
    /// What it came to, as subvm_report_outcome; empty where it came to nothing.
    pub outcome: subvm_bytes_t,
    /// Why it came to nothing on this node, SUBVM_ERROR_DEADLINE or a higher one; 0 where it did not.
    pub error: u32,
    /// The same in words, as UTF-8.
    pub text: subvm_bytes_t,
}

/// Sees a run pass by: its sub-VMs, and each host call with its result. It changes nothing: with one or without, the receipt is the same. Any function
/// may be NULL: nothing is told there.
///
/// It is called where the callbacks of the run's node are, one at a time with them, and while it works the run waits: its time counts for the
/// deadline. It calls none of the library's functions but those for buffers and calldata.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_observer_t {
    /// sizeof(subvm_observer_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// Whether calls have their `line`, which costs a few microseconds each.
    pub lines: bool,
    /// A host call begins.
    pub enter: Option<unsafe extern "C" fn(context: *mut c_void, call: *const subvm_call_t)>,
    /// The host call that was entered last ends.
    pub exit: Option<unsafe extern "C" fn(context: *mut c_void, call: *const subvm_call_t)>,
    /// The run or a sub-VM begins or ends. What begins, ends, in reverse order.
    pub event: Option<unsafe extern "C" fn(context: *mut c_void, event: *const subvm_event_t)>,
}

impl Sized_ for subvm_observer_t {
    const NAME: &'static str = "subvm_observer_t";
}

/// The observer of a table; nothing for NULL.
///
/// # Safety
/// `table` is NULL, or a table as the header describes it.
pub(crate) unsafe fn observer(
    table: *const subvm_observer_t,
    place: &Place,
) -> Result<Option<Part<subvm_observer_t>>, subvm_error_t> {
    if table.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    Ok(Some(Part::new(unsafe { sized(table)? }, place)))
}

impl Part<subvm_observer_t> {
    fn call(
        &self,
        tell: unsafe extern "C" fn(*mut c_void, *const subvm_call_t),
        call: &Call<'_>,
        errno: Option<Option<u32>>,
        memory: &[u8],
        ticks: i64,
    ) {
        let line = if self.table().lines {
            match errno {
                None => trace::Enter(call).to_string(),
                Some(errno) => trace::Exit { call, errno, mem: memory }.to_string(),
            }
        } else {
            String::new()
        };
        let bytes = |text: &str| subvm_bytes_t::of(text.as_bytes());
        let mut params: Vec<_> = call.params.iter().map(|name| bytes(name)).collect();
        params.resize(call.args.len(), subvm_bytes_t::NONE);
        let errno = errno.unwrap_or(Some(0));
        let told = subvm_call_t {
            module: bytes(call.module),
            name: bytes(call.name),
            params: params.as_ptr(),
            args: call.args.as_ptr(),
            args_len: call.args.len(),
            memory: subvm_bytes_t::of(memory),
            ticks,
            ends_sub_vm: errno.is_none(),
            errno_: errno.unwrap_or(0),
            line: bytes(&line),
        };
        let sent = Sent((self.table().context, &raw const told));
        self.place().call(move || {
            let (context, told) = sent.get();
            // SAFETY: as the header describes the callback; all of it is borrowed by who waits for this.
            unsafe { tell(context, told) };
        });
    }
}

/// What an end is to C: the outcome's bytes, or the error's code and text.
fn ended(result: Result<&Outcome, &InternalError>) -> (Vec<u8>, u32, String) {
    match result {
        Ok(outcome) => (Outcome::to_bytes(outcome), 0, String::new()),
        Err(error) => (Vec::new(), code_of(error), subvm_observe::chain(error)),
    }
}

impl Observer for Part<subvm_observer_t> {
    fn enter(&mut self, call: &Call<'_>, memory: &[u8], ticks: i64) {
        if let Some(tell) = self.table().enter {
            self.call(tell, call, None, memory, ticks);
        }
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, memory: &[u8], ticks: i64) {
        if let Some(tell) = self.table().exit {
            self.call(tell, call, Some(errno), memory, ticks);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        let Some(tell) = self.table().event else { return };
        let mut told = subvm_event_t {
            kind: 0,
            nondet: false,
            depth: 0,
            permissions: 0,
            contract: subvm_address_t::default(),
            ticks: 0,
            outcome: subvm_bytes_t::NONE,
            error: 0,
            text: subvm_bytes_t::NONE,
        };
        let mut end = (Vec::new(), 0, String::new());
        match *event {
            Event::RunBegins(run) => {
                told.kind = SUBVM_EVENT_RUN_BEGINS;
                told.contract = subvm_address_t { bytes: run.message.contract_address.0 };
            }
            Event::SubVmBegins { mode, depth, contract, permissions, ticks } => {
                told.kind = SUBVM_EVENT_SUB_VM_BEGINS;
                (told.nondet, told.depth, told.ticks) = (mode == Mode::NonDeterministic, depth, ticks);
                told.permissions = permissions.bits().into();
                told.contract = subvm_address_t { bytes: contract.0 };
            }
            Event::SubVmEnds { mode, result, ticks } => {
                told.kind = SUBVM_EVENT_SUB_VM_ENDS;
                (told.nondet, told.ticks) = (mode == Mode::NonDeterministic, i64::try_from(ticks).unwrap_or(i64::MAX));
                end = ended(result);
            }
            Event::RunEnds(result) => {
                told.kind = SUBVM_EVENT_RUN_ENDS;
                end = ended(result.map(|report| &report.outcome));
            }
            // What this version of the header has no name for.
            _ => return,
        }
        let (outcome, error, text) = &end;
        (told.outcome, told.error) = (subvm_bytes_t::of(outcome), *error);
        told.text = subvm_bytes_t::of(text.as_bytes());
        let sent = Sent((self.table().context, &raw const told));
        self.place().call(move || {
            let (context, told) = sent.get();
            // SAFETY: as the header describes the callback; all of it is borrowed by who waits for this.
            unsafe { tell(context, told) };
        });
    }
}
