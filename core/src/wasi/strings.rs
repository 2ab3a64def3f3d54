//! Arguments and environment, written to a guest.

use crate::consensus::config::Strings;
use crate::wasi::call::Cx;
use crate::wasi::mem::{self, Place};
use crate::wasi::{Config, Done, Errno};

/// Writes the pointers, then the block, of the strings that `which` picks.
///
/// # Cost
/// The bytes of both.
pub(super) fn get(cx: &mut Cx<'_>, which: impl Fn(&Config) -> &Strings, pointers: u32, block: u32) -> Done {
    let (count, bytes) = which(&cx.wasi.config).sizes();
    let table = count.checked_mul(4).ok_or(Errno::Overflow)?;
    cx.charge_copying(u64::from(table) + u64::from(bytes))?;
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
