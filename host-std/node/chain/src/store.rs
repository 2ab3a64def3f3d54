//! What a chain's state is: accounts, contracts and their pages. A copy costs nothing, and a digest of it is kept up with each change.

use std::io;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync as Tree;
use subvm_core::wire::{Source, put_uint};
use subvm_core::{Address, Package, PageWrite, SlotId};

use crate::form::Form;
use crate::snapshot::{Out, SnapshotError, Stream};
use crate::sum::Sum;

/// What an account has, and how many transactions it sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Money.
    pub balance: u128,
    /// Transactions that blocks have of it.
    pub nonce: u64,
}

/// A state. Clones share what they have in common.
#[derive(Clone)]
pub(crate) struct Store {
    accounts: Tree<Address, Account>,
    codes: Tree<Address, Arc<Package>>,
    pages: Tree<Page, [u8; 32]>,
    /// The sum of the hashes of all entries, over a lattice: it does not depend on their order, and a change costs two hashes.
    sum: Arc<Sum>,
    /// What the sum was taken of, where it is otherwise now: an account that a thousand transactions change is hashed once.
    summed: Tree<Key, Summed>,
}

/// A page: whose, of which slot, and its number.
type Page = (Address, SlotId, u32);

/// What an entry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Account(Address),
    Code(Address),
    Page(Page),
}

/// An entry as it stands in the sum: nothing where it does not.
#[derive(Clone)]
enum Summed {
    Account(Account),
    Code(Option<Arc<Package>>),
    Page(Option<[u8; 32]>),
}

impl Default for Store {
    fn default() -> Self {
        let (accounts, codes, pages) = (Tree::new_sync(), Tree::new_sync(), Tree::new_sync());
        Self { accounts, codes, pages, sum: Arc::new(Sum::new()), summed: Tree::new_sync() }
    }
}

impl Store {
    pub(crate) fn account(&self, of: &Address) -> Account {
        self.accounts.get(of).copied().unwrap_or_default()
    }

    pub(crate) fn code(&self, at: &Address) -> Option<&Arc<Package>> {
        self.codes.get(at)
    }

    pub(crate) fn page(&self, of: &Address, slot: &SlotId, page: u32) -> Option<&[u8; 32]> {
        self.pages.get(&(*of, *slot, page))
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.accounts.iter()
    }

    pub(crate) fn contracts(&self) -> impl Iterator<Item = (&Address, &Arc<Package>)> {
        self.codes.iter()
    }

    /// Changes an account. One that has nothing and sent nothing is none.
    pub(crate) fn change(&mut self, of: Address, change: impl FnOnce(&mut Account)) {
        let old = self.account(&of);
        let mut new = old;
        change(&mut new);
        if new == old {
            return;
        }
        self.changes(Key::Account(of), Summed::Account(old));
        if new == Account::default() {
            self.accounts.remove_mut(&of);
        } else {
            self.accounts.insert_mut(of, new);
        }
    }

    pub(crate) fn deploy(&mut self, at: Address, package: Arc<Package>) {
        self.changes(Key::Code(at), Summed::Code(self.codes.get(&at).cloned()));
        self.codes.insert_mut(at, package);
    }

    /// A contract that never was.
    fn undeploy(&mut self, at: &Address) {
        if let Some(old) = self.codes.get(at).cloned() {
            self.changes(Key::Code(*at), Summed::Code(Some(old)));
            self.codes.remove_mut(at);
        }
    }

    /// Writes pages. One of zeros is as one that never was.
    pub(crate) fn write(&mut self, of: &Address, writes: &[PageWrite]) {
        for write in writes {
            let key = (*of, write.slot, write.page);
            let old = self.pages.get(&key).copied();
            let new = Some(write.content).filter(|content| *content != [0; 32]);
            if old == new {
                continue;
            }
            self.changes(Key::Page(key), Summed::Page(old));
            match new {
                Some(new) => self.pages.insert_mut(key, new),
                None => drop(self.pages.remove_mut(&key)),
            }
        }
    }

    /// The digest of all of it.
    ///
    /// # Cost
    /// Two hashes for each entry that changed since [`settle`](Self::settle): settle a state first that is asked more than once.
    pub(crate) fn digest(&self) -> [u8; 32] {
        if self.summed.is_empty() { self.sum.digest() } else { self.sum_now().digest() }
    }

