//! Values between Rust and calldata.

use alloc::string::String;
use alloc::vec::Vec;

use subvm_calldata::{Address, Int, Value};

pub use crate::wire::{Reader, Writer};
use crate::{Error, Problem, Result, U256};

/// A type that can be written as calldata. [`Calldata`](derive@crate::Calldata) derives it.
///
/// ```
/// use subvm_sdk::data::{Encode, Writer};
/// let mut to = Writer::default();
/// [1_u8, 2].encode(&mut to);
/// assert_eq!(to.into_bytes(), [0x13, 1, 2]); // bytes
/// ```
pub trait Encode {
    /// Writes one value.
    fn encode(&self, to: &mut Writer);
}

/// A type that can be read from calldata. [`Calldata`](derive@crate::Calldata) derives it.
///
/// ```
/// use subvm_sdk::data::{Decode, Reader};
/// assert_eq!(u8::decode(&mut Reader::new(&[0x09])), Ok(1));
/// ```
pub trait Decode: Sized {
    /// Bytes of storage that a value usually takes: so many are read at once.
    const USUAL_BYTES: usize = 96;

    /// Reads one value.
    ///
    /// # Errors
    /// `Calldata`: where in the value another is expected, a field is missing, or one is unknown.
    fn decode(from: &mut Reader<'_>) -> Result<Self>;
}

/// The canonical encoding. What is nested deeper than 128 containers has none that anybody reads: the host refuses it, and so does
/// [`from_bytes`].
///
/// ```
/// use subvm_sdk::data::to_bytes;
/// assert_eq!(to_bytes(&7_u8), [0x39]);
/// ```
#[must_use]
pub fn to_bytes<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut to = Writer::default();
    value.encode(&mut to);
    to.into_bytes()
}

/// The value of an encoding.
///
/// # Errors
/// `Calldata`: bytes that are no canonical calldata, or another type.
///
/// ```
/// use subvm_sdk::data::from_bytes;
/// assert_eq!(from_bytes::<u8>(&[0x39]), Ok(7));
/// assert!(from_bytes::<bool>(&[0x39]).is_err());
/// ```
pub fn from_bytes<T: Decode>(bytes: &[u8]) -> Result<T> {
    let mut from = Reader::new(bytes);
    let value = T::decode(&mut from)?;
    from.end()?;
    Ok(value)
}

/// Bytes of any length. A `Vec<u8>` is an array of integers, as with serde.
///
/// ```
/// use subvm_sdk::data::{Bytes, to_bytes};
/// assert_eq!(to_bytes(&Bytes(vec![7])), [0x0b, 7]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// Any value, as its encoding: what a contract hands on without looking into it.
///
/// ```
/// use subvm_sdk::data::{Encoded, from_bytes};
/// let any: Encoded = from_bytes(&[0x15, 0x09, 0x00]).unwrap();
/// assert_eq!(any.to::<(u8, ())>(), Ok((1, ())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    /// Any value's encoding.
    #[must_use]
    pub fn of<T: Encode + ?Sized>(value: &T) -> Self {
        Self(to_bytes(value))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value as a type.
    ///
    /// # Errors
    /// `Calldata`, where it is of another.
    pub fn to<T: Decode>(&self) -> Result<T> {
        from_bytes(&self.0)
    }
}

/// A value that nobody looks at.
#[doc(hidden)]
pub struct Ignored;

impl Decode for Ignored {
    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        from.any().map(|_| Self)
    }
}

/// The fields of a map, to be taken in their order: by the bytes of their names.
#[doc(hidden)]
pub struct Fields<'f, 'a> {
    from: &'f mut Reader<'a>,
    left: usize,
}

impl<'f, 'a> Fields<'f, 'a> {
    /// # Errors
    /// `Calldata`, where the next value is no map.
    pub fn of(from: &'f mut Reader<'a>) -> Result<Self> {
        Ok(Self { left: from.map()?, from })
    }

    /// The next key, unchecked, where there is one; its value is next.
    ///
    /// # Errors
    /// `Calldata`, where it is cut off.
    pub fn step(&mut self) -> Result<Option<&'a [u8]>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.from.raw_key().map(Some)
    }

    /// What the values are read from.
    pub fn reader(&mut self) -> &mut Reader<'a> {
        self.from
    }

    /// Steps to the value of a field. A key that is its name is UTF-8, and above the one before, whose name was less.
    ///
    /// # Errors
    /// `Calldata`, where the field is missing, or another stands before it.
    pub fn find(&mut self, name: &str) -> Result<()> {
        match self.step()? {
            Some(key) if key == name.as_bytes() => Ok(()),
            Some(key) if key < name.as_bytes() => Err(unknown(key)),
            _ => Err(Error::calldata(name, Problem::Missing)),
        }
    }

    /// # Errors
    /// `Calldata`, where the field is missing or of another type, or another stands before it.
    pub fn take<T: Decode>(&mut self, name: &str) -> Result<T> {
        self.find(name)?;
        T::decode(self.from).map_err(|error| error.within(name))
    }

    /// # Errors
    /// `Calldata`, where there are fields beside those taken.
    pub fn end(mut self) -> Result<()> {
        match self.step()? {
            Some(key) => Err(unknown(key)),
            None => {
                self.from.leave();
                Ok(())
            }
        }
    }
}

