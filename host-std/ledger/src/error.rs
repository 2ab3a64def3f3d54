//! What can go wrong in a ledger, said so that an operator knows what to do.

use std::fmt;

use subvm_core::RulesError;
use subvm_core::host::HostError;

/// Why a ledger could not do what it was asked.
///
/// ```
/// use subvm_core::Address;
/// use subvm_ledger::{Ledger, LedgerError, RedbLedger};
/// let mut ledger = RedbLedger::in_memory()?;
/// ledger.apply(&Address([7; 20]), &[], 5)?;
/// let error = ledger.apply(&Address([7; 20]), &[], 4).unwrap_err();
/// assert!(matches!(error, LedgerError::Height { given: 4, lowest: 5 }));
/// # Ok::<(), LedgerError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process, or another part of this one, has the database open.
    Locked {
        /// Where the database is.
        place: String,
    },
    /// The database does not hold what was written to it.
    Damaged {
        /// Where the database is.
        place: String,
        /// What was found.
        what: String,
    },
    /// The database was written by another version of this program.
    Layout {
        /// Where the database is.
        place: String,
        /// The version of its layout.
        found: u64,
    },
    /// The height does not fit what the ledger holds.
    Height {
        /// The height that was asked for.
        given: u64,
        /// The lowest that is possible.
        lowest: u64,
    },
    /// There is no state of this height: not any more, or not yet.
    NoState {
        /// Where the database is.
        place: String,
        /// The height that was asked for.
        given: u64,
        /// The lowest whose state is kept.
        lowest: u64,
        /// The highest that there is.
        highest: u64,
    },
    /// What is not final cannot be forgotten.
    NotFinal {
        /// Where the database is.
        place: String,
        /// The height that was asked for.
        given: u64,
        /// The highest that is final.
        finalized: u64,
    },
    /// The page lies outside its slot.
    Page {
        /// The page's number.
        page: u32,
    },
    /// The rules by height that it keeps, or was to keep, cannot be used.
    Rules {
        /// Where the database is.
        place: String,
        /// Why not.
        source: RulesError,
    },
    /// The rules of a block that was applied cannot change.
    PastRules {
        /// Where the database is.
        place: String,
        /// The first height whose rules would.
        height: u64,
        /// The highest that was applied.
        accepted: u64,
    },
    /// What was asked cannot work, and nothing was changed.
    Refused {
        /// Where the database is.
        place: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The database, or what it stands on, failed.
    Backend {
        /// Where the database is.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// The failure.
        source: HostError,
    },
}

/// The version of the layout that this program writes.
pub(crate) const LAYOUT: u64 = 2;

/// The lowest height whose state can be read is `lowest`, the highest `highest`.
pub(crate) fn check_state(place: &str, given: u64, lowest: u64, highest: u64) -> Result<(), LedgerError> {
    if (lowest..=highest).contains(&given) {
        return Ok(());
    }
    Err(LedgerError::NoState { place: place.to_owned(), given, lowest, highest })
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { place } => {
                write!(f, "the ledger {place} is in use: stop the process that has it open, or choose another place")
            }
            Self::Damaged { place, what } => write!(
                f,
                "the ledger {place} is damaged ({what}): restore it from a backup, or move it away and sync from the network"
            ),
            Self::Layout { place, found } => write!(
                f,
                "the ledger {place} has layout {found}, this program reads layouts 1 to {LAYOUT}: use the program that wrote it, or sync anew"
            ),
            Self::Height { given, lowest } => {
                write!(f, "block height {given} is below {lowest}, the lowest that can still change")
            }
            Self::NoState { place, given, lowest, highest } if given > highest => write!(
                f,
                "the ledger {place} has no state of height {given} yet, only of {lowest} to {highest}: ask for one of these, or wait"
            ),
            Self::NoState { place, given, lowest, highest } => write!(
                f,
                "the ledger {place} has no state of height {given} any more, only of {lowest} to {highest}: ask for one of these, or a \
                 node that keeps a longer history (history = .. where it opens its ledger)"
            ),
            Self::NotFinal { place, given, finalized } => write!(
                f,
                "the ledger {place} cannot forget what is below height {given}: it is final up to {finalized} only; prune to that, or finalize first"
            ),
            Self::Rules { place, source } => write!(f, "the rules of the ledger {place}: {source}"),
            Self::PastRules { place, height, accepted } => write!(
                f,
                "the ledger {place} has blocks up to {accepted}, and those from {height} on ran under other rules: change rules from a later \
                 height on, or give those that it keeps"
            ),
            Self::Refused { place, why } => write!(f, "the ledger {place}: {why}"),
            Self::Page { page } => write!(f, "storage page {page} lies outside its slot of 2^27 pages"),
            Self::Backend { place, doing, .. } => write!(f, "{doing} failed on the ledger {place}"),
        }
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Backend { source, .. } => Some(source.as_ref()),
            Self::Rules { source, .. } => Some(source),
            _ => None,
        }
    }
}
