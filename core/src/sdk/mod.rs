//! The guest interface `genlayer_sdk`: storage, balances and `gl_call`. Source: `docs/spec/sdk.md`.
//!
//! One list, [`sdk_functions!`](crate::sdk_functions), makes the entries, the engine's linker and [`FUNCTIONS`].
//!
//! ```
//! use subvm_core::calldata::Map;
//! use subvm_host_mock::{MemoryHost, play};
//!
//! let host = MemoryHost::new();
//! play(&host, |machine| {
//!     assert_eq!(machine.gl_call("Trace", Map::from([("Message", "here")]))?, Ok(None));
//!     Ok(())
//! });
//! assert_eq!(host.printed().trace, ["here"]);
//! ```

use crate::consensus::page::BYTES as PAGE;
use crate::consensus::permissions::Permissions;
use crate::costs::calls::Price;
use crate::host::Call;
use crate::outcome::{End, Resource, Trap};
use crate::run::sub_vm::Guest;
use crate::wasi::call::{Stop, charge, charge_signed};

mod balance;
mod chain;
mod contract;
mod disagreement;
mod gl_call;
mod module;
mod nondet;
mod request;
mod storage;
mod strategy;

/// The namespace that guests import from.
pub const MODULE: &str = "genlayer_sdk";

/// What a function of `genlayer_sdk` returns.
///
/// ```
/// use subvm_core::sdk::Errno;
/// use subvm_host_mock::{MemoryHost, play};
/// play(&MemoryHost::new(), |machine| {
///     assert_eq!(machine.gl_call_bytes(b"no calldata")?, Err(Errno::Inval as u32));
///     Ok(())
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Errno {
    /// It worked.
    Success = 0,
    /// A number is too large.
    Overflow = 1,
    /// An argument or a request is malformed.
    Inval = 2,
    /// Reserved: a bad pointer traps.
    Fault = 3,
    /// Text is no UTF-8.
    Ilseq = 4,
    /// Input or output failed.
    Io = 5,
    /// The sub-VM lacks the permission.
    Forbidden = 6,
    /// The balance is too small.
    Inbalance = 7,
}

/// The list of functions: name, parameters, base price (a [`Price`]). All parameters are `i32`, and
/// so is the result, an [`Errno`].
///
/// ```
/// macro_rules! names {
///     ($($name:ident($($param:ident),*) = $price:ident;)*) => { const NAMES: &[&str] = &[$(stringify!($name)),*]; };
/// }
/// subvm_core::sdk_functions!(names);
/// assert_eq!((NAMES.len(), NAMES[4]), (5, "gl_call"));
/// ```
#[macro_export]
macro_rules! sdk_functions {
    ($callback:path) => {
        $callback! {
            storage_read(slot, index, buf, len) = Node;
            storage_write(slot, index, buf, len) = Node;
            get_balance(address, result) = Node;
            get_self_balance(result) = Node;
            gl_call(request, len, result_fd) = Transfer;
        }
    };
}

/// A function of the interface, for diagnostics and completeness tests.
///
/// ```
/// let read = subvm_core::sdk::FUNCTIONS[0];
/// assert_eq!((read.name, read.params), ("storage_read", &["slot", "index", "buf", "len"][..]));
/// assert_eq!(read.price, subvm_core::costs::calls::Price::Node);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The names of its parameters, all `i32`.
    pub params: &'static [&'static str],
    /// Its base price.
    pub price: Price,
}

/// Whether a call of the function with this name and these arguments may start a sub-VM on what its guest has left of stack units: only then need
/// an engine say how many these are ([`Guest::stack_units`]), which takes some as long as the rest of a call. It is asked before anything is
/// checked or charged.
///
/// # Cost
/// A look at 14 bytes.
///
/// ```
/// use subvm_core::sdk;
/// let (sandbox, event) = (b"\x0e\x07Sandbox\x06", b"\x0e\x09EmitEvent\x06");
/// assert!(sdk::spawns("gl_call", sandbox, &[0, 10, 0]) && !sdk::spawns("gl_call", event, &[0, 12, 0]));
/// assert!(!sdk::spawns("storage_read", sandbox, &[0, 10, 0, 0]));
/// ```
#[must_use]
#[inline]
pub fn spawns(name: &str, mem: &[u8], args: &[u32]) -> bool {
    let ("gl_call", &[request, len, _]) = (name, args) else { return false };
    mem.get(request as usize..).is_some_and(|bytes| request::spawns(&bytes[..bytes.len().min(len as usize)]))
}

