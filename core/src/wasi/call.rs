//! What one host call may see and change.

use alloc::vec::Vec;
use core::time::Duration;

use crate::costs::Limits;
use crate::costs::budget::Ram;
use crate::costs::calls::Price;
use crate::errno::Errno;
use crate::host::{Node, Patience, Progress, RequestId};
use crate::outcome::{End, InternalError, InternalErrorKind};
use crate::outcome::{Resource, Trap};
use crate::wasi;

/// The surroundings of one host call: built by the engine's glue for each call, from what the sub-VM and the transaction own.
///
/// ```
/// use subvm_core::wasi::entry;
/// use subvm_host_mock::{MemoryHost, play};
/// play(&MemoryHost::new(), |machine| {
///     let mut guest = machine.guest();
///     let mut cx = guest.cx()?;
///     cx.charge(100)?;
///     assert_eq!(entry::clock_time_get(&mut cx, 0, 0, 64)?, 0);
///     assert_eq!(cx.mem[64..72], 0_u64.to_le_bytes(), "the beginning of 1970");
///     Ok(())
/// });
/// ```
#[derive(Debug)]
pub struct Cx<'a> {
    /// The caller's memory 0; empty where its module has none.
    pub mem: &'a mut [u8],
    /// Time gas left, in ticks.
    pub ticks: &'a mut i64,
    /// Descriptors, file tree, arguments, environment and random state of this sub-VM.
    pub wasi: &'a mut wasi::State,
    /// The RAM budget of this sub-VM's mode.
    pub ram: &'a mut Ram,
    /// The consensus limits.
    pub limits: &'a Limits,
    /// What the node supplies.
    pub node: &'a mut Node,
    /// How long the run may go on.
    pub patience: &'a Patience,
}

/// Why a host call does not succeed: with an errno, or by ending the sub-VM.
///
/// ```
/// use subvm_core::{Stop, Trap, wasi::Errno};
/// let stops: [Stop<Errno>; 2] = [Errno::Badf.into(), Trap::MemoryOutOfBounds.into()];
/// assert!(matches!(stops, [Stop::Errno(Errno::Badf), Stop::End(_)]));
/// ```
#[derive(Debug)]
pub enum Stop<E> {
    /// The guest gets this number and goes on.
    Errno(E),
    /// The guest does not go on.
    End(End),
}

impl From<Errno> for Stop<Errno> {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl<E> From<End> for Stop<E> {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl<E> From<Trap> for Stop<E> {
    fn from(trap: Trap) -> Self {
        Self::End(trap.into())
    }
}

impl<E> From<Resource> for Stop<E> {
    fn from(resource: Resource) -> Self {
        Self::End(resource.into())
    }
}

impl<E> From<InternalError> for Stop<E> {
    fn from(error: InternalError) -> Self {
        Self::End(error.into())
    }
}

/// Takes `ticks` off those that are left.
#[inline]
pub(crate) fn charge(left: &mut i64, ticks: u64) -> Result<(), End> {
    // A price beyond i64 exceeds any budget.
    charge_signed(left, i64::try_from(ticks).unwrap_or(i64::MAX))
}

/// The same for `ticks` that are not negative.
#[inline]
pub(crate) fn charge_signed(left: &mut i64, ticks: i64) -> Result<(), End> {
    // There is one end to stop at: `saturating_sub` would look for the other too, where the compiler does not know the price.
    *left = left.checked_sub(ticks).unwrap_or(i64::MIN);
    if *left < 0 { Err(Resource::GasTime.into()) } else { Ok(()) }
}

impl Cx<'_> {
    /// The same surroundings, for what is seldom called: where nothing else takes the original's address, compilers never build it
    /// (`docs/RATIONALE.md#what-a-host-call-is-made-of`).
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Cx<'_> {
        Cx {
            mem: self.mem,
            ticks: self.ticks,
            wasi: self.wasi,
            ram: self.ram,
            limits: self.limits,
            node: self.node,
            patience: self.patience,
        }
    }

    /// Charges time gas.
    ///
    /// # Errors
    /// Ends the sub-VM with `out_of gas time` where `ticks` exceeds what is left.
    #[inline]
    pub fn charge(&mut self, ticks: u64) -> Result<(), End> {
        charge(self.ticks, ticks)
    }

    /// Charges the base of a call.
    #[inline]
    pub(crate) fn charge_base(&mut self, price: Price) -> Result<(), End> {
        charge_signed(self.ticks, self.wasi.price(price))
    }

    /// Charges a price of host calls for so many units.
    #[inline]
    pub(crate) fn charge_call(&mut self, price: Price, units: u32) -> Result<(), End> {
        self.charge(self.wasi.schedule().call(price) * u64::from(units))
    }

    /// Charges what `price` is above that of an answer, which was charged as the call's base.
    pub(crate) fn charge_beyond_answer(&mut self, price: Price) -> Result<(), End> {
        let schedule = self.wasi.schedule();
        self.charge(schedule.call(price).saturating_sub(schedule.call(Price::Answer)))
    }

    /// Charges for bytes that are copied.
    #[inline]
    pub(crate) fn charge_copying(&mut self, bytes: u64) -> Result<(), End> {
        self.charge(self.wasi.schedule().copying(bytes))
    }

    /// Waits for the result of a started module request, until the deadline, or the run is called off.
    ///
    /// # Errors
    /// An internal error when the module fails, the deadline passes or the run is called off.
    ///
    /// ```
    /// use subvm_core::host::Modules;
    /// use subvm_host_mock::{MemoryHost, play};
    /// let mut host = MemoryHost::new();
    /// host.answer(b"\x0e\x02ok\x00".to_vec());
    /// let id = host.start(b"\x06").unwrap();
    /// play(&host, move |machine| {
    ///     assert_eq!(machine.guest().cx()?.module_result(id)?[..], *b"\x0e\x02ok\x00");
    ///     Ok(())
    /// });
    /// ```
    pub fn module_result(&mut self, id: RequestId) -> Result<Vec<u8>, End> {
        /// How long a module may wait at a time when no deadline is set.
        const SLICE: Duration = Duration::from_secs(1);
        loop {
            let at_most = self.patience.slice(&*self.node.clock, SLICE)?;
            let progress = self.node.modules.wait(id, at_most).map_err(|source| {
                InternalError::caused_by(InternalErrorKind::Module, "waiting for a module's result", source)
            })?;
            if let Progress::Ready(bytes) = progress {
                return Ok(bytes);
            }
        }
    }
}
