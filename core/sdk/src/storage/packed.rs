//! Values of a fixed number of bytes.

use subvm_calldata::Address;

use crate::U256;

/// A value of a fixed number of bytes, each of whose patterns is a value, or is refused.
///
/// ```
/// use subvm_sdk::storage::Packed;
/// let mut bytes = [0; u16::BYTES];
/// 258_u16.pack(&mut bytes);
/// assert_eq!((bytes, u16::unpack(&bytes)), ([2, 1], Some(258)));
/// assert_eq!(bool::unpack(&[7]), None);
/// ```
pub trait Packed: Sized {
    /// So many.
    const BYTES: usize;

    /// Fills `into`, which has that many bytes.
    fn pack(&self, into: &mut [u8]);

    /// The value of that many bytes, unless no value has them.
    fn unpack(bytes: &[u8]) -> Option<Self>;
}

macro_rules! packed {
    ($($type:ty, $bytes:expr; |$value:ident| $pack:expr, |$array:ident| $unpack:expr;)*) => {$(
        impl Packed for $type {
            const BYTES: usize = $bytes;

            fn pack(&self, into: &mut [u8]) {
                let $value = self;
                into.copy_from_slice(&$pack);
            }

            fn unpack(bytes: &[u8]) -> Option<Self> {
                let $array: [u8; $bytes] = bytes.try_into().ok()?;
                $unpack
            }
        }
    )*};
}

macro_rules! integers {
    ($($type:ident)*) => { packed! { $($type, size_of::<$type>(); |n| n.to_le_bytes(), |bytes| Some($type::from_le_bytes(bytes));)* } };
}

integers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);
packed! {
    bool, 1; |bool| [u8::from(*bool)], |bytes| match bytes { [0] => Some(false), [1] => Some(true), _ => None };
    U256, 32; |n| n.to_le_bytes(), |bytes| Some(U256::from_le_bytes(bytes));
    Address, 20; |address| address.0, |bytes| Some(Address(bytes));
}

impl<const N: usize> Packed for [u8; N] {
    const BYTES: usize = N;

    fn pack(&self, into: &mut [u8]) {
        into.copy_from_slice(self);
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

macro_rules! tuple {
    ($($name:ident $at:tt),*) => {
        impl<$($name: Packed),*> Packed for ($($name,)*) {
            const BYTES: usize = $($name::BYTES +)* 0;

            fn pack(&self, into: &mut [u8]) {
                let mut rest = into;
                $(
                    let (own, others) = rest.split_at_mut($name::BYTES);
                    self.$at.pack(own);
                    rest = others;
                )*
                let _ = rest;
            }

            fn unpack(bytes: &[u8]) -> Option<Self> {
                let mut rest = bytes;
                let value = ($({
                    let (own, others) = rest.split_at_checked($name::BYTES)?;
                    rest = others;
                    $name::unpack(own)?
                },)*);
                rest.is_empty().then_some(value)
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