#[inline(never)]
fn unknown(key: &[u8]) -> Error {
    match core::str::from_utf8(key) {
        Ok(key) => Error::calldata(key, Problem::Unknown),
        Err(_) => Error::calldata("", Problem::Malformed("invalid_utf8")),
    }
}

macro_rules! unsigned {
    ($($type:ident)*) => {$(
        impl Encode for $type {
            fn encode(&self, to: &mut Writer) {
                to.uint(*self);
            }
        }

        impl Decode for $type {
            const USUAL_BYTES: usize = 32;

            fn decode(from: &mut Reader<'_>) -> Result<Self> {
                const WHAT: &str = concat!("an integer of type ", stringify!($type));
                match from.integer(WHAT)? {
                    (false, n) => n.try_into().map_err(|_| Error::expected(WHAT)),
                    (true, _) => Err(Error::expected(WHAT)),
                }
            }
        }
    )*};
}

macro_rules! signed {
    ($($type:ident)*) => {$(
        impl Encode for $type {
            fn encode(&self, to: &mut Writer) {
                to.int((*self).into());
            }
        }

        impl Decode for $type {
            const USUAL_BYTES: usize = 32;

            fn decode(from: &mut Reader<'_>) -> Result<Self> {
                const WHAT: &str = concat!("an integer of type ", stringify!($type));
                let (negative, n) = from.integer(WHAT)?;
                let n = i128::try_from(n).ok();
                n.map(|n| if negative { !n } else { n }).and_then(|n| n.try_into().ok()).ok_or_else(|| Error::expected(WHAT))
            }
        }
    )*};
}

unsigned!(u8 u16 u32 u64 u128);
signed!(i8 i16 i32 i64 i128);

macro_rules! scalar {
    ($($type:ty, $usual:literal: |$own:ident, $to:ident| $encode:expr, |$from:ident| $decode:expr;)*) => {$(
        impl Encode for $type {
            fn encode(&self, $to: &mut Writer) {
                let $own = self;
                $encode;
            }
        }

        impl Decode for $type {
            const USUAL_BYTES: usize = $usual;

            fn decode($from: &mut Reader<'_>) -> Result<Self> {
                $decode
            }
        }
    )*};
}

scalar! {
    (), 32: |_unit, to| to.null(), |from| from.null();
    bool, 32: |bool, to| to.bool(*bool), |from| from.bool();
    Address, 32: |address, to| to.address(*address), |from| from.address();
    U256, 64: |n, to| to.u256(*n), |from| from.u256();
    String, 96: |text, to| to.str(text), |from| from.str().map(Into::into);
    Bytes, 96: |bytes, to| to.bytes(&bytes.0), |from| from.bytes().map(|bytes| Self(bytes.into()));
    Encoded, 96: |any, to| to.encoded(&any.0), |from| from.any().map(|bytes| Self(bytes.into()));
    Value, 96: |any, to| to.encoded(&any.encode().unwrap_or_default()), |from| value(from);
    Int, 64: |int, to| to.encoded(&Value::from(int).encode().unwrap_or_default()), |from| match value(from)? {
        Value::Int(int) => Ok(int),
        _ => Err(Error::expected("an integer")),
    };
}

fn value(from: &mut Reader<'_>) -> Result<Value> {
    Value::decode(from.any()?).map_err(|error| Error::calldata("", Problem::Malformed(error.kind.code())))
}

impl Encode for str {
    fn encode(&self, to: &mut Writer) {
        to.str(self);
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, to: &mut Writer) {
        to.bytes(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    const USUAL_BYTES: usize = (N + 34) / 32 * 32;

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        from.bytes()?.try_into().map_err(|_| Error::expected("bytes, so many"))
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, to: &mut Writer) {
        (**self).encode(to);
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, to: &mut Writer) {
        match self {
            Some(value) => value.encode(to),
            None => {
                to.null();
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    const USUAL_BYTES: usize = T::USUAL_BYTES;

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        if from.is_null() { from.null().map(|()| None) } else { T::decode(from).map(Some) }
    }
}

/// An array.
impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, to: &mut Writer) {
        to.array(self.len());
        self.iter().for_each(|item| item.encode(to));
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let len = from.array()?;
        let mut items = Self::new();
        for _ in 0..len {
            items.push(T::decode(from)?);
        }
        from.leave();
        Ok(items)
    }
}

macro_rules! tuple {
    ($len:literal, $what:literal: $($name:ident $at:tt),*) => {
        impl<$($name: Encode),*> Encode for ($($name,)*) {
            fn encode(&self, to: &mut Writer) {
                to.array($len);
                $(self.$at.encode(to);)*
            }
        }

        impl<$($name: Decode),*> Decode for ($($name,)*) {
            fn decode(from: &mut Reader<'_>) -> Result<Self> {
                if from.array()? != $len {
                    return Err(Error::expected($what));
                }
                let value = ($($name::decode(from).map_err(|error| error.within(stringify!($at)))?,)*);
                from.leave();
                Ok(value)
            }
        }
    };
}

tuple!(1, "an array of 1": A 0);
tuple!(2, "an array of 2": A 0, B 1);
tuple!(3, "an array of 3": A 0, B 1, C 2);
tuple!(4, "an array of 4": A 0, B 1, C 2, D 3);
