//! Reading one value's head, or one map key, from bytes that nobody vouches for.
//!
//! Every other way to decode is a loop around this.

use super::int_ref::IntRef;
use super::raw_key::RawKey;
use super::{DecodeError, DecodeErrorKind as Kind, DecodeLimits, wire};
use core::cmp::Ordering;

/// The first bytes of a value: all of it, but for what is inside a container.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
    Null,
    Bool(bool),
    Address(&'a [u8; 20]),
    Int(IntRef<'a>),
    Bytes(&'a [u8]),
    Str(&'a str),
    /// That many values follow. It is at most the number of bytes left.
    Array(usize),
    /// That many keys, each with a value, follow. It is at most the number of bytes left.
    Map(usize),
}

/// A position in the input. Loops keep a copy of their own: since what is not inlined gets its parts by value, that
/// copy is in registers.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// Containers that may still be entered.
    depth_left: u32,
    max_int_bits: u32,
    /// Whether integers of up to 8 bytes are within the limit.
    short_ints: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(input: &'a [u8], limits: &DecodeLimits) -> Self {
        let max_int_bits = limits.max_int_bits;
        let short_ints = max_int_bits >= wire::WORD_BITS - wire::TYPE_BITS;
        let depth_left = limits.max_depth;
        Self { input, at: 0, depth_left, max_int_bits, short_ints }
    }

    /// A reader of bytes that have been validated before.
    pub(super) const fn trusted(input: &'a [u8]) -> Self {
        Self::new(input, &DecodeLimits::UNLIMITED)
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.input.len() - self.at
    }

    /// The bytes from `start`, which has been read, to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.input.get(start..self.at).unwrap_or_default()
    }

    /// # Errors
    /// `TrailingBytes`, unless all has been read.
    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        if self.left() == 0 { Ok(()) } else { Err(Kind::TrailingBytes.at(self.at)) }
    }

    /// Reads the head of a value. Where it opens a container, [`close`](Self::close) must follow
    /// once the content is read.
    #[inline(always)]
    pub(super) fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        match self.small_int() {
            Some(n) => Ok(Head::Int(IntRef::small(n))),
            None => self.other_head(),
        }
    }

    /// Reads an integer, if one that is in form and within the limit shows at a glance. It is what most values
    /// are, and so has a way of its own.
    #[inline(always)]
    pub(super) fn small_int(&mut self) -> Option<i64> {
        let first = *self.input.get(self.at)?;
        if !self.short_ints || !matches!(first & wire::TYPE_MASK, wire::NON_NEGATIVE | wire::NEGATIVE) {
            return None;
        }
        let x = if first < wire::MORE {
            self.at += 1;
            u64::from(first)
        } else {
            self.short_uleb()?
        };
        Some(small(first & wire::TYPE_MASK, x >> wire::TYPE_BITS))
    }

    /// Reads the head of a value that is not for [`small_int`](Self::small_int).
    #[inline(always)]
    pub(super) fn other_head(&mut self) -> Result<Head<'a>, DecodeError> {
        let start = self.at;
        let Some(first) = self.input.get(start) else {
            return Err(Kind::UnexpectedEnd.at(start));
        };
        match first & wire::TYPE_MASK {
            kind @ (wire::NON_NEGATIVE | wire::NEGATIVE) => self.int(start, kind),
            wire::BYTES => Ok(Head::Bytes(self.counted(start)?)),
            wire::STR => Ok(Head::Str(self.text(start, wire::TYPE_BITS)?)),
            wire::ARRAY => Ok(Head::Array(self.open(start)?)),
            wire::MAP => Ok(Head::Map(self.open(start)?)),
            wire::ATOM => self.atom(start),
            _ => Err(Kind::ReservedType.at(start)),
        }
    }

    /// Whether the next value is null.
    #[cfg(feature = "serde")]
    pub(super) fn is_null_next(&self) -> bool {
        self.input.get(self.at) == Some(&0)
    }

    /// Leaves a container.
    #[inline]
    pub(super) const fn close(&mut self) {
        self.depth_left = self.depth_left.saturating_add(1);
    }

    /// Reads a map key, which must be above the last one of its map.
    #[inline]
    pub(super) fn key(&mut self, last: Option<&str>) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let key = self.text(start, 0)?;
        match last.map(|last| key.cmp(last)) {
            None | Some(Ordering::Greater) => Ok(key),
            Some(order) => Err(out_of_order(start, order)),
        }
    }

    /// As [`key`](Self::key), for those who can do without a `str`, and so mostly without reading the
    /// bytes one by one.
    #[inline(always)]
    pub(super) fn raw_key(&mut self, last: Option<RawKey<'a>>) -> Result<RawKey<'a>, DecodeError> {
        let start = self.at;
        let len = self.count(start, 0)?;
        let from = self.at;
        self.at += len;
        let key = RawKey::first(self.input.get(from..).unwrap_or_default(), len);
        if !key.is_ascii() {
            utf8(from, key.bytes)?;
        }
        match last.map(|last| key.cmp(last)) {
            None | Some(Ordering::Greater) => Ok(key),
            Some(order) => Err(out_of_order(start, order)),
        }
    }

    #[inline(always)]
    fn open(&mut self, start: usize) -> Result<usize, DecodeError> {
        let count = self.count(start, wire::TYPE_BITS)?;
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Kind::TooDeep.at(start))?;
        Ok(count)
    }

    #[inline(always)]
    fn atom(&mut self, start: usize) -> Result<Head<'a>, DecodeError> {
        match self.uleb()?.map(|x| x >> wire::TYPE_BITS) {
            Some(wire::NULL) => Ok(Head::Null),
            Some(wire::FALSE) => Ok(Head::Bool(false)),
            Some(wire::TRUE) => Ok(Head::Bool(true)),
            Some(wire::ADDRESS) => {
                let rest = &self.input[self.at..];
                let bytes = rest.first_chunk().ok_or(Kind::UnexpectedEnd.at(self.input.len()))?;
                self.at += bytes.len();
                Ok(Head::Address(bytes))
            }
            _ => Err(Kind::UnknownAtom.at(start)),
        }
    }

    /// Reads a `uleb` whose low `shift` bits are no part of the count.
    #[inline(always)]
    fn count(&mut self, start: usize, shift: u32) -> Result<usize, DecodeError> {
        let count = self.uleb()?.map(|x| x >> shift).and_then(|count| usize::try_from(count).ok());
        match count {
            Some(count) if count <= self.left() => Ok(count),
            _ => Err(Kind::LengthExceedsInput.at(start)),
        }
    }

    #[inline(always)]
    fn counted(&mut self, start: usize) -> Result<&'a [u8], DecodeError> {
        let len = self.count(start, wire::TYPE_BITS)?;
        let from = self.at;
        self.at += len;
        Ok(self.since(from))
    }

    #[inline(always)]
    fn text(&mut self, start: usize, shift: u32) -> Result<&'a str, DecodeError> {
        let len = self.count(start, shift)?;
        let from = self.at;
        self.at += len;
        utf8(from, self.since(from))
    }

    /// Reads a `uleb`; none if it is 2^64 or more.
    #[inline(always)]
    fn uleb(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.input.get(self.at) {
            Some(&group) if group & wire::MORE == 0 => {
                self.at += 1;
                Ok(Some(u64::from(group)))
            }
            _ => match self.short_uleb() {
                Some(n) => Ok(Some(n)),
                None => {
                    let (n, at) = long_uleb(self.input, self.at)?;
                    self.at = at;
                    Ok(n)
                }
            },
        }
    }

    /// Reads a `uleb` of more than one byte, if it is in form and either of 2 bytes, or of at most 8 where 8
    /// are left.
    #[inline(always)]
    fn short_uleb(&mut self) -> Option<u64> {
        let rest = self.input.get(self.at..)?;
        if let [low, high @ 1..wire::MORE, ..] = *rest
            && low >= wire::MORE
        {
            self.at += 2;
            return Some(u64::from(high) << wire::GROUP_BITS | u64::from(low & !wire::MORE));
        }
        let word = u64::from_le_bytes(*rest.first_chunk()?);
        let ends = !word & wire::ALL_MORE;
        // The bits up to the lowest of these.
        let within = ends ^ ends.wrapping_sub(1);
        let groups = word & within;
        if ends == 0 || groups & !(within >> 8) == 0 {
            return None;
        }
        self.at += ends.trailing_zeros() as usize / 8 + 1;
        Some(wire::gather(groups))
    }

    #[inline(always)]
    fn int(&mut self, start: usize, kind: u8) -> Result<Head<'a>, DecodeError> {
        let uleb = int(self.input, start, self.max_int_bits)?;
        self.at = start + uleb.len();
        Ok(Head::Int(if uleb.len() <= 9 { IntRef::small(small(kind, payload(uleb))) } else { IntRef::wide(uleb) }))
    }
}

