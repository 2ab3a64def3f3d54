//! The states of heights: their roots, their pages, and proofs of these.

use std::fmt;

use subvm_core::host::{HostError, State, Storage};
use subvm_core::state::{Digest, Proof};
use subvm_core::{Address, SlotId};

use super::LedgerError;

/// What a ledger, or a snapshot of one, knows of the states of heights. A height's state is the one after its block: of 0, the empty one.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId, state::EMPTY};
/// use subvm_ledger::{History, Ledger, RedbLedger};
///
/// let mut ledger = RedbLedger::in_memory()?;
/// let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
/// ledger.apply(&contract, &[PageWrite { slot, page: 0, content: [1; 32] }], 1)?;
/// assert!(ledger.root(0)? == EMPTY && ledger.root(1)? != EMPTY);
///
/// // Whoever trusts the root believes the proof, with the core alone.
/// let (root, proof) = (ledger.root(1)?, ledger.prove(1, &contract, &slot, 0)?);
/// assert_eq!(proof.page(&root, &contract, &slot, 0), Ok([1; 32]));
/// // What was never written is proven, too.
/// let proof = ledger.prove(1, &contract, &slot, 5)?;
/// assert_eq!(proof.page(&root, &contract, &slot, 5), Ok([0; 32]));
/// # Ok::<(), subvm_ledger::LedgerError>(())
/// ```
pub trait History {
    /// The lowest height whose state can be read. The highest is the accepted one.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    fn lowest(&mut self) -> Result<u64, LedgerError>;

    /// The root of the state of a height (`docs/spec/state.md`): the same for every ledger that holds the same pages.
    ///
    /// # Errors
    /// [`LedgerError::NoState`]; [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    fn root(&mut self, height: u64) -> Result<Digest, LedgerError>;

    /// As [`Storage::read`], of the state of a height.
    ///
    /// # Errors
    /// [`LedgerError::NoState`], [`LedgerError::Page`] when the bytes do not lie inside the slot; [`LedgerError::Backend`] or
    /// [`LedgerError::Damaged`].
    fn read_at(
        &mut self,
        height: u64,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), LedgerError>;

    /// A proof of what a page holds in the state of a height, under its [`root`](Self::root).
    ///
    /// # Errors
    /// [`LedgerError::NoState`], [`LedgerError::Page`]; [`LedgerError::Backend`] or [`LedgerError::Damaged`].
    ///
    /// # Cost
    /// Some rows, and in proportion to the pages that blocks above `height` wrote.
    fn prove(&mut self, height: u64, contract: &Address, slot: &SlotId, page: u32) -> Result<Proof, LedgerError>;

    /// The digest of a contract's storage in the state of a height.
    ///
    /// # Errors
    /// As [`prove`](Self::prove).
    ///
    /// # Cost
    /// As [`prove`](Self::prove).
    fn storage_root(&mut self, height: u64, contract: &Address) -> Result<Digest, LedgerError> {
        let (root, proof) = (self.root(height)?, self.prove(height, contract, &SlotId::default(), 0)?);
        let what = "its proofs are not of its roots";
        let torn = |_| LedgerError::Damaged { place: format!("at height {height}"), what: what.into() };
        proof.storage(&root, contract).map_err(torn)
    }
}

/// The state of one height, to run against: what was accepted and what was finalized are both that state. For replaying old blocks.
///
/// ```
/// use subvm_core::host::{State, Storage};
/// use subvm_core::{Address, PageWrite, SlotId};
/// use subvm_ledger::{Ledger, Past, RedbLedger};
///
/// let mut ledger = RedbLedger::in_memory()?;
/// let (contract, slot) = (Address([7; 20]), SlotId([0; 32]));
/// (1..=3).try_for_each(|height| {
///     ledger.apply(&contract, &[PageWrite { slot, page: 0, content: [height as u8; 32] }], height)
/// })?;
/// let (mut past, mut byte) = (Past { history: ledger.snapshot()?, height: 2 }, [0]);
/// past.read(State::Accepted, &contract, &slot, 0, &mut byte)?;
/// assert_eq!(byte, [2]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Past<H> {
    /// Where the state is.
    pub history: H,
    /// Its height.
    pub height: u64,
}

impl<H: History + Send + fmt::Debug + 'static> Storage for Past<H> {
    fn read(
        &mut self,
        _: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        Ok(self.history.read_at(self.height, contract, slot, index, into)?)
    }
}
