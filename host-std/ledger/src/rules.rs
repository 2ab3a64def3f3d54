//! The rules by height that a ledger keeps: as bytes of [`RuleSets`], beside its pages.

use subvm_core::{RuleSets, RulesError};

use crate::{Heights, LedgerError};

/// What was kept.
pub(crate) fn read(place: &str, bytes: &[u8]) -> Result<RuleSets, LedgerError> {
    RuleSets::from_bytes(bytes).map_err(|source| match source {
        RulesError::Format(_) => LedgerError::Damaged { place: place.to_owned(), what: format!("its rules: {source}") },
        source => LedgerError::Rules { place: place.to_owned(), source },
    })
}

/// Whether keeping `new` changes anything; refuses what [`set_rules`](crate::Ledger::set_rules) promises to refuse. States from `lowest` on
/// can be replayed against.
pub(crate) fn check(
    place: &str,
    kept: Option<&RuleSets>,
    new: &RuleSets,
    lowest: u64,
    Heights { accepted, .. }: Heights,
) -> Result<bool, LedgerError> {
    if kept == Some(new) {
        return Ok(false);
    }
    // The first block that can be run, or run again.
    let first = lowest.saturating_add(1);
    new.at(first).map_err(|source| LedgerError::Rules { place: place.to_owned(), source })?;
    if let Some(height) = kept.and_then(|kept| kept.differs(new, first..=accepted)) {
        return Err(LedgerError::PastRules { place: place.to_owned(), height, accepted });
    }
    Ok(true)
}