/// Reads a `uleb` at `start` whatever its form, and where it ends.
#[inline(never)]
fn long_uleb(input: &[u8], start: usize) -> Result<(Option<u64>, usize), DecodeError> {
    let (mut n, mut shift, mut at) = (0, 0, start);
    loop {
        let Some(&group) = input.get(at) else {
            return Err(Kind::UnexpectedEnd.at(at));
        };
        at += 1;
        let bits = u64::from(group & !wire::MORE);
        if bits << shift >> shift != bits {
            return Ok((None, at));
        }
        n |= bits << shift;
        if group & wire::MORE == 0 {
            return if group == 0 && shift > 0 { Err(Kind::UlebNotShortest.at(start)) } else { Ok((Some(n), at)) };
        }
        shift += wire::GROUP_BITS;
        if shift >= u64::BITS {
            return Ok((None, at));
        }
    }
}

/// The encoding of an integer that needs more than a glance.
#[inline(never)]
fn int(input: &[u8], start: usize, max_int_bits: u32) -> Result<&[u8], DecodeError> {
    let rest = &input[start..];
    let max_bits = u64::from(max_int_bits) + u64::from(wire::TYPE_BITS);
    let max_bytes = usize::try_from(max_bits.div_ceil(7)).unwrap_or(usize::MAX);
    let within = &rest[..max_bytes.min(rest.len())];
    let Some(len) = find_end(within) else {
        return Err(if rest.len() < max_bytes {
            Kind::UnexpectedEnd.at(input.len())
        } else {
            Kind::IntTooLarge.at(start)
        });
    };
    let top = within[len - 1];
    if top == 0 {
        return Err(Kind::UlebNotShortest.at(start));
    }
    if (len as u64 - 1) * 7 + u64::from(8 - top.leading_zeros()) > max_bits {
        return Err(Kind::IntTooLarge.at(start));
    }
    Ok(&within[..len])
}

