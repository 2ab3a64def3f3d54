//! Closures that run in a sub-VM of their own.
//!
//! The new sub-VM runs the same module from its entry, and learns from its data which closure it is: by the number under which the closure's
//! code stands in the module's table, which is the same in every instance. What the closure works on comes along as calldata. Therefore it
//! captures nothing: the compiler refuses one that does.

use alloc::string::String;
use alloc::vec::Vec;

use crate::data::{Decode, Encode, Fields, Reader, Writer};
use crate::rt::Outcome;
use crate::{Error, ErrorKind, Failure, Result, data};

/// Runs a closure on its input: gives the encoding of what it returns.
type Body = fn(Reader<'_>) -> Result<Vec<u8>>;

/// The number and the input of a closure, as the data of a sub-VM.
pub(crate) fn data<I: Encode>(body: Body, input: &I) -> Vec<u8> {
    let mut to = Writer::default();
    to.map(2).key("block").uint(body as usize as u64).key("input");
    input.encode(&mut to);
    to.into_bytes()
}

/// The code of a closure that gives an answer.
pub(crate) fn leader<I: Decode, F: Fn(I) -> O + Copy + 'static, O: Outcome>(_: &F) -> Body {
    |mut input| {
        let answer = conjure::<F>()(I::decode(&mut input).map_err(|error| error.within("input"))?);
        Ok(data::to_bytes(&answer.settle()?))
    }
}

/// The code of a closure that judges the leader's answer.
pub(crate) fn validator<I: Decode, T: Decode, F: Fn(I, Result<T>) -> bool + Copy + 'static>(_: &F) -> Body {
    |mut input| {
        let input = I::decode(&mut input).map_err(|error| error.within("input"))?;
        let leaders = crate::rt::message().leaders_result()?;
        Ok(data::to_bytes(&conjure::<F>()(input, answer(leaders))))
    }
}

/// A closure that captures nothing is nothing but its type.
fn conjure<F: Copy + 'static>() -> F {
    const { assert!(size_of::<F>() == 0, "the closure of a block captures nothing: hand it what it needs as its input") };
    // SAFETY: it has no bytes, and a value of it exists: it was handed to `leader` or `validator`, and can be copied.
    unsafe { core::mem::zeroed() }
}

/// Runs the closure that the data names. The data is this contract's own: only its parent, the same module, can have written it.
pub(crate) fn run(data: &[u8]) -> Result<Vec<u8>> {
    let mut from = Reader::new(data);
    let mut fields = Fields::of(&mut from)?;
    let number: u64 = fields.take("block")?;
    fields.find("input")?;
    // SAFETY: `data` wrote the number of a `Body` of this module. WebAssembly checks the type of what it calls.
    let body = unsafe { core::mem::transmute::<usize, Body>(number as usize) };
    body(from)
}

/// What a sub-VM came to, from code and data.
pub(crate) fn answer<T: Decode>(result: &[u8]) -> Result<T> {
    data::from_bytes(returned(result)?)
}

/// The encoding of a value that was returned.
fn returned(result: &[u8]) -> Result<&[u8]> {
    let (code, data) = result.split_first().ok_or_else(|| Error::expected("a result"))?;
    // The host sends UTF-8.
    let text = || core::str::from_utf8(data).map(String::from).unwrap_or_default();
    match code {
        0 => Ok(data),
        1 => Err(ErrorKind::Failed(Failure::User(text())).into()),
        _ => Err(ErrorKind::Failed(Failure::Vm(text())).into()),
    }
}
