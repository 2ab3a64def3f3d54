//! `gl_call`: one function, many requests.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use num_bigint::BigUint;

use crate::consensus::permissions::Permissions;
use crate::consensus::profile::Rules;
use crate::costs;
use crate::costs::calls::Price;
use crate::fd::Content;
use crate::host::RequestId;
use crate::outcome::Outcome;
use crate::outcome::{End, InternalError, InternalErrorKind, Resource};
use crate::room;
use crate::run::sub_vm::Guest;
use crate::sdk::request::{NoRequest, Request};
use crate::sdk::{Answer, Errno};
use crate::wasi::call::Stop;
use crate::wasi::mem::{self, Place};
use subvm_calldata::{Undecoded, count, decode_while};

/// Says that a request has no result.
const NO_RESULT: u32 = u32::MAX;

/// What a request gives to its guest.
pub(super) enum Given {
    /// No result.
    Nothing,
    /// A descriptor over these bytes.
    Bytes(Vec<u8>),
    /// A descriptor over what a module will answer, and the RAM that the request is charged meanwhile.
    Pending { id: RequestId, held: u64 },
}

pub(super) type Granted = Result<Given, Stop<Errno>>;

/// Makes the request that stands in `len` bytes at `request`, and writes its result's descriptor to `result_fd`.
///
/// # Errors
/// `inval` for what is no request; else what the request says. `Return` and `UserError` end the sub-VM.
pub(super) fn gl_call(guest: &mut Guest<'_>, request: u32, len: u32, result_fd: u32) -> Answer {
    if u64::from(len) > costs::REQUEST {
        return Err(guest.refused("it has more bytes than a request may have"));
    }
    guest.charge_call(Price::RequestByte, len.into())?;
    let range = mem::range(guest.mem, request, len)?;
    let place = Place::u32(guest.mem, result_fd)?;
    let Ok(values) = count(mem::bytes(guest.mem, range.clone())) else {
        return Err(guest.refused("it is no calldata"));
    };
    guest.charge_call(Price::RequestValue, values)?;
    let request = guest.parse(range)?;
    let content = match guest.grant(request)? {
        Given::Nothing => None,
        Given::Bytes(bytes) => Some(Content::Bytes(bytes)),
        Given::Pending { id, held } => Some(Content::Pending { id, held }),
    };
    let fd = content.map_or(Ok(NO_RESULT), |content| guest.attach(content))?;
    place.put(guest.mem, fd.to_le_bytes());
    Ok(())
}

impl Guest<'_> {
    fn grant(&mut self, request: Request) -> Granted {
        match request {
            Request::Return(value) => Err(End::from(Outcome::Return(value)).into()),
            Request::UserError(text) => Err(End::from(Outcome::UserError(text)).into()),
            Request::UserValue(value) => Err(End::from(Outcome::UserValue(value)).into()),
            Request::RunNondet { data_leader, data_validator } => self.run_nondet(&data_leader, &data_validator),
            Request::RunNondetWith { data, strategy } => self.run_nondet_with(&data, &strategy),
            Request::Sandbox(sandbox) => self.sandbox(&sandbox),
            Request::CallContract(call) => self.call_contract(call),
            Request::EthCall { address, calldata } => self.eth_call(&address, &calldata),
            Request::Event(bytes) => {
                let needs = self.rules()?.event_needs;
                self.accept(needs, &BigUint::ZERO, bytes)
            }
            Request::Message { value, bytes } => self.accept(Permissions::SEND_MESSAGES, &value, bytes),
            Request::Module { bytes, leaves } => self.start_module(&bytes, leaves),
            Request::TraceMessage(text) => self.trace_message(&text),
            Request::TraceRuntime => self.trace_runtime(),
            Request::Yield => Ok(Given::Nothing),
            Request::GetTimestamp => self.timestamp(),
        }
    }

    /// The rules of the chain's profile.
    pub(super) fn rules(&self) -> Result<&'static Rules, InternalError> {
        Ok(self.vm.transaction_ref()?.params.profile.rules())
    }

    /// Takes a request apart, which is calldata. What that takes of the host's memory is charged for as long as it lasts. A deadline that passes meanwhile ends it, and so
    /// does calling the run off.
    fn parse(&mut self, range: Range<usize>) -> Result<Request, Stop<Errno>> {
        let rules = self.rules()?;
        let cx = self.cx()?;
        let bytes = mem::bytes(cx.mem, range);
        let held = costs::request_ram(bytes.len());
        cx.ram.charge(held).map_err(|_| Resource::Memory)?;
        if let Some(returned) = Request::returned(bytes)? {
            cx.ram.release(held);
            return Ok(returned);
        }
        let (clock, patience) = (&*cx.node.clock, cx.patience);
        let value = decode_while(bytes, &mut || patience.left(clock).is_ok());
        let request = match value {
            Ok(value) => Request::of(&value, bytes, rules),
            Err(Undecoded::Malformed) => Err(NoRequest::Refused(String::from("it is no calldata"))),
            Err(Undecoded::NoRoom(bytes)) => return Err(room::none(bytes).into()),
            Err(Undecoded::Stopped) => return Err(patience.left(clock).err().unwrap_or_else(late).into()),
        };
        cx.ram.release(held);
        request.map_err(|none| match none {
            NoRequest::Refused(why) => self.refused(&why),
            NoRequest::NoRoom(error) => error.into(),
        })
    }

    /// What is no request is an errno to the guest, and a note for people.
    #[cold]
    fn refused(&mut self, why: &str) -> Stop<Errno> {
        self.vm.diagnose(format_args!("gl_call refused a request: {why}"));
        Stop::Errno(Errno::Inval)
    }

    fn attach(&mut self, content: Content) -> Result<u32, End> {
        let cx = self.cx()?;
        let pending = if let Content::Pending { id, .. } = content { Some(id) } else { None };
        let room = cx.wasi.fds.make_room().map_err(End::from);
        let attached = room.and_then(|()| Ok(cx.wasi.attach(content, cx.ram, cx.limits)?));
        if let (Err(_), Some(id)) = (&attached, pending) {
            cx.node.modules.cancel(id);
        }
        Ok(attached?.0)
    }
}

#[cold]
fn late() -> InternalError {
    InternalError::new(InternalErrorKind::Deadline, "the deadline passed while a request was taken apart")
}