    /// Brings the sum up to what is there.
    pub(crate) fn settle(&mut self) {
        if !self.summed.is_empty() {
            (self.sum, self.summed) = (Arc::new(self.sum_now()), Tree::new_sync());
        }
    }

    fn sum_now(&self) -> Sum {
        let mut sum = (*self.sum).clone();
        for (key, was) in self.summed.iter() {
            let (old, new) = match (key, was) {
                (Key::Account(of), Summed::Account(old)) if *old != self.account(of) => {
                    (account_entry(of, old), account_entry(of, &self.account(of)))
                }
                (Key::Code(at), Summed::Code(old)) => {
                    let entry = |package: &Arc<Package>| code_entry(at, package);
                    (old.as_ref().map(entry), self.codes.get(at).map(entry))
                }
                (Key::Page(key), Summed::Page(old)) if old.as_ref() != self.pages.get(key) => {
                    let entry = |content: &[u8; 32]| page_entry(key, content);
                    (old.as_ref().map(entry), self.pages.get(key).map(entry))
                }
                // It is as it was.
                _ => continue,
            };
            old.iter().for_each(|old| sum.remove(old));
            new.iter().for_each(|new| sum.add(new));
        }
        sum
    }

    /// An entry is about to change, from this.
    fn changes(&mut self, key: Key, old: Summed) {
        if !self.summed.contains_key(&key) {
            self.summed.insert_mut(key, old);
        }
    }

    /// What is otherwise in this state than in another.
    pub(crate) fn put_difference(&self, from: &Self, out: &mut Out<'_>) -> io::Result<()> {
        let accounts = || difference(&self.accounts, &from.accounts, Account::eq);
        put_uint(&mut out.bytes, accounts().count() as u64);
        for (of, account) in accounts() {
            of.put(&mut out.bytes);
            let Account { balance, nonce } = account.copied().unwrap_or_default();
            balance.put(&mut out.bytes);
            nonce.put(&mut out.bytes);
            out.put()?;
        }
        let codes = || difference(&self.codes, &from.codes, |a, b| a.digest() == b.digest());
        put_uint(&mut out.bytes, codes().count() as u64);
        for (at, package) in codes() {
            at.put(&mut out.bytes);
            package.map(|package| package.to_bundle()).put(&mut out.bytes);
            out.put()?;
        }
        let pages = || difference(&self.pages, &from.pages, <[u8; 32]>::eq);
        put_uint(&mut out.bytes, pages().count() as u64);
        for ((of, slot, page), content) in pages() {
            of.put(&mut out.bytes);
            slot.0.put(&mut out.bytes);
            page.put(&mut out.bytes);
            content.copied().unwrap_or_default().put(&mut out.bytes);
            out.put()?;
        }
        Ok(())
    }

