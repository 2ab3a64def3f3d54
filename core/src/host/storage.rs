//! What contracts stored.

use super::HostError;
use crate::ids::{Address, SlotId, State};

/// Reads contracts' storage as it was before the run.
///
/// ```
/// use std::collections::BTreeMap;
/// use subvm_core::host::{HostError, State, Storage, page};
/// use subvm_core::{Address, SlotId};
///
/// struct Pages(BTreeMap<(SlotId, u32), [u8; page::BYTES]>);
///
/// impl Storage for Pages {
///     fn read(&mut self, _: State, _: &Address, slot: &SlotId, index: u32, into: &mut [u8]) -> Result<(), HostError> {
///         into.fill(0);
///         for number in page::range(index, into.len())?.into_iter().flatten() {
///             if let Some(content) = self.0.get(&(*slot, number)) {
///                 page::place(into, index, number, content);
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let mut storage = Pages([((SlotId::default(), 0), [7; page::BYTES])].into());
/// let mut bytes = [0xff; 4];
/// storage.read(State::Accepted, &Address::default(), &SlotId::default(), 30, &mut bytes)?;
/// assert_eq!(bytes, [7, 7, 0, 0]);
/// # Ok::<(), HostError>(())
/// ```
pub trait Storage: Send + 'static {
    /// Fills `into` from `slot` of `contract`, starting at byte `index`. Bytes never written are zero. `index + into.len()` is at most 2^32.
    /// The same arguments give the same bytes throughout a run. Returns within the time that the node promises its operators.
    ///
    /// # Errors
    /// When the bytes cannot be had.
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError>;
}
