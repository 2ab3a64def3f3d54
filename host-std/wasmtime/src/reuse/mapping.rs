//! A range of address space, of which a part can be used.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr;

use crate::pages;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

/// Bytes of a large page.
pub(super) const LARGE: usize = 2 << 20;

/// Private anonymous memory, page-aligned; inaccessible where it was not opened.
///
/// Offsets and lengths are bytes, multiples of a page's. Nothing here reads or writes what is mapped: who holds a mapping
/// says who does.
#[derive(Debug)]
pub(super) struct Mapping {
    base: *mut c_void,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it, and all changes to it take `&mut self`.
unsafe impl Send for Mapping {}
// SAFETY: what takes `&self` only computes addresses.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `len` bytes, all of them inaccessible.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn reserve(len: usize) -> io::Result<Self> {
        // SAFETY: at an address that the system chooses, this changes no existing mapping.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE) }?;
        Ok(Self { base, len })
    }

    /// Reserves `len` bytes that end `rest` bytes above a multiple of [`LARGE`]: where all of it is open, the last `rest` bytes are no
    /// part of a large page.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn reserve_ending(len: usize, rest: usize) -> io::Result<Self> {
        let whole = Self::reserve(len + LARGE)?;
        let end = whole.base.addr() + whole.len;
        let above = (end - rest) % LARGE;
        let below = LARGE - above;
        let mapping = Self { base: whole.base.wrapping_byte_add(below), len };
        let (base, top) = (whole.base, mapping.at(len).cast());
        // What is left is two mappings less; to unmap them is what dropping the whole would do to all.
        std::mem::forget(whole);
        for (base, len) in [(base, below), (top, above)] {
            if len > 0 {
                // SAFETY: these bytes are of the mapping that was just made, and no part of what is kept.
                unsafe { munmap(base, len) }?;
            }
        }
        Ok(mapping)
    }

    /// The address at `offset`.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.len, "an offset beyond the mapping");
        self.base.cast::<u8>().wrapping_add(offset)
    }

    /// Lets `range` be read and written; what was never opened is zero.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn open(&mut self, range: Range<usize>) -> io::Result<()> {
        self.protect(range, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Takes access to `range` away. Its content stays.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn close(&mut self, range: Range<usize>) -> io::Result<()> {
        self.protect(range, MprotectFlags::empty())
    }

    fn protect(&mut self, range: Range<usize>, flags: MprotectFlags) -> io::Result<()> {
        let (address, len) = self.part(&range);
        // SAFETY: the range lies within this mapping, which nobody else changes; who holds it gives no reference to a part that
        // is about to be closed.
        Ok(unsafe { mprotect(address, len, flags) }?)
    }

    /// Gives the content of `range` back to the system: it is zero from now on.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn zero(&mut self, range: Range<usize>) -> io::Result<()> {
        // Of private anonymous memory Linux zeroes every page of the range (madvise(2), MADV_DONTNEED).
        self.advise(range, Advice::LinuxDontNeed)
    }

    /// Writes zeros to what was touched of `range`, which is open, where that is not much: to all of it where it has up to `small` bytes, else to
    /// up to `touched` bytes of pages that the system says were touched. Tells whether all of it is zero now.
    pub(super) fn clear(&mut self, range: Range<usize>, small: usize, touched: usize) -> bool {
        if range.len() <= small {
            self.write_zeros(range);
            return true;
        }
        let base = self.base.addr();
        let (start, end) = (base + range.start, base + range.end);
        let Some(found) = pages::few(start..end, touched / rustix::param::page_size()) else { return false };
        found.for_each(|found| self.write_zeros(found.start.max(start) - base..found.end.min(end) - base));
        true
    }

    fn write_zeros(&mut self, range: Range<usize>) {
        let (address, len) = self.part(&range);
        // SAFETY: the range lies within this mapping and is open, as the caller says; nobody holds a reference to its content while `self` is
        // borrowed.
        unsafe { address.cast::<u8>().write_bytes(0, len) };
    }

    /// Lets the system take the content of `range` when it needs memory. Until it does, what is there stays, and to write there again is no
    /// fault; then it is zero. Where the system knows no such thing it takes all at once.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn offer(&mut self, range: Range<usize>) -> io::Result<()> {
        self.advise(range.clone(), Advice::LinuxFree).or_else(|_| self.zero(range))
    }

    /// Lets the system commit [`LARGE`] bytes at once where so many are open around what is touched: one fault instead of 512.
    ///
    /// # Errors
    /// What the operating system says, which may know no such pages.
    pub(super) fn large_pages(&mut self) -> io::Result<()> {
        self.advise(0..self.len, Advice::LinuxHugepage)
    }

    fn advise(&mut self, range: Range<usize>, advice: Advice) -> io::Result<()> {
        let (address, len) = self.part(&range);
        // SAFETY: the range lies within this mapping, whose content nobody holds a reference to while `self` is borrowed.
        Ok(unsafe { madvise(address, len, advice) }?)
    }

    fn part(&self, range: &Range<usize>) -> (*mut c_void, usize) {
        assert!(range.start <= range.end && range.end <= self.len, "a range beyond the mapping");
        (self.at(range.start).cast(), range.len())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and its holder is gone.
        let unmapped = unsafe { munmap(self.base, self.len) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 1 << 16;

    #[test]
    fn a_mapping_ends_where_it_was_asked_to() {
        for (len, rest) in [(64 << 20, 3 * PAGE), (PAGE, PAGE), ((1 << 30) + PAGE, 0)] {
            let mut mapping = Mapping::reserve_ending(len, rest).unwrap();
            assert_eq!((mapping.at(len).addr() % LARGE, mapping.len), (rest, len));
            mapping.open(0..len).unwrap();
            let _ = mapping.large_pages();
            // SAFETY: the mapping is this test's own, and open.
            unsafe {
                mapping.at(0).write(7);
                mapping.at(len - 1).write(7);
            }
        }
    }

    #[test]
    fn what_was_zeroed_is_zero_and_what_was_not_stays() {
        let mut mapping = Mapping::reserve(4 * PAGE).unwrap();
        mapping.open(PAGE..3 * PAGE).unwrap();
        let second = mapping.at(2 * PAGE);
        // SAFETY: both pages are open, and only this test knows them.
        unsafe {
            mapping.at(PAGE).write(1);
            second.write(2);
        }
        mapping.zero(0..2 * PAGE).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { (mapping.at(PAGE).read(), second.read()) }, (0, 2));
        mapping.close(PAGE..3 * PAGE).unwrap();
        mapping.zero(0..4 * PAGE).unwrap();
        mapping.open(2 * PAGE..3 * PAGE).unwrap();
        // SAFETY: the page was opened again.
        assert_eq!(unsafe { second.read() }, 0);
    }

    #[test]
    fn what_was_offered_can_be_used_again() {
        let mut mapping = Mapping::reserve(4 * PAGE).unwrap();
        mapping.open(0..4 * PAGE).unwrap();
        let (offered, beside) = (mapping.at(PAGE), mapping.at(3 * PAGE));
        // SAFETY: all pages are open, and only this test knows them.
        unsafe {
            offered.write(1);
            beside.write(2);
        }
        mapping.offer(PAGE..2 * PAGE).unwrap();
        // SAFETY: as above.
        unsafe {
            assert!(matches!(offered.read(), 0 | 1));
            offered.write(3);
            assert_eq!((offered.read(), beside.read()), (3, 2));
        }
    }

    #[test]
    #[should_panic(expected = "beyond the mapping")]
    fn a_range_beyond_the_mapping_is_refused() {
        let mut mapping = Mapping::reserve(PAGE).unwrap();
        let _ = mapping.open(0..2 * PAGE);
    }
}
