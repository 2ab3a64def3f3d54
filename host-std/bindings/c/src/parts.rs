//! The traits of the core, over the tables of functions.

use std::any::Any;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, Invalid, SlotId};

use crate::border::{argument, borrowed, sized};
use crate::buffer::subvm_buffer_t;
use crate::caller::Place;
use crate::error::subvm_error_t;
use crate::node::*;
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// A table of functions, and where they are called.
pub(crate) struct Part<T> {
    table: T,
    place: Place,
    /// Goes when the part does.
    _owner: Option<Box<dyn Any>>,
}

/// A pointer that goes to where a callback is called, while its owner waits.
pub(crate) struct Sent<T>(pub(crate) T);

// SAFETY: whoever fills in a table promises that its callbacks may be called on any thread, one at a time; or asks for the place where they are
// called. Its pointers are used for nothing else.
unsafe impl<T> Send for Part<T> {}
// SAFETY: made in this crate for pointers that live until the callback has returned, which is waited for, and that nobody else uses meanwhile.
unsafe impl<T> Send for Sent<T> {}

impl<T> Sent<T> {
    /// By a method, so that closures take the whole.
    pub(crate) fn get(self) -> T {
        self.0
    }
}

/// All functions of a table are there.
macro_rules! checked {
    ($name:ident: $table:ty { $($function:ident),+ }) => {
        /// # Safety
        /// `table` is NULL, or a table as the header describes it.
        pub(crate) unsafe fn $name(table: *const $table, place: &Place) -> Result<Part<$table>, subvm_error_t> {
            // SAFETY: as the caller promises.
            let table = unsafe { sized(table)? };
            $(if table.$function.is_none() {
                return Err(argument(concat!(stringify!($table), ".", stringify!($function), " is NULL")));
            })+
            Ok(Part::new(table, place))
        }
    };
}

checked!(storage: subvm_storage_t { read });
checked!(clock: subvm_clock_t { transaction_time, elapsed });
checked!(rng: subvm_rng_t { fill });
checked!(host: subvm_host_t { balance, code, locked_slots, eth_call, output });
checked!(modules: subvm_modules_t { start, wait, cancel });

/// # Safety
/// As for the tables.
pub(crate) unsafe fn node(node: *const subvm_node_t, place: &Place) -> Result<Node, subvm_error_t> {
    // SAFETY: as the caller promises.
    unsafe {
        let node = sized(node)?;
        Ok(Node {
            storage: Box::new(storage(node.storage, place)?),
            clock: Box::new(clock(node.clock, place)?),
            rng: Box::new(rng(node.rng, place)?),
            host: Box::new(host(node.host, place)?),
            modules: Box::new(modules(node.modules, place)?),
            observer: None,
        })
    }
}

/// The functions of a table were looked at when its part was made.
fn there<F>(function: Option<F>) -> F {
    function.unwrap_or_else(|| unreachable!("a table without this function makes no part"))
}

impl<T> Part<T> {
    /// The part of a table that was looked at.
    pub(crate) fn new(table: T, place: &Place) -> Self {
        Self { table, place: place.clone(), _owner: None }
    }

    pub(crate) fn table(&self) -> &T {
        &self.table
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The same, with something that goes when it does.
    pub(crate) fn with_owner(self, owner: Box<dyn Any>) -> Self {
        Self { _owner: Some(owner), ..self }
    }
}

impl<T: Copy + 'static> Part<T> {
    /// Calls back; the last pointer that `call` is handed is where it says why it failed.
    fn ask<R: 'static>(&self, call: impl FnOnce(T, *mut subvm_buffer_t) -> (i32, R) + 'static) -> Result<R, HostError> {
        let sent = Sent((self.table, call));
        let ((status, result), why) = self
            .place
            .call(move || {
                let (table, call) = sent.get();
                let mut why = subvm_buffer_t::default();
                let answered = call(table, &raw mut why);
                Sent((answered, why))
            })
            .get();
        if status == 0 {
            return Ok(result);
        }
        let why = String::from_utf8_lossy(&why.0).into_owned();
        Err(if why.is_empty() { format!("a callback failed with {status}, and did not say why") } else { why }.into())
    }
}

fn state(state: State) -> u32 {
    match state {
        State::Accepted => SUBVM_STATE_ACCEPTED,
        State::Finalized => SUBVM_STATE_FINALIZED,
    }
}

fn address(address: &Address) -> subvm_address_t {
    subvm_address_t { bytes: address.0 }
}

impl Storage for Part<subvm_storage_t> {
    fn read(
        &mut self,
        of: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let (contract, slot) = (address(contract), subvm_word_t { bytes: slot.0 });
        let (data, len) = (into.as_mut_ptr(), into.len());
        self.ask(move |table, why| {
            let read = there(table.read);
            // SAFETY: as the header describes the callback; `into` is borrowed by who waits for this.
            let status = unsafe { read(table.context, state(of), &contract, &slot, index, data, len, why) };
            (status, ())
        })
    }
}

impl Part<subvm_clock_t> {
    fn tell(&self, function: unsafe extern "C" fn(*mut c_void) -> u64) -> u64 {
        let sent = Sent((function, self.table.context));
        self.place.call(move || {
            let (function, context) = sent.get();
            // SAFETY: as the header describes the callback.
            unsafe { function(context) }
        })
    }
}

