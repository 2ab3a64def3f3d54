//! States as bytes: the first as it is, the others by what is otherwise in them. Most share nearly everything.

use std::collections::BTreeMap;
use std::io;

use subvm_core::wire::{Read, Source, Wrong, put_uint};

use super::{Out, SnapshotError, Stream};
use crate::store::Store;

/// States, each once.
pub(super) struct Stores<'a> {
    all: Vec<&'a Store>,
    known: BTreeMap<[u8; 32], u64>,
}

impl<'a> Stores<'a> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), known: BTreeMap::new() }
    }

    /// The number of a state.
    pub(super) fn number(&mut self, store: &'a Store) -> u64 {
        let next = self.all.len() as u64;
        *self.known.entry(store.digest()).or_insert_with(|| {
            self.all.push(store);
            next
        })
    }

    pub(super) fn put(&self, out: &mut Out<'_>) -> io::Result<()> {
        let (nothing, first) = (Store::default(), self.all.first());
        put_uint(&mut out.bytes, self.all.len() as u64);
        for (number, store) in self.all.iter().enumerate() {
            let from = first.filter(|_| number > 0).copied().unwrap_or(&nothing);
            store.put_difference(from, out)?;
        }
        Ok(())
    }
}

/// The states, by their numbers.
pub(super) struct Taken(Vec<Store>);

impl Taken {
    pub(super) fn take(stream: &mut Stream<'_>) -> Result<Self, SnapshotError> {
        let mut all: Vec<Store> = Vec::new();
        for _ in 0..stream.count()? {
            let mut store = all.first().cloned().unwrap_or_default();
            store.take_difference(stream)?;
            store.settle();
            all.push(store);
        }
        Ok(Self(all))
    }

    /// The state of the number that comes next.
    pub(super) fn next(&self, source: &mut Source<'_>) -> Read<Store> {
        let number: usize = source.small()?;
        self.0.get(number).cloned().ok_or(Wrong::Malformed("it names a state that it does not have"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use subvm_core::{Address, PageWrite, SlotId};

    use super::*;

    #[test]
    fn states_come_back_as_they_were() {
        let [a, b] = [1, 2].map(|fill| Address([fill; 20]));
        let page = |page, fill| PageWrite { slot: SlotId([3; 32]), page, content: [fill; 32] };
        let mut first = Store::default();
        first.change(a, |account| account.balance = 5);
        first.write(&a, &[page(0, 1), page(1, 2)]);
        let mut second = first.clone();
        second.change(a, |account| account.balance = 0);
        second.change(b, |account| account.nonce = 9);
        second.write(&a, &[page(0, 0), page(7, 7)]);
        let package = subvm_core::Parts { start: b"\0asm".as_slice().into(), ..Default::default() };
        let package = package.check(&subvm_core::wasi::Refused::default()).expect("a package");
        let mut third = second.clone();
        third.deploy(b, Arc::new(package));
        // The first may have what the others have not.
        for stores in [[&first, &second, &third], [&third, &second, &first]] {
            let mut table = Stores::new();
            let numbers = stores.map(|store| table.number(store));
            assert_eq!((numbers, table.number(stores[1])), ([0, 1, 2], 1));
            let mut bytes = Vec::new();
            let mut out = Out::new(&mut bytes);
            table.put(&mut out).and_then(|()| out.end()).expect("takes all");
            let taken = Taken::take(&mut Stream::new(&mut &bytes[..])).expect("is whole");
            let digests = taken.0.iter().map(|store| (store.digest(), store.digest_anew()));
            assert!(digests.eq(stores.map(|store| (store.digest(), store.digest()))));
            for len in 0..bytes.len() {
                assert!(Taken::take(&mut Stream::new(&mut &bytes[..len])).is_err(), "{len}");
            }
        }
    }
}
