//! The one encoding of everything that is signed, hashed or sent: the core's numbers, bytes and lists.

use std::sync::Arc;

use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_core::{Address, Commitment, Gas};

use crate::ids::{BlockId, CallId, TxId};

/// What has an encoding, and no other.
pub(crate) trait Form: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(source: &mut Source<'_>) -> Read<Self>;

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// What these bytes are, all of them.
    fn whole(bytes: &[u8]) -> Read<Self> {
        let mut source = Source(bytes);
        let it = Self::take(&mut source)?;
        if source.0.is_empty() { Ok(it) } else { Err(Wrong::Malformed("bytes follow it")) }
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Form for $t {
            fn put(&self, out: &mut Vec<u8>) {
                put_uint(out, u64::from(*self));
            }
            fn take(source: &mut Source<'_>) -> Read<Self> {
                source.small()
            }
        }
    )*};
}
numbers!(u16, u32, u64);

macro_rules! arrays {
    ($($t:ty, $of:expr, $array:expr);*) => {$(
        impl Form for $t {
            fn put(&self, out: &mut Vec<u8>) {
                let array: fn(&$t) -> &[u8] = $array;
                out.extend_from_slice(array(self));
            }
            fn take(source: &mut Source<'_>) -> Read<Self> {
                Ok($of(source.array()?))
            }
        }
    )*};
}
arrays!(
    [u8; 32], |it| it, |it| it;
    [u8; 64], |it| it, |it| it;
    Address, Address, |it| &it.0;
    TxId, TxId, |it| &it.0;
    BlockId, BlockId, |it| &it.0;
    CallId, CallId, |it| &it.0;
    Commitment, Commitment, |it| &it.0
);

/// Sixteen bytes, the lowest first.
impl Form for u128 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self::from_le_bytes(source.array()?))
    }
}

impl Form for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        source.one_of(&[false, true])
    }
}

impl Form for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        source.bytes().map(<[u8]>::to_vec)
    }
}

impl Form for Gas {
    fn put(&self, out: &mut Vec<u8>) {
        [self.data, self.storage, self.time].iter().for_each(|of| of.put(out));
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self { data: source.uint()?, storage: source.uint()?, time: source.uint()? })
    }
}

impl<T: Form> Form for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        self.iter().for_each(|it| it.put(out));
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        if bool::take(source)? { T::take(source).map(Some) } else { Ok(None) }
    }
}

impl<T: Form> Form for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
    fn take(source: &mut Source<'_>) -> Read<Self> {
        T::take(source).map(Arc::new)
    }
}

/// A list; there is none of single bytes, which are `Vec<u8>`.
pub(crate) fn put_list<T: Form>(out: &mut Vec<u8>, items: &[T]) {
    put_uint(out, items.len() as u64);
    items.iter().for_each(|item| item.put(out));
}

/// A list of so many things at most.
pub(crate) fn take_list<T: Form>(source: &mut Source<'_>, most: usize) -> Read<Vec<T>> {
    let count: usize = source.small()?;
    if count > most {
        return Err(Wrong::Malformed("a list is longer than it may be"));
    }
    (0..count).map(|_| T::take(source)).collect()
}