/// The text of bytes that start at `from`.
#[inline]
fn utf8(from: usize, bytes: &[u8]) -> Result<&str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|error| Kind::InvalidUtf8.at(from + error.valid_up_to()))
}

/// Refuses a key, which starts at `start`, for its order to the last one of its map.
#[cold]
fn out_of_order(start: usize, order: Ordering) -> DecodeError {
    if order == Ordering::Equal { Kind::DuplicateKey.at(start) } else { Kind::KeyOrder.at(start) }
}

/// The number of bytes of a `uleb` that starts with the first; none if it goes on.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks();
    let end = words
        .iter()
        .zip(0..)
        .find_map(|(word, at)| wire::uleb_len(u64::from_le_bytes(*word)).map(|len| at * 8 + len as usize));
    end.or_else(|| {
        let at = rest.iter().position(|group| group & wire::MORE == 0)?;
        Some(words.len() * 8 + at + 1)
    })
}

/// The payload of an encoding of at most 9 bytes, so of less than 2^60.
fn payload(uleb: &[u8]) -> u64 {
    let fold = |n, group: &u8| n << wire::GROUP_BITS | u64::from(group & !wire::MORE);
    uleb.iter().rev().fold(0, fold) >> wire::TYPE_BITS
}

#[inline]
const fn small(kind: u8, payload: u64) -> i64 {
    let n = payload as i64;
    if kind == wire::NEGATIVE { !n } else { n }
}
