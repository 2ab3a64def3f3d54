//! Calldata, byte by byte (`docs/spec/calldata.md`): what a typed value is read from and written to.
//!
//! `subvm-calldata` is tuned for nodes, where code is cheap: its reader alone would be half of a small contract. This one is small, reads
//! types in one pass, and accepts exactly what that one accepts (`tests/wire.rs`).

use alloc::vec::Vec;
use core::cmp::Ordering;

use subvm_calldata::Address;

use crate::{Error, Problem, Result, U256};

const ATOM: u8 = 0;
const NON_NEGATIVE: u8 = 1;
const NEGATIVE: u8 = 2;
const BYTES: u8 = 3;
const STR: u8 = 4;
const ARRAY: u8 = 5;
const MAP: u8 = 6;

/// Containers within one another, and bits of an integer: `docs/spec/calldata.md`.
const DEPTH: u32 = 128;
const INT_BITS: u32 = 1 << 16;

/// Writes values. What is inside a container follows its head; keys ascend by their bytes.
///
/// ```
/// use subvm_sdk::data::Writer;
/// let mut to = Writer::default();
/// to.map(2).key("id").uint(7_u8).key("tags").array(1).str("a");
/// assert_eq!(to.into_bytes(), b"\x16\x02id\x39\x04tags\x0d\x0ca");
/// ```
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A head, whose payload is above the three bits of its kind.
    fn head(&mut self, kind: u8, mut payload: u128) -> &mut Self {
        let mut group = (payload as u8 & 0xf) << 3 | kind;
        payload >>= 4;
        while payload != 0 {
            self.0.push(group | 0x80);
            group = payload as u8 & 0x7f;
            payload >>= 7;
        }
        self.0.push(group);
        self
    }

    fn counted(&mut self, kind: u8, bytes: &[u8]) -> &mut Self {
        self.head(kind, bytes.len() as u128).encoded(bytes)
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.encoded(&[0])
    }

    /// A boolean.
    pub fn bool(&mut self, bool: bool) -> &mut Self {
        self.encoded(&[if bool { 0x10 } else { 0x08 }])
    }

    /// An integer that is not negative.
    pub fn uint(&mut self, n: impl Into<u128>) -> &mut Self {
        self.head(NON_NEGATIVE, n.into())
    }

    /// An integer of 256 bits.
    pub fn u256(&mut self, n: U256) -> &mut Self {
        let mut limbs = n.limbs;
        let mut group = (limbs[0] as u8 & 0xf) << 3 | NON_NEGATIVE;
        let mut shift = 4;
        while let Some(rest) = shifted(limbs, shift) {
            self.0.push(group | 0x80);
            limbs = rest;
            group = limbs[0] as u8 & 0x7f;
            shift = 7;
        }
        self.0.push(group);
        self
    }

    /// An integer.
    pub fn int(&mut self, n: i128) -> &mut Self {
        if n < 0 { self.head(NEGATIVE, !n as u128) } else { self.head(NON_NEGATIVE, n as u128) }
    }

    /// An address.
    pub fn address(&mut self, address: Address) -> &mut Self {
        self.encoded(&[0x18]).encoded(&address.0)
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.counted(BYTES, bytes)
    }

    /// Text.
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.counted(STR, text.as_bytes())
    }

    /// An array of so many values, which follow.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u128)
    }

    /// A map of so many entries, which follow: keys ascending by their bytes, each with its value.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(MAP, len as u128)
    }

    /// A key, whose value follows.
    pub fn key(&mut self, key: &str) -> &mut Self {
        let mut len = key.len();
        while len >= 0x80 {
            self.0.push(len as u8 | 0x80);
            len >>= 7;
        }
        self.0.push(len as u8);
        self.encoded(key.as_bytes())
    }

    /// What is encoded already.
    pub fn encoded(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// The limbs without their lowest bits; none where nothing is left.
fn shifted(limbs: [u64; 4], by: u32) -> Option<[u64; 4]> {
    if limbs[0] >> by == 0 && limbs[1..] == [0; 3] {
        return None;
    }
    let [a, b, c, d] = limbs;
    let up = 64 - by;
    Some([a >> by | b << up, b >> by | c << up, c >> by | d << up, d >> by])
}

/// Reads values of a known type, and refuses what is not canonical.
///
/// ```
/// use subvm_sdk::data::Reader;
/// let mut from = Reader::new(b"\x0d\x0ca");
/// assert_eq!((from.array().unwrap(), from.str().unwrap()), (1, "a"));
/// assert!(from.bool().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Containers that may still be entered.
    depth: u32,
}

