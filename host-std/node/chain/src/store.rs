//! What a chain's state is: accounts, contracts and their pages. A copy costs nothing, and a digest of it is kept up with each change.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync as Tree;
use subvm_core::wire::{Read, Source, put_uint};
use subvm_core::{Address, Package, PageWrite, SlotId};

use crate::form::Form;
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
    pages: Tree<(Address, SlotId, u32), [u8; 32]>,
    /// The sum of the hashes of all entries, over a lattice: it does not depend on their order, and each change costs one hash.
    sum: Arc<Sum>,
}

impl Default for Store {
    fn default() -> Self {
        let (accounts, codes, pages) = (Tree::new_sync(), Tree::new_sync(), Tree::new_sync());
        Self { accounts, codes, pages, sum: Arc::new(Sum::new()) }
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
        self.mix(&account_entry(&of, &old), &account_entry(&of, &new));
        if new == Account::default() {
            self.accounts.remove_mut(&of);
        } else {
            self.accounts.insert_mut(of, new);
        }
    }

    pub(crate) fn deploy(&mut self, at: Address, package: Arc<Package>) {
        let old = self.codes.get(&at).map(|old| code_entry(&at, old));
        self.mix(&old, &Some(code_entry(&at, &package)));
        self.codes.insert_mut(at, package);
    }

    /// A contract that never was.
    fn undeploy(&mut self, at: &Address) {
        if let Some(old) = self.codes.get(at).cloned() {
            self.mix(&Some(code_entry(at, &old)), &None);
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
            self.mix(&old.map(|old| page_entry(&key, &old)), &new.map(|new| page_entry(&key, &new)));
            match new {
                Some(new) => self.pages.insert_mut(key, new),
                None => drop(self.pages.remove_mut(&key)),
            }
        }
    }

    /// The digest of all of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.sum.digest()
    }

    /// What is otherwise in this state than in another.
    pub(crate) fn put_difference(&self, from: &Self, out: &mut Vec<u8>) {
        let accounts = difference(&self.accounts, &from.accounts, Account::eq);
        put_uint(out, accounts.len() as u64);
        for (of, account) in accounts {
            of.put(out);
            let Account { balance, nonce } = account.copied().unwrap_or_default();
            balance.put(out);
            nonce.put(out);
        }
        let codes = difference(&self.codes, &from.codes, |a, b| a.digest() == b.digest());
        put_uint(out, codes.len() as u64);
        for (at, package) in codes {
            at.put(out);
            package.map(|package| package.to_bundle()).put(out);
        }
        let pages = difference(&self.pages, &from.pages, <[u8; 32]>::eq);
        put_uint(out, pages.len() as u64);
        for ((of, slot, page), content) in pages {
            of.put(out);
            slot.0.put(out);
            page.put(out);
            content.copied().unwrap_or_default().put(out);
        }
    }

    /// The pages that are otherwise in this state than in another, by contract.
    pub(crate) fn pages_since(&self, from: &Self) -> Vec<(Address, Vec<PageWrite>)> {
        let mut all: Vec<(Address, Vec<PageWrite>)> = Vec::new();
        let mut pages = difference(&self.pages, &from.pages, <[u8; 32]>::eq);
        pages.sort_unstable_by_key(|(key, _)| *key);
        for ((of, slot, page), content) in pages {
            let write = PageWrite { slot: *slot, page: *page, content: content.copied().unwrap_or_default() };
            match all.last_mut().filter(|(last, _)| last == of) {
                Some((_, writes)) => writes.push(write),
                None => all.push((*of, vec![write])),
            }
        }
        all
    }

    /// Changes this state by a difference that was put.
    pub(crate) fn take_difference(&mut self, source: &mut Source<'_>) -> Read<()> {
        for _ in 0..source.uint()? {
            let (of, balance, nonce) = (Form::take(source)?, Form::take(source)?, Form::take(source)?);
            self.change(of, |account| *account = Account { balance, nonce });
        }
        for _ in 0..source.uint()? {
            let (at, bundle): (Address, Option<Vec<u8>>) = (Form::take(source)?, Form::take(source)?);
            match bundle {
                Some(bundle) => self.deploy(at, crate::snapshot::package(&bundle)?),
                None => self.undeploy(&at),
            }
        }
        for _ in 0..source.uint()? {
            let of = Form::take(source)?;
            let (slot, page, content) = (SlotId(Form::take(source)?), Form::take(source)?, Form::take(source)?);
            self.write(&of, &[PageWrite { slot, page, content }]);
        }
        Ok(())
    }

    fn mix(&mut self, old: &Option<Sum>, new: &Option<Sum>) {
        let sum = Arc::make_mut(&mut self.sum);
        old.iter().for_each(|old| sum.remove(old));
        new.iter().for_each(|new| sum.add(new));
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
    same: impl Fn(&V, &V) -> bool,
) -> Vec<(&'a K, Option<&'a V>)> {
    let new = of
        .iter()
        .filter(|(key, value)| !from.get(key).is_some_and(|other| same(value, other)))
        .map(|(key, value)| (key, Some(value)));
    let gone = from.iter().filter(|(key, _)| !of.contains_key(key)).map(|(key, _)| (key, None));
    new.chain(gone).collect()
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

fn page_entry((of, slot, page): &(Address, SlotId, u32), content: &[u8; 32]) -> Sum {
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
        let copy = store.clone();
        store.write(&a, &[page(0, 0), page(1, 0)]);
        store.change(a, |account| account.balance = 0);
        assert_ne!(store.digest(), copy.digest());
        store.change(b, |account| account.nonce = 0);
        assert_eq!((store.digest(), store.digest_anew()), (empty, empty), "what is gone leaves nothing");
        assert_eq!(copy.account(&a).balance, 7, "a copy stays as it was");
    }
}
