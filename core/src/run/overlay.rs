//! The run's own writes to storage, over the state before it, by page of 32 bytes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use crate::consensus::page::{self, BYTES as PAGE};
use crate::consensus::receipt::PageWrite;
use crate::ids::SlotId;

/// The pages that a run has written, ascending by slot, then page.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pages: BTreeMap<(SlotId, u32), [u8; PAGE]>,
}

/// Where one page meets a range of a slot: its number, the bytes of the page, and those of the caller's buffer.
struct Piece {
    page: u32,
    in_page: Range<usize>,
    in_buffer: Range<usize>,
}

/// The pieces of `len` bytes from `index`, which do not reach beyond the slot.
fn pieces(index: u32, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    core::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = u64::from(index) + done as u64;
        let from = (at % PAGE as u64) as usize;
        let count = (PAGE - from).min(len - done);
        let piece =
            Piece { page: (at / PAGE as u64) as u32, in_page: from..from + count, in_buffer: done..done + count };
        done += count;
        Some(piece)
    })
}

impl Overlay {
    /// Lays the written pages over what was read from the state before the run.
    pub(crate) fn read_over(&self, slot: SlotId, index: u32, bytes: &mut [u8]) {
        let Ok(Some(pages)) = page::range(index, bytes.len()) else { return };
        if self.pages.is_empty() {
            return;
        }
        // Most reads are within one page, and looking for one takes half as long as for a range.
        if pages.start() == pages.end() {
            if let Some(content) = self.pages.get(&(slot, *pages.start())) {
                page::place(bytes, index, *pages.start(), content);
            }
            return;
        }
        for ((_, page), content) in self.pages.range((slot, *pages.start())..=(slot, *pages.end())) {
            page::place(bytes, index, *page, content);
        }
    }

    /// How many pages a write of `len` bytes at `index` would write for the first time.
    pub(crate) fn new_pages(&self, slot: SlotId, index: u32, len: usize) -> u64 {
        let Ok(Some(pages)) = page::range(index, len) else { return 0 };
        let (first, last) = (*pages.start(), *pages.end());
        u64::from(last - first) + 1 - self.pages.range((slot, first)..=(slot, last)).count() as u64
    }

    /// The bytes of a range within one page that was written before: to write them there changes and costs nothing else.
    pub(crate) fn written(&mut self, slot: SlotId, index: u32, len: usize) -> Option<&mut [u8]> {
        let piece = pieces(index, len).next().filter(|piece| piece.in_buffer.len() == len)?;
        self.pages.get_mut(&(slot, piece.page))?.get_mut(piece.in_page)
    }

    /// Whether a page was written.
    pub(crate) fn has(&self, slot: SlotId, page: u32) -> bool {
        self.pages.contains_key(&(slot, page))
    }

    /// Writes. `base` gives the page before the run, asked only for pages that are neither written yet nor overwritten whole.
    pub(crate) fn write<E>(
        &mut self,
        slot: SlotId,
        index: u32,
        bytes: &[u8],
        mut base: impl FnMut(u32) -> Result<[u8; PAGE], E>,
    ) -> Result<(), E> {
        // All that can fail comes first, so that a failing write changes nothing.
        let mut edges = [None, None];
        let mut found = 0;
        for piece in pieces(index, bytes.len()).filter(|piece| piece.in_page.len() < PAGE) {
            // Only the first and the last piece can be partial.
            if !self.has(slot, piece.page) {
                edges[found] = Some((piece.page, base(piece.page)?));
                found += 1;
            }
        }
        for (page, content) in edges.into_iter().flatten() {
            self.pages.insert((slot, page), content);
        }
        for piece in pieces(index, bytes.len()) {
            let page = self.pages.entry((slot, piece.page)).or_insert([0; PAGE]);
            page[piece.in_page].copy_from_slice(&bytes[piece.in_buffer]);
        }
        Ok(())
    }

    /// The pages so far, ascending by slot, then page.
    pub(crate) fn pages(&self) -> Vec<PageWrite> {
        self.pages
            .iter()
            .map(|((slot, page), content)| PageWrite { slot: *slot, page: *page, content: *content })
            .collect()
    }

