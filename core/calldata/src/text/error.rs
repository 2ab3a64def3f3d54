//! Why text is not the text form of a value.

use core::fmt;

/// A refusal to parse: what is wrong, and where.
///
/// ```
/// use subvm_calldata::{TextError, TextErrorKind, Value};
/// let error = r#"{"price": 1.5}"#.parse::<Value>().unwrap_err();
/// assert_eq!(error, TextError { kind: TextErrorKind::NotAnInteger, offset: 10 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError {
    /// What is wrong.
    pub kind: TextErrorKind,
    /// The byte of the text at which it was found.
    pub offset: usize,
}

/// The ways in which text fails to be the text form of a value.
///
/// ```
/// use subvm_calldata::{TextErrorKind, Value};
/// let kind = "addr#00".parse::<Value>().unwrap_err().kind;
/// assert_eq!((kind, kind.code()), (TextErrorKind::Hex, "hex"));
/// assert_eq!(kind.to_string(), "b# takes pairs of hexadecimal digits, addr# exactly 40 digits");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextErrorKind {
    /// The text ends within a value.
    UnexpectedEnd,
    /// A character that cannot stand there.
    Unexpected,
    /// A number with a fraction or an exponent.
    NotAnInteger,
    /// A number with a needless leading zero, which people read as octal or by mistake.
    LeadingZero,
    /// `b#` or `addr#` without the right number of hexadecimal digits: pairs, or 40.
    Hex,
    /// A backslash that begins no escape of JSON.
    Escape,
    /// `\uD800` to `\uDFFF`, but not a high one followed by a low one.
    Surrogate,
    /// A control character in a string that is not escaped.
    Control,
    /// A key that the map has already.
    DuplicateKey,
    /// Text after the value.
    Trailing,
    /// Containers nested beyond [`max_depth`](super::super::DecodeLimits::max_depth).
    TooDeep,
    /// An integer beyond [`max_int_bits`](super::super::DecodeLimits::max_int_bits).
    IntTooLarge,
}

impl TextErrorKind {
    /// A short name that never changes, fit for machines: `"not_an_integer"`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnexpectedEnd => "unexpected_end",
            Self::Unexpected => "unexpected",
            Self::NotAnInteger => "not_an_integer",
            Self::LeadingZero => "leading_zero",
            Self::Hex => "hex",
            Self::Escape => "escape",
            Self::Surrogate => "surrogate",
            Self::Control => "control",
            Self::DuplicateKey => "duplicate_key",
            Self::Trailing => "trailing",
            Self::TooDeep => "too_deep",
            Self::IntTooLarge => "int_too_large",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::UnexpectedEnd => "the text ends within a value",
            Self::Unexpected => {
                "unexpected character: expected a value, or the comma, colon or bracket that must follow one"
            }
            Self::NotAnInteger => "calldata has no floating-point type: write an integer, or a string",
            Self::LeadingZero => "an integer has no leading zeros",
            Self::Hex => "b# takes pairs of hexadecimal digits, addr# exactly 40 digits",
            Self::Escape => "not an escape of JSON: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX",
            Self::Surrogate => "a \\u surrogate stands alone: write a high and a low one, or the character itself",
            Self::Control => "control characters in strings must be escaped",
            Self::DuplicateKey => "a map key is repeated: write each key once",
            Self::Trailing => "text follows the value: write one value alone",
            Self::TooDeep => "containers are nested too deeply: flatten the value, or raise max_depth",
            Self::IntTooLarge => "an integer has too many bits: write it as bytes, or raise max_int_bits",
        }
    }

    pub(super) const fn at(self, offset: usize) -> TextError {
        TextError { kind: self, offset }
    }
}

impl fmt::Display for TextErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calldata text, byte {}: {} ({})", self.offset, self.kind, self.kind.code())
    }
}

impl core::error::Error for TextError {}
