//! The state as one transaction of a block sees it: what was there before the block, and over it what those before it wrote.

use std::fmt;
use std::sync::Arc;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Storage, Stream, page};
use subvm_core::{Address, Cancel, SlotId};

use crate::attempt::Attempt;
use crate::item::{Held, Item, sum};
use crate::memory::Change;

/// What a transaction of a block runs on.
///
/// All that it learns of the accepted state it must learn through this: through the [`node`](Self::node), or [`own`](Self::own). What it asks is
/// written down, so that it is run again where one before it wrote that. What no transaction of a block changes may be asked elsewhere.
#[derive(Clone)]
pub struct View(pub(crate) Arc<Attempt<Item, Held>>);

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("number", &self.0.number).field("ahead", &self.0.ahead).finish_non_exhaustive()
    }
}

impl View {
    /// Which transaction of the block it is, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Whether it was begun ahead of its turn: what comes of it may be thrown away, and it be run again.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.0.ahead
    }

    /// The token for [`Run::cancel`](subvm_core::Run::cancel): used when the result will not be kept, so that a run on a state that never was
    /// costs no more time, and when the block is called off.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    /// The node that the run shall have, over one of the state before the block: its storage and its host say what those before it wrote.
    ///
    /// The finalized state, calls of the layer below, the clock, random bytes, modules and the observer are those of `before`, and so is where
    /// output goes. Give each attempt a place of its own for output, and keep that of the one that comes out.
    #[must_use]
    pub fn node(&self, before: Node) -> Node {
        let storage = Box::new(BlockStorage { view: self.clone(), before: before.storage });
        let host = Box::new(BlockHost { view: self.clone(), before: before.host });
        Node { storage, host, ..before }
    }

    /// What the last transaction before this one put under a key of the node's own ([`Effects::own`](crate::Effects::own)); nothing where
    /// none did, and the state before the block has the answer.
    ///
    /// # Errors
    /// Where the result will not be kept: give it back as the run's error.
    pub fn own(&self, key: impl Into<Arc<[u8]>>) -> Result<Option<Arc<[u8]>>, HostError> {
        Ok(match self.one(Item::Own(key.into()))? {
            Some(Change::Put(Held::Bytes(value))) => Some(value),
            _ => None,
        })
    }

    fn one(&self, item: Item) -> Result<Option<Change<Held>>, HostError> {
        Ok(self.0.read(item.clone(), item)?.pop().map(|(_, change)| change))
    }
}

struct BlockStorage {
    view: View,
    before: Box<dyn Storage>,
}

impl Storage for BlockStorage {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        let (State::Accepted, Some(pages)) = (state, page::range(index, into.len())?) else {
            return self.before.read(state, contract, slot, index, into);
        };
        let item = |page| Item::Page { contract: *contract, slot: *slot, page };
        let found = self.view.0.read(item(*pages.start()), item(*pages.end()))?;
        // Where the block wrote all of them, nobody else is asked.
        if found.len() as u64 <= u64::from(pages.end() - pages.start()) {
            self.before.read(state, contract, slot, index, into)?;
        }
        for (item, change) in found {
            if let (Item::Page { page, .. }, Change::Put(Held::Page(content))) = (item, change) {
                page::place(into, index, page, &content);
            }
        }
        Ok(())
    }
}

struct BlockHost {
    view: View,
    before: Box<dyn Host>,
}

impl Host for BlockHost {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let change = if state == State::Accepted { self.view.one(Item::Balance(*address))? } else { None };
        Ok(match change {
            Some(Change::Put(Held::Amount(balance))) => balance,
            Some(Change::Add(Held::Amount(more))) => sum(&self.before.balance(state, address)?, &more),
            _ => self.before.balance(state, address)?,
        })
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        let change = if state == State::Accepted { self.view.one(Item::Code(*address))? } else { None };
        match change {
            Some(Change::Put(Held::Code(code))) => Ok(code),
            _ => self.before.code(state, address),
        }
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        match self.view.one(Item::Locked(*contract))? {
            Some(Change::Put(Held::Slots(slots))) => Ok(slots.to_vec()),
            _ => self.before.locked_slots(contract),
        }
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        self.before.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.before.output(stream, bytes);
    }
}
