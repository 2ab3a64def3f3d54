//! The words of the text form: what is no bracket, comma or colon.

use super::super::{DecodeLimits, Int};
use super::TextError;
use super::TextErrorKind as Kind;
use crate::Address;
use alloc::string::String;
use alloc::vec::Vec;

/// A position in the text.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte after white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    /// Takes `word` if it is next after white space.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// # Errors
    /// `Unexpected` or `UnexpectedEnd`, unless `word` is next.
    pub(super) fn expect(&mut self, word: &str) -> Result<(), TextError> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn unexpected(&self) -> TextError {
        let kind = if self.byte().is_some() { Kind::Unexpected } else { Kind::UnexpectedEnd };
        kind.at(self.at)
    }

    /// Reads a number, which must be an integer.
    pub(super) fn int(&mut self, limits: &DecodeLimits) -> Result<Int, TextError> {
        let start = self.at;
        self.take("-");
        let digits = self.span(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.unexpected());
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Kind::LeadingZero.at(start));
        }
        if matches!(self.byte(), Some(b'.' | b'e' | b'E')) {
            return Err(Kind::NotAnInteger.at(start));
        }
        // A digit has more than 3.32 bits: longer text is too large, and not worth the time.
        let too_long = digits.len() as u64 > u64::from(limits.max_int_bits) * 100 / 332 + 2;
        let text = self.text.get(start..self.at).unwrap_or_default();
        match text.parse::<Int>() {
            _ if too_long => Err(Kind::IntTooLarge.at(start)),
            Ok(int) if int.payload_bits() > u64::from(limits.max_int_bits) => Err(Kind::IntTooLarge.at(start)),
            Ok(int) => Ok(int),
            Err(_) => Err(Kind::Unexpected.at(start)),
        }
    }

    /// Reads what follows `b#`.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, TextError> {
        let start = self.at;
        let (pairs, odd) = self.span(|byte| byte.is_ascii_hexdigit()).as_bytes().as_chunks();
        if !odd.is_empty() {
            return Err(Kind::Hex.at(start));
        }
        Ok(pairs.iter().map(|[high, low]| nibble(*high) << 4 | nibble(*low)).collect())
    }

    /// Reads what follows `addr#`.
    pub(super) fn address(&mut self) -> Result<Address, TextError> {
        let start = self.at;
        let bytes = self.bytes()?;
        bytes.try_into().map(Address).map_err(|_| Kind::Hex.at(start))
    }

    /// Reads a string from its opening quote.
    pub(super) fn string(&mut self) -> Result<String, TextError> {
        self.expect("\"")?;
        let mut string = String::new();
        loop {
            string.push_str(self.span(|byte| byte != b'"' && byte != b'\\' && byte >= b' '));
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(Kind::Control.at(self.at)),
                None => return Err(Kind::UnexpectedEnd.at(self.at)),
            }
        }
    }

    /// Takes bytes while `inside` holds. It must hold for all of a character or none.
    fn span(&mut self, inside: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.bytes().position(|byte| !inside(byte)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, TextError> {
        let start = self.at;
        self.at += 1;
        let plain = match self.byte() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            Some(_) => return Err(Kind::Escape.at(start)),
            None => return Err(Kind::UnexpectedEnd.at(self.at)),
        };
        self.at += 1;
        Ok(plain)
    }

    /// Reads one `uXXXX`, or two with a backslash between where they are surrogates.
    fn unicode(&mut self, start: usize) -> Result<char, TextError> {
        let lone = Kind::Surrogate.at(start);
        let high = self.unit(start)?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or(lone);
        }
        if !self.rest().starts_with("\\u") {
            return Err(lone);
        }
        self.at += 1;
        let low = self.unit(start)?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone);
        }
        char::from_u32(0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00)).ok_or(lone)
    }

    /// Reads `uXXXX`.
    fn unit(&mut self, start: usize) -> Result<u32, TextError> {
        let digits = self.rest().get(1..5).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 5;
        unit.ok_or(Kind::Escape.at(start))
    }
}

/// The value of a hexadecimal digit.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a') + 10,
    }
}