impl Clock for Part<subvm_clock_t> {
    fn transaction_time(&self) -> u64 {
        self.tell(there(self.table.transaction_time))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.tell(there(self.table.elapsed)))
    }
}

impl Rng for Part<subvm_rng_t> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        let (data, len) = (into.as_mut_ptr(), into.len());
        self.ask(move |table, why| {
            // SAFETY: as the header describes the callback; `into` is borrowed by who waits for this.
            (unsafe { there(table.fill)(table.context, data, len, why) }, ())
        })
    }
}

impl Host for Part<subvm_host_t> {
    fn balance(&mut self, of: State, whose: &Address) -> Result<[u8; 32], HostError> {
        let whose = address(whose);
        self.ask(move |table, why| {
            let mut balance = subvm_word_t::default();
            // SAFETY: as the header describes the callback.
            let status = unsafe { there(table.balance)(table.context, state(of), &whose, &mut balance, why) };
            (status, balance.bytes)
        })
    }

    fn code(&mut self, of: State, whose: &Address) -> Result<Code, HostError> {
        let whose = address(whose);
        let answer = self.ask(move |table, why| {
            let (mut package, mut malformed) = (std::ptr::null(), SUBVM_INVALID_NOT);
            let code = there(table.code);
            // SAFETY: as the header describes the callback.
            let status = unsafe { code(table.context, state(of), &whose, &mut package, &mut malformed, why) };
            // SAFETY: it lives until the run has ended. It is no use where the callback failed.
            let package = if status == 0 { unsafe { borrowed(package, "package") }.ok() } else { None };
            (status, (package.map(|package| Arc::clone(&package.0)), malformed))
        })?;
        let malformed = match answer {
            (Some(package), SUBVM_INVALID_NOT) => return Ok(Code::Package(package)),
            (None, SUBVM_INVALID_NOT) => return Ok(Code::Nothing),
            (Some(_), _) => return Err("subvm_host_t.code set both a package and malformed".into()),
            (None, malformed) => malformed,
        };
        // Numbers are in the order of the specification, from 1.
        let invalid = Invalid::ALL.get(malformed as usize - 1);
        let invalid =
            invalid.ok_or_else(|| format!("subvm_host_t.code set malformed to {malformed}: no SUBVM_INVALID_*"))?;
        Ok(Code::Malformed(*invalid))
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        let contract = address(contract);
        let slots = self.ask(move |table, why| {
            let mut slots = subvm_buffer_t::default();
            // SAFETY: as the header describes the callback.
            (unsafe { there(table.locked_slots)(table.context, &contract, &mut slots, why) }, slots)
        })?;
        match slots.0.as_chunks() {
            (slots, []) => Ok(slots.iter().copied().map(SlotId).collect()),
            _ => Err(format!("subvm_host_t.locked_slots gave {} bytes, and a slot has 32", slots.0.len()).into()),
        }
    }

    fn eth_call(&mut self, of: State, whom: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let (whom, calldata) = (address(whom), subvm_bytes_t::of(calldata));
        let (answer, data) = self.ask(move |table, why| {
            let (mut answer, mut data) = (SUBVM_ETH_REFUSED, subvm_buffer_t::default());
            let call = there(table.eth_call);
            // SAFETY: as the header describes the callback; `calldata` is borrowed by who waits for this.
            let status = unsafe { call(table.context, state(of), &whom, calldata, &mut answer, &mut data, why) };
            (status, (answer, data.0))
        })?;
        match answer {
            SUBVM_ETH_REFUSED => Ok(EthAnswer::Refused),
            SUBVM_ETH_RETURNED => Ok(EthAnswer::Returned(data)),
            SUBVM_ETH_REVERTED => Ok(EthAnswer::Reverted(data)),
            other => Err(format!("subvm_host_t.eth_call set answer to {other}: no SUBVM_ETH_*").into()),
        }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        let stream = match stream {
            Stream::Stdout => SUBVM_STREAM_STDOUT,
            Stream::Stderr => SUBVM_STREAM_STDERR,
            Stream::Trace => SUBVM_STREAM_TRACE,
        };
        let sent = Sent((self.table, subvm_bytes_t::of(bytes)));
        self.place.call(move || {
            let (table, bytes) = sent.get();
            // SAFETY: as the header describes the callback; `bytes` is borrowed by who waits for this.
            unsafe { there(table.output)(table.context, stream, bytes) };
        });
    }
}

impl Modules for Part<subvm_modules_t> {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let request = subvm_bytes_t::of(request);
        self.ask(move |table, why| {
            let mut id = 0;
            // SAFETY: as the header describes the callback; `request` is borrowed by who waits for this.
            let status = unsafe { there(table.start)(table.context, request, &mut id, why) };
            (status, RequestId(id))
        })
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let nanos = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        self.ask(move |table, why| {
            let (mut ready, mut answer) = (false, subvm_buffer_t::default());
            // SAFETY: as the header describes the callback.
            let status = unsafe { there(table.wait)(table.context, id.0, nanos, &mut ready, &mut answer, why) };
            (status, if ready { Progress::Ready(answer.0) } else { Progress::Pending })
        })
    }

    fn cancel(&mut self, id: RequestId) {
        let sent = Sent(self.table);
        self.place.call(move || {
            let table = sent.get();
            // SAFETY: as the header describes the callback.
            unsafe { there(table.cancel)(table.context, id.0) };
        });
    }
}
