//! What types look like to a contract's callers: the texts that a schema is made of, put together by the compiler.

use alloc::string::String;
use alloc::vec::Vec;

use subvm_calldata::{Address, Int, Value};

use crate::U256;
use crate::data::{Bytes, Encoded};

/// A type that a schema can tell: JSON, a name or an object. [`Calldata`](derive@crate::Calldata) derives it.
///
/// | JSON | calldata |
/// |---|---|
/// | `"null"`, `"bool"`, `"int"`, `"u64"` and so on, `"address"`, `"bytes"`, `"string"` | that type, integers within their range |
/// | `"any"` | any value |
/// | `{"option": T}` | null, or a `T` |
/// | `{"array": T}` | an array of `T`s |
/// | `{"tuple": [T, ..]}` | an array of exactly these |
/// | `{"struct": {"field": T, ..}}` | a map of exactly these |
/// | `{"enum": {"Variant": T, ..}}` | the variant's name where it has no content, else a map of it to its content |
///
/// ```
/// use subvm_sdk::Describe;
/// assert_eq!(<Option<u8>>::TYPE.text(), r#"{"option":"u8"}"#);
/// ```
pub trait Describe {
    /// The type.
    const TYPE: Text;
}

/// Text that is put together at compile time: pieces, and pieces in pieces.
///
/// ```
/// use subvm_sdk::Describe;
/// assert_eq!(u128::TYPE.text(), r#""u128""#);
/// ```
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub enum Text {
    /// As it stands.
    Piece(&'static str),
    /// One after another.
    All(&'static [Text]),
}

impl Text {
    /// Its length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Piece(piece) => piece.len(),
            Self::All(parts) => {
                let (mut at, mut len) = (0, 0);
                while at < parts.len() {
                    len += parts[at].len();
                    at += 1;
                }
                len
            }
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its bytes, of which there are `N`.
    #[must_use]
    pub const fn bytes<const N: usize>(self) -> [u8; N] {
        self.copied([0; N], 0).0
    }

    const fn copied<const N: usize>(self, mut to: [u8; N], mut at: usize) -> ([u8; N], usize) {
        match self {
            Self::Piece(piece) => {
                let mut from = 0;
                while from < piece.len() {
                    to[at] = piece.as_bytes()[from];
                    (at, from) = (at + 1, from + 1);
                }
            }
            Self::All(parts) => {
                let mut part = 0;
                while part < parts.len() {
                    (to, at) = parts[part].copied(to, at);
                    part += 1;
                }
            }
        }
        (to, at)
    }

    /// The text, for tests.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Piece(piece) => piece.into(),
            Self::All(parts) => parts.iter().map(|part| part.text()).collect(),
        }
    }
}

macro_rules! plain {
    ($($type:ty = $name:literal),* $(,)?) => {$(
        impl Describe for $type {
            const TYPE: Text = Text::Piece(concat!("\"", $name, "\""));
        }
    )*};
}

plain! {
    () = "null", bool = "bool", u8 = "u8", u16 = "u16", u32 = "u32", u64 = "u64", u128 = "u128", U256 = "u256", i8 = "i8", i16 = "i16",
    i32 = "i32", i64 = "i64", i128 = "i128", Int = "int", Address = "address", Bytes = "bytes", str = "string", String = "string",
    Value = "any", Encoded = "any",
}

impl<const N: usize> Describe for [u8; N] {
    const TYPE: Text = Text::Piece("\"bytes\"");
}

impl<T: Describe + ?Sized> Describe for &T {
    const TYPE: Text = T::TYPE;
}

impl<T: Describe> Describe for Option<T> {
    const TYPE: Text = Text::All(&[Text::Piece("{\"option\":"), T::TYPE, Text::Piece("}")]);
}

impl<T: Describe> Describe for Vec<T> {
    const TYPE: Text = <[T]>::TYPE;
}

impl<T: Describe> Describe for [T] {
    const TYPE: Text = Text::All(&[Text::Piece("{\"array\":"), T::TYPE, Text::Piece("}")]);
}

macro_rules! tuple {
    ($first:ident $(, $name:ident)*) => {
        impl<$first: Describe $(, $name: Describe)*> Describe for ($first, $($name,)*) {
            const TYPE: Text = Text::All(&[
                Text::Piece("{\"tuple\":["),
                $first::TYPE,
                $(Text::Piece(","), $name::TYPE,)*
                Text::Piece("]}"),
            ]);
        }
    };
}

tuple!(A);
tuple!(A, B);
tuple!(A, B, C);
tuple!(A, B, C, D);

/// Of a method: what it returns where it does not fail.
impl<T: Describe, E> Describe for Result<T, E> {
    const TYPE: Text = T::TYPE;
}
