//! `gl_call`: one function, many requests.

use alloc::vec::Vec;

use crate::End;
use crate::call::Stop;
use crate::fd::Content;
use crate::host::RequestId;
use crate::outcome::Outcome;
use crate::sdk::request::Request;
use crate::sdk::{Answer, Errno};
use crate::sub_vm::Guest;
use crate::wasi::mem::{self, Place};

/// Says that a request has no result.
const NO_RESULT: u32 = u32::MAX;

/// What a request gives to its guest.
pub(super) enum Given {
    /// No result.
    Nothing,
    /// A descriptor over these octets.
    Octets(Vec<u8>),
    /// A descriptor over what a module will answer.
    Pending(RequestId),
}

pub(super) type Granted = Result<Given, Stop<Errno>>;

/// Makes the request that stands in `len` octets at `request`, and writes its result's descriptor to `result_fd`.
///
/// # Errors
/// `inval` for what is no request; else what the request says. `Return` and `UserError` end the sub-VM.
pub(super) fn gl_call(guest: &mut Guest<'_>, request: u32, len: u32, result_fd: u32) -> Answer {
    guest.charge_octets(len.into())?;
    let range = mem::range(guest.mem, request, len)?;
    let place = Place::u32(guest.mem, result_fd)?;
    let octets = mem::octets(guest.mem, range).to_vec();
    let request = Request::parse(&octets).ok_or(Stop::Errno(Errno::Inval))?;
    let content = match guest.grant(request, octets)? {
        Given::Nothing => None,
        Given::Octets(octets) => Some(Content::Octets(octets.into())),
        Given::Pending(id) => Some(Content::Pending(id)),
    };
    let fd = content.map_or(Ok(NO_RESULT), |content| guest.attach(content))?;
    place.put(guest.mem, fd.to_le_bytes());
    Ok(())
}

impl Guest<'_> {
    fn grant(&mut self, request: Request, octets: Vec<u8>) -> Granted {
        match request {
            Request::Return(value) => Err(End::from(Outcome::Return(value)).into()),
            Request::UserError(text) => Err(End::from(Outcome::UserError(text)).into()),
            Request::RunNondet { data_leader, data_validator } => self.run_nondet(&data_leader, &data_validator),
            Request::RunNondetWith { data, strategy } => self.run_nondet_with(&data, &strategy),
            Request::Sandbox(sandbox) => self.sandbox(&sandbox),
            Request::CallContract(call) => self.call_contract(call),
            Request::EthCall { address, calldata } => self.eth_call(&address, &calldata),
            Request::Message(message) => self.accept(&message, octets),
            Request::Module => self.start_module(&octets),
            Request::TraceMessage(text) => self.trace_message(&text),
            Request::TraceRuntime => self.trace_runtime(),
        }
    }

    fn attach(&mut self, content: Content) -> Result<u32, End> {
        let cx = self.cx()?;
        Ok(cx.wasi.attach(content, cx.ram, cx.limits)?.0)
    }
}
