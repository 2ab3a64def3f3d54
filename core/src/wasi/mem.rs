//! Checked access to a guest's memory. Checks come first and all of them; what they return is then written without further ado.

use core::ops::Range;

use crate::outcome::Trap;

/// The range `ptr..ptr + len` of `mem`.
///
/// # Errors
/// `memory_out_of_bounds` where it does not lie inside.
#[inline]
pub(crate) fn range(mem: &[u8], ptr: u32, len: u32) -> Result<Range<usize>, Trap> {
    let (start, len) = (ptr as usize, len as usize);
    match start.checked_add(len) {
        Some(end) if end <= mem.len() => Ok(start..end),
        _ => Err(Trap::MemoryOutOfBounds),
    }
}

/// [`range`], of elements that are aligned to `align` bytes, a power of two.
///
/// # Errors
/// `memory_out_of_bounds`, then `heap_misaligned`.
#[inline]
pub(crate) fn aligned(mem: &[u8], ptr: u32, len: u32, align: u32) -> Result<Range<usize>, Trap> {
    let range = range(mem, ptr, len)?;
    if ptr & (align - 1) == 0 { Ok(range) } else { Err(Trap::HeapMisaligned) }
}

/// The bytes of a range that was checked.
#[inline]
pub(crate) fn bytes(mem: &[u8], range: Range<usize>) -> &[u8] {
    mem.get(range).unwrap_or_default()
}

/// The bytes of a range that was checked, to be written.
#[inline]
pub(crate) fn bytes_mut(mem: &mut [u8], range: Range<usize>) -> &mut [u8] {
    mem.get_mut(range).unwrap_or_default()
}

/// A place for `N` bytes that was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<const N: usize>(usize);

impl<const N: usize> Place<N> {
    /// The place at `ptr`, aligned to `align` bytes, a power of two.
    ///
    /// # Errors
    /// `memory_out_of_bounds`, then `heap_misaligned`.
    #[inline]
    pub(crate) fn check(mem: &[u8], ptr: u32, align: u32) -> Result<Self, Trap> {
        const { assert!(N <= 64) };
        Ok(Self(aligned(mem, ptr, N as u32, align)?.start))
    }

    /// Writes there.
    #[inline]
    pub(crate) fn put(self, mem: &mut [u8], bytes: [u8; N]) {
        if let Some(place) = mem.get_mut(self.0..).and_then(<[u8]>::first_chunk_mut) {
            *place = bytes;
        }
    }
}

impl Place<4> {
    /// The place for an aligned u32.
    #[inline]
    pub(crate) fn u32(mem: &[u8], ptr: u32) -> Result<Self, Trap> {
        Self::check(mem, ptr, 4)
    }
}

impl Place<8> {
    /// The place for an aligned u64.
    #[inline]
    pub(crate) fn u64(mem: &[u8], ptr: u32) -> Result<Self, Trap> {
        Self::check(mem, ptr, 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_inside() {
        let mem = [0; 16];
        assert_eq!(range(&mem, 0, 16), Ok(0..16));
        assert_eq!(range(&mem, 16, 0), Ok(16..16));
        assert_eq!(range(&mem, 17, 0), Err(Trap::MemoryOutOfBounds));
        assert_eq!(range(&mem, 1, 16), Err(Trap::MemoryOutOfBounds));
        assert_eq!(range(&mem, u32::MAX, u32::MAX), Err(Trap::MemoryOutOfBounds));
        assert_eq!(range(&mem, 1, u32::MAX), Err(Trap::MemoryOutOfBounds));
        assert_eq!(range(&[], 0, 0), Ok(0..0));
        assert_eq!(range(&[], 0, 1), Err(Trap::MemoryOutOfBounds));
    }

    #[test]
    fn bounds_come_before_alignment() {
        let mem = [0; 16];
        assert_eq!(aligned(&mem, 4, 8, 4), Ok(4..12));
        assert_eq!(aligned(&mem, 4, 8, 8), Err(Trap::HeapMisaligned));
        assert_eq!(aligned(&mem, 1, 0, 4), Err(Trap::HeapMisaligned));
        assert_eq!(aligned(&mem, 13, 8, 8), Err(Trap::MemoryOutOfBounds));
    }
}
