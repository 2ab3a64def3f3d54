//! The states of heights.

use subvm_core::host::page;
use subvm_core::state::{Digest, Proof};
use subvm_core::{Address, SlotId};

use super::statements as sql;
use super::tree::{Contents, Nodes, broken, other_root, root};
use super::{PostgresLedger, failure};
use crate::error::check_state;
use crate::page::{key, number};
use crate::trie::{self, Changed};
use crate::{Heights, History, Ledger, LedgerError};

impl PostgresLedger {
    /// The heights, where `height` has a state.
    pub(super) fn of(&mut self, height: u64) -> Result<Heights, LedgerError> {
        let (heights, lowest) = (self.heights()?, self.get("lowest")?);
        check_state(&self.place, height, lowest, heights.accepted)?;
        Ok(heights)
    }
}

impl History for PostgresLedger {
    fn lowest(&mut self) -> Result<u64, LedgerError> {
        self.get("lowest")
    }

    fn root(&mut self, height: u64) -> Result<Digest, LedgerError> {
        self.of(height)?;
        root(&mut self.client, &self.place, height)
    }

    fn read_at(
        &mut self,
        height: u64,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), LedgerError> {
        into.fill(0);
        let pages = page::range(index, into.len()).map_err(|_| LedgerError::Page { page: page::PAGES })?;
        let Heights { finalized, .. } = self.of(height)?;
        let Some(pages) = pages else { return Ok(()) };
        let (first, last) = (key(contract, slot, *pages.start()), key(contract, slot, *pages.end()));
        let at = height.to_be_bytes();
        let (first, last, at) = (&first[..], &last[..], &at[..]);
        let over = if height >= finalized { sql::READ_PENDING_AT } else { sql::READ_PAST_AT };
        let rows = self.client.query(sql::READ_BASE, &[&first, &last]).and_then(|mut rows| {
            rows.extend(self.client.query(over, &[&first, &last, &at])?);
            Ok(rows)
        });
        for row in rows.map_err(|error| failure(&self.place, "reading", error))? {
            let (key, content) = super::tree::page(&self.place, &row)?;
            page::place(into, index, number(&key), &content);
        }
        Ok(())
    }

    fn prove(&mut self, height: u64, contract: &Address, slot: &SlotId, page: u32) -> Result<Proof, LedgerError> {
        const DOING: &str = "making a proof";
        if page >= page::PAGES {
            return Err(LedgerError::Page { page });
        }
        let Heights { finalized, .. } = self.of(height)?;
        let expected = root(&mut self.client, &self.place, height)?;
        let changed = if height >= finalized { sql::CHANGED_PENDING } else { sql::CHANGED_PAST };
        let rows = self.client.query(changed, &[&&height.to_be_bytes()[..]]);
        let rows = rows.map_err(|error| failure(&self.place, DOING, error))?;
        let pages = rows.iter().map(|row| super::tree::page(&self.place, row)).collect::<Result<Contents, _>>()?;
        let mut nodes = Nodes(&mut self.client);
        // The tree is the newest state's: that of this height is made of it, in memory.
        let change = trie::apply(&mut nodes, &pages).map_err(|error| broken(&self.place, DOING, error))?;
        if change.root != expected {
            return Err(other_root(&self.place, height));
        }
        let proof = trie::prove(&mut Changed { store: &mut nodes, rows: change.rows }, contract, slot, page);
        proof.map_err(|error| broken(&self.place, DOING, error))
    }
}