    /// The final pages, ascending by slot, then page.
    pub(crate) fn into_pages(self) -> Vec<PageWrite> {
        self.pages.into_iter().map(|((slot, page), content)| PageWrite { slot, page, content }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const SLOT_1: SlotId = SlotId([1; 32]);

    fn base(_: u32) -> Result<[u8; PAGE], ()> {
        Ok([7; PAGE])
    }

    #[test]
    fn a_write_is_read_back_over_the_base() {
        let mut overlay = Overlay::default();
        assert_eq!(overlay.new_pages(SLOT_1, 30, 40), 3);
        overlay.write(SLOT_1, 30, &[9; 40], base).unwrap();
        assert_eq!(overlay.new_pages(SLOT_1, 30, 40), 0);
        let mut bytes = [1; 100];
        overlay.read_over(SLOT_1, 0, &mut bytes);
        assert_eq!(bytes[..30], [7; 30]);
        assert_eq!(bytes[30..70], [9; 40]);
        assert_eq!(bytes[70..96], [7; 26]);
        assert_eq!(bytes[96..], [1; 4]);
        overlay.read_over(SlotId([2; 32]), 0, &mut bytes);
        assert_eq!(bytes[..30], [7; 30]);
    }

    #[test]
    fn the_last_byte_of_a_slot_can_be_written() {
        let mut overlay = Overlay::default();
        overlay.write(SLOT_1, u32::MAX, &[5], base).unwrap();
        let mut bytes = [0; 3];
        overlay.read_over(SLOT_1, u32::MAX - 2, &mut bytes);
        assert_eq!(bytes, [7, 7, 5]);
    }

    #[test]
    fn a_write_whose_base_fails_changes_nothing() {
        let mut overlay = Overlay::default();
        let failing = |page| if page == 2 { Err(()) } else { Ok([0; PAGE]) };
        assert_eq!(overlay.write(SLOT_1, 30, &[9; 40], failing), Err(()));
        assert_eq!(overlay.into_pages(), vec![]);
    }

    #[test]
    fn an_empty_write_writes_no_page() {
        let mut overlay = Overlay::default();
        overlay.write(SLOT_1, 3, &[], base).unwrap();
        assert_eq!(overlay.new_pages(SLOT_1, 3, 0), 0);
        assert_eq!(overlay.into_pages(), vec![]);
    }

    mod small_scopes {
        use super::*;

        const LEN: usize = 3 * PAGE;

        /// Bytes before the run, all different from what is written.
        fn before(page: u32) -> Result<[u8; PAGE], ()> {
            Ok([100 + page as u8; PAGE])
        }

        /// Every three writes, where each begins and ends at, just before or just after the border of a page, are those of an array.
        #[test]
        fn every_three_writes_are_those_of_an_array() {
            let borders = [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, LEN];
            let ranges: Vec<_> = borders
                .iter()
                .flat_map(|&from| borders.iter().filter(move |&&to| from <= to).map(move |&to| from..to))
                .collect();
            let plain: Vec<u8> = (0..3).flat_map(|page| before(page).unwrap()).collect();
            for number in 0..ranges.len().pow(3) {
                let (mut overlay, mut array, mut written) = (Overlay::default(), plain.clone(), [false; 3]);
                for write in 0..3 {
                    let range = &ranges[number / ranges.len().pow(write) % ranges.len()];
                    let (index, len) = (range.start as u32, range.len());
                    let touched: Vec<usize> = (0..3)
                        .filter(|page| range.start < (page + 1) * PAGE && page * PAGE < range.end && len > 0)
                        .collect();
                    let new = touched.iter().filter(|&&page| !written[page]).count();
                    assert_eq!(overlay.new_pages(SLOT_1, index, len), new as u64, "{number}: {range:?}");
                    let held = overlay.written(SLOT_1, index, len).map(|bytes| bytes.to_vec());
                    let within = touched.len() == 1 && new == 0;
                    assert_eq!(held, within.then(|| array[range.clone()].to_vec()), "{number}: {range:?}");
                    overlay.write(SLOT_1, index, &vec![write as u8; len], before).unwrap();
                    array[range.clone()].fill(write as u8);
                    touched.into_iter().for_each(|page| written[page] = true);
                }
                let mut seen = plain.clone();
                overlay.read_over(SLOT_1, 0, &mut seen);
                assert_eq!(seen, array, "{number}");
                let pages: Vec<_> =
                    overlay.into_pages().into_iter().map(|write| (write.page, write.content.to_vec())).collect();
                let expected: Vec<_> = (0..3)
                    .filter(|&page| written[page])
                    .map(|page| (page as u32, array[page * PAGE..][..PAGE].to_vec()))
                    .collect();
                assert_eq!(pages, expected, "{number}");
            }
        }
    }
}
