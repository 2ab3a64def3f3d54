//! The root slot: where a contract's storage holds its code, the slots that nobody may write, and who may replace them.
//!
//! ```
//! use subvm_runners::root::{Layout, slot};
//! // A contract that nobody deployed has no code.
//! let mut nothing = |_: &_, _: u32, into: &mut [u8]| { into.fill(0); Ok::<_, String>(()) };
//! assert_eq!(Layout::V0_3.code(&mut nothing, 1 << 20).unwrap(), None);
//! assert_ne!(slot(&[0; 32], 2), slot(&[0; 32], 3));
//! ```

use std::fmt;

use subvm_core::{Address, SlotId};

use crate::id::sha3_256;

/// The most slots that may be locked.
pub const LOCKED_SLOTS: u32 = 256;
/// The most accounts that may be upgraders.
pub const UPGRADERS: u32 = 32;
/// The major version that this loader knows.
pub const CURRENT_MAJOR: u8 = 0;

/// The slot behind `offset` of a slot.
#[must_use]
pub fn slot(parent: &[u8; 32], offset: u32) -> SlotId {
    SlotId(sha3_256(&[parent, &offset.to_le_bytes()]))
}

/// Reads a range of a slot, as a node's storage does.
pub type Read<'a, E> = &'a mut dyn FnMut(&SlotId, u32, &mut [u8]) -> Result<(), E>;

/// Which fields the root slot has, and where.
///
/// ```
/// use subvm_runners::root::Layout;
/// assert_ne!(Layout::V0_2.code_slot(), Layout::V0_3.code_slot());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Of GenVM 0.1 and 0.2: the contract, its code, locked slots, upgraders.
    V0_2,
    /// Of GenVM 0.3: a major version first, and a field that may name another slot for the code.
    V0_3,
}

/// What the root slot says in its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The major version of the executors that run the contract.
    pub major: u8,
    /// Where its code is.
    pub code: SlotId,
    /// What the contract lets itself do, bit by bit.
    pub permissions: [u8; 32],
}

/// Why a root slot cannot be read.
///
/// ```
/// use subvm_runners::root::{Layout, RootError};
/// let mut many = |_: &_, _: u32, into: &mut [u8]| { into.fill(0xff); Ok::<_, String>(()) };
/// assert!(matches!(Layout::V0_2.upgraders(&mut many), Err(RootError::Many { count: u32::MAX, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootError<E> {
    /// Storage cannot be read.
    Storage(E),
    /// A count or a length that cannot be.
    Many {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u32,
        /// How many there can be.
        most: u32,
    },
}

