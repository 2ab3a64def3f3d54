//! The run's own writes to storage, over the state before it, by page of 32 bytes.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;
use core::ops::{Range, RangeInclusive};

use crate::consensus::page::{self, BYTES as PAGE};
use crate::consensus::receipt::PageWrite;
use crate::ids::SlotId;
use crate::outcome::InternalError;
use crate::room;

/// The pages that a run has written, ascending by slot, then page.
///
/// They are looked for by 32 neighbours at a time: with each page by itself, a long write took 400 ns a page, and twice the memory.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    groups: BTreeMap<(SlotId, u32), Group>,
    /// How many pages they have.
    pages: usize,
}

/// Which of 32 neighbours were written, and these pages, in their order; behind them is room, for as many again at most.
///
/// What a page without neighbours takes is [charged](crate::costs::STORAGE_PAGE): a vector would take a word more here, and begins with room
/// for four.
#[derive(Debug, Default)]
struct Group {
    written: u32,
    pages: Box<[[u8; PAGE]]>,
}

/// Bits of a page's number that say which of its group it is.
const GROUP_BITS: u32 = 5;

/// The group of a page, and which of it the page is.
const fn place(page: u32) -> (u32, u32) {
    (page >> GROUP_BITS, page & ((1 << GROUP_BITS) - 1))
}

impl Group {
    /// Where the page with this number stands, or belongs.
    const fn rank(&self, number: u32) -> usize {
        let before = self.written & !(u32::MAX << number);
        // Most are the first of their group, and processors that nobody asked for more count bits by a dozen instructions.
        if before == 0 { 0 } else { before.count_ones() as usize }
    }

    const fn has(&self, number: u32) -> bool {
        self.written >> number & 1 == 1
    }

    fn page(&self, number: u32) -> Option<&[u8; PAGE]> {
        if self.has(number) { self.pages.get(self.rank(number)) } else { None }
    }

    /// The page, which is put there if it was not written before.
    fn page_or(&mut self, number: u32, content: [u8; PAGE]) -> Option<&mut [u8; PAGE]> {
        let rank = self.rank(number);
        if !self.has(number) {
            let count = self.count();
            if count == self.pages.len() {
                let mut pages = Vec::from(mem::take(&mut self.pages));
                let more = count.max(1);
                pages.reserve_exact(more);
                pages.resize(count + more, [0; PAGE]);
                self.pages = pages.into_boxed_slice();
            }
            self.pages.copy_within(rank..count, rank + 1);
            *self.pages.get_mut(rank)? = content;
            self.written |= 1 << number;
        }
        self.pages.get_mut(rank)
    }

    /// How many pages it has.
    const fn count(&self) -> usize {
        self.written.count_ones() as usize
    }

