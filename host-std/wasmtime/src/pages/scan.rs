//! `PAGEMAP_SCAN`: Linux since 6.7 tells in one call which pages of a range are there (`Documentation/admin-guide/mm/pagemap.rst`).

use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::process;
use std::sync::OnceLock;

use rustix::io::Result;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// The pages of this process, and which process that is: one that was forked from it has others.
static PAGEMAP: OnceLock<Option<(File, u32)>> = OnceLock::new();

/// Categories of pages: in memory, and swapped out or on the way.
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;

/// What Linux found: addresses from `start` to `end`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) end: u64,
    categories: u64,
}

/// `struct pm_scan_arg`.
#[derive(Debug)]
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// Finds pages of `addresses`, which begin and end with one, that were ever touched: in order, as many regions as there is room for, and no more
/// than `most` pages where that is not 0. Gives how many regions were found, and up to where it looked. A page may be found again by a scan that
/// goes on from there.
///
/// # Errors
/// Where the system knows no such call, or this is another process than the one that called first.
pub(super) fn scan(addresses: Range<usize>, most: usize, found: &mut [Region]) -> Result<(usize, usize)> {
    let file = PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok().map(|file| (file, process::id())));
    let (file, _) = file.as_ref().filter(|(_, pid)| *pid == process::id()).ok_or(rustix::io::Errno::NOTTY)?;
    let scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start: addresses.start as u64,
        end: addresses.end as u64,
        walk_end: 0,
        vec: found.as_mut_ptr().expose_provenance() as u64,
        vec_len: found.len() as u64,
        max_pages: most as u64,
        category_inverted: 0,
        category_mask: 0,
        category_anyof_mask: PRESENT | SWAPPED,
        return_mask: PRESENT | SWAPPED,
    };
    // SAFETY: the argument is what the call takes (`Scan`); it writes regions to `found`, which is borrowed meanwhile, as many as there is room
    // for, and nothing else: without flags it changes no page.
    let (regions, looked) = unsafe { ioctl(file, scan) }?;
    Ok((regions.min(found.len()), looked))
}

// SAFETY: the opcode is that of `PAGEMAP_SCAN`, whose argument is `struct pm_scan_arg`, read and written.
unsafe impl Ioctl for Scan {
    /// How many regions were found, and up to which address was looked.
    type Output = (usize, usize);

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Self>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        (&raw mut *self).cast()
    }

    unsafe fn output_from_ptr(regions: IoctlOutput, argument: *mut c_void) -> Result<Self::Output> {
        // SAFETY: it is the pointer that `as_ptr` gave, to an argument that is still there.
        let looked = unsafe { (*argument.cast::<Self>()).walk_end };
        Ok((usize::try_from(regions).unwrap_or(0), looked as usize))
    }
}
