//! Where an encoding is written to.

use super::wire;
use alloc::vec::Vec;

/// Takes bytes one after another.
///
/// Short pieces of any length are given as so many bytes that a number of them known to the
/// compiler can be stored, of which `len` count: this is what makes writing them fast.
pub(super) trait Out {
    /// Appends the first `len` bytes of the words, each with its lowest byte first.
    fn put_words<const N: usize>(&mut self, words: [u64; N], len: usize);

    /// Appends the first `len` bytes of `bytes`.
    fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize);

    /// Appends all of `bytes`.
    fn put_all(&mut self, bytes: &[u8]);

    /// Makes the last byte one that ends a `uleb`.
    fn end_uleb(&mut self);

    /// The vector that has, or with this call gets, all that was appended.
    fn vector(&mut self) -> &mut Vec<u8>;
}

impl Out for Vec<u8> {
    #[inline]
    fn put_words<const N: usize>(&mut self, words: [u64; N], len: usize) {
        let end = self.len() + len;
        self.extend_from_slice(words.map(u64::to_le_bytes).as_flattened());
        self.truncate(end);
    }

    #[inline]
    fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        let end = self.len() + len;
        self.extend_from_slice(bytes);
        self.truncate(end);
    }

    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn end_uleb(&mut self) {
        if let Some(last) = self.last_mut() {
            *last &= !wire::MORE;
        }
    }

    #[inline]
    fn vector(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Bytes that a [`Window`] holds: more than a usual message has, and not so many that clearing them counts.
const WINDOW: usize = 512;

/// Bytes of the most words that are put at once.
const WORDS: usize = 40;

/// A vector, and on the stack the bytes that it gets next.
///
/// Appending to a vector goes through its length in memory each time, and asks whether it must grow.
/// Here the number of bytes is in a register and the room is constant, so that writing a small
/// integer is a few instructions; and what fits the window allocates once.
///
/// All methods are inlined: only then is `at` in a register.
pub(super) struct Window<'o> {
    out: &'o mut Vec<u8>,
    /// Below `at`, bytes that follow those of `out`.
    bytes: [u8; WINDOW],
    at: usize,
}

impl<'o> Window<'o> {
    /// What is written to it is in `out` after [`vector`](Out::vector).
    #[inline(always)]
    pub(super) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, bytes: [0; WINDOW], at: 0 }
    }

    /// Room for `N` bytes. At most so many are taken of it, so that `at` is never beyond the window.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> &mut [u8] {
        const { assert!(N <= WINDOW) };
        if self.at > WINDOW - N {
            append(self.out, &self.bytes, self.at, &[]);
            self.at = 0;
        }
        &mut self.bytes[self.at..self.at + N]
    }
}

/// Appends the first `len` of `bytes`, and then `more`.
#[cold]
#[inline(never)]
fn append(out: &mut Vec<u8>, bytes: &[u8; WINDOW], len: usize, more: &[u8]) {
    let bytes = bytes.get(..len).unwrap_or_default();
    out.reserve(bytes.len() + more.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(more);
}

impl Out for Window<'_> {
    #[inline(always)]
    fn put_words<const N: usize>(&mut self, words: [u64; N], len: usize) {
        const { assert!(8 * N <= WORDS) };
        let room = self.room::<WORDS>().as_chunks_mut().0;
        for (bytes, word) in room.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        self.at += len;
    }

    #[inline(always)]
    fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.room::<N>().copy_from_slice(bytes);
        self.at += len;
    }

    #[inline(always)]
    fn put_all(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.at..).and_then(|room| room.get_mut(..bytes.len()));
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.at += bytes.len();
        } else {
            append(self.out, &self.bytes, self.at, bytes);
            self.at = 0;
        }
    }

    #[inline(always)]
    fn end_uleb(&mut self) {
        if let Some(last) = self.bytes.get_mut(..self.at).and_then(<[u8]>::last_mut) {
            *last &= !wire::MORE;
        }
    }

    #[inline(always)]
    fn vector(&mut self) -> &mut Vec<u8> {
        append(self.out, &self.bytes, self.at, &[]);
        self.at = 0;
        self.out
    }
}
