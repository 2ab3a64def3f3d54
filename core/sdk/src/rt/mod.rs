//! The way of a sub-VM through a contract: from its message to its end.

use core::cell::UnsafeCell;

pub use crate::data::{Decode, Encode, Encoded, Fields, Ignored, Reader, Writer};
pub use crate::describe::Text;
pub use crate::storage::{Place, Storage};
pub use crate::{Describe, Error, Problem, Result};

use crate::message::{Message, Part};
use crate::{ErrorKind, block, data, host};

#[cfg(all(feature = "runtime", target_arch = "wasm32"))]
mod bump;

/// A struct that a contract can be: what `storage` makes.
pub trait Root: Sized {
    /// At the contract's own slot.
    fn root() -> Self;
}

/// A contract: what `contract` makes of an `impl` block.
pub trait Contract: Root {
    /// Deploys: calls the constructor.
    fn init(self, from: Reader<'_>) -> Result<Ended>;

    /// Calls a method: a map of its name and its arguments.
    fn call(self, method: &str, from: Reader<'_>) -> Result<Ended>;
}

/// What a method came to: an encoding to return.
pub struct Ended(alloc::vec::Vec<u8>);

/// What a function may give: a value, or a `Result` of one.
pub trait Outcome {
    /// The value.
    type Value: Encode;

    /// The value, or the text of the error.
    fn settle(self) -> Result<Self::Value>;
}

impl<T: Encode> Outcome for T {
    type Value = T;

    fn settle(self) -> Result<T> {
        Ok(self)
    }
}

impl<T: Encode, E: Into<Error>> Outcome for Result<T, E> {
    type Value = T;

    fn settle(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// What a method came to.
///
/// # Errors
/// The method's own, in words.
pub fn ended(outcome: impl Outcome) -> Result<Ended> {
    Ok(Ended(data::to_bytes(&outcome.settle()?)))
}

/// A method that takes no money was sent some.
///
/// # Errors
/// `NotPayable`.
pub fn not_payable() -> Result<()> {
    // 0 has one encoding.
    if message().encoded(Part::value) == [0x01] { Ok(()) } else { Err(Error::calldata("value", Problem::NotPayable)) }
}

/// The topics of an event, beside its name.
pub type Topics = alloc::vec::Vec<[u8; 32]>;

/// Enters an array of so many.
///
/// # Errors
/// `Calldata`, where it has more or less.
pub fn exactly(from: &mut Reader<'_>, len: usize) -> Result<()> {
    if from.array()? == len { Ok(()) } else { Err(Error::expected("an array of another length")) }
}

/// There is no such variant.
#[must_use]
pub fn no_variant(name: &str) -> Error {
    Error::calldata(name, Problem::NoSuch("variant"))
}

/// There is no such method.
///
/// # Errors
/// Always: its name.
pub fn no_such(method: &str) -> Result<Ended> {
    Err(Error::calldata(method, Problem::NoSuch("method")))
}

/// What a sub-VM knows. It has one thread.
struct State(UnsafeCell<(Option<Message>, bool)>);

// SAFETY: a sub-VM has one thread; outside WebAssembly nothing sets it.
unsafe impl Sync for State {}

static STATE: State = State(UnsafeCell::new((None, false)));

/// The message. In a test outside WebAssembly there is none.
pub(crate) fn message() -> &'static Message {
    // SAFETY: it is written once, before anything reads it.
    match unsafe { &(*STATE.0.get()).0 } {
        Some(message) => message,
        None => host::stop(),
    }
}

/// From here on nothing may be changed: a view runs.
pub fn view() {
    // SAFETY: one thread, and nobody holds a reference to the flag.
    unsafe { (*STATE.0.get()).1 = true }
}

/// # Errors
/// `View`, in a view.
pub(crate) fn may_change(what: &'static str) -> Result<()> {
    // SAFETY: one thread, and nobody holds a reference to the flag.
    if unsafe { (*STATE.0.get()).1 } { Err(ErrorKind::View(what).into()) } else { Ok(()) }
}

/// The value; an error ends the call.
pub(crate) fn or_end<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &Error) -> ! {
    let text = error.text();
    host::end("UserError", &|to| {
        to.str(&text);
    })
}

/// Every sub-VM of a contract starts here.
pub fn start<C: Contract>() {
    match Message::read().and_then(run::<C>) {
        Ok(Ended(value)) => host::end("Return", &|to| {
            to.encoded(&value);
        }),
        Err(error) => fail(&error),
    }
}

fn run<C: Contract>(read: Message) -> Result<Ended> {
    // SAFETY: this runs once, before anything reads it.
    unsafe { (*STATE.0.get()).0 = Some(read) }
    let message = message();
    let data = message.bytes(Part::entry_data)?;
    if message.encoded(Part::entry_kind) != [0x01] {
        return block::run(data).map(Ended);
    }
    // No calldata is a call without anything: money that is sent, a constructor without arguments.
    let bytes = if data.is_empty() { &[EMPTY_MAP] } else { data };
    let method = method(bytes)?;
    let from = Reader::new(bytes);
    if message.part(Part::is_init)? { C::root().init(from) } else { C::root().call(method, from) }
}

const EMPTY_MAP: u8 = 6;

/// The name of the method that is called; empty where there is none. What is called reads all of it, and checks it.
fn method(bytes: &[u8]) -> Result<&str> {
    let mut from = Reader::new(bytes);
    let mut fields = Fields::of(&mut from)?;
    while let Some(key) = fields.step()? {
        if key == b"method" {
            return fields.reader().str().map_err(|error| error.within("method"));
        }
        if key > b"method" {
            break;
        }
        fields.reader().any()?;
    }
    Ok("")
}