macro_rules! make_functions {
    ($($name:ident($($param:ident),*) = $price:ident;)*) => {
        /// Every function, in the order of the specification.
        pub const FUNCTIONS: &[Function] = &[
            $(Function { name: stringify!($name), params: &[$(stringify!($param)),*], price: Price::$price },)*
        ];

        /// One entry a function: it charges the base price, tells the observer, and calls the function.
        ///
        /// # Errors
        /// Each ends the sub-VM with what the function says, or for want of gas.
        pub mod entry {
            use crate::costs::calls::Price;
            use crate::host::Call;
            use crate::outcome::End;
            use crate::run::sub_vm::Guest;

            $(
                #[doc = concat!("`", stringify!($name), "`: see `docs/spec/sdk.md`. Returns the [`Errno`](super::Errno) as a number.")]
                ///
                /// # Errors
                /// Ends the sub-VM with what the function says, or for want of gas.
                ///
                /// ```
                /// use subvm_core::costs::{calls::Price, instructions::Schedule};
                /// use subvm_core::sdk::entry;
                /// use subvm_host_mock::{MemoryHost, play};
                $(#[doc = concat!("# let ", stringify!($param), " = 0;")])*
                /// play(&MemoryHost::new(), move |machine| {
                ///     let before = machine.ticks();
                #[doc = concat!("    entry::", stringify!($name), "(&mut machine.guest()", $(", ", stringify!($param),)* ")?;")]
                #[doc = concat!("    let price = Schedule::V1.call(Price::", stringify!($price), ");")]
                ///     assert!(before - machine.ticks() >= price as i64);
                ///     Ok(())
                /// });
                /// ```
                pub fn $name(guest: &mut Guest<'_>, $($param: u32),*) -> Result<u32, End> {
                    const PRICE: Price = Price::$price;
                    if guest.vm.transaction_ref()?.node.observer.is_none() {
                        return super::charged(guest, PRICE, |guest| super::functions::$name(guest, $($param),*));
                    }
                    let args = [$(u64::from($param)),*];
                    let call = Call {
                        module: super::MODULE,
                        name: stringify!($name),
                        params: &[$(stringify!($param)),*],
                        args: &args,
                    };
                    super::observed(guest, &call, PRICE, |guest| super::functions::$name(guest, $($param),*))
                }
            )*
        }
    };
}
sdk_functions!(make_functions);

/// The functions themselves.
mod functions {
    pub(super) use super::balance::{get_balance, get_self_balance};
    pub(super) use super::gl_call::gl_call;
    pub(super) use super::storage::{storage_read, storage_write};
}

type Answer = Result<(), Stop<Errno>>;

/// The array of bytes at `ptr`.
#[inline]
fn array<const N: usize>(mem: &[u8], ptr: u32) -> Result<[u8; N], Trap> {
    let bytes = mem.get(ptr as usize..).and_then(|rest| rest.first_chunk());
    bytes.copied().ok_or(Trap::MemoryOutOfBounds)
}

/// Charges the base price and calls the function.
#[inline]
fn charged(guest: &mut Guest<'_>, price: Price, function: impl FnOnce(&mut Guest<'_>) -> Answer) -> Result<u32, End> {
    charge_signed(guest.ticks, guest.vm.wasi.price(price))?;
    match function(guest) {
        Ok(()) => Ok(Errno::Success as u32),
        Err(Stop::Errno(errno)) => Ok(errno as u32),
        Err(Stop::End(end)) => Err(end),
    }
}

/// The same, with an observer.
#[cold]
fn observed(
    guest: &mut Guest<'_>,
    call: &Call<'_>,
    price: Price,
    function: impl FnOnce(&mut Guest<'_>) -> Answer,
) -> Result<u32, End> {
    let ticks = *guest.ticks;
    if let Some(observer) = &mut guest.vm.transaction_mut()?.node.observer {
        observer.enter(call, guest.mem, ticks);
    }
    let result = charged(guest, price, function);
    if let Some(observer) = &mut guest.vm.transaction_mut()?.node.observer {
        observer.exit(call, result.as_ref().ok().copied(), guest.mem, *guest.ticks);
    }
    result
}

impl Guest<'_> {
    /// Charges time gas.
    #[inline]
    pub(crate) fn charge(&mut self, ticks: u64) -> Result<(), End> {
        charge(self.ticks, ticks)
    }

    /// Charges a price of host calls for so many units.
    #[inline]
    pub(crate) fn charge_call(&mut self, price: Price, units: u64) -> Result<(), End> {
        // Units are lengths of 32 bits, and prices have no more.
        self.charge(self.vm.wasi.schedule().call(price) * units)
    }

    /// Charges for bytes of storage that are read or written: for each page, and for copying.
    #[inline]
    fn charge_storage(&mut self, bytes: u32) -> Result<(), End> {
        let pages = u64::from(bytes) / PAGE as u64 + 2;
        let schedule = self.vm.wasi.schedule();
        self.charge(pages * schedule.call(Price::StoragePage) + schedule.copying(bytes.into()))
    }

    /// Forbids what needs permissions that the sub-VM lacks.
    #[inline]
    fn need(&self, permissions: Permissions) -> Answer {
        if self.vm.permissions.contains(permissions) { Ok(()) } else { Err(Stop::Errno(Errno::Forbidden)) }
    }

    /// Charges what the receipt will carry: data gas, and RAM to the end of the run.
    fn charge_carried(&mut self, bytes: u64) -> Result<(), End> {
        let mode = self.vm.mode;
        let transaction = self.vm.transaction_mut()?;
        transaction.data.charge(bytes).map_err(|_| Resource::GasData)?;
        transaction.ram.of(mode).keep(bytes + crate::costs::CARRIED).map_err(|_| Resource::Memory.into())
    }
}
