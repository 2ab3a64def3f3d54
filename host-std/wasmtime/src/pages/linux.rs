//! How Linux tells which pages were touched: by a scan where it can, else by its page tables' entries.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use rustix::param::page_size;
use subvm_core::fingerprint::{LEAF_LEN, Touched};

use super::scan::{Region, scan};

/// An entry's bits for a page in memory and for one that was swapped out, or is on its way
/// (`Documentation/admin-guide/mm/pagemap.rst` of Linux). An entry without both was never touched.
const PRESENT_OR_SWAPPED: u64 = 1 << 63 | 1 << 62;
const ENTRY_LEN: usize = size_of::<u64>();
/// Regions that a scan finds at once.
const REGIONS: usize = 256;

/// Finds what was touched of some addresses, which begin and end with a page; a range may be told of twice.
type Find = fn(Range<usize>, &mut See<'_>) -> Option<()>;
/// Is told of addresses that were touched.
type See<'a> = dyn FnMut(Range<usize>) + 'a;

pub(super) fn touched(memory: &[u8]) -> Option<Touched> {
    static READ: OnceLock<bool> = OnceLock::new();
    let addresses = addresses(memory);
    let mut touched = Touched::nothing();
    let mut told = |find: Find| {
        find(whole_pages(&addresses), &mut |page| touched.insert(leaves(page, addresses.clone()))).is_some()
    };
    // A process that was forked has no scan.
    let told =
        (scan_is_true() && told(by_scan)) || (*READ.get_or_init(|| tells_the_truth(by_entries)) && told(by_entries));
    told.then_some(touched)
}

/// The addresses of what was touched of `addresses`, which begin and end with a page, in order; nothing where these are more than `most` pages, or
/// the system does not tell.
pub(crate) fn few(addresses: Range<usize>, most: usize) -> Option<impl Iterator<Item = Range<usize>>> {
    if !scan_is_true() {
        return None;
    }
    let mut regions = [Region::default(); 32];
    let (found, looked) = scan(addresses.clone(), most + 1, &mut regions).ok()?;
    let pages: u64 = regions[..found].iter().map(|region| (region.end - region.start) / page_size() as u64).sum();
    (looked == addresses.end && pages <= most as u64)
        .then(|| regions.into_iter().take(found).map(|region| region.start as usize..region.end as usize))
}

fn scan_is_true() -> bool {
    static TRUE: OnceLock<bool> = OnceLock::new();
    *TRUE.get_or_init(|| tells_the_truth(by_scan))
}

/// Whether `find` sees every page that was written: so many that chance does not.
fn tells_the_truth(find: Find) -> bool {
    let written = std::hint::black_box(vec![1; 4 << 20]);
    let whole = whole_pages(&addresses(&written));
    let mut seen = vec![false; whole.len() / page_size()];
    let found = find(whole.clone(), &mut |range| {
        let pages = range.start.max(whole.start)..range.end.min(whole.end);
        seen.iter_mut()
            .take((pages.end - whole.start) / page_size())
            .skip((pages.start - whole.start) / page_size())
            .for_each(|seen| *seen = true);
    });
    found.is_some() && seen.into_iter().all(|seen| seen)
}

fn by_scan(addresses: Range<usize>, see: &mut See<'_>) -> Option<()> {
    let mut regions = [Region::default(); REGIONS];
    let mut from = addresses.start;
    while from < addresses.end {
        let (found, looked) = scan(from..addresses.end, 0, &mut regions).ok()?;
        regions[..found].iter().for_each(|region| see(region.start as usize..region.end as usize));
        // It always gets on; if it did not, this would not end.
        from = Some(looked).filter(|looked| *looked > from)?;
    }
    Some(())
}

fn by_entries(addresses: Range<usize>, see: &mut See<'_>) -> Option<()> {
    let page_len = page_size();
    let entries = File::open("/proc/self/pagemap").ok()?;
    let pages = addresses.start / page_len..addresses.end / page_len;
    let mut buffer = [0; 8192 * ENTRY_LEN];
    for first in pages.clone().step_by(buffer.len() / ENTRY_LEN) {
        let len = buffer.len().min((pages.end - first) * ENTRY_LEN);
        entries.read_exact_at(&mut buffer[..len], (first * ENTRY_LEN) as u64).ok()?;
        for (page, entry) in (first..).zip(buffer[..len].as_chunks().0) {
            if u64::from_ne_bytes(*entry) & PRESENT_OR_SWAPPED != 0 {
                see(page * page_len..(page + 1) * page_len);
            }
        }
    }
    Some(())
}

fn addresses(memory: &[u8]) -> Range<usize> {
    let addresses = memory.as_ptr_range();
    addresses.start as usize..addresses.end as usize
}

/// The pages that some addresses lie in.
fn whole_pages(addresses: &Range<usize>) -> Range<usize> {
    let page_len = page_size();
    addresses.start / page_len * page_len..addresses.end.next_multiple_of(page_len)
}

/// The leaves of a memory that pages overlap; both are ranges of addresses.
fn leaves(pages: Range<usize>, memory: Range<usize>) -> Range<usize> {
    let start = pages.start.max(memory.start) - memory.start;
    let end = pages.end.min(memory.end) - memory.start;
    start / LEAF_LEN..end.div_ceil(LEAF_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_overlooks_what_was_written_is_not_believed() {
        assert!(tells_the_truth(by_entries), "Linux tells what was touched");
        assert!(!tells_the_truth(|_, _| None));
        assert!(!tells_the_truth(|_, _| Some(())));
        assert!(!tells_the_truth(|addresses, see| {
            let overlooked = addresses.start + 700 * page_size();
            by_entries(addresses, &mut |page| {
                if page.start != overlooked {
                    see(page);
                }
            })
        }));
    }

    /// Every fifth page of a memory of its own, so that a scan finds more regions than it has room for.
    #[test]
    fn a_scan_finds_what_the_entries_tell() {
        if !scan_is_true() {
            return eprintln!("SKIPPED: this kernel has no PAGEMAP_SCAN");
        }
        let mut memory = vec![0_u8; 64 << 20];
        let within = whole_pages(&addresses(&memory));
        memory.iter_mut().step_by(5 * page_size()).take(2 * REGIONS).for_each(|byte| *byte = 1);
        let pages = |find: Find| {
            let mut pages = std::collections::BTreeSet::new();
            find(within.clone(), &mut |range| pages.extend(range.step_by(page_size()))).unwrap();
            pages
        };
        let (scanned, told) = (pages(by_scan), pages(by_entries));
        assert!(told.len() >= 2 * REGIONS);
        assert_eq!(scanned, told);
    }

    #[test]
    fn few_pages_are_told_and_many_are_not() {
        if !scan_is_true() {
            return eprintln!("SKIPPED: this kernel has no PAGEMAP_SCAN");
        }
        let mut memory = vec![0_u8; 64 << 20];
        // Pages that are whole, and no neighbours of what the allocator keeps.
        let page = page_size();
        let within = whole_pages(&addresses(&memory));
        let within = within.start + 16 * page..within.end - 16 * page;
        let offset = within.start - addresses(&memory).start;
        let touch = |memory: &mut Vec<u8>, number: usize| memory[offset + number * 3 * page] = 1;
        (0..5).for_each(|number| touch(&mut memory, number));
        let told = |most| few(within.clone(), most).map(|ranges| ranges.collect::<Vec<_>>());
        let expected: Vec<_> =
            (0..5).map(|number| within.start + number * 3 * page).map(|start| start..start + page).collect();
        if told(5).is_none_or(|told| told != expected) {
            // Where large pages are committed for everything, there is nothing small to tell.
            assert_eq!(told(5), None);
            return eprintln!("SKIPPED: this system commits large pages");
        }
        assert_eq!(told(4), None);
        // More regions than there is room for.
        (0..40).for_each(|number| touch(&mut memory, number));
        assert_eq!(told(64), None);
    }

    #[test]
    fn a_page_belongs_to_every_leaf_that_it_overlaps() {
        const MEMORY: Range<usize> = 0x1_0010..0x1_0010 + 3 * LEAF_LEN;
        assert_eq!(leaves(0x1_0000..0x1_1000, MEMORY), 0..1);
        assert_eq!(leaves(0x2_0000..0x2_1000, MEMORY), 0..2);
        assert_eq!(leaves(0x2_1000..0x2_2000, MEMORY), 1..2);
        assert_eq!(leaves(0x4_0000..0x4_1000, MEMORY), 2..3);
    }
}
