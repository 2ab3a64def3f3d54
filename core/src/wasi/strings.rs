//! Lists of strings as guests get them: one block of bytes, prepared once, and where each string begins in it.

use alloc::vec::Vec;

use crate::Cx;
use crate::costs::calls::copying;
use crate::wasi::mem::{self, Place};
use crate::wasi::{Config, Done, Errno};

/// Strings, each ended by a NUL, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    block: Vec<u8>,
    starts: Vec<u32>,
}

impl Strings {
    /// Adds a string, given in parts. The limits on arguments and environment keep the block far below 4 GiB.
    pub(super) fn push(&mut self, parts: &[&[u8]]) {
        self.starts.push(u32::try_from(self.block.len()).unwrap_or(u32::MAX));
        parts.iter().for_each(|part| self.block.extend_from_slice(part));
        self.block.push(0);
    }

    /// The strings, without their NULs.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let block = self.block.strip_suffix(&[0]).unwrap_or(&self.block);
        block.split(|&byte| byte == 0).take(self.starts.len())
    }

    /// How many, and the bytes that they take.
    #[inline]
    pub(super) fn sizes(&self) -> (u32, u32) {
        let number = |len| u32::try_from(len).unwrap_or(u32::MAX);
        (number(self.starts.len()), number(self.block.len()))
    }
}

/// Writes the pointers, then the block, of the strings that `which` picks.
///
/// # Cost
/// The bytes of both.
pub(super) fn get(cx: &mut Cx<'_>, which: impl Fn(&Config) -> &Strings, pointers: u32, block: u32) -> Done {
    let (count, bytes) = which(&cx.wasi.config).sizes();
    let table = count.checked_mul(4).ok_or(Errno::Overflow)?;
    cx.charge(copying(u64::from(table) + u64::from(bytes)))?;
    let table = mem::aligned(cx.mem, pointers, table, 4)?;
    let range = mem::range(cx.mem, block, bytes)?;
    let strings = which(&cx.wasi.config);
    for (place, start) in mem::bytes_mut(cx.mem, table).chunks_exact_mut(4).zip(&strings.starts) {
        // Inside the block, whose end is no more than the memory's.
        place.copy_from_slice(&block.wrapping_add(*start).to_le_bytes());
    }
    mem::bytes_mut(cx.mem, range).copy_from_slice(&strings.block);
    Ok(())
}

/// Writes how many there are, then the bytes that they take.
#[inline]
pub(super) fn put_sizes(cx: &mut Cx<'_>, (count, bytes): (u32, u32), count_at: u32, bytes_at: u32) -> Done {
    let count_place = Place::u32(cx.mem, count_at)?;
    let bytes_place = Place::u32(cx.mem, bytes_at)?;
    count_place.put(cx.mem, count.to_le_bytes());
    bytes_place.put(cx.mem, bytes.to_le_bytes());
    Ok(())
}