    /// The numbers of its pages.
    fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..1 << GROUP_BITS).filter(|number| self.has(*number))
    }

    /// Its pages, as a receipt has them.
    fn writes(&self, (slot, group): (SlotId, u32)) -> impl Iterator<Item = PageWrite> {
        self.numbers().zip(self.pages.iter()).map(move |(number, content)| PageWrite {
            slot,
            page: group << GROUP_BITS | number,
            content: *content,
        })
    }

    /// How many of its pages are in a range of page numbers.
    fn within(&self, group: u32, pages: &RangeInclusive<u32>) -> u64 {
        if self.written == u32::MAX
            && pages.contains(&(group << GROUP_BITS))
            && pages.contains(&(group << GROUP_BITS | 31))
        {
            return 32;
        }
        self.numbers().filter(|number| pages.contains(&(group << GROUP_BITS | number))).count() as u64
    }
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
    /// The groups that have pages of a range of page numbers, and their numbers.
    fn groups(&self, slot: SlotId, pages: &RangeInclusive<u32>) -> impl Iterator<Item = (u32, &Group)> {
        let (first, last) = (place(*pages.start()).0, place(*pages.end()).0);
        self.groups.range((slot, first)..=(slot, last)).map(|((_, number), group)| (*number, group))
    }

    fn page(&self, slot: SlotId, page: u32) -> Option<&[u8; PAGE]> {
        let (group, number) = place(page);
        self.groups.get(&(slot, group))?.page(number)
    }

    /// Lays the written pages over what was read from the state before the run.
    pub(crate) fn read_over(&self, slot: SlotId, index: u32, bytes: &mut [u8]) {
        let Ok(Some(pages)) = page::range(index, bytes.len()) else { return };
        if self.groups.is_empty() {
            return;
        }
        // Most reads are within one page, and looking for one takes half as long as for a range.
        if pages.start() == pages.end() {
            if let Some(content) = self.page(slot, *pages.start()) {
                page::place(bytes, index, *pages.start(), content);
            }
            return;
        }
        for (group, written) in self.groups(slot, &pages) {
            for (number, content) in written.numbers().zip(written.pages.iter()) {
                let page = group << GROUP_BITS | number;
                if pages.contains(&page) {
                    page::place(bytes, index, page, content);
                }
            }
        }
    }

    /// How many pages a write of `len` bytes at `index` would write for the first time.
    pub(crate) fn new_pages(&self, slot: SlotId, index: u32, len: usize) -> u64 {
        let Ok(Some(pages)) = page::range(index, len) else { return 0 };
        let written: u64 = self.groups(slot, &pages).map(|(number, group)| group.within(number, &pages)).sum();
        u64::from(pages.end() - pages.start()) + 1 - written
    }

    /// The bytes of a range within one page that was written before: to write them there changes and costs nothing else.
    pub(crate) fn written(&mut self, slot: SlotId, index: u32, len: usize) -> Option<&mut [u8]> {
        let (page, from) = (index / PAGE as u32, index as usize % PAGE);
        if len == 0 || len > PAGE - from {
            return None;
        }
        let (group, number) = place(page);
        let group = self.groups.get_mut(&(slot, group)).filter(|group| group.has(number))?;
        let rank = group.rank(number);
        group.pages.get_mut(rank)?.get_mut(from..from + len)
    }

    /// How many pages were written.
    pub(crate) const fn len(&self) -> usize {
        self.pages
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
        // Only the first and the last piece can be partial.
        let ends = pieces(index, bytes.len()).take(1).chain(last_piece(index, bytes.len()));
        for piece in ends.filter(|piece| piece.in_page.len() < PAGE) {
            if self.page(slot, piece.page).is_none() {
                edges[found] = Some((piece.page, base(piece.page)?));
                found += 1;
            }
        }
        let mut left = pieces(index, bytes.len()).peekable();
        while let Some(first) = left.peek() {
            let (number, _) = place(first.page);
            let group = self.groups.entry((slot, number)).or_default();
            let before = group.count();
            while let Some(piece) = left.next_if(|piece| place(piece.page).0 == number) {
                let edge = edges.iter().flatten().find(|(page, _)| *page == piece.page);
                let content = edge.map_or([0; PAGE], |(_, content)| *content);
                if let Some(page) = group.page_or(place(piece.page).1, content) {
                    page[piece.in_page].copy_from_slice(&bytes[piece.in_buffer]);
                }
            }
            self.pages += group.count() - before;
        }
        Ok(())
    }

    /// The pages so far, ascending by slot, then page.
    pub(crate) fn pages(&self) -> Vec<PageWrite> {
        let mut pages = Vec::with_capacity(self.len());
        self.groups.iter().for_each(|(place, group)| pages.extend(group.writes(*place)));
        pages
    }

    /// The final pages, ascending by slot, then page. Each group goes as it is listed.
    ///
    /// # Errors
    /// An internal error where there is no room for them.
    pub(crate) fn into_pages(self) -> Result<Vec<PageWrite>, InternalError> {
        let mut pages = room::with(self.len())?;
        self.groups.into_iter().for_each(|(place, group)| pages.extend(group.writes(place)));
        Ok(pages)
    }
}

/// The last piece, where it is not the first.
fn last_piece(index: u32, len: usize) -> Option<Piece> {
    let end = u64::from(index) + len as u64;
    let within = (end.saturating_sub(1) % PAGE as u64) as usize + 1;
    let from = len.checked_sub(within).filter(|from| *from > 0)?;
    let page = ((end - 1) / PAGE as u64) as u32;
    Some(Piece { page, in_page: 0..within, in_buffer: from..len })
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

    /// In any order, and with no more room than for as many again.
    #[test]
    fn neighbours_stand_in_their_order_and_have_little_room() {
        for step in [1, 5, 13, 31] {
            let mut overlay = Overlay::default();
            for count in 1..=32 {
                let page = count * step % 32;
                overlay.write(SLOT_1, page * PAGE as u32, &[page as u8; PAGE], base).unwrap();
                let group = &overlay.groups[&(SLOT_1, 0)];
                assert_eq!((group.count(), overlay.len()), (count as usize, count as usize));
                assert_eq!(group.pages.len(), (count as usize).next_power_of_two());
            }
            let pages: Vec<_> = overlay.pages().iter().map(|write| (write.page, write.content)).collect();
            assert_eq!(pages, (0..32).map(|page| (page, [page as u8; PAGE])).collect::<Vec<_>>());
        }
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
        assert_eq!(overlay.into_pages().unwrap(), vec![]);
    }

    #[test]
    fn an_empty_write_writes_no_page() {
        let mut overlay = Overlay::default();
        overlay.write(SLOT_1, 3, &[], base).unwrap();
        assert_eq!(overlay.new_pages(SLOT_1, 3, 0), 0);
        assert_eq!(overlay.into_pages().unwrap(), vec![]);
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
                    assert_eq!(overlay.len(), written.iter().filter(|written| **written).count(), "{number}");
                }
                let mut seen = plain.clone();
                overlay.read_over(SLOT_1, 0, &mut seen);
                assert_eq!(seen, array, "{number}");
                let pages: Vec<_> = overlay
                    .into_pages()
                    .unwrap()
                    .into_iter()
                    .map(|write| (write.page, write.content.to_vec()))
                    .collect();
                let expected: Vec<_> = (0..3)
                    .filter(|&page| written[page])
                    .map(|page| (page as u32, array[page * PAGE..][..PAGE].to_vec()))
                    .collect();
                assert_eq!(pages, expected, "{number}");
            }
        }
    }
}