fn malformed(code: &'static str) -> Error {
    Error::calldata("", Problem::Malformed(code))
}

impl<'a> Reader<'a> {
    /// Reads from the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: DEPTH }
    }

    /// All was read.
    ///
    /// # Errors
    /// `trailing_bytes`.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed("trailing_bytes")) }
    }

    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.rest.split_first().ok_or_else(|| malformed("unexpected_end"))?;
        self.rest = rest;
        Ok(*byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        self.rest.split_off(..len).ok_or_else(|| malformed("unexpected_end"))
    }

    /// A number of which `bits` are in the first byte, above the lowest `7 - bits`; none where it has more than 128 bits.
    #[inline(never)]
    fn number(&mut self, bits: u32) -> Result<Option<u128>> {
        let mut group = self.byte()?;
        let mut number = u128::from(group & 0x7f) >> (7 - bits);
        let (mut shift, mut fits) = (bits, true);
        while group >= 0x80 {
            group = self.byte()?;
            let more = u128::from(group & 0x7f);
            let shifted = more.unbounded_shl(shift);
            fits &= shifted.unbounded_shr(shift) == more;
            number |= shifted;
            shift = self.longer(shift, group)?;
        }
        Ok(fits.then_some(number))
    }

    /// The bits after one more group, of a number that is canonical so far.
    fn longer(&self, shift: u32, group: u8) -> Result<u32> {
        if group == 0 {
            return Err(malformed("uleb_not_shortest"));
        }
        // Of the last group, which is below 0x80, only the bits that are there.
        let bits = 8 - (group & 0x7f).leading_zeros();
        if shift + if group < 0x80 { bits } else { 7 } > INT_BITS {
            return Err(malformed("int_too_large"));
        }
        Ok(shift + 7)
    }

    /// The three bits of the next value's kind.
    fn kind(&self) -> Result<u8> {
        self.rest.first().map(|first| first & 7).ok_or_else(|| malformed("unexpected_end"))
    }

    /// A length or a count, which is at most the number of bytes left.
    fn length(&mut self, bits: u32) -> Result<usize> {
        match self.number(bits)? {
            Some(len) if len <= self.rest.len() as u128 => Ok(len as usize),
            _ => Err(malformed("length_exceeds_input")),
        }
    }

    fn counted(&mut self, kind: u8, what: &'static str) -> Result<usize> {
        if self.kind()? == kind { self.length(4) } else { Err(Error::expected(what)) }
    }

    /// Whether null is next.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.rest.first() == Some(&0)
    }

    fn atom(&mut self, what: &'static str) -> Result<u8> {
        if self.kind()? != ATOM {
            return Err(Error::expected(what));
        }
        match self.number(4)? {
            Some(atom @ 0..=3) => Ok(atom as u8),
            _ => Err(malformed("unknown_atom")),
        }
    }

    /// Null.
    ///
    /// # Errors
    /// `Calldata`, as for all that follow: malformed bytes, or another type.
    pub fn null(&mut self) -> Result<()> {
        if self.atom("null")? == 0 { Ok(()) } else { Err(Error::expected("null")) }
    }

    /// A boolean.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn bool(&mut self) -> Result<bool> {
        match self.atom("a boolean")? {
            1 => Ok(false),
            2 => Ok(true),
            _ => Err(Error::expected("a boolean")),
        }
    }

    /// An address.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn address(&mut self) -> Result<Address> {
        match self.atom("an address")? {
            3 => Ok(Address(self.take(20)?.try_into().unwrap_or_default())),
            _ => Err(Error::expected("an address")),
        }
    }

    /// An integer: whether it is negative, and then -1 less it, else it.
    ///
    /// # Errors
    /// As [`null`](Self::null); more than 128 bits are not `what` is expected.
    pub fn integer(&mut self, what: &'static str) -> Result<(bool, u128)> {
        let negative = match self.kind()? {
            NON_NEGATIVE => false,
            NEGATIVE => true,
            _ => return Err(Error::expected(what)),
        };
        Ok((negative, self.number(4)?.ok_or_else(|| Error::expected(what))?))
    }

    /// An integer of 256 bits, not negative.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn u256(&mut self) -> Result<U256> {
        const WHAT: &str = "an integer of type u256";
        if self.kind()? != NON_NEGATIVE {
            return Err(Error::expected(WHAT));
        }
        let mut group = self.byte()?;
        let mut limbs = [u64::from(group >> 3 & 0xf), 0, 0, 0, 0];
        let mut shift = 4;
        while group >= 0x80 {
            group = self.byte()?;
            let bits = u64::from(group & 0x7f);
            let (limb, off) = (shift as usize / 64, shift % 64);
            // The bits that this limb has no room for are the next one's; what is beyond all of them makes the last one too large.
            for (limb, bits) in [(limb, bits << off), (limb + 1, bits.unbounded_shr(64 - off))] {
                limbs[limb.min(4)] |= bits;
            }
            shift = self.longer(shift, group)?;
        }
        match limbs {
            [a, b, c, d, 0] => Ok(U256 { limbs: [a, b, c, d] }),
            _ => Err(Error::expected(WHAT)),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.counted(BYTES, "bytes")?;
        self.take(len)
    }

    /// Text.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn str(&mut self) -> Result<&'a str> {
        let len = self.counted(STR, "a string")?;
        self.text(len)
    }

    fn text(&mut self, len: usize) -> Result<&'a str> {
        core::str::from_utf8(self.take(len)?).map_err(|_| malformed("invalid_utf8"))
    }

    /// Enters an array: so many values follow, and then [`leave`](Self::leave).
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn array(&mut self) -> Result<usize> {
        let len = self.counted(ARRAY, "an array")?;
        self.enter()?;
        Ok(len)
    }

    /// Enters a map: so many entries follow, and then [`leave`](Self::leave).
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn map(&mut self) -> Result<usize> {
        let len = self.counted(MAP, "a map")?;
        self.enter()?;
        Ok(len)
    }

    fn enter(&mut self) -> Result<()> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| malformed("too_deep"))?;
        Ok(())
    }

    /// Leaves a container.
    pub const fn leave(&mut self) {
        self.depth += 1;
    }

    /// A key, of which nothing is checked but that it is there.
    pub(crate) fn raw_key(&mut self) -> Result<&'a [u8]> {
        let len = self.length(7)?;
        self.take(len)
    }

    /// A key, above the last.
    ///
    /// # Errors
    /// `invalid_utf8`, `key_order`, `duplicate_key`.
    pub fn key(&mut self, last: Option<&str>) -> Result<&'a str> {
        let key = core::str::from_utf8(self.raw_key()?).map_err(|_| malformed("invalid_utf8"))?;
        match last.map(|last| last.cmp(key)) {
            Some(Ordering::Equal) => Err(malformed("duplicate_key")),
            Some(Ordering::Greater) => Err(malformed("key_order")),
            _ => Ok(key),
        }
    }

    /// Skips a value of any type; gives its encoding.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn any(&mut self) -> Result<&'a [u8]> {
        let all = self.rest;
        self.skip()?;
        Ok(&all[..all.len() - self.rest.len()])
    }

    fn skip(&mut self) -> Result<()> {
        match self.kind()? {
            ATOM => {
                if self.atom("")? == 3 {
                    self.take(20)?;
                }
            }
            NON_NEGATIVE | NEGATIVE => drop(self.number(4)?),
            BYTES => drop(self.bytes()?),
            STR => drop(self.str()?),
            ARRAY => {
                for _ in 0..self.array()? {
                    self.skip()?;
                }
                self.leave();
            }
            MAP => {
                let mut last = None;
                for _ in 0..self.map()? {
                    last = Some(self.key(last)?);
                    self.skip()?;
                }
                self.leave();
            }
            _ => return Err(malformed("reserved_type")),
        }
        Ok(())
    }

    /// The name of a variant, and whether nothing is in it. What is in it is next, and then [`leave`](Self::leave).
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn variant(&mut self) -> Result<(&'a str, bool)> {
        if self.kind()? == STR {
            return Ok((self.str()?, true));
        }
        match self.counted(MAP, "a variant")? {
            1 => {
                self.enter()?;
                Ok((self.key(None)?, false))
            }
            _ => Err(Error::expected("a variant")),
        }
    }
}
