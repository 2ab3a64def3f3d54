//! How deep and how wide a value may be.

/// What a decoder accepts beyond the form of the bytes, and so what an encoder may write.
///
/// The defaults are those of the specification (`docs/spec/calldata.md`, "Decoding refuses").
/// Whatever must be reproduced by other nodes uses the defaults.
///
/// ```
/// use subvm_calldata::{DecodeLimits, Value};
///
/// let deep = (0..129).fold(Value::Null, |inner, _| Value::array([inner]));
/// assert!(deep.encode().is_err());
/// let bytes = deep.encode_with(&DecodeLimits::UNLIMITED).unwrap();
/// assert!(Value::decode(&bytes).is_err());
/// assert_eq!(Value::decode_with(&bytes, &DecodeLimits { max_depth: 129, ..DecodeLimits::DEFAULT }), Ok(deep));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Containers (arrays and maps) that may stand within one another: `[[1]]` has two.
    pub max_depth: u32,
    /// Bits of the payload of an integer: of the value if it is not negative, else of `-1 - value`.
    pub max_int_bits: u32,
}

impl DecodeLimits {
    /// The limits of the specification: 128 containers, 2^16 bits.
    pub const DEFAULT: Self = Self { max_depth: 128, max_int_bits: 1 << 16 };

    /// As good as no limit. Decoding still takes linear time and memory.
    pub const UNLIMITED: Self = Self { max_depth: u32::MAX, max_int_bits: u32::MAX };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
