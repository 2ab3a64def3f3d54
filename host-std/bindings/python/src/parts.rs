//! The five traits on objects of Python, whose methods have the traits' names (`python/pysubvm/node.py` says what they take and give).
//!
//! Where a trait's method can fail, an exception is its error, and the cause of the `NodeError` that the run ends in. Where it cannot, the exception
//! is kept, and the run called off.

use std::sync::Arc;
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use subvm_core::calldata::Int;
use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address as CoreAddress, SlotId};

use crate::address::Address;
use crate::kept::Kept;
use crate::package::Package;

/// An object of Python in the place of any of the traits.
pub(crate) struct Part {
    object: Py<PyAny>,
    kept: Kept,
    /// No method is called any more once what calls them is called off.
    checked: bool,
}

impl Part {
    /// A part for a run, which looks at its token itself, and gives up requests after that.
    pub(crate) fn of_run(object: Py<PyAny>, kept: &Kept) -> Self {
        Self { object, kept: kept.clone(), checked: false }
    }

    /// A part for the conformance kit, which has no token: each method fails once it is called off.
    pub(crate) fn of_check(object: Py<PyAny>, kept: &Kept) -> Self {
        Self { object, kept: kept.clone(), checked: true }
    }

    /// What a method gives.
    fn ask<T>(
        &self,
        method: &str,
        args: &[Arg<'_>],
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        if self.checked && self.kept.is_called_off() {
            return Err(PyRuntimeError::new_err("the check was called off"));
        }
        Python::attach(|py| {
            let args: Vec<Py<PyAny>> = args.iter().map(|arg| arg.to_object(py)).collect::<PyResult<_>>()?;
            read(&self.object.bind(py).call_method1(method, PyTuple::new(py, args)?)?)
        })
    }
}

/// An argument of a method.
enum Arg<'a> {
    State(State),
    Address(&'a CoreAddress),
    Bytes(&'a [u8]),
    Number(u64),
    Name(&'static str),
}

impl Arg<'_> {
    fn to_object(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::State(State::Accepted) => "accepted".into_py_any(py),
            Self::State(State::Finalized) => "finalized".into_py_any(py),
            Self::Address(address) => Address(**address).into_py_any(py),
            Self::Bytes(bytes) => PyBytes::new(py, bytes).into_py_any(py),
            Self::Number(number) => number.into_py_any(py),
            Self::Name(name) => name.into_py_any(py),
        }
    }
}

/// The state of a name.
pub(crate) fn state(name: &str) -> PyResult<State> {
    match name {
        "accepted" => Ok(State::Accepted),
        "finalized" => Ok(State::Finalized),
        _ => Err(PyValueError::new_err(format!("there is no state {name:?}; there are accepted, finalized"))),
    }
}

fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Trace => "trace",
    }
}

/// Puts bytes of Python in place, where there are as many as asked for.
fn place(method: &str, given: &Bound<'_, PyAny>, into: &mut [u8]) -> PyResult<()> {
    let bytes = given.cast::<PyBytes>().map_err(|_| wrong(method, "bytes", given))?.as_bytes();
    if bytes.len() != into.len() {
        return Err(PyValueError::new_err(format!(
            "{method} gave {} bytes, and {} were asked for",
            bytes.len(),
            into.len()
        )));
    }
    into.copy_from_slice(bytes);
    Ok(())
}

fn wrong(method: &str, expected: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let kind = given.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("{method} gives {expected}, not {kind}"))
}

impl Storage for Part {
    fn read(
        &mut self,
        state: State,
        contract: &CoreAddress,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let args = [
            Arg::State(state),
            Arg::Address(contract),
            Arg::Bytes(&slot.0),
            Arg::Number(index.into()),
            Arg::Number(into.len() as u64),
        ];
        Ok(self.ask("read", &args, |given| place("read", given, into))?)
    }
}

impl Clock for Part {
    fn transaction_time(&self) -> u64 {
        self.ask("transaction_time", &[], |given| given.extract()).unwrap_or_else(|error| {
            self.kept.keep(error);
            0
        })
    }

    fn elapsed(&self) -> Duration {
        let nanos = self.ask("elapsed", &[], |given| given.extract()).unwrap_or_else(|error| {
            self.kept.keep(error);
            0
        });
        Duration::from_nanos(nanos)
    }
}

impl Rng for Part {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        Ok(self.ask("fill", &[Arg::Number(into.len() as u64)], |given| place("fill", given, into))?)
    }
}

impl Host for Part {
    fn balance(&mut self, state: State, address: &CoreAddress) -> Result<[u8; 32], HostError> {
        let args = [Arg::State(state), Arg::Address(address)];
        let balance = self.ask("balance", &args, crate::value::to_value)?;
        let word = balance.as_int().and_then(Int::to_u256_le);
        word.ok_or_else(|| format!("balance gave {balance}, and an amount of 256 bits is asked for").into())
    }

    fn code(&mut self, state: State, address: &CoreAddress) -> Result<Code, HostError> {
        let args = [Arg::State(state), Arg::Address(address)];
        Ok(self.ask("code", &args, |given| {
            if given.is_none() {
                return Ok(Code::Nothing);
            }
            let package = given.cast::<Package>().map_err(|_| wrong("code", "a Package or None", given))?;
            Ok(Code::Package(Arc::clone(&package.get().0)))
        })?)
    }

    fn locked_slots(&mut self, contract: &CoreAddress) -> Result<Vec<SlotId>, HostError> {
        let slots: Vec<[u8; 32]> = self.ask("locked_slots", &[Arg::Address(contract)], |given| given.extract())?;
        Ok(slots.into_iter().map(SlotId).collect())
    }

    fn eth_call(&mut self, state: State, address: &CoreAddress, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        let args = [Arg::State(state), Arg::Address(address), Arg::Bytes(calldata)];
        Ok(self.ask("eth_call", &args, |given| {
            if given.is_none() {
                return Ok(EthAnswer::Refused);
            }
            if let Ok(bytes) = given.cast::<PyBytes>() {
                return Ok(EthAnswer::Returned(bytes.as_bytes().to_vec()));
            }
            let reverted =
                given.getattr("reverted").map_err(|_| wrong("eth_call", "bytes, Reverted or None", given))?;
            Ok(EthAnswer::Reverted(reverted.extract()?))
        })?)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        if let Err(error) = self.ask("output", &[Arg::Name(stream_name(stream)), Arg::Bytes(bytes)], |_| Ok(())) {
            self.kept.keep(error);
        }
    }
}

impl Modules for Part {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        Ok(self.ask("start", &[Arg::Bytes(request)], |given| given.extract().map(RequestId))?)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let nanos = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        Ok(self.ask("wait", &[Arg::Number(id.0), Arg::Number(nanos)], |given| {
            if given.is_none() {
                return Ok(Progress::Pending);
            }
            let bytes = given.cast::<PyBytes>().map_err(|_| wrong("wait", "bytes or None", given))?;
            Ok(Progress::Ready(bytes.as_bytes().to_vec()))
        })?)
    }

    fn cancel(&mut self, id: RequestId) {
        if let Err(error) = self.ask("cancel", &[Arg::Number(id.0)], |_| Ok(())) {
            self.kept.keep(error);
        }
    }
}