    /// The pages that are otherwise in this state than in another, `most` at once, by contract; once at least, were there none.
    pub(crate) fn pages_since<E>(
        &self,
        from: &Self,
        most: usize,
        mut take: impl FnMut(Vec<(Address, Vec<PageWrite>)>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pages = difference(&self.pages, &from.pages, <[u8; 32]>::eq).peekable();
        loop {
            let mut some: Vec<_> = pages.by_ref().take(most.max(1)).collect();
            some.sort_unstable_by_key(|(key, _)| *key);
            let mut contracts: Vec<(Address, Vec<PageWrite>)> = Vec::new();
            for ((of, slot, page), content) in some {
                let write = PageWrite { slot: *slot, page: *page, content: content.copied().unwrap_or_default() };
                match contracts.last_mut().filter(|(last, _)| last == of) {
                    Some((_, writes)) => writes.push(write),
                    None => contracts.push((*of, vec![write])),
                }
            }
            take(contracts)?;
            if pages.peek().is_none() {
                return Ok(());
            }
        }
    }

    /// Changes this state by a difference that was put.
    pub(crate) fn take_difference(&mut self, stream: &mut Stream<'_>) -> Result<(), SnapshotError> {
        for number in 0..stream.count()? {
            let take = |source: &mut Source<'_>| Ok((Form::take(source)?, Form::take(source)?, Form::take(source)?));
            let (of, balance, nonce) = stream.one(take)?;
            self.change(of, |account| *account = Account { balance, nonce });
            self.settle_now_and_then(number);
        }
        for _ in 0..stream.count()? {
            let (at, package): (Address, Option<Arc<Package>>) = stream.one(|source| {
                let (at, bundle): (Address, Option<Vec<u8>>) = (Form::take(source)?, Form::take(source)?);
                Ok((at, bundle.map(|bundle| crate::snapshot::package(&bundle)).transpose()?))
            })?;
            match package {
                Some(package) => self.deploy(at, package),
                None => self.undeploy(&at),
            }
        }
        for number in 0..stream.count()? {
            let (of, write) = stream.one(|source| {
                let (of, slot) = (Form::take(source)?, SlotId(Form::take(source)?));
                Ok((of, PageWrite { slot, page: Form::take(source)?, content: Form::take(source)? }))
            })?;
            self.write(&of, &[write]);
            self.settle_now_and_then(number);
        }
        Ok(())
    }

    /// While a large state comes in: what is not settled takes room.
    fn settle_now_and_then(&mut self, number: u64) {
        if number % 4_096 == 4_095 {
            self.settle();
        }
    }

    /// The digest, computed anew from all entries.
    #[cfg(test)]
    pub(crate) fn digest_anew(&self) -> [u8; 32] {
        let mut all = Self::default();
        self.accounts.iter().for_each(|(of, account)| all.change(*of, |new| *new = *account));
        self.codes.iter().for_each(|(at, package)| all.deploy(*at, Arc::clone(package)));
        for ((of, slot, page), content) in self.pages.iter() {
            all.write(of, &[PageWrite { slot: *slot, page: *page, content: *content }]);
        }
        all.digest()
    }
}

/// The entries of one that are otherwise in another, or are not in it; and those that only the other has, as nothing.
fn difference<'a, K: Ord, V>(
    of: &'a Tree<K, V>,
    from: &'a Tree<K, V>,
    same: fn(&V, &V) -> bool,
) -> impl Iterator<Item = (&'a K, Option<&'a V>)> {
    let new = of
        .iter()
        .filter(move |(key, value)| !from.get(key).is_some_and(|other| same(value, other)))
        .map(|(key, value)| (key, Some(value)));
    let gone = from.iter().filter(move |(key, _)| !of.contains_key(key)).map(|(key, _)| (key, None));
    new.chain(gone)
}

fn entry(kind: u8, put: impl FnOnce(&mut Vec<u8>)) -> Sum {
    let mut bytes = vec![kind];
    put(&mut bytes);
    Sum::of(&bytes)
}

fn code_entry(at: &Address, package: &Package) -> Sum {
    entry(1, |out| {
        at.put(out);
        package.digest().put(out);
    })
}

fn account_entry(of: &Address, account: &Account) -> Option<Sum> {
    let put = |out: &mut Vec<u8>| {
        of.put(out);
        account.balance.put(out);
        account.nonce.put(out);
    };
    (*account != Account::default()).then(|| entry(0, put))
}

fn page_entry((of, slot, page): &Page, content: &[u8; 32]) -> Sum {
    entry(2, |out| {
        of.put(out);
        slot.0.put(out);
        page.put(out);
        content.put(out);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_that_is_kept_up_is_the_digest_of_what_is_there() {
        let (mut store, empty) = (Store::default(), Store::default().digest());
        let [a, b] = [1, 2].map(|fill| Address([fill; 20]));
        let page = |page, fill| PageWrite { slot: SlotId([3; 32]), page, content: [fill; 32] };
        store.change(a, |account| account.balance = 5);
        store.change(b, |account| account.nonce = 1);
        store.change(a, |account| account.balance = 7);
        store.write(&a, &[page(0, 1), page(1, 2), page(0, 3), page(9, 0)]);
        assert_eq!(store.digest(), store.digest_anew());
        let before = store.digest();
        store.settle();
        assert_eq!((store.digest(), store.summed.is_empty()), (before, true), "settled or not");
        let copy = store.clone();
        store.write(&a, &[page(0, 0), page(1, 0)]);
        store.change(a, |account| account.balance = 0);
        assert_ne!(store.digest(), copy.digest());
        store.change(b, |account| account.nonce = 0);
        assert_eq!((store.digest(), store.digest_anew()), (empty, empty), "what is gone leaves nothing");
        assert_eq!(copy.account(&a).balance, 7, "a copy stays as it was");
        assert_eq!(copy.digest(), before);
        store.change(a, |account| account.balance = 7);
        store.change(b, |account| account.nonce = 1);
        store.write(&a, &[page(0, 3), page(1, 2)]);
        assert_eq!(store.digest(), before, "what is as it was before");
    }
}
