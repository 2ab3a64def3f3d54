//! The states of heights, out of one view of the file.

use redb::ReadableTable;
use subvm_core::host::page;
use subvm_core::state::{Digest, Proof};
use subvm_core::{Address, SlotId};

use super::Snapshot;
use crate::error::check_state;
use crate::page::{KEY, Key, key, number};
use crate::redb::tables::{
    Contents, Dated, Nodes, broken, by_height, by_page, failure, from_dated, from_journal, other_root,
};
use crate::trie::{self, Changed};
use crate::{Heights, History, LedgerError};

impl Snapshot {
    /// What is asked of a height that has a state.
    fn of<T>(
        &self,
        height: u64,
        doing: &'static str,
        ask: impl FnOnce(Heights) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        let heights = self.heights()?;
        check_state(&self.place, height, self.lowest()?, heights.accepted)?;
        ask(heights).map_err(|error| failure(&self.place, doing, error))
    }

    /// The root of a height that has a state.
    pub(in crate::redb) fn known_root(&self, height: u64) -> Result<Digest, LedgerError> {
        self.of(height, "reading a root", |_| self.root_at(height))
    }

    /// All pages of the state of a height that is kept, ascending.
    pub(in crate::redb) fn pages_at(
        &self,
        height: u64,
        mut put: impl FnMut(&Key, &[u8; page::BYTES]) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let finalized = self.heights().map_err(|error| redb::Error::Corrupted(error.to_string()))?.finalized;
        // Finalized pages, and beside them in memory those that are others at this height.
        let mut others = if height < finalized {
            self.changed_since(height, finalized)?
        } else {
            let mut others = Contents::new();
            for entry in self.pending.iter()? {
                let (dated, content) = entry?;
                let (key, at) = from_dated(dated.value());
                if at <= height {
                    others.insert(key, *content.value());
                }
            }
            others
        };
        for entry in self.base.iter()? {
            let (key, content) = entry?;
            let key = key.value();
            while let Some(first) = others.first_entry().filter(|first| first.key() < key) {
                let (key, content) = first.remove_entry();
                put(&key, &content)?;
            }
            match others.remove(key) {
                Some(other) => put(key, &other)?,
                None => put(key, content.value())?,
            }
        }
        others.iter().try_for_each(|(key, content)| put(key, content))
    }

    fn root_at(&self, height: u64) -> Result<Digest, redb::Error> {
        let root = self.roots.range(..=height)?.next_back().transpose()?;
        root.map(|(_, root)| *root.value()).ok_or_else(|| other_root(height))
    }

    fn fill_at(
        &self,
        (height, finalized): (u64, u64),
        (first, last): (Key, Key),
        mut put: impl FnMut(&Key, &[u8; page::BYTES]),
    ) -> Result<(), redb::Error> {
        for entry in self.base.range::<&Key>(&first..=&last)? {
            let (key, content) = entry?;
            put(key.value(), content.value());
        }
        if height >= finalized {
            for entry in self.pending.range::<&Dated>(&by_page(&first, 0)..=&by_page(&last, height))? {
                let (dated, content) = entry?;
                let (key, at) = from_dated(dated.value());
                if at <= height {
                    put(&key, content.value());
                }
            }
            return Ok(());
        }
        // Of each page, what the first block after this height found there.
        let (mut from, last) = (by_page(&first, height + 1), by_page(&last, u64::MAX));
        while let Some(entry) = self.past.range::<&Dated>(&from..=&last)?.next().transpose()? {
            let (key, at) = from_dated(entry.0.value());
            if at <= height {
                from = by_page(&key, height + 1);
                continue;
            }
            put(&key, entry.1.value());
            // The one after all of this page.
            let Some(after) = successor(&by_page(&key, u64::MAX)) else { break };
            from = after;
        }
        Ok(())
    }

    /// The pages that blocks above a height wrote, and what they held there.
    fn changed_since(&self, height: u64, finalized: u64) -> Result<Contents, redb::Error> {
        let mut pages = Contents::new();
        let Some(above) = height.checked_add(1) else { return Ok(pages) };
        let first = by_height(above, &[0; KEY]);
        for journal in [&self.journal, &self.past_journal] {
            for entry in journal.range::<&Dated>(&first..)? {
                pages.insert(from_journal(entry?.0.value()).1, [0; page::BYTES]);
            }
        }
        for (key, held) in &mut pages {
            self.fill_at((height, finalized), (*key, *key), |_, content| *held = *content)?;
        }
        Ok(pages)
    }
}

impl History for Snapshot {
    fn lowest(&mut self) -> Result<u64, LedgerError> {
        Snapshot::lowest(self)
    }

    fn root(&mut self, height: u64) -> Result<Digest, LedgerError> {
        self.known_root(height)
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
        self.of(height, "reading", |Heights { finalized, .. }| {
            let Some(pages) = pages else { return Ok(()) };
            let ends = (key(contract, slot, *pages.start()), key(contract, slot, *pages.end()));
            self.fill_at((height, finalized), ends, |key, content| page::place(into, index, number(key), content))
        })
    }

    fn prove(&mut self, height: u64, contract: &Address, slot: &SlotId, page: u32) -> Result<Proof, LedgerError> {
        if page >= page::PAGES {
            return Err(LedgerError::Page { page });
        }
        self.of(height, "making a proof", |Heights { finalized, .. }| {
            let pages = self.changed_since(height, finalized)?;
            let mut nodes = Nodes(&self.nodes);
            // The tree is the newest state's: that of this height is made of it, in memory.
            let change = trie::apply(&mut nodes, &pages).map_err(broken)?;
            if change.root != self.root_at(height)? {
                return Err(other_root(height));
            }
            trie::prove(&mut Changed { store: &mut nodes, rows: change.rows }, contract, slot, page).map_err(broken)
        })
    }
}

/// The next key; nothing after the last.
fn successor(dated: &Dated) -> Option<Dated> {
    let mut next = *dated;
    for byte in next.iter_mut().rev() {
        let (sum, over) = byte.overflowing_add(1);
        *byte = sum;
        if !over {
            return Some(next);
        }
    }
    None
}
