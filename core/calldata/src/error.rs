//! Why bytes are not calldata, and why a value cannot become calldata.

use core::fmt;

/// A refusal to decode: what is wrong, and where.
///
/// ```
/// use subvm_calldata::{DecodeError, DecodeErrorKind, Value};
/// let error = Value::decode(&[0x14, 0x61]).unwrap_err();
/// assert_eq!(error, DecodeError { kind: DecodeErrorKind::LengthExceedsInput, offset: 0 });
/// assert!(error.to_string().starts_with("calldata, byte 0: a length is more than what is left"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The byte of the input at which it was found; see each [`DecodeErrorKind`].
    pub offset: usize,
}

/// The ways in which bytes fail to be canonical calldata, with what the offset then says.
///
/// Of several faults, the one is reported that reading byte by byte meets first.
///
/// ```
/// use subvm_calldata::{DecodeErrorKind, Value};
/// // {"b": null, "a": null}, in an order that no encoder writes.
/// let error = Value::decode(b"\x16\x01b\x00\x01a\x00").unwrap_err();
/// assert_eq!((error.kind, error.offset), (DecodeErrorKind::KeyOrder, 4));
/// assert_eq!(error.kind.code(), "key_order");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends where a byte must follow. Offset: the length of the input.
    UnexpectedEnd,
    /// A `uleb` has a last group of zero, so that a shorter one says the same. Offset: its first byte.
    UlebNotShortest,
    /// An atom is none of null, false, true and address. Offset: its first byte.
    UnknownAtom,
    /// The low 3 bits of a value are 7. Offset: its first byte.
    ReservedType,
    /// A length or count exceeds the bytes left. Offset: the first byte of its `uleb`.
    LengthExceedsInput,
    /// A string or a key is not UTF-8. Offset: the first byte that does not fit.
    InvalidUtf8,
    /// A key is below the key before it. Offset: the first byte of the `uleb` of its length.
    KeyOrder,
    /// A key repeats the key before it. Offset: the first byte of the `uleb` of its length.
    DuplicateKey,
    /// Bytes follow the value. Offset: the first of them.
    TrailingBytes,
    /// Containers are nested beyond [`max_depth`](super::DecodeLimits::max_depth). Offset: the first
    /// byte of the container that is one too many.
    TooDeep,
    /// An integer is beyond [`max_int_bits`](super::DecodeLimits::max_int_bits). Offset: its first byte.
    IntTooLarge,
}

impl DecodeErrorKind {
    /// A short name that never changes, fit for machines: `"key_order"`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnexpectedEnd => "unexpected_end",
            Self::UlebNotShortest => "uleb_not_shortest",
            Self::UnknownAtom => "unknown_atom",
            Self::ReservedType => "reserved_type",
            Self::LengthExceedsInput => "length_exceeds_input",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::KeyOrder => "key_order",
            Self::DuplicateKey => "duplicate_key",
            Self::TrailingBytes => "trailing_bytes",
            Self::TooDeep => "too_deep",
            Self::IntTooLarge => "int_too_large",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::UnexpectedEnd => "the input ends within a value: send all of it",
            Self::UlebNotShortest => "a number has a needless last group of zero: write the shortest form",
            Self::UnknownAtom => "an atom is none of null, false, true, address: write one of these",
            Self::ReservedType => "type 7 is reserved: write one of types 0 to 6",
            Self::LengthExceedsInput => "a length is more than what is left of the input: send all of it",
            Self::InvalidUtf8 => "a string or key is not UTF-8: write other bytes as bytes",
            Self::KeyOrder => "a map key is below the one before it: sort keys by their bytes",
            Self::DuplicateKey => "a map key is repeated: write each key once",
            Self::TrailingBytes => "bytes follow the value: send one value alone",
            Self::TooDeep => "containers are nested too deeply: flatten the value, or raise max_depth",
            Self::IntTooLarge => "an integer has too many bits: write it as bytes, or raise max_int_bits",
        }
    }

    pub(crate) const fn at(self, offset: usize) -> DecodeError {
        DecodeError { kind: self, offset }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calldata, byte {}: {} ({})", self.offset, self.kind, self.kind.code())
    }
}

impl core::error::Error for DecodeError {}

/// A refusal to encode.
///
/// ```
/// use subvm_calldata::{EncodeError, EncodeErrorKind, Encoder};
/// let mut encoder = Encoder::new();
/// encoder.array(2).int(1);
/// let error = encoder.finish().unwrap_err();
/// assert_eq!(error, EncodeError { kind: EncodeErrorKind::Count });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// What is wrong.
    pub kind: EncodeErrorKind,
}

/// The ways in which a value fails to have an encoding.
///
/// ```
/// use subvm_calldata::{EncodeErrorKind, Encoder};
/// let mut encoder = Encoder::new();
/// encoder.map(2).key("b").null().key("a").null();
/// let kind = encoder.finish().unwrap_err().kind;
/// assert_eq!((kind, kind.code()), (EncodeErrorKind::KeyOrder, "key_order"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Containers are nested beyond [`max_depth`](super::DecodeLimits::max_depth).
    TooDeep,
    /// An integer is beyond [`max_int_bits`](super::DecodeLimits::max_int_bits).
    IntTooLarge,
    /// [`Encoder`](super::Encoder): a key is below the key before it.
    KeyOrder,
    /// [`Encoder`](super::Encoder): a key repeats the key before it.
    DuplicateKey,
    /// [`Encoder`](super::Encoder): a value where a key must stand, or a key where a value must.
    KeyExpected,
    /// [`Encoder`](super::Encoder): a container did not get as many items as were announced, or
    /// something follows the value.
    Count,
    /// [`Encoder`](super::Encoder): bytes given as an encoding are none.
    NotEncoded,
}

impl EncodeErrorKind {
    /// A short name that never changes, fit for machines: `"too_deep"`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooDeep => "too_deep",
            Self::IntTooLarge => "int_too_large",
            Self::KeyOrder => "key_order",
            Self::DuplicateKey => "duplicate_key",
            Self::KeyExpected => "key_expected",
            Self::Count => "count",
            Self::NotEncoded => "not_encoded",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::TooDeep => "containers are nested too deeply: flatten the value",
            Self::IntTooLarge => "an integer has too many bits: write it as bytes",
            Self::KeyOrder => "a map key is below the one before it: write keys ascending by their bytes",
            Self::DuplicateKey => "a map key is repeated: write each key once",
            Self::KeyExpected => "keys and values of a map must alternate, and only maps have keys",
            Self::Count => "a container was given more or fewer items than announced",
            Self::NotEncoded => "bytes given as an encoded value are no calldata: give bytes instead",
        }
    }
}

impl fmt::Display for EncodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl From<EncodeErrorKind> for EncodeError {
    fn from(kind: EncodeErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calldata cannot be encoded: {} ({})", self.kind, self.kind.code())
    }
}

impl core::error::Error for EncodeError {}