impl<E: fmt::Display> fmt::Display for RootError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "the root slot: {error}"),
            Self::Many { what, count, most } => {
                write!(f, "the root slot says {count} {what}, where {most} are the most")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for RootError<E> {}

const ROOT: [u8; 32] = [0; 32];

impl Layout {
    /// The offsets of code, locked slots and upgraders.
    const fn offsets(self) -> (u32, u32, u32) {
        match self {
            Self::V0_2 => (1, 2, 3),
            Self::V0_3 => (2, 3, 4),
        }
    }

    /// Where code is, unless the root slot names another place.
    #[must_use]
    pub fn code_slot(self) -> SlotId {
        slot(&ROOT, self.offsets().0)
    }

    /// What stands in the root slot itself.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn root<E>(self, read: Read<'_, E>) -> Result<Root, RootError<E>> {
        let mut bytes = [0; 69];
        if self == Self::V0_3 {
            read(&SlotId(ROOT), 0, &mut bytes).map_err(RootError::Storage)?;
        }
        let [major, _, _, _, _, rest @ ..] = bytes;
        let (mut code, mut permissions) = ([0; 32], [0; 32]);
        let (first, second) = rest.split_at(32);
        code.copy_from_slice(first);
        permissions.copy_from_slice(second);
        let code = if code == [0; 32] { self.code_slot() } else { SlotId(code) };
        Ok(Root { major, code, permissions })
    }

    /// A contract's code, of at most so many bytes; nothing where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or would be longer.
    pub fn code<E>(self, read: Read<'_, E>, most: u32) -> Result<Option<Vec<u8>>, RootError<E>> {
        let at = self.root(read)?.code;
        code_at(&at, read, most)
    }

    /// The slots that are locked.
    ///
    /// # Errors
    /// Where they cannot be read, or are more than [`LOCKED_SLOTS`].
    pub fn locked_slots<E>(self, read: Read<'_, E>) -> Result<Vec<SlotId>, RootError<E>> {
        let at = slot(&ROOT, self.offsets().1);
        let count = count(&at, read, "locked slots", LOCKED_SLOTS)?;
        let mut bytes = vec![0; count as usize * 32];
        if count > 0 {
            read(&at, 4, &mut bytes).map_err(RootError::Storage)?;
        }
        Ok(bytes.as_chunks().0.iter().map(|slot| SlotId(*slot)).collect())
    }

    /// Who may replace code and write locked slots.
    ///
    /// # Errors
    /// Where they cannot be read, or are more than [`UPGRADERS`].
    pub fn upgraders<E>(self, read: Read<'_, E>) -> Result<Vec<Address>, RootError<E>> {
        let at = slot(&ROOT, self.offsets().2);
        let count = count(&at, read, "upgraders", UPGRADERS)?;
        (0..count).map(|number| upgrader(&at, number, read)).collect()
    }

    /// Whether `sender` may replace code and write locked slots. Upgraders are read one by one until it is found, as GenVM does.
    ///
    /// # Errors
    /// As [`upgraders`](Self::upgraders).
    ///
    /// ```
    /// use subvm_core::Address;
    /// use subvm_runners::root::Layout;
    /// let mut nobody = |_: &_, _: u32, into: &mut [u8]| Ok::<(), ()>(into.fill(0));
    /// assert_eq!(Layout::V0_3.is_upgrader(&Address([5; 20]), &mut nobody), Ok(false));
    /// ```
    pub fn is_upgrader<E>(self, sender: &Address, read: Read<'_, E>) -> Result<bool, RootError<E>> {
        let at = slot(&ROOT, self.offsets().2);
        for number in 0..count(&at, read, "upgraders", UPGRADERS)? {
            if upgrader(&at, number, read)? == *sender {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a deployment writes: slots, offsets and bytes. None where the code has more bytes than a slot.
    ///
    /// ```
    /// use subvm_runners::root::Layout;
    /// let writes = Layout::V0_2.deployed(b"code").unwrap();
    /// assert_eq!(writes, [(Layout::V0_2.code_slot(), b"\x04\0\0\0code".to_vec())]);
    /// ```
    #[must_use]
    pub fn deployed(self, code: &[u8]) -> Option<Vec<(SlotId, Vec<u8>)>> {
        let length = u32::try_from(code.len()).ok().filter(|length| *length <= u32::MAX - 4)?;
        Some(vec![(self.code_slot(), [&length.to_le_bytes(), code].concat())])
    }
}

/// The code at a slot, of at most so many bytes; nothing where there is none.
///
/// # Errors
/// Where it cannot be read, or would be longer.
pub fn code_at<E>(at: &SlotId, read: Read<'_, E>, most: u32) -> Result<Option<Vec<u8>>, RootError<E>> {
    let length = count(at, read, "bytes of code", most)?;
    if length == 0 {
        return Ok(None);
    }
    let mut code = vec![0; length as usize];
    read(at, 4, &mut code).map_err(RootError::Storage)?;
    Ok(Some(code))
}

/// One of the upgraders, by a read of its own.
fn upgrader<E>(at: &SlotId, number: u32, read: Read<'_, E>) -> Result<Address, RootError<E>> {
    let mut address = [0; 20];
    read(at, 4 + 20 * number, &mut address).map_err(RootError::Storage)?;
    Ok(Address(address))
}

fn count<E>(at: &SlotId, read: Read<'_, E>, what: &'static str, most: u32) -> Result<u32, RootError<E>> {
    let mut bytes = [0; 4];
    read(at, 0, &mut bytes).map_err(RootError::Storage)?;
    match u32::from_le_bytes(bytes) {
        count if count > most => Err(RootError::Many { what, count, most }),
        count => Ok(count),
    }
}
