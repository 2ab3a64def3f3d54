//! What transactions read and write of a chain.

use std::cmp::Ordering;
use std::sync::Arc;

use subvm_core::host::{Code, page};
use subvm_core::{Address, PageWrite, Receipt, SlotId};

use crate::memory::{Change, Found, Key, Value, then};

/// What can be read and written, one by one. Two transactions conflict where one reads an item that one before it wrote.
///
/// ```
/// use subvm_block::Item;
/// use subvm_core::{Address, SlotId};
/// let contract = Address([1; 20]);
/// let page = |page| Item::Page { contract, slot: SlotId::default(), page };
/// assert!(page(1) < page(2) && page(2) < Item::Balance(contract));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A page of a contract's storage: 32 bytes.
    Page {
        /// Whose it is.
        contract: Address,
        /// Its slot.
        slot: SlotId,
        /// Its number within the slot.
        page: u32,
    },
    /// The balance of an address.
    Balance(Address),
    /// What stands at an address.
    Code(Address),
    /// The slots of a contract that runs may not write.
    Locked(Address),
    /// What a node keeps beside, under a key of its own: nonces, for one.
    Own(Arc<[u8]>),
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    /// Pages first, by slot, contract and number; then balances, code, locked slots, and what is the node's own, each by its key. Slots come
    /// first since they differ where contracts do not.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Page { contract, slot, page }, Self::Page { contract: contract2, slot: slot2, page: page2 }) => {
                // Mostly decided by one number, without a call that compares bytes.
                let first = |slot: &SlotId| slot.0.first_chunk().map(|first| u64::from_be_bytes(*first));
                let order = first(slot).cmp(&first(slot2));
                order.then_with(|| (slot, contract, page).cmp(&(slot2, contract2, page2)))
            }
            (Self::Balance(a), Self::Balance(b))
            | (Self::Code(a), Self::Code(b))
            | (Self::Locked(a), Self::Locked(b)) => a.cmp(b),
            (Self::Own(a), Self::Own(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl Item {
    fn kind(&self) -> u8 {
        match self {
            Self::Page { .. } => 0,
            Self::Balance(_) => 1,
            Self::Code(_) => 2,
            Self::Locked(_) => 3,
            Self::Own(_) => 4,
        }
    }
}

impl Key for Item {
    fn home(&self) -> usize {
        // For spreading: nobody sees it. All pages of a slot are together.
        let mix = |hash: u64, bytes: &[u8]| {
            let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        };
        let all = |bytes: &[u8]| bytes.chunks(8).fold(0, mix);
        (match self {
            Self::Page { contract, slot, .. } => all(&contract.0) ^ all(&slot.0),
            Self::Balance(address) | Self::Code(address) | Self::Locked(address) => all(&address.0),
            Self::Own(key) => all(key),
        }) as usize
    }
}

/// What stands under an [`Item`].
///
/// ```
/// use subvm_block::Held;
/// assert_ne!(Held::Amount([1; 32]), Held::Page([1; 32]));
/// ```
#[derive(Clone, Debug)]
pub enum Held {
    /// Of a page.
    Page([u8; page::BYTES]),
    /// Of a balance: a 256-bit little-endian integer.
    Amount([u8; 32]),
    /// Of an address.
    Code(Code),
    /// Locked slots.
    Slots(Arc<[SlotId]>),
    /// Of an item of the node's own.
    Bytes(Arc<[u8]>),
}

impl PartialEq for Held {
    /// Packages are the same where they are one in memory.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Page(a), Self::Page(b)) | (Self::Amount(a), Self::Amount(b)) => a == b,
            (Self::Slots(a), Self::Slots(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Code(a), Self::Code(b)) => match (a, b) {
                (Code::Nothing, Code::Nothing) => true,
                (Code::Package(a), Code::Package(b)) => Arc::ptr_eq(a, b),
                (Code::Malformed(a), Code::Malformed(b)) => a == b,
                _ => false,
            },
            _ => false,
        }
    }
}

impl Value for Held {
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn plus(&self, more: &Self) -> Self {
        match (self, more) {
            (Self::Amount(a), Self::Amount(b)) => Self::Amount(sum(a, b)),
            // Only amounts are ever added.
            _ => more.clone(),
        }
    }
}

/// The sum of two 256-bit integers, or the largest where that is beyond it: so that the order of adding is no matter.
pub(crate) fn sum(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    let mut sum = [0; 32];
    for ((a, b), sum) in a.iter().zip(b).zip(&mut sum) {
        let whole = u16::from(*a) + u16::from(*b) + carry;
        *sum = whole as u8;
        carry = whole >> 8;
    }
    if carry > 0 { [u8::MAX; 32] } else { sum }
}

/// What a transaction changes. Nothing is changed but by these: what a receipt says is what the node makes of it.
///
/// Later changes of the same item stand over earlier ones.
///
/// ```
/// use subvm_block::{Change, Effects, Held, Item};
/// use subvm_core::Address;
/// let (sender, proposer) = (Address([1; 20]), Address([2; 20]));
/// let mut effects = Effects::new();
/// effects.balance(sender, [7; 32]);
/// effects.credit(proposer, [1; 32]);
/// effects.credit(proposer, [1; 32]);
/// let expected = [
///     (Item::Balance(sender), Change::Put(Held::Amount([7; 32]))),
///     (Item::Balance(proposer), Change::Add(Held::Amount([2; 32]))),
/// ];
/// assert_eq!(effects.changes().collect::<Vec<_>>(), expected);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Effects(Found<Item, Held>);

impl Effects {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The pages that a receipt of a transaction of `contract` wrote.
    pub fn receipt(&mut self, contract: Address, receipt: &Receipt) {
        receipt.storage.iter().for_each(|write| self.page(contract, write));
    }

    /// A page.
    pub fn page(&mut self, contract: Address, write: &PageWrite) {
        let item = Item::Page { contract, slot: write.slot, page: write.page };
        self.put(item, Held::Page(write.content));
    }

    /// What the balance of an address is now, a 256-bit little-endian integer. For who was told the balance before: what two put so conflicts
    /// only where both read it.
    pub fn balance(&mut self, address: Address, balance: [u8; 32]) {
        self.put(Item::Balance(address), Held::Amount(balance));
    }

    /// What an address gets, whatever it has, a 256-bit little-endian integer. Where all transactions pay fees to one address, this lets them
    /// run side by side. A balance stops at 2^256 - 1.
    pub fn credit(&mut self, address: Address, amount: [u8; 32]) {
        self.0.push((Item::Balance(address), Change::Add(Held::Amount(amount))));
    }

    /// What stands at an address now.
    pub fn code(&mut self, address: Address, code: Code) {
        self.put(Item::Code(address), Held::Code(code));
    }

    /// Which slots of a contract runs may not write now.
    pub fn locked_slots(&mut self, contract: Address, slots: impl Into<Arc<[SlotId]>>) {
        self.put(Item::Locked(contract), Held::Slots(slots.into()));
    }

    /// What the node keeps beside, under a key of its own. [`View::own`](crate::View::own) reads it.
    pub fn own(&mut self, key: impl Into<Arc<[u8]>>, value: impl Into<Arc<[u8]>>) {
        self.put(Item::Own(key.into()), Held::Bytes(value.into()));
    }

    /// All of them, one for each item, ascending.
    pub fn changes(&self) -> impl Iterator<Item = (Item, Change<Held>)> {
        self.clone().merged().into_iter()
    }

    fn put(&mut self, item: Item, held: Held) {
        self.0.push((item, Change::Put(held)));
    }

    pub(crate) fn merged(mut self) -> Found<Item, Held> {
        // Stable: what came later comes later.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(later, new), (earlier, old)| {
            let same = later == earlier;
            if same {
                *old = then(old, new);
            }
            same
        });
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pages of a slot are neighbours, whatever else there is, and an order is one.
    #[test]
    fn pages_of_a_slot_stand_together() {
        let slot = |first, last| {
            let mut slot = [7; 32];
            (slot[0], slot[31]) = (first, last);
            SlotId(slot)
        };
        let mut items = vec![Item::Own([1].into()), Item::Locked(Address([1; 20])), Item::Code(Address([2; 20]))];
        items.extend([1, 2].map(|fill| Item::Balance(Address([fill; 20]))));
        for contract in [9, 3].map(|fill| Address([fill; 20])) {
            for slot in [slot(1, 2), slot(2, 1), slot(1, 1)] {
                items.extend([u32::MAX >> 5, 0, 7].map(|page| Item::Page { contract, slot, page }));
            }
        }
        items.sort();
        assert!(items.is_sorted_by(|a, b| a < b), "each is less than all that follow");
        for (at, item) in items.iter().enumerate() {
            let found = items.iter().position(|other| other.cmp(item).is_eq());
            assert_eq!(found, Some(at));
        }
        let slot_of = |item: &Item| match item {
            Item::Page { contract, slot, .. } => Some((*contract, *slot)),
            _ => None,
        };
        let mut groups: Vec<_> = items.iter().filter_map(slot_of).collect();
        groups.dedup();
        assert_eq!(groups.len(), 6);
        let expected = [slot(1, 1), slot(1, 1), slot(1, 2), slot(1, 2), slot(2, 1), slot(2, 1)];
        assert_eq!(groups.iter().map(|(_, slot)| *slot).collect::<Vec<_>>(), expected);
    }
}
